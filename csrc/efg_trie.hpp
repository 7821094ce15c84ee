// The trie of bounds on expected future grammaticality (ASAp: Park et al. 2024, algorithm 1), sparse and in log space.
//
// The expected future grammaticality of a prefix u is c(u) = P(some sentence that begins with u | u). Drawing token a
// after u in proportion to P(a | u) c(ua) samples the model's law, restricted to the sentences, exactly; c is unknown.
// The trie keeps bounds theta(u) >= c(u) that only fall:
//
//     theta(ua) = 0  where the mask forbids a
//               = 1  where ua was never visited
//     theta(u)  = sum over a of P(a | u) theta(ua)   where u was
//
// A node doesn't keep P(. | u). It keeps `rest`, the mass of allowed tokens that have no child, and each child with its
// P and theta: theta(u) = rest + sum over children of P theta. All of these are positive, so nothing cancels, and a
// node takes some tens of bytes instead of two rows of the vocabulary. The law at u comes from the model's row at each
// visit; rest is refreshed then. Worked example: bits, half each, five of them; sentences are 00000 and 1 with any four
// bits. The root has rest 1. Once 00000 was drawn, its path is in the trie: below 0 every node has the one child 0, P =
// 1/2, and rest 0, so theta(0) = 1/16; the root has rest 1/2 (the token 1), and theta is 1/2 + 1/2 * 1/16 = 17/32,
// which is exact.
//
// Sequences are drawn against a trie that doesn't change (`EfgDraw`), and committed afterwards. In between, others may
// have been committed; a commit adds to what is there then.
#pragma once

#include "archive.hpp"
#include "masked_sums.hpp"

namespace gcd {

class EfgTrie {
  public:
    struct Child {
        u32 token;
        u32 node;          // kEnd, kRefused, or a node's id
        double log_p;      // log P(token | prefix)
        double log_bound;  // log theta: 0 for kEnd, -inf for kRefused
    };
    static constexpr u32 kEnd = NONE;          // the token ended a sentence
    static constexpr u32 kRefused = NONE - 1;  // the token was drawn and refused, by a constraint that has no mask
    static constexpr u32 kOpen = NONE - 2;     // of a `Visit` only
    struct Node {
        std::vector<Child> children;  // by token, ascending
        double log_rest;              // mass of the allowed tokens without a child, rounded upwards
    };

    EfgTrie() = default;

    u32 size() const { return static_cast<u32>(nodes_.size()); }  // visited prefixes; 0: not even the empty one
    const Node& node(u32 id) const { return nodes_[id]; }
    // log theta of the empty prefix: an upper bound on log P(some sentence).
    double log_bound() const { return log_bound_; }
    // log of the mass of all sentences that were drawn: a lower bound on it.
    double log_found() const { return log_found_; }
    u32 n_found() const { return n_found_; }
    u64 bytes() const;

    // The child of a node for a token; null if there is none.
    const Child* child(u32 node, u32 token) const;

    // One position of a drawn sequence, as it was visited.
    struct Visit {
        u32 n_children;           // of the node at that time; 0 if it was new
        u32 token;                // what was drawn; NONE: nothing was
        u32 kind;                 // of the token: kEnd, kRefused, or kOpen: the text goes on, or stops unfinished
        bool coarse;              // from float32 scores
        double log_p;             // of the token
        double log_rest;          // allowed mass without a child, the token's among it if it has none
        double log_rest_without;  // without the token's
    };

    // Adds a drawn sequence and backs up: the bounds of the prefixes on its path, from the last to the first. A last
    // token of kind kOpen is not added: nothing is known of the prefix that it makes. Returns whether the sequence
    // ended with a sentence that had not been drawn before.
    bool commit(const std::vector<Visit>& path);

    // Adds what another trie of the same law knows.
    void merge(const EfgTrie& other);

    void save(Writer& w) const;
    // A file is hostile input: what it says is checked. Bounds aren't in it, they follow from the rest.
    EfgTrie(Reader& r, u32 width, const std::vector<u32>& end_ids);

  private:
    double log_mass(u32 node) const;  // log theta by the node's own numbers
    void back_up();                   // all of it; nodes come after their parents
    Child* find(u32 node, u32 token);

    std::vector<Node> nodes_;
    double log_bound_ = 0, log_found_ = kMinusInfinity;
    u32 n_found_ = 0;
};

// One sequence on its way through a trie. At each position: `visit` with the model's row and the mask, then `sample`,
// or `take` with a token that somebody else drew; `log_q` is the law to draw from. Then commit.
class EfgDraw {
  public:
    explicit EfgDraw(const EfgTrie& trie) : trie_(&trie) {}

    // `scores`: of `width` columns; `raw`: logits, else log-probabilities. Columns past the mask's words aren't
    // allowed.
    template <class T>
    ScoreFault visit(const T* scores, u32 width, const u32* mask, u32 n_words, bool raw);
    // Of the visited position: log N = log of the sum of P(a) theta(a), and the theta by which it was drawn before.
    double log_mass() const { return log_mass_; }
    double log_bound() const { return log_bound_; }
    // Draws a token in proportion to P theta and moves; uniform in [0, 1). The mass must not be 0.
    template <class T>
    u32 sample(const T* scores, double uniform);
    // log P of a token and log of the chance to draw it; -inf if it isn't allowed, or leads nowhere.
    template <class T>
    void law(const T* scores, u32 token, double& log_p, double& log_q) const;
    // Moves over a token that has a chance.
    template <class T>
    void take(const T* scores, u32 token);
    // The last token is of kind kEnd, or kRefused.
    void mark(u32 kind) { path_.back().kind = kind; }
    // The allowed tokens that have a child: they are bounded by less than 1, perhaps.
    struct Term {
        u32 token, node;
        double log_bound;
        double share;  // P theta, on the scale
    };
    const std::vector<Term>& terms() const { return terms_; }

    const std::vector<EfgTrie::Visit>& path() const { return path_; }
    double log_p() const { return log_p_; }  // of all tokens so far
    double log_q() const { return log_q_; }

  private:
    static constexpr u32 kOpen = EfgTrie::kOpen;
    const Term* term(u32 token) const;
    template <class T>
    MaskedSums<T>& sums();

    const EfgTrie* trie_;
    u32 node_ = NONE;            // of the prefix that was visited last; NONE: not in the trie
    double log_next_bound_ = 0;  // theta of the prefix to be visited, as it was when its last token was drawn
    double log_mass_ = 0, log_bound_ = 0, log_p_ = 0, log_q_ = 0;
    double log_all_ = 0, scale_ = 0, total_ = 0,
           rest_ = 0;          // N is total_ exp(scale_ - log_all_), thereof rest_ the rest
    std::vector<u32> mask_;    // of the allowed tokens that have no child
    std::vector<Term> terms_;  // by token
    std::vector<EfgTrie::Visit> path_;
    MaskedSums<float> floats_;
    MaskedSums<double> doubles_;
};

}  // namespace gcd
