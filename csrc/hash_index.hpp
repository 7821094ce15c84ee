// From hashes of contents to numbers: what this process added, and what an artefact brought, used where it lies.
#pragma once

#include <algorithm>
#include <unordered_map>

#include "archive.hpp"
#include "flat_map.hpp"

namespace gcd {

class HashIndex {
  public:
    // The first number with this hash for which `same` says yes; NONE if there is none.
    template <class Same>
    u32 find(u64 hash, Same&& same) const {
        const u32 added = added_.find(hash);
        if (added != NONE && same(added)) return added;
        if (!collisions_.empty()) {
            auto [lo, hi] = collisions_.equal_range(hash);
            for (auto it = lo; it != hi; ++it)
                if (same(it->second)) return it->second;
        }
        const u64* at = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
        for (; at != hashes_.end() && *at == hash; ++at) {
            const u32 id = ids_[static_cast<size_t>(at - hashes_.begin())];
            if (id < n_saved_ && same(id)) return id;
        }
        return NONE;
    }
    void add(u64 hash, u32 id) {
        if (added_.find(hash) == NONE)
            added_.insert(hash, id);
        else
            collisions_.emplace(hash, id);
    }
    void clear() {  // what this process added
        added_.clear();
        collisions_.clear();
    }
    // The hashes of all numbers, in their order.
    static void save(Writer& w, const std::vector<u64>& hash_of) {
        std::vector<std::pair<u64, u32>> all;
        for (size_t i = 0; i < hash_of.size(); ++i) all.emplace_back(hash_of[i], static_cast<u32>(i));
        std::sort(all.begin(), all.end());
        std::vector<u64> hashes;
        std::vector<u32> ids;
        for (auto& [h, id] : all) hashes.push_back(h), ids.push_back(id);
        w.array(hashes);
        w.array(ids);
    }
    void restore(Reader& r, size_t n) {
        hashes_ = r.view<u64>();
        ids_ = r.view<u32>();
        Reader::check(hashes_.size() == n && ids_.size() == n, "an index differs in length");
        n_saved_ = static_cast<u32>(n);
    }

  private:
    FlatMap added_;
    std::unordered_multimap<u64, u32> collisions_;  // those whose hash another one has
    View<u64> hashes_;                              // rising
    View<u32> ids_;
    u32 n_saved_ = 0;
};

}  // namespace gcd
