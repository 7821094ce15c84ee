#include "sql_automaton.hpp"

#include "sql_date.hpp"

#include <algorithm>
#include <tuple>

namespace gcd {

namespace {

constexpr u32 kMaxThreads = 4000;

// Of dialects with types a number's value is known up to a bound, and above it how many digits it has.
constexpr u32 kDigits = 16, kValue = (1u << kDigits) - 1, kMaxDigits = 40;
constexpr u32 kZero = 10000, kLong = 10001;  // values: "0"; a number that begins with it

enum Form : u32 { kInt, kHexMark, kHex, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };
bool accepting(u32 form) {
    return form == kInt || form == kHex || form == kFraction || form == kExponentDigits;
}

bool space(u8 b) {
    return b == ' ' || b == '\n' || b == '\t' || b == '\r' || b == '\f';
}
bool digit(u8 b) {
    return b >= '0' && b <= '9';
}
bool hex(u8 b) {
    return digit(b) || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
}
bool any_in(const Bits& bits, const Bits* also, u32 lo, u32 hi) {
    for (u32 w = lo / 64; w < bits.size() && w * 64 < hi; ++w) {
        u64 x = bits[w];
        if (also) x &= w < also->size() ? (*also)[w] : 0;
        if (w == lo / 64) x &= ~0ull << (lo % 64);
        if (hi - w * 64 < 64) x &= (1ull << (hi - w * 64)) - 1;
        if (x) return true;
    }
    return false;
}

// The names in [lo, hi), which share `depth` bytes, that go on with this one.
void narrow(const std::vector<std::string>& names, u32& lo, u32& hi, size_t depth, u8 byte) {
    auto at = [&](const std::string& s) { return s.size() > depth ? static_cast<int>(static_cast<u8>(s[depth])) : -1; };
    const auto begin = names.begin() + lo, end = names.begin() + hi;
    const auto first = std::partition_point(begin, end, [&](const std::string& s) { return at(s) < byte; });
    const auto last = std::partition_point(first, end, [&](const std::string& s) { return at(s) <= byte; });
    lo = static_cast<u32>(first - names.begin());
    hi = static_cast<u32>(last - names.begin());
}

// UTF-8: what may follow a leading byte, packed as (bytes left) << 16 | (lowest) << 8 | (highest); 0 for none, NONE for
// a byte that leads no character.
u32 utf8_lead(u8 b) {
    if (b < 0x80) return 0;
    for (const Utf8Form& f : kUtf8Forms)
        if (b >= f.range[0].lo && b <= f.range[0].hi)
            return (f.size - 1) << 16 | static_cast<u32>(f.range[1].lo) << 8 | f.range[1].hi;
    return NONE;
}
u32 utf8_next(u32 state, u8 b) {
    if (b < (state >> 8 & 0xFF) || b > (state & 0xFF)) return NONE;
    const u32 left = (state >> 16) - 1;
    return left ? left << 16 | 0x80BF : 0;
}

}  // namespace

u32 sql_utf8(u32 state, u8 byte) {
    return state ? utf8_next(state, byte) : utf8_lead(byte);
}

SqlAutomaton::SqlAutomaton(const SqlProgram& program, u32 max_states)
    : program_(program), max_states_(max_states), scopes_(program, max_states) {
    for (u32 n = 0; n < program.names.size(); ++n)
        for (u32 place = 0; place < static_cast<u32>(SqlPlace::kCount); ++place)
            if (program.name_flags[n] >> place & 1) bits_set(bare_[place], n);
    risky_.assign(program.code.size(), 2);
    states_.push_back({});
    parses_.emplace_back();
    frames_.push_back({NONE, 0, 0, 0, 0});
    texts_.push_back(
        {"", 0, static_cast<u32>(program.names.size()), 0, static_cast<u32>(program.words.size()), true, NONE, NONE});
    const u32 parse = closure({{program.start, 0, SqlScopes::kRoot, NONE}});
    start_ = parse == kDead ? kDead : gap(parse);
}

u32 SqlAutomaton::intern(const State& s) {
    const u64 h = mix(mix(s.parse, s.a), static_cast<u64>(s.b) << 8 | s.kind);
    const u32 first = state_index_.find(h);
    for (u32 id = first; id != NONE; id = states_[id].next_alike) {
        const State& o = states_[id];
        if (o.parse == s.parse && o.a == s.a && o.b == s.b && o.kind == s.kind) return id;
    }
    if (states_.size() >= max_states_) throw CoreError(ErrorKind::limit_states, max_states_, "SQL: too many states");
    const u32 id = states_.push_back(s);
    states_[id].next_alike = NONE;
    if (first == NONE) {
        state_index_.insert(h, id);
    } else {
        states_[id].next_alike = states_[first].next_alike;
        states_[first].next_alike = id;
    }
    return id;
}

u32 SqlAutomaton::gap(u32 parse) {
    return parse == kDead ? kDead : intern({parse, 0, 0, kGap});
}

u32 SqlAutomaton::intern_frame(const Frame& f) {
    const u64 h = mix(mix(mix(f.ret, f.parent), f.data), static_cast<u64>(f.ops) << 32 | f.depth);
    const auto range = frame_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it) {
        const Frame& o = frames_[it->second];
        if (o.ret == f.ret && o.parent == f.parent && o.data == f.data && o.ops == f.ops && o.depth == f.depth)
            return it->second;
    }
    if (frames_.size() >= max_states_) throw CoreError(ErrorKind::limit_states, max_states_, "SQL: too many frames");
    const u32 id = static_cast<u32>(frames_.size());
    frames_.push_back(f);
    frame_index_.emplace(h, id);
    return id;
}

