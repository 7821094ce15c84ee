// Masks of a schema automaton's states, and matchers that walk it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>

#include "lexeme_rows.hpp"
#include "schema_completion.hpp"
#include "text_matcher.hpp"

namespace gcd {

// A schema compiled for a vocabulary. Its lexemes are shared with the other schemas of the vocabulary, and so is the
// lock: what is known is looked up side by side, what is new is worked out by one at a time.
//
// Texts leave states behind, and no state can be forgotten while some matcher may stand in it. So an engine that has
// grown *full* isn't cleared: it has a successor, to which matchers move when they next come by (they read their text
// again there). It goes when the last one has left.
class SchemaEngine {
  public:
    SchemaEngine(std::shared_ptr<LexemeStore> lexemes, std::shared_ptr<const TokenTrie> trie, const u8* program,
                 size_t size, std::vector<u32> eos, u32 max_states, u64 memo_bytes, u64 generation = 0);
    const u64 generation;  // how many engines of this schema were full before it: states are numbers of one engine
    bool satisfiable() const { return automaton_->start() != SchemaAutomaton::kDead; }
    // Whether masks are proven exact; found by a look at all that the schema can ask for, when the first asks.
    bool exact() {
        look();
        return exact_;
    }
    const std::string& reason() {
        look();
        return reason_;
    }
    const TokenTrie& trie() const { return *trie_; }
    u32 words() const { return trie_->words(); }
    bool is_eos(u32 token) const { return std::find(eos_.begin(), eos_.end(), token) != eos_.end(); }
    struct Counts {
        u32 states, frames, shapes, formulas, masks, rows, expressions;
        u64 mask_bytes, row_bytes;
    };
    Counts counts();
    bool full() const { return full_.load(std::memory_order_relaxed); }
    // The same schema with empty tables; made when the first asks for it. Never full.
    std::shared_ptr<SchemaEngine> successor();

    // All of these take the lock.
    u32 start() const { return automaton_->start(); }
    u32 walk(u32 state, const u8* data, u32 n);
    u32 viable_bytes(u32 state, const u8* data, u32 n);
    void fill(u32 state, u32* out);
    bool fill_known(u32 state, u32* out);
    bool complete(u32 state);
    std::vector<u8> forced_bytes(u32 state, u32 n);
    // See TextMatcher.
    bool completion(u32 state, std::vector<u32>& tokens, u32 most);
    void fill_within(u32 state, u32 most, u32* out);
    bool completion_after(u32 state, u32 token, u32 most, std::vector<u32>& tokens);
    // The place in JSON where a state stands, see `SchemaAutomaton::Phase`; NONE for the dead one.
    u32 phase(u32 state);
    u64 explore(u32 max_masks, double seconds);

  private:
    struct Mask {
        TokenUnion tokens;
        std::atomic<u32> asked{0};
    };
    struct Part {  // tokens below a node of the forest, from a state on
        std::vector<const TokenPiece*> pieces;
        TokenPiece loose;
        std::vector<u32> doubtful;
    };
    // Where tokens are as names of a shape begin or go on, from a node on: what is the same however far an object has
    // come.
    struct NameRow {
        struct Inside {
            u32 lo, hi;  // names that begin with what was read
            u32 token;
        };
        struct Exit {
            u32 name;
            u32 node;
        };
        std::vector<Inside> inside;
        std::vector<Exit> exits;
    };
    using NameKey = std::array<u32, 5>;  // shape, names from, to, characters read, node
    struct NameKeyHash {
        size_t operator()(const NameKey& k) const {
            u64 h = 3;
            for (u32 x : k) h = mix(h, x);
            return h;
        }
    };
    struct Fill;
    const NameRow& name_row(const SchemaAutomaton::Item& item, u32 depth, u32 node);
    void walk_names(NameRow& row, const std::vector<ObjectShape::Name>& names, u32 lo, u32 hi,
                    const StringDecoder& decoder, u32 depth, u32 node);
    void add_names(Fill& f, const SchemaAutomaton::State& s, const SchemaAutomaton::Item& item, u32 node,
                   bool behind_key, bool clear);
    void collect(Fill& f, u32 state, u32 node, bool behind_key);
    void collect_own(Fill& f, u32 state, u32 node, bool behind_key);
    void string_items(Fill& f, const SchemaAutomaton::State& s, u32 node, bool behind_key);
    void compared(Fill& f, const SchemaAutomaton::State& s, SchemaAutomaton::Item item, const StringDecoder& decoder,
                  u32 depth, u32 node, bool behind_key, bool clear);
    void clear_below(Fill& f, u32 node);
    void add_own(Fill& f, u32 node);
    void add(Fill& f, Fill& own);
    const TokenPiece& worked_out(const TokenUnion& tokens);
    Mask& mask(u32 state);
    bool pays(const Mask& m) const;
    void note_growth();
    void note_room();
    u64 size() const;
    u32 step_known(u32 state, const u8* data, u32 n, u32& read);

