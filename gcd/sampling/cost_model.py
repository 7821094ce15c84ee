"""When to stop asking about tokens and build a mask: by what both cost, counted in checks.

Rejection asks about few tokens where model and constraint agree: about 1/Z of them, Z the mass that the constraint
leaves. A mask costs the same everywhere. Z isn't known before the step, so this is the ski-rental problem: rent (ask)
until the rent paid equals the price, then buy (the mask). That never costs more than twice what the better of the two
would have, for any Z. Where the constraint's last steps on the same run needed a mask most of the time, the next step
buys at once; a step now and then tries again.

The choice depends on earlier steps only, never on what the present step has drawn except through the estimator itself
(`awrs.hybrid`), so weights stay proper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

from gcd.sampling.awrs import Estimate, hybrid, recursive
from gcd.sampling.constraint import ConstraintState

__all__ = ["CostModel"]

_MEMORY = 0.9
"""Weight of the past in the running share of steps that needed a mask."""
_TRY_AGAIN = 16
"""While masks are built at once, every so many steps one begins with draws."""


class CostModel:
    """Chooses between asking, a mask, and asking first; one for each row.

    Attributes:
        mask_cost: what a mask costs, in checks. A fixed number keeps runs with the same seed bit-identical; `measure`
            puts a measured one in its place.
        needed: running share of the steps that needed a mask.
    """

    def __init__(self, mask_cost: float = 60.0) -> None:
        """Raises ValueError for a cost that isn't positive."""
        if not mask_cost > 0:
            raise ValueError(f"mask_cost must be positive, not {mask_cost}")
        self.mask_cost = mask_cost
        self.needed = 0.0
        self._until_try = 0

    @classmethod
    def always(cls) -> CostModel:
        """Masks at every step, for constraints that have them."""
        return cls(1e-9)

    @classmethod
    def never(cls) -> CostModel:
        """No masks: plain AWRS."""
        return cls(math.inf)

    def copy(self) -> CostModel:
        """One for another row, that knows what this one knows."""
        twin = CostModel(self.mask_cost)
        twin.needed, twin._until_try = self.needed, self._until_try
        return twin

    def measure(self, urn: Any, state: ConstraintState, words: Any, tokens: list[int]) -> float:
        """Measure what a mask costs here, in checks of the given tokens, and use that from now on.

        Same law, but runs are no longer bit-identical for a seed: times differ.
        """
        began = perf_counter()
        for token in tokens:
            urn.draw(0.5)
            state.check(token)
        middle = perf_counter()
        state.fill_mask(words)
        urn.restrict(words)
        ended = perf_counter()
        self.mask_cost = max(1e-9, (ended - middle) / max((middle - began) / len(tokens), 1e-9))
        return self.mask_cost

    def expected_checks(self, p: list[float], valid: list[bool]) -> float:
        """Tokens that one loop of AWRS asks about on average: ``1 + sum over invalid x of p(x) / (p(x) + Z)``.

        The formula for known laws; infinite if nothing is valid.
        """
        z = math.fsum(q for q, ok in zip(p, valid, strict=True) if ok)
        if not z:
            return math.inf
        return 1 + math.fsum(q / (q + z) for q, ok in zip(p, valid, strict=True) if not ok)

    def step(self, urn: Any, state: ConstraintState, random: Callable[[], float], words: Any) -> Estimate:
        """One token, from a filled urn."""
        if self.mask_cost < 1 or (self.needed > 0.5 and self._until_try > 0):
            self._until_try -= 1
            return hybrid(urn, state, random, words, 0)
        if self.mask_cost == math.inf:
            return recursive(urn, state.check, random)
        found = hybrid(urn, state, random, words, math.ceil(self.mask_cost))
        self.needed = _MEMORY * self.needed + (1 - _MEMORY) * found.n_masks
        self._until_try = _TRY_AGAIN
        return found
