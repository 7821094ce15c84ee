"""AWRS on real log-probabilities: right however little is valid, and as cheap as its formula says."""

import math
import random
import time
from fractions import Fraction

import numpy as np
import pytest
from oracle.enumeration import FractionUrn, paths, weight
from statistical.bounds import assert_law, assert_mean

from gcd._native.urn import Urn
from gcd.sampling.awrs import coins, geometric, hybrid, recursive, two_loops
from gcd.sampling.cost_model import CostModel, expected_checks

pytestmark = pytest.mark.statistical

ESTIMATORS = {
    "coins": coins,
    "recursive": recursive,
    "two loops": two_loops,
    "geometric": geometric,
    "recursive, 3 rejects": lambda *a: recursive(*a, max_rejects=3),
    "geometric, 9 rejects": lambda *a: geometric(*a, max_rejects=9, max_accepts=3),
}


def step(law, valid, estimator, urn, random_):
    urn.fill(law)
    return estimator(urn, valid.__getitem__, random_)


def variance_of_two_loops(z):
    """By enumeration. It doesn't matter over how many tokens the valid mass is spread: any of them ends a loop."""
    law = [Fraction(1, 2), Fraction(1, 2) - z, z]
    valid = [False, False, True]
    found = paths(lambda choices: two_loops(FractionUrn(law, choices), valid.__getitem__, lambda: 0.0))
    return float(sum(q * weight(e) ** 2 for q, e in found) - z * z)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [1, 50])
@pytest.mark.parametrize("z", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("name", ["coins", "recursive", "two loops", "geometric"])
def test_rare_valid_tokens(name, z, spread, dtype):
    """Two tokens have nearly everything and are invalid; Z is valid. The mean weight is Z, and nothing is lost."""
    p = np.array([0.5, 0.5 - z, *([z / spread] * spread)])
    law, valid = np.log(p).astype(dtype), [False, False, *([True] * spread)]
    urn, random_ = Urn(len(p)), random.Random(f"{name} {z} {spread}").random
    found = [step(law, valid, ESTIMATORS[name], urn, random_) for _ in range(1500)]
    weights = [math.exp(e.log_weight) / z for e in found]
    assert not any(math.isnan(w) for w in weights)
    assert all(valid[e.token] for e in found)
    assert max(e.n_checks for e in found) <= len(p)
    mean = math.fsum(weights) / len(weights)
    error = math.sqrt(math.fsum((w - mean) ** 2 for w in weights) / len(weights) ** 2)
    if name == "two loops":
        # Two thirds of its mean come from draws of probability Z, so a sample's own standard error says nothing.
        error = math.sqrt(variance_of_two_loops(Fraction(z)) / len(weights)) / z
    assert abs(mean - 1) <= 5 * error + (3e-6 if dtype == np.float32 else 1e-12), (mean, error)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights_and_tokens_of_a_large_law(name):
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(300, 0.3))
    valid = (rng.random(300) < 0.2).tolist()
    urn, random_ = Urn(300), random.Random(name).random
    found = [step(np.log(p), valid, ESTIMATORS[name], urn, random_) for _ in range(4000)]
    z = float(p[valid].sum())
    assert_mean([math.exp(e.log_weight) for e in found], z)
    token = int(np.argmax(p * valid))
    assert_mean([math.exp(e.log_weight) * (e.token == token) for e in found], float(p[token]))
    if "rejects" not in name:  # unbounded: the token itself follows p restricted to the valid
        counts = {}
        for e in found:
            counts[e.token] = counts.get(e.token, 0) + 1
        assert_law(counts, {t: float(p[t]) / z for t in range(300) if valid[t]})


def test_expected_checks():
    """Mean checks are within 3 standard errors of the formula, and never more than there are tokens."""
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.full(200, 0.5))
    valid = (rng.random(200) < 0.3).tolist()
    z = float(p[valid].sum())
    one = expected_checks(p.tolist(), valid)
    assert one <= 1 / z
    urn, random_ = Urn(200), random.Random(7).random
    refused = []
    for _ in range(4000):
        found = step(np.log(p), valid, two_loops, urn, random_)
        refused.append(found.denominator - 1)
        assert found.n_checks <= 200
    both = float(sum(1 - (z / (q + z)) ** 2 for q, v in zip(p, valid, strict=True) if not v))
    assert_mean(refused, both, sigmas=3)
    # one loop, and one check of the next token
    assert_mean([step(np.log(p), valid, recursive, urn, random_).n_checks for _ in range(4000)], one + 1, sigmas=3)


@pytest.mark.parametrize("mask_cost", [0, 1, 3, 60, math.inf])
def test_cost_model_keeps_weights_proper(mask_cost):
    """Whatever it chose before, each step's weight is unbiased."""
    rng = np.random.default_rng(8)
    p = rng.dirichlet(np.full(100, 0.5))
    valid = rng.random(100) < 0.1

    class State:
        has_mask = has_cheap_mask = True
        check = staticmethod(lambda t: bool(valid[t]))

        @staticmethod
        def fill_mask(words):
            bits = np.zeros(128, np.uint8)
            bits[:100] = valid
            words[:] = np.packbits(bits, bitorder="little").view(np.int32)

    costs, urn, words = CostModel(mask_cost), Urn(100), np.zeros(4, np.int32)
    random_ = random.Random(9).random
    found = []
    for _ in range(3000):
        urn.fill(np.log(p))
        found.append(costs.step(urn, State, random_, words))
    assert_mean([math.exp(e.log_weight) for e in found], float(p[valid].sum()))
    masks = sum(e.n_masks for e in found)
    assert masks == 3000 if mask_cost == 0 else masks < 3000 if mask_cost < math.inf else masks == 0
    assert all(e.n_checks <= mask_cost + 1 or mask_cost == math.inf for e in found)
    if mask_cost <= 1:
        weights = np.exp([e.log_weight for e in found])
        assert weights.var() / weights.mean() ** 2 < 1


def test_nothing_valid():
    urn = Urn(5)
    law = np.log(np.full(5, 0.2))
    for estimator in ESTIMATORS.values():
        found = step(law, [False] * 5, estimator, urn, random.Random(1).random)
        assert found.log_weight == -math.inf
        assert 0 <= found.token < 5
    state = type("State", (), {"has_mask": True, "check": staticmethod(lambda t: False)})
    state.fill_mask = staticmethod(lambda words: words.fill(0))
    urn.fill(law)
    assert hybrid(urn, state, random.Random(1).random, np.zeros(1, np.int32), 2).log_weight == -math.inf


def test_measured_cost():
    """A slow mask is worth many checks, a slow check few; and it is what the run goes by."""

    class State:
        has_mask = has_cheap_mask = True

        def __init__(self, check_seconds, mask_seconds):
            self.check = lambda token: time.sleep(check_seconds) is None
            self.cheap_mask = lambda words: time.sleep(mask_seconds) is None and words.fill(-1) is None

    urn, words = Urn(5), np.zeros(1, np.int32)
    urn.fill(np.log(np.full(5, 0.2)))
    costs = CostModel()
    assert costs.measure(urn, State(0, 0.1), words, range(5)) > 10  # on a busy machine, too
    assert costs.copy().mask_cost == costs.mask_cost
    assert costs.measure(urn, State(0.02, 0), words, range(5)) < 1
    with pytest.raises(ValueError, match="mask_cost"):
        CostModel(-1)
