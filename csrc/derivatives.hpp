// Extended regular expressions over characters, with "and", "not" and lookaround, read by derivatives.
//
// The derivative of an expression by a character is what must follow that character (Brzozowski 1964). Expressions are
// hash-consed and kept in a normal form, so there are finitely many, and each is a state of a DFA that is built as
// texts need it. Boolean combinations cost nothing extra: the derivative of `a and not b` is that of `a` and not that
// of `b`.
//
//   a(b|c)*  by 'a':  (b|c)*   by 'b':  (b|c)*   ...
//
// A lookahead looks at all that follows, so it is read where the rest of the text is at hand: the derivative of
// `(?=B)K` is that of `(B.*) and K`. A lookbehind looks at all that went before: a state carries, beside its
// expression, one expression for each lookbehind in it, which began at the start of the text as `.*B`; it holds where
// that one accepts.
#pragma once

#include <algorithm>
#include <unordered_map>

#include "common.hpp"

namespace gcd {

struct CharRange {
    u32 lo, hi;  // both within
    bool operator==(const CharRange& o) const { return lo == o.lo && hi == o.hi; }
};
using CharRanges = std::vector<CharRange>;
using CodePoints = std::u32string;

constexpr u32 kMaxCodePoint = 0x10FFFF;

inline u64 hash_u32s(u64 h, const std::vector<u32>& v) {
    for (u32 x : v) h = mix(h, x);
    return mix(h, v.size());
}

inline void sort_unique(std::vector<u32>& v) {
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
}

class Derivatives {
  public:
    enum Op : u8 { EMPTY, EPS, ANY, CHARS, CONCAT, ALT, AND, NOT, REPEAT, WORDS, LOOKAHEAD, LOOKBEHIND };
    // Expressions that every store has.
    static constexpr u32 kEmpty = 0, kEps = 1, kAny = 2;
    // The state without a future.
    static constexpr u32 kDead = 0;

    // At most so many expressions and states; more raise limit_states.
    explicit Derivatives(u32 max_size);

    // -- expressions: constructors, which bring what they make into normal form --
    u32 chars(CharRanges ranges);
    u32 concat(u32 a, u32 b);
    u32 alt(std::vector<u32> xs);
    u32 both(std::vector<u32> xs);
    u32 negate(u32 x);
    u32 repeat(u32 x, u32 min, u32 max);  // max NONE: without end
    u32 words(std::vector<CodePoints> list);
    u32 lookahead(u32 body, bool negative);
    u32 lookbehind(u32 body, bool negative);

    // -- states --
    u32 start(u32 expression);
    u32 step(u32 state, u32 c) {
        const State& s = *states_[state];
        if (c < 128 && s.expanded) return s.ascii[c];
        return step_slow(state, c);
    }
    bool accepts(u32 state) const { return states_[state]->accepts; }
    bool is_any(u32 state) const { return states_[state]->expression == kAny; }
    // Whether the state takes all texts of `min` to `max` characters, and nothing else.
    bool any_characters(u32 state, u32& min, u32& max) const;
    // Whether the state takes what another one does, up to `max` characters, and every text that is begun there can be
    // ended within `slack` more.
    bool bounded(u32 state, u32& other, u32& max, u32& slack);
    // Some text leads from here to an accepting state.
    bool alive(u32 state);
    // Some character within [lo, hi] leads to a state that is alive.
    bool alive_by(u32 state, u32 lo, u32 hi);
    // The state whose future within `reach` characters is the same, one for many counts (see the .cpp).
    u32 alike(u32 state, u32 reach);
    // Characters that lead back to the state: ASCII ones that stand for themselves in a JSON string, as bits, and
    // whether all others do.
    struct Loops {
        u64 raw[2] = {0, 0};
        bool others = false;
    };
    const Loops& loops(u32 state) {
        if (!states_[state]->expanded) expand(state);
        return states_[state]->loops;
    }
    // Every text that begins here can be ended (it may be so, and not be seen).
    bool endless(u32 state) const {
        return states_[state]->trackers.empty() && endless_expression(state_expression(state));
    }
    // Characters of a class, so many of them in any order at least, lead from here to states that are alive. The class
    // is the least of a few that holds these ASCII characters (which must stand for themselves in a JSON string), and
    // all others if `others`.
    u32 safe(u32 state, const u64 ascii[2], bool others);
    // All texts from here on if there are at most `most`; false if there are more.
    bool finite(u32 state, u32 most, std::vector<CodePoints>& out);
    bool matches(u32 expression, const CodePoints& text);
    // Whether an expression is a list of words, and which.
    // Endlessly many texts are accepted from here on. May give up, and say no.
    bool infinite(u32 state);
    bool is_words(u32 expression) const { return nodes_[expression].op == WORDS; }
    void list_words(u32 expression, std::vector<CodePoints>& out) const;
    // Whether a state was taken to be alive since this was asked last, because a budget ran out before it was known.
    bool guessed() {
        const bool out = guessed_;
        guessed_ = false;
        return out;
    }
    u32 n_states() const { return static_cast<u32>(states_.size()); }
    u32 n_expressions() const { return static_cast<u32>(nodes_.size()); }

