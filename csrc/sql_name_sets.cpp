// Which names may come next.
#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

bool SqlScopes::uniform(u32 scope) const {
    const SqlScope& c = scopes_[scope];
    if (!c.core || c.phase != 0 || outer_core(scope) != kDead) return false;
    if (program_.typed && exports(c)) return false;  // its names must differ
    const SqlScope& st = scopes_[c.parent];
    if (st.mode != SqlScope::kDerived) return true;
    const SqlScope& p = scopes_[st.parent];
    return p.uses.empty() && simple(p);
}

bool SqlScopes::uses_rowid(const SqlScope& c) const {
    for (const SqlUse& u : c.uses)
        if (is_rowid(u.name)) return true;
    return false;
}

void SqlScopes::matter(u32 scope, SqlCategory category, std::vector<u32>& out) const {
    const SqlScope& s = scopes_[scope];
    for (const SqlQualified& q : s.qualified) out.push_back(q.qualifier);
    for (const SqlSource& x : s.sources) out.push_back(x.qualifier);
    out.insert(out.end(), s.cte_columns.begin(), s.cte_columns.end());
    out.insert(out.end(), program_.meaning_names.begin(), program_.meaning_names.end());
    out.insert(out.end(), s.windows.begin(), s.windows.end());
    out.insert(out.end(), s.windows_used.begin(), s.windows_used.end());
    if (program_.typed && (category == SqlCategory::kResultAlias || category == SqlCategory::kLabel))
        out.insert(out.end(), s.items.begin(), s.items.end());
    if (category == SqlCategory::kCteName) {
        bits_each(program_.table_names, [&](u32 name) { out.push_back(name); });
        for (u32 at = scope; at > kRoot; at = scopes_[at].parent)
            for (u32 e = scopes_[at].core ? 0 : scopes_[at].env; e; e = envs_[e].before) out.push_back(envs_[e].name);
    }
    for (u32 at = scope; at > kRoot; at = scopes_[at].parent)
        for (const SqlUse& u : scopes_[at].uses) out.push_back(u.name);
    for (u32 at = outer_core_or_dead(scope); at != kDead; at = outer_core(at)) {
        for (const SqlQualified& q : scopes_[at].qualified) out.push_back(q.qualifier);
        for (const SqlSource& x : scopes_[at].sources) out.push_back(x.qualifier);
    }
    out.erase(std::remove_if(out.begin(), out.end(), [](u32 name) { return name >= kAnonymous; }), out.end());
}

void SqlScopes::add(SqlNameSet& out, u32 name) const {
    if (name >= kDummy) return;
    if (name < names.n_catalogue()) {
        bits_set(out.catalogue, name);
    } else {
        const auto at = std::lower_bound(out.extra.begin(), out.extra.end(), name);
        if (at == out.extra.end() || *at != name) out.extra.insert(at, name);
    }
}

// Tables that have a name in use: another one of these could make it ambiguous.
Bits SqlScopes::used_tables(const SqlScope& c) const {
    Bits out;
    for (const SqlUse& u : c.uses)
        if (u.name < names.n_catalogue()) bits_or(out, program_.tables_of[u.name]);
    return out;
}

