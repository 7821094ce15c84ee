#include "compiled.hpp"

#include <algorithm>

namespace gcd {

void check_tables(GrammarTables& g) {
    g.cfg.n_terminals = static_cast<u32>(g.nfa.starts.size());
    g.cfg.validate();
    auto bad = [](u64 v, const char* w) { throw CoreError(ErrorKind::bad_input, v, w); };
    for (const CfgProduction& p : g.cfg.productions)
        for (const CfgSymbol& s : p.rhs)
            if (s.terminal && !g.independent && s.lexset >= g.lexsets.size()) bad(s.lexset, "lexset out of bounds");
    for (const StartSymbol& s : g.starts) {
        if (s.nonterminal != NONE && s.nonterminal >= g.cfg.n_nonterminals)
            bad(s.nonterminal, "start symbol out of bounds");
        if (!g.independent && s.lexset >= g.lexsets.size()) bad(s.lexset, "lexset out of bounds");
    }
    if (g.indentation.enabled)
        for (u32 t : {g.indentation.newline, g.indentation.indent, g.indentation.dedent})
            if (t >= g.cfg.n_terminals) bad(t, "indentation terminal out of bounds");
}

Compiled::Compiled(std::shared_ptr<const TokenTrie> trie, GrammarTables g, CoreLimits limits, bool lenient)
    : trie_(std::move(trie)), spelling_(*trie_, limits.max_lexer_states) {
    check_tables(g);
    begin_lexer(g, limits);
    u32 all = 0;
    if (g.independent) {
        Bits b;
        for (const CfgProduction& p : g.cfg.productions)
            for (const CfgSymbol& s : p.rhs)
                if (s.terminal) bits_set(b, s.id);
        all = lexer_->intern_set(b);
    }
    Viability v;
    if (limits.seconds < 1e6)
        lexer_->deadline =
            std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                   std::chrono::duration<double>(limits.seconds));
    try {
        v = analyse_viability(g.cfg, g.starts, *lexer_, *live_, all, limits.max_pairs);
    } catch (const CoreError& e) {
        if (!lenient || e.kind == ErrorKind::bad_input) throw;
        v = Viability{};
        v.reason = e.what();
        v.n_lexsets = g.independent ? 1 : static_cast<u32>(lexer_->lexsets().size());
        v.element_of.assign(v.n_lexsets, 0);
        v.cfg = g.cfg;
        v.cfg.element_sets.assign(1, Bits{1});
        for (const StartSymbol& s : g.starts) v.starts.push_back(s.nonterminal), v.start_sets.push_back(0);
        lexer_->deadline = {};
        // Outcomes of states whose analysis was cut short are found again, one state at a time, without a budget
        // shared.
        live_ = std::make_unique<LiveAnalysis>(*lexer_, *trie_, spelling_, limits.max_lexer_states);
    }
    if (v.exact && g.indentation.enabled && !every_column_reachable()) {
        v.exact = false;
        v.reason =
            "inside a newline terminal that indentation watches, the text can reach a column from which no open level "
            "may be reachable any more: let the terminal match several line ends in a row, each with blanks after it";
    }
    lexer_->deadline = {};
    begin_positions(std::move(g), std::move(v));
}

