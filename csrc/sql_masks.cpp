#include "sql_masks.hpp"

#include <chrono>

namespace gcd {

namespace {
inline void set_bit(std::vector<u32>& words, u32 token) {
    words[token / 32] |= 1u << (token % 32);
}

// Nodes that stand for at least so many have what may come from a state on remembered.
constexpr u32 kPartBases = 16;
constexpr u32 kShare = 8;              // of the states that there may be, from which on the tables are dropped
constexpr u32 kMaxExpressions = 1000;  // there are none here

// Whether a later word of a text begins as an earlier one does, or the other way round.
bool repeats_a_word(const std::string& before, const u8* data, u32 n) {
    std::vector<std::string> words;
    std::string word = before;
    for (u32 i = 0; i <= n; ++i) {
        if (i < n && sql_word_byte(data[i])) {
            word += static_cast<char>(sql_fold(data[i]));
            continue;
        }
        if (word.empty()) continue;
        for (const std::string& w : words)
            if (w.compare(0, word.size(), word) == 0 || word.compare(0, w.size(), w) == 0) return true;
        words.push_back(word);
        word.clear();
    }
    return false;
}
}  // namespace

SqlEngine::SqlEngine(std::shared_ptr<const TokenTrie> trie, const u8* program, size_t size, std::vector<u32> eos,
                     u32 max_states, u64 memo_bytes)
    : trie_(std::move(trie)),
      rows_(trie_, kMaxExpressions),
      program_(program, size),
      automaton_(std::make_unique<SqlAutomaton>(program_, max_states)),
      eos_(std::move(eos)),
      max_states_(max_states),
      memo_bytes_(memo_bytes) {}

SqlEngine::Counts SqlEngine::counts() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {automaton_->n_states(),
            automaton_->n_parses(),
            automaton_->scopes().size(),
            static_cast<u32>(masks_.size()),
            mask_bytes_,
            unsettled_ + automaton_->scopes().unsettled(),
            generation_};
}

u32 SqlEngine::walk(u32 state, const u8* data, size_t n) {
    for (size_t i = 0; i < n && state != SqlAutomaton::kDead; ++i) state = automaton_->step(state, data[i]);
    return state;
}

// The state of a position. Where the tables have grown full, they are dropped, and positions find their states again by
// their texts.
u32 SqlEngine::settle(SqlPosition& p) {
    if (automaton_->n_states() > max_states_ / kShare || automaton_->n_parses() > max_states_ / kShare / 8 ||
        automaton_->scopes().size() > max_states_ / kShare / 4) {
        unsettled_ += automaton_->scopes().unsettled();
        masks_.clear();
        parts_.clear();
        mask_bytes_ = 0;
        automaton_ = std::make_unique<SqlAutomaton>(program_, max_states_);
        ++generation_;
    }
    if (p.generation != generation_) {
        p.state = walk(automaton_->start(), p.text.data(), p.text.size());
        p.generation = generation_;
    }
    return p.state;
}

bool SqlEngine::check(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    return walk(settle(p), data, n) != SqlAutomaton::kDead;
}

bool SqlEngine::advance(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 to = walk(settle(p), data, n);
    if (to == SqlAutomaton::kDead) return false;
    p.state = to;
    p.text.insert(p.text.end(), data, data + n);
    return true;
}

u32 SqlEngine::viable_bytes(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    u32 state = settle(p);
    for (u32 i = 0; i < n; ++i) {
        state = automaton_->step(state, data[i]);
        if (state == SqlAutomaton::kDead) return i;
    }
    return n;
}

bool SqlEngine::complete(SqlPosition& p) {
    std::lock_guard<std::mutex> lock(mutex_);
    return automaton_->complete(settle(p));
}

std::vector<u8> SqlEngine::forced_bytes(SqlPosition& p, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    u32 state = settle(p);
    std::vector<u8> out;
    while (out.size() < n && state != SqlAutomaton::kDead && !automaton_->complete(state)) {
        u32 only = NONE, to = SqlAutomaton::kDead;
        for (u32 b = 0; b < 256; ++b) {
            const u32 next = automaton_->step(state, static_cast<u8>(b));
            if (next == SqlAutomaton::kDead) continue;
            if (only != NONE) return out;
            only = b;
            to = next;
        }
        if (only == NONE) break;
        out.push_back(static_cast<u8>(only));
        state = to;
    }
    return out;
}

