"""How likely a model is to satisfy a constraint by itself: P(grammar), with error bars that hold at any time.

Each draw through a trie of bounds brings an unbiased estimate of Z = P(grammar): the weight ``w = P / q`` of a
sentence, 0 of a draw that failed. Three kinds of error bars come with them:

* **certain bounds**: Z is at most the bound at the trie's root, and at least the mass of all different sentences found.
  On a small language they meet.
* **the standard error** of the mean. Draws are not independent, since each changes the trie, but their errors are
  uncorrelated (a martingale), so the usual formula holds.
* **a confidence sequence**: an interval that contains Z at *all* times at once with the given confidence, so one
  may look after every draw and stop when it is narrow enough. It is the predictable plug-in empirical-Bernstein
  sequence of Waudby-Smith and Ramdas (2023, theorem 2). Ours differs in one thing: a draw's weight lies between 0
  and the root's bound b at that time, which falls; scaling by it, X' = w / b in [0, 1] with mean Z / b, gives ``sum
  of (l / b)(w - Z) <= log(2 / alpha) + sum of v psi(l)``, so later draws count for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcd.sampling.language_model import LanguageModel
    from gcd.sampling.trie_draws import TrieLike

__all__ = ["GrammarProbability", "WeightStatistics", "estimate_probability"]

_MOST_BET = 0.5
"""The largest lambda; the theorem wants it below 1, the authors recommend 1/2 or 3/4."""


@dataclass(frozen=True, slots=True)
class GrammarProbability:
    """An estimate of P(grammar), all in logarithms.

    Attributes:
        log_estimate: of the mean weight, kept within the certain bounds; minus infinity if every draw failed.
        log_lower, log_upper: of the confidence interval, which certain bounds cut.
        log_found: of the mass of all different sentences that were found: Z is not less.
        log_bound: of the trie's bound: Z is not more.
        relative_error: the mean's standard error over the mean; infinite if every draw failed.
        confidence: of the interval.
        n_draws: draws, failed ones among them.
    """

    log_estimate: float
    log_lower: float
    log_upper: float
    log_found: float
    log_bound: float
    relative_error: float
    confidence: float
    n_draws: int

    @property
    def estimate(self) -> float:
        """The probability; 0 where it is too small for a float."""
        return math.exp(self.log_estimate)

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval."""
        return math.exp(self.log_lower), math.exp(self.log_upper)

    @property
    def relative_width(self) -> float:
        """Half the interval's width over the estimate; infinite if every draw failed, 0 if Z is known."""
        if self.log_upper == self.log_lower:
            return 0.0
        if self.log_estimate == -math.inf:
            return math.inf
        return 0.5 * (math.exp(self.log_upper - self.log_estimate) - math.exp(self.log_lower - self.log_estimate))

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"P(grammar) = {self.estimate:.4g} (relative standard error {self.relative_error:.2g}; "
            f"{self.confidence:.0%} interval {low:.4g} to {high:.4g}) from {self.n_draws} draws"
        )


