// Sets of tokens, hash-consed, and unions are remembered.
//
// Sets with many tokens are the rule where words go on, they differ little, and few of them are ever asked for: most
// are on the way to a mask. So the union of such a set with others isn't worked out, it is a list of its *parts*: sets
// of many tokens (from a row, mostly), and one set of few. Equal lists have the same number; that two lists hold the
// same tokens is found out by whoever writes them out (Masks).
#pragma once

#include "hash_index.hpp"
#include "id_collector.hpp"

namespace gcd {

struct TokenSet {
    View<u32> ids;    // sparse form: token ids, sorted
    View<u32> words;  // dense form: bitmask words
    View<u32> parts;  // numbers of other sets, without parts; exactly one of the three is used, but for the empty set
};

class TokenSets {
  public:
    static constexpr u32 EMPTY = 0;
    explicit TokenSets(u32 words) : n_words_(words), collector_(words) { clear(); }
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
    static constexpr size_t kFew = 256;
    static bool few(const TokenSet& s) { return s.words.empty() && s.ids.size() <= kFew; }
    u32 find(const TokenSet& s, u64 hash);
    void load(u32 id);
    u32 keep(Set made, u64 hash);
    u32 intern_parts();
    u32 intern_union(const std::vector<View<u32>>& sets);
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
    std::unordered_map<const TokenSet*, u32> number_of_;  // of sets that lie elsewhere
    // Scratch.
    std::vector<u32> parts_;
    std::vector<View<u32>> sparse_;
    IdCollector collector_;
    u64 bytes_ = 0;
};

}  // namespace gcd
