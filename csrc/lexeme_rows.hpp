// Rows of JSON lexemes: which tokens stay inside a string or a number, and where in tokens it can end.
//
// A row belongs to a state of the lexeme (an expression's state, a decoder's, a number's) and a place in the token
// trie, and to nothing else, so one row serves every schema: the inside of a string is the same in all of them. What
// follows a lexeme's end is told by the schema. There are thousands of places in the trie where a string can end, but
// few ways to go on behind them; places from where the same bytes can follow are merged into *suffix* nodes, so that
// what follows is looked at once for `a"`, `the"` and `}"` alike.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "derivatives.hpp"
#include "json_number.hpp"
#include "json_string.hpp"
#include "token_trie.hpp"
#include "token_union.hpp"

namespace gcd {

// The token trie, and suffix nodes over it: each stands for several nodes of the trie at once.
class SuffixForest {
  public:
    explicit SuffixForest(const TokenTrie& trie) : trie_(trie), n_base_(trie.n_nodes()) {}
    // Nodes of the trie -> one node.
    u32 merge(std::vector<u32> bases);
    template <class F>
    void children(u32 node, F&& f) {
        if (node < n_base_) {
            for (u32 c = node + 1; c < trie_.end[node]; c = trie_.end[c]) f(trie_.byte[c], c);
            return;
        }
        expand(node - n_base_);
        const Suffix& s = *suffixes_[node - n_base_];
        for (size_t i = 0; i < s.children.size(); ++i) f(s.children[i].first, s.children[i].second);
    }
    // Tokens that end at the node; all tokens below it (without those).
    template <class F>
    void own(u32 node, F&& f) const {
        each_base(node, [&](u32 b) {
            for (u32 i = trie_.own_begin(b); i < trie_.own_end(b); ++i) f(trie_.order[i]);
        });
    }
    template <class F>
    void below(u32 node, F&& f) const {
        each_base(node, [&](u32 b) {
            for (u32 i = trie_.own_end(b); i < trie_.token_begin[trie_.end[b]]; ++i) f(trie_.order[i]);
        });
    }
    template <class F>
    void each_base(u32 node, F&& f) const {
        if (node < n_base_) {
            f(node);
            return;
        }
        for (u32 b : suffixes_[node - n_base_]->bases) f(b);
    }
    u32 n_bases(u32 node) const {
        return node < n_base_ ? 1 : static_cast<u32>(suffixes_[node - n_base_]->bases.size());
    }
    // The child by a byte; NONE: there is none.
    u32 child(u32 node, u8 byte) {
        if (node < n_base_) {
            if (trie_.end[node] - node <= kScanned) return trie_.child(node, byte);
            return wide_child(node, byte);
        }
        expand(node - n_base_);
        const auto& list = suffixes_[node - n_base_]->children;
        const auto at = std::lower_bound(list.begin(), list.end(), byte,
                                         [](const std::pair<u8, u32>& c, u8 b) { return c.first < b; });
        return at != list.end() && at->first == byte ? at->second : NONE;
    }
    // As `own`, for a suffix node: put together once.
    const TokenPiece& own_piece(u32 node);
    bool leaf(u32 node) const { return node < n_base_ && trie_.end[node] == node + 1; }
    bool is_base(u32 node) const { return node < n_base_; }
    const TokenTrie& trie() const { return trie_; }
    u32 size() const { return static_cast<u32>(suffixes_.size()); }

