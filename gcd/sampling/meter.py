"""The distortion meter: how much of the model's law the constraint takes away, step by step, and what that means.

At each step Z_t is the mass that the constraint leaves; 1 - Z_t is removed. A run under masks draws from q, the product
of the renormalized steps, and each text carries w = product of its Z_t. With Z = E_q[w], the mass of all sentences, and
pi the model's law given the constraint::

    KL(q || pi) = log Z - E_q[log w]          how far local masking is from the target, in nats
    KL(pi || q) = E_pi[log w] - log Z         the same the other way round; E_pi by weights

Both are 0 if w is the same for all texts: then masking distorts nothing, however much it removes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gcd.sampling.awrs import Estimate
from gcd.sampling.sample import log_mean_exp, normalized_weights

__all__ = ["Meter", "kl_estimates"]

_REMOVED = 0.5
"""Share of the model's mass that may go at a step, on average, before the user is told."""
_KL = 3.0
"""Nats of distortion that are worth a warning."""


class Meter:
    """Adds up what single steps say. The mean of weights is an unbiased estimate of the mean Z_t."""

    def __init__(self) -> None:
        self.n_steps = 0
        self.sum_weights = 0.0
        self.n_first_refused = 0
        self.n_dead = 0

    def weighed(self, estimate: Estimate) -> None:
        """A step with a weight."""
        self.n_steps += 1
        self.n_dead += not estimate.numerator
        if estimate.numerator:
            self.sum_weights += math.exp(min(0.0, estimate.log_weight))

    def drawn(self, refused: bool) -> None:
        """A step without one: was the first token, drawn from the model, refused? That happens with 1 - Z_t."""
        self.n_steps += 1
        self.n_first_refused += refused
        self.sum_weights += not refused

    @property
    def removed_mass(self) -> float:
        """Estimate of the mean of 1 - Z_t over the steps; NaN before the first."""
        return 1.0 - self.sum_weights / self.n_steps if self.n_steps else math.nan

    def summary(self) -> dict[str, float]:
        """For `Samples.extra`."""
        return {"removed_mass": self.removed_mass} if self.n_steps else {}

    def warnings(self, kl: float | None = None) -> list[str]:
        """What the user should know."""
        found = []
        if self.n_steps and self.removed_mass > _REMOVED:
            found.append(
                f"the constraint fights the model: it removes {self.removed_mass:.0%} of the model's mass at a step, "
                "on average. Say in the prompt which form the answer has"
            )
        if kl is not None and kl > _KL:
            found.append(
                f"masking distorts: KL(drawn || target) is about {kl:.1f} nats. To keep the model's law use "
                "method='smc' or 'awrs'"
            )
        return found


def kl_estimates(log_weights: Sequence[float]) -> tuple[float, float]:
    """(KL(q || pi), KL(pi || q)) from the log-weights of independent draws from q, in nats.

    Estimates: at best right to a few percent, and too low as long as heavy texts haven't been seen. NaN if no draw
    succeeded, or if one failed (then KL(q || pi) is infinite, and q no law on sentences).
    """
    if not log_weights or min(log_weights) == -math.inf:
        return math.nan, math.nan
    log_z = log_mean_exp(log_weights)
    forward = log_z - math.fsum(log_weights) / len(log_weights)
    weights = normalized_weights(log_weights)
    backward = math.fsum(w * v for w, v in zip(weights, log_weights, strict=True)) - log_z
    return max(0.0, forward), max(0.0, backward)
