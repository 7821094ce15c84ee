"""One AWRS step on 128,256 log-probabilities: ``python -m bench.samplers.awrs_step gcd|genlm SECONDS``; prints JSON.

Both get the same float32 log-probabilities and the same check, a set lookup in Python whose time is taken out. What is
left is all that a step costs besides: normalizing, drawing, weighing.
"""

import asyncio
import json
import math
import random
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

WIDTH = 128_256
MOST_STEPS = 200


def laws() -> dict[str, np.ndarray]:
    """Log-probabilities by name: one token in two likely, and nearly all equally likely."""
    rng = np.random.default_rng(0)
    peaked = -1.8 * np.log(np.arange(1, WIDTH + 1))
    flat = rng.normal(0, 0.01, WIDTH)
    return {
        name: (x - np.logaddexp.reduce(x))[rng.permutation(WIDTH)].astype(np.float32)
        for name, x in (("peaked", peaked), ("flat", flat))
    }


def valid_tokens(law: np.ndarray, kind: str) -> set[int]:
    """Which tokens are valid."""
    ranked = np.argsort(-law)
    rng = np.random.default_rng(1)
    if kind == "all but some":
        return set(range(WIDTH)) - set(rng.integers(0, WIDTH, 50).tolist()) | {int(ranked[0])}
    if kind == "1 % of the mass":
        order = rng.permutation(ranked[3:])
        mass = np.cumsum(np.exp(law[order].astype(np.float64)))
        return set(order[: int(np.searchsorted(mass, 0.01)) + 1].tolist())
    return {int(ranked[9 if kind == "one token, rank 10" else 64_000])}


CASES = [
    ("peaked", "all but some"),
    ("peaked", "1 % of the mass"),
    ("peaked", "one token, rank 10"),
    ("peaked", "one token, rank 64,000"),
    ("flat", "all but some"),
    ("flat", "1 % of the mass"),
    ("flat", "one token, rank 64,000"),
]


class Check:
    """A set lookup with a clock."""

    def __init__(self, valid: set[int]) -> None:
        self.valid = valid
        self.seconds = 0.0
        self.n = 0

    def __call__(self, token: int) -> bool:
        began = perf_counter()
        found = token in self.valid
        self.seconds += perf_counter() - began
        self.n += 1
        return found


def gcd_step() -> Callable[[np.ndarray, Check], float]:
    """gcd's step; returns the log-weight."""
    from gcd._native.urn import Urn
    from gcd.sampling.awrs import AWRS

    urn, estimator, draw = Urn(WIDTH), AWRS(), random.Random(0).random

    def step(law: np.ndarray, check: Check) -> float:
        urn.fill(law)
        return estimator.step(urn, check, draw).log_weight

    return step


def genlm_step() -> Callable[[np.ndarray, Check], float]:
    """genlm-control's step, from the logits on, as its `_run_rejection` does it; without its queues."""
    import torch
    from genlm.control import AWRS

    torch.set_num_threads(1)
    sampler = AWRS.__new__(AWRS)
    sampler.prune_logws = sampler.proper_weights = True
    sampler.proposal = None
    sampler.max_accepts, sampler.max_rejects = 2, math.inf
    sampler.valid_idxs = np.arange(WIDTH)
    sampler._valid_idxs_cache = sampler._gen_cache = None
    sampler.rng, sampler._seed = np.random.default_rng(0), 0

    class Row:
        decode = range(WIDTH)

        def __init__(self, law: np.ndarray) -> None:
            self.weights = torch.from_numpy(law)

    loop = asyncio.new_event_loop()

    def step(law: np.ndarray, check: Check) -> float:
        async def accept(token: int) -> bool:
            return check(token)

        _, weight, _ = loop.run_until_complete(sampler._run_rejection(Row(law), accept))
        return float(weight)

    return step


def main(argv: list[str]) -> None:
    """Measure every case."""
    name, seconds = argv[0], float(argv[1])
    step = {"gcd": gcd_step, "genlm": genlm_step}[name]()
    results = []
    for law_name, kind in CASES:
        law = laws()[law_name]
        valid = valid_tokens(law, kind)
        z = float(np.exp(law[sorted(valid)].astype(np.float64)).sum())
        step(law, Check(valid))  # first use
        outside, checks, weights = [], [], []
        ends = perf_counter() + seconds
        while len(outside) < 5 or (perf_counter() < ends and len(outside) < MOST_STEPS):
            check = Check(valid)
            began = perf_counter()
            weight = step(law, check)
            outside.append(perf_counter() - began - check.seconds)
            checks.append(check.n)
            weights.append(math.exp(weight) / z)
        results.append(
            {
                "law": law_name,
                "valid": kind,
                "z": z,
                "steps": len(outside),
                "outside_us": 1e6 * float(np.median(outside)),
                "outside_p90_us": 1e6 * float(np.quantile(outside, 0.9)),
                "checks": float(np.median(checks)),
                "zero_weights": float(np.mean(np.array(weights) == 0)),
                "mean_weight_over_z": float(np.mean(weights)),
            }
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
