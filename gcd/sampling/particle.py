"""A particle: one text in the making, with its place in the constraint and the numbers that go with it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from gcd.sampling.constraint import ConstraintState
from gcd.sampling.cost_model import CostModel
from gcd.sampling.language_model import LanguageModel, LogProbs, ModelState
from gcd.sampling.sample import Sample
from gcd.vocab import Vocabulary

__all__ = ["Particle", "TimedState"]


class Particle:
    """One row of a run.

    Attributes:
        state: the place in the constraint.
        ids: the tokens so far.
        log_p: their log-probability under the model.
        log_q: log of the probability of drawing them so; None where it isn't known.
        log_weight: log of the weight.
        twist: log of the critic's factor that is in the weight for now.
        finish: None while it goes on; else as `Sample.finish`.
        random: uniform numbers on [0, 1); a slot's own, not handed down.
        row: its row in the model's state, while it goes on.
        costs: what its earlier steps cost; its own, so that a row's draws don't depend on the batch.
    """

    __slots__ = (
        *("costs", "finish", "ids", "log_p", "log_q", "log_weight", "n_checks", "n_masks", "n_model_calls"),
        *("random", "row", "state", "twist"),
    )

    def __init__(self, state: ConstraintState, rng: random.Random, row: int, costs: CostModel | None = None) -> None:
        self.state = state
        self.ids: list[int] = []
        self.log_p = 0.0
        self.log_q: float | None = None
        self.log_weight = 0.0
        self.twist = 0.0
        self.finish: str | None = None
        self.random: Callable[[], float] = rng.random
        self.row = row
        self.costs = costs
        self.n_checks = 0
        self.n_masks = 0
        self.n_model_calls = 0

    def descend(self, slot_random: Callable[[], float], own_state: bool) -> Particle:
        """A copy with a slot's random numbers; `own_state`: with a fork of the constraint's state, too."""
        copy = object.__new__(Particle)
        for name in self.__slots__:
            setattr(copy, name, getattr(self, name))
        copy.ids = list(self.ids)
        copy.random = slot_random
        copy.costs = None if self.costs is None else self.costs.copy()
        if own_state and self.finish is None:
            copy.state = self.state.fork()
        return copy

    def take(self, token: int, log_p: float, ends: frozenset[int] | tuple[int, ...]) -> None:
        """Append a token that the constraint allows."""
        self.ids.append(token)
        self.log_p += log_p
        self.state.advance(token)
        if token in ends:
            self.finish = "eos"

    def die(self, reason: str = "dead") -> None:
        """No way on: weight 0."""
        self.finish = reason
        self.log_weight = -math.inf

    def to_sample(self, vocab: Vocabulary) -> Sample:
        """The finished text."""
        tokens = vocab.tokens
        data = b"".join(tokens[t] or b"" for t in self.ids)
        assert self.finish is not None
        return Sample(
            text=data.decode("utf-8", "replace"),
            ids=tuple(self.ids),
            log_p=self.log_p,
            log_q=self.log_q,
            log_weight=self.log_weight,
            finish=self.finish,
            n_checks=self.n_checks,
            n_masks=self.n_masks,
            n_model_calls=self.n_model_calls,
            data=data,
        )


class TimedState:
    """A `ModelState` with a clock.

    Attributes:
        seconds: spent inside of the model.
    """

    def __init__(self, model: LanguageModel, prompt: Sequence[int], n: int) -> None:
        began = perf_counter()
        self._state: ModelState = model.start(prompt, n)
        self.seconds = perf_counter() - began

    def log_probs(self) -> LogProbs:
        """As `ModelState.log_probs`."""
        return self._timed(self._state.log_probs)  # type: ignore[no-any-return] # it hands through

    def move(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """Row i becomes what row ``rows[i]`` was, and gets ``tokens[i]``."""
        if list(rows) != list(range(len(self._state))):
            self._timed(self._state.select, rows)
        self._timed(self._state.advance, tokens)

    @property
    def n_calls(self) -> int:
        """As `ModelState.n_calls`."""
        return self._state.n_calls

    def _timed(self, function: Callable[..., Any], *args: Any) -> Any:
        began = perf_counter()
        try:
            return function(*args)
        finally:
            self.seconds += perf_counter() - began
