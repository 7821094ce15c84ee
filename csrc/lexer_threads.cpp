// Moving threads: over a byte, and along what needs none.
#include <algorithm>
#include <unordered_set>

#include "lexer.hpp"

namespace gcd {

u64 hash_threads(u64 h, View<Thread> ts) {
    h = mix(h, ts.size());
    for (const Thread& t : ts) h = mix(mix(h, static_cast<u64>(t.pc) << 32 | t.node), t.count);
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
            out.push_back({t.pc, to, t.count});
        } else if (op == OP_CLASS) {
            out.push_back({nfa_.arg(t.pc, 1), 0, t.count});  // a count only inside of a COUNT's body
        } else {  // REPEAT: one more; counts beyond an open upper bound do not matter
            const u32 min = nfa_.arg(t.pc, 2), max = nfa_.arg(t.pc, 3);
            u32 c = t.count + 1;
            if (max == NONE && c > min) c = min;
            out.push_back({t.pc, 0, c});
        }
    }
}

bool Lexer::close(const Threads& raw, bool ordered, const std::vector<signed char>& guess, const u64* back_true,
                  Threads& out, std::vector<u32>& accept_pcs, u32& ask) {
    out.clear();
    accept_pcs.clear();
    ++stamp_;
    std::unordered_set<u64> seen_counts;
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
                if (!seen_counts.insert(static_cast<u64>(t.pc) << 32 | t.count).second) continue;
                const u32 min = nfa_.arg(t.pc, 2), max = nfa_.arg(t.pc, 3), next = nfa_.arg(t.pc, 1);
                const bool more = max == NONE || t.count < max, leave = t.count >= min;
                // The stack pops the best first, so the thread to emit and the exit are pushed in reverse. A thread
                // that stays is emitted through a marker: node 0 and count as is, on a second visit.
                if (op == OP_REPEAT) {
                    if (more) out.push_back(t);
                    if (leave) stack.push_back({next, 0, 0});
                } else {
                    // Leaving is preferred: everything reachable from `next` must come before the thread that stays.
                    if (leave) {
                        if (more) stack.push_back({t.pc, NONE, t.count});
                        stack.push_back({next, 0, 0});
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
                if (!seen_counts.insert(static_cast<u64>(t.pc) << 32 | c).second) continue;
                const bool more = max == NONE || c < max, leave = c >= min;
                if (more && op == OP_LAZY_COUNT) stack.push_back({nfa_.arg(t.pc, 0), 0, c});
                if (leave) stack.push_back({nfa_.arg(t.pc, 1), 0, 0});
                if (more && op == OP_COUNT) stack.push_back({nfa_.arg(t.pc, 0), 0, c});
                continue;
            }
            if (t.count) {
                if (!seen_counts.insert(static_cast<u64>(t.pc) << 32 | t.count).second) continue;
            } else {
                if (seen_[t.pc] == stamp_) continue;
                seen_[t.pc] = stamp_;
            }
            switch (op) {
                case OP_CLASS:
                case OP_EOF:
                    out.push_back({t.pc, 0, t.count});
                    break;
                case OP_SPLIT:
                    for (u32 i = nfa_.arg(t.pc, 1); i-- > 0;)
                        stack.push_back({nfa_.splits[nfa_.arg(t.pc, 0) + i], 0, t.count});
                    break;
                case OP_LOOKBEHIND:
                    if (back_true && (*back_true >> nfa_.arg(t.pc, 0) & 1) == nfa_.arg(t.pc, 2))
                        stack.push_back({nfa_.arg(t.pc, 1), 0, t.count});
                    break;
                case OP_LOOKAHEAD: {
                    const signed char g = guess[nfa_.arg(t.pc, 0)];
                    if (g < 0) {
                        ask = nfa_.arg(t.pc, 0);
                        return false;
                    }
                    if (static_cast<u32>(g) == nfa_.arg(t.pc, 2)) stack.push_back({nfa_.arg(t.pc, 1), 0, t.count});
                    break;
                }
                case OP_ACCEPT:
                    accept_pcs.push_back(t.pc);
                    if (ordered) goto done;  // ordered choice: everything after the best match is cut
                    break;
            }
        }
    }
done:
    for (Thread& t : out)
        if (t.node == NONE) t.node = 0;
    if (!ordered) {
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
    }
    return true;
}

}  // namespace gcd
