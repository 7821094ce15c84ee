// What names and numbers do to a thread: what it is behind them, if they can stand there.
#include "sql_syntax.hpp"

#include <algorithm>

namespace gcd {

namespace {

void insert_sorted(std::vector<u32>& v, u32 x) {
    const auto at = std::lower_bound(v.begin(), v.end(), x);
    if (at == v.end() || *at != x) v.insert(at, x);
}

}  // namespace

// The thread behind a name; false if it can't stand here.
bool SqlSyntax::name(Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented, u32 types) {
    const SqlNameSet& set = name_set(t, category);
    u32 id = scopes_.names.find(text);
    const bool there = id != NONE && set.has(id, scopes_.names.n_catalogue());
    if (!there && !(set.fresh && invented && !(id != NONE && scopes_.names.means(id)))) return false;
    if (there && !quoted && !scopes_.names.bare(id, set.place)) return false;
    if (id == NONE) id = scopes_.names.of(text);
    const SqlScope& s = scopes_.get(t.scope);
    auto change = [&](auto&& f) {
        SqlScope c = s;
        f(c);
        t.scope = scopes_.intern(std::move(c));
    };
    auto named = [&](u32 scope) {
        t.scope = scope;
        t.reg = NONE;
        if (scope == SqlScopes::kDead) return false;
        const SqlScope& now = scopes_.get(scope);
        SqlScope c = now;
        // With types, a bare name that is a whole term of ORDER BY may be a result column's.
        const bool alone =
            now.tracker == SqlScope::kFresh && (!now.term || (program_.typed && category == SqlCategory::kColumn));
        c.item_name = alone ? id : now.item_name;
        if (now.tracker != SqlScope::kAlone) c.tracker = alone ? SqlScope::kNamed : SqlScope::kComplex;
        if (program_.typed) t.reg = static_cast<u32>(__builtin_ctz(types));
        t.scope = scopes_.intern(std::move(c));
        return true;
    };
    switch (category) {
        case SqlCategory::kColumn:
            return named(scopes_.use(t.scope, id, true, types));
        case SqlCategory::kQualifier:
            t.reg = id;
            return !name_set(t, SqlCategory::kQualifiedColumn).none();
        case SqlCategory::kQualifiedColumn:
            return named(scopes_.use_qualified(t.scope, t.reg, id, types));
        case SqlCategory::kStarQualifier:
            if (scopes_.required(s) && frames_[t.frame].depth + kRoom > program_.max_stack) return false;
            t.scope = scopes_.star_of(t.scope, id);
            return t.scope != SqlScopes::kDead;
        case SqlCategory::kTable:
        case SqlCategory::kSchemaTable: {
            const u32 relation =
                category == SqlCategory::kTable ? scopes_.table(t.scope, id) : scopes_.schema_table(t.reg, id);
            if (relation == NONE) return false;
            t.scope = scopes_.add_source(t.scope, relation, SqlScopes::kUndecided);
            t.reg = id;
            return t.scope != SqlScopes::kDead;
        }
        case SqlCategory::kSchema:
            t.reg = id;
            return true;
        case SqlCategory::kSourceAlias:
        case SqlCategory::kBareAlias:
            t.scope = scopes_.set_alias(t.scope, id);
            t.reg = NONE;
            return t.scope != SqlScopes::kDead;
        case SqlCategory::kResultAlias:
        case SqlCategory::kLabel:
            if (program_.typed && scopes_.exports(s) && std::find(s.items.begin(), s.items.end(), id) != s.items.end())
                return false;
            change([&](SqlScope& c) {
                c.item_name = id;
                c.item_flags |= SqlScope::kAlias;
            });
            return true;
        case SqlCategory::kCteName:
            if (scopes_.same_cte(t.scope, id)) return false;
            // A table that it hides must have another name.
            if (const auto it = program_.tables_named.find(id); it != program_.tables_named.end())
                for (u32 table : it->second)
                    if (program_.tables[table].schema == NONE) return false;
            change([&](SqlScope& c) { c.cte_name = id; });
            return true;
        case SqlCategory::kCteColumn:
            if (std::find(s.cte_columns.begin(), s.cte_columns.end(), id) != s.cte_columns.end()) return false;
            change([&](SqlScope& c) { c.cte_columns.push_back(id); });
            return true;
        case SqlCategory::kUsing:
            t.scope = scopes_.merge(t.scope, id);
            return t.scope != SqlScopes::kDead;
        case SqlCategory::kScalar:
        case SqlCategory::kAggregate:
        case SqlCategory::kWindow: {
            const u32 kind = static_cast<u32>(category) - static_cast<u32>(SqlCategory::kScalar);
            if (t.frame == 0 || !s.core) return false;
            Frame f = frames_[t.frame];
            f.data = static_cast<u64>(id) << 32 | kind << 16 | (s.clause & 3) | (s.strict ? 4 : 0) | (s.nested ? 8 : 0);
            if (program_.typed) {  // those that give what may stand here
                const std::vector<u32>& all = program_.functions_named.at(id);
                for (size_t k = 0; k < std::min<size_t>(all.size(), 14); ++k) {
                    const SqlFunction& candidate = program_.functions[all[k]];
                    if (candidate.kind == kind && (t.reg & class_set(candidate.result))) f.data |= 1ull << (18 + k);
                }
                t.reg = NONE;
            }
            t.frame = intern_frame(f);
            if (kind)
                change([&](SqlScope& c) {
                    // An aggregate with one in its arguments must become a window function.
                    c.clause = kind == 2 ? c.clause & 1 : c.clause == 3;
                    c.strict = c.strict || kind == 1;
                    c.nested = false;
                });
            return true;
        }
        case SqlCategory::kSchemaQualifier:
            t.reg = id;
            return !scopes_.set(t.scope, SqlCategory::kInnerQualifier, id).none();
        case SqlCategory::kInnerQualifier:
            t.reg = scopes_.dotted(t.reg, id);
            return !scopes_.set(t.scope, SqlCategory::kQualifiedColumn, t.reg).none();
        case SqlCategory::kWindowName:
            if (!s.windows_closed) change([&](SqlScope& c) { insert_sorted(c.windows_used, id); });
            return true;
        case SqlCategory::kWindowDefinition:
            if (contains(s.windows, id)) return false;
            change([&](SqlScope& c) { insert_sorted(c.windows, id); });
            return true;
        case SqlCategory::kTarget:
        case SqlCategory::kSchemaTarget: {
            const u32 table =
                category == SqlCategory::kTarget ? scopes_.catalogue_table(id) : scopes_.schema_table(t.reg, id);
            if (table == NONE || !program_.tables[table].writable) return false;
            t.reg = NONE;
            change([&](SqlScope& st) {
                st.target = table;
                st.target_alias = id;
            });
            return true;
        }
        case SqlCategory::kTargetAlias:
            change([&](SqlScope& st) { st.target_alias = id; });
            return true;
        case SqlCategory::kInsertColumn:
            if (!scopes_.takes_column(s, id)) return false;
            change([&](SqlScope& st) { st.cte_columns.push_back(id); });
            return true;
        case SqlCategory::kConflictColumn:
            if (!scopes_.takes_conflict(s, id)) return false;
            change([&](SqlScope& st) { st.cte_columns.push_back(id); });
            return true;
        case SqlCategory::kAlias:
            if (s.grouping) t.scope = scopes_.group_item(t.scope, scopes_.alias_item(t.scope, id));
            return t.scope != SqlScopes::kDead;
        case SqlCategory::kOutput:
        case SqlCategory::kCollation:
        case SqlCategory::kType:
        case SqlCategory::kInTable:
        case SqlCategory::kSetColumn:
            return true;
        case SqlCategory::kCount:
            break;
    }
    return false;
}

bool SqlSyntax::position(const Thread& t, u32 value) const {
    const SqlScope& s = scopes_.get(t.scope);
    if (s.core)
        return value >= 1 && value <= s.types.size() &&
               (s.grouping ? scopes_.groupable(t.scope, value - 1)
                           : static_cast<SqlClass>(s.types[value - 1]) != SqlClass::kOther);
    return s.relation != NONE && value >= 1 && value <= scopes_.relation_of(s.relation).names.size();
}

// The thread behind a number.
bool SqlSyntax::number(Thread& t, SqlLiteral wanted, const SqlNumber& n) {
    if (wanted == SqlLiteral::kInteger) return n.form == SqlNumber::kInt;
    if (wanted == SqlLiteral::kPosition) {
        const u32 value = program_.typed ? n.counted_value() : n.value;
        if (n.form != SqlNumber::kInt || !position(t, value)) return false;
        if (scopes_.get(t.scope).grouping) t.scope = scopes_.group_item(t.scope, value - 1);
        return true;
    }
    if (wanted >= SqlLiteral::kSmall)
        return wanted == (n.form != SqlNumber::kInt || n.digits() > SqlNumber::kBigDigits ? SqlLiteral::kDecimal
                          : n.digits() > SqlNumber::kIntDigits                            ? SqlLiteral::kLong
                                                                                          : SqlLiteral::kSmall);
    if (wanted != SqlLiteral::kNumber) return false;
    const SqlScope& s = scopes_.get(t.scope);
    if (!s.core || s.tracker == SqlScope::kComplex) return true;
    SqlScope c = s;
    c.tracker = SqlScope::kComplex;
    // As a whole term of ORDER BY or GROUP BY an integer is the number of a column.
    if (s.term && (n.form == SqlNumber::kInt || n.form == SqlNumber::kHex)) {
        const bool there = s.tracker == SqlScope::kFresh && n.form == SqlNumber::kInt && n.value >= 1 &&
                           n.value <= s.items.size() &&
                           (s.clause != 0 || !(s.flags[n.value - 1] & (SqlScope::kAggregate | SqlScope::kWindow)));
        if (!there) c.tracker = SqlScope::kInteger;
    }
    t.scope = scopes_.intern(std::move(c));
    return true;
}

}  // namespace gcd
