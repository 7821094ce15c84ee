"""A line: one generated text, token by token, and what its constraint allows next.

A `Constraint` is what a text is held to: a compiled grammar, and where in the text it begins and ends. Most texts are
the grammar's from their first token to their last, and then a line is little more than a matcher. With markers
(`start_after`, `stop_at`) it goes through phases::

    FREE ──start_after──▶ INSIDE ──stop_at──▶ AFTER
                            └──end of sequence──▶ (finished)

In FREE everything may come but the end of the sequence, and but tokens that hold the end of the marker and after it
what no sentence begins with. In INSIDE the grammar decides; `stop_at` takes the place of the end of sequence: it may
begin wherever a token ends and the text is a sentence. Where a grammar could go on with the marker's text, both
readings are kept. AFTER is free.

A host may hand over tokens that weren't allowed: drafts that it will take back, pads, its own end of a row. From then
on the line is *off*: nothing more is followed until it goes back to before that token.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gcd._native.matcher import Matcher
from gcd.compiled_grammar import CompiledGrammar
from gcd.prefix.marker import Marker

__all__ = ["Constraint", "FramedLine", "Line"]

Words = np.ndarray[Any, np.dtype[np.uint32]]
"""The mask of one row, uint32 of shape ``(words,)``."""

_ALL = np.uint32(0xFFFF_FFFF)
FREE, INSIDE, AFTER, FINISHED, OFF = range(5)


class Constraint:
    """What a text is held to. Immutable to its users; lines share what it remembers.

    Attributes:
        compiled: the grammar.
        start: the name of the start symbol; None for the first.
        start_after: the marker after which the grammar begins; None: at the text's beginning.
        stop_at: the marker that follows the sentence; None: the end of sequence does.
        max_tokens: within how many tokens, from the grammar's first on, the text ends; None: no matter how many.
    """

    def __init__(
        self,
        compiled: CompiledGrammar,
        start: str | None = None,
        *,
        start_after: Marker | None = None,
        stop_at: Marker | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """Raises ValueError if there is no such start symbol, TokenBudgetError if `max_tokens` are too few."""
        compiled.matcher(start, max_tokens=max_tokens)  # checked here, not in the middle of a generation
        self.compiled = compiled
        self.start = start
        self.start_after = start_after
        self.stop_at = stop_at
        self.max_tokens = max_tokens
        self._masks: dict[tuple[str, int], Words] = {}
        self._ends: dict[tuple[int, int], Words] = {}

    def line(self) -> Line:
        """A line without tokens."""
        matcher = self.compiled.matcher(self.start, max_tokens=self.max_tokens)
        if self.start_after is None and self.stop_at is None:
            return Line(self, matcher)
        return FramedLine(self, matcher)

    def ends(self, columns: int, n_words: int) -> Words:
        """The mask of a text that has ended: end-of-sequence ids below `columns`; all, if there are none."""
        key = columns, n_words
        if key not in self._ends:
            ids = [t for t in self.compiled.eos_ids if t < columns]
            self._ends[key] = bits(ids, n_words) if ids else np.full(n_words, _ALL)
        return self._ends[key]

    def free_mask(self, state: int, n_words: int) -> Words:
        """What may come in FREE, where the text so far ends with `state` bytes or ids of `start_after`."""
        assert self.start_after is not None
        key = "free", state
        if key not in self._masks:
            matcher = self.compiled.matcher(self.start, max_tokens=self.max_tokens)
            refused = list(self.compiled.eos_ids)
            for token, rest in self.start_after.ends_in(state):
                if matcher.accept_bytes(rest):
                    matcher.rollback(1)
                else:
                    refused.append(token)
            self._masks[key] = ~bits(refused, -(-self.compiled.width // 32))
        return _widened(self._masks[key], n_words, _ALL)

    def stop_mask(self, state: int, n_words: int) -> Words:
        """Tokens that go on with `stop_at`, of which the text has `state` bytes or ids."""
        assert self.stop_at is not None
        key = "stop", state
        if key not in self._masks:
            self._masks[key] = bits(self.stop_at.continues(state), -(-self.compiled.width // 32))
        return _widened(self._masks[key], n_words, np.uint32(0))


class Line:
    """One text that is the grammar's from its first token on."""

    __slots__ = ("constraint", "matcher", "off")

    def __init__(self, constraint: Constraint, matcher: Matcher, off: bool = False) -> None:
        self.constraint = constraint
        self.matcher = matcher
        self.off = off  # the token after matcher.n_accepted ones was refused

    def accept(self, token: int) -> None:
        """Move over the next token, whatever it is."""
        if not (self.off or self.matcher.is_finished):
            self.off = not (0 <= token < self.constraint.compiled.width and self.matcher.accept(token))

    def back_to(self, n_tokens: int) -> None:
        """Take back what came after the first `n_tokens`."""
        surplus = self.matcher.n_accepted - n_tokens
        if surplus >= 0:
            self.matcher.rollback(surplus)
            self.off = False

    def fork(self) -> Line:
        """A line with the same text that goes its own way."""
        return type(self)(self.constraint, self.matcher.fork(), self.off)

    @property
    def ended(self) -> bool:
        """Whether an end of sequence was accepted, or a token that isn't allowed."""
        return self.off or self.matcher.is_finished

    @property
    def complete(self) -> bool:
        """Whether the text may end here, or has ended as it may."""
        return not self.off and self.matcher.is_complete

    def pending(self) -> Matcher | None:
        """The matcher whose mask is the line's; None where it isn't that of a matcher."""
        return None if self.off or self.matcher.is_finished else self.matcher

    def write(self, words: Words, columns: int) -> None:
        """Write the line's mask, if no matcher is pending; tokens from `columns` on don't count."""
        words[:] = self.constraint.ends(columns, len(words))


