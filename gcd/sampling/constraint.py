"""Constraints: which texts are wanted, asked about one token at a time or all at once.

A `Constraint` is a description; `Constraint.start` opens a `ConstraintState` at the beginning of a text, one for each
row. A state answers `check` (may this token come next?), moves with `advance`, and splits with `fork`. Those that know
how to answer for the whole vocabulary at once, cheaply, say so with `has_mask`: samplers then may prefer one mask to
many checks. Anything that `gcd.sample` takes as a constraint becomes one of these by `as_constraint`.

A product asks its parts in the order of their cost, and the later ones only about tokens that the earlier ones let
through: a grammar first (a check takes less than a microsecond, a mask tens of them), predicates after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd._native.matcher import Matcher
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import SamplingError
from gcd.vocab import Vocabulary

__all__ = ["Constraint", "ConstraintState", "GrammarConstraint", "NoConstraint", "Product", "as_constraint"]


class ConstraintState(ABC):
    """A constraint at some place of one text. Not to be shared between threads.

    Attributes:
        has_mask: whether `fill_mask` costs little more than a few checks. Where it is False, `fill_mask` works by
            asking about every token.
    """

    has_mask: bool = False

    @property
    def has_cheap_mask(self) -> bool:
        """Whether `cheap_mask` writes something."""
        return self.has_mask

    @abstractmethod
    def check(self, token: int) -> bool:
        """Whether the token may come next; of an end-of-sequence token, whether the text may end. Changes nothing."""

    @abstractmethod
    def advance(self, token: int) -> None:
        """Move over a token that `check` allows; after an end-of-sequence token nothing may follow.

        Raises:
            SamplingError: the token isn't allowed.
        """

    @abstractmethod
    def fork(self) -> ConstraintState:
        """A state at the same place that goes its own way."""

    @abstractmethod
    def fill_mask(self, words: NDArray[np.int32]) -> None:
        """Write which tokens may come next: token t is bit ``t % 32`` of ``words[t // 32]``.

        Args:
            words: int32 of shape ``(ceil(width / 32),)``, overwritten.
        """

    def cheap_mask(self, words: NDArray[np.int32]) -> bool:
        """Write a mask that costs little and allows at least what `check` allows; False, and nothing written: none."""
        if self.has_mask:
            self.fill_mask(words)
        return self.has_mask


class Constraint(ABC):
    """Which texts are wanted. Immutable; may be started any number of times."""

    @abstractmethod
    def start(self, vocab: Vocabulary) -> ConstraintState:
        """A state at the beginning of a text.

        Raises:
            SamplingError: the constraint was made for another vocabulary.
        """

    def __mul__(self, other: object) -> Constraint:
        """Both: ``grammar * predicate``."""
        return Product([self, as_constraint(other)])


class NoConstraint(Constraint):
    """Everything is allowed that the model can write: text and the end, not other special tokens."""

    def start(self, vocab: Vocabulary) -> ConstraintState:
        """At the beginning."""
        return _AnyText(vocab)


class _AnyText(ConstraintState):
    has_mask = True

    def __init__(self, vocab: Vocabulary) -> None:
        self._words, self._allowed = _text_mask(vocab)

    def check(self, token: int) -> bool:
        return bool(self._allowed[token])

    def advance(self, token: int) -> None:
        if not self._allowed[token]:
            raise SamplingError(f"token {token} is no text")

    def fork(self) -> ConstraintState:
        return self  # it has no place

    def fill_mask(self, words: NDArray[np.int32]) -> None:
        words[:] = self._words


def _text_mask(vocab: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Tokens that are text or the end: as a mask and as bools."""
    found = vocab.shared.get("text_mask")
    if found is None:
        allowed = np.array([bool(token) for token in vocab.tokens])
        allowed[list(vocab.eos_ids)] = True
        found = vocab.shared["text_mask"] = pack_mask(allowed), allowed
    return found  # type: ignore[return-value] # made here only


def pack_mask(allowed: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bools of shape ``(width,)`` as a mask, int32 of shape ``(ceil(width / 32),)``."""
    bits = np.zeros(-(-len(allowed) // 32) * 32, dtype=np.uint8)
    bits[: len(allowed)] = allowed
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32).view(np.int32)


def unpack_mask(words: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """A mask as bools of shape ``(width,)``."""
    return np.unpackbits(words.astype("<i4").view(np.uint8), count=width, bitorder="little").astype(np.bool_)


class GrammarConstraint(Constraint):
    """The sentences of a compiled grammar.

    Attributes:
        compiled: the grammar.
        name: the start symbol; None for the first.
        max_tokens: within how many tokens a sentence ends, the end-of-sequence token included; None: no matter.
    """

    def __init__(self, compiled: CompiledGrammar, start: str | None = None, max_tokens: int | None = None) -> None:
        """Raises ValueError if there is no such start symbol, TokenBudgetError if `max_tokens` are too few."""
        compiled.matcher(start, max_tokens=max_tokens)
        self.compiled = compiled
        self.name = start
        self.max_tokens = max_tokens

    def start(self, vocab: Vocabulary) -> ConstraintState:
        """At the beginning of a sentence."""
        if self.compiled.fingerprint != vocab.fingerprint:
            raise SamplingError(
                "the grammar was compiled for another vocabulary "
                f"({self.compiled.fingerprint[:12]}…, {self.compiled.width:,} columns) than the model's "
                f"({vocab.fingerprint[:12]}…, {vocab.width:,} columns)",
                remedy="gcd.compile(grammar, model.vocab)",
            )
        return GrammarState(self.compiled.matcher(self.name, max_tokens=self.max_tokens))


class GrammarState(ConstraintState):
    """A matcher as a constraint's state.

    Attributes:
        matcher: the matcher.
    """

    has_mask = True

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.check = matcher.check  # type: ignore[method-assign] # one call less in the hottest loop

    def check(self, token: int) -> bool:
        """Whether the token may come next."""
        return self.matcher.check(token)

    def advance(self, token: int) -> None:
        """Move over a token."""
        if not self.matcher.accept(token):
            raise SamplingError(f"the grammar doesn't allow token {token} here")

    def fork(self) -> GrammarState:
        """A state at the same place."""
        return GrammarState(self.matcher.fork())

    def fill_mask(self, words: NDArray[np.int32]) -> None:
        """The matcher's mask."""
        self.matcher.fill_bitmask(words)


class Product(Constraint):
    """All of several constraints: a token may come next if every part allows it.

    That is the intersection of the languages only as far as each part's answers see the future: with a grammar and a
    predicate, a token may be allowed after which the two can't both be satisfied any more. Sampling with weights
    handles such dead ends; local decoding can only report them.
    """

    def __init__(self, parts: Sequence[Constraint]) -> None:
        """A product of at least one part; products among them are taken apart."""
        flat = [q for p in parts for q in (p.parts if isinstance(p, Product) else [p])]
        if not flat:
            raise ValueError("a product of nothing")
        self.parts: tuple[Constraint, ...] = tuple(flat)

    def start(self, vocab: Vocabulary) -> ConstraintState:
        """At the beginning."""
        states = [part.start(vocab) for part in self.parts]
        states.sort(key=lambda state: not state.has_mask)  # stable: cheap ones first, else in the given order
        return ProductState(states)


class ProductState(ConstraintState):
    """The states of a product's parts, the cheap ones first."""

    def __init__(self, states: list[ConstraintState]) -> None:
        self._states = states
        self.has_mask = all(state.has_mask for state in states)

    def check(self, token: int) -> bool:
        """Whether every part allows the token; the first that doesn't is the last that is asked."""
        return all(state.check(token) for state in self._states)

    def advance(self, token: int) -> None:
        """Move every part."""
        for state in self._states:
            state.advance(token)

    def fork(self) -> ProductState:
        """Every part forked."""
        return ProductState([state.fork() for state in self._states])

    def fill_mask(self, words: NDArray[np.int32]) -> None:
        """The masks' intersection; parts without masks are asked about the tokens that are left."""
        left = np.full_like(words, -1)
        for state in self._states:
            if state.has_mask:
                state.fill_mask(words)
                left &= words
        if not self.has_mask:
            fill_by_checks(left, [state.check for state in self._states if not state.has_mask])
        words[:] = left

    @property
    def has_cheap_mask(self) -> bool:
        """Whether any part has a mask."""
        return any(state.has_mask for state in self._states)

    def cheap_mask(self, words: NDArray[np.int32]) -> bool:
        """The intersection of the parts that have masks; False, and nothing written, if none has."""
        cheap = [state for state in self._states if state.has_mask]
        if not cheap:
            return False
        ProductState(cheap).fill_mask(words)
        return True


def fill_by_checks(words: NDArray[np.int32], checks: Sequence[Callable[[int], bool]]) -> None:
    """Clear the bits of a mask whose token one of the checks refuses."""
    bits = words.view(np.uint32)
    for token in np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).tolist():
        if not all(check(token) for check in checks):
            bits[token // 32] &= ~np.uint32(1 << token % 32)


def as_constraint(thing: Any) -> Constraint:
    """What users hand over as a constraint: one of ours, a compiled grammar, None (nothing is refused).

    Raises:
        TypeError: anything else.
    """
    if thing is None:
        return NoConstraint()
    if isinstance(thing, Constraint):
        return thing
    if isinstance(thing, CompiledGrammar):
        return GrammarConstraint(thing)
    if isinstance(thing, (list, tuple)):
        return Product([as_constraint(part) for part in thing])
    raise TypeError(
        "a constraint is a compiled grammar (gcd.compile, gcd.load), a gcd.sampling Constraint, a list of these, or "
        f"None, not {type(thing).__name__}"
    )
