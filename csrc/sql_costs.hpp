// What it costs to complete a SQL statement, as the syntax and the scopes alone tell: about how many lexemes must still
// come. Estimates that the search for a completion follows (sql_completion.hpp), nothing more.
//
//   `SELECT a, (`   behind "(": an expression (1), ")" (1), FROM and a table that has `a` (2)
#pragma once

#include "sql_syntax.hpp"

namespace gcd {

class SqlCosts {
  public:
    static constexpr u32 kNever = 1u << 20;
    SqlCosts(const SqlProgram& program, SqlSyntax& syntax);
    // From a thread in front of a lexeme to the statement's end; from behind the lexeme.
    u32 of(const SqlSyntax::Thread& t) { return from(program_.code[t.pc].next[0], t, 1); }
    // The least of a parse state's threads.
    u32 of(u32 parse);

  private:
    u32 from(u32 pc, const SqlSyntax::Thread& t, u32 lexeme);
    u32 frames(u32 frame);
    u32 scopes(u32 scope);
    u32 core(const SqlScope& c) const;

    const SqlProgram& program_;
    SqlSyntax& syntax_;
    std::vector<u32> rest_;                      // of an instruction: to the end of its rule
    std::vector<u32> frames_, scopes_, parses_;  // NONE: not known yet
};

}  // namespace gcd
