// The compiled grammar's part of an artefact: the tables it was made from, what the analysis found, the lexer's states
// and what is live in them. Parser states are not kept: they are made again as texts need them, in microseconds.
#include "compiled.hpp"

namespace gcd {

namespace {

// Bounds on what a few bytes of a damaged artefact can ask for.
constexpr u64 kMaxSymbols = 1u << 24;   // terminals times boundary classes
constexpr u64 kMaxSetBytes = 1u << 28;  // in sets of symbols
constexpr u64 kMaxUnused = 1u << 20;    // nonterminals that no production mentions

void save_nfa(Writer& w, const NfaProgram& n) {
    for (const std::vector<u32>* v : {&n.code, &n.splits, &n.starts, &n.lookaheads, &n.lookbehinds, &n.node_start,
                                      &n.range_lo, &n.range_hi, &n.range_to})
        w.array(*v);
}
NfaProgram load_nfa(Reader& r) {
    NfaProgram n;
    for (std::vector<u32>* v : {&n.code, &n.splits, &n.starts, &n.lookaheads, &n.lookbehinds, &n.node_start,
                                &n.range_lo, &n.range_hi, &n.range_to})
        *v = r.vector<u32>();
    return n;
}

void save_bits(Writer& w, const std::vector<Bits>& sets) {
    write_lists(w, sets);
}
std::vector<Bits> load_bits(Reader& r) {
    const ListsView<u64> l(r);
    std::vector<Bits> out;
    for (size_t i = 0; i < l.size(); ++i) out.push_back(l.copy(i));
    return out;
}

// A production: lhs, n, then (kind, id, lexset, follow) per symbol, then 0 or n + 1 forbids and live sets.
void save_cfg(Writer& w, const Cfg& g) {
    w.number(g.n_terminals);
    w.number(g.n_nonterminals);
    std::vector<u32> flat;
    for (const CfgProduction& p : g.productions) {
        flat.insert(flat.end(),
                    {p.lhs, static_cast<u32>(p.rhs.size()), p.forbid.empty() ? 0u : 1u, p.live.empty() ? 0u : 1u});
        for (const CfgSymbol& s : p.rhs) flat.insert(flat.end(), {s.terminal ? 1u : 0u, s.id, s.lexset, s.follow});
        flat.insert(flat.end(), p.forbid.begin(), p.forbid.end());
        flat.insert(flat.end(), p.live.begin(), p.live.end());
    }
    w.number(g.productions.size());
    w.array(flat);
    save_bits(w, g.forbids);
    save_bits(w, g.class_sets);
    save_bits(w, g.element_sets);
}
Cfg load_cfg(Reader& r) {
    Cfg g;
    g.n_terminals = r.number32();
    g.n_nonterminals = r.number32();
    const u64 n = r.number();
    const View<u32> flat = r.view<u32>();
    size_t at = 0;
    auto take = [&] {
        Reader::check(at < flat.size(), "a production is cut short");
        return flat[at++];
    };
    for (u64 i = 0; i < n; ++i) {
        CfgProduction p;
        p.lhs = take();
        const u32 size = take();
        const u32 forbid = take(), live = take();
        Reader::check(size <= flat.size() && forbid <= 1 && live <= 1, "a production is out of bounds");
        for (u32 k = 0; k < size; ++k) {
            CfgSymbol s;
            s.terminal = take() != 0;
            s.id = take();
            s.lexset = take();
            s.follow = take();
            p.rhs.push_back(s);
        }
        for (u32 k = 0; forbid && k <= size; ++k) p.forbid.push_back(take());
        for (u32 k = 0; live && k <= size; ++k) p.live.push_back(take());
        g.productions.push_back(std::move(p));
    }
    Reader::check(at == flat.size(), "productions hold more than they should");
    Reader::check(g.n_nonterminals <= flat.size() + kMaxUnused, "too many nonterminals");
    g.forbids = load_bits(r);
    g.class_sets = load_bits(r);
    g.element_sets = load_bits(r);
    Reader::check(!g.forbids.empty(), "the first forbid set is missing");
    for (const CfgProduction& p : g.productions) {
        for (const CfgSymbol& s : p.rhs)
            Reader::check(!s.terminal || s.follow < g.class_sets.size(), "a symbol is out of bounds");
        for (u32 l : p.live) Reader::check(l < g.element_sets.size(), "a production is out of bounds");
    }
    return g;
}

}  // namespace

void Compiled::save(Writer& w) {
    const GrammarTables& g = tables_;
    save_nfa(w, g.nfa);
    std::vector<std::vector<u32>> orders, unless;
    for (const Lexset& l : g.lexsets) {
        orders.push_back(l.order);
        std::vector<u32> u;
        for (const Unless& x : l.unless) {
            u.push_back(x.regex);
            u.push_back(static_cast<u32>(x.literals.size()));
            u.insert(u.end(), x.literals.begin(), x.literals.end());
        }
        unless.push_back(std::move(u));
    }
    write_lists(w, orders);
    write_lists(w, unless);
    w.array(g.ignore);
    w.number(g.independent);
    w.number(g.all_lengths);
    std::vector<u32> starts;
    for (const StartSymbol& s : g.starts) starts.insert(starts.end(), {s.nonterminal, s.nullable ? 1u : 0u, s.lexset});
    w.array(starts);
    const IndentationSpec& i = g.indentation;
    w.number(i.enabled);
    for (u32 x : {i.newline, i.indent, i.dedent, i.tab_len}) w.number(x);
    w.array(i.open);
    w.array(i.close);
    const Viability& v = viability_;
    w.number(v.exact);
    w.array(reinterpret_cast<const u8*>(v.reason.data()), v.reason.size());
    for (u32 x : {v.n_classes, v.n_elements, v.n_pairs, v.n_lexsets, v.end_set}) w.number(x);
    w.array(v.class_of);
    w.array(v.element_of);
    w.array(v.starts);
    w.array(v.start_sets);
    save_cfg(w, v.cfg);
    // Boundaries keep their numbers: classes are known by them.
    std::lock_guard<std::mutex> lock(live_mutex_);
    std::vector<u32> boundaries;
    for (u32 b = 0; b < live_->n_boundaries(); ++b)
        boundaries.insert(boundaries.end(), {live_->boundary(b).ctx, live_->boundary(b).place});
    w.array(boundaries);
    lexer_->save(w);
    std::vector<Bits> sets;
    for (u32 k = 0; k < live_sets_.size(); ++k) sets.push_back(live_sets_[k]);
    save_bits(w, sets);
    std::vector<u32> set_of;
    std::vector<std::vector<u32>> symbols;
    for (u32 s = 0; s < lexer_->n_states(); ++s) {
        const LiveInfo* l = s < live_info_.size() ? live_info_[s].load(std::memory_order_relaxed) : nullptr;
        set_of.push_back(l ? l->set : NONE);
        symbols.push_back(l ? std::vector<u32>(l->accept_symbols.begin(), l->accept_symbols.end())
                            : std::vector<u32>{});
    }
    w.array(set_of);
    write_lists(w, symbols);
}

Compiled::Compiled(std::shared_ptr<const TokenTrie> trie, Reader& r, CoreLimits limits)
    : trie_(std::move(trie)), spelling_(*trie_, limits.max_lexer_states) {
    try {
        restore(r, limits);
    } catch (const CoreError& e) {
        // What a grammar may get wrong, an artefact may not.
        if (e.kind == ErrorKind::bad_input) throw CoreError(ErrorKind::bad_artifact, e.value, e.what());
        throw;
    }
}

void Compiled::restore(Reader& r, CoreLimits limits) {
    auto check = Reader::check;
    GrammarTables g;
    g.nfa = load_nfa(r);
    const ListsView<u32> orders(r);
    const ListsView<u32> unless(r);
    check(orders.size() == unless.size(), "lexset tables differ in length");
    for (size_t i = 0; i < orders.size(); ++i) {
        Lexset l;
        l.order = orders.copy(i);
        const View<u32> u = unless[i];
        for (size_t k = 0; k < u.size();) {
            check(u.size() - k >= 2 && u[k + 1] <= u.size() - k - 2, "a lexset's keyword rule is cut short");
            l.unless.push_back({u[k], std::vector<u32>(u.begin() + k + 2, u.begin() + k + 2 + u[k + 1])});
            k += 2 + u[k + 1];
        }
        g.lexsets.push_back(std::move(l));
    }
    g.ignore = r.vector<u32>();
    g.independent = r.flag();
    g.all_lengths = r.flag();
    const View<u32> starts = r.view<u32>();
    check(starts.size() % 3 == 0, "a start symbol is cut short");
    for (size_t i = 0; i < starts.size(); i += 3) g.starts.push_back({starts[i], starts[i + 1] != 0, starts[i + 2]});
    IndentationSpec& i = g.indentation;
    i.enabled = r.flag();
    for (u32* x : {&i.newline, &i.indent, &i.dedent, &i.tab_len}) *x = r.number32();
    i.open = r.vector<u32>();
    i.close = r.vector<u32>();
    Viability v;
    v.exact = r.flag();
    const View<u8> reason = r.view<u8>();
    v.reason.assign(reason.begin(), reason.end());
    for (u32* x : {&v.n_classes, &v.n_elements, &v.n_pairs, &v.n_lexsets, &v.end_set}) *x = r.number32();
    v.class_of = r.vector<u32>();
    v.element_of = r.vector<u32>();
    v.starts = r.vector<u32>();
    v.start_sets = r.vector<u32>();
    v.cfg = load_cfg(r);
    // Only the split grammar is kept; it stands for the given one, too.
    g.cfg.n_nonterminals = v.cfg.n_nonterminals;
    g.cfg.forbids = v.cfg.forbids;
    std::vector<StartSymbol> given = g.starts;
    for (StartSymbol& s : g.starts) s.nonterminal = NONE;
    check_tables(g);
    g.starts = given;
    v.cfg.validate();
    check(v.cfg.n_terminals == g.nfa.starts.size(), "the grammar's terminals differ in number");
    for (const CfgProduction& p : v.cfg.productions)
        for (const CfgSymbol& s : p.rhs)
            check(!s.terminal || g.independent || s.lexset < g.lexsets.size(), "a symbol is out of bounds");
    check(v.n_classes > 0 && v.n_classes < 65536 && v.starts.size() == g.starts.size() &&
              v.start_sets.size() == g.starts.size() && v.n_lexsets == (g.independent ? 1 : g.lexsets.size()) &&
              v.element_of.size() == static_cast<u64>(v.n_lexsets) * v.n_classes &&
              v.end_set < v.cfg.element_sets.size(),
          "the analysis' tables differ in length");
    // The parser keeps sets of symbols for each nonterminal and each forbid set: their size is a product of counts.
    const u64 symbols_in_all = (static_cast<u64>(v.cfg.n_terminals) + 1) * v.n_classes;
    check(symbols_in_all < kMaxSymbols &&
              symbols_in_all / 8 * (v.cfg.n_nonterminals + v.cfg.forbids.size()) < kMaxSetBytes,
          "the grammar is larger than any that can be compiled");
    for (u32 c : v.class_of) check(c < v.n_classes, "a boundary's class is out of bounds");
    for (u32 s : v.starts) check(s == NONE || s < v.cfg.n_nonterminals, "a start symbol is out of bounds");
    for (u32 s : v.start_sets) check(s < v.cfg.element_sets.size(), "a start symbol is out of bounds");
    for (const Bits& b : v.cfg.class_sets)
        bits_each(b, [&](u32 k) { check(k < v.n_classes, "a class is out of bounds"); });
    begin_lexer(g, limits);
    const View<u32> boundaries = r.view<u32>();
    lexer_->restore(r);
    check(boundaries.size() % 2 == 0, "a boundary is cut short");
    for (size_t k = 0; k < boundaries.size(); k += 2) {
        check(boundaries[k] < lexer_->n_contexts() && boundaries[k + 1] < spelling_.size(),
              "a boundary is out of bounds");
        check(live_->intern_boundary(boundaries[k], boundaries[k + 1]) == k / 2, "boundaries are out of step");
    }
    const std::vector<Bits> sets = load_bits(r);
    const View<u32> set_of = r.view<u32>();
    const ListsView<u32> symbols(r);
    r.done();
    const u32 n_symbols = static_cast<u32>(symbols_in_all);
    check(!sets.empty() && sets[0].empty() && set_of.size() == lexer_->n_states() && symbols.size() == set_of.size(),
          "live tables differ in length");
    for (u32 k = 1; k < sets.size(); ++k) {
        bits_each(sets[k], [&](u32 s) { check(s < n_symbols, "a live set is out of bounds"); });
        u64 h = 29;
        for (u64 word : sets[k]) h = mix(h, word);
        live_sets_.push_back(sets[k]);
        live_set_index_.insert(h, k);
    }
    saved_live_info_.reset(new LiveInfo[set_of.size()]);
    for (u32 s = 0; s < set_of.size(); ++s) {
        live_info_.emplace_back();
        if (set_of[s] == NONE) continue;
        check(set_of[s] < sets.size() && symbols[s].size() == lexer_->state(s).accepts.size(),
              "live tables are out of bounds");
        for (u32 x : symbols[s]) check(x < n_symbols, "an accept's symbol is out of bounds");
        LiveInfo& info = saved_live_info_[s];
        info.set = set_of[s];
        info.accept_symbols = symbols[s];
        live_info_[s].store(&info, std::memory_order_release);
    }
    begin_positions(std::move(g), std::move(v));
}

}  // namespace gcd
