"""Tries that are kept: laws that differ, saving, loading, merging, damaged files; P(constraint) and its error bars."""

import dataclasses
import doctest
import json
import math
import struct
import sys

import pytest
from oracle.expected_futures import five_bits, random_world
from oracle.sentence_sets import SentenceSet, table_model

import gcd
from gcd._native.trie import checksum
from gcd.errors import ArtifactError, SamplingError
from gcd.sampling import GrammaticalityTrie, SamplingWarning, TableModel, Warped, grammar_probability, predicate
from gcd.sampling.expected_future_grammaticality import Law
from gcd.sampling.grammar_probability import WeightStatistics, estimate_probability

WORLD = five_bits()
MODEL, SENTENCES = table_model(WORLD), SentenceSet(WORLD)


def run(n=50, method="cars", *, model=MODEL, constraint=SENTENCES, prompt=(), max_tokens=8, seed=1, **options):
    return gcd.sample(model, constraint, prompt, n, method=method, max_tokens=max_tokens, seed=seed, **options)


def test_saved_and_loaded_is_the_same(tmp_path):
    """Same bounds, and the same samples after it."""
    trie = run(8).extra["trie"]
    size = trie.save(tmp_path / "bits.efg")
    assert size == (tmp_path / "bits.efg").stat().st_size
    again = GrammaticalityTrie.load(tmp_path / "bits.efg")
    assert again.law == trie.law
    assert again.core.section() == trie.core.section()
    assert trie.save(tmp_path / "again.efg") == size
    assert (tmp_path / "again.efg").read_bytes() == (tmp_path / "bits.efg").read_bytes()
    one, two = run(trie=trie, seed=9), run(trie=again, seed=9)
    assert [s.ids for s in one] == [s.ids for s in two]
    assert "prefixes" in repr(again)


def test_a_file_is_read_and_written_back(tmp_path):
    path = tmp_path / "bits.efg"
    n = run(8, trie=path).extra["trie"].core.n_nodes
    assert GrammaticalityTrie.load(path).core.n_nodes == n
    more = run(60, trie=str(path), method="weighted", seed=2).extra["trie"].core.n_nodes
    assert more > n
    estimate_probability(MODEL, SENTENCES, max_tokens=8, trie=path, tolerance=1e-6)
    assert GrammaticalityTrie.load(path).core.n_nodes >= more
    path.write_bytes(b"nothing")
    with pytest.raises(ArtifactError):
        run(8, trie=path)
    assert path.read_bytes() == b"nothing"


def test_merged_tries_know_what_both_know():
    one, two = run(4, seed=1).extra["trie"], run(4, seed=2).extra["trie"]
    n = one.core.n_nodes, two.core.n_nodes
    one.merge(two)
    assert one.core.n_nodes >= max(n)
    assert one.core.log_bound() <= two.core.log_bound() + 1e-9
    empty = GrammaticalityTrie(3, [2])
    empty.merge(one)
    assert empty.law == one.law
    other = run(4, model=table_model(random_world(0)), constraint=SentenceSet(random_world(0))).extra["trie"]
    with pytest.raises(SamplingError, match="the constraint"):
        one.merge(other)


@pytest.mark.parametrize("method", ["asap", "weighted", "cars"])
def test_a_full_trie_takes_nothing_and_is_said(method, tmp_path):
    trie = GrammaticalityTrie(3, [2], max_bytes=1000)
    assert not trie.is_full
    with pytest.warns(SamplingWarning, match="the trie is full"):
        found = run(200, method, trie=trie, seed=3)
    assert trie.is_full
    assert trie.core.nbytes < 2500
    assert trie.n_left_out > 100
    assert sum(s.finished for s in found) == 200
    before = trie.core.section()
    with pytest.warns(SamplingWarning, match=r"max_bytes=1,000"):
        run(20, method, trie=trie, seed=4)
    assert trie.core.section() == before
    trie.save(tmp_path / "bits.efg")
    read = GrammaticalityTrie.load(tmp_path / "bits.efg", max_bytes=10)
    assert read.is_full
    trie.max_bytes = 1 << 20
    assert not trie.is_full
    run(20, method, trie=trie, seed=4)
    assert trie.core.section() != before
    read.merge(trie)  # what is asked for by name is done
    assert read.core.n_nodes == trie.core.n_nodes


def test_measuring_a_trie_is_rare_and_near_the_limit_exact(monkeypatch):
    trie = GrammaticalityTrie(3, [2], max_bytes=30_000)
    model = TableModel(
        lambda ids: [0.5, 0.5, 0] if len(ids) < 12 else [0, 0, 1],
        gcd.Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2]),
    )
    with pytest.warns(SamplingWarning, match="the trie is full"):
        run(200, "weighted", model=model, constraint=None, trie=trie, max_tokens=13, batch=1)
    assert 30_000 <= trie.core.nbytes < 2 * 30_000  # a table of the trie's own doubles


