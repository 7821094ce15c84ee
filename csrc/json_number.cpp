#include "json_number.hpp"

#include <algorithm>

namespace gcd {

namespace {

using i64 = std::int64_t;
using Wide = __int128;

constexpr i32 kMaxExponent = 100000000;

int slot(u8 b) {
    if (b >= '0' && b <= '9') return b - '0';
    switch (b) {
        case '.':
            return 10;
        case 'e':
            return 11;
        case 'E':
            return 12;
        case '+':
            return 13;
        case '-':
            return 14;
        default:
            return -1;
    }
}

// digits * 10^exponent without zeros at the ends.
Decimal normal(bool negative, std::string digits, i64 exponent) {
    size_t lead = 0;
    while (lead < digits.size() && digits[lead] == '0') ++lead;
    digits.erase(0, lead);
    while (!digits.empty() && digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    Decimal d;
    if (digits.empty()) return d;
    d.negative = negative;
    d.digits = std::move(digits);
    d.exponent = static_cast<i32>(std::max<i64>(-kMaxExponent, std::min<i64>(kMaxExponent, exponent)));
    return d;
}

// Position of the first digit: value = 0.d1d2... * 10^this.
i64 magnitude(const Decimal& d) {
    return static_cast<i64>(d.exponent) + static_cast<i64>(d.digits.size());
}

int compare_absolute(const Decimal& a, const Decimal& b) {
    if (a.zero() || b.zero()) return a.zero() ? (b.zero() ? 0 : -1) : 1;
    if (magnitude(a) != magnitude(b)) return magnitude(a) < magnitude(b) ? -1 : 1;
    return a.digits.compare(b.digits) < 0 ? -1 : a.digits == b.digits ? 0 : 1;
}

// Whether digits * 10^exponent is a whole multiple of m (> 0).
bool is_multiple(const Decimal& v, const Decimal& m) {
    if (v.zero()) return true;
    if (m.zero()) return false;
    // v / m = V * 10^k / M: strip from M what the power of ten brings, or ask V for what it takes.
    i64 k = static_cast<i64>(v.exponent) - m.exponent;
    // Divide V * 10^k by M, digit by digit, M as a decimal string of any length: keep the rest as a number if M fits.
    if (m.digits.size() <= 18) {
        const u64 divisor = std::stoull(m.digits);
        if (k >= 0) {
            unsigned __int128 rest = 0;
            for (char c : v.digits) rest = (rest * 10 + static_cast<u32>(c - '0')) % divisor;
            // rest * 10^k mod divisor; 10^k cycles, and after 64 steps all twos and fives are used up
            unsigned __int128 power = 10 % divisor, factor = 1 % divisor;
            for (u64 e = static_cast<u64>(k); e; e >>= 1) {
                if (e & 1) factor = factor * power % divisor;
                power = power * power % divisor;
            }
            return rest * factor % divisor == 0;
        }
        // V must be a multiple of M * 10^-k; V has no zero at its end, so it is no multiple of ten.
        // M * 10^-k divides V: then 10 divides V unless ... it doesn't, as -k >= 1.
        return false;
    }
    // Long divisors: schoolbook remainder on strings.
    std::string rest;
    std::string digits = v.digits;
    if (k < 0) return false;
    if (k > 4000) return false;
    digits.append(static_cast<size_t>(k), '0');
    auto less = [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    };
    for (char c : digits) {
        if (!rest.empty() || c != '0') rest.push_back(c);
        while (!less(rest, m.digits)) {
            int borrow = 0;
            for (size_t i = 0; i < rest.size(); ++i) {
                const size_t at = rest.size() - 1 - i;
                int d = rest[at] - '0' - borrow - (i < m.digits.size() ? m.digits[m.digits.size() - 1 - i] - '0' : 0);
                borrow = d < 0;
                rest[at] = static_cast<char>('0' + (d < 0 ? d + 10 : d));
            }
            size_t lead = 0;
            while (lead < rest.size() && rest[lead] == '0') ++lead;
            rest.erase(0, lead);
        }
    }
    return rest.empty();
}

Decimal negated(Decimal d) {
    d.negative = !d.negative && !d.zero();
    return d;
}

// A multiple of `step` in [from, to] whose digits, with zeros for ever behind them, begin with `digits`.
//
// With D the digits without zeros at their end and z the number of those, these are [D, D + 10^-z) * 10^e. D ends in no
// zero, so below e = 0 there is no whole number among them.
bool multiple_within(Wide step, Wide from, Wide to, const std::string& digits) {
    size_t n = digits.size();
    while (n > 0 && digits[n - 1] == '0') --n;
    const size_t zeros = digits.size() - n;
    auto any = [&](Wide low, Wide high) {
        low = std::max(low, from);
        high = std::min(high, to);
        return low <= high && high / step * step >= low;
    };
    if (n == 0) return any(1, to);
    if (n > 36) return false;
    Wide low = 0, width = 1;
    for (size_t i = 0; i < n; ++i) low = low * 10 + (digits[i] - '0');
    for (size_t e = 0; low <= to; ++e) {
        if (any(low, low + width - 1)) return true;
        if (low > to / 10) break;
        low *= 10;
        if (e >= zeros) width *= 10;
    }
    return false;
}

bool begins_with(const std::string& digits, const std::string& prefix) {
    // `digits` go on with zeros for ever.
    for (size_t i = 0; i < prefix.size(); ++i)
        if ((i < digits.size() ? digits[i] : '0') != prefix[i]) return false;
    return true;
}

}  // namespace

Decimal parse_decimal(const std::string& text) {
    size_t i = 0;
    const bool negative = i < text.size() && text[i] == '-';
    i += negative;
    std::string digits;
    i64 exponent = 0;
    const size_t first = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') digits.push_back(text[i++]);
    if (i == first) throw CoreError(ErrorKind::bad_input, 0, "not a number");
    if (i < text.size() && text[i] == '.') {
        ++i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9') {
            digits.push_back(text[i++]);
            --exponent;
        }
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        bool minus = false;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) minus = text[i++] == '-';
        i64 e = 0;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9')
            e = std::min<i64>(e * 10 + (text[i++] - '0'), kMaxExponent);
        exponent += minus ? -e : e;
    }
    if (i != text.size()) throw CoreError(ErrorKind::bad_input, i, "not a number");
    return normal(negative, std::move(digits), exponent);
}

