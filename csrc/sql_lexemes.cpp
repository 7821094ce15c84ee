#include "sql_lexemes.hpp"

#include <algorithm>
#include <string_view>

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

}  // namespace

u32 sql_utf8(u32 state, u8 byte) {
    return state ? utf8_next(state, byte) : utf8_lead(byte);
}

namespace {
// PostgreSQL's lexer takes so many signs as it can for one operator, but for a sign of a number behind signs of
// arithmetic.
bool glued(const std::string& text) {
    constexpr std::string_view kSigns = "+-*/<>=~!@#%^&|`?", kOdd = "~!@#%^&|`?";
    auto among = [&](std::string_view signs, char c) { return signs.find(c) != std::string_view::npos; };
    return text.size() > 1 && among(kSigns, text.front()) && among(kSigns, text.back()) &&
           std::any_of(text.begin(), text.end(), [&](char c) { return among(kOdd, c); });
}
}  // namespace

SqlOperators::SqlOperators(const std::vector<std::string>& texts, bool glues) {
    auto find = [&](const std::string& text) {
        if (text == "--" || text == "/*") return glues ? kGluedMark : kCommentMark;
        for (size_t i = 0; i < texts.size(); ++i)
            if (text == texts[i]) return static_cast<u8>(i);
        return glues && glued(text) ? kGluedMark : kNo;
    };
    longer_.resize(texts.size());
    for (u32 b = 0; b < 256; ++b) {
        first_[b] = find(std::string(1, static_cast<char>(b)));
        for (size_t i = 0; i < texts.size(); ++i) longer_[i][b] = find(texts[i] + static_cast<char>(b));
    }
    for (const std::string& text : texts) {
        beginning_.push_back(0);
        for (size_t k = 0; k < texts.size(); ++k)
            if (texts[k].compare(0, text.size(), text) == 0) beginning_.back() |= 1ull << k;
    }
}

SqlComment::Step SqlComment::step(u8 byte) {
    if (byte == 0) return kNo;
    if (utf8 == 0 && ((form == kLine && byte == '\n') || (form == kBlockStar && byte == '/'))) return kEnd;
    utf8 = sql_utf8(utf8, byte);
    if (utf8 == NONE) return kNo;
    if (form != kLine) form = byte == '*' ? kBlockStar : kBlock;
    return kWithin;
}

bool SqlParameter::step(u8 byte) {
    if (form == kNumbered) return sql_digit(byte) && (read || byte != '0') && ++read <= kMostDigits;
    read = 1;
    return sql_word_byte(byte) && byte < 0x80;
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
            if (sql_digit(byte))
                next = {kInt, value >= kZero ? kLong : std::min(value * 10 + (byte - u32('0')), kMost)};
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

bool SqlNumber::step_counted(u8 byte) {
    const bool digit = sql_digit(byte);
    const u32 more = (digits() + 1) << 16;
    if (form == kStart || form == kInt) {
        if (digit) {
            const u32 now = counted_value() * 10 + (byte - u32('0'));
            *this = {kInt, more | std::min(now, kMost)};
            return true;
        }
        if (byte != '.') return false;
        form = form == kStart ? kPoint : kFraction;
        return true;
    }
    if (!digit || (form != kPoint && form != kFraction)) return false;
    *this = {kFraction, more};
    return true;
}

}  // namespace gcd