def test_a_negative_limit():
    with pytest.raises(ValueError, match="max_bytes must be at least 0, not -1"):
        GrammaticalityTrie(3, [2], max_bytes=-1)


def test_other_laws_are_refused_by_name():
    trie = run(4).extra["trie"]
    before = trie.core.section()
    with pytest.raises(SamplingError, match=r"max_tokens \(8, not 9\)"):
        run(trie=trie, max_tokens=9)
    with pytest.raises(SamplingError, match="the constraint"):
        run(trie=trie, constraint=SentenceSet(random_world(1)))
    biased = TableModel(lambda u: [0.6, 0.4, 0] if len(u) < 5 else [0, 0, 1], MODEL.vocab)
    with pytest.raises(SamplingError, match="model's law"):
        run(trie=trie, model=biased)
    coins = TableModel(lambda u: [0.5, 0.5, 0], MODEL.vocab)
    with pytest.raises(SamplingError, match="the prompt"):
        run(trie=trie, model=coins, prompt=[0], method="asap")
    with pytest.raises(SamplingError, match="another vocabulary"):
        run(trie=GrammaticalityTrie(4, [3]))
    with pytest.raises(TypeError, match="GrammaticalityTrie"):
        run(trie=7)
    assert trie.core.section() == before


def test_temperature_is_another_law():
    world = random_world(2)
    model, sentences = table_model(world), SentenceSet(world)
    trie = run(2, model=model, constraint=sentences, method="weighted").extra["trie"]
    run(2, model=model, constraint=sentences, method="weighted", trie=trie)
    with pytest.raises(SamplingError, match="model's law"):
        run(2, model=Warped(model, temperature=0.3), constraint=sentences, method="weighted", trie=trie)


def test_laws_compare_with_a_tolerance():
    law = Law("m", "c", "v", "p", 5, ((1, 0.7), (2, 0.2), (3, 0.05)))
    near = dataclasses.replace(law, first=((1, 0.71), (2, 0.19), (4, 0.055)))
    assert law.differences(law) == law.differences(near) == near.differences(law) == []
    assert law.differences(dataclasses.replace(law, model="")) == []  # nothing is known of its name
    for change in ({"model": "n"}, {"constraint": ""}, {"vocabulary": "w"}, {"prompt": "q"}, {"max_tokens": 6}):
        assert len(law.differences(dataclasses.replace(law, **change))) == 1
    far = dataclasses.replace(law, first=((2, 0.7), (1, 0.2), (3, 0.05)))
    assert "token 1 comes first with 0.7, not 0.2" in law.differences(far)[0]
    assert Law.from_json(law.to_json()) == law


def test_predicates_need_a_fingerprint_to_be_saved(tmp_path):
    some = predicate(lambda text: not text.startswith(b"11"), unit="bytes")
    found = run(4, constraint=some)
    trie = found.extra["trie"]
    run(4, constraint=some, trie=trie)
    with pytest.raises(SamplingError, match="no fingerprint"):
        run(4, constraint=predicate(lambda text: True, unit="bytes"), trie=trie)
    with pytest.raises(SamplingError, match="no fingerprint"):
        trie.save(tmp_path / "x.efg")
    with pytest.raises(SamplingError, match="belongs to no law"):
        GrammaticalityTrie(3, [2]).save(tmp_path / "x.efg")
    assert list(tmp_path.iterdir()) == []


def test_damaged_files(tmp_path):
    path = tmp_path / "bits.efg"
    run(8).extra["trie"].save(path)
    good = path.read_bytes()

    def refused(data):
        path.write_bytes(data)
        with pytest.raises(ArtifactError) as caught:
            GrammaticalityTrie.load(path)
        assert caught.value.place == str(path)
        return caught.value.cause

    for at in range(0, len(good), 7):
        refused(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :])
        refused(good[:at])
    assert "no trie" in refused(b"x" * 100)
    assert "version 9" in refused(good[:12] + b"\x09" + good[13:])
    with pytest.raises(ArtifactError, match="can't be read"):
        GrammaticalityTrie.load(tmp_path / "none.efg")


def sealed(law: bytes, bounds: bytes) -> bytes:
    """A file with right checksums, whatever it holds."""
    order = int.from_bytes(b"\x04\x03\x02\x01", sys.byteorder)
    head = struct.pack("<8sIIQQ", b"gcd\x00efg\n", order, 1, len(law), len(bounds))
    return head + struct.pack("<QQ", checksum(head + law), checksum(bounds)) + law + bytes(-len(law) % 8) + bounds


