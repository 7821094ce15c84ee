#include "schema_masks.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace gcd {

namespace {
using Automaton = SchemaAutomaton;
// Between characters only those matter with which some text goes on, and what may stand for any of them.
template <class F>
void look_at(SuffixForest& forest, u64 bytes[4], u32 node, F&& look) {
    bytes['"' / 64] |= 1ull << ('"' % 64);
    bytes['\\' / 64] |= 1ull << ('\\' % 64);
    for (u32 i = 0; i < 4; ++i)
        for (u64 x = bytes[i]; x; x &= x - 1) {
            const u8 byte = static_cast<u8>(64 * i + static_cast<u32>(__builtin_ctzll(x)));
            const u32 child = forest.child(node, byte);
            if (child != NONE) look(byte, child);
        }
}
}  // namespace

// Nodes that stand for at least so many have what may come from a state on remembered.
constexpr u32 kPartBases = 16;

// Masks asked for so often are worked out, where writing their parts costs more than this (`TokenUnion::cost`).
constexpr u32 kAskedOften = 3, kPieceCost = 512;

// Expressions and numbers that may come to a store while an engine uses it.
constexpr u64 kFullLexemes = 1000000;

// Formulas that are looked at to tell whether a schema is exact.
constexpr u32 kMaxLookedAt = 20000;

// A mask in the making.
struct SchemaEngine::Fill {
    TokenUnion tokens;
    std::vector<u32> cleared;  // tokens that are to be taken out of what others have said
    // Nodes below which tokens are asked one by one: a second key ends within one token, and the first isn't known
    // here.
    std::vector<u32> doubtful;
};

SchemaEngine::SchemaEngine(std::shared_ptr<LexemeStore> lexemes, std::shared_ptr<const TokenTrie> trie,
                           const u8* program, size_t size, std::vector<u32> eos, u32 max_states, u64 memo_bytes,
                           u64 number)
    : generation(number),
      lexemes_(std::move(lexemes)),
      trie_(std::move(trie)),
      eos_(std::move(eos)),
      source_(program, program + size),
      max_states_(max_states),
      memo_bytes_(memo_bytes) {
    std::lock_guard lock(lexemes_->mutex);
    program_ = std::make_unique<SchemaProgram>(program, size, lexemes_->store);
    formulas_ = std::make_unique<Formulas>(*program_, lexemes_->store, lexemes_->numbers, max_states);
    shapes_ = std::make_unique<Shapes>(*formulas_, lexemes_->store, lexemes_->numbers, max_states);
    lexemes_->store.guessed();
    automaton_ =
        std::make_unique<Automaton>(*program_, *formulas_, *shapes_, lexemes_->store, lexemes_->numbers, max_states);
    guessed_ = lexemes_->store.guessed();
    note_room();
}

void SchemaEngine::look() {
    std::lock_guard lock(lexemes_->mutex);
    if (looked_) return;
    looked_ = true;
    lexemes_->store.guessed();
    shapes_->look_at_all(formulas_->of(program_->root), kMaxLookedAt);
    if (lexemes_->store.guessed() || guessed_)
        shapes_->not_exact("texts that several patterns must match take too long to find");
    exact_ = shapes_->exact();
    reason_ = shapes_->reason();
    note_room();
}

void SchemaEngine::note_room() {
    // Half of the room that is left is for texts; whoever works something out has the other half for that.
    const u64 now = this->size();
    full_size_ = now + (max_states_ > now ? (max_states_ - now) / 2 : 0);
    full_lexemes_ = lexemes_->size() + kFullLexemes;
    full_bytes_ = lexemes_->bytes() + LexemeStore::kFullBytes;
}

// The largest of the tables that texts make grow.
u64 SchemaEngine::size() const {
    return std::max({automaton_->n_states(), automaton_->n_frames(), shapes_->size(), formulas_->size()});
}

void SchemaEngine::note_growth() {
    if (size() > full_size_ || lexemes_->size() > full_lexemes_ || lexemes_->bytes() > full_bytes_) full_ = true;
}

std::shared_ptr<SchemaEngine> SchemaEngine::successor() {
    std::lock_guard lock(successor_mutex_);
    if (!successor_) {
        bool full;
        {
            std::shared_lock its(lexemes_->mutex);
            full = lexemes_->full();
        }
        successor_ = std::make_shared<SchemaEngine>(full ? lexemes_->successor() : lexemes_, trie_, source_.data(),
                                                    source_.size(), eos_, max_states_, memo_bytes_, generation + 1);
    } else if (successor_->full()) {
        successor_ = successor_->successor();
    }
    return successor_;
}

