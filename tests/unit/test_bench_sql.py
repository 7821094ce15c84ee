"""The bench's questions: each reference statement runs, returns rows, and is one that the schema grammar takes."""

import sqlite3
from contextlib import closing
from functools import cache

import pytest

import gcd
from gcd.sql import from_database

WHY = "the project's root is not on the path: run as python -m pytest"
verdicts = pytest.importorskip("bench.text_to_sql.verdicts", reason=WHY)
databases = pytest.importorskip("bench.text_to_sql.databases", reason=WHY)
QUESTIONS = pytest.importorskip("bench.text_to_sql.questions", reason=WHY).QUESTIONS
OURS, DATABASES, open_database = databases.OURS, databases.DATABASES, databases.open_database


def test_how_many_questions():
    assert len(QUESTIONS) >= 100
    assert {q.database for q in QUESTIONS} == set(DATABASES)
    assert len({(q.database, q.text) for q in QUESTIONS}) == len(QUESTIONS)


@cache
def bytes_vocabulary() -> gcd.Vocabulary:
    return gcd.Vocabulary.from_bytes([bytes([i]) for i in range(256)] + [None], eos_ids=[256])


def check(name, folder, data=None):
    file = open_database(name, folder, data)
    compiled = gcd.compile(from_database(file), bytes_vocabulary())
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        for question in (q for q in QUESTIONS if q.database == name):
            rows = connection.execute(question.sql).fetchall()
            assert rows, question
            assert rows not in ([(0,)], [(None,)]), question
            matcher = compiled.matcher()
            assert matcher.accept_bytes(question.sql.encode()), question
            assert matcher.is_complete, question


@pytest.mark.parametrize("name", OURS)
def test_reference_statements(name, tmp_path):
    check(name, tmp_path)


@pytest.mark.conformance
@pytest.mark.parametrize("name", [n for n in DATABASES if n not in OURS])
def test_reference_statements_of_the_conformance_data(name, tmp_path, conformance_data):
    check(name, tmp_path, conformance_data)


def test_verdicts(tmp_path):
    shop = open_database("shop", tmp_path)
    reference = "SELECT name FROM product WHERE price > 40 ORDER BY price DESC"
    for statement, prepares, rows, exact, execution in [
        (reference, True, True, True, True),
        ("select NAME from product\nwhere price > 40 order by price desc;", True, True, True, True),
        ("SELECT p.name FROM product AS p WHERE p.price > 40", True, True, False, False),  # its order isn't that
        ("SELECT p.name FROM product AS p WHERE p.price > 40 ORDER BY price DESC, 1", True, True, False, True),
        ("SELECT name FROM product WHERE price > 4000", True, False, False, False),
        ("SELECT nope FROM product", False, False, False, False),
        ("SELECT name FROM", False, False, False, False),
        ("DELETE FROM product", True, False, False, False),
        ("", False, False, False, False),
    ]:
        verdict = verdicts.judge(shop, statement, reference)
        assert (verdict.prepares, verdict.rows, verdict.exact, verdict.execution) == (prepares, rows, exact, execution)
    unordered = "SELECT name, city FROM customer"
    assert verdicts.judge(shop, "SELECT name, city FROM customer ORDER BY city DESC", unordered).execution
    assert not verdicts.judge(shop, "SELECT city, name FROM customer", unordered).execution
    low, high = verdicts.interval(50, 100)
    assert 0.40 < low < 0.41
    assert 0.59 < high < 0.60
    assert verdicts.interval(0, 10)[0] == 0
