#include "indentation.hpp"

#include <algorithm>

namespace gcd {

IndentedSyntax::IndentedSyntax(SyntaxAutomaton& syntax, Positions& positions, IndentationSpec spec, u32 max_states)
    : syntax_(syntax), positions_(positions), spec_(std::move(spec)), max_states_(max_states) {
    for (u32 k = 0; k < positions_.alphabet.n_classes; ++k)
        bits_set(newlines_, positions_.alphabet.symbol(spec_.newline, k));
    levels_.push_back({0, 0});  // 0: the level that is always open
    std::lock_guard<std::mutex> lock(mutex_);
    intern_scope(0, 0);
}

u32 IndentedSyntax::start(u32 s) {
    std::lock_guard<std::mutex> lock(mutex_);
    return intern(s, 0);
}

u32 IndentedSyntax::intern(u32 syntax, u32 scope) {
    const u64 key = pair_key(syntax, scope) + 1;
    const u32 known = state_index_.find(key);
    if (known != NONE) return known;
    State s;
    s.syntax = syntax;
    s.scope = scope;
    s.viable = syntax_.state(syntax).viable;
    if (in_parens(scope)) bits_or(s.viable, newlines_);
    if (n_states() >= max_states_)
        throw CoreError(ErrorKind::limit_parser_states, n_states(), "too many parser states with indentation");
    const u32 id = states_.push_back(std::move(s));
    state_index_.insert(key, id);
    full_ = n_states() - carried_ > (max_states_ - carried_) / 2;
    return id;
}

void IndentedSyntax::carry(const IndentedSyntax& from, std::vector<u32>& states) {
    std::vector<u32> syntax, scopes;
    for (u32 s : states) {
        syntax.push_back(from.state(s).syntax);
        scopes.push_back(scope_of(from.describe(from.state(s).scope)));
    }
    syntax_.carry(from.syntax_, syntax);
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < states.size(); ++i) {
        const u32 before = n_states();
        states[i] = intern(syntax[i], scopes[i]);
        carried_ += n_states() - before;
    }
    full_ = n_states() - carried_ > (max_states_ - carried_) / 2;
}

u32 IndentedSyntax::intern_scope(u32 levels, u32 parens) {
    const u64 key = pair_key(levels, parens) + 1;
    const u32 known = scope_index_.find(key);
    if (known != NONE) return known;
    const u32 id = scopes_.push_back({levels, parens});
    scope_index_.insert(key, id);
    return id;
}

u32 IndentedSyntax::push(u32 levels, u32 column) {
    auto [it, fresh] = level_index_.try_emplace(pair_key(levels, column), 0);
    if (fresh) it->second = levels_.push_back({levels, column});
    return it->second;
}

std::vector<u32> IndentedSyntax::describe(u32 scope) const {
    std::vector<u32> out{scopes_[scope].parens};
    for (u32 l = scopes_[scope].levels; l != 0; l = levels_[l].below) out.push_back(levels_[l].column);
    return out;
}

u32 IndentedSyntax::scope_of(const std::vector<u32>& d) {
    std::lock_guard<std::mutex> lock(mutex_);
    u32 levels = 0;
    for (size_t i = d.size(); i-- > 1;) levels = push(levels, d[i]);
    return intern_scope(levels, d[0]);
}

IndentedSyntax::Effect IndentedSyntax::effect(u32 scope, u32 terminal, u32 column) {
    Effect e;
    e.scope = scope;
    u32 levels = scopes_[scope].levels, parens = scopes_[scope].parens;
    if (terminal == spec_.newline) {
        if (parens) {
            e.dropped = true;
            return e;
        }
        e.dead = column == NONE;  // a newline lexeme without a line end
        if (e.dead || column == levels_[levels].column) return e;
        std::lock_guard<std::mutex> lock(mutex_);
        if (column > levels_[levels].column) {
            e.indents = 1;
            levels = push(levels, column);
        } else {
            for (; column < levels_[levels].column; ++e.dedents) levels = levels_[levels].below;
            e.dead = column != levels_[levels].column;
        }
        if (!e.dead) e.scope = intern_scope(levels, 0);
    } else if (contains(spec_.open, terminal)) {
        std::lock_guard<std::mutex> lock(mutex_);
        e.scope = intern_scope(levels, parens + 1);
    } else if (contains(spec_.close, terminal)) {
        e.dead = parens == 0;
        std::lock_guard<std::mutex> lock(mutex_);
        if (!e.dead) e.scope = intern_scope(levels, parens - 1);
    }
    return e;
}

u32 IndentedSyntax::step(u32 s, u32 terminal, u32 cls) {
    const u32 symbol = positions_.alphabet.symbol(terminal, cls);
    return bits_get(syntax_.state(s).viable, symbol) ? syntax_.step(s, symbol) : NONE;
}

u32 IndentedSyntax::after(u32 id, u32 symbol, u32 column) {
    const Alphabet& a = positions_.alphabet;
    const u32 terminal = a.terminal(symbol), cls = symbol % a.n_classes;
    const State& s = states_[id];
    if (terminal == a.n_terminals) return id;
    const u64 key = pair_key(id, symbol);
    if (terminal != spec_.newline) {
        std::lock_guard<std::mutex> lock(mutex_);
        auto known = memo_.find(key);
        if (known != memo_.end()) return known->second;
    }
    const Effect e = effect(s.scope, terminal, column);
    if (e.dropped) return id;
    u32 next = e.dead ? NONE : step(s.syntax, terminal, cls);
    if (next != NONE && e.indents) next = step(next, spec_.indent, cls);
    for (u32 i = 0; i < e.dedents && next != NONE; ++i) next = step(next, spec_.dedent, cls);
    std::lock_guard<std::mutex> lock(mutex_);
    if (next != NONE) next = intern(next, e.scope);
    if (terminal != spec_.newline) memo_.emplace(key, next);
    return next;
}

bool IndentedSyntax::accepts(u32 id) {
    std::lock_guard<std::mutex> lock(mutex_);
    State& s = states_[id];
    if (s.accepts < 0) {
        u32 syntax = s.syntax;
        for (u32 levels = scopes_[s.scope].levels; syntax != NONE && levels != 0; levels = levels_[levels].below) {
            // The levels close at the end of the text, whatever boundary it ended in.
            u32 next = NONE;
            for (u32 k = 0; k < positions_.alphabet.n_classes && next == NONE; ++k)
                next = step(syntax, spec_.dedent, k);
            syntax = next;
        }
        s.accepts = syntax != NONE && syntax_.state(syntax).accepts;
    }
    return s.accepts == 1;
}

}  // namespace gcd
