// Shapes of arrays, and whether an array that has begun can be finished.
//
// Several conditions on how many items are of a kind compete for the items that may still come, and one item may count
// for several. The places of an array beyond the first few are alike, so what matters of a beginning are its length (up
// to there) and the counts (up to what is asked): few enough states to work out for each, from the end, how many more
// items it takes.
#include <algorithm>

#include "schema_shapes.hpp"

namespace gcd {

namespace {
using namespace progress_word;

// Beginnings of one array that are looked at, and kinds of items.
constexpr u64 kMaxBeginnings = 200000;
constexpr size_t kMaxCounts = 8;

u32 most_counted(const ItemCountRange& c) {
    return c.max != NONE ? c.max : c.min;
}
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
    if (s.max == NONE && !s.repeated && formulas_.program().guards.items != NONE) {  // all that must be there has room
        u64 most = static_cast<u64>(formulas_.program().guards.items) + s.min + s.n_first;
        for (const ItemCountRange& c : s.counts) most += c.min;
        s.max = static_cast<u32>(std::min<u64>(most, NONE - 1));
    }
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
        // Two further items of the same kind can be equal; one must be equal to what was there.
        if (s.repeated && (s.max != NONE || !s.counts.empty() || !satisfiable(s.formulas.back())))
            not_exact("an array that must hold something twice");
        if (s.counts.size() > 1 && count_states(s) == 0)
            not_exact("several conditions on what an array contains compete for its items, in too many ways");
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
    if (s.unique && index == 0 && s.n_first == 0) {  // as many values as are asked for
        auto fewer = [&](u32 f, u32 wanted) {
            std::vector<std::string> values;
            return wanted > 1 && finite(f, wanted - 1, values);
        };
        if (fewer(formula(0), s.min)) return false;
        for (const ItemCountRange& c : s.counts)
            if (fewer(formulas_.both(formula(0), c.positive), c.min)) return false;
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
    return s.counts.size() < 2 || count_states(s) == 0 || counts_viable(*arrays_[id], p);
}

// How many beginnings of an array are to be told apart; 0: too many.
u64 Shapes::count_states(const ArrayShape& s) const {
    if (s.counts.size() > kMaxCounts) return 0;
    u64 n = static_cast<u64>(std::max(s.min, s.n_first)) + 1;
    for (const ItemCountRange& c : s.counts) {
        n *= static_cast<u64>(most_counted(c)) + 1;
        if (n > kMaxBeginnings) return 0;
    }
    return n << s.counts.size() > 16 * kMaxBeginnings ? 0 : n;
}

// Whether so many items are left that all counts can be met.
bool Shapes::counts_viable(ArrayShape& s, const Progress& p) {
    // While a formula is being asked about, answers are guesses, and aren't kept.
    std::vector<u32> least = std::move(s.least);
    if (least.empty()) least = least_items(s);
    u64 state = std::min(p[kIndex], std::max(s.min, s.n_first));
    for (u32 c = 0; c < s.counts.size(); ++c) state = state * (most_counted(s.counts[c]) + 1) + p[kCounts + c];
    const u32 wanted = least[state];
    if (busy_.empty()) s.least = std::move(least);
    return wanted != NONE && (s.max == NONE || wanted <= s.max - p[kIndex]);
}

std::vector<u32> Shapes::least_items(const ArrayShape& s) {
    const u32 n_counts = static_cast<u32>(s.counts.size()), top = std::max(s.min, s.n_first);
    std::vector<u64> weight(n_counts);  // of a count in a state's number
    u64 each = 1;
    for (u32 c = n_counts; c-- > 0;) {
        weight[c] = each;
        each *= most_counted(s.counts[c]) + 1;
    }
    // By kind of place, for which sets of counts an item there may count.
    std::map<std::pair<u32, u32>, std::vector<u32>> kinds;
    auto sets_at = [&](u32 index) -> const std::vector<u32>& {
        const u32 formula = s.formulas[std::min(index, s.n_first)];
        u32 counted = 0;
        for (u32 c = 0; c < n_counts; ++c) counted |= static_cast<u32>(index >= s.counts[c].from) << c;
        const auto [it, fresh] = kinds.try_emplace({formula, counted});
        for (u32 set = 0; fresh && set < 1u << n_counts; ++set) {
            if (set & ~counted) continue;
            std::vector<u32> fs{formula};
            for (u32 c = 0; c < n_counts; ++c) {
                if (set >> c & 1)
                    fs.push_back(s.counts[c].positive);
                else if (counted >> c & 1 && s.counts[c].max != NONE)
                    fs.push_back(s.counts[c].negative);
            }
            const u32 f = formulas_.both(fs);
            if (satisfiable(f)) it->second.push_back(set);
        }
        return it->second;
    };
    std::vector<u32> least((top + 1) * each, NONE), counts(n_counts);
    for (u64 state = least.size(); state-- > 0;) {  // an item leads to a higher number, or changes nothing
        const u32 index = static_cast<u32>(state / each);
        bool complete = index >= s.min;
        for (u32 c = 0; c < n_counts; ++c) {
            counts[c] = static_cast<u32>(state / weight[c] % (most_counted(s.counts[c]) + 1));
            complete = complete && counts[c] >= s.counts[c].min;
        }
        if (complete) {
            least[state] = 0;
            continue;
        }
        for (u32 set : sets_at(index)) {
            u64 to = state + (index < top ? each : 0);
            bool possible = true;
            for (u32 c = 0; c < n_counts; ++c) {
                if (!(set >> c & 1)) continue;
                if (counts[c] < most_counted(s.counts[c]))
                    to += weight[c];
                else
                    possible = possible && s.counts[c].max == NONE;
            }
            if (possible && to != state && least[to] != NONE) least[state] = std::min(least[state], least[to] + 1);
        }
    }
    return least;
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