    std::shared_ptr<LexemeStore> lexemes_;
    std::shared_ptr<const TokenTrie> trie_;
    std::unique_ptr<SchemaProgram> program_;
    std::unique_ptr<Formulas> formulas_;
    std::unique_ptr<Shapes> shapes_;
    std::unique_ptr<SchemaAutomaton> automaton_;
    std::unique_ptr<SchemaCompletion> completion_;  // made when first needed
    SchemaCompletion& completion();
    std::vector<u32> eos_;
    void look();
    bool looked_ = false, guessed_ = false;  // guessed: while the automaton was made
    bool exact_ = true;
    std::string reason_;
    std::vector<u8> source_;
    u32 max_states_;
    u64 full_size_ = 0, full_lexemes_ = 0, full_bytes_ = 0;  // beyond which it is full
    std::atomic<bool> full_{false};
    std::mutex successor_mutex_;
    std::shared_ptr<SchemaEngine> successor_;
    u64 memo_bytes_, mask_bytes_ = 0;
    std::unordered_map<u32, std::unique_ptr<Mask>> masks_;
    std::unordered_map<u64, std::unique_ptr<Part>> parts_;
    std::unordered_map<NameKey, std::unique_ptr<NameRow>, NameKeyHash> name_rows_;
    std::vector<std::unique_ptr<TokenPiece>> pieces_;
    std::vector<u32> scratch_;
};

// One sequence's position in a schema. Not shared between threads.
class SchemaMatcher : public TextMatcher {
  public:
    explicit SchemaMatcher(std::shared_ptr<SchemaEngine> engine)
        : engine_(std::move(engine)), state_(engine_->start()) {}
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<SchemaMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override {
        return std::unique_ptr<TextMatcher>(new SchemaMatcher(engine_, state_, finished_, whole_ && text_.empty()));
    }
    void key(std::vector<u64>& out) const override {
        out.push_back(engine_->generation);
        out.push_back(static_cast<u64>(state_) << 1 | finished_);
    }
    void fill(u32* out) override;
    bool fill_known(u32* out) override { return !finished_ && engine_->fill_known(state_, out); }
    bool check(u32 token) override;
    bool accept(u32 token) override;
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return static_cast<u32>(past_.size()); }
    bool finished() const override { return finished_; }
    bool complete() override { return finished_ || engine_->complete(state_); }
    bool dead() const override { return state_ == SchemaAutomaton::kDead && !finished_; }
    u32 viable_bytes(const u8* data, u32 n) override {
        if (finished_) return 0;
        keep_up();
        return engine_->viable_bytes(state_, data, n);
    }
    void expected(Bits& inside, Bits& next) override;
    std::vector<u8> forced_bytes(u32 n) override {
        if (finished_) return {};
        keep_up();
        return engine_->forced_bytes(state_, n);
    }
    bool completion(std::vector<u32>& tokens, u32 most) override;
    void fill_within(u32 most, u32* out) override;
    bool completion_after(u32 token, u32 most, std::vector<u32>& tokens) override {
        return !finished_ && engine_->completion_after(state_, token, most, tokens);
    }

  protected:
    const TokenTrie& token_trie() const override { return engine_->trie(); }

  private:
    SchemaMatcher(std::shared_ptr<SchemaEngine> engine, u32 state, bool finished, bool whole)
        : engine_(std::move(engine)), state_(state), finished_(finished), whole_(whole) {}
    std::shared_ptr<SchemaEngine> engine_;
    u32 state_;
    bool finished_ = false;
    struct Past {
        u32 state;
        size_t size;  // of the text
    };
    std::vector<Past> past_;
    std::vector<u8> text_;
    bool whole_ = true;  // text_ is all that was read; not so of a position within a text, which stays with its engine
    // Moves to the engine's successor once that is full.
    void keep_up() {
        if (whole_ && engine_->full()) move_on();
    }
    void move_on();
};

}  // namespace gcd