// Indentation: once a line end was read in a newline lexeme, can the text still get to every column, whatever the
// levels are? It can if another line end leads to a state that accepts, and blanks loop on one that accepts. Looks a
// few bytes ahead for the line end, to get out of a character or of "\r".
bool Compiled::every_column_reachable() {
    Lexer& lx = *lexer_;
    const u32 newline = lx.newline();
    auto accepts_newline = [&](u32 s) {
        for (const Accept& a : lx.state(s).accepts)
            if (a.terminal == newline) return true;
        return false;
    };
    auto base = [&](u32 s) { return lx.state(s).base != NONE ? lx.state(s).base : s; };
    auto next = [&](u32 s, u8 b) {
        std::vector<u32> out;
        lx.each(lx.step(s, b), [&](u32 t) { out.push_back(base(t)); });
        return out;
    };
    auto fresh_line = [&](u32 s) {
        for (u32 t : next(s, '\n')) {
            if (!accepts_newline(t)) continue;
            for (u32 u : next(t, ' '))
                if (accepts_newline(u))
                    for (u32 w : next(u, ' '))
                        if (w == u) return true;
        }
        return false;
    };
    auto reads_newline = [&](u32 s) {  // a newline lexeme can still be finished from here
        for (u32 o : live_->set(live_->outcomes(s, 0)))
            if (live_->outcome(o).terminal == newline) return true;
        return false;
    };
    std::vector<u32> work;
    std::unordered_map<u32, bool> seen;
    auto add = [&](u32 s) {
        if (seen.emplace(s, true).second && reads_newline(s)) work.push_back(s);
    };
    // Also states before a line end: a lexeme that ends without one is no newline that indentation can use.
    for (u32 s = 0, n = lx.n_states(); s < n; ++s) add(base(s));
    while (!work.empty()) {
        const u32 s = work.back();
        work.pop_back();
        bool good = false;
        std::vector<u32> level{s};
        for (int depth = 0; depth < 4 && !good; ++depth) {
            std::vector<u32> deeper;
            for (u32 x : level) {
                good |= fresh_line(x);
                if (good) break;
                for (u32 cls = 0; cls < lx.n_classes(); ++cls)
                    for (u32 t : next(x, lx.class_byte(cls)))
                        if (deeper.size() < 64 && std::find(deeper.begin(), deeper.end(), t) == deeper.end())
                            deeper.push_back(t);
            }
            level = std::move(deeper);
        }
        if (!good) return false;
        for (u32 cls = 0; cls < lx.n_classes(); ++cls)
            for (u32 t : next(s, lx.class_byte(cls))) add(t);
    }
    return true;
}

void Compiled::begin_lexer(const GrammarTables& g, CoreLimits limits) {
    lexer_ = std::make_unique<Lexer>(g.nfa, g.lexsets, g.ignore, g.independent, g.all_lengths, trie_->used_bytes,
                                     limits.max_lexer_states, g.indentation.enabled ? g.indentation.newline : NONE,
                                     g.indentation.tab_len);
    live_ = std::make_unique<LiveAnalysis>(*lexer_, *trie_, spelling_, limits.max_lexer_states);
    live_sets_.push_back({});
    live_set_index_.insert(29, 0);
}

void Compiled::begin_positions(GrammarTables g, Viability v) {
    tables_ = std::move(g);
    viability_ = v;
    positions_ = std::make_unique<Positions>(std::move(v), *lexer_);
}

u32 Compiled::symbol_of(u32 terminal, u32 boundary) {
    return positions_->alphabet.symbol(terminal, positions_->class_of(boundary));
}

const Compiled::LiveInfo* Compiled::live_info_slow(u32 state) {
    std::lock_guard<std::mutex> lock(live_mutex_);
    while (live_info_.size() <= state) live_info_.emplace_back();
    if (const LiveInfo* l = live_info_[state].load(std::memory_order_relaxed)) return l;
    auto info = std::make_unique<LiveInfo>();
    const LexState& s = lexer_->state(state);
    Bits bits;
    auto add = [&](u32 one) {
        const std::vector<u32> outcomes = live_->set(live_->outcomes(one, 0));
        for (u32 o : outcomes) bits_set(bits, symbol_of(live_->outcome(o).terminal, live_->outcome(o).boundary));
    };
    if (s.groups.empty()) {
        add(state);
    } else {
        for (u32 one : s.groups) add(one);
    }
    for (const Accept& a : s.accepts) info->symbols.push_back(symbol_of(a.terminal, live_->intern_boundary(a.ctx, 0)));
    info->accept_symbols = View<u32>(info->symbols);
    bits_trim(bits);
    u64 h = 29;
    for (u64 w : bits) h = mix(h, w);
    u32 id = live_set_index_.find_if(h, [&](u32 x) { return live_sets_[x] == bits; });
    if (id == NONE) {
        id = live_sets_.push_back(std::move(bits));
        live_set_index_.insert(h, id);
    }
    info->set = id;
    live_info_storage_.push_back(std::move(info));
    const LiveInfo* raw = live_info_storage_.back().get();
    live_info_[state].store(raw, std::memory_order_release);
    return raw;
}

u32 Compiled::accept_symbol_slow(u32 state, u32 i, u32 place) {
    std::lock_guard<std::mutex> lock(live_mutex_);
    const Accept& a = lexer_->state(state).accepts[i];
    return symbol_of(a.terminal, live_->intern_boundary(a.ctx, place));
}

}  // namespace gcd
