// Local sets: the items of a parser state that share a frame, without the frame.
//
// What a text does inside a frame, from some items on until the frame's nonterminal is complete, does not depend on
// what follows the frame. So there are only as many local sets as the grammar has, however deep a text nests; summaries
// (summaries.hpp) are kept by them.
//
// Example, `e: e "+" t | t`, `t: "a" | "(" e ")"`, after "(": the items are t -> "(" . e ")" in a frame (e, ...), so
// the local set is {t -> "(" . e ")"} in a frame of e, the same at every depth. A step over the call of e leads to
// {t -> "(" e . ")"}, one over ")" to {e -> e . "+" t} and to the frame's end, as t derives e by a unit step.
#pragma once

#include <deque>

#include "flat_map.hpp"
#include "hash_index.hpp"
#include "syntax.hpp"

namespace gcd {

struct LocalItem {
    u32 position, forbid;
    bool operator==(const LocalItem& o) const { return position == o.position && forbid == o.forbid; }
    bool operator<(const LocalItem& o) const {
        return position != o.position ? position < o.position : forbid < o.forbid;
    }
};

struct LocalSet {
    u32 nonterminal;  // of the frame; NONE in the outermost one
    u32 lex_id;       // how the next lexeme is lexed
    // The beginnings of `nonterminal`, before anything of it is read: items before the first terminals, which are all
    // that is wanted (no ignored lexemes: they are the caller's).
    bool entry;
    std::vector<LocalItem> items;  // sorted
    Bits own;                      // symbols that the items want themselves, ignored ones included
    Bits all;                      // ... and those with which a nonterminal that they want may begin
    struct Call {
        u32 nonterminal, forbid;
        u32 entry;  // the local set that begins it
    };
    std::vector<Call> calls;
    std::vector<u32> parts;  // one for each way to lex the next lexeme: the set itself, but for independent lexing
};

// Where a step leads: to a local set of the same frame (NONE: nowhere), and, if `returns` is not empty, also to the
// frame's end, with a restriction on what may follow each.
struct LocalStep {
    u32 set = NONE;
    u32 lexset = 0;
    std::vector<u32> returns;
};

class LocalSets {
  public:
    explicit LocalSets(Positions& positions, SyntaxAutomaton& syntax) : positions_(positions), syntax_(syntax) {}
    const LocalSet& set(u32 id) const { return *sets_[id]; }  // a number that this process has given out
    u32 size() const { return static_cast<u32>(sets_.size()); }
    // Over a terminal's symbol that is among `own` and not an ignored one.
    const LocalStep& step(u32 set, u32 symbol);
    // After the nonterminal of call `call`, where the text after it is lexed by `lexset` and restricted by `forbid`.
    const LocalStep& after_call(u32 set, u32 call, u32 lexset, u32 forbid);
    struct Group {
        u32 set, frame;
    };
    // A parser state as local sets, each with its frame; and a frame's continuation.
    const std::vector<Group>& of_state(u32 state);
    const std::vector<Group>& of_continuation(u32 frame, u32 lexset, u32 forbid);
    // Sets keep their numbers. One from an artefact is made when it is first met.
    void save(Writer& w);
    void restore(Reader& r);
    u64 bytes() const { return bytes_; }
    void forget_groups();  // what is known by state and by frame: it can be found again

  private:
    u32 entry(u32 nonterminal, u32 forbid);
    u32 intern(u32 nonterminal, bool entry, u32 lex_id, std::vector<LocalItem>& items);  // sorts them
    std::unique_ptr<const LocalSet> make(u32 id, u32 nonterminal, bool entry, u32 lex_id, std::vector<LocalItem> items);
    void after(u32 position, u32 forbid, u32 nonterminal, std::vector<LocalItem>& out, LocalStep& step);
    void finish(LocalStep& step, u32 nonterminal, std::vector<LocalItem> items);
    std::vector<Group> group(const Items& items, u32 lex_id, u32 forbid);

    Positions& positions_;
    SyntaxAutomaton& syntax_;
    std::vector<std::unique_ptr<const LocalSet>> sets_;
    HashIndex index_;
    ListsView<u32> saved_;  // nonterminal, entry, lex_id, then the items
    std::unordered_map<u64, u32> entries_;
    std::deque<LocalStep> steps_;
    FlatMap step_index_;                                       // (set, symbol) -> step
    std::map<std::array<u32, 2>, FlatMap> call_step_indices_;  // lexset, forbid: (set, call) -> step
    FlatMap states_;                                           // -> groups_
    std::unordered_map<u64, FlatMap> continuations_;           // lexset, forbid: frame -> groups_
    std::deque<std::vector<Group>> groups_;
    u64 bytes_ = 0;
};

}  // namespace gcd
