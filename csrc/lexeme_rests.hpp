// Rests: how JSON strings and numbers are finished, and the tokens by the rest that they leave.
//
// A lexeme row (lexeme_rows.hpp) tells which tokens stay inside a string or a number. Under a token budget it also
// matters how much they leave to be done: `"2026-1` of a date leaves `1-01"`, `"2026-11` leaves `-01"`. Tokens that
// leave the same rest are kept together; inside a string of any characters that is one group, `"`, and a few for tokens
// that end within a character.
#pragma once

#include "lexeme_rows.hpp"

namespace gcd {

struct Rest {
    bool found = false;
    std::string text;  // as it is written, a string's closing quote included
    u64 label = 0;     // of strings read by several expressions: which of the others accept what was read
};

struct RestRow {
    struct Group {
        const Rest* rest;
        std::vector<u32> ids, words;  // one of them
    };
    std::vector<Group> groups;
};

class LexemeRests {
  public:
    explicit LexemeRests(LexemeStore& store) : lexemes_(store) {}
    // The shortest rest of a string that several expressions read; the first decides what it may be.
    // `wanted`: others that must accept, too, as bits (bit 0 is the second).
    const Rest& string_rest(const std::vector<u32>& states, const StringDecoder& decoder, u64 wanted = 0);
    const Rest& number_rest(u32 state, u32 depth = 0);
    // Tokens below a node that stay inside.
    const RestRow& string_row(const std::vector<u32>& states, const StringDecoder& decoder, u32 node);
    const RestRow& number_row(u32 state, u32 node);
    u64 bytes() const { return bytes_; }
    void clear();

  private:
    struct Tokens;
    void walk_string(Tokens& out, const std::vector<u32>& states, const StringDecoder& decoder, u32 node);
    void walk_number(Tokens& out, u32 state, u32 node);
    const RestRow& keep(Tokens& tokens, const std::vector<u32>& key);
    Rest find_string(const std::vector<u32>& states, u64 wanted);
    Rest finish_character(const std::vector<u32>& states, const StringDecoder& decoder);

    LexemeStore& lexemes_;
    std::map<std::vector<u32>, Rest> strings_;  // their addresses are stable
    std::unordered_map<u32, Rest> numbers_;
    std::map<std::vector<u32>, std::unique_ptr<RestRow>> rows_;
    u64 bytes_ = 0;
};

// A character as a JSON string has it.
std::string json_character(u32 c);

}  // namespace gcd