int compare(const Decimal& a, const Decimal& b) {
    const bool na = a.negative && !a.zero(), nb = b.negative && !b.zero();
    if (na != nb) return na ? -1 : 1;
    const int c = compare_absolute(a, b);
    return na ? -c : c;
}

NumberLanguage::NumberLanguage(u32 max_states) : max_states_(max_states) {
    states_.push_back(State());
}

u32 NumberLanguage::condition(const NumberCondition& c) {
    auto same_all = [](const std::vector<Decimal>& a, const std::vector<Decimal>& b) { return a == b; };
    for (u32 i = 0; i < conditions_.size(); ++i) {
        const NumberCondition& o = conditions_[i];
        if (o.has_low == c.has_low && o.has_high == c.has_high && o.low_open == c.low_open &&
            o.high_open == c.high_open && o.low == c.low && o.high == c.high && same_all(o.multiples, c.multiples) &&
            same_all(o.no_multiples, c.no_multiples) && same_all(o.values, c.values) &&
            same_all(o.excluded, c.excluded) && o.listed == c.listed && o.plain == c.plain &&
            o.not_plain == c.not_plain && o.max_digits == c.max_digits &&
            o.max_exponent_digits == c.max_exponent_digits)
            return i;
    }
    conditions_.push_back(c);
    units_.resize(2 * conditions_.size());
    reduced_.resize(2 * conditions_.size(), NONE);
    return static_cast<u32>(conditions_.size() - 1);
}

