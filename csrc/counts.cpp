#include "counts.hpp"

#include <algorithm>
#include <functional>

namespace gcd {

namespace {
constexpr u32 kMinSlack = 8;        // counts nearer to their end are visited one by one
constexpr u32 kMaxShapes = 512;     // that one count is followed through
constexpr u32 kMaxRaised = 8;       // counts in a state; a text that can be read with more has new shapes all the time
constexpr u32 kMaxFollowed = 8192;  // shapes that were followed for nothing, before that is left alone
}  // namespace

bool Counts::between_characters(u32 state) {
    const LexState& s = lexer_.whole(state);
    for (const Thread& t : s.main)
        if (t.node) return false;
    return true;
}

// All threads of a state read the same character, each from its own class node. Characters that agree on which threads
// they complete do the same, so one of each kind is enough: for /\w+/ beside /[é-ÿ]x/, "é" (both), "ж" (the first).
const std::vector<std::string>& Counts::non_ascii(u32 state) {
    const LexState& s = lexer_.whole(state);
    const Context& c = lexer_.context(s.ctx);
    const NfaProgram& nfa = lexer_.nfa();
    std::vector<u32> nodes;
    auto add = [&](const Threads& ts) {
        for (const Thread& t : ts) {
            if (nfa.op(t.pc) == OP_EOF) continue;
            const u32 node = t.node ? t.node - 1 : nfa.arg(t.pc, 0);
            if (nfa.node_start[node + 1] == nfa.node_start[node] || nfa.range_hi[nfa.node_start[node + 1] - 1] < 0x80)
                continue;
            nodes.push_back(node);
        }
    };
    add(s.main);
    for (const Thread& t : s.main)
        if (t.guard) add(lexer_.guard(t.guard));
    add(s.obs);
    add(c.neg);
    for (const Threads& p : c.pos) add(p);
    add(c.back);
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    auto [it, fresh] = non_ascii_.try_emplace(nodes);
    if (!fresh) return it->second;

    // Per list of nodes (NONE: no longer in): the ways to complete the character, by which of them it completes.
    using Ways = std::map<std::vector<bool>, std::string>;
    std::map<std::vector<u32>, Ways> known;
    std::function<const Ways&(const std::vector<u32>&, u32)> ways = [&](const std::vector<u32>& at,
                                                                        u32 depth) -> const Ways& {
        auto [known_at, unknown] = known.try_emplace(at);
        Ways& out = known_at->second;
        if (!unknown || depth == 4) return out;
        std::vector<u32> next(at.size());
        for (u32 cls = 0; cls < lexer_.n_classes(); ++cls) {
            const u8 b = lexer_.class_byte(cls);
            if (b < 0x80) continue;
            std::vector<bool> done(at.size());
            bool some = false, complete = false;
            for (size_t i = 0; i < at.size(); ++i) {
                const u32 to = at[i] == NONE ? 0 : lexer_.class_step(at[i], b);
                done[i] = to == NONE;
                complete |= done[i];
                next[i] = to == 0 || to == NONE ? NONE : to - 1;
                some |= next[i] != NONE;
            }
            const std::string byte(1, static_cast<char>(b));
            if (complete) {
                out.try_emplace(std::move(done), byte);
            } else if (some) {
                for (const auto& [what, rest] : ways(next, depth + 1)) out.try_emplace(what, byte + rest);
            }
        }
        return out;
    };
    if (!nodes.empty())
        for (const auto& [what, bytes] : ways(nodes, 0)) it->second.push_back(bytes);
    return it->second;
}

void Counts::follow(u32 state, const std::string& bytes, std::vector<u32>& out) {
    out.assign(1, state);
    std::vector<u32> next;
    for (char b : bytes) {
        next.clear();
        for (u32 s : out)
            lexer_.each(lexer_.step(s, static_cast<u8>(b)),
                        [&](u32 t) { next.push_back(lexer_.state(t).base != NONE ? lexer_.state(t).base : t); });
        out.swap(next);
        if (out.empty()) return;
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
}

// Whether b is a with some counts one higher, `raised`, and the step made no difference to them.
bool Counts::in_step(const LexState& a, const LexState& b, std::vector<bool>& raised) const {
    if (a.start != b.start || a.unless != b.unless || a.ctx != b.ctx || a.column != b.column || a.base != b.base ||
        a.group_end != b.group_end || !(a.obs == b.obs) || a.main.size() != b.main.size() ||
        a.accepts.size() != b.accepts.size())
        return false;
    for (size_t i = 0; i < a.accepts.size(); ++i)
        if (a.accepts[i].terminal != b.accepts[i].terminal || a.accepts[i].ctx != b.accepts[i].ctx ||
            a.accepts[i].column != b.accepts[i].column)
            return false;
    raised.assign(a.main.size(), false);
    for (size_t i = 0; i < a.main.size(); ++i) {
        const Thread &x = a.main[i], &y = b.main[i];
        if (x.pc != y.pc || x.node != y.node || x.guard != y.guard) return false;
        if (x.count == y.count) continue;
        const u32 room = lexer_.stretch(x);
        if (y.count != x.count + 1 || room == NONE || room == 0 || lexer_.stretch(y) != room - 1) return false;
        raised[i] = true;
    }
    // A count that is raised could meet one that isn't, later on: they must not be of the same counter.
    for (size_t i = 0; i < a.main.size(); ++i)
        for (size_t k = 0; raised[i] && k < a.main.size(); ++k)
            if (!raised[k] && lexer_.counter(a.main[k]) == lexer_.counter(a.main[i]) &&
                lexer_.stretch(a.main[k]) != NONE)
                return false;
    return true;
}

std::vector<u32> Counts::shape_key(const LexState& s, const std::vector<bool>& raised, u32 place) const {
    std::vector<u32> key{place, s.ctx, s.unless, s.start, s.column, static_cast<u32>(s.accepts.size())};
    for (const Accept& a : s.accepts) key.insert(key.end(), {a.terminal, a.ctx, a.column});
    key.push_back(static_cast<u32>(s.group_end.size()));
    key.insert(key.end(), s.group_end.begin(), s.group_end.end());
    u32 first = NONE;
    for (size_t i = 0; i < s.main.size(); ++i) {
        const Thread& t = s.main[i];
        key.insert(key.end(), {t.pc, t.node, t.guard, raised[i]});
        if (!raised[i]) {
            key.push_back(t.count);
            continue;
        }
        if (first == NONE) first = t.count;
        key.push_back(t.count - first);
        key.push_back(t.count >= lexer_.nfa().arg(lexer_.counter(t), 2));  // before the minimum, or after it
    }
    for (const Thread& t : s.obs) key.insert(key.end(), {t.pc, t.node, t.count});
    return key;
}

bool Counts::examine(u32 state, u32 place, u32 slack, Shape& shape) {
    struct Pair {
        u32 a, b, place, first;  // b = a + 1; the first count of a that is raised
    };
    std::vector<Pair> todo;
    std::map<std::vector<u32>, u32> seen;  // shape -> index
    std::vector<bool> raised;
    u32 least = slack, ahead = 0;
    bool good = true, loops = false;
    // Takes up a pair that is in step; says how far it is ahead of the first one of its shape.
    auto add = [&](u32 a, u32 b, u32 at) -> u32 {
        const LexState& s = lexer_.whole(a);
        u32 room = NONE, first = NONE, many = 0;
        for (size_t i = 0; i < raised.size(); ++i) {
            if (!raised[i]) continue;
            if (first == NONE) first = s.main[i].count;
            ++many;
            room = std::min(room, lexer_.stretch(s.main[i]));
        }
        good = good && many <= kMaxRaised * s.group_end.size();
        const auto [it, fresh] = seen.try_emplace(shape_key(s, raised, at), static_cast<u32>(todo.size()));
        if (!fresh) return first > todo[it->second].first ? first - todo[it->second].first : 0;
        least = std::min(least, room);
        todo.push_back({a, b, at, first});
        return 0;
    };
    const u32 above = lexer_.shifted(state, 1);
    if (!in_step(lexer_.whole(state), lexer_.whole(above), raised)) return true;
    add(state, above, place);
    std::vector<u32> to_a, to_b;
    for (size_t i = 0; i < todo.size() && good; ++i) {
        if (least < 2) break;  // else a + 1 has some left, too
        const Pair at = todo[i];
        each_move(at.a, at.place, [&](const std::string& bytes, u32 next) {
            if (!good) return;
            follow(at.a, bytes, to_a);
            follow(at.b, bytes, to_b);
            good = to_a.size() == to_b.size();
            for (size_t k = 0; k < to_a.size() && good; ++k) {
                const u32 a = to_a[k];
                u32 b = NONE, partners = 0;
                for (u32 other : to_b)
                    if (in_step(lexer_.whole(a), lexer_.whole(other), raised)) b = other, ++partners;
                good = partners == 1;
                if (!good || a == b) continue;  // a == b: the counts are gone
                loops |= a == above && next == place;
                in_step(lexer_.whole(a), lexer_.whole(b), raised);
                ahead = std::max(ahead, add(a, b, next));
                good = good && todo.size() <= kMaxShapes;
            }
        });
    }
    if (!good || !loops || least < 2) followed_ += static_cast<u32>(todo.size());
    if (good && least < 2) return false;
    shape.in_step = good;
    shape.loops = good && loops;
    shape.margin = slack - (least - 1) + ahead;
    for (const Pair& p : todo)
        if (between_characters(p.a)) shape.reached.push_back(p.a);
    return true;
}

// What is known of a state's shape; null if its counts are too near to their end to tell, or too many.
const Counts::Shape* Counts::shape(u32 state, u32 place) {
    const u32 slack = lexer_.slack(state);
    if (slack == NONE || slack < kMinSlack) return nullptr;
    const LexState& s = lexer_.whole(state);
    std::vector<bool> raised;
    u32 many = 0;
    for (const Thread& t : s.main) {
        raised.push_back(lexer_.stretch(t) != NONE);
        many += raised.back();
    }
    if (many > kMaxRaised * s.group_end.size()) return nullptr;
    Shape& shape = shapes_[shape_key(s, raised, place)];
    if (!shape.decided && slack > 2 * shape.tried && followed_ < kMaxFollowed) {
        shape.decided = examine(state, place, slack, shape);
        shape.tried = slack;
    }
    return shape.decided ? &shape : nullptr;
}

u32 Counts::highest(u32 state, u32 place) {
    const Shape* shape = this->shape(state, place);
    if (!shape || !shape->loops) return state;
    const u32 slack = lexer_.slack(state);
    return slack > shape->margin ? lexer_.shifted(state, slack - shape->margin) : state;
}

u32 Counts::alike(u32 state, u32 reach) {
    if (!lexer_.counts() || !trie_.byte_complete || lexer_.state(state).column != NONE) return state;
    const Shape* whole = shape(state, 0);
    if (!whole || !whole->in_step) return state;
    // After a token the state may be any of those reached: the outcomes of each have to be the same at all counts, also
    // after the counts that the token takes. What a state of several groups can finish is what its groups can.
    std::vector<u32> groups = lexer_.state(state).groups;
    if (groups.empty()) groups.push_back(state);
    u32 keep = whole->margin;
    for (u32 one : groups) {
        if (lexer_.slack(one) == NONE) continue;  // its outcomes don't depend on counts
        const Shape* part = shape(one, 0);
        if (!part || !part->in_step) return state;
        for (u32 reached : std::vector<u32>(part->reached)) {
            const Shape* then = shape(reached, 0);
            if (!then || !then->loops) return state;
            keep = std::max(keep, then->margin);
        }
    }
    const u32 slack = lexer_.slack(state);
    keep += reach + 1;
    return slack > keep ? lexer_.shifted(state, slack - keep) : state;
}

}  // namespace gcd
