#include "syntax.hpp"

#include <algorithm>

namespace gcd {

namespace {
u64 pair_key(u32 a, u32 b) {
    return static_cast<u64>(a) << 32 | b;
}
void canonical(Items& v) {
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
}
}  // namespace

SyntaxAutomaton::SyntaxAutomaton(Viability v, Lexer& lexer, u32 max_states)
    : lexer_(lexer),
      cfg_(std::move(v.cfg)),
      class_of_(std::move(v.class_of)),
      element_of_(std::move(v.element_of)),
      starts_(std::move(v.starts)),
      start_sets_(std::move(v.start_sets)),
      end_set_(v.end_set),
      max_states_(max_states) {
    alphabet_.n_terminals = cfg_.n_terminals;
    alphabet_.n_classes = v.n_classes;
    // Position 0 is ACCEPT; production p takes rhs.size() + 1 positions from its base on.
    symbol_at_.push_back(END);
    forbid_at_.push_back(0);
    live_at_.push_back(0);
    production_of_.push_back(NONE);
    by_lhs_.resize(cfg_.n_nonterminals);
    used_first_.resize(cfg_.n_nonterminals);
    for (u32 p = 0; p < cfg_.productions.size(); ++p) {
        const CfgProduction& q = cfg_.productions[p];
        const u32 base = static_cast<u32>(symbol_at_.size());
        by_lhs_[q.lhs].push_back(base);
        if (!q.rhs[0].terminal) {
            if (q.forbid_at(0))
                throw CoreError(ErrorKind::bad_input, p,
                                "a conflict resolution restricts the start of a rule that begins with a rule");
            used_first_[q.rhs[0].id].push_back({p, base});
        }
        for (size_t i = 0; i <= q.rhs.size(); ++i) {
            if (i == q.rhs.size()) {
                symbol_at_.push_back(END);
            } else if (q.rhs[i].terminal) {
                symbol_at_.push_back(TERM | static_cast<u32>(occurrences_.size()));
                occurrences_.push_back({q.rhs[i].id, q.rhs[i].lexset, q.rhs[i].follow});
            } else {
                symbol_at_.push_back(q.rhs[i].id);
            }
            forbid_at_.push_back(q.forbid_at(i));
            live_at_.push_back(q.live.empty() ? 0 : q.live[i]);
            production_of_.push_back(p);
        }
    }
    if (cfg_.element_sets.empty()) cfg_.element_sets.push_back(Bits{1});
    for (const Bits& f : cfg_.forbids) {
        Bits s;
        bits_each(f, [&](u32 t) {
            if (t < cfg_.n_terminals)
                for (u32 k = 0; k < alphabet_.n_classes; ++k) bits_set(s, alphabet_.symbol(t, k));
        });
        forbid_symbols_.push_back(s);
    }
    // FIRST over symbols. A production's forbid at its start takes terminals away.
    first_.assign(cfg_.n_nonterminals, Bits{});
    std::vector<std::pair<u32, u32>> corners;  // (nonterminal, the one that a production of it begins with)
    for (const CfgProduction& p : cfg_.productions) {
        if (!p.rhs[0].terminal) {
            if (p.rhs[0].id != p.lhs) corners.push_back({p.lhs, p.rhs[0].id});
        } else if (!bits_get(cfg_.forbids[p.forbid_at(0)], p.rhs[0].id)) {
            bits_each(cfg_.class_sets[p.rhs[0].follow],
                      [&](u32 k) { bits_set(first_[p.lhs], alphabet_.symbol(p.rhs[0].id, k)); });
        }
    }
    std::sort(corners.begin(), corners.end());
    corners.erase(std::unique(corners.begin(), corners.end()), corners.end());
    for (bool grew = true; grew;) {
        grew = false;
        for (const auto& [a, b] : corners) grew |= bits_or(first_[a], first_[b]);
    }
    frames_.push_back({NONE, NONE, 0});
    nodes_.push_back({0, NONE});  // node 0: nothing to return to (ACCEPT)
    intern_items({});
}

u32 SyntaxAutomaton::forbid_union(u32 a, u32 b) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    Bits u = cfg_.forbids[a];
    bits_or(u, cfg_.forbids[b]);
    for (u32 i = 0; i < cfg_.forbids.size(); ++i)
        if (cfg_.forbids[i] == u) return i;
    Bits s = forbid_symbols_[a];
    bits_or(s, forbid_symbols_[b]);
    cfg_.forbids.push_back(std::move(u));
    forbid_symbols_.push_back(std::move(s));
    return static_cast<u32>(cfg_.forbids.size() - 1);
}

