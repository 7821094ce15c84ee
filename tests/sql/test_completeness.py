"""Statements of other people that SQLite prepares: how many a grammar of their tables takes, and why not the rest."""

from collections import Counter
from contextlib import closing
from functools import cache

import pytest
from sql import corpus, made_database, scoped

import gcd
from gcd.sql import SqlGrammar, SqlOptions

EVERYTHING = SqlOptions.of(("select", "insert", "update", "delete"))


@cache
def bytes_vocabulary() -> gcd.Vocabulary:
    return gcd.Vocabulary.from_bytes([bytes([i]) for i in range(256)] + [None], eos_ids=[256])


def refused(cases: list[corpus.Case]) -> list[corpus.Case]:
    """The cases that the context-free grammar of all their tables doesn't take."""
    compiled = gcd.compile(SqlGrammar(corpus.together(cases), EVERYTHING).context_free(), bytes_vocabulary())
    misses = []
    for case in cases:
        matcher = compiled.matcher()
        if not (matcher.accept_bytes(case.statement.encode()) and matcher.is_complete):
            misses.append(case)
    return misses


def cause(case: corpus.Case) -> str:
    """Why the grammar doesn't take a statement; the causes known are the language's own limits."""
    text = case.statement.lower()
    for words, why in [
        (("sqlite_master", "sqlite_schema", "sqlite_temp_master"), "SQLite's own tables aren't in a catalogue"),
        (("pragma_", "json_each", "json_tree"), "table-valued functions aren't in a catalogue"),
        (("collate",), "a collation that the database hasn't, without a comparison that needs it"),
        ((" window", " filter", " over"), "window, filter and over as names"),
        (("from '",), "a string as a table's name"),
    ]:
        if any(word in text for word in words):
            return why
    return "a name that a statement invents is spelled like another of the database's"


def test_tables_made_for_a_statement():
    """The oracle's own check: SQLite prepares the statement, with real columns where names are quoted."""
    made = made_database.made_for('SELECT a.x, "y" FROM t AS a JOIN s.u USING (k) WHERE a."z" IN (SELECT w FROM v)')
    assert made is not None
    with closing(made.database()) as connection:
        connection.execute("SELECT x, z, k FROM t")
        connection.execute("SELECT k FROM s.u")
        columns = {c for key in made.tables for c in made.tables[key]}
        assert {"x", "y", "z", "k", "w"} <= columns
        assert made_database.complaint(made, "SELECT nope FROM t") == "no such column: nope"
    upsert = made_database.made_for("INSERT INTO t (a, b) VALUES (?, :b) ON CONFLICT (a) DO UPDATE SET b = excluded.b")
    assert upsert is not None
    assert upsert.unique == {("main", "t"): [("a",)]}
    for hopeless in ["SELECT a FROM", "SELECT nofunction(a) FROM t", "SELECT a", "SELECT 1; SELECT 2"]:
        assert made_database.made_for(hopeless) is None


@pytest.mark.conformance
def test_conformance_data(conformance_data):
    cases = corpus.conformance(conformance_data)
    assert len(cases) >= 250
    misses = refused(cases)
    assert len(misses) <= 0.03 * len(cases), [case.statement for case in misses]


@pytest.mark.conformance
def test_conformance_data_with_scopes(conformance_data):
    """The engine, each statement on the tables made for it alone. `python tests/sql/scoped.py` lists the misses."""
    cases = corpus.conformance(conformance_data)
    misses = scoped.refused(cases, bytes_vocabulary())
    assert len(misses) <= 0.03 * len(cases), [case.statement for case, _ in misses]


@pytest.mark.slow
def test_other_packages_tests_with_scopes(fetched):
    """Besides names that only a subquery makes, in front of it: the language leaves these out by intention."""
    folders = [fetched("get_sources.py", name) for name in corpus.PACKAGES]
    cases = corpus.sample(corpus.sources(folders), 2000)
    named = scoped.refused(map(scoped.with_all_names, cases), bytes_vocabulary())
    assert len(named) <= 0.03 * len(cases), Counter(scoped.cause(*miss) for miss in named)
    causes = Counter(scoped.cause(*miss) for miss in scoped.refused(cases, bytes_vocabulary()))
    print(causes)
    assert causes["in front of FROM, a name that only a subquery in FROM makes"] <= 0.06 * len(cases)
    assert causes["other constructs"] <= 0.03 * len(cases), causes


@pytest.mark.slow
def test_other_packages_tests(fetched, capsys):
    """1,500 and more statements of other packages. Prints the causes of the misses: `pytest -s`."""
    folders = [fetched("get_sources.py", name) for name in corpus.PACKAGES]
    cases = corpus.sample(corpus.sources(folders), 2000)
    assert len(cases) >= 1500
    misses = refused(cases)
    print(f"\n{len(cases) - len(misses)} of {len(cases)} accepted", Counter(map(cause, misses)).most_common())
    assert len(misses) <= 0.03 * len(cases), [case.statement for case in misses]