// -- syntax -----------------------------------------------------------------------------------

// Operators that wait for their right side, by the level of their precedence: what SQLite's parser has on its stack.
u32 SqlAutomaton::pending(u32 ops) const {
    u32 n = 0;
    for (u32 level = 1; level <= 11; ++level)
        if (ops >> level & 1) n += level == 3 || level == 11 ? 1 : level == 6 ? 4 : 2;
    return n;
}

bool SqlAutomaton::position(const Thread& t, u32 value) const {
    const SqlScope& s = scopes_.get(t.scope);
    if (s.core)
        return value >= 1 && value <= s.types.size() &&
               (s.grouping ? scopes_.groupable(t.scope, value - 1)
                           : static_cast<SqlClass>(s.types[value - 1]) != SqlClass::kOther);
    return s.relation != NONE && value >= 1 && value <= scopes_.relation_of(s.relation).names.size();
}

u32 SqlAutomaton::push(u32 frame, u32 ret, u32 cost) {
    const Frame& f = frames_[frame];
    const u32 depth = f.depth + pending(f.ops) + cost;
    if (depth > program_.max_stack) return NONE;
    return intern_frame({ret, frame, 0, 0, depth});
}

// Whether what follows a lexeme may fail: its thread is looked at before the lexeme is let in.
bool SqlAutomaton::risky(u32 pc) {
    if (risky_[pc] != 2) return risky_[pc];
    risky_[pc] = 1;  // a loop without lexemes leads nowhere
    const SqlInstruction& in = program_.code[pc];
    bool fails = false;
    if (in.op == SqlInstruction::kSplit) {
        fails = true;
        for (u32 next : in.next) fails = fails && risky(next);
    } else if (in.op == SqlInstruction::kCall) {
        fails = risky(in.a);
    } else if (in.op == SqlInstruction::kAct) {
        switch (static_cast<SqlAction>(in.a)) {
            case SqlAction::kWant:
            case SqlAction::kBegin:
            case SqlAction::kItem:
            case SqlAction::kGrouped:
            case SqlAction::kTerm:
            case SqlAction::kOp:
            case SqlAction::kComplex:
            case SqlAction::kArg:
            case SqlAction::kFilter:
            case SqlAction::kEndFilter:
                fails = risky(in.next[0]);
                break;
            default:
                fails = true;
        }
    }
    risky_[pc] = fails;
    return fails;
}

