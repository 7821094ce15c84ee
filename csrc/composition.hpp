// Compiled grammars put together: one after another, one or another, over and over.
//
// A composition is an automaton whose edges are whole grammars: a text belongs to it if it can be cut into sentences
// along a path from a start to a final node. Where a sentence ends isn't known while it is read, so every cut that is
// still possible is followed: a *place* is a set of matchers, each in a grammar on an edge. When one of them comes to
// where its text may end, matchers for the edges behind it join the set. Equal ones are one.
//
// Masks are exact. A token that leaves some matcher alive is in that matcher's own mask. What is left are tokens with a
// cut inside; these are found by a walk of the token trie over what no mask has yet, and kept by place. This needs a
// vocabulary where each byte is a token (TokenTrie::byte_complete): then what can follow depends on bytes alone, not on
// where tokens end, and a sentence that can be begun can be finished.
//
// An edge may also be a *call* of a rule, which is such an automaton, too: then grammars nest in one another, as deep
// as a text likes. A matcher carries the nodes that its rules return to. A call at the end of a rule leaves none
// behind, so only real nesting makes that grow. A call *in a string* is a rule whose sentences are written as JSON
// strings: a composition of its own from the rule's start, in a StringMatcher.
//
// Example, letters+ then digits+ with the tokens `a`, `1`, `a1`, `1a`: after "a" there are two matchers, one in the
// letters, one at the beginning of the digits. Their masks have `a` and `1`; the walk finds `a1`; `1a` fits nowhere.
#pragma once

#include <mutex>
#include <unordered_map>

#include "string_matcher.hpp"

namespace gcd {

struct CompositionEdge {
    enum Kind : u8 { kPart, kCall, kString };  // of the last two, `part` is a rule
    u32 from, part, to;
    Kind kind = kPart;
};
struct CompositionRule {
    std::vector<u32> starts, finals;
};

class Composition : public std::enable_shared_from_this<Composition> {
  public:
    static constexpr u32 kMostCuts = 1000;  // matchers at a place: beyond, what is ambiguous isn't worth following
    static constexpr u64 kMemoBytes = 64u << 20;

    // Rule 0 is what a text is; no two rules share a node. No rule may come to call itself before a byte is read
    // (limit_states would be thrown while reading), and each must have a sentence. Throws bad_input.
    Composition(std::shared_ptr<const TokenTrie> trie, std::vector<u32> eos, u32 n_nodes,
                std::vector<CompositionEdge> edges, std::vector<CompositionRule> rules);
    // Before any use: a matcher at the beginning of a text, of the same vocabulary; `n_terminals`: how many the part
    // has, they are numbered one part after another.
    void add_part(std::unique_ptr<TextMatcher> at_start, u32 n_terminals);
    const TokenTrie& trie() const { return *trie_; }
    bool is_eos(u32 token) const;

    using Key = std::vector<u64>;
    struct Live {
        u32 part, to;  // strings have numbers behind those of the parts
        u32 stack;     // where the rules that it is in return to
        std::unique_ptr<TextMatcher> at;
        Key key;  // tells it from the others
        u64 hash;
        Live(u32 part, u32 to, u32 stack, std::unique_ptr<TextMatcher> at);
        bool operator==(const Live& o) const { return hash == o.hash && key == o.key; }
    };
    struct Place {
        std::vector<Live> lives;
        bool complete = false;  // the text may end here
    };
    std::shared_ptr<const Place> start(u32 rule = 0);
    // After one more byte, or some; null if no sentence begins so.
    std::shared_ptr<const Place> after(const Place& place, const u8* data, size_t n);
    // `known_only`: false, and nothing written, unless all that it takes has been worked out before.
    bool fill(const Place& place, u32* out, bool known_only);
    void expected(const Place& place, Bits& inside, Bits& next) const;
    u64 n_places();

  private:
    struct KeyHash {
        size_t operator()(const Key& key) const;
    };
    using Tokens = std::shared_ptr<const std::vector<u32>>;
    struct Return {
        u32 node, rest;  // rest: a stack
    };
    u32 push(u32 node, u32 stack);
    bool ends_at(u32 node) const { return final_[node] && edges_[node].empty(); }
    bool goes_on_after(const Live& live) const;
    void arrive(u32 node, u32 stack, Place& place);
    void add(const CompositionEdge& edge, u32 stack, Place& place);
    void close(Place& place);
    Tokens crossing(const Place& place, const u32* base);
    struct Walk;

    std::shared_ptr<const TokenTrie> trie_;
    std::vector<u32> eos_;
    std::vector<std::vector<CompositionEdge>> edges_;  // by the node that they leave
    std::vector<CompositionRule> rules_;
    std::vector<bool> final_;
    std::vector<std::unique_ptr<TextMatcher>> parts_;
    std::vector<u32> first_terminal_{0};
    std::shared_ptr<StringMasks> strings_;  // if there are any
    StableVector<Return> stacks_;           // the first is the empty one
    std::mutex mutex_;                      // of what follows, and held by whoever adds a stack
    std::unordered_map<u64, u32> stack_index_;
    std::unordered_map<Key, Tokens, KeyHash> crossings_;
    u64 memo_bytes_ = 0;
};

// One sequence's position in a composition. Not shared between threads.
class ComposedMatcher : public TextMatcher {
  public:
    explicit ComposedMatcher(std::shared_ptr<Composition> composition, u32 rule = 0)
        : composition_(std::move(composition)), rule_(rule), place_(composition_->start(rule)) {}
    ComposedMatcher(std::shared_ptr<Composition> composition, u32 rule, std::shared_ptr<const Composition::Place> place)
        : composition_(std::move(composition)), rule_(rule), place_(std::move(place)) {}
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<ComposedMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override;
    void key(std::vector<u64>& out) const override;
    void fill(u32* out) override;
    bool fill_known(u32* out) override { return !finished_ && composition_->fill(*place_, out, true); }
    bool fills_beside_others() const override { return true; }
    bool check(u32 token) override;
    bool accept(u32 token) override;
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return static_cast<u32>(past_.size()); }
    bool finished() const override { return finished_; }
    bool complete() override { return finished_ || place_->complete; }
    bool dead() const override { return !finished_ && !place_->complete && place_->lives.empty(); }
    u32 viable_bytes(const u8* data, u32 n) override;
    void expected(Bits& inside, Bits& next) override { composition_->expected(*place_, inside, next); }
    std::vector<u8> forced_bytes(u32 n) override;

  protected:
    const TokenTrie& token_trie() const override { return composition_->trie(); }

  private:
    std::shared_ptr<const Composition::Place> after(u32 token) const;

    std::shared_ptr<Composition> composition_;
    u32 rule_;
    std::shared_ptr<const Composition::Place> place_;
    bool finished_ = false;
    std::vector<std::shared_ptr<const Composition::Place>> past_;
};

}  // namespace gcd