  private:
    struct Node {
        Op op;
        bool negative = false;
        bool nullable = false;    // leaving lookaround aside
        bool plain = true;        // no AND, NOT or lookaround in it: never empty, nor any of its derivatives but kEmpty
        bool looks = false;       // lookaround in it
        u32 a = 0, b = 0, c = 0;  // CHARS: charset; CONCAT: a, b; REPEAT: a, min, max; NOT, LOOK*: a (tracker: b)
        std::vector<u32> items;   // ALT, AND: sorted; WORDS: character, child, character, child, ... sorted
    };
    static constexpr u8 kUnknown = 255;
    struct Arc {
        u32 hi, target;  // characters up to `hi` (from the one before) lead to `target`
    };
    struct State {
        u32 expression = 0;
        std::vector<u32> trackers;  // tracker number, its expression now, ...; sorted
        bool accepts = false;
        u8 life = 0;  // 0 unknown, 1 alive, 2 dead, 3 taken to be alive
        bool expanded = false;
        std::vector<Arc> arcs;  // once expanded
        u32 ascii[128];         // likewise
        Loops loops;
        u8 safe[4] = {kUnknown, kUnknown, kUnknown, kUnknown};  // by class
    };
    using Truth = std::unordered_map<u32, bool>;  // tracker -> whether its lookbehind holds here
    using Memo = std::unordered_map<u64, u32>;

    u32 intern(Node node);
    u32 intern_state(u32 expression, std::vector<u32> trackers);
    u32 step_slow(u32 state, u32 c);
    void expand(u32 state);
    u32 words_below(const std::vector<CodePoints>& list, size_t begin, size_t end, size_t depth);
    u32 words_node(bool accept, std::vector<u32> edges);
    u32 united_words(u32 a, u32 b);
    Truth truth_of(const std::vector<u32>& trackers);
    bool nullable(u32 x, const Truth& t);
    u32 derive(u32 x, u32 c, const Truth& t, Memo& memo);
    u32 derive_then(u32 a, u32 k, u32 c, const Truth& t, Memo& memo);
    void first(u32 x, std::vector<u32>& sets, std::vector<u32>& singles, std::vector<u32>& seen);
    void collect_trackers(u32 x, std::vector<u32>& out, std::vector<u32>& seen);
    bool in_set(u32 set, u32 c) const;
    u32 truncated(u32 x, u32 reach);
    u64 longest_least(u32 x) const;
    bool endless_expression(u32 x) const;
    u32 state_expression(u32 state) const { return states_[state]->expression; }
    static constexpr u32 kSafeClasses = 4;
    u32 count_safe(u32 state, u32 kind);

    u32 max_size_;
    std::vector<Node> nodes_;
    std::unordered_multimap<u64, u32> node_index_;
    std::vector<CharRanges> sets_;
    std::unordered_multimap<u64, u32> set_index_;
    std::vector<u32> tracker_start_;  // tracker -> the expression that it begins as
    std::unordered_map<u32, u32> tracker_of_;
    std::vector<std::unique_ptr<State>> states_;
    std::unordered_multimap<u64, u32> state_index_;
    std::unordered_map<u64, u32> truncated_, alike_;
    bool guessed_ = false;
};

}  // namespace gcd
