#include "matcher.hpp"

#include <algorithm>

namespace gcd {

Matcher::Matcher(std::shared_ptr<Engine> engine, u32 start) : engine_(std::move(engine)), start_(start) { reset(); }

void Matcher::reset() {
    readings_ = engine_->compiled.start(start_);
    finished_ = false;
    past_.clear();
    history_.clear();
}

bool Matcher::walk(const u8* data, u32 n, bool token, Readings& out) {
    Compiled& c = engine_->compiled;
    const TokenTrie& t = c.trie();
    Readings* from = &readings_;
    Readings* to = &scratch_a_;
    u32 node = 0;
    for (u32 i = 0; i < n; ++i) {
        to->clear();
        c.advance(*from, data[i], node, *to);
        if (to->empty()) return false;
        if (token && !t.byte_complete) node = t.child(node, data[i]);
        from = to;
        to = to == &scratch_a_ ? &scratch_b_ : &scratch_a_;
    }
    out.clear();
    for (const Reading& r : *from)
        if (c.viable(r)) out.push_back(r);
    std::sort(out.begin(), out.end());
    return !out.empty();
}

bool Matcher::check(u32 token) {
    const TokenTrie& t = engine_->compiled.trie();
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    if (token >= t.n_tokens() || token >= t.width || t.token_size(token) == 0) return false;
    Readings out;
    return walk(t.token_data(token), t.token_size(token), true, out);
}

bool Matcher::accept(u32 token) {
    const TokenTrie& t = engine_->compiled.trie();
    if (finished_) return false;
    Readings out;
    if (engine_->is_eos(token)) {
        if (!complete()) return false;
        history_.push_back(static_cast<u32>(past_.size()));
        past_.insert(past_.end(), readings_.begin(), readings_.end());
        finished_ = true;
        return true;
    }
    if (token >= t.n_tokens() || token >= t.width || t.token_size(token) == 0) return false;
    if (!walk(t.token_data(token), t.token_size(token), true, out)) return false;
    history_.push_back(static_cast<u32>(past_.size()));
    past_.insert(past_.end(), readings_.begin(), readings_.end());
    readings_.swap(out);
    return true;
}

bool Matcher::accept_bytes(const u8* data, u32 n) {
    if (finished_) return false;
    Readings out;
    if (n == 0) {
        out = readings_;
    } else if (!walk(data, n, false, out)) {
        return false;
    }
    history_.push_back(static_cast<u32>(past_.size()));
    past_.insert(past_.end(), readings_.begin(), readings_.end());
    readings_.swap(out);
    return true;
}

u32 Matcher::viable_bytes(const u8* data, u32 n) {
    Compiled& c = engine_->compiled;
    Readings from = readings_, to;
    for (u32 i = 0; i < n; ++i) {
        to.clear();
        c.advance(from, data[i], 0, to);
        to.erase(std::remove_if(to.begin(), to.end(), [&](const Reading& r) { return !c.viable(r); }), to.end());
        if (to.empty()) return i;
        from.swap(to);
    }
    return n;
}

void Matcher::rollback(u32 n) {
    if (n > history_.size()) throw CoreError(ErrorKind::bad_input, n, "cannot roll back further than the start");
    if (n == 0) return;
    const size_t keep = history_.size() - n;
    const u32 begin = history_[keep];
    const u32 end = keep + 1 < history_.size() ? history_[keep + 1] : static_cast<u32>(past_.size());
    readings_.assign(past_.begin() + begin, past_.begin() + end);
    past_.resize(begin);
    history_.resize(keep);
    finished_ = false;
}

bool Matcher::complete() {
    if (finished_) return true;
    for (const Reading& r : readings_)
        if (engine_->compiled.complete(r)) return true;
    return false;
}

}  // namespace gcd
