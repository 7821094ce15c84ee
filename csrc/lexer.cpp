#include "lexer.hpp"

#include <algorithm>
#include <unordered_set>

namespace gcd {

void NfaProgram::validate() const {
    const u32 n = n_code();
    const u32 nodes = node_start.empty() ? 0 : static_cast<u32>(node_start.size() - 1);
    auto bad = [](u64 v, const char* what) { throw CoreError(ErrorKind::bad_input, v, what); };
    if (code.size() % 5) bad(code.size(), "NFA code is not a multiple of five");
    if (range_lo.size() != range_hi.size() || range_lo.size() != range_to.size()) bad(0, "class range arrays differ");
    if (!node_start.empty() && node_start.back() != range_lo.size()) bad(0, "class nodes do not cover their ranges");
    for (u32 i = 0; i < nodes; ++i)
        if (node_start[i] > node_start[i + 1]) bad(i, "class node starts decrease");
    for (size_t i = 0; i < range_lo.size(); ++i)
        if (range_lo[i] > range_hi[i] || range_hi[i] > 255 || (range_to[i] != NONE && range_to[i] >= nodes))
            bad(i, "class range out of bounds");
    // A character has at most four bytes: class nodes are at most four deep (so there are no cycles either).
    std::vector<u8> height(nodes, 1);
    for (int round = 0; round < 5; ++round)
        for (u32 i = 0; i < nodes; ++i)
            for (u32 k = node_start[i]; k < node_start[i + 1]; ++k)
                if (range_to[k] != NONE) height[i] = std::max<u8>(height[i], static_cast<u8>(height[range_to[k]] + 1));
    for (u32 i = 0; i < nodes; ++i)
        if (height[i] > 4) bad(i, "a character class is more than four bytes deep");
    for (u32 pc = 0; pc < n; ++pc) {
        const u32 a = arg(pc, 0), b = arg(pc, 1);
        switch (op(pc)) {
            case OP_REPEAT:
            case OP_LAZY_REPEAT:
                if (arg(pc, 2) > arg(pc, 3)) bad(pc, "a count's bounds are the wrong way round");
                [[fallthrough]];
            case OP_CLASS:
                if (a >= nodes || b >= n) bad(pc, "class instruction out of bounds");
                break;
            case OP_COUNT:
            case OP_LAZY_COUNT:
                if (arg(pc, 2) > arg(pc, 3)) bad(pc, "a count's bounds are the wrong way round");
                if (a >= n || b >= n) bad(pc, "count out of bounds");
                break;
            case OP_SPLIT:
                if (a > splits.size() || b > splits.size() - a) bad(pc, "split out of bounds");
                break;
            case OP_LOOKAHEAD:
                if (a >= lookaheads.size() || b >= n) bad(pc, "lookahead out of bounds");
                break;
            case OP_LOOKBEHIND:
                if (a >= lookbehinds.size() || b >= n) bad(pc, "lookbehind out of bounds");
                break;
            case OP_EOF:
                if (b >= n) bad(pc, "jump out of bounds");
                break;
            case OP_ACCEPT:
                break;
            default:
                bad(pc, "unknown opcode");
        }
    }
    for (u32 t : splits)
        if (t >= n) bad(t, "split target out of bounds");
    for (u32 t : starts)
        if (t != NONE && t >= n) bad(t, "start out of bounds");
    for (u32 t : lookaheads)
        if (t >= n) bad(t, "lookahead out of bounds");
    for (u32 t : lookbehinds)
        if (t >= n) bad(t, "lookbehind out of bounds");
    if (lookbehinds.size() > 64) bad(lookbehinds.size(), "more than 64 different lookbehinds");
}

// Thread lists right after a byte (or at a lexeme's start), before empty moves.
struct Lexer::Raw {
    std::vector<Threads> groups;
    Threads obs;
    Threads neg;
    std::vector<Threads> pos;
    Threads back;
    u64 back_true = 0;
    bool back_closed = false;      // `back` and `back_true` are final (no byte was read since)
    bool promises_closed = false;  // same for neg and pos
    bool start = false;
    u32 unless = NONE;
    u32 column = NONE;
};

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
    for (u32 pc = 0; pc < nfa_.n_code(); ++pc)
        if (is_count(nfa_.op(pc))) own_body(pc);
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
    if (!close(raw, false, guess, nullptr, c.back, accepts, ask))
        throw CoreError(ErrorKind::bad_input, ask, "a lookbehind contains a lookahead");
    for (u32 pc : accepts) c.back_true |= 1ull << lookbehind_owner_[pc];
    first_ctx_ = intern_context(std::move(c));
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

u32 Lexer::class_step(u32 node, u8 b) const {
    u32 lo = nfa_.node_start[node], hi = nfa_.node_start[node + 1];
    while (lo < hi) {
        const u32 mid = (lo + hi) / 2;
        if (b < nfa_.range_lo[mid])
            hi = mid;
        else if (b > nfa_.range_hi[mid])
            lo = mid + 1;
        else
            return nfa_.range_to[mid] == NONE ? NONE : nfa_.range_to[mid] + 1;  // NONE: character complete
    }
    return 0;  // dead (a stored node is never 0)
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

namespace {

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

}  // namespace

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

// Closes all lists at one position under one common guess of the lookaheads, branching when a new one is asked for.
void Lexer::finish(const Raw& raw, std::vector<signed char>& guess, std::vector<u32>& out) {
    std::vector<u32> acc;
    u32 ask = NONE;
    auto branch = [&] {
        if (independent_ && raw.groups.size() > 1) {
            // Terminals that are lexed on their own do not share a guess: what one of them asks about the text ahead
            // is no promise of the others.
            for (const Threads& g : raw.groups) {
                Raw one = raw;
                one.groups.assign(1, g);
                finish(one, guess, out);
            }
            return;
        }
        guess[ask] = 1;
        finish(raw, guess, out);
        guess[ask] = 0;
        finish(raw, guess, out);
        guess[ask] = -1;
    };
    Context ctx;
    ctx.back_true = raw.back_true;
    if (raw.back_closed) {
        ctx.back = raw.back;
    } else {
        Threads back = raw.back;
        for (u32 pc : nfa_.lookbehinds) back.push_back({pc, 0, 0});
        if (!close(back, false, guess, nullptr, ctx.back, acc, ask))
            throw CoreError(ErrorKind::bad_input, ask, "a lookbehind contains a lookahead");
        ctx.back_true = 0;
        for (u32 pc : acc) ctx.back_true |= 1ull << lookbehind_owner_[pc];
    }
    if (raw.promises_closed) {
        ctx.neg = raw.neg;
        ctx.pos = raw.pos;
    } else {
        if (!close(raw.neg, false, guess, &ctx.back_true, ctx.neg, acc, ask)) return branch();
        if (!acc.empty()) return;  // a promise is broken
        settle(ctx.neg);
        for (const Threads& p : raw.pos) {
            Threads closed;
            if (!close(p, false, guess, &ctx.back_true, closed, acc, ask)) return branch();
            if (!acc.empty()) continue;  // kept
            if (closed.empty()) return;  // can no longer be kept
            settle(closed);
            ctx.pos.push_back(std::move(closed));
        }
    }
    // Everything is closed first (a closure may ask for a guess), then promises made by the guesses are added, then
    // the lists are pruned by what is promised.
    std::vector<Threads> groups(raw.groups.size());
    std::vector<u32> accept_pcs(raw.groups.size(), NONE);
    for (size_t g = 0; g < groups.size(); ++g) {
        if (!close(raw.groups[g], true, guess, &ctx.back_true, groups[g], acc, ask)) return branch();
        if (!acc.empty()) accept_pcs[g] = acc[0];
    }
    LexState s;
    s.start = raw.start;
    s.unless = raw.unless;
    std::vector<u32> obs_accepts;
    if (!raw.obs.empty()) {
        if (!close(raw.obs, false, guess, &ctx.back_true, s.obs, acc, ask)) return branch();
        for (u32 pc : acc) obs_accepts.push_back(accept_owner_[pc]);
    }
    for (u32 k = 0; k < guess.size(); ++k) {
        if (guess[k] < 0) continue;
        Threads body;
        if (!close({{nfa_.lookaheads[k], 0, 0}}, false, guess, &ctx.back_true, body, acc, ask)) return branch();
        settle(body);
        if (guess[k] == 1) {
            if (!acc.empty()) continue;
            if (body.empty()) return;
            ctx.pos.push_back(std::move(body));
        } else {
            if (!acc.empty()) return;
            unite(ctx.neg, body);
        }
    }
    for (Threads& p : ctx.pos) {
        prune(ctx.neg, p);
        if (p.empty()) return;  // contradicts what must not match
    }
    prune_by_pos(ctx.pos, ctx.neg);
    std::sort(ctx.pos.begin(), ctx.pos.end());
    ctx.pos.erase(std::unique(ctx.pos.begin(), ctx.pos.end()), ctx.pos.end());
    for (const Threads& p : ctx.pos)
        if (std::includes(ctx.neg.begin(), ctx.neg.end(), p.begin(), p.end())) return;  // contradiction
    prune(ctx.neg, s.obs);
    std::vector<u32> group_accept;  // per kept group: its ACCEPT pc or NONE
    for (size_t g = 0; g < groups.size(); ++g) {
        prune(ctx.neg, groups[g]);
        prune_by_pos(ctx.pos, groups[g]);
        if (groups[g].empty() && accept_pcs[g] == NONE) continue;
        s.main.insert(s.main.end(), groups[g].begin(), groups[g].end());
        s.group_end.push_back(static_cast<u32>(s.main.size()));
        group_accept.push_back(accept_pcs[g]);
    }
    if (s.group_end.empty() && !raw.start) return;

    for (size_t g = 0; g < s.group_end.size(); ++g) {
        if (group_accept[g] == NONE) continue;
        const u32 terminal = accept_owner_[group_accept[g]];
        const u32 from = g ? s.group_end[g - 1] : 0;
        // The promise that the lexeme ends here for good; NONE if it contradicts what is promised already.
        auto ended = [&] {
            Context after = ctx;
            Threads longer(s.main.begin() + from, s.main.begin() + s.group_end[g]);
            settle(longer);
            unite(after.neg, longer);
            for (const Threads& p : after.pos)
                if (std::includes(after.neg.begin(), after.neg.end(), p.begin(), p.end())) return NONE;
            return intern_context(std::move(after));
        };
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
        // With all_lengths a lexeme may end here although it could go on; an ignored one never may (Lark's way).
        const u32 final_ctx = ended();
        if (is_ignored(terminal) && final_ctx != NONE) s.accepts.push_back({ignored(), final_ctx, NONE});
        if (is_ignored(terminal) && !independent_) continue;
        const u32 actx = all_lengths_ ? intern_context(Context(ctx)) : final_ctx;
        if (actx != NONE) s.accepts.push_back({emitted, actx, NONE});
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
            if (group_accept[g] != NONE) {
                const u32 t = accept_owner_[group_accept[g]];
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
            std::vector<signed char> guess(nfa_.lookaheads.size(), -1);
            std::vector<u32> out;
            finish(raw, guess, out);
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
    std::vector<signed char> guess(nfa_.lookaheads.size(), -1);
    std::vector<u32> out;
    finish(raw, guess, out);
    return intern_edge(std::move(out));
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
                        if (!close(raw, false, guess, nullptr, closed, acc, ask) || acc.empty()) return false;
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
        if (close(raw, false, guess, nullptr, closed, acc, ask) && !acc.empty()) table[cls] = 1;
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
