#include "rows.hpp"

#include <algorithm>
#include <tuple>

namespace gcd {

Rows::Rows(Compiled& c, u32 max_rows) : c_(c), max_rows_(max_rows), collector_(c.trie().words()) {
    intern_nodes({0});
}

Rows::~Rows() = default;

View<u32> Rows::keep(std::vector<u32> v) {
    v.shrink_to_fit();
    bytes_ += v.size() * 4 + 64;
    arena_.push_back(std::make_unique<std::vector<u32>>(std::move(v)));
    return View<u32>(*arena_.back());
}

static u64 node_list_hash(const std::vector<u32>& nodes) {
    u64 h = 31;
    for (u32 n : nodes) h = mix(h, n);
    return h;
}

u32 Rows::intern_nodes(std::vector<u32> nodes) {
    const u64 h = node_list_hash(nodes);
    const u32 known = node_list_index_.find_if(h, [&](u32 id) {
        const View<u32>& list = nodes_of(id);
        return list.size() == nodes.size() && std::equal(nodes.begin(), nodes.end(), list.begin());
    });
    if (known != NONE) return known;
    const u32 id = node_lists_.push_back(keep(std::move(nodes)));
    first_classes_.emplace_back();
    first_known_.push_back(false);
    node_list_hashes_.push_back(h);
    node_list_index_.insert(h, id);
    return id;
}

// The nodes of a list; an artefact's are unpacked when they are first asked for (few are).
const View<u32>& Rows::nodes_of(u32 id) {
    View<u32>& list = node_lists_[id];
    if (!list.empty()) return list;
    std::vector<u32> nodes;
    const View<u8> packed = saved_.lists[id];
    const u32 n = c_.trie().n_nodes();
    u64 node = 0;
    for (size_t i = 0; i < packed.size();) {
        u32 shift = 0;
        u64 gap = 0;
        do {
            Reader::check(i < packed.size() && shift < 32, "a node list is cut short");
            gap |= static_cast<u64>(packed[i] & 0x7F) << shift;
            shift += 7;
        } while (packed[i++] & 0x80);
        node += gap;
        Reader::check(node < n, "a node list is out of bounds");
        nodes.push_back(static_cast<u32>(node));
    }
    Reader::check(!nodes.empty() && node_list_hash(nodes) == node_list_hashes_[id], "a node list is damaged");
    list = keep(std::move(nodes));
    return list;
}

// Rising numbers as gaps, seven bits a byte, the last one without the top bit.
static void pack_nodes(const View<u32>& nodes, std::vector<u8>& out) {
    u32 last = 0;
    for (u32 n : nodes) {
        u32 gap = n - last;
        last = n;
        for (; gap >= 0x80; gap >>= 7) out.push_back(static_cast<u8>(gap | 0x80));
        out.push_back(static_cast<u8>(gap));
    }
}

const std::vector<u32>& Rows::first_classes(u32 node_list) {
    if (!first_known_[node_list]) {
        Bits classes;
        const TokenTrie& t = c_.trie();
        for (u32 n : nodes_of(node_list))
            for (u32 k = n + 1; k < t.end[n]; k = t.end[k])
                if (c_.lexer().byte_class[t.byte[k]] != NONE) bits_set(classes, c_.lexer().byte_class[t.byte[k]]);
        bits_each(classes, [&](u32 k) { first_classes_[node_list].push_back(k); });
        first_known_[node_list] = true;
    }
    return first_classes_[node_list];
}

// See Skip::utf8_target.
u32 Rows::after_non_ascii(u32 state) {
    Lexer& lx = c_.lexer();
    // No such character changes a column: what holds for the state without one holds here.
    const u32 base = lx.state(state).base;
    if (base != NONE && base != state) return skip_of(base).utf8_target == base ? state : NONE;
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
    if (state >= skips_.size()) skips_.resize(std::max<size_t>(state + 1, 2 * skips_.size()));
    if (skips_[state]) return *skips_[state];
    Skip& k = *(skips_[state] = std::make_unique<Skip>());
    if (!c_.trie().byte_complete) return k;
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
    u16 some = 0, rest = TokenTrie::kBrokenUtf8;
    for (u32 b = 0; b < 128; ++b) {
        const u32 cls = lx.byte_class[b];
        const u16 kind = TokenTrie::kind_of(static_cast<u8>(b));
        if (cls != NONE && (lx.step_class(state, cls) != state || !dies(cls))) {
            rest |= kind;
            continue;
        }
        some |= kind;
        k.ascii[b / 64] |= 1ull << (b % 64);
        n += cls != NONE;
    }
    k.usable = n >= 8;
    if (!k.usable && !s.start) return k;
    if (dies(lx.n_classes())) k.utf8_target = after_non_ascii(state);
    (k.utf8_target == state ? some : rest) |= TokenTrie::kNonAscii;
    k.all = some & static_cast<u16>(~rest);
    k.none = rest & static_cast<u16>(~some);
    return k;
}

// Whether all that lies below a node loops on a state.
bool Rows::loops(u32 n, const Skip& skip, u32 state) const {
    const TokenTrie& t = c_.trie();
    const u16 kinds = t.kinds[n];
    if (kinds & skip.none) return false;
    if (!(kinds & static_cast<u16>(~(skip.all | TokenTrie::kBoundary)))) return true;
    const SubtreeSummary& b = t.summaries[t.summary_id[n]];
    return !(b.ascii[0] & ~skip.ascii[0]) && !(b.ascii[1] & ~skip.ascii[1]) &&
           (!b.non_ascii || (skip.utf8_target == state && !b.broken_utf8));
}

// Tokens by what is live where they end, and exits, as they are met.
struct Rows::Fragment {
    // Tokens as words of a bitmask: all words, or those that `index` names.
    struct Packed {
        std::vector<u32> index, words;
    };
    struct Tokens {
        u32 live;                                 // set
        std::vector<u32> ids;                     // in any order
        std::vector<std::pair<u32, u32>> ranges;  // of `order`
        std::vector<const Packed*> packed;        // these lie in fragments
        u64 size() const {
            u64 n = ids.size();
            for (auto [a, b] : ranges) n += b - a;
            for (const Packed* p : packed) n += p->words.size();
            return n;
        }
    };
    struct Exit {
        u32 symbol, ctx, column;
        std::vector<u32> nodes;
        bool is(u32 s, u32 c, u32 col) const { return symbol == s && ctx == c && column == col; }
    };
    std::vector<Tokens> tokens;
    std::vector<Exit> exits;
    std::vector<std::unique_ptr<const Packed>> packed;
    bool reused = false;
    u64 bytes() const {
        u64 n = 200;
        for (const Tokens& x : tokens) n += sizeof(x) + x.ids.size() * 4 + x.ranges.size() * 8 + x.packed.size() * 8;
        for (const Exit& x : exits) n += sizeof(x) + x.nodes.size() * 4;
        for (const auto& p : packed) n += (p->index.size() + p->words.size()) * 4 + 64;
        return n;
    }
};

struct Rows::Builder {
    Rows& rows;
    Compiled& c;
    Lexer& lx;
    const TokenTrie& t;
    Fragment out;
    u64 visited = 0;
    size_t last_tokens = 0, last_exit = 0;  // most likely wanted again

