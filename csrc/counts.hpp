// Counts: lexer states that differ in how far a count has come, and in nothing that matters yet.
//
// After "ab", "abc", "abcd" /[a-z]{2,100000}/ is in three states. All of them can still be finished in the same ways:
// one more letter leads from each to the next, and what becomes of the text at the maximum lies far ahead of all. To
// ask what can be finished from one of them is to ask it of the last one from which the maximum is still out of sight.
//
// Exactly: call s + k the state s with its counts k higher. As long as no count comes near its minimum or reaches its
// maximum (it still has *slack*), s + k does what s does, but for the k: a character that leads from s to t leads from
// s + k to t + k, where the counts that t has from s are raised (others, like that of a loop begun anew, are not). So
// all that can be reached from s before its slack is used up are finitely many *shapes* t + k. Each is met first at
// some t. Let S be the least slack of any of them, less one, and D the most by which a single step from one of them can
// be ahead of the shape that it leads to (from t to u + D). Suppose that some text leads from s to s + 1. Then from all
// s + i with i <= K = S - D the same can be reached:
//   from s + i one gets to s + K by going round that loop;
//   from s + K one gets to whatever s + i gets to. Follow a text from s + i. If all shapes on it stay below t + K, the
//   short way from s leads to the same shape from s + K, with the same end: an end has no counts from s. Otherwise
//   consider the first one not below: it is t + k with K <= k <= S. From s + K go round the loop to s + k, and the
//   short way leads to that very state.
// S and D are found by following s and s + 1 side by side. Where they don't stay in step (two counts meet, a count goes
// into a promise), or there is no loop, nothing is concluded, and every count is visited.
#pragma once

#include <map>
#include <string>

#include "lexer.hpp"
#include "spelling.hpp"

namespace gcd {

class Counts {
  public:
    Counts(Lexer& lexer, const TokenTrie& trie, const Spelling& spelling)
        : lexer_(lexer), trie_(trie), spelling_(spelling) {}

    // What can be read in a lexer state at a place (Spelling): bytes, and the place after them. Where the vocabulary
    // has all single bytes that is whole characters, and only one for all non-ASCII ones that no thread of the state
    // tells apart; else it is bytes. A token's end is also visited by itself, since that is where texts go on from.
    template <class F>
    void each_move(u32 state, u32 place, F&& f) {
        if (trie_.byte_complete) {
            if (between_characters(state))
                for (u32 cls = 0; cls < lexer_.n_classes(); ++cls)
                    if (lexer_.class_byte(cls) < 0x80)
                        f(std::string(1, static_cast<char>(lexer_.class_byte(cls))), Spelling::TOKEN_END);
            for (const std::string& bytes : non_ascii(state)) f(bytes, Spelling::TOKEN_END);
        } else {
            for (const Spelling::Move& m : spelling_.moves(place)) {
                const std::string byte(1, static_cast<char>(m.byte));
                f(byte, m.to);
                if (m.to != Spelling::TOKEN_END && spelling_.ends(m.to)) f(byte, Spelling::TOKEN_END);
            }
        }
    }
    // The states after these bytes, sorted; states that differ in their column only are one.
    void follow(u32 state, const std::string& bytes, std::vector<u32>& out);

    // A state from which the same outcomes can be reached: the one with the highest counts, if that is known.
    u32 highest(u32 state, u32 place);
    // A state in which the next `reach` bytes do the same, likewise.
    u32 alike(u32 state, u32 reach);

  private:
    struct Shape {  // what is known of all states that differ in counts only
        bool decided = false;
        bool in_step = false;  // they do the same, count for count
        bool loops = false;    // outcomes are the same for all that have a slack of `margin` or more
        u32 margin = 0;
        std::vector<u32> reached;  // a state of each shape that can be reached between characters
        u32 tried = 0;             // with this slack, which didn't suffice
    };
    bool between_characters(u32 state);
    const std::vector<std::string>& non_ascii(u32 state);
    const Shape* shape(u32 state, u32 place);
    bool examine(u32 state, u32 place, u32 slack, Shape& shape);
    bool in_step(const LexState& a, const LexState& b, std::vector<bool>& raised) const;
    std::vector<u32> shape_key(const LexState& s, const std::vector<bool>& raised, u32 place) const;

    Lexer& lexer_;
    const TokenTrie& trie_;
    const Spelling& spelling_;
    std::map<std::vector<u32>, Shape> shapes_;
    u32 followed_ = 0;  // shapes, for nothing
    std::map<std::vector<u32>, std::vector<std::string>> non_ascii_;
};

}  // namespace gcd
