// Whether some choice of tables explains the names in use.
#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

namespace {
bool has_star(const SqlScope& c) {
    for (u32 i : c.items)
        if (i == SqlScopes::kStar || i >= SqlScopes::kStarOf) return true;
    return false;
}
}  // namespace

bool SqlScopes::live(u32 scope) {
    if (scope <= kRoot) return scope == kRoot;
    const auto it = live_.find(scope);
    if (it != live_.end()) return it->second;
    bool alive;
    if (scopes_[scope].core) {
        alive = live_core(scope);
    } else {
        const SqlScope& st = scopes_[scope];
        const std::vector<u32> columns(std::max(st.want, 1u), kDummy);
        alive = st.relation != NONE ? finish(scope, st.relation)
                                    : finish_open(scope, columns, std::vector<u8>(program_.typed ? columns.size() : 0));
    }
    live_[scope] = alive;
    return alive;
}

// Whether what is around a statement is live, if the statement has these columns.
bool SqlScopes::finish(u32 statement, u32 rel) {
    const SqlScope& st = scopes_[statement];
    if (st.mode == SqlScope::kTop) return true;
    if (st.mode != SqlScope::kDerived) return live(st.parent);
    const SqlScope& p = scopes_[st.parent];
    if (p.uses.empty() && simple(p)) return live(st.parent);
    const u32 with = add_source(st.parent, rel, kUndecided);
    return with != kDead && live(with);
}

// The same of a statement that may get more columns. A subquery in FROM can name them as it likes: so those for which
// the query around it waits can all be its own.
bool SqlScopes::finish_open(u32 statement, const std::vector<u32>& columns, const std::vector<u8>& types) {
    if (finish(statement, relation(columns, types))) return true;
    const SqlScope& st = scopes_[statement];
    if (st.mode != SqlScope::kDerived) return false;
    const SqlScope& p = scopes_[st.parent];
    auto with = [&](const SqlQualified* called) {
        std::vector<u32> more = columns;
        std::vector<u8> classes = types;
        auto add = [&](u32 name, u32 kinds) {
            if (contains(more, name) || more.size() >= program_.max_columns) return;
            more.push_back(name);
            if (program_.typed) classes.push_back(kinds == kAllClasses ? 0 : static_cast<u8>(__builtin_ctz(kinds)));
        };
        for (const SqlUse& u : p.uses)
            if (u.how < SqlUse::kFixed && !has(p, u.name)) add(u.name, u.types);
        for (size_t i = 0; called && i < called->columns.size(); ++i) add(called->columns[i], called->types[i]);
        return more.size() > columns.size() && finish(statement, relation(more, classes));
    };
    if (with(nullptr)) return true;
    for (const SqlQualified& q : p.qualified)
        if (waits(q) && with(&q)) return true;
    return false;
}

// What sources a core gets changes nothing around it.
bool SqlScopes::simple(const SqlScope& c) const {
    if (program_.typed && c.natural) return false;  // columns of one name must match
    return !has_star(c) || (required(c) == 0 && scopes_[c.parent].mode != SqlScope::kDerived);
}

bool SqlScopes::live_core(u32 id) {
    const SqlScope& c = scopes_[id];
    const SqlScope& st = scopes_[c.parent];
    if (c.phase == 2) {
        const u32 width = required(c);
        if (c.values) {
            const u32 n = static_cast<u32>(c.items.size()) + c.in_item;
            if ((width && n > width) || n > program_.max_columns) return false;
        }
        return finish(c.parent, st.relation != NONE ? st.relation
                                : c.values ? relation(std::vector<u32>(std::max<size_t>(c.items.size(), 1), kDummy))
                                           : relation(c.items, c.types));
    }
    Search s = start_search(id);
    for (size_t i = 0; i < c.uses.size(); ++i)
        s.counts[i] = std::min(count(c, c.uses[i].name), contains(c.debt, c.uses[i].name) ? 1u : 2u);
    for (size_t i = 0; i < c.uses.size(); ++i)
        if (s.counts[i] > 1) return false;
    return search(s);
}

