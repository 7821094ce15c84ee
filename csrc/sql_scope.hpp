// Scopes of SQL statements: which names can be written, given what was read and what can still be written.
//
// A scope is a statement (its common table expressions, the width that is asked of it) or a core (one SELECT ... FROM
// ... with its sources), each in the one around it. Scopes are hash-consed and never change: an action makes a new
// chain of them. Columns stand in front of the FROM clause that has them, so a core keeps the *uses* that its sources
// must still explain: names, of which each must be a column of exactly one source, and qualified names, of whose
// qualifier one source must have all columns. A chain is *live* if some choice of tables explains all uses; that is an
// exact-cover search, run under a budget and remembered. What isn't settled within the budget counts as dead: it can't
// be written.
#pragma once

#include <algorithm>
#include <map>

#include "interned_lists.hpp"
#include "sql_program.hpp"

namespace gcd {

// Names of the catalogue, and behind them those that texts bring in (aliases), folded.
class SqlNames {
  public:
    explicit SqlNames(const SqlProgram& program) : program_(program) {}
    u32 of(const std::string& folded);          // makes one if need be
    u32 find(const std::string& folded) const;  // NONE: never met
    const std::string& text(u32 name) const {
        return name < n_catalogue() ? program_.names[name] : *extra_[name - n_catalogue()];
    }
    u32 n_catalogue() const { return static_cast<u32>(program_.names.size()); }
    bool odd(u32 name) const;
    bool means(u32 name) const;  // something of its own, where no column is called so: it can't be invented
    u32 places(u32 name) const;  // bits: where it can be written without quotes
    bool bare(u32 name, SqlPlace place) const { return places(name) >> static_cast<u32>(place) & 1; }

  private:
    const SqlProgram& program_;
    std::vector<const std::string*> extra_;
    std::map<std::string, u32> index_;
};

template <class T>
bool contains(const std::vector<T>& v, const T& x) {
    return std::find(v.begin(), v.end(), x) != v.end();
}

// Columns of a table, a common table expression or a subquery.
struct SqlRelation {
    std::vector<u32> names;  // kUnnamed: cannot be written
    u32 table = NONE;        // of the catalogue
    bool unnamed = false;    // has a column whose name SQLite makes up
    u32 width = 0;           // columns that `*` stands for
    std::vector<u8> types;   // of the columns, in dialects that have them
    SqlClass type(u32 name) const;
};

struct SqlSource {
    u32 qualifier;
    u32 relation;
    u32 hidden;           // list of names that USING or NATURAL merged with a source before
    bool nested = false;  // in a bracket that SQLite takes for a subquery
};

struct SqlUse {  // of a name without qualifier
    enum How : u32 { kNeed, kStrict, kFixed, kNone };
    u32 name;
    u32 how;    // need: one source has it, or a scope around; strict: one source has it; fixed: one has it already, and
                // no other may; none: no source may have it
    u32 types;  // the classes that the column may have
};

struct SqlQualified {
    enum Flags : u32 {
        kStar = 1,    // `q.*` was written
        kBanned = 2,  // no source may be called that
        kStrict = 4,  // no scope around may have it
    };
    u32 qualifier;
    u32 flags;
    std::vector<u32> columns;
    std::vector<u32> types;  // of each of them: the classes that it may have
    u32 schema = NONE;       // of the table that it must be
};

// A column that stands in a result column outside of aggregates: where rows are grouped, it must be grouped.
struct SqlLoose {
    u32 item, source, name;  // source: its qualifier or NONE; behind FROM, its place or kMerged
    static constexpr u32 kMerged = 0xFFFF;
    bool operator==(const SqlLoose& o) const { return item == o.item && source == o.source && name == o.name; }
};

struct SqlScope {
    // What a statement is: the whole, a subquery in an expression, one in FROM, a common table expression, what INSERT
    // inserts, the expressions of LIMIT.
    enum Mode : u32 { kTop, kPlain, kDerived, kCte, kSource, kIsolated };
    // What a result column or a term is so far. kAlone: a name that means a result column if it is the whole term.
    enum Tracker : u32 { kFresh, kNamed, kComplex, kInteger, kSigned, kBoolean, kAlone };
    enum SetOp : u32 { kUnion, kUnionAll, kOtherOp, kNoOp };
    // kBorrowed: PostgreSQL may call the column like one that it was made of.
    enum ItemFlags : u32 { kAggregate = 1, kWindow = 2, kAlias = 4, kOutput = 8, kBorrowed = 16 };

