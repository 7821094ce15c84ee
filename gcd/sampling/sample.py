"""What a sampler returns: the samples, each with the numbers that say what law it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

__all__ = ["Sample", "Samples", "effective_sample_size", "log_mean_exp", "log_sum_exp", "normalized_weights"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One draw.

    The *weight* makes draws comparable: over all draws of a run, dead ones with weight 0 among them, the mean of
    ``exp(log_weight) * f(text)`` estimates the sum of ``P(text) * f(text)`` over the sentences of the constraint,
    without bias. Methods that draw from the target itself give every draw the same weight.
    """

    text: str
    """What was generated, without the prompt; bytes that are no UTF-8 are replaced by U+FFFD."""
    ids: tuple[int, ...]
    """The generated tokens, the end-of-sequence token among them."""
    log_p: float
    """log P(ids | prompt) under the model, the end-of-sequence token among them; no constraint."""
    log_q: float | None
    """log of the probability with which the method draws these ids; None where that has no closed form (AWRS, SMC)."""
    log_weight: float
    """log of the importance weight; minus infinity for a draw that failed."""
    finish: str
    """Why it ended: "eos"; "length" (the budget of tokens); "dead" (no way on was found; never a valid sample)."""
    n_checks: int
    """How often the constraint was asked about a single token."""
    n_masks: int
    """How many whole masks were built."""
    n_model_calls: int
    """Model evaluations for this row; those of rows that share them count for each."""
    data: bytes = b""
    """The text's bytes."""

    @property
    def finished(self) -> bool:
        """Whether an end-of-sequence token was drawn, and so the text is a sentence of the constraint."""
        return self.finish == "eos"


@dataclass(frozen=True, slots=True)
class Samples(Sequence[Sample]):
    """The samples of one run, in the order in which they were drawn, with what is known about the run as a whole."""

    samples: tuple[Sample, ...]
    method: str
    law: str
    """Which law the samples come from, in words."""
    log_z: float | None = None
    """Estimate of log P(constraint): the log of the mean weight, or SMC's log marginal likelihood; None: not known."""
    n_model_calls: int = 0
    """Batched evaluations of the model, the prompt's among them."""
    n_checks: int = 0
    """Single tokens asked about, of all rows together, those that were resampled away among them."""
    n_masks: int = 0
    """Whole masks built."""
    seconds: float = 0.0
    """The whole run."""
    model_seconds: float = 0.0
    """Thereof inside of the model."""
    steps: tuple[dict[str, float], ...] = ()
    """What was measured at each step; which keys depends on the method ("ess", "log_mean_weight", "removed_mass")."""
    warnings: tuple[str, ...] = ()
    """What the user should know: a mask that fights the model, particles that all died."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only this method reports."""

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        return self.samples[index]

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @property
    def weights(self) -> list[float]:
        """The samples' weights, normalized: they add up to 1, or are all 0 if no draw succeeded."""
        return normalized_weights([s.log_weight for s in self.samples])

    @property
    def ess(self) -> float:
        """The effective sample size of the weights, between 0 and ``len(self)``."""
        return effective_sample_size([s.log_weight for s in self.samples])

    def posterior(self) -> dict[str, float]:
        """Estimated probability of each text under the target, likeliest first; empty if no draw succeeded."""
        law: dict[str, float] = {}
        for sample, weight in zip(self.samples, self.weights, strict=True):
            if weight > 0:
                law[sample.text] = law.get(sample.text, 0.0) + weight
        return dict(sorted(law.items(), key=lambda item: -item[1]))


def log_sum_exp(values: Sequence[float]) -> float:
    """log of the sum of exponentials; minus infinity for none. Exact to rounding at any scale."""
    top = max(values, default=-math.inf)
    if top == -math.inf or top == math.inf:
        return top
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def log_mean_exp(values: Sequence[float]) -> float:
    """log of the mean of exponentials.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("the mean of nothing")
    return log_sum_exp(values) - math.log(len(values))


def normalized_weights(log_weights: Sequence[float]) -> list[float]:
    """Weights that add up to 1; all 0 if all log-weights are minus infinity."""
    top = max(log_weights, default=-math.inf)
    if top == -math.inf:
        return [0.0] * len(log_weights)
    weights = [math.exp(w - top) for w in log_weights]
    total = math.fsum(weights)
    return [w / total for w in weights]


def effective_sample_size(log_weights: Sequence[float]) -> float:
    """(sum W)^2 / sum W^2: how many equally weighted draws are worth as much (Kong, 1992); 0 if all weights are 0."""
    weights = normalized_weights(log_weights)
    squares = math.fsum(w * w for w in weights)
    return 1.0 / squares if squares else 0.0
