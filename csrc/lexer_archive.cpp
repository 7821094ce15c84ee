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
        for (const Thread& t : ts) out.insert(out.end(), {t.pc, t.node, t.count});
    }
    void list(const std::vector<u32>& v) {
        out.push_back(static_cast<u32>(v.size()));
        out.insert(out.end(), v.begin(), v.end());
    }
    std::vector<u32> out;
};

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
    std::vector<u32> list() {
        const u32 n = count(1);
        std::vector<u32> out(v_.begin() + at_, v_.begin() + at_ + n);
        at_ += n;
        return out;
    }
    Threads threads() {
        const u32 n = count(3);
        Threads out;
        out.reserve(n);
        for (u32 i = 0; i < n; ++i, at_ += 3) {
            const Thread t{v_[at_], v_[at_ + 1], v_[at_ + 2]};
            Reader::check(t.pc < nfa_.n_code(), "a thread is out of bounds");
            const u32 op = nfa_.op(t.pc);
            Reader::check(op == OP_CLASS || op == OP_EOF || op == OP_REPEAT || op == OP_LAZY_REPEAT,
                          "a thread waits nowhere");
            Reader::check(t.node == 0 || (op != OP_EOF && t.node < nfa_.node_start.size()),
                          "a thread's node is out of bounds");
            out.push_back(t);
        }
        return out;
    }
    void done() const { Reader::check(at_ == v_.size(), "state records hold more than they should"); }

  private:
    View<u32> v_;
    const NfaProgram& nfa_;
    size_t at_ = 0;
};

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
    Flat states;
    const u32 n = states_.size();
    std::vector<u32> delta;
    delta.reserve(static_cast<size_t>(n) * n_classes_);
    for (u32 i = 0; i < n; ++i) {
        const LexState& s = states_[i];
        states.threads(s.main);
        states.list(s.group_end);
        states.threads(s.obs);
        states.out.insert(states.out.end(), {s.ctx, s.unless, s.start ? 1u : 0u, s.column, s.base});
        states.out.push_back(static_cast<u32>(s.accepts.size()));
        for (const Accept& a : s.accepts) states.out.insert(states.out.end(), {a.terminal, a.ctx, a.column});
        states.list(s.groups);
        for (u32 k = 0; k < n_classes_; ++k) delta.push_back(delta_[i][k].load(std::memory_order_relaxed));
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

void Lexer::restore(Reader& r) {
    std::lock_guard<std::mutex> lock(mutex);
    auto check = Reader::check;
    check(states_.size() == 0, "states are restored into a fresh lexer only");
    Unflat contexts(r.view<u32>(), nfa_);
    const View<u64> back_true = r.view<u64>();
    for (u32 i = 0; i < back_true.size(); ++i) {
        Context c;
        c.neg = contexts.threads();
        c.back = contexts.threads();
        const u32 n = contexts.count(1);
        for (u32 k = 0; k < n; ++k) c.pos.push_back(contexts.threads());
        c.back_true = back_true[i];
        check(intern_context(std::move(c)) == i, "lexer contexts are out of step");
    }
    contexts.done();
    const u32 n = r.number32();
    Unflat states(r.view<u32>(), nfa_);
    const View<u32> delta = r.view<u32>();
    const ListsView<u32> lists(r);
    const ListsView<u64> sets(r);
    const View<u64> keys = r.view<u64>();
    const View<u32> edges = r.view<u32>();
    check(delta.size() == static_cast<u64>(n) * n_classes_ && keys.size() == edges.size(),
          "lexer tables differ in length");
    const u32 n_lists = static_cast<u32>(lists.size());
    auto edge_ok = [&](Edge e) {
        return e == EDGE_DEAD || e == EDGE_UNKNOWN || (e & EDGE_LIST ? (e & ~EDGE_LIST) < n_lists : e < n);
    };
    for (u32 i = 0; i < n; ++i) {
        LexState s;
        s.main = states.threads();
        s.group_end = states.list();
        s.obs = states.threads();
        s.ctx = states.one();
        s.unless = states.one();
        s.start = states.one() != 0;
        s.column = states.one();
        s.base = states.one();
        const u32 accepts = states.count(3);
        for (u32 k = 0; k < accepts; ++k) {
            const u32 terminal = states.one(), ctx = states.one(), column = states.one();
            check(terminal <= n_terminals() && ctx < contexts_.size(), "a lexer accept is out of bounds");
            s.accepts.push_back({terminal, ctx, column});
        }
        s.groups = states.list();
        for (size_t k = 0; k < s.group_end.size(); ++k)
            check(s.group_end[k] >= (k ? s.group_end[k - 1] : 0) && s.group_end[k] <= s.main.size(),
                  "a state's groups are out of bounds");
        check(s.group_end.empty() ? s.main.empty() : s.group_end.back() == s.main.size(),
              "a state's groups are out of bounds");
        for (u32 g : s.groups) check(g < i, "a state's groups are out of bounds");
        check(s.ctx < contexts_.size() && (s.unless == NONE || s.unless < lexsets_.size()) &&
                  (s.base == NONE || s.base < i),
              "a lexer state is out of bounds");
        check(intern_state(std::move(s)) == i, "lexer states are out of step");
        for (u32 k = 0; k < n_classes_; ++k) {
            const Edge e = delta[static_cast<size_t>(i) * n_classes_ + k];
            check(edge_ok(e), "a lexer edge is out of bounds");
            delta_[i][k].store(e, std::memory_order_relaxed);
        }
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
    for (size_t i = 0; i < keys.size(); ++i) {
        const u64 key = keys[i] - 1;
        check((key >> 32) < (independent_ ? sets.size() : lexsets_.size()) && (key & 0xFFFFFFFF) < contexts_.size() &&
                  edge_ok(edges[i]) && edges[i] != EDGE_DEAD,
              "a lexer start is out of bounds");
        start_index_.insert(keys[i], edges[i]);
    }
}

}  // namespace gcd
