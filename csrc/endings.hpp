// Endings: texts that finish a document, with the least number of tokens that spell each.
//
// An ending is kept byte by byte from its end, as a list whose tails are shared: what closes `[[1` and what closes
// `[1` end alike. Of each place in it is known how many tokens spell the rest, and which one comes first:
//
//   needed(byte, rest) = 1 + the least of needed(what is left of the ending after a token that it begins with)
//
// The end of the text takes one token of its own, so the empty ending needs one.
#pragma once

#include "flat_map.hpp"
#include "token_trie.hpp"

namespace gcd {

class Endings {
  public:
    static constexpr u32 kEmpty = 0;
    explicit Endings(const TokenTrie& trie);
    // The ending that is a byte, or some, and then another ending.
    u32 prepend(u8 byte, u32 ending);
    u32 prepend(const std::string& bytes, u32 ending);
    // How many tokens it takes, the end-of-sequence token included; NONE if no tokens spell it.
    u32 needed(u32 ending) const { return nodes_[ending].needed; }
    // Fewest tokens, without the end-of-sequence token.
    std::vector<u32> tokens(u32 ending) const;
    std::string text(u32 ending) const;
    u64 bytes() const { return nodes_.size() * (sizeof(Node) + 24); }
    void clear();

  private:
    struct Node {
        u32 next;
        u32 needed;
        u32 token;  // the first one; NONE if no tokens spell it
        u8 byte;
    };
    const TokenTrie& trie_;
    u32 first_[256];  // children of the trie's root
    std::vector<Node> nodes_;
    FlatMap index_;  // (next, byte) -> node
};

}  // namespace gcd
