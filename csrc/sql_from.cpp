// FROM clauses: which relations there are, joins, what `*` stands for, and the end of a clause.
#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

std::vector<u32> SqlScopes::ctes(u32 scope) const {
    std::vector<u32> out;
    for (; scope > kRoot; scope = scopes_[scope].parent)
        for (u32 e = scopes_[scope].core ? 0 : scopes_[scope].env; e; e = envs_[e].before)
            out.push_back(envs_[e].relation);
    return out;
}

bool SqlScopes::same_cte(u32 scope, u32 name) const {
    for (; scope > kRoot; scope = scopes_[scope].parent) {
        const SqlScope& s = scopes_[scope];
        if (s.core) continue;
        if (s.cte_name == name) return true;
        for (u32 e = s.env; e; e = envs_[e].before)
            if (envs_[e].name == name) return true;
    }
    return false;
}

u32 SqlScopes::self_of(u32 core) const {
    const SqlScope& c = scopes_[core];
    const SqlScope& st = scopes_[c.parent];
    if (st.mode != SqlScope::kCte || st.self == NONE || c.self_used || !c.groups.empty() || c.aggregated) return NONE;
    u32 calls = c.item_flags;
    for (u32 f : c.flags) calls |= f;
    return calls & (SqlScope::kAggregate | SqlScope::kWindow) ? u32(NONE) : st.self;
}

u32 SqlScopes::table(u32 core, u32 name) const {
    const u32 self = self_of(core);
    if (self != NONE && scopes_[scopes_[scopes_[core].parent].parent].cte_name == name) return self;
    for (u32 scope = core; scope > kRoot; scope = scopes_[scope].parent)
        for (u32 e = scopes_[scope].core ? 0 : scopes_[scope].env; e; e = envs_[e].before)
            if (envs_[e].name == name) return envs_[e].relation;
    return catalogue_table(name);
}

u32 SqlScopes::catalogue_table(u32 name) const {
    const auto it = program_.tables_named.find(name);
    if (it != program_.tables_named.end())
        for (u32 t : it->second)
            if (program_.tables[t].bare) return t;
    return NONE;
}

u32 SqlScopes::schema_table(u32 schema, u32 name) const {
    const auto it = program_.tables_named.find(name);
    if (it != program_.tables_named.end())
        for (u32 t : it->second)
            if (program_.tables[t].schema == schema) return t;
    return NONE;
}

u32 SqlScopes::add_source(u32 core, u32 relation, u32 qualifier) {
    SqlScope c = scopes_[core];
    if (c.sources.size() >= program_.max_sources) return kDead;
    if (relation == self_of(core)) c.self_used = true;
    const u32 subquery = c.nested_from();
    if (subquery != NONE && relations_[relation].table != NONE) {
        const u32 table = relations_[relation].table, schema = program_.tables[table].schema;
        if (schema != NONE && has_dot(schema)) return kDead;
        relation = plain_relation(table);
    }
    const SqlRelation& r = relations_[relation];
    const size_t first = c.first_joined(), last = c.sources.size();
    std::vector<u32> merged;
    if (c.natural) {
        if (r.table != NONE && r.width != r.names.size()) return kDead;
        for (u32 name : r.names) {
            const u32 n = name >= kDummy ? 0 : count(c, name, first, last);
            if (n > 1) return kDead;
            if (n == 1 && !mergeable(c, name, r, c.sources.size())) return kDead;
            if (n == 1) merged.push_back(name);
        }
    }
    for (const SqlUse& u : c.uses) {
        if (r.unnamed && names.odd(u.name)) return kDead;
        if (!has(r, u.name) || contains(merged, u.name)) continue;
        if (u.how == SqlUse::kNone || !fits(r, u.name, u.types)) return kDead;
        if (count(c, u.name) == 0) continue;
        if (c.natural || c.comma || count(c, u.name, first, last) == 0) return kDead;
        if (program_.typed && (count(c, u.name, 0, c.tree) || !mergeable(c, u.name, r, last))) return kDead;
        c.debt.push_back(u.name);
    }
    for (u32 name : merged) fix_merged(c, name);
    c.sources.push_back({kUndecided, relation, list(merged), subquery != NONE});
    c.need = short_of(c) != 0;
    c.constrainable = true;
    const u32 id = intern(std::move(c));
    return qualifier == kUndecided ? id : set_alias(id, qualifier);
}

// In a bracket that SQLite takes for a subquery it writes schema, source and column with dots between.
bool SqlScopes::has_dot(u32 name) const {
    return name < kAnonymous && names.text(name).find('.') != std::string::npos;
}

