// What every matcher can do, whatever it matches: a Lark grammar (matcher.hpp), a JSON Schema (schema_masks.hpp) or a
// database's statements (sql_engine.hpp).
#pragma once

#include "token_trie.hpp"

namespace gcd {

// Bytes that every continuation from an automaton's state begins with, at most n; none where the text may end.
template <class Automaton>
std::vector<u8> forced_from(Automaton& automaton, u32 state, u32 n) {
    std::vector<u8> out;
    while (out.size() < n && state != Automaton::kDead && !automaton.complete(state)) {
        u32 only = NONE, to = Automaton::kDead;
        for (u32 b = 0; b < 256; ++b) {
            const u32 next = automaton.step(state, static_cast<u8>(b));
            if (next == Automaton::kDead) continue;
            if (only != NONE) return out;
            only = b;
            to = next;
        }
        if (only == NONE) break;
        out.push_back(static_cast<u8>(only));
        state = to;
    }
    return out;
}

class TextMatcher {
  public:
    virtual ~TextMatcher() = default;
    virtual std::unique_ptr<TextMatcher> clone() const = 0;
    // The same place in the same text, without the way to it: there is nothing to roll back.
    virtual std::unique_ptr<TextMatcher> position() const = 0;
    // Appends what tells places apart: equal for two matchers of one engine exactly if they stand at the same one.
    virtual void key(std::vector<u64>& out) const = 0;
    virtual void fill(u32* out) = 0;
    // Copies the mask if it is known; false (and nothing written) if it has to be worked out.
    virtual bool fill_known(u32* out) = 0;
    // Whether threads that fill masks of one engine mostly work side by side, rather than wait for its lock.
    virtual bool fills_beside_others() const { return false; }
    // True if the token may come next. Changes nothing.
    virtual bool check(u32 token) = 0;
    // Moves over a token; false (and nothing changed) if it may not come next.
    virtual bool accept(u32 token) = 0;
    // Moves over bytes that tokens can spell, to where one of them ends: one entry of the history. All or nothing.
    virtual bool accept_bytes(const u8* data, u32 n) = 0;
    virtual void rollback(u32 n) = 0;
    virtual void reset() = 0;
    virtual u32 n_accepted() const = 0;
    virtual bool finished() const = 0;
    virtual bool complete() = 0;
    virtual bool dead() const = 0;
    // How many bytes from here on stay viable, at most n (up to a token's end where not every byte is a token).
    virtual u32 viable_bytes(const u8* data, u32 n) = 0;
    // Terminals (of a schema: places in JSON, see `SchemaAutomaton::Phase`) that the text is inside of, and those that
    // may come next once that ends here.
    virtual void expected(Bits& inside, Bits& next) = 0;
    // Bytes that every continuation begins with, at most n; none if the text may end here.
    virtual std::vector<u8> forced_bytes(u32 n) = 0;
    // Tokens that bring the text to its end, the fewest that were found, without the end-of-sequence token; false if
    // none were found. Looks further where they are more than `most`.
    virtual bool completion(std::vector<u32>& tokens, u32 most) {
        (void)tokens, (void)most;
        throw CoreError(ErrorKind::bad_input, 0, "token budgets are not supported for compositions yet");
    }
    // As `completion`, from behind a token that may come next: on the way by which `fill_within` let it through, which
    // the search from there may miss. Not proven: to be tried. False if that is no other way.
    virtual bool completion_after(u32 token, u32 most, std::vector<u32>& tokens) {
        (void)token, (void)most, (void)tokens;
        return false;
    }
    // The tokens after which at most `most` others suffice as far as is known, the end-of-sequence token included; and
    // end-of-sequence ids where the text may end.
    virtual void fill_within(u32 most, u32* out) {
        (void)most;
        fill(out);
    }
    // Tokens for the forced bytes, longest first at each place. Held back from where a longer text could turn out to
    // have a longer token, so what is returned stays what a longest-first tokenizer would choose.
    std::vector<u32> forced_tokens(u32 max_bytes);

  protected:
    virtual const TokenTrie& token_trie() const = 0;
    friend class BudgetedMatcher;
};

}  // namespace gcd
