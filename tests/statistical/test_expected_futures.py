"""ASAp, weighted ASAp, CARS and MCMC against exact laws in rationals, on the paper's example and on random worlds."""

import math
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from oracle.expected_futures import World, distance, five_bits, random_world
from oracle.sentence_sets import SentenceSet, table_model
from statistical.bounds import assert_law

import gcd
from gcd._native.efg_trie import EfgDraw, EfgTrie
from gcd.sampling.grammar_probability import WeightStatistics
from gcd.sampling.methods import Task
from gcd.sampling.trie_draws import TrieDraws

pytestmark = pytest.mark.statistical  # at level 1e-4 each; seeds are fixed


def drawn(world: World, method: str, n: int, **options):
    model, sentences = table_model(world), SentenceSet(world)
    return gcd.sample(model, sentences, [], n, method=method, max_tokens=8, **options)


WORLDS = [five_bits(), *(random_world(seed) for seed in range(6))]
NAMES = ["five bits", *(f"world {seed}" for seed in range(6))]


def test_oracle_knows_the_example():
    world = five_bits()
    assert world.z == Fraction(17, 32)
    assert world.target()[(0, 0, 0, 0, 0, 2)] == Fraction(1, 17)
    local = {s: world.local_probability(s) for s in world.sentences}
    assert distance(local, world.target()) == Fraction(15, 34)
    assert world.bound((0,), world.after(frozenset(), (0, 0, 0, 0, 0, 2))) == Fraction(1, 16)


def test_oracles_asap_has_the_distance_that_the_paper_implies():
    world = five_bits()
    for k, law in enumerate(world.asap_laws(4), 1):
        assert distance(law, world.target()) == Fraction(15, 34) / 2 ** (k - 1)


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_native_laws_are_the_oracles(world):
    """Every law along random draws, interleaved rows included: q, N, bounds, the root's bound, the mass found."""
    rng = random.Random(1)
    width, words = len(world.row(())), SentenceSet(world).words
    for _ in range(20):
        trie, visited, found = EfgTrie(width, [width - 1]), frozenset(), set()
        rows = []
        for _ in range(40):
            if len(rows) < 3 and rng.random() < 0.6:
                rows.append((EfgDraw(trie), [], [True]))
            if not rows:
                continue
            at = rng.randrange(len(rows))
            path, ids, on = rows[at]
            u = tuple(ids)
            row = np.array([math.log(p) if p else -math.inf for p in world.row(u)])
            on[0] = on[0] and u in visited  # once off the trie a row stays off, whatever others commit there
            law, total = world.law(u, visited if on[0] else frozenset())
            log_mass = path.visit(row, words(u))
            assert math.exp(log_mass) == pytest.approx(float(total), abs=1e-12)
            if not total:
                ends = True
            else:
                for token, share in enumerate(law):
                    assert math.exp(path.law(row, token)[1]) == pytest.approx(float(share), abs=1e-12)
                token = rng.choices(range(width), [float(q) for q in law])[0]
                path.take(row, token)
                ids.append(token)
                ends = path.is_ended
            if ends:
                new = trie.commit(path)
                rows.pop(at)
                assert new == (tuple(ids) in world.sentences and tuple(ids) not in found)
                if tuple(ids) in world.sentences:
                    found.add(tuple(ids))
                visited = world.after(visited, tuple(ids))
                bound = world.bound((), visited)
                assert math.exp(trie.log_bound()) == pytest.approx(float(bound), abs=1e-12)
                assert bound >= world.z
                for u in visited:
                    assert math.exp(trie.log_bound(u)) == pytest.approx(float(world.bound(u, visited)), abs=1e-12)
                mass = float(sum(map(world.probability, found)))
                assert math.exp(trie.log_found) == pytest.approx(mass, rel=1e-12)
                assert trie.n_found == len(found)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_law_of_the_kth_asap_draw(k):
    """The paper's example, one row at a time: half as far from the target with each draw."""
    world = five_bits()
    n = 2500
    model, sentences = table_model(world), SentenceSet(world)
    kth = Counter()
    for seed in range(n):
        draws = gcd.sample(model, sentences, [], k, method="asap", max_tokens=8, seed=seed, batch=1)
        kth[draws[k - 1].ids] += 1
    assert_law(kth, list(world.asap_laws(k))[-1])


