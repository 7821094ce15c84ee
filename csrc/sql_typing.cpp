// What the actions of dialects with types do (gcd/sql/postgresql_syntax.py). A thread's register holds the class of the
// expression that was read last, or in front of one the set of classes that it may have; an expression's frame holds a
// `SqlExpectation`.
#include <algorithm>

#include "sql_syntax.hpp"

namespace gcd {

namespace {
constexpr u32 kBranchClass = 59;  // from this bit on, of CASE's frame: what its branches are so far

u32 expected(u32 arg) {
    constexpr u32 kMoments = 0x100, kEquality = 0x101;
    if (arg == kMoments) return class_set(SqlClass::kDate, SqlClass::kStamp, SqlClass::kInterval);
    return arg == kEquality ? classes_with_equality() : 1u << arg;
}
}  // namespace

const SqlNameSet& SqlSyntax::name_set(const Thread& t, SqlCategory category) {
    u32 types = kAllClasses;
    if (program_.typed && category <= SqlCategory::kQualifiedColumn)
        types = SqlExpectation(frames_[t.frame].data).operands();
    else if (program_.typed && category >= SqlCategory::kScalar && category <= SqlCategory::kWindow)
        types = t.reg;
    return scopes_.set(t.scope, category, t.reg, types);
}

void SqlSyntax::names(const Thread& t, SqlCategory category, const std::string& text, bool quoted, bool invented,
                      std::vector<Thread>& out) {
    auto one = [&](u32 types) {
        Thread next = t;
        if (!name(next, category, text, quoted, invented, types)) return;
        if (program_.typed && !scopes_.live(next.scope)) return;
        next.pc = program_.code[t.pc].next[0];
        out.push_back(next);
    };
    const u32 id = scopes_.names.find(text);
    if (!program_.typed || (category != SqlCategory::kColumn && category != SqlCategory::kQualifiedColumn)) {
        one(kAllClasses);
        return;
    }
    if (id == NONE) return;
    const u32 operands = SqlExpectation(frames_[t.frame].data).operands();
    for (u32 left = scopes_.classes(t.scope, id) & operands; left; left &= left - 1) one(left & -left);
}

bool SqlSyntax::narrow_call(Thread& t, u32 n_args, bool ends, u32 argument) {
    Frame f = frames_[t.frame];
    const auto it = program_.functions_named.find(static_cast<u32>(f.data >> 32));
    if (it == program_.functions_named.end()) return false;
    u64 kept = 0;
    for (size_t k = 0; k < std::min<size_t>(it->second.size(), 14); ++k) {
        const SqlFunction& candidate = program_.functions[it->second[k]];
        const bool fits = ends ? candidate.takes(n_args)
                               : candidate.takes_more(n_args) && (candidate.argument(n_args) >> argument & 1);
        if ((f.data >> (18 + k) & 1) && fits) kept |= 1ull << (18 + k);
    }
    f.data = (f.data & ~(0x3FFFull << 18)) | kept;
    t.frame = intern_frame(f);
    return kept != 0;
}

bool SqlSyntax::act_typed(Thread& t, SqlAction action, u32 arg) {
    if (!program_.typed || t.scope <= SqlScopes::kRoot) return false;
    const SqlScope& s = scopes_.get(t.scope);
    if (!s.core) return false;
    Frame frame = frames_[t.frame];
    SqlExpectation expectation(frame.data);
    const auto type = static_cast<SqlClass>(t.reg);  // where an expression was read
    const u32 bit = 1u << (arg & 31);
    auto keep = [&](bool fine) {
        frame.data = expectation.data();
        t.frame = intern_frame(frame);
        return fine;
    };
    auto change = [&](auto&& f) {
        SqlScope c = s;
        f(c);
        t.scope = scopes_.intern(std::move(c));
        return true;
    };
    // What was read is more than a name; `borrowed`: it may get the name of a column in it.
    auto compound = [&](bool borrowed) {
        return change([&](SqlScope& c) {
            c.tracker = SqlScope::kComplex;
            if (borrowed) c.item_flags |= SqlScope::kBorrowed;
        });
    };
    auto result = [&](SqlClass c) {
        t.reg = static_cast<u32>(c);
        return true;
    };
    switch (action) {
        case SqlAction::kEnter:
            frame.data = SqlExpectation::of(t.reg & 0xFFFF, arg).data();
            t.frame = intern_frame(frame);
            t.reg = NONE;
            return true;
        case SqlAction::kExit: {
            SqlClass c = type;
            return expectation.settle(SqlExpectation::kComparison, c) && expectation.ends(c) && result(c);
        }
        case SqlAction::kExpect:
            t.reg = expected(arg);
            return true;
        case SqlAction::kCan:
            return expectation.operands() & bit;
        case SqlAction::kType:
            return compound(false) && result(static_cast<SqlClass>(arg));
        case SqlAction::kLeftSide:
            if (!expectation.hold(static_cast<SqlExpectation::Level>(arg >> 4), static_cast<SqlOperation>(arg & 15),
                                  type))
                return false;
            t.reg = NONE;
            return keep(true) && compound(false);
        case SqlAction::kMiddle:
            t.reg = NONE;
            return keep(expectation.between(type));
        case SqlAction::kListed:
            expectation.close(SqlExpectation::kPredicate);
            return keep(true) && result(SqlClass::kBool);
        case SqlAction::kList:
            t.reg = comparable_classes(expectation.held(SqlExpectation::kPredicate));
            return true;
        case SqlAction::kBool: {
            SqlClass c = type;
            t.reg = NONE;
            return expectation.settle(SqlExpectation::kComparison, c) && c == SqlClass::kBool &&
                   keep(expectation.require_bool()) && compound(false);
        }
        case SqlAction::kLogic:
            return keep(expectation.require_bool()) && compound(false);
        case SqlAction::kIs: {
            SqlClass c = type;
            if (expectation.closed(SqlExpectation::kComparison) || expectation.distinct() ||
                !expectation.settle(SqlExpectation::kComparison, c) ||
                !expectation.viable(SqlClass::kBool, SqlExpectation::kTest))
                return false;
            expectation.close(SqlExpectation::kComparison);
            return keep(true) && compound(false) && result(SqlClass::kBool);
        }
        case SqlAction::kNegate:
            return keep(expectation.negate()) && (expectation.operands() & class_set(SqlClass::kInt)) &&
                   compound(false);
        case SqlAction::kSigned:
            if (!(expectation.operands() & class_set(type))) return false;
            if (!expectation.viable(type, SqlExpectation::kFactor)) return false;
            expectation.forget_sign();
            return keep(true);
        case SqlAction::kConstant:
            return !(s.term && s.tracker == SqlScope::kFresh);
        case SqlAction::kOperands:  // 1: of a CASE, 2: in brackets
            t.reg = expectation.operands() & (arg == 1 ? ~class_set(SqlClass::kDateLiteral) : ~0u);
            return t.reg != 0 && compound(arg != 0);
        case SqlAction::kCasting:
            t.reg = castable_classes(expectation.operands());
            return t.reg != 0 && compound(true);
        case SqlAction::kCastTo:
            return (expectation.operands() & bit) && (castable_classes(bit) & class_set(type)) &&
                   result(static_cast<SqlClass>(arg));
        case SqlAction::kCast:
            return (written_casts(type) & bit) && (expectation.operands() & bit) && compound(true) &&
                   result(static_cast<SqlClass>(arg));
        case SqlAction::kSubquery:
            t.reg = arg ? comparable_classes(expectation.held(SqlExpectation::kPredicate)) : expectation.operands();
            t.reg = classes_of_results(t.reg);
            if (t.reg == 0) return false;
            t.reg |= SqlScopes::kWantClasses;
            return compound(true);
        case SqlAction::kColumn:
            return type < SqlClass::kCount && compound(true);
        case SqlAction::kBranch:
        case SqlAction::kBranched:
        case SqlAction::kEndCase: {
            const auto so_far = static_cast<SqlClass>(frame.data >> kBranchClass & 15);
            if (action == SqlAction::kEndCase) return compound(true) && result(class_of_result(so_far));
            if (action == SqlAction::kBranched) {
                const SqlClass now = so_far == SqlClass::kAny ? type : unified_class(so_far, type);
                if (now == SqlClass::kCount) return false;
                frame.data = (frame.data & ~(15ull << kBranchClass)) | static_cast<u64>(now) << kBranchClass;
                t.frame = intern_frame(frame);
                t.reg = NONE;
                return true;
            }
            t.reg = 0;
            for (u32 c = 1; c < static_cast<u32>(SqlClass::kCount); ++c) {
                const auto branch = static_cast<SqlClass>(c);
                if (so_far == SqlClass::kAny && branch == SqlClass::kNull) continue;
                const SqlClass now = so_far == SqlClass::kAny ? branch : unified_class(so_far, branch);
                if (now != SqlClass::kCount && (expectation.classes() & class_set(class_of_result(now))))
                    t.reg |= 1u << c;
            }
            t.reg &= ~class_set(SqlClass::kDateLiteral);
            return t.reg != 0;
        }
        case SqlAction::kCalled: {
            const auto it = program_.functions_named.find(static_cast<u32>(frame.data >> 32));
            const u32 candidates = static_cast<u32>(frame.data >> 18 & 0x3FFF);
            if (it == program_.functions_named.end() || !candidates) return false;
            return compound(false) &&
                   result(program_.functions[it->second[static_cast<size_t>(__builtin_ctz(candidates))]].result);
        }
        case SqlAction::kDistinctRows:
            return change([](SqlScope& c) { c.distinct = true; });
        case SqlAction::kUnstarred: {
            const SqlScope& st = scopes_.get(s.parent);
            return !s.aggregated && !s.distinct && st.expect == kAllClasses && st.relation == NONE &&
                   !(scopes_.exports(s) && (arg || !s.items.empty()));
        }
        case SqlAction::kGrouping: {
            if (s.opaque || s.starred || s.windowed) return false;
            change([](SqlScope& c) {
                c.grouping = true;
                c.clause = 0;
            });
            for (u32 i = 0; i < s.items.size(); ++i)
                if (scopes_.groupable(t.scope, i)) return true;
            return !scopes_.set(t.scope, SqlCategory::kColumn, NONE, classes_with_equality()).none();
        }
        case SqlAction::kGroupBy:
            t.reg = classes_with_equality();
            return true;
        case SqlAction::kUngrouped:
            return !s.aggregated || s.loose.empty();
        default:
            return false;
    }
}

}  // namespace gcd
