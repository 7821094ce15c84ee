// What statements are made of, as the front end hands it over (gcd/sql/scope_program.py): the database's names, tables
// and functions, and the syntax as a program with scope actions (gcd/sql/scope_syntax.py). It is hostile input: every
// index is checked.
#pragma once

#include <algorithm>
#include <unordered_map>

#include "sql_lexemes.hpp"
#include "sql_types.hpp"

namespace gcd {

// In the order of scope_syntax.CATEGORIES.
enum class SqlCategory : u32 {
    kColumn,
    kQualifier,
    kQualifiedColumn,
    kStarQualifier,
    kTable,
    kSchema,
    kSchemaTable,
    kSourceAlias,
    kBareAlias,
    kResultAlias,
    kLabel,
    kCteName,
    kCteColumn,
    kUsing,
    kOutput,
    kScalar,
    kAggregate,
    kWindow,
    kCollation,
    kType,
    kSchemaQualifier,
    kInnerQualifier,
    kInTable,
    kWindowName,
    kWindowDefinition,
    kTarget,
    kSchemaTarget,
    kTargetAlias,
    kInsertColumn,
    kSetColumn,
    kConflictColumn,
    kAlias,
    kCount,
};
inline bool sql_is_function(SqlCategory c) {
    return c >= SqlCategory::kScalar && c <= SqlCategory::kWindow;
}
// A literal, or a bracket, can stand instead.
inline bool sql_is_operand(SqlCategory c) {
    return c == SqlCategory::kColumn || c == SqlCategory::kQualifier || c == SqlCategory::kStarQualifier ||
           c == SqlCategory::kSchemaQualifier || c == SqlCategory::kInTable || sql_is_function(c);
}

// In the order of scope_syntax.ACTIONS.
enum class SqlAction : u32 {
    kWant,
    kBegin,
    kEnd,
    kCore,
    kItem,
    kEndItem,
    kMore,
    kStar,
    kFrom,
    kClose,
    kClause,
    kGrouped,
    kTerm,
    kEndTerm,
    kSeal,
    kSetOp,
    kBind,
    kNoAlias,
    kDerived,
    kJoin,
    kOn,
    kEndOn,
    kUsing,
    kEndUsing,
    kOp,
    kComplex,
    kArg,
    kNextArg,
    kNoArgs,
    kDistinct,
    kEndCall,
    kAggregated,
    kFilter,
    kEndFilter,
    kWindow,
    kEndWindow,
    kValued,
    kCell,
    kEndRow,
    kRoom,
    kBoolean,
    kIsolate,
    kLeave,
    kOrdered,
    kGroupable,
    kHaving,
    kWindows,
    kEndWindows,
    kGroup,
    kEndGroup,
    kAliasGroup,
    kRow,
    kLeft,
    kRight,
    kWider,
    kSameLeft,
    kClosed,
    kAnother,
    kFill,
    kFilled,
    kUpdate,
    kUpdateFrom,
    kUpdated,
    kDelete,
    kUpsert,
    kConflict,
    kConflicted,
    kUpset,
    kReturning,
    // -- of dialects with types --
    kEnter,
    kExit,
    kExpect,
    kCan,
    kType,
    kLeftSide,
    kMiddle,
    kList,
    kListed,
    kBool,
    kLogic,
    kIs,
    kNegate,
    kSigned,
    kConstant,
    kOperands,
    kCasting,
    kCastTo,
    kCast,
    kSubquery,
    kColumn,
    kBranch,
    kBranched,
    kEndCase,
    kCalled,
    kDistinctRows,
    kUnstarred,
    kGrouping,
    kGroupBy,
    kUngrouped,
    kCount,
};

// The last four are for dialects with types: integers of so many digits, other numbers, dates.
enum class SqlLiteral : u32 {
    kNumber,
    kInteger,
    kPosition,
    kString,
    kBlob,
    kParameter,
    kSmall,
    kLong,
    kDecimal,
    kDate,
    kCount
};

// Where a name stands, in the order of scope_syntax.PLACES: which keywords can be one.
enum class SqlPlace : u32 { kOperand, kLabel, kAlias, kAny, kCalled, kCount };
SqlPlace sql_place(SqlCategory category);

struct SqlInstruction {
    enum Op : u32 { kKeyword, kOperator, kLiteral, kName, kCall, kSplit, kAct, kReturn };
    u32 op = kReturn, a = 0, b = 0;
    std::vector<u32> next;
};

struct SqlTable {
    u32 name = 0, schema = NONE;  // names
    bool bare = false;            // what the name without a schema means
    bool rowid = false;
    bool writable = false;      // INSERT, UPDATE and DELETE
    bool stored = false;        // no view and no virtual table: with RETURNING, ON CONFLICT, UPDATE ... FROM
    std::vector<u32> columns;   // names
    std::vector<u8> hidden;     // of each column: `*` leaves it out
    std::vector<u8> generated;  // of each column: it can't be written
    std::vector<std::vector<u32>> uniques;  // columns that can be the target of ON CONFLICT, sorted
    std::vector<u8> types;                  // of each column: its `SqlClass`
};

struct SqlFunction {
    u32 name = 0, kind = 0;  // kind: 0 scalar, 1 aggregate, 2 window
    std::vector<i32> arities;
    std::vector<u32> arguments;  // sets of classes; the last one is that of all further arguments
    SqlClass result = SqlClass::kAny;
    bool takes(u32 n) const;
    bool takes_more(u32 n) const;  // some number above n
    u32 argument(u32 i) const {
        return arguments.empty() ? kAllClasses : arguments[std::min<size_t>(i, arguments.size() - 1)];
    }
};

struct SqlProgram {
    // Throws bad_input.
    SqlProgram(const u8* data, size_t size);

