#include "string_matcher.hpp"

#include <algorithm>

namespace gcd {

namespace {

using Inner = std::shared_ptr<TextMatcher>;

// Behind one more byte; null if none of its sentences goes on so.
Inner moved(const Inner& at, u8 b) {
    std::unique_ptr<TextMatcher> next = at->position();
    if (!next->accept_bytes(&b, 1)) return nullptr;
    return next->position();
}

Inner moved_by(Inner at, u32 character) {
    u8 bytes[4];
    u32 n = 0;
    if (character < 0x80) {
        bytes[n++] = static_cast<u8>(character);
    } else if (character < 0x800) {
        bytes[n++] = static_cast<u8>(0xC0 | character >> 6);
    } else if (character < 0x10000) {
        bytes[n++] = static_cast<u8>(0xE0 | character >> 12);
        bytes[n++] = static_cast<u8>(0x80 | (character >> 6 & 0x3F));
    } else {
        bytes[n++] = static_cast<u8>(0xF0 | character >> 18);
        bytes[n++] = static_cast<u8>(0x80 | (character >> 12 & 0x3F));
        bytes[n++] = static_cast<u8>(0x80 | (character >> 6 & 0x3F));
    }
    if (character >= 0x80) bytes[n++] = static_cast<u8>(0x80 | (character & 0x3F));
    for (u32 i = 0; i < n && at; ++i) at = moved(at, bytes[i]);
    return at;
}

// Whether a character from lo to hi may come next; `value` is what the first `read` bytes of its form said.
bool may_come(const Inner& at, const Utf8Form& form, u32 read, u32 value, u32 lo, u32 hi) {
    if (read >= std::min(form.size, 4u)) return true;
    const u32 shift = 6 * (form.size - 1 - read);
    const u8 mask = read ? 0x3F : static_cast<u8>(0x7F >> form.size);
    for (u32 b = form.range[read].lo; b <= form.range[read].hi; ++b) {
        const u32 v = value << 6 | (b & mask);
        if ((v << shift) > hi || ((v << shift) | ((1u << shift) - 1)) < lo) continue;
        const Inner next = moved(at, static_cast<u8>(b));
        if (next && may_come(next, form, read + 1, v, lo, hi)) return true;
    }
    return false;
}

bool may_come(const Inner& at, u32 lo, u32 hi) {
    for (u32 b = lo; b <= hi && b < 0x80; ++b)
        if (moved(at, static_cast<u8>(b))) return true;
    return std::any_of(std::begin(kUtf8Forms), std::end(kUtf8Forms),
                       [&](const Utf8Form& form) { return may_come(at, form, 0, 0, lo, hi); });
}

// Whether some character may come next whose escape goes on from here.
bool may_come(const Inner& at, const StringDecoder& decoder) {
    u32 lo[2], hi[2];
    const u32 n = decoder.ranges(lo, hi);
    for (u32 i = 0; i < n; ++i)
        if (may_come(at, lo[i], hi[i])) return true;
    return false;
}

}  // namespace

// -- what a vocabulary's string matchers share ------------------------------------------------

StringMasks::StringMasks(std::shared_ptr<const TokenTrie> trie) : trie_(std::move(trie)), plain_(trie_->words(), 0) {
    n_special_.reserve(trie_->order.size() + 1);
    n_special_.push_back(0);
    for (u32 id : trie_->order) {
        const u8* data = trie_->token_data(id);
        const bool any = std::any_of(data, data + trie_->token_size(id), special);
        n_special_.push_back(n_special_.back() + any);
        if (!any) plain_[id / 32] |= 1u << (id % 32);
    }
}

bool StringMasks::supports(const TokenTrie& trie) {
    const char* bytes = "\"\\u0123456789abcdef";
    return trie.byte_complete &&
           std::all_of(bytes, bytes + 19, [&](char c) { return trie.used_bytes[static_cast<u8>(c)]; });
}

size_t StringMasks::KeyHash::operator()(const Key& key) const {
    u64 h = 131;
    for (u64 k : key) h = mix(h, k);
    return static_cast<size_t>(h);
}

StringMasks::Tokens StringMasks::find(const Key& key) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto it = memo_.find(key);
    return it == memo_.end() ? nullptr : it->second;
}

void StringMasks::keep(Key key, Tokens tokens) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (memo_bytes_ > kMemoBytes) {
        memo_.clear();
        memo_bytes_ = 0;
    }
    memo_bytes_ += 8 * key.size() + 4 * tokens->size() + 200;
    memo_.emplace(std::move(key), std::move(tokens));
}

// -- matchers ---------------------------------------------------------------------------------

std::unique_ptr<TextMatcher> StringMatcher::position() const {
    auto copy = std::make_unique<StringMatcher>(masks_, begin_, id_);
    copy->state_ = state_;
    return copy;
}

void StringMatcher::key(std::vector<u64>& out) const {
    out.push_back(id_ << 2 | state_.phase);
    if (state_.phase != kInside) return;
    out.push_back(state_.decoder.key());
    state_.inner->key(out);
}

