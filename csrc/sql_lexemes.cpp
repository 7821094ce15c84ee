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

std::string text_of(u32 op) {
    return op == kSqlBang ? "!" : kSqlOperators[op];
}

}  // namespace

u32 sql_utf8(u32 state, u8 byte) {
    return state ? utf8_next(state, byte) : utf8_lead(byte);
}

u32 sql_operator(const std::string& text) {
    for (u32 i = 0; i < kSqlOperatorCount; ++i)
        if (text == kSqlOperators[i]) return i;
    return text == "!" ? kSqlBang : NONE;
}

u32 sql_longer_operator(u32 op, u8 byte) {
    const std::string text = text_of(op) + static_cast<char>(byte);
    return text == "--" || text == "/*" ? kSqlComment : sql_operator(text);
}

bool sql_operator_alive(u64 operators, u32 op) {
    const std::string text = text_of(op);
    for (u32 i = 0; i < kSqlOperatorCount; ++i)
        if ((operators >> i & 1) && std::string(kSqlOperators[i]).compare(0, text.size(), text) == 0) return true;
    return false;
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