bool NumberLanguage::satisfies(u32 id, const Decimal& d) const {
    const NumberCondition& c = conditions_[id];
    if (c.has_low) {
        const int k = compare(d, c.low);
        if (k < 0 || (k == 0 && c.low_open)) return false;
    }
    if (c.has_high) {
        const int k = compare(d, c.high);
        if (k > 0 || (k == 0 && c.high_open)) return false;
    }
    for (const Decimal& m : c.multiples)
        if (!is_multiple(d, m)) return false;
    for (const Decimal& m : c.no_multiples)
        if (is_multiple(d, m)) return false;
    for (const Decimal& e : c.excluded)
        if (compare(e, d) == 0) return false;
    if (c.listed) {
        for (const Decimal& v : c.values)
            if (compare(v, d) == 0) return true;
        return false;
    }
    return true;
}

Decimal NumberLanguage::value(const State& s) const {
    const i64 e = s.exponent_negative ? -static_cast<i64>(s.exponent) : s.exponent;
    return normal(s.negative, s.digits, e - s.scale);
}

u32 NumberLanguage::start(u32 condition) {
    State s;
    s.condition = condition;
    return intern(std::move(s));
}

// The condition without what is met by the sign alone.
u32 NumberLanguage::reduced(u32 id, bool negative) {
    NumberCondition left = conditions_[id];
    const size_t n_excluded = left.excluded.size();
    // A bound on the other side of zero is met (zero itself stays on the safe side: it may be open).
    const Decimal zero;
    bool changed = false;
    if (!negative && left.has_low && compare(left.low, zero) <= 0 && !(left.low.zero() && left.low_open)) {
        left.has_low = left.low_open = false;
        left.low = Decimal();
        changed = true;
    }
    if (negative && left.has_high && compare(left.high, zero) >= 0 && !(left.high.zero() && left.high_open)) {
        left.has_high = left.high_open = false;
        left.high = Decimal();
        changed = true;
    }
    auto other_side = [&](const Decimal& d) { return !d.zero() && d.negative != negative; };
    left.excluded.erase(std::remove_if(left.excluded.begin(), left.excluded.end(), other_side), left.excluded.end());
    return changed || left.excluded.size() != n_excluded ? condition(left) : id;
}

// Forgets what can't matter any more, so that a few states stand for all texts where little is asked.
void NumberLanguage::simplify(State& s) {
    if (s.phase == kStart || s.phase == kMinus) return;
    const NumberCondition& c = conditions_[s.condition];
    if (c.listed || c.plain || c.not_plain) return;
    const size_t slot = 2 * s.condition + (s.negative ? 1 : 0);
    if (reduced_[slot] == NONE) {
        const u32 to = reduced(s.condition, s.negative);
        reduced_[slot] = to;
    }
    s.condition = reduced_[slot];
    const NumberCondition& now = conditions_[s.condition];
    if (now.has_low || now.has_high || !now.excluded.empty() || !now.no_multiples.empty()) return;
    s.negative = false;
    const bool in_exponent = s.phase >= kE;
    if (now.multiples.empty()) {
        s.digits.clear();
        s.scale = s.exponent = 0;
        s.exponent_negative = false;
        return;
    }
    if (now.multiples.size() == 1 && now.multiples[0].digits == "1" && !s.digits.empty()) {
        // A power of ten: only how far the last digit that isn't zero stands from the point.
        i32 zeros = 0;
        while (s.digits[s.digits.size() - 1 - static_cast<size_t>(zeros)] == '0') ++zeros;
        const bool counts = s.phase == kPoint || s.phase == kFraction || in_exponent;
        if (counts) {
            // Zeros in front of the point and digits behind it cancel out.
            const i32 both = std::min(zeros, s.scale);
            if (in_exponent) {
                zeros -= both;
                s.scale -= both;
            }
        }
        s.digits = "1" + std::string(static_cast<size_t>(zeros), '0');
    }
}

// Brings a state into its simplest form and says whether the number may end there.
void NumberLanguage::settle(State& s) {
    simplify(s);
    s.accepts = false;
    if (s.phase == kZero || s.phase == kInteger || s.phase == kFraction || s.phase == kExponent)
        s.accepts = satisfies(s.condition, value(s)) &&
                    !(conditions_[s.condition].not_plain && (s.phase == kZero || s.phase == kInteger));
}

