"""Times of all engines on the schemas that all of them finished, and of two engines on the positions both walked."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.harness import stats
from bench.maskbench.verdicts import finished

Results = Sequence[dict[str, Any]]


def summary(times: Any) -> dict[str, float] | None:
    """As `stats.summarize` has it, for JSON."""
    found = stats.summarize(np.asarray(times, dtype=np.int64))
    return asdict(found) if found else None


def common(results: dict[str, Results]) -> list[int]:
    """Which cases every engine finished."""
    n = min(map(len, results.values()), default=0)
    return [i for i in range(n) if all(finished(each[i]) for each in results.values())]


def walks(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every walk of a case: as written, then shuffled, for each instance."""
    for orders in result["walks"]:
        yield from (walk for walk in orders if walk is not None)


def masks(results: Results, chosen: Sequence[int], step: str = "masks") -> Any:
    """The times of all masks (or accepts) of the chosen cases."""
    return np.array([t for i in chosen for walk in walks(results[i]) for t in walk[step]], dtype=np.int64)


def compiles(results: Results, chosen: Sequence[int], name: str = "first_mask_ns") -> Any:
    """Text to first mask, of each chosen case that has the figure."""
    return np.array([results[i][name] for i in chosen if name in results[i]], dtype=np.int64)


def together(ours: Results, theirs: Results, chosen: Sequence[int]) -> dict[str, Any]:
    """Both engines' mask times over the positions that both walked, and what ours are of theirs."""
    a, b = [], []
    for i in chosen:
        for mine, other in zip(walks(ours[i]), walks(theirs[i]), strict=True):
            n = min(len(mine["masks"]), len(other["masks"]))
            a += mine["masks"][:n]
            b += other["masks"][:n]
    mine_, other_ = summary(a), summary(b)
    if mine_ is None or other_ is None:
        return {"positions": 0}
    ratios = {name: mine_[name] / other_[name] for name in ("mean", "p50", "p90", "p99", "p999", "max")}
    return {"positions": len(a), "gcd": mine_, "peer": other_, "gcd_of_peer": ratios}


def figures(results: Results, chosen: Sequence[int]) -> dict[str, Any]:
    """Everything about one engine on the chosen cases."""
    times = masks(results, chosen)
    first = compiles(results, chosen)
    return {
        "schemas": len(chosen),
        "masks": summary(times),
        "masks_tail": stats.tail(times),
        "accepts": summary(masks(results, chosen, "accepts")),
        "first_mask": summary(first),
        "first_mask_tail": stats.tail(first),
        "compile": summary(compiles(results, chosen, "compile_ns")),
        "second_compile": summary(compiles(results, chosen, "second_compile_ns")),
        "load": summary(compiles(results, chosen, "load_ns")),
        "artefact_bytes": median([results[i]["artefact_bytes"] for i in chosen if "artefact_bytes" in results[i]]),
        "slowest_masks": slowest(results, chosen),
        "slowest_first_masks": sorted(((int(results[i]["first_mask_ns"]) / 1e6, i) for i in chosen), reverse=True)[:5],
    }


def slowest(results: Results, chosen: Sequence[int], n: int = 5) -> list[tuple[float, int]]:
    """The cases with the slowest masks: milliseconds, case."""
    worst = [(max((max(w["masks"]) for w in walks(results[i]) if w["masks"]), default=0) / 1e6, i) for i in chosen]
    return sorted(worst, reverse=True)[:n]


def median(values: Sequence[float]) -> float | None:
    """The middle one; None of none."""
    return float(np.median(values)) if values else None
