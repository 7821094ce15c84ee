"""Samplers against exact laws: random toy models, enumerated in fractions beside them."""

import math
import random
import re
from collections import Counter

import pytest
from oracle.toy_law import ToyLaw
from statistical.bounds import assert_law, assert_mean

import gcd
from gcd.sampling import CostModel, TableModel, Task, predicate
from gcd.sampling.local import sample_local
from gcd.sampling.resampling import RESAMPLERS
from gcd.sampling.smc import sample_awrs, sample_smc

pytestmark = pytest.mark.statistical


def world(seed, **sizes):
    """A toy law, and the model and the constraint for it."""
    law = ToyLaw(seed, **sizes)
    names = [bytes([97 + i]) for i in range(law.symbols)]
    vocab = gcd.Vocabulary.from_bytes([*names, None], eos_ids=[law.end])
    model = TableModel(law.table, vocab)
    return law, model, predicate(law.viable, law.complete, unit="ids")


def grammar_of(law, model):
    texts = ["".join("abcdef"[s] for s in text) for text in sorted(law.wanted)]
    assert all(texts)
    return gcd.sampling.GrammarConstraint(gcd.compile(gcd.Grammar.from_choices(texts), model.vocab))


def task(model, constraint, n, seed=0, max_tokens=10):
    return Task(model, constraint, (), n, max_tokens, seed, batch=10_000)


def symbols(sample, law):
    assert sample.ids[-1] == law.end
    return sample.ids[:-1]


@pytest.mark.parametrize("ess_threshold", [0, 0.5, 1])
@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_marginal_likelihood_is_unbiased(resampler, ess_threshold):
    """E[exp(log-ML)] = Z for few particles, and the weighted share of each text is its own probability."""
    law, model, constraint = world(11, depth=3)
    ratios, shares = [], []
    favourite = max(law.wanted, key=law.p)
    for seed in range(700):
        run = sample_smc(task(model, constraint, 2 + seed % 3, seed), resampler=resampler, ess_threshold=ess_threshold)
        ratios.append(math.exp(run.log_z))
        shares.append(
            math.fsum(
                math.exp(s.log_weight) for s in run if s.finished and symbols(s, law) == favourite
            ) / len(run)
        )  # fmt: skip
    assert_mean(ratios, float(law.z()))
    assert_mean(shares, float(law.p(favourite)))


