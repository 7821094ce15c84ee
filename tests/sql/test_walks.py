"""Random statements over the masks of all databases, of every kind: sqlite3 prepares each, and the generic grammar knows it."""

from __future__ import annotations

import sqlite3
from functools import cache

import pytest
from sql import databases
from sql.scope_worlds import Statements, vocabulary

import gcd
from gcd.sql import from_database
from gcd.sql.options import STATEMENTS


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
    from importlib.resources import files

    grammar = gcd.Grammar.from_lark((files("gcd.sql") / "sqlite.lark").read_text("utf-8"))
    vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b""], eos_ids=[256])
    return gcd.compile(grammar, vocab)


def walk(name: str, kind: str, n: int, seed: int) -> int:
    """Draw n texts of a kind on one of the databases; how many came to an end, each of which SQLite must prepare."""
    connection = databases.ALL[name]()
    grammar = from_database(connection, statements=(kind,))
    statements = Statements(gcd.compile(grammar, vocabulary(grammar.catalogue)), seed)
    ended = 0
    for i in range(n):
        text, whole = statements.draw(soft=(4, 12, 25, 45)[i % 4])
        if whole:
            ended += 1
            said = refusal(connection, text.decode())
            assert said is None, (said, name, text)
            matcher = generic().matcher()
            assert matcher.accept_bytes(text) and matcher.is_complete, ("generic", name, text)
    return ended


@pytest.mark.parametrize("kind", STATEMENTS)
def test_walks(kind):
    assert sum(walk(name, kind, 4, seed) for seed, name in enumerate(databases.ALL)) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", STATEMENTS)
@pytest.mark.parametrize("name", databases.ALL)
def test_many_walks(name, kind):
    assert walk(name, kind, 60, 1000) >= 20