    explicit Builder(Rows& r) : rows(r), c(r.c_), lx(r.c_.lexer()), t(r.c_.trie()) {}

    Fragment::Tokens& bucket(u32 live) {
        std::vector<Fragment::Tokens>& v = out.tokens;
        if (last_tokens < v.size() && v[last_tokens].live == live) return v[last_tokens];
        for (last_tokens = 0; last_tokens < v.size(); ++last_tokens)
            if (v[last_tokens].live == live) return v[last_tokens];
        v.push_back({live, {}, {}, {}});
        return v.back();
    }
    std::vector<u32>& exit(u32 symbol, u32 ctx, u32 column) {
        std::vector<Fragment::Exit>& v = out.exits;
        if (last_exit < v.size() && v[last_exit].is(symbol, ctx, column)) return v[last_exit].nodes;
        for (last_exit = 0; last_exit < v.size(); ++last_exit)
            if (v[last_exit].is(symbol, ctx, column)) return v[last_exit].nodes;
        v.push_back({symbol, ctx, column, {}});
        return v.back().nodes;
    }
    // The lexeme stands in `state` at node n: what lies below either goes on with it or begins after its end here.
    void enter(u32 n, u32 state) {
        if (n + 1 >= t.end[n]) return;
        const LexState& s = lx.state(state);
        u32 target = NONE;  // where a non-ASCII character leads, if whole subtrees below one can be taken
        if (t.kinds[n] & TokenTrie::kBoundary) {
            const Skip& skip = rows.skip_of(state);
            if (skip.usable && rows.loops(n, skip, state)) {
                bucket(c.live_set_id(state)).ranges.push_back({t.own_end(n), t.token_begin[t.end[n]]});
                return;
            }
            target = skip.utf8_target;
        }
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            if (c.goes_on_below(n, s.accepts[i].ctx))
                exit(c.accept_symbol(state, i, n), s.accepts[i].ctx, s.accepts[i].column).push_back(n);
        }
        for (u32 k = n + 1; k < t.end[n]; k = t.end[k]) {
            const u32 cls = lx.byte_class[t.byte[k]];
            if (cls == NONE) continue;
            ++visited;
            if (target != NONE && t.byte[k] >= 0xC2 && t.byte[k] <= 0xF4) {
                const Skip& skip = rows.skip_of(target);
                if (skip.utf8_target == target && (t.end[k] == k + 1 || rows.loops(k, skip, target))) {
                    bucket(c.live_set_id(target)).ranges.push_back({t.own_begin(k), t.token_begin[t.end[k]]});
                    continue;
                }
            }
            lx.each(lx.step_class(state, cls), [&](u32 to) {
                if (t.end[k] - k >= kFragmentNodes) {
                    add(rows.fragment(k, to));
                } else {
                    arrive(k, to);
                }
            });
        }
    }
    // The lexeme comes to node k in `state`: its tokens, and what lies below.
    void arrive(u32 k, u32 state) {
        if (t.own_begin(k) < t.own_end(k)) {
            const u32 live = c.live_set_id(state);
            if (live != 0) {
                std::vector<u32>& v = bucket(live).ids;
                for (u32 i = t.own_begin(k); i < t.own_end(k); ++i) v.push_back(t.order[i]);
            }
        }
        enter(k, state);
    }
    void add(const Fragment& f) {
        for (const Fragment::Tokens& x : f.tokens) {
            Fragment::Tokens& to = bucket(x.live);
            to.ids.insert(to.ids.end(), x.ids.begin(), x.ids.end());
            to.ranges.insert(to.ranges.end(), x.ranges.begin(), x.ranges.end());
            to.packed.insert(to.packed.end(), x.packed.begin(), x.packed.end());
        }
        for (const Fragment::Exit& x : f.exits) {
            std::vector<u32>& to = exit(x.symbol, x.ctx, x.column);
            to.insert(to.end(), x.nodes.begin(), x.nodes.end());
        }
    }
    void collect(const Fragment::Tokens& x) {
        IdCollector& collector = rows.collector_;
        if (x.size() > collector.n_words() / 4) collector.expect_many();
        for (u32 id : x.ids) collector.add(id);
        for (auto [a, b] : x.ranges)
            for (u32 i = a; i < b; ++i) collector.add(t.order[i]);
        for (const Fragment::Packed* p : x.packed) {
            if (p->index.empty()) {
                collector.add_words(p->words.data());
            } else {
                for (size_t i = 0; i < p->index.size(); ++i) collector.add_word(p->index[i], p->words[i]);
            }
        }
    }
    // What a fragment has many of is packed when it is used again: many never are.
    void pack() {
        IdCollector& collector = rows.collector_;
        for (Fragment::Tokens& x : out.tokens) {
            if (x.size() < kPackedTokens) continue;
            collect(x);
            auto packed = std::make_unique<Fragment::Packed>();
            collector.each_word([&](u32 w, u32 bits) {
                packed->index.push_back(w);
                packed->words.push_back(bits);
            });
            if (packed->index.size() > collector.n_words() / 2) {
                packed->index.clear();
                packed->words = collector.words();
            }
            packed->index.shrink_to_fit();
            packed->words.shrink_to_fit();
            collector.clear();
            x = {x.live, {}, {}, {packed.get()}};
            out.packed.push_back(std::move(packed));
        }
    }
    Row finish() {
        Row row;
        std::sort(out.tokens.begin(), out.tokens.end(), [](const auto& a, const auto& b) { return a.live < b.live; });
        std::sort(out.exits.begin(), out.exits.end(), [](const auto& a, const auto& b) {
            return std::tie(a.symbol, a.ctx, a.column) < std::tie(b.symbol, b.ctx, b.column);
        });
        IdCollector& collector = rows.collector_;
        for (const Fragment::Tokens& x : out.tokens) {
            RowGroup g;
            g.live_set = x.live;
            collect(x);
            if (collector.count() > t.words()) {
                g.tokens.words = rows.keep(collector.words());
                collector.clear();
            } else {
                std::vector<u32> ids(collector.count());
                collector.take(ids.data());
                g.tokens.ids = rows.keep(std::move(ids));
            }
            bits_or(row.symbols, c.live_set(x.live));
            rows.bytes_ += sizeof(RowGroup);
            row.groups.push_back(std::move(g));
        }
        for (Fragment::Exit& x : out.exits) {
            std::sort(x.nodes.begin(), x.nodes.end());
            x.nodes.erase(std::unique(x.nodes.begin(), x.nodes.end()), x.nodes.end());
            bits_set(row.symbols, x.symbol);
            row.exits.push_back({x.symbol, x.ctx, x.column, rows.intern_nodes(std::move(x.nodes))});
        }
        rows.bytes_ += sizeof(Row) + row.exits.size() * sizeof(RowExit);
        return row;
    }
};

