// Indentation: Lark's Indenter as declared state beside the parser.
//
// A *scope* is the stack of indentation levels with the depth of open parentheses; a state here is a parser state in a
// scope. A newline lexeme carries the column at its end (counted by the lexer, LexState::column): within parentheses it
// is dropped; else the parser takes the newline terminal and then INDENT, nothing, or as many DEDENTs as levels were
// closed. A column that matches no open level kills the reading, as Lark's DedentError does. At the end of the text
// every level closes.
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
    IndentedSyntax(SyntaxAutomaton& syntax, Positions& positions, IndentationSpec spec, u32 max_states);
    struct State {
        u32 syntax, scope;
        Bits viable;
        signed char accepts = -1;  // -1: not worked out yet
    };
    u32 start(u32 syntax_state);
    const State& state(u32 id) const { return states_[id]; }
    u32 n_states() const { return states_.size(); }
    // See SyntaxAutomaton.
    bool full() const { return syntax_.full() || full_.load(std::memory_order_relaxed); }
    bool crowded() const { return syntax_.crowded() || carried_.load(std::memory_order_relaxed) > max_states_ / 2; }
    void carry(const IndentedSyntax& from, std::vector<u32>& states);
    // The state after a lexeme, NONE if it cannot be taken.
    u32 after(u32 id, u32 symbol, u32 column);
    bool accepts(u32 id);

    // What a lexeme of this terminal does in a scope. The parser takes the terminal unless it is dropped, then INDENT
    // if `indents`, then `dedents` times DEDENT.
    struct Effect {
        bool dead = false, dropped = false;
        u32 scope, indents = 0, dedents = 0;
    };
    Effect effect(u32 scope, u32 terminal, u32 column);
    // True if what the terminal does is another matter in another scope.
    bool watches(u32 terminal) const {
        return terminal == spec_.newline || contains(spec_.open, terminal) || contains(spec_.close, terminal);
    }
    // Symbols of the newline terminal: viable wherever parentheses are open, besides what the parser wants.
    const Bits& newlines() const { return newlines_; }
    bool in_parens(u32 scope) const { return scopes_[scope].parens != 0; }
    const IndentationSpec& spec() const { return spec_; }
    u32 n_scopes() const { return scopes_.size(); }
    // A scope as numbers: the depth of parentheses, then the columns of the levels, innermost first; and back.
    std::vector<u32> describe(u32 scope) const;
    u32 scope_of(const std::vector<u32>& description);

  private:
    struct Level {
        u32 below, column;
    };
    struct Scope {
        u32 levels, parens;
    };
    static bool contains(const std::vector<u32>& v, u32 x) {
        for (u32 y : v)
            if (x == y) return true;
        return false;
    }
    u32 intern(u32 syntax, u32 scope);
    u32 intern_scope(u32 levels, u32 parens);
    u32 step(u32 syntax, u32 terminal, u32 cls);
    u32 push(u32 levels, u32 column);

    SyntaxAutomaton& syntax_;
    Positions& positions_;
    IndentationSpec spec_;
    u32 max_states_;
    std::atomic<u32> carried_{0};
    std::atomic<bool> full_{false};
    Bits newlines_;
    StableVector<State> states_;
    ReadMostlyMap state_index_;
    StableVector<Scope> scopes_;
    ReadMostlyMap scope_index_;  // levels and parentheses -> scope
    StableVector<Level> levels_;
    std::unordered_map<u64, u32> level_index_;
    std::unordered_map<u64, u32> memo_;  // (state, symbol) -> next, for symbols without a column
    std::mutex mutex_;
};

}  // namespace gcd