SchemaEngine::Counts SchemaEngine::counts() {
    std::shared_lock lock(lexemes_->mutex);
    Counts c;
    c.states = automaton_->n_states();
    c.frames = automaton_->n_frames();
    c.shapes = shapes_->size();
    c.formulas = formulas_->size();
    c.masks = static_cast<u32>(masks_.size());
    c.rows = lexemes_->n_rows();
    c.expressions = lexemes_->store.n_expressions();
    c.mask_bytes = mask_bytes_;
    c.row_bytes = lexemes_->bytes();
    return c;
}

// Steps that are known, as far as they go; `read`: so many.
u32 SchemaEngine::step_known(u32 state, const u8* data, u32 n, u32& read) {
    std::shared_lock lock(lexemes_->mutex);
    for (read = 0; read < n && state != Automaton::kDead; ++read) {
        const u32 to = automaton_->known_step(state, data[read]);
        if (to == NONE) break;
        state = to;
    }
    return state;
}

u32 SchemaEngine::walk(u32 state, const u8* data, u32 n) {
    u32 i;
    state = step_known(state, data, n, i);
    if (i == n || state == Automaton::kDead) return state;
    std::lock_guard lock(lexemes_->mutex);
    for (; i < n && state != Automaton::kDead; ++i) state = automaton_->step(state, data[i]);
    note_growth();
    return state;
}

u32 SchemaEngine::viable_bytes(u32 state, const u8* data, u32 n) {
    std::lock_guard lock(lexemes_->mutex);
    for (u32 i = 0; i < n; ++i) {
        state = automaton_->step(state, data[i]);
        if (state == Automaton::kDead) return i;
    }
    note_growth();
    return n;
}

bool SchemaEngine::complete(u32 state) {
    std::shared_lock lock(lexemes_->mutex);
    return automaton_->complete(state);
}

std::vector<u8> SchemaEngine::forced_bytes(u32 state, u32 n) {
    std::lock_guard lock(lexemes_->mutex);
    std::vector<u8> out = forced_from(*automaton_, state, n);
    note_growth();
    return out;
}

// -- masks ------------------------------------------------------------------------------------

void SchemaEngine::add_own(Fill& f, u32 node) {
    if (lexemes_->forest.n_bases(node) >= kPartBases)
        f.tokens.add(lexemes_->forest.own_piece(node));
    else
        lexemes_->forest.own(node, [&](u32 t) { f.tokens.ids.push_back(t); });
}

// Adds what was collected apart.
void SchemaEngine::add(Fill& f, Fill& own) {
    f.doubtful.insert(f.doubtful.end(), own.doubtful.begin(), own.doubtful.end());
    if (f.tokens.base.empty()) {
        f.tokens.base.swap(own.tokens.base);
        f.tokens.removed.swap(own.tokens.removed);
    } else if (!own.tokens.base.empty()) {  // two that take tokens out: one of them is worked out
        f.tokens.add(worked_out(own.tokens));
        return;
    }
    f.tokens.pieces.insert(f.tokens.pieces.end(), own.tokens.pieces.begin(), own.tokens.pieces.end());
    f.tokens.ids.insert(f.tokens.ids.end(), own.tokens.ids.begin(), own.tokens.ids.end());
}

const TokenPiece& SchemaEngine::worked_out(const TokenUnion& tokens) {
    scratch_.resize(trie_->words());
    tokens.write(scratch_.data(), trie_->words());
    auto piece = std::make_unique<TokenPiece>();
    piece->pack(scratch_);
    mask_bytes_ += piece->bytes() + 100;
    pieces_.push_back(std::move(piece));
    return *pieces_.back();
}

