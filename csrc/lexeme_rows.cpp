#include "lexeme_rows.hpp"

#include <algorithm>

namespace gcd {

u32 SuffixForest::merge(std::vector<u32> bases) {
    std::sort(bases.begin(), bases.end());
    bases.erase(std::unique(bases.begin(), bases.end()), bases.end());
    if (bases.size() == 1) return bases[0];
    const auto it = index_.find(bases);
    if (it != index_.end()) return it->second;
    const u32 id = n_base_ + static_cast<u32>(suffixes_.size());
    auto s = std::make_unique<Suffix>();
    s->bases = bases;
    suffixes_.push_back(std::move(s));
    index_.emplace(std::move(bases), id);
    return id;
}

void SuffixForest::expand(u32 suffix) {
    if (suffixes_[suffix]->expanded) return;
    std::map<u8, std::vector<u32>> by_byte;
    for (u32 b : suffixes_[suffix]->bases)
        for (u32 c = b + 1; c < trie_.end[b]; c = trie_.end[c]) by_byte[trie_.byte[c]].push_back(c);
    std::vector<std::pair<u8, u32>> children;
    for (auto& [byte, list] : by_byte) children.emplace_back(byte, merge(std::move(list)));
    suffixes_[suffix]->children = std::move(children);
    suffixes_[suffix]->expanded = true;
}

LexemeStore::LexemeStore(std::shared_ptr<const TokenTrie> trie, u32 max_size)
    : store(max_size), numbers(max_size), forest(*trie), trie_(std::move(trie)), scratch_(trie_->words(), 0) {}

struct LexemeStore::Walk {
    std::map<u64, std::vector<u32>> exits;
};

namespace {
inline void set_bit(std::vector<u32>& words, u32 token) { words[token / 32] |= 1u << (token % 32); }
}  // namespace

// One expression. Where it loops over all that lies below a node, the subtree is taken without walking it.
void LexemeStore::walk_string(Walk& w, u32 state, const StringDecoder& decoder, u32 node) {
    const TokenTrie& trie = *trie_;
    const Derivatives::Loops* loops = decoder.plain() ? &store.loops(state) : nullptr;
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0, next = state;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        if (r == StringDecoder::kQuote) {
            if (store.accepts(state)) forest.each_base(child, [&](u32 b) { w.exits[0].push_back(b); });
            return;
        }
        if (r == StringDecoder::kCharacter) {
            next = store.step(state, c);
            if (next == state) {
                if (loops && forest.is_base(child)) {
                    const u32 id = trie.summary_id[child];
                    bool all = id == NONE;
                    if (!all) {
                        const SubtreeSummary& s = trie.summaries[id];
                        all = !(s.ascii[0] & ~loops->raw[0]) && !(s.ascii[1] & ~loops->raw[1]) &&
                              (!s.non_ascii || (loops->others && !s.broken_utf8 && trie.boundary[child]));
                    }
                    if (all) {
                        for (u32 i = trie.own_begin(child); i < trie.token_begin[trie.end[child]]; ++i)
                            set_bit(scratch_, trie.order[i]);
                        return;
                    }
                }
            } else if (!store.alive(next)) {
                return;
            }
        } else {
            u32 lo[2], hi[2];
            const u32 n = d.ranges(lo, hi);
            bool alive = false;
            for (u32 i = 0; i < n && !alive; ++i) alive = store.alive_by(state, lo[i], hi[i]);
            if (!alive) return;
        }
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        if (!forest.leaf(child)) walk_string(w, next, d, child);
    });
}

// Several side by side; the first decides what is inside.
void LexemeStore::walk_strings(Walk& w, const std::vector<u32>& states, const StringDecoder& decoder, u32 node) {
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        if (r == StringDecoder::kQuote) {
            if (!store.accepts(states[0])) return;
            u64 label = 0;
            for (size_t i = 1; i < states.size(); ++i)
                if (store.accepts(states[i])) label |= 1ull << (i - 1);
            forest.each_base(child, [&](u32 b) { w.exits[label].push_back(b); });
            return;
        }
        std::vector<u32> next = states;
        if (r == StringDecoder::kCharacter) {
            for (u32& s : next) s = store.step(s, c);
            if (!store.alive(next[0])) return;
        } else {
            u32 lo[2], hi[2];
            const u32 n = d.ranges(lo, hi);
            bool alive = false;
            for (u32 i = 0; i < n && !alive; ++i) alive = store.alive_by(states[0], lo[i], hi[i]);
            if (!alive) return;
        }
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        if (!forest.leaf(child)) walk_strings(w, next, d, child);
    });
}

