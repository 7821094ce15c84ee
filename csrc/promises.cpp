// Promises: what a context says of the text to come, in a form that is the same for all that promise as much.
#include <algorithm>
#include <unordered_set>

#include "lexer.hpp"

namespace gcd {

// Does the thread accept as soon as one more character of its class is read, whatever else holds?
bool Lexer::accepts_after_one(const Thread& t) {
    const u32 op = nfa_.op(t.pc);
    if (t.node || op == OP_EOF) return false;
    if (op != OP_CLASS && t.count + 1 < nfa_.arg(t.pc, 2)) return false;
    signed char& known = one_char_[t.pc];
    if (known < 0) {
        known = 0;
        for (const bool leaves : {false, true}) {
            std::vector<u32> stack{nfa_.arg(t.pc, 1)};
            std::unordered_set<u32> seen;
            while (!stack.empty() && !known) {
                const u32 pc = stack.back();
                stack.pop_back();
                if (!seen.insert(pc).second) continue;
                const u32 o = nfa_.op(pc);
                if (o == OP_ACCEPT) known = leaves ? 2 : 1;
                if (o == OP_SPLIT)
                    for (u32 i = 0; i < nfa_.arg(pc, 1); ++i) stack.push_back(nfa_.splits[nfa_.arg(pc, 0) + i]);
                if (is_repeat(o) && nfa_.arg(pc, 2) == 0) stack.push_back(nfa_.arg(pc, 1));
                if (leaves && is_count(o)) stack.push_back(nfa_.arg(pc, 1));
            }
            if (body_of_[t.pc] == NONE) break;
        }
    }
    return known == 1 || (known == 2 && t.count + 1 >= nfa_.arg(body_of_[t.pc], 2));
}

// Of a promise it only matters whether one of its threads accepts, never how far it could go on after that. So many
// instructions promise the same: after "ab", /[a-z]{2,9}(-[a-z]{2,9}){0,5}/ promises that no "-[a-z]{2}" follows, and
// after "ab-cd" as well, though that is another copy of the body. Equal ones are found in one pass, since code is
// emitted from the end to the start: what an instruction goes on to is known before it, except in loops.
void Lexer::find_promises() {
    const u32 n = nfa_.n_code();
    promise_pc_.resize(n);
    u64 mask = 1;
    while (mask < 2ull * n) mask *= 2;
    std::vector<u32> table(mask--, NONE), key, other;
    auto key_of = [&](u32 pc, std::vector<u32>& out) {
        auto known = [&](u32 to) { return to < pc ? promise_pc_[to] : to; };
        const u32 op = nfa_.op(pc), a = nfa_.arg(pc, 0), b = nfa_.arg(pc, 1);
        if (op == OP_SPLIT) {
            out.assign(1, op);
            for (u32 i = 0; i < b; ++i) out.push_back(known(nfa_.splits[a + i]));
            std::sort(out.begin() + 1, out.end());
            out.erase(std::unique(out.begin() + 1, out.end()), out.end());
            return;
        }
        out = {op, a, known(b), nfa_.arg(pc, 2), nfa_.arg(pc, 3)};
        if (op == OP_LAZY_REPEAT) out[0] = OP_REPEAT;
        if (op == OP_LAZY_COUNT) out[0] = OP_COUNT;
        if ((is_repeat(op) || is_count(op)) && out[2] == accept_pc_) out[4] = NONE;  // it is over at the minimum
    };
    for (u32 pc = 0; pc < n; ++pc) {
        const u32 op = nfa_.op(pc);
        if (op == OP_ACCEPT) {
            if (accept_pc_ == NONE) accept_pc_ = pc;
            promise_pc_[pc] = accept_pc_;
            continue;
        }
        key_of(pc, key);
        if (op == OP_SPLIT && accept_pc_ != NONE && std::binary_search(key.begin() + 1, key.end(), accept_pc_)) {
            promise_pc_[pc] = accept_pc_;
            continue;
        }
        if (op == OP_CLASS && key[2] == accept_pc_) last_char_.try_emplace(key[1], Thread{pc, 0, 0});
        if (is_repeat(op) && key[2] == accept_pc_)
            last_char_.try_emplace(key[1], Thread{pc, 0, std::max(key[3], 1u) - 1});
        u64 h = 43;
        for (u32 x : key) h = mix(h, x);
        u64 slot = h & mask;
        for (; table[slot] != NONE; slot = (slot + 1) & mask) {
            key_of(table[slot], other);
            if (key == other) break;
        }
        if (table[slot] == NONE) table[slot] = pc;
        promise_pc_[pc] = table[slot];
    }
}

// Gives the threads of a promise their common form. A thread that accepts after one more character has no other
// future, so its count is dropped: after "ab" and after "abc", /[a-z]{2,1000}/ promises the same, no further letter.
void Lexer::settle(Threads& promise) {
    if (promise.empty()) return;
    if (promise_pc_.empty()) find_promises();
    for (Thread& t : promise) {
        const u32 op = nfa_.op(t.pc), next = nfa_.arg(t.pc, 1), count = counter(t);
        t.pc = promise_pc_[t.pc];
        if (op == OP_EOF) continue;
        bool ends = promise_pc_[next] == accept_pc_;
        if (count != NONE) {  // at the end of this character, or of this round, it may leave
            const u32 last = std::max(nfa_.arg(count, 2), 1u) - 1;
            if (promise_pc_[nfa_.arg(count, 1)] == accept_pc_) {
                ends |= next == count;
                t.count = std::min(t.count, last);
            }
            ends &= t.count >= last;
        }
        if (!ends) continue;
        auto last = last_char_.find(nfa_.arg(t.pc, 0));
        if (last != last_char_.end()) t = {last->second.pc, t.node, last->second.count};
    }
    std::sort(promise.begin(), promise.end());
    promise.erase(std::unique(promise.begin(), promise.end()), promise.end());
}

bool Lexer::class_contains(u32 outer, u32 inner) {
    if (outer == inner) return true;
    auto [it, fresh] = class_contains_.try_emplace(static_cast<u64>(outer) << 32 | inner, false);
    if (!fresh) return it->second;
    u32 o = nfa_.node_start[outer];
    const u32 o_end = nfa_.node_start[outer + 1];
    bool ok = true;
    for (u32 i = nfa_.node_start[inner]; ok && i < nfa_.node_start[inner + 1]; ++i) {
        u32 lo = nfa_.range_lo[i];
        while (ok && lo <= nfa_.range_hi[i]) {
            while (o < o_end && nfa_.range_hi[o] < lo) ++o;
            if (o == o_end || nfa_.range_lo[o] > lo) {
                ok = false;
                break;
            }
            const u32 a = nfa_.range_to[o], b = nfa_.range_to[i];
            if (a == NONE || b == NONE)
                ok = a == b;
            else
                ok = class_contains(a, b);
            lo = nfa_.range_hi[o] + 1;
        }
    }
    class_contains_[static_cast<u64>(outer) << 32 | inner] = ok;
    return ok;
}

// Drops threads that cannot move without breaking a promise: where `neg` holds a thread that accepts after one
// character of class K, a thread that needs a character within K dies with it. Without this, contexts differ by what
// never matters (which keywords the name just ended might have become).
void Lexer::prune(const Threads& neg, Threads& threads) {
    for (const Thread& k : neg) {
        if (!accepts_after_one(k)) continue;
        const u32 root = nfa_.arg(k.pc, 0);
        threads.erase(std::remove_if(threads.begin(), threads.end(),
                                     [&](const Thread& t) {
                                         return t.node == 0 && nfa_.op(t.pc) != OP_EOF &&
                                                class_contains(root, nfa_.arg(t.pc, 0));
                                     }),
                      threads.end());
    }
}

// Do two classes share a character?
bool Lexer::class_meets(u32 a, u32 b) {
    if (a == b) return true;
    if (a > b) std::swap(a, b);
    auto [it, fresh] = class_meets_.try_emplace(static_cast<u64>(a) << 32 | b, false);
    if (!fresh) return it->second;
    bool meets = false;
    u32 i = nfa_.node_start[a], j = nfa_.node_start[b];
    while (!meets && i < nfa_.node_start[a + 1] && j < nfa_.node_start[b + 1]) {
        if (nfa_.range_hi[i] < nfa_.range_lo[j]) {
            ++i;
        } else if (nfa_.range_hi[j] < nfa_.range_lo[i]) {
            ++j;
        } else {
            const u32 x = nfa_.range_to[i], y = nfa_.range_to[j];
            meets = x == NONE || y == NONE ? x == y : class_meets(x, y);
            nfa_.range_hi[i] < nfa_.range_hi[j] ? ++i : ++j;
        }
    }
    class_meets_[static_cast<u64>(a) << 32 | b] = meets;
    return meets;
}

// Drops threads whose next character leaves a set of `pos` without a thread: where `pos` says that the text ends here,
// nothing that needs a character has a future. /x{1,1000}\Z/ ends in one context, not in a thousand.
void Lexer::prune_by_pos(const std::vector<Threads>& pos, Threads& threads) {
    for (const Threads& p : pos)
        threads.erase(std::remove_if(threads.begin(), threads.end(),
                                     [&](const Thread& t) {
                                         if (t.node || nfa_.op(t.pc) == OP_EOF) return false;
                                         for (const Thread& k : p)
                                             if (k.node || (nfa_.op(k.pc) != OP_EOF &&
                                                            class_meets(nfa_.arg(k.pc, 0), nfa_.arg(t.pc, 0))))
                                                 return false;
                                         return true;
                                     }),
                      threads.end());
}

u32 Lexer::intern_context(Context c) {
    // A thread of `neg` that another one makes redundant goes; of two equal killers the first stays.
    for (size_t i = 0; i < c.neg.size(); ++i) {
        const Thread k = c.neg[i];
        if (!accepts_after_one(k)) continue;
        const u32 root = nfa_.arg(k.pc, 0);
        size_t to = 0, at = i;
        for (size_t j = 0; j < c.neg.size(); ++j) {
            const Thread t = c.neg[j];
            const bool redundant =
                j != i && t.node == 0 && nfa_.op(t.pc) != OP_EOF && class_contains(root, nfa_.arg(t.pc, 0));
            if (j == i) at = to;
            if (!redundant) c.neg[to++] = t;
        }
        c.neg.resize(to);
        i = at;
    }

    u64 h = hash_threads(hash_threads(1, View<Thread>(c.neg)), View<Thread>(c.back));
    h = mix(h, c.back_true);
    for (const Threads& p : c.pos) h = hash_threads(h, View<Thread>(p));
    const u32 known = context_index_.find_if(h, [&](u32 id) {
        const Context& o = contexts_[id];
        return o.neg == c.neg && o.pos == c.pos && o.back == c.back && o.back_true == c.back_true;
    });
    if (known != NONE) return known;
    c.eof_ok = !eof_accepts(c.neg, 0);
    for (const Threads& p : c.pos) c.eof_ok = c.eof_ok && eof_accepts(p, 0);
    if (contexts_.size() >= max_states_)
        throw CoreError(ErrorKind::limit_states, contexts_.size(), "too many lexer contexts");
    size_t threads = c.neg.size() + c.back.size();
    for (const Threads& p : c.pos) threads += p.size() + 6;  // a set of its own takes as much room again
    budget_threads(threads);
    const u32 id = contexts_.push_back(std::move(c));
    dies_.emplace_back();
    context_index_.insert(h, id);
    return id;
}

// Does every whole non-ASCII character (that tokens can spell) make a thread of `neg` accept?
bool Lexer::non_ascii_breaks(const Context& c) {
    std::vector<signed char> guess(nfa_.lookaheads.size(), -1);
    std::vector<u32> acc;
    u32 ask = NONE;
    for (const Utf8Form& form : kUtf8Forms) {
        std::vector<Threads> sets{c.neg};
        for (u32 i = 0; i < form.size; ++i) {
            const bool last = i + 1 == form.size;
            std::vector<Threads> next;
            for (const Threads& s : sets) {
                u32 seen = NONE;
                for (u32 b = form.range[i].lo; b <= form.range[i].hi; ++b) {
                    const u32 cls = byte_class[b];
                    if (cls == NONE || cls == seen) continue;
                    seen = cls;
                    Threads raw, closed;
                    step_threads(s, static_cast<u8>(b), raw);
                    if (last) {
                        if (!close(raw, nullptr, guess, nullptr, closed, acc, ask) || acc.empty()) return false;
                    } else if (std::find(next.begin(), next.end(), raw) == next.end()) {
                        next.push_back(std::move(raw));
                    }
                }
            }
            sets = std::move(next);
        }
    }
    return true;
}

const u8* Lexer::context_dies_slow(u32 ctx) {
    std::lock_guard<std::mutex> lock(mutex);
    if (const u8* d = dies_[ctx].load(std::memory_order_relaxed)) return d;
    auto table = std::unique_ptr<u8[]>(new u8[n_classes_ + 1]());
    const Context& c = contexts_[ctx];
    // What holds behind the next position isn't known here; without it fewer threads accept, so a 1 is certain.
    Threads raw, closed;
    std::vector<signed char> guess(nfa_.lookaheads.size(), -1);
    std::vector<u32> acc;
    u32 ask = NONE;
    for (u32 cls = 0; cls < n_classes_; ++cls) {
        step_threads(c.neg, class_byte_[cls], raw);
        if (close(raw, nullptr, guess, nullptr, closed, acc, ask) && !acc.empty()) table[cls] = 1;
        for (const Threads& p : c.pos) {
            step_threads(p, class_byte_[cls], raw);
            if (raw.empty()) table[cls] = 1;
        }
    }
    table[n_classes_] = non_ascii_breaks(c);
    dies_storage_.push_back(std::move(table));
    const u8* d = dies_storage_.back().get();
    dies_[ctx].store(d, std::memory_order_release);
    return d;
}

// Whether some thread accepts if the text ends here. Lookaheads met after the end are decided on the spot.
bool Lexer::eof_accepts(const Threads& ts, int depth) {
    for (const Thread& t : ts)
        if (t.node == 0 && nfa_.op(t.pc) == OP_EOF && eof_closure(nfa_.arg(t.pc, 1), depth)) return true;
    return false;
}

bool Lexer::eof_closure(u32 pc0, int depth) {
    if (depth > 32) throw CoreError(ErrorKind::bad_input, pc0, "lookaheads nested too deep at the end of the text");
    std::vector<u32> stack{pc0};
    std::unordered_set<u32> seen;
    while (!stack.empty()) {
        const u32 pc = stack.back();
        stack.pop_back();
        if (!seen.insert(pc).second) continue;
        switch (nfa_.op(pc)) {
            case OP_ACCEPT:
                return true;
            case OP_EOF:
                stack.push_back(nfa_.arg(pc, 1));
                break;
            case OP_SPLIT:
                for (u32 i = 0; i < nfa_.arg(pc, 1); ++i) stack.push_back(nfa_.splits[nfa_.arg(pc, 0) + i]);
                break;
            case OP_LOOKAHEAD:
                if (static_cast<u32>(eof_closure(nfa_.lookaheads[nfa_.arg(pc, 0)], depth + 1)) == nfa_.arg(pc, 2))
                    stack.push_back(nfa_.arg(pc, 1));
                break;
            case OP_REPEAT:
            case OP_LAZY_REPEAT:
                if (nfa_.arg(pc, 2) == 0) stack.push_back(nfa_.arg(pc, 1));
                break;
            default:
                break;  // a class needs a character; lookbehinds after the end do not occur (refused by the compiler)
        }
    }
    return false;
}

}  // namespace gcd