@pytest.mark.parametrize(
    "options",
    [
        {"proposal": "local"},
        {"proposal": "model"},
        {"estimator": "two_loops"},
        {"estimator": "geometric", "max_rejects": 3},
        {"max_rejects": 2},
        {"cost_model": CostModel(math.inf)},
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", str(value)),  # workers must agree on them
)
def test_every_proposal_is_unbiased(options):
    law, model, constraint = world(12, depth=3)
    runs = [sample_smc(task(model, constraint, 3, seed), **options) for seed in range(700)]
    assert_mean([math.exp(r.log_z) for r in runs], float(law.z()))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", ["awrs", "smc"])
def test_random_worlds(seed, method):
    """Many particles: the posterior is the target, for a predicate, a grammar, and both together."""
    law, model, constraint = world(seed)
    constraints = (
        [constraint, constraint * grammar_of(law, model), grammar_of(law, model)]
        if () not in law.wanted
        else [constraint]
    )
    target = {t: float(p) for t, p in law.target().items()}
    for chosen in constraints:
        n = 2000
        if method == "awrs":
            run = sample_awrs(task(model, chosen, n, seed))
            weights = [math.exp(s.log_weight) for s in run]
            assert_mean(weights, float(law.z()))
            for text in sorted(target, key=target.get)[-3:]:
                hits = [w * (s.finished and symbols(s, law) == text) for s, w in zip(run, weights, strict=True)]
                assert_mean(hits, float(law.p(text)))
        else:
            run = sample_smc(task(model, chosen, n, seed), ess_threshold=0.9)
            found = Counter()
            for s, w in zip(run, run.weights, strict=True):
                found[symbols(s, law) if s.finished else None] += w
            distance = sum(abs(found[t] - p) for t, p in target.items()) / 2
            assert distance < 4 * math.sqrt(len(target) / n)
            assert math.exp(run.log_z) == pytest.approx(float(law.z()), rel=0.2)


def test_posterior_comes_closer_with_more_particles():
    law, model, constraint = world(21)
    target = {t: float(p) for t, p in law.target().items()}

    def distance(n):
        total = 0.0
        for seed in range(2000 // n):
            run = sample_smc(task(model, constraint, n, seed))
            found = Counter()
            for s, w in zip(run, run.weights, strict=True):
                found[symbols(s, law) if s.finished else None] += w
            total += sum(abs(found[t] - p) for t, p in target.items()) / 2
        return total / (2000 // n)

    few, some, many = distance(5), distance(50), distance(1000)
    assert few > 2 * some > 4 * many


@pytest.mark.parametrize("most", [1, 2, 3])
def test_forced_end_gives_the_law_of_short_texts(most):
    """max_tokens counts the end, so the target is the law of texts with fewer symbols."""
    law, model, constraint = world(31, wanted=0.7)
    law.wanted |= {(), (0,)}
    law.beginnings |= {(), (0,)}
    runs = [sample_smc(task(model, constraint, 4, seed, max_tokens=most)) for seed in range(600)]
    assert_mean([math.exp(r.log_z) for r in runs], float(law.z(most - 1)))
    assert all(len(s.ids) <= most and (s.finished or s.log_weight == -math.inf) for r in runs for s in r)
    run = sample_awrs(task(model, constraint, 4000, 5, max_tokens=most))
    for text, p in law.target(most - 1).items():
        hits = [math.exp(s.log_weight) * (s.finished and symbols(s, law) == text) for s in run]
        assert_mean(hits, float(p * law.z(most - 1)))


@pytest.mark.parametrize("twisted", [False, True])
def test_critic(twisted):
    """A critic on prefixes is a hint and changes no mean; on whole texts it is a factor of the target."""
    law, model, constraint = world(41, depth=3)

    def value(ids):
        return 1 + ids.count("a") + 2 * len(ids)

    def critic(text, complete):
        if text.startswith("ca"):
            return -math.inf
        return math.log(value(text)) if complete or twisted else 0.0

    texts = {t: "".join("abc"[s] for s in t) for t in law.wanted}
    z = sum(law.p(t) * value(x) for t, x in texts.items() if not x.startswith("ca"))
    runs = [sample_smc(task(model, constraint, 4, seed), critic=critic, ess_threshold=0.9) for seed in range(900)]
    assert_mean([math.exp(r.log_z) for r in runs], float(z))
    assert not any(s.finished and s.text.startswith("ca") and s.log_weight > -math.inf for r in runs for s in r)


def test_a_constraint_as_critic():
    law, model, constraint = world(42, depth=3)
    runs = [
        sample_smc(task(model, gcd.sampling.NoConstraint(), 4, seed), critic=constraint, proposal="model")
        for seed in range(900)
    ]
    assert_mean([math.exp(r.log_z) for r in runs], float(law.z()))


@pytest.mark.parametrize("always_mask", [False, True])
@pytest.mark.parametrize("grammar", [False, True])
def test_local_draws_the_masked_law(always_mask, grammar):
    law, model, constraint = world(4)
    assert () not in law.wanted
    if grammar:
        constraint = grammar_of(law, model)
    run = sample_local(task(model, constraint, 4000, 1), always_mask=always_mask)
    counts = Counter(symbols(s, law) for s in run)
    masked = {t: float(p) for t, p in law.masked().items()}
    assert_law(counts, masked)
    if always_mask:
        assert_mean([math.exp(s.log_weight) for s in run], float(law.z()))
        for s in run[:50]:
            assert s.log_q == pytest.approx(math.log(masked[symbols(s, law)]))
            assert s.log_weight == pytest.approx(s.log_p - s.log_q)
        target = {t: float(p) for t, p in law.target().items()}
        kl = sum(q * math.log(q / target[t]) for t, q in masked.items())
        assert run.extra["kl_drawn_target"] == pytest.approx(kl, rel=0.2)
        kl = sum(p * math.log(p / masked[t]) for t, p in target.items())
        assert run.extra["kl_target_drawn"] == pytest.approx(kl, rel=0.2)
    else:
        assert run.n_masks < run.extra["n_steps"]


def test_five_bits():
    """The example of the ASAp paper: masking gives 00000 half of the time, the target a seventeenth of it."""
    vocab = gcd.Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2])
    model = TableModel(lambda ids: [0.5, 0.5, 0] if len(ids) < 5 else [0, 0, 1], vocab)
    grammar = gcd.sampling.GrammarConstraint(gcd.compile(gcd.Grammar.from_regex("00000|1[01]{4}"), vocab))
    run = sample_local(task(model, grammar, 4000), always_mask=True)
    assert_mean([s.text == "00000" for s in run], 0.5)
    assert run.extra["kl_drawn_target"] == pytest.approx(0.75377, abs=0.02)
    run = sample_awrs(task(model, grammar, 4000))
    assert_mean([math.exp(s.log_weight) for s in run], 17 / 32)
    assert_mean([math.exp(s.log_weight) * (s.text == "00000") for s in run], 1 / 32)


@pytest.mark.parametrize("name", RESAMPLERS)
def test_resamplers(name):
    """N w_i descendants on average, none for weight 0, N in all, in order."""
    random_ = random.Random(name).random
    for weights in ([1.0], [0.0, 1.0, 0.0], [0.1, 0.0, 0.35, 0.25, 0.3], [1 / 3, 1 / 3, 1 / 3]):
        n = len(weights)
        counts = [[] for _ in weights]
        for _ in range(3000):
            ancestors = RESAMPLERS[name](weights, random_)
            assert len(ancestors) == n
            assert ancestors == sorted(ancestors)
            for i in range(n):
                counts[i].append(ancestors.count(i))
        for i, w in enumerate(weights):
            if w in (0.0, 1.0):
                assert set(counts[i]) == {n * w}
            elif len(set(counts[i])) > 1:
                assert_mean(counts[i], n * w)
            else:
                assert counts[i][0] == pytest.approx(n * w)
            if name in ("systematic", "residual"):
                assert min(counts[i]) >= math.floor(n * w - 1e-9)
            if name == "systematic":
                assert max(counts[i]) <= math.ceil(n * w + 1e-9)
