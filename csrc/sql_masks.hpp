// Masks of a SQL automaton's states, put together from rows (sql_token_rows.hpp, sql_name_rows.hpp).
//
// A token may hold several lexemes. Those that hold one are in the rows of what may come: of the names, the keywords,
// the strings. Where a lexeme ends inside of tokens, the parse state behind it is asked in the same way for what is
// left of them. Behind an invented name everything is the same whatever the name is, but for the names that matter:
// these are left out of the row and followed one by one. Names in front of FROM that move the same threads are followed
// once; what names come behind them in the same token depends on which they are, and is asked token by token.
#pragma once

#include "sql_automaton.hpp"
#include "sql_name_rows.hpp"

namespace gcd {

class SqlMasks {
  public:
    SqlMasks(const SqlProgram& program, SqlAutomaton& automaton, SqlTokenRows& tokens, SqlNameRows& names,
             const std::vector<u32>& eos)
        : program_(program),
          automaton_(automaton),
          syntax_(automaton.syntax()),
          tokens_(tokens),
          names_(names),
          eos_(eos) {}
    // The tokens that may come. It refers to rows, which must outlive it.
    TokenUnion mask(u32 state);

  private:
    // How a state came about in which tokens are collected: exactly; behind any invented name; behind one of several
    // names that are alike.
    enum Borrowed { kExact, kInvented, kAlike };
    struct Fill;
    // The names that may come in a parse state, as sets of `SqlNameRows`.
    struct Names {
        bool known = false;
        u32 bare = 0, quoted = 0, bracketed = 0, words = 0;
        u32 written(u8 quote) const { return quote == ']' ? bracketed : quote ? quoted : bare; }
        std::vector<u32> extra;   // that texts brought in, and other invented ones that matter
        std::vector<u32> matter;  // names of the catalogue that matter where one is invented, sorted
    };
    const Names& names_of(u32 parse);
    void collect(Fill& f, u32 state, u32 node, Borrowed borrowed);
    void gap(Fill& f, u32 parse, u32 node, Borrowed borrowed);
    void behind(Fill& f, u32 parse, u32 node, SqlSkip skip, Borrowed borrowed);
    void begin(Fill& f, u32 parse, u32 node, SqlSkip skip, Borrowed borrowed);
    void spell(Fill& f, u32 parse, u32 text, u32 node, u8 quote, Borrowed borrowed);
    void ends(Fill& f, u32 parse, u32 text, u32 node, u8 quote, Borrowed borrowed, const SqlNameRows::Row& row);
    void blob(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed);
    void numbers(Fill& f, u32 parse, const SqlNumber& number, u32 node, Borrowed borrowed);
    void string(Fill& f, u32 parse, u32 node, u32 utf8, Borrowed borrowed);
    void comment(Fill& f, u32 parse, const SqlComment& comment, u32 node, Borrowed borrowed);
    void bytewise(Fill& f, u32 state, u32 node, Borrowed borrowed);
    void step(Fill& f, u32 state, u8 byte, u32 child, Borrowed borrowed);
    void operators(Fill& f, u32 parse, u32 op, u32 node, Borrowed borrowed);
    void ask(Fill& f, u32 state);

    const SqlProgram& program_;
    SqlAutomaton& automaton_;
    SqlSyntax& syntax_;
    SqlTokenRows& tokens_;
    SqlNameRows& names_;
    const std::vector<u32>& eos_;
    std::deque<Names> parse_names_;
};

}  // namespace gcd
