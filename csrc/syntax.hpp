// The syntax automaton: hash-consed continuations over terminals.
//
// A state is a set of *items*: a position in a production (the rest still to be read) and a *return node* (what may
// follow when that production ends). There are no tables of LR states and no stacks to inspect: which terminals may
// come next is the union of FIRST over the items, and two histories with the same future mostly get the same state.
//
//   frame  = (nonterminal N, continuation K): "N was called, and when it ends, K follows" (K: a set of items)
//   node   = (frame, M): "M was just completed as a left corner of N in that frame". Left recursion is static this way:
//            what follows M is every B -> M . gamma with B itself a left corner of N, and K if M is N (or derives N by
//            unit steps). So a node's content needs no cyclic data.
//   tail calls: a rest that is empty is replaced by its node's content at once, so right recursion does not grow.
//   merging: a new frame (N, K) that would behave like one mentioned in K is that one (see `make_frame`); then
//            `s: s s | a` has two states, however long the text.
//
// Example, `e: e "+" t | t`, `t: "a"`, start e, after "a": left corner t of frame f=(e, {ACCEPT}); t's content in f is
// (e -> e . "+" t, (f, e)) and ACCEPT, since t derives e by a unit step and e is what was called.
#pragma once

#include <mutex>
#include <unordered_map>

#include "cfg.hpp"
#include "lexer.hpp"
#include "viability.hpp"

namespace gcd {

struct Item {
    u32 position;
    u32 node;
    u32 forbid;  // restricts the next terminal
    bool operator==(const Item& o) const { return position == o.position && node == o.node && forbid == o.forbid; }
    bool operator<(const Item& o) const {
        return position != o.position ? position < o.position : node != o.node ? node < o.node : forbid < o.forbid;
    }
};
using Items = std::vector<Item>;

// Symbols of the boundary-refined alphabet ("extended terminals"): terminal t in boundary class k.
struct Alphabet {
    u32 n_terminals = 0;  // ignored: n_terminals
    u32 n_classes = 1;
    u32 symbol(u32 terminal, u32 cls) const { return terminal * n_classes + cls; }
    u32 terminal(u32 symbol) const { return symbol / n_classes; }
    u32 size() const { return (n_terminals + 1) * n_classes; }
};

struct SyntaxState {
    Items items;
    Bits viable;                               // over Alphabet, ignored symbols included
    bool accepts;                              // the text may end here, as far as the parser is concerned
    u32 lex_id;                                // how the next lexeme is lexed
    u32 height = 0;                            // of the highest return node among the items
    std::unique_ptr<std::atomic<u32>[]> next;  // by rank of the symbol in `viable`; NONE = unknown
    std::unique_ptr<u32[]> reads;              // beside `next`: the lowest return node that the step looked into
};

class SyntaxAutomaton {
  public:
    SyntaxAutomaton(Viability viability, Lexer& lexer, u32 max_states);
    // The state before any text for start symbol i; NONE if nothing can be derived from it.
    u32 start(u32 i, const StartSymbol& s);
    // The state after a terminal; `symbol` must be viable and not an ignored one.
    u32 step(u32 state, u32 symbol) {
        const SyntaxState& s = states_[state];
        const u32 n = s.next[rank(s.viable, symbol)].load(std::memory_order_acquire);
        return n != NONE ? n : step_slow(state, symbol);
    }
    const SyntaxState& state(u32 id) const { return states_[id]; }
    u32 n_states() const { return states_.size(); }
    const Alphabet& alphabet() const { return alphabet_; }
    u32 class_of(u32 boundary) const { return boundary < class_of_.size() ? class_of_[boundary] : 0; }
    // The height of the lowest return node that this (known) step looked into; NONE if it looked into none.
    u32 step_reads(u32 state, u32 symbol) const {
        const SyntaxState& s = states_[state];
        return s.reads[rank(s.viable, symbol)];
    }
    // A key for all that can be learnt of the state without looking into a return node lower than `cut`: the items as
    // a term, with everything below left out. States that agree on it (each with the cut at the same distance from its
    // own height) have the same mask, if computing the mask looked no lower (masks.cpp).
    u64 term_hash(u32 state, u32 cut);
    // Singles: the items of a state that want the same symbol next, with the lexset in force. What may follow a state
    // is the union of what may follow its singles, and singles recur more often than states, so masks are put together
    // from them (masks.cpp). Items that call the same nonterminal stay together: their continuations become one frame.
    struct Single {
        Items items;
        u32 lex_id;
        u32 height;
        Bits viable;
    };
    const std::vector<u32>& singles(u32 state);
    const Single& single(u32 id) const { return single_list_[id]; }
    // The singles after a terminal; `read` as in `step_reads`, lowered.
    const std::vector<u32>& step_single(u32 id, u32 symbol, u32& read);
    u64 single_hash(u32 id, u32 cut);
    u32 n_singles() const { return single_list_.size(); }
    // Terminals (not symbols) that are viable, without ignored ones.
    Bits viable_terminals(u32 state) const;
    const Cfg& cfg() const { return cfg_; }
    u32 production_of(u32 position) const { return production_of_[position]; }

