// What the syntax program's actions and names do to a thread: to its scope, and to the numbers in its frame.
#include "sql_syntax.hpp"

#include <algorithm>

namespace gcd {

namespace {
constexpr u32 kRoom = 32;      // of the parser's stack that a construct may need once it has begun
constexpr u32 kGroupCost = 5;  // of a bracket in FROM, as the syntax has it: a join must follow in it
constexpr u32 kMostInRow = 100, kMostListed = 100;
// Frame::ops: operators that wait, by level; those that a comparison of rows isn't the left side of; and that one was
// read, by = or <.
constexpr u32 kLevels = 0xFFE, kTighter = 0xFF0, kRowEqual = 1 << 12, kRowLess = 1 << 13;
// Frame::data: the arguments of an aggregate call one, so a window must follow.
constexpr u64 kArgumentsAggregate = 1 << 4;
}  // namespace

namespace {
void insert_sorted(std::vector<u32>& v, u32 x) {
    const auto at = std::lower_bound(v.begin(), v.end(), x);
    if (at == v.end() || *at != x) v.insert(at, x);
}
}  // namespace

u32 SqlSyntax::row_compared(u32 frame) const {
    const u32 ops = frames_[frame].ops;
    return ops & kRowEqual ? 4 : ops & kRowLess ? 5 : kTightest;
}

bool SqlSyntax::room_for_columns(const SqlScope& s) const {
    size_t n = s.items.size();
    for (u32 item : s.items)
        if (item == SqlScopes::kStar && !s.sources.empty()) n += scopes_.relation_of(s.sources[0].relation).width;
    const size_t more = s.sources.empty() ? 0 : scopes_.relation_of(s.sources[0].relation).width;
    return n + more < program_.max_columns;
}

bool SqlSyntax::act(Thread& t, SqlAction action, u32 arg) {
    const SqlScope& s = scopes_.get(t.scope);
    const bool core = t.scope > SqlScopes::kRoot && s.core;
    auto change = [&](auto&& f) {
        if (!core) return false;
        SqlScope c = s;
        f(c);
        t.scope = scopes_.intern(std::move(c));
        return true;
    };
    auto write = [&](auto&& f) {  // of a statement
        if (t.scope <= SqlScopes::kRoot) return false;
        SqlScope st = s;
        f(st);
        t.scope = scopes_.intern(std::move(st));
        return true;
    };
    auto room = [&](u32 more) {
        const Frame& f = frames_[t.frame];
        return f.depth + pending(f.ops) + kRoom + more <= program_.max_stack;
    };
    auto to = [&](u32 scope) {
        t.scope = scope;
        return scope != SqlScopes::kDead;
    };
    auto set_frame = [&](auto&& f) {
        Frame frame = frames_[t.frame];
        f(frame);
        t.frame = intern_frame(frame);
        return true;
    };
    const u64 data = frames_[t.frame].data;
    const u32 n_args = data >> 8 & 0xFF, function = static_cast<u32>(data >> 32), kind = data >> 16 & 3;  // of a call
    const u32 n_left = n_args, n_right = data >> 16 & 0xFF;                                               // of rows
    auto takes = [&](auto&& f) {
        const auto it = program_.functions_named.find(function);
        if (it == program_.functions_named.end()) return false;
        // of dialects with types: those that the arguments so far allow
        const u32 candidates = program_.typed ? static_cast<u32>(data >> 18 & 0x3FFF) : NONE;
        for (size_t k = 0; k < it->second.size(); ++k) {
            const SqlFunction& candidate = program_.functions[it->second[k]];
            if ((candidates >> std::min<size_t>(k, 31) & 1) && candidate.kind == kind && f(candidate)) return true;
        }
        return false;
    };
    switch (action) {
        case SqlAction::kWant:
            t.reg = arg & SqlScopes::kWantAsRow ? n_left : arg;
            return true;
        case SqlAction::kBegin:
            t.scope = scopes_.begin(t.scope, t.reg);
            t.reg = NONE;
            return true;
        case SqlAction::kEnd:
            if (t.scope <= SqlScopes::kRoot || core) return false;
            t.reg = s.mode == SqlScope::kDerived || s.mode == SqlScope::kCte ? s.relation
                    : s.mode == SqlScope::kSource                            ? u32(s.open)
                    : s.expect != kAllClasses ? u32(scopes_.relation_of(s.relation).types[0])
                                              : u32(NONE);
            t.scope = s.parent;
            return true;
        case SqlAction::kCore:
            if (t.scope <= SqlScopes::kRoot || core) return false;
            t.scope = scopes_.core(t.scope);
            if (arg) {
                SqlScope c = scopes_.get(t.scope);
                c.values = true;
                t.scope = scopes_.intern(std::move(c));
            }
            return true;
        case SqlAction::kItem:
            if (program_.typed && !(core && (t.reg = scopes_.expected_item(t.scope)))) return false;
            return change([](SqlScope& c) {
                c.tracker = SqlScope::kFresh;
                c.in_item = true;
            });
        case SqlAction::kEndItem:
            if (!core || !to(scopes_.end_item(t.scope, program_.typed ? static_cast<SqlClass>(t.reg) : SqlClass::kAny)))
                return false;
            t.reg = NONE;
            return true;
        case SqlAction::kMore:
            if (program_.typed && core && s.starred && scopes_.exports(s)) return false;
            return core && (s.phase == 0 || room_for_columns(s)) && change([](SqlScope& c) { c.in_item = true; });
        case SqlAction::kStar:
            // Where no table is as wide as it must be, a subquery is.
            return core && (scopes_.required(s) == 0 || room(0)) && to(scopes_.star(t.scope));
        case SqlAction::kFrom:
            return change([](SqlScope& c) {
                c.phase = 1;
                c.comma = c.need = true;
                c.tracker = SqlScope::kComplex;
            });
        case SqlAction::kClose:
            return core && to(scopes_.close(t.scope));
        case SqlAction::kClause:
            return change([&](SqlScope& c) {
                const bool groups = c.aggregated || c.grouped;
                c.clause = arg == 3 && !groups ? 2 : arg == 3 && program_.typed ? 1 : arg & 3;
                c.tracker = SqlScope::kComplex;
                c.constrainable = c.constrainable && arg == 3;
                c.late = program_.typed && arg != 0;
            });
        case SqlAction::kGrouped:
            if (program_.typed) return core && to(scopes_.end_grouping(t.scope));
            return change([](SqlScope& c) { c.grouped = true; });
        case SqlAction::kTerm:
            if (program_.typed) {
                if (!core || s.distinct) return false;
                t.reg = classes_with_equality();
            }
            return change([](SqlScope& c) {
                c.term = true;
                c.constrainable = false;
                c.tracker = SqlScope::kFresh;
            });
        case SqlAction::kEndTerm:
            if (!core || s.tracker == SqlScope::kInteger) return false;
            if (program_.typed && s.tracker == SqlScope::kNamed &&
                (!scopes_.outputs_clear(s, s.item_name) ||
                 std::find(s.items.begin(), s.items.end(), s.item_name) != s.items.end()))
                return false;  // it is the name of a result column
            if (program_.typed) t.reg = NONE;
            return change([](SqlScope& c) {
                c.term = false;
                c.tracker = SqlScope::kComplex;
                c.item_name = NONE;
            });
        case SqlAction::kSeal:
            return core && to(scopes_.seal(t.scope));
        case SqlAction::kSetOp:
            if (program_.typed && t.scope > SqlScopes::kRoot && !core)
                for (u8 type : scopes_.relation_of(s.relation).types)
                    if (static_cast<SqlClass>(type) == SqlClass::kOther) return false;
            return t.scope > SqlScopes::kRoot && !core && to(scopes_.set_op(t.scope, arg));
        case SqlAction::kBind:
            if (t.scope <= SqlScopes::kRoot || core || t.reg == NONE) return false;
            t.scope = scopes_.bind(t.scope, t.reg);
            t.reg = NONE;
            return t.scope != SqlScopes::kDead;
        case SqlAction::kNoAlias:
            if (!core) return false;
            t.scope = scopes_.set_alias(t.scope, t.reg == NONE ? u32(SqlScopes::kAnonymous) : t.reg);
            t.reg = NONE;
            return t.scope != SqlScopes::kDead;
        case SqlAction::kDerived:
            if (!core || t.reg == NONE) return false;
            t.scope = scopes_.add_source(t.scope, t.reg, SqlScopes::kUndecided);
            t.reg = NONE;
            return t.scope != SqlScopes::kDead;
        case SqlAction::kJoin:
            if (program_.typed && core && s.starred && scopes_.exports(s)) return false;
            // Where no table fits, a subquery does.
            return core && room(0) && to(scopes_.join(t.scope, arg));
        case SqlAction::kOn:
            return core && !s.natural && s.debt.empty() && change([](SqlScope& c) {
                       c.on = true;
                       c.clause = 0;
                   });
        case SqlAction::kEndOn:
            return change([](SqlScope& c) { c.on = c.natural = c.comma = c.constrainable = false; });
        case SqlAction::kUsing:
            return core && !s.comma && !scopes_.set(t.scope, SqlCategory::kUsing, NONE).none() &&
                   change([](SqlScope& c) { c.constrainable = false; });
        case SqlAction::kEndUsing:
            return core && s.debt.empty() && change([](SqlScope& c) { c.natural = c.comma = false; });
        case SqlAction::kOp: {
            if (core && s.tracker == SqlScope::kAlone) return false;
            const u32 rank = arg == 6 ? 4 : arg;
            if (row_compared(t.frame) < rank) return false;
            set_frame([&](Frame& f) {
                f.ops &= kLevels;
                for (u32 level = 1; level <= 11; ++level)
                    if ((level == 6 ? 4 : level) >= rank) f.ops &= ~(1u << level);
                f.ops |= 1u << std::min(arg, 11u);
            });
            const bool sign = arg == 11 && core && s.term && (s.tracker == SqlScope::kFresh);
            return change([&](SqlScope& c) { c.tracker = sign ? SqlScope::kSigned : SqlScope::kComplex; });
        }
        case SqlAction::kComplex:
            return change([](SqlScope& c) { c.tracker = SqlScope::kComplex; });
        case SqlAction::kArg:
            if (program_.typed && !narrow_call(t, n_args, false, t.reg)) return false;
            t.reg = NONE;
            return n_args < 127 && set_frame([](Frame& f) { f.data += 1 << 8; });
        case SqlAction::kNextArg:
            if (program_.typed) {
                u32 expected = 0;
                takes([&](const SqlFunction& f) {
                    if (arg == 0 ? f.takes_more(n_args) : f.takes(1)) expected |= f.argument(n_args);
                    return false;
                });
                t.reg = arg == 0 ? expected : expected & classes_with_equality();
                return t.reg != 0;
            }
            return takes([&](const SqlFunction& f) { return f.takes_more(n_args); });
        case SqlAction::kNoArgs:
            if (program_.typed) return narrow_call(t, 0, true, 0);
            return takes([](const SqlFunction& f) { return f.takes(0); });
        case SqlAction::kDistinct:
            return (data & 1) && !(core && s.windowed) && takes([](const SqlFunction& f) { return f.takes(1); }) &&
                   change([](SqlScope& c) { c.clause = 0; });
        case SqlAction::kEndCall:
        case SqlAction::kEndFilter:
        case SqlAction::kEndWindow:
            if (action == SqlAction::kEndCall && program_.typed) {
                if (!narrow_call(t, n_args, true, 0)) return false;
            } else if (action == SqlAction::kEndCall && !takes([&](const SqlFunction& f) { return f.takes(n_args); })) {
                return false;
            }
            if (action == SqlAction::kEndCall && kind == 1 && s.nested)
                set_frame([](Frame& f) { f.data |= kArgumentsAggregate; });
            return change([&](SqlScope& c) {
                c.clause = data & 3;
                c.strict = data & 4;
                if (action == SqlAction::kEndCall && kind != 0) c.nested = data & 8;
                if (action == SqlAction::kEndWindow) c.item_flags |= SqlScope::kWindow;
            });
        case SqlAction::kAggregated:
            return core && (s.clause & 1) && !(data & kArgumentsAggregate) && !s.windowed && change([](SqlScope& c) {
                       c.aggregated = true;
                       c.nested = c.strict;
                       c.item_flags |= SqlScope::kAggregate;
                   });
        case SqlAction::kFilter:
            return change([](SqlScope& c) {
                c.strict = true;
                c.clause = 0;
            });
        case SqlAction::kWindow:
            if (program_.typed && core && (s.aggregated || s.grouped)) return false;
            return core && (s.clause & 2) && change([&](SqlScope& c) {
                       c.clause &= program_.typed ? 0 : 1;
                       c.windowed = program_.typed;
                   });
        case SqlAction::kValued:
            if (!core) return false;
            return change([&](SqlScope& c) {
                c.items.clear();
                c.flags.assign(c.values_width, 0);
                for (u32 i = 1; i <= c.values_width; ++i)
                    c.items.push_back(scopes_.names.of("column" + std::to_string(i)));
                c.values_width = 0;
                c.in_item = false;
            });
        case SqlAction::kCell:
            return change([](SqlScope& c) {
                c.items.push_back(SqlScopes::kUnnamed);
                c.flags.push_back(0);
                c.item_name = NONE;
                c.item_flags = 0;
                c.tracker = SqlScope::kComplex;
                c.in_item = false;
            });
        case SqlAction::kEndRow: {
            if (!core) return false;
            const SqlScope& st = scopes_.get(s.parent);
            const u32 n = static_cast<u32>(s.items.size());
            const u32 width = s.values_width        ? s.values_width
                              : st.relation != NONE ? static_cast<u32>(scopes_.relation_of(st.relation).names.size())
                                                    : st.want;
            if (width && width != n) return false;
            return change([&](SqlScope& c) {
                c.values_width = n;
                c.items.clear();
                c.flags.clear();
            });
        }
        case SqlAction::kBoolean:
            return change([](SqlScope& c) {
                c.tracker = c.tracker == SqlScope::kFresh && !c.term ? SqlScope::kBoolean : SqlScope::kComplex;
            });
        case SqlAction::kOrdered:
        case SqlAction::kIsolate: {
            SqlScope now = s;
            now.open = now.constrainable = false;
            t.scope = scopes_.intern(std::move(now));
            return action == SqlAction::kOrdered || to(scopes_.isolate(t.scope));
        }
        case SqlAction::kLeave:
            return t.scope > SqlScopes::kRoot && to(s.parent);
        case SqlAction::kGroupable:
            return core && !s.self_used;
        case SqlAction::kHaving:
            return core && (s.grouped || s.aggregated) && change([](SqlScope& c) {
                       c.clause = 1;
                       c.tracker = SqlScope::kComplex;
                       c.constrainable = false;
                   });
        case SqlAction::kWindows:
            return change([](SqlScope& c) {
                c.strict = true;
                c.clause = 0;
                c.constrainable = false;
            });
        case SqlAction::kEndWindows:
            return core &&
                   std::includes(s.windows.begin(), s.windows.end(), s.windows_used.begin(), s.windows_used.end()) &&
                   change([](SqlScope& c) {
                       c.strict = false;
                       c.windows_closed = true;
                       c.windows_used.clear();
                   });
        case SqlAction::kGroup:
            return core && room(kGroupCost) && to(scopes_.group(t.scope));
        case SqlAction::kEndGroup:
            return core && to(scopes_.end_group(t.scope));
        case SqlAction::kAliasGroup:
            return core && to(scopes_.alias_group(t.scope));
        case SqlAction::kRow:
            if (frames_[t.frame].ops & kTighter || row_compared(t.frame) < kTightest) return false;
            if (core && s.tracker == SqlScope::kAlone) return false;
            set_frame([](Frame& f) { f.data = 1 << 8; });
            return change([](SqlScope& c) { c.tracker = SqlScope::kComplex; });
        case SqlAction::kLeft:
            return set_frame([](Frame& f) { f.data += 1 << 8; });
        case SqlAction::kRight:
            return set_frame([](Frame& f) { f.data += 1 << 16; });
        case SqlAction::kWider:
            return arg ? n_left < kMostInRow : n_right < n_left;
        case SqlAction::kSameLeft:
            // a query instead of the row has the right width anyway
            if (n_right && n_right != n_left) return false;
            return set_frame([](Frame& f) { f.data = 0; });
        case SqlAction::kClosed:
            return set_frame([&](Frame& f) {
                f.ops |= arg == 4 ? kRowEqual : kRowLess;
                f.data = 0;
            });
        case SqlAction::kAnother: {
            if (core || t.scope <= SqlScopes::kRoot) return false;
            if (arg == 0) return s.cte_columns.size() < kMostListed;
            const auto category = arg == 1 ? SqlCategory::kInsertColumn : SqlCategory::kConflictColumn;
            return !scopes_.set(t.scope, category, NONE).none();
        }
        case SqlAction::kFill:
            return !core && scopes_.fill_width(s) != 0;
        case SqlAction::kFilled:
            return !core && write([&](SqlScope& st) {
                st.open = t.reg == 1;
                t.reg = NONE;
            });
        case SqlAction::kUpdate:
        case SqlAction::kDelete:
        case SqlAction::kUpset:
        case SqlAction::kReturning:
            return to(scopes_.write_core(t.scope, action));
        case SqlAction::kUpdateFrom:
            return core && s.phase == 0 && change([](SqlScope& c) {
                       c.phase = 1;
                       c.comma = c.need = true;
                       c.groups.push_back(2 * static_cast<u32>(c.sources.size()) + 1);
                   });
        case SqlAction::kUpdated:
            return core && (s.phase == 2 || to(scopes_.close(t.scope)));
        case SqlAction::kUpsert:
            return !core && s.target != NONE && program_.tables[s.target].stored && !s.open;
        case SqlAction::kConflict:
            return !core && write([](SqlScope& st) { st.cte_columns.clear(); }) &&
                   !scopes_.set(t.scope, SqlCategory::kConflictColumn, NONE).none();
        case SqlAction::kConflicted:
            return !core && scopes_.conflict_complete(s);
        case SqlAction::kRoom:
            return room(0);
        default:
            return act_typed(t, action, arg);
    }
}

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

// Operators that wait for their right side, by the level of their precedence: what SQLite's parser has on its stack.
u32 SqlSyntax::pending(u32 ops) const {
    u32 n = 0;
    for (u32 level = 1; level <= 11; ++level)
        if (ops >> level & 1) n += level == 3 || level == 11 ? 1 : level == 6 ? 4 : 2;
    return n;
}

u32 SqlSyntax::push(u32 frame, u32 ret, u32 cost) {
    const Frame& f = frames_[frame];
    const u32 depth = f.depth + pending(f.ops) + cost;
    if (depth > program_.max_stack) return NONE;
    return intern_frame({ret, frame, 0, 0, depth});
}

bool SqlSyntax::risky(u32 pc) {
    if (risky_[pc] != 2) return risky_[pc];
    risky_[pc] = 1;  // a loop without lexemes leads nowhere
    const SqlInstruction& in = program_.code[pc];
    bool fails = false;
    if (in.op == SqlInstruction::kSplit) {
        fails = true;
        for (u32 next : in.next) fails = fails && risky(next);
    } else if (in.op == SqlInstruction::kCall) {
        fails = risky(in.a);
    } else if (in.op == SqlInstruction::kAct) {
        switch (static_cast<SqlAction>(in.a)) {
            case SqlAction::kWant:
            case SqlAction::kBegin:
            case SqlAction::kItem:
            case SqlAction::kGrouped:
            case SqlAction::kTerm:
            case SqlAction::kOp:
            case SqlAction::kComplex:
            case SqlAction::kArg:
            case SqlAction::kFilter:
            case SqlAction::kEndFilter:
            case SqlAction::kBoolean:
            case SqlAction::kIsolate:
            case SqlAction::kOrdered:
                fails = risky(in.next[0]);
                break;
            default:
                fails = true;
        }
    }
    risky_[pc] = fails;
    return fails;
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
