#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

namespace {

std::vector<u32> key_of(const SqlScope& s) {
    std::vector<u32> k{s.core, s.parent};
    auto put = [&](const std::vector<u32>& v) {
        k.push_back(static_cast<u32>(v.size()));
        k.insert(k.end(), v.begin(), v.end());
    };
    if (!s.core) {
        k.insert(k.end(),
                 {s.mode, s.want, s.env, s.relation, s.terms, s.cte_name, s.self,
                  static_cast<u32>(s.recursive) | static_cast<u32>(s.open) << 1, s.target, s.target_alias, s.expect});
        put(s.cte_columns);
        put(s.outputs);
        return k;
    }
    u32 bits = s.phase | s.clause << 2 | s.tracker << 8;
    u32 at = 12;
    for (bool b : {s.strict, s.on, s.values, s.term, s.grouped, s.aggregated, s.in_item, s.need, s.natural, s.comma,
                   s.constrainable, s.nested, s.self_used, s.windows_closed, s.qualified_used, s.returning})
        bits |= static_cast<u32>(b) << at++;
    u32 typed_bits = 0;
    at = 0;
    for (bool b : {s.distinct, s.starred, s.grouping, s.opaque, s.late, s.windowed})
        typed_bits |= static_cast<u32>(b) << at++;
    k.insert(k.end(), {bits, typed_bits, s.item_name, s.item_flags, s.values_width, s.ended_group, s.tree});
    put(s.items);
    put(s.flags);
    put(s.debt);
    put(s.windows_used);
    put(s.windows);
    put(s.groups);
    k.insert(k.end(), s.types.begin(), s.types.end());
    for (const auto* loose : {&s.loose, &s.grouped_by}) {
        k.push_back(static_cast<u32>(loose->size()));
        for (const SqlLoose& x : *loose) k.insert(k.end(), {x.item, x.source, x.name});
    }
    k.push_back(static_cast<u32>(s.sources.size()));
    for (const SqlSource& x : s.sources) k.insert(k.end(), {x.qualifier, x.relation, x.hidden, x.nested});
    for (const SqlUse& x : s.uses) k.insert(k.end(), {x.name, x.how, x.types});
    k.push_back(NONE);
    for (const SqlQualified& x : s.qualified) {
        k.insert(k.end(), {x.qualifier, x.flags, x.schema});
        put(x.columns);
        put(x.types);
    }
    return k;
}

u64 hash_of(const std::vector<u32>& key) {
    u64 h = 0;
    for (u32 x : key) h = mix(h, x);
    return h;
}

}  // namespace

// -- names ------------------------------------------------------------------------------------

u32 SqlNames::find(const std::string& folded) const {
    const u32 known = program_.find_name(folded);
    if (known != NONE) return known;
    const auto it = index_.find(folded);
    return it == index_.end() ? NONE : it->second;
}

u32 SqlNames::of(const std::string& folded) {
    const u32 known = find(folded);
    if (known != NONE) return known;
    const u32 id = n_catalogue() + static_cast<u32>(extra_.size());
    if (extra_.size() > 50000000) throw CoreError(ErrorKind::limit_states, id, "SQL: too many names in texts");
    extra_.push_back(&index_.emplace(folded, id).first->first);
    return id;
}

bool SqlNames::odd(u32 name) const {
    return name < n_catalogue() ? program_.name_flags[name] & SqlProgram::kOdd
                                : !bare(name, SqlPlace::kCalled) || program_.find_word(text(name)) != NONE;
}

bool SqlNames::means(u32 name) const {
    return contains(program_.meaning_names, name);
}

u32 SqlNames::places(u32 name) const {
    constexpr u32 kAll = SqlProgram::kOdd - 1;
    if (name < n_catalogue()) return program_.name_flags[name] & kAll;
    const std::string& t = text(name);
    for (size_t i = 0; i < t.size(); ++i) {
        const char c = t[i];
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i && ((c >= '0' && c <= '9') || c == '$')))) return 0;
    }
    const u32 word = program_.find_word(t);
    return t.empty() ? 0 : word == NONE ? kAll : program_.word_flags[word];
}