const SqlNameSet& SqlScopes::set(u32 scope, SqlCategory category, u32 reg, u32 types) {
    const bool by_reg = category == SqlCategory::kQualifiedColumn || category == SqlCategory::kSchemaTable ||
                        category == SqlCategory::kSchemaTarget || category == SqlCategory::kInnerQualifier;
    const bool by_type = category <= SqlCategory::kQualifiedColumn ||
                         (category >= SqlCategory::kScalar && category <= SqlCategory::kWindow);
    const u64 kinds = by_type && types != kAllClasses ? types & 0xFFFF : 0xFFFF;
    const u64 key = static_cast<u64>(category) << 48 | kinds << 32 | (by_reg ? reg : 0);
    std::unique_ptr<SqlNameSet>& slot = sets_[{key, scope}];
    if (slot) return *slot;
    auto out = std::make_unique<SqlNameSet>();
    out->place = sql_place(category);
    const SqlScope& s = scopes_[scope];
    switch (category) {
        case SqlCategory::kColumn:
            columns(scope, types, *out);
            break;
        case SqlCategory::kQualifier:
            qualifiers(scope, types, *out);
            break;
        case SqlCategory::kQualifiedColumn:
            qualified_columns(scope, reg, types, *out);
            break;
        case SqlCategory::kStarQualifier:
            if (s.phase == 0) {
                SqlScope with = s;
                with.in_item = false;
                with.items.push_back(kStarOf | kAnonymous);
                with.flags.push_back(0);
                out->fresh = live(intern(std::move(with)));
                for (const SqlQualified& q : s.qualified) {
                    const u32 id = star_of(scope, q.qualifier);
                    if (id != kDead && live(id)) add(*out, q.qualifier);
                }
                if (out->fresh) bits_or(out->catalogue, program_.table_names);
            }
            break;
        case SqlCategory::kTable:
            tables(scope, *out, NONE);
            break;
        case SqlCategory::kSchemaTable:
            tables(scope, *out, reg);
            break;
        case SqlCategory::kSchema:
            for (const SqlTable& t : program_.tables)
                if (t.schema != NONE && !bits_get(out->catalogue, t.schema) &&
                    !set(scope, SqlCategory::kSchemaTable, t.schema).none())
                    add(*out, t.schema);
            break;
        case SqlCategory::kSourceAlias:
        case SqlCategory::kBareAlias: {
            const u32 any = set_alias(scope, kAnonymous);
            out->fresh = any != kDead && live(any);
            for (const SqlQualified& q : s.qualified) {
                const u32 id = set_alias(scope, q.qualifier);
                if (id != kDead && live(id)) add(*out, q.qualifier);
            }
            break;
        }
        case SqlCategory::kResultAlias:
        case SqlCategory::kLabel:
        case SqlCategory::kCteName:
        case SqlCategory::kCteColumn:
            out->fresh = true;
            break;
        case SqlCategory::kUsing:
            if (!s.sources.empty() && !s.natural)
                for (u32 name : relations_[s.sources.back().relation].names) {
                    const u32 id = name < kDummy ? merge(scope, name) : kDead;
                    if (id != kDead && live(id)) add(*out, name);
                }
            break;
        case SqlCategory::kOutput:
            for (u32 name : s.outputs) add(*out, name);
            break;
        case SqlCategory::kScalar:
        case SqlCategory::kAggregate:
        case SqlCategory::kWindow: {
            const u32 kind = static_cast<u32>(category) - static_cast<u32>(SqlCategory::kScalar);
            const bool may = kind == 0 || (s.core && (kind == 1 ? s.clause != 0 : (s.clause & 2) != 0));
            if (program_.typed && ((kind && (s.opaque || s.starred)) || (kind == 2 && (s.aggregated || s.grouped))))
                break;
            for (const SqlFunction& f : program_.functions)
                if (may && f.kind == kind && (types == kAllClasses || (types & class_set(f.result)))) add(*out, f.name);
            break;
        }
        case SqlCategory::kType:
            out->fresh = true;
            break;
        case SqlCategory::kSchemaQualifier:
            for (const SqlTable& t : program_.tables)
                if (t.schema != NONE && !bits_get(out->catalogue, t.schema) &&
                    !set(scope, SqlCategory::kInnerQualifier, t.schema).none())
                    add(*out, t.schema);
            break;
        case SqlCategory::kInnerQualifier:
            inner_qualifiers(scope, reg, *out);
            break;
        case SqlCategory::kInTable:
            for (u32 t = 0; t < program_.tables.size(); ++t)
                if (program_.tables[t].bare && relations_[t].width == 1 && !same_cte(scope, program_.tables[t].name))
                    add(*out, program_.tables[t].name);
            for (u32 at = scope; at > kRoot; at = scopes_[at].parent)
                for (u32 e = scopes_[at].core ? 0 : scopes_[at].env; e; e = envs_[e].before)
                    if (relations_[envs_[e].relation].width == 1) add(*out, envs_[e].name);
            break;
        case SqlCategory::kWindowName:
            out->fresh = !s.windows_closed;
            for (u32 name : s.windows) add(*out, name);
            for (u32 name : s.windows_used) add(*out, name);
            break;
        case SqlCategory::kWindowDefinition:
            out->fresh = true;
            break;
        case SqlCategory::kTarget:
        case SqlCategory::kSchemaTarget:
            for (const SqlTable& t : program_.tables)
                if (t.writable && (category == SqlCategory::kTarget ? t.bare : t.schema == reg)) add(*out, t.name);
            break;
        case SqlCategory::kTargetAlias:
            out->fresh = true;
            break;
        case SqlCategory::kInsertColumn:
        case SqlCategory::kSetColumn:
        case SqlCategory::kConflictColumn:
            written_columns(scope, category, *out);
            break;
        case SqlCategory::kAlias:
            for (u32 name : s.items)
                if (name < kDummy && alias_item(scope, name) != NONE) add(*out, name);
            break;
        case SqlCategory::kCollation:
            for (u32 name : program_.collations) add(*out, name);
            break;
        case SqlCategory::kCount:
            break;
    }
    std::unique_ptr<SqlNameSet>& made = sets_[{key, scope}];
    made = std::move(out);
    return *made;
}

