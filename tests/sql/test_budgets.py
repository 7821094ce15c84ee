"""Token budgets of SQL: bounds against the true least, and random statements that end in time and prepare."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sql.scope_worlds import LETTERS, SHOP, catalogue, database, vocabulary
from sql.test_walks import refusal

import gcd
from gcd.sql.catalogue import Catalogue, Column, Table
from gcd.sql.scope_grammar import ScopedSql

WORST = 2.0
"""The bound may be this much above the least."""


def small_world() -> gcd.CompiledGrammar:
    """A vocabulary of whole lexemes, so that a breadth-first search sees the least."""
    names = Catalogue("sqlite", (Table(None, "t", (Column("a"), Column("b"))), Table(None, "u", (Column("b"),))))
    words = "select from a b t u x 1 ( ) , ; . * = + as union values group by order where"
    texts = [*words.split(), " "]
    singles = [chr(i) for i in range(32, 127)]
    tokens = [text.encode() for text in dict.fromkeys([*texts, *singles])]
    vocab = gcd.Vocabulary.from_bytes([*tokens, b""], eos_ids=[len(tokens)])
    return gcd.compile(ScopedSql(names), vocab)


def allowed(matcher: gcd.Matcher, width: int) -> list[int]:
    bitmask = gcd.allocate_token_bitmask(1, width)
    matcher.fill_bitmask(bitmask)
    bits = np.unpackbits(np.asarray(bitmask).view(np.uint8), bitorder="little")[:width]
    return [int(i) for i in np.flatnonzero(bits)]


def least(compiled: gcd.CompiledGrammar, prefix: bytes, most: int, beam: tuple[bytes, ...]) -> int:
    """Tokens that are needed at least, the end of the sequence counted, over all texts of these tokens."""
    probe = compiled.matcher()
    ids = [next(i for i in range(compiled.width) if probe.token_bytes(i) == token) for token in beam]
    start = compiled.matcher()
    assert start.accept_bytes(prefix)
    level = {prefix: start}
    for n in range(most):
        if any(m.is_complete for m in level.values()):
            return n + 1
        following = {}
        for text, m in level.items():
            for token, spelt in zip(ids, beam, strict=True):
                if spelt == b" " and text.endswith(b" "):
                    continue
                after = m.fork()
                if after.accept(token):
                    following[text + spelt] = after
        level = following
    raise AssertionError(f"no statement within {most} tokens behind {prefix!r}")


@pytest.mark.parametrize(
    ("prefix", "beam"),
    [
        (b"", (b"select", b" ", b"1", b"a", b"from", b"t")),
        (b"select a ", (b"from", b" ", b"t", b"u", b",", b"1")),
        (b"select a, b from ", (b"t", b"u", b" ", b",", b"x")),
        (b"select x.a ", (b"from", b" ", b"t", b"u", b"x", b"as")),
        (b"select (1 + ", (b"1", b")", b" ", b"a")),
        (b"select 1 union ", (b"select", b" ", b"1", b"values", b"(", b")")),
        (b"select a from t where (b = (select ", (b"1", b")", b" ", b"b", b"u")),
        (b"select a, b from (select a", (b",", b" ", b"b", b"from", b"t", b")")),
        (b"select x.a, b from (select 1", (b",", b" ", b"a", b"b", b"from", b"t", b")", b"x")),
        (b"select a, 1 from t union select ", (b"1", b",", b" ", b"a")),
    ],
)
def test_bounds(prefix, beam):
    compiled = small_world()
    matcher = compiled.matcher()
    assert matcher.accept_bytes(prefix)
    plan = matcher.completion()
    assert plan is not None
    probe = matcher.fork()
    assert probe.accept_tokens(plan) == len(plan)
    assert probe.is_complete
    # what other tokens could save is not seen by the search over `beam`, so the least is at most this
    true = least(compiled, prefix, len(plan) + 2, beam)
    assert len(plan) + 1 <= WORST * true


@pytest.mark.parametrize(("script", "seed", "budget"), [(SHOP, 1, 14), (SHOP, 2, 30), (LETTERS, 3, 22)])
def test_random_statements_end_in_time(script, seed, budget):
    connection = database(script)
    names = catalogue(connection)
    compiled = gcd.compile(ScopedSql(names), vocabulary(names))
    rng = random.Random(seed)
    for _ in range(8):
        matcher, free, text = compiled.matcher(max_tokens=budget), compiled.matcher(), b""
        while not matcher.is_finished:
            ids = allowed(matcher, compiled.width)
            assert ids, text
            assert set(ids) <= set(allowed(free, compiled.width)), text
            words = [i for i in ids if len(matcher.token_bytes(i)) > 1] or ids
            token = rng.choice(words)
            assert matcher.check(token), (text, matcher.token_bytes(token))
            assert matcher.accept(token), (text, matcher.token_bytes(token))
            assert free.accept(token)
            text += matcher.token_bytes(token)
        assert matcher.n_accepted <= budget
        assert refusal(connection, text.decode()) is None


def test_too_small_a_budget_says_what_suffices():
    compiled = small_world()
    with pytest.raises(gcd.TokenBudgetError) as error:
        compiled.matcher(max_tokens=2)
    assert compiled.matcher(max_tokens=error.value.needed).tokens_left == error.value.needed


def test_budgets_are_kept_over_rollback():
    compiled = small_world()
    matcher = compiled.matcher(max_tokens=12)
    before = allowed(matcher, compiled.width)
    assert matcher.accept(before[0])
    matcher.rollback(1)
    assert allowed(matcher, compiled.width) == before
