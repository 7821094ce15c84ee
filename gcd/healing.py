"""Token healing: a prompt that ends inside of a token's reach.

The prompt ``url: http:`` ends with the token ``:``, and the sentence shall begin with ``//``. A model has hardly ever
seen that, since there is a token ``://``: no text was cut there. So the last tokens of the prompt are taken away, and
their bytes are forced on what is generated, which may then go over the seam with one token:

    prompt   url|:| http|:     trimmed to   url|:| http     and ":" is forced
    output   ://|...           or           :|//|...        or   :|/|/|...

How much is trimmed: the most tokens whose joined bytes are where a longer token begins that the grammar can go on with.
Where there is none, nothing is.

The output, from the trimmed prompt on, is the forced bytes followed by a sentence of the grammar. That is held
exactly: a token is allowed if it lies within the forced bytes and what is left of them can be spelled with this
vocabulary, or if it goes over their end with what begins a sentence. `HealedMatcher` does what a `Matcher` does, for
such texts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

from gcd._native.matcher import Matcher
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import MatcherError
from gcd.vocab import Vocabulary

__all__ = ["HealedMatcher", "HealedPrompt", "heal"]

_MASKS: WeakKeyDictionary[CompiledGrammar, dict[tuple[str | None, bytes], array[int]]] = WeakKeyDictionary()
"""For each grammar: (start symbol, what is left of the prefix) -> mask. Prompts often end alike."""
_MOST_MASKS = 256
"""Of one grammar; then they are worked out anew."""


@dataclass(frozen=True, slots=True)
class HealedPrompt:
    """A prompt without the tokens at its end that the generated text makes anew.

    Attributes:
        ids: the trimmed prompt; all of it where there is nothing to heal.
        prefix: the bytes that generated text must begin with; empty where there is nothing to heal.
        compiled: the grammar of what follows them.
        start: the name of its start symbol; None for the first.
    """

    ids: list[int]
    prefix: bytes
    compiled: CompiledGrammar
    start: str | None = None

    def matcher(self) -> HealedMatcher:
        """A matcher at the end of the trimmed prompt."""
        return HealedMatcher(self)

    def mask(self, at: int) -> array[int]:
        """The tokens that may come after the first `at` bytes of the prefix: a bit each, in words of 32."""
        left = self.prefix[at:]
        known = _MASKS.setdefault(self.compiled, {})
        found = known.get((self.start, left))
        if found is None:
            words = _SortedTokens.of(self.compiled.vocab)
            inside = (i for n in range(1, len(left) + 1) if self._can_go_on(at + n) for i in words.equal(left[:n]))
            found = array("I", bytes(4 * -(-self.compiled.width // 32)))
            for token in chain(inside, words.beyond(left, self.compiled.matcher(self.start))):
                found[token // 32] |= 1 << token % 32
            if len(known) >= _MOST_MASKS:
                known.clear()
            known[self.start, left] = found
        return found

    def _can_go_on(self, at: int) -> bool:
        """Whether the rest of the prefix and a sentence can be spelled."""
        return at == len(self.prefix) or any(self.mask(at))


def heal(compiled: CompiledGrammar, ids: Sequence[int], start: str | None = None) -> HealedPrompt:
    """Trim a prompt where it ends inside of the reach of a token that the grammar can go on with.

    Args:
        compiled: the grammar of what follows the prompt.
        ids: the prompt's token ids. Special tokens stay, and so does the first token.
        start: which start symbol, if the grammar has several; default the first.

    Returns:
        The trimmed prompt with the bytes that were taken from it, and a matcher for what is generated after it.

    Raises:
        ValueError: no such start symbol; an id out of range.
    """
    vocab = compiled.vocab
    words = _SortedTokens.of(vocab)
    matcher = compiled.matcher(start)
    outside = next((i for i in ids if not 0 <= i < vocab.width), None)
    if outside is not None:
        raise ValueError(f"ids: {outside} is not in range({vocab.width}), the columns of the logits")
    taken, prefix, most = 0, b"", b""
    for n, token_id in enumerate(reversed(ids[1:]), 1):
        token = vocab.token_bytes(token_id)
        prefix = (token or b"") + prefix
        if token is None or len(prefix) >= words.longest:
            break
        if next(words.beyond(prefix, matcher), None) is not None:
            taken, most = n, prefix
    return HealedPrompt(list(ids[: len(ids) - taken]), most, compiled, start)


class HealedMatcher:
    """A matcher for the forced prefix of a healed prompt and the sentence behind it; `HealedPrompt.matcher` makes it.

    Methods and attributes are those of `Matcher`, as far as it has them.
    """

    def __init__(self, prompt: HealedPrompt) -> None:
        """At the end of the trimmed prompt."""
        self.prompt = prompt
        self._matcher = prompt.compiled.matcher(prompt.start)
        # After each token: how much of the prefix there is, and the steps of the matcher behind it.
        self._states = [(0, 0)]

    def accept(self, token: int) -> bool:
        """Move over a token; False, and nothing changed, if it isn't allowed.

        Raises:
            MatcherError: the id is out of range, or the sequence has ended.
        """
        at, steps = self._states[-1]
        left = self.prompt.prefix[at:]
        if not self.is_in_prefix:
            if not self._matcher.accept(token):
                return False
            self._states.append((at, steps + 1))
            return True
        if not self.check(token):
            return False
        text = self._matcher.token_bytes(token)
        rest = text[len(left) :]
        if rest:
            self._matcher.accept_bytes(rest)
        self._states.append((min(at + len(text), len(self.prompt.prefix)), steps + bool(rest)))
        return True

    def check(self, token: int) -> bool:
        """Whether a token is allowed; changes nothing.

        Raises:
            MatcherError: the id is out of range.
        """
        at, _ = self._states[-1]
        within = self._matcher.check(token)  # also where it doesn't matter: it knows the range
        if not self.is_in_prefix:
            return within
        return bool(self.prompt.mask(at)[token // 32] >> token % 32 & 1)

    def accept_tokens(self, tokens: Iterable[int]) -> int:
        """Move over tokens up to the first that isn't allowed; return over how many."""
        n = 0
        for token in tokens:
            if not self.accept(token):
                break
            n += 1
        return n

    def fill_bitmask(self, bitmask: Any, row: int = 0) -> None:
        """Write which tokens are allowed into a row of a bitmask, as `Matcher.fill_bitmask` does."""
        at, _ = self._states[-1]
        self._matcher.fill_bitmask(bitmask, row)  # also where it doesn't matter: it knows what a bitmask is
        if not self.is_in_prefix:
            return
        words = self.prompt.mask(at)
        view = memoryview(bitmask.numpy() if hasattr(bitmask, "numpy") else bitmask)
        if view.c_contiguous:
            view.cast("B")[4 * len(words) * row : 4 * len(words) * (row + 1)] = words.tobytes()
        else:  # only numpy and torch have rows that lie apart
            import numpy as np

            np.asarray(view)[row] = np.frombuffer(words, dtype=np.int32)

    def rollback(self, n: int) -> None:
        """Undo the last `n` tokens.

        Raises:
            MatcherError: there were fewer.
        """
        if not 0 <= n < len(self._states):
            raise MatcherError(
                f"rollback({n}) after {len(self._states) - 1} tokens", remedy="count the tokens accepted"
            )
        del self._states[len(self._states) - n :]
        self._matcher.rollback(self._matcher.n_accepted - self._states[-1][1])

    def reset(self) -> None:
        """Go back to the end of the trimmed prompt."""
        self.rollback(self.n_accepted)

    def fork(self) -> HealedMatcher:
        """A matcher in the same state, with the same history, that goes its own way."""
        other = HealedMatcher.__new__(HealedMatcher)
        other.prompt, other._matcher, other._states = self.prompt, self._matcher.fork(), self._states.copy()
        return other

    @property
    def is_in_prefix(self) -> bool:
        """Whether some of the forced bytes are still to come."""
        return self._states[-1][0] < len(self.prompt.prefix)

    @property
    def n_accepted(self) -> int:
        """Tokens since the trimmed prompt."""
        return len(self._states) - 1

    @property
    def is_complete(self) -> bool:
        """Whether the prefix is there, and a sentence behind it."""
        return not self.is_in_prefix and self._matcher.is_complete

    @property
    def is_finished(self) -> bool:
        """Whether an end-of-sequence token was accepted."""
        return self._matcher.is_finished

    @property
    def sentence(self) -> Matcher:
        """The matcher of what comes behind the prefix."""
        return self._matcher


