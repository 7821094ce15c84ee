// The automaton of SQL statements: reads text byte by byte and knows whether it can still become a statement that the
// database prepares.
//
// A state is a parse state (sql_syntax.hpp) and what was read of the lexeme that follows it. States are hash-consed,
// and made when texts need them.
#pragma once

#include "sql_syntax.hpp"

namespace gcd {

class SqlAutomaton {
  public:
    enum Kind : u8 {
        kGap,        // between lexemes
        kWord,       // a: text
        kQuoted,     // a: text, b: closing quote, and kQuoteRead once one was read that may be the first of two
        kNumber,     // a: its form, b: its value or (hexadecimal) digits
        kString,     // a: bytes of a character that must follow (their first range), b: 1 behind a quote; from bit 8
                     // on, how far it is a date (sql_date.hpp)
        kBlob,       // a: 1 within a byte
        kOperator,   // a: which
        kComment,    // a: its form, b: bytes of a character that must follow
        kParameter,  // a: its form, b: how much was read
    };
    static constexpr u32 kQuoteRead = 256;
    struct State {
        u32 parse = 0;
        u32 a = 0, b = 0;
        Kind kind = kGap;
        u32 next_alike = NONE;  // another state of the same hash
    };
    static constexpr u32 kDead = 0;

    SqlAutomaton(const SqlProgram& program, u32 max_states);
    u32 start() const { return start_; }
    u32 step(u32 state, u8 byte) {
        const u64 key = static_cast<u64>(state) << 8 | byte;
        const u32 known = steps_.find(key);
        return known != NONE ? known : step_slow(state, byte);
    }
    u32 walk(u32 state, const u8* data, size_t n) {
        for (size_t i = 0; i < n && state != kDead; ++i) state = step(state, data[i]);
        return state;
    }
    bool complete(u32 state);
    const State& state(u32 id) const { return states_[id]; }
    u32 n_states() const { return states_.size(); }
    SqlSyntax& syntax() { return syntax_; }
    const SqlSyntax& syntax() const { return syntax_; }
    // The parse state behind the lexeme that is being read, should it end here; kDead if it can't.
    u32 end_lexeme(const State& s);
    // The states in front of a lexeme; within a name, in quotes or not; within x'...'.
    u32 gap(u32 parse) { return parse == SqlSyntax::kDead ? kDead : intern({parse, 0, 0, kGap}); }
    u32 within_name(u32 parse, u32 text, u32 quote) { return intern({parse, text, quote, quote ? kQuoted : kWord}); }
    u32 parameter(u32 parse, const SqlParameter& p) { return intern({parse, p.form, p.read, kParameter}); }
    u32 blob(u32 parse) { return intern({parse, 0, 0, kBlob}); }

  private:
    u32 step_slow(u32 state, u8 byte);
    u32 step_new(const State& s, u8 byte);
    u32 begin(u32 parse, u8 byte);
    u32 number(u32 parse, const SqlNumber& number);
    u32 quoted(const State& s, u8 byte);
    u32 date(const State& s, u8 byte);
    u32 intern(const State& s);

    const SqlProgram& program_;
    u32 max_states_;
    SqlSyntax syntax_;
    StableVector<State> states_;
    FlatMap state_index_;  // hash -> the first state that has it
    FlatMap steps_;
    u32 start_ = kDead;
};

}  // namespace gcd
