#include "live.hpp"

#include <algorithm>

namespace gcd {

namespace {
u64 pair_key(u32 a, u32 b) {
    return static_cast<u64>(a) << 32 | b;
}
}  // namespace

u32 LiveAnalysis::intern_boundary(u32 ctx, u32 place) {
    auto [it, fresh] = boundary_index_.try_emplace(pair_key(ctx, place), n_boundaries());
    if (fresh) boundaries_.push_back({ctx, place});
    return it->second;
}

u32 LiveAnalysis::intern_outcome(u32 terminal, u32 boundary) {
    auto [it, fresh] = outcome_index_.try_emplace(pair_key(terminal, boundary), n_outcomes());
    if (fresh) outcomes_.push_back({terminal, boundary});
    return it->second;
}

u32 LiveAnalysis::intern_set(std::vector<u32> sorted) {
    u64 h = 11;
    for (u32 x : sorted) h = mix(h, x);
    auto [lo, hi] = set_index_.equal_range(h);
    for (auto it = lo; it != hi; ++it)
        if (sets_[it->second] == sorted) return it->second;
    // Promises that stay open multiply, and with them the outcomes of every state.
    n_members_ += sorted.size();
    if (n_members_ > static_cast<u64>(kMembersPerNode) * max_nodes_)
        throw CoreError(ErrorKind::limit_states, n_members_,
                        "too many outcomes of lexer states; members of sets so far");
    const u32 id = static_cast<u32>(sets_.size());
    sets_.push_back(std::move(sorted));
    set_index_.emplace(h, id);
    return id;
}

u32 LiveAnalysis::unite(u32 a, u32 b) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    if (a > b) std::swap(a, b);
    auto it = union_memo_.find(pair_key(a, b));
    if (it != union_memo_.end()) return it->second;
    std::vector<u32> u;
    std::set_union(sets_[a].begin(), sets_[a].end(), sets_[b].begin(), sets_[b].end(), std::back_inserter(u));
    const u32 id = intern_set(std::move(u));
    union_memo_.emplace(pair_key(a, b), id);
    return id;
}

u32 LiveAnalysis::visit(u32 state, u32 place, bool& fresh) {
    if (lexer_.state(state).base != NONE) state = lexer_.state(state).base;  // columns do not change what is live
    fresh = false;
    const u64 key = pair_key(state, place);
    auto it = index_.find(key);
    if (it != index_.end()) return it->second;
    const u32 highest = counts_.highest(state, place);
    if (highest != state) {
        const u32 node = visit(highest, place, fresh);
        index_.emplace(key, node);
        return node;
    }
    if (nodes_.size() >= max_nodes_)
        throw CoreError(ErrorKind::limit_states, nodes_.size(), "too many lexer states to analyse");
    fresh = true;
    std::vector<u32> own;
    for (const Accept& a : lexer_.state(state).accepts)
        own.push_back(intern_outcome(a.terminal, intern_boundary(a.ctx, place)));
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    index_.emplace(key, n_nodes());
    nodes_.push_back({state, place, 0, 0, intern_set(std::move(own)), false});
    return n_nodes() - 1;
}

void LiveAnalysis::successors(u32 node, std::vector<std::pair<u32, u32>>& out) {
    out.clear();
    const u32 state = nodes_[node].state;
    std::vector<u32> to;
    counts_.each_move(state, nodes_[node].place, [&](const std::string& bytes, u32 next) {
        counts_.follow(state, bytes, to);
        for (u32 s : to) out.emplace_back(s, next);
    });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
}

u32 LiveAnalysis::outcomes(u32 state, u32 place) {
    bool fresh;
    const u32 root = visit(state, place, fresh);
    if (nodes_[root].done) return nodes_[root].set;
    // Tarjan's algorithm with an explicit stack. Components finish after all their successors, so a component's set is
    // the union of its members' accepts and the finished sets it points to.
    struct Frame {
        u32 node;
        std::vector<std::pair<u32, u32>> next;
        size_t i;
    };
    std::vector<Frame> stack;
    auto open = [&](u32 n) {
        nodes_[n].index = nodes_[n].low = ++counter_;
        scc_.push_back(n);
        stack.push_back({n, {}, 0});
        successors(n, stack.back().next);
    };
    open(root);
    while (!stack.empty()) {
        Frame& f = stack.back();
        const u32 n = f.node;
        if (f.i < f.next.size()) {
            const auto [s, p] = f.next[f.i++];
            const u32 m = visit(s, p, fresh);
            if (nodes_[m].done) {
                nodes_[n].set = unite(nodes_[n].set, nodes_[m].set);
            } else if (nodes_[m].index == 0) {
                open(m);
            } else {
                nodes_[n].low = std::min(nodes_[n].low, nodes_[m].index);
            }
            continue;
        }
        if (nodes_[n].low == nodes_[n].index) {
            size_t from = scc_.size();
            u32 all = 0;
            do {
                --from;
                all = unite(all, nodes_[scc_[from]].set);
            } while (scc_[from] != n);
            for (size_t i = from; i < scc_.size(); ++i) {
                nodes_[scc_[i]].set = all;
                nodes_[scc_[i]].done = true;
            }
            scc_.resize(from);
        }
        stack.pop_back();
        if (!stack.empty()) {
            const u32 p = stack.back().node;
            if (nodes_[n].done)
                nodes_[p].set = unite(nodes_[p].set, nodes_[n].set);
            else
                nodes_[p].low = std::min(nodes_[p].low, nodes_[n].low);
        }
    }
    return nodes_[root].set;
}

}  // namespace gcd
