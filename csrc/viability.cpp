#include "viability.hpp"

#include <algorithm>
#include <map>

namespace gcd {

namespace {

struct Pair {
    u32 lexset, boundary;
    u32 outcomes;              // live set of its start states
    std::vector<u32> ignores;  // pairs reachable by ignored lexemes, itself included
    bool eof = false;          // the text may end here, after ignored lexemes if need be
    bool free = true;
    u32 element = 0;
};

class Analysis {
  public:
    Analysis(const Cfg& cfg, const std::vector<StartSymbol>& starts, Lexer& lexer, LiveAnalysis& live, u32 all_set,
             u32 max_pairs)
        : cfg_(cfg), starts_(starts), lexer_(lexer), live_(live), all_set_(all_set), max_pairs_(max_pairs) {
        n_lexsets_ = lexer.independent() ? 1 : static_cast<u32>(lexer.lexsets().size());
        ignored_ = cfg.n_terminals;
        for (u32 t = 0; t < cfg.n_terminals; ++t)
            if (lexer.is_declared(t)) declared_.push_back(t);
    }

    Viability run() {
        first_and_follow();
        collect_pairs();
        mark_free();
        Viability v;
        v.exact = true;
        v.n_lexsets = n_lexsets_;
        v.n_pairs = static_cast<u32>(pairs_.size());
        bool plain = cfg_.forbids.size() == 1;
        for (const Pair& p : pairs_) plain &= p.free;
        if (plain) {
            v.class_of.assign(live_.n_boundaries(), 0);
            v.element_of.assign(n_lexsets_, 0);
            v.cfg = cfg_;
            v.cfg.element_sets.assign(1, Bits{1});
            for (const StartSymbol& s : starts_) v.starts.push_back(s.nonterminal), v.start_sets.push_back(0);
            return v;
        }
        make_elements(v);
        relate();
        split(v);
        return v;
    }

  private:
    // FIRST of nonterminals, and for each lexset the terminals that may come next where it is in force.
    void first_and_follow() {
        const u32 end = cfg_.end_terminal();
        first_.assign(cfg_.n_nonterminals, Bits{});
        follow_.assign(cfg_.n_nonterminals, Bits{});
        for (bool grew = true; grew;) {
            grew = false;
            for (const CfgProduction& p : cfg_.productions) {
                const CfgSymbol& s = p.rhs[0];
                if (s.terminal) {
                    if (!bits_get(first_[p.lhs], s.id)) bits_set(first_[p.lhs], s.id), grew = true;
                } else {
                    grew |= bits_or(first_[p.lhs], first_[s.id]);
                }
            }
        }
        for (const StartSymbol& s : starts_)
            if (s.nonterminal != NONE) bits_set(follow_[s.nonterminal], end);
        for (bool grew = true; grew;) {
            grew = false;
            for (const CfgProduction& p : cfg_.productions)
                for (size_t i = 0; i < p.rhs.size(); ++i)
                    if (!p.rhs[i].terminal) grew |= bits_or(follow_[p.rhs[i].id], after(p, i));
        }
        need_.assign(n_lexsets_, Bits{});
        std::map<u32, Bits> lexsets_after;
        for (const CfgProduction& p : cfg_.productions)
            for (size_t i = 0; i < p.rhs.size(); ++i)
                if (p.rhs[i].terminal) {
                    const u32 l = lexer_.independent() ? 0 : p.rhs[i].lexset;
                    bits_or(need_[l], after(p, i));
                    bits_set(lexsets_after[p.rhs[i].id], l);
                }
        lexsets_after_.assign(cfg_.n_terminals, {});
        for (auto& [t, b] : lexsets_after) bits_each(b, [&](u32 l) { lexsets_after_[t].push_back(l); });
        for (const StartSymbol& s : starts_) {
            const u32 l = lexer_.independent() ? 0 : s.lexset;
            if (s.nonterminal != NONE) bits_or(need_[l], first_[s.nonterminal]);
            if (s.nullable) bits_set(need_[l], end);
        }
    }
    const Bits& after(const CfgProduction& p, size_t i) {
        if (i + 1 == p.rhs.size()) return follow_[p.lhs];
        const CfgSymbol& s = p.rhs[i + 1];
        if (!s.terminal) return first_[s.id];
        one_ = Bits{};
        bits_set(one_, s.id);
        return one_;
    }