@pytest.mark.parametrize(("world", "batch"), [(WORLDS[0], 1), (WORLDS[1], 1), (WORLDS[2], 3), (WORLDS[4], 3)])
def test_weights_are_unbiased_from_the_first_draw_on(world, batch):
    """E[w 1{x}] = P(x) for each draw, within 4.9 standard errors (1e-6 each: they are many)."""
    n, k = 1500, 4
    model, sentences = table_model(world), SentenceSet(world)
    weights = [[] for _ in range(k)]
    of_one = [[] for _ in range(k)]
    likeliest = max(world.sentences, key=world.probability)
    for seed in range(n):
        draws = gcd.sample(model, sentences, [], k, method="weighted", max_tokens=8, seed=seed, batch=batch)
        for i, draw in enumerate(draws):
            weights[i].append(math.exp(draw.log_weight))
            of_one[i].append(math.exp(draw.log_weight) if draw.ids == likeliest else 0.0)
            assert draw.finished == (draw.log_weight > -math.inf) == (draw.ids in world.sentences)
            if draw.finished:
                assert math.exp(draw.log_p) == pytest.approx(float(world.probability(draw.ids)), rel=1e-9)
                assert draw.log_weight == pytest.approx(draw.log_p - draw.log_q, abs=1e-12)
    for values, expected in [(w, world.z) for w in weights] + [(w, world.probability(likeliest)) for w in of_one]:
        error = np.std(values, ddof=1) / math.sqrt(n)
        assert abs(np.mean(values) - float(expected)) <= 4.9 * error + 1e-12


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("world", WORLDS[:3], ids=NAMES[:3])
def test_cars_is_exact_from_the_first_sample_on(world, batch):
    n, k = 1200, 3
    model, sentences = table_model(world), SentenceSet(world)
    counts = [Counter() for _ in range(k)]
    for seed in range(n):
        run = gcd.sample(model, sentences, [], k, method="cars", max_tokens=8, seed=seed, batch=batch)
        for count, sample in zip(counts, run, strict=True):
            count[sample.ids] += 1
    for count in counts:
        assert_law(count, world.target())
    kind = {ids: i % 3 for i, ids in enumerate(sorted(world.sentences))}
    pairs, law = Counter(), Counter()  # of kinds: the first two are independent
    for seed in range(n):
        run = gcd.sample(model, sentences, [], 2, method="cars", max_tokens=8, seed=n + seed, batch=batch)
        pairs[kind[run[0].ids], kind[run[1].ids]] += 1
    for a, p in world.target().items():
        for b, q in world.target().items():
            law[kind[a], kind[b]] += p * q
    assert_law(pairs, law)


def test_cars_tries_have_the_published_law():
    """Accepted or not, and where it stopped: the coin is the same as drawing unmasked."""
    world = random_world(3)
    n = 4000
    model, sentences = table_model(world), SentenceSet(world)
    law = Counter()
    for ids, accepted, q in world.tries(frozenset()):
        law[ids, accepted] += q
    assert sum(law.values()) == 1
    seen = Counter()
    for seed in range(n):
        (draw,) = TrieDraws(Task(model, sentences, (), 1, 8, seed=seed)).batch(1, reject=True)
        seen[tuple(draw.path.tokens), draw.finish == "eos"] += 1
    assert_law(seen, law)


def test_acceptance_rises_and_the_root_finds_z():
    world = five_bits()
    run = drawn(world, "cars", 600, seed=5)
    trie = run.extra["trie"].core
    assert math.exp(trie.log_bound()) == pytest.approx(17 / 32, rel=1e-12)
    assert math.exp(trie.log_found) == pytest.approx(17 / 32, rel=1e-12)
    again = drawn(world, "cars", 600, seed=6, trie=run.extra["trie"])
    assert again.extra["acceptance"] == 1.0
    assert_law(Counter(s.ids for s in again), world.target())


@pytest.mark.parametrize("proposal", ["restart", "prefix", "priority"])
@pytest.mark.parametrize(("world", "n_steps"), [(five_bits(), 2), (random_world(0), 3), (random_world(5), 1)])
def test_law_of_a_chain_after_some_steps(world, n_steps, proposal):
    law = chain_law(world, n_steps, proposal)
    n = 3000
    run = drawn(world, "mcmc", n, proposal=proposal, n_steps=n_steps, batch=500, seed=2)
    assert_law(Counter(s.ids for s in run), law)


