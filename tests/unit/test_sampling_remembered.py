"""A remembered model is the model: same rows, same samples, never more evaluations; its memory is bounded."""

import random

import numpy as np
import pytest
from oracle.expected_futures import random_world
from oracle.sentence_sets import SentenceSet, table_model

import gcd
from gcd.sampling import LanguageModel, Remembered

WORLD = random_world(0)


@pytest.mark.parametrize("max_bytes", [0, 200, 1 << 20])
def test_same_rows_through_random_moves(max_bytes):
    """200 bytes: six rows of 32; forks, drops and misses in any order."""
    model = Remembered(table_model(WORLD), max_bytes)
    assert isinstance(model, LanguageModel)
    rng = random.Random(0)
    for _ in range(60):
        n = rng.randrange(1, 5)
        plain, kept = table_model(WORLD).start((), n), model.start((), n)
        for _ in range(6):
            if rng.random() < 0.7:
                assert np.array_equal(kept.log_probs(), plain.log_probs())
            if rng.random() < 0.4 and len(plain):
                rows = [rng.randrange(len(plain)) for _ in range(rng.randrange(4))]
                plain.select(rows)
                kept.select(rows)
            assert len(kept) == len(plain)
            tokens = [rng.randrange(3) for _ in range(len(plain))]
            plain.advance(tokens)
            kept.advance(tokens)
        assert kept.n_calls <= plain.n_calls + 1
        assert model._bytes == sum(row.nbytes for row in model._rows.values()) <= max_bytes


@pytest.mark.parametrize("method", ["cars", "weighted", "mcmc"])
def test_same_samples_with_fewer_evaluations(method):
    plain, model = table_model(WORLD), Remembered(table_model(WORLD))
    sentences = SentenceSet(WORLD)
    for seed in range(3):
        expected = gcd.sample(plain, sentences, [], 30, method=method, max_tokens=8, seed=seed)
        found = gcd.sample(model, sentences, [], 30, method=method, max_tokens=8, seed=seed)
        assert [s.ids for s in found] == [s.ids for s in expected]
        assert [s.log_weight for s in found] == [s.log_weight for s in expected]
    assert found.n_model_calls < expected.n_model_calls / 2
    assert model.n_hits > model.n_misses > 0
    assert "hits" in repr(model)


def test_misuse():
    with pytest.raises(ValueError, match="max_bytes"):
        Remembered(table_model(WORLD), -1)
    state = Remembered(table_model(WORLD)).start((), 2)
    with pytest.raises(ValueError, match="1 tokens for 2 rows"):
        state.advance([0])
    with pytest.raises(ValueError, match="range"):
        state.advance([0, 4])
    with pytest.raises(IndexError, match="of 2"):
        state.select([2])
    state.select([])
    assert len(state) == 0
    assert state.log_probs().shape == (0, 4)
