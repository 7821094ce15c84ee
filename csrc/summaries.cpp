#include "summaries.hpp"

#include <algorithm>

namespace gcd {

Summaries::Summaries(Compiled& c, Rows& rows)
    : c_(c), rows_(rows), local_(c.positions(), c.syntax()), sets_(c.trie().words()) {}

u32 Summaries::intern(const Return& r) {
    u64 h = 101;
    for (u32 x : {r.point.nodes, r.point.ctx, r.point.scope, r.point.indents, r.point.dedents, r.point.cls, r.lexset,
                  r.forbid})
        h = mix(h, x);
    auto [lo, hi] = return_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it) {
        const Return& o = returns_[it->second];
        if (o.point == r.point && o.lexset == r.lexset && o.forbid == r.forbid) return it->second;
    }
    const u32 id = static_cast<u32>(returns_.size());
    returns_.push_back(r);
    return_index_.emplace(h, id);
    bytes_ += sizeof(Return) + 48;
    return id;
}

u32 Summaries::relative(u32 ret, u32 scope) {
    if (!c_.indented() || returns_[ret].point.scope != scope) return ret;
    Return r = returns_[ret];
    r.point.scope = UNCHANGED;
    return intern(r);
}

u32 Summaries::absolute(u32 ret, u32 scope) {
    if (!c_.indented() || returns_[ret].point.scope != UNCHANGED) return ret;
    Return r = returns_[ret];
    r.point.scope = scope;
    return intern(r);
}

void Summaries::add_return(const Return& r, Sum& sum) {
    sum.returns.push_back(intern(r));
}

const Summaries::Summary& Summaries::summary(u32 set, u32 row, u32 scope) {
    const Summary* known = find(set, row, scope);
    if (known) return *known;
    ++worked_out_;
    return keep(set, row, scope, work_out(set, row, scope));
}

const Summaries::Summary* Summaries::find(u32 set, u32 row, u32 scope) {
    auto it = index_.find(pair_key(set, row));
    if (it == index_.end()) return nullptr;
    if (!it->second.scoped) return &it->second;
    auto scoped = scoped_index_.find({set, row, scope});
    return scoped == scoped_index_.end() ? nullptr : &scoped->second;
}

const Summaries::Summary& Summaries::keep(u32 set, u32 row, u32 scope, Summary s) {
    bytes_ += sizeof(Summary) + s.returns.size() * 4 + 64;
    const bool scoped = s.scoped;
    Summary general;
    general.scoped = true;
    Summary& in_all = index_[pair_key(set, row)];
    in_all = scoped ? std::move(general) : std::move(s);
    return scoped ? scoped_index_[{set, row, scope}] = std::move(s) : in_all;
}

Summaries::Summary Summaries::work_out(u32 id, u32 row_id, u32 scope) {
    // Each exit lies deeper in the trie, but for the first (the lexeme may end where the token begins). Only the rows
    // of a damaged artefact go on for longer.
    struct Nested {
        u32& n;
        explicit Nested(u32& count) : n(count) { ++n; }
        ~Nested() { --n; }
    } nested(nested_);
    Reader::check(nested_ <= 2 * c_.trie().max_token_bytes + 4, "rows lead in circles");
    const LocalSet& s = local_.set(id);
    const Row& row = rows_.row(row_id);
    const IndentedSyntax* indented = c_.indented();
    Sum sum;
    Bits wider;
    const Bits* own = &s.own;
    if (indented && bits_meet(row.symbols, indented->newlines())) {
        sum.scoped = true;
        if (!s.entry && indented->in_parens(scope)) {
            wider = s.own;
            bits_or(wider, indented->newlines());
            own = &wider;
        }
    }
    for (const RowGroup& g : row.groups)
        if (bits_meet(c_.live_set(g.live_set), *own)) sum.groups.push_back(&g.tokens);
    for (const RowExit& e : row.exits)
        if (bits_get(*own, e.symbol)) take(id, e, scope, sum);
    for (u32 k = 0; k < s.calls.size(); ++k) {
        const u32 entry = s.calls[k].entry;
        if (!bits_meet(row.symbols, local_.set(entry).own)) continue;
        const Summary& called = summary(entry, row_id, scope);
        sum.sets.push_back(called.tokens);
        sum.scoped |= called.scoped;
        const std::vector<u32> returns = called.returns;
        for (u32 r : returns) after_call(id, k, returns_[absolute(r, scope)], sum);
    }
    Summary out;
    out.tokens = sets_.unite(sum.sets, sum.groups);
    out.scoped = sum.scoped;
    for (u32 r : sum.returns) out.returns.push_back(relative(r, scope));
    std::sort(out.returns.begin(), out.returns.end());
    out.returns.erase(std::unique(out.returns.begin(), out.returns.end()), out.returns.end());
    return out;
}

// Over a lexeme that ends inside a token.
void Summaries::take(u32 set, const RowExit& e, u32 scope, Sum& sum) {
    Point p{e.nodes, e.ctx, scope, 0, 0, 0};
    if (c_.is_ignored_symbol(e.symbol)) return follow(set, p, sum);
    if (IndentedSyntax* indented = c_.indented()) {
        const Alphabet& a = c_.positions().alphabet;
        const u32 terminal = a.terminal(e.symbol);
        if (indented->watches(terminal)) {
            sum.scoped = true;
            const IndentedSyntax::Effect effect = indented->effect(scope, terminal, e.column);
            if (effect.dead) return;
            if (effect.dropped) return follow(set, p, sum);
            p.scope = effect.scope;
            p.indents = effect.indents;
            p.dedents = effect.dedents;
            p.cls = effect.indents || effect.dedents ? e.symbol % a.n_classes : 0;
        }
    }
    const LocalStep& step = local_.step(set, e.symbol);
    const u32 next = step.set, lexset = step.lexset;
    for (u32 f : step.returns) add_return({p, lexset, f}, sum);
    if (next != NONE) follow(next, p, sum);
}

