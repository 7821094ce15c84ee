#include "composition.hpp"

#include <algorithm>

namespace gcd {

namespace {

u64 hash_of(const Composition::Key& key) {
    u64 h = 127;
    for (u64 k : key) h = mix(h, k);
    return h;
}

// Of the whole place; the order of its matchers follows from the text, so that equal sets mostly have one order.
void place_key(const Composition::Place& place, Composition::Key& out) {
    for (const Composition::Live& live : place.lives) out.insert(out.end(), live.key.begin(), live.key.end());
}

bool among(const Composition::Place& place, const Composition::Live& live) {
    return std::find(place.lives.begin(), place.lives.end(), live) != place.lives.end();
}

}  // namespace

Composition::Live::Live(u32 part_, u32 to_, u32 stack_, std::unique_ptr<TextMatcher> at_)
    : part(part_), to(to_), stack(stack_), at(std::move(at_)) {
    key.push_back(static_cast<u64>(part) << 32 | to);
    key.push_back(stack);
    at->key(key);
    hash = hash_of(key);
}

Composition::Composition(std::shared_ptr<const TokenTrie> trie, std::vector<u32> eos, u32 n_nodes,
                         std::vector<CompositionEdge> edges, std::vector<CompositionRule> rules)
    : trie_(std::move(trie)), eos_(std::move(eos)), edges_(n_nodes), rules_(std::move(rules)), final_(n_nodes) {
    auto bad = [](u64 v, const char* w) { throw CoreError(ErrorKind::bad_input, v, w); };
    if (!trie_->byte_complete) bad(0, "a composition needs a token for each byte that tokens have");
    if (rules_.empty()) bad(0, "a composition has no rule");
    for (const CompositionEdge& e : edges) {
        if (e.from >= n_nodes || e.to >= n_nodes) bad(e.from, "a composition's edge is out of bounds");
        if (e.kind != CompositionEdge::kPart && e.part >= rules_.size())
            bad(e.part, "a composition's call is out of bounds");
        if (e.kind == CompositionEdge::kString && !strings_) {
            if (!StringMasks::supports(*trie_))
                bad(0, "the vocabulary has no tokens that escapes in strings are made of");
            strings_ = std::make_shared<StringMasks>(trie_);
        }
        edges_[e.from].push_back(e);
    }
    for (const CompositionRule& rule : rules_) {
        for (u32 s : rule.starts)
            if (s >= n_nodes) bad(s, "a composition's start is out of bounds");
        for (u32 f : rule.finals) {
            if (f >= n_nodes) bad(f, "a composition's end is out of bounds");
            final_[f] = true;
        }
    }
    stacks_.push_back({NONE, 0});
}

void Composition::add_part(std::unique_ptr<TextMatcher> at_start, u32 n_terminals) {
    parts_.push_back(std::move(at_start));
    first_terminal_.push_back(first_terminal_.back() + n_terminals);
}

bool Composition::is_eos(u32 token) const {
    return std::find(eos_.begin(), eos_.end(), token) != eos_.end();
}

size_t Composition::KeyHash::operator()(const Key& key) const {
    return static_cast<size_t>(hash_of(key));
}

u32 Composition::push(u32 node, u32 stack) {
    if (ends_at(node)) return stack;  // a tail call
    std::lock_guard<std::mutex> lock(mutex_);
    const auto [it, fresh] = stack_index_.try_emplace(static_cast<u64>(node) << 32 | stack, stacks_.size());
    if (fresh) stacks_.push_back({node, stack});
    return it->second;
}

void Composition::add(const CompositionEdge& edge, u32 stack, Place& place) {
    u32 number = edge.part;
    std::unique_ptr<TextMatcher> at;
    if (edge.kind == CompositionEdge::kString) {
        number += static_cast<u32>(parts_.size());
        auto begin = [whole = shared_from_this(), rule = edge.part] {
            return std::make_unique<ComposedMatcher>(whole, rule);
        };
        at = std::make_unique<StringMatcher>(strings_, begin, edge.part);
    } else {
        at = parts_[number]->position();
    }
    Live live(number, edge.to, stack, std::move(at));
    if (among(place, live)) return;
    if (place.lives.size() >= kMostCuts)
        throw CoreError(ErrorKind::limit_states, place.lives.size(), "too many ways to cut a text into parts");
    place.lives.push_back(std::move(live));
}

// The text has come to a node: what begins there, and what follows the rule that may end there.
void Composition::arrive(u32 node, u32 stack, Place& place) {
    std::vector<std::pair<u32, u32>> work{{node, stack}};
    auto reach = [&](u32 n, u32 s) {
        if (std::find(work.begin(), work.end(), std::make_pair(n, s)) != work.end()) return;
        if (work.size() >= kMostCuts)
            throw CoreError(ErrorKind::limit_states, work.size(), "too many ways to nest parts in one another");
        work.emplace_back(n, s);
    };
    for (size_t i = 0; i < work.size(); ++i) {
        const auto [at, its] = work[i];
        if (final_[at] && its == 0) place.complete = true;
        if (final_[at] && its != 0) reach(stacks_[its].node, stacks_[its].rest);
        for (const CompositionEdge& e : edges_[at]) {
            if (e.kind != CompositionEdge::kCall) {
                add(e, its, place);
                continue;
            }
            const u32 inner = push(e.to, its);
            for (u32 s : rules_[e.part].starts) reach(s, inner);
        }
    }
}

// Where sentences may end here, those behind them begin, and may end here, too.
void Composition::close(Place& place) {
    for (size_t i = 0; i < place.lives.size(); ++i)
        if (place.lives[i].at->complete()) arrive(place.lives[i].to, place.lives[i].stack, place);
}

std::shared_ptr<const Composition::Place> Composition::start(u32 rule) {
    auto place = std::make_shared<Place>();
    for (u32 s : rules_[rule].starts) arrive(s, 0, *place);
    close(*place);
    return place;
}

// Whether anything may follow a matcher's sentence.
bool Composition::goes_on_after(const Live& live) const {
    return live.stack != 0 || !edges_[live.to].empty();
}

std::shared_ptr<const Composition::Place> Composition::after(const Place& place, const u8* data, size_t n) {
    std::shared_ptr<Place> now;
    const Place* from = &place;
    for (size_t i = 0; i < n; ++i) {
        auto next = std::make_shared<Place>();
        for (const Live& live : from->lives) {
            std::unique_ptr<TextMatcher> at = live.at->position();
            if (!at->accept_bytes(data + i, 1)) continue;
            Live one(live.part, live.to, live.stack, at->position());
            if (!among(*next, one)) next->lives.push_back(std::move(one));
        }
        if (next->lives.empty()) return nullptr;
        close(*next);
        now = std::move(next);
        from = now.get();
    }
    return now;
}

// Tokens with a cut inside.
struct Composition::Walk {
    Composition& c;
    const TokenTrie& t;
    std::vector<u32> known;  // index into `order` -> how many tokens before it some mask has
    std::vector<u32> found;

