"""Databases for tests: twenty with what is hard in names and schemas, and a large one with names as in real schemas."""

from __future__ import annotations

import random
import sqlite3

HOSTILE = [
    "a b",
    'say "hi"',
    "x]y",
    "it's",
    "tick`tock",
    "a;b--c",
    "/* c */",
    "x'; DROP TABLE t; --",
    "new\nline",
    "tab\there",
    "\x01\x1f",
    "Größe",
    "名前",
    "🙂",
    "e\u0301",
    "\u202eabc",
    "1st",
    "$cost",
    "a$b",
    "100%",
    "select",
    "order",
    "left",
    "rowid",
    "\\",
    "%s {x} \\n",
    ".",
]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def memory(script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(script)
    return connection


def hostile() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for i, name in enumerate(HOSTILE):
        other = HOSTILE[(i + 7) % len(HOSTILE)]
        columns = f"{quoted(name)} INT, {quoted(other)} TEXT" if name != other else quoted(name)
        connection.execute(f"CREATE TABLE {quoted(name)} ({columns})")
    return connection


def attached() -> sqlite3.Connection:
    connection = memory("CREATE TABLE t (a, b); CREATE TEMP TABLE t (a, c); CREATE TABLE only_main (x)")
    for name in ("other", "odd name", "select"):
        connection.execute(f"ATTACH ':memory:' AS {quoted(name)}")
        connection.execute(f"CREATE TABLE {quoted(name)}.t (a, d)")
        connection.execute(f"CREATE TABLE {quoted(name)}.own (e, f)")
    return connection


_AREAS = """
    crm hr fin inv ship prod web audit stg dim fact ref sec log mkt sup
"""
_NOUNS = """
    account address agent asset batch branch budget campaign carrier case category channel claim client contact
    contract cost country coupon currency customer delivery department deposit device discount document employee
    event expense facility fee file forecast grade group holiday incident invoice item job journal label ledger
    lead line location lot machine market member message meter note offer order package partner payment payroll
    period plan policy position price product project promotion quote rate reading receipt region refund report
    request return review role route schedule score segment seller service session shift shipment site stock
    store subscription supplier survey task tax team territory ticket transfer type unit user vehicle vendor
    visit
"""
_ENDS = """
    hist map detail archive xref snapshot daily
"""
_COMMON = """
    created_at created_by updated_at updated_by status name description code amount currency quantity valid_from
    valid_to is_active type notes external_id sort_order version source
"""
_PARTS = """
    total net gross first last start end due paid open max min avg base unit parent origin target
"""
_KINDS = """
    INTEGER TEXT REAL NUMERIC BLOB DATE VARCHAR(40) DECIMAL(10,2)
"""


def big(tables: int = 1000, columns: int = 20, seed: int = 7) -> sqlite3.Connection:
    """Names as real schemas have them: a noun of the business with its prefix, columns that recur in many tables."""
    chance = random.Random(seed)
    areas, nouns, ends, common, parts, kinds = (
        words.split() for words in (_AREAS, _NOUNS, _ENDS, _COMMON, _PARTS, _KINDS)
    )
    connection = sqlite3.connect(":memory:")
    made: set[str] = set()
    while len(made) < tables:
        name = "_".join([chance.choice(areas), *chance.sample(nouns, chance.choice([1, 1, 2]))])
        if chance.random() < 0.3:
            name += "_" + chance.choice(ends)
        if name in made:
            continue
        made.add(name)
        listed = [f"{name.split('_')[1]}_id"]
        while len(listed) < columns:
            kind = chance.random()
            word = chance.choice(nouns)
            column = (
                chance.choice(common)
                if kind < 0.4
                else f"{word}_id"
                if kind < 0.6
                else f"{chance.choice(parts)}_{word}"
                if kind < 0.8
                else f"{word}_{chance.choice(['date', 'code', 'name', 'amount', 'count'])}"
            )
            if column not in listed:
                listed.append(column)
        typed = ", ".join(f"{c} {chance.choice(kinds)}" for c in listed[1:])
        connection.execute(f"CREATE TABLE {name} ({listed[0]} INTEGER PRIMARY KEY, {typed})")
    return connection


_SCRIPTS = {
    "one": "CREATE TABLE t (a)",
    "two that share names": "CREATE TABLE a (id INTEGER PRIMARY KEY, b, c); CREATE TABLE b (id, a, b UNIQUE)",
    "views": "CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a, b + 1 AS c FROM t; CREATE VIEW w (x) AS SELECT 1;"
    "CREATE VIEW star AS SELECT * FROM t, t AS u",
    "generated": "CREATE TABLE t (a INT, b INT AS (a + 1), c INT GENERATED ALWAYS AS (a * 2) STORED, d DEFAULT 1)",
    "without rowid": "CREATE TABLE t (k TEXT PRIMARY KEY, v, UNIQUE (v, k)) WITHOUT ROWID; CREATE TABLE u (rowid, v)",
    "full text": "CREATE VIRTUAL TABLE docs USING fts5 (title, body); CREATE TABLE t (id, body)",
    "r-tree": "CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1, y0, y1); CREATE TABLE names (id, name)",
    "keywords": 'CREATE TABLE "select" ("from", "where", "group"); CREATE TABLE key (first, last, end, action);'
    'CREATE TABLE "join" ("left", "natural", "cross", window, over, filter)',
    "functions' names": "CREATE TABLE max (count, sum, abs); CREATE TABLE replace (like, glob, date)",
    "case": 'CREATE TABLE "MiXeD" ("CamelCase", snake_case, "UPPER"); CREATE TABLE other ("camelcase")',
    "prefixes": "CREATE TABLE a (a, aa, aaa, ab, aba); CREATE TABLE aa (a, b, ba, bab); CREATE TABLE aaa (c)",
    "foreign keys": "CREATE TABLE p (id INTEGER PRIMARY KEY, n); CREATE TABLE q (id PRIMARY KEY, p REFERENCES p (id));"
    "CREATE TABLE r (p REFERENCES p, q REFERENCES q, PRIMARY KEY (p, q))",
    "strict": "CREATE TABLE t (a INTEGER, b TEXT, c REAL, d BLOB, e ANY) STRICT",
    "indexes": "CREATE TABLE t (a, b, c); CREATE UNIQUE INDEX i ON t (a, b); CREATE UNIQUE INDEX j ON t (c) WHERE a;"
    "CREATE UNIQUE INDEX k ON t (a + 1); CREATE INDEX l ON t (b)",
    "rowid's names": "CREATE TABLE t (rowid, oid, x); CREATE TABLE u (_rowid_ INTEGER PRIMARY KEY, y)",
    "wide": f"CREATE TABLE t ({', '.join(f'c{i}' for i in range(300))}); CREATE TABLE u (c0, c1)",
    "spaces": 'CREATE TABLE "Order Details" ("Order ID" INT, "Unit Price" REAL, "Discount %" REAL, [Ship To] TEXT)',
}

ALL = {**{name: (lambda script=script: memory(script)) for name, script in _SCRIPTS.items()}}
ALL |= {"hostile names": hostile, "attached": attached, "thirty real tables": lambda: big(30, 12)}
"""Twenty databases, by what is hard about them; each is a function that makes it."""