SqlScopes::Search SqlScopes::start_search(u32 core) {
    const SqlScope& c = scopes_[core];
    Search s{c, {}, {}, {}, {}, {}};
    s.counts.assign(c.uses.size(), 0);
    s.pushed.assign(c.uses.size(), 0);
    s.pushed_qualified.assign(c.qualified.size(), 0);
    s.others = ctes(core);
    s.self = self_of(core);
    if (s.self != NONE) s.others.push_back(s.self);
    s.outer = around(core) != kDead;
    return s;
}

bool SqlScopes::search(Search& s) {
    const bool found = search_qualified(s, 0);
    if (!found && s.steps == 0) ++unsettled_;
    return found;
}

bool SqlScopes::choose(Search& s, u32 rel) {
    const SqlRelation& r = relations_[rel];
    if (s.single) return false;
    if (rel == s.self)
        for (const auto& [chosen, qualifier] : s.chosen)
            if (chosen == rel) return false;
    for (size_t i = 0; i < s.c.uses.size(); ++i) {
        const SqlUse& u = s.c.uses[i];
        const bool in = has(r, u.name);
        if ((in && (s.counts[i] || s.pushed[i] || u.how == SqlUse::kNone || !fits(r, u.name, u.types))) ||
            (r.unnamed && names.odd(u.name))) {
            for (size_t k = 0; k < i; ++k) s.counts[k] -= has(r, s.c.uses[k].name);
            return false;
        }
        s.counts[i] += in;
    }
    return true;
}

void SqlScopes::unchoose(Search& s, u32 rel) {
    for (size_t i = 0; i < s.c.uses.size(); ++i) s.counts[i] -= has(relations_[rel], s.c.uses[i].name);
}

// One source for each qualifier.
bool SqlScopes::search_qualified(Search& s, size_t i) {
    while (i < s.c.qualified.size() &&
           ((s.c.qualified[i].flags & SqlQualified::kBanned) || s.c.qualified[i].columns.empty()))
        ++i;
    if (i == s.c.qualified.size()) return search_uses(s);
    const SqlQualified& q = s.c.qualified[i];
    if (!s.c.sources.empty() && s.c.sources.back().qualifier == kUndecided && s.undecided == kAnonymous) {
        if (suits(q, relations_[s.c.sources.back().relation])) {
            s.undecided = q.qualifier;
            if (search_qualified(s, i + 1)) return true;
            s.undecided = kAnonymous;
        }
    }
    auto attempt = [&](u32 rel) {
        if (s.steps == 0) return false;
        --s.steps;
        if (!suits(q, relations_[rel]) || !choose(s, rel)) return false;
        s.chosen.emplace_back(rel, q.qualifier);
        if (search_qualified(s, i + 1)) return true;
        s.chosen.pop_back();
        unchoose(s, rel);
        return false;
    };
    for (u32 rel : s.others)
        if (suits(q, relations_[rel]) && attempt(rel)) return true;
    Bits cand;
    for (size_t k = 0; k < q.columns.size(); ++k) {
        if (q.columns[k] >= names.n_catalogue()) {
            cand.clear();
            break;
        }
        const Bits& of = program_.qualified_of[q.columns[k]];
        if (k == 0) {
            cand = of;
        } else {
            cand.resize(std::min(cand.size(), of.size()));
            for (size_t w = 0; w < cand.size(); ++w) cand[w] &= of[w];
        }
    }
    for (size_t w = 0; w < cand.size(); ++w)
        for (u64 x = cand[w]; x; x &= x - 1) {
            const u32 rel = relation_for(s.c, static_cast<u32>(w * 64 + static_cast<u32>(__builtin_ctzll(x))));
            if (suits(q, relations_[rel]) && attempt(rel)) return true;
        }
    if (s.outer && !(q.flags & (SqlQualified::kStar | SqlQualified::kStrict))) {
        s.pushed_qualified[i] = 1;
        if (search_qualified(s, i + 1)) return true;
        s.pushed_qualified[i] = 0;
    }
    return false;
}