u32 NumberLanguage::intern(State s) {
    settle(s);
    u64 h = mix(mix(s.condition, s.phase), (s.negative ? 1 : 0) + (s.exponent_negative ? 2 : 0));
    h = mix(mix(h, static_cast<u64>(s.scale)), static_cast<u64>(s.exponent) + s.written);
    for (char c : s.digits) h = mix(h, static_cast<u64>(c));
    u32 last = NONE;
    for (u32 at = index_.find(h); at != NONE; at = states_[at].next_alike) {
        const State& o = states_[at];
        if (o.condition == s.condition && o.phase == s.phase && o.negative == s.negative &&
            o.exponent_negative == s.exponent_negative && o.digits == s.digits && o.scale == s.scale &&
            o.exponent == s.exponent && o.written == s.written)
            return at;
        last = at;
    }
    if (!alive(s)) return kDead;
    if (states_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_states, states_.size(), "too many states of numbers");
    std::fill(s.next, s.next + 16, NONE);
    s.next_alike = NONE;
    const u32 id = states_.push_back(std::move(s));
    if (last == NONE)
        index_.insert(h, id);
    else
        states_[last].next_alike = id;
    return id;
}

NumberLanguage::Phase NumberLanguage::follow(Phase phase, u8 b) {
    const bool digit = b >= '0' && b <= '9', e = b == 'e' || b == 'E';
    switch (phase) {
        case kStart:
            if (b == '-') return kMinus;
            [[fallthrough]];
        case kMinus:
            return !digit ? kNone : b == '0' ? kZero : kInteger;
        case kZero:
            return b == '.' ? kPoint : e ? kE : kNone;
        case kInteger:
            return digit ? kInteger : b == '.' ? kPoint : e ? kE : kNone;
        case kPoint:
            return digit ? kFraction : kNone;
        case kFraction:
            return digit ? kFraction : e ? kE : kNone;
        case kE:
            if (b == '+' || b == '-') return kESign;
            [[fallthrough]];
        case kESign:
        case kExponent:
            return digit ? kExponent : kNone;
        default:
            return kNone;
    }
}

// One character further, one that can follow.
void NumberLanguage::read(State& s, u8 b) const {
    const Phase to = follow(s.phase, b);
    if (to == kZero || to == kInteger || to == kFraction) {
        if (!s.digits.empty() || b != '0') s.digits.push_back(static_cast<char>(b));
        if (to == kFraction) ++s.scale;
    }
    if (to == kMinus) s.negative = true;
    if (to == kESign) s.exponent_negative = b == '-';
    if (to == kExponent)
        s.exponent = static_cast<i32>(std::min<i64>(static_cast<i64>(s.exponent) * 10 + (b - '0'), kMaxExponent));
    if (b >= '0' && b <= '9' && to == s.phase)
        s.written = std::min(s.written + 1, bound(s));
    else if (to == kZero || to == kInteger || to == kExponent)
        s.written = std::min(1u, bound(s));
    else if (to == kFraction)
        s.written = std::min(s.written + 1, bound(s));
    else if (to == kE)
        s.written = 0;
    s.phase = to;
}

// Digits up to which a guard counts in this part of the number; 0: there is none.
u32 NumberLanguage::bound(const State& s) const {
    const NumberCondition& c = conditions_[s.condition];
    const u32 most = s.phase >= kE ? c.max_exponent_digits : c.max_digits;
    return most == NONE ? 0 : most;
}

// Whether a guard lets a character follow that otherwise could.
bool NumberLanguage::permitted(const State& s, u8 b) {
    const u32 most = bound(s);
    if (most == 0 || s.written < most) return true;
    const bool in_exponent = s.phase >= kE;
    auto is_e = [](u8 byte) { return byte == 'e' || byte == 'E'; };
    if (s.accepts) return !in_exponent && is_e(b);
    // What ends it soonest: its last digit, or an exponent; else digits that add to its value; else any.
    u32 best = 0;
    auto rank = [&](u8 byte) -> u32 {
        if (follow(s.phase, byte) == kNone) return 0;
        State next = s;
        read(next, byte);
        settle(next);
        if (!alive(next)) return 0;
        if (next.accepts || is_e(byte)) return 4;
        return byte == '.' ? 1 : byte == '0' ? 2 : 3;
    };
    for (const char* byte = "0123456789.eE"; *byte; ++byte) best = std::max(best, rank(static_cast<u8>(*byte)));
    return rank(b) == best;
}