const Rows::Fragment& Rows::fragment(u32 node, u32 state) {
    auto known = fragments_.find(pair_key(node, state));
    Builder b(*this);
    if (known == fragments_.end()) {
        b.arrive(node, state);
        visited_ += b.visited;
        auto f = std::make_unique<Fragment>(std::move(b.out));
        bytes_ += f->bytes();
        return *fragments_.emplace(pair_key(node, state), std::move(f)).first->second;
    }
    Fragment& f = *known->second;
    if (f.reused) return f;
    bytes_ -= f.bytes();
    b.out = std::move(f);
    b.pack();
    f = std::move(b.out);
    f.reused = true;
    bytes_ += f.bytes();
    return f;
}

u32 Rows::row_slow(u32 node_list, u32 state) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 key = (static_cast<u64>(node_list) << 32 | state) + 1;
    u32 id = index_.find(key);
    if (id == NONE) id = saved_row(key);
    if (id != NONE) return id;
    if (rows_.size() >= max_rows_) throw CoreError(ErrorKind::limit_rows, rows_.size(), "too many rows");
    Lexer& lx = c_.lexer();
    // A start state acts only through its successors, so two lexsets that agree on the bytes at hand share the row.
    std::vector<u32> sig;
    u64 h = 0;
    const bool start = lx.state(state).start && node_list != kRootNodes;
    if (start) {
        sig.push_back(node_list);
        h = mix(37, node_list);
        for (u32 cls : first_classes(node_list)) {
            const Edge e = lx.step_class(state, cls);
            sig.push_back(e);
            h = mix(h, e);
        }
        for (u32 known : by_successors_[h])
            if (successor_keys_[known].first == sig) {
                index_.insert(key, successor_keys_[known].second);
                return successor_keys_[known].second;
            }
    }
    Builder b(*this);
    for (u32 n : nodes_of(node_list)) b.enter(n, state);
    visited_ += b.visited;
    id = rows_.push_back(std::make_unique<Row>(b.finish()));
    index_.insert(key, id);
    if (start) {
        by_successors_[h].push_back(static_cast<u32>(successor_keys_.size()));
        bytes_ += sig.size() * 4;
        successor_keys_.emplace_back(std::move(sig), id);
    }
    return id;
}

