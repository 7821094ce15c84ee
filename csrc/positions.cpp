#include "positions.hpp"

#include <algorithm>

namespace gcd {

Positions::Positions(Viability v, Lexer& lx)
    : lexer(lx),
      cfg_(std::move(v.cfg)),
      class_of_(std::move(v.class_of)),
      element_of_(std::move(v.element_of)),
      starts_(std::move(v.starts)),
      start_sets_(std::move(v.start_sets)),
      end_set_(v.end_set) {
    alphabet.n_terminals = cfg_.n_terminals;
    alphabet.n_classes = v.n_classes;
    symbol_at_.push_back(END);
    forbid_at_.push_back(0);
    live_at_.push_back(0);
    production_of_.push_back(NONE);
    by_lhs_.resize(cfg_.n_nonterminals);
    used_first_.resize(cfg_.n_nonterminals);
    for (u32 p = 0; p < cfg_.productions.size(); ++p) {
        const CfgProduction& q = cfg_.productions[p];
        const u32 base = size();
        by_lhs_[q.lhs].push_back(base);
        if (!q.rhs[0].terminal) {
            if (q.forbid_at(0))
                throw CoreError(ErrorKind::bad_input, p,
                                "a conflict resolution restricts the start of a rule that begins with a rule");
            used_first_[q.rhs[0].id].push_back({p, base});
        }
        for (size_t i = 0; i <= q.rhs.size(); ++i) {
            if (i == q.rhs.size()) {
                symbol_at_.push_back(END);
            } else if (q.rhs[i].terminal) {
                symbol_at_.push_back(TERM | static_cast<u32>(occurrences_.size()));
                occurrences_.push_back({q.rhs[i].id, q.rhs[i].lexset, q.rhs[i].follow});
            } else {
                symbol_at_.push_back(q.rhs[i].id);
            }
            forbid_at_.push_back(q.forbid_at(i));
            live_at_.push_back(q.live.empty() ? 0 : q.live[i]);
            production_of_.push_back(p);
        }
    }
    n_given_forbids_ = cfg_.forbids.size();
    if (cfg_.element_sets.empty()) cfg_.element_sets.push_back(Bits{1});
    for (const Bits& f : cfg_.forbids) {
        Bits s;
        bits_each(f, [&](u32 t) {
            if (t < cfg_.n_terminals)
                for (u32 k = 0; k < alphabet.n_classes; ++k) bits_set(s, alphabet.symbol(t, k));
        });
        forbid_symbols_.push_back(s);
    }
    // FIRST over symbols. A production's forbid at its start takes terminals away.
    first_.assign(cfg_.n_nonterminals, Bits{});
    std::vector<std::pair<u32, u32>> corners;  // (nonterminal, the one that a production of it begins with)
    for (const CfgProduction& p : cfg_.productions) {
        if (!p.rhs[0].terminal) {
            if (p.rhs[0].id != p.lhs) corners.push_back({p.lhs, p.rhs[0].id});
        } else if (!bits_get(cfg_.forbids[p.forbid_at(0)], p.rhs[0].id)) {
            bits_each(cfg_.class_sets[p.rhs[0].follow],
                      [&](u32 k) { bits_set(first_[p.lhs], alphabet.symbol(p.rhs[0].id, k)); });
        }
    }
    std::sort(corners.begin(), corners.end());
    corners.erase(std::unique(corners.begin(), corners.end()), corners.end());
    for (bool grew = true; grew;) {
        grew = false;
        for (const auto& [a, b] : corners) grew |= bits_or(first_[a], first_[b]);
    }
    for (u32 i = 0; i < starts_.size(); ++i) add_start(i);
}

void Positions::add_start(u32 i) {
    start_at_.push_back(starts_[i] == NONE ? NONE : size());
    if (starts_[i] == NONE) return;
    symbol_at_.push_back(starts_[i]);
    symbol_at_.push_back(END);
    for (int k = 0; k < 2; ++k) {
        forbid_at_.push_back(0);
        live_at_.push_back(k == 0 ? start_sets_[i] : end_set_);
        production_of_.push_back(NONE);
    }
}

u32 Positions::forbid_union(u32 a, u32 b) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    Bits u = cfg_.forbids[a];
    bits_or(u, cfg_.forbids[b]);
    for (u32 i = 0; i < cfg_.forbids.size(); ++i)
        if (cfg_.forbids[i] == u) return i;
    Bits s = forbid_symbols_[a];
    bits_or(s, forbid_symbols_[b]);
    cfg_.forbids.push_back(std::move(u));
    forbid_symbols_.push_back(std::move(s));
    return static_cast<u32>(cfg_.forbids.size() - 1);
}

