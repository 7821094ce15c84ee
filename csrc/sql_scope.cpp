#include "sql_scope.hpp"

#include <algorithm>

namespace gcd {

namespace {

constexpr u32 kSearchSteps = 4000;                                    // of one search for tables
constexpr u32 kSearches = 4096;                                       // for one set of names
constexpr u32 kQualifiedStar = 1, kBanned = 2, kQualifiedStrict = 4;  // SqlQualified::flags

template <class T>
bool contains(const std::vector<T>& v, T x) {
    return std::find(v.begin(), v.end(), x) != v.end();
}

bool has_star(const SqlScope& c) {
    for (u32 i : c.items)
        if (i == SqlScopes::kStar || i >= SqlScopes::kStarOf) return true;
    return false;
}

std::vector<u32> key_of(const SqlScope& s) {
    std::vector<u32> k{s.core, s.parent};
    auto put = [&](const std::vector<u32>& v) {
        k.push_back(static_cast<u32>(v.size()));
        k.insert(k.end(), v.begin(), v.end());
    };
    if (!s.core) {
        k.insert(k.end(), {s.mode, s.want, s.env, s.relation, s.terms, s.cte_name, s.expect});
        put(s.cte_columns);
        put(s.outputs);
        return k;
    }
    u32 bits = s.phase | s.clause << 2 | s.tracker << 8;
    u32 at = 16;
    for (bool b : {s.strict, s.on, s.values, s.term, s.grouped, s.aggregated, s.in_item, s.need, s.natural, s.comma,
                   s.distinct, s.starred, s.grouping, s.opaque, s.late, s.windowed})
        bits |= static_cast<u32>(b) << at++;
    k.insert(k.end(), {bits, s.item_name, s.item_flags, s.values_width, s.tree});
    put(s.items);
    put(s.flags);
    put(s.debt);
    k.insert(k.end(), s.types.begin(), s.types.end());
    for (const auto* loose : {&s.loose, &s.grouped_by}) {
        k.push_back(static_cast<u32>(loose->size()));
        for (const SqlLoose& x : *loose) k.insert(k.end(), {x.item, x.source, x.name});
    }
    k.push_back(static_cast<u32>(s.sources.size()));
    for (const SqlSource& x : s.sources) k.insert(k.end(), {x.qualifier, x.relation, x.hidden});
    for (const SqlUse& x : s.uses) k.insert(k.end(), {x.name, x.how, x.types});
    k.push_back(NONE);
    for (const SqlQualified& x : s.qualified) {
        k.insert(k.end(), {x.qualifier, x.flags});
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

u32 SqlScopes::relation(std::vector<u32> columns, std::vector<u8> types) {
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

// How many of the first sources a bare name could mean; 2 stands for more as well.
u32 SqlScopes::count(const SqlScope& c, u32 name, size_t n_sources, size_t first) const {
    u32 n = 0;
    for (size_t i = first; i < n_sources; ++i) {
        const SqlSource& s = c.sources[i];
        const SqlRelation& r = relations_[s.relation];
        if (r.unnamed && names.odd(name)) n += 2;
        if (has(r, name) && !(s.hidden && contains(lists_[s.hidden], name))) ++n;
    }
    return n;
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
    return !(q.flags & kBanned);
}

u32 SqlScopes::required(const SqlScope& c) const {
    if (c.values_width) return c.values_width;
    const SqlScope& st = scopes_[c.parent];
    return st.relation != NONE ? static_cast<u32>(relations_[st.relation].names.size()) : st.want;
}

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

u32 SqlScopes::table(u32 core, u32 name) const {
    for (u32 scope = core; scope > kRoot; scope = scopes_[scope].parent)
        for (u32 e = scopes_[scope].core ? 0 : scopes_[scope].env; e; e = envs_[e].before)
            if (envs_[e].name == name) return envs_[e].relation;
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

// -- actions ----------------------------------------------------------------------------------

u32 SqlScopes::begin(u32 scope, u32 want) {
    SqlScope st;
    st.parent = scope;
    if (want & 0x40000) {  // a column of one of these classes
        st.expect = want & 0xFFFF;
        want = 1;
    }
    st.want = want & 0xFFFF;
    st.mode = scope == kRoot   ? SqlScope::kTop
              : want & 0x10000 ? SqlScope::kCte
              : want & 0x20000 ? SqlScope::kDerived
                               : SqlScope::kPlain;
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
    if (at->flags & kBanned) return kDead;
    at->flags |= kQualifiedStar;
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
    if (program_.typed && s.phase == 1 && count(s, name, s.tree)) return kDead;  // ON doesn't see other joins
    const u32 n = count(s, name, s.sources.size());
    if (n > 1) return kDead;
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
    if (scopes_[core].strict) return kDead;
    const u32 outer = outer_core(core);
    if (outer == kDead) return kDead;
    const u32 next = use(outer, name, false, types);
    return next == kDead ? kDead : with_outer(core, next);
}

u32 SqlScopes::use_qualified(u32 core, u32 qualifier, u32 column, u32 types) {
    const SqlScope& s = scopes_[core];
    for (u32 i = 0; i < s.sources.size(); ++i) {
        if (s.sources[i].qualifier != qualifier) continue;
        const SqlRelation& r = relations_[s.sources[i].relation];
        if (!has_qualified(r, column) || !fits(r, column, types)) return kDead;
        if (!program_.typed) return core;
        if (s.grouping) return group_by(core, i, column, r.type(column));
        return s.phase == 1 ? (i >= s.tree ? core : u32(kDead)) : grouped(s, i, column) ? core : u32(kDead);
    }
    if (s.grouping) return kDead;
    if (s.phase == 2) return outward_qualified(core, qualifier, column, types);
    SqlScope c = s;
    auto at = std::lower_bound(c.qualified.begin(), c.qualified.end(), qualifier,
                               [](const SqlQualified& q, u32 x) { return q.qualifier < x; });
    const bool there = at != c.qualified.end() && at->qualifier == qualifier;
    if (s.phase == 0) {
        if (!there) at = c.qualified.insert(at, {qualifier, 0, {}, {}});
        if (at->flags & kBanned) return kDead;
        if (s.strict) at->flags |= kQualifiedStrict;
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
        c.qualified.insert(at, {qualifier, kBanned, {}, {}});
    } else if (!(at->flags & kBanned)) {
        return kDead;  // it waits for a source, and this one must not
    }
    return outward_qualified(intern(std::move(c)), qualifier, column, types);
}

u32 SqlScopes::outward_qualified(u32 core, u32 qualifier, u32 column, u32 types) {
    if (scopes_[core].strict) return kDead;
    const u32 outer = outer_core(core);
    if (outer == kDead) return kDead;
    const u32 next = use_qualified(outer, qualifier, column, types);
    return next == kDead ? kDead : with_outer(core, next);
}

u32 SqlScopes::add_source(u32 core, u32 relation, u32 qualifier) {
    SqlScope c = scopes_[core];
    if (c.sources.size() >= program_.max_sources) return kDead;
    const SqlRelation& r = relations_[relation];
    std::vector<u32> merged;
    if (c.natural) {
        if (r.table != NONE && r.width != r.names.size()) return kDead;
        for (u32 name : r.names) {
            const u32 n = name >= kDummy ? 0 : count(c, name, c.sources.size(), c.tree);
            if (n > 1) return kDead;
            if (n == 1 && !mergeable(c, name, r, c.sources.size())) return kDead;
            if (n == 1) merged.push_back(name);
        }
    }
    for (const SqlUse& u : c.uses) {
        if (r.unnamed && names.odd(u.name)) return kDead;
        if (!has(r, u.name) || contains(merged, u.name)) continue;
        if (u.how == SqlUse::kNone || !fits(r, u.name, u.types)) return kDead;
        if (count(c, u.name, c.sources.size()) == 0) continue;
        if (c.natural || c.comma) return kDead;
        if (program_.typed && (count(c, u.name, c.tree) || !mergeable(c, u.name, r, c.sources.size()))) return kDead;
        c.debt.push_back(u.name);
    }
    c.sources.push_back({kUndecided, relation, list(merged)});
    c.need = false;
    const u32 id = intern(std::move(c));
    return qualifier == kUndecided ? id : set_alias(id, qualifier);
}

u32 SqlScopes::set_alias(u32 core, u32 qualifier) {
    SqlScope c = scopes_[core];
    if (c.sources.empty() || c.sources.back().qualifier != kUndecided) return kDead;
    c.sources.back().qualifier = qualifier;
    if (qualifier == kAnonymous) return intern(std::move(c));
    const SqlRelation& r = relations_[c.sources.back().relation];
    for (size_t i = 0; i + 1 < c.sources.size(); ++i)
        if (c.sources[i].qualifier == qualifier) return kDead;
    for (size_t i = 0; i < c.qualified.size(); ++i) {
        if (c.qualified[i].qualifier != qualifier) continue;
        if (c.qualified[i].flags & kBanned) return kDead;
        for (size_t k = 0; k < c.qualified[i].columns.size(); ++k)
            if (!has_qualified(r, c.qualified[i].columns[k]) ||
                !fits(r, c.qualified[i].columns[k], c.qualified[i].types[k]))
                return kDead;
        c.qualified.erase(c.qualified.begin() + static_cast<long>(i));
        break;
    }
    return intern(std::move(c));
}

u32 SqlScopes::merge(u32 core, u32 name) {
    SqlScope c = scopes_[core];
    SqlSource& last = c.sources.back();
    if (!has(relations_[last.relation], name) || contains(lists_[last.hidden], name)) return kDead;
    if (count(c, name, c.sources.size() - 1, c.tree) != 1) return kDead;
    if (!mergeable(c, name, relations_[last.relation], c.sources.size() - 1)) return kDead;
    std::vector<u32> merged = lists_[last.hidden];
    merged.push_back(name);
    last.hidden = list(merged);
    c.debt.erase(std::remove(c.debt.begin(), c.debt.end(), name), c.debt.end());
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
            if (item < kDummy && !(f & SqlScope::kAlias) && count(c, item, c.sources.size()) == 1)
                f |= SqlScope::kOutput;
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
                out.push_back(name);
                if (types && program_.typed) types->push_back(k < r.types.size() ? r.types[k] : 0);
                if (flags)
                    flags->push_back(name < kDummy && count(c, name, c.sources.size()) == 1 ? u32(SqlScope::kOutput)
                                                                                            : 0);
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
        const u32 n = count(c, u.name, c.sources.size());
        if (n > 1 || (n == 0 && u.how == SqlUse::kStrict)) return kDead;
        if (n == 0)
            pushed.push_back(u);
        else if (program_.typed && !fits(relations_[c.sources[source_of(c, u.name)].relation], u.name, u.types))
            return kDead;
    }
    std::vector<SqlQualified> qualified;
    for (SqlQualified& q : c.qualified) {
        if (q.flags & kBanned) continue;
        if (q.flags & (kQualifiedStar | kQualifiedStrict)) return kDead;
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
    c.on = c.natural = c.comma = c.in_item = false;
    c.tracker = SqlScope::kComplex;
    const u32 width = required(c);
    if ((width && c.items.size() != width && !c.values) || c.items.size() > program_.max_columns) return kDead;
    u32 id = intern(std::move(c));
    for (const SqlUse& u : pushed)
        if ((id = outward(id, u.name, u.types)) == kDead) return kDead;
    for (const SqlQualified& q : qualified)
        for (size_t k = 0; k < q.columns.size(); ++k)
            if ((id = outward_qualified(id, q.qualifier, q.columns[k], q.types[k])) == kDead) return kDead;
    return id;
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
                !contains(st.outputs, c.items[i]) &&
                (!program_.typed || alias_item(core, c.items[i]) != NONE))
                st.outputs.push_back(c.items[i]);
    } else if (program_.typed) {
        const SqlRelation& first = relations_[st.relation];
        std::vector<u8> types;
        for (size_t i = 0; i < c.types.size(); ++i) {
            const SqlClass type = unified_class(static_cast<SqlClass>(first.types[i]), static_cast<SqlClass>(c.types[i]));
            if (type == SqlClass::kCount) return kDead;
            types.push_back(static_cast<u8>(type));
        }
        st.relation = relation(std::vector<u32>(first.names), std::move(types));
    }
    ++st.terms;
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

// -- liveness ---------------------------------------------------------------------------------

// The choice of tables that explain a core's uses.
struct SqlScopes::Search {
    const SqlScope& c;
    std::vector<u32> counts;  // of each use: sources that have it
    std::vector<u8> pushed, pushed_qualified;
    std::vector<std::pair<u32, u32>> chosen;  // relation, qualifier
    std::vector<u32> others;                  // relations of common table expressions
    u32 undecided = kAnonymous;               // what the last source will be called
    bool outer = false;                       // names may be left to a scope around
    u32 steps = kSearchSteps;
};

bool SqlScopes::live(u32 scope) {
    if (scope <= kRoot) return scope == kRoot;
    const auto it = live_.find(scope);
    if (it != live_.end()) return it->second;
    bool alive;
    if (scopes_[scope].core) {
        alive = live_core(scope);
    } else {
        const SqlScope& st = scopes_[scope];
        alive = finish(scope,
                       st.relation != NONE ? st.relation : relation(std::vector<u32>(std::max(st.want, 1u), kDummy)));
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
    Search s{c, {}, {}, {}, {}, {}};
    for (const SqlUse& u : c.uses)
        s.counts.push_back(std::min(count(c, u.name, c.sources.size()), contains(c.debt, u.name) ? 1u : 2u));
    for (size_t i = 0; i < c.uses.size(); ++i)
        if (s.counts[i] > 1) return false;
    s.pushed.assign(c.uses.size(), 0);
    s.pushed_qualified.assign(c.qualified.size(), 0);
    s.others = ctes(id);
    s.outer = !c.strict && outer_core(id) != kDead;
    return search(s);
}

bool SqlScopes::search(Search& s) {
    const bool found = search_qualified(s, 0);
    if (!found && s.steps == 0) ++unsettled_;
    return found;
}

bool SqlScopes::choose(Search& s, u32 rel) {
    const SqlRelation& r = relations_[rel];
    for (size_t i = 0; i < s.c.uses.size(); ++i) {
        const SqlUse& u = s.c.uses[i];
        const bool in = has(r, u.name);
        if ((in && (s.counts[i] || s.pushed[i] || u.how == SqlUse::kNone || !fits(r, u.name, u.types))) || (r.unnamed && names.odd(u.name))) {
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
    while (i < s.c.qualified.size() && ((s.c.qualified[i].flags & kBanned) || s.c.qualified[i].columns.empty())) ++i;
    if (i == s.c.qualified.size()) return search_uses(s);
    const SqlQualified& q = s.c.qualified[i];
    if (!s.c.sources.empty() && s.c.sources.back().qualifier == kUndecided && s.undecided == kAnonymous) {
        const SqlRelation& r = relations_[s.c.sources.back().relation];
        if (suits(r, q)) {
            s.undecided = q.qualifier;
            if (search_qualified(s, i + 1)) return true;
            s.undecided = kAnonymous;
        }
    }
    auto attempt = [&](u32 rel) {
        if (s.steps == 0) return false;
        --s.steps;
        if (!suits(relations_[rel], q) || !choose(s, rel)) return false;
        s.chosen.emplace_back(rel, q.qualifier);
        if (search_qualified(s, i + 1)) return true;
        s.chosen.pop_back();
        unchoose(s, rel);
        return false;
    };
    for (u32 rel : s.others) {
        bool all = true;
        for (u32 column : q.columns) all = all && has(relations_[rel], column);
        if (all && attempt(rel)) return true;
    }
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
        for (u64 x = cand[w]; x; x &= x - 1)
            if (attempt(static_cast<u32>(w * 64 + static_cast<u32>(__builtin_ctzll(x))))) return true;
    if (s.outer && !(q.flags & (kQualifiedStar | kQualifiedStrict))) {
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
                if (attempt(static_cast<u32>(w * 64 + static_cast<u32>(__builtin_ctzll(x))))) return true;
    }
    if (s.outer && s.c.uses[i].how == SqlUse::kNeed) {
        s.pushed[i] = 1;
        if (search_uses(s)) return true;
        s.pushed[i] = 0;
    }
    return false;
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
    bool waits = c.need;  // a source must come
    for (u32 item : c.items) {
        if (item == kStar) {
            ++stars;
        } else if (item >= kStarOf) {
            bool found = false;
            for (const SqlSource& x : c.sources)
                if (x.qualifier == (item & ~kStarOf)) plain += relations_[x.relation].width, found = true;
            if (!found && width) return false;
            if (!found) waits = waits || c.phase == 1;
        } else {
            ++plain;
        }
    }
    waits = waits && s.chosen.empty();
    u32 extra = 0;  // columns of one more source, a subquery
    if (stars && (n_sources == 0 || waits)) extra = 1;
    if (width) {
        const u64 now = plain + static_cast<u64>(stars) * all;
        if (now > width) return false;
        const u32 rest = width - static_cast<u32>(now);
        if (c.phase == 0) {
            if (stars * extra > rest) return false;
        } else if (rest) {
            if (!stars || rest % stars) return false;
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
    end.comma = true;
    if (!end.debt.empty()) {
        std::vector<u32> merged = lists_[end.sources.back().hidden];
        merged.insert(merged.end(), end.debt.begin(), end.debt.end());
        end.sources.back().hidden = list(merged);
        end.debt.clear();
    }
    for (u32 n = c.phase == 0 && width ? width - std::min(width, plain + stars * (all + extra)) : 0; n; --n)
        dummy();
    end.phase = 1;
    // Qualifiers that nothing is known of get a source of their own, as any name may.
    std::vector<std::pair<u32, u32>> more = s.chosen;
    for (const SqlQualified& q : c.qualified)
        if (!(q.flags & kBanned) && q.columns.empty()) more.emplace_back(relation({kDummy}), q.qualifier);
    u32 id = intern(std::move(end));
    if (!c.sources.empty() && c.sources.back().qualifier == kUndecided) id = set_alias(id, s.undecided);
    if (extra && id != kDead) id = add_source(id, relation(std::vector<u32>(extra, kDummy)), kAnonymous);
    for (const auto& [rel, qualifier] : more)
        if (id != kDead) id = add_source(id, rel, qualifier);
    if (id != kDead) id = close(id);
    if (id == kDead) return false;
    const SqlScope& closed = scopes_[id];
    const SqlScope& around = scopes_[closed.parent];
    return finish(closed.parent, around.relation != NONE ? around.relation : relation(closed.items, closed.types));
}

// -- sets -------------------------------------------------------------------------------------

bool SqlScopes::uniform(u32 scope) const {
    const SqlScope& c = scopes_[scope];
    if (!c.core || c.phase != 0 || outer_core(scope) != kDead) return false;
    if (program_.typed && exports(c)) return false;  // its names must differ
    const SqlScope& st = scopes_[c.parent];
    if (st.mode != SqlScope::kDerived) return true;
    const SqlScope& p = scopes_[st.parent];
    return p.uses.empty() && simple(p);
}

void SqlScopes::matter(u32 scope, SqlCategory category, std::vector<u32>& out) const {
    const SqlScope& s = scopes_[scope];
    for (const SqlQualified& q : s.qualified) out.push_back(q.qualifier);
    for (const SqlSource& x : s.sources) out.push_back(x.qualifier);
    out.insert(out.end(), s.cte_columns.begin(), s.cte_columns.end());
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
    const bool by_reg = category == SqlCategory::kQualifiedColumn || category == SqlCategory::kSchemaTable;
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
            if (program_.typed && ((kind && (s.opaque || s.starred)) || (kind == 2 && (s.aggregated || s.grouped)))) break;
            for (const SqlFunction& f : program_.functions)
                if (may && f.kind == kind && (types == kAllClasses || (types & class_set(f.result)))) add(*out, f.name);
            break;
        }
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
    Search s{c, {}, {}, {}, {}, {}};
    s.counts.assign(c.uses.size(), 0);
    s.pushed.assign(c.uses.size(), 0);
    s.pushed_qualified.assign(c.qualified.size(), 0);
    s.others = ctes(core);
    s.outer = !c.strict && outer_core(core) != kDead;
    // a column that can't be grouped may not stand beside aggregates
    const bool found = search(s), quick = found && simple(c) && !(types != kAllClasses && c.aggregated);
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
    if (!quick || !c.qualified.empty()) common.clear();
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
        if (of.empty()) continue;
        bool fine = false;
        if (quick && !several_classes(name)) {
            u32 n = 0;
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
    const u32 outer = c.strict ? kDead : outer_core(core);
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
    const u32 outer = c.strict ? kDead : outer_core(core);
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

void SqlScopes::qualified_columns(u32 core, u32 qualifier, u32 types, SqlNameSet& out) {
    const SqlScope& c = scopes_[core];
    for (const SqlSource& s : c.sources) {
        if (s.qualifier != qualifier) continue;
        const SqlRelation& r = relations_[s.relation];
        for (u32 name : r.names)
            if (!program_.typed || usable_qualified(core, qualifier, name, types)) add(out, name);
        if (r.table != NONE && program_.tables[r.table].rowid)
            for (u32 name : program_.rowid_names) add(out, name);
        return;
    }
    if (c.phase == 0) open_qualified(core, qualifier, types, out);
    const u32 outer = c.strict ? kDead : outer_core(core);
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
    const SqlQualified* entry = nullptr;
    for (const SqlQualified& q : c.qualified)
        if (q.qualifier == qualifier) entry = &q;
    if (entry && (entry->flags & kBanned)) return;
    const bool quick = simple(c) && live(core) && !(program_.typed && c.aggregated);
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
            if ((pass == 0 && !free) || (pass == 1 && quick && free) || (entry && !suits(relations_[t], *entry))) continue;
            auto one = [&](u32 name) {
                if (pass == 0 && !several_classes(name) && fits(relations_[t], name, types))
                    add(out, name);
                else
                    slow(name);
            };
            for (u32 name : relations_[t].names) one(name);
            if (program_.tables[t].rowid)
                for (u32 name : program_.rowid_names) one(name);
        }
    for (u32 rel : ctes(core))
        if (!entry || suits(relations_[rel], *entry))
            for (u32 name : relations_[rel].names) slow(name);
}

void SqlScopes::tables(u32 core, SqlNameSet& out, u32 schema) {
    const SqlScope& c = scopes_[core];
    if (c.sources.size() >= program_.max_sources) return;
    const bool quick = simple(c) && !c.natural && live(core);
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
    for (u32 scope = core; scope > kRoot; scope = scopes_[scope].parent)
        for (u32 e = scopes_[scope].core ? 0 : scopes_[scope].env; e; e = envs_[e].before)
            if (table(core, envs_[e].name) == envs_[e].relation) slow(envs_[e].relation, envs_[e].name);
}

}  // namespace gcd
