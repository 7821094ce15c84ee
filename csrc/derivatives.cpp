#include "derivatives.hpp"

#include <algorithm>
#include <functional>

namespace gcd {

namespace {

// States looked at before one is taken to be alive.
constexpr u32 kMaxSearch = 20000;

u32 less_one(u32 n) {
    return n == 0 || n == NONE ? n : n - 1;
}

}  // namespace

Derivatives::Derivatives(u32 max_size) : max_size_(max_size) {
    Node empty;
    empty.op = EMPTY;
    Node eps;
    eps.op = EPS;
    eps.nullable = true;
    Node any;
    any.op = ANY;
    any.nullable = true;
    intern(empty);
    intern(eps);
    intern(any);
    const u32 dead = intern_state(kEmpty, {});
    states_[dead]->life = 2;
}

// -- derivatives ------------------------------------------------------------------------------

bool Derivatives::in_set(u32 set, u32 c) const {
    const CharRanges& r = sets_[set];
    size_t lo = 0, hi = r.size();
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        if (r[mid].hi < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r.size() && r[lo].lo <= c;
}

// Whether the empty rest of the text matches.
bool Derivatives::nullable(u32 x, const Truth& t) {
    const Node& n = nodes_[x];
    if (!n.looks) return n.nullable;
    switch (n.op) {
        case CONCAT:
            return nullable(n.a, t) && nullable(nodes_[x].b, t);
        case ALT:
            for (u32 i : n.items)
                if (nullable(i, t)) return true;
            return false;
        case AND:
            for (u32 i : n.items)
                if (!nullable(i, t)) return false;
            return true;
        case NOT:
            return !nullable(n.a, t);
        case REPEAT:
            return n.b == 0 || nullable(n.a, t);
        case LOOKAHEAD:
            return nullable(n.a, t) != n.negative;
        case LOOKBEHIND: {
            const auto it = t.find(n.a);
            return (it != t.end() && it->second) != n.negative;
        }
        default:
            return n.nullable;
    }
}

// What must follow `c` where `x` is the whole rest of the text.
u32 Derivatives::derive(u32 x, u32 c, const Truth& t, Memo& memo) {
    if (x <= kEps) return kEmpty;
    if (x == kAny) return kAny;
    const auto known = memo.find(static_cast<u64>(x) << 32 | NONE);
    if (known != memo.end()) return known->second;
    // Entered again before anything was read (a loop whose body can be empty): that way adds nothing.
    memo.emplace(static_cast<u64>(x) << 32 | NONE, kEmpty);
    const Node n = nodes_[x];  // a copy: the vector grows
    u32 out;
    switch (n.op) {
        case ALT:
        case AND: {
            std::vector<u32> each;
            each.reserve(n.items.size());
            for (u32 i : n.items) each.push_back(derive(i, c, t, memo));
            out = n.op == ALT ? alt(std::move(each)) : both(std::move(each));
            break;
        }
        case NOT:
            out = negate(derive(n.a, c, t, memo));
            break;
        case CONCAT:
            out = derive_then(n.a, n.b, c, t, memo);
            break;
        default:
            out = derive_then(x, kEps, c, t, memo);
    }
    memo[static_cast<u64>(x) << 32 | NONE] = out;
    return out;
}

// What must follow `c` where the rest of the text is `a`, then `k` to its end.
u32 Derivatives::derive_then(u32 a, u32 k, u32 c, const Truth& t, Memo& memo) {
    const Node n = nodes_[a];
    switch (n.op) {
        case EMPTY:
            return kEmpty;
        case EPS:
            return derive(k, c, t, memo);
        case CHARS:
            return in_set(n.a, c) ? k : kEmpty;
        case ANY: {
            const u32 stay = concat(kAny, k);
            return alt({stay, derive(k, c, t, memo)});
        }
        case WORDS: {
            u32 next = kEmpty;
            size_t lo = 0, hi = n.items.size() / 2;
            while (lo < hi) {
                const size_t mid = (lo + hi) / 2;
                if (n.items[2 * mid] < c)
                    lo = mid + 1;
                else
                    hi = mid;
            }
            if (2 * lo < n.items.size() && n.items[2 * lo] == c) next = concat(n.items[2 * lo + 1], k);
            return n.nullable ? alt({next, derive(k, c, t, memo)}) : next;
        }
        case CONCAT:
            return derive_then(n.a, concat(n.b, k), c, t, memo);
        case ALT: {
            std::vector<u32> each;
            for (u32 i : n.items) each.push_back(derive_then(i, k, c, t, memo));
            return alt(std::move(each));
        }
        case AND:
        case NOT: {  // closed in themselves: lookaround in them sees their own text only
            const u32 next = concat(derive(a, c, t, memo), k);
            return nullable(a, t) ? alt({next, derive(k, c, t, memo)}) : next;
        }
        case REPEAT: {
            const u64 key = static_cast<u64>(a) << 32 | k;
            if (memo.count(key)) return memo[key];
            memo.emplace(key, kEmpty);
            const u32 rest = concat(repeat(n.a, less_one(n.b), less_one(n.c)), k);
            u32 out = derive_then(n.a, rest, c, t, memo);
            if (n.b == 0) out = alt({out, derive(k, c, t, memo)});
            memo[key] = out;
            return out;
        }
        case LOOKAHEAD: {
            const u32 ahead = derive(n.a, c, t, memo);
            return both({n.negative ? negate(ahead) : ahead, derive(k, c, t, memo)});
        }
        case LOOKBEHIND: {
            const auto it = t.find(n.a);
            return (it != t.end() && it->second) != n.negative ? derive(k, c, t, memo) : kEmpty;
        }
    }
    return kEmpty;
}

// -- states -----------------------------------------------------------------------------------

void Derivatives::collect_trackers(u32 x, std::vector<u32>& out, std::vector<u32>& seen) {
    if (!nodes_[x].looks) return;
    if (std::find(seen.begin(), seen.end(), x) != seen.end()) return;
    seen.push_back(x);
    const Node n = nodes_[x];
    if (n.op == LOOKBEHIND) {
        out.push_back(n.a);
        collect_trackers(tracker_start_[n.a], out, seen);
        return;
    }
    if (n.op == CONCAT || n.op == NOT || n.op == REPEAT || n.op == LOOKAHEAD) collect_trackers(n.a, out, seen);
    if (n.op == CONCAT) collect_trackers(n.b, out, seen);
    if (n.op == ALT || n.op == AND)
        for (u32 i : n.items) collect_trackers(i, out, seen);
}

u32 Derivatives::intern_state(u32 expression, std::vector<u32> trackers) {
    const u64 h = hash_u32s(expression, trackers);
    const auto range = state_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it) {
        const State& s = *states_[it->second];
        if (s.expression == expression && s.trackers == trackers) return it->second;
    }
    if (states_.size() >= max_size_)
        throw CoreError(ErrorKind::limit_states, states_.size(), "the regular expressions have too many states");
    auto s = std::make_unique<State>();
    s->expression = expression;
    s->trackers = std::move(trackers);
    Truth truth;
    for (size_t i = 0; i < s->trackers.size(); i += 2) truth[s->trackers[i]] = nullable(s->trackers[i + 1], truth);
    s->accepts = nullable(expression, truth);
    s->life = expression == kEmpty ? 2 : s->accepts || nodes_[expression].plain ? 1 : 0;
    const u32 id = static_cast<u32>(states_.size());
    states_.push_back(std::move(s));
    state_index_.emplace(h, id);
    return id;
}

u32 Derivatives::start(u32 expression) {
    std::vector<u32> used, seen, trackers;
    collect_trackers(expression, used, seen);
    sort_unique(used);  // one within another has the smaller number, so it is known first
    for (u32 t : used) {
        trackers.push_back(t);
        trackers.push_back(tracker_start_[t]);
    }
    return intern_state(expression, std::move(trackers));
}

// The sets of characters that decide what comes next.
void Derivatives::first(u32 x, std::vector<u32>& sets, std::vector<u32>& singles, std::vector<u32>& seen) {
    if (x <= kAny) return;
    const Node& n = nodes_[x];
    switch (n.op) {
        case CHARS:
            sets.push_back(n.a);
            return;
        case WORDS:
            for (size_t i = 0; i < n.items.size(); i += 2) singles.push_back(n.items[i]);
            return;
        case LOOKBEHIND:
            return;
        default:
            break;
    }
    if (std::find(seen.begin(), seen.end(), x) != seen.end()) return;
    seen.push_back(x);
    if (n.op == ALT || n.op == AND) {
        for (u32 i : n.items) first(i, sets, singles, seen);
    } else {
        first(n.a, sets, singles, seen);
        if (n.op == CONCAT && (nodes_[n.a].nullable || nodes_[n.a].looks)) first(n.b, sets, singles, seen);
    }
}

void Derivatives::expand(u32 id) {
    State& s = *states_[id];
    std::vector<u32> sets, singles, seen;
    first(s.expression, sets, singles, seen);
    for (size_t i = 0; i < s.trackers.size(); i += 2) first(s.trackers[i + 1], sets, singles, seen);
    sort_unique(sets);
    sort_unique(singles);
    // Elementary intervals, each begun by an edge of some set; their signature is the sets that hold them.
    std::vector<u32> edges{0, 128};
    for (u32 c : singles) {
        edges.push_back(c);
        edges.push_back(c + 1);
    }
    for (u32 set : sets)
        for (const CharRange& r : sets_[set]) {
            edges.push_back(r.lo);
            edges.push_back(r.hi + 1);
        }
    sort_unique(edges);
    while (!edges.empty() && edges.back() > kMaxCodePoint) edges.pop_back();
    const size_t words = (sets.size() + 63) / 64;
    std::vector<u64> signature(edges.size() * words, 0);
    for (size_t k = 0; k < sets.size(); ++k)
        for (const CharRange& r : sets_[sets[k]]) {
            size_t i = std::lower_bound(edges.begin(), edges.end(), r.lo) - edges.begin();
            for (; i < edges.size() && edges[i] <= r.hi; ++i) signature[i * words + k / 64] |= 1ull << (k % 64);
        }
    Truth truth;
    for (size_t i = 0; i < s.trackers.size(); i += 2) truth[s.trackers[i]] = nullable(s.trackers[i + 1], truth);
    std::unordered_multimap<u64, std::pair<size_t, u32>> done;
    std::vector<Arc> arcs;
    for (size_t i = 0; i < edges.size(); ++i) {
        const u32 c = edges[i];
        const bool single = std::binary_search(singles.begin(), singles.end(), c);
        u64 h = 1;
        for (size_t w = 0; w < words; ++w) h = mix(h, signature[i * words + w]);
        u32 to = NONE;
        if (!single) {
            const auto range = done.equal_range(h);
            for (auto it = range.first; it != range.second; ++it)
                if (std::equal(signature.data() + i * words, signature.data() + (i + 1) * words,
                               signature.data() + it->second.first * words))
                    to = it->second.second;
        }
        if (to == NONE) {
            Memo memo;
            const u32 expression = derive(s.expression, c, truth, memo);
            std::vector<u32> used, visited, trackers;
            if (!s.trackers.empty()) {
                collect_trackers(expression, used, visited);
                sort_unique(used);
                for (size_t k = 0; k < s.trackers.size(); k += 2)
                    if (std::binary_search(used.begin(), used.end(), s.trackers[k])) {
                        Memo fresh;
                        trackers.push_back(s.trackers[k]);
                        trackers.push_back(derive(s.trackers[k + 1], c, truth, fresh));
                    }
            }
            to = intern_state(expression, std::move(trackers));
            if (!single) done.emplace(h, std::make_pair(i, to));
        }
        const u32 hi = i + 1 < edges.size() ? edges[i + 1] - 1 : kMaxCodePoint;
        if (!arcs.empty() && arcs.back().target == to && c != 128)
            arcs.back().hi = hi;
        else
            arcs.push_back({hi, to});
    }
    u32 at = 0;
    for (const Arc& a : arcs)
        for (; at <= a.hi && at < 128; ++at) s.ascii[at] = a.target;
    for (u32 c = 0x20; c < 128; ++c)
        if (s.ascii[c] == id && c != '"' && c != '\\') s.loops.raw[c / 64] |= 1ull << (c % 64);
    s.loops.others = true;
    u32 begin = 0;
    for (const Arc& a : arcs) {
        // Surrogates stand in no text.
        if (a.hi >= 128 && !(begin >= 0xD800 && a.hi <= 0xDFFF) && a.target != id) s.loops.others = false;
        begin = a.hi + 1;
    }
    s.arcs = std::move(arcs);
    s.expanded = true;
}

u32 Derivatives::step_slow(u32 id, u32 c) {
    State& s = *states_[id];
    if (!s.expanded) expand(id);
    if (c < 128) return s.ascii[c];
    const auto it = std::lower_bound(s.arcs.begin(), s.arcs.end(), c, [](const Arc& a, u32 x) { return a.hi < x; });
    return it->target;
}

bool Derivatives::alive(u32 id) {
    const u8 life = states_[id]->life;
    if (life == 3) guessed_ = true;
    if (life) return life != 2;
    // Depth first; what lies on the way to an accepting state is alive, and where none is found all of it is dead.
    std::vector<std::pair<u32, size_t>> stack{{id, 0}};
    std::vector<u32> visited{id};
    std::unordered_map<u32, bool> seen{{id, true}};
    while (!stack.empty()) {
        auto& [at, arc] = stack.back();
        if (!states_[at]->expanded) expand(at);
        const State& s = *states_[at];
        if (arc >= s.arcs.size()) {
            stack.pop_back();
            continue;
        }
        const u32 to = s.arcs[arc++].target;
        const u8 there = states_[to]->life;
        if (there == 1 || there == 3 || visited.size() > kMaxSearch) {
            const bool sure = there == 1;
            if (!sure) guessed_ = true;
            for (auto& f : stack) states_[f.first]->life = sure ? 1 : 3;
            return true;
        }
        if (there == 2 || !seen.emplace(to, true).second) continue;
        visited.push_back(to);
        stack.emplace_back(to, 0);
    }
    for (u32 v : visited)
        if (states_[v]->life == 0) states_[v]->life = 2;
    return false;
}

bool Derivatives::alive_by(u32 id, u32 lo, u32 hi) {
    if (id == kDead) return false;
    if (!states_[id]->expanded) expand(id);
    u32 begin = 0;
    for (size_t i = 0; i < states_[id]->arcs.size(); ++i) {
        const Arc a = states_[id]->arcs[i];
        if (a.hi >= lo && begin <= hi && alive(a.target)) return true;
        if (begin > hi) break;
        begin = a.hi + 1;
    }
    return false;
}
}  // namespace gcd
