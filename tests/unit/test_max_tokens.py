"""Token budgets: the surface, its errors, and what moves a budgeted matcher."""

import json
import random

import numpy as np
import pytest

import gcd
from gcd import Grammar, Vocabulary
from gcd._native.matcher import Matcher
from gcd.errors import MatcherError, TokenBudgetError

LISTS = """
start: value
value: "[" [value ("," value)*] "]" | NAME
NAME: /[a-z]+/
%ignore " "
"""


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    tokens = [bytes([b]) for b in b'[], abcdefghijklmnopqrstuvwxyz{}":0123456789.-+Etrufalsn\\/'] + [
        b"]]",
        b"]]]]",
        b"[[",
        b"abc",
        b'{"',
        b'":',
        b"true",
    ]
    tokens = list(dict.fromkeys(tokens))
    return Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])


@pytest.fixture(scope="module")
def lists(vocab: Vocabulary) -> gcd.CompiledGrammar:
    return gcd.compile(Grammar.from_lark(LISTS), vocab)


@pytest.fixture(scope="module")
def schema(vocab: Vocabulary) -> gcd.CompiledGrammar:
    properties = {"a": {"type": "integer", "minimum": 443}, "bc": {"type": "array", "minItems": 2}, "d": True}
    return gcd.compile(
        Grammar.from_json_schema({"type": "object", "properties": properties, "required": ["a", "bc"]}), vocab
    )


