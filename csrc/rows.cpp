#include "rows.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace gcd {

Rows::Rows(Compiled& c, u64 max_bytes) : c_(c), max_bytes_(max_bytes), scratch_(c.trie().words()) { intern_nodes({0}); }

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

// See Skip::utf8_target.
u32 Rows::after_non_ascii(u32 state) {
    Lexer& lx = c_.lexer();
    u32 target = NONE;
    std::vector<u32> inside;
    for (const Utf8Form& form : kUtf8Forms) {
        std::vector<u32> states{state};
        for (u32 i = 0; i < form.size; ++i) {
            const ByteRange r = form.range[i];
            std::vector<u32> next;
            for (u32 s : states) {
                u32 last_class = NONE;
                for (u32 b = r.lo; b <= r.hi; ++b) {
                    const u32 cls = lx.byte_class[b];
                    if (cls == NONE || cls == last_class) continue;  // a byte of no token cannot be met
                    last_class = cls;
                    const Edge e = lx.step_class(s, cls);
                    if (e == EDGE_DEAD || (e & EDGE_LIST)) return NONE;
                    if (std::find(next.begin(), next.end(), e) == next.end()) next.push_back(e);
                }
            }
            if (i + 1 == form.size) {
                if (next.empty()) break;  // no token has such characters
                if (next.size() > 1 || (target != NONE && target != next[0])) return NONE;
                target = next[0];
            } else {
                inside.insert(inside.end(), next.begin(), next.end());
            }
            states = std::move(next);
        }
    }
    if (target == NONE) return NONE;
    for (u32 s : inside)
        if (c_.live_set_id(s) != c_.live_set_id(target) || !lx.state(s).accepts.empty()) return NONE;
    return target;
}

