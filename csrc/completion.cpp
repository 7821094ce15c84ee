#include "completion.hpp"

#include <algorithm>
#include <unordered_set>

namespace gcd {

namespace {
constexpr u32 kMaxVisited = 20000;  // lexer states looked at for one lexeme's shortest rest
constexpr u32 kMaxSteps = 4;        // ways to go on that are tried
constexpr size_t kMaxLexemes = 1u << 20;
}  // namespace

Completion::Completion(Parser& parser, Rows& rows, u64 max_bytes)
    : c_(parser.compiled()), parser_(parser), max_bytes_(max_bytes), rows_(c_, rows), endings_(c_.trie()) {}

// By terminal, the tokens of its shortest lexeme: found breadth first from where lexemes begin.
std::vector<u32> Completion::shortest_lexemes() {
    Lexer& lx = c_.lexer();
    std::vector<u32> out(lx.n_terminals() + 1, NONE);
    struct Visit {
        u32 state, from;
        u8 byte;
    };
    auto look = [&](Edge starts, u32 missing) {  // `missing`: terminals that are to be found from here
        std::vector<Visit> todo;
        std::unordered_set<u32> seen;
        lx.each(starts, [&](u32 s) {
            if (seen.insert(s).second) todo.push_back({s, NONE, 0});
        });
        for (u32 i = 0; i < todo.size() && i < kMaxVisited && missing; ++i) {
            for (const Accept& a : lx.state(todo[i].state).accepts) {
                if (a.terminal >= out.size() || out[a.terminal] != NONE) continue;
                u32 ending = Endings::kEmpty;
                for (u32 k = i; todo[k].from != NONE; k = todo[k].from) ending = endings_.prepend(todo[k].byte, ending);
                const u32 needed = endings_.needed(ending);
                out[a.terminal] = needed == NONE ? CompletionCosts::kNever : needed - 1;
                missing -= missing != 0;
            }
            bool some = false;  // of what is missing can come of it
            const u32 state = todo[i].state;
            bits_each(c_.live(state), [&](u32 symbol) {
                const u32 t = c_.positions().alphabet.terminal(symbol);
                some = some || (t < out.size() && out[t] == NONE);
            });
            for (u32 cls = 0; cls < lx.n_classes() && some; ++cls)
                lx.each(lx.step_class(todo[i].state, cls), [&](u32 s) {
                    if (seen.insert(s).second) todo.push_back({s, i, lx.class_byte(cls)});
                });
        }
    };
    auto missing = [&](u32 t) { return !lx.is_declared(t) && out[t] == NONE; };
    if (lx.independent()) {
        for (u32 t = 0; t < lx.n_terminals(); ++t) {
            if (!missing(t)) continue;
            Bits one;
            bits_set(one, t);
            look(lx.start(lx.intern_set(one), lx.first_context()), 1);
        }
    } else {
        for (u32 id = 0; id < lx.lexsets().size(); ++id) {
            const std::vector<u32>& order = lx.lexsets()[id].order;
            const auto n = static_cast<u32>(std::count_if(order.begin(), order.end(), missing));
            if (n) look(lx.start(id, lx.first_context()), n);
        }
    }
    for (u32 t = 0; t < lx.n_terminals(); ++t)
        if (lx.is_declared(t)) out[t] = 0;
    for (u32& cost : out)
        if (cost == NONE) cost = 8;  // not found: a long one
    return out;
}

void Completion::bound() {
    if (!costs_) costs_ = std::make_unique<CompletionCosts>(parser_, shortest_lexemes());
    if (bytes_ + endings_.bytes() + rows_.bytes() <= max_bytes_) return;
    costs_->forget();
    choices_.clear();
    finishes_.clear();
    tails_.clear();
    readings_.clear();
    endings_.clear();
    rows_.clear();
    bytes_ = 0;
}

// The symbols that a parser state wants, those first behind which least is to come.
const std::vector<Completion::Choice>& Completion::choices(u32 syntax) {
    const auto known = choices_.find(syntax);
    if (known != choices_.end()) return known->second;
    std::vector<Choice>& out = choices_[syntax];
    const u32 plain = parser_.plain_state(syntax);
    const Bits& wanted = parser_.syntax().state(plain).viable;
    bits_each(parser_.viable_set(syntax), [&](u32 symbol) {
        // What the parser itself doesn't want is dropped: ignored lexemes, newlines within brackets.
        const bool dropped = c_.is_ignored_symbol(symbol) || !bits_get(wanted, symbol);
        out.push_back({dropped ? costs_->of_state(plain) + 1 : costs_->behind(plain, symbol), symbol});
    });
    std::sort(out.begin(), out.end(),
              [](Choice a, Choice b) { return a.cost != b.cost ? a.cost < b.cost : a.symbol < b.symbol; });
    bytes_ += out.size() * sizeof(Choice) + 100;
    return out;
}

// The shortest rest of a lexeme: breadth first. For a newline that indentation watches, one that the parser state can
// take; else the parser state doesn't matter.
Completion::Finish Completion::finish(u32 lexer, u32 symbol, u32 syntax) {
    Lexer& lx = c_.lexer();
    const bool watched = parser_.indented() && c_.positions().alphabet.terminal(symbol) == lx.newline();
    if (!watched) {
        const auto known = finishes_.find(pair_key(lexer, symbol));
        if (known != finishes_.end()) return known->second;
    }
    struct Visit {
        u32 state, from;
        u8 byte;
    };
    std::vector<Visit> todo{{lexer, NONE, 0}};
    std::unordered_set<u32> seen{lexer};
    Finish out;
    auto accepts = [&](u32 at) {
        const LexState& s = lx.state(todo[at].state);
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            if (c_.accept_symbol(todo[at].state, i, 0) != symbol) continue;
            if (watched && parser_.after(syntax, symbol, s.accepts[i].column) == NONE) continue;
            out.found = true;
            out.ctx = s.accepts[i].ctx;
            out.column = s.accepts[i].column;
            for (u32 k = at; todo[k].from != NONE; k = todo[k].from)
                out.text.push_back(static_cast<char>(todo[k].byte));
            std::reverse(out.text.begin(), out.text.end());
            return true;
        }
        return false;
    };
    bool done = accepts(0);
    for (u32 i = 0; i < todo.size() && !done && todo.size() < kMaxVisited; ++i)
        for (u32 cls = 0; cls < lx.n_classes() && !done; ++cls)
            lx.each(lx.step_class(todo[i].state, cls), [&](u32 to) {
                if (done || !bits_get(c_.live(to), symbol) || !seen.insert(to).second) return;
                todo.push_back({to, i, lx.class_byte(cls)});
                done = accepts(static_cast<u32>(todo.size()) - 1);
            });
    if (!watched) {
        finishes_.emplace(pair_key(lexer, symbol), out);
        bytes_ += out.text.size() + 120;
    }
    return out;
}

