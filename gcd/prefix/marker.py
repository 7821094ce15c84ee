"""Markers: a piece of text, or of ids, at which constraint begins or ends.

A marker is looked for with the Knuth-Morris-Pratt automaton: its state is how much of the marker the end of the text
so far spells, so that a step looks at new bytes only. A marker of text may begin and end anywhere inside of tokens; one
of ids is whole tokens, which is the only way to name special tokens, since they aren't text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from gcd.vocab import Vocabulary

__all__ = ["Marker"]


class Marker:
    """What `start_after` and `stop_at` name. Immutable but for what it remembers of the vocabulary.

    Attributes:
        pattern: the bytes, or the ids, to look for; not empty.
        is_text: whether it is bytes.
        vocab: whose tokens the text is made of.
    """

    def __init__(self, pattern: str | bytes | Iterable[int], vocab: Vocabulary, name: str) -> None:
        """A marker; `name` is the argument's, for messages.

        Raises:
            TypeError: neither text nor ids.
            ValueError: it is empty, an id is out of range or ends a sequence, or no token of `vocab` spells a byte of
                the text.
        """
        if isinstance(pattern, str):
            pattern = pattern.encode()
        self.pattern: Sequence[int]
        if isinstance(pattern, bytes):
            self.pattern = pattern
        else:
            try:
                self.pattern = tuple(int(i) for i in pattern)
            except TypeError:
                raise TypeError(f"{name} must be text or token ids, not {type(pattern).__name__}") from None
        self.is_text = isinstance(pattern, bytes)
        self.vocab = vocab
        if not self.pattern:
            raise ValueError(f"{name} is empty: leave it out, or name the text after which it begins")
        if not self.is_text:
            wrong = [i for i in self.pattern if not 0 <= i < vocab.width or i in vocab.eos_ids]
            if wrong:
                why = "ends a sequence" if wrong[0] in vocab.eos_ids else f"is out of the range 0..{vocab.width - 1}"
                raise ValueError(f"{name} has the id {wrong[0]}, which {why}")
        self._borders = _borders(self.pattern)
        self._ends_in: dict[int, list[tuple[int, bytes]]] = {}
        if self.is_text and any(not any(x in t for t in vocab.tokens if t) for x in set(self.pattern)):
            raise ValueError(
                f"no token spells {name}={bytes(self.pattern).decode(errors='replace')!r}: name its ids instead "
                f"({name}=[...]) if it is a special token"
            )

    def __len__(self) -> int:
        return len(self.pattern)

    def step(self, state: int, token: int) -> tuple[int, bytes | None]:
        """Move over a token.

        Args:
            state: how much of the marker the text so far ends with, below its length.
            token: its id; without bytes (special, out of range) it is no text, and a marker of text begins anew.

        Returns:
            The new state, and None; where the marker is complete, what the token's bytes hold after it.
        """
        if not self.is_text:
            state = self._advance(state, token)
            return (state, b"") if state == len(self.pattern) else (state, None)
        data = self.vocab.token_bytes(token) if 0 <= token < self.vocab.width else None
        if not data:
            return 0, None
        for i, byte in enumerate(data):
            state = self._advance(state, byte)
            if state == len(self.pattern):
                return state, data[i + 1 :]
        return state, None

    def ends_in(self, state: int) -> list[tuple[int, bytes]]:
        """The tokens inside of which the marker becomes complete, each with the bytes that follow it there.

        For a marker of text; of those of ids nothing can follow inside of a token.
        """
        if not self.is_text:
            return []
        if state not in self._ends_in:
            pattern = bytes(self.pattern)
            candidates = {i for t, i in _sorted_tokens(self.vocab) if pattern in t}
            at = state
            while at > 0:  # the end of the text may be this much of the marker, or any shorter border of it
                candidates.update(i for _, i in self._beginning(pattern[at:]))
                at = self._borders[at]
            found = ((i, self.step(state, i)[1]) for i in sorted(candidates))
            self._ends_in[state] = [(i, rest) for i, rest in found if rest]
        return self._ends_in[state]

    def after(self, state: int, token: int) -> int | None:
        """How much of the marker there is after a token that goes on with it; None if it doesn't.

        Its length where the marker is complete; of text, the token may hold more after it.
        """
        if not self.is_text:
            return state + 1 if self.pattern[state] == token else None
        data = self.vocab.token_bytes(token) if 0 <= token < self.vocab.width else None
        rest = bytes(self.pattern[state:])
        if not data or not (data.startswith(rest) or rest.startswith(data)):
            return None
        return min(state + len(data), len(self.pattern))

    def continues(self, state: int) -> list[int]:
        """All tokens that go on with the marker, of which the text has `state` bytes or ids; see `after`."""
        if not self.is_text:
            return [self.pattern[state]]
        rest = bytes(self.pattern[state:])
        found = {i for end in range(1, len(rest)) for t, i in self._beginning(rest[:end]) if len(t) == end}
        return sorted(found | {i for _, i in self._beginning(rest)})

    def _beginning(self, text: bytes) -> Iterator[tuple[bytes, int]]:
        """All tokens that begin with `text`, in the order of their bytes."""
        tokens = _sorted_tokens(self.vocab)
        k = bisect_left(tokens, (text, -1))
        while k < len(tokens) and tokens[k][0].startswith(text):
            yield tokens[k]
            k += 1

    def _advance(self, state: int, symbol: int) -> int:
        while state and self.pattern[state] != symbol:
            state = self._borders[state]
        return state + (self.pattern[state] == symbol)


def _sorted_tokens(vocab: Vocabulary) -> list[tuple[bytes, int]]:
    """A vocabulary's tokens that are text, with their ids, in the order of their bytes."""
    known = vocab.shared.get("sorted_tokens")
    if not isinstance(known, list):
        known = vocab.shared["sorted_tokens"] = sorted((t, i) for i, t in enumerate(vocab.tokens) if t)
    return known


def _borders(pattern: Sequence[int]) -> list[int]:
    """For each length of a beginning of the pattern, that of its longest proper border (it begins and ends so)."""
    borders = [0, 0]
    for symbol in pattern[1:]:
        at = borders[-1]
        while at and pattern[at] != symbol:
            at = borders[at]
        borders.append(at + (pattern[at] == symbol))
    return borders
