// Unions of token sets that are written out without ever having been worked out.
//
// A mask is mostly a set of many tokens that somebody else has (the inside of a string, in a row) and a few tokens
// more. So it is noted as a list of *pieces*, which lie where they are, and of ids. Writing it copies the first large
// piece and adds the others; making it touches no bitmask at all.
#pragma once

#include <algorithm>
#include <vector>

#include "common.hpp"

namespace gcd {

struct TokenPiece {
    std::vector<u32> ids;    // if few
    std::vector<u32> words;  // else as a bitmask; one of the two is empty
    bool empty() const { return ids.empty() && words.empty(); }
    bool has(u32 token) const {
        if (!words.empty()) return words[token / 32] >> (token % 32) & 1;
        return std::binary_search(ids.begin(), ids.end(), token);
    }
    u64 bytes() const { return (ids.size() + words.size()) * 4; }
    // From a bitmask.
    void pack(const std::vector<u32>& bits) {
        const u32 count = count_bits(bits.data(), static_cast<u32>(bits.size()));
        if (count > kFew) {
            words = bits;
            return;
        }
        ids.reserve(count);
        for (u32 i = 0; i < bits.size(); ++i)
            for (u32 x = bits[i]; x; x &= x - 1) ids.push_back(32 * i + static_cast<u32>(__builtin_ctz(x)));
    }

  private:
    static constexpr u32 kFew = 1000;
};

// (base without `removed`) united with pieces and ids. Pieces must outlive it.
struct TokenUnion {
    std::vector<const TokenPiece*> base;
    std::vector<u32> removed;  // sorted
    std::vector<const TokenPiece*> pieces;
    std::vector<u32> ids;

    void add(const TokenPiece& piece) {
        if (!piece.empty()) pieces.push_back(&piece);
    }
    // Takes tokens out of all that has been added. What is a list becomes a shorter one; bitmasks stay as they are.
    void remove(std::vector<u32>& tokens) {
        std::sort(tokens.begin(), tokens.end());
        tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
        auto goes = [&](u32 t) { return std::binary_search(tokens.begin(), tokens.end(), t); };
        ids.erase(std::remove_if(ids.begin(), ids.end(), goes), ids.end());
        std::vector<const TokenPiece*> kept;
        for (const TokenPiece* p : pieces) {
            if (!p->words.empty()) {
                base.push_back(p);
            } else if (std::any_of(tokens.begin(), tokens.end(), [&](u32 t) { return p->has(t); })) {
                for (u32 t : p->ids)
                    if (!goes(t)) ids.push_back(t);
            } else {
                kept.push_back(p);
            }
        }
        pieces = std::move(kept);
        for (u32 t : tokens)
            if (std::any_of(base.begin(), base.end(), [&](const TokenPiece* p) { return p->has(t); }))
                removed.push_back(t);
        if (removed.empty()) {
            pieces.insert(pieces.end(), base.begin(), base.end());
            base.clear();
        }
    }
    void write(u32* out, u32 n_words) const {
        const TokenPiece* first = nullptr;
        for (const auto* list : {&base, &pieces})
            for (const TokenPiece* p : *list)
                if (!first && !p->words.empty() && (base.empty() || list == &base)) first = p;
        if (first)
            std::memcpy(out, first->words.data(), static_cast<size_t>(n_words) * 4);
        else
            std::memset(out, 0, static_cast<size_t>(n_words) * 4);
        for (const TokenPiece* p : base)
            if (p != first) unite(*p, out);
        for (u32 t : removed) out[t / 32] &= ~(1u << (t % 32));
        for (const TokenPiece* p : pieces)
            if (p != first) unite(*p, out);
        for (u32 t : ids) out[t / 32] |= 1u << (t % 32);
    }
    // What writing it costs beyond a copy of one bitmask, in tokens.
    size_t cost(u32 n_words) const {
        size_t tokens = removed.size() + ids.size(), large = 0;
        for (const auto* list : {&base, &pieces})
            for (const TokenPiece* p : *list) tokens += p->ids.size(), large += !p->words.empty();
        return tokens + (large > 1 ? (large - 1) * n_words / 4 : 0);
    }
    u64 bytes() const { return (base.size() + pieces.size()) * 8 + (removed.size() + ids.size()) * 4; }

  private:
    static void unite(const TokenPiece& p, u32* out) {
        for (u32 t : p.ids) out[t / 32] |= 1u << (t % 32);
        const u32* words = p.words.data();
        for (size_t i = 0; i < p.words.size(); ++i) out[i] |= words[i];
    }
};

}  // namespace gcd
