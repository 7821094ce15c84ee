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
    : store(max_size),
      numbers(max_size),
      forest(*trie),
      trie_(std::move(trie)),
      max_size_(max_size),
      scratch_(trie_->words(), 0) {
    const TokenTrie& t = *trie_;
    for (u32 i = 0; i < t.n_tokens() && i < t.width; ++i)
        if (t.token_size(i)) by_length_.push_back(i);
    std::vector<u32> begin(t.max_token_bytes + 2, 0);  // the longest first, by counting
    for (u32 i : by_length_) ++begin[t.max_token_bytes - t.token_size(i) + 1];
    for (size_t n = 1; n < begin.size(); ++n) begin[n] += begin[n - 1];
    std::vector<u32> sorted(by_length_.size());
    for (u32 i : by_length_) sorted[begin[t.max_token_bytes - t.token_size(i)]++] = i;
    by_length_ = std::move(sorted);
    depth_.assign(t.n_nodes(), 0);
    height_.assign(t.n_nodes(), 0);
    std::vector<u32> path{0};
    for (u32 n = 1; n < t.n_nodes(); ++n) {
        while (n >= t.end[path.back()]) path.pop_back();
        depth_[n] = static_cast<u16>(path.size());
        if (t.end[n] == n + 1)  // a leaf
            for (size_t i = 0; i < path.size(); ++i)
                height_[path[i]] = std::max(height_[path[i]], static_cast<u16>(path.size() - i));
        path.push_back(n);
    }
    (void)lengths(0);  // the first string of any schema asks for it
}

std::shared_ptr<LexemeStore> LexemeStore::successor() {
    std::lock_guard lock(successor_mutex_);
    auto is_full = [&] {
        std::shared_lock its(successor_->mutex);
        return successor_->full();
    };
    if (!successor_ || is_full()) successor_ = std::make_shared<LexemeStore>(trie_, max_size_);
    return successor_;
}

struct LexemeStore::Walk {
    std::map<u64, std::vector<u32>> exits;
    bool only_exits = false;             // all tokens are known to be inside
    bool many = true;                    // `scratch_` has those that are
    const TokenPiece* shared = nullptr;  // and some more
};

namespace {
constexpr u32 kManyNodes = 32;  // below which it isn't asked whether they are all safe
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

// Whether all that lies below a node can be gone on with, as it is made of characters and no longer than what is safe.
bool LexemeStore::safe_below(u32 state, u32 node) {
    if (!forest.is_base(node) || trie_->end[node] - node < kManyNodes) return false;
    const SubtreeSummary& s = trie_->summaries[trie_->summary_id[node]];
    if (s.non_ascii && (s.broken_utf8 || !(trie_->kinds[node] & TokenTrie::kBoundary))) return false;
    return store.safe(state, s.ascii, s.non_ascii) >= height_[node];
}

bool LexemeStore::no_quote_below(u32 node) const {
    if (!forest.is_base(node)) return false;
    const u32 id = trie_->summary_id[node];
    return id == NONE || !(trie_->summaries[id].ascii['"' / 64] >> ('"' % 64) & 1);
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
        if (w.only_exits && byte != '"' && no_quote_below(child)) return;
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
                    if (!w.only_exits) take(child);
                    return;
                }
            } else if (!store.alive(next)) {
                return;
            } else if (safe_below(next, child)) {
                if (!w.only_exits) take(child);
                return;
            }
        } else {
            if (!alive_within(store, state, d)) return;
        }
        if (!w.only_exits) forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
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
        if (w.only_exits && byte != '"' && no_quote_below(child)) return;
        if (byte < 0x80 && (loops.raw[byte / 64] >> (byte % 64) & 1) && loops_below(loops, child)) {
            if (!w.only_exits) take(child);
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
            if (no_quote_below(child) && safe_below(next[0], child)) {
                if (!w.only_exits) take(child);
                return;
            }
        } else {
            if (!alive_within(store, states[0], d)) return;
        }
        if (!w.only_exits) forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
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
    // By counting: there are as many as the vocabulary has tokens.
    std::vector<std::vector<std::pair<u32, u32>>> by_length(trie_->max_token_bytes + 2u);
    for (const auto& entry : slot->inside) by_length[entry.first].push_back(entry);
    slot->inside.clear();
    for (size_t n = by_length.size(); n-- > 0;)
        slot->inside.insert(slot->inside.end(), by_length[n].begin(), by_length[n].end());
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
    bool exit = numbers.accepts(state);
    forest.children(node, [&](u8 byte, u32 child) {
        if (exit && !NumberLanguage::number_byte(byte)) {
            forest.each_base(node, [&](u32 b) { w.exits[0].push_back(b); });
            exit = false;
        }
        if (forest.leaf(child)) {
            if (numbers.lives(state, byte)) forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
            return;
        }
        const u32 next = numbers.step(state, byte);
        if (next == NumberLanguage::kDead) return;
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        walk_number(w, next, child);
    });
}

