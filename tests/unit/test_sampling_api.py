"""`gcd.sample`: arguments, reproducibility, and runs that come to nothing."""

import math
import re

import numpy as np
import pytest

import gcd
from gcd.sampling import CostModel, NGramModel, Samples, SamplingWarning, TableModel, predicate, row_seed
from gcd.sampling.meter import kl_estimates
from gcd.sampling.methods import METHODS, method
from gcd.sampling.sample import effective_sample_size, log_mean_exp, log_sum_exp, normalized_weights

VOCAB = gcd.Vocabulary.from_bytes([b"0", b"1", b"01", None], eos_ids=[3])
MODEL = NGramModel.from_texts(["0011", "0101", "01", "10"] * 3, VOCAB, order=3)
GRAMMAR = gcd.compile(gcd.Grammar.from_regex("(01|10)+"), VOCAB)
NEVER = predicate(lambda text: len(text) < 3, lambda text: False, name="never")
OPTIONS = {
    "local": [{}, {"always_mask": True}],
    "awrs": [{}, {"estimator": "geometric", "max_rejects": 5}, {"estimator": "two_loops"}],
    "smc": [{}, {"proposal": "local"}, {"proposal": "model", "ess_threshold": 0}, {"resampler": "multinomial"}],
}
RUNS = [(m, o) for m, several in OPTIONS.items() for o in several]


def same(one, two):
    return [(s.ids, s.log_weight, s.log_p, s.n_checks) for s in one] == [
        (s.ids, s.log_weight, s.log_p, s.n_checks) for s in two
    ]


@pytest.mark.parametrize(("name", "options"), RUNS, ids=str)
def test_result(name, options):
    told = []
    run = gcd.sample(
        MODEL, GRAMMAR, "01", 20, method=name, max_tokens=40, progress=lambda *a: told.append(a), **options
    )
    assert isinstance(run, Samples)
    assert len(run) == 20
    assert run[0] is next(iter(run))
    assert run.method == name
    assert run.seconds >= run.model_seconds > 0
    assert sum(run.weights) == pytest.approx(1)
    assert 0 < run.ess <= 20 + 1e-9
    assert sum(run.posterior().values()) == pytest.approx(1)
    assert told
    assert all(0 < done <= total for done, total, _ in told)
    for s in run:
        if s.finished and s.log_weight > -math.inf:
            assert GRAMMAR.matcher().accept_bytes(s.data)
            assert s.data.decode() == s.text
            state, log_p = MODEL.start(MODEL.encode("01")), 0.0
            for token in s.ids:
                log_p += state.log_probs()[0, token]
                state.advance([token])
            assert s.log_p == pytest.approx(log_p)
            assert s.n_model_calls == len(s.ids)
    if name == "smc":
        assert [step["step"] for step in run.steps] == list(range(len(run.steps)))
        assert run.log_z == pytest.approx(run.steps[-1]["log_mean_weight"])
    else:
        assert sum(s.n_checks for s in run) == run.n_checks
        assert sum(s.n_masks for s in run) == run.n_masks


@pytest.mark.parametrize(("name", "options"), RUNS, ids=str)
def test_same_seed_same_samples(name, options):
    def draw(seed):
        return gcd.sample(MODEL, GRAMMAR, "", 12, method=name, max_tokens=40, seed=seed, **options)

    assert same(draw(5), draw(5))
    assert not same(draw(5), draw(6))


@pytest.mark.filterwarnings("ignore::gcd.sampling.SamplingWarning")
@pytest.mark.parametrize(("name", "options"), [r for r in RUNS if r[0] != "smc"], ids=str)
def test_a_batch_is_its_rows(name, options):
    """Independent draws don't depend on the batch: in one, in several, or alone with the row's own seed."""

    def draw(n, seed, batch):
        return gcd.sample(MODEL, GRAMMAR, "", n, method=name, max_tokens=60, seed=seed, batch=batch, **options)

    whole = draw(9, 7, 9)
    assert same(whole, draw(9, 7, 2))
    seeds = [row_seed(7, i) for i in range(9)]
    assert same(whole, draw(9, seeds, 4))
    for i in range(9):
        assert same([whole[i]], draw(1, [seeds[i]], 1))


