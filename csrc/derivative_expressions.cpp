// Expressions in normal form: equal ones are one.
#include <algorithm>

#include "derivatives.hpp"

namespace gcd {

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

}  // namespace gcd