    bool core = false;
    u32 parent = 0;
    // -- a statement --
    u32 mode = 0, want = 0, env = 0, relation = NONE, terms = 0, cte_name = NONE;
    std::vector<u32> cte_columns;
    std::vector<u32> outputs;  // names that ORDER BY behind a compound may use
    u32 self = NONE;           // of a common table expression: the relation that it is for itself from here on
    bool recursive = false;    // a query of it has used that
    // -- a statement that writes --
    u32 target = NONE, target_alias = NONE;  // a table of the catalogue, and what it is called
    bool open = false;                       // ON would belong to the FROM clause that the text ends with
    // -- a core --
    u32 phase = 0;   // 0 before FROM, 1 within, 2 behind
    u32 clause = 3;  // 1: aggregates may be called, 2: window functions
    bool strict = false, on = false, values = false, term = false, grouped = false, aggregated = false;
    bool in_item = false, need = false, natural = false, comma = false;
    bool constrainable = false;  // ON would belong to the last source
    bool nested = false;         // an aggregate was called within the arguments of one
    bool self_used = false;      // a common table expression speaks of itself
    bool windows_closed = false;
    bool returning = false;       // of RETURNING: names can't have a schema
    bool qualified_used = false;  // some source's qualifier was
    u32 ended_group = NONE;       // the bracket in FROM that has just ended, as in `groups`
    u32 tracker = kComplex, item_name = NONE, item_flags = 0, values_width = 0;
    std::vector<SqlSource> sources;
    std::vector<SqlUse> uses;                // sorted by name
    std::vector<SqlQualified> qualified;     // sorted by qualifier
    std::vector<u32> items, flags;           // names of result columns, kStar, kUnnamed, kDummy or kStarOf + qualifier
    std::vector<u32> debt;                   // names that USING must merge
    std::vector<u32> windows_used, windows;  // names of windows: behind OVER, and defined; sorted
    // Brackets in FROM that are open: the number of their first source, times two; one more where the bracket is a
    // subquery to SQLite, so that ON within it sees nothing in front of it.
    std::vector<u32> groups;
    u32 first_visible() const { return groups.empty() ? 0 : groups.back() / 2; }
    u32 first_joined() const { return std::max(first_visible(), tree); }  // that a join can merge columns of
    u32 nested_from() const {  // the first source of the innermost bracket that is a subquery; NONE
        for (size_t i = groups.size(); i-- > 0;)
            if (groups[i] & 1) return groups[i] / 2;
        return NONE;
    }
    // -- of dialects with types --
    u32 expect = kAllClasses;  // a statement: what its one column may be
    std::vector<u8> types;     // a core: classes of result columns
    bool distinct = false, starred = false, grouping = false, late = false, windowed = false;
    bool opaque = false;  // a loose column can't be grouped
    u32 tree = 0;         // the first source of the join that is being read
    std::vector<SqlLoose> loose, grouped_by;
};

// A set of names that may come next.
struct SqlNameSet {
    Bits catalogue;
    std::vector<u32> extra;  // names that texts brought in, sorted
    bool fresh = false;      // and any that is invented
    SqlPlace place = SqlPlace::kAny;
    bool has(u32 name, u32 n_catalogue) const;
    bool none() const { return !fresh && extra.empty() && bits_none(catalogue); }
};

class SqlScopes {
  public:
    static constexpr u32 kDead = 0, kRoot = 1;
    static constexpr u32 kUnnamed = 0x7FFFFFFE, kDummy = 0x7FFFFFFD, kStar = 0x7FFFFFFF, kStarOf = 0x80000000u;
    // What asks for a query, where that isn't just for a number of columns: the last one is followed by the classes
    // that its column may have. `Join`: what stands between sources; kCross where it is told apart from a comma.
    enum Want : u32 {
        kWantCte = 0x10000,
        kWantDerived = 0x20000,
        kWantSource = 0x40000,
        kWantAsRow = 0x80000,
        kWantClasses = 0x100000
    };
    enum Join : u32 { kComma, kJoined, kNatural, kCross };
    static constexpr u32 kUndecided = 0x7FFFFFFC, kAnonymous = 0x7FFFFFFB;  // qualifiers

