"""The AWRS estimators over all their paths, in rationals: properly weighted, and as cheap as the formulas say."""

from collections import Counter
from fractions import Fraction as F
from itertools import product

import pytest
from oracle.enumeration import FractionUrn, paths, weight

from gcd.sampling.awrs import coins, geometric, hybrid, recursive, two_loops

LAWS = [
    [F(1)],
    [F(1, 2), F(1, 2)],
    [F(2, 3), F(1, 3)],
    [F(1, 2), F(1, 3), F(1, 6)],
    [F(9, 10), F(1, 20), F(1, 20), F(0)],
    [F(1, 4)] * 4,
    [F(1, 2), F(1, 4), F(1, 8), F(1, 16), F(1, 16)],
]
CASES = [(p, valid) for p in LAWS for valid in product([False, True], repeat=len(p))]
SIX = [F(3, 10), F(1, 4), F(1, 5), F(1, 10), F(1, 10), F(1, 20)]
CASES += [(SIX, valid) for valid in [(True, False) * 3, (False,) * 5 + (True,), (False, True, True) * 2, (False,) * 6]]


def no_random():
    return 0.0


def outcomes(p, valid, step, most_misses=0):
    """(probability, estimate) of every path of a step; no token is asked about twice."""

    def run(choices):
        asked = Counter()

        def check(token):
            asked[token] += 1
            return valid[token]

        estimate = step(FractionUrn(p, choices, most_misses), check)
        assert sum(asked.values()) == estimate.n_checks <= len(p)
        assert max(asked.values(), default=0) <= 1
        return estimate

    found = list(paths(run))
    assert sum(q for q, _ in found) == 1
    return found


def mean_weights(p, valid, found):
    """E[w 1{X = x}] for each token; a weight is positive only with a valid token."""
    means = [F(0)] * len(p)
    for probability, estimate in found:
        if weight(estimate):
            assert valid[estimate.token]
            means[estimate.token] += probability * weight(estimate)
        else:
            assert estimate.token == -1 or not valid[estimate.token]
    return means


def target(p, valid):
    return [q if v else F(0) for q, v in zip(p, valid, strict=True)]


@pytest.mark.parametrize("max_rejects", [None, 1, 2, 3, 5])
def test_recursive_is_properly_weighted(max_rejects):
    for p, valid in CASES:
        found = outcomes(p, valid, lambda urn, check: recursive(urn, check, no_random, max_rejects))
        assert mean_weights(p, valid, found) == target(p, valid), (p, valid)


@pytest.mark.parametrize("max_rejects", [None, 1, 2, 3])
@pytest.mark.parametrize("max_coins", [2, 3, None])
def test_coins_are_properly_weighted(max_rejects, max_coins):
    for p, valid in [case for case in CASES if len(case[0]) <= 4]:

        def step(urn, check):
            if max_coins is None:
                return coins(urn, check, no_random, max_rejects)
            return recursive(urn, check, no_random, max_rejects, max_coins)

        assert mean_weights(p, valid, outcomes(p, valid, step)) == target(p, valid), (p, valid)


def test_two_loops_is_properly_weighted():
    for p, valid in CASES:
        found = outcomes(p, valid, lambda urn, check: two_loops(urn, check, no_random))
        assert mean_weights(p, valid, found) == target(p, valid), (p, valid)


@pytest.mark.parametrize(("max_accepts", "max_rejects"), [(2, 1), (2, 2), (2, 4), (3, 1), (3, 3), (4, 2), (5, 2)])
def test_truncated_geometric_is_properly_weighted(max_accepts, max_rejects):
    for p, valid in [case for case in CASES if len(case[0]) <= 3] + CASES[-3:]:
        if len(p) > 3 and max_rejects + max_accepts > 5:
            continue

        def step(urn, check):
            return geometric(urn, check, no_random, max_rejects, max_accepts)

        found = outcomes(p, valid, step, most_misses=max_rejects)
        assert mean_weights(p, valid, found) == target(p, valid), (p, valid)