    u32 pair(u32 lexset, u32 boundary, std::vector<u32>& work) {
        auto [it, fresh] = index_.try_emplace({lexset, boundary}, static_cast<u32>(pairs_.size()));
        if (fresh) {
            if (pairs_.size() >= max_pairs_)
                throw CoreError(ErrorKind::limit_states, pairs_.size(), "too many lexeme boundaries to analyse");
            pairs_.push_back({lexset, boundary, 0, {}, false, true, 0});
            work.push_back(it->second);
        }
        return it->second;
    }
    void collect_pairs() {
        std::vector<u32> work;
        const u32 b0 = live_.intern_boundary(lexer_.first_context(), 0);
        for (const StartSymbol& s : starts_)
            start_pairs_.push_back(pair(lexer_.independent() ? 0 : s.lexset, b0, work));
        while (!work.empty()) {
            const u32 id = work.back();
            work.pop_back();
            const u32 lexset = pairs_[id].lexset;
            const Boundary b = live_.boundary(pairs_[id].boundary);
            u32 set = 0;
            lexer_.each(lexer_.start(lexer_.independent() ? all_set_ : lexset, b.ctx), [&](u32 s) {
                const std::vector<u32> groups = lexer_.state(s).groups;
                if (groups.empty()) {
                    set = live_.unite(set, live_.outcomes(s, b.place));
                } else {
                    for (u32 g : groups) set = live_.unite(set, live_.outcomes(g, b.place));
                }
            });
            pairs_[id].outcomes = set;
            for (u32 t : declared_)
                for (u32 l : lexsets_after_[t]) pair(l, pairs_[id].boundary, work);
            const std::vector<u32> outcomes = live_.set(set);
            for (u32 o : outcomes) {
                const Outcome oc = live_.outcome(o);
                if (oc.terminal == ignored_) {
                    pair(lexset, oc.boundary, work);
                } else {
                    for (u32 l : lexsets_after_[oc.terminal]) pair(l, oc.boundary, work);
                }
            }
        }
        for (u32 id = 0; id < pairs_.size(); ++id) {
            std::vector<u32> todo{id};
            std::vector<bool> seen(pairs_.size());
            seen[id] = true;
            while (!todo.empty()) {
                const u32 x = todo.back();
                todo.pop_back();
                pairs_[id].ignores.push_back(x);
                const Boundary& b = live_.boundary(pairs_[x].boundary);
                if (live_.may_end(b) && lexer_.context(b.ctx).eof_ok) pairs_[id].eof = true;
                for (u32 o : live_.set(pairs_[x].outcomes)) {
                    const Outcome oc = live_.outcome(o);
                    if (oc.terminal != ignored_) continue;
                    const u32 y = index_.at({pairs_[x].lexset, oc.boundary});
                    if (!seen[y]) seen[y] = true, todo.push_back(y);
                }
            }
        }
    }
    // Declared terminals (indentation) come from a hook, not from text: they leave the boundary as it is.
    template <class F>
    void each_outcome(const Pair& p, F&& f) {
        for (u32 t : declared_) f(t, p.boundary);
        for (u32 x : p.ignores)
            for (u32 o : live_.set(pairs_[x].outcomes)) {
                const Outcome oc = live_.outcome(o);
                if (oc.terminal != ignored_) f(oc.terminal, oc.boundary);
            }
    }
    void mark_free() {
        for (bool changed = true; changed;) {
            changed = false;
            for (Pair& p : pairs_) {
                if (!p.free) continue;
                Bits can;
                each_outcome(p, [&](u32 t, u32 b) {
                    if (bits_get(can, t)) return;
                    for (u32 l : lexsets_after_[t])
                        if (!pairs_[index_.at({l, b})].free) return;
                    bits_set(can, t);
                });
                if (p.eof) bits_set(can, cfg_.end_terminal());
                bool ok = true;
                bits_each(need_[p.lexset], [&](u32 t) { ok &= bits_get(can, t); });
                if (!ok) p.free = false, changed = true;
            }
        }
    }

