"""Statements drawn at random over the masks, on twenty databases: SQLite prepares every one of them."""

from __future__ import annotations

import sqlite3

import pytest
from sql import databases, walks
from sql.scope_worlds import vocabulary

import gcd
from gcd.sql import from_database


def refusals(name: str, seed: int, n: int, *, budget: bool) -> list[str]:
    """What SQLite says against statements."""
    connection = databases.ALL[name]()
    grammar = from_database(connection)
    compiled = gcd.compile(grammar, vocabulary(grammar.catalogue))
    out = []
    for statement in walks.statements(compiled, seed, n, budget=budget):
        try:
            connection.execute("explain " + statement)
        except sqlite3.Error as error:
            out.append(f"{error}: {statement!r}")
    return out


@pytest.mark.parametrize("name", databases.ALL)
def test_some(name):
    assert not refusals(name, 11, 20, budget=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", databases.ALL)
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand(name, seed):
    """250 of each seed on each of the twenty: half of them under masks with a budget of tokens."""
    assert len(databases.ALL) == 20
    assert not refusals(name, 100 + seed, 125, budget=False)
    assert not refusals(name, 200 + seed, 125, budget=True)