bool SqlNameSet::has(u32 name, u32 n_catalogue) const {
    return name < n_catalogue ? bits_get(catalogue, name) : std::binary_search(extra.begin(), extra.end(), name);
}

// -- scopes -----------------------------------------------------------------------------------

SqlScopes::SqlScopes(const SqlProgram& program, u32 max_scopes)
    : names(program), program_(program), max_scopes_(max_scopes) {
    scopes_.push_back({});  // dead
    scopes_.push_back({});  // the root
    lists_.intern({});
    envs_.push_back({NONE, NONE, 0});
    for (u32 t = 0; t < program.tables.size(); ++t) {
        SqlRelation r;
        r.names = program.tables[t].columns;
        r.table = t;
        r.types = program.tables[t].types;
        for (u8 hidden : program.tables[t].hidden) r.width += !hidden;
        relations_.push_back(std::move(r));
    }
}

u32 SqlScopes::intern(SqlScope s) {
    const std::vector<u32> key = key_of(s);
    const u64 h = hash_of(key);
    const auto range = index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it)
        if (key_of(scopes_[it->second]) == key) return it->second;
    if (scopes_.size() >= max_scopes_) throw CoreError(ErrorKind::limit_states, max_scopes_, "SQL: too many scopes");
    const u32 id = scopes_.push_back(std::move(s));
    index_.emplace(h, id);
    return id;
}

std::string SqlScopes::may_leave_unsettled() const {
    size_t most = 0, shared = 0;
    for (const Bits& tables : program_.tables_of) {
        size_t n = 0;
        for (u64 w : tables) n += static_cast<size_t>(__builtin_popcountll(w));
        most = std::max(most, n);
        shared += n > 1;
    }
    if (most > kSearchSteps) return std::to_string(most) + " tables have a column of the same name";
    if (shared > kSearches) return std::to_string(shared) + " names are columns of several tables";
    return "";
}

SqlClass SqlRelation::type(u32 name) const {
    for (size_t i = 0; i < names.size() && i < types.size(); ++i)
        if (names[i] == name) return static_cast<SqlClass>(types[i]);
    return SqlClass::kAny;
}

u32 SqlScopes::relation(std::vector<u32> columns, std::vector<u8> types, bool self) {
    SqlRelation r;
    for (size_t i = 0; i < columns.size(); ++i) {  // of columns with one name, SQLite gives the later ones others
        u32& c = columns[i];
        if (c < kDummy && std::find(columns.begin(), columns.begin() + static_cast<long>(i), c) !=
                              columns.begin() + static_cast<long>(i))
            c = kUnnamed;
        r.unnamed = r.unnamed || c == kUnnamed;
    }
    std::vector<u32> key = columns;
    key.insert(key.end(), types.begin(), types.end());
    if (self) key.push_back(NONE);  // another one
    const auto it = relation_index_.find(key);
    if (it != relation_index_.end()) return it->second;
    r.width = static_cast<u32>(columns.size());
    r.names = std::move(columns);
    r.types = std::move(types);
    const u32 id = relations_.push_back(std::move(r));
    relation_index_.emplace(std::move(key), id);
    return id;
}

bool SqlScopes::has(const SqlRelation& r, u32 name) const {
    if (r.table != NONE) return name < names.n_catalogue() && bits_get(program_.tables_of[name], r.table);
    return contains(r.names, name);
}

bool SqlScopes::has_qualified(const SqlRelation& r, u32 name) const {
    if (r.table != NONE) return name < names.n_catalogue() && bits_get(program_.qualified_of[name], r.table);
    return contains(r.names, name);
}

u32 SqlScopes::with_parent(u32 id, u32 parent) {
    if (scopes_[id].parent == parent) return id;
    SqlScope s = scopes_[id];
    s.parent = parent;
    return intern(std::move(s));
}

