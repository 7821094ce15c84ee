// The syntax automaton: hash-consed continuations over terminals.
//
// A state is a set of *items*: a position in a production (the rest still to be read) and a *frame* (what may follow
// when the nonterminal that was called is complete). There are no tables of LR states and no stacks to inspect: which
// terminals may come next is the union of FIRST over the items, and two histories with the same future mostly get the
// same state.
//
//   frame  = (nonterminal N, continuation K): "N was called, and when it ends, K follows" (K: a set of items)
//   An item's position says of which production B it is; B is a left corner of its frame's N. Left recursion is static
//            this way: what follows B is every C -> B . gamma with C itself a left corner of N, and K if B is N (or N
//            derives B by unit steps). So a frame's content needs no cyclic data.
//   tail calls: a rest that is empty is replaced by what follows at once, so right recursion does not grow.
//   merging: a new frame (N, K) that would behave like one mentioned in K is that one (see `make_frame`); then
//            `s: s s | a` has two states, however long the text.
//
// Example, `e: e "+" t | t`, `t: "a"`, start e, after "a": t is complete as a left corner of frame f=(e, {ACCEPT}).
// What follows it in f is (e -> e . "+" t, f) and ACCEPT, since t derives e by a unit step and e is what was called.
#pragma once

#include "positions.hpp"

namespace gcd {

struct Item {
    u32 position;
    u32 frame;
    u32 forbid;  // restricts the next terminal
    bool operator==(const Item& o) const { return position == o.position && frame == o.frame && forbid == o.forbid; }
    bool operator<(const Item& o) const {
        return position != o.position ? position < o.position : frame != o.frame ? frame < o.frame : forbid < o.forbid;
    }
};
using Items = std::vector<Item>;

struct SyntaxState {
    Items items;
    Bits viable;                               // over Alphabet, ignored symbols included
    bool accepts;                              // the text may end here, as far as the parser is concerned
    u32 lex_id;                                // how the next lexeme is lexed
    std::unique_ptr<std::atomic<u32>[]> next;  // by rank of the symbol in `viable`; NONE = unknown
};

class SyntaxAutomaton {
  public:
    SyntaxAutomaton(Positions& positions, u32 max_states, u64 max_bytes);
    // The state before any text for start symbol i; NONE if nothing can be derived from it.
    u32 start(u32 i, const StartSymbol& s);
    // The state after a terminal; `symbol` must be viable and not an ignored one.
    u32 step(u32 state, u32 symbol) {
        const SyntaxState& s = states_[state];
        const u32 n = s.next[rank(s.viable, symbol)].load(std::memory_order_acquire);
        return n != NONE ? n : step_slow(state, symbol);
    }
    // The state that goes on where either does. Independent lexing only: states then don't say how the text is lexed.
    u32 unite(u32 a, u32 b);
    const SyntaxState& state(u32 id) const { return states_[id]; }
    u32 n_states() const { return states_.size(); }
    u32 n_frames() const { return frames_.size(); }
    // Half of the room for texts is used up. What was carried over takes room, but doesn't count.
    bool full() const { return full_.load(std::memory_order_relaxed); }
    // Little room is left, so much was carried over.
    bool crowded() const { return crowded_.load(std::memory_order_relaxed); }
    // Puts in the place of states of another automaton over the same positions those of this one with the same futures.
    void carry(const SyntaxAutomaton& from, std::vector<u32>& states);
    // The nonterminal that was called; NONE for frame 0, the outermost, which nothing follows.
    u32 called(u32 frame) const { return frames_[frame].nonterminal; }
    const Items& continuation(u32 frame) const { return *item_sets_[frames_[frame].continuation]; }

  private:
    struct Frame {
        u32 nonterminal, continuation;
    };
    static u32 rank(const Bits& b, u32 i) {
        u32 r = 0;
        for (u32 w = 0; w < i / 64; ++w) r += static_cast<u32>(__builtin_popcountll(b[w]));
        return r + static_cast<u32>(__builtin_popcountll(b[i / 64] & ((1ull << (i % 64)) - 1)));
    }
    u32 step_slow(u32 state, u32 symbol);
    void step_item(const Item& i, u32 symbol, Items& out, std::unordered_map<u32, Items>& calls, u32& lexset);
    void step_calls(u32 symbol, std::unordered_map<u32, Items>& calls, Items& out, u32& lexset);
    u32 intern(Items items, u32 lex_id);
    u32 intern_items(Items items);
    u32 make_frame(u32 nonterminal, u32 continuation);
    void after(u32 position, u32 frame, Items& out);

    Positions& positions_;
    u32 max_states_;
    u64 max_bytes_, bytes_ = 0;  // of all items kept
    u64 carried_bytes_ = 0;
    u32 carried_ = 0;  // states or frames, the more of the two
    std::atomic<bool> full_{false}, crowded_{false};
    void charge(const Items& items);
    void note_growth();
    StableVector<Frame> frames_;
    std::unordered_map<u64, u32> frame_index_;
    StableVector<std::unique_ptr<const Items>> item_sets_;
    std::unordered_multimap<u64, u32> item_set_index_;
    StableVector<SyntaxState> states_;
    ReadMostlyMap state_index_;
    ReadMostlyMap unions_;  // two states, the lower first -> their union
};

}  // namespace gcd