  private:
    struct Suffix {
        std::vector<u32> bases;
        std::vector<std::pair<u8, u32>> children;  // rising
        bool expanded = false;
        std::unique_ptr<TokenPiece> own;
    };
    static constexpr u32 kScanned = 64;  // nodes below one whose children are looked through
    void expand(u32 suffix);
    u32 wide_child(u32 node, u8 byte);
    const TokenTrie& trie_;
    u32 n_base_;
    std::vector<std::unique_ptr<Suffix>> suffixes_;
    std::map<std::vector<u32>, u32> index_;
    std::unordered_map<u32, std::unique_ptr<std::array<u32, 256>>> wide_;
};

// Whether a character that a decoder has begun can be one that leads on from a state.
inline bool alive_within(Derivatives& store, u32 state, const StringDecoder& decoder) {
    u32 lo[2], hi[2];
    const u32 n = decoder.ranges(lo, hi);
    for (u32 i = 0; i < n; ++i)
        if (store.alive_by(state, lo[i], hi[i])) return true;
    return false;
}

struct LexemeRow {
    TokenPiece inside;                   // tokens that stay inside the lexeme,
    const TokenPiece* shared = nullptr;  // and those that another row or plan has
    void add_to(TokenUnion& tokens) const {
        if (shared) tokens.add(*shared);
        tokens.add(inside);
    }
    struct Exit {
        u64 label;  // strings read by several expressions: which of the others accept
        u32 node;
    };
    std::vector<Exit> exits;
};

// The tokens that go on with a number, from a place in it and a node on, as far as its value doesn't matter: which it
// does at its end and for an exponent.
struct NumberPlan {
    TokenPiece inside;
    struct End {
        std::string path;  // what comes before
        u32 node;
        bool exponent;  // an exponent begins here; else something may follow the number
    };
    std::vector<End> ends;
    u32 longest = 0;  // bytes of the longest path
};

// White space from a node on: tokens of nothing else, and the places where it ends, merged.
struct SpaceRow {
    TokenPiece inside;
    u32 node;
};

// Expressions, numbers, rows: what all schemas of a vocabulary share. Guarded by `mutex`, which also guards the tables
// of these schemas: many may look up what is known at once, one works out what is new.
class LexemeStore {
  public:
    LexemeStore(std::shared_ptr<const TokenTrie> trie, u32 max_size);
    std::shared_mutex mutex;
    // Large enough that those to come had better use a new store: `successor`, which is not full.
    static constexpr u64 kFullBytes = 1ull << 29;
    bool full() const { return bytes_ > kFullBytes || size() > max_size_ / 4; }
    std::shared_ptr<LexemeStore> successor();
    Derivatives store;
    NumberLanguage numbers;
    SuffixForest forest;

    // Tokens from `node` on. `states`: expressions that read the string side by side; the first decides what is inside.
    const LexemeRow& string_row(const std::vector<u32>& states, const StringDecoder& decoder, u32 node);
    const LexemeRow& string_row(u32 state, const StringDecoder& decoder, u32 node);
    const LexemeRow& number_row(u32 state, u32 node);
    // At most `most` bytes of white space.
    const SpaceRow& space_row(u32 node, u32 most);
    u64 bytes() const { return bytes_; }
    u32 n_rows() const { return static_cast<u32>(rows_.size()); }
    u32 words() const { return trie_->words(); }
    u32 size() const { return store.n_expressions() + store.n_states() + numbers.n_states(); }

  private:
    struct Walk;
    void walk_string(Walk& w, u32 state, const StringDecoder& decoder, u32 node);
    void walk_strings(Walk& w, const std::vector<u32>& states, const StringDecoder& decoder, u32 node);
    void walk_number(Walk& w, u32 state, u32 node);
    const NumberPlan& number_plan(NumberLanguage::Phase phase, u32 node);
    void plan_number(NumberPlan& plan, NumberLanguage::Phase phase, u32 node, std::string& path);
    bool loops_below(const Derivatives::Loops& loops, u32 node) const;
    bool safe_below(u32 state, u32 node);
    bool no_quote_below(u32 node) const;
    struct Row {
        std::vector<u32> key;
        LexemeRow row;
        u32 next_alike = NONE;
    };
    const LexemeRow* find_row(const std::vector<u32>& key, u64& hash) const;
    void take(u32 node);
    // Strings of any characters, by their number: tokens inside, the longest first, and exits.
    struct Lengths {
        std::vector<u32> words;                          // all that stay inside
        std::vector<std::pair<u32, u32>> inside, exits;  // (characters, token or node of the trie)
    };
    const Lengths& lengths(u32 node);
    void walk_lengths(Lengths& out, const StringDecoder& decoder, u32 n, u32 node);
    bool bounded_row(Walk& w, u32 state);
    const LexemeRow& finish(Walk& w, bool number, const std::vector<u32>& key, u64 hash);

    std::shared_ptr<const TokenTrie> trie_;
    u32 max_size_;
    std::mutex successor_mutex_;
    std::shared_ptr<LexemeStore> successor_;
    std::deque<Row> rows_;
    FlatMap row_index_;  // hash -> the first row that has it
    std::vector<u32> key_;
    std::unordered_map<u64, std::unique_ptr<NumberPlan>> plans_;
    std::unordered_map<u64, std::unique_ptr<SpaceRow>> space_rows_;
    std::unordered_map<u32, std::unique_ptr<Lengths>> lengths_;
    std::vector<u32> by_length_;  // tokens, the longest first
    std::vector<u16> depth_;      // of a node of the trie: bytes to it,
    std::vector<u16> height_;     // and bytes to the furthest one below
    std::vector<u32> scratch_;
    u64 bytes_ = 0;
};

}  // namespace gcd