u32 SqlEngine::kind(SqlPosition& p) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return state == SqlAutomaton::kDead ? NONE : u32(automaton_->state(state).kind);
}

// -- masks ------------------------------------------------------------------------------------

// A mask in the making.
struct SqlEngine::Fill {
    std::vector<u32> out;
    // Nodes below which tokens are asked one by one: what they have behind a name depends on the name.
    std::vector<u32> doubtful;
    // Words that begin behind an invented name in one token: those that begin like it are asked.
    std::vector<u32> seconds;
};

void SqlEngine::walk_any(AnyWord& row, std::vector<u32>& exits, u32 node, bool begins) {
    bool other = false;
    rows_.forest.children(node, [&](u8 byte, u32 child) {
        if (!sql_word_byte(byte) || byte >= 0x80 || byte == '$' || (begins && byte >= '0' && byte <= '9')) {
            other = true;
            return;
        }
        rows_.forest.own(child, [&](u32 t) { set_bit(row.words, t); });
        if (!rows_.forest.leaf(child)) walk_any(row, exits, child, false);
    });
    if (other && !begins) rows_.forest.each_base(node, [&](u32 b) { exits.push_back(b); });
}

const SqlEngine::AnyWord& SqlEngine::any_word(u32 node, bool begins) {
    std::unique_ptr<AnyWord>& slot = any_words_[static_cast<u64>(node) << 1 | begins];
    if (slot) return *slot;
    auto row = std::make_unique<AnyWord>();
    row->words.assign(trie_->words(), 0);
    std::vector<u32> exits;
    walk_any(*row, exits, node, begins);
    if (!exits.empty()) row->exit = rows_.forest.merge(std::move(exits));
    return *(any_words_[static_cast<u64>(node) << 1 | begins] = std::move(row));
}

void SqlEngine::walk_string(StringRow& row, std::vector<u32>& exits, u32 node, u32 utf8) {
    rows_.forest.children(node, [&](u8 byte, u32 child) {
        if (byte == 0) return;
        if (utf8 == 0 && byte == '\'') {
            rows_.forest.each_base(child, [&](u32 b) { exits.push_back(b); });
            rows_.forest.children(child, [&](u8 second, u32 below) {
                if (second != '\'') return;
                rows_.forest.own(below, [&](u32 t) { set_bit(row.words, t); });
                walk_string(row, exits, below, 0);
            });
            return;
        }
        const u32 next = sql_utf8(utf8, byte);
        if (next == NONE) return;
        rows_.forest.own(child, [&](u32 t) { set_bit(row.words, t); });
        if (!rows_.forest.leaf(child)) walk_string(row, exits, child, next);
    });
}

const SqlEngine::StringRow& SqlEngine::string_row(u32 node) {
    std::unique_ptr<StringRow>& slot = string_rows_[node];
    if (slot) return *slot;
    auto row = std::make_unique<StringRow>();
    row->words.assign(trie_->words(), 0);
    std::vector<u32> exits;
    walk_string(*row, exits, node, 0);
    if (!exits.empty()) row->exit = rows_.forest.merge(std::move(exits));
    return *(string_rows_[node] = std::move(row));
}

