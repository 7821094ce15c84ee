// Scopes of dialects with types: which classes of columns a place takes, and the rules of GROUP BY: where rows are
// grouped, a column that stands outside of aggregates must be one of those by which they are.
#include <algorithm>

#include "sql_scope.hpp"

namespace gcd {

namespace {
constexpr u32 kOpaque = class_set(SqlClass::kOther);  // can't be compared, and so not grouped
}  // namespace

u32 SqlScopes::classes(u32 core, u32 name) const {
    u32 out = name < names.n_catalogue() ? program_.classes_of[name] : 0;
    auto look = [&](u32 rel) {
        const SqlRelation& r = relations_[rel];
        if (r.table == NONE && has(r, name)) out |= class_set(r.type(name));
    };
    for (u32 rel : ctes(core)) look(rel);
    for (u32 at = core; at != kDead && at > kRoot && scopes_[at].core; at = outer_core(at))
        for (const SqlSource& s : scopes_[at].sources) look(s.relation);
    return out;
}

const Bits& SqlScopes::tables_with(u32 name, u32 types) {
    if (types == kAllClasses) return program_.tables_of[name];
    const auto [it, fresh] = tables_with_.try_emplace({name, types});
    if (fresh)
        bits_each(program_.tables_of[name], [&, bits = &it->second](u32 t) {
            if (fits(relations_[t], name, types)) bits_set(*bits, t);
        });
    return it->second;
}

bool SqlScopes::too_many_readings(const SqlScope& c, u32 core) const {
    if (!program_.typed) return false;
    constexpr u32 kMost = 16;
    u32 readings = 1;
    auto count = [&](u32 name) {
        const u32 n = name < names.n_catalogue() ? static_cast<u32>(__builtin_popcount(program_.classes_of[name])) : 1;
        readings *= std::max(n, 1u);
        return readings <= kMost;
    };
    const SqlScope* at = &c;
    for (u32 next = core; next > kRoot; at = &scopes_[next]) {
        for (const SqlUse& u : at->uses)
            if (!count(u.name)) return true;
        for (const SqlQualified& q : at->qualified)
            for (u32 column : q.columns)
                if (!count(column)) return true;
        do next = scopes_[next].parent;
        while (next > kRoot && !scopes_[next].core);
    }
    return false;
}

// Of several classes one is enough; a use is of one class only, so that it is known what the expression is.
bool SqlScopes::usable(u32 core, u32 name, u32 types) {
    if (!program_.typed) {
        const u32 id = use(core, name);
        return id != kDead && live(id);
    }
    bool some = false;
    for (u32 left = classes(core, name) & types; left && !some; left &= left - 1) {
        const u32 id = use(core, name, true, left & -left);
        some = id != kDead && live(id);
    }
    return some;
}

bool SqlScopes::usable_qualified(u32 core, u32 qualifier, u32 name, u32 types) {
    if (!program_.typed) {
        const u32 id = use_qualified(core, qualifier, name);
        return id != kDead && live(id);
    }
    bool some = false;
    for (u32 left = classes(core, name) & types; left && !some; left &= left - 1) {
        const u32 id = use_qualified(core, qualifier, name, left & -left);
        some = id != kDead && live(id);
    }
    return some;
}

u32 SqlScopes::source_of(const SqlScope& c, u32 name) const {
    for (u32 i = 0; i < c.sources.size(); ++i)
        if (has(relations_[c.sources[i].relation], name) && !contains(lists_[c.sources[i].hidden], name)) return i;
    return NONE;
}

bool SqlScopes::merged(const SqlScope& c, u32 name) const {
    for (const SqlSource& s : c.sources)
        if (s.hidden && std::find(lists_[s.hidden].begin(), lists_[s.hidden].end(), name) != lists_[s.hidden].end())
            return true;
    return false;
}

// A column of the sources so far and one of a further source can be made one by USING.
bool SqlScopes::mergeable(const SqlScope& c, u32 name, const SqlRelation& r, size_t n_sources) const {
    if (!program_.typed) return true;
    // PostgreSQL's * begins with the merged columns, so what stands where would be another matter.
    if (std::find(c.items.begin(), c.items.end(), u32(kStar)) != c.items.end()) return false;
    for (size_t i = c.tree; i < n_sources; ++i) {
        const SqlRelation& other = relations_[c.sources[i].relation];
        if (!has(other, name)) continue;
        if (other.type(name) != r.type(name) || r.type(name) == SqlClass::kOther) return false;
    }
    return true;
}

bool SqlScopes::exports(const SqlScope& c) const {
    const SqlScope& st = scopes_[c.parent];
    return st.relation == NONE && (st.mode == SqlScope::kDerived || (st.mode == SqlScope::kCte && st.want == 0));
}

u32 SqlScopes::expected_item(u32 core) const {
    const SqlScope& c = scopes_[core];
    const SqlScope& st = scopes_[c.parent];
    u32 out = every_class();
    if (st.expect != kAllClasses) out &= classes_of_results(st.expect);
    if (st.relation != NONE) {
        const std::vector<u8>& types = relations_[st.relation].types;
        out &= c.items.size() < types.size()
                   ? classes_of_results(unifiable_classes(static_cast<SqlClass>(types[c.items.size()])))
                   : 0;
        out &= ~kOpaque;
    }
    return c.distinct ? out & ~kOpaque : out;
}

// -- grouping ---------------------------------------------------------------------------------

// Remembers a column that is used in front of FROM, outside of aggregates.
bool SqlScopes::loosen(SqlScope& c, u32 source, u32 name, u32 types) const {
    if (!program_.typed || c.strict) return true;
    if (types == kOpaque) {
        if (c.aggregated) return false;
        c.opaque = true;
    }
    const SqlLoose loose{static_cast<u32>(c.items.size()), source, name};
    if (!contains(c.loose, loose)) c.loose.push_back(loose);
    return true;
}

void SqlScopes::settle_loose(SqlScope& c) const {
    std::vector<SqlLoose> out;
    for (SqlLoose x : c.loose) {
        u32 source = NONE;
        if (x.source == NONE) {
            if (count(c, x.name)) source = merged(c, x.name) ? SqlLoose::kMerged : source_of(c, x.name);
        } else {
            for (u32 i = 0; i < c.sources.size(); ++i)
                if (c.sources[i].qualifier == x.source) source = i;
        }
        if (source == NONE) continue;  // of a query around
        x.source = source;
        if (!contains(out, x)) out.push_back(x);
    }
    c.loose = std::move(out);
}

bool SqlScopes::grouped(const SqlScope& c, u32 source, u32 name) const {
    if (!c.late || c.strict || !(c.aggregated || c.grouped)) return true;
    return contains(c.grouped_by, {NONE, source, name});
}

bool SqlScopes::groupable(u32 core, u32 item) const {
    const SqlScope& c = scopes_[core];
    return item < c.items.size() && !(c.flags[item] & (SqlScope::kAggregate | SqlScope::kWindow)) &&
           static_cast<SqlClass>(c.types[item]) != SqlClass::kOther;
}

u32 SqlScopes::group_item(u32 core, u32 item) {
    if (!groupable(core, item)) return kDead;
    SqlScope c = scopes_[core];
    if (!contains(c.grouped_by, {item, NONE, NONE})) c.grouped_by.push_back({item, NONE, NONE});
    return intern(std::move(c));
}

u32 SqlScopes::group_by(u32 core, u32 source, u32 name, SqlClass type) {
    if (type == SqlClass::kOther) return kDead;
    SqlScope c = scopes_[core];
    if (!contains(c.grouped_by, {NONE, source, name})) c.grouped_by.push_back({NONE, source, name});
    return intern(std::move(c));
}

u32 SqlScopes::end_grouping(u32 core) {
    SqlScope c = scopes_[core];
    for (const SqlLoose& x : c.loose)
        if (!contains(c.grouped_by, {NONE, x.source, x.name}) && !contains(c.grouped_by, {x.item, NONE, NONE}))
            return kDead;
    c.grouped = true;
    c.grouping = false;
    return intern(std::move(c));
}

bool SqlScopes::outputs_clear(const SqlScope& c, u32 name) const {
    for (size_t i = 0; i < c.items.size(); ++i)
        if (c.items[i] == kUnnamed && ((c.flags[i] & SqlScope::kBorrowed) || names.odd(name))) return false;
    return true;
}

u32 SqlScopes::alias_item(u32 core, u32 name) const {
    const SqlScope& c = scopes_[core];
    u32 found = NONE;
    for (u32 i = 0; i < c.items.size(); ++i) {
        if (c.items[i] != name) continue;
        if (found != NONE) return NONE;
        found = i;
    }
    if (found == NONE || !outputs_clear(c, name) || static_cast<SqlClass>(c.types[found]) == SqlClass::kOther)
        return NONE;
    return c.grouping && (!groupable(core, found) || count(c, name)) ? u32(NONE) : found;
}

}  // namespace gcd
