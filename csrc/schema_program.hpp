// A JSON Schema's logic as the front end hands it over (gcd/json_schema/program.py): strings, sets of characters,
// numbers, regular expressions and nodes. It is hostile input: every index is checked.
#pragma once

#include "derivatives.hpp"
#include "json_number.hpp"

namespace gcd {

enum class SchemaOp : u32 {
    kTrue,
    kFalse,
    kAnd,
    kOr,
    kNot,
    kOne,
    kTypes,
    kString,
    kNumberRange,
    kMultipleOf,
    kNumbers,
    kItems,
    kItemCount,
    kContains,
    kUnique,
    kProperties,
    kPropertyNames,
    kRequired,
    kPropertyCount,
    kDependentRequired,
    kUnevaluatedProperties,
    kUnevaluatedItems,
    kIntegerSpelling,
};

// The types of JSON values, as bits. A leaf of a schema speaks of one group and holds for all others.
enum SchemaType : u32 {
    kNullType = 1,
    kTrueType = 2,
    kFalseType = 4,
    kNumberType = 8,
    kStringType = 16,
    kArrayType = 32,
    kObjectType = 64,
    kAllTypes = 127,
};

struct NamedNode {
    u32 name;  // string
    u32 node;
};
struct PatternNode {
    u32 regex;  // expression in the store
    u32 node;
};
// Part of a schema whose outcome says which members or items are evaluated.
struct EvaluationSource {
    u32 condition = NONE;
    bool covers_all = false;
    std::vector<u32> names;
    std::vector<u32> patterns;  // expressions
    u32 n_prefix = 0;
    u32 contains = NONE;
};

struct SchemaNode {
    SchemaOp op = SchemaOp::kTrue;
    std::vector<u32> items;   // AND, OR, NOT, ONE: nodes; ITEMS: prefix; REQUIRED, DEPENDENT_REQUIRED: strings;
                              // NUMBERS: decimals
    u32 a = 0, b = 0, c = 0;  // TYPES: mask; STRING: expression; counts: min, max; CONTAINS: node, min, max;
                              // ITEMS, UNEVALUATED_*, PROPERTY_NAMES: node; PROPERTIES: additional;
                              // NUMBER_RANGE: decimal or NONE, decimal or NONE, bit 0 low open, bit 1 high open
    std::vector<NamedNode> names;
    std::vector<PatternNode> patterns;
    std::vector<EvaluationSource> sources;
};

struct SchemaOptions {
    u32 whitespace = 0;  // 0 any, up to max_run bytes in a row; 1 fixed separators; 2 lines indented
    u32 max_run = 0;
    std::string item_separator = ",", key_separator = ":";
    u32 indent = 0;
    bool fixed_order = false;
};

// Bounds of the user's on what JSON leaves endless (gcd/json_schema/guards.py); NONE: no bound. None of them makes a
// formula unsatisfiable: what a schema demands comes first.
struct SchemaGuards {
    u32 digits = NONE, exponent_digits = NONE;  // of numbers
    u32 characters = NONE;                      // of strings and keys
    u32 items = NONE, members = NONE, depth = NONE;
};

struct SchemaProgram {
    // Throws bad_input. Expressions are made in `store`.
    SchemaProgram(const u8* data, size_t size, Derivatives& store);
    std::vector<CodePoints> strings;
    std::vector<Decimal> decimals;
    std::vector<SchemaNode> nodes;
    u32 root = 0;
    SchemaOptions options;
    SchemaGuards guards;
};

CodePoints decode_utf8(const std::string& text);

}  // namespace gcd
