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
