#include "sql_masks.hpp"

#include <chrono>

namespace gcd {

namespace {
inline void set_bit(std::vector<u32>& words, u32 token) {
    words[token / 32] |= 1u << (token % 32);
}
}  // namespace

SqlEngine::SqlEngine(std::shared_ptr<const TokenTrie> trie, const u8* program, size_t size, std::vector<u32> eos,
                     u32 max_states, u64 memo_bytes)
    : trie_(std::move(trie)),
      program_(program, size),
      automaton_(program_, max_states),
      eos_(std::move(eos)),
      memo_bytes_(memo_bytes) {}

SqlEngine::Counts SqlEngine::counts() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {automaton_.n_states(),
            automaton_.n_parses(),
            automaton_.scopes().size(),
            static_cast<u32>(masks_.size()),
            mask_bytes_,
            automaton_.scopes().unsettled()};
}

u32 SqlEngine::walk(u32 state, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (u32 i = 0; i < n && state != SqlAutomaton::kDead; ++i) state = automaton_.step(state, data[i]);
    return state;
}

u32 SqlEngine::viable_bytes(u32 state, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (u32 i = 0; i < n; ++i) {
        state = automaton_.step(state, data[i]);
        if (state == SqlAutomaton::kDead) return i;
    }
    return n;
}

bool SqlEngine::complete(u32 state) {
    std::lock_guard<std::mutex> lock(mutex_);
    return automaton_.complete(state);
}

std::vector<u8> SqlEngine::forced_bytes(u32 state, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<u8> out;
    while (out.size() < n && state != SqlAutomaton::kDead && !automaton_.complete(state)) {
        u32 only = NONE, to = SqlAutomaton::kDead;
        for (u32 b = 0; b < 256; ++b) {
            const u32 next = automaton_.step(state, static_cast<u8>(b));
            if (next == SqlAutomaton::kDead) continue;
            if (only != NONE) return out;
            only = b;
            to = next;
        }
        if (only == NONE) break;
        out.push_back(static_cast<u8>(only));
        state = to;
    }
    return out;
}

u32 SqlEngine::kind(u32 state) {
    std::lock_guard<std::mutex> lock(mutex_);
    return state == SqlAutomaton::kDead ? NONE : u32(automaton_.state(state).kind);
}

// -- masks ------------------------------------------------------------------------------------

void SqlEngine::collect(std::vector<u32>& out, u32 state, u32 node) {
    const TokenTrie& t = *trie_;
    for (u32 c = node + 1; c < t.end[node]; c = t.end[c]) {
        const u32 next = automaton_.step(state, t.byte[c]);
        if (next == SqlAutomaton::kDead) continue;
        for (u32 i = t.own_begin(c); i < t.own_end(c); ++i) set_bit(out, t.order[i]);
        if (t.end[c] > c + 1) collect(out, next, c);
    }
}

const SqlEngine::Mask& SqlEngine::mask(u32 state) {
    const auto it = masks_.find(state);
    if (it != masks_.end()) return *it->second;
    if (mask_bytes_ > memo_bytes_) {
        masks_.clear();
        mask_bytes_ = 0;
    }
    std::vector<u32> bits(trie_->words(), 0);
    if (state != SqlAutomaton::kDead) collect(bits, state, 0);
    if (automaton_.complete(state))
        for (u32 e : eos_)
            if (e < trie_->width) set_bit(bits, e);
    auto m = std::make_unique<Mask>();
    if (count_bits(bits.data(), static_cast<u32>(bits.size())) > 1000) {
        m->words = std::move(bits);
    } else {
        for (u32 i = 0; i < bits.size(); ++i)
            for (u32 x = bits[i]; x; x &= x - 1) m->ids.push_back(32 * i + static_cast<u32>(__builtin_ctz(x)));
    }
    mask_bytes_ += (m->ids.size() + m->words.size()) * 4 + 100;
    return *(masks_[state] = std::move(m));
}

void SqlEngine::copy(const Mask& m, u32* out) const {
    if (!m.words.empty()) {
        std::memcpy(out, m.words.data(), m.words.size() * 4);
        return;
    }
    std::memset(out, 0, static_cast<size_t>(trie_->words()) * 4);
    for (u32 t : m.ids) out[t / 32] |= 1u << (t % 32);
}

void SqlEngine::fill(u32 state, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    copy(mask(state), out);
}

bool SqlEngine::fill_known(u32 state, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = masks_.find(state);
    if (it == masks_.end()) return false;
    copy(*it->second, out);
    return true;
}

// Breadth first over what bytes lead to.
u64 SqlEngine::explore(u32 max_masks, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::vector<u32> queue{automaton_.start()}, row(trie_->words());
    std::unordered_map<u32, bool> seen{{automaton_.start(), true}};
    size_t at = 0;
    for (; at < queue.size() && at < max_masks && std::chrono::steady_clock::now() < end; ++at) {
        fill(queue[at], row.data());
        for (u32 b = 0; b < 256; ++b) {
            const u8 byte = static_cast<u8>(b);
            const u32 to = walk(queue[at], &byte, 1);
            if (to != SqlAutomaton::kDead && seen.emplace(to, true).second) queue.push_back(to);
        }
    }
    return at;
}

// -- matchers ---------------------------------------------------------------------------------

void SqlMatcher::fill(u32* out) {
    if (finished_)
        std::memset(out, 0, static_cast<size_t>(engine_->words()) * 4);
    else
        engine_->fill(state_, out);
}

bool SqlMatcher::check(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width) return false;
    return t.token_size(token) && engine_->walk(state_, t.token_data(token), t.token_size(token)) != SqlAutomaton::kDead;
}

bool SqlMatcher::accept(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) {
        if (!complete()) return false;
        past_.push_back(state_);
        finished_ = true;
        return true;
    }
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    return accept_bytes(t.token_data(token), t.token_size(token));
}

bool SqlMatcher::accept_bytes(const u8* data, u32 n) {
    const u32 to = engine_->walk(state_, data, n);
    if (to == SqlAutomaton::kDead) return false;
    past_.push_back(state_);
    state_ = to;
    return true;
}

void SqlMatcher::rollback(u32 n) {
    if (n == 0) return;
    state_ = past_[past_.size() - n];
    past_.resize(past_.size() - n);
    finished_ = false;
}

void SqlMatcher::expected(Bits& inside, Bits& next) {
    const u32 kind = engine_->kind(state_);
    if (kind == NONE || finished_) return;
    bits_set(kind == SqlAutomaton::kGap ? next : inside, kind);
}

void SqlMatcher::reset() {
    past_.clear();
    finished_ = false;
    state_ = engine_->start();
}

}  // namespace gcd
