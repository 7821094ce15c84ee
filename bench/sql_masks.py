"""Masks of SQL statements over a database's schema: from the connection to the first mask, each mask and each accepted
token on texts that are new to the engine and on the same texts again, by number of tables."""

from __future__ import annotations

import argparse
import random
import sqlite3
import time

import gcd
from gcd.sql import from_database
from gcd.sql.catalogue import Catalogue, Column, Function, Table
from gcd.sql.scope_grammar import ScopedSql

_NOUNS = (
    "customer product invoice payment account address city region store employee department project task ticket post "
    "user event log metric device sensor shipment supplier category brand review rating coupon cart feature release "
    "build branch team contact campaign message channel document version tag calendar meeting room hotel trip route"
)
_COLUMNS = (
    "name title description status type created_at price amount quantity total code email phone country zip first_name "
    "age score level weight height width color size url path hash token value unit currency ended_at"
)


def catalogue(n_tables: int, seed: int = 1) -> Catalogue:
    """Tables with names as in real schemas; ``id`` is in all of them."""
    r, nouns, columns = random.Random(seed), _NOUNS.split(), _COLUMNS.split()
    tables = []
    for i in range(n_tables):
        name = r.choice(nouns) + f"_{r.choice(nouns)}{i}"
        own = ["id", *r.sample(columns, r.randint(4, 14)), *(f"{r.choice(nouns)}_id" for _ in range(4))]
        tables.append(Table("main", name, tuple(Column(c) for c in dict.fromkeys(own))))
    functions = (
        Function("count", (0, 1), "aggregate"),
        Function("max", (1,), "aggregate"),
        Function("avg", (1,), "aggregate"),
        Function("round", (1, 2)),
    )
    return Catalogue("sqlite", tuple(tables), functions)


def statements(names: Catalogue, n: int, seed: int = 5) -> list[str]:
    """Statements over the catalogue's tables."""
    r = random.Random(seed)
    out = []
    for _ in range(n):
        table, other = r.choice(names.tables), r.choice(names.tables)
        t, u, a, b = table.name, other.name, r.choice(table.columns).name, r.choice(table.columns).name
        c = r.choice(other.columns).name
        out.append(
            r.choice(
                [
                    f"SELECT {a}, {b} FROM {t} WHERE {a} > 10 AND {b} LIKE 'abc%' ORDER BY {b} DESC LIMIT 5",
                    f"SELECT count(*), max({a}) FROM {t} GROUP BY {b} HAVING count(*) > 2;",
                    f"SELECT t1.{a}, t2.{c} FROM {t} AS t1 JOIN {u} AS t2 ON t1.id = t2.id WHERE t1.{b} IN (1, 2)",
                    f"SELECT {t}.{a} FROM {t} WHERE {a} = (SELECT avg({c}) FROM {u}) AND {b} BETWEEN 1 AND 2",
                    f"WITH x AS (SELECT {a} FROM {t}) SELECT * FROM x",
                    f"SELECT CASE WHEN {a} > 3 THEN 'high' ELSE 'low' END AS k FROM {t} GROUP BY k",
                ]
            )
        )
    return out


def database(names: Catalogue) -> sqlite3.Connection:
    """A database with the catalogue's tables."""
    connection = sqlite3.connect(":memory:")
    for table in names.tables:
        columns = ", ".join(f'"{column.name}" text' for column in table.columns)
        connection.execute(f'create table "{table.name}"({columns})')
    return connection


def main(argv: list[str]) -> int:
    """Print a line for each number of tables."""
    parser = argparse.ArgumentParser(prog="python -m bench sql_masks", description=__doc__)
    parser.add_argument("tables", nargs="*", type=int, default=[10, 200, 1000])
    parser.add_argument("--tokenizer", default="llama3", help="its name in $GCD_CACHE/tokenizers, or a folder")
    parser.add_argument("--texts", type=int, default=60)
    options = parser.parse_args(argv)
    vocab = gcd.Vocabulary.from_pretrained(options.tokenizer)
    bitmask = gcd.allocate_token_bitmask(1, vocab.width)
    gcd.compile(ScopedSql(catalogue(2)), vocab)  # the vocabulary's trie
    medians: dict[str, list[float]] = {}
    for n in options.tables:
        names = catalogue(n)
        connection = database(names)
        began = time.perf_counter()
        gcd.compile(from_database(connection), vocab).matcher().fill_bitmask(bitmask)
        reflected = time.perf_counter() - began
        began = time.perf_counter()
        compiled = gcd.compile(ScopedSql(names), vocab)
        compiled.matcher().fill_bitmask(bitmask)
        first = time.perf_counter() - began
        columns = sum(len(t.columns) for t in names.tables)
        print(
            f"{n} tables, {columns} columns: first mask {first:.3f} s, "
            f"from the connection on {reflected:.3f} s (target 2)"
        )
        texts = statements(names, options.texts)
        for which in ("new", "met"):
            times, accepts = walked(compiled, vocab, texts)
            if compiled.stats()["generation"]:
                print("  the tables were dropped on the way")
            medians.setdefault(which, []).append(times[len(times) // 2])
            print(
                f"  {which} texts: {len(times)} masks, median {times[len(times) // 2]:.1f} us (target 5), "
                f"p90 {times[len(times) * 9 // 10]:.0f}, p99 {times[len(times) * 99 // 100]:.0f} (target 150), "
                f"max {times[-1]:.0f}; accept median {accepts[len(accepts) // 2]:.1f}, "
                f"p99 {accepts[len(accepts) * 99 // 100]:.1f}, max {accepts[-1]:.0f}"
            )
        print(f"  {compiled.stats()}")
    for which, each in medians.items():
        if len(each) > 1:
            print(f"{which} texts: slowest median {max(each) / min(each):.1f} times the fastest (target 2)")
    return 0


def walked(compiled: gcd.CompiledGrammar, vocab: gcd.Vocabulary, texts: list[str]) -> tuple[list[float], list[float]]:
    """Microseconds of each mask and of each accepted token along the texts, sorted."""
    bitmask = gcd.allocate_token_bitmask(1, vocab.width)
    times, accepts = [], []
    for text in texts:
        matcher, data = compiled.matcher(), text.encode()
        while data:
            began = time.perf_counter()
            matcher.fill_bitmask(bitmask)
            times.append((time.perf_counter() - began) * 1e6)
            # the longest token that goes on as the text does
            size = max(k for k in range(1, min(len(data), 24) + 1) if data[:k] in tokens(vocab))
            token = tokens(vocab)[data[:size]]
            began = time.perf_counter()
            accepted = matcher.accept(token)
            accepts.append((time.perf_counter() - began) * 1e6)
            if not accepted:
                raise SystemExit(f"refused: {text!r} in front of {data!r}")
            data = data[size:]
    return sorted(times), sorted(accepts)


_TOKENS: dict[str, dict[bytes, int]] = {}


def tokens(vocab: gcd.Vocabulary) -> dict[bytes, int]:
    """Tokens by their bytes."""
    if vocab.fingerprint not in _TOKENS:
        _TOKENS[vocab.fingerprint] = {t: i for i, t in enumerate(vocab.tokens) if t}
    return _TOKENS[vocab.fingerprint]
