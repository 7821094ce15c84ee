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
    u32 n_words() const { return static_cast<u32>(words_.size()); }
    // To be said before many ids are added: then it isn't noted which words they touch.
    void expect_many() { many_ = true; }
    void add(u32 id) {
        words_[id / 32] |= 1u << (id % 32);
        if (!many_) touched_[id / 2048] |= 1ull << (id / 32 % 64);
    }
    void add_word(u32 w, u32 bits) {
        words_[w] |= bits;
        if (!many_) touched_[w / 64] |= 1ull << (w % 64);
    }
    void add_words(const u32* words) {
        many_ = true;
        for (size_t w = 0; w < words_.size(); ++w) words_[w] |= words[w];
    }
    u32 count() const {
        if (many_) return count_bits(words_.data(), n_words());
        u32 n = 0;
        each_word([&](u32, u32 bits) { n += count_bits(&bits, 1); });
        return n;
    }
    // f(word, its bits), for all that have some, in order.
    template <class F>
    void each_word(F&& f) const {
        if (many_) {
            for (u32 w = 0; w < n_words(); ++w)
                if (words_[w]) f(w, words_[w]);
            return;
        }
        for (size_t i = 0; i < touched_.size(); ++i)
            for (u64 x = touched_[i]; x; x &= x - 1) {
                const u32 w = static_cast<u32>(i * 64 + static_cast<u32>(__builtin_ctzll(x)));
                f(w, words_[w]);
            }
    }
    // The ids, sorted, and all is empty again.
    void take(u32* out) {
        each_word([&](u32 w, u32 bits) {
            for (u32 x = bits; x; x &= x - 1) *out++ = w * 32 + static_cast<u32>(__builtin_ctz(x));
        });
        clear();
    }
    // As a bitmask; `clear` when it is no longer needed.
    const std::vector<u32>& words() const { return words_; }
    void clear() {
        if (many_) {
            std::fill(words_.begin(), words_.end(), 0);
        } else {
            each_word([&](u32 w, u32) { words_[w] = 0; });
        }
        std::fill(touched_.begin(), touched_.end(), 0);
        many_ = false;
    }

  private:
    std::vector<u32> words_;
    std::vector<u64> touched_;
    bool many_ = false;
};

}  // namespace gcd
