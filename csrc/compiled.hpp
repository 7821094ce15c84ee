// A compiled grammar: one lexer DFA, the positions of one grammar and one token trie, and what is known about them
// together. To its users it is immutable; behind that, tables fill on demand, append-only, under locks that hits never
// take. How texts are parsed by it is in parser.hpp.
#pragma once

#include <algorithm>
#include <mutex>

#include "indentation.hpp"
#include "live.hpp"
#include "positions.hpp"
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
    const GrammarTables& tables() const { return tables_; }
    const TokenTrie& trie() const { return *trie_; }
    std::shared_ptr<const TokenTrie> trie_ptr() const { return trie_; }
    bool exact() const { return viability_.exact; }
    const std::string& reason() const { return viability_.reason; }
    u32 n_terminals() const { return positions_->alphabet.n_terminals; }
    u32 n_live_nodes() const { return live_->n_nodes(); }
    u32 n_classes() const { return positions_->alphabet.n_classes; }
    u32 n_elements() const { return viability_.n_elements; }
    u32 n_pairs() const { return viability_.n_pairs; }

    // Symbols whose lexeme can still be finished from a lexer state, and with each of its accepts.
    const Bits& live(u32 lexer_state) {
        const LiveInfo* l = live_info_of(lexer_state);
        return live_sets_[l->set];
    }
    u32 live_set_id(u32 lexer_state) { return live_info_of(lexer_state)->set; }
    const Bits& live_set(u32 id) const { return live_sets_[id]; }
    u32 n_live_sets() const { return live_sets_.size(); }
    // The symbol of accept `i` of a lexer state if the lexeme ends at a trie node, inside of a token or (0) at its end.
    u32 accept_symbol(u32 lexer_state, u32 i, u32 node) {
        const u32 place = spelling_.at_node(node);
        if (place == Spelling::TOKEN_END) return live_info_of(lexer_state)->accept_symbols[i];
        return accept_symbol_slow(lexer_state, i, place);
    }
    // A lexer state that has the same masks with every parser state; one for all counts that are far from their end.
    u32 alike(u32 lexer_state) {
        std::lock_guard<std::mutex> lock(live_mutex_);
        return live_->alike(lexer_state);
    }
    bool is_ignored_symbol(u32 symbol) const {
        return positions_->alphabet.terminal(symbol) == positions_->alphabet.n_terminals;
    }
    // True if some byte below a trie node can follow a lexeme that ended there in this context.
    bool goes_on_below(u32 node, u32 ctx) {
        const u8* dies = lexer_->context_dies(ctx);
        for (u32 k = node + 1; k < trie_->end[node]; k = trie_->end[k]) {
            const u32 cls = lexer_->byte_class[trie_->byte[k]];
            if (cls != NONE && !dies[cls]) return true;
        }
        return false;
    }

  private:
    void restore(Reader& r, CoreLimits limits);
    void begin_lexer(const GrammarTables& g, CoreLimits limits);
    void begin_positions(GrammarTables g, Viability v);
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
    u32 accept_symbol_slow(u32 lexer_state, u32 i, u32 place);
    u32 symbol_of(u32 terminal, u32 boundary);

    std::shared_ptr<const TokenTrie> trie_;
    std::unique_ptr<Lexer> lexer_;
    Spelling spelling_;
    std::unique_ptr<LiveAnalysis> live_;
    std::unique_ptr<Positions> positions_;
    GrammarTables tables_;  // as given, for `save`
    Viability viability_;   // likewise
    std::mutex live_mutex_;
    StableVector<std::atomic<const LiveInfo*>> live_info_;
    std::vector<std::unique_ptr<LiveInfo>> live_info_storage_;
    std::unique_ptr<LiveInfo[]> saved_live_info_;
    StableVector<Bits> live_sets_;
    ReadMostlyMap live_set_index_;
};

}  // namespace gcd