    static constexpr u32 ACCEPT = 0;  // the position that stands for "the whole text is derived"

  private:
    struct Frame {
        u32 nonterminal, continuation;
        u32 height;  // 1 + the highest return node in the continuation
    };
    struct Node {
        u32 frame, completed;
    };
    struct LeftCorner {
        std::vector<std::pair<u32, std::pair<u32, u32>>> out;  // (position, (completed nonterminal, forbid))
        std::vector<u32> returns;                              // forbids under which N itself is complete
    };
    struct Entry {
        u32 symbol_set;  // index of the terminal occurrence in `occurrences_`
        u32 position;    // after the terminal
        u32 completed;   // the production's nonterminal
    };
    struct Occurrence {
        u32 terminal, lexset, follow;
    };
    static u32 rank(const Bits& b, u32 i) {
        u32 r = 0;
        for (u32 w = 0; w < i / 64; ++w) r += static_cast<u32>(__builtin_popcountll(b[w]));
        return r + static_cast<u32>(__builtin_popcountll(b[i / 64] & ((1ull << (i % 64)) - 1)));
    }
    u32 step_slow(u32 state, u32 symbol);
    u32 intern_single(Items items, u32 lex_id);
    void partition(const Items& items, u32 lex_id, std::vector<u32>& out);
    const Bits& viable_of(const Item& i, u32 lex_id);
    u32 own_set(const Items& items);
    void step_item(const Item& i, u32 symbol, Items& out, std::unordered_map<u32, Items>& calls, u32& lexset);
    void step_calls(u32 symbol, std::unordered_map<u32, Items>& calls, Items& out, u32& lexset);
    struct SingleStep {
        std::vector<u32> singles;
        u32 read;
    };
    StableVector<Single> single_list_;
    std::unordered_multimap<u64, u32> single_index_;
    std::unordered_map<u32, std::vector<u32>> singles_;
    std::unordered_map<u64, SingleStep> single_steps_;
    std::unordered_map<u64, std::unique_ptr<Bits>> viable_;  // (position, forbid, lexset) -> symbols
    u32 intern(Items items, u32 lex_id);
    u32 intern_items(Items items);
    u32 make_frame(u32 nonterminal, u32 continuation);
    u32 make_node(u32 frame, u32 completed);
    const LeftCorner& left_corner(u32 nonterminal, u32 completed);
    const std::vector<Entry>& entries(u32 nonterminal);
    void after(u32 position, u32 node, Items& out);
    const Items& content(u32 node, u32 forbid);
    u32 forbid_union(u32 a, u32 b);
    bool occurrence_takes(const Occurrence& o, u32 symbol) const {
        return alphabet_.terminal(symbol) == o.terminal &&
               bits_get(cfg_.class_sets[o.follow], symbol % alphabet_.n_classes);
    }
    u32 height_of(const Items& items) const;
    u64 frame_hash(u32 frame, u32 cut);
    u64 items_hash(const Items& items, u32 cut);

    Lexer& lexer_;
    Cfg cfg_;
    Alphabet alphabet_;
    std::vector<u32> class_of_, element_of_, starts_, start_sets_;
    u32 end_set_;
    u32 max_states_;
    static constexpr u32 END = 0xFFFFFFFFu;
    static constexpr u32 TERM = 0x80000000u;
    std::vector<u32> symbol_at_;      // position -> nonterminal, TERM | occurrence, or END
    std::vector<u32> forbid_at_;      // position -> forbid
    std::vector<u32> live_at_;        // position -> element set
    std::vector<u32> production_of_;  // position -> production
    std::vector<Occurrence> occurrences_;
    std::vector<Bits> first_;  // nonterminal -> symbols
    std::vector<Bits> forbid_symbols_;
    std::vector<std::vector<std::pair<u32, u32>>>
        used_first_;                        // nonterminal X -> (production, its first position) with rhs[0] = X
    std::vector<std::vector<u32>> by_lhs_;  // nonterminal -> first positions of its productions
    std::unordered_map<u64, LeftCorner> left_corners_;
    std::unordered_map<u32, std::vector<Entry>> entries_;
    std::vector<Frame> frames_;
    std::vector<Node> nodes_;
    std::unordered_map<u64, u32> frame_index_, node_index_;
    std::vector<Items> item_sets_;
    std::unordered_multimap<u64, u32> item_set_index_;
    std::unordered_map<u64, Items> content_;
    std::unordered_map<u64, u64> frame_hash_, state_hash_;
    u32 read_ = NONE;  // lowest return node looked into by the step being made
    StableVector<SyntaxState> states_;
    ReadMostlyMap state_index_;
    std::mutex mutex_;
};

}  // namespace gcd