// What `SELECT *` of a table has: its hidden columns and its rowid can't be named through a subquery.
u32 SqlScopes::plain_relation(u32 table) {
    const SqlTable& t = program_.tables[table];
    std::vector<u32> columns;
    for (size_t i = 0; i < t.columns.size(); ++i)
        if (!t.hidden[i]) columns.push_back(t.columns[i]);
    return relation(std::move(columns));
}

u32 SqlScopes::join(u32 core, u32 kind) {
    SqlScope c = scopes_[core];
    if (c.sources.size() + 1 >= program_.max_sources) return kDead;
    c.comma = kind == kComma || kind == kCross;
    c.natural = kind == kNatural;
    if (program_.typed && kind == kComma) c.tree = static_cast<u32>(c.sources.size());
    c.need = true;
    c.constrainable = false;
    c.ended_group = NONE;
    return intern(std::move(c));
}

// A bracket in FROM. At the beginning of a list of sources it means nothing; anywhere else it is a subquery to SQLite.
u32 SqlScopes::group(u32 core) {
    SqlScope c = scopes_[core];
    if (c.natural) return kDead;
    const u32 n = static_cast<u32>(c.sources.size());
    const bool leads = n == c.first_visible();
    c.groups.push_back(n * 2 + !leads);
    if (!leads) c.need = c.comma = true;
    c.constrainable = false;
    return intern(std::move(c));
}

u32 SqlScopes::end_group(u32 core) {
    SqlScope c = scopes_[core];
    if (c.need || !c.debt.empty() || c.groups.empty()) return kDead;
    c.ended_group = c.groups.back();
    c.groups.pop_back();
    c.need = short_of(c) != 0;
    c.comma = true;  // no USING
    c.natural = false;
    c.constrainable = true;
    return intern(std::move(c));
}

// An alias behind a bracket. SQLite makes a subquery of several sources then, and gives a single one this name instead
// of its own: what was said of them before might no longer be true.
u32 SqlScopes::alias_group(u32 core) {
    SqlScope c = scopes_[core];
    if (c.ended_group == NONE) return kDead;
    const u32 first = c.ended_group / 2;
    const bool leads = !(c.ended_group & 1);
    c.ended_group = NONE;
    for (size_t i = first; leads && i < c.sources.size(); ++i) {
        const u32 table = relations_[c.sources[i].relation].table;
        if (c.qualified_used || c.sources[i].hidden ||
            (table != NONE && contains(program_.tables[table].hidden, u8{1})))
            return kDead;
    }
    if (leads && c.sources.size() - first == 1) {
        c.sources.back().qualifier = kUndecided;
        return intern(std::move(c));
    }
    if (c.sources.size() >= program_.max_sources) return kDead;
    for (size_t i = first; i < c.sources.size(); ++i) {
        c.sources[i].nested = true;
        if (const u32 table = relations_[c.sources[i].relation].table; table != NONE)
            c.sources[i].relation = plain_relation(table);
    }
    // No column can be asked of it: the sources within keep their qualifiers.
    c.sources.push_back({kUndecided, relation({}), 0});
    return intern(std::move(c));
}

u32 SqlScopes::set_alias(u32 core, u32 qualifier) {
    SqlScope c = scopes_[core];
    if (c.sources.empty() || c.sources.back().qualifier != kUndecided) return kDead;
    c.sources.back().qualifier = qualifier;
    if (c.nested_from() != NONE && has_dot(qualifier)) return kDead;
    if (qualifier == kAnonymous) return intern(std::move(c));
    const SqlRelation& r = relations_[c.sources.back().relation];
    for (size_t i = 0; i + 1 < c.sources.size(); ++i)
        if (c.sources[i].qualifier == qualifier) return kDead;
    for (size_t i = 0; i < c.qualified.size(); ++i) {
        if (c.qualified[i].qualifier != qualifier) continue;
        if ((c.qualified[i].flags & SqlQualified::kBanned) || !suits(c.qualified[i], r)) return kDead;
        if ((c.qualified[i].flags & SqlQualified::kStar) && r.names.empty()) return kDead;
        c.qualified_used = true;
        c.qualified.erase(c.qualified.begin() + static_cast<long>(i));
        break;
    }
    return intern(std::move(c));
}

// In a bracket that SQLite takes for a subquery, it names merged columns without a qualifier: no other source may have
// them.
void SqlScopes::fix_merged(SqlScope& c, u32 name) const {
    if (c.nested_from() == NONE) return;
    const auto at =
        std::lower_bound(c.uses.begin(), c.uses.end(), name, [](const SqlUse& u, u32 x) { return u.name < x; });
    if (at == c.uses.end() || at->name != name) c.uses.insert(at, {name, SqlUse::kFixed, kAllClasses});
}