const Rows::Skip& Rows::skip_of(u32 state) {
    auto [it, fresh] = skips_.try_emplace(state);
    Skip& k = it->second;
    if (!fresh || !c_.trie().byte_complete) return k;
    Lexer& lx = c_.lexer();
    const LexState& s = lx.state(state);
    // Where the state accepts, a lexeme could end at any node below; that has no effect where the next byte breaks the
    // lexeme's promise anyway (a longer name).
    auto dies = [&](u32 cls) {
        for (const Accept& a : s.accepts)
            if (!lx.context_dies(a.ctx)[cls]) return false;
        return true;
    };
    u32 n = 0;
    for (u32 b = 0; b < 128; ++b) {
        const u32 cls = lx.byte_class[b];
        if (cls != NONE && (lx.step_class(state, cls) != state || !dies(cls))) continue;
        k.ascii[b / 64] |= 1ull << (b % 64);
        n += cls != NONE;
    }
    k.usable = n >= 8;
    if (!k.usable && !s.start) return k;
    if (dies(lx.n_classes())) k.utf8_target = after_non_ascii(state);
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
    std::map<std::array<u32, 3>, std::vector<u32>> exits;  // (symbol, ctx, column) -> nodes

    u64 visited = 0;
    u32 last_live = NONE;
    std::vector<u32>* last_bucket = nullptr;

    explicit Builder(Rows& r) : rows(r), c(r.c_), lx(r.c_.lexer()), t(r.c_.trie()) {}

    std::vector<u32>& bucket(u32 live) {
        if (live != last_live) {
            last_live = live;
            last_bucket = &singles[live];
        }
        return *last_bucket;
    }
    static bool loops(const SubtreeSummary& b, const Skip& skip, u32 state) {
        return !(b.ascii[0] & ~skip.ascii[0]) && !(b.ascii[1] & ~skip.ascii[1]) &&
               (!b.non_ascii || (skip.utf8_target == state && !b.broken_utf8));
    }
    // The lexeme stands in `state` at node n: what lies below either goes on with it or begins after its end here.
    void enter(u32 n, u32 state) {
        if (n + 1 >= t.end[n]) return;
        const LexState& s = lx.state(state);
        u32 target = NONE;  // where a non-ASCII character leads, if whole subtrees below one can be taken
        if (t.boundary[n]) {
            const Skip& skip = rows.skip_of(state);
            if (skip.usable && loops(t.summaries[t.summary_id[n]], skip, state)) {
                ranges[c.live_set_id(state)].push_back({t.own_end(n), t.token_begin[t.end[n]]});
                return;
            }
            target = skip.utf8_target;
        }
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            const u8* dies = lx.context_dies(s.accepts[i].ctx);
            bool some = false;
            for (u32 k = n + 1; k < t.end[n] && !some; k = t.end[k]) {
                const u32 cls = lx.byte_class[t.byte[k]];
                some = cls != NONE && !dies[cls];
            }
            if (some) exits[{c.accept_symbol(state, i, n), s.accepts[i].ctx, s.accepts[i].column}].push_back(n);
        }
        for (u32 k = n + 1; k < t.end[n]; k = t.end[k]) {
            const u32 cls = lx.byte_class[t.byte[k]];
            if (cls == NONE) continue;
            ++visited;
            if (target != NONE && t.byte[k] >= 0xC2 && t.byte[k] <= 0xF4) {
                const Skip& skip = rows.skip_of(target);
                if (skip.utf8_target == target &&
                    (t.summary_id[k] == NONE || loops(t.summaries[t.summary_id[k]], skip, target))) {
                    ranges[c.live_set_id(target)].push_back({t.own_begin(k), t.token_begin[t.end[k]]});
                    continue;
                }
            }
            lx.each(lx.step_class(state, cls), [&](u32 to) {
                if (t.own_begin(k) < t.own_end(k)) {
                    const u32 live = c.live_set_id(to);
                    if (live != 0) {
                        std::vector<u32>& v = bucket(live);
                        for (u32 i = t.own_begin(k); i < t.own_end(k); ++i) v.push_back(t.order[i]);
                    }
                }
                enter(k, to);
            });
        }
    }
    // Through a bitmask: that sorts the ids and drops what several paths led to.
    void collect_ids(u32 live, u32 words, TokenSet& out) {
        std::vector<u32>& scratch = rows.scratch_;
        u32 lo = words, hi = 0;
        auto put = [&](u32 id) {
            const u32 w = id / 32;
            scratch[w] |= 1u << (id % 32);
            if (w < lo) lo = w;
            if (w >= hi) hi = w + 1;
        };
        for (u32 id : singles[live]) put(id);
        for (auto [a, b] : ranges[live])
            for (u32 i = a; i < b; ++i) put(t.order[i]);
        u32 many = 0;
        for (u32 w = lo; w < hi; ++w) many += static_cast<u32>(__builtin_popcount(scratch[w]));
        out.count = many;
        if (many > words) {
            out.words = scratch;
        } else {
            out.ids.reserve(many);
            for (u32 w = lo; w < hi; ++w)
                for (u32 x = scratch[w]; x; x &= x - 1) out.ids.push_back(w * 32 + static_cast<u32>(__builtin_ctz(x)));
        }
        if (lo < hi) std::fill(scratch.begin() + lo, scratch.begin() + hi, 0);
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
            u64 total = singles[live].size();
            for (auto [a, b] : ranges[live]) total += b - a;
            if (total <= 256) {
                std::vector<u32> ids = std::move(singles[live]);
                for (auto [a, b] : ranges[live]) ids.insert(ids.end(), t.order.begin() + a, t.order.begin() + b);
                std::sort(ids.begin(), ids.end());
                ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
                g.tokens.count = static_cast<u32>(ids.size());
                g.tokens.ids = std::move(ids);
            } else {
                collect_ids(live, words, g.tokens);
            }
            bits_or(row.symbols, c.live_set(live));
            rows.bytes_ += g.tokens.ids.size() * 4 + g.tokens.words.size() * 4 + sizeof(RowGroup);
            row.groups.push_back(std::move(g));
        });
        for (auto& [key, nodes] : exits) {
            std::sort(nodes.begin(), nodes.end());
            nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
            bits_set(row.symbols, key[0]);
            row.exits.push_back({key[0], key[1], key[2], rows.intern_nodes(std::move(nodes))});
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
    visited_ += b.visited;
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
