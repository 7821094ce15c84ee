// JSON numbers with a condition on their value: bounds, multiples, certain values.
//
// A number may be written with an exponent, so the texts with a value in [0, 100] are no regular language: 5000 can
// still become 5000e-2. The state is therefore the number read so far, as far as it matters; whether some continuation
// meets the condition is worked out from the digits: what follows digits D are all values whose digits begin with D,
// whatever their size.
#pragma once

#include <string>
#include <unordered_map>

#include "flat_map.hpp"

namespace gcd {

// A decimal number: sign, digits without zeros at either end (none: zero), and the exponent of the last digit.
struct Decimal {
    bool negative = false;
    std::string digits;
    i32 exponent = 0;
    bool zero() const { return digits.empty(); }
    bool operator==(const Decimal& o) const {
        return digits == o.digits && (zero() || (negative == o.negative && exponent == o.exponent));
    }
};
// Throws bad_input if `text` is no JSON number; exponents are held within +-1e8.
Decimal parse_decimal(const std::string& text);
// <0, 0, >0.
int compare(const Decimal& a, const Decimal& b);

// A conjunction of conditions.
struct NumberCondition {
    bool has_low = false, has_high = false, low_open = false, high_open = false;
    Decimal low, high;
    std::vector<Decimal> multiples;     // of each of these
    std::vector<Decimal> no_multiples;  // of none of these
    std::vector<Decimal> values;        // one of these, if `listed`
    std::vector<Decimal> excluded;      // none of these
    bool listed = false;
    bool plain = false;      // written without fraction and exponent
    bool not_plain = false;  // with one of them
    // Guards: so many digits in front of the exponent, or in it, and the number goes on only if it can't end, and ends
    // as soon as it can. NONE: no bound.
    u32 max_digits = NONE, max_exponent_digits = NONE;
};

class NumberLanguage {
  public:
    static constexpr u32 kDead = 0;
    explicit NumberLanguage(u32 max_states);
    u32 condition(const NumberCondition& c);
    const NumberCondition& condition(u32 id) const { return conditions_[id]; }
    // The state before the first character; kDead if no number meets the condition.
    u32 start(u32 condition);
    u32 step(u32 state, u8 byte);
    // Whether `step` leads anywhere; makes no state.
    bool lives(u32 state, u8 byte);
    // How numbers are written, whatever their value.
    enum Phase : u8 { kStart, kMinus, kZero, kInteger, kPoint, kFraction, kE, kESign, kExponent, kNone };
    static Phase follow(Phase phase, u8 byte);
    static bool number_byte(u8 byte) { return (byte >= '0' && byte <= '9') || std::strchr(".eE+-", byte); }
    Phase phase(u32 state) const { return states_[state].phase; }
    // Whether the number may go on with any `more` digits, with a point among them or not, as far as the value goes.
    bool open(u32 state, u32 more);
    // The number may end here.
    bool accepts(u32 state) const { return states_[state].accepts; }
    bool satisfies(u32 condition, const Decimal& d) const;
    // Some number meets the condition.
    bool satisfiable(u32 condition) { return start(condition) != kDead; }
    // The values that meet a condition, if they are at most `most` and easily listed.
    bool finite(u32 condition, u32 most, std::vector<Decimal>& out) const;
    u32 n_states() const { return static_cast<u32>(states_.size()); }

  private:
    struct State {
        u32 condition = 0;
        Phase phase = kStart;
        bool negative = false, exponent_negative = false;
        bool accepts = false;
        std::string digits;  // of the mantissa, without zeros in front
        i32 scale = 0;       // how many of them stand behind the point
        i32 exponent = 0;    // read so far, without its sign
        u32 written = 0;     // digits in front of the exponent, or in it, as far as a guard counts them
        u32 next[16] = {};   // by character: 0-9 . e E + -, NONE unknown
        u32 next_alike = NONE;
    };
    u32 intern(State s);
    void read(State& s, u8 byte) const;
    u32 bound(const State& s) const;
    bool permitted(const State& s, u8 byte);
    void settle(State& s);
    u32 reduced(u32 condition, bool negative);
    void simplify(State& s);
    bool alive(const State& s) const;
    bool value_alive(const NumberCondition& c, bool negative, const std::string& digits) const;
    bool plain_alive(const State& s) const;
    bool exponent_alive(const State& s) const;
    bool finite_multiples(const NumberCondition& c, bool negative, const std::string& digits, const Decimal& a,
                          bool a_open, const Decimal& b, bool b_open) const;
    // A bounded condition with one multiple, in whole units: which multiples of `step` within [low, high] there are is
    // all that matters.
    struct Units {
        bool known = false, simple = false;
        __int128 step = 0, low = 0, high = 0;
    };
    Decimal value(const State& s) const;

    u32 max_states_;
    std::vector<NumberCondition> conditions_;
    mutable std::vector<Units> units_;  // condition * 2 + negative
    std::vector<u32> reduced_;          // likewise: the condition once the sign is known
    StableVector<State> states_;
    FlatMap index_;  // hash -> the first state that has it
};

}  // namespace gcd
