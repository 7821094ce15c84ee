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

bool Masks::fill_known(const Readings& readings, u32* out) {
    bool first = true;
    for (const Reading& r : readings) {
        const u32 id = index_.find((static_cast<u64>(r.syntax) << 32 | r.lexer) + 1);
        if (id == NONE) return false;
        if (first) {
            std::memcpy(out, data(id), words_ * 4);
        } else {
            const u32* m = data(id);
            for (u32 i = 0; i < words_; ++i) out[i] |= m[i];
        }
        first = false;
    }
    return !first;
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

u32 Masks::known_by_depth(u64 key) {
    auto it = by_depth_.find(key);
    if (it != by_depth_.end()) return it->second;
    const u64* at = std::lower_bound(saved_keys_.begin(), saved_keys_.end(), key);
    if (at == saved_keys_.end() || *at != key) return NONE;
    const u32 id = saved_ids_[static_cast<size_t>(at - saved_keys_.begin())];
    Reader::check(id < masks_.size(), "a mask's number is out of bounds");
    return id;
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
        const u32 id = known_by_depth(k);
        if (id == NONE) continue;
        if (index_.find(key) == NONE) index_.insert(key, id);
        counters.depth_hits.fetch_add(1, std::memory_order_relaxed);
        return id;
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
        if (std::memcmp(masks_[it->second], s.words.data(), words_ * 4) == 0) id = it->second;
    if (id == NONE) {
        if (bytes_ > max_bytes_) throw CoreError(ErrorKind::limit_bytes, bytes_, "the mask tables outgrew their budget");
        auto copy = std::unique_ptr<u32[]>(new u32[words_]);
        std::memcpy(copy.get(), s.words.data(), words_ * 4);
        arena_.push_back(std::move(copy));
        id = masks_.push_back(arena_.back().get());
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

void Masks::save(Writer& w) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<u32> states, depths;
    std::vector<std::pair<u32, u32>> sorted(depths_.begin(), depths_.end());
    std::sort(sorted.begin(), sorted.end());
    for (auto& [s, d] : sorted) states.push_back(s), depths.push_back(d);
    w.array(states);
    w.array(depths);
    std::vector<std::pair<u64, u32>> all(by_depth_.begin(), by_depth_.end());
    for (size_t i = 0; i < saved_keys_.size(); ++i) all.emplace_back(saved_keys_[i], saved_ids_[i]);
    std::sort(all.begin(), all.end());
    std::vector<u64> keys;
    std::vector<u32> ids;
    for (auto& [k, id] : all) keys.push_back(k), ids.push_back(id);
    w.array(keys);
    w.array(ids);
    std::vector<u32> words;
    words.reserve(static_cast<size_t>(masks_.size()) * words_);
    for (u32 i = 0; i < masks_.size(); ++i) words.insert(words.end(), masks_[i], masks_[i] + words_);
    w.array(words);
}

void Masks::restore(Reader& r) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto check = Reader::check;
    check(masks_.size() == 0, "masks are restored into a fresh engine only");
    const View<u32> states = r.view<u32>(), depths = r.view<u32>();
    saved_keys_ = r.view<u64>();
    saved_ids_ = r.view<u32>();
    const View<u32> words = r.view<u32>();
    r.done();
    check(states.size() == depths.size() && saved_keys_.size() == saved_ids_.size() && words.size() % words_ == 0,
          "mask tables differ in length");
    const u32 width = c_.trie().width;
    for (size_t i = 0; i < words.size(); i += words_) {
        check(width % 32 == 0 || !(words[i + words_ - 1] >> (width % 32)), "a mask names a token out of range");
        masks_.push_back(words.data() + i);
    }
    for (size_t i = 0; i < states.size(); ++i) depths_[states[i]] = depths[i];
}

}  // namespace gcd
