// The lexer DFA: leftmost-first matching of competing terminals, over bytes, built on demand.
//
// One state describes everything that the text so far says about the lexeme being read *and* about promises made
// earlier that later text must keep:
//   main   ordered NFA threads of the lexeme (one group per set of competing terminals), best first. When a thread
//          accepts, all threads after it are cut: ordered choice, Python's leftmost-first rule.
//   obs    keyword observers: literals that a whole lexeme may equal (Lark's `Unless` rule). They never compete.
//   ctx    the context, which outlives the lexeme:
//     neg    threads none of which may ever accept. A lexeme that ends here while better threads live on promises that
//            those never match ("no longer match exists"): that is how roll-back works without a buffer. A negative
//            lookahead adds its body.
//     pos    sets of threads, one of which must accept (positive lookaheads).
//     back   lookbehind bodies running from every position, and which of them end exactly here.
//
// Example, INT=/\d+/ FLOAT=/\d+\.\d+/ DOTS="..": after "1." the state's main has FLOAT's thread; the other reading is
// INT committed, "." read as the start of DOTS, with neg = {FLOAT after "1."}. A second "." kills FLOAT's thread, so
// the promise is kept; a digit would have broken it.
//
// Lookaheads are guessed: the state after a position where the truth of one matters is split in two, each with the
// promise that makes its guess right. Exactly one survives any complete text, so nothing is approximated. In `main` the
// truth of a negative lookahead matters to the thread that met it and mostly to nothing else, so that thread takes the
// lookahead along as its *guard* (guards.cpp), and a guess is put off until something else depends on it.
#pragma once

#include <chrono>
#include <mutex>
#include <unordered_map>

#include "archive.hpp"
#include "nfa_program.hpp"

namespace gcd {

struct Unless {
    u32 regex;
    std::vector<u32> literals;
};
struct Lexset {
    std::vector<u32> order;
    std::vector<Unless> unless;
};

struct Thread {
    u32 pc;
    u32 node;   // 0: at a character's start; else the class node inside a character (node ids are stored + 1)
    u32 count;  // REPEAT: characters eaten so far; in the body of a COUNT: rounds before this one
    // In `main`: threads none of which may ever accept (Lexer::guard), or else this one never was; 0: there are none.
    u32 guard = 0;
    bool operator==(const Thread& o) const {
        return pc == o.pc && node == o.node && count == o.count && guard == o.guard;
    }
    bool operator<(const Thread& o) const {
        return pc != o.pc         ? pc < o.pc
               : node != o.node   ? node < o.node
               : count != o.count ? count < o.count
                                  : guard < o.guard;
    }
};
using Threads = std::vector<Thread>;
u64 hash_threads(u64 h, View<Thread> ts);
void unite(Threads& into, const Threads& more);  // sorted

struct Context {
    Threads neg;               // sorted
    std::vector<Threads> pos;  // sorted sets, sorted
    Threads back;              // sorted
    u64 back_true = 0;         // lookbehinds that hold at this position
    bool eof_ok = true;        // the promises hold if the text ends here
};

struct Accept {
    u32 terminal;  // Lexer::ignored() for a lexeme that is dropped
    u32 ctx;
    u32 column;  // of a newline terminal that indentation watches, see LexState::column; else NONE
};

struct LexState {
    Threads main;
    std::vector<u32> group_end;  // groups of `main`: [0, group_end[0]), [group_end[0], group_end[1]), ...
    Threads obs;
    u32 ctx = 0;
    u32 unless = NONE;   // the lexset whose keyword rules apply
    bool start = false;  // no byte of a lexeme read yet
    // Indentation: blanks since the last line end of this lexeme (a tab counts tab_len), as long as the lexeme may
    // still be a newline terminal; NONE before a line end and everywhere else. States that differ in it only have a
    // `base` in common, the one without a column: all that does not depend on columns is known of that.
    u32 column = NONE;
    u32 base = NONE;
    std::vector<Accept> accepts;
    std::vector<u32> groups;  // one-group states that together are this one; empty if it has one group
    // A state from an artefact: where its `main`, `group_end` and `obs` lie, until they are first needed.
    const u32* packed = nullptr;
};

// An edge is one state, none (DEAD), or, where a lookahead was guessed, a list.
using Edge = u32;
constexpr Edge EDGE_DEAD = 0xFFFFFFFFu;
constexpr Edge EDGE_UNKNOWN = 0xFFFFFFFEu;
constexpr Edge EDGE_LIST = 0x80000000u;

class Lexer {
  public:
    // States have that many threads on average at most.
    static constexpr u32 kThreadsPerState = 64;
    static constexpr u32 kMaxRounds = 4096;  // that one thread ends without a character; one, but for damaged programs