void SchemaEngine::collect_own(Fill& f, u32 state, u32 node, bool behind_key) {
    if (state == Automaton::kDead) return;
    if (automaton_->state(state).doubt) {
        f.doubtful.push_back(node);
        return;
    }
    if (lexemes_->forest.n_bases(node) >= kPartBases) {
        const u64 key = (static_cast<u64>(state) << 32 | node) * 2 + (behind_key ? 1 : 0);
        auto it = parts_.find(key);
        if (it == parts_.end()) {
            Fill own;
            add_own(own, node);
            collect(own, state, node, behind_key);
            auto part = std::make_unique<Part>();
            if (!own.tokens.base.empty()) {
                part->pieces = {&worked_out(own.tokens)};
            } else {
                part->pieces = std::move(own.tokens.pieces);
                part->loose.ids = std::move(own.tokens.ids);
                std::sort(part->loose.ids.begin(), part->loose.ids.end());
            }
            part->doubtful = std::move(own.doubtful);
            mask_bytes_ += 100 + part->pieces.size() * 8 + part->loose.bytes();
            it = parts_.emplace(key, std::move(part)).first;
        }
        const Part& part = *it->second;
        f.tokens.pieces.insert(f.tokens.pieces.end(), part.pieces.begin(), part.pieces.end());
        f.tokens.add(part.loose);
        f.doubtful.insert(f.doubtful.end(), part.doubtful.begin(), part.doubtful.end());
        return;
    }
    add_own(f, node);
    collect(f, state, node, behind_key);
}

// Adds the tokens below a node that may come from a state on. `behind_key`: an unknown key ended in this token.
void SchemaEngine::collect(Fill& f, u32 id, u32 node, bool behind_key) {
    if (id == Automaton::kDead || lexemes_->forest.leaf(node)) return;
    const Automaton::State& s = automaton_->state(id);
    switch (s.phase) {
        case Automaton::kString:
        case Automaton::kInKey:
            string_items(f, s, node, behind_key);
            return;
        case Automaton::kNumber:
            for (const Automaton::Item& item : s.items) {
                const LexemeRow& row = lexemes_->number_row(item.a, node);
                row.add_to(f.tokens);
                for (const LexemeRow::Exit& e : row.exits)
                    collect(f, automaton_->after_value(s, item), e.node, behind_key);
            }
            return;
        default: {
            if (program_->options.whitespace == 0) {  // all ways through white space at once
                const SpaceRow& space = lexemes_->space_row(node, s.gap);
                f.tokens.add(space.inside);
                node = space.node;
                if (node == NONE) return;
            }
            u8 bytes[Automaton::kMaxNextBytes];
            const u32 n = automaton_->next_bytes(s, bytes);
            for (u32 i = 0; i < n; ++i) {
                const u32 child = lexemes_->forest.child(node, bytes[i]);
                if (child != NONE) collect_own(f, automaton_->step(id, bytes[i]), child, behind_key);
            }
        }
    }
}

void SchemaEngine::string_items(Fill& f, const Automaton::State& s, u32 node, bool behind_key) {
    const bool key = s.phase == Automaton::kInKey;
    for (const Automaton::Item& item : s.items) {
        const bool names = key && item.lo < item.hi, texts = item.xlo < item.xhi;
        if (key && item.b == NONE) {
            if (s.decoder.plain() && !texts)
                add_names(f, s, item, node, behind_key, false);
            else
                compared(f, s, item, s.decoder, s.depth, node, behind_key, false);
            continue;
        }
        // All texts first, as if none was a name or excluded; then those are put right.
        Fill own;
        Fill& into = names || texts ? own : f;
        const LexemeRow& row = key ? lexemes_->string_row(shapes_->vector_states(item.b), s.decoder, node)
                                   : lexemes_->string_row(item.a, s.decoder, node);
        row.add_to(into.tokens);
        for (const LexemeRow::Exit& e : row.exits) {
            if (key && behind_key) {
                f.doubtful.push_back(e.node);
                continue;
            }
            const u32 after = key ? automaton_->after_unknown(s, item, e.label) : automaton_->after_value(s, item);
            collect_own(into, after, e.node, behind_key || key);
        }
        if (&into == &own) {
            Fill late;
            if (names && s.decoder.plain() && lexemes_->store.endless(shapes_->vector_states(item.b)[0])) {
                // Wherever a name leads away from, some other key may come: all that matters is where names end.
                add_names(late, s, item, node, behind_key, true);
                Automaton::Item others = item;
                others.lo = others.hi = 0;
                if (texts) compared(late, s, others, s.decoder, s.depth, node, behind_key, true);
            } else {
                compared(late, s, item, s.decoder, s.depth, node, behind_key, true);
            }
            if (!late.cleared.empty()) own.tokens.remove(late.cleared);
            add(f, own);
            add(f, late);
        }
    }
}