void Rows::save(Writer& w, Writer& lists) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (u32 i = 0; i < rows_.size(); ++i) unpacked(i);  // also those that no text has asked for
    for (u64 key : saved_.keys)
        if (index_.find(key) == NONE) saved_row(key);
    const u32 n = rows_.size();
    std::vector<u32> list_starts{0};
    std::vector<u8> list_items;
    for (u32 i = 0; i < node_lists_.size(); ++i) {
        if (node_lists_[i].empty()) {
            const View<u8> packed = saved_.lists[i];
            list_items.insert(list_items.end(), packed.begin(), packed.end());
        } else {
            pack_nodes(node_lists_[i], list_items);
        }
        Reader::check(list_items.size() < NONE, "too many node lists for an artefact");
        list_starts.push_back(static_cast<u32>(list_items.size()));
    }
    w.array(list_starts);
    lists.raw(list_items.data(), list_items.size());
    w.array(node_list_hashes_);
    // Per row: groups (live set, 0 = ids / 1 = words, items) and exits; the token sets one after another, padded.
    std::vector<u32> group_start{0}, exit_start{0}, group_live, exits;
    std::vector<u64> group_at, group_size;  // index into `items`; size, top bit: dense
    std::vector<u32> items;
    std::unordered_multimap<u64, std::pair<u64, u64>> known;  // equal token sets are stored once
    for (u32 i = 0; i < n; ++i) {
        for (const RowGroup& g : rows_[i]->groups) {
            const bool dense = !g.tokens.words.empty();
            const View<u32>& v = dense ? g.tokens.words : g.tokens.ids;
            const u64 size = v.size() | (dense ? 1ull << 63 : 0);
            u64 h = mix(3, size);
            for (u32 x : v) h = mix(h, x);
            u64 at = ~0ull;
            auto [lo, hi] = known.equal_range(h);
            for (auto it = lo; it != hi && at == ~0ull; ++it)
                if (it->second.second == size &&
                    std::equal(v.begin(), v.end(), items.begin() + static_cast<long>(it->second.first)))
                    at = it->second.first;
            if (at == ~0ull) {
                at = items.size();
                items.insert(items.end(), v.begin(), v.end());
                known.emplace(h, std::make_pair(at, size));
            }
            group_live.push_back(g.live_set);
            group_at.push_back(at);
            group_size.push_back(size);
        }
        for (const RowExit& e : rows_[i]->exits) exits.insert(exits.end(), {e.symbol, e.ctx, e.column, e.nodes});
        group_start.push_back(static_cast<u32>(group_live.size()));
        exit_start.push_back(static_cast<u32>(exits.size() / 4));
    }
    w.array(group_start);
    w.array(exit_start);
    w.array(group_live);
    w.array(group_at);
    w.array(group_size);
    w.array(exits);
    w.array(items);
    std::vector<std::pair<u64, u32>> index;
    index_.each([&](u64 key, u32 id) { index.emplace_back(key, id); });
    std::sort(index.begin(), index.end());
    std::vector<u64> keys;
    std::vector<u32> ids;
    for (auto& [k, id] : index) keys.push_back(k), ids.push_back(id);
    w.array(keys);
    w.array(ids);
}

