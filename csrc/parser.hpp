// The parser of a compiled grammar, and how it moves with the lexer: readings of texts.
//
// All that texts make grow without an end is in here: parser states, frames, scopes of indentation. No state can be
// forgotten while some matcher may stand in it, so a parser that has grown *full* isn't cleared: another one is begun
// beside it, and matchers carry their readings over (`carry`) when they next come by. What the grammar bounds (lexer
// states, rows, positions) is the compiled grammar's, and stays.
#pragma once

#include "compiled.hpp"
#include "indentation.hpp"
#include "syntax.hpp"

namespace gcd {

// One reading of the text so far: where the parser stands and where the lexer stands inside the current lexeme.
struct Reading {
    u32 syntax;
    u32 lexer;
    bool operator==(const Reading& o) const { return syntax == o.syntax && lexer == o.lexer; }
    bool operator<(const Reading& o) const { return syntax != o.syntax ? syntax < o.syntax : lexer < o.lexer; }
};
using Readings = std::vector<Reading>;

class Parser {
  public:
    Parser(Compiled& compiled, const CoreLimits& limits);

    Compiled& compiled() { return c_; }
    SyntaxAutomaton& syntax() { return syntax_; }
    IndentedSyntax* indented() { return indented_.get(); }  // null without indentation
    u32 n_starts() const { return static_cast<u32>(starts_.size()); }
    bool start_alive(u32 i) const { return starts_[i] != NONE; }

    // The readings before any text; empty if the start symbol has no sentence in this vocabulary.
    Readings start(u32 i);
    // True if the text of this reading can still be finished.
    bool viable(const Reading& r) { return bits_meet(c_.live(r.lexer), viable_set(r.syntax)); }
    // True if the text may end here.
    bool complete(const Reading& r);
    // Reads one byte; `node` is the trie node before it (0 at a token's beginning). Appends to `out`, without
    // duplicates; does not test viability.
    void advance(const Readings& in, u8 byte, u32 node, Readings& out);
    // The parser, with the indentation beside it where the grammar has some. Its states are `Reading::syntax`.
    const Bits& viable_set(u32 s) const { return indented_ ? indented_->state(s).viable : syntax_.state(s).viable; }
    u32 lex_id(u32 s) const { return syntax_.state(plain_state(s)).lex_id; }
    // Its two halves: the parser's own state, and the scope (IndentedSyntax; 0 without one).
    u32 plain_state(u32 s) const { return indented_ ? indented_->state(s).syntax : s; }
    u32 scope(u32 s) const { return indented_ ? indented_->state(s).scope : 0; }
    bool accepts(u32 s) { return indented_ ? indented_->accepts(s) : syntax_.state(s).accepts; }
    // The state after a lexeme; an ignored one leaves it where it is. NONE if it cannot be taken.
    u32 after(u32 s, u32 symbol, u32 column) {
        if (!bits_get(viable_set(s), symbol)) return NONE;
        if (indented_) return indented_->after(s, symbol, column);
        return c_.is_ignored_symbol(symbol) ? s : syntax_.step(s, symbol);
    }

    // Half of the room that was left for texts is used up.
    bool full() const { return syntax_.full() || (indented_ && indented_->full()); }
    // So much was carried over that others had better go elsewhere.
    bool crowded() const { return syntax_.crowded() || (indented_ && indented_->crowded()); }
    // Puts in the place of readings of another parser of the grammar those of this one that go on alike.
    void carry(const Parser& from, std::vector<Reading*>& readings);

  private:
    Compiled& c_;
    SyntaxAutomaton syntax_;
    std::unique_ptr<IndentedSyntax> indented_;
    std::vector<u32> starts_;  // states; NONE: no sentence
};

}  // namespace gcd
