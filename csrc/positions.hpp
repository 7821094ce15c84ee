// Positions in productions, and the static tables over them: what may come first, and what follows a left corner.
//
// A position is a place in a production: production p takes rhs.size() + 1 of them from its base on, the last at its
// end. Position 0 stands for "the whole text is derived".
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <unordered_map>

#include "cfg.hpp"
#include "lexer.hpp"
#include "viability.hpp"

namespace gcd {

// Symbols of the boundary-refined alphabet ("extended terminals"): terminal t in boundary class k.
struct Alphabet {
    u32 n_terminals = 0;  // ignored: n_terminals
    u32 n_classes = 1;
    u32 symbol(u32 terminal, u32 cls) const { return terminal * n_classes + cls; }
    u32 terminal(u32 symbol) const { return symbol / n_classes; }
    u32 size() const { return (n_terminals + 1) * n_classes; }
};

inline u64 pair_key(u32 a, u32 b) {
    return static_cast<u64>(a) << 32 | b;
}

class Positions {
  public:
    static constexpr u32 ACCEPT = 0;
    Positions(Viability viability, Lexer& lexer);

    struct Occurrence {  // of a terminal in a production
        u32 terminal, lexset, follow;
    };
    // What follows when a nonterminal M is completed as a left corner of N: positions of productions B -> M . gamma
    // with B itself a left corner of N; and, if M is N or derives N by unit steps, all that follows N.
    struct LeftCorner {
        struct Out {
            u32 position, completed, forbid;  // `completed`: B
            bool operator==(const Out& o) const {
                return position == o.position && completed == o.completed && forbid == o.forbid;
            }
            bool operator<(const Out& o) const {
                return position != o.position ? position < o.position : forbid < o.forbid;
            }
        };
        std::vector<Out> out;
        std::vector<u32> returns;  // forbids under which N itself is complete
    };
    struct Entry {  // a terminal with which a nonterminal may begin
        u32 occurrence;
        u32 position;   // after the terminal
        u32 completed;  // the production's nonterminal
    };

    // What stands at a position: a nonterminal, a terminal's occurrence, or the production's end.
    bool at_end(u32 position) const { return symbol_at_[position] == END; }
    bool at_terminal(u32 position) const { return symbol_at_[position] & TERM && !at_end(position); }
    u32 nonterminal(u32 position) const { return symbol_at_[position]; }
    const Occurrence& occurrence(u32 position) const { return occurrences_[symbol_at_[position] & ~TERM]; }
    const Occurrence& occurrence_of(const Entry& e) const { return occurrences_[e.occurrence]; }
    u32 forbid(u32 position) const { return forbid_at_[position]; }
    // The nonterminal whose production a position is in; NONE for a start symbol's own.
    u32 lhs(u32 position) const {
        return production_of_[position] == NONE ? NONE : cfg_.productions[production_of_[position]].lhs;
    }
    u32 size() const { return static_cast<u32>(symbol_at_.size()); }
    bool takes(const Occurrence& o, u32 symbol) const {
        return alphabet.terminal(symbol) == o.terminal &&
               bits_get(cfg_.class_sets[o.follow], symbol % alphabet.n_classes);
    }
    const Bits& first(u32 nonterminal) const { return first_[nonterminal]; }
    u32 class_of(u32 boundary) const { return boundary < class_of_.size() ? class_of_[boundary] : 0; }
    const Cfg& cfg() const { return cfg_; }
    bool forbids_grew() const { return cfg_.forbids.size() > n_given_forbids_; }  // by `forbid_union`

    // The pseudo-production START -> S of start symbol i: the position before S. NONE if S has no sentence.
    u32 start(u32 i) const { return start_at_[i]; }

    // The following fill tables: call them with `mutex` held.
    const LeftCorner& left_corner(u32 nonterminal, u32 completed);
    const std::vector<Entry>& entries(u32 nonterminal);  // sorted by terminal
    u32 forbid_union(u32 a, u32 b);
    bool forbids(u32 forbid, u32 terminal) const { return bits_get(cfg_.forbids[forbid], terminal); }
    // What an item lets come next, ignored lexemes included: it depends on its position, not on what follows it.
    const Bits& viable(u32 position, u32 forbid, u32 lex_id);
    // Independent lexing: the set of terminals among these symbols.
    u32 own_set(const Bits& symbols);

    Alphabet alphabet;
    Lexer& lexer;
    std::mutex mutex;

  private:
    static constexpr u32 END = 0xFFFFFFFFu;
    static constexpr u32 TERM = 0x80000000u;
    Cfg cfg_;
    std::vector<u32> class_of_, element_of_, starts_, start_sets_;
    std::vector<u32> start_at_;  // by start symbol: a position
    void add_start(u32 i);
    u32 end_set_;
    size_t n_given_forbids_ = 0;
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
    std::unordered_map<u64, Bits> viable_;                  // (position, lexset) -> symbols, nothing forbidden
    std::map<std::array<u32, 3>, Bits> restricted_viable_;  // (position, forbid, lexset) -> symbols
};

}  // namespace gcd