void Rows::restore(Reader& r, Reader& lists) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto check = Reader::check;
    check(rows_.size() == 0 && node_lists_.size() == 1, "rows are restored into a fresh engine only");
    saved_.lists = ListsView<u8>(r, lists);
    const View<u64> hashes = r.view<u64>();
    const size_t n_lists = saved_.lists.size();
    check(n_lists > 0 && n_lists < NONE && hashes.size() == n_lists, "node lists differ in length");
    check(hashes[0] == node_list_hashes_[0], "the first node list is not the root");
    node_list_index_.reserve(n_lists);
    for (u32 i = 1; i < n_lists; ++i) node_list_index_.insert(hashes[i], node_lists_.push_back(View<u32>()));
    node_list_hashes_.assign(hashes.begin(), hashes.end());
    first_classes_.resize(n_lists);
    first_known_.resize(n_lists);
    Saved& v = saved_;
    v.group_start = r.view<u32>();
    v.exit_start = r.view<u32>();
    v.group_live = r.view<u32>();
    v.group_at = r.view<u64>();
    v.group_size = r.view<u64>();
    v.exits = r.view<u32>();
    v.items = r.view<u32>();
    v.keys = r.view<u64>();
    v.row_of_key = r.view<u32>();
    r.done();
    check(!v.group_start.empty() && v.group_start.size() == v.exit_start.size() &&
              v.keys.size() == v.row_of_key.size() && v.group_at.size() == v.group_live.size() &&
              v.group_size.size() == v.group_live.size() && v.exits.size() % 4 == 0,
          "row tables differ in length");
    for (size_t i = 0; i + 1 < v.group_start.size(); ++i) rows_.push_back(nullptr);  // they keep their numbers
}