def allowed(matcher: Matcher, compiled: gcd.CompiledGrammar) -> list[int]:
    words = np.zeros((1, -(-compiled.width // 32)), dtype=np.int32)
    matcher.fill_bitmask(words)
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return [int(t) for t in np.flatnonzero(bits)]


def ids(vocab: Vocabulary, *texts: bytes) -> list[int]:
    return [list(vocab.tokens).index(text) for text in texts]


def test_completion_is_the_least(lists: gcd.CompiledGrammar, vocab: Vocabulary):
    matcher = lists.matcher()
    assert matcher.accept_tokens(ids(vocab, b"[[", b"[[", b"a")) == 3
    assert matcher.completion() == ids(vocab, b"]]]]")
    assert matcher.accept_tokens(ids(vocab, b"]]")) == 1
    assert matcher.completion() == ids(vocab, b"]]")
    assert matcher.accept_tokens(ids(vocab, b"]]")) == 1
    assert matcher.completion() == []


def test_budget_below_the_least(lists: gcd.CompiledGrammar, schema: gcd.CompiledGrammar):
    with pytest.raises(TokenBudgetError, match="suffices") as caught:
        schema.matcher(max_tokens=3)
    needed = caught.value.needed
    assert needed is not None
    assert needed == len(schema.matcher().completion() or []) + 1
    schema.matcher(max_tokens=needed)
    with pytest.raises(TokenBudgetError):
        schema.matcher(max_tokens=needed - 1)
    assert lists.matcher(max_tokens=2).tokens_left == 2
    with pytest.raises(TokenBudgetError) as caught:
        lists.matcher(max_tokens=1)
    assert caught.value.needed == 2
    for bad in (0, -1):
        with pytest.raises(ValueError, match="max_tokens"):
            lists.matcher(max_tokens=bad)
    with pytest.raises(TypeError):
        lists.matcher(max_tokens="3")  # type: ignore[arg-type]


def test_least_budget_leaves_one_way(lists: gcd.CompiledGrammar, vocab: Vocabulary):
    matcher = lists.matcher(max_tokens=2)
    first = allowed(matcher, lists)
    # a name, and nothing that needs more than the end of the sequence after it
    assert ids(vocab, b"a", b"abc") == [t for t in ids(vocab, b"a", b"abc", b"[", b" ") if t in first]
    assert matcher.accept(ids(vocab, b"abc")[0])
    assert allowed(matcher, lists) == list(vocab.eos_ids)
    assert not matcher.check(ids(vocab, b"a")[0])
    assert not matcher.accept(ids(vocab, b"a")[0])
    assert matcher.accept(vocab.eos_ids[0])
    assert matcher.is_finished
    assert matcher.tokens_left == 0
    assert allowed(matcher, lists) == []


def test_mask_check_and_accept_agree(lists: gcd.CompiledGrammar, schema: gcd.CompiledGrammar):
    rng = random.Random(5)
    for compiled in (lists, schema):
        needed = len(compiled.matcher().completion() or []) + 1
        for budget in range(needed, needed + 12):
            matcher, free = compiled.matcher(max_tokens=budget), compiled.matcher()
            steps = 0
            while not matcher.is_finished:
                mask = allowed(matcher, compiled)
                assert mask, (budget, steps)
                assert set(mask) <= set(allowed(free, compiled))
                for token in rng.sample(range(compiled.width), 40):
                    assert matcher.check(token) == (token in mask)
                    probe = matcher.fork()
                    assert probe.accept(token) == (token in mask)
                token = rng.choice(mask)
                assert matcher.accept(token)
                assert free.accept(token)
                steps += 1
            assert steps <= budget


def test_rollback_fork_and_reset(lists: gcd.CompiledGrammar, vocab: Vocabulary):
    matcher = lists.matcher(max_tokens=6)
    before = allowed(matcher, lists)
    matcher.accept_tokens(ids(vocab, b"[", b"a"))
    fork = matcher.fork()
    assert fork.max_tokens == 6
    assert fork.tokens_left == matcher.tokens_left == 4
    inside = allowed(matcher, lists)
    assert fork.accept(ids(vocab, b",")[0])
    assert matcher.tokens_left == 4
    assert allowed(matcher, lists) == inside
    matcher.rollback(2)
    assert matcher.tokens_left == 6
    assert allowed(matcher, lists) == before
    fork.reset()
    assert fork.tokens_left == 6
    assert allowed(fork, lists) == before
    assert lists.matcher().max_tokens is None
    assert lists.matcher().tokens_left is None


def test_bytes_count_as_one_token(lists: gcd.CompiledGrammar, vocab: Vocabulary):
    matcher = lists.matcher(max_tokens=4)
    assert matcher.accept_bytes(b"[a")
    assert matcher.tokens_left == 3
    assert not matcher.accept_bytes(b",[[[[[[")  # needs too much
    assert matcher.tokens_left == 3
    assert matcher.accept_tokens(ids(vocab, b"]")) == 1


def test_every_document_is_finished(schema: gcd.CompiledGrammar, vocab: Vocabulary):
    rng = random.Random(2)
    for budget in (20, 25, 40):
        for _ in range(20):
            matcher, text = schema.matcher(max_tokens=budget), b""
            while True:
                token = rng.choice(allowed(matcher, schema))
                assert matcher.accept(token)
                if matcher.is_finished:
                    break
                text += matcher.token_bytes(token)
            document = json.loads(text)
            assert document["a"] >= 443
            assert len(document["bc"]) >= 2


def test_forced_bytes_leave_room(vocab: Vocabulary):
    compiled = gcd.compile(Grammar.from_lark('start: "abcdefgh" "i"'), vocab)
    assert compiled.matcher(max_tokens=8).forced_bytes() == b""
    assert compiled.matcher(max_tokens=60).forced_bytes() == b"abcdefghi"


def test_processor_refuses_what_has_no_end_to_count_to(lists: gcd.CompiledGrammar):
    with pytest.raises(ValueError, match="stop_at"):
        gcd.GrammarLogitsProcessor(lists, stop_at="a", max_tokens=9)
    with pytest.raises(TokenBudgetError):
        gcd.GrammarLogitsProcessor(lists, max_tokens=1)


def test_processor_keeps_the_budget(lists: gcd.CompiledGrammar, vocab: Vocabulary):
    import torch

    budget = 7
    processor = gcd.GrammarLogitsProcessor(lists, max_tokens=budget)
    generator = torch.Generator().manual_seed(0)
    rows = torch.zeros((4, 1), dtype=torch.long)
    ended = [False] * 4
    opens = ids(vocab, b"[[")[0]
    for _ in range(budget):
        scores = torch.randn((4, vocab.width), generator=generator)
        scores[:, opens] += 5  # would go on for ever
        best = processor(rows, scores).argmax(-1)
        rows = torch.cat([rows, best[:, None]], 1)
        ended = [e or int(t) in vocab.eos_ids for e, t in zip(ended, best, strict=True)]
    assert all(ended)
    assert all(outcome.complete for outcome in processor.outcomes(rows))


def test_errors_are_matcher_errors():
    assert issubclass(TokenBudgetError, MatcherError)
    assert TokenBudgetError("x").needed is None
