// The lexer DFA's part of an artefact.
#include <algorithm>

#include "lexer.hpp"

namespace gcd {

namespace {

// Thread lists and other lists of one state after another, each with its length in front.
class Flat {
  public:
    void threads(const Threads& ts) {
        out.push_back(static_cast<u32>(ts.size()));
        for (const Thread& t : ts) out.insert(out.end(), {t.pc, t.node, t.count, t.guard});
    }
    void list(const std::vector<u32>& v) {
        out.push_back(static_cast<u32>(v.size()));
        out.insert(out.end(), v.begin(), v.end());
    }
    std::vector<u32> out;
};

static_assert(sizeof(Thread) == 16 && alignof(Thread) == 4, "threads are used where they lie in a section");
static_assert(sizeof(std::atomic<Edge>) == 4 && std::atomic<Edge>::is_always_lock_free, "edges likewise");

class Unflat {
  public:
    Unflat(View<u32> v, const NfaProgram& nfa) : v_(v), nfa_(nfa) {}
    u32 one() {
        Reader::check(at_ < v_.size(), "a state's record is too short");
        return v_[at_++];
    }
    u32 count(u32 width) {
        const u32 n = one();
        Reader::check(n <= (v_.size() - at_) / width, "a state's record is too short");
        return n;
    }
    View<u32> list() {
        const u32 n = count(1);
        const View<u32> out(v_.data() + at_, n);
        at_ += n;
        return out;
    }
    // Threads of patterns that `owned` names: whoever steps them looks up whose they are. Their guards are among the
    // first `guards`.
    View<Thread> threads(const std::vector<bool>* owned, u32 guards = 1) {
        const u32 n = count(4);
        const View<Thread> out(reinterpret_cast<const Thread*>(v_.data() + at_), n);
        at_ += 4 * static_cast<size_t>(n);
        for (const Thread& t : out) {
            Reader::check(t.pc < nfa_.n_code() && t.guard < guards, "a thread is out of bounds");
            Reader::check(!owned || (*owned)[t.pc], "a thread belongs to no pattern");
            const u32 op = nfa_.op(t.pc);
            Reader::check(op == OP_CLASS || op == OP_EOF || op == OP_REPEAT || op == OP_LAZY_REPEAT,
                          "a thread waits nowhere");
            Reader::check(t.node == 0 || (op != OP_EOF && t.node < nfa_.node_start.size()),
                          "a thread's node is out of bounds");
        }
        return out;
    }
    const u32* here() const { return v_.data() + at_; }
    void done() const { Reader::check(at_ == v_.size(), "state records hold more than they should"); }

