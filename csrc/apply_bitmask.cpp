#include "apply_bitmask.hpp"

#include <algorithm>

namespace gcd {
namespace {

// Most words are all zeros or all ones: a fill, or nothing. The others go 16 bytes at a time, in the vector types that
// GCC and Clang share: compare the word, repeated in each lane, with each lane's bit, and blend. (Left to itself, GCC
// makes no vector code of that loop for plain x86-64; a dense mask of 128k columns then takes five times as long.)
template <class T>
inline void apply_word(T* x, u32 word, T forbidden) noexcept {
    constexpr int kLanes = 16 / sizeof(T);
    typedef T Lanes __attribute__((vector_size(16)));
    if (word == 0xFFFFFFFFu) return;
    if (word == 0) {
        std::fill(x, x + 32, forbidden);
        return;
    }
    Lanes bit;
    for (int i = 0; i < kLanes; ++i) bit[i] = static_cast<T>(T{1} << i);
    const Lanes fill = Lanes{} + forbidden;
    for (int j = 0; j < 32; j += kLanes) {
        const T part = static_cast<T>(word >> j);
        const Lanes bits = (Lanes{} + part) & bit;
        const Lanes keep = reinterpret_cast<Lanes>(bits != 0);
        Lanes value;
        std::memcpy(&value, x + j, 16);  // logits are aligned as T, not as vectors
        value = (value & keep) | (fill & ~keep);
        std::memcpy(x + j, &value, 16);
    }
}

}  // namespace

template <class T>
void apply_bitmask(Rows2d<T> logits, Rows2d<const u32> masks, std::size_t n_rows, std::size_t n_cols,
                   std::size_t n_words, T forbidden) noexcept {
    const std::size_t masked = std::min(n_cols, n_words * 32);
    for (std::size_t r = 0; r < n_rows; ++r) {
        T* x = logits.row(r);
        const u32* mask = masks.row(r);
        std::size_t c = 0;
        for (; c + 32 <= masked; c += 32) apply_word(x + c, mask[c / 32], forbidden);
        for (; c < masked; ++c)
            if (!(mask[c / 32] >> (c % 32) & 1)) x[c] = forbidden;
        std::fill(x + masked, x + n_cols, forbidden);
    }
}

template void apply_bitmask<u16>(Rows2d<u16>, Rows2d<const u32>, std::size_t, std::size_t, std::size_t, u16) noexcept;
template void apply_bitmask<u32>(Rows2d<u32>, Rows2d<const u32>, std::size_t, std::size_t, std::size_t, u32) noexcept;
template void apply_bitmask<u64>(Rows2d<u64>, Rows2d<const u32>, std::size_t, std::size_t, std::size_t, u64) noexcept;

template <class T>
std::size_t first_row_without_score(Rows2d<const T> logits, Rows2d<const u32> masks, std::size_t n_rows,
                                    std::size_t n_cols, std::size_t n_words, T lowest) noexcept {
    // Without its sign an IEEE number is an integer that grows with it; what lies above infinity is not a number.
    const T infinity = static_cast<T>(lowest << 1) >> 1;
    const std::size_t masked = std::min(n_cols, n_words * 32);
    for (std::size_t r = 0; r < n_rows; ++r) {
        const T* x = logits.row(r);
        const u32* mask = masks.row(r);
        bool found = false;
        for (std::size_t w = 0; w * 32 < masked && !found; ++w) {
            for (u32 word = mask[w]; word && !found; word &= word - 1) {
                const std::size_t c = w * 32 + static_cast<std::size_t>(__builtin_ctz(word));
                if (c >= masked) break;
                found = x[c] != lowest && (static_cast<T>(x[c] << 1) >> 1) <= infinity;
            }
        }
        if (!found) return r;
    }
    return n_rows;
}

template std::size_t first_row_without_score<u16>(Rows2d<const u16>, Rows2d<const u32>, std::size_t, std::size_t,
                                                  std::size_t, u16) noexcept;
template std::size_t first_row_without_score<u32>(Rows2d<const u32>, Rows2d<const u32>, std::size_t, std::size_t,
                                                  std::size_t, u32) noexcept;
template std::size_t first_row_without_score<u64>(Rows2d<const u64>, Rows2d<const u32>, std::size_t, std::size_t,
                                                  std::size_t, u64) noexcept;

}  // namespace gcd