    Walk(Composition& composition, const u32* base) : c(composition), t(*composition.trie_) {
        known.reserve(t.order.size() + 1);
        known.push_back(0);
        for (u32 id : t.order) known.push_back(known.back() + (base[id / 32] >> (id % 32) & 1));
    }
    bool has(u32 index) const { return known[index + 1] > known[index]; }
    void below(u32 node, const Place& place) {
        for (u32 k = node + 1; k < t.end[node]; k = t.end[k]) {
            const u32 first = t.own_begin(k), last = t.token_begin[t.end[k]];
            if (known[last] - known[first] == last - first) continue;
            const std::shared_ptr<const Place> next = c.after(place, &t.byte[k], 1);
            if (!next) continue;
            for (u32 i = first; i < t.own_end(k); ++i)
                if (!has(i)) found.push_back(t.order[i]);
            below(k, *next);
        }
    }
};

Composition::Tokens Composition::crossing(const Place& place, const u32* base) {
    Walk walk(*this, base);
    walk.below(0, place);
    return std::make_shared<const std::vector<u32>>(std::move(walk.found));
}

bool Composition::fill(const Place& place, u32* out, bool known_only) {
    const u32 words = trie_->words();
    std::vector<u32> sum(words, 0), one(words);
    for (const Live& live : place.lives) {
        if (known_only) {
            if (!live.at->fill_known(one.data())) return false;
        } else {
            live.at->fill(one.data());
        }
        for (u32 i = 0; i < words; ++i) sum[i] |= one[i];
    }
    // That a part's sentence may end here says nothing of the whole.
    for (u32 e : eos_)
        if (e / 32 < words) sum[e / 32] &= ~(1u << (e % 32));
    const bool cuts =
        std::any_of(place.lives.begin(), place.lives.end(), [&](const Live& l) { return goes_on_after(l); });
    if (cuts) {
        Key key;
        place_key(place, key);
        Tokens tokens;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            const auto it = crossings_.find(key);
            if (it != crossings_.end()) tokens = it->second;
        }
        if (!tokens) {
            if (known_only) return false;
            tokens = crossing(place, sum.data());
            std::lock_guard<std::mutex> lock(mutex_);
            if (memo_bytes_ > kMemoBytes) {
                crossings_.clear();
                memo_bytes_ = 0;
            }
            memo_bytes_ += 8 * key.size() + 4 * tokens->size() + 200;
            crossings_.emplace(std::move(key), tokens);
        }
        for (u32 id : *tokens) sum[id / 32] |= 1u << (id % 32);
    }
    for (u32 e : eos_)
        if (place.complete && e / 32 < words) sum[e / 32] |= 1u << (e % 32);
    std::memcpy(out, sum.data(), static_cast<size_t>(words) * 4);
    return true;
}

