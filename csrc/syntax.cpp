#include "syntax.hpp"

#include <algorithm>

namespace gcd {

namespace {
void canonical(Items& v) {
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
}
u64 hash_of(u64 h, const Items& items) {
    for (const Item& i : items) h = mix(mix(h, pair_key(i.position, i.frame)), i.forbid);
    return h;
}
}  // namespace

SyntaxAutomaton::SyntaxAutomaton(Positions& positions, u32 max_states, u64 max_bytes)
    : positions_(positions), max_states_(max_states), max_bytes_(max_bytes) {
    frames_.push_back({NONE, intern_items({})});
}

// States are few where grammars are sane, but each can hold as many items as there are positions times frames.
void SyntaxAutomaton::charge(const Items& items) {
    bytes_ += items.size() * sizeof(Item);
    if (bytes_ > max_bytes_) throw CoreError(ErrorKind::limit_bytes, bytes_, "too many bytes of parser items");
    note_growth();
}

void SyntaxAutomaton::note_growth() {
    const u32 used = std::max(n_states(), n_frames());
    full_ =
        used - carried_ > (max_states_ - carried_) / 2 || bytes_ - carried_bytes_ > (max_bytes_ - carried_bytes_) / 2;
    crowded_ = carried_ > max_states_ / 2 || carried_bytes_ > max_bytes_ / 2;
}

u32 SyntaxAutomaton::intern_items(Items items) {
    const u64 h = hash_of(3, items);
    auto [lo, hi] = item_set_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it)
        if (*item_sets_[it->second] == items) return it->second;
    charge(items);
    const u32 id = item_sets_.push_back(std::make_unique<const Items>(std::move(items)));
    item_set_index_.emplace(h, id);
    return id;
}

u32 SyntaxAutomaton::make_frame(u32 n, u32 k) {
    auto it = frame_index_.find(pair_key(n, k));
    if (it != frame_index_.end()) return it->second;
    // Merge: a frame f2 = (n, k2) mentioned in k behaves like the new frame if replacing the new frame by f2 in what
    // follows it gives what follows f2, i.e. k and k2 differ only in items that f2's left recursion adds anyway.
    const Items& items = *item_sets_[k];
    u32 last = NONE;
    for (const Item& i : items) {
        const u32 f2 = i.frame;
        if (f2 == 0 || f2 == last || frames_[f2].nonterminal != n) continue;
        last = f2;
        const Items& items2 = continuation(f2);
        Items diff;
        std::set_symmetric_difference(items.begin(), items.end(), items2.begin(), items2.end(),
                                      std::back_inserter(diff));
        bool same = true;
        for (const Item& d : diff) {
            // d must follow whatever completes n in f2. That all goes through n itself.
            const Positions::LeftCorner& lc = positions_.left_corner(n, n);
            bool found = false;
            for (const auto& o : lc.out) found |= o.position == d.position && o.forbid == 0;
            same = found && d.frame == f2 && !d.forbid;
            if (!same) break;
        }
        if (same) {
            frame_index_.emplace(pair_key(n, k), f2);
            return f2;
        }
    }
    if (frames_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_parser_states, frames_.size(), "too many parser frames");
    const u32 id = frames_.push_back({n, k});
    frame_index_.emplace(pair_key(n, k), id);
    return id;
}

void SyntaxAutomaton::after(u32 position, u32 frame, Items& out) {
    const u32 forbid = positions_.forbid(position);
    if (!positions_.at_end(position)) {
        out.push_back({position, frame, forbid});
        return;
    }
    const Positions::LeftCorner& lc = positions_.left_corner(frames_[frame].nonterminal, positions_.lhs(position));
    for (const auto& o : lc.out) out.push_back({o.position, frame, positions_.forbid_union(forbid, o.forbid)});
    for (u32 f : lc.returns) {
        const u32 g = positions_.forbid_union(forbid, f);
        for (const Item& k : continuation(frame))
            out.push_back({k.position, k.frame, positions_.forbid_union(k.forbid, g)});
    }
}

u32 SyntaxAutomaton::intern(Items items, u32 lex_id) {
    canonical(items);
    const bool independent = positions_.lexer.independent();
    const u64 h = hash_of(mix(23, lex_id), items);
    const u32 known = state_index_.find_if(
        h, [&](u32 id) { return (independent || states_[id].lex_id == lex_id) && states_[id].items == items; });
    if (known != NONE) return known;
    if (states_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_parser_states, states_.size(), "too many parser states");
    charge(items);
    SyntaxState s;
    s.accepts = false;
    for (const Item& i : items) {
        bits_or(s.viable, positions_.viable(i.position, i.forbid, lex_id));
        if (i.position == Positions::ACCEPT && !positions_.forbids(i.forbid, positions_.cfg().end_terminal()))
            s.accepts = true;
    }
    s.lex_id = independent ? positions_.own_set(s.viable) : lex_id;
    u32 n = 0;
    bits_each(s.viable, [&](u32) { ++n; });
    s.next.reset(new std::atomic<u32>[n + 1]);
    for (u32 i = 0; i <= n; ++i) s.next[i].store(NONE, std::memory_order_relaxed);
    s.items = std::move(items);
    const u32 id = states_.push_back(std::move(s));
    state_index_.insert(h, id);
    return id;
}