bool StringMatcher::step(State& state, u8 b) const {
    switch (state.phase) {
        case kClosed:
            return false;
        case kBefore:
            if (b != '"') return false;
            state.phase = kInside;
            state.inner = begin_();
            return !state.inner->dead();
        case kInside:
            break;
    }
    if (state.decoder.plain() && b != '\\') {
        if (b == '"') {
            if (!state.inner->complete()) return false;
            state.phase = kClosed;
            state.inner = nullptr;
            return true;
        }
        state.inner = b < 0x20 ? nullptr : moved(state.inner, b);
        return state.inner != nullptr;
    }
    u32 character = 0;
    switch (state.decoder.step(b, character)) {
        case StringDecoder::kCharacter:
            state.inner = moved_by(state.inner, character);
            return state.inner != nullptr;
        case StringDecoder::kMore:
            return may_come(state.inner, state.decoder);
        default:
            return false;
    }
}

bool StringMatcher::step(State& state, const u8* data, size_t n) const {
    for (size_t i = 0; i < n; ++i)
        if (!step(state, data[i])) return false;
    return true;
}

// Tokens that the inner mask doesn't speak of.
struct StringMatcher::Walk {
    const StringMatcher& m;
    const TokenTrie& t;
    std::vector<u32> found;

    // `plain`: the inner mask speaks of the tokens on the way here.
    void below(u32 node, const State& state, bool plain) {
        for (u32 k = node + 1; k < t.end[node]; k = t.end[k]) {
            if (plain && !m.masks_->any_special(k)) continue;
            State next = state;
            if (!m.step(next, t.byte[k])) continue;
            const bool still = plain && !StringMasks::special(t.byte[k]);
            if (!still)
                for (u32 i = t.own_begin(k); i < t.own_end(k); ++i) found.push_back(t.order[i]);
            below(k, next, still);
        }
    }
};

bool StringMatcher::fill(u32* out, bool known_only) {
    const u32 words = masks_->trie().words();
    const bool plain = state_.phase == kInside && state_.decoder.plain();
    std::vector<u32> sum(words, 0);
    if (plain) {
        if (!known_only) {
            state_.inner->fill(sum.data());
        } else if (!state_.inner->fill_known(sum.data())) {
            return false;
        }
        for (u32 i = 0; i < words; ++i) sum[i] &= masks_->plain()[i];
    }
    if (state_.phase != kClosed) {
        StringMasks::Key where;
        key(where);
        StringMasks::Tokens tokens = masks_->find(where);
        if (!tokens) {
            if (known_only) return false;
            Walk walk{*this, masks_->trie(), {}};
            walk.below(0, state_, plain);
            tokens = std::make_shared<const std::vector<u32>>(std::move(walk.found));
            masks_->keep(std::move(where), tokens);
        }
        for (u32 id : *tokens) sum[id / 32] |= 1u << (id % 32);
    }
    std::memcpy(out, sum.data(), static_cast<size_t>(words) * 4);
    return true;
}

bool StringMatcher::check(u32 token) {
    const TokenTrie& t = masks_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    State next = state_;
    return step(next, t.token_data(token), t.token_size(token));
}

bool StringMatcher::accept(u32 token) {
    const TokenTrie& t = masks_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    return accept_bytes(t.token_data(token), t.token_size(token));
}

bool StringMatcher::accept_bytes(const u8* data, u32 n) {
    State next = state_;
    if (!step(next, data, n)) return false;
    past_.push_back(std::move(state_));
    state_ = std::move(next);
    return true;
}

void StringMatcher::rollback(u32 n) {
    if (n > past_.size()) throw CoreError(ErrorKind::bad_input, n, "cannot roll back further than the start");
    if (n == 0) return;
    state_ = past_[past_.size() - n];
    past_.resize(past_.size() - n);
}

void StringMatcher::reset() {
    past_.clear();
    state_ = State();
}

u32 StringMatcher::viable_bytes(const u8* data, u32 n) {
    State at = state_;
    for (u32 i = 0; i < n; ++i)
        if (!step(at, data[i])) return i;
    return n;
}

void StringMatcher::expected(Bits& inside, Bits& next) {
    if (state_.phase == kBefore) begin_()->expected(inside, next);
    if (state_.phase == kInside) state_.inner->expected(inside, next);
}

std::vector<u8> StringMatcher::forced_bytes(u32 n) {
    std::vector<u8> out;
    State at = state_;
    while (out.size() < n && at.phase != kClosed) {
        State only;
        u32 ways = 0;
        u8 forced = 0;
        for (u32 b = 0; b < 256 && ways < 2; ++b) {
            State next = at;
            if (!masks_->trie().used_bytes[b] || !step(next, static_cast<u8>(b))) continue;
            ++ways;
            only = std::move(next);
            forced = static_cast<u8>(b);
        }
        if (ways != 1) break;
        out.push_back(forced);
        at = std::move(only);
    }
    return out;
}

}  // namespace gcd