void Composition::expected(const Place& place, Bits& inside, Bits& next) const {
    for (const Live& live : place.lives) {
        Bits a, b;
        live.at->expected(a, b);
        const u32 first = live.part < parts_.size() ? first_terminal_[live.part] : 0;  // a string says all of them
        bits_each(a, [&](u32 t) { bits_set(inside, first + t); });
        bits_each(b, [&](u32 t) { bits_set(next, first + t); });
    }
}

u64 Composition::n_places() {
    std::lock_guard<std::mutex> lock(mutex_);
    return crossings_.size();
}

// -- matchers ---------------------------------------------------------------------------------

std::unique_ptr<TextMatcher> ComposedMatcher::position() const {
    auto copy = std::make_unique<ComposedMatcher>(composition_, rule_, place_);
    copy->finished_ = finished_;
    return copy;
}

void ComposedMatcher::key(std::vector<u64>& out) const {
    out.push_back(place_->lives.size() << 2 | static_cast<u64>(place_->complete) << 1 | finished_);
    place_key(*place_, out);
}

void ComposedMatcher::fill(u32* out) {
    if (finished_) {
        std::memset(out, 0, static_cast<size_t>(composition_->trie().words()) * 4);
    } else {
        composition_->fill(*place_, out, false);
    }
}

std::shared_ptr<const Composition::Place> ComposedMatcher::after(u32 token) const {
    const TokenTrie& t = composition_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return nullptr;
    return composition_->after(*place_, t.token_data(token), t.token_size(token));
}

bool ComposedMatcher::check(u32 token) {
    if (finished_) return false;
    return composition_->is_eos(token) ? place_->complete : after(token) != nullptr;
}

bool ComposedMatcher::accept(u32 token) {
    if (finished_) return false;
    if (composition_->is_eos(token)) {
        if (!place_->complete) return false;
        past_.push_back(place_);
        finished_ = true;
        return true;
    }
    auto next = after(token);
    if (!next) return false;
    past_.push_back(std::move(place_));
    place_ = std::move(next);
    return true;
}

bool ComposedMatcher::accept_bytes(const u8* data, u32 n) {
    if (finished_) return false;
    auto next = n ? composition_->after(*place_, data, n) : place_;
    if (!next) return false;
    past_.push_back(std::move(place_));
    place_ = std::move(next);
    return true;
}

void ComposedMatcher::rollback(u32 n) {
    if (n > past_.size()) throw CoreError(ErrorKind::bad_input, n, "cannot roll back further than the start");
    if (n == 0) return;
    place_ = past_[past_.size() - n];
    past_.resize(past_.size() - n);
    finished_ = false;
}

void ComposedMatcher::reset() {
    past_.clear();
    finished_ = false;
    place_ = composition_->start(rule_);
}

u32 ComposedMatcher::viable_bytes(const u8* data, u32 n) {
    if (finished_) return 0;
    auto at = place_;
    for (u32 i = 0; i < n; ++i) {
        at = composition_->after(*at, data + i, 1);
        if (!at) return i;
    }
    return n;
}

std::vector<u8> ComposedMatcher::forced_bytes(u32 n) {
    std::vector<u8> out;
    if (finished_) return out;
    auto at = place_;
    while (out.size() < n && !at->complete) {
        std::shared_ptr<const Composition::Place> only;
        u8 forced = 0;
        for (u32 b = 0; b < 256; ++b) {
            if (!composition_->trie().used_bytes[b]) continue;
            const u8 byte = static_cast<u8>(b);
            auto next = composition_->after(*at, &byte, 1);
            if (!next) continue;
            if (only) return out;
            only = std::move(next);
            forced = byte;
        }
        if (!only) return out;
        out.push_back(forced);
        at = std::move(only);
    }
    return out;
}

}  // namespace gcd
