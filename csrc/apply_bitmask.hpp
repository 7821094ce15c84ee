// Applying a bitmask to logits: whatever it doesn't allow becomes a given value, minus infinity.
#pragma once

#include "common.hpp"

namespace gcd {

// A matrix whose rows may lie apart; the elements of a row lie side by side.
template <class T>
struct Rows2d {
    T* data;
    std::ptrdiff_t stride;  // from row to row, in elements; any sign
    T* row(std::size_t i) const { return data + static_cast<std::ptrdiff_t>(i) * stride; }
};

// Column c of row r keeps its value if bit c % 32 of masks.row(r)[c / 32] is set, else it becomes `forbidden`; columns
// past the mask's words do, too. T is the unsigned integer of the logits' size: only bits are moved, so one function
// serves float16 and bfloat16.
template <class T>
void apply_bitmask(Rows2d<T> logits, Rows2d<const u32> masks, std::size_t n_rows, std::size_t n_cols,
                   std::size_t n_words, T forbidden) noexcept;

// The first row without a score: none of its columns that its mask allows holds a number above `lowest`, minus
// infinity's bits (not a number is none, either). n_rows if there is none. Stops at a row's first score, so that it
// costs next to nothing where there is one.
template <class T>
std::size_t first_row_without_score(Rows2d<const T> logits, Rows2d<const u32> masks, std::size_t n_rows,
                                    std::size_t n_cols, std::size_t n_words, T lowest) noexcept;

}  // namespace gcd
