// String literals that are dates: YYYY-MM-DD, and behind it HH:MM or HH:MM:SS. PostgreSQL reads them when it prepares a
// statement, so only days that there are in every year may be written.
#pragma once

#include "common.hpp"

namespace gcd {

// How much of a date was read: 0 is none at all. The number of bytes is in the lowest five bits, minus one.
constexpr u32 kDateBegins = 1;
inline bool sql_date_ends(u32 state) {
    const u32 at = (state - 1) & 31;
    return state && (at == 10 || at == 16 || at == 19);
}

// 0: it isn't one.
inline u32 sql_date_step(u32 state, u8 byte) {
    const u32 at = (state - 1) & 31, kept = (state - 1) >> 5, digit = byte - u32('0');
    auto next = [&](bool fine, u32 keep = 0) { return fine ? ((at + 1) | keep << 5) + 1 : 0; };
    const bool is_digit = digit < 10;
    switch (at) {
        case 0:
            return next(digit == 1 || digit == 2);
        case 4:
        case 7:
            return next(byte == '-', kept);
        case 5:
            return next(digit < 2, digit);
        case 6: {
            const u32 month = kept * 10 + digit;
            return next(is_digit && month >= 1 && month <= 12, month == 2 ? 0
                                                               : month == 4 || month == 6 || month == 9 || month == 11
                                                                   ? 1
                                                                   : 2);
        }
        case 8:
            return next(digit <= (kept ? 3u : 2u), kept * 4 + digit);
        case 9: {
            constexpr u32 kDays[] = {28, 30, 31};
            const u32 day = kept % 4 * 10 + digit;
            return next(is_digit && day >= 1 && day <= kDays[kept / 4]);
        }
        case 10:
            return next(byte == ' ');
        case 11:
            return next(digit < 3, digit);
        case 12:
            return next(is_digit && (kept < 2 || digit < 4));
        case 13:
        case 16:
            return next(byte == ':');
        case 14:
        case 17:
            return next(digit < 6);
        case 19:
            return 0;
        default:
            return next(is_digit);
    }
}

}  // namespace gcd
