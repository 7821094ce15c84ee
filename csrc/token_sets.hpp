// Sets of tokens, hash-consed: equal sets have the same number, and unions are remembered.
#pragma once

#include "hash_index.hpp"

namespace gcd {

struct TokenSet {
    View<u32> ids;    // sparse form: token ids, sorted
    View<u32> words;  // dense form: bitmask words; exactly one of the two is used, but for the empty set
};

class TokenSets {
  public:
    static constexpr u32 EMPTY = 0;
    explicit TokenSets(u32 words) : n_words_(words), scratch_(words) { clear(); }
    const TokenSet& set(u32 id) {
        if (!sets_[id].known) load(id);
        return sets_[id].tokens;
    }
    u32 size() const { return static_cast<u32>(sets_.size()); }
    u64 bytes() const { return bytes_; }
    // The number of a set whose numbers lie elsewhere, and go on lying there.
    u32 intern(const TokenSet& s);
    // The union of some sets and some others that have no number (these stay where they are until `clear`); `numbers`
    // comes back sorted, without duplicates.
    u32 unite(std::vector<u32>& numbers, const std::vector<const TokenSet*>& others = {});
    // Sets the bits of a set.
    void add(u32 id, u32* words);
    // Forgets the sets made by this process.
    void clear();
    // Sets keep their numbers. One from an artefact is used where it lies, and checked (it has a checksum) when it is
    // first asked for: loading doesn't read their section.
    void save(Writer& w, Writer& contents);
    void restore(Reader& r, Reader& contents, u32 width);

  private:
    struct Set {
        TokenSet tokens;
        std::unique_ptr<u32[]> own;  // behind the view, unless it lies elsewhere
        bool known = true;           // false: in an artefact, not yet looked at
    };
    u32 find(const TokenSet& s, u64 hash);
    void load(u32 id);
    static u64 hash_of(const TokenSet& s);

    u32 n_words_;
    std::vector<Set> sets_;
    HashIndex index_;  // content -> set
    struct Saved {
        View<u32> contents;
        View<u64> at, size, sums;  // the top bits of a size: see `load`
        u32 width = 0;
    } saved_;
    struct Union {
        size_t begin, size;  // in `inputs_`: numbers, and addresses of sets without one
        u32 set;
    };
    std::vector<Union> unions_;
    HashIndex union_index_;
    std::vector<u64> inputs_, wanted_;
    std::vector<u32> scratch_;  // one bitmask, all zero between uses
    u64 bytes_ = 0;
};

}  // namespace gcd
