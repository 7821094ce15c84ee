// Sets of tokens, hash-consed: equal sets have the same number, and unions are remembered.
#pragma once

#include <unordered_map>

#include "archive.hpp"

namespace gcd {

struct TokenSet {
    View<u32> ids;    // sparse form: token ids, sorted
    View<u32> words;  // dense form: bitmask words; exactly one of the two is used, but for the empty set
};

class TokenSets {
  public:
    static constexpr u32 EMPTY = 0;
    explicit TokenSets(u32 words) : n_words_(words), scratch_(words) { clear(); }
    const TokenSet& set(u32 id) const { return sets_[id].tokens; }
    u32 size() const { return static_cast<u32>(sets_.size()); }
    u64 bytes() const { return bytes_; }
    // The number of a set whose numbers lie elsewhere, and go on lying there.
    u32 intern(const TokenSet& s);
    // The union of some sets and some others that have no number; `numbers` comes back sorted, without duplicates.
    u32 unite(std::vector<u32>& numbers, const std::vector<const TokenSet*>& others = {});
    // Sets the bits of a set.
    void add(u32 id, u32* words) const;
    void clear();

  private:
    struct Set {
        TokenSet tokens;
        std::unique_ptr<u32[]> own;  // behind the view, unless it lies elsewhere
    };
    u32 find(const TokenSet& s, u64 hash) const;
    static u64 hash_of(const TokenSet& s);

    u32 n_words_;
    std::vector<Set> sets_;
    std::unordered_multimap<u64, u32> index_;  // content -> set
    struct Union {
        std::vector<u32> of;
        u32 set;
    };
    std::unordered_multimap<u64, Union> unions_;
    std::vector<u32> scratch_;  // one bitmask, all zero between uses
    u64 bytes_ = 0;
};

}  // namespace gcd
