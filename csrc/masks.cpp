#include "masks.hpp"

namespace gcd {

Masks::Masks(Parser& parser, Rows& rows, std::vector<u32> eos, u64 max_bytes)
    : c_(parser.compiled()),
      parser_(parser),
      eos_(std::move(eos)),
      words_(c_.trie().words()),
      max_bytes_(max_bytes),
      summaries_(parser, rows),
      scratch_(words_) {}

void Masks::fill(const Readings& readings, u32* out) {
    if (fill_known(readings, out)) return;
    if (readings.empty()) std::memset(out, 0, words_ * 4);
    for (size_t i = 0; i < readings.size(); ++i) put(readings[i], out, i > 0);
    if (readings.size() > 1) remember_union(readings);
}

bool Masks::fill_known(const Readings& readings, u32* out) {
    if (readings.empty()) return false;
    const u32 id = find(readings);
    if (id != NONE) std::memcpy(out, data(id), words_ * 4);
    return id != NONE;
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

// Lookaheads that are still open, or an ambiguous grammar, give a text several readings; the same ones come again.
void Masks::remember_union(const Readings& readings) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (find(readings) != NONE) return;
    std::vector<u32> sets;
    u64 end = 0;
    for (const Reading& r : readings) {
        const u32 id = index_.find(pair_key(r.syntax, r.lexer) + 1);
        if (id == NONE || keys_[id] == FORGOTTEN) return;
        sets.push_back(static_cast<u32>(keys_[id] >> 1));
        end |= keys_[id] & 1;
    }
    const u32 mask = keep(static_cast<u64>(summaries_.sets().unite(sets)) << 1 | end);
    if (mask == NONE) return;
    mask_bytes_ += sizeof(Union) + readings.size() * sizeof(Reading) + 64;
    union_index_.insert(hash_of(readings), unions_.push_back({readings, mask}));
}

void Masks::write(u64 set_and_end, u32* words) {
    summaries_.sets().add(static_cast<u32>(set_and_end >> 1), words);
    for (u32 t : eos_)
        if (set_and_end & 1 && t / 32 < words_) words[t / 32] |= 1u << (t % 32);
}

u32 Masks::keep(u64 set_and_end) {
    auto known = by_set_.find(set_and_end);
    if (known != by_set_.end()) return known->second;
    if (full()) return NONE;
    std::fill(scratch_.begin(), scratch_.end(), 0);
    write(set_and_end, scratch_.data());
    const u64 h = section_checksum(reinterpret_cast<const u8*>(scratch_.data()), words_ * 4);
    u32 id = by_content_.find(h, [&](u32 i) { return !std::memcmp(data(i), scratch_.data(), words_ * 4); });
    if (id == NONE) {
        counters.unions.fetch_add(1, std::memory_order_relaxed);
        std::unique_ptr<u32[]> words(new u32[words_]);
        std::memcpy(words.get(), scratch_.data(), words_ * 4);
        id = masks_.push_back(std::move(words));
        keys_.push_back(set_and_end);
        by_content_.add(h, id);
        mask_bytes_ += words_ * 4 + 128;
    }
    if (keys_[id] == FORGOTTEN) keys_[id] = set_and_end;
    by_set_.emplace(set_and_end, id);
    return id;
}

void Masks::make_room(std::unique_lock<std::mutex>& lock) {
    idle_.wait(lock, [&] { return !forgetting_; });
    if (!full()) return;
    forgetting_ = true;
    idle_.wait(lock, [&] { return working_ == 0; });  // whoever is at a mask needs what it has found
    // Masks themselves stay.
    summaries_.forget_frames();
    if (full()) {
        summaries_.forget_all();
        by_set_.clear();
        keys_.assign(keys_.size(), FORGOTTEN);
    }
    forgetting_ = false;
    idle_.notify_all();
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
    std::unique_lock<std::mutex> lock(mutex_);
    make_room(lock);
    u32 id = index_.find(key);
    if (id != NONE) return id;
    counters.misses.fetch_add(1, std::memory_order_relaxed);
    struct Working {
        Masks& masks;
        explicit Working(Masks& m) : masks(m) { ++masks.working_; }
        ~Working() {  // with the lock held
            if (--masks.working_ == 0) masks.idle_.notify_all();
        }
    } working(*this);
    const u32 set = parser_.viable(r) ? summaries_.tokens_after(r, lock) : TokenSets::EMPTY;
    id = index_.find(key);
    if (id != NONE) return id;  // another thread's
    const bool complete = parser_.complete(r);
    counters.summaries = summaries_.n_worked_out();
    counters.local_sets = summaries_.n_local_sets();
    const u64 set_and_end = static_cast<u64>(set) << 1 | complete;
    id = keep(set_and_end);
    if (id == NONE) {
        if (out && !add) std::memset(out, 0, words_ * 4);
        if (out) write(set_and_end, out);
        return NONE;
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
