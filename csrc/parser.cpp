#include "parser.hpp"

namespace gcd {

Parser::Parser(Compiled& c, const CoreLimits& limits)
    : c_(c), syntax_(c.positions(), limits.max_parser_states, std::max<u64>(2 * limits.memo_bytes, 1u << 26)) {
    const GrammarTables& tables = c.tables();
    if (tables.indentation.enabled)
        indented_ =
            std::make_unique<IndentedSyntax>(syntax_, c.positions(), tables.indentation, limits.max_parser_states);
    for (u32 i = 0; i < tables.starts.size(); ++i) {
        u32 s = syntax_.start(i, tables.starts[i]);
        if (s != NONE && indented_) s = indented_->start(s);
        starts_.push_back(s);
        bool alive = false;
        for (const Reading& r : start(i)) alive |= viable(r) || complete(r);
        if (!alive) starts_[i] = NONE;
    }
}

Readings Parser::start(u32 i) {
    Readings out;
    if (starts_[i] == NONE) return out;
    Lexer& lx = c_.lexer();
    lx.each(lx.start(lex_id(starts_[i]), lx.first_context()), [&](u32 l) { out.push_back({starts_[i], l}); });
    return out;
}

bool Parser::complete(const Reading& r) {
    const LexState& l = c_.lexer().state(r.lexer);
    if (l.start) return c_.lexer().context(l.ctx).eof_ok && accepts(r.syntax);
    for (u32 i = 0; i < l.accepts.size(); ++i) {
        if (!c_.lexer().context(l.accepts[i].ctx).eof_ok) continue;
        const u32 s = after(r.syntax, c_.accept_symbol(r.lexer, i, 0), l.accepts[i].column);
        if (s != NONE && accepts(s)) return true;
    }
    return false;
}

void Parser::advance(const Readings& in, u8 byte, u32 node, Readings& out) {
    Lexer& lx = c_.lexer();
    const u32 cls = lx.byte_class[byte];
    if (cls == NONE) return;
    // Where each terminal is lexed on its own, an ambiguous text has many readings that agree on the lexeme at hand. As
    // one state they go on together; apart they would multiply with every lexeme.
    const bool merge = lx.independent() && !indented_;
    auto add = [&](u32 syntax, u32 lexer) {
        const Reading r{syntax, lexer};
        for (Reading& o : out) {
            if (o == r) return;
            if (!merge || o.lexer != lexer) continue;
            o.syntax = syntax_.unite(o.syntax, syntax);
            return;
        }
        out.push_back(r);
    };
    for (const Reading& r : in) {
        lx.each(lx.step_class(r.lexer, cls), [&](u32 l) { add(r.syntax, l); });
        const LexState& s = lx.state(r.lexer);
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            const u32 ctx = s.accepts[i].ctx;
            if (lx.context_dies(ctx)[cls]) continue;
            const u32 p = after(r.syntax, c_.accept_symbol(r.lexer, i, node), s.accepts[i].column);
            if (p == NONE) continue;
            lx.each(lx.start(lex_id(p), ctx),
                    [&](u32 begin) { lx.each(lx.step_class(begin, cls), [&](u32 l) { add(p, l); }); });
        }
    }
}

void Parser::carry(const Parser& from, std::vector<Reading*>& readings) {
    std::vector<u32> states;
    for (const Reading* r : readings) states.push_back(r->syntax);
    if (indented_) {
        indented_->carry(*from.indented_, states);
    } else {
        syntax_.carry(from.syntax_, states);
    }
    for (size_t i = 0; i < readings.size(); ++i) readings[i]->syntax = states[i];
}

}  // namespace gcd
