#include "sql_syntax.hpp"

#include <algorithm>

namespace gcd {

namespace {
constexpr u32 kMaxThreads = 4000;

u32 place_bit(SqlPlace place) {
    return 1u << static_cast<u32>(place);
}

// The names in [lo, hi) that are in a set, and in another one.
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
}  // namespace

SqlSyntax::SqlSyntax(const SqlProgram& program, u32 max_states)
    : program_(program), max_states_(max_states), scopes_(program, max_states), texts_(program, max_states) {
    for (u32 n = 0; n < program.names.size(); ++n)
        if (program.names[n].find(']') == std::string::npos) bits_set(bracketed_, n);
    for (u32 n = 0; n < program.names.size(); ++n)
        for (u32 place = 0; place < static_cast<u32>(SqlPlace::kCount); ++place)
            if (program.name_flags[n] >> place & 1) bits_set(bare_[place], n);
    risky_.assign(program.code.size(), 2);
    parses_.emplace_back();
    frames_.push_back({NONE, 0, 0, 0, 0});
    start_ = closure({{program.start, 0, SqlScopes::kRoot, NONE}});
}
u32 SqlSyntax::intern_frame(const Frame& f) {
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

bool SqlSyntax::leads_on(Thread t) {
    t.pc = program_.code[t.pc].next[0];
    Parse out;
    follow({t}, out, true);
    return out.accepts || !out.threads.empty();
}

void SqlSyntax::follow(std::vector<Thread> threads, Parse& out, bool first) {
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
                    const bool operand = sql_is_operand(category);
                    if (operand && first) break;
                    if (!operand && name_set(t, category).none()) break;
                }
                if (!scopes_.live(t.scope)) break;
                if (!first && in.op != SqlInstruction::kName &&
                    (risky(in.next[0]) || row_compared(t.frame) < kTightest ||
                     scopes_.get(t.scope).tracker == SqlScope::kAlone) &&
                    !leads_on(t))
                    break;
                out.threads.push_back(t);
        }
        if (first && (out.accepts || !out.threads.empty())) return;
    }
}

u32 SqlSyntax::closure(std::vector<Thread> threads) {
    u64 key = threads.size();
    for (const Thread& t : threads)
        key = mix(mix(key, static_cast<u64>(t.pc) << 32 | t.frame), static_cast<u64>(t.scope) << 32 | t.reg);
    for (const auto& [from, to] : closures_[key])
        if (from == threads) return to;
    const u32 to = closure_new(threads);
    closures_[key].emplace_back(std::move(threads), to);
    return to;
}

