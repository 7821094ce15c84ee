#include "token_sets.hpp"

#include <algorithm>

namespace gcd {

void TokenSets::clear() {
    sets_.clear();
    index_.clear();
    unions_.clear();
    bytes_ = 0;
    sets_.emplace_back();
    index_.emplace(hash_of(TokenSet{}), EMPTY);
}

u64 TokenSets::hash_of(const TokenSet& s) {
    const View<u32>& v = s.words.empty() ? s.ids : s.words;
    return section_checksum(reinterpret_cast<const u8*>(v.data()), v.size() * 4) + (s.words.empty() ? 0 : 1);
}

u32 TokenSets::find(const TokenSet& s, u64 hash) const {
    auto same = [](const View<u32>& a, const View<u32>& b) {
        return a.size() == b.size() && (a.data() == b.data() || std::equal(a.begin(), a.end(), b.begin()));
    };
    auto [lo, hi] = index_.equal_range(hash);
    for (auto it = lo; it != hi; ++it)
        if (same(sets_[it->second].tokens.ids, s.ids) && same(sets_[it->second].tokens.words, s.words))
            return it->second;
    return NONE;
}

u32 TokenSets::intern(const TokenSet& s) {
    const u64 h = hash_of(s);
    u32 id = find(s, h);
    if (id != NONE) return id;
    id = size();
    sets_.push_back({s, nullptr});
    index_.emplace(h, id);
    bytes_ += sizeof(Set) + 48;
    return id;
}

void TokenSets::add(u32 id, u32* words) const {
    const TokenSet& s = set(id);
    for (u32 t : s.ids) words[t / 32] |= 1u << (t % 32);
    const u32* w = s.words.data();
    for (size_t i = 0; i < s.words.size(); ++i) words[i] |= w[i];
}

u32 TokenSets::unite(std::vector<u32>& numbers, const std::vector<const TokenSet*>& others) {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    if (!numbers.empty() && numbers[0] == EMPTY) numbers.erase(numbers.begin());
    if (others.empty() && numbers.size() < 2) return numbers.empty() ? EMPTY : numbers[0];
    u64 key = 97;
    if (others.empty()) {
        for (u32 n : numbers) key = mix(key, n);
        auto [lo, hi] = unions_.equal_range(key);
        for (auto it = lo; it != hi; ++it)
            if (it->second.of == numbers) return it->second.set;
    }
    bool dense = false;
    u32 lo = n_words_, hi = 0;  // the words touched
    auto put = [&](const TokenSet& s) {
        if (!s.words.empty()) {
            dense = true;
            for (u32 i = 0; i < n_words_; ++i) scratch_[i] |= s.words[i];
        }
        for (u32 t : s.ids) scratch_[t / 32] |= 1u << (t % 32);
        if (!s.ids.empty()) {
            lo = std::min(lo, s.ids[0] / 32);
            hi = std::max(hi, s.ids[s.ids.size() - 1] / 32 + 1);
        }
    };
    for (u32 n : numbers) put(set(n));
    for (const TokenSet* s : others) put(*s);
    if (dense) lo = 0, hi = n_words_;
    const u32 many = dense || lo >= hi ? 0 : count_bits(scratch_.data() + lo, hi - lo);
    Set made;
    const bool keep_dense = dense || many > n_words_;
    if (keep_dense) {
        made.tokens.words = View<u32>(scratch_.data(), n_words_);
    } else {
        made.own.reset(new u32[many]);
        u32 n = 0;
        for (u32 w = lo; w < hi; ++w)
            for (u32 x = scratch_[w]; x; x &= x - 1) made.own[n++] = w * 32 + static_cast<u32>(__builtin_ctz(x));
        made.tokens.ids = View<u32>(made.own.get(), many);
    }
    const u64 h = hash_of(made.tokens);
    u32 id = find(made.tokens, h);
    if (id == NONE) {
        if (keep_dense) {
            made.own.reset(new u32[n_words_]);
            std::memcpy(made.own.get(), scratch_.data(), n_words_ * 4);
            made.tokens.words = View<u32>(made.own.get(), n_words_);
        }
        id = size();
        bytes_ += sizeof(Set) + 48 + (keep_dense ? n_words_ : many) * 4;
        sets_.push_back(std::move(made));
        index_.emplace(h, id);
    }
    if (lo < hi) std::fill(scratch_.begin() + lo, scratch_.begin() + hi, 0);
    if (others.empty()) {
        bytes_ += 80 + numbers.size() * 4;
        unions_.emplace(key, Union{numbers, id});
    }
    return id;
}

}  // namespace gcd
