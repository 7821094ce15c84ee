// Names of columns: which source they are of, or which scope around.
#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

u32 SqlScopes::count(const SqlScope& c, u32 name, size_t first, size_t last) const {
    u32 n = 0;
    for (size_t i = first; i < last; ++i) {
        const SqlSource& s = c.sources[i];
        const SqlRelation& r = relations_[s.relation];
        if (r.unnamed && names.odd(name)) n += 2;
        if (has(r, name) && !(s.hidden && contains(lists_[s.hidden], name))) ++n;
    }
    return n;
}

bool SqlScopes::is_rowid(u32 name) const {
    return std::find(std::begin(program_.rowid_names), std::end(program_.rowid_names), name) !=
           std::end(program_.rowid_names);
}

bool SqlScopes::single_rowid(const SqlScope& c) const {
    if (c.sources.size() != 1) return false;
    const u32 table = relations_[c.sources[0].relation].table;
    return table != NONE && program_.tables[table].rowid;
}

u32 SqlScopes::dotted(u32 schema, u32 qualifier) {
    // a name has no NUL, so this is none
    const u32 id = names.of(names.text(schema) + '\0' + (qualifier >= kAnonymous ? "" : names.text(qualifier)));
    dotted_[id] = {schema, qualifier};
    return id;
}

bool SqlScopes::suits(const SqlQualified& q, const SqlRelation& r) const {
    if (q.schema != NONE && (r.table == NONE || program_.tables[r.table].schema != q.schema)) return false;
    for (size_t i = 0; i < q.columns.size(); ++i)
        if (!has_qualified(r, q.columns[i]) || !fits(r, q.columns[i], q.types[i])) return false;
    return true;
}

u32 SqlScopes::use(u32 core, u32 name, bool direct, u32 types) {
    const SqlScope& s = scopes_[core];
    auto with = [&](SqlUse::How how) {
        SqlScope c = s;
        auto at =
            std::lower_bound(c.uses.begin(), c.uses.end(), name, [](const SqlUse& u, u32 x) { return u.name < x; });
        if (at == c.uses.end() || at->name != name)
            at = c.uses.insert(at, {name, how, types});
        else if (how == SqlUse::kStrict || how == SqlUse::kNeed)
            at->how = std::max<u32>(at->how, how);
        else if (how == SqlUse::kNone && at->how != SqlUse::kNone)
            return kDead;  // it waits for a source, and this one must not
        at->types &= types;
        if (at->types == 0 || (s.phase == 0 && !loosen(c, NONE, name, types))) return kDead;
        if (s.phase == 0 && too_many_readings(c, core)) return kDead;
        return intern(std::move(c));
    };
    if (s.phase == 0) return with(s.strict ? SqlUse::kStrict : SqlUse::kNeed);
    if (program_.typed && s.phase == 1 && count(s, name, 0, s.tree)) return kDead;  // ON doesn't see other joins
    const u32 n = count(s, name, s.first_visible(), s.sources.size());
    if (n > 1) {
        // ORDER BY looks for a result column of this name first.
        const bool ordered = !program_.typed && s.term && s.clause && s.tracker == SqlScope::kFresh && !s.values;
        for (size_t i = 0; ordered && i < s.items.size(); ++i) {
            if (s.items[i] != name || !(s.flags[i] & SqlScope::kAlias)) continue;
            SqlScope c = s;
            c.tracker = SqlScope::kAlone;
            return intern(std::move(c));
        }
        return kDead;
    }
    if (n == 1 && program_.typed) {
        const u32 source = source_of(s, name);
        const SqlRelation& r = relations_[s.sources[source].relation];
        const u32 place = merged(s, name) ? u32(SqlLoose::kMerged) : source;
        if (!fits(r, name, types)) return kDead;
        if (s.grouping) return direct ? group_by(core, place, name, r.type(name)) : kDead;
        return s.phase == 1 || grouped(s, place, name) ? core : kDead;
    }
    if (n == 1) return s.phase == 1 ? with(SqlUse::kFixed) : core;
    if (s.grouping) return kDead;
    if (s.phase == 2 && is_rowid(name) && single_rowid(s)) return core;
    for (size_t i = 0; i < s.items.size() && !s.values && !program_.typed; ++i) {
        if (s.items[i] != name || !(s.flags[i] & SqlScope::kAlias)) continue;
        if (s.phase == 1 || s.strict) return kDead;
        const u32 calls = s.flags[i] & (SqlScope::kAggregate | SqlScope::kWindow);
        return calls == 0 || (direct && (calls & ~s.clause) == 0) ? core : kDead;
    }
    if (s.phase == 1) {
        const u32 without = with(SqlUse::kNone);
        return without == kDead ? kDead : outward(without, name, types);
    }
    return outward(core, name, types);
}

