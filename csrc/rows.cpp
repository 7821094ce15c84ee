#include "rows.hpp"

#include <algorithm>
#include <map>

namespace gcd {

Rows::Rows(Compiled& c, u64 max_bytes) : c_(c), max_bytes_(max_bytes) { intern_nodes({0}); }

u32 Rows::intern_nodes(std::vector<u32> nodes) {
    u64 h = 31;
    for (u32 n : nodes) h = mix(h, n);
    auto [lo, hi] = node_list_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it)
        if (node_lists_[it->second] == nodes) return it->second;
    Bits classes;
    const TokenTrie& t = c_.trie();
    for (u32 n : nodes)
        for (u32 k = n + 1; k < t.end[n]; k = t.end[k]) bits_set(classes, c_.lexer().byte_class[t.byte[k]]);
    std::vector<u32> cl;
    bits_each(classes, [&](u32 k) { cl.push_back(k); });
    bytes_ += nodes.size() * 4 + 64;
    const u32 id = node_lists_.push_back(std::move(nodes));
    first_classes_.push_back(std::move(cl));
    node_list_index_.emplace(h, id);
    return id;
}

// Every whole non-ASCII character leads back to the state, and inside the character the same lexemes are live.
bool Rows::loops_over_utf8(u32 state) {
    Lexer& lx = c_.lexer();
    const u32 live = c_.live_set_id(state);
    struct Range {
        u8 lo, hi;
    };
    // UTF-8 by leading byte: the ranges of the bytes that follow (Unicode table 3-7).
    static const std::vector<std::pair<Range, std::vector<Range>>> kForms = {
        {{0xC2, 0xDF}, {{0x80, 0xBF}}},
        {{0xE0, 0xE0}, {{0xA0, 0xBF}, {0x80, 0xBF}}},
        {{0xE1, 0xEC}, {{0x80, 0xBF}, {0x80, 0xBF}}},
        {{0xED, 0xED}, {{0x80, 0x9F}, {0x80, 0xBF}}},
        {{0xEE, 0xEF}, {{0x80, 0xBF}, {0x80, 0xBF}}},
        {{0xF0, 0xF0}, {{0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {{0xF1, 0xF3}, {{0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
        {{0xF4, 0xF4}, {{0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
    };
    for (const auto& [lead, rest] : kForms) {
        std::vector<u32> states{state};
        for (size_t i = 0; i <= rest.size(); ++i) {
            const Range r = i == 0 ? lead : rest[i - 1];
            std::vector<u32> next;
            for (u32 s : states) {
                u32 last_class = NONE;
                for (u32 b = r.lo; b <= r.hi; ++b) {
                    const u32 cls = lx.byte_class[b];
                    if (cls == NONE || cls == last_class) continue;  // a byte of no token cannot be met
                    last_class = cls;
                    const Edge e = lx.step_class(s, cls);
                    if (e == EDGE_DEAD || (e & EDGE_LIST)) return false;
                    if (std::find(next.begin(), next.end(), e) == next.end()) next.push_back(e);
                }
            }
            for (u32 s : next) {
                if (i == rest.size() ? s != state : c_.live_set_id(s) != live || !lx.state(s).accepts.empty()) return false;
            }
            states = std::move(next);
        }
    }
    return true;
}

const Rows::Skip& Rows::skip_of(u32 state) {
    auto [it, fresh] = skips_.try_emplace(state);
    Skip& k = it->second;
    if (!fresh) return k;
    if (!c_.trie().byte_complete) return k;
    Lexer& lx = c_.lexer();
    const LexState& s = lx.state(state);
    if (s.start) return k;
    u32 n = 0;
    // Where the state accepts, a lexeme could end at any node below; that has no effect where the next byte breaks the
    // lexeme's promise anyway (a longer name).
    auto dies = [&](u32 cls) {
        for (const Accept& a : s.accepts)
            if (!lx.context_dies(a.ctx)[cls]) return false;
        return true;
    };
    for (u32 b = 0; b < 128; ++b) {
        const u32 cls = lx.byte_class[b];
        if (cls == NONE) {
            k.ascii[b / 64] |= 1ull << (b % 64);
            continue;
        }
        if (lx.step_class(state, cls) != state || !dies(cls)) continue;
        k.ascii[b / 64] |= 1ull << (b % 64);
        ++n;
    }
    k.usable = n >= 8;
    if (!k.usable) return k;
    k.utf8 = true;
    for (u32 b = 0xC2; b <= 0xF4; ++b)
        if (lx.byte_class[b] != NONE && !dies(lx.byte_class[b])) k.utf8 = false;
    k.utf8 = k.utf8 && loops_over_utf8(state);
    return k;
}

struct Rows::Builder {
    Rows& rows;
    Compiled& c;
    Lexer& lx;
    const TokenTrie& t;
    // Per live set: token ids one by one, and whole ranges of `order`.
    std::unordered_map<u32, std::vector<u32>> singles;
    std::unordered_map<u32, std::vector<std::pair<u32, u32>>> ranges;
    std::map<std::pair<u32, u32>, std::vector<u32>> exits;  // (symbol, ctx) -> nodes

    explicit Builder(Rows& r) : rows(r), c(r.c_), lx(r.c_.lexer()), t(r.c_.trie()) {}

    void walk(u32 node, u32 state) {
        const Skip& skip = rows.skip_of(state);
        for (u32 n = node + 1; n < t.end[node]; n = t.end[n]) {
            const u32 cls = lx.byte_class[t.byte[n]];
            if (cls == NONE) continue;
            const Edge e = lx.step_class(state, cls);
            if (e == state && skip.usable && t.summary_id[n] != NONE && t.boundary[n]) {
                const SubtreeSummary& s = t.summaries[t.summary_id[n]];
                if (!(s.ascii[0] & ~skip.ascii[0]) && !(s.ascii[1] & ~skip.ascii[1]) &&
                    (!s.non_ascii || (skip.utf8 && !s.broken_utf8))) {
                    const u32 live = c.live_set_id(state);
                    ranges[live].push_back({t.token_begin[n], t.token_begin[t.end[n]]});
                    continue;
                }
            }
            lx.each(e, [&](u32 s) { visit(n, s); });
        }
    }
    void visit(u32 n, u32 state) {
        if (t.own_begin(n) < t.own_end(n)) {
            const u32 live = c.live_set_id(state);
            if (live != 0) {
                std::vector<u32>& v = singles[live];
                for (u32 i = t.own_begin(n); i < t.own_end(n); ++i) v.push_back(t.order[i]);
            }
        }
        enter(n, state);
    }
    // The state holds at node n: what lies below either goes on with the lexeme or begins after its end here.
    void enter(u32 n, u32 state) {
        if (n + 1 >= t.end[n]) return;
        const LexState& s = lx.state(state);
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            const u8* dies = lx.context_dies(s.accepts[i].ctx);
            bool some = false;
            for (u32 k = n + 1; k < t.end[n] && !some; k = t.end[k]) {
                const u32 cls = lx.byte_class[t.byte[k]];
                some = cls != NONE && !dies[cls];
            }
            if (some) exits[{c.accept_symbol(state, i, n), s.accepts[i].ctx}].push_back(n);
        }
        walk(n, state);
    }
    Row finish() {
        Row row;
        const u32 words = t.words();
        Bits sets;
        for (auto& [live, v] : singles) bits_set(sets, live);
        for (auto& [live, v] : ranges) bits_set(sets, live);
        bits_each(sets, [&](u32 live) {
            RowGroup g;
            g.live_set = live;
            std::vector<u32>& one = singles[live];
            std::sort(one.begin(), one.end());
            one.erase(std::unique(one.begin(), one.end()), one.end());
            u32 many = static_cast<u32>(one.size());
            for (auto [a, b] : ranges[live]) many += b - a;
            if (many > words) {
                g.tokens.words.assign(words, 0);
                for (u32 id : one) g.tokens.words[id / 32] |= 1u << (id % 32);
                for (auto [a, b] : ranges[live])
                    for (u32 i = a; i < b; ++i) g.tokens.words[t.order[i] / 32] |= 1u << (t.order[i] % 32);
                g.tokens.count = many;
            } else {
                for (auto [a, b] : ranges[live]) one.insert(one.end(), t.order.begin() + a, t.order.begin() + b);
                std::sort(one.begin(), one.end());
                one.erase(std::unique(one.begin(), one.end()), one.end());
                g.tokens.count = static_cast<u32>(one.size());
                g.tokens.ids = std::move(one);
            }
            rows.bytes_ += g.tokens.ids.size() * 4 + g.tokens.words.size() * 4 + sizeof(RowGroup);
            row.groups.push_back(std::move(g));
        });
        for (auto& [key, nodes] : exits) {
            std::sort(nodes.begin(), nodes.end());
            nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
            row.exits.push_back({key.first, key.second, rows.intern_nodes(std::move(nodes))});
        }
        rows.bytes_ += sizeof(Row) + row.exits.size() * sizeof(RowExit);
        return row;
    }
};

const Row& Rows::row_slow(u32 node_list, u32 state) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 key = (static_cast<u64>(node_list) << 32 | state) + 1;
    u32 id = index_.find(key);
    if (id != NONE) return *rows_[id];
    if (bytes_ > max_bytes_) throw CoreError(ErrorKind::limit_bytes, bytes_, "the mask tables outgrew their budget");
    Lexer& lx = c_.lexer();
    // A start state acts only through its successors, so two lexsets that agree on the bytes at hand share the row.
    std::vector<u32> sig;
    u64 h = 0;
    const bool start = lx.state(state).start && node_list != kRootNodes;
    if (start) {
        sig.push_back(node_list);
        h = mix(37, node_list);
        for (u32 cls : first_classes_[node_list]) {
            const Edge e = cls == NONE ? EDGE_DEAD : lx.step_class(state, cls);
            sig.push_back(e);
            h = mix(h, e);
        }
        for (u32 known : by_successors_[h])
            if (successor_keys_[known].first == sig) {
                index_.insert(key, successor_keys_[known].second);
                return *rows_[successor_keys_[known].second];
            }
    }
    Builder b(*this);
    for (u32 n : node_lists_[node_list]) b.enter(n, state);
    id = rows_.push_back(std::make_unique<Row>(b.finish()));
    index_.insert(key, id);
    if (start) {
        by_successors_[h].push_back(static_cast<u32>(successor_keys_.size()));
        bytes_ += sig.size() * 4;
        successor_keys_.emplace_back(std::move(sig), id);
    }
    return *rows_[id];
}

}  // namespace gcd
