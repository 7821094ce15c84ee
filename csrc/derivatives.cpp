#include "derivatives.hpp"

#include <algorithm>
#include <functional>

namespace gcd {

namespace {

u64 hash_u32s(u64 h, const std::vector<u32>& v) {
    for (u32 x : v) h = mix(h, x);
    return mix(h, v.size());
}

void sort_unique(std::vector<u32>& v) {
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
}

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

// -- expressions ------------------------------------------------------------------------------

u32 Derivatives::intern(Node node) {
    u64 h = mix(node.op, node.a);
    h = mix(mix(mix(h, node.b), node.c), (node.negative ? 2 : 0) + (node.op == WORDS && node.nullable ? 1 : 0));
    h = hash_u32s(h, node.items);
    const auto range = node_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it) {
        const Node& n = nodes_[it->second];
        if (n.op == node.op && n.a == node.a && n.b == node.b && n.c == node.c && n.negative == node.negative &&
            n.nullable == node.nullable && n.items == node.items)
            return it->second;
    }
    if (nodes_.size() >= max_size_)
        throw CoreError(ErrorKind::limit_states, nodes_.size(), "the regular expressions are too large");
    const u32 id = static_cast<u32>(nodes_.size());
    nodes_.push_back(std::move(node));
    node_index_.emplace(h, id);
    return id;
}

u32 Derivatives::chars(CharRanges ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const CharRange& a, const CharRange& b) { return a.lo < b.lo; });
    CharRanges merged;
    for (const CharRange& r : ranges) {
        if (r.lo > r.hi || r.lo > kMaxCodePoint) continue;
        const u32 hi = std::min(r.hi, kMaxCodePoint);
        if (!merged.empty() && r.lo <= merged.back().hi + 1)
            merged.back().hi = std::max(merged.back().hi, hi);
        else
            merged.push_back({r.lo, hi});
    }
    if (merged.empty()) return kEmpty;
    u64 h = merged.size();
    for (const CharRange& r : merged) h = mix(mix(h, r.lo), r.hi);
    u32 set = NONE;
    const auto range = set_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it)
        if (sets_[it->second] == merged) set = it->second;
    if (set == NONE) {
        set = static_cast<u32>(sets_.size());
        sets_.push_back(std::move(merged));
        set_index_.emplace(h, set);
    }
    Node n;
    n.op = CHARS;
    n.a = set;
    return intern(n);
}

u32 Derivatives::concat(u32 a, u32 b) {
    if (a == kEmpty || b == kEmpty) return kEmpty;
    if (a == kEps) return b;
    if (b == kEps) return a;
    if (a == kAny && b == kAny) return kAny;
    if (nodes_[a].op == CONCAT) {  // to the right: what follows a lookahead is all that follows
        const u32 head = nodes_[a].a, tail = nodes_[a].b;
        return concat(head, concat(tail, b));
    }
    if (a == kAny && nodes_[b].op == CONCAT && nodes_[b].a == kAny) return b;
    Node n;
    n.op = CONCAT;
    n.a = a;
    n.b = b;
    n.nullable = nodes_[a].nullable && nodes_[b].nullable;
    n.plain = nodes_[a].plain && nodes_[b].plain;
    n.looks = nodes_[a].looks || nodes_[b].looks;
    return intern(n);
}