Row Rows::unpack(u32 i) const {
    auto check = Reader::check;
    const Saved& v = saved_;
    const u32 width = c_.trie().width, words = c_.trie().words();
    check(v.group_start[i] <= v.group_start[i + 1] && v.group_start[i + 1] <= v.group_live.size() &&
              v.exit_start[i] <= v.exit_start[i + 1] && v.exit_start[i + 1] <= v.exits.size() / 4,
          "a row is out of bounds");
    Row row;
    for (u32 g = v.group_start[i]; g < v.group_start[i + 1]; ++g) {
        const bool dense = v.group_size[g] >> 63;
        const u64 size = v.group_size[g] & ~(1ull << 63);
        check(v.group_at[g] <= v.items.size() && size <= v.items.size() - v.group_at[g],
              "a row group is out of bounds");
        check(v.group_live[g] < c_.n_live_sets(), "a row group's live set is out of bounds");
        const View<u32> tokens(v.items.data() + v.group_at[g], static_cast<size_t>(size));
        RowGroup rg;
        rg.live_set = v.group_live[g];
        if (dense) {
            check(size == words && (width % 32 == 0 || !(tokens[words - 1] >> (width % 32))),
                  "a row group names a token out of range");
            rg.tokens.words = tokens;
        } else {
            for (u32 id : tokens) check(id < width, "a row group names a token out of range");
            rg.tokens.ids = tokens;
        }
        bits_or(row.symbols, c_.live_set(rg.live_set));
        row.groups.push_back(rg);
    }
    for (u32 e = v.exit_start[i]; e < v.exit_start[i + 1]; ++e) {
        const RowExit x{v.exits[4 * e], v.exits[4 * e + 1], v.exits[4 * e + 2], v.exits[4 * e + 3]};
        check(x.symbol < c_.positions().alphabet.size() && x.ctx < c_.lexer().n_contexts() && x.nodes < v.lists.size(),
              "a row exit is out of bounds");
        bits_set(row.symbols, x.symbol);
        row.exits.push_back(x);
    }
    return row;
}

u32 Rows::saved_row(u64 key) {
    const u64* at = std::lower_bound(saved_.keys.begin(), saved_.keys.end(), key);
    if (at == saved_.keys.end() || *at != key) return NONE;
    const u32 i = saved_.row_of_key[static_cast<size_t>(at - saved_.keys.begin())];
    Reader::check(i + 1 < saved_.group_start.size(), "a row's number is out of bounds");
    unpacked(i);
    index_.insert(key, i);
    return i;
}

void Rows::unpacked(u32 i) {
    if (!rows_[i]) rows_[i] = std::make_unique<Row>(unpack(i));
}

}  // namespace gcd
