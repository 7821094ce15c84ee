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

u32 SuffixForest::wide_child(u32 node, u8 byte) {
    std::unique_ptr<std::array<u32, 256>>& table = wide_[node];
    if (!table) {
        table = std::make_unique<std::array<u32, 256>>();
        table->fill(NONE);
        for (u32 c = node + 1; c < trie_.end[node]; c = trie_.end[c]) (*table)[trie_.byte[c]] = c;
    }
    return (*table)[byte];
}

const TokenPiece& SuffixForest::own_piece(u32 node) {
    Suffix& s = *suffixes_[node - n_base_];
    if (!s.own) {
        s.own = std::make_unique<TokenPiece>();
        own(node, [&](u32 t) { s.own->ids.push_back(t); });
        std::sort(s.own->ids.begin(), s.own->ids.end());
    }
    return *s.own;
}

LexemeStore::LexemeStore(std::shared_ptr<const TokenTrie> trie, u32 max_size)
    : store(max_size), numbers(max_size), forest(*trie), trie_(std::move(trie)), scratch_(trie_->words(), 0) {}

struct LexemeStore::Walk {
    std::map<u64, std::vector<u32>> exits;
};

namespace {
inline void set_bit(std::vector<u32>& words, u32 token) {
    words[token / 32] |= 1u << (token % 32);
}
}  // namespace

// Whether all that lies below a node leads back to where it began.
bool LexemeStore::loops_below(const Derivatives::Loops& loops, u32 node) const {
    if (!forest.is_base(node)) return false;
    const u32 id = trie_->summary_id[node];
    if (id == NONE) return true;
    const SubtreeSummary& s = trie_->summaries[id];
    return !(s.ascii[0] & ~loops.raw[0]) && !(s.ascii[1] & ~loops.raw[1]) &&
           (!s.non_ascii || (loops.others && !s.broken_utf8 && (trie_->kinds[node] & TokenTrie::kBoundary)));
}

// All tokens at and below a node of the trie.
void LexemeStore::take(u32 node) {
    for (u32 i = trie_->own_begin(node); i < trie_->token_begin[trie_->end[node]]; ++i)
        set_bit(scratch_, trie_->order[i]);
}

