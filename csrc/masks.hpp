// Masks: which tokens may come next, memoised.
//
// A mask depends on the reading (parser state, lexer state). Known readings cost one table lookup and a copy. With an
// artefact, a new one is first looked up by what its mask can depend on at all: the lexer state and the parser state's
// items as a term, cut below the lowest return node that the computation of earlier masks at this lexer state looked
// into (`depths_`: how far below the state's own height). Equal masks are stored once.
//
// A mask that has to be worked out is put together from *parts*: what one item of the parser state (a state of its own,
// SyntaxAutomaton::singles) does with one row. Parts are known by the same kind of key, and point to the rows' token
// sets and to further parts, so a new reading mostly meets parts that are there already.
#pragma once

#include "rows.hpp"

namespace gcd {

class Masks {
  public:
    Masks(Compiled& compiled, Rows& rows, std::vector<u32> eos, u64 max_bytes);
    // Writes words() words: bit t set <=> token t may come next (end-of-sequence ids included when complete).
    void fill(const Readings& readings, u32* out);
    // Copies the mask if it is known for all readings, without working anything out; says whether it was.
    bool fill_known(const Readings& readings, u32* out);
    void remember(const Reading& r) { (void)mask_id(r); }
    void save(Writer& w, Writer& words);
    // Masks saved by `save` are used where they lie, each checked (it has a checksum) when it is first asked for:
    // loading doesn't read their section.
    void restore(Reader& r, Reader& words);
    u32 words() const { return words_; }
    u32 n_masks() const { return masks_.size(); }
    u64 n_readings() const { return index_.size(); }
    u64 bytes() const { return bytes_; }
    struct Counters {
        std::atomic<u64> depth_hits{0}, misses{0}, visits{0};  // visits: parts worked out
    };
    Counters counters;

  private:
    // Copies a reading's mask to `out`, or adds it to what is there.
    void put(const Reading& r, u32* out, bool add);
    u32 mask_id(const Reading& r, u32* out = nullptr, bool add = false) {
        const u32 id = index_.find((static_cast<u64>(r.syntax) << 32 | r.lexer) + 1);
        if (id != NONE) return id;
        return mask_id_slow(r, out, add);
    }
    const u32* data(u32 id) const { return masks_[id]; }
    // NONE: the tables are full; the mask went to `out` (if given) and is not kept.
    u32 mask_id_slow(const Reading& r, u32* out, bool add);
    void drop_parts();
    u32 known_by_depth(u64 key);
    struct Part {
        std::vector<const TokenSet*> sets;
        std::vector<u32> parts;
        u32 depth = 0;  // as in `depths_`
    };
    u32 part(u32 single, u32 row);  // NONE: it allows nothing
    u32 reads_of(u32 part, u32 single) const;
    void add_up(u32 part, std::vector<u32>& words);

    Compiled& c_;
    Rows& rows_;
    std::vector<u32> eos_;
    u32 words_;
    u64 max_bytes_;
    std::atomic<u64> bytes_{0};
    std::mutex mutex_;  // held by whoever works a mask out
    StableVector<const u32*> masks_;
    std::vector<std::unique_ptr<u32[]>> arena_;  // behind those that do not lie in an artefact
    View<u64> saved_keys_;                       // an artefact's `by_depth_`: keys rise
    View<u32> saved_ids_;
    View<u64> saved_sums_;                   // of the first masks, those of an artefact
    std::vector<bool> verified_;             // likewise
    ReadMostlyMap index_;                    // reading -> mask
    std::unordered_map<u64, u32> by_depth_;  // hash of (lexer state, depth, parser state cut there) -> mask
    std::unordered_map<u32, u32> depths_;    // lexer state -> bit set of depths seen
    std::unordered_multimap<u64, u32> by_content_;
    std::vector<std::unique_ptr<Part>> parts_;
    std::unordered_map<u64, u32> part_index_;     // (single, row) -> part
    std::unordered_map<u64, u32> part_by_depth_;  // hash of (row, depth, parser state cut there) -> part
    std::unordered_map<u32, u32> part_depths_;    // row -> bit set of depths seen
    std::vector<u32> part_stamp_;                 // part -> the last mask it was added to
    std::vector<const TokenSet*> dense_;          // dense sets of the mask being added up
    u32 stamp_ = 0;
    u32 nested_ = 0;  // parts being worked out
    u64 part_bytes_ = 0;
    std::vector<u32> scratch_;
};

}  // namespace gcd