const NumberPlan& LexemeStore::number_plan(NumberLanguage::Phase phase, u32 node) {
    std::unique_ptr<NumberPlan>& plan = plans_[static_cast<u64>(node) << 8 | phase];
    if (!plan) {
        plan = std::make_unique<NumberPlan>();
        std::string path;
        plan_number(*plan, phase, node, path);
        std::sort(plan->inside.ids.begin(), plan->inside.ids.end());
        bytes_ += 200 + plan->inside.bytes() + plan->ends.size() * sizeof(NumberPlan::End);
    }
    return *plan;
}

void LexemeStore::plan_number(NumberPlan& plan, NumberLanguage::Phase phase, u32 node, std::string& path) {
    using Numbers = NumberLanguage;
    plan.longest = std::max(plan.longest, static_cast<u32>(path.size()));
    bool ends = phase == Numbers::kZero || phase == Numbers::kInteger || phase == Numbers::kFraction;
    bool exponent = false;
    forest.children(node, [&](u8 byte, u32 child) {
        if (ends && !Numbers::number_byte(byte)) {
            plan.ends.push_back({path, node, false});
            ends = false;
        }
        const Numbers::Phase to = Numbers::follow(phase, byte);
        if (to == Numbers::kNone) return;
        if (to == Numbers::kE) {
            if (!exponent) plan.ends.push_back({path, node, true});
            exponent = true;
            return;
        }
        forest.own(child, [&](u32 t) { plan.inside.ids.push_back(t); });
        path.push_back(static_cast<char>(byte));
        plan_number(plan, to, child, path);
        path.pop_back();
    });
}

