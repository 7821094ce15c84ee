// What is known of a state's future as a whole: lengths, counts that no token can use up, characters that are safe,
// finite lists.
#include <algorithm>
#include <functional>

#include "derivatives.hpp"

namespace gcd {

// Within a token's length, a count that is far from its end is as good as any other that is. Only where no "and" or
// "not" could tell them apart later.
u32 Derivatives::truncated(u32 x, u32 reach) {
    const Node n = nodes_[x];
    if (n.op != CONCAT && n.op != ALT && n.op != REPEAT) return x;
    const u64 key = static_cast<u64>(x) << 32 | reach;
    const auto it = truncated_.find(key);
    if (it != truncated_.end()) return it->second;
    u32 out;
    if (n.op == CONCAT) {
        const u32 a = truncated(n.a, reach);
        out = concat(a, truncated(n.b, reach));
    } else if (n.op == ALT) {
        std::vector<u32> each;
        for (u32 i : n.items) each.push_back(truncated(i, reach));
        out = alt(std::move(each));
    } else {
        const bool far = n.c != NONE && n.c > reach;
        out = repeat(n.a, std::min(n.b, reach + 1), far ? NONE : n.c);
    }
    truncated_.emplace(key, out);
    return out;
}

u32 Derivatives::alike(u32 id, u32 reach) {
    const State& s = *states_[id];
    if (!nodes_[s.expression].plain) return id;
    const u64 key = static_cast<u64>(id) << 32 | reach;
    const auto it = alike_.find(key);
    if (it != alike_.end()) return it->second;
    const u32 out = intern_state(truncated(s.expression, reach), s.trackers);
    alike_.emplace(key, out);
    return out;
}

bool Derivatives::endless_expression(u32 x) const {
    const Node& n = nodes_[x];
    if (x == kAny) return true;
    if (n.op == CONCAT) return n.a == kAny && n.b != kEmpty && nodes_[n.b].plain;
    if (n.op != ALT) return false;
    return std::any_of(n.items.begin(), n.items.end(), [&](u32 i) { return endless_expression(i); });
}

// -- characters that are safe ------------------------------------------------------------------

namespace {
// Letters; letters and digits; printable ASCII but for quote and backslash; the same with all that isn't ASCII.
constexpr u64 kDigits = 0x03FF000000000000, kLetters = 0x07FFFFFE07FFFFFE;
constexpr u64 kPrintable[2] = {~0xFFFFFFFFull & ~(1ull << '"'), ~(1ull << ('\\' - 64))};
constexpr u64 kSafe[4][2] = {
    {0, kLetters}, {kDigits, kLetters}, {kPrintable[0], kPrintable[1]}, {kPrintable[0], kPrintable[1]}};
constexpr u32 kMaxSafe = 250;
constexpr size_t kMaxSafeStates = 64;
}  // namespace

u32 Derivatives::safe(u32 id, const u64 ascii[2], bool others) {
    for (u32 kind = others ? 3 : 0; kind < kSafeClasses; ++kind) {
        if ((ascii[0] & ~kSafe[kind][0]) || (ascii[1] & ~kSafe[kind][1])) continue;
        const u8 known = states_[id]->safe[kind];
        return known != kUnknown ? known : count_safe(id, kind);
    }
    return 0;
}

u32 Derivatives::count_safe(u32 id, u32 kind) {
    std::vector<u32> all{id};
    u32 n = kMaxSafe;
    for (size_t begin = 0, round = 0; begin < all.size(); ++round) {
        const size_t end = all.size();
        if (end > kMaxSafeStates || round == kMaxSafe) {
            n = static_cast<u32>(round);
            break;
        }
        bool dies = false;
        for (size_t i = begin; i < end && !dies; ++i) {
            if (!states_[all[i]]->expanded) expand(all[i]);
            auto take = [&](u32 to) {
                dies = dies || !alive(to);
                if (std::find(all.begin(), all.end(), to) == all.end()) all.push_back(to);
            };
            u32 last = NONE;
            for (u32 c = 0; c < 128 && !dies; ++c) {
                if (!(kSafe[kind][c / 64] >> (c % 64) & 1)) continue;
                const u32 to = states_[all[i]]->ascii[c];
                if (to != last) take(to);
                last = to;
            }
            u32 from = 0;
            for (size_t k = 0; kind == 3 && k < states_[all[i]]->arcs.size() && !dies; ++k) {
                const Arc a = states_[all[i]]->arcs[k];
                if (a.hi >= 128 && !(from >= 0xD800 && a.hi <= 0xDFFF)) take(a.target);
                from = a.hi + 1;
            }
        }
        if (dies) {
            n = static_cast<u32>(round);
            break;
        }
        begin = end;
    }
    states_[id]->safe[kind] = static_cast<u8>(n);
    return n;
}

bool Derivatives::any_characters(u32 id, u32& min, u32& max) const {
    const State& s = *states_[id];
    const Node* n = &nodes_[s.expression];
    min = 0;
    max = NONE;
    if (s.expression == kAny) return true;
    auto any = [&](const Node& x) {
        return x.op == CHARS && sets_[x.a].size() == 1 && sets_[x.a][0].lo == 0 && sets_[x.a][0].hi == kMaxCodePoint;
    };
    if (n->op == CONCAT && n->b == kAny && any(nodes_[n->a])) {
        min = 1;
        return true;
    }
    if (n->op == CONCAT && n->b == kAny && nodes_[n->a].op == REPEAT && any(nodes_[nodes_[n->a].a])) {
        min = nodes_[n->a].b;
        return true;
    }
    if (any(*n)) {
        min = max = 1;
        return true;
    }
    if (n->op != REPEAT || !any(nodes_[n->a])) return false;
    min = n->b;
    max = n->c;
    return true;
}

// A bound on the shortest text of the expression and of all its derivatives, for plain ones.
u64 Derivatives::longest_least(u32 x) const {
    const Node& n = nodes_[x];
    u64 out = 0;
    switch (n.op) {
        case CHARS:
            return 1;
        case CONCAT:
            return longest_least(n.a) + longest_least(n.b);
        case ALT:
            for (u32 i : n.items) out = std::max(out, longest_least(i));
            return out;
        case REPEAT:
            return longest_least(n.a) * std::max(n.b, 1u);
        case WORDS:
            for (size_t i = 1; i < n.items.size(); i += 2) out = std::max(out, 1 + longest_least(n.items[i]));
            return out;
        default:
            return 0;
    }
}

bool Derivatives::bounded(u32 id, u32& other, u32& max, u32& slack) {
    const State& s = *states_[id];
    const Node n = nodes_[s.expression];
    if (n.op != AND || n.items.size() != 2 || !s.trackers.empty()) return false;
    for (u32 k = 0; k < 2; ++k) {
        const Node& r = nodes_[n.items[k]];
        const u32 rest = n.items[1 - k];
        if (r.op != REPEAT || r.b > 1 || r.c == NONE || nodes_[r.a].op != CHARS || !nodes_[rest].plain) continue;
        const CharRanges& set = sets_[nodes_[r.a].a];
        if (set.size() != 1 || set[0].lo != 0 || set[0].hi != kMaxCodePoint) continue;
        if (r.b == 1 && nodes_[rest].nullable) continue;
        const u64 least = longest_least(rest);
        if (least > 10000) return false;
        max = r.c;
        slack = static_cast<u32>(least);
        other = intern_state(rest, {});
        return true;
    }
    return false;
}

bool Derivatives::finite(u32 id, u32 most, std::vector<CodePoints>& out) {
    // Depth first over states that are alive; a state that stands on its own way has texts without end.
    struct Frame {
        u32 state;
        size_t arc;
        u32 c;
    };
    if (!alive(id)) return true;
    std::vector<Frame> stack{{id, 0, 0}};
    CodePoints text;
    if (accepts(id)) out.push_back(text);
    while (!stack.empty()) {
        Frame& f = stack.back();
        if (!states_[f.state]->expanded) expand(f.state);
        const State& s = *states_[f.state];
        if (f.arc >= s.arcs.size()) {
            stack.pop_back();
            if (!text.empty()) text.pop_back();
            continue;
        }
        const u32 begin = f.arc ? s.arcs[f.arc - 1].hi + 1 : 0;
        const u32 c = std::max(begin, f.c);
        const Arc a = s.arcs[f.arc];
        if (c > a.hi || !alive(a.target)) {
            ++f.arc;
            f.c = 0;
            continue;
        }
        f.c = c + 1;
        if (c >= 0xD800 && c <= 0xDFFF) {
            f.c = 0xE000;
            continue;
        }
        for (const Frame& g : stack)
            if (g.state == a.target) return false;
        text.push_back(c);
        if (accepts(a.target)) {
            if (out.size() >= most) return false;
            out.push_back(text);
        }
        if (text.size() > 100000) return false;
        stack.push_back({a.target, 0, 0});
    }
    return true;
}

bool Derivatives::infinite(u32 id) {
    // Some state that is alive stands on its own way.
    constexpr size_t kMaxStates = 20000;
    enum : u8 { kNew, kOpen, kDone };
    std::unordered_map<u32, u8> seen;
    std::vector<std::pair<u32, size_t>> stack{{id, 0}};
    seen[id] = kOpen;
    if (!alive(id)) return false;
    while (!stack.empty()) {
        auto& [state, arc] = stack.back();
        if (!states_[state]->expanded) expand(state);
        const std::vector<Arc>& arcs = states_[state]->arcs;
        if (arc >= arcs.size()) {
            seen[state] = kDone;
            stack.pop_back();
            continue;
        }
        const u32 to = arcs[arc++].target;
        if (!alive(to)) continue;
        u8& mark = seen[to];
        if (mark == kOpen) return true;
        if (mark == kDone) continue;
        if (seen.size() > kMaxStates) return false;
        mark = kOpen;
        stack.emplace_back(to, 0);
    }
    return false;
}

bool Derivatives::matches(u32 expression, const CodePoints& text) {
    u32 s = start(expression);
    for (char32_t c : text) {
        s = step(s, c);
        if (s == kDead) return false;
    }
    return accepts(s);
}

}  // namespace gcd
