"""Resampling: which particle each of N new ones descends from.

Every scheme here gives particle i ``N w_i`` descendants on average, which is all that keeps estimates unbiased; they
differ in how far from that a single resampling may be. In the order of their variance (Douc, Cappé and Moulines 2005):
multinomial is the worst, residual and stratified never are worse than it, systematic mostly is the best but has no
such guarantee. A particle of weight 0 never has a descendant.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

__all__ = ["RESAMPLERS", "multinomial", "residual", "stratified", "systematic"]

Random = Callable[[], float]


def multinomial(weights: Sequence[float], random: Random) -> list[int]:
    """N independent draws.

    Args:
        weights: of N particles; they add up to 1.
        random: uniform numbers on [0, 1).

    Returns:
        N indices, rising.
    """
    return _places(weights, sorted(random() for _ in weights))


def stratified(weights: Sequence[float], random: Random) -> list[int]:
    """One draw in each N-th part of [0, 1). Arguments as for `multinomial`."""
    n = len(weights)
    return _places(weights, [(i + random()) / n for i in range(n)])


def systematic(weights: Sequence[float], random: Random) -> list[int]:
    """One draw, and N - 1 at equal distances from it. Arguments as for `multinomial`."""
    n = len(weights)
    offset = random()
    return _places(weights, [(i + offset) / n for i in range(n)])


def residual(weights: Sequence[float], random: Random) -> list[int]:
    """The whole part of ``N w_i`` for certain, the rest by multinomial draws. Arguments as for `multinomial`."""
    n = len(weights)
    sure = [math.floor(n * w) for w in weights]
    ancestors = [i for i, count in enumerate(sure) for _ in range(count)]
    left = n - len(ancestors)
    if left > 0:
        rest = [n * w - count for w, count in zip(weights, sure, strict=True)]
        total = math.fsum(rest)
        ancestors += _places([r / total for r in rest], sorted(random() for _ in range(left)))
    return sorted(ancestors[:n])


def _places(weights: Sequence[float], points: Sequence[float]) -> list[int]:
    """On which particle's part of [0, 1) each point falls."""
    ends = list(accumulate(weights))
    last = max(i for i, w in enumerate(weights) if w > 0)  # rounding may leave a point behind all ends
    return [min(bisect_right(ends, point), last) for point in points]


RESAMPLERS: dict[str, Callable[[Sequence[float], Random], list[int]]] = {
    "multinomial": multinomial,
    "stratified": stratified,
    "systematic": systematic,
    "residual": residual,
}
"""By name."""