u32 NumberLanguage::step(u32 id, u8 b) {
    const int k = slot(b);
    if (k < 0 || id == kDead) return kDead;
    if (states_[id].next[k] != NONE) return states_[id].next[k];
    u32 out = kDead;
    if (follow(states_[id].phase, b) != kNone && permitted(states_[id], b)) {
        State s = states_[id];
        read(s, b);
        out = intern(std::move(s));
    }
    states_[id].next[k] = out;
    return out;
}

bool NumberLanguage::lives(u32 id, u8 b) {
    const int k = slot(b);
    if (k < 0 || id == kDead || follow(states_[id].phase, b) == kNone) return false;
    if (states_[id].next[k] != NONE) return states_[id].next[k] != kDead;
    if (!permitted(states_[id], b)) return false;
    State s = states_[id];
    read(s, b);
    settle(s);
    return alive(s);
}

bool NumberLanguage::open(u32 id, u32 more) {
    const State& s = states_[id];
    if (s.phase == kStart || s.phase >= kE) return false;
    const NumberCondition& c = conditions_[s.condition];
    if (c.listed || c.plain || !c.no_multiples.empty()) return false;
    if (c.max_digits != NONE && s.written + more > c.max_digits) return false;
    const bool has_b = s.negative ? c.has_low : c.has_high;
    if (!has_b) return true;
    const Decimal b = s.negative ? negated(c.low) : c.high;
    if (b.negative || b.zero()) return false;
    if (c.multiples.empty()) {
        const bool has_a = s.negative ? c.has_high : c.has_low;
        const Decimal a = s.negative ? negated(c.high) : c.low;
        return !has_a || a.negative || a.zero() || magnitude(b) - magnitude(a) > 1;
    }
    // With digits D, n of them, all multiples in [D, D + 1) * 10^e will do, for any e. The largest e that stays within
    // the bound comes within a twentieth of it, and 10^e is a step at least if the bound is 10^(n + 1) steps.
    Units& units = units_[2 * s.condition + (s.negative ? 1 : 0)];
    if (!units.known) {
        units.known = true;
        (void)value_alive(c, s.negative, "1");
    }
    const size_t n = s.digits.size() + more + 1;
    if (!units.simple || n > 30) return false;
    Wide steps = 1;
    for (size_t i = 0; i < n; ++i) steps *= 10;
    return units.low <= units.high / 20 && units.high / units.step >= steps;
}

bool NumberLanguage::alive(const State& s) const {
    if (s.accepts) return true;
    const NumberCondition& c = conditions_[s.condition];
    if (c.plain) return plain_alive(s);
    if (s.phase == kStart) return value_alive(c, false, "") || value_alive(c, true, "");
    if (s.phase < kE) return value_alive(c, s.negative, s.digits);
    return exponent_alive(s);
}