// `clear`: other keys may come too, and a row has said what is inside of them.
void SchemaEngine::add_names(Fill& f, const Automaton::State& s, const Automaton::Item& item, u32 node, bool behind_key,
                             bool clear) {
    const NameRow& row = name_row(item, s.depth, node);
    const std::vector<u32>& names = automaton_->options_of(item).names;
    if (!clear) {
        u32 lo = NONE, hi = NONE;
        bool some = false;
        for (const NameRow::Inside& in : row.inside) {
            if (in.lo != lo || in.hi != hi) {
                lo = in.lo;
                hi = in.hi;
                const auto at = std::lower_bound(names.begin(), names.end(), lo);
                some = at != names.end() && *at < hi;
            }
            if (some) f.tokens.ids.push_back(in.token);
        }
    }
    for (const NameRow::Exit& e : row.exits) {
        if (clear) clear_below(f, e.node);
        if (std::binary_search(names.begin(), names.end(), e.name))
            collect_own(f, automaton_->after_name(s, item, e.name), e.node, behind_key);
    }
}

const SchemaEngine::NameRow& SchemaEngine::name_row(const Automaton::Item& item, u32 depth, u32 node) {
    std::unique_ptr<NameRow>& row = name_rows_[{automaton_->frame(item.a).shape, item.lo, item.hi, depth, node}];
    if (!row) {
        row = std::make_unique<NameRow>();
        walk_names(*row, automaton_->shape_of(item).names, item.lo, item.hi, StringDecoder(), depth, node);
        mask_bytes_ += 200 + row->inside.size() * sizeof(NameRow::Inside) + row->exits.size() * sizeof(NameRow::Exit);
    }
    return *row;
}

void SchemaEngine::walk_names(NameRow& row, const std::vector<ObjectShape::Name>& names, u32 lo, u32 hi,
                              const StringDecoder& decoder, u32 depth, u32 node) {
    SuffixForest& forest = lexemes_->forest;
    const bool complete = names[lo].text.size() == depth;
    const u32 first = complete ? lo + 1 : lo;  // those that go on
    auto from = [&](u32 c) {
        return static_cast<u32>(std::partition_point(names.begin() + first, names.begin() + hi,
                                                     [&](const auto& n) { return n.text[depth] < c; }) -
                                names.begin());
    };
    auto look = [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        if (r == StringDecoder::kQuote) {
            if (complete) row.exits.push_back({lo, child});
            return;
        }
        const bool character = r == StringDecoder::kCharacter;
        u32 n = 1, low[2] = {c, 0}, high[2] = {c, 0};
        if (!character) n = d.ranges(low, high);
        bool some = false;
        for (u32 i = 0; i < n; ++i) {
            const u32 a = from(low[i]), b = from(high[i] + 1);
            if (a == b) continue;
            some = true;
            forest.own(child, [&](u32 t) { row.inside.push_back({a, b, t}); });
            if (character && !forest.leaf(child)) walk_names(row, names, a, b, d, depth + 1, child);
        }
        if (some && !character && !forest.leaf(child)) walk_names(row, names, lo, hi, d, depth, child);
    };
    if (!decoder.plain()) {
        forest.children(node, look);
        return;
    }
    u64 bytes[4] = {0, 0, 0, 0};
    for (u32 i = first; i < hi; ++i) SchemaAutomaton::add_lead(names[i].text[depth], bytes);
    look_at(forest, bytes, node, look);
}

void SchemaEngine::clear_below(Fill& f, u32 node) {
    lexemes_->forest.own(node, [&](u32 t) { f.cleared.push_back(t); });
    lexemes_->forest.below(node, [&](u32 t) { f.cleared.push_back(t); });
}

