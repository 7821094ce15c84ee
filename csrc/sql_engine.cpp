#include "sql_engine.hpp"

#include <chrono>

namespace gcd {

namespace {
// Of the states that there may be, from which on the tables are dropped; parse states and scopes take more memory.
constexpr u32 kStates = 4, kParses = 24, kScopes = 8;
// Masks asked for so often are worked out, where writing their parts costs more than this (`TokenUnion::cost`).
constexpr u32 kAskedOften = 3, kPieceCost = 512;
}  // namespace

SqlEngine::SqlEngine(std::shared_ptr<const TokenTrie> trie, const u8* program, size_t size, std::vector<u32> eos,
                     u32 max_states, u64 memo_bytes)
    : trie_(std::move(trie)),
      program_(program, size),
      eos_(std::move(eos)),
      max_states_(max_states),
      memo_bytes_(memo_bytes) {
    make_tables();
    reason_ = automaton().syntax().scopes().may_leave_unsettled();
}

// Empty tables. Rows stay.
void SqlEngine::make_tables() {
    if (!rows_) rows_ = std::make_unique<Rows>(*trie_, program_);
    tables_ = std::make_unique<Tables>(program_, max_states_);
    tables_->masks = std::make_unique<SqlMasks>(program_, tables_->automaton, rows_->tokens, rows_->names, eos_);
    mask_bytes_ = 0;
}

SqlEngine::Counts SqlEngine::counts() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {automaton().n_states(),
            automaton().syntax().n_parses(),
            automaton().syntax().scopes().size(),
            static_cast<u32>(tables_->known.size()),
            mask_bytes_,
            rows_->tokens.bytes() + rows_->names.bytes(),
            unsettled_ + automaton().syntax().scopes().unsettled(),
            generation_};
}

// The state of a position. Where the tables have grown full, they are dropped, and positions find their states again by
// their texts.
u32 SqlEngine::settle(SqlPosition& p) {
    const SqlSyntax& syntax = automaton().syntax();
    if (automaton().n_states() > max_states_ / kStates || syntax.n_parses() > max_states_ / kParses ||
        syntax.scopes().size() > max_states_ / kScopes) {
        unsettled_ += syntax.scopes().unsettled();
        make_tables();
        ++generation_;
    }
    if (p.generation != generation_) {
        p.state = automaton().walk(automaton().start(), p.text.data(), p.text.size());
        p.generation = generation_;
    }
    return p.state;
}

bool SqlEngine::check(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return automaton().walk(state, data, n) != SqlAutomaton::kDead;
}

bool SqlEngine::advance(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p), to = automaton().walk(state, data, n);
    if (to == SqlAutomaton::kDead) return false;
    p.state = to;
    p.text.insert(p.text.end(), data, data + n);
    return true;
}

u32 SqlEngine::viable_bytes(SqlPosition& p, const u8* data, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    u32 state = settle(p);
    for (u32 i = 0; i < n; ++i) {
        state = automaton().step(state, data[i]);
        if (state == SqlAutomaton::kDead) return i;
    }
    return n;
}

bool SqlEngine::complete(SqlPosition& p) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return automaton().complete(state);
}

std::vector<u8> SqlEngine::forced_bytes(SqlPosition& p, u32 n) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return forced_from(automaton(), state, n);
}

u32 SqlEngine::kind(SqlPosition& p) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return state == SqlAutomaton::kDead ? NONE : u32(automaton().state(state).kind);
}

// -- masks ------------------------------------------------------------------------------------

// Rows and the masks that refer to them go together.
void SqlEngine::bound_memory() {
    const u64 row_bytes = rows_->tokens.bytes() + rows_->names.bytes();
    if (mask_bytes_ + row_bytes <= memo_bytes_) return;
    tables_->known.clear();
    mask_bytes_ = 0;
    if (row_bytes <= memo_bytes_ / 2) return;
    rows_ = std::make_unique<Rows>(*trie_, program_);
    tables_->masks = std::make_unique<SqlMasks>(program_, tables_->automaton, rows_->tokens, rows_->names, eos_);
}

SqlEngine::Mask& SqlEngine::mask(u32 state) {
    const auto it = tables_->known.find(state);
    if (it != tables_->known.end()) return it->second;
    bound_memory();
    TokenUnion tokens = tables_->masks->mask(state);
    mask_bytes_ += tokens.bytes() + 150;
    Mask& m = tables_->known[state];
    m.tokens = std::move(tokens);
    return m;
}

