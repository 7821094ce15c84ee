#include "state_rows.hpp"

#include <tuple>

namespace gcd {

u32 StateRows::intern(std::vector<u32> nodes) {
    const auto [it, fresh] = list_index_.try_emplace(std::move(nodes), static_cast<u32>(lists_.size()));
    if (fresh) {
        lists_.push_back(&it->first);
        bytes_ += it->first.size() * 4 + 100;
    }
    return it->second;
}

void StateRows::clear() {
    kept_.clear();
    lists_.clear();
    list_index_.clear();
    bytes_ = 0;
    intern({0});
}

struct StateRows::Builder {
    StateRows& rows;
    Compiled& c;
    Lexer& lx;
    const TokenTrie& t;
    struct Tokens {
        std::vector<u32> ids;
        std::vector<std::pair<u32, u32>> ranges;  // of `order`
    };
    std::map<u32, Tokens> tokens;
    std::map<std::tuple<u32, u32, u32>, std::vector<u32>> exits;

    explicit Builder(StateRows& r) : rows(r), c(r.c_), lx(r.c_.lexer()), t(r.c_.trie()) {}

    void enter(u32 n, u32 state) {
        if (n + 1 >= t.end[n]) return;
        if (rows.rows_.loops_below(n, state)) {
            tokens[state].ranges.push_back({t.own_end(n), t.token_begin[t.end[n]]});
            return;
        }
        const LexState& s = lx.state(state);
        for (u32 i = 0; i < s.accepts.size(); ++i) {
            if (c.goes_on_below(n, s.accepts[i].ctx))
                exits[{c.accept_symbol(state, i, n), s.accepts[i].ctx, s.accepts[i].column}].push_back(n);
        }
        for (u32 k = n + 1; k < t.end[n]; k = t.end[k]) {
            const u32 cls = lx.byte_class[t.byte[k]];
            if (cls == NONE) continue;
            lx.each(lx.step_class(state, cls), [&](u32 to) {
                if (c.live_set_id(to) == 0) return;
                if (t.own_begin(k) < t.own_end(k)) {
                    std::vector<u32>& ids = tokens[to].ids;
                    for (u32 i = t.own_begin(k); i < t.own_end(k); ++i) ids.push_back(t.order[i]);
                }
                enter(k, to);
            });
        }
    }
    std::unique_ptr<StateRow> finish() {
        auto row = std::make_unique<StateRow>();
        rows.bytes_ += sizeof(StateRow);
        for (auto& [state, found] : tokens) {
            u64 size = found.ids.size();
            for (auto [a, b] : found.ranges) size += b - a;
            if (size == 0) continue;
            StateRow::Group g{state, {}, {}};
            if (size > t.words()) {
                g.words.assign(t.words(), 0);
                auto set = [&](u32 id) { g.words[id / 32] |= 1u << (id % 32); };
                for (u32 id : found.ids) set(id);
                for (auto [a, b] : found.ranges)
                    for (u32 i = a; i < b; ++i) set(t.order[i]);
            } else {
                g.ids = std::move(found.ids);
                for (auto [a, b] : found.ranges)
                    for (u32 i = a; i < b; ++i) g.ids.push_back(t.order[i]);
            }
            rows.bytes_ += sizeof(g) + (g.ids.size() + g.words.size()) * 4;
            row->groups.push_back(std::move(g));
        }
        for (auto& [exit, nodes] : exits) {
            std::sort(nodes.begin(), nodes.end());
            nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
            row->exits.push_back(
                {std::get<0>(exit), std::get<1>(exit), std::get<2>(exit), rows.intern(std::move(nodes))});
            rows.bytes_ += sizeof(StateRow::Exit);
        }
        return row;
    }
};

const StateRow& StateRows::row(u32 nodes, u32 state) {
    std::unique_ptr<StateRow>& row = kept_[pair_key(nodes, state)];
    if (!row) {
        Builder b(*this);
        for (u32 n : *lists_[nodes]) b.enter(n, state);
        row = b.finish();
    }
    return *row;
}

}  // namespace gcd