u32 SqlScopes::outer_core(u32 core) const {
    for (;;) {
        const SqlScope& st = scopes_[scopes_[core].parent];
        if (st.mode == SqlScope::kPlain) return st.parent;
        if (st.mode != SqlScope::kDerived) return kDead;
        core = st.parent;
    }
}

u32 SqlScopes::with_outer(u32 core, u32 outer) {
    const u32 statement = scopes_[core].parent;
    const SqlScope& st = scopes_[statement];
    const u32 parent = st.mode == SqlScope::kPlain ? outer : with_outer(st.parent, outer);
    return with_parent(core, with_parent(statement, parent));
}

bool SqlScopes::waits(const SqlQualified& q) {
    return !(q.flags & SqlQualified::kBanned);
}

std::vector<u32> SqlScopes::wanted(const SqlScope& c) const {
    std::vector<u32> out;
    const SqlScope& st = scopes_[c.parent];
    if (!c.core || st.mode != SqlScope::kDerived) return out;
    const SqlScope& p = scopes_[st.parent];
    auto add = [&](u32 name) {
        if (!contains(c.items, name) && !contains(out, name)) out.push_back(name);
    };
    for (const SqlUse& u : p.uses)
        if (u.how < SqlUse::kFixed && !has(p, u.name)) add(u.name);
    for (const SqlQualified& q : p.qualified)
        if (waits(q))
            for (u32 column : q.columns) add(column);
    return out;
}

u32 SqlScopes::required(const SqlScope& c) const {
    if (c.values_width) return c.values_width;
    const SqlScope& st = scopes_[c.parent];
    return st.relation != NONE ? static_cast<u32>(relations_[st.relation].names.size()) : st.want;
}

// -- actions ----------------------------------------------------------------------------------

u32 SqlScopes::begin(u32 scope, u32 want) {
    SqlScope st;
    st.parent = scope;
    if (want & kWantClasses) {  // a column of one of these classes
        st.expect = want & 0xFFFF;
        want = 1;
    }
    st.want = want & 0xFFFF;
    st.mode = scope == kRoot        ? SqlScope::kTop
              : want & kWantCte     ? SqlScope::kCte
              : want & kWantDerived ? SqlScope::kDerived
              : want & kWantSource  ? SqlScope::kSource
                                    : SqlScope::kPlain;
    if (st.mode == SqlScope::kSource) st.want = fill_width(scopes_[scope]);
    if (st.mode == SqlScope::kCte) st.want = static_cast<u32>(scopes_[scope].cte_columns.size());
    return intern(std::move(st));
}

u32 SqlScopes::core(u32 statement) {
    SqlScope c;
    c.core = true;
    c.parent = statement;
    c.in_item = true;
    return intern(std::move(c));
}

u32 SqlScopes::set_op(u32 statement, u32 op) {
    SqlScope st = scopes_[statement];
    if (st.terms >= program_.max_terms || st.recursive) return kDead;
    // To SQLite a common table expression may speak of itself in the last query, behind UNION.
    const bool may = !program_.typed && st.mode == SqlScope::kCte && op != SqlScope::kOtherOp;
    const std::vector<u32>& listed = scopes_[st.parent].cte_columns;
    const std::vector<u32> columns = listed.empty() && may ? relations_[st.relation].names : listed;
    st.self = may && columns.size() == relations_[st.relation].names.size() ? relation(columns, {}, true) : u32(NONE);
    return intern(std::move(st));
}

u32 SqlScopes::isolate(u32 scope) {
    SqlScope st;
    st.parent = scope;
    st.mode = SqlScope::kIsolated;
    SqlScope c;
    c.core = true;
    c.parent = intern(std::move(st));
    c.phase = 2;
    c.clause = 0;
    return intern(std::move(c));
}

u32 SqlScopes::star(u32 core) {
    SqlScope c = scopes_[core];
    c.items.push_back(kStar);
    c.flags.push_back(0);
    if (program_.typed) c.types.push_back(0);
    c.starred = true;
    c.in_item = false;
    return intern(std::move(c));
}