// Exactly one source for each name.
bool SqlScopes::search_uses(Search& s) {
    size_t i = 0;
    while (i < s.c.uses.size() && (s.counts[i] || s.pushed[i] || s.c.uses[i].how >= SqlUse::kFixed)) ++i;
    if (i == s.c.uses.size()) return leaf(s);
    const u32 name = s.c.uses[i].name;
    auto attempt = [&](u32 rel) {
        if (s.steps == 0) return false;
        --s.steps;
        if (!choose(s, rel)) return false;
        s.chosen.emplace_back(rel, kAnonymous);
        if (search_uses(s)) return true;
        s.chosen.pop_back();
        unchoose(s, rel);
        return false;
    };
    for (u32 rel : s.others)
        if (has(relations_[rel], name) && attempt(rel)) return true;
    if (name < names.n_catalogue()) {
        const Bits& of = program_.tables_of[name];
        for (size_t w = 0; w < of.size(); ++w)
            for (u64 x = of[w]; x; x &= x - 1)
                if (const u32 rel = relation_for(s.c, static_cast<u32>(w * 64 + static_cast<u32>(__builtin_ctzll(x))));
                    has(relations_[rel], name) && attempt(rel))
                    return true;
    }
    if (is_rowid(name) && search_rowid(s, i)) return true;
    if (s.outer && s.c.uses[i].how == SqlUse::kNeed) {
        s.pushed[i] = 1;
        if (search_uses(s)) return true;
        s.pushed[i] = 0;
    }
    return false;
}

// The rowid of the only source.
bool SqlScopes::search_rowid(Search& s, size_t use) {
    if (s.single) {  // by another one of its names
        ++s.counts[use];
        if (search_uses(s)) return true;
        --s.counts[use];
        return false;
    }
    if (s.c.sources.size() + s.chosen.size() > 1) return false;
    auto go_on = [&](u32 rel) {
        if (relations_[rel].table == NONE || !program_.tables[relations_[rel].table].rowid) return false;
        s.single = true;
        ++s.counts[use];
        if (search_uses(s)) return true;
        --s.counts[use];
        s.single = false;
        return false;
    };
    if (!s.c.sources.empty()) return !s.c.need && go_on(s.c.sources[0].relation);
    if (!s.chosen.empty()) return go_on(s.chosen[0].first);
    for (u32 t = 0; t < program_.tables.size() && s.steps; ++t) {
        if (!program_.tables[t].rowid) continue;
        --s.steps;
        if (!choose(s, t)) continue;
        s.chosen.emplace_back(t, kAnonymous);
        if (go_on(t)) return true;
        s.chosen.pop_back();
        unchoose(s, t);
    }
    return false;
}

// How many sources a bracket in FROM still lacks: to SQLite, one with a single source is no subquery.
u32 SqlScopes::short_of(const SqlScope& c) const {
    for (size_t i = c.groups.size(); i-- > 0;) {
        if (!(c.groups[i] & 1)) continue;
        const size_t n = c.sources.size() - c.groups[i] / 2;
        return n < 2 && !(i == 0 && plain(c)) ? static_cast<u32>(2 - n) : 0;
    }
    return 0;
}