    // Elements: 0 = free; classes of pairs that are not free (coarsest partition that keeps their outcomes apart); and
    // for each forbid set met, a copy of each element in which those terminals may not come next.
    void make_elements(Viability& v) {
        std::vector<u32> cls(pairs_.size());
        for (size_t i = 0; i < pairs_.size(); ++i) cls[i] = pairs_[i].free ? 0 : 1;
        for (u32 n = 0;;) {
            std::map<std::vector<u64>, u32> seen;
            std::vector<u32> next(pairs_.size());
            for (size_t i = 0; i < pairs_.size(); ++i) {
                if (pairs_[i].free) continue;
                std::vector<u64> sig{cls[i], pairs_[i].eof};
                std::vector<u64> moves;
                each_outcome(pairs_[i], [&](u32 t, u32 b) {
                    for (u32 l : lexsets_after_[t])
                        moves.push_back((static_cast<u64>(t) << 40) | (static_cast<u64>(l) << 20) |
                                        cls[index_.at({l, b})]);
                });
                std::sort(moves.begin(), moves.end());
                moves.erase(std::unique(moves.begin(), moves.end()), moves.end());
                sig.insert(sig.end(), moves.begin(), moves.end());
                next[i] = seen.try_emplace(std::move(sig), static_cast<u32>(seen.size() + 1)).first->second;
            }
            cls = next;
            if (seen.size() == n) break;
            n = static_cast<u32>(seen.size());
        }
        base_rep_.assign(1, NONE);
        for (size_t i = 0; i < pairs_.size(); ++i) {
            pairs_[i].element = cls[i];
            if (cls[i] >= base_rep_.size()) base_rep_.resize(cls[i] + 1, NONE);
            base_rep_[cls[i]] = static_cast<u32>(i);
        }
        n_base_ = static_cast<u32>(base_rep_.size());
        for (u32 e = 0; e < n_base_; ++e) elements_.push_back({e, 0}), element_index_[{e, 0}] = e;
        after_ignored_.assign(n_base_, Bits{});
        for (const Pair& p : pairs_)
            for (u32 x : p.ignores) bits_set(after_ignored_[p.element], pairs_[x].element);
        // Boundary classes: boundaries that are the same element under every lexset.
        std::map<std::vector<u32>, u32> seen;
        std::vector<std::vector<u32>> columns(live_.n_boundaries(), std::vector<u32>(n_lexsets_, NONE));
        for (const Pair& p : pairs_) columns[p.boundary][p.lexset] = p.element;
        for (auto& c : columns) {
            v.class_of.push_back(seen.try_emplace(c, static_cast<u32>(seen.size())).first->second);
        }
        v.n_classes = static_cast<u32>(seen.size());
        v.element_of.assign(n_lexsets_ * v.n_classes, NONE);
        for (size_t b = 0; b < columns.size(); ++b)
            for (u32 l = 0; l < n_lexsets_; ++l)
                if (columns[b][l] != NONE) v.element_of[l * v.n_classes + v.class_of[b]] = columns[b][l];
    }