u32 SqlScopes::star_of(u32 core, u32 qualifier) {
    SqlScope c = scopes_[core];
    if (c.phase != 0) return kDead;
    auto at = std::lower_bound(c.qualified.begin(), c.qualified.end(), qualifier,
                               [](const SqlQualified& q, u32 x) { return q.qualifier < x; });
    if (at == c.qualified.end() || at->qualifier != qualifier) at = c.qualified.insert(at, {qualifier, 0, {}, {}});
    if (at->flags & SqlQualified::kBanned) return kDead;
    at->flags |= SqlQualified::kStar;
    c.items.push_back(kStarOf | qualifier);
    c.flags.push_back(0);
    if (program_.typed) c.types.push_back(0);
    c.starred = true;
    c.in_item = false;
    return intern(std::move(c));
}

u32 SqlScopes::end_item(u32 core, SqlClass type) {
    SqlScope c = scopes_[core];
    const bool named = c.tracker == SqlScope::kNamed || (c.item_flags & SqlScope::kAlias);
    // SQLite would call the column TRUE or FALSE, and take these words for it where it is visible.
    const SqlScope& st = scopes_[c.parent];
    if (!named && c.tracker == SqlScope::kBoolean && (st.mode == SqlScope::kDerived || st.mode == SqlScope::kCte))
        return kDead;
    if (program_.typed) {
        if (exports(c) && (!named || contains(c.items, c.item_name))) return kDead;
        c.types.push_back(static_cast<u8>(class_of_result(type)));
    }
    c.items.push_back(named ? c.item_name : kUnnamed);
    c.flags.push_back(c.item_flags);
    c.item_name = NONE;
    c.item_flags = 0;
    c.tracker = SqlScope::kComplex;
    c.in_item = false;
    return intern(std::move(c));
}

u32 SqlScopes::seal(u32 core) {
    const SqlScope& c = scopes_[core];
    SqlScope st = scopes_[c.parent];
    if (c.phase != 2) return kDead;
    const u32 width = static_cast<u32>(c.items.size()), wanted = required(c);
    if (wanted && wanted != width) return kDead;
    if (st.relation == NONE) {
        st.relation = relation(c.items, c.types);
        for (size_t i = 0; i < c.items.size(); ++i)
            if (c.items[i] < kDummy && (c.flags[i] & (SqlScope::kAlias | SqlScope::kOutput)) &&
                !contains(st.outputs, c.items[i]) && (!program_.typed || alias_item(core, c.items[i]) != NONE))
                st.outputs.push_back(c.items[i]);
    } else if (program_.typed) {
        const SqlRelation& first = relations_[st.relation];
        std::vector<u8> types;
        for (size_t i = 0; i < c.types.size(); ++i) {
            const SqlClass type =
                unified_class(static_cast<SqlClass>(first.types[i]), static_cast<SqlClass>(c.types[i]));
            if (type == SqlClass::kCount) return kDead;
            types.push_back(static_cast<u8>(type));
        }
        st.relation = relation(std::vector<u32>(first.names), std::move(types));
    }
    ++st.terms;
    st.open = c.constrainable;
    st.recursive = st.recursive || c.self_used;
    return intern(std::move(st));
}

u32 SqlScopes::bind(u32 statement, u32 rel) {
    SqlScope st = scopes_[statement];
    const u32 named = st.cte_columns.empty() ? rel : relation(st.cte_columns, relations_[rel].types);
    if (relations_[named].names.size() != relations_[rel].names.size()) return kDead;
    envs_.push_back({st.cte_name, named, st.env});
    for (u32 e = 1; e < envs_.size(); ++e)  // the same one, if it is there
        if (envs_[e].name == st.cte_name && envs_[e].relation == named && envs_[e].before == st.env) {
            if (e + 1 < envs_.size()) envs_.pop_back();
            st.env = e;
            break;
        }
    st.cte_name = NONE;
    st.cte_columns.clear();
    return intern(std::move(st));
}

}  // namespace gcd
