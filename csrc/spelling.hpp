// Spelling: which texts tokens can make, and how far into a token a text may stand.
//
// Where every byte is a token by itself, every text can be spelled and any position can be a token's end. Elsewhere it
// can't: with the tokens `a`, `b`, `a\n` a line end follows an "a" or nothing. The texts that tokens make, V*, have a
// deterministic automaton. A *place* is one of its states: the ways to be inside of tokens, for all cuts of the bytes
// into tokens; 0 is a token's end and nothing else.
//
// A token that others spell adds nothing to V*, so only the *essential* tokens count, those that don't fall into
// several; and beginnings of tokens from which the same may follow are one. Of 50,000 tokens without a single `\n` some
// dozen essential ones are longer than a byte, and there are a handful of places:
//
//   `a`, `b`, `a\n`:  0 --b--> 0,  0 --a--> 1,  1 --\n--> 0,  1 --b--> 0,  1 --a--> 1     (1: a token may have ended
//   here, or go on with `\n`)
#pragma once

#include "token_trie.hpp"

namespace gcd {

class Spelling {
  public:
    static constexpr u32 TOKEN_END = 0;
    // Throws limit_states if there are more than `max_places`.
    Spelling(const TokenTrie& trie, u32 max_places);
    struct Move {
        u8 byte;
        u32 to;
    };
    // The bytes that can follow, rising. Empty where every byte is a token, for all: then there is only one place.
    const std::vector<Move>& moves(u32 place) const { return places_[place].moves; }
    // Whether a token can end here.
    bool ends(u32 place) const { return places_[place].ends; }
    // The place after the bytes of a trie node, begun at a token's end.
    u32 at_node(u32 node) const { return node_places_.empty() ? TOKEN_END : node_places_[node]; }
    u32 size() const { return static_cast<u32>(places_.size()); }

  private:
    struct Place {
        std::vector<Move> moves;
        bool ends = false;
    };
    std::vector<Place> places_;
    std::vector<u32> node_places_;  // by trie node
};

}  // namespace gcd