    u32 forbid_union(u32 a, u32 b) {
        if (a == b || b == 0) return a;
        if (a == 0) return b;
        Bits u = forbids_[a];
        bits_or(u, forbids_[b]);
        return forbid_id(u);
    }
    u32 forbid_id(const Bits& b) {
        for (u32 i = 0; i < forbids_.size(); ++i)
            if (forbids_[i] == b) return i;
        forbids_.push_back(b);
        return static_cast<u32>(forbids_.size() - 1);
    }
    u32 forbidden(u32 element, u32 forbid) {
        const u32 f = forbid_union(elements_[element].second, forbid);
        auto [it, fresh] =
            element_index_.try_emplace({elements_[element].first, f}, static_cast<u32>(elements_.size()));
        if (fresh) elements_.push_back({elements_[element].first, f});
        return it->second;
    }
    Bits forbidden_all(const Bits& in, u32 forbid) {
        if (!forbid) return in;
        Bits out;
        bits_each(in, [&](u32 x) { bits_set(out, forbidden(x, forbid)); });
        return out;
    }
    // The elements that terminal `s` can lead to from `x`.
    const Bits& after_terminal(u32 x, const CfgSymbol& s) {
        const u32 lexset = lexer_.independent() ? 0 : s.lexset;
        auto [it, fresh] = terminal_memo_.try_emplace({x, static_cast<u64>(s.id) << 32 | lexset});
        if (fresh) {
            const auto [base, f] = elements_[x];
            if (!bits_get(forbids_[f], s.id)) {
                if (base == 0) {
                    bits_set(it->second, 0);
                } else {
                    Bits out;
                    each_outcome(pairs_[base_rep_[base]], [&](u32 t, u32 b) {
                        if (t != s.id) return;
                        auto p = index_.find({lexset, b});
                        if (p != index_.end()) bits_set(out, pairs_[p->second].element);
                    });
                    it->second = out;
                }
            }
        }
        return it->second;
    }
    // The same, and for a free `x` also the elements that are not free and that some free pair leads to. For what can
    // be finished they do not matter (a free pair leads to a free one, too), but masks ask about them.
    Bits after_terminal_all(u32 x, const CfgSymbol& s) {
        Bits out = after_terminal(x, s);
        const auto [base, f] = elements_[x];
        if (base != 0 || bits_get(forbids_[f], s.id)) return out;
        const u32 lexset = lexer_.independent() ? 0 : s.lexset;
        auto [it, fresh] = from_free_memo_.try_emplace(static_cast<u64>(s.id) << 32 | lexset);
        if (fresh)
            for (const Pair& p : pairs_) {
                if (!p.free) continue;
                each_outcome(p, [&](u32 t, u32 b) {
                    if (t != s.id) return;
                    auto q = index_.find({lexset, b});
                    if (q != index_.end()) bits_set(it->second, pairs_[q->second].element);
                });
            }
        bits_or(out, it->second);
        return out;
    }
    const Bits& after_nonterminal(u32 x, u32 n) {
        static const Bits none;
        if (x >= rel_[n].size()) return none;
        return rel_[n][x];
    }

    // Rel(N)[x] = elements in which the text can be after N, begun in x. Only the x that are asked for are computed.
    void relate() {
        forbids_ = cfg_.forbids;
        rel_.assign(cfg_.n_nonterminals, {});
        reach_.assign(cfg_.n_nonterminals, {});
        asked_.assign(cfg_.n_nonterminals, Bits{});
        by_lhs_.assign(cfg_.n_nonterminals, {});
        for (u32 p = 0; p < cfg_.productions.size(); ++p) by_lhs_[cfg_.productions[p].lhs].push_back(p);
        // A call (N, x) is evaluated again whenever a call it depends on has grown.
        std::vector<std::pair<u32, u32>> work;
        std::map<std::pair<u32, u32>, std::vector<std::pair<u32, u32>>> users;
        std::map<std::pair<u32, u32>, bool> queued;
        auto ask_one = [&](u32 n, u32 x) {
            if (bits_get(asked_[n], x)) return;
            bits_set(asked_[n], x);
            if (rel_[n].size() <= x) rel_[n].resize(x + 1), reach_[n].resize(x + 1);
            work.push_back({n, x});
            queued[{n, x}] = true;
        };
        // Masks also ask what can follow once an ignored lexeme has been read, so those elements count as asked.
        auto ask = [&](u32 n, u32 x) {
            ask_one(n, x);
            const auto [base, f] = elements_[x];
            bits_each(Bits(after_ignored_[base]), [&](u32 y) { ask_one(n, forbidden(y, f)); });
        };
        for (size_t i = 0; i < starts_.size(); ++i)
            if (starts_[i].nonterminal != NONE) ask(starts_[i].nonterminal, pairs_[start_pairs_[i]].element);
        u64 steps = 0;
        while (!work.empty()) {
            if (++steps > 4u * max_pairs_)
                throw CoreError(ErrorKind::limit_states, steps, "the viability analysis takes too many steps");
            const auto [n, x] = work.back();
            work.pop_back();
            queued[{n, x}] = false;
            Bits total, reached;  // ends that count; ends that masks may ask about
            for (u32 pi : by_lhs_[n]) {
                const CfgProduction& p = cfg_.productions[pi];
                Bits cur, all;
                bits_set(all, x);
                all = cur = forbidden_all(all, p.forbid_at(0));
                for (size_t i = 0; i < p.rhs.size() && !bits_none(all); ++i) {
                    const CfgSymbol& sym = p.rhs[i];
                    Bits next, next_all;
                    bits_each(all, [&](u32 y) {
                        const bool counts = bits_get(cur, y);
                        if (sym.terminal) {
                            if (counts) bits_or(next, after_terminal(y, sym));
                            bits_or(next_all, after_terminal_all(y, sym));
                        } else {
                            ask(sym.id, y);
                            auto& u = users[{sym.id, y}];
                            if (std::find(u.begin(), u.end(), std::make_pair(n, x)) == u.end()) u.push_back({n, x});
                            if (counts) bits_or(next, rel_[sym.id][y]);
                            bits_or(next_all, reach_[sym.id][y]);
                        }
                    });
                    cur = forbidden_all(next, p.forbid_at(i + 1));
                    all = forbidden_all(next_all, p.forbid_at(i + 1));
                }
                bits_or(total, cur);
                bits_or(reached, all);
            }
            const bool grew = bits_or(rel_[n][x], total);
            if (bits_or(reach_[n][x], reached) || grew)
                for (auto& u : users[{n, x}])
                    if (!queued[u]) queued[u] = true, work.push_back(u);
        }
    }