// Where neither a fraction nor an exponent may come, what follows digits D are D followed by more digits.
bool NumberLanguage::plain_alive(const State& s) const {
    const NumberCondition& c = conditions_[s.condition];
    if (s.phase > kInteger) return false;
    if (s.phase == kZero) return satisfies(s.condition, Decimal());
    if (s.phase == kStart) {
        State positive = s, negative = s;
        positive.phase = negative.phase = kMinus;
        negative.negative = true;
        return plain_alive(positive) || plain_alive(negative);
    }
    if (s.digits.empty() && satisfies(s.condition, Decimal())) return true;
    if (c.listed) {
        for (const Decimal& v : c.values) {
            if (v.zero() || v.negative != s.negative || v.exponent < 0 || v.exponent > 10000) continue;
            const std::string all = v.digits + std::string(static_cast<size_t>(v.exponent), '0');
            if (all.compare(0, s.digits.size(), s.digits) == 0 && satisfies(s.condition, v)) return true;
        }
        return false;
    }
    for (const Decimal& n : c.no_multiples) {
        if (is_multiple(Decimal{false, "1", 0}, n)) return false;
        for (const Decimal& m : c.multiples)
            if (is_multiple(m, n)) return false;
    }
    const bool bounded = s.negative ? c.has_low : c.has_high;
    if (!bounded) return true;
    // D, then D0 to D9, D00 to D99, ...: as far as the bound goes. Tried from both ends of each.
    const Decimal bound = s.negative ? negated(c.low) : c.high;
    if (bound.negative || bound.zero()) return false;
    for (i64 k = 0; static_cast<i64>(s.digits.size()) + k <= magnitude(bound) && k < 400; ++k) {
        const std::string least = s.digits.empty() ? "1" + std::string(static_cast<size_t>(k), '0')
                                                   : s.digits + std::string(static_cast<size_t>(k), '0');
        const std::string most = s.digits + std::string(static_cast<size_t>(k + (s.digits.empty() ? 1 : 0)), '9');
        Decimal a = normal(false, least, 0), b = normal(false, most, 0);
        const bool has_a = s.negative ? c.has_high : c.has_low;
        Decimal low = s.negative ? negated(c.high) : c.low;
        if (has_a && !low.negative && compare_absolute(low, a) > 0) a = low;
        if (compare_absolute(bound, b) < 0) b = bound;
        if (compare_absolute(a, b) > 0) continue;
        // Whole numbers in [a, b]; where there are many, some multiple is among them.
        if (magnitude(b) > 36) return true;
        Wide x = 0, y = 0, q = 1;
        auto whole = [](const Decimal& d, bool up) {
            Wide n = 0;
            i64 at = d.exponent;
            bool cut = false;
            for (size_t i = 0; i < d.digits.size(); ++i) {
                if (static_cast<i64>(i) < magnitude(d))
                    n = n * 10 + (d.digits[i] - '0');
                else
                    cut = true;
            }
            for (; at > 0; --at) n *= 10;
            return n + (cut && up ? 1 : 0);
        };
        x = whole(a, true);
        y = whole(b, false);
        for (const Decimal& m : c.multiples)
            if (m.exponent >= 0 && magnitude(m) < 30) q = std::max(q, whole(m, true));
        int tries = 0;
        for (Wide n = (x + q - 1) / q * q; n <= y; n += q) {
            if (++tries > 2000) return true;
            std::string text;
            for (Wide v = n; v; v /= 10) text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(v % 10)));
            if (satisfies(s.condition, normal(s.negative, text, 0))) return true;
        }
    }
    return false;
}

// Some value with this sign, whose digits begin with these, meets the condition.
bool NumberLanguage::value_alive(const NumberCondition& c, bool negative, const std::string& digits) const {
    const u32 id = static_cast<u32>(&c - conditions_.data());
    if (digits.empty() && satisfies(id, Decimal())) return true;
    if (c.listed) {
        for (const Decimal& v : c.values)
            if (!v.zero() && v.negative == negative && begins_with(v.digits, digits) && satisfies(id, v)) return true;
        return false;
    }
    // Bounds on the absolute value: [a, b], b maybe without end.
    bool has_b = negative ? c.has_low : c.has_high;
    Decimal b = negative ? negated(c.low) : c.high, a = negative ? negated(c.high) : c.low;
    const bool b_open = negative ? c.low_open : c.high_open;
    bool a_open = negative ? c.high_open : c.low_open;
    if (!(negative ? c.has_high : c.has_low) || a.negative || a.zero()) {
        a = Decimal();
        a_open = true;  // zero itself was asked above
    }
    if (has_b && (b.negative || b.zero())) return false;
    for (const Decimal& n : c.no_multiples)
        for (const Decimal& m : c.multiples)
            if (is_multiple(m, n)) return false;
    if (!has_b) return true;  // far enough out there are values of every kind
    if (!c.multiples.empty()) return finite_multiples(c, negative, digits, a, a_open, b, b_open);
    if (a.zero()) return true;  // and near enough to zero
    // [a, b] with 0 < a: some power of ten puts [D, D + 1) across it.
    if (magnitude(b) - magnitude(a) > 1) return true;
    const std::string d = digits.empty() ? "" : digits;
    if (d.empty()) {
        const int k = compare_absolute(a, b);
        if (k < 0) return true;
        return k == 0 && !a_open && !b_open && satisfies(id, negative ? negated(a) : a);
    }
    for (i64 m = magnitude(a); m <= magnitude(b); ++m) {
        // D * 10^e with its first digit at m, and (D + 1) * 10^e, which isn't reached
        Decimal low = normal(false, d, m - static_cast<i64>(d.size()));
        std::string up = d;
        size_t i = up.size();
        while (i > 0 && up[i - 1] == '9') up[--i] = '0';
        i64 exponent = m - static_cast<i64>(d.size());
        if (i > 0)
            ++up[i - 1];
        else
            up.insert(up.begin(), '1');
        const Decimal high = normal(false, up, exponent);
        const bool from_a = compare_absolute(a, low) > 0;
        const Decimal& from = from_a ? a : low;
        const bool from_open = from_a ? a_open : (compare_absolute(a, low) == 0 && a_open);
        const bool to_b = compare_absolute(b, high) < 0;
        const Decimal& to = to_b ? b : high;
        const bool to_open = to_b ? b_open : true;
        const int k = compare_absolute(from, to);
        if (k < 0) return true;
        if (k == 0 && !from_open && !to_open && satisfies(id, negative ? negated(from) : from)) return true;
    }
    return false;
}