u32 SyntaxAutomaton::intern_items(Items items) {
    u64 h = 3;
    for (const Item& i : items) h = mix(mix(h, pair_key(i.position, i.node)), i.forbid);
    auto [lo, hi] = item_set_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it)
        if (item_sets_[it->second] == items) return it->second;
    const u32 id = static_cast<u32>(item_sets_.size());
    item_sets_.push_back(std::move(items));
    item_set_index_.emplace(h, id);
    return id;
}

// What follows `m` when it was completed as a left corner of `n`.
const SyntaxAutomaton::LeftCorner& SyntaxAutomaton::left_corner(u32 n, u32 m) {
    const u64 key = pair_key(n, m);
    auto found = left_corners_.find(key);
    if (found != left_corners_.end()) return found->second;
    // Left corners of n: nonterminals reachable through first symbols.
    std::vector<bool> corner(cfg_.n_nonterminals);
    std::vector<u32> stack{n};
    corner[n] = true;
    while (!stack.empty()) {
        const u32 x = stack.back();
        stack.pop_back();
        for (u32 base : by_lhs_[x]) {
            const u32 s = symbol_at_[base];
            if (s & TERM || corner[s]) continue;
            corner[s] = true;
            stack.push_back(s);
        }
    }
    LeftCorner lc;
    std::vector<std::pair<u32, u32>> work{{m, 0}};
    std::vector<std::pair<u32, u32>> seen = work;
    while (!work.empty()) {
        const auto [x, f] = work.back();
        work.pop_back();
        if (x == n) lc.returns.push_back(f);
        for (const auto& [p, base] : used_first_[x]) {
            const u32 b = cfg_.productions[p].lhs;
            if (!corner[b]) continue;
            const u32 g = forbid_union(f, forbid_at_[base + 1]);
            if (symbol_at_[base + 1] != END) {
                lc.out.push_back({base + 1, {b, g}});
            } else if (std::find(seen.begin(), seen.end(), std::make_pair(b, g)) == seen.end()) {
                seen.push_back({b, g});
                work.push_back({b, g});
            }
        }
    }
    std::sort(lc.out.begin(), lc.out.end());
    lc.out.erase(std::unique(lc.out.begin(), lc.out.end()), lc.out.end());
    return left_corners_.emplace(key, std::move(lc)).first->second;
}

const std::vector<SyntaxAutomaton::Entry>& SyntaxAutomaton::entries(u32 n) {
    auto found = entries_.find(n);
    if (found != entries_.end()) return found->second;
    std::vector<Entry> es;
    std::vector<bool> seen(cfg_.n_nonterminals);
    std::vector<u32> stack{n};
    seen[n] = true;
    while (!stack.empty()) {
        const u32 x = stack.back();
        stack.pop_back();
        for (u32 base : by_lhs_[x]) {
            const u32 s = symbol_at_[base];
            if (s & TERM) {
                if (bits_get(cfg_.forbids[forbid_at_[base]], occurrences_[s & ~TERM].terminal)) continue;
                es.push_back({s & ~TERM, base + 1, x});
            } else if (!seen[s]) {
                seen[s] = true;
                stack.push_back(s);
            }
        }
    }
    std::sort(es.begin(), es.end(), [&](const Entry& a, const Entry& b) {
        const u32 ta = occurrences_[a.symbol_set].terminal, tb = occurrences_[b.symbol_set].terminal;
        return ta != tb ? ta < tb : a.position < b.position;
    });
    return entries_.emplace(n, std::move(es)).first->second;
}