    SqlScopes(const SqlProgram& program, u32 max_scopes);
    SqlNames names;
    const SqlScope& get(u32 id) const { return scopes_[id]; }
    u32 intern(SqlScope s);
    u32 size() const { return static_cast<u32>(scopes_.size()); }
    // `self`: one that is told apart from others with these columns.
    u32 relation(std::vector<u32> columns, std::vector<u8> types = {}, bool self = false);
    const SqlRelation& relation_of(u32 id) const { return relations_[id]; }
    // Why some names may stay unsettled, and so can't be written; empty where one name's tables fit into the budget.
    std::string may_leave_unsettled() const;
    // Searches that came to no end within their budget.
    u64 unsettled() const { return unsettled_; }

    // Some choice of tables explains everything.
    bool live(u32 scope);

    // -- actions: the scope that comes of it, kDead if none --
    u32 begin(u32 scope, u32 want);
    u32 core(u32 statement);
    u32 set_op(u32 statement, u32 op);
    u32 isolate(u32 scope);  // a core without sources, from which no scope around is seen
    u32 join(u32 core, u32 kind);
    u32 group(u32 core);
    u32 end_group(u32 core);
    u32 alias_group(u32 core);
    u32 star(u32 core);
    u32 star_of(u32 core, u32 qualifier);
    u32 end_item(u32 core, SqlClass type = SqlClass::kAny);
    u32 close(u32 core);  // behind FROM: all uses are explained, or go to the scope around
    u32 seal(u32 core);
    u32 bind(u32 statement, u32 relation);
    u32 add_source(u32 core, u32 relation, u32 qualifier);
    u32 set_alias(u32 core, u32 qualifier);
    // `direct`: not from a subquery, so that a result column's alias may be meant.
    u32 use(u32 core, u32 name, bool direct = true, u32 types = kAllClasses);
    u32 use_qualified(u32 core, u32 qualifier, u32 column, u32 types = kAllClasses);
    // Classes that a column of this name might have here.
    u32 classes(u32 core, u32 name) const;
    // -- of dialects with types --
    u32 expected_item(u32 core) const;  // classes that the next result column may have
    bool groupable(u32 core, u32 item) const;
    u32 group_item(u32 core, u32 item);
    u32 end_grouping(u32 core);  // kDead: a loose column isn't grouped
    u32 group_by(u32 core, u32 source, u32 name, SqlClass type);
    bool exports(const SqlScope& c) const;                  // names of its columns can be used around it
    u32 alias_item(u32 core, u32 name) const;               // the one result column that is called so; NONE
    bool outputs_clear(const SqlScope& c, u32 name) const;  // no result column without a name might be called so
    u32 merge(u32 core, u32 name);                          // USING
    // -- statements that write (sql_writes.cpp) --
    bool takes_column(const SqlScope& statement, u32 name) const;    // INSERT INTO t (...
    bool takes_conflict(const SqlScope& statement, u32 name) const;  // ON CONFLICT (...
    bool conflict_complete(const SqlScope& statement) const;
    u32 fill_width(const SqlScope& statement) const;
    u32 write_core(u32 statement, SqlAction action);  // the scope of UPDATE, DELETE, DO UPDATE and RETURNING
    const SqlTable* target_of(u32 core) const;        // of UPDATE and DO UPDATE
    // `schema.qualifier` as one qualifier.
    u32 dotted(u32 schema, u32 qualifier);
    // The relation that a name in FROM stands for; NONE if none.
    u32 table(u32 core, u32 name) const;
    u32 catalogue_table(u32 name) const;  // whatever common table expressions there are
    u32 schema_table(u32 schema, u32 name) const;
    bool same_cte(u32 scope, u32 name) const;  // a common table expression of this name is visible or being written