// Multiples in (a, b]: finitely many, found for each power of ten that puts [D, D + 1) within reach.
bool NumberLanguage::finite_multiples(const NumberCondition& c, bool negative, const std::string& digits,
                                      const Decimal& a, bool a_open, const Decimal& b, bool b_open) const {
    const u32 id = static_cast<u32>(&c - conditions_.data());
    Units& units = units_[2 * id + (negative ? 1 : 0)];
    if (units.simple) return multiple_within(units.step, units.low, units.high, digits);
    // One multiple that stands for all: the largest (others are asked of each candidate).
    Decimal q = c.multiples[0];
    for (const Decimal& m : c.multiples)
        if (compare_absolute(m, q) > 0) q = m;
    // All as whole numbers of 10^unit. What is too large for that is let through here; the value is asked at the end.
    i64 unit = std::min<i64>(q.exponent, b.exponent);
    if (!a.zero()) unit = std::min<i64>(unit, a.exponent);
    if (magnitude(b) - unit > 36 || magnitude(q) - unit > 36) return true;
    auto whole = [&](const Decimal& d) {
        Wide x = 0;
        for (char ch : d.digits) x = x * 10 + (ch - '0');
        for (i64 e = d.exponent; e > unit && !d.zero(); --e) x *= 10;
        return x;
    };
    const Wide Q = whole(q), B = whole(b) - (b_open ? 1 : 0), A = a.zero() ? 1 : whole(a) + (a_open ? 1 : 0);
    if (c.multiples.size() == 1 && c.no_multiples.empty() && c.excluded.empty()) {
        units.simple = true;
        units.step = Q;
        units.low = A;
        units.high = B;
        return multiple_within(Q, A, B, digits);
    }
    auto any = [&](Wide low, Wide high) {  // a multiple of Q in [low, high] that meets all conditions
        low = std::max(low, A);
        high = std::min(high, B);
        if (low > high) return false;
        Wide k = (low + Q - 1) / Q;
        for (int tries = 0; tries < 2000 && k * Q <= high; ++tries, ++k) {
            std::string text;
            for (Wide x = k * Q; x; x /= 10)
                text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(x % 10)));
            if (satisfies(id, normal(negative, text, unit))) return true;
        }
        return k * Q <= high;  // too many to ask each
    };
    if (digits.empty()) return any(1, B);
    std::string d = digits;
    i64 zeros = 0;
    while (d.back() == '0') {
        d.pop_back();
        ++zeros;
    }
    if (d.size() > 36) return false;
    Wide D = 0;
    for (char ch : d) D = D * 10 + (ch - '0');
    // [D, D + 10^-zeros) * 10^e. D ends in no zero, so below e = 0 it holds no whole number of units.
    Wide low = D, width = 1;  // of the interval, in units
    for (i64 e = 0; low <= B; ++e) {
        if (any(low, low + width - 1)) return true;
        if (low > B / 10) break;
        low *= 10;
        if (e >= zeros) width *= 10;
    }
    return false;
}