const Positions::LeftCorner& Positions::left_corner(u32 n, u32 m) {
    const u64 key = pair_key(n, m);
    auto found = left_corners_.find(key);
    if (found != left_corners_.end()) return found->second;
    // Left corners of n: nonterminals reachable through first symbols.
    std::vector<bool> corner(cfg_.n_nonterminals);
    std::vector<u32> stack{n};
    corner[n] = true;
    while (!stack.empty()) {
        const u32 x = stack.back();
        stack.pop_back();
        for (u32 base : by_lhs_[x]) {
            const u32 s = symbol_at_[base];
            if (s & TERM || corner[s]) continue;
            corner[s] = true;
            stack.push_back(s);
        }
    }
    LeftCorner lc;
    std::vector<std::pair<u32, u32>> work{{m, 0}};
    std::vector<std::pair<u32, u32>> seen = work;
    while (!work.empty()) {
        const auto [x, f] = work.back();
        work.pop_back();
        if (x == n) lc.returns.push_back(f);
        for (const auto& [p, base] : used_first_[x]) {
            const u32 b = cfg_.productions[p].lhs;
            if (!corner[b]) continue;
            const u32 g = forbid_union(f, forbid_at_[base + 1]);
            if (symbol_at_[base + 1] != END) {
                lc.out.push_back({base + 1, b, g});
            } else if (std::find(seen.begin(), seen.end(), std::make_pair(b, g)) == seen.end()) {
                seen.push_back({b, g});
                work.push_back({b, g});
            }
        }
    }
    std::sort(lc.out.begin(), lc.out.end());
    lc.out.erase(std::unique(lc.out.begin(), lc.out.end()), lc.out.end());
    return left_corners_.emplace(key, std::move(lc)).first->second;
}

const std::vector<Positions::Entry>& Positions::entries(u32 n) {
    auto found = entries_.find(n);
    if (found != entries_.end()) return found->second;
    std::vector<Entry> es;
    std::vector<bool> seen(cfg_.n_nonterminals);
    std::vector<u32> stack{n};
    seen[n] = true;
    while (!stack.empty()) {
        const u32 x = stack.back();
        stack.pop_back();
        for (u32 base : by_lhs_[x]) {
            const u32 s = symbol_at_[base];
            if (s & TERM) {
                if (forbids(forbid_at_[base], occurrences_[s & ~TERM].terminal)) continue;
                es.push_back({s & ~TERM, base + 1, x});
            } else if (!seen[s]) {
                seen[s] = true;
                stack.push_back(s);
            }
        }
    }
    std::sort(es.begin(), es.end(), [&](const Entry& a, const Entry& b) {
        const u32 ta = occurrences_[a.occurrence].terminal, tb = occurrences_[b.occurrence].terminal;
        return ta != tb ? ta < tb : a.position < b.position;
    });
    return entries_.emplace(n, std::move(es)).first->second;
}

const Bits& Positions::viable(u32 position, u32 forbid, u32 lex_id) {
    const u32 lexset = lexer.independent() ? 0 : lex_id;
    Bits& known = forbid ? restricted_viable_[{position, forbid, lexset}] : viable_[pair_key(position, lexset)];
    if (!known.empty()) return known;
    Bits b(1);  // never without a word: that says "known"
    if (position != ACCEPT) {
        if (at_terminal(position)) {
            const Occurrence& o = occurrence(position);
            bits_each(cfg_.class_sets[o.follow], [&](u32 k) { bits_set(b, alphabet.symbol(o.terminal, k)); });
        } else {
            b = first_[nonterminal(position)];
        }
        if (forbid) {
            const Bits& f = forbid_symbols_[forbid];
            for (size_t w = 0; w < b.size() && w < f.size(); ++w) b[w] &= ~f[w];
        }
    }
    // An ignored lexeme may come where the item can be completed from the boundary that it leaves.
    const u32 set = position == ACCEPT ? end_set_ : live_at_[position];
    for (u32 k = 0; k < alphabet.n_classes; ++k) {
        bool ok = alphabet.n_classes == 1;
        if (!ok) {
            const u32 e = element_of_[lexset * alphabet.n_classes + k];
            ok = e != NONE && bits_get(cfg_.element_sets[set], e);
        }
        if (ok) bits_set(b, alphabet.symbol(alphabet.n_terminals, k));
    }
    return known = std::move(b);
}

u32 Positions::own_set(const Bits& symbols) {
    Bits ts;
    bits_each(symbols, [&](u32 sym) {
        if (alphabet.terminal(sym) < alphabet.n_terminals) bits_set(ts, alphabet.terminal(sym));
    });
    return lexer.intern_set(ts);
}

}  // namespace gcd