// Bare names in front of FROM. Most are settled by one choice of tables that explains all so far: a name is fine if one
// of these has it alone, or if a table has it that none of the names in use is in.
void SqlScopes::open_columns(u32 core, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    Search s = start_search(core);
    for (size_t i = 0; i < c.uses.size(); ++i) s.counts[i] = count(c, c.uses[i].name);
    const bool found = search(s);
    // a column that can't be grouped may not stand beside aggregates
    const bool quick = found && simple(c) && !s.single && !plain(c) && !(types != kAllClasses && c.aggregated);
    const Bits used = used_tables(c);
    Bits common;  // tables that have all names in use
    for (size_t i = 0; i < c.uses.size(); ++i) {
        if (c.uses[i].name >= names.n_catalogue()) {
            common.clear();
            break;
        }
        const Bits& of = program_.tables_of[c.uses[i].name];
        if (i == 0) common = of;
        common.resize(std::min(common.size(), of.size()));
        for (size_t w = 0; w < common.size(); ++w) common[w] &= of[w];
    }
    if (!quick || !c.qualified.empty() || !c.sources.empty()) common.clear();
    u32 searches = kSearches;
    auto slow = [&](u32 name) {
        if (searches == 0) {
            ++unsettled_;
            return;
        }
        --searches;
        if (usable(core, name, types)) add(out, name);
    };
    for (u32 name = 0; name < names.n_catalogue(); ++name) {
        const Bits& of = tables_with(name, types);
        if (of.empty()) {
            if (is_rowid(name)) slow(name);
            continue;
        }
        bool fine = false;
        if (quick && !several_classes(name)) {
            u32 n = count(c, name);
            bool fitting = true;
            for (const auto& [rel, qualifier] : s.chosen) {
                if (!has(relations_[rel], name)) continue;
                ++n;
                fitting = fitting && fits(relations_[rel], name, types);
            }
            fine = (n == 1 && fitting) || bits_meet(of, common);
            for (size_t w = 0; w < of.size() && !fine && n == 0; ++w)
                fine = (of[w] & ~(w < used.size() ? used[w] : 0)) != 0;
        }
        if (fine)
            bits_set(out.catalogue, name);
        else
            slow(name);
    }
    for (u32 rel : s.others)
        for (u32 name : relations_[rel].names)
            if (name < kDummy && !out.has(name, names.n_catalogue())) slow(name);
}