bool NumberLanguage::exponent_alive(const State& s) const {
    if (s.digits.empty()) return satisfies(s.condition, Decimal());
    const NumberCondition& c = conditions_[s.condition];
    // Exponents that can be read from here: x, 10x + d, 100x + dd, ... (x itself if it has a digit).
    i64 window = 64 + static_cast<i64>(s.digits.size()) + s.scale;
    for (const Decimal* d : {&c.low, &c.high})
        window = std::max(window, std::abs(magnitude(*d)) + 64 + s.scale + static_cast<i64>(s.digits.size()));
    for (const std::vector<Decimal>* list : {&c.multiples, &c.no_multiples, &c.values, &c.excluded})
        for (const Decimal& d : *list)
            window = std::max(window, std::abs(magnitude(d)) + 64 + s.scale + static_cast<i64>(s.digits.size()));
    window = std::min<i64>(window, 5000);
    const i64 x = s.exponent;
    auto ask = [&](i64 e, bool minus) {
        return satisfies(s.condition, normal(s.negative, s.digits, (minus ? -e : e) - s.scale));
    };
    for (int sign = 0; sign < 2; ++sign) {
        const bool minus = sign == 1;
        if (s.phase != kE && minus != s.exponent_negative) continue;
        i64 low = x, high = x;
        if (s.phase == kE || s.phase == kESign) low = 0, high = 9;
        for (;;) {
            const i64 to = std::min(high, low + window);
            for (i64 e = low; e <= to; ++e) {
                if (ask(e, minus)) return true;
                if (e > window) break;  // beyond it all are alike
            }
            if (low > window || high >= kMaxExponent) break;
            low = low * 10;
            high = high * 10 + 9;
        }
    }
    return false;
}

bool NumberLanguage::finite(u32 id, u32 most, std::vector<Decimal>& out) const {
    const NumberCondition& c = conditions_[id];
    if (c.listed) {
        for (const Decimal& v : c.values)
            if (satisfies(id, v)) {
                bool known = false;
                for (const Decimal& o : out) known = known || compare(o, v) == 0;
                if (!known) out.push_back(v);
            }
        return out.size() <= most;
    }
    if (!c.has_low || !c.has_high) return false;
    if (compare(c.low, c.high) > 0) return true;
    if (compare(c.low, c.high) == 0) {
        if (satisfies(id, c.low)) out.push_back(c.low);
        return true;
    }
    if (c.multiples.empty()) return false;
    // Count upwards from the least multiple, as whole numbers of the finest unit.
    Decimal q = c.multiples[0];
    for (const Decimal& m : c.multiples)
        if (compare_absolute(m, q) > 0) q = m;
    i64 unit = std::min<i64>(
        {q.exponent, c.low.zero() ? q.exponent : c.low.exponent, c.high.zero() ? q.exponent : c.high.exponent});
    if (magnitude(c.low) - unit > 36 || magnitude(c.high) - unit > 36 || magnitude(q) - unit > 36) return false;
    auto whole = [&](const Decimal& d) {
        Wide x = 0;
        for (char ch : d.digits) x = x * 10 + (ch - '0');
        for (i64 e = d.exponent; e > unit && !d.zero(); --e) x *= 10;
        return d.negative ? -x : x;
    };
    const Wide Q = whole(q), L = whole(c.low), H = whole(c.high);
    if ((H - L) / Q > most) return false;
    Wide k = L / Q - 1;
    for (; k * Q <= H; ++k) {
        if (k * Q < L) continue;
        std::string text;
        const bool negative = k < 0;
        for (Wide x = negative ? -(k * Q) : k * Q; x; x /= 10)
            text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(x % 10)));
        const Decimal d = normal(negative, text, unit);
        if (satisfies(id, d)) out.push_back(d);
    }
    return out.size() <= most;
}

}  // namespace gcd