// Ways to finish the lexeme in which a reading stands (or to read one, if it stands before it), best first.
void Completion::steps(u32 syntax, u32 lexer, std::vector<Step>& out) {
    const Bits& live = c_.live(lexer);
    const LexState& s = c_.lexer().state(lexer);
    std::vector<Choice> best;
    for (const Choice& choice : choices(syntax)) {
        if (!bits_get(live, choice.symbol)) continue;
        u32 cost = choice.cost;
        const u32 terminal = c_.positions().alphabet.terminal(choice.symbol);
        if (s.start) {
            cost += costs_->lexeme(terminal);
        } else {
            bool now = false;
            for (u32 i = 0; i < s.accepts.size(); ++i) now |= c_.accept_symbol(lexer, i, 0) == choice.symbol;
            cost += now ? 0 : 1;
        }
        best.push_back({cost, choice.symbol});
    }
    std::stable_sort(best.begin(), best.end(), [](Choice a, Choice b) { return a.cost < b.cost; });
    for (const Choice& choice : best) {
        if (out.size() == kMaxSteps) break;
        const Finish f = finish(lexer, choice.symbol, syntax);
        if (!f.found) continue;
        const u32 to = parser_.after(syntax, choice.symbol, f.column);
        if (to != NONE) out.push_back({f.text, to, f.ctx});
    }
}

