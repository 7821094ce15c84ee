#include "matcher.hpp"

#include <algorithm>

namespace gcd {

Matcher::Matcher(std::shared_ptr<Engine> engine, u32 start) : engine_(std::move(engine)), start_(start) {
    reset();
}

void Matcher::reset() {
    readings_.clear();
    finished_ = false;
    past_.clear();
    history_.clear();
    keep_up();
    readings_ = engine_->parser.start(start_);
}

void Matcher::move_on() {
    std::shared_ptr<Engine> next = engine_->successor();
    Readings now = readings_;
    std::vector<Reading> past = past_;
    std::vector<Reading*> all;
    for (Reading& r : now) all.push_back(&r);
    for (Reading& r : past) all.push_back(&r);
    next->parser.carry(engine_->parser, all);
    std::sort(now.begin(), now.end());
    readings_ = std::move(now);
    past_ = std::move(past);
    engine_ = std::move(next);
}

bool Matcher::walk(const u8* data, u32 n, Readings& out) {
    Parser& p = engine_->parser;
    const TokenTrie& t = engine_->compiled.trie();
    Readings* from = &readings_;
    Readings* to = &scratch_a_;
    u32 node = 0;
    for (u32 i = 0; i < n; ++i) {
        to->clear();
        p.advance(*from, data[i], node, *to);
        if (to->empty()) return false;
        // NONE: only an artefact can have tokens that its trie doesn't spell.
        if (!t.byte_complete && (node = t.child(node, data[i])) == NONE) return false;
        from = to;
        to = to == &scratch_a_ ? &scratch_b_ : &scratch_a_;
    }
    out.clear();
    for (const Reading& r : *from)
        if (p.viable(r)) out.push_back(r);
    std::sort(out.begin(), out.end());
    return !out.empty();
}

bool Matcher::check(u32 token) {
    const TokenTrie& t = engine_->compiled.trie();
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    if (token >= t.n_tokens() || token >= t.width || t.token_size(token) == 0) return false;
    const int known = engine_->masks.known_bit(readings_, token);
    if (known >= 0) return known == 1;
    keep_up();
    Readings out;
    return walk(t.token_data(token), t.token_size(token), out);
}

bool Matcher::accept(u32 token) {
    keep_up();
    return take(token);
}

bool Matcher::take(u32 token) {
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
    if (!walk(t.token_data(token), t.token_size(token), out)) return false;
    history_.push_back(static_cast<u32>(past_.size()));
    past_.insert(past_.end(), readings_.begin(), readings_.end());
    readings_.swap(out);
    return true;
}

// Bytes, by whatever tokens spell them: from each offset that tokens can end at, all tokens that fit are tried.
// `reached`: how many bytes some sequence of tokens, or the beginning of one more token, gets through.
bool Matcher::spell(const u8* data, u32 n, Readings& out, u32& reached) {
    Parser& p = engine_->parser;
    const TokenTrie& t = engine_->compiled.trie();
    std::vector<Readings> at(n + 1);
    at[0] = readings_;
    reached = 0;
    for (u32 i = 0; i < n; ++i) {
        if (at[i].empty()) continue;
        Readings from = at[i], to;
        u32 node = 0;
        for (u32 k = i; k < n && !from.empty(); ++k) {
            to.clear();
            p.advance(from, data[k], node, to);
            node = t.child(node, data[k]);
            if (node == NONE || to.empty()) break;
            if (t.has_token(node))
                for (const Reading& r : to)
                    if (p.viable(r) && std::find(at[k + 1].begin(), at[k + 1].end(), r) == at[k + 1].end()) {
                        at[k + 1].push_back(r);
                        reached = std::max(reached, k + 1);
                    }
            from.swap(to);
        }
    }
    std::sort(at[n].begin(), at[n].end());
    out = std::move(at[n]);
    return !out.empty();
}

bool Matcher::accept_bytes(const u8* data, u32 n) {
    if (finished_) return false;
    keep_up();
    Readings out;
    u32 reached = 0;
    if (n == 0) {
        out = readings_;
    } else if (engine_->compiled.trie().byte_complete ? !walk(data, n, out) : !spell(data, n, out, reached)) {
        return false;
    }
    history_.push_back(static_cast<u32>(past_.size()));
    past_.insert(past_.end(), readings_.begin(), readings_.end());
    readings_.swap(out);
    return true;
}

u32 Matcher::viable_bytes(const u8* data, u32 n) {
    keep_up();
    Parser& p = engine_->parser;
    Readings from = readings_, to;
    if (!engine_->compiled.trie().byte_complete) {
        u32 reached = 0;
        spell(data, n, to, reached);
        return reached;
    }
    for (u32 i = 0; i < n; ++i) {
        to.clear();
        p.advance(from, data[i], 0, to);
        to.erase(std::remove_if(to.begin(), to.end(), [&](const Reading& r) { return !p.viable(r); }), to.end());
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
        if (engine_->parser.complete(r)) return true;
    return false;
}

void Matcher::expected(Bits& inside, Bits& next) {
    keep_up();
    Compiled& c = engine_->compiled;
    Parser& p = engine_->parser;
    const Alphabet& a = c.positions().alphabet;
    auto terminals = [&](const Bits& symbols, Bits& out) {
        bits_each(symbols, [&](u32 s) {
            if (a.terminal(s) < a.n_terminals) bits_set(out, a.terminal(s));
        });
    };
    for (const Reading& r : readings_) {
        const LexState& l = c.lexer().state(r.lexer);
        if (l.start) {
            terminals(p.viable_set(r.syntax), next);
            continue;
        }
        // What one more byte leaves alive: a lexeme that can only end here is not gone into any further.
        Bits both;
        for (u32 cls = 0; cls < c.lexer().n_classes(); ++cls)
            c.lexer().each(c.lexer().step_class(r.lexer, cls), [&](u32 to) { bits_or(both, c.live(to)); });
        const Bits& viable = p.viable_set(r.syntax);
        for (size_t w = 0; w < both.size(); ++w) both[w] &= w < viable.size() ? viable[w] : 0;
        terminals(both, inside);
        for (u32 i = 0; i < l.accepts.size(); ++i) {
            const u32 to = p.after(r.syntax, c.accept_symbol(r.lexer, i, 0), l.accepts[i].column);
            if (to != NONE) terminals(p.viable_set(to), next);
        }
    }
}

std::vector<u8> Matcher::forced_bytes(u32 n) {
    Compiled& c = engine_->compiled;
    std::vector<u8> out;
    if (finished_ || !c.trie().byte_complete) return out;
    keep_up();
    Parser& p = engine_->parser;
    Readings at = readings_, next, only;
    u32 bytes_in_class[256] = {};
    for (u32 b = 0; b < 256; ++b)
        if (c.lexer().byte_class[b] != NONE) ++bytes_in_class[c.lexer().byte_class[b]];
    while (out.size() < n) {
        for (const Reading& r : at)
            if (p.complete(r)) return out;
        u32 found = NONE;
        for (u32 cls = 0; cls < c.lexer().n_classes(); ++cls) {
            next.clear();
            p.advance(at, c.lexer().class_byte(cls), 0, next);
            next.erase(std::remove_if(next.begin(), next.end(), [&](const Reading& r) { return !p.viable(r); }),
                       next.end());
            if (next.empty()) continue;
            if (found != NONE || bytes_in_class[cls] > 1) return out;
            found = cls;
            only = next;
        }
        if (found == NONE) return out;
        out.push_back(c.lexer().class_byte(found));
        at = only;
    }
    return out;
}

bool Matcher::completion(std::vector<u32>& tokens, u32) {
    tokens.clear();
    if (complete()) return true;
    keep_up();
    const bool found = engine_->completion.find(readings_, tokens);
    if (engine_->compiled.trie().byte_complete) return found;
    // Where lexemes end matters to what may follow, and tokens can't end everywhere: so it is tried.
    Matcher probe(*this);
    bool good = found;
    for (size_t i = 0; i < tokens.size() && good; ++i) good = probe.accept(tokens[i]);
    return (good && probe.complete()) || search(tokens);
}

// For vocabularies without some single bytes: breadth first over tokens, not very far.
bool Matcher::search(std::vector<u32>& tokens) const {
    constexpr size_t kMaxStates = 500;
    struct Visit {
        Readings readings;
        u32 from, token;
    };
    std::vector<Visit> todo{{readings_, NONE, 0}};
    Matcher at(*this);
    at.past_.clear();
    at.history_.clear();
    std::vector<u32> mask(engine_->masks.words());
    for (u32 i = 0; i < todo.size() && todo.size() < kMaxStates; ++i) {
        at.readings_ = todo[i].readings;
        engine_->masks.fill(at.readings_, mask.data());
        for (u32 token = 0; token < engine_->compiled.trie().width; ++token) {
            if (!(mask[token / 32] >> (token % 32) & 1) || engine_->is_eos(token)) continue;
            at.readings_ = todo[i].readings;
            if (!at.take(token)) continue;
            at.past_.clear();
            at.history_.clear();
            if (std::any_of(todo.begin(), todo.end(), [&](const Visit& v) { return v.readings == at.readings_; }))
                continue;
            todo.push_back({at.readings_, i, token});
            if (!at.complete()) continue;
            tokens.clear();
            for (u32 k = static_cast<u32>(todo.size()) - 1; todo[k].from != NONE; k = todo[k].from)
                tokens.push_back(todo[k].token);
            std::reverse(tokens.begin(), tokens.end());
            return true;
        }
    }
    return false;
}

void Matcher::fill_within(u32 most, u32* out) {
    keep_up();
    const u32 words = engine_->masks.words();
    if (finished_ || engine_->compiled.trie().byte_complete) {
        std::memset(out, 0, static_cast<size_t>(words) * 4);
        if (finished_) return;
        engine_->completion.fill(readings_, most, out);
    } else {
        fill(out);
        std::vector<u32> rest;
        for (u32 token = 0; token < engine_->compiled.trie().width; ++token) {
            if (!(out[token / 32] >> (token % 32) & 1) || engine_->is_eos(token)) continue;
            Matcher probe(*this);
            if (!probe.accept(token) || !probe.completion(rest, most) || rest.size() + 1 > most)
                out[token / 32] &= ~(1u << (token % 32));
        }
    }
    if (complete())
        for (u32 e : engine_->eos_ids)
            if (e < engine_->compiled.trie().width) out[e / 32] |= 1u << (e % 32);
}

}  // namespace gcd
