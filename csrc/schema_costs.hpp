// What it costs to complete a JSON document, as its schema alone tells: about how many tokens values, members and items
// that must still come take. Estimates that the search for a completion follows (schema_completion.hpp), nothing more.
#pragma once

#include "lexeme_rests.hpp"
#include "schema_automaton.hpp"

namespace gcd {

class SchemaCosts {
  public:
    static constexpr u32 kNever = 1u << 28;
    SchemaCosts(Formulas& formulas, Shapes& shapes, SchemaAutomaton& automaton, LexemeStore& lexemes,
                LexemeRests& rests)
        : formulas_(formulas), shapes_(shapes), automaton_(automaton), lexemes_(lexemes), rests_(rests) {}
    // The least value with a formula; of one type only.
    u32 value(u32 formula);
    u32 objects(u32 formula);
    u32 arrays(u32 formula);
    // From within a frame (between its members or items) to the end of the document.
    u32 frame(u32 id);
    u32 member(const ObjectShape::Name& name) { return sum(name_tokens(name), value(name.formula)); }
    static u32 sum(u32 a, u32 b) { return std::min(a + b, kNever); }
    void forget() { frames_.clear(); }

  private:
    static u32 name_tokens(const ObjectShape::Name& name) { return 2 + static_cast<u32>(name.text.size()) / 5; }
    u32 object_rest(u32 shape, u32 progress);
    u32 array_rest(u32 shape, u32 progress);

    Formulas& formulas_;
    Shapes& shapes_;
    SchemaAutomaton& automaton_;
    LexemeStore& lexemes_;
    LexemeRests& rests_;
    std::unordered_map<u32, u32> values_, objects_, arrays_;  // by formula; kNever while being worked out
    std::unordered_map<u32, u32> frames_;
    u32 depth_ = 0;
};

}  // namespace gcd