def test_geometric_without_a_bound():
    """Sums over all numbers of misses have no end; cut off at 24 they are right to what they left out."""
    for p, valid in [case for case in CASES if len(case[0]) <= 2]:
        most = 24
        found = outcomes(p, valid, lambda urn, check: geometric(urn, check, no_random, None), most)
        lost = sum(q for q, e in found if e.denominator > most)
        assert lost < F(1, 1000)
        for mean, right in zip(mean_weights(p, valid, found), target(p, valid), strict=True):
            assert abs(mean - right) <= lost


class Restricted(FractionUrn):
    def restrict(self, words):
        self.left = {t: q for t, q in self.left.items() if words[t]}


class Masked:
    """A constraint's state with a mask: the whole of it, or one that lets the even tokens through, too."""

    def __init__(self, valid, part):
        self.check = valid.__getitem__
        self.has_mask = not part
        self.valid = valid

    def fill_mask(self, words):
        assert self.has_mask
        words[:] = self.valid

    def cheap_mask(self, words):
        words[:] = [v or not t % 2 for t, v in enumerate(self.valid)]
        return True


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("rejects_before_mask", [0, 1, 2, 4])
def test_hybrid_is_properly_weighted(rejects_before_mask, part):
    for p, valid in CASES:

        def run(choices, p=p, valid=valid):
            state = Masked(valid, part)
            return hybrid(Restricted(p, choices), state, no_random, [False] * len(p), rejects_before_mask, recursive)

        assert mean_weights(p, valid, paths(run)) == target(p, valid), (p, valid)


def test_a_third_loop_would_be_biased():
    """Why Definition 2 isn't generalized: a second extra loop gives 13/24 where 1/2 is right."""

    def three_loops(urn, check):
        rejects, token, share = 0, -1, None
        for _ in range(3):
            while not check(other := urn.draw(0)):
                urn.remove(other)
                rejects += 1
            if token < 0:
                token, share = other, urn.log_share()
        return share * F(2, rejects + 2)

    p, valid = [F(1, 2), F(1, 2)], (True, False)
    mean = sum(q * w for q, w in paths(lambda c: three_loops(FractionUrn(p, c), valid.__getitem__)))
    assert mean == F(13, 24)


def test_expected_checks():
    """B.2: refusals of one loop, of both; never more checks than tokens."""
    for p, valid in CASES:
        z = sum(target(p, valid))
        if not z:
            continue
        invalid = [q for q, v in zip(p, valid, strict=True) if not v and q]
        one = sum(q / (q + z) for q in invalid)
        assert one <= 1 / z - 1
        found = outcomes(p, valid, lambda urn, check: recursive(urn, check, no_random, None))
        # the check after the first accept is one more, unless no token is left for it
        mean = sum(q * e.n_checks for q, e in found)
        assert one + 1 <= mean <= one + 2, (p, valid)
        found = outcomes(p, valid, lambda urn, check: two_loops(urn, check, no_random))
        refused = sum(q * (e.denominator - 1) for q, e in found)
        assert refused == sum(1 - (z / (q + z)) ** 2 for q in invalid)


def test_variances():
    """Neither estimator is always the better one; where little is valid, or one token leads, the recursive one is."""

    def variance(step, p, valid):
        found = outcomes(p, valid, lambda urn, check: step(urn, check, no_random))
        return sum(q * weight(e) ** 2 for q, e in found) - sum(target(p, valid)) ** 2

    flat, one_refused = [F(1, 4)] * 4, (False, True, True, True)
    assert (variance(recursive, flat, one_refused), variance(two_loops, flat, one_refused)) == (F(3, 32), F(21, 256))
    for p, valid in CASES:
        z = sum(target(p, valid))
        if 0 < z <= F(2, 5) or (0 < z < 1 and max(p) >= F(2, 3) and valid[p.index(max(p))]):
            assert variance(recursive, p, valid) <= variance(two_loops, p, valid), (p, valid)
