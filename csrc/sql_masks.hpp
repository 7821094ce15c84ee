// Masks of a SQL automaton's states, and matchers that walk it.
#pragma once

#include <algorithm>
#include <mutex>

#include "lexeme_rows.hpp"
#include "sql_automaton.hpp"
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
    bool satisfiable() const { return automaton_->start() != SqlAutomaton::kDead; }
    const TokenTrie& trie() const { return *trie_; }
    u32 words() const { return trie_->words(); }
    bool is_eos(u32 token) const { return std::find(eos_.begin(), eos_.end(), token) != eos_.end(); }
    struct Counts {
        u32 states, parses, scopes, masks;
        u64 mask_bytes, unsettled, generation;
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
    // What is being read, see `SqlAutomaton::Kind`; NONE for the dead state.
    u32 kind(SqlPosition& p);
    u64 explore(u32 max_masks, double seconds);

  private:
    struct Mask {
        std::vector<u32> ids, words;
    };
    struct Part {  // tokens below a node of the forest, from a state on
        Mask mask;
        std::vector<u32> doubtful, seconds;
    };
    // A word from the beginning of a lexeme on: tokens within it, the nodes where it ends and something else follows,
    // and the tokens behind those.
    struct WordRow {
        std::vector<u32> tokens, exits, behind;
    };
    // Any word: tokens within it (a bitmask), and where it can end.
    struct AnyWord {
        std::vector<u32> words;
        u32 exit = NONE;
    };
    struct StringRow {
        std::vector<u32> words;
        u32 exit = NONE;  // behind the quote
    };
    struct Fill;
    u32 walk(u32 state, const u8* data, size_t n);
    u32 settle(SqlPosition& p);
    // How a state came about in which tokens are collected: exactly; behind any invented name; behind one of several
    // names that are alike.
    enum Borrowed { kExact, kInvented, kAlike };
    void collect(Fill& f, u32 state, u32 node, Borrowed borrowed);
    void collect_own(Fill& f, u32 state, u32 node, Borrowed borrowed);
    void collect_behind(Fill& f, u32 parse, u32 node, Borrowed borrowed);
    void words_at(Fill& f, u32 parse, u32 node, Borrowed borrowed);
    void words_from_start(Fill& f, u32 parse);
    void words_in(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed);
    void walk_words(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed, bool fresh,
                    const std::vector<u32>& special);
    bool may_end(const SqlAutomaton::Parse& p, const SqlAutomaton::Text& t) const;
    void clear_behind(Fill& f, u32 node);
    const WordRow& word_row(const std::string& text);
    const AnyWord& any_word(u32 node, bool begins);
    const StringRow& string_row(u32 node);
    void walk_any(AnyWord& row, std::vector<u32>& exits, u32 node, bool begins);
    void walk_string(StringRow& row, std::vector<u32>& exits, u32 node, u32 utf8);
    void pack(std::vector<u32>& bits, Mask& m);
    const Mask& mask(u32 state);
    void copy(const Mask& m, u32* out) const;

    std::mutex mutex_;
    std::shared_ptr<const TokenTrie> trie_;
    LexemeStore rows_;
    SqlProgram program_;
    std::unique_ptr<SqlAutomaton> automaton_;
    std::vector<u32> eos_;
    u32 max_states_;
    u64 generation_ = 0, unsettled_ = 0;
    u64 memo_bytes_, mask_bytes_ = 0;
    std::unordered_map<u32, std::unique_ptr<Mask>> masks_;
    std::unordered_map<u64, std::unique_ptr<Part>> parts_;
    std::unordered_map<std::string, std::unique_ptr<WordRow>> word_rows_;
    std::unordered_map<u64, std::unique_ptr<AnyWord>> any_words_;
    std::unordered_map<u32, std::unique_ptr<StringRow>> string_rows_;
    std::map<u32, std::vector<u32>> reserved_behind_;  // by places: tokens behind words that can't be invented there
    u32 begin_ = NONE;                                 // the places in the trie where a token's first lexeme begins
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
