"""Statements that SQLite prepares, of stated origin and none from a grammar of ours, each with tables to prepare it on.

``"conformance"``  the conformance data's files of SQL
``"sources"``      string constants in the tests of Python packages (tools/get_sources.py)
"""

from __future__ import annotations

import ast
import hashlib
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sql.made_database import Schema, made_for

from gcd.sql import Catalogue, Column, Table, from_database

PACKAGES = ("datasette", "sqlalchemy", "sqlglot", "sqlite-utils")
"""Those of the sources."""

_STATEMENT = re.compile(r"\s*(SELECT|WITH|VALUES|INSERT|REPLACE|UPDATE|DELETE)\b", re.I)


class Case(NamedTuple):
    """One statement, where it was found, and the tables that SQLite prepares it on."""

    statement: str
    origin: str
    schema: Schema


def conformance(folder: Path) -> list[Case]:
    """What the conformance data has: one statement a line, and the TPC-H queries."""
    texts = [("identity.sql", line) for line in (folder / "sql" / "identity.sql").read_text("utf-8").splitlines()]
    tpch = re.sub(r"(?m)^--.*$", "", (folder / "sql" / "tpc-h" / "tpc-h.sql").read_text("utf-8"))
    texts += [("tpc-h.sql", text) for text in tpch.split(";")]
    return _cases(texts)


def sources(folders: list[Path]) -> list[Case]:
    """What stands in the tests of other packages."""
    return _cases([(folder.name, text) for folder in folders for text in _constants(folder)])


def _constants(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(path.read_text("utf-8"))
            except (SyntaxError, UnicodeDecodeError):
                continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 4000:
                yield node.value
    for path in sorted(folder.rglob("*.sql")):
        text = path.read_text("utf-8", "replace")
        pieces = text.splitlines() if path.name.startswith("identity") else re.sub(r"(?m)^--.*$", "", text).split(";")
        yield from pieces


def _cases(texts: list[tuple[str, str]]) -> list[Case]:
    found: dict[str, Case] = {}
    for origin, text in texts:
        statement = text.strip()
        key = " ".join(statement.split())
        if key in found or not _STATEMENT.match(statement) or "\x00" in statement or not _one_statement(statement):
            continue
        schema = _made_for(statement)
        if schema is not None:
            found[key] = Case(statement, origin, schema)
    return list(found.values())


@cache
def _made_for(statement: str) -> Schema | None:
    return made_for(statement)


def _one_statement(text: str) -> bool:
    return sqlite3.complete_statement(text + ";") and len(text.split()) > 1


def together(cases: list[Case]) -> Catalogue:
    """One catalogue with the names of all cases, for what doesn't know scope anyway."""
    merged = Schema()
    for case in cases:
        merged.merge(case.schema)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE any_table (a)")
        bare = from_database(connection).catalogue
    tables = tuple(
        Table(*merged.spelled[key], tuple(Column(name) for name in columns)) for key, columns in merged.tables.items()
    )
    return replace(bare, tables=tables)


def sample(cases: list[Case], n: int) -> list[Case]:
    """The same n on every run, from all over."""
    return sorted(cases, key=lambda case: hashlib.sha256(case.statement.encode()).digest())[:n]