const SqlEngine::WordRow& SqlEngine::word_row(const std::string& text) {
    std::unique_ptr<WordRow>& slot = word_rows_[text];
    if (slot) return *slot;
    auto row = std::make_unique<WordRow>();
    std::vector<std::pair<u32, u32>> todo{{begin_, 0}};
    while (!todo.empty()) {
        const auto [node, depth] = todo.back();
        todo.pop_back();
        rows_.forest.children(node, [&, depth = depth](u8 byte, u32 child) {
            if (sql_fold(byte) != static_cast<u8>(text[depth])) return;
            rows_.forest.own(child, [&](u32 t) { row->tokens.push_back(t); });
            if (depth + 1 < text.size()) {
                todo.emplace_back(child, depth + 1);
                return;
            }
            const size_t before = row->behind.size();
            rows_.forest.children(child, [&](u8 next, u32 below) {
                if (sql_word_byte(next)) return;
                rows_.forest.own(below, [&](u32 t) { row->behind.push_back(t); });
                rows_.forest.below(below, [&](u32 t) { row->behind.push_back(t); });
            });
            if (row->behind.size() > before) rows_.forest.each_base(child, [&](u32 b) { row->exits.push_back(b); });
        });
    }
    return *(word_rows_[text] = std::move(row));
}

void SqlEngine::collect_own(Fill& f, u32 state, u32 node, Borrowed borrowed) {
    if (state == SqlAutomaton::kDead) return;
    if (rows_.forest.n_bases(node) >= kPartBases) {
        const u64 key = (static_cast<u64>(state) << 32 | node) * 3 + borrowed;
        auto it = parts_.find(key);
        if (it == parts_.end()) {
            Fill own;
            own.out.assign(f.out.size(), 0);
            rows_.forest.own(node, [&](u32 t) { set_bit(own.out, t); });
            collect(own, state, node, borrowed);
            auto part = std::make_unique<Part>();
            pack(own.out, part->mask);
            part->doubtful = std::move(own.doubtful);
            part->seconds = std::move(own.seconds);
            it = parts_.emplace(key, std::move(part)).first;
        }
        const Part& part = *it->second;
        for (u32 t : part.mask.ids) set_bit(f.out, t);
        for (size_t i = 0; i < part.mask.words.size(); ++i) f.out[i] |= part.mask.words[i];
        f.doubtful.insert(f.doubtful.end(), part.doubtful.begin(), part.doubtful.end());
        f.seconds.insert(f.seconds.end(), part.seconds.begin(), part.seconds.end());
        return;
    }
    rows_.forest.own(node, [&](u32 t) { set_bit(f.out, t); });
    collect(f, state, node, borrowed);
}

// Adds the tokens below a node that may come from a state on.
void SqlEngine::collect(Fill& f, u32 id, u32 node, Borrowed borrowed) {
    if (id == SqlAutomaton::kDead || rows_.forest.leaf(node)) return;
    const SqlAutomaton::State s = automaton_->state(id);
    if (s.kind == SqlAutomaton::kGap) {
        const SpaceRow& space = rows_.space_row(node, trie_->max_token_bytes);
        for (u32 t : space.inside.ids) set_bit(f.out, t);
        for (size_t i = 0; i < space.inside.words.size(); ++i) f.out[i] |= space.inside.words[i];
        node = space.node;
        if (node == NONE) return;
        words_at(f, s.parse, node, borrowed);
        rows_.forest.children(node, [&](u8 byte, u32 child) {
            if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r' || sql_word_start(byte)) return;
            if (borrowed == kAlike && (byte == '"' || byte == '`' || byte == '[')) {
                f.doubtful.push_back(child);
                return;
            }
            if (borrowed == kInvented && (byte == '"' || byte == '`' || byte == '[')) f.seconds.push_back(child);
            collect_own(f, automaton_->step(id, byte), child, borrowed);
        });
        return;
    }
    if (s.kind == SqlAutomaton::kWord &&
        automaton_->text(s.a).text.size() + trie_->max_token_bytes < SqlAutomaton::kMaxInvented) {
        words_in(f, s.parse, s.a, node, borrowed);
        return;
    }
    if (s.kind == SqlAutomaton::kString && s.a == 0 && s.b == 0) {
        const StringRow& row = string_row(node);
        for (size_t i = 0; i < row.words.size(); ++i) f.out[i] |= row.words[i];
        if (row.exit == NONE) return;
        const u32 behind = automaton_->step(id, '\'');
        if (behind == SqlAutomaton::kDead) return;
        rows_.forest.own(row.exit, [&](u32 t) { set_bit(f.out, t); });
        rows_.forest.children(row.exit, [&](u8 byte, u32 child) {
            if (byte != '\'') collect_own(f, automaton_->step(behind, byte), child, borrowed);
        });
        return;
    }
    rows_.forest.children(node,
                          [&](u8 byte, u32 child) { collect_own(f, automaton_->step(id, byte), child, borrowed); });
}

