"""The adapter for llama-cpp-python, driven as that library's source does (0.3.36); the real host:
tools/check_llama_cpp.py.

`Host` follows ``Llama.generate``, ``Llama.sample`` and ``Llama._init_sampler``: scores lie in records, processors run
in a callback whose exceptions go nowhere, stopping criteria outside of it.
"""

import ctypes
import random

import numpy as np
import pytest

import gcd
from gcd.hosts.llama_cpp import GrammarLogitsProcessor

A, B, C, BRA, KET, EOS, END, PAD = range(8)
VOCAB = gcd.Vocabulary.from_bytes([b"a", b"b", b"c", b"(", b")"], eos_ids=[EOS, END], special_ids=[PAD], width=8)


class TokenData(ctypes.Structure):
    _fields_ = (("id", ctypes.c_int32), ("logit", ctypes.c_float), ("p", ctypes.c_float))


class Host:
    """Llama, as far as processors see it: a random model, greedy."""

    def __init__(self, seed, draft_model=None):
        self.rng = np.random.default_rng(seed)
        self.draft_model = draft_model
        self._input_ids = np.zeros(0, dtype=np.intc)

    def sample(self, logits_processor):
        size = VOCAB.width
        data = (TokenData * size)(*((i, x, 0.0) for i, x in enumerate(self.rng.normal(size=size))))

        def apply_func():
            recarray = np.recarray(
                shape=(size,),
                dtype=np.dtype([("id", np.intc), ("logit", np.single), ("p", np.single)], align=True),
                buf=(TokenData * size).from_address(ctypes.addressof(data)),
            )
            for processor in logits_processor:
                recarray.logit[:] = processor(self._input_ids, recarray.logit)

        callback = ctypes.CFUNCTYPE(None)(lambda: apply_func())
        callback()
        self.logits = [x.logit for x in data]
        return int(np.argmax(self.logits))

    def generate(self, tokens, logits_processor, stopping_criteria=()):
        self._input_ids = np.array(tokens, dtype=np.intc)
        while True:
            token = self.sample(logits_processor)
            if any(stop(self._input_ids, None) for stop in stopping_criteria):
                return
            yield token
            self._input_ids = np.append(self._input_ids, np.intc(token))


@pytest.fixture(scope="module")
def compiled():
    return gcd.compile(gcd.Grammar.from_lark('start: "(" start* ")" | "a" "b"? | "c"'), VOCAB)


def test_texts_one_after_another(compiled):
    processor = GrammarLogitsProcessor(compiled)
    ended = 0
    for seed in range(40):
        host, ids = Host(seed), []
        prompt = [random.Random(seed).randrange(8) for _ in range(3)]
        for token in host.generate(prompt, [processor], [processor.stop]):
            matcher = compiled.matcher()
            assert matcher.accept_tokens(ids) == len(ids)
            assert np.isfinite(host.logits).nonzero()[0].tolist() == [t for t in range(8) if matcher.check(t)]
            ids.append(token)
            if token in (EOS, END) or len(ids) == 20:
                break
        outcome = processor.outcome(ids)
        assert outcome.refused is None
        assert outcome.ended == (ids[-1] in (EOS, END))
        assert outcome.complete or not outcome.ended
        ended += outcome.ended
    assert ended > 10


def test_token_budgets(compiled):
    for seed in range(10):
        made = list(
            Host(seed).generate([A], [GrammarLogitsProcessor(compiled, max_tokens=6)], [lambda ids, _: len(ids) > 7])
        )
        assert EOS in made[:6] or END in made[:6]
    with pytest.raises(ValueError, match="stop_at"):
        GrammarLogitsProcessor(compiled, stop_at="a", max_tokens=6)


def test_scores_are_not_changed(compiled):
    processor = GrammarLogitsProcessor(compiled)
    scores = np.zeros((8, 3), dtype=np.float32)[:, 1]
    out = processor(np.array([1], dtype=np.intc), scores)
    assert np.isfinite(out).nonzero()[0].tolist() == [A, C, BRA]
    assert not scores.any()


def test_markers_and_prompt_len(compiled):
    processor = GrammarLogitsProcessor(compiled, prompt_len=1, start_after="cc", stop_at=[PAD])
    for ids, allowed in (
        ([7], [A, B, C, BRA, KET, PAD]),
        ([7, C, C], [A, C, BRA]),
        ([7, C, C, A], [B, PAD]),
        ([7, C, C, A, PAD], list(range(8))),
    ):
        out = processor(np.array(ids), np.zeros(8, dtype=np.float32))
        assert np.isfinite(out).nonzero()[0].tolist() == allowed


def test_errors_pass_the_callback(compiled):
    """Nothing is drawn past an error: the end of the sequence alone is left, and the criterion raises."""

    def nothing(ids, scores):
        return np.full_like(scores, -np.inf) if len(ids) == 2 else scores

    processor, host = GrammarLogitsProcessor(compiled), Host(0)
    made = host.generate([7], [nothing, processor], [processor.stop])
    next(made)
    with pytest.raises(gcd.MatcherError, match=r"row 0, generated token 1: .* none has a score"):
        next(made)
    assert np.isfinite(host.logits).nonzero()[0].tolist() == [EOS, END]
    assert isinstance(processor.error, gcd.MatcherError)
    next(host.generate([6, 6, 6], [nothing, processor], [processor.stop]))  # another text
    assert processor.error is None
    assert next(Host(0).generate([7], [nothing, processor])) in (A, C, BRA)
    processor.reset()


@pytest.mark.parametrize(
    ("ids", "scores", "match"),
    [([[1]], [0.0] * 8, "both are vectors"), ([1], [0.0] * 8, "fewer than prompt_len=2")],
)
def test_bad_calls(compiled, ids, scores, match):
    processor = GrammarLogitsProcessor(compiled, prompt_len=2)
    out = processor(np.array(ids), np.array(scores, dtype=np.float32))
    assert np.isfinite(out).nonzero()[0].tolist() == [EOS, END]
    with pytest.raises(ValueError, match=match):
        processor.stop(None, None)
    processor.reset()
    assert not processor.stop(None, None)


def test_draft_models_are_refused(compiled):
    processor = GrammarLogitsProcessor(compiled)
    with pytest.raises(gcd.MatcherError, match="which of a draft model's tokens"):
        next(Host(0, draft_model=object()).generate([1], [processor], [processor.stop]))


def test_arguments(compiled):
    with pytest.raises(TypeError, match="CompiledGrammar"):
        GrammarLogitsProcessor([compiled])
    with pytest.raises(ValueError, match="prompt_len"):
        GrammarLogitsProcessor(compiled, prompt_len=-1)
    with pytest.raises(ValueError, match="no start symbol"):
        GrammarLogitsProcessor(compiled, "x")