    Lexer(NfaProgram nfa, std::vector<Lexset> lexsets, std::vector<u32> ignore, bool independent, bool all_lengths,
          const bool* used_bytes, u32 max_states, u32 newline_terminal = NONE, u32 tab_len = 8);

    // All that has been found so far; `restore` puts it into a fresh lexer of the same terminals.
    void save(Writer& w);
    void restore(Reader& r);
    // Edges are computed on first use under a lock; known ones cost two loads.
    Edge step(u32 state, u8 byte) {
        const u32 cls = byte_class[byte];
        if (cls == NONE) return EDGE_DEAD;
        return step_class(state, cls);
    }
    Edge step_class(u32 state, u32 cls) {
        const Edge e = delta_[state].load(std::memory_order_acquire)[cls].load(std::memory_order_acquire);
        return e != EDGE_UNKNOWN ? e : step_slow(state, cls);
    }
    // The states in which a lexeme begins, in context `ctx`. `lex_id` is a lexset (ordered lexing) or, for independent
    // lexing, a set of terminals from `intern_set` (ignored ones are added).
    Edge start(u32 lex_id, u32 ctx);
    u32 intern_set(const Bits& terminals);
    template <class F>
    void each(Edge e, F&& f) const {
        if (e == EDGE_DEAD) return;
        if (!(e & EDGE_LIST)) {
            f(e);
            return;
        }
        const std::vector<u32>& l = lists_[e & ~EDGE_LIST];
        for (u32 s : l) f(s);
    }
    const LexState& state(u32 id) const { return states_[id]; }
    const Context& context(u32 id) const { return contexts_[id]; }
    const Threads& guard(u32 id) const { return guards_[id]; }  // 0: none
    u32 n_states() const { return states_.size(); }
    u32 n_contexts() const { return contexts_.size(); }
    u32 n_classes() const { return n_classes_; }
    u32 n_terminals() const { return static_cast<u32>(nfa_.starts.size()); }
    u32 ignored() const { return n_terminals(); }
    u32 newline() const { return newline_; }
    u32 first_context() const { return first_ctx_; }
    bool independent() const { return independent_; }
    bool is_declared(u32 t) const { return nfa_.starts[t] == NONE; }
    bool is_ignored(u32 t) const { return bits_get(ignore_, t); }
    const std::vector<Lexset>& lexsets() const { return lexsets_; }
    // Per byte class: 1 if reading such a byte right after a lexeme that ended in context `ctx` breaks a promise for
    // certain (0: it may not). One more entry, at n_classes(), is 1 if reading any whole non-ASCII character does.
    // Computed once; the pointer stays good.
    const u8* context_dies(u32 ctx) {
        const u8* d = dies_[ctx].load(std::memory_order_acquire);
        return d ? d : context_dies_slow(ctx);
    }
    u8 class_byte(u32 cls) const { return class_byte_[cls]; }

    // Counts (see counts.hpp). The instruction that a thread counts for (REPEAT, or the COUNT whose body it is in);
    // NONE.
    bool counts() const { return counts_; }  // whether any pattern does
    u32 counter(const Thread& t) const { return is_repeat(nfa_.op(t.pc)) ? t.pc : body_of_[t.pc]; }
    // By how much a thread's count can rise before anything depends on it; NONE if the thread
    // has no count that rises.
    u32 stretch(const Thread& t) const;
    // The same for all threads of a state at once: its lowest.
    u32 slack(u32 state);
    // The state in which all counts of `main` that rise are higher by `by`, at most its slack.
    u32 shifted(u32 state, u32 by);
    // A state with its threads, also where it lay packed in an artefact.
    const LexState& whole(u32 state);
    const NfaProgram& nfa() const { return nfa_; }
    u32 class_step(u32 node, u8 byte) const { return nfa_.class_step(node, byte); }

    // While set, making new states past this time throws limit_seconds.
    std::chrono::steady_clock::time_point deadline{};
    u32 byte_class[256];  // NONE: no token has this byte
    std::mutex mutex;     // held by whoever adds states