    // The dialect enforces types, and a name in quotes is as it stands (PostgreSQL).
    bool typed = false;
    // Names in the order of their folded bytes: those with a common beginning are a range.
    std::vector<std::string> names;
    std::vector<u8> name_flags;  // bits: the places where one can be written without quotes
    static constexpr u8 kOdd = 1 << static_cast<u32>(SqlPlace::kCount);  // might be what SQLite calls a result column
                                                                         // without a name of its own
    std::vector<std::string> words;                                      // all that aren't simply names, folded, sorted
    std::vector<u8> word_flags;         // bits: the places where one may be a name without quotes
    static constexpr u8 kMeans = kOdd;  // of words: it means something of its own where no column is called so
    std::vector<std::string> operators;
    std::vector<std::string> quotes;  // that begin names
    std::vector<SqlTable> tables;
    std::vector<SqlFunction> functions;
    std::vector<u32> collations;       // names
    std::vector<SqlInstruction> code;  // keywords: by their place in `words`
    u32 start = 0;
    u32 rowid_names[3] = {NONE, NONE, NONE};
    u32 max_columns = 2000, max_sources = 60, max_terms = 400, max_stack = 96;

    // -- derived --
    SqlOperators signs;                                      // `operators`
    Bits table_names;                                        // names of tables
    std::vector<u32> meaning_names;                          // words that mean something where no column has them
    std::vector<Bits> tables_of;                             // name -> tables that have a column of this name
    std::vector<u32> classes_of;                             // name -> classes of these columns
    std::vector<Bits> qualified_of;                          // the same, with rowids
    std::unordered_map<u32, std::vector<u32>> tables_named;  // name -> tables
    std::unordered_map<u32, std::vector<u32>> functions_named;
    u32 find_name(const std::string& folded) const;  // NONE: no such name
    u32 find_word(const std::string& folded) const;
    bool quotes_name(u8 byte) const {
        return std::find(quotes.begin(), quotes.end(), std::string(1, static_cast<char>(byte))) != quotes.end();
    }
};

}  // namespace gcd