// Most masks are asked for once or twice; the others are worked out, where that saves much.
void SqlEngine::write(Mask& m, u32* out) {
    if (m.asked++ == kAskedOften && m.tokens.cost(trie_->words()) > kPieceCost) {
        std::vector<u32> bits(trie_->words());
        m.tokens.write(bits.data(), trie_->words());
        m.worked_out.pack(bits);
        m.tokens = TokenUnion();
        m.tokens.add(m.worked_out);
        mask_bytes_ += m.worked_out.bytes();
    }
    m.tokens.write(out, trie_->words());
}

void SqlEngine::fill(SqlPosition& p, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    write(mask(settle(p)), out);
}

bool SqlEngine::fill_known(SqlPosition& p, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    const auto it = tables_->known.find(state);
    if (it == tables_->known.end()) return false;
    write(it->second, out);
    return true;
}

// -- completion -------------------------------------------------------------------------------

SqlCompletion& SqlEngine::completion() {
    if (!tables_->completion)
        tables_->completion = std::make_unique<SqlCompletion>(program_, automaton(), *trie_, memo_bytes_ / 4);
    return *tables_->completion;
}

bool SqlEngine::completion(SqlPosition& p, std::vector<u32>& tokens) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p);
    return completion().find(state, tokens);
}

void SqlEngine::fill_within(SqlPosition& p, u32 most, u32* out) {
    std::lock_guard<std::mutex> lock(mutex_);
    const u32 state = settle(p), needed = completion().needed(state);
    if (needed != NONE && most >= needed + SqlCompletion::kAmple) {
        write(mask(state), out);
        return;
    }
    completion().fill(state, most, out);
    if (automaton().complete(state))
        for (u32 e : eos_)
            if (e < trie_->width) out[e / 32] |= 1u << (e % 32);
}

// Breadth first over what bytes lead to.
u64 SqlEngine::explore(u32 max_masks, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::lock_guard<std::mutex> lock(mutex_);
    const u64 generation = generation_;
    std::vector<u32> queue{automaton().start()};
    std::unordered_map<u32, bool> seen{{automaton().start(), true}};
    size_t at = 0;
    for (; at < queue.size() && at < max_masks && std::chrono::steady_clock::now() < end; ++at) {
        if (generation != generation_ || automaton().n_states() > max_states_ / kStates / 2) break;
        mask(queue[at]);
        for (u32 b = 0; b < 256; ++b) {
            const u32 to = automaton().step(queue[at], static_cast<u8>(b));
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
        engine_->fill(at_, out);
}

void SqlMatcher::fill_within(u32 most, u32* out) {
    if (finished_)
        std::memset(out, 0, static_cast<size_t>(engine_->words()) * 4);
    else
        engine_->fill_within(at_, most, out);
}

bool SqlMatcher::check(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width) return false;
    return t.token_size(token) && engine_->check(at_, t.token_data(token), t.token_size(token));
}

bool SqlMatcher::accept(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) {
        if (!complete()) return false;
        past_.push_back({at_.state, static_cast<u32>(at_.text.size()), at_.generation});
        finished_ = true;
        return true;
    }
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    return accept_bytes(t.token_data(token), t.token_size(token));
}

bool SqlMatcher::accept_bytes(const u8* data, u32 n) {
    const Step before{at_.state, static_cast<u32>(at_.text.size()), at_.generation};
    if (!engine_->advance(at_, data, n)) return false;
    past_.push_back(before);
    return true;
}

void SqlMatcher::rollback(u32 n) {
    if (n == 0) return;
    const Step& to = past_[past_.size() - n];
    at_.state = to.state;
    at_.generation = to.generation;  // an old one: the text tells
    at_.text.resize(to.size);
    past_.resize(past_.size() - n);
    finished_ = false;
}

void SqlMatcher::expected(Bits& inside, Bits& next) {
    const u32 kind = engine_->kind(at_);
    if (kind == NONE || finished_) return;
    bits_set(kind == SqlAutomaton::kGap ? next : inside, kind);
}

void SqlMatcher::reset() {
    past_.clear();
    finished_ = false;
    at_ = SqlPosition();
}

}  // namespace gcd