    // Splits nonterminals by what may follow, top-down. Elements never asked for cannot occur before that nonterminal.
    Bits before(const CfgSymbol& s, const Bits& good) {
        Bits out;
        for (u32 x = 0; x < elements_.size(); ++x) {
            const Bits& to = s.terminal ? after_terminal(x, s) : after_nonterminal(x, s.id);
            if (bits_meet(to, good)) bits_set(out, x);
        }
        return out;
    }
    Bits unforbidden(const Bits& good, u32 forbid) {
        if (!forbid) return good;
        Bits out;
        const u32 n = static_cast<u32>(elements_.size());
        for (u32 x = 0; x < n; ++x) {
            const u32 y = forbidden(x, forbid);
            if (bits_get(good, y)) bits_set(out, x);
        }
        return out;
    }
    void split(Viability& v) {
        // Close the elements under the grammar's forbids first, so that the sets below do not grow under our feet.
        for (bool grew = true; grew;) {
            const size_t n = elements_.size();
            for (u32 x = 0; x < n; ++x)
                for (u32 f = 1; f < cfg_.forbids.size(); ++f) forbidden(x, f);
            grew = elements_.size() > n;
            if (elements_.size() > 4096)
                throw CoreError(ErrorKind::limit_states, elements_.size(), "too many boundary classes");
        }
        // Ends: elements in which the text may stop.
        Bits good_end;
        for (u32 x = 0; x < elements_.size(); ++x) {
            const auto [base, f] = elements_[x];
            if (bits_get(forbids_[f], cfg_.end_terminal())) continue;
            if (base == 0 || pairs_[base_rep_[base]].eof) bits_set(good_end, x);
        }
        v.n_elements = static_cast<u32>(elements_.size());
        Cfg& out = v.cfg;
        out.n_terminals = cfg_.n_terminals;
        out.forbids = cfg_.forbids;
        out.class_sets.clear();
        out.element_sets.clear();
        std::map<Bits, u32> set_index, class_index;
        std::map<std::pair<u32, u32>, u32> name;  // (nonterminal, good set) -> new nonterminal
        std::vector<std::pair<u32, u32>> work;
        auto set_id = [&](Bits b) {
            bits_trim(b);
            auto [it, fresh] = set_index.try_emplace(b, static_cast<u32>(out.element_sets.size()));
            if (fresh) out.element_sets.push_back(b);
            return it->second;
        };
        auto want = [&](u32 n, u32 set) {
            auto [it, fresh] = name.try_emplace({n, set}, static_cast<u32>(name.size()));
            if (fresh) work.push_back({n, set});
            if (name.size() > max_pairs_)
                throw CoreError(ErrorKind::limit_states, name.size(), "the split grammar grows too large");
            return it->second;
        };
        const u32 end_set = v.end_set = set_id(good_end);
        for (size_t i = 0; i < starts_.size(); ++i) {
            if (starts_[i].nonterminal == NONE ||
                !bits_meet(after_nonterminal(pairs_[start_pairs_[i]].element, starts_[i].nonterminal), good_end)) {
                v.starts.push_back(NONE);
                v.start_sets.push_back(end_set);
            } else {
                v.start_sets.push_back(set_id(before({false, starts_[i].nonterminal, 0}, good_end)));
                v.starts.push_back(want(starts_[i].nonterminal, end_set));
            }
        }
        for (size_t w = 0; w < work.size(); ++w) {
            const auto [n, set] = work[w];
            for (u32 pi : by_lhs_[n]) {
                const CfgProduction& p = cfg_.productions[pi];
                CfgProduction q;
                q.lhs = name.at({n, set});
                q.forbid = p.forbid;
                q.rhs = p.rhs;
                q.live.assign(p.rhs.size() + 1, 0);
                Bits good = unforbidden(out.element_sets[set], p.forbid_at(p.rhs.size()));
                bool alive = !bits_none(good);
                q.live[p.rhs.size()] = set_id(good);
                std::vector<std::pair<size_t, u32>> calls;
                for (size_t i = p.rhs.size(); alive && i-- > 0;) {
                    if (p.rhs[i].terminal) {
                        const u32 lexset = lexer_.independent() ? 0 : p.rhs[i].lexset;
                        Bits classes;
                        for (u32 k = 0; k < v.n_classes; ++k) {
                            const u32 e = v.element_of[lexset * v.n_classes + k];
                            if (e != NONE && bits_get(good, e)) bits_set(classes, k);
                        }
                        bits_trim(classes);
                        auto [it, fresh] = class_index.try_emplace(classes, static_cast<u32>(out.class_sets.size()));
                        if (fresh) out.class_sets.push_back(classes);
                        q.rhs[i].follow = it->second;
                    } else {
                        calls.push_back({i, set_id(good)});
                    }
                    good = unforbidden(before(p.rhs[i], good), p.forbid_at(i));
                    alive = !bits_none(good);
                    q.live[i] = set_id(good);
                }
                if (!alive) continue;
                for (auto [i, s] : calls) q.rhs[i].id = want(p.rhs[i].id, s);
                out.productions.push_back(std::move(q));
            }
        }
        out.n_nonterminals = static_cast<u32>(name.size());
    }

