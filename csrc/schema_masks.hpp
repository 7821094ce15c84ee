// Masks of a schema automaton's states, and matchers that walk it.
#pragma once

#include <algorithm>

#include "lexeme_rows.hpp"
#include "schema_automaton.hpp"
#include "text_matcher.hpp"

namespace gcd {

// A schema compiled for a vocabulary. Its lexemes are shared with the other schemas of the vocabulary; one lock guards
// them all.
class SchemaEngine {
  public:
    SchemaEngine(std::shared_ptr<LexemeStore> lexemes, std::shared_ptr<const TokenTrie> trie, const u8* program,
                 size_t size, std::vector<u32> eos, u32 max_states, u64 memo_bytes);
    bool satisfiable() const { return automaton_->start() != SchemaAutomaton::kDead; }
    // As far as was known when the schema was compiled.
    bool exact() const { return exact_; }
    const std::string& reason() const { return reason_; }
    const TokenTrie& trie() const { return *trie_; }
    u32 words() const { return trie_->words(); }
    bool is_eos(u32 token) const { return std::find(eos_.begin(), eos_.end(), token) != eos_.end(); }
    struct Counts {
        u32 states, frames, shapes, formulas, masks, rows, expressions;
        u64 mask_bytes, row_bytes;
    };
    Counts counts();

    // All of these take the lock.
    u32 start() const { return automaton_->start(); }
    u32 walk(u32 state, const u8* data, u32 n);
    u32 viable_bytes(u32 state, const u8* data, u32 n);
    void fill(u32 state, u32* out);
    bool fill_known(u32 state, u32* out);
    bool complete(u32 state);
    std::vector<u8> forced_bytes(u32 state, u32 n);
    // The place in JSON where a state stands, see `SchemaAutomaton::Phase`; NONE for the dead one.
    u32 phase(u32 state);
    u64 explore(u32 max_masks, double seconds);

  private:
    struct Mask {
        std::vector<u32> ids, words;
    };
    struct Part {  // tokens below a node of the forest, from a state on
        Mask mask;
        std::vector<u32> doubtful;
    };
    struct Fill;
    void collect(Fill& f, u32 state, u32 node, bool behind_key);
    void collect_own(Fill& f, u32 state, u32 node, bool behind_key);
    void string_items(Fill& f, const SchemaAutomaton::State& s, u32 node, bool behind_key);
    void compared(Fill& f, const SchemaAutomaton::State& s, SchemaAutomaton::Item item, const StringDecoder& decoder,
                  u32 depth, u32 node, bool behind_key, bool clear);
    void clear_below(Fill& f, u32 node);
    const Mask& mask(u32 state);
    void pack(std::vector<u32>& bits, Mask& m);
    void copy(const Mask& m, u32* out) const;
    void add_row(Fill& f, const LexemeRow& row);

    std::shared_ptr<LexemeStore> lexemes_;
    std::shared_ptr<const TokenTrie> trie_;
    std::unique_ptr<SchemaProgram> program_;
    std::unique_ptr<Formulas> formulas_;
    std::unique_ptr<Shapes> shapes_;
    std::unique_ptr<SchemaAutomaton> automaton_;
    std::vector<u32> eos_;
    bool exact_ = true;
    std::string reason_;
    u64 memo_bytes_, mask_bytes_ = 0;
    std::unordered_map<u32, std::unique_ptr<Mask>> masks_;
    std::unordered_map<u64, std::unique_ptr<Part>> parts_;
};

// One sequence's position in a schema. Not shared between threads.
class SchemaMatcher : public TextMatcher {
  public:
    explicit SchemaMatcher(std::shared_ptr<SchemaEngine> engine)
        : engine_(std::move(engine)), state_(engine_->start()) {}
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<SchemaMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override {
        return std::unique_ptr<TextMatcher>(new SchemaMatcher(engine_, state_, finished_));
    }
    void key(std::vector<u64>& out) const override { out.push_back(static_cast<u64>(state_) << 1 | finished_); }
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
    u32 viable_bytes(const u8* data, u32 n) override { return finished_ ? 0 : engine_->viable_bytes(state_, data, n); }
    void expected(Bits& inside, Bits& next) override;
    std::vector<u8> forced_bytes(u32 n) override {
        return finished_ ? std::vector<u8>() : engine_->forced_bytes(state_, n);
    }

  protected:
    const TokenTrie& token_trie() const override { return engine_->trie(); }

  private:
    SchemaMatcher(std::shared_ptr<SchemaEngine> engine, u32 state, bool finished)
        : engine_(std::move(engine)), state_(state), finished_(finished) {}
    std::shared_ptr<SchemaEngine> engine_;
    u32 state_;
    bool finished_ = false;
    std::vector<u32> past_;
};

}  // namespace gcd
