// Moving threads: over a byte, and along what needs none.
#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

#include "lexer_closing.hpp"

namespace gcd {

u64 hash_threads(u64 h, View<Thread> ts) {
    h = mix(h, ts.size());
    for (const Thread& t : ts)
        h = mix(mix(h, static_cast<u64>(t.pc) << 32 | t.node), static_cast<u64>(t.guard) << 32 | t.count);
    return h;
}

void unite(Threads& into, const Threads& more) {
    into.insert(into.end(), more.begin(), more.end());
    std::sort(into.begin(), into.end());
    into.erase(std::unique(into.begin(), into.end()), into.end());
}

// After a byte: threads inside a character carry node != 0; a thread whose character is complete is given as the pc
// that comes next, marked by count bookkeeping for REPEAT (the pc stays, count + 1). close() follows the rest.
void Lexer::step_threads(const Threads& in, u8 b, Threads& out) const {
    out.clear();
    for (const Thread& t : in) {
        const u32 op = nfa_.op(t.pc);
        if (op == OP_EOF) continue;  // only the end of the text moves it
        const u32 node = t.node ? t.node - 1 : nfa_.arg(t.pc, 0);
        const u32 to = class_step(node, b);
        if (to == 0) continue;
        if (to != NONE) {
            out.push_back({t.pc, to, t.count, t.guard});
        } else if (op == OP_CLASS) {
            out.push_back({nfa_.arg(t.pc, 1), 0, t.count, t.guard});  // a count only inside of a COUNT's body
        } else {  // REPEAT: one more; counts beyond an open upper bound do not matter
            const u32 min = nfa_.arg(t.pc, 2), max = nfa_.arg(t.pc, 3);
            u32 c = t.count + 1;
            if (max == NONE && c > min) c = min;
            out.push_back({t.pc, 0, c, t.guard});
        }
    }
}

bool Lexer::close(const Threads& raw, Choice* choice, const Guess& guess, const u64* back_true, Threads& out,
                  std::vector<u32>& accept_pcs, u32& ask) {
    out.clear();
    accept_pcs.clear();
    ++stamp_;
    std::unordered_set<u64> seen_counts;
    std::set<std::array<u32, 3>> seen_guarded;
    // Whether a thread is the first at its instruction, with its count and its guard.
    auto first = [&](const Thread& t, u32 count, bool counts) {
        if (t.guard) return seen_guarded.insert({t.pc, count, t.guard}).second;
        if (counts) return seen_counts.insert(static_cast<u64>(t.pc) << 32 | count).second;
        const bool fresh = seen_[t.pc] != stamp_;
        seen_[t.pc] = stamp_;
        return fresh;
    };
    Threads stack;
    for (const Thread& r : raw) {
        stack.push_back(r);
        u32 rounds = 0;
        while (!stack.empty()) {
            const Thread t = stack.back();
            stack.pop_back();
            if (t.node) {
                out.push_back(t);
                continue;
            }
            if (out.size() > static_cast<u64>(kThreadsPerState) * max_states_) budget_threads(out.size());
            const u32 op = nfa_.op(t.pc);
            if (op == OP_REPEAT || op == OP_LAZY_REPEAT) {
                if (!first(t, t.count, true)) continue;
                const u32 min = nfa_.arg(t.pc, 2), max = nfa_.arg(t.pc, 3), next = nfa_.arg(t.pc, 1);
                const bool more = max == NONE || t.count < max, leave = t.count >= min;
                // The stack pops the best first, so the thread to emit and the exit are pushed in reverse. A thread
                // that stays is emitted through a marker: node 0 and count as is, on a second visit.
                if (op == OP_REPEAT) {
                    if (more) out.push_back(t);
                    if (leave) stack.push_back({next, 0, 0, t.guard});
                } else {
                    // Leaving is preferred: everything reachable from `next` must come before the thread that stays.
                    if (leave) {
                        if (more) stack.push_back({t.pc, NONE, t.count, t.guard});
                        stack.push_back({next, 0, 0, t.guard});
                    } else if (more) {
                        out.push_back(t);
                    }
                }
                continue;
            }
            if (is_count(op)) {
                // A round needs a character, so no thread gets here again and again; a damaged program might.
                if (++rounds > kMaxRounds) throw CoreError(ErrorKind::bad_input, t.pc, "a counted body can be empty");
                const u32 min = nfa_.arg(t.pc, 2), max = nfa_.arg(t.pc, 3);
                const u32 c = max == NONE ? std::min(t.count + 1, min) : t.count + 1;
                if (!first(t, c, true)) continue;
                const bool more = max == NONE || c < max, leave = c >= min;
                if (more && op == OP_LAZY_COUNT) stack.push_back({nfa_.arg(t.pc, 0), 0, c, t.guard});
                if (leave) stack.push_back({nfa_.arg(t.pc, 1), 0, 0, t.guard});
                if (more && op == OP_COUNT) stack.push_back({nfa_.arg(t.pc, 0), 0, c, t.guard});
                continue;
            }
            if (!first(t, t.count, t.count != 0)) continue;
            switch (op) {
                case OP_CLASS:
                case OP_EOF:
                    out.push_back({t.pc, 0, t.count, t.guard});
                    break;
                case OP_SPLIT:
                    for (u32 i = nfa_.arg(t.pc, 1); i-- > 0;)
                        stack.push_back({nfa_.splits[nfa_.arg(t.pc, 0) + i], 0, t.count, t.guard});
                    break;
                case OP_LOOKBEHIND:
                    if (back_true && (*back_true >> nfa_.arg(t.pc, 0) & 1) == nfa_.arg(t.pc, 2))
                        stack.push_back({nfa_.arg(t.pc, 1), 0, t.count, t.guard});
                    break;
                case OP_LOOKAHEAD: {
                    const u32 k = nfa_.arg(t.pc, 0);
                    u32 guard = t.guard;
                    if (guess[k] < 0) {
                        const bool guardable =
                            choice && !nfa_.arg(t.pc, 2) &&
                            (choice->given.size() < Choice::kMaxGuards || choice->given.count({guard, k}));
                        if (!guardable || !choice->bodies.count(k)) {
                            ask = k;
                            if (guardable) choice->wanted = k;
                            return false;
                        }
                        guard = add_guard(*choice, guard, k);
                        if (guard == NONE) break;
                    } else if (static_cast<u32>(guess[k]) != nfa_.arg(t.pc, 2)) {
                        break;
                    }
                    stack.push_back({nfa_.arg(t.pc, 1), 0, t.count, guard});
                    break;
                }
                case OP_ACCEPT:
                    accept_pcs.push_back(t.pc);
                    if (!choice) break;
                    choice->ends.push_back({t.guard, out.size()});
                    if (!t.guard) goto done;  // ordered choice: everything after the best match is cut
                    break;
            }
        }
    }
done:
    for (Thread& t : out)
        if (t.node == NONE) t.node = 0;
    if (!choice) {
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
    }
    return true;
}

}  // namespace gcd
