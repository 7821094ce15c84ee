#include "indentation.hpp"

#include <algorithm>

namespace gcd {

IndentedSyntax::IndentedSyntax(SyntaxAutomaton& syntax, IndentationSpec spec)
    : syntax_(syntax), spec_(std::move(spec)) {
    levels_.push_back({0, 0, 53});
}

u32 IndentedSyntax::start(u32 s) {
    std::lock_guard<std::mutex> lock(mutex_);
    return intern(s, 0, 0);
}

u32 IndentedSyntax::intern(u32 syntax, u32 levels, u32 parens) {
    const u64 h = mix(mix(mix(47, syntax), levels), parens);
    const u32 known = state_index_.find_if(h, [&](u32 id) {
        const State& s = states_[id];
        return s.syntax == syntax && s.levels == levels && s.parens == parens;
    });
    if (known != NONE) return known;
    State s;
    s.syntax = syntax;
    s.levels = levels;
    s.parens = parens;
    s.viable = syntax_.state(syntax).viable;
    if (parens)
        for (u32 k = 0; k < syntax_.alphabet().n_classes; ++k)
            bits_set(s.viable, syntax_.alphabet().symbol(spec_.newline, k));
    const u32 id = states_.push_back(std::move(s));
    state_index_.insert(h, id);
    return id;
}

u32 IndentedSyntax::push(u32 levels, u32 column) {
    auto [it, fresh] = level_index_.try_emplace(static_cast<u64>(levels) << 32 | column, 0);
    if (fresh) it->second = levels_.push_back({levels, column, mix(levels_[levels].hash, column)});
    return it->second;
}

u32 IndentedSyntax::step(u32 s, u32 terminal, u32 cls, u32* read) {
    const u32 symbol = syntax_.alphabet().symbol(terminal, cls);
    if (!bits_get(syntax_.state(s).viable, symbol)) return NONE;
    const u32 next = syntax_.step(s, symbol);
    if (read) *read = std::min(*read, syntax_.step_reads(s, symbol));
    return next;
}

u32 IndentedSyntax::after(u32 id, u32 symbol, u32 column, u32* read) {
    const Alphabet& a = syntax_.alphabet();
    const u32 terminal = a.terminal(symbol), cls = symbol % a.n_classes;
    const State& s = states_[id];
    if (terminal == a.n_terminals) return id;
    if (terminal == spec_.newline && s.parens) return id;
    if (terminal == spec_.newline && column == NONE) return NONE;  // a newline lexeme without a line end
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 key = static_cast<u64>(id) << 32 | symbol;
    if (terminal != spec_.newline) {
        auto it = memo_.find(key);
        if (it != memo_.end()) {
            if (read) *read = std::min(*read, it->second.second);
            return it->second.first;
        }
    }
    u32 r = NONE;
    u32 next = step(s.syntax, terminal, cls, &r);
    u32 levels = s.levels, parens = s.parens;
    if (next != NONE) {
        if (terminal == spec_.newline) {
            if (column > levels_[levels].column) {
                next = step(next, spec_.indent, cls, &r);
                levels = push(levels, column);
            } else {
                while (next != NONE && column < levels_[levels].column) {
                    next = step(next, spec_.dedent, cls, &r);
                    levels = levels_[levels].below;
                }
                if (column != levels_[levels].column) next = NONE;
            }
        } else if (std::find(spec_.open.begin(), spec_.open.end(), terminal) != spec_.open.end()) {
            ++parens;
        } else if (std::find(spec_.close.begin(), spec_.close.end(), terminal) != spec_.close.end()) {
            if (parens == 0)
                next = NONE;
            else
                --parens;
        }
    }
    const u32 out = next == NONE ? NONE : intern(next, levels, parens);
    if (terminal != spec_.newline) memo_[key] = {out, r};
    if (read) *read = std::min(*read, r);
    return out;
}

u32 IndentedSyntax::intern_single(u32 single, u32 levels, u32 parens) {
    const u64 h = mix(mix(mix(79, single), levels), parens);
    auto [lo, hi] = single_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it) {
        const Single& s = singles_[it->second];
        if (s.single == single && s.levels == levels && s.parens == parens) return it->second;
    }
    Single s{single, levels, parens, syntax_.single(single).viable};
    if (parens)
        for (u32 k = 0; k < syntax_.alphabet().n_classes; ++k)
            bits_set(s.viable, syntax_.alphabet().symbol(spec_.newline, k));
    const u32 id = singles_.push_back(std::move(s));
    single_index_.emplace(h, id);
    return id;
}

void IndentedSyntax::singles(u32 id, std::vector<u32>& out) {
    const State& s = states_[id];
    const std::vector<u32>& plain = syntax_.singles(s.syntax);
    std::lock_guard<std::mutex> lock(mutex_);
    out.clear();
    for (u32 p : plain) out.push_back(intern_single(p, s.levels, s.parens));
}

void IndentedSyntax::after_single(u32 id, u32 symbol, u32 column, u32& read, std::vector<u32>& out) {
    const Alphabet& a = syntax_.alphabet();
    const u32 terminal = a.terminal(symbol), cls = symbol % a.n_classes;
    const Single s = singles_[id];
    out.clear();
    if (!bits_get(s.viable, symbol) || (terminal == spec_.newline && !s.parens && column == NONE)) return;
    if (terminal == a.n_terminals || (terminal == spec_.newline && s.parens)) {
        out.push_back(id);
        return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<u32> at = syntax_.step_single(s.single, symbol, read);
    u32 levels = s.levels, parens = s.parens;
    auto take = [&](u32 t) {
        std::vector<u32> next;
        for (u32 x : at) {
            const u32 sym = a.symbol(t, cls);
            if (!bits_get(syntax_.single(x).viable, sym)) continue;
            const std::vector<u32>& more = syntax_.step_single(x, sym, read);
            next.insert(next.end(), more.begin(), more.end());
        }
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        at = std::move(next);
    };
    if (terminal == spec_.newline) {
        if (column > levels_[levels].column) {
            take(spec_.indent);
            levels = push(levels, column);
        } else {
            while (!at.empty() && column < levels_[levels].column) {
                take(spec_.dedent);
                levels = levels_[levels].below;
            }
            if (column != levels_[levels].column) at.clear();
        }
    } else if (std::find(spec_.open.begin(), spec_.open.end(), terminal) != spec_.open.end()) {
        ++parens;
    } else if (std::find(spec_.close.begin(), spec_.close.end(), terminal) != spec_.close.end()) {
        if (parens == 0)
            at.clear();
        else
            --parens;
    }
    for (u32 x : at) out.push_back(intern_single(x, levels, parens));
}

bool IndentedSyntax::accepts(u32 id, u32* read) {
    std::lock_guard<std::mutex> lock(mutex_);
    State& s = states_[id];
    if (s.accepts < 0) {
        u32 syntax = s.syntax, levels = s.levels, r = NONE;
        while (syntax != NONE && levels != 0) {
            // The levels close at the end of the text, whatever boundary it ended in.
            u32 next = NONE;
            for (u32 k = 0; k < syntax_.alphabet().n_classes && next == NONE; ++k)
                next = step(syntax, spec_.dedent, k, &r);
            syntax = next;
            levels = levels_[levels].below;
        }
        s.accepts = syntax != NONE && syntax_.state(syntax).accepts;
        s.accept_read = r;
    }
    if (read) *read = std::min(*read, s.accept_read);
    return s.accepts == 1;
}

}  // namespace gcd