class WeightStatistics:
    """What has been seen of the weights, one after another, in memory that doesn't grow.

    All numbers are relative to the first bound, so that Z = 1e-200 is as good as any.
    """

    def __init__(self, confidence: float = 0.95) -> None:
        """No draws yet.

        Raises:
            ValueError: a confidence that isn't between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
        self.confidence = confidence
        self.n_draws = 0
        self._log_scale = 0.0
        self._sum = self._squares = 0.0  # of the weights
        self._bets = self._bet_weights = self._penalty = 0.0  # sums of l / b, (l / b) w, v psi(l)
        self._variance_sum = 0.25  # of scaled weights around their predictions, and one draw's worth of prior

    def add(self, log_weight: float, log_bound: float) -> None:
        """A draw: its weight, minus infinity if it failed, and the bound at the root when it was drawn.

        Raises:
            ValueError: a bound that isn't finite, or a weight above it by more than rounding.
        """
        if not -math.inf < log_bound < math.inf:
            raise ValueError(f"log_bound must be finite, not {log_bound}")
        if not log_weight <= log_bound + 0.1:  # models give the same prefix slightly different laws in other batches
            raise ValueError(f"a weight of exp({log_weight}) above the bound, exp({log_bound})")
        if not self.n_draws:
            self._log_scale = log_bound
        bound = math.exp(log_bound - self._log_scale)
        weight = math.exp(log_weight - self._log_scale)
        mean = self._bet_weights / self._bets if self._bets else 0.5 * bound
        predicted = min(1.0, mean / bound)
        k = self.n_draws + 1
        log_alpha = math.log(2 / (1 - self.confidence))
        variance = self._variance_sum / k
        bet = min(_MOST_BET, math.sqrt(2 * log_alpha / (variance * k * math.log(k + 1))))
        error = (min(1.0, weight / bound) - predicted) ** 2
        self._penalty += error * (-math.log1p(-bet) - bet)  # v psi = 4 (X - m)^2 (-log(1 - l) - l) / 4
        self._bets += bet / bound
        self._bet_weights += bet / bound * weight
        self._variance_sum += error
        self._sum += weight
        self._squares += weight * weight
        self.n_draws = k

    def summary(self, log_found: float, log_bound: float) -> GrammarProbability:
        """What is known now. `log_found` and `log_bound`: the certain bounds, of the trie as it is now."""
        n = self.n_draws
        if not n:
            return GrammarProbability(
                log_bound, log_found, log_bound, log_found, log_bound, math.inf, self.confidence, 0
            )
        mean = self._sum / n
        spread = max(0.0, self._squares - n * mean * mean)
        error = math.sqrt(spread / n / (n - 1)) / mean if n > 1 and mean > 0 else math.inf
        centre = self._bet_weights / self._bets
        half = (math.log(2 / (1 - self.confidence)) + self._penalty) / self._bets
        low, high = max(centre - half, 0.0), centre + half
        log_low = max(log_found, self._log_scale + math.log(low) if low > 0 else -math.inf)
        log_high = min(log_bound, self._log_scale + math.log(high))
        log_low = min(log_low, log_bound)  # certain bounds that rounding has carried past each other
        log_high = max(log_high, log_low)
        log_mean = self._log_scale + math.log(mean) if mean > 0 else -math.inf
        log_mean = min(max(log_mean, log_found), log_bound)
        if log_bound - log_found <= 1e-12:
            error = 0.0
        return GrammarProbability(log_mean, log_low, log_high, log_found, log_bound, error, self.confidence, n)


def estimate_probability(
    model: LanguageModel,
    constraint: Any,
    prompt: str | Sequence[int] = "",
    *,
    tolerance: float = 0.1,
    confidence: float = 0.95,
    max_tokens: int = 128,
    max_draws: int = 2000,
    batch: int = 16,
    seed: int = 0,
    trie: TrieLike = None,
) -> GrammarProbability:
    """How likely the model is to write a sentence of the constraint by itself, within the budget.

    Draws with weights until the interval is narrow enough. The interval holds at all times at once, so that stopping by
    it is legitimate; the estimate itself, stopped so, is off by less than the interval's half width.

    Args:
        model: as for `gcd.sample`.
        constraint: as for `gcd.sample`.
        prompt: text, or token ids.
        tolerance: stop when half the interval's width is at most this share of the estimate.
        confidence: of the interval.
        max_tokens: the budget, the end-of-sequence token among them.
        max_draws: stop after so many in any case.
        batch: rows that draw together.
        seed: of all randomness.
        trie: bounds to begin with, and to add to: a `GrammaticalityTrie`, or a file that is read, if it exists, and
            written when the run is over.

    Raises:
        ValueError: a number out of its range.
        SamplingError: nothing satisfies the constraint within the budget.

    >>> from gcd import Vocabulary
    >>> from gcd.sampling import TableModel, predicate
    >>> vocab = Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2])
    >>> bits = TableModel(lambda ids: [0.5, 0.5, 0] if len(ids) < 3 else [0, 0, 1], vocab)
    >>> found = estimate_probability(bits, predicate(lambda text: text != b"11", unit="bytes"))
    >>> round(found.estimate, 9)
    0.75
    """
    from gcd.sampling.constraint import as_constraint
    from gcd.sampling.language_model import prompt_ids
    from gcd.sampling.methods import Task
    from gcd.sampling.trie_draws import TrieDraws

    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, not {tolerance}")
    for name, value in (("max_draws", max_draws), ("max_tokens", max_tokens), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    task = Task(model, as_constraint(constraint), prompt_ids(model, prompt), 1, max_tokens, seed, batch)
    draws = TrieDraws(task, trie, confidence)
    while draws.n_draws < max_draws:
        draws.batch(min(batch, max_draws - draws.n_draws))
        found = draws.probability()
        if found.relative_width <= tolerance:
            break
    draws.save()
    return found