u32 SyntaxAutomaton::make_node(u32 frame, u32 completed) {
    auto [it, fresh] = node_index_.try_emplace(pair_key(frame, completed), static_cast<u32>(nodes_.size()));
    if (fresh) nodes_.push_back({frame, completed});
    return it->second;
}

u32 SyntaxAutomaton::make_frame(u32 n, u32 k) {
    auto it = frame_index_.find(pair_key(n, k));
    if (it != frame_index_.end()) return it->second;
    // Merge: a frame f2 = (n, k2) mentioned in k behaves like the new frame if replacing the new frame by f2 in its
    // own nodes' contents gives f2's contents, i.e. k and k2 differ only in items that f2's left recursion adds anyway.
    const Items& items = item_sets_[k];
    u32 last = NONE;
    for (const Item& i : items) {
        const u32 f2 = nodes_[i.node].frame;
        if (f2 == 0 || f2 == last || frames_[f2].nonterminal != n) continue;
        last = f2;
        const Items& items2 = item_sets_[frames_[f2].continuation];
        Items diff;
        std::set_symmetric_difference(items.begin(), items.end(), items2.begin(), items2.end(),
                                      std::back_inserter(diff));
        bool same = true;
        for (const Item& d : diff) {
            const Node& node = nodes_[d.node];
            if (node.frame != f2 || d.forbid) {
                same = false;
                break;
            }
            // d must be in the content of every node of f2 that returns. Returning nodes (f2, m): those m whose
            // completion completes n; checking n itself and each unit-derived m suffices since they all go through n.
            const LeftCorner& lc = left_corner(n, n);
            bool found = false;
            for (const auto& [pos, bf] : lc.out)
                found |= pos == d.position && bf.first == node.completed && bf.second == 0;
            if (!found) {
                same = false;
                break;
            }
        }
        if (same) {
            frame_index_.emplace(pair_key(n, k), f2);
            return f2;
        }
    }
    const u32 id = static_cast<u32>(frames_.size());
    if (id >= max_states_) throw CoreError(ErrorKind::limit_states, id, "too many parser frames");
    frames_.push_back({n, k, 1 + height_of(item_sets_[k])});
    frame_index_.emplace(pair_key(n, k), id);
    return id;
}

const Items& SyntaxAutomaton::content(u32 node, u32 forbid) {
    const u64 key = pair_key(node, forbid);
    auto found = content_.find(key);
    if (found != content_.end()) return found->second;
    Items out;
    const Node nd = nodes_[node];
    const Frame fr = frames_[nd.frame];
    const LeftCorner& lc = left_corner(fr.nonterminal, nd.completed);
    for (const auto& [pos, bf] : lc.out)
        out.push_back({pos, make_node(nd.frame, bf.first), forbid_union(forbid, bf.second)});
    for (u32 f : lc.returns) {
        const u32 g = forbid_union(forbid, f);
        for (const Item& k : item_sets_[fr.continuation])
            out.push_back({k.position, k.node, forbid_union(k.forbid, g)});
    }
    canonical(out);
    return content_.emplace(key, std::move(out)).first->second;
}

void SyntaxAutomaton::after(u32 position, u32 node, Items& out) {
    if (symbol_at_[position] != END) {
        out.push_back({position, node, forbid_at_[position]});
    } else {
        read_ = std::min(read_, frames_[nodes_[node].frame].height);
        const Items& c = content(node, forbid_at_[position]);
        out.insert(out.end(), c.begin(), c.end());
    }
}

