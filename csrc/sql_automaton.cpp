#include "sql_automaton.hpp"

#include "sql_date.hpp"

namespace gcd {

SqlAutomaton::SqlAutomaton(const SqlProgram& program, u32 max_states)
    : program_(program), max_states_(max_states), syntax_(program, max_states) {
    states_.push_back({});
    start_ = gap(syntax_.start());
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

u32 SqlAutomaton::end_lexeme(const State& s) {
    switch (s.kind) {
        case kGap:
            return s.parse;
        case kWord:
            return syntax_.end_word(s.parse, s.a);
        case kQuoted:
            return s.b & kQuoteRead ? syntax_.end_quoted(s.parse, s.a) : SqlSyntax::kDead;
        case kNumber:
            return syntax_.end_number(s.parse, {s.a, s.b});
        case kString:
            return s.b & 1 ? syntax_.end_string(s.parse, sql_date_ends(s.b >> 8)) : SqlSyntax::kDead;
        case kBlob:
            return SqlSyntax::kDead;
        case kOperator:
            return syntax_.end_operator(s.parse, s.a);
        case kComment:
            return SqlComment{s.a, s.b}.may_end() ? s.parse : SqlSyntax::kDead;
        case kParameter:
            return SqlParameter(s.a, s.b).accepting() ? syntax_.end_literal(s.parse, SqlLiteral::kParameter)
                                                      : SqlSyntax::kDead;
    }
    return SqlSyntax::kDead;
}

bool SqlAutomaton::complete(u32 id) {
    if (id == kDead) return false;
    const u32 parse = end_lexeme(states_[id]);
    return parse != SqlSyntax::kDead && syntax_.parse(parse).accepts;
}

u32 SqlAutomaton::begin(u32 parse, u8 byte) {
    if (sql_word_start(byte)) {
        const u32 text = syntax_.texts().extend(SqlTexts::kEmpty, byte);
        return syntax_.word_alive(parse, text) ? intern({parse, text, 0, kWord}) : kDead;
    }
    SqlNumber n;
    if (program_.typed ? n.step_counted(byte) : n.step(byte)) {
        const u32 to = number(parse, n);
        if (to != kDead || byte != '.') return to;
    }
    if (program_.quotes_name(byte)) {
        if (syntax_.named(parse).sets.empty() || !syntax_.quoted_alive(parse, SqlTexts::kEmpty, sql_closing(byte)))
            return kDead;
        return intern({parse, SqlTexts::kEmpty, sql_closing(byte), kQuoted});
    }
    const SqlSyntax::Parse& p = syntax_.known(parse);
    if (byte == '\'' && p.has(SqlLiteral::kDate)) return intern({parse, 0, kDateBegins << 8, kString});
    if (byte == '\'') return p.has(SqlLiteral::kString) ? intern({parse, 0, 0, kString}) : kDead;
    if (SqlParameter::begins(byte) && p.has(SqlLiteral::kParameter)) return parameter(parse, SqlParameter(byte));
    const u32 op = program_.signs.first(byte);
    if (op == NONE || !(program_.signs.alive(p.operators, op) || program_.signs.comments(op))) return kDead;
    return intern({parse, op, 0, kOperator});
}

u32 SqlAutomaton::number(u32 parse, const SqlNumber& n) {
    if (!syntax_.number_alive(parse, n)) return kDead;
    const bool any =
        !program_.typed && n.form == SqlNumber::kInt && n.value < SqlNumber::kZero && !syntax_.known(parse).values;
    return intern({parse, n.form, any ? 1 : n.value, kNumber});
}

u32 SqlAutomaton::quoted(const State& s, u8 byte) {
    const u32 quote = s.b & 255;
    const bool read = s.b & kQuoteRead;
    if (byte == 0) return kDead;
    if (byte == quote && !read) {
        const bool ends = syntax_.end_quoted(s.parse, s.a) != SqlSyntax::kDead;
        const bool goes_on = quote != ']' && syntax_.quoted_alive(s.parse, syntax_.texts().extend(s.a, byte), byte);
        return ends || goes_on ? intern({s.parse, s.a, quote | kQuoteRead, kQuoted}) : kDead;
    }
    const u32 text = syntax_.texts().extend(s.a, byte, program_.typed);
    return syntax_.quoted_alive(s.parse, text, static_cast<u8>(quote)) ? intern({s.parse, text, quote, kQuoted})
                                                                       : kDead;
}

// A string that may be a date so far.
u32 SqlAutomaton::date(const State& s, u8 byte) {
    const u32 read = s.b >> 8;
    const bool text = syntax_.known(s.parse).has(SqlLiteral::kString);
    if (byte == 0) return kDead;
    if (byte == '\'')
        return sql_date_ends(read) ? intern({s.parse, 0, read << 8 | 1, kString})
               : text              ? intern({s.parse, 0, 1, kString})
                                   : kDead;
    if (const u32 more = sql_date_step(read, byte)) return intern({s.parse, 0, more << 8, kString});
    const u32 utf8 = sql_utf8(0, byte);
    return text && utf8 != NONE ? intern({s.parse, utf8, 0, kString}) : kDead;
}

u32 SqlAutomaton::step_slow(u32 state, u8 byte) {
    const u32 to = state == kDead ? kDead : step_new(states_[state], byte);
    steps_.insert(static_cast<u64>(state) << 8 | byte, to);
    return to;
}

u32 SqlAutomaton::step_new(const State& s, u8 byte) {
    switch (s.kind) {
        case kGap:
            return sql_space(byte) ? intern(s) : begin(s.parse, byte);
        case kWord:
            if (sql_word_byte(byte)) {
                const u32 text = syntax_.texts().extend(s.a, byte);
                return syntax_.word_alive(s.parse, text) ? intern({s.parse, text, 0, kWord}) : kDead;
            }
            if (byte == '\'' && syntax_.text(s.a).text == "x")
                return syntax_.known(s.parse).has(SqlLiteral::kBlob) ? intern({s.parse, 0, 0, kBlob}) : kDead;
            break;
        case kQuoted:
            if (s.b & kQuoteRead ? byte == (s.b & 255) && byte != ']' : true) return quoted(s, byte);
            break;
        case kNumber: {
            SqlNumber n{s.a, s.b};
            if (program_.typed ? n.step_counted(byte) : n.step(byte)) return number(s.parse, n);
            if (sql_word_byte(byte) || byte == '.') return kDead;
            break;
        }
        case kString:
            if (s.b >> 8 && !(s.b & 1)) return date(s, byte);
            if (s.b == 0) {
                if (byte == 0) return kDead;
                if (s.a == 0 && byte == '\'') return intern({s.parse, 0, 1, kString});
                const u32 next = sql_utf8(s.a, byte);
                return next == NONE ? kDead : intern({s.parse, next, 0, kString});
            }
            if (byte == '\'')
                return syntax_.known(s.parse).has(SqlLiteral::kString) ? intern({s.parse, 0, 0, kString}) : kDead;
            break;
        case kBlob:
            if (sql_hex(byte)) return intern({s.parse, s.a ^ 1, 0, kBlob});
            return byte == '\'' && s.a == 0 ? gap(syntax_.end_literal(s.parse, SqlLiteral::kBlob)) : kDead;
        case kOperator: {
            const u32 op = program_.signs.longer(s.a, byte);
            if (op == SqlOperators::kComment)
                return intern({s.parse, byte == '-' ? SqlComment::kLine : SqlComment::kBlock, 0, kComment});
            if (op == SqlOperators::kGlued) return kDead;
            if (op == NONE) break;
            return program_.signs.alive(syntax_.known(s.parse).operators, op) ? intern({s.parse, op, 0, kOperator})
                                                                              : kDead;
        }
        case kComment: {
            SqlComment c{s.a, s.b};
            const SqlComment::Step step = c.step(byte);
            return step == SqlComment::kEnd  ? gap(s.parse)
                   : step == SqlComment::kNo ? kDead
                                             : intern({s.parse, c.form, c.utf8, kComment});
        }
        case kParameter: {
            SqlParameter p(s.a, s.b);
            if (p.step(byte)) return parameter(s.parse, p);
            if (sql_word_byte(byte)) return kDead;
            break;
        }
    }
    const u32 ended = end_lexeme(s);
    return ended == SqlSyntax::kDead ? kDead : step(gap(ended), byte);
}

}  // namespace gcd
