// Viability: which prefixes can still be finished, decided before the first mask.
//
// The parser alone says which terminals may come next, the lexer alone which lexemes can still be finished. Together
// they can still dead-end: `start: A A` with A=/a+/ has no sentence at all, because two A's in a row lex as one. What
// couples them is the boundary after a lexeme (its promises, see lexer.hpp). This pass intersects the grammar with the
// finite automaton of boundaries (Bar-Hillel's construction, run top-down and only where it matters):
//
//   1. collect the boundaries that occur, per lexset, and which terminal leads from which to which;
//   2. a pair (lexset, boundary) is *free* if every terminal that the grammar may want there can follow, after ignored
//      lexemes if need be, and leads to free pairs again (greatest fixpoint). If all are free (white space between
//      lexemes usually makes it so), parser viability is already exact, and nothing changes;
//   3. else the pairs that are not free become *elements* (element 0: free), restrictions on the next terminal too;
//      Rel(N) relates elements before and after a nonterminal N; each nonterminal is split by the set of elements
//      that what follows it can live with, and productions that no element survives are dropped.
//
// After it "bit set <=> prefix extends to a sentence" holds by the parser's viability test alone.
#pragma once

#include "cfg.hpp"
#include "live.hpp"

namespace gcd {

struct StartSymbol {
    u32 nonterminal;  // NONE: only the empty text
    bool nullable;
    u32 lexset;
};

struct Viability {
    bool exact = false;
    std::string reason;  // why not, if not
    u32 n_classes = 1;   // boundary classes
    u32 n_elements = 1;
    u32 n_pairs = 0;
    std::vector<u32> class_of;  // boundary -> class
    u32 n_lexsets = 1;
    std::vector<u32> element_of;  // lexset * n_classes + class -> element
    std::vector<u32> starts;      // per start symbol: its nonterminal in the new grammar, NONE if it has no sentence
    std::vector<u32> start_sets;  // per start symbol: the elements from which it can be completed (Cfg::element_sets)
    u32 end_set = 0;              // the elements in which the text may end
    Cfg cfg;                      // the split grammar
};

// `independent_lex_id`: the set of all terminals (independent lexing only).
Viability analyse_viability(const Cfg& cfg, const std::vector<StartSymbol>& starts, Lexer& lexer, LiveAnalysis& live,
                            u32 independent_lex_id, u32 max_pairs);

}  // namespace gcd
