#include "efg_trie.hpp"

#include <algorithm>
#include <cmath>

namespace gcd {
namespace {

double log_add(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == kMinusInfinity ? a : a + std::log1p(std::exp(b - a));
}

// log(exp(a) - exp(b)), rounded upwards by what the sums behind `a` may be off: a bound must never be too low. The next
// visit puts it right.
double log_subtract_up(double a, double b, bool coarse) {
    if (a == kMinusInfinity) return a;
    const double left = b == kMinusInfinity ? 1 : std::max(0.0, -std::expm1(std::min(0.0, b - a)));
    return a + std::log(std::min(1.0, left + (coarse ? 1e-6 : 1e-14)));
}

}  // namespace

// -- the trie ---------------------------------------------------------------------------------------------------------

EfgTrie::Child* EfgTrie::find(u32 node, u32 token) {
    std::vector<Child>& c = nodes_[node].children;
    const auto it = std::lower_bound(c.begin(), c.end(), token, [](const Child& x, u32 t) { return x.token < t; });
    return it != c.end() && it->token == token ? &*it : nullptr;
}

const EfgTrie::Child* EfgTrie::child(u32 node, u32 token) const {
    return const_cast<EfgTrie*>(this)->find(node, token);
}

u64 EfgTrie::bytes() const {
    u64 n = sizeof(EfgTrie) + nodes_.capacity() * sizeof(Node);
    for (const Node& node : nodes_) n += node.children.capacity() * sizeof(Child);
    return n;
}

double EfgTrie::log_mass(u32 id) const {
    const Node& n = nodes_[id];
    double top = n.log_rest;
    for (const Child& c : n.children) top = std::max(top, c.log_p + c.log_bound);
    if (top == kMinusInfinity) return top;
    double sum = std::exp(n.log_rest - top);
    for (const Child& c : n.children) sum += std::exp(c.log_p + c.log_bound - top);
    return std::min(0.0, top + std::log(sum));
}

bool EfgTrie::commit(const std::vector<Visit>& path) {
    if (path.empty()) return false;
    std::vector<u32> ids;
    bool created = nodes_.empty(), fresh = false;
    if (created) nodes_.push_back({{}, path[0].log_rest});
    double log_p = 0;
    u32 at = 0;
    for (size_t i = 0; i < path.size(); ++i) {
        const Visit& v = path[i];
        ids.push_back(at);
        const bool goes_on = i + 1 < path.size();
        const bool keeps = v.token != NONE && (goes_on || v.kind == kEnd || v.kind == kRefused);
        Child* c = keeps ? find(at, v.token) : nullptr;
        const bool inserts = keeps && !c;
        Node& n = nodes_[at];
        // Children only come, so the same number is the same children: then the visit's own rest holds.
        if (created || n.children.size() == v.n_children)
            n.log_rest = inserts ? v.log_rest_without : v.log_rest;
        else if (inserts)
            n.log_rest = log_subtract_up(n.log_rest, v.log_p, v.coarse);
        created = inserts && goes_on;
        u32 next = c ? c->node : NONE;
        if (inserts) {
            next = goes_on ? size() : v.kind;
            const auto where = std::lower_bound(n.children.begin(), n.children.end(), v.token,
                                                [](const Child& x, u32 t) { return x.token < t; });
            n.children.insert(where, {v.token, next, v.log_p, v.kind == kRefused ? kMinusInfinity : 0.0});
            if (created) nodes_.push_back({{}, path[i + 1].log_rest});  // moves `n`
        }
        log_p += v.log_p;
        fresh = inserts && v.kind == kEnd;
        if (next >= kRefused) break;  // also where a predicate contradicts what it said before
        at = next;
    }
    for (size_t i = ids.size(); i-- > 0;) {
        const double bound = log_mass(ids[i]);
        if (i)
            find(ids[i - 1], path[i - 1].token)->log_bound = bound;
        else
            log_bound_ = bound;
    }
    if (fresh) {
        log_found_ = log_add(log_found_, log_p);
        ++n_found_;
    }
    return fresh;
}

void EfgTrie::back_up() {
    std::vector<double> bounds(nodes_.size()), log_p(nodes_.size());
    for (size_t i = nodes_.size(); i-- > 0;) {
        for (Child& c : nodes_[i].children)
            if (c.node < kRefused) c.log_bound = bounds[c.node];
        bounds[i] = log_mass(static_cast<u32>(i));
    }
    log_bound_ = nodes_.empty() ? 0 : bounds[0];
    log_found_ = kMinusInfinity;
    n_found_ = 0;
    for (size_t i = 0; i < nodes_.size(); ++i)
        for (const Child& c : nodes_[i].children) {
            if (c.node < kRefused) log_p[c.node] = log_p[i] + c.log_p;
            if (c.node != kEnd) continue;
            log_found_ = log_add(log_found_, log_p[i] + c.log_p);
            ++n_found_;
        }
}

void EfgTrie::merge(const EfgTrie& other) {
    if (other.nodes_.empty()) return;
    struct Pair {
        u32 ours, theirs;
        bool copy;  // ours is new: only theirs is known
    };
    std::vector<Pair> todo{{0, 0, nodes_.empty()}};
    if (nodes_.empty()) nodes_.push_back({{}, other.nodes_[0].log_rest});
    while (!todo.empty()) {
        const Pair pair = todo.back();
        todo.pop_back();
        const Node& b = other.nodes_[pair.theirs];
        std::vector<Child> ours = std::move(nodes_[pair.ours].children), both;
        double only_ours = kMinusInfinity, only_theirs = kMinusInfinity;
        auto x = ours.begin();
        auto y = b.children.begin();
        while (x != ours.end() || y != b.children.end()) {
            if (y == b.children.end() || (x != ours.end() && x->token < y->token)) {
                only_ours = log_add(only_ours, x->log_p);
                both.push_back(*x++);
            } else if (x == ours.end() || y->token < x->token) {
                only_theirs = log_add(only_theirs, y->log_p);
                both.push_back(*y++);
                if (both.back().node >= kRefused) continue;
                todo.push_back({size(), both.back().node, true});
                nodes_.push_back({{}, other.nodes_[both.back().node].log_rest});
                both.back().node = size() - 1;
            } else {
                if (x->node < kRefused && y->node < kRefused) todo.push_back({x->node, y->node, false});
                both.push_back(*x++);
                ++y;
            }
        }
        Node& a = nodes_[pair.ours];
        a.children = std::move(both);
        // Both bound the mass of what neither has as a child.
        if (!pair.copy)
            a.log_rest =
                std::min(only_theirs == kMinusInfinity ? a.log_rest : log_subtract_up(a.log_rest, only_theirs, true),
                         only_ours == kMinusInfinity ? b.log_rest : log_subtract_up(b.log_rest, only_ours, true));
    }
    back_up();
}

// Nodes breadth first, so that the file needs no ids: the children that are nodes follow in order.
void EfgTrie::save(Writer& w) const {
    std::vector<u32> order, counts, tokens;
    std::vector<double> rests, log_ps;
    std::vector<u8> kinds;
    if (!nodes_.empty()) order.push_back(0);
    for (size_t i = 0; i < order.size(); ++i) {
        const Node& n = nodes_[order[i]];
        counts.push_back(static_cast<u32>(n.children.size()));
        rests.push_back(n.log_rest);
        for (const Child& c : n.children) {
            tokens.push_back(c.token);
            log_ps.push_back(c.log_p);
            kinds.push_back(c.node == kEnd ? 1 : c.node == kRefused ? 2 : 0);
            if (c.node < kRefused) order.push_back(c.node);
        }
    }
    w.array(counts);
    w.array(rests);
    w.array(tokens);
    w.array(log_ps);
    w.array(kinds);
}

EfgTrie::EfgTrie(Reader& r, u32 width, const std::vector<u32>& end_ids) {
    const View<u32> counts = r.view<u32>();
    const View<double> rests = r.view<double>();
    const View<u32> tokens = r.view<u32>();
    const View<double> log_ps = r.view<double>();
    const View<u8> kinds = r.view<u8>();
    r.done();
    const auto is_log_mass = [](double x) { return x <= 1e-3; };  // of at most 1, but for rounding; not NaN
    Reader::check(counts.size() == rests.size() && counts.size() < kRefused, "the trie's arrays differ in length");
    Reader::check(tokens.size() == log_ps.size() && tokens.size() == kinds.size(),
                  "the trie's arrays differ in length");
    u64 sum = 0;
    for (u32 n : counts) sum += n;
    Reader::check(sum == tokens.size(), "the trie's children don't add up");
    nodes_.reserve(counts.size());
    size_t next = 1, at = 0;  // the next node, the next child
    for (size_t i = 0; i < counts.size(); ++i) {
        Reader::check(next > i, "a node of the trie has no parent");
        Reader::check(is_log_mass(rests[i]), "a mass in the trie is none");
        Node n{{}, rests[i]};
        n.children.reserve(counts[i]);
        double mass = std::exp(rests[i]);
        for (const size_t end = at + counts[i]; at < end; ++at) {
            Reader::check(tokens[at] < width, "a token of the trie is out of range");
            Reader::check(n.children.empty() || tokens[at] > n.children.back().token,
                          "the trie's tokens are out of order");
            Reader::check(is_log_mass(log_ps[at]) && log_ps[at] != kMinusInfinity, "a probability in the trie is none");
            const bool ends = std::find(end_ids.begin(), end_ids.end(), tokens[at]) != end_ids.end();
            Reader::check(kinds[at] == 2 || kinds[at] == ends, "a child in the trie is of another kind than its token");
            const u32 node = kinds[at] == 0 ? static_cast<u32>(next++) : kinds[at] == 1 ? kEnd : kRefused;
            n.children.push_back({tokens[at], node, log_ps[at], kinds[at] == 2 ? kMinusInfinity : 0.0});
            mass += std::exp(log_ps[at]);
        }
        Reader::check(mass <= 1.01, "probabilities in the trie add up to more than 1");
        nodes_.push_back(std::move(n));
    }
    Reader::check(next == std::max<size_t>(1, counts.size()), "a node of the trie is missing");
    back_up();
}

// -- a sequence -------------------------------------------------------------------------------------------------------

template <>
MaskedSums<float>& EfgDraw::sums<float>() {
    return floats_;
}
template <>
MaskedSums<double>& EfgDraw::sums<double>() {
    return doubles_;
}

template <class T>
ScoreFault EfgDraw::visit(const T* scores, u32 width, const u32* mask, u32 n_words, bool raw) {
    const u32 words = (width + 31) / 32;
    mask_.assign(mask, mask + std::min(words, n_words));
    mask_.resize(words);
    if (width % 32) mask_[words - 1] &= (1u << (width % 32)) - 1;
    terms_.clear();
    EfgTrie::Visit v{};
    // Where this is in the trie now: others may have come here since the last token was drawn.
    if (path_.empty()) {
        node_ = trie_->size() ? 0 : NONE;
        log_next_bound_ = trie_->log_bound();
    } else if (node_ != NONE) {
        const EfgTrie::Child* c = trie_->child(node_, path_.back().token);
        node_ = c && c->node < EfgTrie::kRefused ? c->node : NONE;
    }
    if (node_ != NONE) {
        const std::vector<EfgTrie::Child>& children = trie_->node(node_).children;
        v.n_children = static_cast<u32>(children.size());
        for (const EfgTrie::Child& c : children) {
            if (c.token >= width || !(mask_[c.token / 32] >> (c.token % 32) & 1)) continue;
            mask_[c.token / 32] &= ~(1u << (c.token % 32));
            terms_.push_back({c.token, c.node, c.log_bound, 0});
        }
    }
    MaskedSums<T>& s = sums<T>();
    const ScoreFault fault = s.compute(scores, mask_.data(), width, raw);
    if (fault != ScoreFault::none) return fault;
    log_all_ = s.log_all();
    scale_ = s.log_allowed();
    for (const Term& t : terms_) scale_ = std::max(scale_, static_cast<double>(scores[t.token]) + t.log_bound);
    total_ = rest_ = 0;
    log_mass_ = kMinusInfinity;
    if (scale_ != kMinusInfinity) {
        for (Term& t : terms_) {
            t.share = std::exp(static_cast<double>(scores[t.token]) + t.log_bound - scale_);
            total_ += t.share;
        }
        rest_ = std::exp(s.log_allowed() - scale_);
        total_ += rest_;
        log_mass_ = scale_ + std::log(total_) - log_all_;
    }
    v.token = NONE;
    v.kind = kOpen;
    v.coarse = sizeof(T) == 4;
    v.log_rest = v.log_rest_without = s.log_allowed() - log_all_;
    path_.push_back(v);
    log_bound_ = log_next_bound_;
    return ScoreFault::none;
}

template <class T>
u32 EfgDraw::sample(const T* scores, double uniform) {
    double target = uniform * total_;
    u32 token = NONE;
    for (const Term& t : terms_) {
        if (t.share > 0) token = t.token;
        target -= t.share;
        if (target < 0 && t.share > 0) break;
    }
    const MaskedSums<T>& s = sums<T>();
    if (target >= 0 && rest_ > 0) token = s.draw(scores, std::min(1.0, target / rest_) * s.total());
    take(scores, token);
    return token;
}

template <class T>
void EfgDraw::law(const T* scores, u32 token, double& log_p, double& log_q) const {
    log_p = log_q = kMinusInfinity;
    if (token / 32 >= mask_.size()) return;
    double bound = kMinusInfinity;
    if (mask_[token / 32] >> (token % 32) & 1)
        bound = 0;
    else if (const Term* t = term(token))
        bound = t->log_bound;
    else
        return;
    log_p = static_cast<double>(scores[token]) - log_all_;
    if (log_p + bound != kMinusInfinity) log_q = log_p + bound - log_mass_;
}

template <class T>
void EfgDraw::take(const T* scores, u32 token) {
    EfgTrie::Visit& v = path_.back();
    double log_q;
    law(scores, token, v.log_p, log_q);
    v.token = token;
    const Term* t = term(token);
    if (!t) v.log_rest_without = sums<T>().log_without(scores, token) - log_all_;
    log_next_bound_ = t ? t->log_bound : 0;
    log_p_ += v.log_p;
    log_q_ += log_q;
}

const EfgDraw::Term* EfgDraw::term(u32 token) const {
    const auto it =
        std::lower_bound(terms_.begin(), terms_.end(), token, [](const Term& t, u32 x) { return t.token < x; });
    return it != terms_.end() && it->token == token ? &*it : nullptr;
}

template ScoreFault EfgDraw::visit<float>(const float*, u32, const u32*, u32, bool);
template ScoreFault EfgDraw::visit<double>(const double*, u32, const u32*, u32, bool);
template u32 EfgDraw::sample<float>(const float*, double);
template u32 EfgDraw::sample<double>(const double*, double);
template void EfgDraw::law<float>(const float*, u32, double&, double&) const;
template void EfgDraw::law<double>(const double*, u32, double&, double&) const;
template void EfgDraw::take<float>(const float*, u32);
template void EfgDraw::take<double>(const double*, u32);

}  // namespace gcd
