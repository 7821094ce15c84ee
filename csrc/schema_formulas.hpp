// Formulas: conjunctions of a schema's nodes and their negations, which some value has to satisfy, and what is left of
// them once the value's type is known.
//
//   null, true, false   true or false
//   string              one extended regular expression (derivatives.hpp): every boolean combination is one
//   number              alternatives, each a condition on the value (json_number.hpp)
//   object, array       alternatives, each a shape: a conjunction of what is asked of members or items
//
// Alternatives are worked out when a value of the type begins, and those that contradict themselves are left out. So
// `if` / `then` / `else`, `oneOf` and `not` are read as what they say, and nothing is expanded that no text asks for.
#pragma once

#include <deque>
#include <map>

#include "schema_program.hpp"

namespace gcd {

// What is asked of an object's members: for each key the conjunction of all that applies to it.
struct MemberRule {
    std::vector<std::pair<u32, u32>> names;     // string of the program, formula
    std::vector<std::pair<u32, u32>> patterns;  // expression, formula
    u32 others;                                 // formula for keys that neither names nor patterns match
};
// Some member must have a key that matches an expression and a value that satisfies a formula.
struct MemberExistential {
    u32 expression;
    u32 formula;
    bool operator==(const MemberExistential& o) const { return expression == o.expression && formula == o.formula; }
};

struct ObjectDraft {
    std::vector<MemberRule> rules;
    std::vector<MemberExistential> existentials;
    std::vector<u32> key_expressions;  // all of which every key must match
    std::vector<u32> required, forbidden;
    std::vector<std::pair<u32, std::vector<u32>>> implications;
    u32 min = 0, max = NONE;
};

struct ItemCountRange {
    u32 positive, negative;  // formulas: an item counts, or doesn't
    u32 min, max;            // how many must
    u32 from;                // items before this one don't count
};

struct ArrayDraft {
    std::vector<std::pair<std::vector<u32>, u32>> rules;  // formulas of the first items, and of the others
    std::vector<ItemCountRange> counts;
    u32 min = 0, max = NONE;
    bool unique = false, repeated = false;
};

class Formulas {
  public:
    static constexpr u32 kTrue = 0, kFalse = 1;
    Formulas(SchemaProgram& program, Derivatives& store, NumberLanguage& numbers, u32 max_size);

    u32 of(u32 node, bool negative = false);
    u32 both(u32 f, u32 g) { return both(std::vector<u32>{f, g}); }
    u32 both(const std::vector<u32>& fs);
    // A formula that holds where one of the nodes does.
    u32 any_of(std::vector<u32> nodes);

    // Whether a formula holds for null, true or false.
    bool allows(u32 f, SchemaType type);
    u32 string_expression(u32 f);
    // The same for texts that are written: no longer than a guard wants them.
    u32 written_expression(u32 f) { return guarded(string_expression(f)); }
    u32 guarded(u32 expression);
    const std::vector<u32>& number_conditions(u32 f);
    void objects(u32 f, std::vector<ObjectDraft>& out);
    void arrays(u32 f, std::vector<ArrayDraft>& out);
    // Asked of drafts while they grow; set by the shapes, which know.
    bool (*may_hold)(void* context, u32 formula) = nullptr;
    void* context = nullptr;

    const SchemaProgram& program() const { return program_; }
    u32 size() const { return static_cast<u32>(formulas_.size()); }
    // The node whose alternatives were too many, for messages.
    u32 last_node() const { return last_node_; }

  private:
    enum Truth : u8 { kNo, kYes, kDepends, kUnknown, kBusy };
    using Literal = u32;  // node * 2 + negative
    using Literals = std::vector<Literal>;
    struct Alternative {
        Literals literals;
        u32 node = NONE;  // and a part of a leaf, if any
        u32 part = 0;
        u64 subset = 0;
    };
    struct Choice {
        std::vector<Alternative> alternatives;
    };
    template <class Draft>
    struct Branch {
        Literals todo, done;
        std::vector<Choice> choices;
        std::vector<Literal> unevaluated;
        Draft draft;
    };

    static constexpr u32 kNumberIndex = 3, kStringIndex = 4, kArrayIndex = 5, kObjectIndex = 6;
    static u32 leaf_type(SchemaOp op);
    static Choice choice_of_parts(u32 node, u32 count);
    Truth truth(u32 node, u32 type_index);
    Truth truth_of(u32 node, u32 type_index);
    Truth literal_truth(Literal l, u32 type_index);
    u32 node_expression(u32 node);
    bool implied(const Literals& done, u32 node, u32 type_index);
    void decompose(Literal l, u32 type_index, Literals& todo, std::vector<Choice>& choices);
    template <class Draft>
    void expand(Branch<Draft> branch, u32 type_index, std::vector<Draft>& out, u32 depth);
    template <class Draft>
    bool settle(Branch<Draft>& branch, u32 type_index);
    template <class Draft>
    void choose_coverage(Branch<Draft>& branch, u32 type_index);
    bool add_leaf(Branch<NumberCondition>& b, Literal l);
    bool add_leaf(Branch<ObjectDraft>& b, Literal l);
    bool add_leaf(Branch<ArrayDraft>& b, Literal l);
    bool add_part(Branch<NumberCondition>& b, const Alternative& a);
    bool add_part(Branch<ObjectDraft>& b, const Alternative& a);
    bool add_part(Branch<ArrayDraft>& b, const Alternative& a);
    bool consistent(const NumberCondition& c);
    bool consistent(const ObjectDraft& d);
    bool consistent(const ArrayDraft& d);

    SchemaProgram& program_;
    Derivatives& store_;
    NumberLanguage& numbers_;
    u32 max_size_;
    std::deque<Literals> formulas_;
    std::map<Literals, u32> index_;
    std::vector<u8> truth_;         // node * 7 + type
    std::vector<u32> expressions_;  // node -> expression, NONE unknown
    std::vector<u32> formula_expressions_;
    std::unordered_map<u32, u32> guarded_;
    std::unordered_map<u32, std::vector<u32>> conditions_;
    std::map<std::vector<u32>, u32> any_of_;
    u32 last_node_ = 0;
    u64 work_ = 0;
};

}  // namespace gcd
