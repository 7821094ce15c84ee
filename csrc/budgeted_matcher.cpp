#include "budgeted_matcher.hpp"

#include <algorithm>

namespace gcd {

BudgetedMatcher::BudgetedMatcher(std::unique_ptr<TextMatcher> inner, u32 budget)
    : inner_(std::move(inner)), budget_(budget), before_(inner_->n_accepted()) {
    make_plan();
}

std::unique_ptr<TextMatcher> BudgetedMatcher::position() const {
    auto other = std::make_unique<BudgetedMatcher>(*this);
    other->inner_ = inner_->position();
    other->budget_ = left();
    other->before_ = 0;
    other->past_.clear();
    return other;
}

void BudgetedMatcher::key(std::vector<u64>& out) const {
    inner_->key(out);
    out.push_back(left());
    out.insert(out.end(), plan_.tokens->begin() + static_cast<std::ptrdiff_t>(plan_.at), plan_.tokens->end());
}

void BudgetedMatcher::make_plan() {
    std::vector<u32> tokens;
    if (!inner_->completion(tokens, budget_ - 1))
        throw CoreError(ErrorKind::bad_input, 0,
                        "no way to complete the text was found, so no token budget can be kept");
    plan_ = {std::make_shared<const std::vector<u32>>(std::move(tokens)), 0};
    if (plan_.needed() > budget_)
        throw CoreError(ErrorKind::limit_tokens, plan_.needed(), "the token budget is less than the text needs");
}

bool BudgetedMatcher::plan_within(u32 most, Plan& out) {
    std::vector<u32> tokens;
    try {
        if (most == 0 || !inner_->completion(tokens, most - 1) || tokens.size() + 1 > most) return false;
    } catch (...) {  // a limit: the token that has just been read is taken back
        inner_->rollback(1);
        throw;
    }
    out = {std::make_shared<const std::vector<u32>>(std::move(tokens)), 0};
    return true;
}

void BudgetedMatcher::fill(u32* out) {
    if (inner_->finished()) {
        inner_->fill(out);
        return;
    }
    inner_->fill_within(left() - 1, out);
    if (plan_.at < plan_.tokens->size()) {
        const u32 token = (*plan_.tokens)[plan_.at];
        out[token / 32] |= 1u << (token % 32);
    }
}

bool BudgetedMatcher::check(u32 token) {
    if (!inner_->check(token)) return false;
    if (plan_.next_is(token)) return true;
    std::unique_ptr<TextMatcher> probe = inner_->position();
    probe->accept(token);
    std::vector<u32> tokens;
    if (probe->finished() || (left() >= 2 && probe->completion(tokens, left() - 2) && tokens.size() + 2 <= left()))
        return true;
    if (!inner_->completion_after(token, left() - 1, tokens) || tokens.size() + 2 > left()) return false;
    for (u32 t : tokens)
        if (!probe->accept(t)) return false;
    return probe->complete();
}

bool BudgetedMatcher::accept(u32 token) {
    const u32 most = left() - 1;  // at least 0: a plan needs one
    Plan next = plan_;
    const bool planned = plan_.next_is(token);
    if (!inner_->accept(token)) return false;
    if (!inner_->finished()) {
        // On the plan the rest of it fits; a shorter one may have come into view.
        if (planned) ++next.at;
        Plan better;
        if (plan_within(planned ? std::min(most, next.needed() - 1) : most, better)) {
            next = std::move(better);
        } else if (!planned && !plan_as_masked(token, most, next)) {
            return false;
        }
    }
    follow(std::move(next));
    return true;
}

// The token has been read, and the search from behind it found nothing that fits.
bool BudgetedMatcher::plan_as_masked(u32 token, u32 most, Plan& out) {
    inner_->rollback(1);
    std::vector<u32> tokens;
    if (!inner_->completion_after(token, most, tokens) || tokens.size() + 1 > most) return false;
    std::unique_ptr<TextMatcher> probe = inner_->position();
    if (!probe->accept(token)) return false;
    for (u32 t : tokens)
        if (!probe->accept(t)) return false;
    if (!probe->complete() || !inner_->accept(token)) return false;
    out = {std::make_shared<const std::vector<u32>>(std::move(tokens)), 0};
    return true;
}

void BudgetedMatcher::follow(Plan next) {
    past_.push_back(std::move(plan_));
    plan_ = std::move(next);
}

bool BudgetedMatcher::accept_bytes(const u8* data, u32 n) {
    const u32 most = left() - 1;
    if (!inner_->accept_bytes(data, n)) return false;
    Plan next;
    if (!plan_within(most, next)) {
        inner_->rollback(1);
        return false;
    }
    follow(std::move(next));
    return true;
}

void BudgetedMatcher::rollback(u32 n) {
    if (n > past_.size()) throw CoreError(ErrorKind::bad_input, n, "cannot roll back further than the budget's start");
    if (n == 0) return;
    inner_->rollback(n);
    plan_ = past_[past_.size() - n];
    past_.resize(past_.size() - n);
}

void BudgetedMatcher::reset() {
    inner_->reset();
    before_ = 0;
    past_.clear();
    make_plan();
}

std::vector<u8> BudgetedMatcher::forced_bytes(u32 n) {
    // Each byte may take a token, and the last one may split a token of the plan.
    const u32 reserve = plan_.needed() + token_trie().max_token_bytes;
    return left() <= reserve ? std::vector<u8>() : inner_->forced_bytes(std::min(n, left() - reserve));
}

bool BudgetedMatcher::completion(std::vector<u32>& tokens, u32) {
    tokens.assign(plan_.tokens->begin() + static_cast<std::ptrdiff_t>(plan_.at), plan_.tokens->end());
    return true;
}

}  // namespace gcd
