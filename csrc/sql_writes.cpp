// INSERT, UPDATE and DELETE: what they write, and the scopes of their expressions.
#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

// How many values a row needs that INSERT inserts.
u32 SqlScopes::fill_width(const SqlScope& statement) const {
    if (statement.target == NONE) return 0;
    if (!statement.cte_columns.empty()) return static_cast<u32>(statement.cte_columns.size());
    const SqlTable& t = program_.tables[statement.target];
    u32 n = 0;
    for (size_t i = 0; i < t.columns.size(); ++i) n += !t.hidden[i] && !t.generated[i];
    return n;
}

bool SqlScopes::takes_column(const SqlScope& statement, u32 name) const {
    if (statement.target == NONE || contains(statement.cte_columns, name)) return false;
    const SqlTable& t = program_.tables[statement.target];
    for (size_t i = 0; i < t.columns.size(); ++i)
        if (t.columns[i] == name) return !t.hidden[i] && !t.generated[i];
    return t.rowid && is_rowid(name);
}

bool SqlScopes::takes_conflict(const SqlScope& statement, u32 name) const {
    if (statement.target == NONE || contains(statement.cte_columns, name)) return false;
    for (const std::vector<u32>& unique : program_.tables[statement.target].uniques) {
        bool all = contains(unique, name);
        for (u32 column : statement.cte_columns) all = all && contains(unique, column);
        if (all) return true;
    }
    return false;
}

bool SqlScopes::conflict_complete(const SqlScope& statement) const {
    if (statement.target == NONE) return false;
    std::vector<u32> sorted = statement.cte_columns;
    std::sort(sorted.begin(), sorted.end());
    return contains(program_.tables[statement.target].uniques, sorted);
}

u32 SqlScopes::write_core(u32 statement, SqlAction action) {
    const SqlScope& st = scopes_[statement];
    if (statement <= kRoot || st.core || st.target == NONE) return kDead;
    const SqlTable& table = program_.tables[st.target];
    const bool returning = action == SqlAction::kReturning, upset = action == SqlAction::kUpset;
    if ((returning || upset) && !table.stored) return kDead;
    SqlScope c;
    c.core = true;
    c.parent = statement;
    c.clause = 0;
    // SET comes in front of FROM.
    c.phase = action == SqlAction::kUpdate && table.stored ? 0 : 2;
    // RETURNING knows the table by its own name, and no aliases of its columns.
    c.strict = c.returning = returning;
    c.sources.push_back({returning ? table.name : st.target_alias, st.target, 0});
    if (upset) {
        const u32 excluded = names.of("excluded");
        if (st.target_alias == excluded) return kDead;
        const u32 relation = plain_relation(st.target);
        c.sources.push_back({excluded, relation, list(relations_[relation].names)});
    }
    return intern(std::move(c));
}

const SqlTable* SqlScopes::target_of(u32 core) const {
    const SqlScope& c = scopes_[core];
    const u32 target = c.core ? scopes_[c.parent].target : u32(NONE);
    return target == NONE ? nullptr : &program_.tables[target];
}

void SqlScopes::written_columns(u32 scope, SqlCategory category, SqlNameSet& out) const {
    const SqlScope& s = scopes_[scope];
    if (category == SqlCategory::kSetColumn) {
        const SqlTable* t = target_of(scope);
        for (size_t i = 0; t && i < t->columns.size(); ++i)
            if (!t->hidden[i] && !t->generated[i]) add(out, t->columns[i]);
        return;
    }
    if (s.core || s.target == NONE) return;
    for (u32 name : program_.tables[s.target].columns)
        if (category == SqlCategory::kInsertColumn ? takes_column(s, name) : takes_conflict(s, name)) add(out, name);
    for (u32 name : program_.rowid_names)
        if (category == SqlCategory::kInsertColumn && takes_column(s, name)) add(out, name);
}

}  // namespace gcd
