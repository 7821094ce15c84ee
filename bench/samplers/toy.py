"""Toy laws where everything is known: how far n samples are from the target, for every method.

A world is a table of next-token probabilities over three symbols and an end, and a set of wanted texts. The target is
enumerated. For a run of n samples, the law that it estimates (counts, or normalized weights where the method gives
weights) is compared with the target: total variation, and KL(estimate || target) in nats. The floor is the same for n
independent draws from the target itself: no method can be below it for long, for it is the noise of n samples.
"""

import math
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import product
from time import perf_counter
from typing import Any

import gcd
from gcd.sampling import METHODS, SamplingWarning, TableModel, predicate, sample

SIZES = (10, 30, 100, 300, 1000)

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "local": ("local", {}),
    "local, weighted": ("local", {"always_mask": True}),
    "awrs": ("awrs", {"batch": 1000}),
    "smc, awrs": ("smc", {"ess_threshold": 0.5}),
    "smc, local": ("smc", {"ess_threshold": 0.5, "proposal": "local"}),
    "sample-rerank": ("smc", {"ess_threshold": 0, "proposal": "model"}),
}
"""Name -> method and options; any other method of `gcd.sample` runs with its defaults."""


def five_bits() -> tuple[Any, Any, dict[str, float]]:
    """The example of the ASAp paper: 00000 or 1 and four bits; uniform bits."""
    vocab = gcd.Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2])
    model = TableModel(lambda ids: [0.5, 0.5, 0] if len(ids) < 5 else [0, 0, 1], vocab)
    texts = ["00000", *("1" + "".join(bits) for bits in product("01", repeat=4))]
    grammar = gcd.compile(gcd.Grammar.from_choices(texts), vocab)
    return model, grammar, dict.fromkeys(texts, 1 / 17)


def random_world(seed: int, depth: int = 4) -> tuple[Any, Any, dict[str, float]]:
    """A random law on texts of up to four symbols, four in ten of them wanted, by a predicate."""
    rng = random.Random(seed)
    table = {}
    for n in range(depth + 1):
        for prefix in product(range(3), repeat=n):
            parts = [rng.random() ** 2 for _ in range(4)] if n < depth else [0, 0, 0, 1]
            table[prefix] = [x / sum(parts) for x in parts]
    texts = [t for n in range(1, depth + 1) for t in product(range(3), repeat=n)]
    wanted = {t for t in texts if rng.random() < 0.4}
    beginnings = {t[:i] for t in wanted for i in range(len(t) + 1)}
    p = {}
    for text in wanted:
        name = "".join("abc"[s] for s in text)
        p[name] = table[text][3] * math.prod(table[text[:i]][s] for i, s in enumerate(text))
    z = sum(p.values())
    vocab = gcd.Vocabulary.from_bytes([b"a", b"b", b"c", None], eos_ids=[3])
    constraint = predicate(beginnings.__contains__, wanted.__contains__, unit="ids")
    return TableModel(table, vocab), constraint, {text: q / z for text, q in p.items()}


WORLDS = {"five bits": five_bits, "random 1": lambda: random_world(1), "random 2": lambda: random_world(2)}


def distances(estimate: dict[str, float], target: dict[str, float]) -> tuple[float, float]:
    """Total variation, and KL(estimate || target); an estimate of nothing is as far as can be."""
    if not estimate:
        return 1.0, math.inf
    tv = sum(abs(estimate.get(text, 0.0) - q) for text, q in target.items()) / 2
    kl = sum(p * math.log(p / target[text]) for text, p in estimate.items() if p > 0)
    return tv, kl


def runs(repeats: int, most_seconds: float) -> Iterator[dict[str, Any]]:
    """A row for each world, method and number of samples."""
    warnings.simplefilter("ignore", SamplingWarning)
    extra = {name: (name, {}) for name in METHODS if name not in {method for method, _ in VARIANTS.values()}}
    for world, make in WORLDS.items():
        model, constraint, target = make()
        texts, masses = list(target), list(target.values())
        for size in SIZES:
            rng = random.Random(size)
            floor = []
            for _ in range(repeats):
                counts = Counter(rng.choices(texts, masses, k=size))
                floor.append(distances({t: c / size for t, c in counts.items()}, target))
            yield row(world, "floor", size, floor, 0.0)
        for name, (method, options) in {**VARIANTS, **extra}.items():
            for size in SIZES:
                found, spent = [], 0.0
                for seed in range(repeats):
                    began = perf_counter()
                    run = sample(model, constraint, n=size, method=method, max_tokens=8, seed=seed, **options)
                    spent += perf_counter() - began
                    found.append(distances(run.posterior(), target))
                    if spent > most_seconds and len(found) >= 3:
                        break
                yield row(world, name, size, found, spent / len(found))


def row(world: str, method: str, size: int, found: list[tuple[float, float]], seconds: float) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals."""
    rng = random.Random(0)

    def interval(values: list[float]) -> tuple[float, float, float]:
        mean = math.fsum(values) / len(values)
        means = sorted(math.fsum(rng.choices(values, k=len(values))) / len(values) for _ in range(1000))
        return mean, means[25], means[975]

    tv = interval([d[0] for d in found])
    finite = [d[1] for d in found if math.isfinite(d[1])]
    kl = interval(finite) if finite else (math.inf,) * 3
    return {
        "world": world,
        "method": method,
        "n": size,
        "repeats": len(found),
        "failed": len(found) - len(finite),
        "tv": tv,
        "kl": kl,
        "seconds": seconds,
    }
