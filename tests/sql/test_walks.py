"""Statements drawn at random over the masks, on twenty databases: SQLite prepares every one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sql import databases
from sql.scope_worlds import Statements, vocabulary

import gcd
from gcd.sql import from_database

LENGTHS = (5, 15, 30, 50)


def statements(connection: sqlite3.Connection, seed: int, n: int) -> Iterator[str]:
    """So many whole statements; fails where fewer than half of the walks come to an end."""
    grammar = from_database(connection)
    compiled = gcd.compile(grammar, vocabulary(grammar.catalogue))
    walks, drawn = Statements(compiled, seed), 0
    for i in range(2 * n):
        text, whole = walks.draw(soft=LENGTHS[i % len(LENGTHS)], hard=200)
        if whole:
            drawn += 1
            yield text.decode()
        if drawn == n:
            return
    raise AssertionError(f"only {drawn} of {2 * n} walks came to an end")


def refusals(name: str, seed: int, n: int) -> list[str]:
    connection = databases.ALL[name]()
    out = []
    for statement in statements(connection, seed, n):
        try:
            connection.execute("explain " + statement)
        except sqlite3.Error as error:
            out.append(f"{error}: {statement!r}")
    return out


@pytest.mark.parametrize("name", databases.ALL)
def test_some(name):
    assert not refusals(name, 11, 15)


@pytest.mark.slow
@pytest.mark.parametrize("name", databases.ALL)
def test_twenty_thousand(name):
    """1000 on each of the twenty."""
    assert len(databases.ALL) == 20
    assert not refusals(name, 12, 1000)
