// Guards: negative lookaheads that a thread takes along.
//
// A guess at a lookahead splits the whole state, although mostly just the thread that met it cares. NAME, written as
// (?!(select|from|where)\b)\w+, would split every state in which a name may begin in two, one for the texts that begin
// with such a word and one for the others, and as many times as a terminal has such lookaheads. Instead the thread
// carries the lookahead's threads along. When one of these accepts, it dies; when all of them are dead, it is free.
//
// A guard holds or it doesn't, and which one is seen later than its thread may accept: "sel" is a NAME if no "ect"
// comes. Three things then depend on it.
//   The lexeme that ends there: it is a NAME on the promise that its guard holds, and the context says so.
//   What ordered choice cuts, the threads behind the one that accepts: cut if the guard holds, alive if it doesn't.
//   The promise that no better thread matches: a better thread with a guard need not match for that.
// Where either of the latter two happens, the guard is guessed, like a lookahead. Mostly it doesn't: what is cut is
// nothing, or what is better has the same guard, or could not go on without breaking the promise anyway.
#include <algorithm>

#include "lexer_closing.hpp"

namespace gcd {

u32 Lexer::intern_guard(Threads threads) {
    const u64 h = hash_threads(113, View<Thread>(threads));
    const u32 known = guard_index_.find_if(h, [&](u32 id) { return guards_[id] == threads; });
    if (known != NONE) return known;
    if (guards_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_states, guards_.size(), "too many guards of lexer threads");
    budget_threads(threads.size());
    const u32 id = guards_.push_back(std::move(threads));
    guard_index_.insert(h, id);
    return id;
}

u32 Lexer::guard_in(const Context& ctx, Threads threads) {
    prune(ctx.neg, threads);
    prune_by_pos(ctx.pos, threads);
    threads.erase(
        std::remove_if(threads.begin(), threads.end(),
                       [&](const Thread& t) { return std::binary_search(ctx.neg.begin(), ctx.neg.end(), t); }),
        threads.end());
    if (threads.empty()) return 0;
    for (const Threads& p : ctx.pos)
        if (std::includes(threads.begin(), threads.end(), p.begin(), p.end())) return NONE;
    return intern_guard(std::move(threads));
}

// What a context or its own guard leaves of a list.
void Lexer::prune_guarded(const Context& ctx, Threads& threads) {
    prune(ctx.neg, threads);
    prune_by_pos(ctx.pos, threads);
    Threads one;
    threads.erase(std::remove_if(threads.begin(), threads.end(),
                                 [&](const Thread& t) {
                                     if (!t.guard) return false;
                                     one.assign(1, t);
                                     prune(guards_[t.guard], one);
                                     return one.empty();
                                 }),
                  threads.end());
}

// The guards after a byte. Returns false if lookahead `ask` must be guessed first.
bool Lexer::close_guards(const Raw& raw, const Guess& guess, const Context& ctx, std::vector<Threads>& groups,
                         u32& ask) {
    groups = raw.groups;
    std::map<u32, u32> now;
    std::vector<u32> accepts;
    for (const auto& [guard, stepped] : raw.guards) {
        Threads closed;
        if (!close(stepped, nullptr, guess, &ctx.back_true, closed, accepts, ask)) return false;
        settle(closed);
        now[guard] = accepts.empty() ? guard_in(ctx, std::move(closed)) : NONE;
    }
    for (Threads& group : groups) {
        for (Thread& t : group)
            if (t.guard) t.guard = now.at(t.guard);
        group.erase(std::remove_if(group.begin(), group.end(), [](const Thread& t) { return t.guard == NONE; }),
                    group.end());
    }
    return true;
}

// Closes a list of `main`. Returns false if lookahead `ask` must be guessed first.
bool Lexer::close_choice(const Threads& raw, const Guess& guess, Choice& choice, Threads& out,
                         std::vector<u32>& accepts, u32& ask) {
    for (;;) {
        choice.ends.clear();
        choice.wanted = NONE;
        if (close(raw, &choice, guess, &choice.ctx.back_true, out, accepts, ask)) return true;
        if (choice.wanted == NONE) return false;
        Choice::Body body;
        const u32 k = choice.wanted;
        if (!close({{nfa_.lookaheads[k], 0, 0}}, nullptr, guess, &choice.ctx.back_true, body.threads, accepts, ask))
            return false;
        settle(body.threads);
        body.matches = !accepts.empty();
        choice.bodies.emplace(k, std::move(body));
    }
}

// The guard of a thread that has met lookahead k: NONE if it doesn't survive that.
u32 Lexer::add_guard(Choice& choice, u32 guard, u32 k) {
    const Choice::Body& body = choice.bodies.at(k);
    if (body.matches) return NONE;
    const auto [it, fresh] = choice.given.try_emplace({guard, k}, 0);
    if (fresh) {
        Threads threads = guards_[guard];
        unite(threads, body.threads);
        it->second = guard_in(choice.ctx, std::move(threads));
    }
    return it->second;
}

// The context behind a lexeme that ends by a thread with a guard, `for_good` if `better` threads are never to match.
// Returns false if guard `ask` must be guessed first.
bool Lexer::end_lexeme(const Context& ctx, const Threads& better, u32 guard, bool for_good, Context& after, u32& ask) {
    after = ctx;
    unite(after.neg, guards_[guard]);
    if (!for_good) return true;
    Threads plain;
    for (const Thread& t : better)
        if (!t.guard) plain.push_back(t);
    settle(plain);
    unite(after.neg, plain);
    for (Thread t : better) {
        if (!t.guard) continue;
        Threads one{t};
        one[0].guard = 0;
        prune(after.neg, one);
        if (one.empty()) continue;
        const u32 then = guard_in(after, guards_[t.guard]);
        if (then == NONE) continue;
        if (then != 0) {
            ask = t.guard;
            return false;
        }
        settle(one);
        unite(after.neg, one);
    }
    return true;
}

}  // namespace gcd