def test_hostile_files_with_right_checksums(tmp_path):
    path = tmp_path / "hostile.efg"
    trie = run(8).extra["trie"]
    law = {"width": 3, "eos_ids": [2], "law": trie.law.to_json()}
    bounds = trie.core.section()
    path.write_bytes(sealed(json.dumps(law).encode(), bounds))
    assert GrammaticalityTrie.load(path).law == trie.law
    hostile = [
        b"", b"{", b"[]", b"null", b"{}", b"[" * 200_000, b'{"width": 1e999}', b"\xff",
        json.dumps({**law, "width": 0}).encode(),
        json.dumps({**law, "width": 2}).encode(),
        json.dumps({**law, "width": True}).encode(),
        json.dumps({**law, "width": 1 << 40}).encode(),
        json.dumps({**law, "eos_ids": [7]}).encode(),
        json.dumps({**law, "eos_ids": [1]}).encode(),
        json.dumps({**law, "eos_ids": "2"}).encode(),
        json.dumps({**law, "law": None}).encode(),
        json.dumps({**law, "law": {**law["law"], "max_tokens": -1}}).encode(),
        json.dumps({**law, "law": {**law["law"], "first": [[0, math.inf]]}}).encode(),
        json.dumps({**law, "law": {**law["law"], "more": 1}}).encode(),
    ]  # fmt: skip
    for data in hostile:
        path.write_bytes(sealed(data, bounds))
        with pytest.raises(ArtifactError):
            GrammaticalityTrie.load(path)


@pytest.mark.parametrize("method", ["asap", "weighted", "cars", "mcmc"])
def test_what_nothing_satisfies(method):
    """A budget too short for any sentence: proven after a few draws, and said so."""
    with pytest.raises(SamplingError, match="within 3 tokens"):
        run(50, method=method, max_tokens=3)


def test_too_few_draws_is_said():
    with pytest.warns(gcd.sampling.SamplingWarning, match="of 40 samples after 10 draws"):
        found = run(40, max_draws=10, batch=5)
    assert len(found) < 40
    assert all(s.finished for s in found)
    with pytest.raises(ValueError, match="max_draws"):
        run(4, max_draws=0)
    with pytest.raises(ValueError, match="confidence"):
        run(4, confidence=1.0)
    for options in ({"proposal": "best"}, {"n_steps": -1}, {"max_starts": 0}):
        with pytest.raises(ValueError, match=r"proposal|n_steps"):
            run(4, method="mcmc", **options)


def test_same_seed_same_samples_whatever_the_batch_of_chains():
    for method in ("asap", "weighted", "cars", "mcmc"):
        assert [s.ids for s in run(20, method=method, seed=4)] == [s.ids for s in run(20, method=method, seed=4)]
    alone = [run(1, method="mcmc", seed=[gcd.sampling.row_seed(4, row)])[0].ids for row in range(12)]
    assert alone == [s.ids for s in run(12, method="mcmc", seed=4, batch=5)]


def test_probability_of_a_small_language_becomes_certain():
    found = run(100, method="weighted").extra["probability"]
    assert found.estimate == pytest.approx(17 / 32)
    assert found.interval == (pytest.approx(17 / 32), pytest.approx(17 / 32))
    assert found.relative_error == 0
    assert "P(grammar) = 0.5312" in str(found)


def test_estimate_stops_when_it_is_good_enough():
    world = random_world(4, most=7)
    z = float(world.z)
    model, sentences = table_model(world), SentenceSet(world)
    found = estimate_probability(model, sentences, [], max_tokens=10, tolerance=0.2, seed=3)
    assert found.relative_width <= 0.2
    low, high = found.interval
    assert low <= z <= high
    assert math.exp(found.log_found) <= z * (1 + 1e-9)
    assert z <= math.exp(found.log_bound) * (1 + 1e-9)
    few = estimate_probability(model, sentences, [], max_tokens=10, tolerance=1e-9, max_draws=7, seed=3)
    assert few.n_draws == 7
    for bad in ({"tolerance": 0}, {"max_draws": 0}, {"confidence": 0}):
        with pytest.raises(ValueError, match="must be"):
            estimate_probability(model, sentences, [], **bad)


def test_docstrings_example():
    assert doctest.testmod(grammar_probability) == (0, 6)


def test_statistics_at_any_scale():
    """Everything scales with the bound: 1e-300 as well as 1."""
    results = []
    for shift in (0.0, -690.0, -2000.0):
        statistics = WeightStatistics(0.95)
        for i in range(200):
            statistics.add(math.log(0.1 + 0.05 * (i % 3)) + shift if i % 5 else -math.inf, shift - 0.001 * i)
        found = statistics.summary(-math.inf, shift)
        logs = [found.log_estimate, found.log_lower, found.log_upper]
        results.append([*(log - shift for log in logs), found.relative_error])
    assert results[1] == pytest.approx(results[0], abs=1e-9)
    assert results[2] == pytest.approx(results[0], abs=1e-9)
    statistics = WeightStatistics()
    assert statistics.summary(-5.0, 0.0).relative_error == math.inf
    for weight, bound in ((1.0, 0.0), (0.0, math.nan), (0.0, math.inf)):
        with pytest.raises(ValueError, match="bound"):
            statistics.add(weight, bound)
    with pytest.raises(ValueError, match="confidence"):
        WeightStatistics(0.0)
