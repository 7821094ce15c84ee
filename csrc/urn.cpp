#include "urn.hpp"

#include <algorithm>
#include <limits>

namespace gcd {
namespace {

// The sum of 64 numbers, the same whoever asks: running sums side by side, which go into vector registers and don't
// wait for each other. Those of floats are floats (relative error below 4e-7, as much as the float32 log-probabilities
// have themselves): half of the time of filling an urn would go into converting them.
template <class T>
inline double sum64(const T* x) noexcept {
    T s[16] = {};
    for (int i = 0; i < 64; i += 16) {
        for (int k = 0; k < 16; ++k) s[k] += x[i + k];
    }
    double sum = 0;
    for (int k = 0; k < 16; ++k) sum += s[k];
    return sum;
}

// Which of 64 numbers a point of [0, their sum) falls on; the point becomes the distance from its left end. A point
// that rounding put past the end, and infinity, falls on the last positive number.
template <class T>
inline u32 find64(const T* x, double& point) noexcept {
    for (u32 i = 0; i < 64; ++i) {
        double w = x[i];
        if (point < w) return i;
        point -= w;
    }
    point = std::numeric_limits<double>::infinity();
    for (u32 i = 64; i-- > 0;) {
        if (x[i] > 0) return i;
    }
    return NONE;
}

constexpr std::size_t padded(std::size_t n) {
    return (n + 63) / 64 * 64;
}

}  // namespace

template <class T>
Urn<T>::Urn(u32 n) : n_(n), weights_(padded(n)), out_((n + 31) / 32) {
    std::size_t nodes = weights_.size();
    do {
        nodes /= kFan;
        sums_.emplace_back(padded(nodes));
        nodes = sums_.back().size();
    } while (nodes > kFan);
}

template <class T>
void Urn<T>::put_back() noexcept {
    std::fill(out_.begin(), out_.end(), 0);
}

template <class T>
void Urn<T>::build() noexcept {
    for (std::size_t w = 0; w < out_.size(); ++w) {
        if (out_[w] == 0xFFFFFFFFu) {
            std::fill_n(&weights_[w * 32], 32, T(0));
        } else {
            for (u32 bits = out_[w]; bits; bits &= bits - 1) weights_[w * 32 + __builtin_ctz(bits)] = 0;
        }
    }
    for (std::size_t i = 0; i < weights_.size() / kFan; ++i) sums_[0][i] = sum64(&weights_[i * kFan]);
    for (std::size_t k = 1; k < sums_.size(); ++k) {
        for (std::size_t i = 0; i < sums_[k - 1].size() / kFan; ++i) sums_[k][i] = sum64(&sums_[k - 1][i * kFan]);
    }
    total_ = sum64(sums_.back().data());
}

template <class T>
u32 Urn<T>::draw(double u) const noexcept {
    if (!(total_ > 0)) return NONE;
    double point = u * total_;
    u32 at = 0;
    for (std::size_t k = sums_.size(); k-- > 0;) {
        u32 i = find64(&sums_[k][at * kFan], point);
        if (i == NONE) return NONE;
        at = at * kFan + i;
    }
    u32 i = find64(&weights_[at * kFan], point);
    return i == NONE ? NONE : at * kFan + i;
}

template <class T>
void Urn<T>::take_out(u32 t) noexcept {
    out_[t / 32] |= 1u << (t % 32);
    weights_[t] = 0;
    std::size_t i = t / kFan;
    sums_[0][i] = sum64(&weights_[i * kFan]);
    for (std::size_t k = 1; k < sums_.size(); ++k) {
        i /= kFan;
        sums_[k][i] = sum64(&sums_[k - 1][i * kFan]);
    }
    total_ = sum64(sums_.back().data());
}

template <class T>
void Urn<T>::restrict_to(const u32* words, std::size_t n_words) noexcept {
    for (std::size_t w = 0; w < out_.size(); ++w) {
        u32 in = w < n_words ? words[w] : 0;
        out_[w] |= ~in;
    }
    if (n_ % 32) out_.back() &= (1u << (n_ % 32)) - 1;
    build();
}

template <class T>
double Urn<T>::largest(const T* numbers) const noexcept {
    double top = -std::numeric_limits<double>::infinity();
    for (u32 t = 0; t < n_; ++t) {
        if (is_out(t)) continue;
        if (!(numbers[t] <= top)) top = numbers[t];
        if (top != top) return top;
    }
    return top;
}

template class Urn<float>;
template class Urn<double>;

}  // namespace gcd