  private:
    Edge step_slow(u32 state, u32 cls);
    Edge step_locked(u32 state, u32 cls);
    Edge start_locked(u32 lex_id, u32 ctx);
    using Guess = std::vector<signed char>;  // per lookahead: 1 it matches here, 0 it doesn't, -1 nobody has asked
    struct Raw;                              // see lexer_closing.hpp
    struct Guesses;
    struct Choice;
    void finish(const Raw& raw, Guesses& guesses, std::vector<u32>& out);
    // What becomes of a context. `possible`: it does not contradict itself.
    bool close_context(const Raw& raw, const Guesses& guesses, Context& ctx, bool& possible, u32& ask);
    // Follows a thread list's empty moves. Returns false if the truth of lookahead `ask` must be guessed first.
    // `back_true`: the lookbehinds that hold here; null if that is not known: then what depends on them is left out.
    // `choice` for a list of `main`, which is ordered; null for a set.
    bool close(const Threads& raw, Choice* choice, const Guess& guess, const u64* back_true, Threads& out,
               std::vector<u32>& accept_pcs, u32& ask);
    bool close_choice(const Threads& raw, const Guess& guess, Choice& choice, Threads& out, std::vector<u32>& accepts,
                      u32& ask);
    bool close_guards(const Raw& raw, const Guess& guess, const Context& ctx, std::vector<Threads>& groups, u32& ask);
    // The number of a guard in a context: 0 if it holds anyway, NONE if it can't.
    u32 guard_in(const Context& ctx, Threads threads);
    u32 add_guard(Choice& choice, u32 guard, u32 lookahead);
    u32 intern_guard(Threads threads);
    void prune_guarded(const Context& ctx, Threads& threads);
    bool end_lexeme(const Context& ctx, const Threads& better, u32 guard, bool for_good, Context& after, u32& ask);
    const u8* context_dies_slow(u32 ctx);
    bool non_ascii_breaks(const Context& c);
    bool accepts_after_one(const Thread& t);
    void find_promises();
    void settle(Threads& promise);
    void budget_threads(size_t more);
    u32 shifted_locked(u32 state, u32 by);
    bool class_contains(u32 outer, u32 inner);
    bool class_meets(u32 a, u32 b);
    void prune(const Threads& killers, Threads& threads);
    void prune_by_pos(const std::vector<Threads>& pos, Threads& threads);
    void own_accepts(u32 start, u32 owner, std::vector<u32>& owners);
    void own_body(u32 count);
    void step_threads(const Threads& in, u8 byte, Threads& out) const;
    bool eof_accepts(const Threads& ts, int depth);
    bool eof_closure(u32 pc, int depth);
    u32 intern_context(Context c);
    u32 intern_state(LexState s);
    u32 intern_at_column(LexState s, u32 column);
    static u64 state_hash(const LexState& s, View<Thread> main, View<u32> group_end, View<Thread> obs);
    u32 add_state(LexState s, u64 hash, std::atomic<Edge>* edges);
    void unpack(LexState& s);
    std::atomic<Edge>* own_edges(u32 state);
    Edge intern_edge(std::vector<u32> states);

    NfaProgram nfa_;
    std::vector<Lexset> lexsets_;
    Bits ignore_;
    std::vector<u32> ignore_list_;
    bool independent_, all_lengths_, counts_ = false;
    u32 newline_, tab_len_;
    std::vector<u32> pc_owner_;  // pc -> terminal
    std::vector<u32> body_of_;   // pc -> the COUNT whose body it is in
    u32 max_states_;
    u32 n_classes_ = 0;
    std::vector<u8> class_byte_;
    std::vector<u32> accept_owner_;      // pc -> pattern, for ACCEPT instructions
    std::vector<u32> lookbehind_owner_;  // pc -> lookbehind, for their ACCEPT instructions
    StableVector<LexState> states_;
    // Edges of a state; an artefact's lie in its section and are copied before the first one is added.
    StableVector<std::atomic<std::atomic<Edge>*>> delta_;
    std::vector<std::unique_ptr<std::atomic<Edge>[]>> delta_storage_;
    View<u32> saved_delta_;
    StableVector<Context> contexts_;
    StableVector<Threads> guards_;  // the first is empty
    StableVector<std::vector<u32>> lists_;
    StableVector<std::atomic<const u8*>> dies_;
    std::vector<std::unique_ptr<u8[]>> dies_storage_;
    ReadMostlyMap state_index_, context_index_, guard_index_, list_index_, start_index_;
    StableVector<Bits> start_sets_;
    ReadMostlyMap start_set_index_;
    u32 first_ctx_ = 0;
    std::vector<signed char> one_char_;          // pc -> accepts after one character: -1 unknown, 2 if it may leave
    std::vector<u32> promise_pc_;                // pc -> the first one that promises as much; filled when first needed
    u32 accept_pc_ = NONE;                       // the one of all ACCEPTs
    std::unordered_map<u32, Thread> last_char_;  // class root -> the thread that accepts after one such character
    u64 n_threads_ = 0;                          // in all states and contexts
    std::unordered_map<u64, bool> class_contains_, class_meets_;
    // Scratch of the one writer.
    std::vector<u32> seen_;
    u32 stamp_ = 0;
};

}  // namespace gcd