// Tokens below a node that begin as a name or an excluded text does: each is decided here. `clear`: what a row says of
// them is to be cleared.
void SchemaEngine::compared(Fill& f, const Automaton::State& s, Automaton::Item item, const StringDecoder& decoder,
                            u32 depth, u32 node, bool behind_key, bool clear) {
    const auto phase = static_cast<Automaton::Phase>(s.phase);
    const bool key = phase == Automaton::kInKey;
    SuffixForest& forest = lexemes_->forest;
    auto look = [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        if (r == StringDecoder::kQuote) {
            if (key && item.lo < item.hi && automaton_->shape_of(item).names[item.lo].text.size() == depth) {
                if (clear) clear_below(f, child);
                const std::vector<u32>& names = automaton_->options_of(item).names;
                if (std::binary_search(names.begin(), names.end(), item.lo))
                    collect_own(f, automaton_->after_name(s, item, item.lo), child, behind_key);
                return;
            }
            if (item.xlo < item.xhi &&
                automaton_->texts().text(automaton_->text_set(s, item), item.xlo).size() == depth) {
                if (clear) clear_below(f, child);
            }
            return;
        }
        // Away from all of them: as the row says, which has it already (there is none if no unknown key may come).
        if (r == StringDecoder::kCharacter || d.kind == StringDecoder::kUtf8) {
            u32 lo[2] = {c, 0}, hi[2] = {c, 0};
            if (r == StringDecoder::kMore) d.ranges(lo, hi);
            if (!automaton_->goes_on(phase, item, depth, lo[0], hi[0])) return;
        }
        Automaton::Item next = item;
        bool alive;
        u32 next_depth = depth;
        if (r == StringDecoder::kCharacter) {
            alive = automaton_->read_character(phase, next, depth, c);
            next_depth = depth + 1;
        } else {
            alive = automaton_->item_alive(phase, item, depth, d);
        }
        if (!alive) {
            if (clear) clear_below(f, child);
            return;
        }
        add_own(f, child);
        if (!forest.leaf(child)) compared(f, s, next, d, next_depth, child, behind_key, clear);
    };
    if (!decoder.plain()) {
        forest.children(node, look);
        return;
    }
    u64 bytes[4] = {0, 0, 0, 0};
    automaton_->lead_bytes(phase, item, depth, bytes);
    look_at(forest, bytes, node, look);
}

SchemaEngine::Mask& SchemaEngine::mask(u32 state) {
    const auto it = masks_.find(state);
    if (it != masks_.end()) return *it->second;
    if (mask_bytes_ > memo_bytes_) {
        masks_.clear();
        parts_.clear();
        name_rows_.clear();
        pieces_.clear();
        mask_bytes_ = 0;
    }
    Fill f;
    collect(f, state, 0, false);
    for (u32 node : f.doubtful) {
        auto ask = [&](u32 t) {
            u32 at = state;
            for (u32 i = 0; i < trie_->token_size(t) && at != Automaton::kDead; ++i)
                at = automaton_->step(at, trie_->token_data(t)[i]);
            if (at != Automaton::kDead) f.tokens.ids.push_back(t);
        };
        lexemes_->forest.own(node, ask);
        lexemes_->forest.below(node, ask);
    }
    if (automaton_->complete(state))
        for (u32 e : eos_)
            if (e < trie_->width) f.tokens.ids.push_back(e);
    auto m = std::make_unique<Mask>();
    m->tokens = std::move(f.tokens);
    mask_bytes_ += m->tokens.bytes() + 100;
    return *(masks_[state] = std::move(m));
}

// Most masks are asked for once or twice; the others are worked out, where that saves much.
bool SchemaEngine::pays(const Mask& m) const {
    return m.asked == kAskedOften && m.tokens.cost(trie_->words()) > kPieceCost;
}

void SchemaEngine::fill(u32 state, u32* out) {
    if (fill_known(state, out)) return;
    std::lock_guard lock(lexemes_->mutex);
    Mask& m = mask(state);
    m.tokens.write(out, trie_->words());
    if (pays(m)) {
        const TokenPiece& piece = worked_out(m.tokens);
        m.tokens = TokenUnion();
        m.tokens.add(piece);
    }
    ++m.asked;
    note_growth();
}

bool SchemaEngine::fill_known(u32 state, u32* out) {
    std::shared_lock lock(lexemes_->mutex);
    const auto it = masks_.find(state);
    if (it == masks_.end() || pays(*it->second)) return false;
    it->second->tokens.write(out, trie_->words());
    ++it->second->asked;
    return true;
}

u32 SchemaEngine::phase(u32 id) {
    std::shared_lock lock(lexemes_->mutex);
    return id == Automaton::kDead ? NONE : automaton_->state(id).phase;
}

// Breadth first over what tokens lead to.
u64 SchemaEngine::explore(u32 max_masks, double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::vector<u32> queue{automaton_->start()}, row(trie_->words());
    std::unordered_map<u32, bool> seen{{automaton_->start(), true}};
    size_t at = 0;
    for (; at < queue.size() && at < max_masks && std::chrono::steady_clock::now() < end; ++at) {
        fill(queue[at], row.data());
        for (u32 b = 0; b < 256; ++b) {
            const u8 byte = static_cast<u8>(b);
            const u32 to = walk(queue[at], &byte, 1);
            if (to != Automaton::kDead && seen.emplace(to, true).second) queue.push_back(to);
        }
    }
    return at;
}