void SqlScopes::columns(u32 core, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    const u32 outer = around(core);
    auto ask = [&](u32 name) {
        if (name < kDummy && usable(core, name, types)) add(out, name);
    };
    if (c.phase == 0) {
        open_columns(core, types, out);
        if (outer == kDead) return;
        const SqlNameSet around = set(outer, SqlCategory::kColumn, 0, types);
        bits_each(around.catalogue, [&](u32 name) {
            if (!bits_get(out.catalogue, name)) ask(name);
        });
        for (u32 name : around.extra) ask(name);
        return;
    }
    std::vector<u32> own;
    if (single_rowid(c)) own.insert(own.end(), std::begin(program_.rowid_names), std::end(program_.rowid_names));
    for (const SqlSource& s : c.sources)
        for (u32 name : relations_[s.relation].names) own.push_back(name);
    if (!c.values)
        for (size_t i = 0; i < c.items.size(); ++i)
            if (c.flags[i] & SqlScope::kAlias) own.push_back(c.items[i]);
    if (outer != kDead) {
        const SqlNameSet around = set(outer, SqlCategory::kColumn, 0, types);
        bool unnamed = program_.typed;
        for (const SqlSource& s : c.sources) unnamed = unnamed || relations_[s.relation].unnamed;
        if (c.phase == 1 || unnamed) {
            bits_each(around.catalogue, ask);
            for (u32 name : around.extra) ask(name);
        } else {
            out.catalogue = around.catalogue;
            out.extra = around.extra;
            for (u32 name : program_.rowid_names)
                if (name != NONE && bits_get(out.catalogue, name)) own.push_back(name);
            for (u32 name : own) {
                if (name < names.n_catalogue()) {
                    if (bits_get(out.catalogue, name)) out.catalogue[name / 64] &= ~(1ull << (name % 64));
                } else {
                    out.extra.erase(std::remove(out.extra.begin(), out.extra.end(), name), out.extra.end());
                }
            }
        }
    }
    for (u32 name : own) ask(name);
}

void SqlScopes::qualifiers(u32 core, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    const u32 outer = around(core);
    auto ask = [&](u32 name) {
        if (!set(core, SqlCategory::kQualifiedColumn, name, types).none()) add(out, name);
    };
    if (c.phase == 0) {
        out.fresh = !set(core, SqlCategory::kQualifiedColumn, kAnonymous, types).none();
        for (const SqlQualified& q : c.qualified) ask(q.qualifier);
        if (out.fresh) bits_or(out.catalogue, program_.table_names);
    } else {
        for (const SqlSource& s : c.sources)
            if (s.qualifier < kAnonymous) ask(s.qualifier);
    }
    if (outer == kDead) return;
    const SqlNameSet around = set(outer, SqlCategory::kQualifier, 0, types);
    bits_each(around.catalogue, [&](u32 name) {
        if (!bits_get(out.catalogue, name)) ask(name);
    });
    for (u32 name : around.extra) ask(name);
    out.fresh = out.fresh || (around.fresh && !set(core, SqlCategory::kQualifiedColumn, kAnonymous, types).none());
}

// Qualifiers behind a schema's name.
void SqlScopes::inner_qualifiers(u32 core, u32 schema, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    auto ask = [&](u32 name) {
        if (!set(core, SqlCategory::kQualifiedColumn, dotted(schema, name)).none()) add(out, name);
    };
    if (c.phase == 0) {
        out.fresh = !set(core, SqlCategory::kQualifiedColumn, dotted(schema, kAnonymous)).none();
        if (out.fresh) bits_or(out.catalogue, program_.table_names);
        for (const SqlQualified& q : c.qualified) {
            if (q.qualifier < names.n_catalogue() && bits_get(out.catalogue, q.qualifier))
                out.catalogue[q.qualifier / 64] &= ~(1ull << (q.qualifier % 64));
            ask(q.qualifier);
        }
    }
    for (const SqlSource& s : c.sources)
        if (s.qualifier < kAnonymous) ask(s.qualifier);
    const u32 outer = around(core);
    if (outer == kDead) return;
    const SqlNameSet around = set(outer, SqlCategory::kInnerQualifier, schema);
    bits_each(around.catalogue, [&](u32 name) {
        if (!bits_get(out.catalogue, name)) ask(name);
    });
    for (u32 name : around.extra) ask(name);
}