bool SqlAutomaton::leads_on(Thread t) {
    t.pc = program_.code[t.pc].next[0];
    Parse out;
    follow({t}, out, true);
    return out.accepts || !out.threads.empty();
}

void SqlAutomaton::follow(std::vector<Thread> threads, Parse& out, bool first) {
    std::vector<Thread> seen;
    while (!threads.empty()) {
        Thread t = threads.back();
        threads.pop_back();
        if (std::find(seen.begin(), seen.end(), t) != seen.end()) continue;
        if (seen.size() > kMaxThreads) throw CoreError(ErrorKind::limit_states, seen.size(), "SQL: too many readings");
        seen.push_back(t);
        const SqlInstruction& in = program_.code[t.pc];
        switch (in.op) {
            case SqlInstruction::kSplit:
                for (size_t i = in.next.size(); i-- > 0;) threads.push_back({in.next[i], t.frame, t.scope, t.reg});
                break;
            case SqlInstruction::kCall: {
                const bool own = in.b & 1, last = program_.code[in.next[0]].op == SqlInstruction::kReturn;
                const u32 frame = last && !own ? t.frame : push(t.frame, in.next[0], in.b >> 1);
                if (frame != NONE) threads.push_back({in.a, frame, t.scope, t.reg});
                break;
            }
            case SqlInstruction::kReturn: {
                if (t.frame == 0) {
                    out.accepts = out.accepts || t.scope == SqlScopes::kRoot;
                    break;
                }
                const Frame& f = frames_[t.frame];
                threads.push_back({f.ret, f.parent, t.scope, t.reg});
                break;
            }
            case SqlInstruction::kAct:
                if (act(t, static_cast<SqlAction>(in.a), in.b)) {
                    t.pc = in.next[0];
                    threads.push_back(t);
                }
                break;
            default:
                if (in.op == SqlInstruction::kName) {
                    // In an expression a literal can stand instead of a name, so nothing hangs on there being one.
                    const auto category = static_cast<SqlCategory>(in.a);
                    const bool operand = category == SqlCategory::kColumn || category == SqlCategory::kQualifier ||
                                         category == SqlCategory::kStarQualifier ||
                                         (category >= SqlCategory::kScalar && category <= SqlCategory::kWindow);
                    if (operand && first) break;
                    if (!operand && name_set(t, category).none()) break;
                }
                if (!scopes_.live(t.scope)) break;
                if (!first && in.op != SqlInstruction::kName && risky(in.next[0]) && !leads_on(t)) break;
                out.threads.push_back(t);
        }
        if (first && (out.accepts || !out.threads.empty())) return;
    }
}

u32 SqlAutomaton::closure(std::vector<Thread> threads) {
    u64 key = threads.size();
    for (const Thread& t : threads)
        key = mix(mix(key, static_cast<u64>(t.pc) << 32 | t.frame), static_cast<u64>(t.scope) << 32 | t.reg);
    for (const auto& [from, to] : closures_[key])
        if (from == threads) return to;
    const u32 to = closure_new(threads);
    closures_[key].emplace_back(std::move(threads), to);
    return to;
}

u32 SqlAutomaton::closure_new(std::vector<Thread> threads) {
    Parse out;
    follow(std::move(threads), out, false);
    if (out.threads.empty() && !out.accepts) return kDead;
    std::sort(out.threads.begin(), out.threads.end());
    u64 h = out.accepts;
    for (const Thread& t : out.threads)
        h = mix(mix(h, static_cast<u64>(t.pc) << 32 | t.frame), static_cast<u64>(t.scope) << 32 | t.reg);
    const auto range = parse_index_.equal_range(h);
    for (auto it = range.first; it != range.second; ++it)
        if (parses_[it->second].threads == out.threads && parses_[it->second].accepts == out.accepts) return it->second;
    if (parses_.size() >= max_states_) throw CoreError(ErrorKind::limit_states, max_states_, "SQL: too many states");
    const u32 id = static_cast<u32>(parses_.size());
    parses_.push_back(std::move(out));
    parse_index_.emplace(h, id);
    return id;
}

