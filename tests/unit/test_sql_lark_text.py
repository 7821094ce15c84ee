"""The grammar narrowed to a catalogue: names in their roles, every way to spell them, and the options."""

from contextlib import closing
from functools import cache

import lark
import pytest
from sql import databases

import gcd
from gcd.sql import from_database

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT, total REAL, "order" INT, "what/ever\nelse" TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, status TEXT);
CREATE TABLE status (code TEXT, name TEXT);
"""


@cache
def parser(script: str = SHOP, invented: bool = True, **options) -> lark.Lark:
    with closing(databases.memory(script)) as connection:
        # Lark builds a lexer for each state: with all functions that takes a while.
        options = {"functions": ["abs", "count", "max", "sum"], **options}
        text = from_database(connection, **options).to_lark(invented=invented)
    assert "docs/sql.md" in text
    return lark.Lark(text, parser="lalr")


def accepts(text: str, **options) -> bool:
    try:
        parser(**options).parse(text)
    except lark.exceptions.UnexpectedInput:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("SELECT id FROM orders", True),
        ("select ID from Orders;", True),
        ('SELECT "id", [id], `id`, "ID" FROM main."ORDERS"', True),
        ("SELECT nope FROM orders", False),
        ("SELECT id FROM nope", False),
        ("SELECT orders FROM orders", False),  # a table is no column
        ("SELECT status FROM status", True),  # this one is both
        ("SELECT o.id, o.order FROM orders AS o", False),  # a reserved word stays quoted
        ('SELECT o.id, o."order", rowid FROM orders AS o', True),
        ('SELECT "what/ever\nelse" FROM orders', True),
        ("SELECT o.nope FROM orders AS o", False),
        ("SELECT count(*), max(total, 1), nofunction(1) FROM orders", False),
        ("SELECT count(*), max(total, 1) FROM orders", True),
        ("SELECT name COLLATE nocase FROM customer", True),
        ("SELECT name COLLATE polish FROM customer", False),
        ("SELECT id FROM orders JOIN customer USING (id, total)", True),
        ("SELECT id FROM orders JOIN customer USING (nope)", False),
        ("SELECT \u017fum(total) FROM orders", False),  # re.I has long s for s, SQLite hasn't
        ("SELECT CAST(total AS decimal(10, 2)) AS total FROM orders", True),
        ("SELECT id FROM orders; SELECT id FROM orders", False),
        ('SELECT total AS `id```, total AS "id""" FROM orders', True),
        ("INSERT INTO orders (id) VALUES (1)", False),
        ("DELETE FROM orders", False),
        ("", False),
    ],
)
def test_only_names_that_there_are(text, verdict):
    assert accepts(text, invented=False) == verdict


def test_names_that_a_statement_invents():
    cte = "WITH best AS (SELECT total AS worth FROM orders) SELECT worth FROM best"
    assert accepts(cte)
    assert not accepts(cte, invented=False)


def test_statements():
    writes = {
        "insert": "INSERT INTO orders (id, total) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET total = excluded.total",
        "update": "UPDATE orders SET total = 1 WHERE id = 2 RETURNING id",
        "delete": "DELETE FROM orders WHERE id = 1",
    }
    for kind, text in writes.items():
        assert accepts(text, statements=(kind,))
        assert not accepts("SELECT id FROM orders", statements=(kind,))
        for other in set(writes) - {kind}:
            assert not accepts(text, statements=(other,))


def test_the_engine_holds_every_statement():
    vocab = gcd.Vocabulary.from_bytes([*(bytes([i]) for i in range(256)), None], eos_ids=[256])
    statements = ("select", "insert", "update", "delete")
    with closing(databases.memory(SHOP)) as connection:
        assert gcd.compile(from_database(connection, statements=statements), vocab).exactness.exact
        assert gcd.compile(from_database(connection), vocab).exactness.exact


def test_limit():
    for text, verdict in [
        ("SELECT id FROM orders LIMIT 25", True),
        ("SELECT id FROM orders ORDER BY id LIMIT 3 OFFSET 2;", True),
        ("SELECT id FROM orders UNION SELECT 1 LIMIT 9", True),
        ("SELECT id FROM (SELECT id FROM orders) LIMIT 3", True),
        ("SELECT id FROM orders", False),
        ("SELECT id FROM (SELECT id FROM orders LIMIT 3)", False),
        ("VALUES (1)", False),
    ]:
        assert accepts(text, require_limit=True) == verdict, text


_QUICK = {"hostile names", "attached", "keywords", "case"}


@pytest.mark.parametrize("name", [n if n in _QUICK else pytest.param(n, marks=pytest.mark.slow) for n in databases.ALL])
def test_every_name_in_every_spelling(name):
    """Lark reads each column of each table, quoted in each way, and plain where SQLite takes it plain."""
    with closing(databases.ALL[name]()) as connection:
        grammar = from_database(connection, functions=["abs", "max", "date"])
        read = lark.Lark(grammar.to_lark(invented=False), parser="lalr")
        tried = 0
        for table in grammar.catalogue.tables[:8]:
            where = f"{databases.quoted(table.schema)}.{databases.quoted(table.name)}"
            for column in table.columns[:8]:
                ways = [column.name, databases.quoted(column.name), "`" + column.name.replace("`", "``") + "`"]
                ways += [f"[{column.name}]"] if "]" not in column.name else []
                for way in ways:
                    statement = f"SELECT {way} FROM {where}"
                    quoted = way != column.name
                    if not quoted:
                        try:
                            described = connection.execute(f"{statement} LIMIT 0").description
                        except Exception:
                            continue
                        left = column.name.lower() in ("left", "right", "full", "cross", "inner", "outer", "natural")
                        if described[0][0] != column.name or left:
                            continue
                    read.parse(statement)
                    tried += 1
        assert tried > len(grammar.catalogue.tables)
