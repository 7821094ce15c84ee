// A compiled grammar: one lexer DFA, one syntax automaton and one token trie, and what is known about them together.
// To its users it is immutable; behind that, tables fill on demand, append-only, under locks that hits never take.
#pragma once

#include <algorithm>
#include <mutex>

#include "indentation.hpp"
#include "live.hpp"
#include "syntax.hpp"
#include "viability.hpp"

namespace gcd {

struct GrammarTables {
    NfaProgram nfa;
    std::vector<Lexset> lexsets;
    std::vector<u32> ignore;
    bool independent = false, all_lengths = false;
    Cfg cfg;
    std::vector<StartSymbol> starts;
    IndentationSpec indentation;
};

// Throws bad_input if an index is out of bounds.
void check_tables(GrammarTables& g);

struct CoreLimits {
    u32 max_lexer_states = 200000;
    u32 max_parser_states = 1000000;
    u32 max_pairs = 200000;
    u64 memo_bytes = 256u << 20;
    u32 max_rows = 200000;
    double seconds = 60;  // for the analysis of a new grammar
};

// One reading of the text so far: where the parser stands and where the lexer stands inside the current lexeme.
struct Reading {
    u32 syntax;
    u32 lexer;
    bool operator==(const Reading& o) const { return syntax == o.syntax && lexer == o.lexer; }
    bool operator<(const Reading& o) const { return syntax != o.syntax ? syntax < o.syntax : lexer < o.lexer; }
};
using Readings = std::vector<Reading>;

class Compiled {
  public:
    // Throws limit_*/bad_input. If the viability analysis runs out of budget and `lenient`, the grammar is compiled
    // without it: masks then may dead-end, and `exact()` is false.
    Compiled(std::shared_ptr<const TokenTrie> trie, GrammarTables tables, CoreLimits limits, bool lenient);
    // From a section written by `save`.
    Compiled(std::shared_ptr<const TokenTrie> trie, Reader& r, CoreLimits limits);
    void save(Writer& w);

    Lexer& lexer() { return *lexer_; }
    Positions& positions() { return *positions_; }
    SyntaxAutomaton& syntax() { return *syntax_; }
    IndentedSyntax* indented() { return indented_.get(); }  // null without indentation
    const TokenTrie& trie() const { return *trie_; }
    std::shared_ptr<const TokenTrie> trie_ptr() const { return trie_; }
    bool exact() const { return viability_.exact; }
    const std::string& reason() const { return viability_.reason; }
    u32 n_starts() const { return static_cast<u32>(start_syntax_.size()); }
    u32 n_terminals() const { return positions_->alphabet.n_terminals; }
    bool start_alive(u32 i) const { return start_syntax_[i] != NONE; }
    u32 n_live_nodes() const { return live_->n_nodes(); }
    u32 n_classes() const { return positions_->alphabet.n_classes; }
    u32 n_elements() const { return viability_.n_elements; }
    u32 n_pairs() const { return viability_.n_pairs; }

