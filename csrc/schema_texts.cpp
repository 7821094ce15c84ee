// Texts that an item is compared with, character by character: the names of an object, the keys and strings that came
// already.
#include <algorithm>

#include "schema_automaton.hpp"

namespace gcd {

u32 TextSets::add(u32 set, const CodePoints& text) {
    const CodePoints* address = &texts_.emplace(text, 0).first->first;
    std::vector<const CodePoints*> next = sets_[set];
    const auto at = std::lower_bound(next.begin(), next.end(), address,
                                     [](const CodePoints* a, const CodePoints* b) { return *a < *b; });
    if (at != next.end() && *at == address) return set;
    next.insert(at, address);
    const auto it = index_.find(next);
    if (it != index_.end()) return it->second;
    const u32 id = static_cast<u32>(sets_.size());
    index_.emplace(next, id);
    sets_.push_back(std::move(next));
    return id;
}

// The ranges of names and texts that go on with `c`.
void SchemaAutomaton::narrow(const Item& item, u32 texts, const ObjectShape* shape, u32 depth, u32 c, Item& out) const {
    if (shape) {
        const auto& names = shape->names;
        auto from = [&](u32 x) {
            u32 lo = item.lo, hi = item.hi;
            while (lo < hi) {
                const u32 mid = (lo + hi) / 2;
                if (names[mid].text.size() > depth && names[mid].text[depth] >= x)
                    hi = mid;
                else
                    lo = mid + 1;
            }
            return lo;
        };
        out.lo = from(c);
        out.hi = from(c + 1);
        if (out.lo == out.hi) out.lo = out.hi = 0;
    }
    u32 lo = item.xlo, hi = item.xhi;
    auto reaches = [&](u32 i, u32 x) {
        const CodePoints& t = texts_.text(texts, i);
        return t.size() > depth && t[depth] >= x;
    };
    auto first = [&](u32 from, u32 to, u32 x) {
        while (from < to) {
            const u32 mid = (from + to) / 2;
            if (reaches(mid, x))
                to = mid;
            else
                from = mid + 1;
        }
        return from;
    };
    const u32 a = first(lo, hi, c), b = first(a, hi, c + 1);
    out.xlo = a == b ? 0 : a;
    out.xhi = a == b ? 0 : b;
}

// Some text that the first state accepts is neither a name nor one of the texts.
bool SchemaAutomaton::excluded_alive(const std::vector<u32>& states, const Item& item, u32 texts,
                                     const ObjectShape* shape, u32 depth, u32 budget) {
    const u32 state = states[0];
    if (!store_.alive(state)) return false;
    if (item.lo == item.hi && item.xlo == item.xhi) return true;
    if (store_.is_any(state) || budget == 0) return true;
    if (store_.accepts(state)) {
        bool here = false;
        if (shape && item.lo < item.hi) here = shape->names[item.lo].text.size() == depth;
        if (item.xlo < item.xhi) here = here || texts_.text(texts, item.xlo).size() == depth;
        if (!here) return true;
    }
    std::vector<u32> next;  // characters that names or texts go on with
    if (shape)
        for (u32 i = item.lo; i < item.hi; ++i)
            if (shape->names[i].text.size() > depth) next.push_back(shape->names[i].text[depth]);
    for (u32 i = item.xlo; i < item.xhi; ++i)
        if (texts_.text(texts, i).size() > depth) next.push_back(texts_.text(texts, i)[depth]);
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    u32 from = 0;
    for (u32 c : next) {
        if (c > from && store_.alive_by(state, from, c - 1)) return true;
        from = c + 1;
    }
    if (from <= kMaxCodePoint && store_.alive_by(state, from, kMaxCodePoint)) return true;
    for (u32 c : next) {
        Item below = item;
        narrow(item, texts, shape, depth, c, below);
        if (excluded_alive({store_.step(state, c)}, below, texts, shape, depth + 1, budget - 1)) return true;
    }
    return false;
}

void SchemaAutomaton::lead_bytes(Phase phase, const Item& item, u32 depth, u64 bytes[4]) const {
    auto each = [&](u32 from, u32 to, auto&& text) {
        while (from < to) {
            const CodePoints& t = text(from);
            if (t.size() <= depth) {
                ++from;
                continue;
            }
            const u32 c = t[depth];
            add_lead(c, bytes);
            u32 end = to, step = 1;  // those with the same character are skipped
            for (++from; from < to && text(from)[depth] == c; step *= 2) {
                if (from + step >= to || text(from + step)[depth] != c) {
                    end = std::min(to, from + step);
                    break;
                }
                from += step;
            }
            while (from < end) {
                const u32 mid = (from + end) / 2;
                if (text(mid)[depth] == c)
                    from = mid + 1;
                else
                    end = mid;
            }
        }
    };
    if (phase == kInKey && item.lo < item.hi) {
        const auto& names = shape_of(item).names;
        each(item.lo, item.hi, [&](u32 i) -> const CodePoints& { return names[i].text; });
    }
    if (item.xlo == item.xhi) return;
    const u32 texts = phase == kInKey ? frames_[item.a].texts : item.lo;
    each(item.xlo, item.xhi, [&](u32 i) -> const CodePoints& { return texts_.text(texts, i); });
}

// Whether a name or a text goes on with a character within [lo, hi].
bool SchemaAutomaton::goes_on(Phase phase, const Item& item, u32 depth, u32 lo, u32 hi) const {
    auto within = [&](u32 from, u32 to, auto&& text) {
        const u32 end = to;
        while (from < to) {
            const u32 mid = (from + to) / 2;
            const CodePoints& t = text(mid);
            if (t.size() > depth && t[depth] >= lo)
                to = mid;
            else
                from = mid + 1;
        }
        return from < end && text(from)[depth] <= hi;
    };
    if (phase == kInKey && item.lo < item.hi) {
        const auto& names = shape_of(item).names;
        if (within(item.lo, item.hi, [&](u32 i) -> const CodePoints& { return names[i].text; })) return true;
    }
    if (item.xlo == item.xhi) return false;
    const u32 texts = phase == kInKey ? frames_[item.a].texts : item.lo;
    return within(item.xlo, item.xhi, [&](u32 i) -> const CodePoints& { return texts_.text(texts, i); });
}

bool SchemaAutomaton::item_alive(Phase phase, const Item& item, u32 depth, const StringDecoder& decoder) {
    const bool key = phase == kInKey;
    const ObjectShape* shape = key ? &shape_of(item) : nullptr;
    const u32 texts = key ? frames_[item.a].texts : item.lo;
    Item ranges = item;  // names only for keys: a string's `lo` is its set
    if (!key) ranges.lo = ranges.hi = 0;
    const u32 state = key ? (item.b == NONE ? Derivatives::kDead : shapes_.vector_states(item.b)[0]) : item.a;
    auto option_within = [&](u32 lo, u32 hi) {
        const std::vector<u32>& names = options_of(item).names;
        const auto at = std::lower_bound(names.begin(), names.end(), lo);
        return at != names.end() && *at < hi;
    };
    if (decoder.plain()) {
        if (key && item.lo < item.hi && option_within(item.lo, item.hi)) return true;
        return state != Derivatives::kDead && excluded_alive({state}, ranges, texts, shape, depth, 200);
    }
    u32 lo[2], hi[2];
    const u32 n = decoder.ranges(lo, hi);
    for (u32 r = 0; r < n; ++r) {
        if (key && item.lo < item.hi) {
            const auto& names = shape->names;
            u32 a = item.lo;
            while (a < item.hi && !(names[a].text.size() > depth && names[a].text[depth] >= lo[r])) ++a;
            u32 b = a;
            while (b < item.hi && names[b].text[depth] <= hi[r]) ++b;
            if (a < b && option_within(a, b)) return true;
        }
        if (state == Derivatives::kDead) continue;
        // Characters that no name or text goes on with, then those.
        std::vector<u32> next;
        if (shape)
            for (u32 i = item.lo; i < item.hi; ++i)
                if (shape->names[i].text.size() > depth) next.push_back(shape->names[i].text[depth]);
        for (u32 i = item.xlo; i < item.xhi; ++i)
            if (texts_.text(texts, i).size() > depth) next.push_back(texts_.text(texts, i)[depth]);
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        u32 from = lo[r];
        for (u32 c : next) {
            if (c < lo[r] || c > hi[r]) continue;
            if (c > from && store_.alive_by(state, from, c - 1)) return true;
            from = c + 1;
            Item below = ranges;
            narrow(ranges, texts, shape, depth, c, below);
            if (excluded_alive({store_.step(state, c)}, below, texts, shape, depth + 1, 200)) return true;
        }
        if (from <= hi[r] && store_.alive_by(state, from, hi[r])) return true;
    }
    return false;
}

bool SchemaAutomaton::read_character(Phase phase, Item& item, u32 depth, u32 c) {
    if (phase == kInKey) {
        Item next = item;
        narrow(item, frames_[item.a].texts, &shape_of(item), depth, c, next);
        if (item.b != NONE) {
            next.b = shapes_.vector_step(item.b, c);
            if (!store_.alive(shapes_.vector_states(next.b)[0])) next.b = NONE;
        }
        item = next;
    } else {
        const u32 texts = item.lo;
        Item next = item;
        next.lo = next.hi = 0;
        if (item.xlo < item.xhi) {
            narrow(next, texts, nullptr, depth, c, next);
            next.lo = next.xlo < next.xhi ? texts : 0;
        }
        next.hi = 0;
        next.a = store_.step(item.a, c);
        item = next;
        if (item.a == Derivatives::kDead) return false;
    }
    return item_alive(phase, item, depth + 1, StringDecoder());
}

void SchemaAutomaton::begin_key(const State& s, State& out) {
    out.phase = kInKey;
    out.gap = 0;
    out.gap_kind = 0;
    for (const Item& i : s.items) {
        const Frame& f = frames_[i.a];
        if (f.kind != 1) continue;
        const KeyOptions& options = shapes_.key_options(f.shape, f.progress);
        if (options.names.empty() && !options.unknown) continue;
        const ObjectShape& shape = shapes_.object(f.shape);
        Item k;
        k.a = i.a;
        k.b = options.unknown ? shape.key_start : NONE;
        k.hi = static_cast<u32>(shape.names.size());
        k.xhi = texts_.size(f.texts);
        if (item_alive(kInKey, k, 0, StringDecoder())) out.items.push_back(k);
    }
}

}  // namespace gcd