const SqlAutomaton::Parse& SqlAutomaton::known(u32 id) {
    Parse& p = parses_[id];
    if (p.known) return p;
    for (const Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op == SqlInstruction::kKeyword) bits_set(p.keywords, in.a);
        p.names = p.names || in.op == SqlInstruction::kName;
        if (in.op == SqlInstruction::kOperator) p.operators |= 1ull << in.a;
        if (in.op == SqlInstruction::kLiteral) {
            const SqlScope& s = scopes_.get(t.scope);
            p.literals |= 1u << in.a;
            p.values = p.values || in.a == static_cast<u32>(SqlLiteral::kPosition) ||
                       (s.core && s.term && s.tracker != SqlScope::kComplex);
        }
    }
    p.known = true;
    return p;
}

const SqlAutomaton::Parse& SqlAutomaton::named(u32 id) {
    known(id);
    Parse& p = parses_[id];
    if (p.named) return p;
    for (const Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kName) continue;
        const auto category = static_cast<SqlCategory>(in.a);
        const bool call = category >= SqlCategory::kScalar && category <= SqlCategory::kWindow;
        const SqlNameSet* set = &name_set(t, category);
        std::vector<const SqlNameSet*>& sets = call ? p.called : p.sets;
        if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(set);
        p.fresh = p.fresh || set->fresh;
        if (set->fresh) p.fresh_places |= 1u << static_cast<u32>(set->place);
    }
    p.named = true;
    return p;
}

u32 SqlAutomaton::end_invented(u32 parse) {
    std::vector<Thread> next;
    for (Thread thread : known(parse).threads) {
        const SqlInstruction& in = program_.code[thread.pc];
        if (in.op != SqlInstruction::kName) continue;
        names(thread, static_cast<SqlCategory>(in.a), "\x01", false, true, next);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

std::vector<u32> SqlAutomaton::matter(u32 parse) {
    std::vector<u32> out;
    for (const Thread& t : known(parse).threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kName || !name_set(t, static_cast<SqlCategory>(in.a)).fresh)
            continue;
        scopes_.matter(t.scope, static_cast<SqlCategory>(in.a), out);
    }
    return out;
}

bool SqlAutomaton::movers(u32 parse, u32 name, u64& others, bool& called) {
    const Parse& p = known(parse);
    others = 0;
    called = false;
    // Typed names of one class are alike; the class stands above the bits of the threads.
    constexpr u32 kThreads = 48;
    if (p.threads.size() > kThreads) return false;
    const u32 classes = program_.typed && name < program_.classes_of.size() ? program_.classes_of[name] : 0;
    if (program_.typed && (name >= program_.classes_of.size() || (classes & (classes - 1)))) return false;
    const std::string& text = scopes_.names.text(name);
    const u32 word = program_.find_word(text);
    bool invented = text.size() <= max_invented() && sql_word_start(static_cast<u8>(text[0]));
    for (char c : text) invented = invented && sql_word_byte(static_cast<u8>(c)) && c != '$' && !(c & 0x80);
    for (size_t i = 0; i < p.threads.size(); ++i) {
        const Thread& t = p.threads[i];
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kName) continue;
        const auto category = static_cast<SqlCategory>(in.a);
        const SqlNameSet& set = name_set(t, category);
        const bool made = set.fresh && invented && inventable(word, 1u << static_cast<u32>(set.place));
        if (!made && !set.has(name, scopes_.names.n_catalogue())) continue;
        if (category >= SqlCategory::kScalar && category <= SqlCategory::kWindow) {
            called = true;
            continue;
        }
        if (category != SqlCategory::kColumn && category != SqlCategory::kQualifier &&
            category != SqlCategory::kStarQualifier)
            return false;
        if (!scopes_.uniform(t.scope)) return false;
        others |= 1ull << i | static_cast<u64>(classes) << kThreads;
    }
    return true;
}

// -- lexemes ----------------------------------------------------------------------------------

