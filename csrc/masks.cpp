#include "masks.hpp"

#include <algorithm>

namespace gcd {

struct MaskScratch {
    std::vector<u32> words;
    std::vector<std::pair<u32, const Row*>> seen;  // open addressing, a power of two; Row* null: empty
    size_t n_seen = 0;
    u32 read = NONE;  // lowest return node looked into

    bool add(u32 syntax, const Row* row) {
        if (2 * (n_seen + 1) > seen.size()) {
            std::vector<std::pair<u32, const Row*>> old(seen.size() ? 2 * seen.size() : 64);
            old.swap(seen);
            n_seen = 0;
            for (const auto& e : old)
                if (e.second) add(e.first, e.second);
        }
        size_t i = mix(syntax, reinterpret_cast<u64>(row));
        for (;; ++i) {
            auto& e = seen[i & (seen.size() - 1)];
            if (!e.second) {
                e = {syntax, row};
                ++n_seen;
                return true;
            }
            if (e.first == syntax && e.second == row) return false;
        }
    }
};

Masks::Masks(Compiled& c, Rows& rows, std::vector<u32> eos, u64 max_bytes)
    : c_(c), rows_(rows), eos_(std::move(eos)), words_(c.trie().words()), max_bytes_(max_bytes) {}

void Masks::fill(const Readings& readings, u32* out) {
    if (readings.size() == 1) {
        std::memcpy(out, mask(readings[0]), words_ * 4);
        return;
    }
    std::memset(out, 0, words_ * 4);
    for (const Reading& r : readings) {
        const u32* m = mask(r);
        for (u32 i = 0; i < words_; ++i) out[i] |= m[i];
    }
}

void Masks::collect(u32 syntax, const Row& row, MaskScratch& s) {
    const Bits& viable = c_.viable_set(syntax);
    if (!bits_meet(row.symbols, viable) || !s.add(syntax, &row)) return;
    for (const RowGroup& g : row.groups) {
        if (!bits_meet(c_.live_set(g.live_set), viable)) continue;
        if (!g.tokens.words.empty()) {
            for (u32 i = 0; i < words_; ++i) s.words[i] |= g.tokens.words[i];
        } else {
            for (u32 id : g.tokens.ids) s.words[id / 32] |= 1u << (id % 32);
        }
    }
    for (const RowExit& e : row.exits) {
        const u32 p = c_.after(syntax, e.symbol, e.column, &s.read);
        if (p == NONE) continue;
        c_.lexer().each(c_.lexer().start(c_.lex_id(p), e.ctx),
                        [&](u32 begin) { collect(p, rows_.row(e.nodes, begin), s); });
    }
}

u32 Masks::mask_id_slow(const Reading& r) {
    constexpr u32 kMaxDepth = 31;
    const u64 key = (static_cast<u64>(r.syntax) << 32 | r.lexer) + 1;
    // Depth d: return nodes from the state's height down to height - d + 1 were looked into.
    const u32 height = c_.height(r.syntax);
    auto depth_key = [&](u32 d) {
        const u32 cut = d > height ? 0 : height - d + 1;
        return mix(mix(mix(41, r.lexer), d), c_.term_hash(r.syntax, cut));
    };
    u32 depths = 0;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        auto it = depths_.find(r.lexer);
        if (it != depths_.end()) depths = it->second;
    }
    for (u32 d = 0; d <= kMaxDepth; ++d) {
        if (!(depths >> d & 1)) continue;
        const u64 k = depth_key(d);
        std::lock_guard<std::mutex> lock(mutex_);
        auto it = by_depth_.find(k);
        if (it == by_depth_.end()) continue;
        if (index_.find(key) == NONE) index_.insert(key, it->second);
        counters.depth_hits.fetch_add(1, std::memory_order_relaxed);
        return it->second;
    }
    counters.misses.fetch_add(1, std::memory_order_relaxed);
    MaskScratch s;
    s.words.assign(words_, 0);
    if (c_.viable(r)) collect(r.syntax, rows_.row(Rows::kRootNodes, r.lexer), s);
    if (c_.complete(r, &s.read))
        for (u32 t : eos_)
            if (t / 32 < words_) s.words[t / 32] |= 1u << (t % 32);
    u64 h = 43;
    for (u32 i = 0; i < words_; ++i) h = mix(h, s.words[i]);
    const u32 depth = s.read > height ? 0 : height - s.read + 1;
    const u64 dk = depth <= kMaxDepth ? depth_key(depth) : 0;
    std::lock_guard<std::mutex> lock(mutex_);
    u32 id = NONE;
    auto [lo, hi] = by_content_.equal_range(h);
    for (auto it = lo; it != hi && id == NONE; ++it)
        if (std::memcmp(masks_[it->second].get(), s.words.data(), words_ * 4) == 0) id = it->second;
    if (id == NONE) {
        if (bytes_ > max_bytes_) throw CoreError(ErrorKind::limit_bytes, bytes_, "the mask tables outgrew their budget");
        auto copy = std::unique_ptr<u32[]>(new u32[words_]);
        std::memcpy(copy.get(), s.words.data(), words_ * 4);
        id = masks_.push_back(std::move(copy));
        by_content_.emplace(h, id);
        bytes_ += words_ * 4;
    }
    if (index_.find(key) == NONE) index_.insert(key, id);
    if (depth <= kMaxDepth) {
        depths_[r.lexer] |= 1u << depth;
        by_depth_.emplace(dk, id);
    }
    return id;
}

}  // namespace gcd
