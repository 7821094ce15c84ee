// Shapes of arrays.
#include <algorithm>

#include "schema_shapes.hpp"

namespace gcd {

namespace {
using namespace progress_word;
}  // namespace

u32 Shapes::make_array(const ArrayDraft& draft) {
    auto shape = std::make_unique<ArrayShape>();
    ArrayShape& s = *shape;
    s.rules = draft.rules;
    s.min = draft.min;
    s.max = draft.max;
    s.unique = draft.unique;
    s.repeated = draft.repeated;
    for (const ItemCountRange& c : draft.counts) {
        if (c.min > c.max) return NONE;
        if (c.min == 0 && c.max == NONE) continue;
        s.counts.push_back(c);
    }
    for (const auto& r : s.rules) s.n_first = std::max(s.n_first, static_cast<u32>(r.first.size()));
    for (const ItemCountRange& c : s.counts) s.n_first = std::max(s.n_first, c.from);
    if (s.n_first > 100000) throw CoreError(ErrorKind::limit_states, s.n_first, "too many items in a row");
    for (u32 i = 0; i <= s.n_first; ++i) {
        std::vector<u32> fs;
        for (const auto& r : s.rules) fs.push_back(i < r.first.size() ? r.first[i] : r.second);
        s.formulas.push_back(formulas_.both(fs));
    }
    // Where an item can't be, none can follow. The items that must be are asked about, and no further.
    std::vector<u32> key{s.min, s.max, (s.unique ? 1u : 0u) + (s.repeated ? 2u : 0u)};
    key.insert(key.end(), s.formulas.begin(), s.formulas.end());
    key.push_back(NONE);
    for (const ItemCountRange& c : s.counts) {
        for (u32 x : {c.positive, c.negative, c.min, c.max, c.from}) key.push_back(x);
    }
    u32 id;
    const auto it = array_index_.find(key);
    if (it != array_index_.end()) {
        id = it->second;
    } else {
        if (arrays_.size() >= max_size_)
            throw CoreError(ErrorKind::limit_states, arrays_.size(), "the schema has too many kinds of arrays");
        if (s.repeated) not_exact("an array that must hold something twice");
        id = static_cast<u32>(arrays_.size());
        arrays_.push_back(std::move(shape));
        array_index_.emplace(std::move(key), id);
    }
    return array_viable(id, progress_[array_start(id)]) ? id : NONE;
}

u32 Shapes::array_start(u32 shape) {
    return progress(Progress(kCounts + arrays_[shape]->counts.size(), 0));
}

bool Shapes::array_viable(u32 id, const Progress& p) {
    const ArrayShape& s = *arrays_[id];
    const u32 index = p[kIndex];
    auto formula = [&](u32 i) { return s.formulas[std::min(i, s.n_first)]; };
    u32 least = s.min > index ? s.min - index : 0;
    if (s.repeated) least = std::max(least, index < 2 ? 2 - index : 0);
    u32 room = s.max == NONE ? NONE : s.max - index;  // items that may follow
    if (s.max != NONE && index > s.max) return false;
    bool open = false;
    for (u32 c = 0; c < s.counts.size(); ++c) open = open || p[kCounts + c] < s.counts[c].min;
    if (least == 0 && !open) return true;
    // Up to which item there can be any: asked as far as it matters.
    u32 deficits = 0;
    for (u32 c = 0; c < s.counts.size(); ++c)
        if (p[kCounts + c] < s.counts[c].min) deficits += s.counts[c].min - p[kCounts + c];
    const u32 wanted = std::max(least, deficits + s.n_first);
    for (u32 i = index; i < index + std::min(wanted, s.n_first + 1) && i - index < room; ++i)
        if (!satisfiable(formula(i))) {
            room = i - index;
            break;
        }
    if (index >= s.n_first && room > 0 && !satisfiable(formula(index))) room = 0;
    if (index < s.n_first && room > s.n_first - index && !satisfiable(formula(s.n_first))) room = s.n_first - index;
    if (s.unique && least > 0) {
        std::vector<std::string> values;
        if (s.n_first == 0 && finite(formula(0), 512, values) && values.size() < s.min) return false;
    }
    if (least > room) return false;
    for (u32 c = 0; c < s.counts.size(); ++c) {
        const ItemCountRange& range = s.counts[c];
        const u32 count = p[kCounts + c];
        if (count < range.min) {
            u32 places = 0;
            const u32 deficit = range.min - count;
            for (u32 i = std::max(index, range.from); i - index < room && places < deficit; ++i) {
                if (i > s.n_first) {  // the rest is alike
                    if (!satisfiable(formulas_.both(formula(i), range.positive))) break;
                    places = room == NONE ? deficit : places + (room - (i - index));
                    break;
                }
                places += satisfiable(formulas_.both(formula(i), range.positive));
            }
            if (places < deficit) return false;
        }
        if (range.max != NONE && least > 0) {
            // Items that must come and can't but count.
            u32 forced = 0;
            for (u32 i = index; i < index + least && count + forced <= range.max; ++i) {
                if (i > s.n_first) {
                    if (!satisfiable(formulas_.both(formula(i), range.negative))) forced += index + least - i;
                    break;
                }
                forced += i >= range.from && !satisfiable(formulas_.both(formula(i), range.negative));
            }
            if (count + forced > range.max) return false;
        }
    }
    if (deficits && s.counts.size() > 1 && (room != NONE || s.counts.size() > 2))
        not_exact("several conditions on what an array contains compete for its items");
    return true;
}

bool Shapes::array_complete(u32 id, u32 progress) {
    const ArrayShape& s = *arrays_[id];
    const Progress& p = progress_[progress];
    if (p[kIndex] < s.min || p[kIndex] > s.max) return false;
    for (u32 c = 0; c < s.counts.size(); ++c)
        if (p[kCounts + c] < s.counts[c].min || p[kCounts + c] > s.counts[c].max) return false;
    return true;
}

void Shapes::next_item(u32 id, u32 progress, std::vector<Entry>& out) {
    const ArrayShape& s = *arrays_[id];
    const Progress p = progress_[progress];
    const u32 index = p[kIndex];
    if (s.max != NONE && index >= s.max) return;
    Progress next = p;
    ++next[kIndex];
    if (s.max == NONE) next[kIndex] = std::min(next[kIndex], std::max({s.min, s.n_first, s.repeated ? 2u : 0u}));
    std::vector<std::pair<Progress, u32>> ways{{next, s.formulas[std::min(index, s.n_first)]}};
    for (u32 c = 0; c < s.counts.size(); ++c) {
        const ItemCountRange& range = s.counts[c];
        if (index < range.from) continue;
        const u32 count = p[kCounts + c];
        if (range.max == NONE && count >= range.min) continue;  // met for good
        const size_t n = ways.size();
        for (size_t w = 0; w < n; ++w) {
            const u32 counts = formulas_.both(ways[w].second, range.positive);
            Progress more = ways[w].first;
            ++more[kCounts + c];
            const bool may_count = range.max == NONE || count < range.max;
            // Where nothing bounds them from above, an item that isn't counted may be what it likes.
            const u32 not_counted = range.max == NONE ? ways[w].second : formulas_.both(ways[w].second, range.negative);
            const u32 plain = ways[w].second;
            ways[w].second = not_counted;
            if (!may_count) continue;
            if (counts == plain && range.max == NONE) {
                ways[w] = {std::move(more), counts};
                continue;
            }
            ways.emplace_back(std::move(more), counts);
        }
        if (ways.size() > 4096) throw CoreError(ErrorKind::limit_states, ways.size(), "too many ways to count an item");
    }
    for (auto& [q, f] : ways)
        if (f != Formulas::kFalse && satisfiable(f) && array_viable(id, q)) out.push_back({this->progress(q), f});
}
}  // namespace gcd