u32 SqlAutomaton::extend(u32 text, u8 byte, bool exact) {
    if (!exact) byte = sql_fold(byte);
    const u64 key = static_cast<u64>(text) << 8 | byte;
    const u32 known = text_index_.find(key);
    if (known != NONE) return known;
    Text next = texts_[text];
    narrow(program_.names, next.lo, next.hi, next.text.size(), byte);
    narrow(program_.words, next.klo, next.khi, next.text.size(), byte);
    next.plain = next.plain && next.text.size() < max_invented() && sql_fold(byte) == byte && byte < 0x80 && sql_word_byte(byte) && byte != '$' &&
                 (!next.text.empty() || sql_word_start(byte));
    next.text += static_cast<char>(byte);
    next.word = next.klo < next.khi && program_.words[next.klo] == next.text ? next.klo : NONE;
    next.name = next.lo < next.hi && program_.names[next.lo] == next.text ? next.lo : NONE;
    if (texts_.size() >= max_states_) throw CoreError(ErrorKind::limit_states, max_states_, "SQL: too many texts");
    const u32 id = static_cast<u32>(texts_.size());
    texts_.push_back(std::move(next));
    text_index_.insert(key, id);
    return id;
}

bool SqlAutomaton::word_alive(u32 parse, u32 text) {
    const Parse& p = named(parse);
    const Text& t = texts_[text];
    if ((p.fresh && t.plain) || any_in(p.keywords, nullptr, t.klo, t.khi)) return true;
    if ((p.literals >> static_cast<u32>(SqlLiteral::kBlob) & 1) && t.text == "x") return true;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets) {
            if (any_in(set->catalogue, &bare_[static_cast<u32>(set->place)], t.lo, t.hi)) return true;
            for (u32 name : set->extra)
                if (scopes_.names.text(name).compare(0, t.text.size(), t.text) == 0 &&
                    scopes_.names.bare(name, set->place))
                    return true;
        }
    return false;
}

bool SqlAutomaton::word_special(u32 parse, u32 text) {
    const Parse& p = named(parse);
    const Text& t = texts_[text];
    if (t.klo < t.khi) return true;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets)
            if (any_in(set->catalogue, nullptr, t.lo, t.hi)) return true;
    return false;
}

bool SqlAutomaton::quoted_alive(u32 parse, u32 text) {
    const Parse& p = named(parse);
    const Text& t = texts_[text];
    if (p.fresh && t.text.size() <= max_invented()) {
        bool printable = true;
        for (char c : t.text) printable = printable && c >= ' ' && c <= '~';
        if (printable) return true;
    }
    for (const SqlNameSet* set : p.sets) {
        if (any_in(set->catalogue, nullptr, t.lo, t.hi)) return true;
        for (u32 name : set->extra)
            if (scopes_.names.text(name).compare(0, t.text.size(), t.text) == 0) return true;
    }
    return false;
}

u32 SqlAutomaton::end_word(u32 parse, u32 text) {
    const Parse& p = known(parse);
    const Text& t = texts_[text];
    const u32 word = t.word;
    const bool keyword = word != NONE && bits_get(p.keywords, word);
    std::vector<Thread> next;
    for (Thread thread : p.threads) {
        const SqlInstruction& in = program_.code[thread.pc];
        if (in.op == SqlInstruction::kKeyword && in.a == word) {
            thread.pc = in.next[0];
            next.push_back(thread);
        } else if (in.op == SqlInstruction::kName && !keyword) {
            const auto category = static_cast<SqlCategory>(in.a);
            names(thread, category, t.text, false,
                  t.plain && inventable(word, 1u << static_cast<u32>(sql_place(category))), next);
        }
    }
    return next.empty() ? kDead : closure(std::move(next));
}

