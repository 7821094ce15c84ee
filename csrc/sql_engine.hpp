// A database's statements, compiled for a vocabulary, and matchers of them.
#pragma once

#include <algorithm>
#include <mutex>

#include "sql_completion.hpp"
#include "sql_masks.hpp"
#include "text_matcher.hpp"

namespace gcd {

// Where a text stands: its state, as long as the tables are those in which it was found.
struct SqlPosition {
    u64 generation = NONE;
    u32 state = SqlAutomaton::kDead;
    std::vector<u8> text;
};

// A database's statements, compiled for a vocabulary. One lock guards it.
class SqlEngine {
  public:
    SqlEngine(std::shared_ptr<const TokenTrie> trie, const u8* program, size_t size, std::vector<u32> eos,
              u32 max_states, u64 memo_bytes);
    bool satisfiable() const { return tables_->automaton.start() != SqlAutomaton::kDead; }
    // Why some statements that prepare may not be written; empty: there is no reason known.
    const std::string& reason() const { return reason_; }
    const TokenTrie& trie() const { return *trie_; }
    u32 words() const { return trie_->words(); }
    bool is_eos(u32 token) const { return std::find(eos_.begin(), eos_.end(), token) != eos_.end(); }
    struct Counts {
        u32 states, parses, scopes, masks;
        u64 mask_bytes, row_bytes, unsettled, generation;
    };
    Counts counts();

    // All of these take the lock.
    bool check(SqlPosition& p, const u8* data, u32 n);
    bool advance(SqlPosition& p, const u8* data, u32 n);  // all or nothing
    u32 viable_bytes(SqlPosition& p, const u8* data, u32 n);
    void fill(SqlPosition& p, u32* out);
    bool fill_known(SqlPosition& p, u32* out);
    bool complete(SqlPosition& p);
    std::vector<u8> forced_bytes(SqlPosition& p, u32 n);
    // See TextMatcher.
    bool completion(SqlPosition& p, std::vector<u32>& tokens);
    void fill_within(SqlPosition& p, u32 most, u32* out);
    // What is being read, see `SqlAutomaton::Kind`; NONE for the dead state.
    u32 kind(SqlPosition& p);
    u64 explore(u32 max_masks, double seconds);

  private:
    struct Mask {
        TokenUnion tokens;
        TokenPiece worked_out;  // once it was asked for often
        u32 asked = 0;
    };
    // What texts make grow: dropped when it has grown full. Positions keep their texts and walk them again.
    struct Tables {
        Tables(const SqlProgram& program, u32 max_states) : automaton(program, max_states) {}
        SqlAutomaton automaton;
        std::unique_ptr<SqlMasks> masks;
        std::unordered_map<u32, Mask> known;
        std::unique_ptr<SqlCompletion> completion;  // made when first needed
    };
    // Rows, and masks that refer to them.
    struct Rows {
        Rows(const TokenTrie& trie, const SqlProgram& program) : tokens(trie, program.signs), names(program, tokens) {}
        SqlTokenRows tokens;
        SqlNameRows names;
    };
    SqlAutomaton& automaton() { return tables_->automaton; }
    void make_tables();
    void bound_memory();
    u32 settle(SqlPosition& p);
    void write(Mask& m, u32* out);
    Mask& mask(u32 state);
    SqlCompletion& completion();

    std::mutex mutex_;
    std::shared_ptr<const TokenTrie> trie_;
    SqlProgram program_;
    std::vector<u32> eos_;
    std::string reason_;
    u32 max_states_;
    u64 memo_bytes_, mask_bytes_ = 0;
    std::unique_ptr<Rows> rows_;
    std::unique_ptr<Tables> tables_;
    u64 generation_ = 0, unsettled_ = 0;
};

// One sequence's position in a statement. Not shared between threads.
class SqlMatcher : public TextMatcher {
  public:
    explicit SqlMatcher(std::shared_ptr<SqlEngine> engine) : engine_(std::move(engine)) {}
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<SqlMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override {
        auto other = std::make_unique<SqlMatcher>(engine_);
        other->at_ = at_;
        other->finished_ = finished_;
        return other;
    }
    void key(std::vector<u64>& out) const override {
        out.push_back(at_.generation);
        out.push_back(static_cast<u64>(at_.state) << 1 | finished_);
    }
    void fill(u32* out) override;
    bool fill_known(u32* out) override { return !finished_ && engine_->fill_known(at_, out); }
    bool check(u32 token) override;
    bool accept(u32 token) override;
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return static_cast<u32>(past_.size()); }
    bool finished() const override { return finished_; }
    bool complete() override { return finished_ || engine_->complete(at_); }
    bool dead() const override { return false; }  // no text is accepted that leads nowhere
    u32 viable_bytes(const u8* data, u32 n) override { return finished_ ? 0 : engine_->viable_bytes(at_, data, n); }
    void expected(Bits& inside, Bits& next) override;
    std::vector<u8> forced_bytes(u32 n) override {
        return finished_ ? std::vector<u8>() : engine_->forced_bytes(at_, n);
    }

    bool completion(std::vector<u32>& tokens, u32) override {
        tokens.clear();
        return finished_ || engine_->completion(at_, tokens);
    }
    void fill_within(u32 most, u32* out) override;

  protected:
    const TokenTrie& token_trie() const override { return engine_->trie(); }

  private:
    std::shared_ptr<SqlEngine> engine_;
    struct Step {
        u32 state, size;
        u64 generation;
    };
    SqlPosition at_;
    bool finished_ = false;
    std::vector<Step> past_;
};

}  // namespace gcd