SchemaCompletion& SchemaEngine::completion() {
    if (!completion_)
        completion_ = std::make_unique<SchemaCompletion>(*program_, *formulas_, *shapes_, *automaton_, *lexemes_,
                                                         *trie_, memo_bytes_ / 4);
    return *completion_;
}

bool SchemaEngine::completion(u32 state, std::vector<u32>& tokens, u32 most) {
    std::lock_guard lock(lexemes_->mutex);
    const bool found = completion().find(state, tokens, most);
    note_growth();
    return found;
}

bool SchemaEngine::completion_after(u32 state, u32 token, u32 most, std::vector<u32>& tokens) {
    std::lock_guard lock(lexemes_->mutex);
    return completion().find_after(state, token, most, tokens);
}

void SchemaEngine::fill_within(u32 state, u32 most, u32* out) {
    std::lock_guard lock(lexemes_->mutex);
    completion().fill(state, most, out);
    note_growth();
    if (automaton_->complete(state))
        for (u32 e : eos_)
            if (e < trie_->width) out[e / 32] |= 1u << (e % 32);
}

// -- matchers ---------------------------------------------------------------------------------

void SchemaMatcher::fill(u32* out) {
    if (finished_) {
        std::memset(out, 0, static_cast<size_t>(engine_->words()) * 4);
        return;
    }
    keep_up();
    engine_->fill(state_, out);
}

bool SchemaMatcher::completion(std::vector<u32>& tokens, u32 most) {
    keep_up();
    tokens.clear();
    return engine_->complete(state_) || engine_->completion(state_, tokens, most);
}

void SchemaMatcher::fill_within(u32 most, u32* out) {
    if (finished_) {
        std::memset(out, 0, static_cast<size_t>(engine_->words()) * 4);
        return;
    }
    keep_up();
    engine_->fill_within(state_, most, out);
}

bool SchemaMatcher::check(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) return complete();
    keep_up();
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width) return false;
    return t.token_size(token) && engine_->walk(state_, t.token_data(token), t.token_size(token)) != Automaton::kDead;
}

bool SchemaMatcher::accept(u32 token) {
    if (finished_) return false;
    if (engine_->is_eos(token)) {
        if (!complete()) return false;
        past_.push_back({state_, text_.size()});
        finished_ = true;
        return true;
    }
    const TokenTrie& t = engine_->trie();
    if (token >= t.n_tokens() || token >= t.width || !t.token_size(token)) return false;
    return accept_bytes(t.token_data(token), t.token_size(token));
}

bool SchemaMatcher::accept_bytes(const u8* data, u32 n) {
    keep_up();
    const u32 to = engine_->walk(state_, data, n);
    if (to == Automaton::kDead) return false;
    past_.push_back({state_, text_.size()});
    text_.insert(text_.end(), data, data + n);
    state_ = to;
    return true;
}

void SchemaMatcher::rollback(u32 n) {
    if (n == 0) return;
    state_ = past_[past_.size() - n].state;
    text_.resize(past_[past_.size() - n].size);
    past_.resize(past_.size() - n, Past());
    finished_ = false;
}

void SchemaMatcher::move_on() {
    std::shared_ptr<SchemaEngine> next = engine_->successor();
    std::vector<Past> past = past_;
    u32 state = next->start();
    for (size_t i = 0; i < past.size(); ++i) {
        past[i].state = state;
        const size_t end = i + 1 < past.size() ? past[i + 1].size : text_.size();
        state = next->walk(state, text_.data() + past[i].size, static_cast<u32>(end - past[i].size));
    }
    engine_ = std::move(next);
    past_ = std::move(past);
    state_ = state;
}

void SchemaMatcher::expected(Bits& inside, Bits& next) {
    const u32 phase = engine_->phase(state_);
    if (phase == NONE) return;
    const bool within = phase == Automaton::kString || phase == Automaton::kNumber || phase == Automaton::kLiteral ||
                        phase == Automaton::kInKey;
    bits_set(within ? inside : next, phase);
}

void SchemaMatcher::reset() {
    past_.clear();
    text_.clear();
    finished_ = false;
    keep_up();
    state_ = engine_->start();
}

}  // namespace gcd
