// Completion of SQL statements: how one can be brought to its end, and with how few tokens. What completion.hpp is to
// Lark grammars.
//
// The lexeme at hand is finished; then lexeme follows lexeme. The search takes up first what the costs (sql_costs.hpp)
// call cheapest in all, and asks the parse states themselves where a lexeme leads to. What is found is read by the
// automaton before it counts, so it does complete the statement; that it is the shortest is likely, and not promised.
//
//   `SELECT name, (`:  `1`, `)`, ` FROM`, and of the tables one that has `name`
#pragma once

#include "endings.hpp"
#include "sql_automaton.hpp"
#include "sql_costs.hpp"

namespace gcd {

class SqlCompletion {
  public:
    SqlCompletion(const SqlProgram& program, SqlAutomaton& automaton, const TokenTrie& trie, u64 max_bytes);
    // The tokens of an ending; false if none was found.
    bool find(u32 state, std::vector<u32>& tokens);
    // Tokens after which at most `most` others suffice, the end-of-sequence token included (which isn't written).
    void fill(u32 state, u32 most, u32* out);
    // Where so many tokens more are left than a text needs, no token that may come is asked what it leaves.
    static constexpr u32 kAmple = 64;
    // The number of tokens that the ending takes, the end-of-sequence token included; NONE: none was found.
    u32 needed(u32 state);

  private:
    using State = SqlAutomaton::State;
    // What a lexeme ends with, and so what can't follow it without white space.
    enum Glue : u8 { kFree, kWordy, kSign, kQuote };
    struct Piece {
        std::string text;
        u32 parse;
        Glue glue;
    };
    struct Lexeme {
        enum Kind : u8 { kKeyword, kOperator, kLiteral, kName } kind;
        u32 id;  // of a name: the text's
        bool quoted = false;
        std::string text;
    };
    struct Node {
        u32 from = NONE;  // the node before
        Lexeme lexeme{};  // by which it is reached from there
        Piece piece{};    // once it was looked at
        u32 spent = 0;    // lexemes on the way here
        bool looked = false;
    };
    struct Search;
    struct Filling;
    u32 ending(u32 state);
    u32 search(const std::vector<Piece>& starts);
    void look(Search& s, u32 node);
    void expand(Search& s, u32 node);
    std::vector<Piece> finish(const State& s);
    void finish_name(const State& s, u8 quote, std::vector<Piece>& out);
    void names(const SqlSyntax::Thread& t, SqlCategory category, std::vector<Lexeme>& out);
    void tables(const SqlSyntax::Thread& t, const SqlNameSet& set, std::vector<u32>& out) const;
    bool spell(u32 name, SqlPlace place, bool may_quote, Lexeme& out);
    std::string apart(Glue glue, const std::string& next) const;
    u32 behind(u32 parse, const Lexeme& lexeme);
    bool step(SqlNumber& n, u8 byte) const;  // as the dialect has numbers
    Glue glue_of(const std::string& text) const;
    // `length`: bytes of the invented name that was read so far.
    void visit(Filling& f, u32 state, u32 node, u32 length);
    u32 alike(Filling& f, u32 state);
    void bound();

    const SqlProgram& program_;
    SqlAutomaton& automaton_;
    SqlSyntax& syntax_;
    const TokenTrie& trie_;
    u64 max_bytes_;
    SqlCosts costs_;
    Endings endings_;
    FlatMap known_, tails_;  // state; parse state and glue -> ending or kNone
    u64 n_known_ = 0;
    static constexpr u32 kNone = NONE - 1;
};

}  // namespace gcd
