// Completion: how a text can be brought to its end, and with how few tokens.
//
// From each reading of a text some sentence's rest is found (an *ending*, endings.hpp): the lexeme at hand is finished
// in the way that the costs (completion_costs.hpp) call cheapest, then lexeme follows lexeme until the text may end.
// Every step is one of the lexer and of the parser themselves, so what is found does complete the text; that it is the
// shortest is likely, and not promised. Where the cheapest way fails (two lexemes that can't meet), the next is tried.
//
//   `[1, [` in JSON:  `]` closes the inner array, `]` the outer: ending "]]", 2 tokens with the end of the sequence
//                     where "]]" is a token, else 3
//
// The number of tokens is a bound: at least as many as the least. A token budget holds if every token that is let
// through leaves at least the bound of where it leads.
#pragma once

#include "completion_costs.hpp"
#include "endings.hpp"
#include "state_rows.hpp"

namespace gcd {

class Completion {
  public:
    Completion(Parser& parser, Rows& rows, u64 max_bytes);
    // The tokens of the ending that needs fewest; false if none was found.
    bool find(const Readings& readings, std::vector<u32>& tokens);
    // Tokens after which at most `most` others suffice, the end-of-sequence token included (which isn't written).
    void fill(const Readings& readings, u32 most, u32* out);

  private:
    struct Choice {
        u32 cost, symbol;  // what is still to come behind a lexeme
    };
    struct Finish {
        bool found = false;
        std::string text;
        u32 ctx = 0, column = NONE;
    };
    struct Step {  // a lexeme's rest, and where the text goes on
        std::string text;
        u32 syntax, ctx;
    };
    std::vector<u32> shortest_lexemes();
    u32 ending(const Reading& r);
    u32 tail(u32 syntax, u32 ctx);
    const std::vector<Choice>& choices(u32 syntax);
    void steps(u32 syntax, u32 lexer, std::vector<Step>& out);
    Finish finish(u32 lexer, u32 symbol, u32 syntax);
    void bound();

    Compiled& c_;
    Parser& parser_;
    u64 max_bytes_;
    std::mutex mutex_;
    StateRows rows_;
    Endings endings_;
    std::unique_ptr<CompletionCosts> costs_;                // made when first needed
    std::unordered_map<u64, Finish> finishes_;              // lexer state, symbol
    std::unordered_map<u32, std::vector<Choice>> choices_;  // by parser state
    FlatMap tails_;                                         // parser state, context -> ending or kNone
    FlatMap readings_;                                      // parser state, lexer state -> ending or kNone
    static constexpr u32 kNone = NONE - 1;
    u64 bytes_ = 0;
};

}  // namespace gcd