u32 Derivatives::alt(std::vector<u32> xs) {
    std::vector<u32> flat;
    CharRanges ranges;
    u32 n_sets = 0, set_id = 0, trie = NONE;
    for (size_t i = 0; i < xs.size(); ++i) {
        const u32 x = xs[i];
        const Node& n = nodes_[x];
        if (x == kEmpty) continue;
        if (x == kAny) return kAny;
        if (n.op == ALT) {
            xs.insert(xs.end(), n.items.begin(), n.items.end());
        } else if (n.op == CHARS) {
            ranges.insert(ranges.end(), sets_[n.a].begin(), sets_[n.a].end());
            ++n_sets;
            set_id = x;
        } else if (n.op == WORDS) {
            trie = trie == NONE ? x : united_words(trie, x);
        } else {
            flat.push_back(x);
        }
    }
    if (n_sets) flat.push_back(n_sets == 1 ? set_id : chars(ranges));
    if (trie != NONE) flat.push_back(trie);
    sort_unique(flat);
    if (flat.empty()) return kEmpty;
    bool nullable = false;
    for (u32 x : flat)
        if (x != kEps) nullable = nullable || (nodes_[x].nullable && !nodes_[x].looks);
    if (nullable) flat.erase(std::remove(flat.begin(), flat.end(), kEps), flat.end());
    for (u32 x : flat)
        if (nodes_[x].op == NOT && std::binary_search(flat.begin(), flat.end(), nodes_[x].a) && !nodes_[x].looks)
            return kAny;
    if (flat.size() == 1) return flat[0];
    Node n;
    n.op = ALT;
    for (u32 x : flat) {
        n.nullable = n.nullable || nodes_[x].nullable;
        n.plain = n.plain && nodes_[x].plain;
        n.looks = n.looks || nodes_[x].looks;
    }
    n.items = std::move(flat);
    return intern(n);
}

u32 Derivatives::both(std::vector<u32> xs) {
    std::vector<u32> flat;
    for (size_t i = 0; i < xs.size(); ++i) {
        const u32 x = xs[i];
        if (x == kAny) continue;
        if (x == kEmpty) return kEmpty;
        if (nodes_[x].op == AND)
            xs.insert(xs.end(), nodes_[x].items.begin(), nodes_[x].items.end());
        else
            flat.push_back(x);
    }
    sort_unique(flat);
    if (flat.empty()) return kAny;
    for (u32 x : flat) {
        if (nodes_[x].op == NOT && std::binary_search(flat.begin(), flat.end(), nodes_[x].a)) return kEmpty;
        if (x == kEps) {  // only the empty text: decided now, where no lookaround has a say
            bool all = true, sure = true;
            for (u32 y : flat) {
                all = all && nodes_[y].nullable;
                sure = sure && !nodes_[y].looks;
            }
            if (sure) return all ? kEps : kEmpty;
        }
    }
    if (flat.size() == 1) return flat[0];
    Node n;
    n.op = AND;
    n.nullable = true;
    n.plain = false;
    for (u32 x : flat) {
        n.nullable = n.nullable && nodes_[x].nullable;
        n.looks = n.looks || nodes_[x].looks;
    }
    n.items = std::move(flat);
    return intern(n);
}

u32 Derivatives::negate(u32 x) {
    if (x == kEmpty) return kAny;
    if (x == kAny) return kEmpty;
    if (nodes_[x].op == NOT) return nodes_[x].a;
    Node n;
    n.op = NOT;
    n.a = x;
    n.nullable = !nodes_[x].nullable;
    n.plain = false;
    n.looks = nodes_[x].looks;
    return intern(n);
}

u32 Derivatives::repeat(u32 x, u32 min, u32 max) {
    if (max == 0) return kEps;
    if (x == kEmpty) return min == 0 ? kEps : kEmpty;
    if (x == kEps || x == kAny) return min == 0 && x == kAny ? kAny : x;
    if (min == 1 && max == 1) return x;
    if (nodes_[x].nullable && !nodes_[x].looks) min = 0;
    if (nodes_[x].op == CHARS && min == 0 && max == NONE) {
        const CharRanges& r = sets_[nodes_[x].a];
        if (r.size() == 1 && r[0].lo == 0 && r[0].hi == kMaxCodePoint) return kAny;
    }
    Node n;
    n.op = REPEAT;
    n.a = x;
    n.b = min;
    n.c = max;
    n.nullable = min == 0;
    n.plain = nodes_[x].plain;
    n.looks = nodes_[x].looks;
    return intern(n);
}