// Everything is explained here: do the numbers of sources and columns allow it, and is what is around it live?
bool SqlScopes::leaf(Search& s) {
    const SqlScope& c = s.c;
    const SqlScope& st = scopes_[c.parent];
    if (c.sources.size() + s.chosen.size() + 1 > program_.max_sources) return false;
    u32 plain = c.in_item, stars = 0, all = 0, n_sources = static_cast<u32>(c.sources.size() + s.chosen.size());
    for (const SqlSource& x : c.sources)
        all += relations_[x.relation].width - static_cast<u32>(lists_[x.hidden].size());
    for (const auto& [rel, qualifier] : s.chosen) all += relations_[rel].width;
    all -= std::min<u32>(all, static_cast<u32>(c.debt.size()));
    const u32 width = required(c);
    u32 missing = std::max(u32(c.need), short_of(c));  // sources that must come
    for (u32 item : c.items) {
        if (item == kStar) {
            ++stars;
        } else if (item >= kStarOf) {
            bool found = false;
            for (const SqlSource& x : c.sources)
                if (x.qualifier == (item & ~kStarOf)) plain += relations_[x.relation].width, found = true;
            if (!found && width) return false;
            if (!found && c.phase == 1) missing = std::max(missing, 1u);
        } else {
            ++plain;
        }
    }
    missing -= std::min(missing, static_cast<u32>(s.chosen.size()));
    if (stars && n_sources == 0) missing = std::max(missing, 1u);
    if (n_sources + missing + 1 > program_.max_sources) return false;
    if (s.single) {  // no other source may come, under whatever qualifier
        if (n_sources != 1 || missing) return false;
        for (const SqlQualified& q : c.qualified)
            if (!(q.flags & SqlQualified::kBanned) && q.columns.empty()) return false;
    }
    u32 extra = stars ? missing : 0;  // columns of what is missing
    if (width) {
        const u64 now = plain + static_cast<u64>(stars) * all;
        if (now > width) return false;
        const u32 rest = width - static_cast<u32>(now);
        if (c.phase == 0) {
            if (stars * extra > rest) return false;
        } else if (rest) {
            if (s.single || !stars || rest % stars || rest / stars < extra) return false;
            extra = rest / stars;
        } else if (extra) {
            return false;
        }
    } else if (plain + static_cast<u64>(stars) * (all + extra) > program_.max_columns) {
        return false;
    }
    bool pushes = false;
    for (u8 p : s.pushed) pushes = pushes || p;
    for (u8 p : s.pushed_qualified) pushes = pushes || p;
    const bool derived = st.mode == SqlScope::kDerived;
    if (!pushes && (!derived || (scopes_[st.parent].uses.empty() && simple(scopes_[st.parent]))))
        return st.mode == SqlScope::kTop || live(st.parent);
    // Finish it, and see.
    SqlScope end = c;
    auto dummy = [&] {
        end.items.push_back(kDummy);
        end.flags.push_back(0);
        if (program_.typed) end.types.push_back(0);
    };
    if (end.in_item) dummy();
    end.in_item = end.need = end.natural = end.on = false;
    end.groups.clear();
    end.comma = true;
    if (!end.debt.empty()) {
        std::vector<u32> merged = lists_[end.sources.back().hidden];
        merged.insert(merged.end(), end.debt.begin(), end.debt.end());
        end.sources.back().hidden = list(merged);
        end.debt.clear();
    }
    for (u32 n = c.phase == 0 && width ? width - std::min(width, plain + stars * (all + extra)) : 0; n; --n) dummy();
    end.phase = 1;
    // Qualifiers that nothing is known of get a source of their own, as any name may.
    std::vector<std::pair<u32, u32>> more = s.chosen;
    for (const SqlQualified& q : c.qualified)
        if (!(q.flags & SqlQualified::kBanned) && q.columns.empty()) more.emplace_back(relation({kDummy}), q.qualifier);
    u32 id = intern(std::move(end));
    if (!c.sources.empty() && c.sources.back().qualifier == kUndecided) id = set_alias(id, s.undecided);
    if (extra) missing = std::max(missing, 1u);
    for (u32 n = 0; n < missing && id != kDead; ++n) {
        const u32 columns = n == 0 && extra ? extra - (missing - 1) : 1;
        id = add_source(id, relation(std::vector<u32>(columns, kDummy)), kAnonymous);
    }
    for (const auto& [rel, qualifier] : more)
        if (id != kDead) id = add_source(id, rel, qualifier);
    if (id != kDead) id = close(id);
    if (id == kDead) return false;
    const SqlScope& closed = scopes_[id];
    const SqlScope& around = scopes_[closed.parent];
    if (around.relation != NONE) return finish(closed.parent, around.relation);
    return c.phase == 0 ? finish_open(closed.parent, closed.items, closed.types)
                        : finish(closed.parent, relation(closed.items, closed.types));
}

}  // namespace gcd
