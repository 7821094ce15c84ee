"""What became of a statement: whether it prepares, runs, returns rows, and returns what the reference does."""

import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from gcd.errors import DatabaseError
from gcd.sql import run

__all__ = ["Verdict", "interval", "judge"]

_SECONDS = 2.0
_ROWS = 10_000


class Verdict(NamedTuple):
    """The answers to five questions about one statement."""

    prepares: bool
    """SQLite compiles it (EXPLAIN)."""
    rows: bool
    """It runs on a connection that can't write, within two seconds, and returns at least one row."""
    exact: bool
    """It is the reference but for letter case outside of strings, white space and a semicolon."""
    execution: bool
    """It returns the reference's rows: in their order where the reference has an ORDER BY, else in any."""
    error: str
    """What SQLite said, or ""."""


def judge(database: Path, statement: str, reference: str) -> Verdict:
    """The verdict on a statement as an answer to what the reference answers."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            connection.execute(f"EXPLAIN {statement}").close()
            said = "" if statement.strip() else "empty"
        except (sqlite3.Error, sqlite3.Warning) as error:
            said = str(error)
    if said:
        return Verdict(False, False, False, False, said)
    exact = _words(statement) == _words(reference)
    try:
        found = run(database, statement, seconds=_SECONDS, max_rows=_ROWS)
    except DatabaseError as error:
        return Verdict(True, False, exact, False, error.cause)
    wanted = run(database, reference, seconds=10 * _SECONDS, max_rows=_ROWS)
    ordered = re.search(r"\border by\b", reference, re.I) is not None
    same = _compared(found.rows, ordered) == _compared(wanted.rows, ordered)
    return Verdict(True, bool(found.rows), exact, same, "")


def _words(statement: str) -> list[str]:
    words = re.findall(r"'(?:[^']|'')*'|[\w.]+|[^\w\s]", statement.strip().rstrip(";"))
    return [word if word.startswith("'") else word.lower() for word in words]


def _compared(rows: list[tuple[Any, ...]], ordered: bool) -> list[tuple[Any, ...]]:
    rounded = [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows]
    return rounded if ordered else sorted(rounded, key=repr)


def interval(hits: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    z, p = 1.959964, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
