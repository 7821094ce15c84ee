// An urn of weighted tokens: draw one, take it out, draw again.
//
// Sampling without replacement needs sums of what is left. Subtracting what was taken out from 1 loses everything as
// soon as what is left is small (1 - 0.999999999 has no digits of 1e-9). So nothing is ever subtracted here: the
// weights are the leaves of a tree whose nodes are the sums of 64 children, and taking a leaf out sets it to 0 and adds
// up the nodes above it again. Each total is a sum of positive numbers, right to rounding however little is left.
//
//     sums_[1]      [ .................... ]      <= 64 nodes up to 262,144 tokens
//     sums_[0]      [ .. 64 .. ][ .. 64 .. ] ...
//     weights_      [ 64 ][ 64 ][ 64 ][ 64 ] ...
//
// A draw goes down the tree: some 3 * 64 additions, as many as taking out. An alias table is faster to draw from, but
// can't forget a token; a sorted order of Gumbel keys knows the next token at once, but costs a random number and a
// logarithm for every token of the vocabulary before the first.
#pragma once

#include <vector>

#include "common.hpp"

namespace gcd {

// T is the type of the weights, float or double; sums are double in any case.
template <class T>
class Urn {
  public:
    explicit Urn(u32 n);

    // The weights, to be written before `build`: n numbers, none of them negative.
    T* weights() noexcept { return weights_.data(); }
    u32 size() const noexcept { return n_; }

    // Put everything back. To be followed by `build`.
    void put_back() noexcept;

    // Add up the weights; those of tokens that were taken out become 0 first.
    void build() noexcept;

    // The sum of what is left. NaN or infinite if a weight is.
    double total() const noexcept { return total_; }

    // Token t with probability weight / total, if u is uniform on [0, 1). NONE if nothing of weight is left.
    u32 draw(double u) const noexcept;

    // Take a token out; t < size().
    void take_out(u32 t) noexcept;

    // Take out all tokens whose bit isn't set; bits past `n_words` words aren't. Adds up.
    void restrict_to(const u32* words, std::size_t n_words) noexcept;

    // Whether a token was taken out.
    bool is_out(u32 t) const noexcept { return out_[t / 32] >> (t % 32) & 1; }

    // The largest of n numbers that belong to tokens which are left: NaN if one of them is, -inf if none is left.
    double largest(const T* numbers) const noexcept;

  private:
    static constexpr u32 kFan = 64;

    u32 n_;
    std::vector<T> weights_;                 // padded with zeros to a multiple of kFan
    std::vector<std::vector<double>> sums_;  // sums_[k][i] = sum of its kFan children below; all but the last padded
    std::vector<u32> out_;                   // bit t: token t was taken out
    double total_ = 0;
};

extern template class Urn<float>;
extern template class Urn<double>;

}  // namespace gcd