// Behind a word that ended at a node: no byte of a word follows.
void SqlEngine::collect_behind(Fill& f, u32 parse, u32 node, Borrowed borrowed) {
    if (parse == SqlAutomaton::kDead) return;
    const u32 gap = automaton_->gap(parse);
    rows_.forest.children(node, [&](u8 byte, u32 child) {
        if (!sql_word_byte(byte)) collect_own(f, automaton_->step(gap, byte), child, borrowed);
    });
}

void SqlEngine::clear_behind(Fill& f, u32 node) {
    rows_.forest.children(node, [&](u8 byte, u32 child) {
        if (sql_word_byte(byte)) return;
        rows_.forest.own(child, [&](u32 t) { f.out[t / 32] &= ~(1u << (t % 32)); });
        rows_.forest.below(child, [&](u32 t) { f.out[t / 32] &= ~(1u << (t % 32)); });
    });
}

// Words that begin at a node.
void SqlEngine::words_at(Fill& f, u32 parse, u32 node, Borrowed borrowed) {
    bool words = false;
    rows_.forest.children(node, [&](u8 byte, u32) { words = words || sql_word_start(byte); });
    if (!words) return;
    if (borrowed != kExact && automaton_->known(parse).names) {
        std::vector<u32>& nodes = borrowed == kAlike ? f.doubtful : f.seconds;
        rows_.forest.children(node, [&](u8 byte, u32 child) {
            if (sql_word_start(byte)) nodes.push_back(child);
        });
        if (borrowed == kAlike) return;
    }
    if (node == begin_ && borrowed == kExact)
        words_from_start(f, parse);
    else
        words_in(f, parse, 0, node, borrowed);
}