@pytest.mark.parametrize("constraint", [NEVER, predicate(lambda text: text == "", lambda text: False)])
@pytest.mark.parametrize(("name", "options"), RUNS, ids=str)
def test_nothing_satisfies(name, options, constraint):
    with pytest.warns(SamplingWarning):
        run = gcd.sample(MODEL, constraint, "", 5, method=name, max_tokens=8, **options)
    assert not any(s.finished for s in run)
    assert run.warnings
    if name != "local":
        assert run.log_z == -math.inf
        assert run.weights == [0.0] * 5
        assert run.posterior() == {}
        assert run.ess == 0.0
        assert any("budget" in w or "no draw satisfied" in w for w in run.warnings)


def test_budget_of_one():
    grammar = gcd.compile(gcd.Grammar.from_regex("(01)?"), VOCAB)
    run = gcd.sample(MODEL, grammar, "", 3, method="smc", max_tokens=1)
    assert [s.text for s in run] == [""] * 3
    assert run.log_z == pytest.approx(MODEL.start().log_probs()[0, 3])


def test_several_end_tokens():
    vocab = gcd.Vocabulary.from_bytes([b"a", None, None], eos_ids=[1, 2])
    model = TableModel({(): [0.5, 0.3, 0.2]}, vocab, default=[0, 0.5, 0.5])
    run = gcd.sample(model, None, n=400, method="awrs", max_tokens=1)
    assert run.log_z == pytest.approx(math.log(0.5))
    assert 0.4 < sum(s.ids == (1,) for s in run) / 400 < 0.8
    assert {s.ids for s in run} == {(1,), (2,)}


def test_a_model_that_fails():
    vocab = gcd.Vocabulary.from_bytes([b"a", None], eos_ids=[1])

    class Broken(TableModel):
        def log_row(self, prefix):
            return np.array([math.nan, 0.0]) if len(prefix) > 2 else super().log_row(prefix)

    broken = Broken(lambda ids: [0.99, 0.01], vocab)
    for name in OPTIONS:
        with pytest.raises(gcd.ModelError, match=r"token 0 is nan") as error:
            gcd.sample(broken, None, n=3, method=name)
        assert "row 0" in error.value.place


def test_a_predicate_that_fails():
    def odd(text):
        if len(text) > 2:
            raise KeyError(text)
        return True

    for name in OPTIONS:
        with pytest.raises(gcd.PredicateError, match="KeyError"):
            gcd.sample(MODEL, predicate(odd, lambda text: False), n=3, method=name)


def test_wrong_vocabulary():
    other = gcd.Vocabulary.from_bytes([b"0", None], eos_ids=[1])
    for name in OPTIONS:
        with pytest.raises(gcd.SamplingError, match="another vocabulary"):
            gcd.sample(TableModel({}, other, default=[0.5, 0.5]), GRAMMAR, method=name)


def test_no_end_token():
    vocab = gcd.Vocabulary.from_bytes([b"a"])
    with pytest.raises(gcd.SamplingError, match="end-of-sequence"):
        gcd.sample(TableModel({}, vocab, default=[1.0]), None)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"n": True}, TypeError, "n must be an int"),
        ({"max_tokens": 0}, ValueError, "max_tokens"),
        ({"max_tokens": 2.5}, TypeError, "max_tokens"),
        ({"batch": 0}, ValueError, "batch"),
        ({"seed": "x"}, TypeError, "seed"),
        ({"seed": [1, 2]}, ValueError, "2 seeds for 1"),
        ({"method": "magic"}, ValueError, "no method 'magic'; there are local"),
        ({"method": "local", "particles": 3}, TypeError, "no option 'particles'"),
        ({"method": "smc", "particles": 0}, ValueError, "particles"),
        ({"method": "smc", "ess_threshold": 2}, ValueError, "ess_threshold"),
        ({"method": "smc", "ess_threshold": math.nan}, ValueError, "ess_threshold"),
        ({"method": "smc", "resampler": "x"}, ValueError, "resampler"),
        ({"method": "smc", "proposal": "x"}, ValueError, "proposal"),
        ({"method": "smc", "critic": lambda text, complete: math.nan}, gcd.SamplingError, "critic says nan"),
        ({"method": "smc", "critic": "grammar"}, TypeError, "a critic is a function"),
        ({"method": "awrs", "cost_model": 3}, TypeError, "cost_model must be"),
        ({"method": "smc", "particles": "many"}, TypeError, "particles must be an int"),
        ({"method": "smc", "ess_threshold": "high"}, TypeError, "not supported|ess_threshold"),
        ({"method": "awrs", "max_rejects": "few"}, TypeError, "max_rejects|not supported"),
        ({"method": "cars", "max_draws": "few"}, TypeError, "max_draws|not supported"),
        ({"method": "mcmc", "n_steps": "few"}, TypeError, "n_steps|not supported"),
        ({"method": "awrs", "estimator": "x"}, ValueError, "estimator"),
        ({"method": "awrs", "max_rejects": 0}, ValueError, "max_rejects"),
        ({"method": "awrs", "estimator": "two_loops", "max_rejects": 3}, ValueError, "no unbiased truncation"),
        ({"method": "awrs", "max_accepts": 3, "estimator": "recursive"}, ValueError, "geometric"),
        ({"method": "awrs", "estimator": "geometric", "cost_model": CostModel()}, ValueError, "cost model"),
        ({"method": "awrs", "estimator": "geometric", "max_accepts": 1}, ValueError, "at least 2"),
        ({"constraint": "a+"}, TypeError, "a constraint is"),
        ({"model": "gpt2"}, TypeError, "a model is"),
        ({"prompt": 3}, TypeError, "int"),
        ({"prompt": [99]}, ValueError, "range"),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", str(value)),  # workers must agree on them
)
def test_bad_arguments(arguments, error, words):
    call = {"model": MODEL, "constraint": GRAMMAR, **arguments}
    with pytest.raises(error, match=words):
        gcd.sample(**call)


