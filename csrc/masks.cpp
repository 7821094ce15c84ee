#include "masks.hpp"

#include <algorithm>

namespace gcd {

namespace {
constexpr u32 kMaxDepth = 31;
// Depth d: return nodes from the state's height down to height - d + 1 were looked into.
u32 depth_of(u32 read, u32 height) {
    return read > height ? 0 : height - read + 1;
}
u32 cut_at(u32 depth, u32 height) {
    return depth > height ? 0 : height - depth + 1;
}
}  // namespace

Masks::Masks(Compiled& c, Rows& rows, std::vector<u32> eos, u64 max_bytes)
    : c_(c), rows_(rows), eos_(std::move(eos)), words_(c.trie().words()), max_bytes_(max_bytes) {}

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

// Parts only save time; when the tables are full they go first.
void Masks::drop_parts() {
    parts_.clear();
    part_stamp_.clear();
    part_index_.clear();
    part_by_depth_.clear();
    part_depths_.clear();
    bytes_ -= part_bytes_;
    part_bytes_ = 0;
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

u32 Masks::reads_of(u32 part, u32 single) const {
    const u32 d = parts_[part]->depth, h = c_.single_height(single);
    return d == 0 ? NONE : cut_at(d, h);
}

u32 Masks::part(u32 single, u32 row_id) {
    const Row& row = rows_.row(row_id);
    const Bits& viable = c_.single_viable(single);
    if (!bits_meet(row.symbols, viable)) return NONE;
    const u64 key = static_cast<u64>(single) << 32 | row_id;
    auto known = part_index_.find(key);
    if (known != part_index_.end()) return known->second;
    const u32 height = c_.single_height(single);
    auto depth_key = [&](u32 d) { return mix(mix(mix(59, row_id), d), c_.single_hash(single, cut_at(d, height))); };
    auto depths = part_depths_.find(row_id);
    if (depths != part_depths_.end())
        for (u32 d = 0; d <= kMaxDepth; ++d) {
            if (!(depths->second >> d & 1)) continue;
            auto it = part_by_depth_.find(depth_key(d));
            if (it == part_by_depth_.end()) continue;
            part_index_.emplace(key, it->second);
            return it->second;
        }
    counters.visits.fetch_add(1, std::memory_order_relaxed);
    // Each exit lies deeper in the trie, but for the first (the lexeme may end where the token begins). Only the rows
    // of a damaged artefact go on for longer.
    struct Nested {
        u32& n;
        explicit Nested(u32& count) : n(count) { ++n; }
        ~Nested() { --n; }
    } nested(nested_);
    Reader::check(nested_ <= c_.trie().max_token_bytes + 2, "rows lead in circles");
    auto p = std::make_unique<Part>();
    u32 read = NONE;
    for (const RowGroup& g : row.groups)
        if (bits_meet(c_.live_set(g.live_set), viable)) p->sets.push_back(&g.tokens);
    std::vector<u32> singles, sub_rows;
    for (const RowExit& e : row.exits) {
        c_.after_single(single, e.symbol, e.column, read, singles);
        if (singles.empty()) continue;
        // Where the next lexeme begins: the same for all singles, unless every terminal is lexed on its own.
        u32 begins_of = NONE;
        sub_rows.clear();
        for (u32 s : singles) {
            const u32 lex_id = c_.single_lex_id(s);
            if (lex_id != begins_of) {
                begins_of = lex_id;
                sub_rows.clear();
                c_.lexer().each(c_.lexer().start(lex_id, e.ctx), [&](u32 begin) {
                    const u32 id = rows_.row_id(e.nodes, begin);
                    if (!bits_none(rows_.row(id).symbols)) sub_rows.push_back(id);
                });
            }
            const Bits& wanted = c_.single_viable(s);
            for (u32 sub : sub_rows) {
                if (!bits_meet(rows_.row(sub).symbols, wanted)) continue;
                const u32 child = part(s, sub);
                if (child == NONE) continue;
                read = std::min(read, reads_of(child, s));
                p->parts.push_back(child);
            }
        }
    }
    std::sort(p->parts.begin(), p->parts.end());
    p->parts.erase(std::unique(p->parts.begin(), p->parts.end()), p->parts.end());
    p->depth = depth_of(read, height);
    const u64 size = sizeof(Part) + p->sets.size() * 8 + p->parts.size() * 4 + 128;
    bytes_ += size;
    part_bytes_ += size;
    const u32 id = static_cast<u32>(parts_.size());
    const u32 depth = p->depth;
    parts_.push_back(std::move(p));
    part_stamp_.push_back(0);
    part_index_.emplace(key, id);
    if (depth <= kMaxDepth) {
        part_depths_[row_id] |= 1u << depth;
        part_by_depth_.emplace(depth_key(depth), id);
    }
    return id;
}

void Masks::add_up(u32 id, std::vector<u32>& words) {
    std::vector<u32> stack{id};
    while (!stack.empty()) {
        const u32 x = stack.back();
        stack.pop_back();
        if (part_stamp_[x] == stamp_) continue;
        part_stamp_[x] = stamp_;
        const Part& p = *parts_[x];
        for (const TokenSet* set : p.sets) {
            if (set->words.empty()) {
                for (u32 t : set->ids) words[t / 32] |= 1u << (t % 32);
            } else if (std::find(dense_.begin(), dense_.end(), set) == dense_.end()) {
                dense_.push_back(set);
                const u32* w = set->words.data();
                for (u32 i = 0; i < words_; ++i) words[i] |= w[i];
            }
        }
        stack.insert(stack.end(), p.parts.begin(), p.parts.end());
    }
}

u32 Masks::known_by_depth(u64 key) {
    auto it = by_depth_.find(key);
    if (it != by_depth_.end()) return it->second;
    const u64* at = std::lower_bound(saved_keys_.begin(), saved_keys_.end(), key);
    if (at == saved_keys_.end() || *at != key) return NONE;
    const u32 id = saved_ids_[static_cast<size_t>(at - saved_keys_.begin())];
    Reader::check(id < verified_.size(), "a mask's number is out of bounds");
    if (!verified_[id]) {
        const u32* m = masks_[id];
        const u32 width = c_.trie().width;
        Reader::check(section_checksum(reinterpret_cast<const u8*>(m), words_ * 4) == saved_sums_[id],
                      "a mask is damaged");
        Reader::check(width % 32 == 0 || !(m[words_ - 1] >> (width % 32)), "a mask names a token out of range");
        verified_[id] = true;
    }
    return id;
}

u32 Masks::mask_id_slow(const Reading& r, u32* out, bool add) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 key = (static_cast<u64>(r.syntax) << 32 | r.lexer) + 1;
    u32 id = index_.find(key);
    if (id != NONE) return id;
    const u32 height = c_.height(r.syntax);
    auto depth_key = [&](u32 d) { return mix(mix(mix(41, r.lexer), d), c_.term_hash(r.syntax, cut_at(d, height))); };
    // Worth it only where an artefact brought masks along: what this process worked out itself it has as parts.
    auto depths = saved_keys_.empty() ? depths_.end() : depths_.find(r.lexer);
    if (depths != depths_.end())
        for (u32 d = 0; d <= kMaxDepth; ++d) {
            if (!(depths->second >> d & 1)) continue;
            id = known_by_depth(depth_key(d));
            if (id == NONE) continue;
            index_.insert(key, id);
            counters.depth_hits.fetch_add(1, std::memory_order_relaxed);
            return id;
        }
    counters.misses.fetch_add(1, std::memory_order_relaxed);
    if (bytes_ > max_bytes_) drop_parts();
    scratch_.assign(words_, 0);
    u32 read = NONE;
    ++stamp_;
    dense_.clear();
    if (c_.viable(r)) {
        const u32 row = rows_.row_id(Rows::kRootNodes, r.lexer);
        std::vector<u32> singles;
        c_.singles(r.syntax, singles);
        for (u32 s : singles) {
            const u32 p = part(s, row);
            if (p == NONE) continue;
            read = std::min(read, reads_of(p, s));
            add_up(p, scratch_);
        }
    }
    if (c_.complete(r, &read))
        for (u32 t : eos_)
            if (t / 32 < words_) scratch_[t / 32] |= 1u << (t % 32);
    const u64 h = section_checksum(reinterpret_cast<const u8*>(scratch_.data()), words_ * 4);
    auto [lo, hi] = by_content_.equal_range(h);
    for (auto it = lo; it != hi && id == NONE; ++it)
        if (std::memcmp(masks_[it->second], scratch_.data(), words_ * 4) == 0) id = it->second;
    if (id == NONE) {
        if (bytes_ > max_bytes_) {
            for (u32 i = 0; out && i < words_; ++i) out[i] = scratch_[i] | (add ? out[i] : 0);
            return NONE;
        }
        arena_.push_back(std::unique_ptr<u32[]>(new u32[words_]));
        std::memcpy(arena_.back().get(), scratch_.data(), words_ * 4);
        id = masks_.push_back(arena_.back().get());
        by_content_.emplace(h, id);
        bytes_ += words_ * 4;
    }
    index_.insert(key, id);
    const u32 depth = depth_of(read, height);
    if (depth <= kMaxDepth) {
        depths_[r.lexer] |= 1u << depth;
        by_depth_.emplace(depth_key(depth), id);
    }
    return id;
}

void Masks::save(Writer& w, Writer& words) {
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
    std::vector<u64> sums(saved_sums_.begin(), saved_sums_.end());
    for (u32 i = 0; i < masks_.size(); ++i) {
        if (i >= sums.size()) sums.push_back(section_checksum(reinterpret_cast<const u8*>(masks_[i]), words_ * 4));
        words.raw(masks_[i], words_ * 4);
    }
    w.array(sums);
}

void Masks::restore(Reader& r, Reader& word_section) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto check = Reader::check;
    check(masks_.size() == 0, "masks are restored into a fresh engine only");
    const View<u32> states = r.view<u32>(), depths = r.view<u32>();
    saved_keys_ = r.view<u64>();
    saved_ids_ = r.view<u32>();
    saved_sums_ = r.view<u64>();
    r.done();
    const View<u32> words = word_section.rest<u32>();
    check(states.size() == depths.size() && saved_keys_.size() == saved_ids_.size() &&
              words.size() == static_cast<u64>(saved_sums_.size()) * words_,
          "mask tables differ in length");
    for (size_t i = 0; i < words.size(); i += words_) masks_.push_back(words.data() + i);
    verified_.resize(saved_sums_.size());
    for (size_t i = 0; i < states.size(); ++i) depths_[states[i]] = depths[i];
}

}  // namespace gcd
