#include "sql_name_rows.hpp"

namespace gcd {

u32 SqlNameRows::Members::count(u32 n) const {
    const u32 w = n / 64;
    if (w >= members.size()) return below.back();
    return below[w] + static_cast<u32>(__builtin_popcountll(members[w] & ((1ull << (n % 64)) - 1)));
}

u32 SqlNameRows::set(Bits members) {
    bits_trim(members);
    u64 h = members.size();
    for (u64 w : members) h = mix(h, w);
    const auto range = set_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it)
        if (sets_[it->second].members == members) return it->second;
    Members set;
    set.below.push_back(0);
    for (u64 w : members) set.below.push_back(set.below.back() + static_cast<u32>(__builtin_popcountll(w)));
    bytes_ += members.size() * 12 + 150;
    set.members = std::move(members);
    sets_.push_back(std::move(set));
    const u32 id = static_cast<u32>(sets_.size() - 1);
    set_index_.emplace(h, id);
    return id;
}

SqlNameRows::Range SqlNameRows::narrow(const Range& range, u32 depth, u8 byte) const {
    auto part = [&](const std::vector<std::string>& names, u32 lo, u32 hi, u32& from, u32& to) {
        auto at = [&](const std::string& s) { return s.size() > depth ? i32{static_cast<u8>(s[depth])} : -1; };
        const auto begin = names.begin() + lo, end = names.begin() + hi;
        const auto first = std::partition_point(begin, end, [&](const std::string& s) { return at(s) < byte; });
        from = static_cast<u32>(first - names.begin());
        to = static_cast<u32>(std::partition_point(first, end, [&](const std::string& s) { return at(s) <= byte; }) -
                              names.begin());
    };
    Range out;
    part(program_.names, range.lo, range.hi, out.lo, out.hi);
    part(program_.words, range.klo, range.khi, out.klo, out.khi);
    return out;
}

void SqlNameRows::walk(Row& row, const Range& range, u32 depth, u32 node, u8 quote) {
    SuffixForest& forest = tokens_.forest;
    // The name or word that is complete here is the first of its range.
    const bool name = range.lo < range.hi && program_.names[range.lo].size() == depth;
    const bool word = range.klo < range.khi && program_.words[range.klo].size() == depth;
    const Row::Exit here{name ? range.lo : NONE, word ? range.klo : NONE, node};
    bool ends = false;
    forest.children(node, [&](u8 byte, u32 child) {
        u32 to = child;
        if (quote && byte == quote) {
            if (name && depth) row.exits.push_back({here.name, NONE, child});
            if (quote == ']') return;
            // of two in a row
            const Range next = narrow(range, depth, byte);
            if (next.none()) return;
            forest.own(child, [&](u32 t) { row.inside.push_back({t, next.lo, next.hi, next.klo, next.khi}); });
            to = forest.child(child, byte);
            if (to == NONE) return;
        } else if (!quote && !sql_word_byte(byte)) {
            ends = true;
            return;
        }
        if (!quote && depth == 0 && !sql_word_start(byte)) return;
        const Range next = narrow(range, depth, sql_fold(byte));
        if (next.none()) return;
        forest.own(to, [&](u32 t) { row.inside.push_back({t, next.lo, next.hi, next.klo, next.khi}); });
        if (!forest.leaf(to)) walk(row, next, depth + 1, to, quote);
    });
    if (!quote && ends && depth && (name || word)) row.exits.push_back(here);
}

const SqlNameRows::Row& SqlNameRows::row(const SqlText& text, u32 node, u8 quote) {
    Range range{text.lo, text.hi, quote ? 0 : text.klo, quote ? 0 : text.khi};
    if (range.none()) return empty_;
    const u32 depth = static_cast<u32>(text.text.size());
    std::unique_ptr<Row>& slot = rows_[{range.lo, range.hi, range.klo, range.khi, depth << 8 | quote, node}];
    if (slot) return *slot;
    slot = std::make_unique<Row>();
    slot->id = static_cast<u32>(rows_.size());
    walk(*slot, range, depth, node, quote);
    bytes_ += 250 + slot->inside.size() * sizeof(Row::Inside) + slot->exits.size() * sizeof(Row::Exit);
    return *slot;
}

const TokenPiece& SqlNameRows::tokens(const Row& row, u32 names, u32 words) {
    std::unique_ptr<TokenPiece>& slot = pieces_[{row.id, names, words, 0, 0, 0}];
    if (slot) return *slot;
    slot = std::make_unique<TokenPiece>();
    const Members &n = sets_[names], &w = sets_[words];
    u32 lo = NONE, hi = NONE, klo = NONE, khi = NONE;
    bool some = false;
    for (const Row::Inside& in : row.inside) {
        if (in.lo != lo || in.hi != hi || in.klo != klo || in.khi != khi) {
            lo = in.lo, hi = in.hi, klo = in.klo, khi = in.khi;
            some = n.any(lo, hi) || w.any(klo, khi);
        }
        if (some) slot->ids.push_back(in.token);
    }
    std::sort(slot->ids.begin(), slot->ids.end());
    bytes_ += 150 + slot->bytes();
    return *slot;
}

void SqlNameRows::walk_one(const std::string& name, size_t depth, u32 node, u8 quote, std::vector<u32>& inside,
                           std::vector<u32>& exits) {
    SuffixForest& forest = tokens_.forest;
    if (depth == name.size()) {
        if (quote) {
            const u32 child = forest.child(node, quote);
            if (child != NONE) exits.push_back(child);
            return;
        }
        bool ends = false;
        forest.children(node, [&](u8 byte, u32) { ends = ends || !sql_word_byte(byte); });
        if (ends && depth) exits.push_back(node);
        return;
    }
    const u8 byte = static_cast<u8>(name[depth]);
    const u8 cases[2] = {byte, static_cast<u8>(byte - 32)};
    for (u32 i = 0; i < (byte >= 'a' && byte <= 'z' ? 2u : 1u); ++i) {
        u32 child = forest.child(node, cases[i]);
        if (child == NONE) continue;
        forest.own(child, [&](u32 t) { inside.push_back(t); });
        if (quote && byte == quote) {  // of two in a row
            child = forest.child(child, quote);
            if (child == NONE) continue;
            forest.own(child, [&](u32 t) { inside.push_back(t); });
        }
        if (!forest.leaf(child)) walk_one(name, depth + 1, child, quote, inside, exits);
    }
}

}  // namespace gcd
