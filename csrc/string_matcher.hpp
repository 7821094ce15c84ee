// A JSON string whose characters, once decoded, are a sentence of what an inner matcher matches (RFC 8259 §7).
//
// A character may be written as it is or in any escape. Tokens without quotes, backslashes and control characters mean
// what they are: the inner mask has them. The others are found by a walk of the token trie, and kept by place. A
// character that is partly escaped is a place of its own; whether some character that can come of it may come next is
// asked of the inner matcher.
//
// Masks are exact if the inner ones are, each byte of a token is a token, and so are the bytes that escapes are made of
// (`StringMasks::supports`): then each character that the vocabulary can write has an escape.
//
// Example, inner language a+, behind `"a`: the tokens `a`, `aa` of the inner mask, and `"`, `\`, `\u`, `\u00`,
// `\u0061`, but not `\n`, nor `\u1`.
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>

#include "json_string.hpp"
#include "text_matcher.hpp"

namespace gcd {

// What the string matchers of one vocabulary share.
class StringMasks {
  public:
    static constexpr u64 kMemoBytes = 64u << 20;

    explicit StringMasks(std::shared_ptr<const TokenTrie> trie);
    static bool supports(const TokenTrie& trie);
    const TokenTrie& trie() const { return *trie_; }

    using Key = std::vector<u64>;
    using Tokens = std::shared_ptr<const std::vector<u32>>;
    Tokens find(const Key& key);
    void keep(Key key, Tokens tokens);
    // Tokens without any byte that has a meaning of its own in strings.
    const std::vector<u32>& plain() const { return plain_; }
    static bool special(u8 b) { return b == '"' || b == '\\' || b < 0x20; }
    // Of the tokens below a node, itself included: whether some have a byte that special() names.
    bool any_special(u32 node) const {
        return n_special_[trie_->token_begin[trie_->end[node]]] > n_special_[trie_->own_begin(node)];
    }

  private:
    struct KeyHash {
        size_t operator()(const Key& key) const;
    };
    std::shared_ptr<const TokenTrie> trie_;
    std::vector<u32> plain_;
    std::vector<u32> n_special_;  // index into `order` -> how many such tokens stand before it
    std::mutex mutex_;            // of what follows
    std::unordered_map<Key, Tokens, KeyHash> memo_;
    u64 memo_bytes_ = 0;
};

class StringMatcher : public TextMatcher {
  public:
    // `begin` makes the inner matcher at the beginning of a text, once it is needed; `id` tells matchers with another
    // inner language apart.
    using Begin = std::function<std::unique_ptr<TextMatcher>()>;
    StringMatcher(std::shared_ptr<StringMasks> masks, Begin begin, u64 id)
        : masks_(std::move(masks)), begin_(std::move(begin)), id_(id) {}
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<StringMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override;
    void key(std::vector<u64>& out) const override;
    void fill(u32* out) override { fill(out, false); }
    bool fill_known(u32* out) override { return fill(out, true); }
    bool fills_beside_others() const override { return true; }
    bool check(u32 token) override;
    bool accept(u32 token) override;
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return static_cast<u32>(past_.size()); }
    bool finished() const override { return false; }
    bool complete() override { return state_.phase == kClosed; }
    bool dead() const override { return false; }
    u32 viable_bytes(const u8* data, u32 n) override;
    void expected(Bits& inside, Bits& next) override;
    std::vector<u8> forced_bytes(u32 n) override;

  protected:
    const TokenTrie& token_trie() const override { return masks_->trie(); }

  private:
    enum Phase : u8 { kBefore, kInside, kClosed };
    struct State {
        Phase phase = kBefore;
        StringDecoder decoder;               // escapes only: of characters as they are, the inner matcher knows
        std::shared_ptr<TextMatcher> inner;  // inside; never moved, so states may share it
    };
    struct Walk;
    // False if no such string begins so; then the state is to be thrown away.
    bool step(State& state, u8 b) const;
    bool step(State& state, const u8* data, size_t n) const;
    bool fill(u32* out, bool known_only);

    std::shared_ptr<StringMasks> masks_;
    Begin begin_;
    u64 id_;
    State state_;
    std::vector<State> past_;
};

}  // namespace gcd