void SqlScopes::qualified_columns(u32 core, u32 qualifier, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    u32 schema = NONE, called = qualifier;
    if (const auto pair = dotted_.find(qualifier); pair != dotted_.end()) std::tie(schema, called) = pair->second;
    for (size_t i = 0; i < c.sources.size(); ++i) {
        const SqlSource& s = c.sources[i];
        if (s.qualifier != called) continue;
        const SqlRelation& r = relations_[s.relation];
        if (i < c.first_visible() || (c.returning && schema != NONE) || !suits({called, 0, {}, {}, schema}, r)) return;
        for (u32 name : r.names)
            if (!program_.typed || usable_qualified(core, qualifier, name, types)) add(out, name);
        if (r.table != NONE && program_.tables[r.table].rowid)
            for (u32 name : program_.rowid_names) add(out, name);
        return;
    }
    if (c.phase == 0) open_qualified(core, qualifier, types, out);
    const u32 outer = around(core);
    if (outer == kDead) return;
    const SqlNameSet around = set(outer, SqlCategory::kQualifiedColumn, qualifier, types);
    auto ask = [&](u32 name) {
        if (usable_qualified(core, qualifier, name, types)) add(out, name);
    };
    bits_each(around.catalogue, [&](u32 name) {
        if (!bits_get(out.catalogue, name)) ask(name);
    });
    for (u32 name : around.extra) ask(name);
}

void SqlScopes::open_qualified(u32 core, u32 qualifier, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    u32 schema = NONE, called = qualifier;
    if (const auto pair = dotted_.find(qualifier); pair != dotted_.end()) std::tie(schema, called) = pair->second;
    if (plain(c) && has_dot(called)) return;
    SqlQualified entry{called, 0, {}, {}};
    for (const SqlQualified& q : c.qualified)
        if (q.qualifier == called) entry = q;
    if ((entry.flags & SqlQualified::kBanned) || (schema != NONE && entry.schema != NONE && schema != entry.schema))
        return;
    if (schema != NONE) entry.schema = schema;
    const bool quick = simple(c) && !uses_rowid(c) && live(core) && !(program_.typed && c.aggregated);
    const Bits used = used_tables(c);
    u32 searches = kSearches;
    auto slow = [&](u32 name) {
        if (name >= kDummy || out.has(name, names.n_catalogue())) return;
        if (searches == 0) {
            ++unsettled_;
            return;
        }
        --searches;
        if (usable_qualified(core, qualifier, name, types)) add(out, name);
    };
    for (int pass = quick ? 0 : 1; pass < 2; ++pass)
        for (u32 t = 0; t < program_.tables.size(); ++t) {
            const bool free = !bits_get(used, t);
            if ((pass == 0 && !free) || (pass == 1 && quick && free) || !suits(entry, relations_[relation_for(c, t)]))
                continue;
            const SqlRelation& source = relations_[relation_for(c, t)];
            auto one = [&](u32 name) {
                if (pass == 0 && !several_classes(name) && fits(relations_[t], name, types))
                    add(out, name);
                else
                    slow(name);
            };
            for (u32 name : source.names) one(name);
            if (source.table != NONE && program_.tables[t].rowid)
                for (u32 name : program_.rowid_names) one(name);
        }
    std::vector<u32> others = ctes(core);
    if (const u32 self = self_of(core); self != NONE) others.push_back(self);
    for (u32 rel : others)
        if (suits(entry, relations_[rel]))
            for (u32 name : relations_[rel].names) slow(name);
}

void SqlScopes::tables(u32 core, SqlNameSet& out, u32 schema) {
    const SqlScope& c = scopes_[core];
    if (c.sources.size() >= program_.max_sources) return;
    const bool quick = simple(c) && !uses_rowid(c) && !c.natural && c.groups.empty() && live(core);
    const Bits used = used_tables(c);
    auto slow = [&](u32 rel, u32 name) {
        const u32 id = add_source(core, rel, kUndecided);
        if (id != kDead && live(id)) add(out, name);
    };
    for (u32 t = 0; t < program_.tables.size(); ++t) {
        const SqlTable& table = program_.tables[t];
        if (schema == NONE ? !table.bare || same_cte(core, table.name) : table.schema != schema) continue;
        if (quick && !bits_get(used, t))
            add(out, table.name);
        else
            slow(t, table.name);
    }
    if (schema != NONE) return;
    if (const u32 self = self_of(core); self != NONE) slow(self, scopes_[scopes_[c.parent].parent].cte_name);
    for (u32 scope = core; scope > kRoot; scope = scopes_[scope].parent)
        for (u32 e = scopes_[scope].core ? 0 : scopes_[scope].env; e; e = envs_[e].before)
            if (table(core, envs_[e].name) == envs_[e].relation) slow(envs_[e].relation, envs_[e].name);
}

}  // namespace gcd
