#include "summaries.hpp"

#include <algorithm>

namespace gcd {

namespace {
// Each lexeme ends deeper in the trie than the one before it, but for the first (it may end where the token begins).
// Only what a damaged artefact brought goes on for longer.
struct Nested {
    u32& n;
    const u32 by;
    Nested(u32& count, u32 max_token_bytes, u32 more = 1) : n(count), by(more) {
        Reader::check(n <= 2 * max_token_bytes + 4, "rows lead in circles");
        n += by;
    }
    ~Nested() { n -= by; }
};
}  // namespace

Summaries::Summaries(Parser& parser, Rows& rows)
    : c_(parser.compiled()),
      parser_(parser),
      rows_(rows),
      local_(c_.positions(), parser.syntax()),
      sets_(c_.trie().words()) {}

// A row; while it is built, other threads may work here.
u32 Summaries::row_id(u32 nodes, u32 lexer_state, Work& work) {
    const u32 known = rows_.find(nodes, lexer_state);
    if (known != NONE) return known;
    struct Unlocked {
        Lock& lock;
        explicit Unlocked(Lock& held) : lock(held) { lock.unlock(); }
        ~Unlocked() { lock.lock(); }
    } unlocked(work.lock);
    return rows_.row_id(nodes, lexer_state);
}

u32 Summaries::intern(const Point& p) {
    u32 id = point_index_.find(p.hash(), [&](u32 i) { return points_[i] == p; });
    if (id != NONE) return id;
    id = static_cast<u32>(points_.size());
    points_.push_back(p);
    point_index_.add(p.hash(), id);
    bytes_ += sizeof(Point) + 64;
    return id;
}

u32 Summaries::intern(const Return& r) {
    u32 id = return_index_.find(r.hash(), [&](u32 i) { return returns_[i] == r; });
    if (id != NONE) return id;
    id = static_cast<u32>(returns_.size());
    returns_.push_back(r);
    return_index_.add(r.hash(), id);
    bytes_ += sizeof(Return) + 64;
    return id;
}

const Summaries::Summary* Summaries::Table::find(u32 set, u32 key, u32 scope, u32 side) {
    const u32 id = all_.find(pair_key(set, key));
    if (id == NONE) return take_saved(set, key, scope, side);
    if (!(id & kScoped)) return &summaries_[id];
    u32 one = scoped_.find(pair_key(id & ~kScoped, scope));
    if (one == NONE) one = scoped_.find(pair_key(id & ~kScoped, side));
    return one == NONE ? take_saved(set, key, scope, side) : &summaries_[one];
}

const Summaries::Summary& Summaries::Table::keep(u32 set, u32 key, u32 scope, u32 side, Summary s) {
    const u64 k = pair_key(set, key);
    const u32 id = static_cast<u32>(summaries_.size());
    const Needs needs = s.needs;
    summaries_.push_back(std::move(s));
    if (needs == NOTHING) {
        all_.insert(k, id);
        return summaries_.back();
    }
    u32 by_scope = all_.find(k);
    if (by_scope == NONE) {
        by_scope = static_cast<u32>(scoped_keys_.size()) | kScoped;
        scoped_keys_.push_back(k);
        all_.insert(k, by_scope);
    }
    scoped_.insert(pair_key(by_scope & ~kScoped, needs == SCOPE ? scope : side), id);
    return summaries_.back();
}

void Summaries::Table::clear() {
    summaries_.clear();
    all_.clear();
    scoped_.clear();
    scoped_keys_.clear();
}

const Summaries::Summary& Summaries::at_row(u32 set, u32 row, u32 scope, Work& work) {
    if (const Summary* known = rows_of_.find(set, row, scope, side(scope))) return *known;
    const Nested nested(work.nested, c_.trie().max_token_bytes);
    Sum sum{work};
    work_out(set, row, scope, sum);
    if (const Summary* known = rows_of_.find(set, row, scope, side(scope))) return *known;  // another thread's
    ++worked_out_;
    return rows_of_.keep(set, row, scope, side(scope), finish(sum, scope));
}

const Summaries::Summary& Summaries::at_point(u32 set, u32 point, u32 scope, Work& work) {
    if (const Summary* known = points_of_.find(set, point, scope, side(scope))) return *known;
    Sum sum{work};
    if (points_[point].due()) {
        follow_due(set, points_[point], scope, sum);
    } else {
        follow(set, point, scope, sum);
    }
    if (const Summary* known = points_of_.find(set, point, scope, side(scope))) return *known;
    return points_of_.keep(set, point, scope, side(scope), finish(sum, scope));
}

Summaries::Summary Summaries::finish(Sum& sum, u32 scope) {
    Summary out;
    out.tokens = sets_.unite(sum.sets, sum.groups);
    out.needs = sum.needs;
    for (Exit& e : sum.exits)
        if (e.scope == scope) e.scope = UNCHANGED;
    std::sort(sum.exits.begin(), sum.exits.end());
    sum.exits.erase(std::unique(sum.exits.begin(), sum.exits.end()), sum.exits.end());
    out.exits.assign(sum.exits.begin(), sum.exits.end());
    bytes_ += sizeof(Summary) + out.exits.size() * sizeof(Exit) + 64;
    return out;
}

void Summaries::add(const Summary& s, u32 scope, Sum& sum) {
    sum.sets.push_back(s.tokens);
    sum.needs = std::max(sum.needs, s.needs);
    for (const Exit& e : s.exits) sum.exits.push_back({e.ret, e.scope == UNCHANGED ? scope : e.scope});
}

void Summaries::work_out(u32 id, u32 row_id, u32 scope, Sum& sum) {
    const LocalSet& s = local_.set(id);
    const Row& row = rows_.row(row_id);
    const IndentedSyntax* indented = parser_.indented();
    Bits wider;
    const Bits* own = &s.own;
    if (indented && bits_meet(row.symbols, indented->newlines())) {
        sum.needs = std::max(sum.needs, IF_BRACKETS);
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
        const Summary& called = at_row(entry, row_id, scope, sum.work);
        sum.sets.push_back(called.tokens);
        sum.needs = std::max(sum.needs, called.needs);
        for (const Exit& e : called.exits) after_call(id, k, {e.ret, e.scope == UNCHANGED ? scope : e.scope}, sum);
    }
}

// Over a lexeme that ends inside a token.
void Summaries::take(u32 set, const RowExit& e, u32 scope, Sum& sum) {
    Point p{e.nodes, e.ctx};
    if (c_.is_ignored_symbol(e.symbol)) return add(at_point(set, intern(p), scope, sum.work), scope, sum);
    if (IndentedSyntax* indented = parser_.indented()) {
        const Alphabet& a = c_.positions().alphabet;
        const u32 terminal = a.terminal(e.symbol);
        if (indented->watches(terminal)) {
            const IndentedSyntax::Effect effect = indented->effect(scope, terminal, e.column);
            sum.needs = std::max(sum.needs, effect.dropped ? IF_BRACKETS : SCOPE);
            if (effect.dead) return;
            if (effect.dropped) return add(at_point(set, intern(p), scope, sum.work), scope, sum);
            scope = effect.scope;
            p.indents = effect.indents;
            p.dedents = effect.dedents;
            p.cls = p.due() ? e.symbol % a.n_classes : 0;
        }
    }
    take_step(local_.step(set, e.symbol), intern(p), scope, sum);
}

void Summaries::take_step(const LocalStep& step, u32 point, u32 scope, Sum& sum) {
    for (u32 f : step.returns) sum.exits.push_back({intern(Return{point, step.lexset, f}), scope});
    if (step.set != NONE) add(at_point(step.set, point, scope, sum.work), scope, sum);
}

void Summaries::follow(u32 set, u32 point, u32 scope, Sum& sum) {
    const Point p = points_[point];
    for (u32 part : local_.set(set).parts) {
        const LocalSet& s = local_.set(part);
        auto wanted = [&](const Bits& symbols) {
            return bits_meet(symbols, s.all) ||
                   (parser_.indented() && bits_meet(symbols, parser_.indented()->newlines()));
        };
        c_.lexer().each(c_.lexer().start(s.lex_id, p.ctx), [&](u32 begin) {
            // A guess that nothing wanted here goes with needs no row. (Where a token must not end, more is live than
            // `live` says.)
            if (c_.trie().byte_complete && !wanted(c_.live(begin))) return;
            const u32 row = row_id(p.nodes, begin, sum.work);
            if (wanted(rows_.row(row).symbols)) add(at_row(part, row, scope, sum.work), scope, sum);
        });
    }
}

// INDENT or DEDENTs, which the parser takes before the text goes on.
void Summaries::follow_due(u32 set, Point p, u32 scope, Sum& sum) {
    const IndentationSpec& spec = parser_.indented()->spec();
    const u32 symbol = c_.positions().alphabet.symbol(p.indents ? spec.indent : spec.dedent, p.cls);
    --(p.indents ? p.indents : p.dedents);
    if (!p.due()) p.cls = 0;
    const u32 point = intern(p);
    const LocalSet& s = local_.set(set);
    if (bits_get(s.own, symbol)) take_step(local_.step(set, symbol), point, scope, sum);
    for (u32 k = 0; k < s.calls.size(); ++k) {
        if (!bits_get(local_.set(s.calls[k].entry).own, symbol)) continue;
        Sum inner{sum.work};  // in the frame of the nonterminal called
        take_step(local_.step(s.calls[k].entry, symbol), point, scope, inner);
        sum.sets.insert(sum.sets.end(), inner.sets.begin(), inner.sets.end());
        sum.needs = std::max(sum.needs, inner.needs);
        for (const Exit& e : inner.exits) after_call(set, k, e, sum);
    }
}

void Summaries::after_call(u32 set, u32 call, const Exit& e, Sum& sum) {
    const Return r = returns_[e.ret];
    take_step(local_.after_call(set, call, r.lexset, r.forbid), r.point, e.scope, sum);
}

u32 Summaries::known_beyond(u32 frame, const Exit& e) const {
    for (u32 i = beyond_index_.find(pair_key(frame, e.ret)); i != NONE; i = beyond_[i].next)
        if (beyond_[i].scope == e.scope) return beyond_[i].tokens;
    return NONE;
}

// What follows a frame whose nonterminal was completed inside a token.
u32 Summaries::beyond(u32 frame, const Exit& e, Work& work) {
    u32 out = known_beyond(frame, e);
    if (out != NONE) return out;
    const Return r = returns_[e.ret];
    // One newline may close many levels, and frames with them, without a byte in between: those don't count.
    const Nested nested(work.nested, c_.trie().max_token_bytes, points_[r.point].due() ? 0 : 1);
    std::vector<u32> sets;
    for (const LocalSets::Group& g : local_.of_continuation(frame, r.lexset, r.forbid)) {
        const Summary& s = at_point(g.set, r.point, e.scope, work);
        sets.push_back(s.tokens);
        for (const Exit& x : s.exits)
            sets.push_back(beyond(g.frame, {x.ret, x.scope == UNCHANGED ? e.scope : x.scope}, work));
    }
    out = known_beyond(frame, e);
    if (out != NONE) return out;  // another thread's
    out = sets_.unite(sets);
    const u64 key = pair_key(frame, e.ret);
    const u32 known = beyond_index_.find(key), id = static_cast<u32>(beyond_.size());
    beyond_.push_back({e.scope, out, known == NONE ? NONE : beyond_[known].next});
    if (known == NONE) {
        beyond_index_.insert(key, id);
    } else {
        beyond_[known].next = id;
    }
    bytes_ += 64;
    beyond_bytes_ += 64;
    return out;
}

u64 Summaries::shape(u32 state) {
    u64 h = 107;
    for (const LocalSets::Group& g : local_.of_state(parser_.plain_state(state))) h = mix(h, g.set);
    return h;
}

u32 Summaries::tokens_after(const Reading& r, Lock& lock) {
    Work work{lock};
    const u32 row = row_id(Rows::kRootNodes, r.lexer, work);
    const u32 scope = parser_.scope(r.syntax);
    std::vector<u32> sets;
    for (const LocalSets::Group& g : local_.of_state(parser_.plain_state(r.syntax))) {
        const Summary& s = at_row(g.set, row, scope, work);
        sets.push_back(s.tokens);
        for (const Exit& e : s.exits)
            sets.push_back(beyond(g.frame, {e.ret, e.scope == UNCHANGED ? scope : e.scope}, work));
    }
    return sets_.unite(sets);
}

void Summaries::forget_all() {
    forget_frames();
    rows_of_.clear();
    points_of_.clear();
    sets_.clear();
    // An artefact's points and returns stay: its summaries can still be asked for.
    points_.resize(n_saved_points_);
    returns_.resize(n_saved_returns_);
    point_index_.clear();
    return_index_.clear();
    bytes_ = points_.size() * (sizeof(Point) + 64) + returns_.size() * (sizeof(Return) + 64);
}

void Summaries::forget_frames() {
    bytes_ -= beyond_bytes_;
    beyond_bytes_ = 0;
    beyond_.clear();
    beyond_index_.clear();
    local_.forget_groups();
}

}  // namespace gcd
