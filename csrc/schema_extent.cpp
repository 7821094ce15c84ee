// How many values a formula has, and a look at all that a schema can ask for, after which it is known whether every
// question about it has an exact answer.
#include <algorithm>

#include "schema_shapes.hpp"

namespace gcd {

namespace {

constexpr u32 kFewValues = 512, kMaxExtentDepth = 6;
constexpr size_t kMaxCombined = 8;  // conditions on one member or item that are looked at in all combinations

}  // namespace

void Shapes::look_at_all(u32 root, u32 most) {
    std::vector<u32> todo{root};
    std::unordered_map<u32, bool> seen{{root, true}};
    auto add = [&](u32 f) {
        if (f != Formulas::kFalse && f != Formulas::kTrue && seen.emplace(f, true).second) todo.push_back(f);
    };
    const char* const too_many = "the schema has too many combinations to look at each";
    // A member or item may have to meet any of some conditions besides.
    std::vector<u32> conditions;
    auto add_combined = [&](u32 formula) {
        if (conditions.size() > kMaxCombined) not_exact(too_many);
        std::vector<u32> found{formula};
        for (size_t c = 0; c < conditions.size(); ++c) {
            const size_t n = conditions.size() > kMaxCombined ? 1 : found.size();
            for (size_t k = 0; k < n; ++k) {
                const u32 f = formulas_.both(found[k], conditions[c]);
                if (f != Formulas::kFalse && std::find(found.begin(), found.end(), f) == found.end() && satisfiable(f))
                    found.push_back(f);
            }
        }
        for (u32 f : found) add(f);
    };
    for (size_t i = 0; i < todo.size(); ++i) {
        if (i >= most) {
            not_exact(too_many);
            return;
        }
        const u32 f = todo[i];
        const u32 x = formulas_.string_expression(f);
        if (x != Derivatives::kEmpty) store_.alive(store_.start(x));
        for (u32 id : objects(f)) {
            const ObjectShape& s = *objects_[id];
            for (const ObjectShape::Name& n : s.names) {
                conditions.clear();
                for (u32 e = 0; e < s.existentials.size(); ++e)
                    if (n.meets[e]) conditions.push_back(s.existentials[e].formula);
                add_combined(n.formula);
            }
            for (const auto& [bits, k] : s.classes) {
                conditions.clear();
                for (const ObjectShape::Existential& e : s.existentials)
                    if (bits >> e.pattern & 1) conditions.push_back(e.formula);
                add_combined(k.formula);
            }
        }
        for (u32 id : arrays(f)) {
            const ArrayShape& s = *arrays_[id];
            conditions.clear();
            for (const ItemCountRange& c : s.counts) {
                conditions.push_back(c.positive);
                if (c.max != NONE) conditions.push_back(c.negative);
            }
            for (u32 item : s.formulas) add_combined(item);
            if (s.unique) look_at_unique(s);
        }
    }
}

// The values of a formula, if there are at most `most` and none is an object or array; as canonical texts.
bool Shapes::finite(u32 f, u32 most, std::vector<std::string>& out) {
    if (f == Formulas::kFalse) return true;
    if (!objects(f).empty() || !arrays(f).empty()) return false;
    for (const auto& [type, text] :
         {std::pair<SchemaType, const char*>{kNullType, "null"}, {kTrueType, "true"}, {kFalseType, "false"}})
        if (formulas_.allows(f, type)) out.push_back(text);
    const u32 x = formulas_.string_expression(f);
    if (x != Derivatives::kEmpty) {
        std::vector<CodePoints> texts;
        if (!store_.finite(store_.start(x), most, texts)) return false;
        for (const CodePoints& t : texts) {
            std::string s = "\"";
            for (char32_t c : t) {
                s += static_cast<char>(c >> 16);
                s += static_cast<char>(c >> 8);
                s += static_cast<char>(c);
            }
            out.push_back(std::move(s));
        }
    }
    for (u32 c : formulas_.number_conditions(f)) {
        std::vector<Decimal> values;
        if (!numbers_.finite(c, most, values)) return false;
        for (const Decimal& d : values)
            out.push_back((d.negative ? "-" : "") + d.digits + "e" + std::to_string(d.exponent));
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out.size() <= most;
}

// Whether a formula has surely more than a few values. What isn't seen to have many may have them all the same.
bool Shapes::plenty(u32 f, u32 depth) {
    if (f == Formulas::kTrue) return true;
    if (!satisfiable(f)) return false;
    const u32 x = formulas_.string_expression(f);
    if (x != Derivatives::kEmpty && store_.infinite(store_.start(x))) return true;
    for (u32 c : formulas_.number_conditions(f)) {
        const NumberCondition& n = numbers_.condition(c);
        std::vector<Decimal> values;
        const bool hard_to_list = n.multiples.size() > 1 || (n.multiples.empty() && n.plain);
        if ((!hard_to_list || !n.has_low || !n.has_high) && !numbers_.finite(c, kFewValues, values)) return true;
    }
    if (depth == 0) return false;
    for (u32 id : objects(f)) {
        const ObjectShape& s = *objects_[id];
        if (!s.implications.empty() || (!s.existentials.empty() && s.max != NONE)) continue;
        const bool room = s.max == NONE || s.required.size() < s.max;
        if (room && s.unknown == Derivatives::kAny) return true;
        for (const auto& [bits, k] : s.classes)
            if (room && k.allowed && !k.listed && store_.infinite(store_.start(class_expression(s, bits)))) return true;
        for (const ObjectShape::Name& n : s.names)
            if (n.allowed && (n.required || room) && plenty(n.formula, depth - 1)) return true;
    }
    for (u32 id : arrays(f)) {
        const ArrayShape& s = *arrays_[id];
        if (!s.counts.empty() || s.repeated) continue;
        if (!s.unique && s.max == NONE && s.n_first == 0 && satisfiable(s.formulas[0])) return true;
        for (u32 i = 0; i <= s.n_first && i < s.max && satisfiable(s.formulas[i]); ++i)
            if (plenty(s.formulas[i], depth - 1)) return true;
    }
    return false;
}

// Whether it is certain that values which are still to come can differ from those that came.
void Shapes::look_at_unique(const ArrayShape& s) {
    const char* const few = "items that must differ, of which there may be too few";
    auto values_of = [&](u32 f) {
        std::vector<std::string> values;
        return finite(f, kFewValues, values) ? static_cast<u32>(values.size()) : NONE;
    };
    // Places that must be filled have more values than others can have taken.
    for (u32 i = 0; i <= s.n_first && i < s.min; ++i) {
        const u32 f = s.formulas[i];
        if (plenty(f, kMaxExtentDepth)) continue;
        if (i > kFewValues) return not_exact(few);
        u32 taken = i < s.n_first ? 0 : s.min - 1 - s.n_first;
        for (u32 j = 0; j < i; ++j) taken += satisfiable(formulas_.both(f, s.formulas[j]));
        if (taken == 0) continue;
        const u32 n = values_of(f);
        if (n == NONE || (n <= taken && s.n_first > 0)) return not_exact(few);
    }
    for (const ItemCountRange& c : s.counts) {
        if (c.min == 0 && s.min == 0) continue;
        for (u32 item : s.formulas) {
            const u32 counted = formulas_.both(item, c.positive), other = formulas_.both(item, c.negative);
            const bool enough = c.min == 0 || !satisfiable(counted) || plenty(counted, kMaxExtentDepth);
            const bool others = c.max == NONE || !satisfiable(other) || plenty(other, kMaxExtentDepth);
            if (enough && others) continue;
            // One condition on items that are all alike: what would count is there as long as it hasn't counted.
            const bool alone = s.counts.size() == 1 && s.n_first == 0 && c.max == NONE && c.from == 0 &&
                               (s.min == 0 || plenty(item, kMaxExtentDepth)) && values_of(counted) != NONE;
            if (!alone) return not_exact(few);
        }
    }
}

}  // namespace gcd
