"""When to stop asking about tokens and build a mask.

Rejection asks about few tokens where model and constraint agree: about 1/Z of them, Z the mass that the constraint
leaves. A mask costs the same everywhere. Z isn't known before the step, so by cost alone this is the ski-rental
problem: rent (ask) until the rent paid equals the price, then buy (the mask); never more than twice what the better of
the two would have cost.

But a mask buys more than a token: it gives Z itself, where asking gives an estimate whose variance costs particles. A
step of the model costs milliseconds, a mask of a compiled grammar microseconds. So the default builds it at the first
refusal, and `mask_cost` says otherwise for constraints whose masks are dear. Where the last steps needed a mask most of
the time the next builds it at once; a step now and then draws first again.

The choice depends on earlier steps only, never on what the present step has drawn except through the estimator itself
(`awrs.hybrid`), so weights stay proper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from gcd.sampling.awrs import AWRS, Estimate, hybrid
from gcd.sampling.constraint import ConstraintState

__all__ = ["CostModel", "expected_checks"]

_MEMORY = 0.9
"""Weight of the past in the running share of steps that needed a mask."""
_TRY_AGAIN = 16
"""While masks are built at once, every so many steps one begins with draws."""


class CostModel:
    """Chooses between asking, a mask, and asking first; one for each row.

    Attributes:
        mask_cost: refusals after which a mask is built: 0 at once, infinity never. A fixed number keeps runs with the
            same seed bit-identical; `measure` puts a measured one in its place.
        needed: running share of the steps that needed a mask.
    """

    def __init__(self, mask_cost: float = 1.0) -> None:
        """Raises ValueError for a negative cost."""
        if not mask_cost >= 0:
            raise ValueError(f"mask_cost must be at least 0, not {mask_cost}")
        self.mask_cost = mask_cost
        self.needed = 0.0
        self._until_try = 0

    def copy(self) -> CostModel:
        """One for another row, that knows what this one knows."""
        twin = CostModel(self.mask_cost)
        twin.needed, twin._until_try = self.needed, self._until_try
        return twin

    def measure(self, urn: Any, state: ConstraintState, words: Any, tokens: Sequence[int]) -> float:
        """Measure what a mask costs here, in checks of the given tokens, and use that from now on.

        Same law, but runs are no longer bit-identical for a seed: times differ.

        Args:
            urn: a filled urn.
            state: what is asked.
            words: room for a mask.
            tokens: at least one token, such as likely ones.
        """
        began = perf_counter()
        for token in tokens:
            urn.draw(0.5)
            state.check(token)
        middle = perf_counter()
        if state.cheap_mask(words):
            urn.restrict(words)
        ended = perf_counter()
        self.mask_cost = (ended - middle) / max((middle - began) / len(tokens), 1e-9)
        return self.mask_cost

    def step(
        self, urn: Any, state: ConstraintState, random: Callable[[], float], words: Any, estimator: AWRS | None = None
    ) -> Estimate:
        """One token, from a filled urn; `estimator` for constraints without a mask, and for what one leaves."""
        tail = estimator or AWRS()
        if self.mask_cost == math.inf or not state.has_cheap_mask:
            return tail.step(urn, state.check, random)
        at_once = self.needed > 0.5 and self._until_try > 0
        self._until_try = self._until_try - 1 if at_once else _TRY_AGAIN
        found = hybrid(urn, state, random, words, 0 if at_once else math.ceil(self.mask_cost), tail.step)
        if not at_once:
            self.needed = _MEMORY * self.needed + (1 - _MEMORY) * found.n_masks
        return found


def expected_checks(p: Sequence[float], valid: Sequence[bool]) -> float:
    """Tokens that one loop of rejection asks about on average: ``1 + sum over invalid x of p(x) / (p(x) + Z)``.

    At most 1/Z, the exponential of the divergence between the step's law given the constraint and the law. Infinite if
    nothing is valid.
    """
    z = math.fsum(q for q, ok in zip(p, valid, strict=True) if ok)
    if not z:
        return math.inf
    return 1 + math.fsum(q / (q + z) for q, ok in zip(p, valid, strict=True) if not ok)
