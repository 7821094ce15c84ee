"""The trie of bounds and the kernel behind it: sums against NumPy, draws, long paths, tiny numbers, files, misuse."""

import math
import random

import numpy as np
import pytest

from gcd._native.efg_trie import EfgDraw, EfgTrie
from gcd.errors import ArtifactError, ModelError
from gcd.sampling.constraint import pack_mask

WIDTHS = [1, 2, 31, 32, 33, 63, 64, 65, 1000, 1023, 1024, 1025, 8191, 8193, 20_000]


def log_sum(x):
    x = np.asarray(x, dtype=np.float64)
    top = x.max(initial=-np.inf)
    return -math.inf if top == -np.inf else top + math.log(np.exp(x - top).sum())


def fresh(width, eos=None):
    return EfgDraw(EfgTrie(width, [width - 1 if eos is None else eos]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_mass_of_a_row(width, raw, dtype):
    """Few and many columns allowed, scores far apart, minus infinities."""
    rng = np.random.default_rng(width)
    tolerance = 1e-5 if dtype is np.float32 else 1e-11
    for share in (0.0, 0.001, 0.05, 0.5, 0.97, 1.0):
        for spread in (0.1, 3.0, 40.0):
            scores = rng.normal(0, spread, width)
            scores[rng.random(width) < 0.1] = -np.inf
            scores[rng.integers(width)] = 0.0
            if not raw:
                scores -= log_sum(scores)
            scores = scores.astype(dtype)
            allowed = rng.random(width) < share
            draw = fresh(width)
            log_mass = draw.visit(scores, pack_mask(allowed), raw)
            all_ = log_sum(scores) if raw else 0.0
            expected = log_sum(scores[allowed]) - all_
            assert log_mass == pytest.approx(expected, abs=tolerance * max(1, spread))
            if expected > -math.inf:
                token = int(np.flatnonzero(allowed & (scores > -np.inf))[0])
                log_p, log_q = draw.law(scores, token)
                assert log_p == pytest.approx(float(scores[token]) - all_, abs=tolerance * max(1, spread))
                assert log_q == pytest.approx(log_p - expected, abs=tolerance * max(1, spread))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("width", "share"), [(5, 1.0), (70, 0.5), (3000, 0.01), (9500, 0.95)])
def test_draw_is_the_inverse_of_the_cumulated_law(width, share, dtype):
    """Evenly spaced numbers give each token its share, to one draw more or less."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, width).astype(dtype)
    allowed = rng.random(width) < share
    allowed[0] = True
    n = 4000
    counts = np.zeros(width)
    for i in range(n):
        draw = fresh(width)
        draw.visit(scores, pack_mask(allowed), True)
        counts[draw.sample(scores, (i + 0.5) / n)] += 1
    p = np.where(allowed, np.exp(scores.astype(np.float64)), 0)
    assert np.abs(counts - n * p / p.sum()).max() <= 1.01


@pytest.mark.parametrize("uniform", [0.0, 0.5, math.nextafter(1.0, 0.0)])
def test_no_draw_falls_on_what_is_impossible(uniform):
    scores = np.full(5000, -np.inf, dtype=np.float32)
    scores[[1500, 4000]] = 0
    for allowed in ([1500], [4000], [1500, 4000], range(5000)):
        mask = np.zeros(5000, dtype=bool)
        mask[list(allowed)] = True
        draw = fresh(5000)
        assert draw.visit(scores, pack_mask(mask), True) == pytest.approx(
            math.log(len(set(allowed) & {1500, 4000}) / 2)
        )
        assert draw.sample(scores, uniform) in {1500, 4000} & set(allowed)


def test_float32_rows_lose_nothing_far_below():
    """What is allowed lies a factor of 1e-60 below what isn't, and below what is drawn first."""
    scores = np.zeros(64, dtype=np.float32)
    scores[1:] = -138
    mask = np.ones(64, dtype=bool)
    mask[0] = False
    draw = fresh(64)
    assert draw.visit(scores, pack_mask(mask), True) == pytest.approx(-138 + math.log(63), abs=1e-4)
    trie = EfgTrie(64, [63])
    draw = EfgDraw(trie)
    draw.visit(scores, pack_mask(~np.zeros(64, dtype=bool)), True)
    draw.take(scores, 0)
    draw.visit(scores, pack_mask(np.zeros(64, dtype=bool)), True)  # a dead end
    trie.commit(draw)
    assert trie.log_bound() == pytest.approx(-138 + math.log(63), abs=1e-4)


def test_sums_are_the_same_on_every_machine():
    """Whatever vectors it has, and whether it fuses multiplications and additions, but for the rounding of logs."""
    scores = ((np.arange(5000, dtype=np.int64) * 2654435761) % 100_003 / 7000).astype(np.float32)
    for raw, share, expected in ((True, 1, -0.3978157576653274), (False, 2, -0.9538755182469956)):  # dense; gathered
        mask = np.arange(5000) % 3 >= share
        row = scores if raw else scores - np.float32(20)
        assert fresh(5000).visit(row, pack_mask(mask), raw) == pytest.approx(expected, rel=1e-14)


def test_children_and_rest_add_up():
    """The example of the header: after 00000, theta(0) = 1/16 and the root's is 17/32."""
    trie = EfgTrie(3, [2])
    row = np.log([0.5, 0.5, 1e-300])
    end = np.array([-np.inf, -np.inf, 0.0])
    draw = EfgDraw(trie)
    for i in range(6):
        draw.visit(row if i < 5 else end, np.array([3 if i == 0 else 1 if i < 5 else 4], dtype=np.int32))
        draw.take(row if i < 5 else end, 0 if i < 5 else 2)
    assert draw.is_ended
    assert draw.log_p == pytest.approx(5 * math.log(0.5))
    assert draw.log_q == pytest.approx(math.log(0.5))
    assert trie.log_bound() == 0
    assert trie.commit(draw)
    assert math.exp(trie.log_bound()) == pytest.approx(17 / 32)
    assert math.exp(trie.log_bound([0])) == pytest.approx(1 / 16)
    assert math.exp(trie.log_bound([0, 0, 0])) == pytest.approx(1 / 4)
    assert trie.log_bound([1]) == 0
    assert trie.children() == [(0, pytest.approx(math.log(0.5)), pytest.approx(math.log(1 / 16)))]
    assert trie.log_rest() == pytest.approx(math.log(0.5))
    assert trie.children([1]) is trie.log_rest([1]) is None
    assert (trie.n_nodes, trie.n_found) == (6, 1)
    assert trie.log_found == pytest.approx(5 * math.log(0.5))


def chain(trie, n, p, ends=True):
    """Commit n times token 0, of probability `p` each, nothing else allowed; then the end, or nothing more."""
    row = np.array([math.log(p), math.log1p(-p), -np.inf])
    end = np.array([-np.inf, -np.inf, 0.0])
    draw = EfgDraw(trie)
    for _ in range(n):
        draw.visit(row, np.array([1], dtype=np.int32))
        draw.take(row, 0)
    if ends:
        draw.visit(end, np.array([4], dtype=np.int32))
        draw.take(end, 2)
    return trie.commit(draw)


def walk(trie, path):
    """Commit a path and the end. The law is the same everywhere, everything is allowed but a second 1 in a row."""
    row = np.log([0.4, 0.35, 0.25])
    draw = EfgDraw(trie)
    for i, token in enumerate([*path, 2]):
        draw.visit(row, np.array([5 if path[i - 1 : i] == [1] else 7], dtype=np.int32))
        draw.take(row, token)
    return trie.commit(draw)


def wander(trie):
    """Commit what is drawn, whatever the trie says."""
    row = np.log([0.4, 0.35, 0.25])
    draw = EfgDraw(trie)
    for i in range(9):
        if draw.is_ended or draw.visit(row, np.array([7], dtype=np.int32)) == -math.inf:
            break
        assert draw.sample(row, i / 9) in range(3)
    trie.commit(draw)


def some_path(rng, most):
    """Of fewer than `most` tokens, no 1 after a 1."""
    path = []
    for _ in range(rng.randrange(most)):
        path.append(rng.randrange(2) if path[-1:] != [1] else 0)
    return path


def test_depth_10_000():
    """No recursion anywhere: commit, back-up, saving, loading, merging; under 2 KB a prefix."""
    trie = EfgTrie(3, [2])
    assert chain(trie, 10_000, 0.9)
    assert trie.n_nodes == 10_001
    assert trie.log_bound() == pytest.approx(10_000 * math.log(0.9))
    assert trie.log_found == pytest.approx(10_000 * math.log(0.9))
    assert trie.nbytes / trie.n_nodes <= 200
    again = EfgTrie.from_section(trie.section(), 3, [2])
    assert again.log_bound() == pytest.approx(trie.log_bound())
    other = EfgTrie(3, [2])
    chain(other, 6_000, 0.9, ends=False)
    assert other.n_nodes == 6_000
    other.merge(trie)
    assert other.n_nodes == 10_001
    assert not chain(trie, 10_000, 0.9)


def test_bounds_below_the_smallest_float():
    """200 tokens of 1e-4 each: 1e-800 is a bound like any other."""
    trie = EfgTrie(3, [2])
    chain(trie, 200, 1e-4)
    assert trie.log_bound() == pytest.approx(200 * math.log(1e-4))
    draw = EfgDraw(trie)
    row = np.log([1e-4, 1 - 1e-4, 1e-300])
    assert draw.visit(row, np.array([1], dtype=np.int32)) == pytest.approx(200 * math.log(1e-4))
    assert draw.sample(row, 0.999) == 0
    assert draw.log_q == 0


def test_section_round_trip_and_same_bytes():
    rng = random.Random(0)
    trie = EfgTrie(3, [2])
    for _ in range(50):
        walk(trie, some_path(rng, 7))
    again = EfgTrie.from_section(trie.section(), 3, [2])
    assert again.section() == trie.section()
    assert (again.n_nodes, again.n_found) == (trie.n_nodes, trie.n_found)
    assert again.log_bound() == pytest.approx(trie.log_bound(), abs=1e-12)
    assert again.log_found == pytest.approx(trie.log_found, abs=1e-12)
    assert EfgTrie.from_section(EfgTrie(3, [2]).section(), 3, [2]).n_nodes == 0


def test_merge_knows_what_both_know():
    """Against one trie that saw everything; also into an empty one."""
    rng = random.Random(1)
    paths = [some_path(rng, 6) for _ in range(60)]
    parts = [EfgTrie(3, [2]) for _ in range(3)]
    whole = EfgTrie(3, [2])
    for i, path in enumerate(paths):
        walk(parts[i % 3], path)
        walk(whole, path)
    merged = EfgTrie(3, [2])
    for part in parts:
        merged.merge(part)
    merged.merge(merged)
    assert (merged.n_nodes, merged.n_found) == (whole.n_nodes, whole.n_found)
    for path in paths:
        for i in range(len(path) + 1):
            bound = merged.log_bound(path[:i])
            assert whole.log_bound(path[:i]) - 1e-12 <= bound <= whole.log_bound(path[:i]) + 1e-4
    assert merged.log_found == pytest.approx(whole.log_found)


def test_damaged_sections_are_refused_or_tries():
    """Every byte changed in turn, every length: an ArtifactError, or a trie that works."""
    trie = EfgTrie(3, [2])
    for path in ([], [0], [0, 1], [1, 0, 0]):
        walk(trie, path)
    good = trie.section()
    refused = 0
    changed = [good[:n] for n in range(0, len(good), 3)] + [good + bytes(8)]
    for at in range(len(good)):
        for value in (0, 1, 2, 3, 0x7F, 0x80, 0xFF):
            changed.append(good[:at] + bytes([value]) + good[at + 1 :])
    for data in changed:
        try:
            loaded = EfgTrie.from_section(data, 3, [2])
        except ArtifactError:
            refused += 1
            continue
        assert loaded.log_bound() <= 0
        wander(loaded)
        loaded.merge(trie)
        EfgTrie.from_section(loaded.section(), 3, [2])
    assert refused > len(changed) / 3


def test_scores_that_are_none():
    words = np.array([3], dtype=np.int32)
    for bad in (math.nan, math.inf):
        for dtype in (np.float32, np.float64):
            draw = fresh(2)
            with pytest.raises(ModelError, match="NaN" if bad != bad else "plus infinity"):
                draw.visit(np.array([0.0, bad], dtype=dtype), words, True)
            assert draw.tokens == []
            draw.visit(np.array([0.0, 0.0], dtype=dtype), words, True)  # nothing has happened
    draw = fresh(2)
    assert draw.visit(np.array([-np.inf, -np.inf]), words) == -math.inf
    with pytest.raises(ValueError, match="mass is 0"):
        draw.sample(np.array([-np.inf, -np.inf]), 0.5)
    draw = fresh(2)
    assert draw.visit(np.zeros(2), np.zeros(1, dtype=np.int32), True) == -math.inf


def test_misuse():
    trie = EfgTrie(3, [2])
    row, words = np.log(np.full(3, 1 / 3)), np.array([7], dtype=np.int32)
    draw = EfgDraw(trie)
    for call in (lambda: draw.sample(row, 0.5), lambda: draw.take(row, 0), lambda: draw.law(row, 0), draw.bounds):
        with pytest.raises(ValueError, match="visit the position first"):
            call()
    with pytest.raises(ValueError, match="no token was drawn"):
        draw.refuse()
    draw.visit(row, words)
    with pytest.raises(ValueError, match="visited before"):
        draw.visit(row, words)
    with pytest.raises(ValueError, match=r"a row of 2 columns, and it was visited with 3"):
        draw.sample(row[:2].copy(), 0.5)
    with pytest.raises(ValueError, match="no chance"):
        draw.take(row, 77)
    for uniform in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="uniform"):
            draw.sample(row, uniform)
    draw.take(row, 2)
    with pytest.raises(ValueError, match="ended"):
        draw.visit(row, words)
    with pytest.raises(ValueError, match="another trie"):
        EfgTrie(3, [2]).commit(draw)
    trie.commit(draw)
    with pytest.raises(ValueError, match="committed before"):
        trie.commit(draw)
    with pytest.raises(TypeError, match="float32 or float64"):
        EfgDraw(trie).visit(np.zeros(3, dtype=np.float16), words)
    with pytest.raises(TypeError, match="float32 or float64"):
        EfgDraw(trie).visit(np.zeros((1, 3)), words)
    with pytest.raises(TypeError, match="int32"):
        EfgDraw(trie).visit(row, np.array([7], dtype=np.int64))
    with pytest.raises(ValueError, match="range"):
        EfgTrie(3, [3])
    with pytest.raises(ValueError, match="range"):
        trie.log_bound([3])
    with pytest.raises(ValueError, match="can't be merged"):
        trie.merge(EfgTrie(4, [2]))


def test_refused_tokens_are_learned():
    trie = EfgTrie(3, [2])
    row, words = np.log(np.full(3, 1 / 3)), np.array([7], dtype=np.int32)
    draw = EfgDraw(trie)
    draw.visit(row, words)
    draw.take(row, 1)
    draw.refuse()
    assert not trie.commit(draw)
    assert math.exp(trie.log_bound()) == pytest.approx(2 / 3)
    assert trie.log_bound([1]) == -math.inf
    draw = EfgDraw(trie)
    draw.visit(row, words)
    assert draw.law(row, 1) == (pytest.approx(math.log(1 / 3)), -math.inf)
    assert {one_token(trie, row, words, u) for u in (0.0, 0.3, 0.6, 0.99)} == {0, 2}


def one_token(trie, row, words, uniform):
    draw = EfgDraw(trie)
    draw.visit(row, words)
    return draw.sample(row, uniform)
