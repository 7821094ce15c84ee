"""Random statements of every kind over the masks: sqlite3 prepares each, the generic grammar reads it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from functools import cache
from importlib.resources import files

import pytest
from sql import databases
from sql.scope_worlds import Statements, vocabulary

import gcd
from gcd.sql import from_database
from gcd.sql.options import STATEMENTS

LENGTHS = (4, 12, 25, 45)
"""Random tokens, behind which the text is brought to an end."""


def refusal(connection: sqlite3.Connection, statement: str) -> str | None:
    """What SQLite says against a statement; that its parameters have no values is nothing."""
    try:
        connection.execute("EXPLAIN " + statement)
    except sqlite3.ProgrammingError as error:
        return None if "number of bindings" in str(error) else str(error)
    except (sqlite3.Error, sqlite3.Warning) as error:
        return str(error)
    return None


@cache
def generic() -> gcd.CompiledGrammar:
    grammar = gcd.Grammar.from_lark((files("gcd.sql") / "sqlite.lark").read_text("utf-8"))
    vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b""], eos_ids=[256])
    return gcd.compile(grammar, vocab)


def walk(name: str, kind: str, n: int, seed: int) -> Counter[bool]:
    """Draw n texts of a kind on one of the databases; whether an ending was found, of each.

    SQLite must prepare all that did come to an end, and the grammar that knows nothing of the database must take them.
    """
    connection = databases.ALL[name]()
    grammar = from_database(connection, statements=(kind,), parameters=True)
    statements = Statements(gcd.compile(grammar, vocabulary(grammar.catalogue)), seed)
    ended: Counter[bool] = Counter()
    for i in range(n):
        text, whole = statements.draw(LENGTHS[i % len(LENGTHS)])
        ended[whole] += 1
        if whole:
            said = refusal(connection, text.decode())
            assert said is None, (said, text)
            matcher = generic().matcher()
            assert matcher.accept_bytes(text), text
            assert matcher.is_complete, text
    return ended


@pytest.mark.parametrize("kind", STATEMENTS)
def test_walks(kind):
    ended = sum((walk(name, kind, 4, seed) for seed, name in enumerate(databases.ALL)), Counter())
    assert ended.total() == 80
    assert ended[True] >= 60


@pytest.mark.slow
@pytest.mark.parametrize("kind", STATEMENTS)
@pytest.mark.parametrize("name", databases.ALL)
def test_many_walks(name, kind):
    ended = walk(name, kind, 250, 1000)
    assert ended[True] >= 150
