// A matcher: one sequence's position in a compiled grammar. Not shared between threads; the grammar behind it is.
#pragma once

#include "engine.hpp"
#include "text_matcher.hpp"

namespace gcd {

class Matcher : public TextMatcher {
  public:
    Matcher(std::shared_ptr<Engine> engine, u32 start);
    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<Matcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override {
        return std::unique_ptr<TextMatcher>(new Matcher(engine_, start_, readings_, finished_));
    }
    void key(std::vector<u64>& out) const override {
        out.push_back(engine_->generation);
        out.push_back(readings_.size() << 1 | finished_);
        for (const Reading& r : readings_) out.push_back(pair_key(r.syntax, r.lexer));
    }
    void fill(u32* out) override {
        if (finished_) {
            std::memset(out, 0, engine_->masks.words() * 4);
        } else {
            keep_up();
            engine_->masks.fill(readings_, out);
        }
    }
    bool fill_known(u32* out) override { return !finished_ && engine_->masks.fill_known(readings_, out); }
    bool fills_beside_others() const override { return true; }
    // True if the token may come next: a bit of the mask where that is known, else a walk. Changes nothing.
    bool check(u32 token) override;
    // Moves over a token; false (and nothing changed) if it may not come next.
    bool accept(u32 token) override;
    // Moves over bytes that tokens can spell, to where one of them ends: one entry of the history. All or nothing.
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return static_cast<u32>(history_.size()); }
    bool finished() const override { return finished_; }
    bool complete() override;
    bool dead() const override { return readings_.empty() && !finished_; }
    const Readings& readings() const { return readings_; }
    Engine& engine() { return *engine_; }
    const std::shared_ptr<Engine>& engine_ptr() const { return engine_; }
    u32 start_index() const { return start_; }
    // How many bytes from here on stay viable, at most n (up to a token's end where not every byte is a token).
    u32 viable_bytes(const u8* data, u32 n) override;

    // Terminals whose lexeme the text is in the middle of, and those that may come next once it ends here.
    void expected(Bits& inside, Bits& next) override;
    // Bytes that every continuation begins with, at most n; none if the text may end here.
    std::vector<u8> forced_bytes(u32 n) override;
    bool completion(std::vector<u32>& tokens, u32 most) override;
    void fill_within(u32 most, u32* out) override;

  protected:
    const TokenTrie& token_trie() const override { return engine_->compiled.trie(); }

  private:
    Matcher(std::shared_ptr<Engine> engine, u32 start, Readings readings, bool finished)
        : engine_(std::move(engine)), start_(start), readings_(std::move(readings)), finished_(finished) {}
    // Moves to the engine's successor once that is full.
    void keep_up() {
        if (engine_->full()) move_on();
    }
    void move_on();
    bool take(u32 token);
    bool walk(const u8* data, u32 n, Readings& out);
    bool search(std::vector<u32>& tokens) const;
    bool spell(const u8* data, u32 n, Readings& out, u32& reached);

    std::shared_ptr<Engine> engine_;
    u32 start_;
    Readings readings_;
    bool finished_ = false;
    // Readings before each accepted token, flattened; `finished_` can only be set by the last one.
    std::vector<Reading> past_;
    std::vector<u32> history_;  // where each entry of `past_` begins
    Readings scratch_a_, scratch_b_;
};

}  // namespace gcd