void Summaries::follow(u32 set, const Point& p, Sum& sum) {
    if (p.indents || p.dedents) return follow_due(set, p, sum);
    const std::vector<u32>& parts = local_.set(set).parts;
    for (u32 part : parts) {
        const LocalSet& s = local_.set(part);
        c_.lexer().each(c_.lexer().start(s.lex_id, p.ctx), [&](u32 begin) {
            const u32 row = rows_.row_id(p.nodes, begin);
            const Bits& symbols = rows_.row(row).symbols;
            if (!bits_meet(symbols, s.all) && !(c_.indented() && bits_meet(symbols, c_.indented()->newlines())))
                return;
            const Summary& x = summary(part, row, p.scope);
            sum.sets.push_back(x.tokens);
            sum.scoped |= x.scoped;
            const std::vector<u32>& returns = x.returns;
            for (size_t i = 0; i < returns.size(); ++i) sum.returns.push_back(absolute(returns[i], p.scope));
        });
    }
}

// INDENT or DEDENTs, which the parser takes before the text goes on.
void Summaries::follow_due(u32 set, Point p, Sum& sum) {
    const IndentationSpec& spec = c_.indented()->spec();
    const u32 symbol = c_.positions().alphabet.symbol(p.indents ? spec.indent : spec.dedent, p.cls);
    --(p.indents ? p.indents : p.dedents);
    if (!p.indents && !p.dedents) p.cls = 0;
    const LocalSet& s = local_.set(set);
    if (bits_get(s.own, symbol)) {
        const LocalStep& step = local_.step(set, symbol);
        const u32 next = step.set, lexset = step.lexset;
        for (u32 f : step.returns) add_return({p, lexset, f}, sum);
        if (next != NONE) follow(next, p, sum);
    }
    for (u32 k = 0; k < s.calls.size(); ++k) {
        if (!bits_get(local_.set(s.calls[k].entry).own, symbol)) continue;
        Sum inner;  // in the frame of the nonterminal called
        const LocalStep& step = local_.step(s.calls[k].entry, symbol);
        const u32 next = step.set, lexset = step.lexset;
        for (u32 f : step.returns) add_return({p, lexset, f}, inner);
        if (next != NONE) follow(next, p, inner);
        sum.sets.insert(sum.sets.end(), inner.sets.begin(), inner.sets.end());
        sum.scoped |= inner.scoped;
        for (u32 r : inner.returns) after_call(set, k, returns_[r], sum);
    }
}

void Summaries::after_call(u32 set, u32 call, Return r, Sum& sum) {
    const LocalStep& step = local_.after_call(set, call, r.lexset, r.forbid);
    const u32 next = step.set;
    for (u32 f : step.returns) {
        r.forbid = f;
        add_return(r, sum);
    }
    if (next != NONE) follow(next, r.point, sum);
}

// What follows a frame whose nonterminal was completed inside a token.
u32 Summaries::beyond(u32 frame, u32 ret, u32 scope) {
    ret = absolute(ret, scope);
    auto known = beyond_.find(pair_key(frame, ret));
    if (known != beyond_.end()) return known->second;
    const Return r = returns_[ret];
    std::vector<u32> sets;
    const std::vector<LocalSets::Group> groups = local_.of_continuation(frame, r.lexset, r.forbid);
    for (const LocalSets::Group& g : groups) {
        Sum sum;
        follow(g.set, r.point, sum);
        sets.insert(sets.end(), sum.sets.begin(), sum.sets.end());
        std::sort(sum.returns.begin(), sum.returns.end());
        sum.returns.erase(std::unique(sum.returns.begin(), sum.returns.end()), sum.returns.end());
        for (u32 further : sum.returns) sets.push_back(beyond(g.frame, further, r.point.scope));
    }
    const u32 out = sets_.unite(sets);
    beyond_.emplace(pair_key(frame, ret), out);
    bytes_ += 32;
    return out;
}

u32 Summaries::tokens_after(const Reading& r) {
    const u32 row = rows_.row_id(Rows::kRootNodes, r.lexer);
    const u32 scope = c_.scope(r.syntax);
    std::vector<u32> sets;
    const std::vector<LocalSets::Group> groups = local_.of_state(c_.plain_state(r.syntax));
    for (const LocalSets::Group& g : groups) {
        const Summary& s = summary(g.set, row, scope);
        sets.push_back(s.tokens);
        const std::vector<u32> returns = s.returns;
        for (u32 ret : returns) sets.push_back(beyond(g.frame, ret, scope));
    }
    return sets_.unite(sets);
}

void Summaries::forget_all() {
    forget_frames();
    index_.clear();
    scoped_index_.clear();
    sets_.clear();
    bytes_ = returns_.size() * (sizeof(Return) + 48);
}

void Summaries::forget_frames() {
    bytes_ -= beyond_.size() * 32;
    beyond_.clear();
    local_.forget_groups();
}

void Summaries::save(Writer&, Writer&) {}
void Summaries::restore(Reader&, Reader&) {}

}  // namespace gcd
