// What it costs to complete a text, as the grammar alone tells: tokens of the shortest lexemes that must still come.
//
// Estimates that a search for a completion follows (completion.hpp), nothing more: how lexemes meet, and which tokens
// span several of them, is left out.
//
//   rest(position)  the symbols from a position to its production's end
//   up(N, B)        from the end of B, as a left corner of N, to the end of N
//   begin(N, T)     from behind T, with which N begins, to the end of N
//   outside(frame)  from the end of the frame's nonterminal to the end of the text
//
// Example, `e: e "+" t | t`, `t: "a" | "(" e ")"`: begin(e, "(") = e's least + ")" = 2, up(e, t) = 0.
#pragma once

#include "parser.hpp"

namespace gcd {

class CompletionCosts {
  public:
    static constexpr u32 kNever = 1u << 28;
    // `lexemes`: by terminal, the tokens of its shortest lexeme.
    CompletionCosts(Parser& parser, std::vector<u32> lexemes);
    // From a state of the parser, before a lexeme; and from behind one of the lexemes that it wants.
    u32 of_state(u32 plain);
    u32 behind(u32 plain, u32 symbol);
    u32 lexeme(u32 terminal) const { return terminal < lexemes_.size() ? lexemes_[terminal] : 1; }
    void forget();  // what texts have left behind

  private:
    u32 rest(u32 position);
    u32 up(u32 nonterminal, u32 completed);
    u32 begin(u32 nonterminal, u32 symbol);
    u32 outside(u32 frame);
    // From a position in a frame to the end of the text.
    u32 from(u32 position, u32 frame);
    static u32 sum(u32 a, u32 b) { return std::min(a + b, kNever); }

    Compiled& c_;
    Parser& parser_;
    std::vector<u32> lexemes_;
    std::vector<u32> nonterminals_;
    std::vector<u32> rest_;  // NONE: not known yet
    std::unordered_map<u64, u32> up_, begin_;
    std::unordered_map<u32, u32> outside_;
};

}  // namespace gcd