u32 SyntaxAutomaton::start(u32 i, const StartSymbol& sym) {
    std::lock_guard<std::mutex> lock(positions_.mutex);
    Items items;
    if (sym.nullable) items.push_back({Positions::ACCEPT, 0, 0});
    const u32 base = positions_.start(i);
    if (base != NONE) items.push_back({base, 0, 0});
    if (items.empty()) return NONE;
    return intern(std::move(items), positions_.lexer.independent() ? 0 : sym.lexset);
}

void SyntaxAutomaton::step_item(const Item& i, u32 symbol, Items& out, std::unordered_map<u32, Items>& calls,
                                u32& lexset) {
    if (i.position == Positions::ACCEPT) return;
    if (i.forbid && positions_.forbids(i.forbid, positions_.alphabet.terminal(symbol))) return;
    if (positions_.at_terminal(i.position)) {
        const Positions::Occurrence& o = positions_.occurrence(i.position);
        if (!positions_.takes(o, symbol)) return;
        if (lexset != NONE && lexset != o.lexset)
            throw CoreError(ErrorKind::bad_input, o.terminal, "a terminal leads to different lexsets at once");
        lexset = o.lexset;
        after(i.position + 1, i.frame, out);
    } else if (const u32 n = positions_.nonterminal(i.position); bits_get(positions_.first(n), symbol)) {
        Items& k = calls[n];
        if (i.frame == 0) {
            k.push_back({Positions::ACCEPT, 0, positions_.forbid(i.position + 1)});
        } else {
            after(i.position + 1, i.frame, k);
        }
    }
}

// Enters the nonterminals called, each once with all that may follow it, and reads the terminal in there.
void SyntaxAutomaton::step_calls(u32 symbol, std::unordered_map<u32, Items>& calls, Items& out, u32& lexset) {
    const u32 terminal = positions_.alphabet.terminal(symbol);
    for (auto& [n, k] : calls) {
        canonical(k);
        const u32 frame = make_frame(n, intern_items(k));
        const std::vector<Positions::Entry>& es = positions_.entries(n);
        auto at = std::lower_bound(es.begin(), es.end(), terminal, [&](const Positions::Entry& e, u32 t) {
            return positions_.occurrence_of(e).terminal < t;
        });
        for (; at != es.end() && positions_.occurrence_of(*at).terminal == terminal; ++at) {
            const Positions::Occurrence& o = positions_.occurrence_of(*at);
            if (!positions_.takes(o, symbol)) continue;
            if (lexset != NONE && lexset != o.lexset)
                throw CoreError(ErrorKind::bad_input, terminal, "a terminal leads to different lexsets at once");
            lexset = o.lexset;
            after(at->position, frame, out);
        }
    }
}

void SyntaxAutomaton::carry(const SyntaxAutomaton& from, std::vector<u32>& states) {
    // A frame's continuation mentions older frames only: in the order of their numbers, all that one needs is there.
    std::unordered_map<u32, u32> frames{{0, 0}}, known;
    std::vector<u32> needed, open;
    auto need = [&](const Items& items) {
        for (const Item& i : items)
            if (frames.emplace(i.frame, NONE).second) open.push_back(i.frame);
    };
    for (u32 s : states)
        if (known.emplace(s, NONE).second) need(from.state(s).items);
    while (!open.empty()) {
        const u32 f = open.back();
        open.pop_back();
        needed.push_back(f);
        need(from.continuation(f));
    }
    std::sort(needed.begin(), needed.end());
    auto moved = [&](Items items) {
        for (Item& i : items) i.frame = frames.at(i.frame);
        canonical(items);
        return items;
    };
    std::lock_guard<std::mutex> lock(positions_.mutex);
    const u32 before = std::max(n_states(), n_frames());
    const u64 bytes = bytes_;
    for (u32 f : needed) frames[f] = make_frame(from.called(f), intern_items(moved(from.continuation(f))));
    for (auto& [old, now] : known) {
        const SyntaxState& s = from.state(old);
        now = intern(moved(s.items), positions_.lexer.independent() ? 0 : s.lex_id);
    }
    for (u32& s : states) s = known.at(s);
    carried_ += std::max(n_states(), n_frames()) - before;
    carried_bytes_ += bytes_ - bytes;
    note_growth();
}

u32 SyntaxAutomaton::unite(u32 a, u32 b) {
    if (a > b) std::swap(a, b);
    u32 known = unions_.find(pair_key(a, b));
    if (known != NONE || a == b) return a == b ? a : known;
    std::lock_guard<std::mutex> lock(positions_.mutex);
    known = unions_.find(pair_key(a, b));
    if (known != NONE) return known;
    Items items = states_[a].items;
    items.insert(items.end(), states_[b].items.begin(), states_[b].items.end());
    known = intern(std::move(items), 0);
    unions_.insert(pair_key(a, b), known);
    return known;
}

u32 SyntaxAutomaton::step_slow(u32 state, u32 symbol) {
    std::lock_guard<std::mutex> lock(positions_.mutex);
    SyntaxState& s = states_[state];
    std::atomic<u32>& slot = s.next[rank(s.viable, symbol)];
    u32 known = slot.load(std::memory_order_relaxed);
    if (known != NONE) return known;
    u32 lexset = NONE;
    Items out;
    std::unordered_map<u32, Items> calls;
    for (const Item& i : s.items) step_item(i, symbol, out, calls, lexset);
    step_calls(symbol, calls, out, lexset);
    known = intern(std::move(out), lexset == NONE ? 0 : lexset);
    slot.store(known, std::memory_order_release);
    return known;
}

}  // namespace gcd
