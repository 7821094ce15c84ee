"""The urn: draws by weight, without replacement, down to the last token and to any scale."""

import math
import random

import numpy as np
import pytest

from gcd import ModelError
from gcd._native.urn import Urn

DTYPES = [np.float32, np.float64]


def row(p, dtype=np.float64):
    with np.errstate(divide="ignore"):
        return np.log(np.array(p)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 4095, 4096, 4097, 262_145])
def test_draw_inverts_the_distribution_function(width, dtype):
    rng = np.random.default_rng(width)
    p = rng.random(width) * (rng.random(width) < 0.5)
    p[rng.integers(width)] = 1
    urn = Urn(width)
    urn.fill(row(p / p.sum(), dtype))
    ends = np.cumsum(p / p.sum())
    for u in [0.0, 0.25, 0.5, 0.75, math.nextafter(1, 0), *rng.random(50)]:
        token = urn.draw(u)
        assert p[token] > 0
        assert ends[token] - p[token] / p.sum() - 1e-5 <= u <= ends[token] + 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
def test_everything_comes_out_once(dtype):
    random_ = random.Random(1).random
    urn = Urn(1000)
    p = np.arange(1, 1001) / 500500
    urn.fill(row(p, dtype))
    drawn = []
    while (token := urn.draw(random_())) >= 0:
        left = math.exp(urn.log_share())
        assert left == pytest.approx(1 - sum(p[t] for t in drawn), rel=1e-5, abs=1e-6)
        drawn.append(token)
        urn.remove(token)
    assert sorted(drawn) == list(range(1000))
    assert urn.log_share() == -math.inf
    assert urn.draw(0.5) == -1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", [30, 80, 200, 1000, 1e30])
def test_what_is_left_keeps_its_digits(dtype, gap):
    """After the likely tokens are out, unlikely ones are drawn by their own proportions."""
    if gap > 1e5 and dtype == np.float64:
        gap = 1e5
    rows = np.array([0.0, -gap, -gap + math.log(3) * (gap < 1e5), -3 * gap], dtype)
    urn = Urn(4)
    urn.fill(rows)
    urn.remove(0)
    assert urn.log_share() == pytest.approx(float(np.logaddexp(rows[1], rows[2])), rel=1e-6)
    ratio = math.exp(float(rows[2]) - float(rows[1]))
    split = 1 / (1 + ratio)
    assert [urn.draw(split - 0.01), urn.draw(split + 0.01)] == [1, 2]
    urn.remove(1)
    urn.remove(2)
    assert urn.log_share() == pytest.approx(float(rows[3]), rel=1e-6)
    assert urn.draw(0.99) == 3
    urn.remove(3)
    assert urn.draw(0.0) == -1


def test_unnormalized_logits_and_shares():
    urn = Urn(3)
    urn.fill(np.array([1000.0, 1000.0, 1000.0 + math.log(2)], np.float32))
    assert urn.log_share() == 0
    assert urn.log_share_of(2) == pytest.approx(math.log(0.5), abs=1e-4)
    assert urn.log_mass == pytest.approx(1000 + math.log(4), rel=1e-6)
    urn.remove(2)
    assert urn.log_share() == pytest.approx(math.log(0.5), abs=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_restrict(dtype):
    rng = np.random.default_rng(3)
    for width in (5, 32, 33, 1000):
        p = rng.random(width)
        allowed = rng.random(width) < 0.3
        allowed[0] = True
        words = np.zeros(-(-width // 32), np.int32)
        for t in np.flatnonzero(allowed):
            words.view(np.uint32)[t // 32] |= np.uint32(1 << int(t) % 32)
        urn = Urn(width)
        urn.fill(row(p / p.sum(), dtype))
        urn.restrict(words)
        assert math.exp(urn.log_share()) == pytest.approx(p[allowed].sum() / p.sum(), rel=1e-5)
        assert all(allowed[urn.draw(u)] for u in rng.random(100))
        urn.fill(row(p / p.sum(), dtype))  # everything is back
        assert urn.log_share() == pytest.approx(0, abs=1e-6)


def test_restrict_to_nothing_or_to_little():
    urn = Urn(40)
    rows = np.full(40, -200.0, np.float32)
    rows[0] = 0
    urn.fill(rows)
    words = np.zeros(2, np.int32)
    words[1] = 1 << 5
    urn.restrict(words)
    assert (urn.draw(0.3), urn.log_share()) == (37, pytest.approx(-200))
    urn.restrict(np.zeros(2, np.int32))
    assert (urn.draw(0.3), urn.log_share()) == (-1, -math.inf)


def test_misses_are_geometric():
    urn = Urn(2)
    urn.fill(row([0.75, 0.25]))
    assert urn.misses(0.999) == 0
    urn.remove(0)
    draws = [urn.misses((i + 0.5) / 10_000) for i in range(10_000)]
    assert sum(draws) / len(draws) == pytest.approx(3, rel=0.01)
    assert sum(d == 0 for d in draws) == 2500
    urn.remove(1)
    assert urn.misses(0.5) == 9e15


def test_tiny_success_probability():
    urn = Urn(2)
    urn.fill(np.array([0.0, -60.0]))
    urn.remove(0)
    assert urn.misses(0.5) == 9e15  # bounded
    urn.fill(np.array([0.0, -20.0]))
    urn.remove(0)
    assert urn.misses(1 - math.exp(-1)) == pytest.approx(math.exp(20), rel=1e-6)


@pytest.mark.parametrize(
    ("bad", "words"),
    [([math.nan, 0, 0], "nan"), ([0, math.inf, 0], "token 1"), ([-math.inf] * 3, "probability 0")],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_law(bad, words, dtype):
    urn = Urn(3)
    with pytest.raises(ModelError, match=words):
        urn.fill(np.array(bad, dtype))
    with pytest.raises(ValueError, match="fill it first"):
        urn.draw(0.5)
    urn.fill(np.array([0, -1, -2], dtype))  # still usable
    assert urn.draw(0.0) == 0


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least 1"):
        Urn(0)
    with pytest.raises(TypeError):
        Urn(2.0)
    urn = Urn(2)
    for wrong in (np.zeros(3), np.zeros((1, 2))):
        with pytest.raises((ValueError, TypeError)):
            urn.fill(wrong)
    for wrong in (np.zeros(2, np.float16), [0.0, 0.0], None):
        with pytest.raises(TypeError):
            urn.fill(wrong)
    urn.fill(row([0.5, 0.5]))
    for token in (-1, 2):
        with pytest.raises(IndexError):
            urn.remove(token)
        with pytest.raises(IndexError):
            urn.log_share_of(token)
    for u in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="u must be"):
            urn.draw(u)
        with pytest.raises(ValueError, match="u must be"):
            urn.misses(u)
    urn.remove(0)
    urn.remove(0)
    assert urn.draw(0.0) == 1


def test_strided_rows():
    matrix = np.log(np.array([[0.25, 0.5], [0.75, 0.5]]))
    urn = Urn(2)
    urn.fill(matrix[:, 0])
    assert (urn.draw(0.2), urn.draw(0.3)) == (0, 1)