// What an item lets come next, ignored lexemes included: it depends on its position, not on its return node.
const Bits& SyntaxAutomaton::viable_of(const Item& it, u32 lex_id) {
    const u32 lexset = lexer_.independent() ? 0 : lex_id;
    std::unique_ptr<Bits>& known = viable_[mix(mix(61, pair_key(it.position, it.forbid)), lexset)];
    if (known) return *known;
    Bits b;
    if (it.position != ACCEPT) {
        const u32 s = symbol_at_[it.position];
        if (s & TERM) {
            const Occurrence& o = occurrences_[s & ~TERM];
            bits_each(cfg_.class_sets[o.follow], [&](u32 k) { bits_set(b, alphabet_.symbol(o.terminal, k)); });
        } else {
            b = first_[s];
        }
        if (it.forbid) {
            const Bits& f = forbid_symbols_[it.forbid];
            for (size_t w = 0; w < b.size() && w < f.size(); ++w) b[w] &= ~f[w];
        }
    }
    // An ignored lexeme may come where the item can be completed from the boundary that it leaves.
    const u32 set = it.position == ACCEPT ? end_set_ : live_at_[it.position];
    for (u32 k = 0; k < alphabet_.n_classes; ++k) {
        bool ok = alphabet_.n_classes == 1;
        if (!ok) {
            const u32 e = element_of_[lexset * alphabet_.n_classes + k];
            ok = e != NONE && bits_get(cfg_.element_sets[set], e);
        }
        if (ok) bits_set(b, alphabet_.symbol(alphabet_.n_terminals, k));
    }
    known = std::make_unique<Bits>(std::move(b));
    return *known;
}

u32 SyntaxAutomaton::height_of(const Items& items) const {
    u32 h = 0;
    for (const Item& i : items) h = std::max(h, frames_[nodes_[i.node].frame].height);
    return h;
}

// A frame's nodes mention each other (left recursion), but its continuation only lower frames: so terms are finite.
u64 SyntaxAutomaton::frame_hash(u32 frame, u32 cut) {
    const Frame f = frames_[frame];
    if (frame == 0) return 71;
    if (f.height < cut) return 73;
    const u64 key = pair_key(frame, cut);
    auto found = frame_hash_.find(key);
    if (found != frame_hash_.end()) return found->second;
    const u64 h = mix(mix(13, f.nonterminal), items_hash(item_sets_[f.continuation], cut));
    frame_hash_[key] = h;
    return h;
}

u64 SyntaxAutomaton::items_hash(const Items& items, u32 cut) {
    std::vector<u64> hs;
    hs.reserve(items.size());
    for (const Item& i : items)
        hs.push_back(mix(mix(mix(mix(17, i.position), i.forbid), nodes_[i.node].completed),
                         frame_hash(nodes_[i.node].frame, cut)));
    std::sort(hs.begin(), hs.end());
    hs.erase(std::unique(hs.begin(), hs.end()), hs.end());
    u64 h = 19;
    for (u64 x : hs) h = mix(h, x);
    return h;
}

u32 SyntaxAutomaton::intern(Items items, u32 lex_id) {
    canonical(items);
    u64 h = mix(23, lex_id);
    for (const Item& i : items) h = mix(mix(h, pair_key(i.position, i.node)), i.forbid);
    const u32 known = state_index_.find_if(h, [&](u32 id) {
        return (lexer_.independent() || states_[id].lex_id == lex_id) && states_[id].items == items;
    });
    if (known != NONE) return known;
    if (states_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_states, states_.size(), "too many parser states");
    SyntaxState s;
    s.accepts = false;
    s.lex_id = lex_id;
    for (const Item& i : items) {
        bits_or(s.viable, viable_of(i, lex_id));
        if (i.position == ACCEPT && !bits_get(cfg_.forbids[i.forbid], cfg_.end_terminal())) s.accepts = true;
    }
    if (lexer_.independent()) {
        Bits ts;
        bits_each(s.viable, [&](u32 sym) {
            if (alphabet_.terminal(sym) < alphabet_.n_terminals) bits_set(ts, alphabet_.terminal(sym));
        });
        s.lex_id = lexer_.intern_set(ts);
    }
    u32 n = 0;
    bits_each(s.viable, [&](u32) { ++n; });
    s.next.reset(new std::atomic<u32>[n + 1]);
    for (u32 i = 0; i <= n; ++i) s.next[i].store(NONE, std::memory_order_relaxed);
    s.reads.reset(new u32[n + 1]);
    s.height = height_of(items);
    s.items = std::move(items);
    const u32 id = states_.push_back(std::move(s));
    state_index_.insert(h, id);
    return id;
}