// A pattern with a bound on the length: as the pattern alone, but for tokens long enough to meet the bound.
bool LexemeStore::bounded_row(Walk& w, u32 state) {
    u32 other, max, slack;
    if (!store.bounded(state, other, max, slack) || max < slack + 16) return false;
    const u32 safe = max - slack;  // tokens up to so many characters are as without the bound
    const TokenTrie& trie = *trie_;
    if (trie.token_size(by_length_[0]) > safe && trie.token_size(by_length_[by_length_.size() / 8]) > safe)
        return false;
    const LexemeRow& row = string_row(other, StringDecoder(), 0);
    TokenUnion inside;
    row.add_to(inside);
    inside.write(scratch_.data(), static_cast<u32>(scratch_.size()));
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
        return alive_within(store, at, d);
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

const LexemeRow& LexemeStore::finish(Walk& w, bool number, const std::vector<u32>& key, u64 hash) {
    rows_.emplace_back();
    rows_.back().key = key;
    LexemeRow* row = &rows_.back().row;
    const u32 id = static_cast<u32>(rows_.size() - 1), before = row_index_.find(hash);
    if (before == NONE) {
        row_index_.insert(hash, id);
    } else {
        rows_.back().next_alike = rows_[before].next_alike;
        rows_[before].next_alike = id;
    }
    row->shared = w.shared;
    if (w.many) {
        row->inside.pack(scratch_);
        std::fill(scratch_.begin(), scratch_.end(), 0);
    }
    bytes_ += row->inside.bytes();
    for (auto& [label, bases] : w.exits) {
        if (number) {  // only where something can follow
            bases.erase(std::remove_if(bases.begin(), bases.end(), [&](u32 b) { return forest.leaf(b); }), bases.end());
            if (bases.empty()) continue;
        }
        bytes_ += bases.size() * 4;
        row->exits.push_back({label, forest.merge(std::move(bases))});
    }
    bytes_ += 200 + key.size() * 4;
    return *row;
}

const LexemeRow* LexemeStore::find_row(const std::vector<u32>& key, u64& hash) const {
    hash = 7;
    for (u32 x : key) hash = mix(hash, x);
    for (u32 at = row_index_.find(hash); at != NONE; at = rows_[at].next_alike)
        if (rows_[at].key == key) return &rows_[at].row;
    return nullptr;
}

const LexemeRow& LexemeStore::string_row(u32 state, const StringDecoder& decoder, u32 node) {
    return string_row(std::vector<u32>{state}, decoder, node);
}

const LexemeRow& LexemeStore::string_row(const std::vector<u32>& states, const StringDecoder& decoder, u32 node) {
    const u64 d = decoder.key();
    key_.assign({node, static_cast<u32>(d), static_cast<u32>(d >> 32)});
    // A count that no token can use up is like any other.
    for (u32 s : states) key_.push_back(store.alike(s, trie_->max_token_bytes));
    u64 hash;
    if (const LexemeRow* known = find_row(key_, hash)) return *known;
    const std::vector<u32> key = key_, alike(key.begin() + 3, key.end());
    Walk w;
    u32 min = 0, max = NONE;
    if (store.endless(alike[0]) && !store.is_any(alike[0])) {
        const LexemeRow& any = string_row(store.start(Derivatives::kAny), decoder, node);
        w.shared = &any.inside;
        w.only_exits = true;
        w.many = false;
        if (alike.size() == 1)
            walk_string(w, alike[0], decoder, node);
        else
            walk_strings(w, alike, decoder, node);
    } else if (alike.size() == 1 && decoder.plain() && store.any_characters(alike[0], min, max)) {
        const Lengths& all = lengths(node);
        scratch_ = all.words;
        for (const auto& [n, token] : all.inside) {
            if (n <= max) break;
            scratch_[token / 32] &= ~(1u << (token % 32));
        }
        for (const auto& [n, base] : all.exits)
            if (n >= min && n <= max) w.exits[0].push_back(base);
    } else if (alike.size() == 1 && node == 0 && decoder.plain() && bounded_row(w, alike[0])) {
    } else if (alike.size() == 1) {
        walk_string(w, alike[0], decoder, node);
    } else {
        walk_strings(w, alike, decoder, node);
    }
    return finish(w, false, key, hash);
}

const LexemeRow& LexemeStore::number_row(u32 state, u32 node) {
    key_.assign({node, state});
    u64 hash;
    if (const LexemeRow* known = find_row(key_, hash)) return *known;
    const std::vector<u32> key = key_;
    Walk w;
    if (numbers.open(state, 0)) {
        const NumberPlan& plan = number_plan(numbers.phase(state), node);
        if (numbers.open(state, plan.longest)) {
            w.shared = &plan.inside;
            w.many = false;
            for (const NumberPlan::End& end : plan.ends) {
                u32 at = state;
                for (char c : end.path) at = numbers.step(at, static_cast<u8>(c));
                if (!end.exponent) {
                    if (numbers.accepts(at)) forest.each_base(end.node, [&](u32 b) { w.exits[0].push_back(b); });
                    continue;
                }
                for (u8 e : {'e', 'E'}) {
                    const u32 child = forest.child(end.node, e), next = numbers.step(at, e);
                    if (child == NONE || next == NumberLanguage::kDead) continue;
                    w.many = true;
                    forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
                    walk_number(w, next, child);
                }
            }
            return finish(w, true, key, hash);
        }
    }
    walk_number(w, state, node);
    return finish(w, true, key, hash);
}

}  // namespace gcd