@pytest.mark.parametrize("method", ["awrs", "smc"])
def test_a_mask_is_built_where_the_grammar_refuses(method):
    """Not where it agrees; and a predicate beside the grammar is asked about nothing that the grammar refuses."""
    agreed = gcd.sample(MODEL, None, n=30, method=method, max_tokens=40)
    assert agreed.n_masks == 0
    refused = gcd.sample(MODEL, GRAMMAR, n=30, method=method, max_tokens=40, cost_model=CostModel(1))
    assert 0 < refused.n_masks < sum(len(s.ids) for s in refused)
    never = gcd.sample(MODEL, GRAMMAR, n=30, method=method, max_tokens=40, cost_model=CostModel(math.inf))
    assert never.n_masks == 0
    assert never.n_checks > refused.n_checks
    asked = []
    both = [GRAMMAR, predicate(lambda text: asked.append(text) is None)]
    gcd.sample(MODEL, both, n=30, method=method, max_tokens=40)
    assert all(not text or GRAMMAR.matcher().accept_bytes(text.encode()) for text in asked)


def test_every_method_can_be_had():
    for name in METHODS:
        assert callable(method(name))


def test_weights():
    assert log_sum_exp([-math.inf, -math.inf]) == -math.inf
    assert log_sum_exp([]) == -math.inf
    assert log_mean_exp([-2000.0, -2000.0]) == -2000.0
    assert log_mean_exp([math.log(1), math.log(3)]) == pytest.approx(math.log(2))
    with pytest.raises(ValueError, match="nothing"):
        log_mean_exp([])
    assert normalized_weights([-5000, -5000, -math.inf]) == [0.5, 0.5, 0]
    assert effective_sample_size([0.0] * 7) == pytest.approx(7)
    assert effective_sample_size([0.0, -math.inf]) == 1
    assert effective_sample_size([-math.inf]) == 0


def test_kl_estimates():
    assert kl_estimates([-1.0] * 5) == (0, 0)
    assert all(math.isnan(k) for k in kl_estimates([0.0, -math.inf]))
    assert all(math.isnan(k) for k in kl_estimates([]))
    forward, backward = kl_estimates([math.log(0.5), math.log(0.25)])
    assert forward == pytest.approx(math.log(0.375) - (math.log(0.5) + math.log(0.25)) / 2)
    assert backward == pytest.approx((2 * math.log(0.5) + math.log(0.25)) / 3 - math.log(0.375))


def test_meter_warns_where_the_mask_fights_the_model():
    grammar = gcd.compile(gcd.Grammar.from_regex("(11)+"), VOCAB)
    model = TableModel({}, VOCAB, default=[0.9, 0.05, 0, 0.05])
    with pytest.warns(SamplingWarning, match="fights the model: it removes"):
        run = gcd.sample(model, grammar, n=20)
    assert run.extra["removed_mass"] > 0.8