  private:
    View<u32> v_;
    const NfaProgram& nfa_;
    size_t at_ = 0;
};

Threads copy(View<Thread> v) {
    return Threads(v.begin(), v.end());
}

}  // namespace

void Lexer::save(Writer& w) {
    std::lock_guard<std::mutex> lock(mutex);
    Flat contexts;
    std::vector<u64> back_true;
    for (u32 i = 0; i < contexts_.size(); ++i) {
        const Context& c = contexts_[i];
        contexts.threads(c.neg);
        contexts.threads(c.back);
        contexts.out.push_back(static_cast<u32>(c.pos.size()));
        for (const Threads& p : c.pos) contexts.threads(p);
        back_true.push_back(c.back_true);
    }
    w.array(contexts.out);
    w.array(back_true);
    Flat guards;
    for (u32 i = 1; i < guards_.size(); ++i) guards.threads(guards_[i]);
    w.number(guards_.size());
    w.array(guards.out);
    Flat states;
    const u32 n = states_.size();
    std::vector<u32> delta;
    delta.reserve(static_cast<size_t>(n) * n_classes_);
    for (u32 i = 0; i < n; ++i) {
        LexState& s = states_[i];
        if (s.packed) unpack(s);
        states.out.insert(states.out.end(), {s.ctx, s.unless, s.start ? 1u : 0u, s.column, s.base});
        states.threads(s.main);
        states.list(s.group_end);
        states.threads(s.obs);
        states.out.push_back(static_cast<u32>(s.accepts.size()));
        for (const Accept& a : s.accepts) states.out.insert(states.out.end(), {a.terminal, a.ctx, a.column});
        states.list(s.groups);
        const std::atomic<Edge>* edges = delta_[i].load(std::memory_order_relaxed);
        for (u32 k = 0; k < n_classes_; ++k) delta.push_back(edges[k].load(std::memory_order_relaxed));
    }
    w.number(n);
    w.array(states.out);
    w.array(delta);
    std::vector<std::vector<u32>> lists;
    for (u32 i = 0; i < lists_.size(); ++i) lists.push_back(lists_[i]);
    write_lists(w, lists);
    std::vector<std::vector<u64>> sets;
    for (u32 i = 0; i < start_sets_.size(); ++i) sets.push_back(start_sets_[i]);
    write_lists(w, sets);
    std::vector<std::pair<u64, u32>> starts;
    start_index_.each([&](u64 key, u32 e) { starts.emplace_back(key, e); });
    std::sort(starts.begin(), starts.end());
    std::vector<u64> keys;
    std::vector<u32> edges;
    for (auto& [k, e] : starts) keys.push_back(k), edges.push_back(e);
    w.array(keys);
    w.array(edges);
}

// Contexts are few and are made anew. States are many: their threads and edges stay in the section until one is needed.
void Lexer::restore(Reader& r) {
    std::lock_guard<std::mutex> lock(mutex);
    auto check = Reader::check;
    check(states_.size() == 0, "states are restored into a fresh lexer only");
    // Who may own a thread: `main` and `obs` belong to terminals, `back` to lookbehinds.
    std::vector<bool> terminal(nfa_.n_code()), behind(nfa_.n_code());
    for (u32 pc = 0; pc < nfa_.n_code(); ++pc) terminal[pc] = pc_owner_[pc] != NONE;
    std::vector<u32> stack = nfa_.lookbehinds;
    while (!stack.empty()) {
        const u32 pc = stack.back();
        stack.pop_back();
        if (behind[pc]) continue;
        behind[pc] = true;
        if (nfa_.op(pc) == OP_SPLIT)
            for (u32 i = 0; i < nfa_.arg(pc, 1); ++i) stack.push_back(nfa_.splits[nfa_.arg(pc, 0) + i]);
        else if (nfa_.op(pc) != OP_ACCEPT)
            stack.push_back(nfa_.arg(pc, 1));
        if (is_count(nfa_.op(pc))) stack.push_back(nfa_.arg(pc, 0));
    }
    Unflat contexts(r.view<u32>(), nfa_);
    const View<u64> back_true = r.view<u64>();
    for (u32 i = 0; i < back_true.size(); ++i) {
        Context c;
        c.neg = copy(contexts.threads(nullptr));
        c.back = copy(contexts.threads(&behind));
        const u32 n = contexts.count(1);
        for (u32 k = 0; k < n; ++k) c.pos.push_back(copy(contexts.threads(nullptr)));
        c.back_true = back_true[i];
        check(intern_context(std::move(c)) == i, "lexer contexts are out of step");
    }
    contexts.done();
    const u32 n_guards = r.number32();
    Unflat guards(r.view<u32>(), nfa_);
    for (u32 i = 1; i < n_guards; ++i)
        check(intern_guard(copy(guards.threads(nullptr))) == i, "guards of lexer threads are out of step");
    guards.done();
    check(guards_.size() == n_guards, "guards of lexer threads are out of step");
    const u32 n = r.number32();
    Unflat states(r.view<u32>(), nfa_);
    saved_delta_ = r.view<u32>();
    const ListsView<u32> lists(r);
    const ListsView<u64> sets(r);
    const View<u64> keys = r.view<u64>();
    const View<u32> edges = r.view<u32>();
    check(saved_delta_.size() == static_cast<u64>(n) * n_classes_ && keys.size() == edges.size(),
          "lexer tables differ in length");
    check(n < EDGE_LIST && lists.size() < EDGE_LIST, "too many lexer states");
    const u32 n_lists = static_cast<u32>(lists.size());
    auto edge_bad = [&](Edge e) {
        return (e & EDGE_LIST ? (e & ~EDGE_LIST) >= n_lists && e < EDGE_UNKNOWN : e >= n) ? 1u : 0u;
    };
    u32 bad = 0;
    for (Edge e : saved_delta_) bad |= edge_bad(e);
    check(!bad, "a lexer edge is out of bounds");
    state_index_.reserve(n);
    const u32 n_contexts = contexts_.size();
    for (u32 i = 0; i < n; ++i) {
        LexState s;
        s.ctx = states.one();
        s.unless = states.one();
        s.start = states.one() != 0;
        s.column = states.one();
        s.base = states.one();
        s.packed = states.here();
        const View<Thread> main = states.threads(&terminal, n_guards);
        const View<u32> group_end = states.list();
        const View<Thread> obs = states.threads(&terminal);
        const u32 n_accepts = states.count(3);
        s.accepts.reserve(n_accepts);
        for (u32 k = 0; k < n_accepts; ++k) {
            const u32 id = states.one(), ctx = states.one(), column = states.one();
            check(id <= n_terminals() && ctx < n_contexts, "a lexer accept is out of bounds");
            s.accepts.push_back({id, ctx, column});
        }
        const View<u32> groups = states.list();
        s.groups.assign(groups.begin(), groups.end());
        u32 from = 0;
        for (u32 to : group_end) {
            check(to >= from && to <= main.size(), "a state's groups are out of bounds");
            from = to;
        }
        check(from == main.size(), "a state's groups are out of bounds");
        for (u32 g : groups) check(g < i, "a state's groups are out of bounds");
        check(s.ctx < n_contexts && (s.unless == NONE || s.unless < lexsets_.size()) && (s.base == NONE || s.base < i),
              "a lexer state is out of bounds");
        const u64 h = state_hash(s, main, group_end, obs);
        // Const only by the section's type: edges are copied before they are written (`own_edges`).
        const u32* row = saved_delta_.data() + static_cast<size_t>(i) * n_classes_;
        add_state(std::move(s), h, reinterpret_cast<std::atomic<Edge>*>(const_cast<u32*>(row)));
    }
    states.done();
    for (u32 i = 0; i < n_lists; ++i) {
        for (u32 s : lists[i]) check(s < n, "a lexer edge is out of bounds");
        check(lists[i].size() > 1 && intern_edge(lists.copy(i)) == (i | EDGE_LIST), "lexer edges are out of step");
    }
    for (u32 i = 0; i < sets.size(); ++i) {
        const u32 id = start_sets_.push_back(sets.copy(i));
        u64 h = 7;
        for (u64 word : start_sets_[id]) h = mix(h, word);
        start_set_index_.insert(h, id);
    }
    start_index_.reserve(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
        const u64 key = keys[i] - 1;
        check((key >> 32) < (independent_ ? sets.size() : lexsets_.size()) && (key & 0xFFFFFFFF) < n_contexts &&
                  !edge_bad(edges[i]) && edges[i] != EDGE_DEAD,
              "a lexer start is out of bounds");
        start_index_.insert(keys[i], edges[i]);
    }
}

void Lexer::unpack(LexState& s) {
    const u32* p = s.packed;
    auto threads = [&](Threads& out) {
        const u32 n = *p++;
        out.assign(reinterpret_cast<const Thread*>(p), reinterpret_cast<const Thread*>(p) + n);
        p += 4 * static_cast<size_t>(n);
    };
    threads(s.main);
    s.group_end.assign(p + 1, p + 1 + *p);
    p += 1 + *p;
    threads(s.obs);
    s.packed = nullptr;
}

// The edges of a state, to be written to.
std::atomic<Edge>* Lexer::own_edges(u32 state) {
    std::atomic<Edge>* edges = delta_[state].load(std::memory_order_relaxed);
    const u32* p = reinterpret_cast<const u32*>(edges);
    if (p < saved_delta_.begin() || p >= saved_delta_.end()) return edges;
    auto own = std::unique_ptr<std::atomic<Edge>[]>(new std::atomic<Edge>[n_classes_]);
    for (u32 i = 0; i < n_classes_; ++i) own[i].store(p[i], std::memory_order_relaxed);
    delta_storage_.push_back(std::move(own));
    delta_[state].store(delta_storage_.back().get(), std::memory_order_release);
    return delta_storage_.back().get();
}

}  // namespace gcd
