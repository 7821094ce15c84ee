"""Any Python function as a constraint: ``viable(prefix)`` and ``complete(text)``.

``viable`` says whether a prefix can still become a wanted text, ``complete`` whether a text is one. The first must be
*prefix-closed*: if it says yes to a text it must say yes to all its beginnings, else sampling can't get there. That is
noticed where answers contradict each other, and raised with both prefixes.

A predicate is asked about prefixes in one unit. As *text*, tokens that end in the middle of a character are held back
until it is whole (bytes that can't become UTF-8 are refused without asking); as *bytes* or *ids* it sees everything.
Answers are kept for each prefix, so particles that share one don't ask twice.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd.errors import PredicateError, SamplingError
from gcd.sampling.constraint import Constraint, ConstraintState, NoConstraint
from gcd.vocab import Vocabulary

__all__ = ["Predicate", "predicate"]

_KEPT = 200_000
"""Answers that are kept; the oldest go first."""
_UNITS = ("text", "bytes", "ids")


class Predicate(Constraint):
    """A Python function as a constraint; see `predicate`.

    Attributes:
        name: for messages.
        n_asked: how often the function was called, cached answers not counted.
    """

    def __init__(
        self,
        viable: Any,
        complete: Any = None,
        *,
        unit: str = "text",
        batched: bool = False,
        name: str | None = None,
    ) -> None:
        if unit not in _UNITS:
            raise ValueError(f"no unit {unit!r}; there are {', '.join(_UNITS)}")
        if not callable(viable) or not (complete is None or callable(complete)):
            raise TypeError("viable and complete are functions")
        self.name = name if name is not None else str(getattr(viable, "__name__", "predicate"))
        self.unit = unit
        self.batched = batched
        self.n_asked = 0
        self._functions = {False: viable, True: complete or viable}
        self._answers: OrderedDict[tuple[bool, Any], bool] = OrderedDict()

    def start(self, vocab: Vocabulary) -> ConstraintState:
        """At the beginning of a text.

        Raises:
            SamplingError: the empty text isn't viable, so nothing is.
            PredicateError: the function raised.
        """
        first: Any = {"text": "", "bytes": b"", "ids": ()}[self.unit]
        if not self.ask([first])[0]:
            raise SamplingError(
                f"predicate {self.name!r} refuses the empty prefix, so no text satisfies it",
                remedy="viable(prefix) says whether the prefix can still *become* a wanted text",
            )
        kind = _TextState if self.unit == "text" else _IdsState if self.unit == "ids" else _BytesState
        return kind(self, vocab, first)

    def ask(self, prefixes: Sequence[Any], whole: bool = False) -> list[bool]:
        """The answers for prefixes (or whole texts), from memory where they are known.

        Raises:
            PredicateError: the function raised, or gave something that is no bool.
        """
        keys = [(whole, prefix) for prefix in prefixes]
        unknown = [prefix for prefix, key in zip(prefixes, keys, strict=True) if key not in self._answers]
        found: dict[tuple[bool, Any], bool] = {}
        if unknown:
            for prefix, answer in zip(unknown, self._call(unknown, whole), strict=True):
                found[whole, prefix] = answer
        answers = [found[key] if key in found else self._answers[key] for key in keys]
        self._answers.update(found)
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return answers

    def known_refusal(self, prefix: Any) -> bool:
        """Whether the prefix was asked about and refused."""
        return self._answers.get((False, prefix)) is False

    def _call(self, prefixes: list[Any], whole: bool) -> list[bool]:
        function = self._functions[whole]
        self.n_asked += len(prefixes)
        try:
            answers = list(function(prefixes)) if self.batched else [function(prefix) for prefix in prefixes]
        except Exception as error:
            shown = prefixes[0] if len(prefixes) == 1 else prefixes
            raise PredicateError(
                f"it raised {type(error).__name__}: {error}",
                place=f"predicate {self.name!r}, asked about {_clip(shown)}",
                remedy="return False for what isn't wanted",
            ) from error
        if len(answers) != len(prefixes):
            raise PredicateError(
                f"it gave {len(answers)} answers for {len(prefixes)} prefixes", place=f"predicate {self.name!r}"
            )
        for prefix, answer in zip(prefixes, answers, strict=True):
            if not isinstance(answer, (bool, np.bool_)):
                raise PredicateError(
                    f"it answered {answer!r}, which is no bool",
                    place=f"predicate {self.name!r}, asked about {_clip(prefix)}",
                )
        return [bool(answer) for answer in answers]

    def not_closed(self, short: Any, long: Any) -> PredicateError:
        """The error for two answers that contradict each other."""
        return PredicateError(
            f"it isn't prefix-closed: {_clip(long)} is viable, its beginning {_clip(short)} is not",
            place=f"predicate {self.name!r}",
            remedy="viable(prefix) must hold for all beginnings of a wanted text",
        )


def predicate(
    viable: Callable[[Any], Any],
    complete: Callable[[Any], Any] | None = None,
    *,
    unit: str = "text",
    batched: bool = False,
    name: str | None = None,
) -> Predicate:
    """A constraint from Python functions.

    Args:
        viable: whether a prefix can still become a wanted text.
        complete: whether a text is wanted as it stands; default: `viable`.
        unit: what the functions are given: "text" (str), "bytes", or "ids" (a tuple of token ids).
        batched: they are given a list of prefixes and return as many bools.
        name: for messages.

    >>> from gcd import Vocabulary
    >>> short = predicate(lambda text: len(text) <= 3, lambda text: len(text) == 3)
    >>> state = short.start(Vocabulary.from_bytes([b"a", b"bcd", None], eos_ids=[2]))
    >>> state.advance(0)
    >>> [state.check(token) for token in range(3)]
    [True, False, False]
    """
    return Predicate(viable, complete, unit=unit, batched=batched, name=name)


class _State(ConstraintState, ABC):
    """What the three units share. `prefix` is what the function sees now."""

    def __init__(self, owner: Predicate, vocab: Vocabulary, prefix: Any) -> None:
        self.owner = owner
        self.vocab = vocab
        self.prefix = prefix

    @abstractmethod
    def longer(self, token: int) -> Any:
        """The prefix with a token that isn't an end; None if no text continues so."""

    def check(self, token: int) -> bool:
        if token in self.vocab.eos_ids:
            return self.may_end() and self.owner.ask([self.prefix], whole=True)[0]
        longer = self.longer(token)
        if longer is None:
            return False
        if not self.owner.ask([longer])[0]:
            return False
        self._contradicted(longer)
        return True

    def may_end(self) -> bool:
        """Whether the text could end here for all that the unit knows."""
        return True

    def _contradicted(self, longer: Any) -> None:
        for size in range(len(self.prefix) + 1, len(longer)):
            if self.owner.known_refusal(longer[:size]):
                raise self.owner.not_closed(longer[:size], longer)

    def advance(self, token: int) -> None:
        if not self.check(token):
            raise SamplingError(f"predicate {self.owner.name!r} doesn't allow token {token} here")
        if token not in self.vocab.eos_ids:
            self._append(token)

    def _append(self, token: int) -> None:
        self.prefix = self.longer(token)

    def fork(self) -> _State:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def fill_mask(self, words: NDArray[np.int32]) -> None:
        """Ask about all tokens, in one call if the predicate is batched."""
        NoConstraint().start(self.vocab).fill_mask(words)
        bits = words.view(np.uint32)
        tokens = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).tolist()
        texts = {t: self.longer(t) for t in tokens if t not in self.vocab.eos_ids}
        self.owner.ask(list(dict.fromkeys(text for text in texts.values() if text is not None)))
        for token in tokens:
            if not self.check(token):
                bits[token // 32] &= ~np.uint32(1 << token % 32)


class _BytesState(_State):
    def longer(self, token: int) -> bytes | None:
        data = self.vocab.tokens[token]
        return self.prefix + data if data else None


class _IdsState(_State):
    def longer(self, token: int) -> tuple[int, ...] | None:
        return (*self.prefix, token) if self.vocab.tokens[token] else None


class _TextState(_State):
    """The text so far, and the bytes of a character that isn't whole yet."""

    pending = b""

    def _decode(self, token: int) -> tuple[str, bytes] | None:
        data = self.vocab.tokens[token]
        if not data:
            return None
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(self.pending + data)
        except UnicodeDecodeError:
            return None
        return text, decoder.getstate()[0]

    def longer(self, token: int) -> str | None:
        found = self._decode(token)
        return None if found is None else self.prefix + found[0]

    def may_end(self) -> bool:
        return not self.pending

    def _append(self, token: int) -> None:
        found = self._decode(token)
        assert found is not None
        self.prefix += found[0]
        self.pending = found[1]


def _clip(thing: Any) -> str:
    shown = repr(thing)
    return shown if len(shown) <= 80 else f"{shown[:40]}…{shown[-39:]}"
