// Collects ids in any order, some more than once, and hands them out sorted, at a cost of the ids and not of the range
// that they come from: a bitmask with a second one on top that says which of its words are touched.
#pragma once

#include <algorithm>
#include <vector>

#include "common.hpp"

namespace gcd {

class IdCollector {
  public:
    explicit IdCollector(u32 n_words) : words_(n_words), touched_((n_words + 63) / 64) {}
    void add(u32 id) {
        const u32 w = id / 32, bit = id % 32;
        count_ += ~words_[w] >> bit & 1;
        words_[w] |= 1u << bit;
        touched_[w / 64] |= 1ull << (w % 64);
    }
    void add_words(const u32* words) {
        for (size_t w = 0; w < words_.size(); ++w) words_[w] |= words[w];
        std::fill(touched_.begin(), touched_.end(), ~0ull);
        if (words_.size() % 64) touched_.back() = (1ull << (words_.size() % 64)) - 1;
        count_ = count_bits(words_.data(), static_cast<u32>(words_.size()));
    }
    u32 count() const { return count_; }
    // The ids, sorted, and all is empty again.
    void take(u32* out) {
        each_word([&](u32 w) {
            for (u32 x = words_[w]; x; x &= x - 1) *out++ = w * 32 + static_cast<u32>(__builtin_ctz(x));
        });
        clear();
    }
    // As a bitmask; `clear` when it is no longer needed.
    const std::vector<u32>& words() const { return words_; }
    void clear() {
        each_word([&](u32 w) { words_[w] = 0; });
        std::fill(touched_.begin(), touched_.end(), 0);
        count_ = 0;
    }

  private:
    template <class F>
    void each_word(F&& f) const {
        for (size_t i = 0; i < touched_.size(); ++i)
            for (u64 x = touched_[i]; x; x &= x - 1) f(static_cast<u32>(i * 64 + static_cast<u32>(__builtin_ctzll(x))));
    }
    std::vector<u32> words_;
    std::vector<u64> touched_;
    u32 count_ = 0;
};

}  // namespace gcd
