// Masks: which tokens may come next, memoised.
//
// A mask depends on the reading (parser state, lexer state). Known readings cost one table lookup and a copy. Those of
// a new reading are a union of token sets out of the summaries of its local sets (summaries.hpp); mostly that union is
// known, and then so is the mask. Equal masks are stored once.
#pragma once

#include <condition_variable>

#include "summaries.hpp"

namespace gcd {

class Masks {
  public:
    Masks(Parser& parser, Rows& rows, std::vector<u32> eos, u64 max_bytes);
    // Writes words() words: bit t set <=> token t may come next (end-of-sequence ids included when complete).
    void fill(const Readings& readings, u32* out);
    // Copies the mask if it is known for all readings, without working anything out; says whether it was.
    bool fill_known(const Readings& readings, u32* out);
    // Whether a token is in the mask, if that is known: 1 or 0; -1 where it isn't.
    int known_bit(const Readings& readings, u32 token) const {
        for (const Reading& r : readings) {
            const u32 id = index_.find(pair_key(r.syntax, r.lexer) + 1);
            if (id == NONE) return -1;
            if (data(id)[token / 32] >> (token % 32) & 1) return 1;
        }
        return 0;
    }
    // Equal for readings whose parser states have the same local sets.
    u64 shape(const Reading& r) {
        std::lock_guard<std::mutex> lock(mutex_);
        return summaries_.shape(r.syntax);
    }
    void remember(const Reading& r) { (void)mask_id(r); }
    void save(Writer& w, Writer& tables, Writer& sets);  // its summaries
    void restore(Reader& r, Reader& tables, Reader& sets) { summaries_.restore(r, tables, sets); }
    u32 words() const { return words_; }
    u32 n_masks() const { return masks_.size(); }
    u64 n_readings() const { return index_.size(); }
    u64 bytes() const { return bytes_; }
    struct Counters {
        // misses: readings met for the first time; unions: masks put together; summaries: those worked out.
        std::atomic<u64> misses{0}, unions{0}, summaries{0}, local_sets{0};
    };
    Counters counters;

  private:
    // Copies a reading's mask to `out`, or adds it to what is there.
    void put(const Reading& r, u32* out, bool add);
    u32 mask_id(const Reading& r, u32* out = nullptr, bool add = false) {
        const u32 id = index_.find(pair_key(r.syntax, r.lexer) + 1);
        return id != NONE ? id : mask_id_slow(r, out, add);
    }
    // The mask of all these readings together, if it is known; else NONE.
    u32 find(const Readings& readings) const {
        if (readings.size() == 1) return index_.find(pair_key(readings[0].syntax, readings[0].lexer) + 1);
        const u32 u = union_index_.find_if(hash_of(readings), [&](u32 i) { return unions_[i].readings == readings; });
        return u == NONE ? NONE : unions_[u].mask;
    }
    static u64 hash_of(const Readings& readings) {
        u64 h = 109;
        for (const Reading& r : readings) h = mix(h, pair_key(r.syntax, r.lexer));
        return h;
    }
    void remember_union(const Readings& readings);
    // The mask of a token set, times two, plus one if the text may end: kept (NONE: the tables are full), or written.
    u32 keep(u64 set_and_end);
    void write(u64 set_and_end, u32* words);
    const u32* data(u32 id) const { return masks_[id].get(); }
    // NONE: the tables are full; the mask went to `out` (if given) and is not kept.
    u32 mask_id_slow(const Reading& r, u32* out, bool add);

    Compiled& c_;
    Parser& parser_;
    std::vector<u32> eos_;
    u32 words_;
    u64 max_bytes_;
    std::atomic<u64> bytes_{0};
    std::mutex mutex_;  // held by whoever works a mask out, but for the rows (Summaries::tokens_after)
    u32 working_ = 0;   // threads that are at one
    bool forgetting_ = false;
    std::condition_variable idle_;
    // Forgets what texts left behind, then all that can be found again, if the tables are full.
    void make_room(std::unique_lock<std::mutex>& lock);
    bool full() const { return mask_bytes_ + summaries_.bytes() > max_bytes_; }
    Summaries summaries_;
    u64 mask_bytes_ = 0;
    StableVector<std::unique_ptr<u32[]>> masks_;
    static constexpr u64 FORGOTTEN = ~0ull;
    std::vector<u64> keys_;  // mask -> its key in `by_set_`, FORGOTTEN once that has been emptied
    struct Union {
        Readings readings;
        u32 mask;
    };
    StableVector<Union> unions_;  // of several readings
    ReadMostlyMap union_index_;
    ReadMostlyMap index_;                  // reading -> mask
    std::unordered_map<u64, u32> by_set_;  // token set, end of text -> mask
    HashIndex by_content_;
    std::vector<u32> scratch_;
};

}  // namespace gcd
