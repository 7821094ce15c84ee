// Whether an object that has begun can be finished: names that must come, members of which some must exist, and bounds
// on their number.
//
// Several *existentials* ("some member whose key matches this has such a value") compete for members where keys or room
// are scarce, and one member may be the witness of several. Which of them can be met together is a set cover: by sets
// of existentials, the least number of further members is worked out place by place (a place being a name that may
// still come, or a class of unknown keys, of which there are any number). Exact, and exponential in the number of
// existentials of one shape; so it is decided when a shape is made whether that is too much.
#include <algorithm>

#include "schema_shapes.hpp"

namespace gcd {

namespace {

using namespace progress_word;

// Existentials of one object that are tried in all combinations, names whose followers are, and sets that are looked
// at.
constexpr u32 kMaxWitnesses = 10, kMaxLeaders = 6;
constexpr u64 kMaxCovers = 400000;

}  // namespace

// In a fixed order: ranks below this are past.
u32 Shapes::ranks_past(const ObjectShape& s, const Progress& p) const {
    u32 past = 0;
    if (!formulas_.program().options.fixed_order) return past;
    for (u32 n = 0; n < s.names.size(); ++n)
        if (name_seen(p, n) && s.names[n].rank != NONE) past = std::max(past, s.names[n].rank + 1);
    return past;
}

void Shapes::find_followers(ObjectShape& s) {
    if (s.implications.empty()) return;
    for (u32 n = 0; n < s.names.size(); ++n) {
        std::vector<u32> todo{n};
        std::vector<u32>& found = s.names[n].followers;
        while (!todo.empty()) {
            const u32 at = todo.back();
            todo.pop_back();
            for (const auto& [a, bs] : s.implications) {
                if (a != at) continue;
                for (u32 b : bs)
                    if (std::find(found.begin(), found.end(), b) == found.end()) {
                        found.push_back(b);
                        todo.push_back(b);
                    }
            }
        }
    }
}

// Whether existentials may ever compete: not if each can have a new key of its own.
bool Shapes::competing(const ObjectShape& s) const {
    if (s.existentials.size() < 2) return false;
    if (s.max != NONE) return true;
    return !std::all_of(s.existentials.begin(), s.existentials.end(),
                        [](const ObjectShape::Existential& e) { return e.unknown_possible; });
}

// What can't be decided exactly, however far the object has come.
void Shapes::note_doubts(const ObjectShape& s) {
    if (competing(s)) {
        u64 places = 0, leaders = 0;
        for (const ObjectShape::Name& n : s.names) {
            const bool meets = std::find(n.meets.begin(), n.meets.end(), 1) != n.meets.end();
            places += meets;
            leaders += meets && !n.followers.empty();
        }
        places += s.classes.size();
        u64 covers = places << std::min<u64>(leaders, 20);
        for (size_t e = 0; e < s.existentials.size() && covers <= kMaxCovers; ++e) covers *= 3;
        if (s.existentials.size() > kMaxWitnesses || leaders > kMaxLeaders || covers > kMaxCovers)
            not_exact("several members that must exist compete for room in one object, in too many ways");
    }
    // Keys of an unknown class run out only where there are finitely many.
    if (s.unknown != Derivatives::kEmpty && (s.min > kFinite || !s.existentials.empty()) &&
        (s.max == NONE || s.max > kFinite))
        for (const auto& [bits, k] : s.classes)
            if (k.allowed && !k.listed && !store_.infinite(store_.start(class_expression(s, bits))))
                not_exact("members that must exist, with keys of which there are finitely many");
    if (s.min > 0 && s.max != NONE && s.unknown == Derivatives::kEmpty)
        for (u32 n = 0; n < s.names.size(); ++n) {
            const std::vector<u32>& f = s.names[n].followers;
            if (std::find(f.begin(), f.end(), n) != f.end())
                not_exact(
                    "properties that depend on one another, and bounds on the number of properties in one object");
        }
}

// The keys of a class.
u32 Shapes::class_expression(const ObjectShape& s, u64 bits) {
    std::vector<u32> each{s.unknown};
    for (u32 p = 0; p < s.patterns.size(); ++p)
        each.push_back(bits >> p & 1 ? s.patterns[p] : store_.negate(s.patterns[p]));
    return store_.both(each);
}

bool Shapes::object_viable(u32 id, const Progress& p) {
    const ObjectShape& s = *objects_[id];
    const u32 past = ranks_past(s, p);
    // Names that must come: required, and what follows from those that are or will be there.
    std::vector<u8> needed(s.names.size(), 0);
    u32 n_needed = 0;
    auto may_come = [&](u32 n) {
        const ObjectShape::Name& name = s.names[n];
        return !name_seen(p, n) && name.allowed && name.rank >= past && satisfiable(name.formula);
    };
    auto need = [&](u32 n) {
        if (needed[n] || name_seen(p, n)) return true;
        needed[n] = 1;
        ++n_needed;
        return may_come(n);
    };
    for (u32 n : s.required)
        if (!need(n)) return false;
    if (!s.implications.empty())
        for (u32 n = 0; n < s.names.size(); ++n)
            if (needed[n] || name_seen(p, n))
                for (u32 f : s.names[n].followers)
                    if (!need(f)) return false;
    const u32 least = p[kMembers] + n_needed;
    if (s.max != NONE && least > s.max) return false;
    std::vector<u8> optional(s.names.size(), 0);
    if (p[kOpen] || (s.min > least && s.unknown == Derivatives::kEmpty))
        for (u32 n = 0; n < s.names.size(); ++n) {
            if (needed[n] || !may_come(n)) continue;
            const std::vector<u32>& f = s.names[n].followers;
            optional[n] = std::all_of(f.begin(), f.end(), [&](u32 x) { return name_seen(p, x) || may_come(x); });
        }
    if (p[kOpen] && !witnessed(s, p, needed, optional)) return false;
    if (s.min > least && s.unknown == Derivatives::kEmpty) {
        // All names that may still come together: what is between that and the least can be had, too.
        const auto more = static_cast<u32>(std::count(optional.begin(), optional.end(), 1));
        if (least + more < s.min) return false;
    }
    return true;
}

// Whether the open existentials can be met within the room that is left.
bool Shapes::witnessed(const ObjectShape& s, const Progress& p, const std::vector<u8>& needed,
                       const std::vector<u8>& optional) {
    std::vector<u32> open;
    for (u32 e = 0; e < s.existentials.size(); ++e)
        if (p[kOpen] >> e & 1) open.push_back(e);
    auto room_beside = [&](const std::vector<u8>& names) {
        return s.max == NONE ? NONE : s.max - p[kMembers] - static_cast<u32>(std::count(names.begin(), names.end(), 1));
    };
    const u32 room = room_beside(needed);
    if (open.size() <= room &&
        std::all_of(open.begin(), open.end(), [&](u32 e) { return s.existentials[e].unknown_possible; }))
        return true;
    // Whether some of them are met, if of the names with followers these come, and no others.
    auto met = [&](const std::vector<u32>& some, const std::vector<u8>& coming, u32 left) {
        std::vector<u32> formulas;
        for (u32 e : some) formulas.push_back(s.existentials[e].formula);
        std::vector<Place> places;
        auto add = [&](Place place) {
            if (place.meets == 0) return;
            const auto at = std::find(places.begin(), places.end(), place);
            if (at == places.end())
                places.push_back(place);
            else
                at->count = std::max(at->count, place.count) == NONE ? NONE : at->count + place.count;
        };
        for (u32 n = 0; n < s.names.size(); ++n) {
            if (!coming[n] && (!optional[n] || !s.names[n].followers.empty())) continue;
            u32 meets = 0;
            for (u32 i = 0; i < some.size(); ++i) meets |= static_cast<u32>(s.names[n].meets[some[i]]) << i;
            add({s.names[n].formula, meets, 1, coming[n] != 0});
        }
        for (const auto& [bits, k] : s.classes) {
            if (!k.allowed || k.listed) continue;
            u32 meets = 0;
            for (u32 i = 0; i < some.size(); ++i)
                meets |= static_cast<u32>(bits >> s.existentials[some[i]].pattern & 1) << i;
            add({k.formula, meets, NONE, false});
        }
        const u32 least = least_witnesses(formulas, places);
        return least != NONE && least <= left;
    };
    if (open.size() > kMaxWitnesses)  // a guess, see `note_doubts`
        return std::all_of(open.begin(), open.end(), [&](u32 e) { return met({e}, needed, room); });
    std::vector<u32> leaders;  // names that bring others along
    for (u32 n = 0; n < s.names.size() && leaders.size() < kMaxLeaders; ++n)
        if (optional[n] && !s.names[n].followers.empty() &&
            std::any_of(open.begin(), open.end(), [&](u32 e) { return s.names[n].meets[e] != 0; }))
            leaders.push_back(n);
    for (u32 chosen = 0; chosen < 1u << leaders.size(); ++chosen) {
        std::vector<u8> coming = needed;
        for (u32 i = 0; i < leaders.size(); ++i) {
            if (!(chosen >> i & 1)) continue;
            coming[leaders[i]] = 1;
            for (u32 f : s.names[leaders[i]].followers)
                if (!name_seen(p, f)) coming[f] = 1;
        }
        const auto n_coming = static_cast<u32>(std::count(coming.begin(), coming.end(), 1));
        if (s.max != NONE && p[kMembers] + n_coming > s.max) continue;
        if (met(open, coming, room_beside(coming))) return true;
    }
    return false;
}

// The least number of members, beside those that come anyway, that meet all of these; NONE if none do.
u32 Shapes::least_witnesses(const std::vector<u32>& formulas, const std::vector<Place>& places) {
    const u32 all = (1u << formulas.size()) - 1;
    std::vector<u32> least(all + 1, NONE);
    least[0] = 0;
    for (const Place& place : places) {
        // What one member here can meet at once: sets to which nothing can be added.
        std::vector<u32> both(all + 1, Formulas::kFalse), sets;
        both[0] = place.formula;
        for (u32 set = 1; set <= all; ++set) {
            const u32 rest = set & (set - 1);
            if (set & ~place.meets || both[rest] == Formulas::kFalse) continue;
            const u32 f = formulas_.both(both[rest], formulas[static_cast<u32>(__builtin_ctz(set))]);
            if (satisfiable(f)) both[set] = f;
        }
        for (u32 set = 1; set <= all; ++set) {
            bool whole = both[set] != Formulas::kFalse;
            for (u32 e = 0; e < formulas.size() && whole; ++e)
                whole = set >> e & 1 || both[set | 1u << e] == Formulas::kFalse;
            if (whole) sets.push_back(set);
        }
        const u32 most = std::min(place.count, static_cast<u32>(formulas.size()));
        for (u32 used = 0; used < most; ++used) {
            std::vector<u32> next = least;
            for (u32 set = 0; set <= all; ++set) {
                if (least[set] == NONE) continue;
                for (u32 more : sets)
                    next[set | more] = std::min(next[set | more], least[set] + (place.needed ? 0 : 1));
            }
            if (next == least) break;
            least = std::move(next);
        }
    }
    return least[all];
}

}  // namespace gcd