    // The readings before any text; empty if the start symbol has no sentence in this vocabulary.
    Readings start(u32 i);
    // Symbols whose lexeme can still be finished from a lexer state, and with each of its accepts.
    const Bits& live(u32 lexer_state) {
        const LiveInfo* l = live_info_of(lexer_state);
        return live_sets_[l->set];
    }
    u32 live_set_id(u32 lexer_state) { return live_info_of(lexer_state)->set; }
    const Bits& live_set(u32 id) const { return live_sets_[id]; }
    u32 n_live_sets() const { return live_sets_.size(); }
    // The symbol of accept `i` of a lexer state if the lexeme ends at trie position `position`.
    u32 accept_symbol(u32 lexer_state, u32 i, u32 position) {
        if (trie_->byte_complete || position == 0) return live_info_of(lexer_state)->accept_symbols[i];
        return accept_symbol_slow(lexer_state, i, position);
    }
    // A lexer state that has the same masks with every parser state; one for all counts that are far from their end.
    u32 alike(u32 lexer_state) {
        std::lock_guard<std::mutex> lock(live_mutex_);
        return live_->alike(lexer_state);
    }
    bool is_ignored_symbol(u32 symbol) const {
        return positions_->alphabet.terminal(symbol) == positions_->alphabet.n_terminals;
    }
    // True if the text of this reading can still be finished.
    bool viable(const Reading& r) { return bits_meet(live(r.lexer), viable_set(r.syntax)); }
    // True if the text may end here.
    bool complete(const Reading& r);
    // Reads one byte; `position` is the trie position after it (0 at a token's end). Appends to `out`, without
    // duplicates; does not test viability.
    void advance(const Readings& in, u8 byte, u32 position_before, Readings& out);
    // True if some byte below a trie node can follow a lexeme that ended there in this context.
    bool goes_on_below(u32 node, u32 ctx) {
        const u8* dies = lexer_->context_dies(ctx);
        for (u32 k = node + 1; k < trie_->end[node]; k = trie_->end[k]) {
            const u32 cls = lexer_->byte_class[trie_->byte[k]];
            if (cls != NONE && !dies[cls]) return true;
        }
        return false;
    }
    // The parser, with the indentation beside it where the grammar has some. Its states are `Reading::syntax`.
    const Bits& viable_set(u32 s) const { return indented_ ? indented_->state(s).viable : syntax_->state(s).viable; }
    u32 lex_id(u32 s) const { return syntax_->state(plain_state(s)).lex_id; }
    // Its two halves: the parser's own state, and the scope (IndentedSyntax; 0 without one).
    u32 plain_state(u32 s) const { return indented_ ? indented_->state(s).syntax : s; }
    u32 scope(u32 s) const { return indented_ ? indented_->state(s).scope : 0; }
    bool accepts(u32 s) { return indented_ ? indented_->accepts(s) : syntax_->state(s).accepts; }
    // The state after a lexeme; an ignored one leaves it where it is. NONE if it cannot be taken.
    u32 after(u32 s, u32 symbol, u32 column) {
        if (!bits_get(viable_set(s), symbol)) return NONE;
        if (indented_) return indented_->after(s, symbol, column);
        return is_ignored_symbol(symbol) ? s : syntax_->step(s, symbol);
    }

  private:
    void restore(Reader& r, CoreLimits limits);
    void begin_lexer(const GrammarTables& g, CoreLimits limits);
    void begin_syntax(GrammarTables g, Viability v, CoreLimits limits);
    bool every_column_reachable();
    struct LiveInfo {
        u32 set = 0;
        View<u32> accept_symbols;  // lies in `symbols`, or in an artefact's section
        std::vector<u32> symbols;
    };
    const LiveInfo* live_info_of(u32 lexer_state) {
        if (lexer_state < live_info_.size()) {
            const LiveInfo* l = live_info_[lexer_state].load(std::memory_order_acquire);
            if (l) return l;
        }
        return live_info_slow(lexer_state);
    }
    const LiveInfo* live_info_slow(u32 lexer_state);
    u32 accept_symbol_slow(u32 lexer_state, u32 i, u32 position);
    u32 symbol_of(u32 terminal, u32 boundary);

    std::shared_ptr<const TokenTrie> trie_;
    std::unique_ptr<Lexer> lexer_;
    std::unique_ptr<LiveAnalysis> live_;
    std::unique_ptr<Positions> positions_;
    std::unique_ptr<SyntaxAutomaton> syntax_;
    std::unique_ptr<IndentedSyntax> indented_;
    GrammarTables tables_;  // as given, for `save`
    Viability viability_;   // likewise
    std::vector<u32> start_syntax_;
    std::mutex live_mutex_;
    StableVector<std::atomic<const LiveInfo*>> live_info_;
    std::vector<std::unique_ptr<LiveInfo>> live_info_storage_;
    std::unique_ptr<LiveInfo[]> saved_live_info_;
    StableVector<Bits> live_sets_;
    ReadMostlyMap live_set_index_;
};

}  // namespace gcd