    // -- what a core waits for --
    // How many columns it must have; 0: any number.
    u32 required(const SqlScope& c) const;
    // Some source has the name.
    bool has(const SqlScope& c, u32 name) const { return count(c, name) > 0; }
    // Names that a result column of this core can take so that a query around it has them.
    std::vector<u32> wanted(const SqlScope& c) const;
    // Some source must yet be called so.
    static bool waits(const SqlQualified& q);

    // -- sets --
    // Bare names that are used here change nothing but which names may come.
    bool uniform(u32 scope) const;
    // Names that mean something else than one that is invented.
    void matter(u32 scope, SqlCategory category, std::vector<u32>& out) const;
    const SqlNameSet& set(u32 scope, SqlCategory category, u32 reg, u32 types = kAllClasses);

  private:
    // The choice of tables that explain a core's uses.
    struct Search {
        const SqlScope& c;
        std::vector<u32> counts;  // of each use: sources that have it
        std::vector<u8> pushed, pushed_qualified;
        std::vector<std::pair<u32, u32>> chosen;  // relation, qualifier
        std::vector<u32> others;                  // relations of common table expressions
        u32 self = NONE;                          // one of them, which can be chosen once
        u32 undecided = kAnonymous;               // what the last source will be called
        bool outer = false;                       // names may be left to a scope around
        bool single = false;                      // there is one source, and its rowid is used
        u32 steps = kSearchSteps;
    };
    struct Env {
        u32 name, relation, before;
    };
    u32 list(const std::vector<u32>& v) { return lists_.intern(v); }
    bool has(const SqlRelation& r, u32 name) const;
    bool has_qualified(const SqlRelation& r, u32 name) const;
    bool has_dot(u32 name) const;
    void fix_merged(SqlScope& c, u32 name) const;
    bool is_rowid(u32 name) const;
    bool uses_rowid(const SqlScope& c) const;
    bool single_rowid(const SqlScope& c) const;  // rowid without qualifier means the only source's
    u32 plain_relation(u32 table);               // the table as a subquery exports it
    u32 self_of(u32 core) const;                 // the common table expression that the core may speak of; NONE
    // Sources that are still to come are those of a subquery: of UPDATE ... FROM.
    bool plain(const SqlScope& c) const { return c.phase < 2 && scopes_[c.parent].target != NONE; }
    u32 relation_for(const SqlScope& c, u32 table) { return plain(c) ? plain_relation(table) : table; }
    u32 short_of(const SqlScope& c) const;
    Search start_search(u32 core);
    bool suits(const SqlQualified& q, const SqlRelation& r) const;
    // How many of some sources a bare name could mean; 2 stands for more as well.
    u32 count(const SqlScope& c, u32 name, size_t first, size_t last) const;
    u32 count(const SqlScope& c, u32 name) const { return count(c, name, 0, c.sources.size()); }
    u32 outward(u32 core, u32 name, u32 types);
    u32 outward_qualified(u32 core, u32 qualifier, u32 column, u32 types);
    // -- of dialects with types --
    bool fits(const SqlRelation& r, u32 name, u32 types) const {
        return types == kAllClasses || (types >> static_cast<u32>(r.type(name)) & 1);
    }
    u32 source_of(const SqlScope& c, u32 name) const;  // that a bare name means, which one has
    bool loosen(SqlScope& c, u32 source, u32 name, u32 types) const;
    bool grouped(const SqlScope& c, u32 source, u32 name) const;
    const Bits& tables_with(u32 name, u32 types);  // that have a column of this name and of one of these classes
    bool usable(u32 core, u32 name, u32 types);
    bool usable_qualified(u32 core, u32 qualifier, u32 name, u32 types);
    bool merged(const SqlScope& c, u32 name) const;  // by USING or NATURAL
    bool mergeable(const SqlScope& c, u32 name, const SqlRelation& r, size_t n_sources) const;
    // Names that have several classes, in front of FROM, can be read in too many ways together.
    bool several_classes(u32 name) const {
        return name < names.n_catalogue() && (program_.classes_of[name] & (program_.classes_of[name] - 1));
    }
    bool too_many_readings(const SqlScope& c, u32 core) const;
    void settle_loose(SqlScope& c) const;  // behind FROM
    u32 with_parent(u32 id, u32 parent);
    u32 outer_core(u32 core) const;  // whose names are visible from it; kDead if none
    // The same in the clause that is being written: GROUP BY and ORDER BY see nothing around their query.
    u32 around(u32 core) const { return scopes_[core].strict || scopes_[core].term ? u32(kDead) : outer_core(core); }
    u32 outer_core_or_dead(u32 scope) const {
        return scope > kRoot && scopes_[scope].core ? outer_core(scope) : u32(kDead);
    }
    u32 with_outer(u32 core, u32 outer);
    bool live_core(u32 id);
    bool finish(u32 statement, u32 relation);
    bool finish_open(u32 statement, const std::vector<u32>& columns, const std::vector<u8>& types);
    bool search(Search& s);
    bool search_qualified(Search& s, size_t i);
    bool search_uses(Search& s);
    bool search_rowid(Search& s, size_t use);
    bool leaf(Search& s);
    bool choose(Search& s, u32 relation);
    void unchoose(Search& s, u32 relation);
    std::vector<u32> ctes(u32 scope) const;  // relations of those that are visible
    std::vector<u32> expand(const SqlScope& c, std::vector<u32>* flags, std::vector<u8>* types) const;
    bool simple(const SqlScope& c) const;