// Words at the beginning of a token: what they consist of is known for each, so names cost little however many there
// are.
void SqlEngine::words_from_start(Fill& f, u32 parse) {
    const SqlAutomaton::Parse& p = automaton_->named(parse);
    SqlScopes& scopes = automaton_->scopes();
    const u32 n_catalogue = scopes.names.n_catalogue();
    auto text_of = [&](const std::string& word) {
        u32 text = 0;
        for (char c : word) text = automaton_->extend(text, static_cast<u8>(c));
        return text;
    };
    // Names that are viable or aren't what an invented one is.
    Bits special;
    std::vector<u32> extra;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets) {
            bits_or(special, set->catalogue);
            extra.insert(extra.end(), set->extra.begin(), set->extra.end());
        }
    if (p.fresh) {
        for (u32 name : automaton_->matter(parse))
            if (name < n_catalogue)
                bits_set(special, name);
            else
                extra.push_back(name);
        const AnyWord& any = any_word(begin_, true);
        for (size_t i = 0; i < any.words.size(); ++i) f.out[i] |= any.words[i];
        if (any.exit != NONE) collect_behind(f, automaton_->end_invented(parse), any.exit, kInvented);
        const auto [reserved, missing] = reserved_behind_.try_emplace(p.fresh_places);
        for (u32 word = 0; missing && word < program_.words.size(); ++word)
            if (!automaton_->inventable(word, p.fresh_places)) {
                const WordRow& row = word_row(program_.words[word]);
                reserved->second.insert(reserved->second.end(), row.behind.begin(), row.behind.end());
            }
        for (u32 t : reserved->second) f.out[t / 32] &= ~(1u << (t % 32));
    }
    if (p.literals >> static_cast<u32>(SqlLiteral::kBlob) & 1) {  // x'...'
        const u32 gap = automaton_->gap(parse);
        rows_.forest.children(begin_, [&](u8 byte, u32 child) {
            if (byte != 'x' && byte != 'X') return;
            rows_.forest.own(child, [&](u32 t) { set_bit(f.out, t); });
            const u32 x = automaton_->step(gap, byte);
            rows_.forest.children(child, [&](u8 next, u32 below) {
                if (next == '\'') collect_own(f, automaton_->step(x, next), below, kExact);
            });
        });
    }
    bits_each(p.keywords, [&](u32 word) {
        const WordRow& row = word_row(program_.words[word]);
        for (u32 t : row.tokens) set_bit(f.out, t);
        if (row.exits.empty()) return;
        if (p.fresh)
            for (u32 t : row.behind) f.out[t / 32] &= ~(1u << (t % 32));
        const u32 behind = automaton_->end_word(parse, text_of(program_.words[word]));
        if (behind != SqlAutomaton::kDead) collect_behind(f, behind, rows_.forest.merge(row.exits), kExact);
    });
    // Names that move the same threads are followed by the same.
    struct Group {
        u32 first;
        std::vector<u32> exits;
    };
    std::map<u64, Group> groups;
    auto one = [&](u32 name) {
        if (scopes.names.places(name) == 0) return;
        const u32 word = program_.find_word(scopes.names.text(name));
        if (word != NONE && bits_get(p.keywords, word)) return;  // then it is the keyword
        const WordRow& row = word_row(scopes.names.text(name));
        if (automaton_->viable_bare(p, name))
            for (u32 t : row.tokens) set_bit(f.out, t);
        if (row.exits.empty()) return;
        if (p.fresh)
            for (u32 t : row.behind) f.out[t / 32] &= ~(1u << (t % 32));
        u64 others = 0;
        bool called = false;
        if (!automaton_->movers(parse, name, others, called)) {
            const u32 behind = automaton_->end_word(parse, text_of(scopes.names.text(name)));
            for (u32 node : row.exits) collect_behind(f, behind, node, kExact);
            return;
        }
        if (called)
            for (u32 node : row.exits)
                rows_.forest.children(node, [&](u8 byte, u32 child) {
                    if (byte != '(' && byte != ' ' && byte != '\n' && byte != '\t' && byte != '\r') return;
                    rows_.forest.own(child, [&](u32 t) { set_bit(f.out, t); });
                    rows_.forest.children(child, [&](u8, u32 below) { f.doubtful.push_back(below); });
                });
        if (others) {
            Group& g = groups.emplace(others, Group{name, {}}).first->second;
            g.exits.insert(g.exits.end(), row.exits.begin(), row.exits.end());
        }
    };
    bits_each(special, one);
    std::sort(extra.begin(), extra.end());
    extra.erase(std::unique(extra.begin(), extra.end()), extra.end());
    for (u32 name : extra) one(name);
    for (auto& [others, g] : groups) {
        const u32 behind = automaton_->end_word(parse, text_of(scopes.names.text(g.first)));
        for (u32 node : g.exits) collect_behind(f, behind, node, kAlike);
    }
}

void SqlEngine::words_in(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed) {
    const SqlAutomaton::Parse& p = automaton_->named(parse);
    const bool fresh = p.fresh && automaton_->text(text).plain;
    std::vector<u32> special;
    if (fresh) {
        special = automaton_->matter(parse);
        for (const auto* sets : {&p.sets, &p.called})
            for (const SqlNameSet* set : *sets) special.insert(special.end(), set->extra.begin(), set->extra.end());
        const AnyWord& any = any_word(node, text == 0);
        for (size_t i = 0; i < any.words.size(); ++i) f.out[i] |= any.words[i];
        if (any.exit != NONE)
            collect_behind(f, automaton_->end_invented(parse), any.exit, borrowed == kExact ? kInvented : borrowed);
    }
    walk_words(f, parse, text, node, borrowed, fresh, special);
}

// Some thread waits for the word.
bool SqlEngine::may_end(const SqlAutomaton::Parse& p, const SqlAutomaton::Text& t) const {
    if (t.word != NONE && bits_get(p.keywords, t.word)) return true;
    const SqlNames& names = automaton_->scopes().names;
    const u32 name = t.name != NONE ? t.name : names.find(t.text);
    if (name == NONE) return false;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets)
            if (set->has(name, names.n_catalogue())) return true;
    return false;
}