// One expression. Where it loops over all that lies below a node, the subtree is taken without walking it.
void LexemeStore::walk_string(Walk& w, u32 state, const StringDecoder& decoder, u32 node) {
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
                if (loops && loops_below(*loops, child)) {
                    take(child);
                    return;
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
    Derivatives::Loops loops;
    if (decoder.plain()) {
        loops = store.loops(states[0]);
        for (u32 s : states) {
            const Derivatives::Loops& other = store.loops(s);
            loops.raw[0] &= other.raw[0];
            loops.raw[1] &= other.raw[1];
            loops.others = loops.others && other.others;
        }
    }
    forest.children(node, [&](u8 byte, u32 child) {
        if (byte < 0x80 && (loops.raw[byte / 64] >> (byte % 64) & 1) && loops_below(loops, child)) {
            take(child);
            return;
        }
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

void LexemeStore::walk_lengths(Lengths& out, const StringDecoder& decoder, u32 n, u32 node) {
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        if (r == StringDecoder::kQuote) {
            forest.each_base(child, [&](u32 b) { out.exits.emplace_back(n, b); });
            return;
        }
        const u32 now = n + (r == StringDecoder::kCharacter ? 1 : 0);
        forest.own(child, [&](u32 t) {
            set_bit(out.words, t);
            out.inside.emplace_back(now + (d.plain() ? 0 : 1), t);
        });
        if (!forest.leaf(child)) walk_lengths(out, d, now, child);
    });
}

const LexemeStore::Lengths& LexemeStore::lengths(u32 node) {
    std::unique_ptr<Lengths>& slot = lengths_[node];
    if (slot) return *slot;
    slot = std::make_unique<Lengths>();
    slot->words.assign(scratch_.size(), 0);
    walk_lengths(*slot, StringDecoder(), 0, node);
    std::sort(slot->inside.rbegin(), slot->inside.rend());
    std::sort(slot->exits.rbegin(), slot->exits.rend());
    bytes_ += slot->words.size() * 4 + (slot->inside.size() + slot->exits.size()) * 8;
    return *slot;
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
        if (n > 0) forest.own(at, [&](u32 t) { row->inside.ids.push_back(t); });
        forest.each_base(at, [&](u32 b) {
            if (!forest.leaf(b)) bases.push_back(b);
        });
        if (n == most) continue;
        forest.children(at, [&, n = n](u8 byte, u32 child) {
            if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r') todo.emplace_back(child, n + 1);
        });
    }
    std::sort(row->inside.ids.begin(), row->inside.ids.end());
    row->node = bases.empty() ? NONE : forest.merge(std::move(bases));
    bytes_ += 100 + row->inside.bytes();
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

// A pattern with a bound on the length: as the pattern alone, but for tokens long enough to meet the bound.
bool LexemeStore::bounded_row(Walk& w, u32 state) {
    u32 other, max, slack;
    if (!store.bounded(state, other, max, slack) || max < slack + 16) return false;
    const u32 safe = max - slack;  // tokens up to so many characters are as without the bound
    const TokenTrie& trie = *trie_;
    if (by_length_.empty()) {
        for (u32 t = 0; t < trie.n_tokens() && t < trie.width; ++t)
            if (trie.token_size(t)) by_length_.push_back(t);
        std::stable_sort(by_length_.begin(), by_length_.end(),
                         [&](u32 a, u32 b) { return trie.token_size(a) > trie.token_size(b); });
        depth_.assign(trie.n_nodes(), 0);
        for (u32 n = 0; n < trie.n_nodes(); ++n)
            for (u32 c = n + 1; c < trie.end[n]; c = trie.end[c]) depth_[c] = depth_[n] + 1;
    }
    if (trie.token_size(by_length_[0]) > safe && trie.token_size(by_length_[by_length_.size() / 8]) > safe)
        return false;
    const LexemeRow& row = string_row({other}, StringDecoder(), 0);
    for (size_t i = 0; i < row.inside.words.size(); ++i) scratch_[i] = row.inside.words[i];
    for (u32 t : row.inside.ids) set_bit(scratch_, t);
    auto read = [&](const u8* data, u32 n, bool quoted) {  // a whole token, or one up to its quote
        StringDecoder d;
        u32 at = state;
        for (u32 i = 0; i < n; ++i) {
            u32 c = 0;
            const auto r = d.step(data[i], c);
            if (r == StringDecoder::kQuote) return quoted && i + 1 == n && store.accepts(at);
            if (r == StringDecoder::kRefused) return false;
            if (r == StringDecoder::kCharacter) at = store.step(at, c);
            if (!store.alive(at)) return false;
        }
        if (quoted) return false;
        if (d.plain()) return true;
        u32 lo[2], hi[2];
        const u32 ranges = d.ranges(lo, hi);
        for (u32 i = 0; i < ranges; ++i)
            if (store.alive_by(at, lo[i], hi[i])) return true;
        return false;
    };
    for (u32 t : by_length_) {
        if (trie.token_size(t) <= safe) break;
        if (!(scratch_[t / 32] >> (t % 32) & 1)) continue;
        if (!read(trie.token_data(t), trie.token_size(t), false)) scratch_[t / 32] &= ~(1u << (t % 32));
    }
    for (const LexemeRow::Exit& e : row.exits)
        forest.each_base(e.node, [&](u32 b) {
            if (depth_[b] > safe) {
                const u32 t = trie.order[trie.token_begin[b]];  // some token through it
                if (!read(trie.token_data(t), depth_[b], true)) return;
            }
            w.exits[0].push_back(b);
        });
    return true;
}

const LexemeRow& LexemeStore::finish(Walk& w, bool number, const std::vector<u32>& key) {
    auto row = std::make_unique<LexemeRow>();
    row->inside.pack(scratch_);
    std::fill(scratch_.begin(), scratch_.end(), 0);
    bytes_ += row->inside.bytes();
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
    u32 min = 0, max = NONE;
    if (alike.size() == 1 && decoder.plain() && store.any_characters(alike[0], min, max)) {
        const Lengths& all = lengths(node);
        scratch_ = all.words;
        for (const auto& [n, token] : all.inside) {
            if (n <= max) break;
            scratch_[token / 32] &= ~(1u << (token % 32));
        }
        for (const auto& [n, base] : all.exits)
            if (n >= min && n <= max) w.exits[0].push_back(base);
    } else if (alike.size() == 1 && node == 0 && decoder.plain() && bounded_row(w, alike[0])) {
    } else if (alike.size() == 1)
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
