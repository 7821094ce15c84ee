"""Models as the samplers see them: the protocol's laws, for each implementation."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gcd import ModelError, Vocabulary
from gcd.sampling import LanguageModel, NGramModel, TableModel, Warped
from gcd.sampling.language_model import prompt_ids
from gcd.sampling.table_model import encode_greedily

VOCAB = Vocabulary.from_bytes([b"a", b"b", b"ab", None, None], eos_ids=[3])
TEXTS = ["ab", "abab", "ba", "aab", ""]


def table():
    rows = {(): [0.5, 0.25, 0.125, 0.125, 0]}
    return TableModel(rows, VOCAB, default=[0.1, 0.2, 0.3, 0.4, 0])


MODELS = {
    "table": table,
    "function": lambda: TableModel(lambda ids: [0.5, 0.5, 0, 0, 0] if len(ids) < 2 else [0, 0, 0, 1, 0], VOCAB),
    "3-gram": lambda: NGramModel.from_texts(TEXTS, VOCAB),
    "1-gram": lambda: NGramModel.from_texts(TEXTS, VOCAB, order=1),
    "warped": lambda: Warped(NGramModel.from_texts(TEXTS, VOCAB), temperature=0.7, top_k=3, top_p=0.95),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def test_protocol(model):
    assert isinstance(model, LanguageModel)
    state = model.start(model.encode("a"), 3)
    assert len(state) == 3
    rows = state.log_probs()
    assert rows.shape == (3, 5)
    assert rows.dtype in (np.float32, np.float64)
    assert np.exp(rows).sum(axis=1) == pytest.approx([1, 1, 1])
    assert (rows[0] == rows[1]).all()
    assert state.log_probs() is rows
    assert (state.n_calls, state.n_rows) == (1, 1)


def test_rows_depend_on_their_own_prefix_only(model):
    state = model.start(n=3)
    state.advance([0, 1, 0])
    state.select([1, 2, 1, 0])
    state.advance([0, 1, 1, 1])
    assert len(state) == 4
    for row, prefix in zip(state.log_probs(), [(1, 0), (0, 1), (1, 1), (0, 1)], strict=True):
        alone = model.start(prefix)
        assert (alone.log_probs()[0] == row).all()
    state.select([])
    assert len(state) == 0
    assert state.log_probs().shape == (0, 5)
    state.advance([])


def test_select_after_log_probs(model):
    state = model.start(n=2)
    state.advance([0, 1])
    before = state.log_probs().copy()
    state.select([1, 1, 0])
    assert (state.log_probs() == before[[1, 1, 0]]).all()


def test_bad_calls(model):
    state = model.start(n=2)
    with pytest.raises(ValueError, match="1 tokens for 2 rows"):
        state.advance([0])
    for token in (-1, 5):
        with pytest.raises(ValueError, match="range"):
            state.advance([0, token])
    for row in (-1, 2):
        with pytest.raises(IndexError):
            state.select([row])
    with pytest.raises(ValueError, match="at least 0"):
        model.start(n=-1)


def test_prompt_ids():
    model = table()
    assert prompt_ids(model, "abb") == (2, 1)
    assert prompt_ids(model, np.array([0, 1])) == (0, 1)
    for bad in ([0.5], [True], ["a"]):
        with pytest.raises(TypeError, match="token ids"):
            prompt_ids(model, bad)
    with pytest.raises(ValueError, match=r"range\(5\)"):
        prompt_ids(model, [5])
    with pytest.raises(ModelError, match="no token begins with b'x'"):
        prompt_ids(model, "abx")


def test_encode_greedily_takes_the_lowest_of_equals():
    vocab = Vocabulary.from_bytes([b"a", b"aa", b"a", b"aa"], eos_ids=[])
    assert encode_greedily(vocab, b"aaa") == [1, 0]


class TestTable:
    def test_fractions_keep_what_floats_lose(self):
        tiny = Fraction(1, 10**400)
        model = TableModel({(): [1 - tiny, tiny, 0, 0, 0]}, VOCAB)
        assert model.start().log_probs()[0, 1] == pytest.approx(-400 * math.log(10))

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ([1, 0], "2 entries"),
            ([0.5, 0.4, 0, 0, 0], "adds up"),
            ([2, -1, 0, 0, 0], "no prob"),
            ([math.nan] * 5, "no"),
        ],
    )
    def test_rows_are_checked(self, row, words):
        with pytest.raises(ValueError, match=words):
            TableModel({(): row}, VOCAB)
        with pytest.raises(ValueError, match=words):
            TableModel({}, VOCAB, default=row)
        with pytest.raises(ValueError, match=words):
            TableModel(lambda ids: row, VOCAB).start().log_probs()

    def test_missing_prefix(self):
        state = TableModel({(): [0.5, 0.5, 0, 0, 0]}, VOCAB).start()
        state.advance([0])
        with pytest.raises(ModelError, match=r"no row for the prefix \(0,\)"):
            state.log_probs()


class TestNGram:
    def test_by_hand(self):
        """The example of the docstring: interpolated Kneser-Ney on paper."""
        vocab = Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2])
        model = NGramModel.from_texts(["ab", "abab"], vocab, order=2)
        lower = [1.5 / 4 + 0.5 * 3 / 4 / 3, 0.5 / 4 + 0.125, 0.5 / 4 + 0.125]
        right = [0.2 / 3 * q + (2.8 / 3 if t == 1 else 0) for t, q in enumerate(lower)]
        assert np.exp(model.start([0]).log_probs()[0]) == pytest.approx(right)

    @pytest.mark.parametrize("order", [1, 2, 3, 5])
    def test_normalized_and_positive_everywhere(self, order):
        model = NGramModel.from_texts(TEXTS, VOCAB, order=order)
        for prompt in ("", "a", "bbbb", "abababab"):
            p = np.exp(model.start(model.encode(prompt)).log_probs()[0])
            assert p.sum() == pytest.approx(1)
            assert (p[:4] > 0).all()
            assert p[4] == 0  # a hole

    def test_learns(self):
        model = NGramModel.from_texts(["abb"] * 20, Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2]))
        assert np.exp(model.start([0, 1]).log_probs()[0, 1]) > 0.9

    def test_many_contexts_stay_bounded_and_right(self):
        model = NGramModel.from_texts(["".join("ab"[i >> k & 1] for k in range(9)) for i in range(512)], VOCAB, 9)
        first = model.start([0] * 8).log_probs()[0].copy()
        for i in range(400):
            model.start([i >> k & 1 for k in range(9)]).log_probs()
        assert (model.start([0] * 8).log_probs()[0] == first).all()

    def test_refusals(self):
        with pytest.raises(ModelError, match="no text"):
            NGramModel.from_texts([], VOCAB)
        with pytest.raises(ModelError, match="end-of-sequence"):
            NGramModel.from_texts(["a"], Vocabulary.from_bytes([b"a"]))
        with pytest.raises(ValueError, match="order"):
            NGramModel.from_texts(["a"], VOCAB, order=0)
        with pytest.raises(ValueError, match="range"):
            NGramModel([[9]], VOCAB)


class TestWarped:
    P = (0.5, 0.25, 0.15, 0.1)

    def warp(self, **options):
        vocab = Vocabulary.from_bytes([b"a", b"b", b"c", None], eos_ids=[3])
        return np.exp(Warped(TableModel({(): self.P}, vocab), **options).start().log_probs()[0]).tolist()

    def test_temperature(self):
        squares = [p * p for p in self.P]
        assert self.warp(temperature=0.5) == pytest.approx([s / sum(squares) for s in squares])
        assert self.warp() == pytest.approx(self.P)

    def test_top_k(self):
        assert self.warp(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0])
        assert self.warp(top_k=9) == pytest.approx(self.P)

    def test_top_p(self):
        assert self.warp(top_p=0.5) == pytest.approx([1, 0, 0, 0])
        assert self.warp(top_p=0.51) == pytest.approx([2 / 3, 1 / 3, 0, 0])
        assert self.warp(top_p=1e-9) == pytest.approx([1, 0, 0, 0])

    @pytest.mark.parametrize("bad", [{"temperature": 0}, {"temperature": math.nan}, {"top_k": 0}, {"top_p": 0}])
    def test_bad_options(self, bad):
        with pytest.raises(ValueError, match=next(iter(bad))):
            self.warp(**bad)