// One by one: all words, or those that aren't like an invented one.
void SqlEngine::walk_words(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed, bool fresh,
                           const std::vector<u32>& special) {
    const SqlAutomaton::Parse& p = automaton_->named(parse);
    if (text != 0) {
        const SqlAutomaton::Text& t = automaton_->text(text);
        bool exact = !fresh || t.word != NONE;
        if (!exact) {
            const u32 name = t.name != NONE ? t.name : automaton_->scopes().names.find(t.text);
            if (name != NONE) {
                exact = std::find(special.begin(), special.end(), name) != special.end();
                for (const auto* sets : {&p.sets, &p.called})
                    for (const SqlNameSet* set : *sets)
                        exact = exact || set->has(name, automaton_->scopes().names.n_catalogue());
            }
        }
        bool ends = false;
        rows_.forest.children(node, [&](u8 byte, u32) { ends = ends || !sql_word_byte(byte); });
        if (ends && exact && (!fresh ? may_end(p, t) : true)) {
            if (fresh) clear_behind(f, node);
            if (t.text == "x" && (p.literals >> static_cast<u32>(SqlLiteral::kBlob) & 1)) {
                const u32 x = automaton_->word(parse, text);
                rows_.forest.children(node, [&](u8 byte, u32 child) {
                    if (byte == '\'') collect_own(f, automaton_->step(x, byte), child, borrowed);
                });
            }
            collect_behind(f, automaton_->end_word(parse, text), node, borrowed);
        } else if (ends && t.text == "x" && (p.literals >> static_cast<u32>(SqlLiteral::kBlob) & 1)) {
            const u32 x = automaton_->word(parse, text);
            rows_.forest.children(node, [&](u8 byte, u32 child) {
                if (byte == '\'') collect_own(f, automaton_->step(x, byte), child, borrowed);
            });
        }
    }
    rows_.forest.children(node, [&](u8 byte, u32 child) {
        if (text == 0 ? !sql_word_start(byte) : !sql_word_byte(byte)) return;
        const u32 next = automaton_->extend(text, byte);
        const SqlAutomaton::Text& t = automaton_->text(next);
        const bool alive = automaton_->word_alive(parse, next);
        if (!alive) return;
        if (fresh) {  // on, if some text that isn't like an invented one begins so
            bool on = automaton_->word_special(parse, next) || t.text == "x" || !t.plain;
            for (u32 name : special)
                on = on || automaton_->scopes().names.text(name).compare(0, t.text.size(), t.text) == 0;
            if (!on) return;
        }
        rows_.forest.own(child, [&](u32 token) { set_bit(f.out, token); });
        if (!rows_.forest.leaf(child)) walk_words(f, parse, next, child, borrowed, fresh && t.plain, special);
    });
}

void SqlEngine::pack(std::vector<u32>& bits, Mask& m) {
    if (count_bits(bits.data(), static_cast<u32>(bits.size())) > 1000) {
        m.words = std::move(bits);
    } else {
        for (u32 i = 0; i < bits.size(); ++i)
            for (u32 x = bits[i]; x; x &= x - 1) m.ids.push_back(32 * i + static_cast<u32>(__builtin_ctz(x)));
    }
    mask_bytes_ += (m.ids.size() + m.words.size()) * 4 + 100;
}

