#include <algorithm>

#include "lexer_closing.hpp"

namespace gcd {

Lexer::Lexer(NfaProgram nfa, std::vector<Lexset> lexsets, std::vector<u32> ignore, bool independent, bool all_lengths,
             const bool* used_bytes, u32 max_states, u32 newline_terminal, u32 tab_len)
    : nfa_(std::move(nfa)),
      lexsets_(std::move(lexsets)),
      ignore_list_(std::move(ignore)),
      independent_(independent),
      all_lengths_(all_lengths),
      newline_(newline_terminal),
      tab_len_(tab_len),
      max_states_(max_states) {
    nfa_.validate();
    for (u32 t : ignore_list_) {
        if (t >= n_terminals()) throw CoreError(ErrorKind::bad_input, t, "ignored terminal out of bounds");
        bits_set(ignore_, t);
    }
    for (const Lexset& l : lexsets_) {
        for (u32 t : l.order)
            if (t >= n_terminals()) throw CoreError(ErrorKind::bad_input, t, "lexset terminal out of bounds");
        for (const Unless& u : l.unless) {
            if (u.regex >= n_terminals())
                throw CoreError(ErrorKind::bad_input, u.regex, "lexset terminal out of bounds");
            for (u32 t : u.literals)
                if (t >= n_terminals()) throw CoreError(ErrorKind::bad_input, t, "lexset terminal out of bounds");
        }
    }
    // Byte classes: bytes that no class range and no vocabulary gap tells apart.
    bool cut[257] = {};
    for (size_t i = 0; i < nfa_.range_lo.size(); ++i) {
        cut[nfa_.range_lo[i]] = true;
        cut[nfa_.range_hi[i] + 1] = true;
    }
    for (int b = 1; b < 256; ++b)
        if (used_bytes[b] != used_bytes[b - 1]) cut[b] = true;
    if (newline_ != NONE)
        for (int b : {'\n', ' ', '\t'}) cut[b] = cut[b + 1] = true;
    bool fresh = true;
    for (u32 b = 0; b < 256; ++b) {
        if (cut[b]) fresh = true;
        if (!used_bytes[b]) {
            byte_class[b] = NONE;
            continue;
        }
        if (fresh) {
            class_byte_.push_back(static_cast<u8>(b));
            fresh = false;
        }
        byte_class[b] = static_cast<u32>(class_byte_.size() - 1);
    }
    n_classes_ = static_cast<u32>(class_byte_.size());

    accept_owner_.assign(nfa_.n_code(), NONE);
    seen_.assign(nfa_.n_code(), 0);
    one_char_.assign(nfa_.n_code(), -1);
    lookbehind_owner_.assign(nfa_.n_code(), NONE);
    pc_owner_.assign(nfa_.n_code(), NONE);
    body_of_.assign(nfa_.n_code(), NONE);
    for (u32 pc = 0; pc < nfa_.n_code(); ++pc) {
        counts_ |= is_count(nfa_.op(pc)) || is_repeat(nfa_.op(pc));
        if (is_count(nfa_.op(pc))) own_body(pc);
    }
    for (u32 t = 0; t < n_terminals(); ++t)
        if (nfa_.starts[t] != NONE) own_accepts(nfa_.starts[t], t, accept_owner_);
    for (u32 k = 0; k < nfa_.lookbehinds.size(); ++k) own_accepts(nfa_.lookbehinds[k], k, lookbehind_owner_);

    // The context at the start of the text: lookbehind bodies begin here, nothing is promised.
    std::lock_guard<std::mutex> lock(mutex);
    Context c;
    Threads raw;
    for (u32 pc : nfa_.lookbehinds) raw.push_back({pc, 0, 0});
    std::vector<signed char> guess(nfa_.lookaheads.size(), -1);
    std::vector<u32> accepts;
    u32 ask = NONE;
    if (!close(raw, nullptr, guess, nullptr, c.back, accepts, ask))
        throw CoreError(ErrorKind::bad_input, ask, "a lookbehind contains a lookahead");
    for (u32 pc : accepts) c.back_true |= 1ull << lookbehind_owner_[pc];
    first_ctx_ = intern_context(std::move(c));
    intern_guard({});
}

void Lexer::own_accepts(u32 start, u32 owner, std::vector<u32>& owners) {
    ++stamp_;
    std::vector<u32> stack{start};
    while (!stack.empty()) {
        const u32 pc = stack.back();
        stack.pop_back();
        if (seen_[pc] == stamp_) continue;
        seen_[pc] = stamp_;
        if (&owners == &accept_owner_) pc_owner_[pc] = owner;
        if (nfa_.op(pc) == OP_ACCEPT) {
            if (owners[pc] != NONE)
                throw CoreError(ErrorKind::bad_input, pc, "two patterns share an ACCEPT instruction");
            owners[pc] = owner;
        } else if (nfa_.op(pc) == OP_SPLIT) {
            for (u32 i = 0; i < nfa_.arg(pc, 1); ++i) stack.push_back(nfa_.splits[nfa_.arg(pc, 0) + i]);
        } else {
            stack.push_back(nfa_.arg(pc, 1));
            if (is_count(nfa_.op(pc))) stack.push_back(nfa_.arg(pc, 0));
        }
    }
}

// All that a round passes through before it is back at its COUNT.
void Lexer::own_body(u32 count) {
    std::vector<u32> stack{nfa_.arg(count, 0)};
    while (!stack.empty()) {
        const u32 pc = stack.back();
        stack.pop_back();
        if (pc == count || body_of_[pc] != NONE) continue;
        body_of_[pc] = count;
        if (nfa_.op(pc) == OP_SPLIT)
            for (u32 i = 0; i < nfa_.arg(pc, 1); ++i) stack.push_back(nfa_.splits[nfa_.arg(pc, 0) + i]);
        else if (nfa_.op(pc) != OP_ACCEPT)
            stack.push_back(nfa_.arg(pc, 1));
    }
}

u64 Lexer::state_hash(const LexState& s, View<Thread> main, View<u32> group_end, View<Thread> obs) {
    u64 h = hash_threads(hash_threads(s.start ? 3 : 2, main), obs);
    h = mix(mix(mix(h, s.ctx), s.unless), s.column);
    for (u32 g : group_end) h = mix(h, g);
    for (const Accept& a : s.accepts) h = mix(h, static_cast<u64>(a.terminal) << 32 | a.ctx);
    return h;
}

u32 Lexer::intern_state(LexState s) {
    const u64 h = state_hash(s, View<Thread>(s.main), View<u32>(s.group_end), View<Thread>(s.obs));
    const u32 known = state_index_.find_if(h, [&](u32 id) {
        LexState& o = states_[id];
        if (o.packed) unpack(o);
        if (o.start != s.start || o.ctx != s.ctx || o.column != s.column || o.unless != s.unless ||
            !(o.main == s.main) || !(o.obs == s.obs) || o.group_end != s.group_end ||
            o.accepts.size() != s.accepts.size())
            return false;
        for (size_t i = 0; i < s.accepts.size(); ++i)
            if (o.accepts[i].terminal != s.accepts[i].terminal || o.accepts[i].ctx != s.accepts[i].ctx) return false;
        return true;
    });
    if (known != NONE) return known;
    if (deadline != std::chrono::steady_clock::time_point{} && std::chrono::steady_clock::now() > deadline)
        throw CoreError(ErrorKind::limit_seconds, states_.size(), "compiling takes too long; lexer states so far");
    budget_threads(s.main.size() + s.obs.size());
    auto edges = std::unique_ptr<std::atomic<Edge>[]>(new std::atomic<Edge>[n_classes_]);
    for (u32 i = 0; i < n_classes_; ++i) edges[i].store(EDGE_UNKNOWN, std::memory_order_relaxed);
    delta_storage_.push_back(std::move(edges));
    return add_state(std::move(s), h, delta_storage_.back().get());
}

// States of a natural grammar have a handful of threads. Counts within counts can have a million in one state.
void Lexer::budget_threads(size_t more) {
    n_threads_ += more;
    if (n_threads_ > static_cast<u64>(kThreadsPerState) * max_states_)
        throw CoreError(ErrorKind::limit_states, n_threads_,
                        "too many threads in the lexer's states, which count ambiguously; threads so far");
}

u32 Lexer::stretch(const Thread& t) const {
    const u32 count = counter(t);
    if (count == NONE) return NONE;
    const u32 min = nfa_.arg(count, 2), max = nfa_.arg(count, 3);
    if (t.count < min) return t.count + 1 < min ? min - 2 - t.count : 0;
    if (max == NONE) return NONE;
    return t.count < max ? max - 1 - t.count : 0;
}

const LexState& Lexer::whole(u32 state) {
    std::lock_guard<std::mutex> lock(mutex);
    LexState& s = states_[state];
    if (s.packed) unpack(s);
    return s;
}

u32 Lexer::slack(u32 state) {
    u32 least = NONE;
    for (const Thread& t : whole(state).main) least = std::min(least, stretch(t));
    return least;
}

u32 Lexer::shifted(u32 state, u32 by) {
    std::lock_guard<std::mutex> lock(mutex);
    return shifted_locked(state, by);
}

u32 Lexer::shifted_locked(u32 state, u32 by) {
    if (states_[state].packed) unpack(states_[state]);
    LexState s = states_[state];
    for (Thread& t : s.main)
        if (stretch(t) != NONE) t.count += by;
    for (u32& g : s.groups) g = shifted_locked(g, by);
    return intern_state(std::move(s));
}

u32 Lexer::add_state(LexState s, u64 hash, std::atomic<Edge>* edges) {
    if (states_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_states, states_.size(), "too many lexer DFA states");
    const u32 id = states_.push_back(std::move(s));
    delta_[delta_.emplace_back()].store(edges, std::memory_order_release);
    state_index_.insert(hash, id);
    return id;
}

Edge Lexer::intern_edge(std::vector<u32> states) {
    if (states.empty()) return EDGE_DEAD;
    std::sort(states.begin(), states.end());
    states.erase(std::unique(states.begin(), states.end()), states.end());
    if (states.size() == 1) return states[0];
    u64 h = 5;
    for (u32 s : states) h = mix(h, s);
    const u32 known = list_index_.find_if(h, [&](u32 id) { return lists_[id] == states; });
    if (known != NONE) return known | EDGE_LIST;
    const u32 id = lists_.push_back(std::move(states));
    list_index_.insert(h, id);
    return id | EDGE_LIST;
}

bool Lexer::close_context(const Raw& raw, const Guesses& guesses, Context& ctx, bool& possible, u32& ask) {
    std::vector<u32> acc;
    const Guess& guess = guesses.lookaheads;
    possible = false;
    ctx.back_true = raw.back_true;
    if (raw.back_closed) {
        ctx.back = raw.back;
    } else {
        Threads back = raw.back;
        for (u32 pc : nfa_.lookbehinds) back.push_back({pc, 0, 0});
        if (!close(back, nullptr, guess, nullptr, ctx.back, acc, ask))
            throw CoreError(ErrorKind::bad_input, ask, "a lookbehind contains a lookahead");
        ctx.back_true = 0;
        for (u32 pc : acc) ctx.back_true |= 1ull << lookbehind_owner_[pc];
    }
    if (raw.promises_closed) {
        ctx.neg = raw.neg;
        ctx.pos = raw.pos;
    } else {
        if (!close(raw.neg, nullptr, guess, &ctx.back_true, ctx.neg, acc, ask)) return false;
        if (!acc.empty()) return true;  // a promise is broken
        settle(ctx.neg);
        for (const Threads& p : raw.pos) {
            Threads closed;
            if (!close(p, nullptr, guess, &ctx.back_true, closed, acc, ask)) return false;
            if (!acc.empty()) continue;       // kept
            if (closed.empty()) return true;  // can no longer be kept
            settle(closed);
            ctx.pos.push_back(std::move(closed));
        }
    }
    for (u32 k = 0; k < guess.size(); ++k) {
        if (guess[k] < 0) continue;
        Threads body;
        if (!close({{nfa_.lookaheads[k], 0, 0}}, nullptr, guess, &ctx.back_true, body, acc, ask)) return false;
        settle(body);
        if (guess[k] == 1) {
            if (!acc.empty()) continue;
            if (body.empty()) return true;
            ctx.pos.push_back(std::move(body));
        } else {
            if (!acc.empty()) return true;
            unite(ctx.neg, body);
        }
    }
    for (const auto& [threads, holds] : guesses.guards) {
        if (holds) {
            unite(ctx.neg, threads);
        } else {
            ctx.pos.push_back(threads);
        }
    }
    for (Threads& p : ctx.pos) {
        prune(ctx.neg, p);
        if (p.empty()) return true;  // contradicts what must not match
    }
    prune_by_pos(ctx.pos, ctx.neg);
    std::sort(ctx.pos.begin(), ctx.pos.end());
    ctx.pos.erase(std::unique(ctx.pos.begin(), ctx.pos.end()), ctx.pos.end());
    for (const Threads& p : ctx.pos)
        if (std::includes(ctx.neg.begin(), ctx.neg.end(), p.begin(), p.end())) return true;  // contradiction
    possible = true;
    return true;
}

// Makes the states at one position, under the guesses made so far; branches when another one is asked for.
void Lexer::finish(const Raw& raw, Guesses& guesses, std::vector<u32>& out) {
    const Guess& guess = guesses.lookaheads;
    u32 ask = NONE;
    auto apart = [&] {
        // Terminals that are lexed on their own do not share a guess: what one of them asks about the text ahead is no
        // promise of the others.
        if (!independent_ || raw.groups.size() <= 1) return false;
        for (const Threads& g : raw.groups) {
            Raw one = raw;
            one.groups.assign(1, g);
            finish(one, guesses, out);
        }
        return true;
    };
    auto branch = [&] {
        if (apart()) return;
        const u32 k = ask;
        for (signed char g : {1, 0, -1}) {
            guesses.lookaheads[k] = g;
            if (g >= 0) finish(raw, guesses, out);
        }
    };
    auto branch_on_guard = [&](u32 guard) {
        if (apart()) return;
        for (bool holds : {true, false}) {
            guesses.guards.emplace_back(guards_[guard], holds);
            finish(raw, guesses, out);
            guesses.guards.pop_back();
        }
    };
    Context ctx;
    bool possible;
    if (!close_context(raw, guesses, ctx, possible, ask)) return branch();
    if (!possible) return;
    // Everything is closed and pruned by what is promised, before anything is made of it: a closure may ask for a
    // guess.
    LexState s;
    s.start = raw.start;
    s.unless = raw.unless;
    std::vector<u32> acc, obs_accepts;
    if (!raw.obs.empty()) {
        if (!close(raw.obs, nullptr, guess, &ctx.back_true, s.obs, acc, ask)) return branch();
        for (u32 pc : acc) obs_accepts.push_back(accept_owner_[pc]);
    }
    prune(ctx.neg, s.obs);
    std::vector<Threads> guarded;
    if (!raw.guards.empty() && !close_guards(raw, guess, ctx, guarded, ask)) return branch();
    const std::vector<Threads>& groups = raw.guards.empty() ? raw.groups : guarded;
    struct End {
        u32 accept_pc = NONE;
        Context before, after;  // if the lexeme need not be over, or is for good
    };
    std::vector<End> ends;  // one for each group that is kept
    for (const Threads& group : groups) {
        Choice choice(ctx);
        Threads threads;
        if (!close_choice(group, guess, choice, threads, acc, ask)) return branch();
        End end;
        if (!choice.ends.empty()) {
            const Choice::End& best = choice.ends[0];
            Threads behind(threads.begin() + static_cast<long>(best.at), threads.end());
            threads.resize(best.at);
            prune_guarded(ctx, behind);
            if (!behind.empty() || choice.ends.size() > 1) return branch_on_guard(best.guard);
        }
        prune_guarded(ctx, threads);
        if (!choice.ends.empty()) {
            end.accept_pc = acc[0];
            const u32 guard = choice.ends[0].guard;
            if (all_lengths_) end_lexeme(ctx, threads, guard, false, end.before, ask);
            const bool for_good = !all_lengths_ || is_ignored(accept_owner_[acc[0]]);
            if (for_good && !end_lexeme(ctx, threads, guard, true, end.after, ask)) return branch_on_guard(ask);
        }
        if (threads.empty() && end.accept_pc == NONE) continue;
        s.main.insert(s.main.end(), threads.begin(), threads.end());
        s.group_end.push_back(static_cast<u32>(s.main.size()));
        ends.push_back(std::move(end));
    }
    if (s.group_end.empty() && !raw.start) return;

    for (End& end : ends) {
        if (end.accept_pc == NONE) continue;
        const u32 terminal = accept_owner_[end.accept_pc];
        u32 emitted = terminal;
        if (s.unless != NONE)
            for (const Unless& u : lexsets_[s.unless].unless) {
                if (u.regex != terminal) continue;
                for (u32 lit : u.literals)
                    if (std::find(obs_accepts.begin(), obs_accepts.end(), lit) != obs_accepts.end()) {
                        emitted = lit;
                        break;
                    }
            }
        // NONE if what the end promises contradicts what is promised already.
        auto context = [&](Context after) {
            for (const Threads& p : after.pos)
                if (std::includes(after.neg.begin(), after.neg.end(), p.begin(), p.end())) return NONE;
            return intern_context(std::move(after));
        };
        // With all_lengths a lexeme may end here although it could go on; an ignored one never may (Lark's way).
        if (is_ignored(terminal)) {
            const u32 over = context(end.after);
            if (over != NONE) s.accepts.push_back({ignored(), over, NONE});
            if (!independent_) continue;
        }
        const u32 over = context(std::move(all_lengths_ ? end.before : end.after));
        if (over != NONE) s.accepts.push_back({emitted, over, NONE});
    }
    s.ctx = intern_context(ctx);
    if (s.obs.empty()) s.unless = NONE;  // no keyword can come of this lexeme any more: states of all lexsets are one
    if (s.group_end.size() > 1) {
        for (size_t g = 0; g < s.group_end.size(); ++g) {
            LexState one;
            one.start = s.start;
            one.unless = s.unless;
            one.ctx = s.ctx;
            one.main.assign(s.main.begin() + (g ? s.group_end[g - 1] : 0), s.main.begin() + s.group_end[g]);
            one.group_end.push_back(static_cast<u32>(one.main.size()));
            if (ends[g].accept_pc != NONE) {
                const u32 t = accept_owner_[ends[g].accept_pc];
                for (const Accept& a : s.accepts)
                    if (a.terminal == t || (a.terminal == ignored() && is_ignored(t))) one.accepts.push_back(a);
            }
            s.groups.push_back(intern_state(std::move(one)));
        }
    }
    out.push_back(intern_at_column(std::move(s), raw.column));
}

// A state whose lexeme may still be a newline terminal, `column` blanks after its last line end; any other has none.
u32 Lexer::intern_at_column(LexState s, u32 column) {
    bool newline = false;
    for (const Thread& t : s.main) newline |= pc_owner_[t.pc] == newline_;
    for (const Accept& a : s.accepts) newline |= a.terminal == newline_;
    if (column == NONE || !newline) return intern_state(std::move(s));
    s.base = intern_state(s);
    s.column = column;
    for (Accept& a : s.accepts)
        if (a.terminal == newline_) a.column = column;
    return intern_state(std::move(s));
}

Edge Lexer::step_slow(u32 state, u32 cls) {
    std::lock_guard<std::mutex> lock(mutex);
    const Edge e = delta_[state].load(std::memory_order_relaxed)[cls].load(std::memory_order_relaxed);
    return e != EDGE_UNKNOWN ? e : step_locked(state, cls);
}

Edge Lexer::step_locked(u32 state, u32 cls) {
    LexState& s = states_[state];
    if (s.packed) unpack(s);
    const Context& c = contexts_[s.ctx];
    const u8 b = class_byte_[cls];
    Raw raw;
    raw.unless = s.unless;
    if (newline_ != NONE) {
        raw.column = s.column;
        if (b == '\n') raw.column = 0;
        if (raw.column != NONE && b == ' ') raw.column += 1;
        if (raw.column != NONE && b == '\t') raw.column += tab_len_;
    }
    if (s.base != NONE) {
        // What the base does, at another column. After a line end the column is the same for both.
        Edge e = delta_[s.base].load(std::memory_order_relaxed)[cls].load(std::memory_order_relaxed);
        if (e == EDGE_UNKNOWN) e = step_locked(s.base, cls);
        if (b != '\n' && e != EDGE_DEAD) {
            std::vector<u32> out;
            each(e, [&](u32 t) {
                if (states_[t].packed) unpack(states_[t]);
                out.push_back(intern_at_column(states_[t], raw.column));
            });
            e = intern_edge(std::move(out));
        }
        own_edges(state)[cls].store(e, std::memory_order_release);
        return e;
    }
    u32 from = 0;
    bool any = false;
    for (u32 to : s.group_end) {
        Threads out;
        step_threads(Threads(s.main.begin() + from, s.main.begin() + to), b, out);
        from = to;
        any |= !out.empty();
        if (!out.empty()) raw.groups.push_back(std::move(out));
    }
    Edge e = EDGE_DEAD;
    if (any) {
        step_threads(s.obs, b, raw.obs);
        step_threads(c.neg, b, raw.neg);
        bool alive = true;
        for (const Threads& p : c.pos) {
            Threads out;
            step_threads(p, b, out);
            alive &= !out.empty();
            raw.pos.push_back(std::move(out));
        }
        step_threads(c.back, b, raw.back);
        if (alive) {
            for (const Thread& t : s.main) {
                auto same = [&](const auto& g) { return g.first == t.guard; };
                if (!t.guard || std::any_of(raw.guards.begin(), raw.guards.end(), same)) continue;
                raw.guards.emplace_back(t.guard, Threads());
                step_threads(guards_[t.guard], b, raw.guards.back().second);
            }
            Guesses guesses{Guess(nfa_.lookaheads.size(), -1), {}};
            std::vector<u32> out;
            finish(raw, guesses, out);
            e = intern_edge(std::move(out));
        }
    }
    own_edges(state)[cls].store(e, std::memory_order_release);
    return e;
}

u32 Lexer::intern_set(const Bits& terminals) {
    std::lock_guard<std::mutex> lock(mutex);
    Bits b = terminals;
    bits_trim(b);
    u64 h = 7;
    for (u64 w : b) h = mix(h, w);
    const u32 known = start_set_index_.find_if(h, [&](u32 id) { return start_sets_[id] == b; });
    if (known != NONE) return known;
    const u32 id = start_sets_.push_back(std::move(b));
    start_set_index_.insert(h, id);
    return id;
}

Edge Lexer::start(u32 lex_id, u32 ctx) {
    const u64 key = (static_cast<u64>(lex_id) << 32 | ctx) + 1;
    u32 e = start_index_.find(key);
    if (e == NONE) {
        std::lock_guard<std::mutex> lock(mutex);
        e = start_index_.find(key);
        if (e == NONE) {
            e = start_locked(lex_id, ctx);
            if (e == EDGE_DEAD) e = EDGE_UNKNOWN;  // the map cannot hold EDGE_DEAD
            start_index_.insert(key, e);
        }
    }
    return e == EDGE_UNKNOWN ? EDGE_DEAD : e;
}

Edge Lexer::start_locked(u32 lex_id, u32 ctx) {
    Raw raw;
    const Context& c = contexts_[ctx];
    raw.neg = c.neg;
    raw.pos = c.pos;
    raw.back = c.back;
    raw.back_true = c.back_true;
    raw.back_closed = raw.promises_closed = true;
    raw.start = true;
    if (independent_) {
        Bits set = start_sets_[lex_id];
        bits_or(set, ignore_);
        bits_each(set, [&](u32 t) {
            if (t < n_terminals() && nfa_.starts[t] != NONE) raw.groups.push_back({{nfa_.starts[t], 0, 0}});
        });
    } else {
        const Lexset& l = lexsets_[lex_id];
        Threads all;
        for (u32 t : l.order)
            if (nfa_.starts[t] != NONE) all.push_back({nfa_.starts[t], 0, 0});
        if (!all.empty()) raw.groups.push_back(std::move(all));
        if (!l.unless.empty()) {
            raw.unless = lex_id;
            for (const Unless& u : l.unless)
                for (u32 t : u.literals)
                    if (nfa_.starts[t] != NONE) raw.obs.push_back({nfa_.starts[t], 0, 0});
        }
    }
    Guesses guesses{Guess(nfa_.lookaheads.size(), -1), {}};
    std::vector<u32> out;
    finish(raw, guesses, out);
    return intern_edge(std::move(out));
}

}  // namespace gcd
