#include "apply_bitmask.hpp"

#include <algorithm>

namespace gcd {
namespace {

// The loop over the 32 columns of a word has no branch and a fixed length, so that compilers make vector code of it:
// compare the word with each lane's bit, blend. Most words are all zeros or all ones: a fill, and nothing at all.
template <class T>
inline void apply_word(T* x, u32 word, T forbidden) noexcept {
    if (word == 0xFFFFFFFFu) return;
    if (word == 0) {
        for (int j = 0; j < 32; ++j) x[j] = forbidden;
        return;
    }
    if constexpr (sizeof(T) == 2) {
        // Two halves, so that the bits are as wide as the lanes.
        for (int half = 0; half < 2; ++half) {
            const u16 bits = static_cast<u16>(word >> (16 * half));
            for (int j = 0; j < 16; ++j) {
                const T keep = static_cast<T>(-static_cast<T>((bits & static_cast<u16>(1u << j)) != 0));
                x[16 * half + j] = static_cast<T>((x[16 * half + j] & keep) | (forbidden & ~keep));
            }
        }
    } else {
        for (int j = 0; j < 32; ++j) {
            const T keep = -static_cast<T>((word & (1u << j)) != 0);
            x[j] = (x[j] & keep) | (forbidden & ~keep);
        }
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

std::size_t first_empty_row(Rows2d<const u32> masks, std::size_t n_rows, std::size_t n_cols,
                            std::size_t n_words) noexcept {
    const std::size_t whole = std::min(n_cols / 32, n_words);
    const u32 rest = whole < n_words ? (1u << (n_cols % 32)) - 1 : 0;
    for (std::size_t r = 0; r < n_rows; ++r) {
        const u32* mask = masks.row(r);
        std::size_t w = 0;
        while (w < whole && mask[w] == 0) ++w;
        if (w == whole && !(rest && (mask[whole] & rest))) return r;
    }
    return n_rows;
}

}  // namespace gcd