u32 SqlScopes::merge(u32 core, u32 name) {
    SqlScope c = scopes_[core];
    SqlSource& last = c.sources.back();
    if (!has(relations_[last.relation], name) || contains(lists_[last.hidden], name)) return kDead;
    if (count(c, name, c.first_joined(), c.sources.size() - 1) != 1) return kDead;
    if (!mergeable(c, name, relations_[last.relation], c.sources.size() - 1)) return kDead;
    std::vector<u32> merged = lists_[last.hidden];
    merged.push_back(name);
    last.hidden = list(merged);
    c.debt.erase(std::remove(c.debt.begin(), c.debt.end(), name), c.debt.end());
    fix_merged(c, name);
    return intern(std::move(c));
}

// The names of result columns, stars written out.
std::vector<u32> SqlScopes::expand(const SqlScope& c, std::vector<u32>* flags, std::vector<u8>* types) const {
    std::vector<u32> out;
    for (size_t i = 0; i < c.items.size(); ++i) {
        const u32 item = c.items[i];
        if (item != kStar && item < kStarOf) {
            out.push_back(item);
            if (types && i < c.types.size()) types->push_back(c.types[i]);
            u32 f = c.flags[i];
            if (item < kDummy && !(f & SqlScope::kAlias) && count(c, item) == 1) f |= SqlScope::kOutput;
            if (flags) flags->push_back(f);
            continue;
        }
        for (const SqlSource& s : c.sources) {
            if (item != kStar && s.qualifier != (item & ~kStarOf)) continue;
            const SqlRelation& r = relations_[s.relation];
            for (size_t k = 0; k < r.names.size(); ++k) {
                const u32 name = r.names[k];
                if (r.table != NONE && program_.tables[r.table].hidden[k]) continue;
                if (item == kStar && contains(lists_[s.hidden], name)) continue;
                // Of columns with one name, brackets give all but the first other ones.
                out.push_back(s.nested && name < kDummy && count(c, name) > 1 ? u32(kUnnamed) : name);
                if (types && program_.typed) types->push_back(k < r.types.size() ? r.types[k] : 0);
                if (flags) flags->push_back(name < kDummy && count(c, name) == 1 ? u32(SqlScope::kOutput) : 0);
            }
        }
    }
    return out;
}

u32 SqlScopes::close(u32 core) {
    SqlScope c = scopes_[core];
    if (!c.debt.empty() || c.need) return kDead;
    if (contains(c.items, static_cast<u32>(kStar)) && c.sources.empty()) return kDead;
    std::vector<SqlUse> pushed;
    for (const SqlUse& u : c.uses) {
        if (u.how == SqlUse::kFixed || u.how == SqlUse::kNone) continue;
        const u32 n = count(c, u.name);
        if (n == 0 && is_rowid(u.name) && single_rowid(c)) continue;
        if (n > 1 || (n == 0 && u.how == SqlUse::kStrict)) return kDead;
        if (n == 0)
            pushed.push_back(u);
        else if (program_.typed && !fits(relations_[c.sources[source_of(c, u.name)].relation], u.name, u.types))
            return kDead;
    }
    std::vector<SqlQualified> qualified;
    for (SqlQualified& q : c.qualified) {
        if (q.flags & SqlQualified::kBanned) continue;
        if (q.flags & (SqlQualified::kStar | SqlQualified::kStrict)) return kDead;
        qualified.push_back(std::move(q));
    }
    c.uses.clear();
    c.qualified.clear();
    std::vector<u32> flags;
    std::vector<u8> types;
    c.items = expand(c, &flags, &types);
    c.flags = std::move(flags);
    c.types = std::move(types);
    settle_loose(c);
    c.phase = 2;
    c.groups.clear();
    c.ended_group = NONE;
    c.on = c.natural = c.comma = c.in_item = false;
    c.tracker = SqlScope::kComplex;
    const u32 width = required(c);
    if ((width && c.items.size() != width && !c.values) || c.items.size() > program_.max_columns) return kDead;
    u32 id = intern(std::move(c));
    for (const SqlUse& u : pushed)
        if ((id = outward(id, u.name, u.types)) == kDead) return kDead;
    for (const SqlQualified& q : qualified)
        for (size_t k = 0; k < q.columns.size(); ++k) {
            const u32 qualifier = q.schema == NONE ? q.qualifier : dotted(q.schema, q.qualifier);
            if ((id = outward_qualified(id, qualifier, q.columns[k], q.types[k])) == kDead) return kDead;
        }
    return id;
}

}  // namespace gcd