u32 SyntaxAutomaton::start(u32 i, const StartSymbol& sym) {
    std::lock_guard<std::mutex> lock(mutex_);
    Items items;
    if (sym.nullable) items.push_back({ACCEPT, 0, 0});
    if (starts_[i] != NONE) {
        // A pseudo-production START -> S, so that the first state has an item: a position of its own per start.
        const u32 base = static_cast<u32>(symbol_at_.size());
        symbol_at_.push_back(starts_[i]);
        symbol_at_.push_back(END);
        for (int k = 0; k < 2; ++k) {
            forbid_at_.push_back(0);
            live_at_.push_back(k == 0 ? start_sets_[i] : end_set_);
            production_of_.push_back(NONE);
        }
        items.push_back({base, 0, 0});
    }
    if (items.empty()) return NONE;
    return intern(std::move(items), lexer_.independent() ? 0 : sym.lexset);
}

void SyntaxAutomaton::step_item(const Item& i, u32 symbol, Items& out, std::unordered_map<u32, Items>& calls,
                                u32& lexset) {
    if (i.position == ACCEPT || (i.forbid && bits_get(cfg_.forbids[i.forbid], alphabet_.terminal(symbol)))) return;
    const u32 sym = symbol_at_[i.position];
    if (sym == END) return;
    if (sym & TERM) {
        const Occurrence& o = occurrences_[sym & ~TERM];
        if (!occurrence_takes(o, symbol)) return;
        if (lexset != NONE && lexset != o.lexset)
            throw CoreError(ErrorKind::bad_input, o.terminal, "a terminal leads to different lexsets at once");
        lexset = o.lexset;
        after(i.position + 1, i.node, out);
    } else if (bits_get(first_[sym], symbol)) {
        Items& k = calls[sym];
        if (i.node == 0) {
            k.push_back({ACCEPT, 0, forbid_at_[i.position + 1]});
        } else {
            after(i.position + 1, i.node, k);
        }
    }
}

// Enters the nonterminals called, each once with all that may follow it, and reads the terminal in there.
void SyntaxAutomaton::step_calls(u32 symbol, std::unordered_map<u32, Items>& calls, Items& out, u32& lexset) {
    const u32 terminal = alphabet_.terminal(symbol);
    for (auto& [n, k] : calls) {
        canonical(k);
        const u32 frame = make_frame(n, intern_items(k));
        const std::vector<Entry>& es = entries(n);
        auto lo = std::lower_bound(es.begin(), es.end(), terminal,
                                   [&](const Entry& e, u32 t) { return occurrences_[e.symbol_set].terminal < t; });
        for (; lo != es.end() && occurrences_[lo->symbol_set].terminal == terminal; ++lo) {
            const Occurrence& o = occurrences_[lo->symbol_set];
            if (!occurrence_takes(o, symbol)) continue;
            if (lexset != NONE && lexset != o.lexset)
                throw CoreError(ErrorKind::bad_input, terminal, "a terminal leads to different lexsets at once");
            lexset = o.lexset;
            const u32 read = read_;  // the frame was made here: its continuation is already accounted for
            after(lo->position, make_node(frame, lo->completed), out);
            read_ = read;
        }
    }
}

u32 SyntaxAutomaton::step_slow(u32 state, u32 symbol) {
    std::lock_guard<std::mutex> lock(mutex_);
    SyntaxState& s = states_[state];
    std::atomic<u32>& slot = s.next[rank(s.viable, symbol)];
    u32 known = slot.load(std::memory_order_relaxed);
    if (known != NONE) return known;
    u32 lexset = NONE;
    read_ = NONE;
    Items out;
    std::unordered_map<u32, Items> calls;
    for (const Item& i : s.items) step_item(i, symbol, out, calls, lexset);
    step_calls(symbol, calls, out, lexset);
    known = intern(std::move(out), lexset == NONE ? 0 : lexset);
    s.reads[rank(s.viable, symbol)] = read_;
    slot.store(known, std::memory_order_release);
    return known;
}