u32 SqlScopes::outward(u32 core, u32 name, u32 types) {
    // SQLite counts the sources of all queries on the way: there may be but one.
    if (is_rowid(name) && !scopes_[core].sources.empty()) return kDead;
    const u32 outer = around(core);
    if (outer == kDead) return kDead;
    const u32 next = use(outer, name, false, types);
    return next == kDead ? kDead : with_outer(core, next);
}

u32 SqlScopes::use_qualified(u32 core, u32 qualifier, u32 column, u32 types) {
    const SqlScope& s = scopes_[core];
    const u32 asked = qualifier;
    u32 schema = NONE;
    if (const auto pair = dotted_.find(qualifier); pair != dotted_.end()) std::tie(schema, qualifier) = pair->second;
    for (u32 i = 0; i < s.sources.size(); ++i) {
        if (s.sources[i].qualifier != qualifier) continue;
        const bool seen = i >= s.first_visible() && !(s.returning && schema != NONE);
        const SqlRelation& r = relations_[s.sources[i].relation];
        if (!seen || !suits({qualifier, 0, {column}, {types}, schema}, r)) return kDead;
        if (program_.typed) {
            if (s.grouping) return group_by(core, i, column, r.type(column));
            return s.phase == 1 ? (i >= s.tree ? core : u32(kDead)) : grouped(s, i, column) ? core : u32(kDead);
        }
        if (s.phase == 2 || s.qualified_used) return core;
        SqlScope c = s;
        c.qualified_used = true;
        return intern(std::move(c));
    }
    if (s.grouping) return kDead;
    if (s.phase == 2) return outward_qualified(core, asked, column, types);
    SqlScope c = s;
    auto at = std::lower_bound(c.qualified.begin(), c.qualified.end(), qualifier,
                               [](const SqlQualified& q, u32 x) { return q.qualifier < x; });
    const bool there = at != c.qualified.end() && at->qualifier == qualifier;
    if (s.phase == 0) {
        if (plain(s) && has_dot(qualifier)) return kDead;
        if (!there) at = c.qualified.insert(at, {qualifier, 0, {}, {}, schema});
        if (at->flags & SqlQualified::kBanned) return kDead;
        if (schema != NONE && at->schema != NONE && at->schema != schema) return kDead;
        if (schema != NONE) at->schema = schema;
        if (s.strict) at->flags |= SqlQualified::kStrict;
        const auto place = std::lower_bound(at->columns.begin(), at->columns.end(), column);
        const auto k = place - at->columns.begin();
        if (place == at->columns.end() || *place != column) {
            at->columns.insert(place, column);
            at->types.insert(at->types.begin() + k, types);
        }
        at->types[static_cast<size_t>(k)] &= types;
        if (at->types[static_cast<size_t>(k)] == 0 || !loosen(c, qualifier, column, types)) return kDead;
        if (too_many_readings(c, core)) return kDead;
        return intern(std::move(c));
    }
    if (!there) {
        c.qualified.insert(at, {qualifier, SqlQualified::kBanned, {}, {}});
    } else if (!(at->flags & SqlQualified::kBanned)) {
        return kDead;  // it waits for a source, and this one must not
    }
    return outward_qualified(intern(std::move(c)), asked, column, types);
}

u32 SqlScopes::outward_qualified(u32 core, u32 qualifier, u32 column, u32 types) {
    const u32 outer = around(core);
    if (outer == kDead) return kDead;
    const u32 next = use_qualified(outer, qualifier, column, types);
    return next == kDead ? kDead : with_outer(core, next);
}

}  // namespace gcd