    const Cfg& cfg_;
    const std::vector<StartSymbol>& starts_;
    Lexer& lexer_;
    LiveAnalysis& live_;
    u32 all_set_, max_pairs_, n_lexsets_, ignored_;
    std::vector<u32> declared_;
    std::vector<Bits> first_, follow_, need_;
    Bits one_;
    std::vector<std::vector<u32>> lexsets_after_;
    std::vector<Pair> pairs_;
    std::map<std::pair<u32, u32>, u32> index_;
    std::vector<u32> start_pairs_;
    // Elements: (base class, forbid).
    u32 n_base_ = 0;
    std::vector<u32> base_rep_;
    std::vector<std::pair<u32, u32>> elements_;
    std::map<std::pair<u32, u32>, u32> element_index_;
    std::vector<Bits> after_ignored_;  // base element -> base elements reached from it by ignored lexemes
    std::vector<Bits> forbids_;
    std::map<std::pair<u32, u64>, Bits> terminal_memo_;
    std::map<u64, Bits> from_free_memo_;
    std::vector<std::vector<Bits>> rel_, reach_;
    std::vector<Bits> asked_;
    std::vector<std::vector<u32>> by_lhs_;
};

}  // namespace

Viability analyse_viability(const Cfg& cfg, const std::vector<StartSymbol>& starts, Lexer& lexer, LiveAnalysis& live,
                            u32 independent_lex_id, u32 max_pairs) {
    return Analysis(cfg, starts, lexer, live, independent_lex_id, max_pairs).run();
}

}  // namespace gcd
