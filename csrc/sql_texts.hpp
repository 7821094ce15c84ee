// Texts of names and words as they are read, folded: a tree in which each text knows the database's names and the
// reserved words that begin with it.
#pragma once

#include <deque>

#include "flat_map.hpp"
#include "sql_lexemes.hpp"
#include "sql_program.hpp"

namespace gcd {

struct SqlText {
    std::string text;
    u32 lo, hi;      // names of the catalogue that begin with it
    u32 klo, khi;    // words that do
    bool plain;      // could be invented, and written bare
    bool printable;  // could be invented, and written in quotes
    u32 word, name;  // the word or name of the catalogue that it is; NONE
    bool begins(const std::string& other) const { return other.compare(0, text.size(), text) == 0; }
};

class SqlTexts {
  public:
    static constexpr u32 kEmpty = 0;
    SqlTexts(const SqlProgram& program, u32 max_texts);
    // `exact`: capitals stay what they are.
    u32 extend(u32 text, u8 byte, bool exact = false);
    u32 of(const std::string& text);                                // as it stands
    u32 max_invented() const { return program_.typed ? 63 : 400; }  // bytes of a name that isn't the catalogue's
    const SqlText& operator[](u32 id) const { return texts_[id]; }
    u32 size() const { return static_cast<u32>(texts_.size()); }

  private:
    const SqlProgram& program_;
    u32 max_texts_;
    std::deque<SqlText> texts_;
    FlatMap index_;
};

}  // namespace gcd
