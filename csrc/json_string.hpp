// The inside of a JSON string, decoded byte by byte: UTF-8, the short escapes, \uXXXX and surrogate pairs (RFC 8259
// §7).
//
// Between bytes a decoder stands at a character's edge (kPlain) or within one; then it knows which characters can still
// come of it. Lone surrogates come of nothing, so they are refused at the digit that makes them.
#pragma once

#include "common.hpp"

namespace gcd {

struct StringDecoder {
    enum Kind : u8 {
        kPlain,      // between characters
        kUtf8,       // within one: `count` bytes to come, `value` the bits so far
        kEscape,     // behind a backslash
        kHex,        // within \uXXXX: `count` digits read, `value` so far
        kLowEscape,  // behind a high surrogate (`high`): a backslash must come
        kLowU,       // then a u
        kLowHex,     // then `count` digits of the low one
    };
    u8 kind = kPlain;
    u8 count = 0;
    u8 lo = 0x80, hi = 0xBF;  // kUtf8: the next byte
    u32 value = 0;
    u32 high = 0;

    bool plain() const { return kind == kPlain; }
    bool operator==(const StringDecoder& o) const { return key() == o.key(); }
    u64 key() const {
        return static_cast<u64>(kind) | static_cast<u64>(count) << 4 | static_cast<u64>(lo & 0x3F) << 8 |
               static_cast<u64>(hi & 0x3F) << 14 | static_cast<u64>(value) << 20 | static_cast<u64>(high & 0x3FF) << 42;
    }
    enum Result : u8 { kRefused, kMore, kCharacter, kQuote };
    // Reads a byte; `c` is the character if one is complete.
    Result step(u8 b, u32& c) {
        switch (kind) {
            case kPlain:
                if (b == '"') return kQuote;
                if (b == '\\') {
                    kind = kEscape;
                    return kMore;
                }
                if (b < 0x20) return kRefused;
                if (b < 0x80) {
                    c = b;
                    return kCharacter;
                }
                return lead(b);
            case kUtf8:
                if (b < lo || b > hi) return kRefused;
                value = value << 6 | (b & 0x3F);
                lo = 0x80;
                hi = 0xBF;
                if (--count) return kMore;
                c = value;
                *this = StringDecoder();
                return kCharacter;
            case kEscape:
                switch (b) {
                    case '"':
                    case '\\':
                    case '/':
                        c = b;
                        break;
                    case 'b':
                        c = 8;
                        break;
                    case 'f':
                        c = 12;
                        break;
                    case 'n':
                        c = 10;
                        break;
                    case 'r':
                        c = 13;
                        break;
                    case 't':
                        c = 9;
                        break;
                    case 'u':
                        kind = kHex;
                        return kMore;
                    default:
                        return kRefused;
                }
                *this = StringDecoder();
                return kCharacter;
            case kHex:
            case kLowHex: {
                const int d = digit(b);
                if (d < 0) return kRefused;
                value = value << 4 | static_cast<u32>(d);
                ++count;
                // D800..DBFF is the first half of a pair, DC00..DFFF the second: known by the second digit.
                if (kind == kHex) {
                    if (count >= 2 && value >> (4 * (count - 2)) >= 0xDC && value >> (4 * (count - 2)) <= 0xDF)
                        return kRefused;
                    if (count < 4) return kMore;
                    if (value >= 0xD800 && value <= 0xDBFF) {
                        high = value - 0xD800;
                        kind = kLowEscape;
                        value = count = 0;
                        return kMore;
                    }
                    c = value;
                } else {
                    if (count == 1 && value != 0xD) return kRefused;
                    if (count == 2 && value < 0xDC) return kRefused;
                    if (count < 4) return kMore;
                    c = 0x10000 + (high << 10) + (value - 0xDC00);
                }
                *this = StringDecoder();
                return kCharacter;
            }
            case kLowEscape:
                if (b != '\\') return kRefused;
                kind = kLowU;
                return kMore;
            case kLowU:
                if (b != 'u') return kRefused;
                kind = kLowHex;
                return kMore;
        }
        return kRefused;
    }
    // Ranges of characters that can come of what has been read; at most two.
    u32 ranges(u32 lo_out[2], u32 hi_out[2]) const {
        switch (kind) {
            case kUtf8: {
                u32 a = value, b = value;
                a = a << 6 | (lo & 0x3F);
                b = b << 6 | (hi & 0x3F);
                for (u32 i = 1; i < count; ++i) {
                    a = a << 6;
                    b = b << 6 | 0x3F;
                }
                lo_out[0] = a;
                hi_out[0] = b;
                return 1;
            }
            case kHex: {
                const u32 shift = 4 * (4 - count);
                const u32 a = value << shift, b = (value << shift) | ((1u << shift) - 1);
                lo_out[0] = a;
                hi_out[0] = b;
                const u32 s = a > 0xD800 ? a : 0xD800, e = b < 0xDBFF ? b : 0xDBFF;
                if (s > e) return 1;
                lo_out[1] = 0x10000 + ((s - 0xD800) << 10);
                hi_out[1] = 0x10000 + ((e - 0xD800) << 10) + 0x3FF;
                return 2;
            }
            case kLowEscape:
            case kLowU:
                lo_out[0] = 0x10000 + (high << 10);
                hi_out[0] = lo_out[0] + 0x3FF;
                return 1;
            case kLowHex: {
                u32 a = value, b = value;
                for (u32 i = count; i < 4; ++i) {
                    a = a << 4;
                    b = b << 4 | 0xF;
                }
                a = a > 0xDC00 ? a : 0xDC00;
                b = b < 0xDFFF ? b : 0xDFFF;
                lo_out[0] = 0x10000 + (high << 10) + (a - 0xDC00);
                hi_out[0] = 0x10000 + (high << 10) + (b - 0xDC00);
                return 1;
            }
            default:  // any character can be written behind a backslash
                lo_out[0] = 0;
                hi_out[0] = 0x10FFFF;
                return 1;
        }
    }

  private:
    static int digit(u8 b) {
        if (b >= '0' && b <= '9') return b - '0';
        if (b >= 'a' && b <= 'f') return b - 'a' + 10;
        if (b >= 'A' && b <= 'F') return b - 'A' + 10;
        return -1;
    }
    Result lead(u8 b) {
        for (const Utf8Form& f : kUtf8Forms)
            if (b >= f.range[0].lo && b <= f.range[0].hi) {
                kind = kUtf8;
                count = static_cast<u8>(f.size - 1);
                value = b & (f.size == 2 ? 0x1F : f.size == 3 ? 0x0F : 0x07);
                lo = f.range[1].lo;
                hi = f.range[1].hi;
                return kMore;
            }
        return kRefused;
    }
};

}  // namespace gcd