const SpaceRow& LexemeStore::space_row(u32 node, u32 most) {
    most = std::min(most, trie_->max_token_bytes);
    const u64 key = static_cast<u64>(node) << 32 | most;
    const auto it = space_rows_.find(key);
    if (it != space_rows_.end()) return *it->second;
    auto row = std::make_unique<SpaceRow>();
    std::vector<u32> bases;
    std::vector<std::pair<u32, u32>> todo{{node, 0}};
    while (!todo.empty()) {
        const auto [at, n] = todo.back();
        todo.pop_back();
        if (n > 0) forest.own(at, [&](u32 t) { row->ids.push_back(t); });
        forest.each_base(at, [&](u32 b) {
            if (!forest.leaf(b)) bases.push_back(b);
        });
        if (n == most) continue;
        forest.children(at, [&, n = n](u8 byte, u32 child) {
            if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r') todo.emplace_back(child, n + 1);
        });
    }
    row->node = bases.empty() ? NONE : forest.merge(std::move(bases));
    bytes_ += 100 + row->ids.size() * 4;
    return *(space_rows_[key] = std::move(row));
}

void LexemeStore::walk_number(Walk& w, u32 state, u32 node) {
    if (numbers.accepts(state)) forest.each_base(node, [&](u32 b) { w.exits[0].push_back(b); });
    forest.children(node, [&](u8 byte, u32 child) {
        const u32 next = numbers.step(state, byte);
        if (next == NumberLanguage::kDead) return;
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        walk_number(w, next, child);
    });
}

const LexemeRow& LexemeStore::finish(Walk& w, bool number, const std::vector<u32>& key) {
    auto row = std::make_unique<LexemeRow>();
    const u32 count = count_bits(scratch_.data(), static_cast<u32>(scratch_.size()));
    if (count > 2000) {
        row->words = scratch_;
        std::fill(scratch_.begin(), scratch_.end(), 0);
        bytes_ += row->words.size() * 4;
    } else {
        row->ids.reserve(count);
        for (u32 i = 0; i < scratch_.size(); ++i) {
            for (u32 x = scratch_[i]; x; x &= x - 1) row->ids.push_back(32 * i + static_cast<u32>(__builtin_ctz(x)));
            scratch_[i] = 0;
        }
        bytes_ += row->ids.size() * 4;
    }
    for (auto& [label, bases] : w.exits) {
        if (number) {  // only where something can follow
            bases.erase(std::remove_if(bases.begin(), bases.end(), [&](u32 b) { return forest.leaf(b); }), bases.end());
            if (bases.empty()) continue;
        }
        bytes_ += bases.size() * 4;
        row->exits.push_back({label, forest.merge(std::move(bases))});
    }
    bytes_ += 200;
    return *(rows_[key] = std::move(row));
}

const LexemeRow& LexemeStore::string_row(const std::vector<u32>& states, const StringDecoder& decoder, u32 node) {
    // A count that no token can use up is like any other.
    std::vector<u32> alike = states;
    for (u32& s : alike) s = store.alike(s, trie_->max_token_bytes);
    const u64 d = decoder.key();
    std::vector<u32> key{node, static_cast<u32>(d), static_cast<u32>(d >> 32)};
    key.insert(key.end(), alike.begin(), alike.end());
    const auto it = rows_.find(key);
    if (it != rows_.end()) return *it->second;
    Walk w;
    if (alike.size() == 1)
        walk_string(w, alike[0], decoder, node);
    else
        walk_strings(w, alike, decoder, node);
    return finish(w, false, key);
}

const LexemeRow& LexemeStore::number_row(u32 state, u32 node) {
    const std::vector<u32> key{node, state};
    const auto it = rows_.find(key);
    if (it != rows_.end()) return *it->second;
    Walk w;
    walk_number(w, state, node);
    return finish(w, true, key);
}

}  // namespace gcd
