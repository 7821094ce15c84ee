// Masks: which tokens may come next, memoised.
//
// A mask depends on the reading (parser state, lexer state). Known readings cost one table lookup and a copy. A new
// one is first looked up by what its mask can depend on at all: the lexer state and the parser state's items as a term,
// cut below the lowest return node that the computation of earlier masks at this lexer state looked into (`depths_`:
// how far below the state's own height). Equal masks are stored once.
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
    const u32* mask(const Reading& r) { return data(mask_id(r)); }
    void save(Writer& w);
    void restore(Reader& r);
    u32 words() const { return words_; }
    u32 n_masks() const { return masks_.size(); }
    u64 n_readings() const { return index_.size(); }
    u64 bytes() const { return bytes_; }
    struct Counters {
        std::atomic<u64> hits{0}, depth_hits{0}, misses{0};
    };
    Counters counters;

  private:
    u32 mask_id(const Reading& r) {
        const u32 id = index_.find((static_cast<u64>(r.syntax) << 32 | r.lexer) + 1);
        if (id != NONE) return id;
        return mask_id_slow(r);
    }
    const u32* data(u32 id) const { return masks_[id]; }
    u32 mask_id_slow(const Reading& r);
    u32 known_by_depth(u64 key);
    void collect(u32 syntax, const Row& row, struct MaskScratch& s);

    Compiled& c_;
    Rows& rows_;
    std::vector<u32> eos_;
    u32 words_;
    u64 max_bytes_;
    std::atomic<u64> bytes_{0};
    std::mutex mutex_;
    StableVector<const u32*> masks_;
    std::vector<std::unique_ptr<u32[]>> arena_;  // behind those that do not lie in an artefact
    View<u64> saved_keys_;                       // an artefact's `by_depth_`: keys rise
    View<u32> saved_ids_;
    ReadMostlyMap index_;                            // reading -> mask
    std::unordered_map<u64, u32> by_depth_;          // hash of (lexer state, depth, parser state cut there) -> mask
    std::unordered_map<u32, u32> depths_;            // lexer state -> bit set of depths seen
    std::unordered_multimap<u64, u32> by_content_;
};

}  // namespace gcd
