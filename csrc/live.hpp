// Which lexemes can still be finished from a lexer state, and in which boundary they would leave the text.
//
// A *boundary* is a context plus a place inside of tokens (spelling.hpp; 0 wherever the vocabulary has all single
// bytes: then every position can be a token's end). An *outcome* is a (terminal, boundary) pair; `outcomes(state,
// place)` is the set of those that some text of tokens can still reach. Computed per strongly connected component of
// the lexer graph, the first time a state of it is asked about. States that differ in a count only are skipped
// (Counts).
#pragma once

#include "counts.hpp"

namespace gcd {

struct Boundary {
    u32 ctx;
    u32 place;
};
struct Outcome {
    u32 terminal;
    u32 boundary;
};

class LiveAnalysis {
  public:
    LiveAnalysis(Lexer& lexer, const TokenTrie& trie, const Spelling& spelling, u32 max_nodes)
        : lexer_(lexer), trie_(trie), spelling_(spelling), counts_(lexer, trie, spelling), max_nodes_(max_nodes) {
        intern_set({});
    }
    // Id of the set of outcomes reachable from a one-group state, its own accepts included. 0 is the empty set.
    u32 outcomes(u32 state, u32 place);
    const std::vector<u32>& set(u32 id) const { return sets_[id]; }
    u32 unite(u32 a, u32 b);
    // A state in which every token does the same, see Counts.
    u32 alike(u32 state) { return counts_.alike(state, trie_.max_token_bytes); }
    const Outcome& outcome(u32 id) const { return outcomes_[id]; }
    const Boundary& boundary(u32 id) const { return boundaries_[id]; }
    // Whether a token can end at a boundary.
    bool may_end(const Boundary& b) const { return spelling_.ends(b.place); }
    u32 n_outcomes() const { return static_cast<u32>(outcomes_.size()); }
    u32 n_boundaries() const { return static_cast<u32>(boundaries_.size()); }
    u32 n_nodes() const { return static_cast<u32>(nodes_.size()); }
    u32 intern_boundary(u32 ctx, u32 place);
    u32 intern_outcome(u32 terminal, u32 boundary);

  private:
    struct Node {
        u32 state, place;
        u32 index, low;
        u32 set;  // accumulated; final once done
        bool done;
    };
    u32 intern_set(std::vector<u32> sorted);
    u32 visit(u32 state, u32 place, bool& fresh);
    void successors(u32 node, std::vector<std::pair<u32, u32>>& out);

    Lexer& lexer_;
    const TokenTrie& trie_;
    const Spelling& spelling_;
    Counts counts_;
    u32 max_nodes_;
    std::vector<Node> nodes_;
    std::unordered_map<u64, u32> index_, boundary_index_, outcome_index_, union_memo_;
    std::unordered_multimap<u64, u32> set_index_;
    std::vector<std::vector<u32>> sets_;
    std::vector<Boundary> boundaries_;
    std::vector<Outcome> outcomes_;
    static constexpr u32 kMembersPerNode = 256;  // of all sets together; natural grammars have a few
    u64 n_members_ = 0;
    u32 counter_ = 0;
    std::vector<u32> scc_;
};

}  // namespace gcd
