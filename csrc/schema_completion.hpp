// Completion of JSON documents: how one can be brought to its end, and with how few tokens. What completion.hpp is to
// Lark grammars.
//
// The search goes from state to state of the schema automaton, in pieces of text: a value's shortest form, a key and
// its quote, a bracket. The costs say which piece is tried first; the automaton says whether it may come. So what is
// found does complete the document, uniqueness and all.
//
//   `{"a": [1` where "b" is required:  `]`, `,`, `"b"`, `:`, `0`, `}`
#pragma once

#include "endings.hpp"
#include "schema_costs.hpp"

namespace gcd {

class SchemaCompletion {
  public:
    SchemaCompletion(SchemaProgram& program, Formulas& formulas, Shapes& shapes, SchemaAutomaton& automaton,
                     LexemeStore& lexemes, const TokenTrie& trie, u64 max_bytes);
    // The tokens of an ending; false if none was found. If they are more than `most`, all ways from the state on are
    // compared.
    bool find(u32 state, std::vector<u32>& tokens, u32 most);
    // The ending for which `fill` lets a token through, from behind it.
    bool find_after(u32 state, u32 token, u32 most, std::vector<u32>& tokens);
    // Tokens after which at most `most` others suffice, the end-of-sequence token included (which isn't written).
    void fill(u32 state, u32 most, u32* out);

  private:
    using State = SchemaAutomaton::State;
    using Item = SchemaAutomaton::Item;
    struct Way {
        u32 cost;
        std::string text;
        u32 name = NONE;  // of a key, by index in its shape
        // How the state behind it is found: by following the text, or (fewer states) as that behind a whole lexeme.
        enum : u8 { kText, kName, kValue } jump = kText;
        Item item{};
        bool operator<(const Way& o) const { return cost != o.cost ? cost < o.cost : text < o.text; }
    };
    struct Filling;
    struct Names;
    u32 ending(u32 state);
    // Whether the ending, with some text before it, needs at most so many tokens.
    bool within(const std::string& text, u32 state, u32 most);
    std::vector<Way> ways(u32 state);
    void value_ways(u32 formula, u32 outside, std::vector<Way>& out, const Item* item = nullptr);
    void key_ways(const State& s, const Item& item, std::vector<Way>& out);
    void name_ways(const ObjectShape& shape, const Item& item, const KeyOptions& options, u32 depth, u32 outside,
                   std::vector<Way>& out);
    void between_ways(const State& s, std::vector<Way>& out);
    u32 outside(const Item& item);
    u32 walk(u32 state, const std::string& text);
    u32 behind(u32 state, const Way& way);
    bool compares(const State& s, const Item& item);
    void visit(Filling& f, u32 state, u32 node, bool behind_key);
    void arrive(Filling& f, u32 state, u32 node, bool behind_key);
    void string_item(Filling& f, u32 state, const Item& item, u32 node, bool behind_key);
    void compared(Filling& f, const Names& names, Item item, const StringDecoder& decoder, u32 depth, u32 node);
    static bool independent(const ObjectShape& shape);
    bool name_within(const Names& names, const Item& item, u32 depth, u32 most);
    void note(Filling& f, u32 token) const;
    void add(Filling& f, const RestRow::Group& g) const;
    void try_each(Filling& f, u32 node, bool own);
    void bound();

    SchemaProgram& program_;
    Formulas& formulas_;
    Shapes& shapes_;
    SchemaAutomaton& automaton_;
    LexemeStore& lexemes_;
    const TokenTrie& trie_;
    u64 max_bytes_;
    LexemeRests rests_;
    SchemaCosts costs_;
    Endings endings_;
    FlatMap known_;  // state -> ending or kNone
    u64 n_known_ = 0;
    static constexpr u32 kNone = NONE - 1;
    u32 last_ = kNone;  // the ending that `within` has just found
};

}  // namespace gcd
