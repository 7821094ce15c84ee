#include "schema_formulas.hpp"

#include <algorithm>

namespace gcd {

namespace {

constexpr u32 kMaxAlternatives = 4096, kMaxDepth = 2000;

u32 type_index_of(SchemaType t) {
    u32 i = 0;
    while (t >> i != 1) ++i;
    return i;
}

}  // namespace

// The type that a leaf speaks of; kAllTypes for what isn't a leaf.
u32 Formulas::leaf_type(SchemaOp op) {
    switch (op) {
        case SchemaOp::kString:
            return kStringIndex;
        case SchemaOp::kNumberRange:
        case SchemaOp::kMultipleOf:
        case SchemaOp::kNumbers:
        case SchemaOp::kIntegerSpelling:
            return kNumberIndex;
        case SchemaOp::kItems:
        case SchemaOp::kItemCount:
        case SchemaOp::kContains:
        case SchemaOp::kUnique:
        case SchemaOp::kUnevaluatedItems:
            return kArrayIndex;
        case SchemaOp::kProperties:
        case SchemaOp::kPropertyNames:
        case SchemaOp::kRequired:
        case SchemaOp::kPropertyCount:
        case SchemaOp::kDependentRequired:
        case SchemaOp::kUnevaluatedProperties:
            return kObjectIndex;
        default:
            return kAllTypes;
    }
}

Formulas::Formulas(SchemaProgram& program, Derivatives& store, NumberLanguage& numbers, u32 max_size)
    : program_(program), store_(store), numbers_(numbers), max_size_(max_size) {
    formulas_.push_back({});
    index_[{}] = kTrue;
    formulas_.push_back({NONE});  // no literal: nothing satisfies it
    index_[{NONE}] = kFalse;
}

u32 Formulas::of(u32 node, bool negative) {
    Literals todo{node * 2 + (negative ? 1 : 0)}, out;
    Literals seen;
    while (!todo.empty()) {
        const Literal l = todo.back();
        todo.pop_back();
        const SchemaNode& n = program_.nodes[l / 2];
        const bool no = l & 1;
        if (std::find(seen.begin(), seen.end(), l) != seen.end()) continue;
        seen.push_back(l);
        switch (n.op) {
            case SchemaOp::kTrue:
                if (no) return kFalse;
                continue;
            case SchemaOp::kFalse:
                if (!no) return kFalse;
                continue;
            case SchemaOp::kNot:
                todo.push_back(n.items[0] * 2 + (no ? 0 : 1));
                continue;
            case SchemaOp::kAnd:
                if (no && n.items.size() != 1) break;
                for (u32 i : n.items) todo.push_back(i * 2 + (no ? 1 : 0));
                continue;
            case SchemaOp::kOr:
                if (!no && n.items.size() != 1) break;
                for (u32 i : n.items) todo.push_back(i * 2 + (no ? 1 : 0));
                continue;
            default:
                break;
        }
        out.push_back(l);
    }
    std::sort(out.begin(), out.end());
    for (size_t i = 1; i < out.size(); ++i)
        if (out[i] / 2 == out[i - 1] / 2) return kFalse;  // a node and its negation
    const auto it = index_.find(out);
    if (it != index_.end()) return it->second;
    if (formulas_.size() >= max_size_)
        throw CoreError(ErrorKind::limit_states, formulas_.size(), "the schema has too many combinations");
    const u32 id = static_cast<u32>(formulas_.size());
    index_[out] = id;
    formulas_.push_back(std::move(out));
    return id;
}

u32 Formulas::both(const std::vector<u32>& fs) {
    Literals out;
    for (u32 f : fs) {
        if (f == kFalse) return kFalse;
        out.insert(out.end(), formulas_[f].begin(), formulas_[f].end());
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    for (size_t i = 1; i < out.size(); ++i)
        if (out[i] / 2 == out[i - 1] / 2) return kFalse;
    const auto it = index_.find(out);
    if (it != index_.end()) return it->second;
    if (formulas_.size() >= max_size_)
        throw CoreError(ErrorKind::limit_states, formulas_.size(), "the schema has too many combinations");
    const u32 id = static_cast<u32>(formulas_.size());
    index_[out] = id;
    formulas_.push_back(std::move(out));
    return id;
}

u32 Formulas::any_of(std::vector<u32> nodes) {
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    if (nodes.size() == 1) return of(nodes[0]);
    const auto it = any_of_.find(nodes);
    if (it != any_of_.end()) return of(it->second);
    SchemaNode n;
    n.op = SchemaOp::kOr;
    n.items = nodes;
    const u32 id = static_cast<u32>(program_.nodes.size());
    program_.nodes.push_back(std::move(n));
    any_of_[nodes] = id;
    return of(id);
}

// -- types ------------------------------------------------------------------------------------

Formulas::Truth Formulas::truth(u32 node, u32 type) {
    const size_t at = static_cast<size_t>(node) * 7 + type;
    if (at >= truth_.size()) truth_.resize(program_.nodes.size() * 7, kUnknown);
    if (truth_[at] == kBusy) throw CoreError(ErrorKind::bad_input, node, "a schema refers to itself in place");
    if (truth_[at] != kUnknown) return static_cast<Truth>(truth_[at]);
    truth_[at] = kBusy;
    const Truth t = truth_of(node, type);
    truth_[at] = t;
    return t;
}

Formulas::Truth Formulas::truth_of(u32 node, u32 type) {
    const SchemaNode& n = program_.nodes[node];
    const u32 leaf = leaf_type(n.op);
    if (leaf != kAllTypes && leaf != type) return kYes;
    auto negated = [](Truth t) { return t == kYes ? kNo : t == kNo ? kYes : t; };
    switch (n.op) {
        case SchemaOp::kTrue:
            return kYes;
        case SchemaOp::kFalse:
            return kNo;
        case SchemaOp::kTypes:
            return n.a >> type & 1 ? kYes : kNo;
        case SchemaOp::kNot:
            return negated(truth(n.items[0], type));
        case SchemaOp::kAnd: {
            Truth out = kYes;
            for (u32 i : n.items) {
                const Truth t = truth(i, type);
                if (t == kNo) return kNo;
                if (t != kYes) out = kDepends;
            }
            return out;
        }
        case SchemaOp::kOr: {
            Truth out = kNo;
            for (u32 i : n.items) {
                const Truth t = truth(i, type);
                if (t == kYes) return kYes;
                if (t != kNo) out = kDepends;
            }
            return out;
        }
        case SchemaOp::kOne: {
            u32 yes = 0, open = 0;
            for (u32 i : n.items) {
                const Truth t = truth(i, type);
                yes += t == kYes;
                open += t == kDepends;
            }
            if (yes > 1 || (yes == 0 && open == 0)) return kNo;
            return open == 0 ? kYes : kDepends;
        }
        case SchemaOp::kString:
            return n.a == Derivatives::kAny ? kYes : n.a == Derivatives::kEmpty ? kNo : kDepends;
        case SchemaOp::kItems:
            for (u32 i : n.items)
                if (program_.nodes[i].op != SchemaOp::kTrue) return kDepends;
            return program_.nodes[n.a].op == SchemaOp::kTrue ? kYes : kDepends;
        case SchemaOp::kProperties:
            if (program_.options.fixed_order && !n.names.empty()) return kDepends;  // their order matters
            for (const NamedNode& p : n.names)
                if (program_.nodes[p.node].op != SchemaOp::kTrue) return kDepends;
            for (const PatternNode& p : n.patterns)
                if (program_.nodes[p.node].op != SchemaOp::kTrue) return kDepends;
            return program_.nodes[n.a].op == SchemaOp::kTrue ? kYes : kDepends;
        case SchemaOp::kRequired:
            return n.items.empty() ? kYes : kDepends;
        default:
            return kDepends;
    }
}

Formulas::Truth Formulas::literal_truth(Literal l, u32 type) {
    if (l == NONE) return kNo;
    const Truth t = truth(l / 2, type);
    if (!(l & 1) || t == kDepends) return t;
    return t == kYes ? kNo : kYes;
}

bool Formulas::allows(u32 f, SchemaType type) {
    const u32 i = type_index_of(type);
    for (Literal l : formulas_[f])
        if (literal_truth(l, i) != kYes) return false;
    return true;
}

// -- strings ----------------------------------------------------------------------------------

u32 Formulas::node_expression(u32 node) {
    if (node >= expressions_.size()) expressions_.resize(program_.nodes.size(), NONE);
    if (expressions_[node] != NONE) return expressions_[node];
    const Truth t = truth(node, kStringIndex);
    const std::vector<u32> items = program_.nodes[node].items;
    u32 out = Derivatives::kAny;
    if (t == kNo) {
        out = Derivatives::kEmpty;
    } else if (t == kDepends) {
        switch (program_.nodes[node].op) {
            case SchemaOp::kString:
                out = program_.nodes[node].a;
                break;
            case SchemaOp::kNot:
                out = store_.negate(node_expression(items[0]));
                break;
            case SchemaOp::kAnd:
            case SchemaOp::kOr: {
                std::vector<u32> each;
                for (u32 i : items) each.push_back(node_expression(i));
                out = program_.nodes[node].op == SchemaOp::kAnd ? store_.both(std::move(each))
                                                                : store_.alt(std::move(each));
                break;
            }
            case SchemaOp::kOne: {
                u32 none = Derivatives::kAny, one = Derivatives::kEmpty;  // of those so far
                for (u32 i : items) {
                    const u32 x = node_expression(i), no = store_.negate(x);
                    one = store_.alt({store_.both({one, no}), store_.both({none, x})});
                    none = store_.both({none, no});
                }
                out = one;
                break;
            }
            default:
                break;
        }
    }
    expressions_[node] = out;
    return out;
}

u32 Formulas::string_expression(u32 f) {
    if (f >= formula_expressions_.size()) formula_expressions_.resize(formulas_.size(), NONE);
    if (formula_expressions_[f] != NONE) return formula_expressions_[f];
    std::vector<u32> each;
    bool no = false;
    for (Literal l : formulas_[f]) {
        const Truth t = literal_truth(l, kStringIndex);
        if (t == kNo) {
            no = true;
            break;
        }
        if (t == kYes) continue;
        const u32 x = node_expression(l / 2);
        each.push_back(l & 1 ? store_.negate(x) : x);
    }
    u32 out = no ? Derivatives::kEmpty : store_.both(each);
    if (!no && out != Derivatives::kEmpty) {
        // Words are few enough to ask each: what is left is a list of words again.
        u32 words = NONE;
        for (u32 x : each)
            if (store_.is_words(x)) words = x;
        if (words != NONE && each.size() > 1) {
            std::vector<CodePoints> list, left;
            store_.list_words(words, list);
            for (const CodePoints& w : list) {
                bool all = true;
                for (u32 x : each) all = all && (x == words || store_.matches(x, w));
                if (all) left.push_back(w);
            }
            out = store_.words(std::move(left));
        }
    }
    formula_expressions_[f] = out;
    return out;
}

// An expression with texts of any length, cut to what the guard leaves, if that is any.
u32 Formulas::guarded(u32 x) {
    const u32 most = program_.guards.characters;
    if (most == NONE || x == Derivatives::kEmpty) return x;
    const auto known = guarded_.find(x);
    if (known != guarded_.end()) return known->second;
    u32 out = x;
    if (store_.infinite(store_.start(x))) {
        const u32 any = store_.chars({{0, kMaxCodePoint}});
        const u32 cut = store_.both({x, store_.repeat(any, 0, most)});
        if (store_.alive(store_.start(cut))) out = cut;
    }
    return guarded_[x] = out;
}

// -- alternatives -----------------------------------------------------------------------------

// A literal that isn't a leaf: what it asks for, or between what it lets choose.
void Formulas::decompose(Literal l, u32 type, Literals& todo, std::vector<Choice>& choices) {
    const SchemaNode& n = program_.nodes[l / 2];
    const u32 no = l & 1;
    Choice choice;
    switch (n.op) {
        case SchemaOp::kNot:
            todo.push_back(n.items[0] * 2 + (1 - no));
            return;
        case SchemaOp::kAnd:
        case SchemaOp::kOr:
            if ((n.op == SchemaOp::kAnd) == (no == 0)) {
                for (u32 i : n.items) todo.push_back(i * 2 + no);
                return;
            }
            for (u32 i : n.items)
                if (literal_truth(i * 2 + no, type) != kNo) {
                    choice.alternatives.emplace_back();
                    choice.alternatives.back().literals = {i * 2 + no};
                }
            break;
        case SchemaOp::kOne: {
            std::vector<u32> open;
            u32 sure = NONE;
            for (u32 i : n.items) {
                const Truth t = truth(i, type);
                if (t == kDepends) open.push_back(i);
                if (t == kYes) sure = i;
            }
            auto all_but = [&](u32 yes) {
                choice.alternatives.emplace_back();
                for (u32 i : open) choice.alternatives.back().literals.push_back(i * 2 + (i == yes ? 0 : 1));
            };
            if (!no) {
                if (sure != NONE) {
                    for (u32 i : open) todo.push_back(i * 2 + 1);
                    return;
                }
                for (size_t i = 0; i < open.size(); ++i) {
                    choice.alternatives.emplace_back();
                    for (size_t k = 0; k < open.size(); ++k)
                        choice.alternatives.back().literals.push_back(open[k] * 2 + (k == i ? 0 : 1));
                }
            } else if (sure != NONE) {  // another one holds too
                for (u32 i : open) {
                    choice.alternatives.emplace_back();
                    choice.alternatives.back().literals = {i * 2};
                }
            } else {  // none, or two
                all_but(NONE);
                for (size_t i = 0; i < open.size(); ++i)
                    for (size_t k = i + 1; k < open.size(); ++k) {
                        choice.alternatives.emplace_back();
                        choice.alternatives.back().literals = {open[i] * 2, open[k] * 2};
                    }
            }
            break;
        }
        default:
            break;
    }
    choices.push_back(std::move(choice));
}

bool Formulas::implied(const Literals& done, u32 node, u32 type) {
    if (truth(node, type) == kYes) return true;
    if (std::find(done.begin(), done.end(), node * 2) != done.end()) return true;
    const SchemaNode& n = program_.nodes[node];
    if (n.op != SchemaOp::kAnd) return false;
    for (u32 i : n.items)
        if (!implied(done, i, type)) return false;
    return true;
}

// Takes up all that leaves no choice. False if it contradicts itself.
template <class Draft>
bool Formulas::settle(Branch<Draft>& b, u32 type) {
    while (!b.todo.empty()) {
        const Literal l = b.todo.back();
        b.todo.pop_back();
        if (std::find(b.done.begin(), b.done.end(), l) != b.done.end()) continue;
        if (std::find(b.done.begin(), b.done.end(), l ^ 1) != b.done.end()) return false;
        const Truth t = literal_truth(l, type);
        if (t == kNo) return false;
        b.done.push_back(l);
        if (t == kYes) continue;
        if (++work_ > 2000000)
            throw CoreError(ErrorKind::limit_states, work_, "a schema's alternatives take too much work to tell apart");
        if (leaf_type(program_.nodes[l / 2].op) == kAllTypes) {
            decompose(l, type, b.todo, b.choices);
        } else if (!add_leaf(b, l)) {
            return false;
        }
    }
    return true;
}

template <class Draft>
void Formulas::expand(Branch<Draft> b, u32 type, std::vector<Draft>& out, u32 depth) {
    for (;;) {
        if (!settle(b, type) || !consistent(b.draft)) return;
        // Choices that are made already, and the one with the fewest ways out.
        size_t best = ~size_t{0}, fewest = ~size_t{0};
        bool again = false;
        for (size_t c = 0; c < b.choices.size() && !again;) {
            std::vector<Alternative>& list = b.choices[c].alternatives;
            bool met = false;
            for (size_t i = 0; i < list.size();) {
                bool out_of_question = false, open = list[i].node != NONE;
                for (Literal l : list[i].literals) {
                    const Truth t = literal_truth(l, type);
                    const bool done = t == kYes || std::find(b.done.begin(), b.done.end(), l) != b.done.end();
                    const bool not_so = t == kNo || std::find(b.done.begin(), b.done.end(), l ^ 1) != b.done.end();
                    out_of_question = out_of_question || not_so;
                    open = open || !done;
                }
                if (out_of_question) {
                    list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
                    continue;
                }
                met = met || !open;
                ++i;
            }
            if (met) {
                b.choices.erase(b.choices.begin() + static_cast<std::ptrdiff_t>(c));
                continue;
            }
            if (list.empty()) return;
            if (list.size() == 1) {
                const Alternative a = list[0];
                b.choices.erase(b.choices.begin() + static_cast<std::ptrdiff_t>(c));
                b.todo.insert(b.todo.end(), a.literals.begin(), a.literals.end());
                if (a.node != NONE && !add_part(b, a)) return;
                again = true;
                break;
            }
            if (list.size() < fewest) {
                fewest = list.size();
                best = c;
            }
            ++c;
        }
        if (again) continue;
        if (best == ~size_t{0}) {
            if (b.unevaluated.empty()) break;
            choose_coverage(b, type);
            continue;
        }
        if (depth > kMaxDepth) throw CoreError(ErrorKind::limit_states, depth, "a schema's alternatives are too deep");
        const Choice choice = std::move(b.choices[best]);
        b.choices.erase(b.choices.begin() + static_cast<std::ptrdiff_t>(best));
        for (const Alternative& a : choice.alternatives) {
            Branch<Draft> next = b;
            next.todo.insert(next.todo.end(), a.literals.begin(), a.literals.end());
            if (a.node != NONE && !add_part(next, a)) continue;
            expand(std::move(next), type, out, depth + 1);
        }
        return;
    }
    if (out.size() >= kMaxAlternatives)
        throw CoreError(ErrorKind::limit_states, out.size(), "a schema has too many alternatives at one place");
    out.push_back(std::move(b.draft));
}

// `unevaluated...`: which sources of evaluation hold. Where a source's condition holds, less is asked; so positively
// it's enough to say of some that they hold, and nothing of the others. Negatively each is decided.
template <class Draft>
void Formulas::choose_coverage(Branch<Draft>& b, u32 type) {
    const Literal l = b.unevaluated.back();
    b.unevaluated.pop_back();
    const SchemaNode& n = program_.nodes[l / 2];
    last_node_ = l / 2;
    u64 sure = 0;
    std::vector<u32> open;
    if (n.sources.size() > 64) throw CoreError(ErrorKind::limit_states, n.sources.size(), "too many schemas in place");
    for (u32 i = 0; i < n.sources.size(); ++i) {
        const u32 condition = n.sources[i].condition;
        if (implied(b.done, condition, type))
            sure |= 1ull << i;
        else if (truth(condition, type) != kNo &&
                 std::find(b.done.begin(), b.done.end(), condition * 2 + 1) == b.done.end())
            open.push_back(i);
    }
    if (open.size() > 12)
        throw CoreError(ErrorKind::limit_states, open.size(), "too many schemas in place that may hold or not");
    Choice choice;
    for (u64 subset = 0; subset < 1ull << open.size(); ++subset) {
        Alternative a;
        a.node = l / 2;
        a.part = l & 1;
        a.subset = sure;
        for (u32 i = 0; i < open.size(); ++i) {
            const u32 condition = n.sources[open[i]].condition;
            if (subset >> i & 1) {
                a.subset |= 1ull << open[i];
                a.literals.push_back(condition * 2);
            } else if (l & 1) {
                a.literals.push_back(condition * 2 + 1);
            }
        }
        choice.alternatives.push_back(std::move(a));
    }
    b.choices.push_back(std::move(choice));
}

template void Formulas::expand(Branch<NumberCondition>, u32, std::vector<NumberCondition>&, u32);
template void Formulas::expand(Branch<ObjectDraft>, u32, std::vector<ObjectDraft>&, u32);
template void Formulas::expand(Branch<ArrayDraft>, u32, std::vector<ArrayDraft>&, u32);

}  // namespace gcd
