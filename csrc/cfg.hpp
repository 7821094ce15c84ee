// The context-free grammar as the native side sees it: productions without epsilon, over terminals and nonterminals.
#pragma once

#include "common.hpp"

namespace gcd {

struct CfgSymbol {
    bool terminal;
    u32 id;
    u32 lexset;      // terminals, ordered lexing: how the text after this terminal is lexed
    u32 follow = 0;  // terminals: index into Cfg::class_sets, the boundary classes that may follow (viability.hpp)
};

struct CfgProduction {
    u32 lhs;
    std::vector<CfgSymbol> rhs;  // never empty
    std::vector<u32> forbid;     // empty, or rhs.size() + 1 indices into Cfg::forbids
    std::vector<u32> live;       // empty, or rhs.size() + 1 indices into Cfg::element_sets (viability.hpp)
    u32 forbid_at(size_t i) const { return forbid.empty() ? 0 : forbid[i]; }
};

struct Cfg {
    u32 n_terminals = 0;  // the ignored pseudo-terminal has id n_terminals, the end of the text n_terminals + 1
    u32 n_nonterminals = 0;
    std::vector<CfgProduction> productions;
    std::vector<Bits> forbids{Bits{}};  // terminal ids that may not come next; 0 forbids nothing
    u32 end_terminal() const { return n_terminals + 1; }

    // Filled in by the viability analysis; with one class they hold everything.
    std::vector<Bits> class_sets{Bits{1}};
    std::vector<Bits> element_sets;

    void validate() const {
        auto bad = [](u64 v, const char* w) { throw CoreError(ErrorKind::bad_input, v, w); };
        for (size_t p = 0; p < productions.size(); ++p) {
            const CfgProduction& q = productions[p];
            if (q.lhs >= n_nonterminals || q.rhs.empty()) bad(p, "bad production");
            if (!q.forbid.empty() && q.forbid.size() != q.rhs.size() + 1) bad(p, "bad production");
            for (u32 f : q.forbid)
                if (f >= forbids.size()) bad(p, "bad forbid index");
            for (const CfgSymbol& s : q.rhs)
                if (s.id >= (s.terminal ? n_terminals : n_nonterminals)) bad(p, "bad symbol");
        }
    }
};

}  // namespace gcd
