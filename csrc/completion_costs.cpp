#include "completion_costs.hpp"

namespace gcd {

CompletionCosts::CompletionCosts(Parser& parser, std::vector<u32> lexemes)
    : c_(parser.compiled()), parser_(parser), lexemes_(std::move(lexemes)) {
    const Cfg& cfg = c_.positions().cfg();
    nonterminals_.assign(cfg.n_nonterminals, kNever);
    for (bool better = true; better;) {
        better = false;
        for (const CfgProduction& p : cfg.productions) {
            u32 cost = 0;
            for (const CfgSymbol& s : p.rhs) cost = sum(cost, s.terminal ? lexeme(s.id) : nonterminals_[s.id]);
            if (cost >= nonterminals_[p.lhs]) continue;
            nonterminals_[p.lhs] = cost;
            better = true;
        }
    }
}

void CompletionCosts::forget() {
    outside_.clear();
}

u32 CompletionCosts::rest(u32 position) {
    const Positions& p = c_.positions();
    if (position >= rest_.size()) rest_.resize(p.size(), NONE);
    u32 end = position;
    while (rest_[end] == NONE && !p.at_end(end)) ++end;
    u32 cost = rest_[end] == NONE ? 0 : rest_[end];
    for (;; --end) {
        if (rest_[end] == NONE && !p.at_end(end))
            cost =
                sum(cost, p.at_terminal(end) ? lexeme(p.occurrence(end).terminal) : nonterminals_[p.nonterminal(end)]);
        rest_[end] = cost;
        if (end == position) return cost;
    }
}

// Left corners lead to each other in circles (`e: e "+" t`), so all that one leads to are settled at once.
u32 CompletionCosts::up(u32 nonterminal, u32 completed) {
    const auto known = up_.find(pair_key(nonterminal, completed));
    if (known != up_.end()) return known->second;
    Positions& p = c_.positions();
    std::vector<u32> found{completed};
    std::unordered_map<u32, u32> cost{{completed, kNever}};
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        for (size_t i = 0; i < found.size(); ++i) {
            const Positions::LeftCorner& corner = p.left_corner(nonterminal, found[i]);
            if (!corner.returns.empty()) cost[found[i]] = 0;
            for (const auto& out : corner.out)
                if (cost.emplace(out.completed, kNever).second) found.push_back(out.completed);
        }
        for (bool better = true; better;) {
            better = false;
            for (u32 b : found) {
                u32& best = cost[b];
                for (const auto& out : p.left_corner(nonterminal, b).out) {
                    const u32 more = sum(rest(out.position), cost[out.completed]);
                    if (more >= best) continue;
                    best = more;
                    better = true;
                }
            }
        }
    }
    for (const auto& [b, c] : cost) up_.emplace(pair_key(nonterminal, b), c);
    return up_[pair_key(nonterminal, completed)];
}

u32 CompletionCosts::begin(u32 nonterminal, u32 symbol) {
    const auto known = begin_.find(pair_key(nonterminal, symbol));
    if (known != begin_.end()) return known->second;
    Positions& p = c_.positions();
    std::vector<Positions::Entry> entries;
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        entries = p.entries(nonterminal);
    }
    u32 best = kNever;
    for (const Positions::Entry& e : entries)
        if (p.takes(p.occurrence_of(e), symbol))
            best = std::min(best, sum(rest(e.position), up(nonterminal, e.completed)));
    begin_.emplace(pair_key(nonterminal, symbol), best);
    return best;
}

u32 CompletionCosts::from(u32 position, u32 frame) {
    const u32 called = parser_.syntax().called(frame), lhs = c_.positions().lhs(position);
    const u32 cost = sum(rest(position), called == NONE || lhs == NONE ? 0 : up(called, lhs));
    return sum(cost, outside(frame));
}

// Frames stand in older ones only, as deep as the text nests: without recursion.
u32 CompletionCosts::outside(u32 frame) {
    std::vector<u32> stack{frame};
    while (!stack.empty()) {
        const u32 f = stack.back();
        if (outside_.count(f)) {
            stack.pop_back();
            continue;
        }
        if (parser_.syntax().called(f) == NONE) {
            outside_.emplace(f, 0);
            continue;
        }
        bool ready = true;
        for (const Item& i : parser_.syntax().continuation(f))
            if (!outside_.count(i.frame)) {
                stack.push_back(i.frame);
                ready = false;
            }
        if (!ready) continue;
        u32 best = kNever;
        for (const Item& i : parser_.syntax().continuation(f)) best = std::min(best, from(i.position, i.frame));
        outside_.emplace(f, best);
    }
    return outside_[frame];
}

u32 CompletionCosts::of_state(u32 plain) {
    u32 best = kNever;
    for (const Item& i : parser_.syntax().state(plain).items) best = std::min(best, from(i.position, i.frame));
    return best;
}

u32 CompletionCosts::behind(u32 plain, u32 symbol) {
    Positions& p = c_.positions();
    u32 best = kNever;
    for (const Item& i : parser_.syntax().state(plain).items) {
        if (p.at_end(i.position)) continue;
        if (p.at_terminal(i.position)) {
            if (p.takes(p.occurrence(i.position), symbol)) best = std::min(best, from(i.position + 1, i.frame));
            continue;
        }
        const u32 n = p.nonterminal(i.position);
        if (!bits_get(p.first(n), symbol)) continue;
        best = std::min(best, sum(begin(n, symbol), from(i.position + 1, i.frame)));
    }
    return best;
}

}  // namespace gcd
