// The token trie: every token's bytes, in preorder, so that a subtree is one contiguous range of nodes and of tokens.
//
// Tiny example, tokens 0="a" 1="ab" 2="b" (node: byte, end, tokens):
//   0: root, end 4 | 1: 'a', end 3, {0} | 2: 'b', end 3, {1} | 3: 'b', end 4, {2}
// The children of node i are i+1, end[i+1], end[end[i+1]], ... while they are below end[i].
#pragma once

#include "archive.hpp"

namespace gcd {

// What lies strictly below a node; decides whether a whole subtree can be taken without walking it (rows.cpp).
struct SubtreeSummary {
    u64 ascii[2];     // which bytes < 0x80 occur below
    u32 non_ascii;    // 1: some byte >= 0x80 occurs below
    u32 broken_utf8;  // 1: some path below is not UTF-8 (a truncated character at a token's end is fine)
};

class TokenTrie {
  public:
    // Whoever walks the trie may recurse as deep as a token is long. Real tokens have a few hundred bytes at most.
    static constexpr u32 kMaxTokenBytes = 4096;

    // `bytes` holds all tokens' bytes one after another, token t at [offsets[t], offsets[t+1]). Empty = not text.
    TokenTrie(std::vector<u8> bytes, std::vector<u32> offsets, u32 width);
    // From a section written by `save`, which must outlive the trie: the arrays are used where they lie.
    explicit TokenTrie(Reader& r);
    void save(Writer& w) const;

    u32 n_nodes() const { return static_cast<u32>(byte.size()); }
    u32 n_tokens() const { return static_cast<u32>(offsets.size() - 1); }
    u32 words() const { return (width + 31) / 32; }
    const u8* token_data(u32 t) const { return bytes.data() + offsets[t]; }
    u32 token_size(u32 t) const { return offsets[t + 1] - offsets[t]; }
    u32 child(u32 node, u8 b) const;
    bool has_token(u32 node) const { return token_begin[node + 1] > own_begin(node); }
    u32 own_begin(u32 node) const { return token_begin[node]; }
    // Tokens that end exactly at `node`: order[own_begin(node) .. own_end(node)).
    u32 own_end(u32 node) const { return token_begin[node + 1]; }

    View<u8> bytes;
    View<u32> offsets;
    u32 width;  // columns of the logits: ids at or above it do not exist for the model and are left out

    View<u8> byte;  // node -> its incoming byte (root: 0)
    View<u32> end;  // node -> first node after its subtree
    View<u32>
        token_begin;       // node -> first index into `order`; tokens below node: [token_begin[n], token_begin[end[n]])
    View<u32> order;       // token ids in preorder
    View<u32> summary_id;  // node -> index into `summaries`, NONE for a leaf
    View<SubtreeSummary> summaries;
    // node -> which kinds of bytes lie below it: the same as its summary in coarse, and near at hand. kBoundary: its
    // path is valid UTF-8 that ends on a character boundary.
    View<u16> kinds;
    static constexpr u16 kNonAscii = 1 << 13, kBrokenUtf8 = 1 << 14, kBoundary = 1 << 15;
    static u16 kind_of(u8 ascii);  // one of thirteen

    // Every byte that occurs in a token is a token by itself: then any position can be a token boundary, and whether a
    // text can be completed does not depend on the vocabulary beyond `used_bytes`.
    bool byte_complete = false;
    bool used_bytes[256] = {};
    u32 max_token_bytes = 0;

  private:
    struct Storage {  // behind the views, where they do not lie in a section
        std::vector<u8> bytes, byte;
        std::vector<u16> kinds;
        std::vector<u32> offsets, end, token_begin, order, summary_id;
        std::vector<SubtreeSummary> summaries;
    };
    void scan_bytes();
    Storage own_;
};

}  // namespace gcd
