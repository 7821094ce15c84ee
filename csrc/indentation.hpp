// Indentation: Lark's Indenter as declared state beside the parser.
//
// A state here is a parser state with the stack of indentation levels and the depth of open parentheses. A newline
// lexeme carries the column at its end (counted by the lexer, LexState::column): within parentheses it is dropped; else
// the parser takes the newline terminal and then INDENT, nothing, or as many DEDENTs as levels were closed. A column
// that matches no open level kills the reading, as Lark's DedentError does. At the end of the text every level closes.
#pragma once

#include "syntax.hpp"

namespace gcd {

struct IndentationSpec {
    bool enabled = false;
    u32 newline = NONE, indent = NONE, dedent = NONE, tab_len = 8;
    std::vector<u32> open, close;
};

class IndentedSyntax {
  public:
    IndentedSyntax(SyntaxAutomaton& syntax, IndentationSpec spec);
    struct State {
        u32 syntax;
        u32 levels;  // id of a level list, 0 = [0]
        u32 parens;
        Bits viable;
        signed char accepts = -1;  // -1: not worked out yet
        u32 accept_read = NONE;    // the lowest return node looked into to decide `accepts`
    };
    u32 start(u32 syntax_state);
    const State& state(u32 id) const { return states_[id]; }
    // Singles as in SyntaxAutomaton, each with the levels and parentheses of its state.
    struct Single {
        u32 single, levels, parens;
        Bits viable;
    };
    void singles(u32 id, std::vector<u32>& out);
    const Single& single(u32 id) const { return singles_[id]; }
    void after_single(u32 id, u32 symbol, u32 column, u32& read, std::vector<u32>& out);
    u64 levels_hash(u32 levels) const { return levels_[levels].hash; }
    u32 n_states() const { return states_.size(); }
    // The state after a lexeme, NONE if it cannot be taken; `read` as in Compiled::after.
    u32 after(u32 id, u32 symbol, u32 column, u32* read);
    bool accepts(u32 id, u32* read);

  private:
    struct Level {
        u32 below, column;
        u64 hash;  // of the whole stack
    };
    u32 intern(u32 syntax, u32 levels, u32 parens);
    u32 step(u32 syntax, u32 terminal, u32 cls, u32* read);
    u32 push(u32 levels, u32 column);
    u32 intern_single(u32 single, u32 levels, u32 parens);
    StableVector<Single> singles_;
    std::unordered_multimap<u64, u32> single_index_;

    SyntaxAutomaton& syntax_;
    IndentationSpec spec_;
    StableVector<State> states_;
    ReadMostlyMap state_index_;
    StableVector<Level> levels_;
    std::unordered_map<u64, u32> level_index_;
    std::unordered_map<u64, std::pair<u32, u32>>
        memo_;  // (state, symbol) -> (next, read), for symbols without a column
    std::mutex mutex_;
};

}  // namespace gcd
