// Lists of numbers, each kept once: equal lists have the same id. Ids count from 0; references stay good.
#pragma once

#include <deque>

#include "flat_map.hpp"

namespace gcd {

class InternedLists {
  public:
    u32 intern(std::vector<u32> list) {
        const u64 h = hash_of(list);
        const u32 known = find(list, h);
        if (known != NONE) return known;
        const u32 id = size(), before = index_.find(h);
        lists_.push_back({std::move(list), NONE});
        if (before == NONE) {
            index_.insert(h, id);
        } else {
            lists_[id].next_alike = lists_[before].next_alike;
            lists_[before].next_alike = id;
        }
        return id;
    }
    // NONE: not there.
    u32 find(const std::vector<u32>& list) const { return find(list, hash_of(list)); }
    const std::vector<u32>& operator[](u32 id) const { return lists_[id].items; }
    u32 size() const { return static_cast<u32>(lists_.size()); }

  private:
    struct List {
        std::vector<u32> items;
        u32 next_alike;  // another one of the same hash
    };
    static u64 hash_of(const std::vector<u32>& list) {
        u64 h = 17;
        for (u32 x : list) h = mix(h, x);
        return h;
    }
    u32 find(const std::vector<u32>& list, u64 h) const {
        for (u32 at = index_.find(h); at != NONE; at = lists_[at].next_alike)
            if (lists_[at].items == list) return at;
        return NONE;
    }
    std::deque<List> lists_;
    FlatMap index_;
};

}  // namespace gcd