// The ending from a lexeme's beginning. As deep as texts nest, so the states on the way stand in a list of ours.
u32 Completion::tail(u32 syntax, u32 ctx) {
    struct Visit {
        u32 syntax, ctx;
        std::vector<Step> ways;
        size_t at = 0;
    };
    std::vector<Visit> path;
    std::unordered_set<u64> busy;
    // Whether it is known (or found at once); else it is taken up.
    auto known = [&](u32 p, u32 k, u32& ending) {
        const u32 found = tails_.find(pair_key(p, k));
        if (found != NONE) {
            ending = found;
            return true;
        }
        if (parser_.accepts(p) && c_.lexer().context(k).eof_ok) {
            ending = Endings::kEmpty;
            return true;
        }
        return false;
    };
    auto take_up = [&](u32 p, u32 k) {
        busy.insert(pair_key(p, k));
        Visit v{p, k, {}};
        c_.lexer().each(c_.lexer().start(parser_.lex_id(p), k), [&](u32 begin) { steps(p, begin, v.ways); });
        path.push_back(std::move(v));
    };
    u32 ending = kNone;
    if (known(syntax, ctx, ending)) return ending;
    take_up(syntax, ctx);
    while (!path.empty()) {
        Visit& v = path.back();
        ending = kNone;
        if (v.at < v.ways.size()) {
            const Step& way = v.ways[v.at];
            if (!known(way.syntax, way.ctx, ending)) {
                if (busy.count(pair_key(way.syntax, way.ctx)) || path.size() > kMaxLexemes) {
                    ++v.at;
                } else {
                    take_up(way.syntax, way.ctx);
                }
                continue;
            }
            if (ending == kNone) {
                ++v.at;
                continue;
            }
            ending = endings_.prepend(way.text, ending);
        }
        busy.erase(pair_key(v.syntax, v.ctx));
        tails_.insert(pair_key(v.syntax, v.ctx), ending);
        bytes_ += 24;
        path.pop_back();
    }
    return ending;
}

u32 Completion::ending(const Reading& r) {
    const u64 key = pair_key(r.syntax, r.lexer);
    const u32 known = readings_.find(key);
    if (known != NONE) return known;
    const LexState& s = c_.lexer().state(r.lexer);
    u32 best = kNone;
    if (s.start) {
        best = tail(r.syntax, s.ctx);
    } else {
        std::vector<Step> ways;
        steps(r.syntax, r.lexer, ways);
        for (const Step& way : ways) {
            const u32 rest = tail(way.syntax, way.ctx);
            if (rest == kNone) continue;
            const u32 found = endings_.prepend(way.text, rest);
            if (best == kNone || endings_.needed(found) < endings_.needed(best)) best = found;
        }
    }
    readings_.insert(key, best);
    bytes_ += 24;
    return best;
}

bool Completion::find(const Readings& readings, std::vector<u32>& tokens) {
    std::lock_guard<std::mutex> lock(mutex_);
    bound();
    u32 best = kNone;
    for (const Reading& r : readings) {
        const u32 found = ending(r);
        if (found == kNone || endings_.needed(found) == NONE) continue;
        if (best == kNone || endings_.needed(found) < endings_.needed(best)) best = found;
    }
    if (best == kNone) return false;
    tokens = endings_.tokens(best);
    return true;
}

void Completion::fill(const Readings& readings, u32 most, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    bound();
    const u32 words = c_.trie().words();
    std::memset(out, 0, static_cast<size_t>(words) * 4);
    struct Place {
        u32 syntax, lexer, nodes;
    };
    std::vector<Place> todo;
    std::unordered_set<u64> seen;
    auto add = [&](u32 syntax, u32 lexer, u32 nodes) {
        if (seen.insert(mix(mix(syntax, lexer), nodes)).second) todo.push_back({syntax, lexer, nodes});
    };
    for (const Reading& r : readings) add(r.syntax, r.lexer, StateRows::kRoot);
    while (!todo.empty()) {
        const Place at = todo.back();
        todo.pop_back();
        const StateRow& row = rows_.row(at.nodes, at.lexer);
        const Bits& wanted = parser_.viable_set(at.syntax);
        for (const StateRow::Group& g : row.groups) {
            if (!bits_meet(c_.live(g.state), wanted)) continue;
            const u32 found = ending({at.syntax, g.state});
            if (found == kNone || endings_.needed(found) > most) continue;
            for (u32 id : g.ids) out[id / 32] |= 1u << (id % 32);
            for (size_t w = 0; w < g.words.size(); ++w) out[w] |= g.words[w];
        }
        for (const StateRow::Exit& e : row.exits) {
            const u32 to = parser_.after(at.syntax, e.symbol, e.column);
            if (to == NONE) continue;
            c_.lexer().each(c_.lexer().start(parser_.lex_id(to), e.ctx), [&](u32 begin) { add(to, begin, e.nodes); });
        }
    }
}

}  // namespace gcd
