// The lexemes of SQL, whatever the database: classes of bytes, operators, forms of numbers.
#pragma once

#include <array>
#include <string>

#include "common.hpp"

namespace gcd {

// A to Z as a to z; everything else as it is: how SQLite compares names.
inline u8 sql_fold(u8 c) {
    return c >= 'A' && c <= 'Z' ? static_cast<u8>(c + 32) : c;
}
// Bytes of bare words: their first, and all of them.
inline bool sql_word_start(u8 b) {
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' || b >= 0x80;
}
inline bool sql_word_byte(u8 b) {
    return sql_word_start(b) || (b >= '0' && b <= '9') || b == '$';
}
inline bool sql_space(u8 b) {
    return b == ' ' || b == '\n' || b == '\t' || b == '\r' || b == '\f';
}
inline bool sql_digit(u8 b) {
    return b >= '0' && b <= '9';
}
inline bool sql_hex(u8 b) {
    return sql_digit(b) || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
}
inline bool sql_quote(u8 b) {
    return b == '"' || b == '`' || b == '[';
}
inline u8 sql_closing(u8 quote) {
    return quote == '[' ? u8{']'} : quote;
}
// A byte of a name that is invented and written bare; of one that is written in quotes.
inline bool sql_plain_byte(u8 b) {
    return sql_word_byte(b) && b < 0x80;
}
inline bool sql_printable(u8 b) {
    return b >= ' ' && b <= '~' && b != '.';  // SQLite looks for dots in names of sources in brackets
}
// A step through UTF-8: 0 between characters, NONE for bytes that are none.
u32 sql_utf8(u32 state, u8 byte);

// A dialect's operators, at most 64: which one bytes are, the longest that they can be.
class SqlOperators {
  public:
    static constexpr u32 kComment = NONE - 1;  // a comment begins
    static constexpr u32 kGlued = NONE - 2;  // it would be an operator that there isn't, or a comment where none may be
    SqlOperators() = default;
    // `glues`: signs without space between them are one operator, as PostgreSQL's lexer has it; and no comments.
    explicit SqlOperators(const std::vector<std::string>& texts, bool glues = false);
    // NONE: none begins so.
    u32 first(u8 byte) const { return wide(first_[byte]); }
    // The operator that another one becomes by a further byte; NONE if it ends in front of it.
    u32 longer(u32 op, u8 byte) const { return wide(longer_[op][byte]); }
    // Whether one of a set of operators begins with this one.
    bool alive(u64 some, u32 op) const { return some & beginning_[op]; }
    // Whether a comment may begin with it.
    bool comments(u32 op) const { return longer(op, '-') == kComment || longer(op, '*') == kComment; }

  private:
    static constexpr u8 kNo = 255, kCommentMark = 254, kGluedMark = 253;
    static u32 wide(u8 op) { return op < kGluedMark ? op : NONE - (kNo - op); }
    std::array<u8, 256> first_{};
    std::vector<std::array<u8, 256>> longer_;
    std::vector<u64> beginning_;  // of each: those that begin with it
};

// A comment as it is read, from behind its two first bytes on.
struct SqlComment {
    enum Form : u32 { kLine, kBlock, kBlockStar };
    enum Step { kNo, kWithin, kEnd };
    u32 form = kLine;
    u32 utf8 = 0;  // see sql_utf8
    Step step(u8 byte);
    // The end of the text ends one as well.
    bool may_end() const { return form == kLine && utf8 == 0; }
};

// A parameter as it is read, from behind its first byte on: ?1, :name.
struct SqlParameter {
    enum Form : u32 { kNumbered, kNamed };
    static constexpr u32 kMostDigits = 4;  // SQLite has 32766 of them
    u32 form = kNumbered;
    u32 read = 0;  // digits; 1 behind the first byte of a name
    static bool begins(u8 byte) { return byte == '?' || byte == ':' || byte == '@' || byte == '$'; }
    explicit SqlParameter(u8 first) : form(first == '?' ? kNumbered : kNamed) {}
    SqlParameter(u32 form_, u32 read_) : form(form_), read(read_) {}
    bool accepting() const { return form == kNumbered || read; }
    // False if the parameter ends in front of the byte.
    bool step(u8 byte);
};

// A number as it is read: its form; and its value, as far as it can matter.
struct SqlNumber {
    enum Form : u32 { kStart, kInt, kHexMark, kHex, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };
    static constexpr u32 kMost = 9999;                  // larger values count as this one,
    static constexpr u32 kZero = 10000, kLong = 10001;  // "0" and a number that begins with it as these
    u32 form = kStart;
    u32 value = 0;  // of a hexadecimal number: how many digits
    bool accepting() const { return form == kInt || form == kHex || form == kFraction || form == kExponentDigits; }
    // False if the number ends in front of the byte.
    bool step(u8 byte);
    // The same without exponents and hexadecimal digits, for dialects with types: there the value counts digits as
    // well, as an integer's size is its type.
    static constexpr u32 kIntDigits = 9, kBigDigits = 18, kMostDigits = 40;
    bool step_counted(u8 byte);
    u32 counted_value() const { return value & 0xFFFF; }
    u32 digits() const { return value >> 16; }
};

}  // namespace gcd