u64 SyntaxAutomaton::term_hash(u32 state, u32 cut) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = state_hash_.find(pair_key(state, cut));
    if (found != state_hash_.end()) return found->second;
    // With independent lexing the items decide what is lexed, and its id is not the same in every process.
    const u64 h = mix(items_hash(states_[state].items, cut), lexer_.independent() ? 0 : states_[state].lex_id);
    state_hash_[pair_key(state, cut)] = h;
    return h;
}

u32 SyntaxAutomaton::intern_single(Items items, u32 lex_id) {
    u64 h = mix(67, lex_id);
    for (const Item& i : items) h = mix(mix(h, pair_key(i.position, i.node)), i.forbid);
    auto [lo, hi] = single_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it)
        if (single_list_[it->second].items == items && single_list_[it->second].lex_id == lex_id) return it->second;
    Single s;
    s.lex_id = lex_id;
    s.height = height_of(items);
    for (const Item& i : items) bits_or(s.viable, viable_of(i, lex_id));
    s.items = std::move(items);
    const u32 id = single_list_.push_back(std::move(s));
    single_index_.emplace(h, id);
    return id;
}

void SyntaxAutomaton::partition(const Items& items, u32 lex_id, std::vector<u32>& out) {
    // By the symbol wanted: a nonterminal, or a terminal whatever its occurrence.
    auto wanted = [&](const Item& i) {
        if (i.position == ACCEPT) return END;
        const u32 s = symbol_at_[i.position];
        return s & TERM && s != END ? TERM | occurrences_[s & ~TERM].terminal : s;
    };
    std::vector<std::pair<u32, Item>> sorted;
    for (const Item& i : items) sorted.emplace_back(wanted(i), i);
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size();) {
        Items group;
        const u32 w = sorted[i].first;
        for (; i < sorted.size() && sorted[i].first == w; ++i) group.push_back(sorted[i].second);
        const u32 set = lexer_.independent() ? own_set(group) : lex_id;
        out.push_back(intern_single(std::move(group), set));
    }
}

const std::vector<u32>& SyntaxAutomaton::singles(u32 state) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto [it, fresh] = singles_.try_emplace(state);
    if (fresh) partition(states_[state].items, states_[state].lex_id, it->second);
    return it->second;
}

// Independent lexing: the set of terminals that these items can use.
u32 SyntaxAutomaton::own_set(const Items& items) {
    Bits ts;
    for (const Item& i : items)
        bits_each(viable_of(i, 0), [&](u32 sym) {
            if (alphabet_.terminal(sym) < alphabet_.n_terminals) bits_set(ts, alphabet_.terminal(sym));
        });
    return lexer_.intern_set(ts);
}

const std::vector<u32>& SyntaxAutomaton::step_single(u32 id, u32 symbol, u32& read) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto [it, fresh] = single_steps_.try_emplace(pair_key(id, symbol));
    if (fresh) {
        u32 lexset = NONE;
        read_ = NONE;
        Items out;
        std::unordered_map<u32, Items> calls;
        for (const Item& i : single_list_[id].items) step_item(i, symbol, out, calls, lexset);
        step_calls(symbol, calls, out, lexset);
        canonical(out);
        it->second.read = read_;
        partition(out, lexset == NONE ? 0 : lexset, it->second.singles);
    }
    read = std::min(read, it->second.read);
    return it->second.singles;
}

u64 SyntaxAutomaton::single_hash(u32 id, u32 cut) {
    std::lock_guard<std::mutex> lock(mutex_);
    const Single& s = single_list_[id];
    // With independent lexing the items decide what is lexed, and the set's id is not the same in every process.
    return mix(items_hash(s.items, cut), lexer_.independent() ? 0 : s.lex_id);
}

Bits SyntaxAutomaton::viable_terminals(u32 state) const {
    Bits out;
    bits_each(states_[state].viable, [&](u32 sym) {
        if (alphabet_.terminal(sym) < alphabet_.n_terminals) bits_set(out, alphabet_.terminal(sym));
    });
    return out;
}

}  // namespace gcd
