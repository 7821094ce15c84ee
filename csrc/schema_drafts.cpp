// What the leaves of one type ask for, put together: conditions on numbers, drafts of the shapes of objects and arrays.
#include <algorithm>

#include "schema_formulas.hpp"

namespace gcd {

namespace {

bool bound_below(NumberCondition& c, const Decimal& d, bool open) {
    const int k = c.has_low ? compare(d, c.low) : 1;
    if (k > 0 || (k == 0 && open)) {
        c.low = d;
        c.low_open = open;
        c.has_low = true;
    }
    return true;
}

bool bound_above(NumberCondition& c, const Decimal& d, bool open) {
    const int k = c.has_high ? compare(d, c.high) : -1;
    if (k < 0 || (k == 0 && open)) {
        c.high = d;
        c.high_open = open;
        c.has_high = true;
    }
    return true;
}

template <class T>
void push_new(std::vector<T>& v, const T& x) {
    if (std::find(v.begin(), v.end(), x) == v.end()) v.push_back(x);
}

}  // namespace

// -- numbers ----------------------------------------------------------------------------------

bool Formulas::add_leaf(Branch<NumberCondition>& b, Literal l) {
    const SchemaNode& n = program_.nodes[l / 2];
    const bool no = l & 1;
    NumberCondition& c = b.draft;
    const bool low_open = n.c & 1, high_open = n.c & 2;
    switch (n.op) {
        case SchemaOp::kNumberRange:
            if (!no) {
                if (n.a != NONE) bound_below(c, program_.decimals[n.a], low_open);
                if (n.b != NONE) bound_above(c, program_.decimals[n.b], high_open);
            } else {
                Choice choice;
                for (u32 part = 0; part < 2; ++part)
                    if ((part ? n.b : n.a) != NONE) {
                        choice.alternatives.emplace_back();
                        choice.alternatives.back().node = l / 2;
                        choice.alternatives.back().part = part;
                    }
                if (choice.alternatives.empty()) return false;
                b.choices.push_back(std::move(choice));
            }
            return true;
        case SchemaOp::kMultipleOf:
            push_new(no ? c.no_multiples : c.multiples, program_.decimals[n.a]);
            return true;
        case SchemaOp::kIntegerSpelling:
            (no ? c.not_plain : c.plain) = true;
            return !(c.plain && c.not_plain);
        default:  // kNumbers
            if (no) {
                for (u32 d : n.items) push_new(c.excluded, program_.decimals[d]);
                return true;
            }
            std::vector<Decimal> list;
            for (u32 d : n.items) {
                const Decimal& v = program_.decimals[d];
                if (!c.listed || std::find(c.values.begin(), c.values.end(), v) != c.values.end()) push_new(list, v);
            }
            c.values = std::move(list);
            c.listed = true;
            return !c.values.empty();
    }
}

// Not within a range: below it, or above.
bool Formulas::add_part(Branch<NumberCondition>& b, const Alternative& a) {
    const SchemaNode& n = program_.nodes[a.node];
    if (a.part == 0) return bound_above(b.draft, program_.decimals[n.a], !(n.c & 1));
    return bound_below(b.draft, program_.decimals[n.b], !(n.c & 2));
}

bool Formulas::consistent(const NumberCondition& c) {
    if (c.has_low && c.has_high) {
        const int k = compare(c.low, c.high);
        if (k > 0 || (k == 0 && (c.low_open || c.high_open))) return false;
    }
    return true;
}

const std::vector<u32>& Formulas::number_conditions(u32 f) {
    const auto it = conditions_.find(f);
    if (it != conditions_.end()) return it->second;
    std::vector<NumberCondition> drafts;
    if (f != kFalse) {
        Branch<NumberCondition> b;
        b.todo = formulas_[f];
        expand(std::move(b), kNumberIndex, drafts, 0);
    }
    std::vector<u32> out;
    for (NumberCondition& c : drafts) {
        c.max_digits = program_.guards.digits;
        c.max_exponent_digits = program_.guards.exponent_digits;
        const u32 id = numbers_.condition(c);
        if (numbers_.satisfiable(id)) push_new(out, id);
    }
    return conditions_[f] = std::move(out);
}

// A choice between the parts of a leaf.
Formulas::Choice Formulas::choice_of_parts(u32 node, u32 count) {
    Choice choice;
    for (u32 part = 0; part < count; ++part) {
        choice.alternatives.emplace_back();
        choice.alternatives.back().node = node;
        choice.alternatives.back().part = part;
    }
    return choice;
}

// -- objects ----------------------------------------------------------------------------------

bool Formulas::add_leaf(Branch<ObjectDraft>& b, Literal l) {
    const SchemaNode& n = program_.nodes[l / 2];
    const bool no = l & 1;
    ObjectDraft& d = b.draft;
    auto parts = [&](u32 count) { b.choices.push_back(choice_of_parts(l / 2, count)); };
    switch (n.op) {
        case SchemaOp::kProperties: {
            if (no) {  // some member is wrong: one of the named, of a pattern's, or of the others
                parts(static_cast<u32>(n.names.size() + n.patterns.size() + 1));
                return true;
            }
            MemberRule rule;
            for (const NamedNode& p : n.names) rule.names.emplace_back(p.name, of(p.node));
            for (const PatternNode& p : n.patterns) rule.patterns.emplace_back(p.regex, of(p.node));
            rule.others = of(n.a);
            d.rules.push_back(std::move(rule));
            return true;
        }
        case SchemaOp::kPropertyNames: {
            const u32 x = string_expression(of(n.a));
            if (no)
                push_new(d.existentials, MemberExistential{store_.negate(x), kTrue});
            else
                push_new(d.key_expressions, x);
            return true;
        }
        case SchemaOp::kRequired:
            if (no) {
                if (n.items.size() == 1)
                    push_new(d.forbidden, n.items[0]);
                else
                    parts(static_cast<u32>(n.items.size()));
                return true;
            }
            for (u32 name : n.items) push_new(d.required, name);
            return true;
        case SchemaOp::kPropertyCount:
            if (!no) {
                d.min = std::max(d.min, n.a);
                d.max = std::min(d.max, n.b);
                return d.min <= d.max;
            }
            parts(2);
            return true;
        case SchemaOp::kDependentRequired:
            if (!no) {
                d.implications.emplace_back(n.a, n.items);
                return true;
            }
            push_new(d.required, n.a);
            parts(static_cast<u32>(n.items.size()));
            return true;
        default:
            b.unevaluated.push_back(l);
            return true;
    }
}

bool Formulas::add_part(Branch<ObjectDraft>& b, const Alternative& a) {
    const SchemaNode& n = program_.nodes[a.node];
    ObjectDraft& d = b.draft;
    // Keys that neither these names nor these patterns match.
    auto uncovered = [&](const std::vector<u32>& names, const std::vector<u32>& patterns) {
        std::vector<u32> each;
        std::vector<CodePoints> words;
        for (u32 s : names) words.push_back(program_.strings[s]);
        if (!words.empty()) each.push_back(store_.negate(store_.words(words)));
        for (u32 p : patterns) each.push_back(store_.negate(p));
        return store_.both(each);
    };
    switch (n.op) {
        case SchemaOp::kProperties: {
            if (a.part < n.names.size()) {
                const NamedNode p = n.names[a.part];
                MemberRule rule;
                rule.names.emplace_back(p.name, of(p.node, true));
                rule.others = kTrue;
                if (rule.names[0].second == kFalse) return false;
                d.rules.push_back(std::move(rule));
                push_new(d.required, p.name);
                return true;
            }
            if (a.part < n.names.size() + n.patterns.size()) {
                const PatternNode p = n.patterns[a.part - n.names.size()];
                const u32 f = of(p.node, true);
                if (f == kFalse) return false;
                push_new(d.existentials, MemberExistential{p.regex, f});
                return true;
            }
            const u32 f = of(n.a, true);
            if (f == kFalse) return false;
            std::vector<u32> names, patterns;
            for (const NamedNode& p : n.names) names.push_back(p.name);
            for (const PatternNode& p : n.patterns) patterns.push_back(p.regex);
            push_new(d.existentials, MemberExistential{uncovered(names, patterns), f});
            return true;
        }
        case SchemaOp::kRequired:
            push_new(d.forbidden, n.items[a.part]);
            return true;
        case SchemaOp::kDependentRequired:
            push_new(d.forbidden, n.items[a.part]);
            return true;
        case SchemaOp::kPropertyCount:
            if (a.part == 0) {
                if (n.a == 0) return false;
                d.max = std::min(d.max, n.a - 1);
            } else {
                if (n.b == NONE) return false;
                d.min = std::max(d.min, n.b + 1);
            }
            return d.min <= d.max;
        case SchemaOp::kUnevaluatedProperties: {
            std::vector<u32> names, patterns;
            for (u32 i = 0; i < n.sources.size(); ++i) {
                if (!(a.subset >> i & 1)) continue;
                const EvaluationSource& s = n.sources[i];
                if (s.covers_all) return a.part == 0;
                names.insert(names.end(), s.names.begin(), s.names.end());
                patterns.insert(patterns.end(), s.patterns.begin(), s.patterns.end());
            }
            if (a.part == 1) {
                const u32 f = of(n.a, true);
                if (f == kFalse) return false;
                push_new(d.existentials, MemberExistential{uncovered(names, patterns), f});
                return true;
            }
            MemberRule rule;
            for (u32 s : names) rule.names.emplace_back(s, kTrue);
            for (u32 p : patterns) rule.patterns.emplace_back(p, kTrue);
            rule.others = of(n.a);
            d.rules.push_back(std::move(rule));
            return true;
        }
        default:
            return true;
    }
}

bool Formulas::consistent(const ObjectDraft& d) {
    for (u32 s : d.required)
        if (std::find(d.forbidden.begin(), d.forbidden.end(), s) != d.forbidden.end()) return false;
    if (!may_hold) return true;
    for (u32 s : d.required) {
        std::vector<u32> fs;
        const CodePoints& name = program_.strings[s];
        for (const MemberRule& r : d.rules) {
            bool named = false;
            for (const auto& [k, f] : r.names)
                if (program_.strings[k] == name) {
                    fs.push_back(f);
                    named = true;
                }
            for (const auto& [x, f] : r.patterns)
                if (store_.matches(x, name)) {
                    fs.push_back(f);
                    named = true;
                }
            if (!named) fs.push_back(r.others);
        }
        const u32 f = both(fs);
        if (f == kFalse || !may_hold(context, f)) return false;
    }
    return true;
}

void Formulas::objects(u32 f, std::vector<ObjectDraft>& out) {
    if (f == kFalse) return;
    Branch<ObjectDraft> b;
    b.todo = formulas_[f];
    expand(std::move(b), kObjectIndex, out, 0);
}

// -- arrays -----------------------------------------------------------------------------------

bool Formulas::add_leaf(Branch<ArrayDraft>& b, Literal l) {
    const SchemaNode& n = program_.nodes[l / 2];
    const bool no = l & 1;
    ArrayDraft& d = b.draft;
    auto parts = [&](u32 count) { b.choices.push_back(choice_of_parts(l / 2, count)); };
    switch (n.op) {
        case SchemaOp::kItems: {
            if (no) {
                parts(static_cast<u32>(n.items.size() + 1));
                return true;
            }
            std::vector<u32> first;
            const std::vector<u32> items = n.items;
            const u32 rest = n.a;
            for (u32 i : items) first.push_back(of(i));
            d.rules.emplace_back(std::move(first), of(rest));
            return true;
        }
        case SchemaOp::kItemCount:
            if (!no) {
                d.min = std::max(d.min, n.a);
                d.max = std::min(d.max, n.b);
                return d.min <= d.max;
            }
            parts(2);
            return true;
        case SchemaOp::kContains:
            if (!no) {
                d.counts.push_back({of(n.a), of(n.a, true), n.b, n.c, 0});
                return n.b <= n.c;
            }
            parts(2);
            return true;
        case SchemaOp::kUnique:
            (no ? d.repeated : d.unique) = true;
            return !(d.repeated && d.unique);
        default:
            b.unevaluated.push_back(l);
            return true;
    }
}

bool Formulas::add_part(Branch<ArrayDraft>& b, const Alternative& a) {
    const SchemaNode n = program_.nodes[a.node];
    ArrayDraft& d = b.draft;
    switch (n.op) {
        case SchemaOp::kItems: {
            if (a.part < n.items.size()) {
                const u32 f = of(n.items[a.part], true);
                if (f == kFalse) return false;
                std::vector<u32> first(a.part, kTrue);
                first.push_back(f);
                d.rules.emplace_back(std::move(first), kTrue);
                d.min = std::max(d.min, a.part + 1);
                return d.min <= d.max;
            }
            const u32 f = of(n.a, true);
            if (f == kFalse) return false;
            d.counts.push_back({f, kTrue, 1, NONE, static_cast<u32>(n.items.size())});
            return true;
        }
        case SchemaOp::kItemCount:
            if (a.part == 0) {
                if (n.a == 0) return false;
                d.max = std::min(d.max, n.a - 1);
            } else {
                if (n.b == NONE) return false;
                d.min = std::max(d.min, n.b + 1);
            }
            return d.min <= d.max;
        case SchemaOp::kContains:
            if (a.part == 0) {
                if (n.b == 0) return false;
                d.counts.push_back({of(n.a), of(n.a, true), 0, n.b - 1, 0});
            } else {
                if (n.c == NONE) return false;
                d.counts.push_back({of(n.a), of(n.a, true), n.c + 1, NONE, 0});
            }
            return true;
        case SchemaOp::kUnevaluatedItems: {
            u32 first = 0;
            std::vector<u32> alternatives{n.a};
            for (u32 i = 0; i < n.sources.size(); ++i) {
                if (!(a.subset >> i & 1)) continue;
                const EvaluationSource& s = n.sources[i];
                if (s.covers_all) return a.part == 0;
                first = std::max(first, s.n_prefix);
                if (s.contains != NONE) alternatives.push_back(s.contains);
            }
            if (a.part == 1) {  // some item that nothing evaluates is wrong
                std::vector<u32> fs;
                for (u32 x : alternatives) fs.push_back(of(x, true));
                const u32 f = both(fs);
                if (f == kFalse) return false;
                d.counts.push_back({f, kTrue, 1, NONE, first});
                return true;
            }
            d.rules.emplace_back(std::vector<u32>(first, kTrue), any_of(std::move(alternatives)));
            return true;
        }
        default:
            return true;
    }
}

bool Formulas::consistent(const ArrayDraft& d) {
    if (d.min > d.max) return false;
    if (!may_hold) return true;
    u32 longest = 0;
    for (const auto& r : d.rules) longest = std::max(longest, static_cast<u32>(r.first.size()));
    const u32 asked = std::min(d.min, longest + 1);  // all items beyond are alike
    for (u32 i = 0; i < asked; ++i) {
        std::vector<u32> fs;
        for (const auto& r : d.rules) fs.push_back(i < r.first.size() ? r.first[i] : r.second);
        const u32 f = both(fs);
        if (f == kFalse || !may_hold(context, f)) return false;
    }
    return true;
}

void Formulas::arrays(u32 f, std::vector<ArrayDraft>& out) {
    if (f == kFalse) return;
    Branch<ArrayDraft> b;
    b.todo = formulas_[f];
    expand(std::move(b), kArrayIndex, out, 0);
}

}  // namespace gcd