u32 SqlAutomaton::end_quoted(u32 parse, u32 text) {
    const Parse& p = known(parse);
    const Text& t = texts_[text];
    bool printable = !t.text.empty() && t.text.size() <= max_invented();
    for (char c : t.text) printable = printable && c >= ' ' && c <= '~';
    std::vector<Thread> next;
    for (Thread thread : p.threads) {
        const SqlInstruction& in = program_.code[thread.pc];
        const auto category = static_cast<SqlCategory>(in.a);
        if (in.op != SqlInstruction::kName) continue;
        if (category >= SqlCategory::kScalar && category <= SqlCategory::kWindow) continue;
        names(thread, category, t.text, true, printable, next);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

bool SqlAutomaton::viable_bare(const Parse& p, u32 name) const {
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets)
            if (set->has(name, scopes_.names.n_catalogue()) && scopes_.names.bare(name, set->place)) return true;
    return false;
}

u32 SqlAutomaton::operator_of(const std::string& text) const {
    const auto at = std::find(program_.operators.begin(), program_.operators.end(), text);
    return at == program_.operators.end() ? NONE : static_cast<u32>(at - program_.operators.begin());
}

// Some operator that may come begins so.
bool SqlAutomaton::operator_begins(u32 parse, const std::string& text) {
    const u64 operators = known(parse).operators;
    for (u32 i = 0; i < program_.operators.size(); ++i)
        if ((operators >> i & 1) && program_.operators[i].compare(0, text.size(), text) == 0) return true;
    return false;
}

u32 SqlAutomaton::end_operator(u32 parse, u32 op) {
    std::vector<Thread> next;
    for (Thread t : known(parse).threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kOperator || in.a != op) continue;
        t.pc = in.next[0];
        next.push_back(t);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

u32 SqlAutomaton::end_literal(u32 parse, u32 form, u32 value, SqlLiteral literal) {
    std::vector<Thread> next;
    for (Thread t : known(parse).threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kLiteral) continue;
        const auto wanted = static_cast<SqlLiteral>(in.a);
        const u32 digits = value >> kDigits;
        if (literal != SqlLiteral::kNumber) {
            if (wanted != literal && !(wanted == SqlLiteral::kDate && literal == SqlLiteral::kString && value)) continue;
        } else if (wanted >= SqlLiteral::kSmall) {
            if (wanted != (form != kInt || digits > 18 ? SqlLiteral::kDecimal
                           : digits > 9                ? SqlLiteral::kLong
                                                       : SqlLiteral::kSmall))
                continue;
        } else if (wanted == SqlLiteral::kNumber) {
            // As a whole term of ORDER BY or GROUP BY an integer is the number of a column.
            const SqlScope& s = scopes_.get(t.scope);
            if (s.core && s.tracker != SqlScope::kComplex) {
                SqlScope c = s;
                c.tracker = SqlScope::kComplex;
                if (s.term && (form == kInt || form == kHex)) {
                    const bool there =
                        s.tracker == SqlScope::kFresh && form == kInt && value >= 1 && value <= s.items.size() &&
                        (s.clause != 0 || !(s.flags[value - 1] & (SqlScope::kAggregate | SqlScope::kWindow)));
                    if (!there) c.tracker = SqlScope::kInteger;
                }
                t.scope = scopes_.intern(std::move(c));
            }
        } else if (wanted == SqlLiteral::kInteger) {
            if (form != kInt) continue;
        } else if (wanted != SqlLiteral::kPosition || form != kInt || !position(t, value & kValue)) {
            continue;
        } else if (scopes_.get(t.scope).grouping) {
            t.scope = scopes_.group_item(t.scope, (value & kValue) - 1);
        }
        t.pc = in.next[0];
        next.push_back(t);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

bool SqlAutomaton::number_alive(u32 parse, u32 form, u32 value) {
    const Parse& p = known(parse);
    if (p.literals >> static_cast<u32>(SqlLiteral::kNumber) & 1) return true;
    auto takes = [&](SqlLiteral literal, u32 digits) {
        return (p.literals >> static_cast<u32>(literal) & 1) && value >> kDigits <= digits;
    };
    if (takes(SqlLiteral::kDecimal, kMaxDigits)) return true;
    if (form != kInt) return false;
    if (takes(SqlLiteral::kSmall, 9) || takes(SqlLiteral::kLong, 18)) return true;
    value &= kValue;
    if (p.literals >> static_cast<u32>(SqlLiteral::kInteger) & 1) return true;
    if (!(p.literals >> static_cast<u32>(SqlLiteral::kPosition) & 1)) return false;
    for (const Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kLiteral || in.a != static_cast<u32>(SqlLiteral::kPosition)) continue;
        if (position(t, value)) return true;
        for (u32 more = value * 10; value && more < value * 10 + 10; ++more)
            if (position(t, more)) return true;
    }
    return false;
}

u32 SqlAutomaton::end_lexeme(const State& s) {
    switch (s.kind) {
        case kGap:
            return s.parse;
        case kWord:
            return end_word(s.parse, s.a);
        case kQuoted:
            return s.b & 256 ? end_quoted(s.parse, s.a) : kDead;
        case kNumber:
            return accepting(s.a) ? end_literal(s.parse, s.a, s.b, SqlLiteral::kNumber) : kDead;
        case kString:
            return s.b & 1 ? end_literal(s.parse, 0, sql_date_ends(s.b >> 8), SqlLiteral::kString) : kDead;
        case kBlob:
            return kDead;
        case kOperator:
            return end_operator(s.parse, s.a);
    }
    return kDead;
}

bool SqlAutomaton::complete(u32 id) {
    if (id == kDead) return false;
    const u32 parse = end_lexeme(states_[id]);
    return parse != kDead && parses_[parse].accepts;
}

u32 SqlAutomaton::begin(u32 parse, u8 byte) {
    const Parse& p = known(parse);
    if (sql_word_start(byte)) {
        const u32 text = extend(0, byte);
        return word_alive(parse, text) ? intern({parse, text, 0, kWord}) : kDead;
    }
    if (digit(byte)) {
        const u32 value = program_.typed ? 1u << kDigits | (byte - u32('0')) : byte == '0' ? kZero : p.values ? byte - u32('0') : 1;
        return number_alive(parse, kInt, value) ? intern({parse, kInt, value, kNumber}) : kDead;
    }
    if (byte == '.' && (p.literals & (1u << static_cast<u32>(SqlLiteral::kNumber) |
                                      1u << static_cast<u32>(SqlLiteral::kDecimal))))
        return intern({parse, kPoint, 0, kNumber});
    if (std::find(program_.quotes.begin(), program_.quotes.end(), std::string(1, static_cast<char>(byte))) !=
        program_.quotes.end())
        return named(parse).sets.empty() ? kDead
               : quoted_alive(parse, 0)  ? intern({parse, 0, byte == '[' ? u32(']') : u32(byte), kQuoted})
                                         : kDead;
    if (byte == '\'') {
        if (p.literals >> static_cast<u32>(SqlLiteral::kDate) & 1) return intern({parse, 0, kDateBegins << 8, kString});
        return p.literals >> static_cast<u32>(SqlLiteral::kString) & 1 ? intern({parse, 0, 0, kString}) : kDead;
    }
    const std::string sign(1, static_cast<char>(byte));
    const u32 op = operator_of(sign);
    return op != NONE && operator_begins(parse, sign) ? intern({parse, op, 0, kOperator}) : kDead;
}

u32 SqlAutomaton::step_slow(u32 state, u8 byte) {
    const u32 to = state == kDead ? kDead : step_new(states_[state], byte);
    steps_.insert(static_cast<u64>(state) << 8 | byte, to);
    return to;
}

u32 SqlAutomaton::step_new(const State& s, u8 byte) {
    switch (s.kind) {
        case kGap:
            if (space(byte)) return known(s.parse).threads.empty() && !parses_[s.parse].accepts ? kDead : intern(s);
            return begin(s.parse, byte);
        case kWord:
            if (sql_word_byte(byte)) {
                const u32 text = extend(s.a, byte);
                return word_alive(s.parse, text) ? intern({s.parse, text, 0, kWord}) : kDead;
            }
            if (byte == '\'' && texts_[s.a].text == "x")
                return known(s.parse).literals >> static_cast<u32>(SqlLiteral::kBlob) & 1
                           ? intern({s.parse, 0, 0, kBlob})
                           : kDead;
            break;
        case kQuoted: {
            const u8 quote = static_cast<u8>(s.b);
            if (!(s.b & 256)) {
                if (byte == quote) {
                    if (quote == ']' || end_quoted(s.parse, s.a) != kDead || quoted_alive(s.parse, extend(s.a, byte))) {
                        const State next{s.parse, s.a, s.b | 256, kQuoted};
                        const bool ends = end_quoted(s.parse, s.a) != kDead;
                        if (!ends && quote == ']') return kDead;
                        return intern(next);
                    }
                    return kDead;
                }
                if (byte == 0) return kDead;
                const u32 text = extend(s.a, byte, program_.typed);
                return quoted_alive(s.parse, text) ? intern({s.parse, text, s.b, kQuoted}) : kDead;
            }
            if (byte == quote && quote != ']') {
                const u32 text = extend(s.a, byte);
                return quoted_alive(s.parse, text) ? intern({s.parse, text, quote, kQuoted}) : kDead;
            }
            break;
        }
        case kNumber: {
            u32 form = NONE, value = 0;
            const bool zero = s.a == kInt && s.b == kZero;
            switch (s.a) {
                case kInt:
                    if (digit(byte) && program_.typed)
                        form = kInt, value = ((s.b >> kDigits) + 1) << kDigits |
                                             std::min((s.b & kValue) * 10 + (byte - u32('0')), 9999u);
                    else if (digit(byte))
                        form = kInt, value = s.b >= kZero            ? kLong
                                             : known(s.parse).values ? std::min(s.b * 10 + (byte - '0'), 9999u)
                                                                     : 1;
                    if (byte == '.') form = kFraction, value = program_.typed ? s.b & ~kValue : 0;
                    if ((byte == 'e' || byte == 'E') && !program_.typed) form = kExponent;
                    if ((byte == 'x' || byte == 'X') && zero) form = kHexMark;
                    break;
                case kHexMark:
                case kHex:
                    if (hex(byte) && s.b < 15) form = kHex, value = s.b + 1;
                    break;
                case kPoint:
                case kFraction:
                    if (digit(byte)) form = kFraction, value = program_.typed ? s.b + (1u << kDigits) : 0;
                    if ((byte == 'e' || byte == 'E') && s.a == kFraction && !program_.typed) form = kExponent;
                    break;
                case kExponent:
                    if (byte == '+' || byte == '-') form = kExponentSign;
                    if (digit(byte)) form = kExponentDigits;
                    break;
                default:
                    if (digit(byte)) form = kExponentDigits;
            }
            if (form != NONE)
                return number_alive(s.parse, form, value) ? intern({s.parse, form, value, kNumber}) : kDead;
            if (sql_word_byte(byte) || byte == '.') return kDead;
            break;
        }
        case kString:
            if (s.b >> 8) return step_date(s, byte);
            if (s.b == 0) {
                if (byte == 0) return kDead;
                if (s.a == 0 && byte == '\'') return intern({s.parse, 0, 1, kString});
                const u32 next = s.a ? utf8_next(s.a, byte) : utf8_lead(byte);
                return next == NONE ? kDead : intern({s.parse, next, 0, kString});
            }
            if (byte == '\'') return intern({s.parse, 0, 0, kString});
            break;
        case kBlob:
            if (hex(byte)) return intern({s.parse, s.a ^ 1, 0, kBlob});
            return byte == '\'' && s.a == 0 ? gap(end_literal(s.parse, 0, 0, SqlLiteral::kBlob)) : kDead;
        case kOperator: {
            const std::string text = program_.operators[s.a] + static_cast<char>(byte);
            if (text == "--" || text == "/*") return kDead;  // comments
            if (program_.typed && glued(text, operator_of(text))) return kDead;
            const u32 op = operator_of(text);
            if (op != NONE) return operator_begins(s.parse, text) ? intern({s.parse, op, 0, kOperator}) : kDead;
            break;
        }
    }
    const u32 ended = end_lexeme(s);
    return ended == kDead ? kDead : step(gap(ended), byte);
}

}  // namespace gcd
