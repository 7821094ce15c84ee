#include "sql_types.hpp"

#include <algorithm>
#include <array>

namespace gcd {

namespace {

using C = SqlClass;
using O = SqlOperation;

constexpr u32 kClasses = static_cast<u32>(C::kCount);
constexpr u32 kIntegers = class_set(C::kInt, C::kBig);
constexpr u32 kExact = kIntegers | class_set(C::kNumeric);
constexpr u32 kNumbers = kExact | class_set(C::kFloat);
constexpr u32 kTexts = class_set(C::kText, C::kLiteral);
constexpr u32 kDays = class_set(C::kDate, C::kStamp);
constexpr u32 kEvery = ((1u << kClasses) - 1) & ~class_set(C::kAny, C::kDateLiteral);

bool in(C c, u32 set) {
    return class_set(c) & set;
}
C wider(C a, C b) {
    return std::max(a, b);
}

C sum(O op, C a, C b) {
    const bool minus = op == O::kMinus;
    if (in(a, kNumbers) && in(b, kNumbers)) return wider(a, b);
    if (in(a, kDays) && b == C::kInterval) return C::kStamp;
    if (a == C::kDate && b == C::kInt) return C::kDate;
    if (a == C::kInterval && b == C::kInterval) return C::kInterval;
    if (minus && a == C::kDate && b == C::kDate) return C::kInt;
    if (minus && in(a, kDays) && in(b, kDays)) return C::kInterval;
    if (!minus && a == C::kInterval && in(b, kDays)) return C::kStamp;
    if (!minus && a == C::kInt && b == C::kDate) return C::kDate;
    return C::kCount;
}

// For each class: those that an operator of the level can make of it as its left side, whatever the right side is.
using Table = std::array<u32, kClasses>;
Table table_of(std::initializer_list<O> operations) {
    Table out{};
    for (u32 a = 0; a < kClasses; ++a)
        for (O op : operations)
            for (u32 b = 0; b < kClasses; ++b) {
                const C c = class_of_operation(op, static_cast<C>(a), static_cast<C>(b));
                if (c != C::kCount) out[a] |= class_set(c);
            }
    return out;
}
const Table& table(u32 level) {
    static const std::array<Table, 5> tables = {table_of({O::kTimes, O::kDivided, O::kModulo}),
                                                table_of({O::kPlus, O::kMinus}), table_of({O::kConcat}),
                                                table_of({O::kLike, O::kCompared}), table_of({O::kCompared})};
    return tables[level];
}
u32 image(const Table& t, u32 set) {
    u32 out = 0;
    for (u32 c = 0; c < kClasses; ++c)
        if (set >> c & 1) out |= t[c];
    return out;
}

}  // namespace

u32 comparable_classes(C c) {
    const u32 null = class_set(C::kNull);
    if (in(c, kNumbers)) return kNumbers | null;
    if (in(c, kTexts)) return kTexts | null;
    if (in(c, kDays)) return kDays | class_set(C::kDateLiteral) | null;
    if (c == C::kDateLiteral) return kDays;
    return c == C::kOther || c == C::kAny || c == C::kNull ? 0 : class_set(c) | null;
}

C class_of_operation(O op, C a, C b) {
    switch (op) {
        case O::kTimes:
            if (in(a, kNumbers) && in(b, kNumbers)) return wider(a, b);
            if (a == C::kInterval && in(b, kNumbers)) return C::kInterval;
            return in(a, kNumbers) && b == C::kInterval ? C::kInterval : C::kCount;
        case O::kDivided:
            if (in(a, kNumbers) && in(b, kNumbers)) return wider(a, b);
            return a == C::kInterval && in(b, kNumbers) ? C::kInterval : C::kCount;
        case O::kModulo:
            return in(a, kIntegers) && in(b, kIntegers) ? wider(a, b) : C::kCount;
        case O::kPlus:
        case O::kMinus:
            return sum(op, a, b);
        case O::kConcat:
            return in(a, kTexts) && in(b, kTexts) ? C::kText : C::kCount;
        case O::kLike:
            return in(a, kTexts) && in(b, kTexts) ? C::kBool : C::kCount;
        case O::kCompared:
        case O::kBetween:
        case O::kDistinct:
            return in(b, comparable_classes(a)) ? C::kBool : C::kCount;
        case O::kClosed:
        case O::kNone:
            break;
    }
    return C::kCount;
}

C unified_class(C a, C b) {
    if (a == b) return a;
    if (a == C::kNull || b == C::kNull) {
        const C other = a == C::kNull ? b : a;
        return other == C::kDateLiteral || other == C::kOther ? C::kCount : other;
    }
    if (in(a, kNumbers) && in(b, kNumbers)) return wider(a, b);
    if (in(a, kTexts) && in(b, kTexts)) return C::kText;
    return in(a, kDays) && in(b, kDays) ? C::kStamp : C::kCount;
}

u32 unifiable_classes(C c) {
    u32 out = 0;
    for (u32 other = 1; other < kClasses; ++other)
        if (unified_class(c, static_cast<C>(other)) != C::kCount) out |= 1u << other;
    return out;
}

u32 written_casts(C from) {
    if (in(from, kNumbers)) return kNumbers | class_set(C::kText);
    if (from == C::kNull) return kEvery & ~class_set(C::kOther, C::kNull, C::kLiteral);
    if (in(from, kDays)) return kDays | class_set(C::kText);
    return in(from, kEvery) ? class_set(C::kText) : 0;
}

u32 castable_classes(u32 to) {
    u32 out = 0;
    for (u32 from = 1; from < kClasses; ++from) {
        const C c = static_cast<C>(from);
        u32 leads = c == C::kText ? kEvery : written_casts(c);
        if (c == C::kDateLiteral) leads = kDays;
        if (leads & to) out |= 1u << from;
    }
    return out;
}

u32 classes_of_results(u32 expected) {
    const u32 untyped = class_set(C::kLiteral, C::kNull);
    return (expected & ~(untyped | class_set(C::kDateLiteral))) | (in(C::kText, expected) ? untyped : 0);
}
C class_of_result(C c) {
    return c == C::kLiteral || c == C::kNull || c == C::kDateLiteral ? C::kText : c;
}
u32 classes_with_equality() {
    return kEvery & ~class_set(C::kOther);
}
u32 every_class() {
    return kEvery;
}

// -- expectations -----------------------------------------------------------------------------

bool SqlExpectation::viable_end(u32 set) const {
    if (data_ & kBool) set &= class_set(C::kBool);
    return set & classes();
}

bool SqlExpectation::viable_set(u32 set, u32 level) const {
    if (data_ & kPlain) return set & classes();
    for (; level < kTest; ++level) {
        if (const u32 waiting = slot(static_cast<Level>(level))) {
            u32 results = 0;
            if (static_cast<O>(waiting & 15) == O::kClosed) continue;
            for (u32 c = 0; c < kClasses; ++c) {
                if (!(set >> c & 1)) continue;
                const C made =
                    class_of_operation(static_cast<O>(waiting & 15), static_cast<C>(waiting >> 4), static_cast<C>(c));
                if (made != C::kCount) results |= class_set(made);
            }
            set = results;
            if (level >= kPredicate) continue;  // these don't associate
        }
        const Table& t = table(level);
        if (level >= kPredicate) {
            set |= image(t, set);
            continue;
        }
        for (u32 before = 0; before != set;) {
            before = set;
            set |= image(t, set);
        }
    }
    if (set & ~class_set(C::kDateLiteral)) set |= class_set(C::kBool);  // IS NULL
    return viable_end(set);
}

u32 SqlExpectation::operands() const {
    u32 out = 0;
    const u32 able = signed_operand() ? kNumbers : ~0u;
    for (u32 c = 1; c < kClasses; ++c)
        if ((able >> c & 1) && viable_set(1u << c, kFactor)) out |= 1u << c;
    // NULL::type is of any
    if (!(data_ & kPlain) && !signed_operand() && viable_set(written_casts(C::kNull), kFactor))
        out |= class_set(C::kNull);
    return out;
}

bool SqlExpectation::settle(Level level, SqlClass& c) {
    for (u32 at = 0; at <= level; ++at) {
        const u32 waiting = slot(static_cast<Level>(at));
        if (waiting == 0) continue;
        const auto op = static_cast<O>(waiting & 15);
        if (op == O::kBetween) return false;  // its second operand is still to come
        if (op != O::kClosed) c = class_of_operation(op, static_cast<C>(waiting >> 4), c);
        if (c == C::kCount) return false;
        set_slot(static_cast<Level>(at), 0);
    }
    return true;
}

bool SqlExpectation::hold(Level level, SqlOperation op, SqlClass left) {
    if (level >= kPredicate ? !settle(static_cast<Level>(level - 1), left) : !settle(level, left)) return false;
    if (level >= kPredicate && (slot(level) || closed(kComparison))) return false;
    bool some = false;
    for (u32 c = 1; c < kClasses && !some; ++c) {
        const C made = class_of_operation(op, left, static_cast<C>(c));
        some = made != C::kCount && viable_set(class_set(made), level >= kPredicate ? level + 1u : u32(level));
    }
    set_slot(level, static_cast<u32>(op) | static_cast<u32>(left) << 4);
    return some;
}

bool SqlExpectation::between(SqlClass middle) {
    const u32 waiting = slot(kPredicate);
    if (static_cast<O>(waiting & 15) != O::kBetween || !settle(kConcatenation, middle)) return false;
    set_slot(kPredicate, static_cast<u32>(O::kCompared) | (waiting & ~15u));
    return class_of_operation(O::kCompared, static_cast<C>(waiting >> 4), middle) != C::kCount;
}

SqlClass SqlExpectation::held(Level level) const {
    return static_cast<C>(slot(level) >> 4);
}

bool SqlExpectation::require_bool() {
    data_ |= kBool;
    return in(C::kBool, classes());
}

bool SqlExpectation::negate() {
    data_ |= kSigned;
    return operands() != 0;
}

}  // namespace gcd
