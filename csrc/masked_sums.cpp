#include "masked_sums.hpp"

#include <algorithm>
#include <cmath>

// Sixteen lanes at a time in the vector types that GCC and Clang share; they lower them to what the target has. Vectors
// never cross a function's border: all that takes one is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"
#define GCD_INLINE inline __attribute__((always_inline))
#if defined(__x86_64__)
#define GCD_WIDER(name, params, args)                                             \
    __attribute__((target("avx512f"))) void name##_512 params {                   \
        name##_body args;                                                         \
    }                                                                             \
    __attribute__((target("avx2"))) void name##_256 params {                      \
        name##_body args;                                                         \
    }                                                                             \
    void name##_128 params {                                                      \
        name##_body args;                                                         \
    }                                                                             \
    void name params {                                                            \
        static const auto best = __builtin_cpu_supports("avx512f") ? &name##_512  \
                                 : __builtin_cpu_supports("avx2")  ? &name##_256  \
                                                                   : &name##_128; \
        best args;                                                                \
    }
#else
#define GCD_WIDER(name, params, args) \
    void name params {                \
        name##_body args;             \
    }
#endif

namespace gcd {

using Sums = MaskedSumsOfBlock;

namespace {

constexpr u32 kLanes = 16;
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef i32 Ints __attribute__((vector_size(4 * kLanes)));

// exp of each lane, in place, for x <= 20: the polynomial of Cephes' expf after the usual reduction by multiples of
// log 2. Below -87 the true value is no normal float; there it is 0, as it is for -inf.
GCD_INLINE void exp_lanes(Floats& x) {
    const Floats low = Floats{} - 87.0f;
    const Ints alive = reinterpret_cast<Ints>(x >= low);
    x = alive ? x : low;
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    const Floats shifted = x * 1.44269504088896341f + 12582912.0f;
    const Floats n = shifted - 12582912.0f;
    const Floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Floats p = Floats{} + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const Ints scale = reinterpret_cast<Ints>(shifted) << 23;  // the integer, moved into the exponent
    x = reinterpret_cast<Floats>((reinterpret_cast<Ints>(p) + scale) & alive);
}

// All ones in the lanes whose bits are set in `word`, from bit `shift` on.
GCD_INLINE void lanes_of(u32 word, u32 shift, Ints& lanes) {
    Ints bit;
    for (u32 i = 0; i < kLanes; ++i) bit[i] = 1 << i;
    lanes = reinterpret_cast<Ints>(((Ints{} + static_cast<i32>(word >> shift)) & bit) != 0);
}

GCD_INLINE double sum_lanes(const Floats& v) {
    double s = 0;
    for (u32 i = 0; i < kLanes; ++i) s += static_cast<double>(v[i]);
    return s;
}

struct Greatest {
    double all = kMinusInfinity, allowed = kMinusInfinity;
    bool nan = false;
};

// The greatest of all scores and of the allowed ones. mask null: of all only.
GCD_INLINE void greatest_body(const float* x, const u32* mask, u32 width, Greatest& out) {
    const Floats lowest = Floats{} - std::numeric_limits<float>::infinity();
    Floats all = lowest, allowed = lowest;
    Ints nan = Ints{};
    u32 c = 0;
    for (; c + 32 <= width; c += 32) {
        const u32 word = mask ? mask[c / 32] : 0;
        for (u32 j = 0; j < 32; j += kLanes) {
            Floats v;
            std::memcpy(&v, x + c + j, sizeof v);
            nan |= reinterpret_cast<Ints>(v != v);
            all = v > all ? v : all;
            if (word) {
                Ints lanes;
                lanes_of(word, j, lanes);
                const Floats w = lanes ? v : lowest;
                allowed = w > allowed ? w : allowed;
            }
        }
    }
    for (u32 i = 0; i < kLanes; ++i) {
        out.all = std::max<double>(out.all, all[i]);
        out.allowed = std::max<double>(out.allowed, allowed[i]);
        out.nan |= nan[i] != 0;
    }
    for (; c < width; ++c) {
        out.nan |= std::isnan(x[c]);
        out.all = std::max<double>(out.all, x[c]);
        if (mask && (mask[c / 32] >> (c % 32) & 1)) out.allowed = std::max<double>(out.allowed, x[c]);
    }
}
GCD_WIDER(greatest, (const float* x, const u32* mask, u32 width, Greatest& out), (x, mask, width, out))

// Of up to 1,024 columns the sums of exp(x - reference). mask null: of all only.
GCD_INLINE void word_sums(const float* x, u32 word, float reference, Floats& all, Floats& allowed) {
    for (u32 j = 0; j < 32; j += kLanes) {
        Floats e;
        Ints lanes;
        std::memcpy(&e, x + j, sizeof e);
        e -= reference;
        exp_lanes(e);
        lanes_of(word, j, lanes);
        all += e;
        allowed += reinterpret_cast<Floats>(reinterpret_cast<Ints>(e) & lanes);
    }
}
GCD_INLINE void block_body(const float* x, const u32* mask, u32 n, float reference, Sums& out) {
    Floats all = Floats{}, allowed = Floats{};
    u32 c = 0;
    for (; c + 32 <= n; c += 32) word_sums(x + c, mask ? mask[c / 32] : 0, reference, all, allowed);
    if (c < n) {  // the row's end, filled up with what adds nothing
        float rest[32];
        std::fill(rest, rest + 32, -std::numeric_limits<float>::infinity());
        std::copy(x + c, x + n, rest);
        word_sums(rest, mask ? mask[c / 32] : 0, reference, all, allowed);
    }
    out.all = sum_lanes(all);
    out.allowed = sum_lanes(allowed);
}
GCD_WIDER(block, (const float* x, const u32* mask, u32 n, float reference, Sums& out), (x, mask, n, reference, out))

Greatest greatest(const double* x, const u32* mask, u32 width) {
    Greatest out;
    for (u32 c = 0; c < width; ++c) {
        out.nan |= std::isnan(x[c]);
        out.all = std::max(out.all, x[c]);
        if (mask && (mask[c / 32] >> (c % 32) & 1)) out.allowed = std::max(out.allowed, x[c]);
    }
    return out;
}
Greatest greatest(const float* x, const u32* mask, u32 width) {
    Greatest out;
    greatest(x, mask, width, out);
    return out;
}

Sums block(const double* x, const u32* mask, u32 n, double reference) {
    Sums out{0, 0};
    for (u32 c = 0; c < n; ++c) {
        const double e = std::exp(x[c] - reference);
        out.all += e;
        if (mask && (mask[c / 32] >> (c % 32) & 1)) out.allowed += e;
    }
    return out;
}
Sums block(const float* x, const u32* mask, u32 n, double reference) {
    Sums out;
    block(x, mask, n, static_cast<float>(reference), out);
    return out;
}

// The part in which the running sum passes `target`, which becomes what is left of it there. Where rounding carries it
// past the end, the last part with mass takes it.
template <class F>
inline u32 pick(u32 n, double& target, F&& mass) {
    u32 last = 0;
    for (u32 i = 0; i < n; ++i) {
        const double m = mass(i);
        if (m <= 0) continue;
        last = i;
        if (target < m) return i;
        target -= m;
    }
    target = std::numeric_limits<double>::infinity();
    return last;
}

// exp of one score, as the passes have it.
double one(double x, double reference) {
    return std::exp(x - reference);
}
double one(float x, double reference) {
    Floats v = Floats{} + (x - static_cast<float>(reference));
    exp_lanes(v);
    return static_cast<double>(v[0]);
}

}  // namespace

template <class T>
ScoreFault MaskedSums<T>::compute(const T* scores, const u32* mask, u32 width, bool raw) {
    width_ = width;
    const u32 words = (width + 31) / 32;
    mask_.assign(mask, mask + words);
    if (width % 32) mask_[words - 1] &= (1u << (width % 32)) - 1;
    u32 n = 0;
    const u32 most = raw ? kGatherRaw : kGather;
    for (u32 w = 0; w < words && n <= most; w += 64) n += count_bits(&mask_[w], std::min(64u, words - w));
    gathered_ = n <= most;

    columns_.clear();
    values_.clear();
    Greatest g;
    if (gathered_) {
        columns_.reserve(n);
        u32 w = 0;
        for (; w + 2 <= words; w += 2)  // most of them are zero: two at a time
            for (u64 bits = mask_[w] | static_cast<u64>(mask_[w + 1]) << 32; bits; bits &= bits - 1)
                columns_.push_back(w * 32 + static_cast<u32>(__builtin_ctzll(bits)));
        if (w < words)
            for (u32 bits = mask_[w]; bits; bits &= bits - 1)
                columns_.push_back(w * 32 + static_cast<u32>(__builtin_ctz(bits)));
        values_.resize(columns_.size());  // in a loop of its own, so that cache misses overlap
        for (size_t i = 0; i < columns_.size(); ++i) values_[i] = scores[columns_[i]];
        const Greatest of_allowed = greatest(values_.data(), nullptr, static_cast<u32>(values_.size()));
        if (raw) g = greatest(scores, nullptr, width);
        g.allowed = of_allowed.all;
        g.nan |= of_allowed.nan;
    } else {
        g = greatest(scores, mask_.data(), width);
    }
    const double all = g.all, allowed = g.allowed;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (g.nan) return ScoreFault::nan;
    if (allowed == kInfinity || all == kInfinity) return ScoreFault::infinite;

    // One reference serves both sums unless the allowed columns are so far below the others that they would vanish.
    const bool together = raw && !gathered_ && all - allowed <= 20;
    log_all_ = 0;
    if (raw && !together) {
        double sum = 0;
        if (all != kMinusInfinity)
            for (u32 c = 0; c < width; c += kBlock)
                sum += block(scores + c, nullptr, std::min(kBlock, width - c), all).all;
        log_all_ = all == kMinusInfinity ? kMinusInfinity : all + std::log(sum);
    }
    blocks_.clear();
    total_ = 0;
    reference_ = together ? all : allowed;
    log_allowed_ = kMinusInfinity;
    if (allowed == kMinusInfinity) {
        reference_ = 0;
        return ScoreFault::none;
    }
    double sum = 0;
    for (u32 b = 0; b * kBlock < n_summed(); ++b) {
        const Sums s = sum_block(scores, b, reference_);
        blocks_.push_back(s.allowed);
        total_ += s.allowed;
        sum += s.all;
    }
    if (together) log_all_ = reference_ + std::log(sum);
    log_allowed_ = reference_ + std::log(total_);
    return ScoreFault::none;
}

template <class T>
u32 MaskedSums<T>::n_summed() const {
    return gathered_ ? static_cast<u32>(values_.size()) : width_;
}

// From `begin`, a multiple of 32.
template <class T>
Sums MaskedSums<T>::sum(const T* scores, u32 begin, u32 size, double reference) const {
    if (!gathered_) return block(scores + begin, &mask_[begin / 32], size, reference);
    const Sums s = block(&values_[begin], nullptr, size, reference);
    return {s.all, s.all};
}

template <class T>
Sums MaskedSums<T>::sum_block(const T* scores, u32 b, double reference) const {
    return sum(scores, b * kBlock, std::min(kBlock, n_summed() - b * kBlock), reference);
}

template <class T>
u32 MaskedSums<T>::draw(const T* scores, double target) const {
    const u32 b = pick(static_cast<u32>(blocks_.size()), target, [&](u32 i) { return blocks_[i]; });
    const u32 begin = b * kBlock, end = std::min(begin + kBlock, n_summed());
    const u32 part = begin + 32 * pick((end - begin + 31) / 32, target, [&](u32 i) {
                                 const u32 c = begin + 32 * i;
                                 return sum(scores, c, std::min(32u, end - c), reference_).allowed;
                             });
    const u32 at = part + pick(std::min(32u, end - part), target, [&](u32 i) {
                       if (gathered_) return one(values_[part + i], reference_);
                       return mask_[part / 32] >> i & 1 ? one(scores[part + i], reference_) : 0;
                   });
    return gathered_ ? columns_[at] : at;
}

template <class T>
double MaskedSums<T>::log_without(const T* scores, u32 column) {
    // Its block once more, without it; the column is put back at the end.
    const size_t at =
        gathered_ ? static_cast<size_t>(std::lower_bound(columns_.begin(), columns_.end(), column) - columns_.begin())
                  : column;
    const T value = scores[column];
    if (gathered_)
        values_[at] = -std::numeric_limits<T>::infinity();
    else
        mask_[at / 32] &= ~(1u << (at % 32));
    const u32 b = static_cast<u32>(at / kBlock);
    double rest = sum_block(scores, b, reference_).allowed, log_rest = kMinusInfinity;
    for (u32 i = 0; i < blocks_.size(); ++i)
        if (i != b) rest += blocks_[i];
    if (rest > 1e-9 * total_) {
        log_rest = reference_ + std::log(rest);
    } else {  // the column was nearly all of it: what is left may lie too far below the reference
        const Greatest g = gathered_ ? greatest(values_.data(), nullptr, static_cast<u32>(values_.size()))
                                     : greatest(scores, mask_.data(), width_);
        const double reference = gathered_ ? g.all : g.allowed;
        rest = 0;
        if (reference != kMinusInfinity)
            for (u32 i = 0; i < blocks_.size(); ++i) rest += sum_block(scores, i, reference).allowed;
        if (rest > 0) log_rest = reference + std::log(rest);
    }
    if (gathered_)
        values_[at] = value;
    else
        mask_[at / 32] |= 1u << (at % 32);
    return log_rest;
}

template class MaskedSums<float>;
template class MaskedSums<double>;

}  // namespace gcd
