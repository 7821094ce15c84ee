"""Times to numbers: quantiles, repeats, the tail for the plot, ratios over common positions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
"""Nanoseconds."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True, slots=True)
class Summary:
    """Of many times, in microseconds. A quantile is the smallest time that so many don't exceed: one measured, none
    between two."""

    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


def summarize(times: Times) -> Summary | None:
    """The summary; None of no times."""
    if not len(times):
        return None
    us = np.asarray(times) / 1e3
    p50, p90, p99, p999 = map(float, np.quantile(us, list(QUANTILES.values()), method="inverted_cdf"))
    return Summary(len(us), float(us.mean()), p50, p90, p99, p999, float(us.max()))


def summarize_repeats(repeats: Sequence[Times]) -> Summary | None:
    """Each figure's median over the repeats: one disturbed repeat doesn't count, a slow position does."""
    summaries = [asdict(s) for s in map(summarize, repeats) if s]
    if not summaries:
        return None
    names = ("mean", *QUANTILES, "max")
    return Summary(summaries[0]["n"], *(float(np.median([s[name] for s in summaries])) for name in names))


def tail(times: Times, points: int = 160) -> list[tuple[float, float]]:
    """(microseconds, share of the times above it), thinned evenly on a log scale of the share."""
    us = np.sort(np.asarray(times)) / 1e3
    n = len(us)
    if not n:
        return []
    shares = np.unique(np.geomspace(1, n, points).astype(int))[::-1]
    return [(float(us[n - k]), k / n) for k in shares]


def common_means(ours: Sequence[Times], theirs: Sequence[Times]) -> tuple[float, float, int]:
    """The mean of each in microseconds over the positions that both measured, and how many these are.

    Args:
        ours: the times of each text, position by position.
        theirs: the same texts; it may have stopped earlier in each.
    """
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(ours, theirs, strict=False)]
    n = sum(len(a) for a, _ in pairs)
    if not n:
        return float("nan"), float("nan"), 0
    return sum(float(a.sum()) for a, _ in pairs) / n / 1e3, sum(float(b.sum()) for _, b in pairs) / n / 1e3, n


def clock_overhead(n: int = 20_000) -> Summary:
    """What two readings of the clock with nothing between them show."""
    times = []
    clock = perf_counter_ns
    for _ in range(n):
        a = clock()
        b = clock()
        times.append(b - a)
    summary = summarize(np.array(times))
    assert summary
    return summary
