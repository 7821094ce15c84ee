// A matcher with a token budget: lets a token through only if the text can still be completed within what is left.
//
// It keeps a plan, tokens that complete the text, and never lets the budget fall below it: the plan's next token may
// always come, and any other one from whose place a plan is known that fits (text_matcher.hpp, `fill_within`). So
// whatever is chosen, the text ends within the budget.
#pragma once

#include "text_matcher.hpp"

namespace gcd {

class BudgetedMatcher : public TextMatcher {
  public:
    // `budget`: tokens in all, the end-of-sequence token included. Throws bad_input if no completion is known, and
    // limit_tokens (its value: how many tokens suffice) if the budget is less than that.
    BudgetedMatcher(std::unique_ptr<TextMatcher> inner, u32 budget);
    BudgetedMatcher(const BudgetedMatcher& o)
        : inner_(o.inner_->clone()), budget_(o.budget_), before_(o.before_), plan_(o.plan_), past_(o.past_) {}
    TextMatcher& inner() { return *inner_; }
    u32 budget() const { return budget_; }
    u32 left() const { return budget_ - (n_accepted() - before_); }

    std::unique_ptr<TextMatcher> clone() const override { return std::make_unique<BudgetedMatcher>(*this); }
    std::unique_ptr<TextMatcher> position() const override;
    void key(std::vector<u64>& out) const override;
    void fill(u32* out) override;
    bool fill_known(u32*) override { return false; }
    bool check(u32 token) override;
    bool accept(u32 token) override;
    // Counts as one token.
    bool accept_bytes(const u8* data, u32 n) override;
    void rollback(u32 n) override;
    void reset() override;
    u32 n_accepted() const override { return inner_->n_accepted(); }
    bool finished() const override { return inner_->finished(); }
    bool complete() override { return inner_->complete(); }
    bool dead() const override { return inner_->dead(); }
    u32 viable_bytes(const u8* data, u32 n) override { return inner_->viable_bytes(data, n); }
    void expected(Bits& inside, Bits& next) override { inner_->expected(inside, next); }
    // No more than leave room for any way to spell them.
    std::vector<u8> forced_bytes(u32 n) override;
    bool completion(std::vector<u32>& tokens, u32 most) override;
    void fill_within(u32 most, u32* out) override { inner_->fill_within(std::min(most, left()), out); }

  protected:
    const TokenTrie& token_trie() const override { return inner_->token_trie(); }

  private:
    struct Plan {  // tokens from `at` on, then the end-of-sequence token
        std::shared_ptr<const std::vector<u32>> tokens;
        size_t at = 0;
        u32 needed() const { return static_cast<u32>(tokens->size() - at) + 1; }
        bool next_is(u32 token) const { return at < tokens->size() && (*tokens)[at] == token; }
    };
    void make_plan();
    // The plan from where `inner_` has just come to; false if none is known within `most` tokens.
    bool plan_within(u32 most, Plan& out);
    bool plan_as_masked(u32 token, u32 most, Plan& out);
    void follow(Plan next);

    std::unique_ptr<TextMatcher> inner_;
    u32 budget_;
    u32 before_;  // tokens accepted before the budget began
    Plan plan_;
    std::vector<Plan> past_;  // before each accepted token
};

}  // namespace gcd
