// Types of expressions, for dialects that enforce them: classes of PostgreSQL's types, and what its operators make of
// them. The numbers' classes are ordered: where one can stand, all narrower ones can.
#pragma once

#include "common.hpp"

namespace gcd {

// In the order of postgresql_types.CLASSES.
enum class SqlClass : u32 {
    kAny,  // of dialects that enforce no types
    kInt,  // 4 bytes or fewer
    kBig,  // 8 bytes
    kNumeric,
    kFloat,
    kText,
    kLiteral,      // a string literal, whose type PostgreSQL finds out
    kDateLiteral,  // one that is a date
    kNull,
    kBool,
    kDate,
    kStamp,  // with or without time zone
    kTime,
    kInterval,
    kUuid,
    kOther,  // without operators
    kCount,
};

constexpr u32 kAllClasses = NONE;  // a set of classes that holds all, also `kAny`

constexpr u32 class_set(SqlClass c) {
    return 1u << static_cast<u32>(c);
}
template <class... More>
constexpr u32 class_set(SqlClass c, More... more) {
    return class_set(c) | class_set(more...);
}

// Operators whose left side waits, as a frame's slots keep them.
enum class SqlOperation : u32 {
    kNone,
    kTimes,
    kDivided,
    kModulo,
    kPlus,
    kMinus,
    kConcat,
    kLike,
    kCompared,
    kBetween,
    kDistinct,
    kClosed
};

// 0 or kCount: there is no such operator.
SqlClass class_of_operation(SqlOperation op, SqlClass left, SqlClass right);
SqlClass unified_class(SqlClass a, SqlClass b);  // of CASE, COALESCE and compounds
u32 comparable_classes(SqlClass c);
u32 unifiable_classes(SqlClass c);
u32 castable_classes(u32 to);          // from which CAST leads to one of these
u32 written_casts(SqlClass from);      // to which `::` leads
u32 classes_of_results(u32 expected);  // of a result column that is expected to be of one of these
SqlClass class_of_result(SqlClass c);  // what a result column of this class becomes
u32 classes_with_equality();
u32 every_class();  // that an expression can have, but for date literals

// What an expression expects and what of it waits for its right side.
class SqlExpectation {
  public:
    // Of operators, those that bind most first. Those of the last two don't associate.
    enum Level : u32 { kFactor, kTerm, kConcatenation, kPredicate, kComparison, kTest };
    explicit SqlExpectation(u64 data) : data_(data) {}
    static SqlExpectation of(u32 classes, bool plain) { return SqlExpectation(classes | (plain ? kPlain : 0)); }
    u64 data() const { return data_; }
    u32 classes() const { return static_cast<u32>(data_ & 0xFFFF); }
    // What may stand where an operand is expected.
    u32 operands() const;
    // Whether an expression can end well if it has this class behind a level.
    bool viable(SqlClass c, Level level) const { return viable_set(class_set(c), level); }
    bool hold(Level level, SqlOperation op, SqlClass left);  // false: nothing can come of it
    bool settle(Level level, SqlClass& c);                   // what operators up to a level make of it; false: nothing
    bool between(SqlClass middle);                           // the second operand of BETWEEN
    // What was read is of this level, and no operator of the level may follow.
    void close(Level level) { set_slot(level, static_cast<u32>(SqlOperation::kClosed)); }
    // IS DISTINCT FROM, behind which no other IS may stand.
    bool distinct() const { return (slot(kComparison) & 15) == static_cast<u32>(SqlOperation::kDistinct); }
    bool closed(Level level) const { return slot(level) == static_cast<u32>(SqlOperation::kClosed); }
    SqlClass held(Level level) const;
    bool require_bool();  // AND, OR, NOT
    bool negate();        // a sign
    bool signed_operand() const { return data_ & kSigned; }
    void forget_sign() { data_ &= ~kSigned; }
    bool ends(SqlClass c) const { return viable_end(class_set(c)); }

  private:
    static constexpr u64 kPlain = 1ull << 16, kSigned = 1ull << 17, kBool = 1ull << 18;
    static constexpr u32 kFirst = 19, kSlot = 8;
    u32 slot(Level level) const { return static_cast<u32>(data_ >> (kFirst + kSlot * level)) & 0xFF; }
    void set_slot(Level level, u32 value) {
        const u32 at = kFirst + kSlot * level;
        data_ = (data_ & ~(0xFFull << at)) | static_cast<u64>(value) << at;
    }
    bool viable_set(u32 set, u32 level) const;
    bool viable_end(u32 set) const;
    u64 data_;
};

}  // namespace gcd