class _SortedTokens:
    """A vocabulary's tokens in the order of their bytes, one for each vocabulary."""

    def __init__(self, vocab: Vocabulary) -> None:
        pairs = sorted((token, i) for i, token in enumerate(vocab.tokens) if token)
        self.texts = [token for token, _ in pairs]
        self.ids = [i for _, i in pairs]
        self.longest = max(map(len, self.texts), default=0)

    @classmethod
    def of(cls, vocab: Vocabulary) -> _SortedTokens:
        made = vocab.shared.get("sorted_tokens")
        if not isinstance(made, cls):
            made = vocab.shared["sorted_tokens"] = cls(vocab)
        return made

    def equal(self, text: bytes) -> Iterator[int]:
        """The ids with these bytes."""
        at = bisect_left(self.texts, text)
        while at < len(self.texts) and self.texts[at] == text:
            yield self.ids[at]
            at += 1

    def beyond(self, text: bytes, matcher: Matcher) -> Iterator[int]:
        """The ids whose bytes are `text` and more, where the matcher may go on with the more.

        Tokens that begin alike lie side by side: one refused byte refuses all that go on with it.
        """
        at = bisect_left(self.texts, text + b"\0")
        while at < len(self.texts) and self.texts[at].startswith(text):
            rest = self.texts[at][len(text) :]
            viable = matcher.viable_bytes(rest)
            if viable == len(rest):
                yield self.ids[at]
                at += 1
            else:
                at = self._behind(text + rest[: viable + 1], at)

    def _behind(self, text: bytes, at: int) -> int:
        """The index, from `at` on, of the first token behind all that begin with `text`."""
        stem = text.rstrip(b"\xff")
        return bisect_left(self.texts, stem[:-1] + bytes([stem[-1] + 1]), at) if stem else len(self.texts)