const SqlEngine::Mask& SqlEngine::mask(u32 state) {
    const auto it = masks_.find(state);
    if (it != masks_.end()) return *it->second;
    if (mask_bytes_ > memo_bytes_) {
        masks_.clear();
        parts_.clear();
        mask_bytes_ = 0;
    }
    if (begin_ == NONE) begin_ = rows_.space_row(0, trie_->max_token_bytes).node;
    Fill f;
    f.out.assign(trie_->words(), 0);
    collect(f, state, 0, kExact);
    auto ask = [&](u32 t) {
        if (walk(state, trie_->token_data(t), trie_->token_size(t)) != SqlAutomaton::kDead)
            set_bit(f.out, t);
        else
            f.out[t / 32] &= ~(1u << (t % 32));
    };
    for (u32 node : f.doubtful) {
        rows_.forest.own(node, ask);
        rows_.forest.below(node, ask);
    }
    if (!f.seconds.empty()) {
        const SqlAutomaton::State s = automaton_->state(state);
        const std::string before = s.kind == SqlAutomaton::kWord ? automaton_->text(s.a).text : "";
        auto look = [&](u32 t) {
            if (repeats_a_word(before, trie_->token_data(t), trie_->token_size(t))) ask(t);
        };
        for (u32 node : f.seconds) {
            rows_.forest.own(node, look);
            rows_.forest.below(node, look);
        }
    }
    if (automaton_->complete(state))
        for (u32 e : eos_)
            if (e < trie_->width) set_bit(f.out, e);
    auto m = std::make_unique<Mask>();
    pack(f.out, *m);
    return *(masks_[state] = std::move(m));
}

void SqlEngine::copy(const Mask& m, u32* out) const {
    if (!m.words.empty()) {
        std::memcpy(out, m.words.data(), m.words.size() * 4);
        return;
    }
    std::memset(out, 0, static_cast<size_t>(trie_->words()) * 4);
    for (u32 t : m.ids) out[t / 32] |= 1u << (t % 32);
}

void SqlEngine::fill(SqlPosition& p, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    copy(mask(settle(p)), out);
}

bool SqlEngine::fill_known(SqlPosition& p, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = masks_.find(settle(p));
    if (it == masks_.end()) return false;
    copy(*it->second, out);
    return true;
}

// Breadth first over what bytes lead to.
u64 SqlEngine::explore(u32 max_masks, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 generation = generation_;
    std::vector<u32> queue{automaton_->start()};
    std::unordered_map<u32, bool> seen{{automaton_->start(), true}};
    size_t at = 0;
    for (; at < queue.size() && at < max_masks && std::chrono::steady_clock::now() < end; ++at) {
        if (generation != generation_ || automaton_->n_states() > max_states_ / kShare / 2) break;
        mask(queue[at]);
        for (u32 b = 0; b < 256; ++b) {
            const u32 to = automaton_->step(queue[at], static_cast<u8>(b));
            if (to != SqlAutomaton::kDead && seen.emplace(to, true).second) queue.push_back(to);
        }
    }
    return at;
}

// -- matchers ---------------------------------------------------------------------------------

void SqlMatcher::fill(u32* out) {
    if (finished_)
        std::memset(out, 0, static_cast<size_t>(engine_->words()) * 4);
    else
        engine_->fill(at_, out);
}

bool SqlMatcher::check(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width) return false;
    return t.token_size(token) && engine_->check(at_, t.token_data(token), t.token_size(token));
}

bool SqlMatcher::accept(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) {
        if (!complete()) return false;
        past_.push_back({at_.state, static_cast<u32>(at_.text.size()), at_.generation});
        finished_ = true;
        return true;
    }
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    return accept_bytes(t.token_data(token), t.token_size(token));
}

bool SqlMatcher::accept_bytes(const u8* data, u32 n) {
    const Step before{at_.state, static_cast<u32>(at_.text.size()), at_.generation};
    if (!engine_->advance(at_, data, n)) return false;
    past_.push_back(before);
    return true;
}

void SqlMatcher::rollback(u32 n) {
    if (n == 0) return;
    const Step& to = past_[past_.size() - n];
    at_.state = to.state;
    at_.generation = to.generation;  // an old one: the text tells
    at_.text.resize(to.size);
    past_.resize(past_.size() - n);
    finished_ = false;
}

void SqlMatcher::expected(Bits& inside, Bits& next) {
    const u32 kind = engine_->kind(at_);
    if (kind == NONE || finished_) return;
    bits_set(kind == SqlAutomaton::kGap ? next : inside, kind);
}

void SqlMatcher::reset() {
    past_.clear();
    finished_ = false;
    at_ = SqlPosition();
}

}  // namespace gcd
