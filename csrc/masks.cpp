#include "masks.hpp"

namespace gcd {

Masks::Masks(Compiled& c, Rows& rows, std::vector<u32> eos, u64 max_bytes)
    : c_(c), eos_(std::move(eos)), words_(c.trie().words()), max_bytes_(max_bytes), summaries_(c, rows) {}

void Masks::fill(const Readings& readings, u32* out) {
    if (readings.empty()) std::memset(out, 0, words_ * 4);
    for (size_t i = 0; i < readings.size(); ++i) put(readings[i], out, i > 0);
}

void Masks::put(const Reading& r, u32* out, bool add) {
    const u32 id = mask_id(r, out, add);
    if (id == NONE) return;  // written already
    const u32* m = data(id);
    if (!add) {
        std::memcpy(out, m, words_ * 4);
    } else {
        for (u32 i = 0; i < words_; ++i) out[i] |= m[i];
    }
}

bool Masks::fill_known(const Readings& readings, u32* out) {
    bool first = true;
    for (const Reading& r : readings) {
        const u32 id = index_.find(pair_key(r.syntax, r.lexer) + 1);
        if (id == NONE) return false;
        const u32* m = data(id);
        if (first) {
            std::memcpy(out, m, words_ * 4);
        } else {
            for (u32 i = 0; i < words_; ++i) out[i] |= m[i];
        }
        first = false;
    }
    return !first;
}

u32 Masks::mask_id_slow(const Reading& r, u32* out, bool add) {
    const u64 key = pair_key(r.syntax, r.lexer) + 1;
    const u32 alike = c_.alike(r.lexer);
    if (alike != r.lexer) {
        const u32 same = mask_id({r.syntax, alike}, out, add);
        std::lock_guard<std::mutex> lock(mutex_);
        if (same != NONE && index_.find(key) == NONE) index_.insert(key, same);
        return same;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    u32 id = index_.find(key);
    if (id != NONE) return id;
    counters.misses.fetch_add(1, std::memory_order_relaxed);
    // Full: what texts left behind goes first, then all that can be found again. Masks themselves stay.
    if (mask_bytes_ + summaries_.bytes() > max_bytes_) summaries_.forget_frames();
    if (mask_bytes_ + summaries_.bytes() > max_bytes_) {
        summaries_.forget_all();
        by_set_.clear();
    }
    const u32 set = c_.viable(r) ? summaries_.tokens_after(r) : TokenSets::EMPTY;
    const bool complete = c_.complete(r);
    counters.summaries = summaries_.n_worked_out();
    counters.local_sets = summaries_.n_local_sets();
    auto known = by_set_.find(static_cast<u64>(set) << 1 | complete);
    if (known != by_set_.end()) {
        id = known->second;
    } else {
        counters.unions.fetch_add(1, std::memory_order_relaxed);
        std::unique_ptr<u32[]> words(new u32[words_]());
        summaries_.sets().add(set, words.get());
        for (u32 t : eos_)
            if (complete && t / 32 < words_) words[t / 32] |= 1u << (t % 32);
        if (mask_bytes_ + summaries_.bytes() > max_bytes_) {
            for (u32 i = 0; out && i < words_; ++i) out[i] = words[i] | (add ? out[i] : 0);
            return NONE;
        }
        id = masks_.push_back(std::move(words));
        by_set_.emplace(static_cast<u64>(set) << 1 | complete, id);
        mask_bytes_ += words_ * 4 + 64;
    }
    bytes_ = mask_bytes_ + summaries_.bytes();
    index_.insert(key, id);
    return id;
}

void Masks::save(Writer& w, Writer& tables, Writer& sets) {
    std::lock_guard<std::mutex> lock(mutex_);
    summaries_.save(w, tables, sets);
}

}  // namespace gcd
