// Counts: lexer states that differ in how far a count has come, and in nothing that matters yet.
//
// After "ab", "abc", "abcd" /[a-z]{2,100000}/ is in three states. All of them can still be finished in the same ways:
// one more letter leads from each to the next, and what becomes of the text at the maximum lies far ahead of all. To ask
// what can be finished from one of them is to ask it of the last one from which the maximum is still out of sight.
//
// Exactly: let s be a state whose counts can all rise by `slack` before anything depends on one (before the minimum is
// near or the maximum reached), and s + k the same state with its counts k higher. While slack lasts, what a character
// does is the same but for the k: if it leads from s to t, it leads from s + k to t + k, where t's own counts are the
// ones it has from s (others, like the count of a loop begun anew, are not raised). Suppose that
//   (loop)   some character leads from s to s + 1;
//   (depth)  every shape of states with counts from s that is reachable from s is reached within `depth` characters.
// Then s + i and s + k can finish the same lexemes in the same boundaries, for i < k < slack - depth:
//   what s + k can finish s + i can, by going round the loop k - i times;
//   what s + i can finish on a way that keeps out of the last `slack - depth` counts or drops its counts before, s + k
//   can, by the short way to the same shape; a way that uses the slack up does so in some shape t, and s + k gets to the
//   same t with the same counts by going round the loop until a short way to t uses up just what is left.
// `depth` is found by following s and s + 1 side by side. Where they don't stay in step (two counts met, a count went
// into a promise), or there is no loop, nothing is concluded, and every count is visited.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lexer.hpp"
#include "token_trie.hpp"

namespace gcd {

class Counts {
  public:
    Counts(Lexer& lexer, const TokenTrie& trie) : lexer_(lexer), trie_(trie) {}

    // What can be read in a lexer state at a trie position: bytes, and the position after them. Where the vocabulary
    // has all single bytes that is whole characters, and only one for all non-ASCII ones that no thread of the state
    // tells apart; else it is the bytes below the position.
    template <class F>
    void each_move(u32 state, u32 position, F&& f) {
        if (trie_.byte_complete) {
            if (between_characters(state))
                for (u32 cls = 0; cls < lexer_.n_classes(); ++cls)
                    if (lexer_.class_byte(cls) < 0x80) f(std::string(1, static_cast<char>(lexer_.class_byte(cls))), 0u);
            for (const std::string& bytes : non_ascii(state)) f(bytes, 0u);
        } else {
            for (u32 c = position + 1; c < trie_.end[position]; c = trie_.end[c]) {
                f(std::string(1, static_cast<char>(trie_.byte[c])), c);
                if (trie_.has_token(c)) f(std::string(1, static_cast<char>(trie_.byte[c])), 0u);
            }
        }
    }
    // The states after these bytes, sorted; states that differ in their column only are one.
    void follow(u32 state, const std::string& bytes, std::vector<u32>& out);

    // A state from which the same outcomes can be reached: the one with the highest counts, if that is known.
    u32 highest(u32 state, u32 position);
    // A state in which the next `reach` bytes do the same, likewise.
    u32 alike(u32 state, u32 reach);

  private:
    struct Shape {  // what is known of all states that differ in counts only
        bool decided = false;
        bool loops = false;      // `highest` may raise the counts, up to `depth` and one more below their end
        bool all_loop = false;   // likewise for every state that can be reached
        u32 depth = 0, size = 0;
        u32 tried = 0;  // with this slack, which didn't suffice
    };
    bool between_characters(u32 state);
    const std::vector<std::string>& non_ascii(u32 state);
    const Shape& shape(u32 state, u32 position, u32 slack);
    bool examine(u32 state, u32 position, u32 slack, Shape& shape);
    bool in_step(const LexState& a, const LexState& b, std::vector<bool>& raised) const;
    std::vector<u32> shape_key(const LexState& s, const std::vector<bool>& raised, u32 position) const;

    Lexer& lexer_;
    const TokenTrie& trie_;
    std::map<std::vector<u32>, Shape> shapes_;
    std::map<std::vector<u32>, std::vector<std::string>> non_ascii_;
};

}  // namespace gcd