u32 SqlSyntax::closure_new(std::vector<Thread> threads) {
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

const SqlSyntax::Parse& SqlSyntax::known(u32 id) {
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

const SqlSyntax::Parse& SqlSyntax::named(u32 id) {
    known(id);
    Parse& p = parses_[id];
    if (p.named) return p;
    for (const Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kName) continue;
        const auto category = static_cast<SqlCategory>(in.a);
        const SqlNameSet* set = &name_set(t, category);
        std::vector<const SqlNameSet*>& sets = sql_is_function(category) ? p.called : p.sets;
        if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(set);
        p.fresh = p.fresh || set->fresh;
        if (set->fresh) p.fresh_places |= place_bit(set->place);
    }
    p.named = true;
    return p;
}

template <class F>
u32 SqlSyntax::behind(u32 parse, F&& moves) {
    std::vector<Thread> next;
    for (Thread t : parses_[parse].threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (!moves(t, in)) continue;
        t.pc = in.next[0];
        next.push_back(t);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

template <class F>
u32 SqlSyntax::behind_names(u32 parse, F&& moves) {
    std::vector<Thread> next;
    for (const Thread& t : parses_[parse].threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op == SqlInstruction::kName) moves(t, static_cast<SqlCategory>(in.a), next);
    }
    return next.empty() ? kDead : closure(std::move(next));
}

u32 SqlSyntax::end_word(u32 parse, u32 text) {
    const SqlText& t = texts_[text];
    const u32 word = t.word;
    if (word != NONE && bits_get(known(parse).keywords, word))
        return behind(parse, [&](Thread&, const SqlInstruction& in) {
            return in.op == SqlInstruction::kKeyword && in.a == word;
        });
    return behind_names(parse, [&](const Thread& thread, SqlCategory category, std::vector<Thread>& next) {
        names(thread, category, t.text, false, t.plain && inventable(word, place_bit(sql_place(category))), next);
    });
}

u32 SqlSyntax::end_quoted(u32 parse, u32 text) {
    const SqlText& t = texts_[text];
    if (t.text.empty()) return kDead;
    return behind_names(parse, [&](const Thread& thread, SqlCategory category, std::vector<Thread>& next) {
        if (!sql_is_function(category)) names(thread, category, t.text, true, t.printable, next);
    });
}

u32 SqlSyntax::end_invented(u32 parse) {
    return behind_names(parse, [&](const Thread& thread, SqlCategory category, std::vector<Thread>& next) {
        names(thread, category, "\x01", false, true, next);
    });
}

u32 SqlSyntax::end_operator(u32 parse, u32 op) {
    return behind(parse,
                  [&](Thread&, const SqlInstruction& in) { return in.op == SqlInstruction::kOperator && in.a == op; });
}

u32 SqlSyntax::end_literal(u32 parse, SqlLiteral literal) {
    return behind(parse, [&](Thread&, const SqlInstruction& in) {
        return in.op == SqlInstruction::kLiteral && in.a == static_cast<u32>(literal);
    });
}

u32 SqlSyntax::end_string(u32 parse, bool date) {
    return behind(parse, [&](Thread&, const SqlInstruction& in) {
        const auto wanted = static_cast<SqlLiteral>(in.a);
        return in.op == SqlInstruction::kLiteral &&
               (wanted == SqlLiteral::kString || (date && wanted == SqlLiteral::kDate));
    });
}

u32 SqlSyntax::end_number(u32 parse, const SqlNumber& n) {
    if (!n.accepting()) return kDead;
    return behind(parse, [&](Thread& t, const SqlInstruction& in) {
        return in.op == SqlInstruction::kLiteral && number(t, static_cast<SqlLiteral>(in.a), n);
    });
}

void SqlSyntax::matter(u32 parse, std::vector<u32>& names) {
    for (const Thread& t : known(parse).threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kName || !name_set(t, static_cast<SqlCategory>(in.a)).fresh) continue;
        scopes_.matter(t.scope, static_cast<SqlCategory>(in.a), names);
    }
}

bool SqlSyntax::movers(u32 parse, u32 name, bool quoted, u64& others, bool& called) {
    const Parse& p = known(parse);
    others = 0;
    called = false;
    // With types, names of one class are alike; the class stands above the bits of the threads.
    constexpr u32 kThreads = 48;
    if (p.threads.size() > kThreads) return false;
    u32 classes = 0;
    if (program_.typed) {
        if (name >= program_.classes_of.size()) return false;
        classes = program_.classes_of[name];
        if (classes & (classes - 1)) return false;
    }
    const std::string& text = scopes_.names.text(name);
    const SqlText& t = texts_[texts_.of(text)];
    for (size_t i = 0; i < p.threads.size(); ++i) {
        const Thread& thread = p.threads[i];
        const SqlInstruction& in = program_.code[thread.pc];
        if (in.op != SqlInstruction::kName) continue;
        const auto category = static_cast<SqlCategory>(in.a);
        if (quoted && sql_is_function(category)) continue;
        const SqlNameSet& set = name_set(thread, category);
        const bool invented =
            !scopes_.names.means(name) && (quoted ? t.printable : t.plain && inventable(t.word, place_bit(set.place)));
        const bool there =
            set.has(name, scopes_.names.n_catalogue()) && (quoted || scopes_.names.bare(name, set.place));
        if (!(set.fresh && invented) && !there) continue;
        if (sql_is_function(category)) {
            called = true;
            continue;
        }
        if (category != SqlCategory::kColumn && category != SqlCategory::kQualifier &&
            category != SqlCategory::kStarQualifier)
            return false;
        if (!scopes_.uniform(thread.scope)) return false;
        others |= 1ull << i | static_cast<u64>(classes) << kThreads;
    }
    return true;
}

bool SqlSyntax::viable_bare(const Parse& p, u32 name) const {
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets)
            if (set->has(name, scopes_.names.n_catalogue()) && scopes_.names.bare(name, set->place)) return true;
    return false;
}

bool SqlSyntax::word_alive(u32 parse, u32 text) {
    const Parse& p = named(parse);
    const SqlText& t = texts_[text];
    if ((p.fresh && t.plain) || any_in(p.keywords, nullptr, t.klo, t.khi)) return true;
    if (p.has(SqlLiteral::kBlob) && t.text == "x") return true;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets) {
            if (any_in(set->catalogue, &bare(set->place), t.lo, t.hi)) return true;
            for (u32 name : set->extra)
                if (t.begins(scopes_.names.text(name)) && scopes_.names.bare(name, set->place)) return true;
        }
    return false;
}

bool SqlSyntax::quoted_alive(u32 parse, u32 text, u8 closing) {
    const Parse& p = named(parse);
    const SqlText& t = texts_[text];
    if (p.fresh && t.printable) return true;
    for (const SqlNameSet* set : p.sets) {
        if (any_in(set->catalogue, closing == ']' ? &bracketed_ : nullptr, t.lo, t.hi)) return true;
        for (u32 name : set->extra) {
            const std::string& spelt = scopes_.names.text(name);
            if (t.begins(spelt) && (closing != ']' || spelt.find(']') == std::string::npos)) return true;
        }
    }
    return false;
}

bool SqlSyntax::number_alive(u32 parse, const SqlNumber& n) {
    const Parse& p = known(parse);
    if (p.has(SqlLiteral::kNumber)) return true;
    if (p.has(SqlLiteral::kDecimal) && n.digits() <= SqlNumber::kMostDigits) return true;
    if (n.form != SqlNumber::kInt) return false;
    if (p.has(SqlLiteral::kInteger)) return true;
    if (p.has(SqlLiteral::kSmall) && n.digits() <= SqlNumber::kIntDigits) return true;
    if (p.has(SqlLiteral::kLong) && n.digits() <= SqlNumber::kBigDigits) return true;
    if (!p.has(SqlLiteral::kPosition)) return false;
    const u32 value = program_.typed ? n.counted_value() : n.value;
    for (const Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        if (in.op != SqlInstruction::kLiteral || in.a != static_cast<u32>(SqlLiteral::kPosition)) continue;
        if (position(t, value)) return true;
        for (u32 more = value * 10; program_.typed && value && more < value * 10 + 10; ++more)
            if (position(t, more)) return true;
    }
    return false;
}

}  // namespace gcd