class FramedLine(Line):
    """One text with markers."""

    __slots__ = ("states",)

    def __init__(self, constraint: Constraint, matcher: Matcher, off: bool = False) -> None:
        super().__init__(constraint, matcher, off)
        # After each number of tokens: the phase; in FREE how much of the marker there is, in INSIDE the matcher's steps
        # (None: the grammar isn't followed any more, only `stop_at`); how much of `stop_at` there may be.
        self.states: list[tuple[int, int | None, tuple[int, ...]]]
        self.states = [(INSIDE if constraint.start_after is None else FREE, 0, ())]

    def accept(self, token: int) -> None:
        """Move over the next token, whatever it is."""
        phase, at, stops = self.states[-1]
        if phase == FREE:
            self.states.append(self._free_step(token, at or 0))
        elif phase == INSIDE:
            self.states.append(self._inside_step(token, at, stops))
        else:
            self.states.append(self.states[-1])

    def _free_step(self, token: int, at: int) -> tuple[int, int | None, tuple[int, ...]]:
        marker = self.constraint.start_after
        assert marker is not None
        if token in self.constraint.compiled.eos_ids:
            return OFF, 0, ()
        at, rest = marker.step(at, token)
        if rest is None:
            return FREE, at, ()
        self.matcher.rollback(self.matcher.n_accepted)
        # One step also where nothing follows: so each token since the marker's end is one
        return (INSIDE, 1, ()) if self.matcher.accept_bytes(rest) else (OFF, 0, ())

    def _inside_step(
        self, token: int, at: int | None, stops: tuple[int, ...]
    ) -> tuple[int, int | None, tuple[int, ...]]:
        c, matcher = self.constraint, self.matcher
        left: list[int] = []
        if c.stop_at is not None:
            begun = (*stops, 0) if at is not None and matcher.is_complete else stops
            left = [n for n in (c.stop_at.after(s, token) for s in begun) if n is not None]
            if len(c.stop_at) in left:
                return AFTER, 0, ()
        is_end = token in c.compiled.eos_ids
        if at is not None and (
            not 0 <= token < c.compiled.width or (is_end and c.stop_at is not None) or not matcher.accept(token)
        ):
            at = None
        if at is None and not left:
            return OFF, 0, ()
        return (FINISHED if is_end else INSIDE), None if at is None else at + 1, tuple(left)

    def back_to(self, n_tokens: int) -> None:
        """Take back what came after the first `n_tokens`."""
        del self.states[n_tokens + 1 :]
        phase, at, _ = self.states[-1]
        if phase in (INSIDE, FINISHED) and at is not None:
            self.matcher.rollback(self.matcher.n_accepted - at)

    def fork(self) -> Line:
        """A line with the same text that goes its own way."""
        other = type(self)(self.constraint, self.matcher.fork())
        other.states = self.states.copy()
        return other

    @property
    def ended(self) -> bool:
        """Whether an end of sequence was accepted, or a token that isn't allowed."""
        return self.states[-1][0] in (FINISHED, OFF)

    @property
    def complete(self) -> bool:
        """Whether the text may end here, or has ended as it may."""
        phase, at, _ = self.states[-1]
        if phase == INSIDE:
            return self.constraint.stop_at is None and at is not None and self.matcher.is_complete
        return phase in (AFTER, FINISHED)

    def pending(self) -> Matcher | None:
        """The matcher whose mask is the line's; None where it isn't that of a matcher."""
        plain = self.states[-1][0] == INSIDE and self.constraint.stop_at is None
        return self.matcher if plain else None

    def write(self, words: Words, columns: int) -> None:
        """Write the line's mask, if no matcher is pending; tokens from `columns` on don't count."""
        c = self.constraint
        phase, at, stops = self.states[-1]
        if phase == FREE:
            words[:] = c.free_mask(at or 0, len(words))
        elif phase == INSIDE:
            words[:] = 0
            if at is not None:
                self.matcher.fill_bitmask(words[: -(-c.compiled.width // 32)].view(np.int32))
                words &= ~bits(c.compiled.eos_ids, len(words))
                if self.matcher.is_complete:
                    stops = (*stops, 0)
            for state in stops:
                words |= c.stop_mask(state, len(words))
        elif phase == AFTER:
            words[:] = _ALL
        else:
            words[:] = c.ends(columns, len(words))


def bits(ids: Any, n_words: int) -> Words:
    """A mask with the bits of some ids, those that fit."""
    words: Words = np.zeros(n_words, dtype=np.uint32)
    for token in ids:
        if token // 32 < n_words:
            words[token // 32] |= np.uint32(1 << token % 32)
    return words


def _widened(mask: Words, n_words: int, filler: np.uint32) -> Words:
    """The mask with `n_words` words: cut, or filled up."""
    if len(mask) >= n_words:
        return mask[:n_words]
    return np.concatenate([mask, np.full(n_words - len(mask), filler)])