    void open_columns(u32 core, u32 types, SqlNameSet& out);
    void add(SqlNameSet& out, u32 name) const;
    void columns(u32 core, u32 types, SqlNameSet& out);
    void qualifiers(u32 core, u32 types, SqlNameSet& out);
    void qualified_columns(u32 core, u32 qualifier, u32 types, SqlNameSet& out);
    void open_qualified(u32 core, u32 qualifier, u32 types, SqlNameSet& out);
    void tables(u32 core, SqlNameSet& out, u32 schema);
    void inner_qualifiers(u32 core, u32 schema, SqlNameSet& out);
    void written_columns(u32 scope, SqlCategory category, SqlNameSet& out) const;
    Bits used_tables(const SqlScope& c) const;

    const SqlProgram& program_;
    u32 max_scopes_;
    StableVector<SqlScope> scopes_;
    std::unordered_multimap<u64, u32> index_;
    StableVector<SqlRelation> relations_;
    std::map<std::vector<u32>, u32> relation_index_;
    std::map<std::pair<u32, u32>, Bits> tables_with_;
    InternedLists lists_;
    std::vector<Env> envs_;
    std::unordered_map<u32, std::pair<u32, u32>> dotted_;  // schema and qualifier
    std::unordered_map<u32, bool> live_;
    std::map<std::pair<u64, u32>, std::unique_ptr<SqlNameSet>> sets_;
    u64 unsettled_ = 0;
    static constexpr u32 kSearchSteps = 4000;  // of one search for tables
    static constexpr u32 kSearches = 4096;     // for one set of names
};

}  // namespace gcd
