#include "sql_lexemes.hpp"

#include <algorithm>

namespace gcd {

namespace {

// UTF-8: what may follow a leading byte, packed as (bytes left) << 16 | (lowest) << 8 | (highest); 0 for none, NONE for
// a byte that leads no character.
u32 utf8_lead(u8 b) {
    if (b < 0x80) return 0;
    for (const Utf8Form& f : kUtf8Forms)
        if (b >= f.range[0].lo && b <= f.range[0].hi)
            return (f.size - 1) << 16 | static_cast<u32>(f.range[1].lo) << 8 | f.range[1].hi;
    return NONE;
}
u32 utf8_next(u32 state, u8 b) {
    if (b < (state >> 8 & 0xFF) || b > (state & 0xFF)) return NONE;
    const u32 left = (state >> 16) - 1;
    return left ? left << 16 | 0x80BF : 0;
}

// Of each operator (and kSqlBang, which is none): which it becomes by a byte, and those that begin with it.
struct Operators {
    u8 first[256], longer[kSqlOperatorCount + 1][256];
    u64 beginning[kSqlOperatorCount + 1];
    static constexpr u8 kNone = 255, kComment = 254;
    Operators() {
        std::string texts[kSqlOperatorCount + 1];
        for (u32 i = 0; i < kSqlOperatorCount; ++i) texts[i] = kSqlOperators[i];
        texts[kSqlBang] = "!";
        auto find = [&](const std::string& text) {
            if (text == "--" || text == "/*") return kComment;
            for (u32 i = 0; i <= kSqlBang; ++i)
                if (text == texts[i]) return static_cast<u8>(i);
            return kNone;
        };
        for (u32 b = 0; b < 256; ++b) {
            first[b] = find(std::string(1, static_cast<char>(b)));
            for (u32 i = 0; i <= kSqlBang; ++i) longer[i][b] = find(texts[i] + static_cast<char>(b));
        }
        for (u32 i = 0; i <= kSqlBang; ++i) {
            beginning[i] = 0;
            for (u32 k = 0; k < kSqlOperatorCount; ++k)
                if (texts[k].compare(0, texts[i].size(), texts[i]) == 0) beginning[i] |= 1ull << k;
        }
    }
};

const Operators& operators() {
    static const Operators table;
    return table;
}

}  // namespace

u32 sql_utf8(u32 state, u8 byte) {
    return state ? utf8_next(state, byte) : utf8_lead(byte);
}

u32 sql_operator(u8 byte) {
    const u8 op = operators().first[byte];
    return op == Operators::kNone ? NONE : op;
}

u32 sql_longer_operator(u32 op, u8 byte) {
    const u8 longer = operators().longer[op][byte];
    return longer == Operators::kNone ? NONE : longer == Operators::kComment ? kSqlComment : longer;
}

bool sql_operator_alive(u64 some, u32 op) {
    return some & operators().beginning[op];
}

bool SqlNumber::step(u8 byte) {
    SqlNumber next{NONE, 0};
    const bool e = byte == 'e' || byte == 'E';
    switch (form) {
        case kStart:
            if (sql_digit(byte)) next = {kInt, byte == '0' ? kZero : byte - u32('0')};
            if (byte == '.') next.form = kPoint;
            break;
        case kInt:
            if (sql_digit(byte)) next = {kInt, value >= kZero ? kLong : std::min(value * 10 + (byte - u32('0')), kMost)};
            if (byte == '.') next.form = kFraction;
            if (e) next.form = kExponent;
            if ((byte == 'x' || byte == 'X') && value == kZero) next.form = kHexMark;
            break;
        case kHexMark:
        case kHex:
            if (sql_hex(byte) && value < 15) next = {kHex, value + 1};
            break;
        case kPoint:
        case kFraction:
            if (sql_digit(byte)) next.form = kFraction;
            if (e && form == kFraction) next.form = kExponent;
            break;
        case kExponent:
            if (byte == '+' || byte == '-') next.form = kExponentSign;
            if (sql_digit(byte)) next.form = kExponentDigits;
            break;
        default:
            if (sql_digit(byte)) next.form = kExponentDigits;
    }
    if (next.form == NONE) return false;
    *this = next;
    return true;
}

}  // namespace gcd