u32 Derivatives::words_node(bool accept, std::vector<u32> edges) {
    if (edges.empty()) return accept ? kEps : kEmpty;
    Node n;
    n.op = WORDS;
    n.nullable = accept;
    n.items = std::move(edges);
    return intern(n);
}

u32 Derivatives::words_below(const std::vector<CodePoints>& list, size_t begin, size_t end, size_t depth) {
    // A frame for each character that two words have in common; `words` bounds those.
    bool accept = false;
    std::vector<u32> edges;
    while (begin < end && list[begin].size() == depth) {
        accept = true;
        ++begin;
    }
    if (begin + 1 == end) {  // one word is left: from its end
        u32 below = kEps;
        for (size_t i = list[begin].size(); i > depth + 1; --i) below = words_node(false, {list[begin][i - 1], below});
        return words_node(accept, {list[begin][depth], below});
    }
    for (size_t i = begin; i < end;) {
        size_t j = i;
        while (j < end && list[j][depth] == list[i][depth]) ++j;
        const u32 c = list[i][depth];
        const u32 below = words_below(list, i, j, depth + 1);
        edges.push_back(c);
        edges.push_back(below);
        i = j;
    }
    return words_node(accept, std::move(edges));
}

u32 Derivatives::words(std::vector<CodePoints> list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    for (size_t i = 1; i < list.size(); ++i) {  // frames of words_below: as many as two words have in common
        size_t same = 0;
        while (same < list[i].size() && same < list[i - 1].size() && list[i][same] == list[i - 1][same]) ++same;
        if (same > 4000) {
            std::vector<u32> each;
            for (const CodePoints& w : list) each.push_back(words({w}));
            Node n;
            n.op = ALT;
            sort_unique(each);
            for (u32 x : each) n.nullable = n.nullable || nodes_[x].nullable;
            n.items = std::move(each);
            return intern(n);
        }
    }
    if (list.empty()) return kEmpty;
    return words_below(list, 0, list.size(), 0);
}

void Derivatives::list_words(u32 x, std::vector<CodePoints>& out) const {
    struct Frame {
        u32 node;
        size_t edge;
    };
    std::vector<Frame> stack{{x, 0}};
    CodePoints text;
    if (nodes_[x].nullable) out.push_back(text);
    while (!stack.empty()) {
        Frame& f = stack.back();
        const Node& n = nodes_[f.node];
        if (n.op != WORDS || f.edge >= n.items.size()) {
            stack.pop_back();
            if (!text.empty()) text.pop_back();
            continue;
        }
        const u32 c = n.items[f.edge], child = n.items[f.edge + 1];
        f.edge += 2;
        text.push_back(c);
        if (nodes_[child].nullable) out.push_back(text);
        stack.push_back({child, 0});
    }
}

u32 Derivatives::united_words(u32 a, u32 b) {
    std::vector<CodePoints> list;
    list_words(a, list);
    list_words(b, list);
    return words(std::move(list));
}

u32 Derivatives::lookahead(u32 body, bool negative) {
    Node n;
    n.op = LOOKAHEAD;
    n.a = concat(body, kAny);
    n.negative = negative;
    n.nullable = true;
    n.plain = false;
    n.looks = true;
    return intern(n);
}

u32 Derivatives::lookbehind(u32 body, bool negative) {
    const u32 begins = concat(kAny, body);
    const auto [it, fresh] = tracker_of_.emplace(begins, static_cast<u32>(tracker_start_.size()));
    if (fresh) tracker_start_.push_back(begins);
    Node n;
    n.op = LOOKBEHIND;
    n.a = it->second;
    n.negative = negative;
    n.nullable = true;
    n.plain = false;
    n.looks = true;
    return intern(n);
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

bool Derivatives::matches(u32 expression, const CodePoints& text) {
    u32 s = start(expression);
    for (char32_t c : text) {
        s = step(s, c);
        if (s == kDead) return false;
    }
    return accepts(s);
}

}  // namespace gcd