def chain_law(world: World, n_steps: int, proposal: str) -> dict:
    """The law of a chain after some steps, by its transition matrix (in floats: entropies are none of fractions)."""
    sentences = sorted(s for s in world.sentences if world.probability(s))
    p = [float(world.probability(s)) for s in sentences]

    def shares(s):
        if proposal == "restart":
            return [1.0] + [0.0] * (len(s) - 1)
        if proposal == "prefix":
            return [1 / len(s)] * len(s)
        entropies = []
        for i in range(len(s)):
            entropies.append(-sum(float(q) * math.log(q) for q in world.local(s[:i]) if q))
        return [e / sum(entropies) for e in entropies] if sum(entropies) > 0 else [1 / len(s)] * len(s)

    def proposes(s, t):
        return sum(share * float(world.local_probability(t, i)) for i, share in enumerate(shares(s)) if s[:i] == t[:i])

    q = [[proposes(s, t) for t in sentences] for s in sentences]
    n = len(sentences)
    moves = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j and q[i][j]:
                moves[i, j] = q[i][j] * min(1.0, p[j] * q[j][i] / (p[i] * q[i][j]))
        moves[i, i] = 1 - moves[i].sum()
    target = np.array(p) / sum(p)
    assert np.allclose(target @ moves, target)
    law = np.array([float(world.local_probability(s)) for s in sentences])
    law /= law.sum()  # the first sentence is drawn again until there is one
    return dict(zip(sentences, law @ np.linalg.matrix_power(moves, n_steps), strict=True))


@pytest.mark.parametrize("max_bytes", [0, 600])
@pytest.mark.parametrize("world", WORLDS[:3], ids=NAMES[:3])
@pytest.mark.filterwarnings("ignore:the trie is full")
def test_full_tries_keep_the_laws(world, max_bytes):
    """Weights unbiased and CARS exact, however little the trie may hold."""
    width = len(world.row(()))
    trie = gcd.sampling.GrammaticalityTrie(width, [width - 1], max_bytes=max_bytes)
    run = drawn(world, "cars", 3000, seed=5, trie=trie)
    assert trie.n_left_out > 100
    assert_law(Counter(s.ids for s in run), {s: float(p) for s, p in world.target().items()})
    trie = gcd.sampling.GrammaticalityTrie(width, [width - 1], max_bytes=max_bytes)
    run = drawn(world, "weighted", 3000, seed=6, trie=trie)
    weights = np.exp([s.log_weight for s in run])
    assert abs(weights.mean() - float(world.z)) <= 4 * weights.std(ddof=1) / math.sqrt(len(run)) + 1e-12


def test_predicates_without_masks_keep_the_laws():
    world = random_world(1)
    model = table_model(world)
    blind = SentenceSet(world, has_mask=False)
    n = 1500
    run = gcd.sample(model, blind, [], n, method="cars", max_tokens=8, seed=3)
    assert_law(Counter(s.ids for s in run), world.target())
    run = gcd.sample(model, blind, [], n, method="weighted", max_tokens=8, seed=3)
    weights = [math.exp(s.log_weight) for s in run]
    assert abs(np.mean(weights) - float(world.z)) <= 4 * np.std(weights) / math.sqrt(n) + 1e-9
    assert {s.finish for s in run} >= {"eos", "dead"}


def test_confidence_sequence_covers():
    """At all times at once: over 400 runs of 60 draws, the interval may leave Z out in no more than 10 % and chance."""
    world = random_world(4)
    z, misses = float(world.z), 0
    assert 0.01 < z < 0.9
    for seed in range(400):
        run = drawn(world, "weighted", 60, seed=seed, batch=1)
        statistics = WeightStatistics(0.9)
        outside = False
        for sample in run:
            statistics.add(sample.log_weight, 0.0)
            low, high = statistics.summary(-math.inf, 0.0).interval  # without the certain bounds
            outside |= not low <= z <= high
        misses += outside
    assert misses <= 0.1 * 400 + 3.72 * math.sqrt(400 * 0.1 * 0.9)
