"""`run`: a statement's rows, from a connection that can't write, within a time limit.

The statement may come from a model, so nothing is taken on trust: the database is opened read-only where gcd opens it,
and told to refuse writes where it is the user's own connection; time, the number of rows and the size of a value are
bounded.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from gcd.errors import DatabaseError
from gcd.sampling.predicate import Predicate
from gcd.sql.reflect import opened

__all__ = ["Rows", "returns_rows", "run", "runs"]

_READS = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*(SELECT|VALUES|WITH)\b", re.I | re.S)
_MOST_BYTES = 16_000_000
"""Of one value or row, in SQLite: one function call can make a gigabyte, and isn't interrupted."""
_STEPS = 1000
"""Instructions of SQLite's machine between two looks at the clock."""


class Rows(NamedTuple):
    """What a statement returned."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """There were more rows than were asked for."""


def run(database: Any, statement: str, *, seconds: float = 5.0, max_rows: int = 1000) -> Rows:
    """Run one SELECT, VALUES or WITH and fetch its rows. Nothing can be written.

    Args:
        database: as for `from_database`. A connection of the user's own is left as it was, but for a progress handler
            (SQLite), which is gone; an open transaction of SQLAlchemy's is used and not ended.
        statement: what to run.
        seconds: the time limit.
        max_rows: how many rows to fetch.

    Raises:
        DatabaseError: the database refuses the statement, it would write, or it isn't done in time; its `reason` is
            "statement".
    """
    if not _READS.match(statement):
        raise _refused("only SELECT, VALUES and WITH are run", "a statement that reads", statement)
    if _is_sqlite_file(database):
        with _read_only(database) as connection:
            return _run_sqlite(connection, statement, seconds, max_rows, ours=True)
    if isinstance(database, sqlite3.Connection):
        return _run_sqlite(database, statement, seconds, max_rows)
    return _run_sqlalchemy(database, statement, seconds, max_rows)


def runs(database: Any, *, seconds: float = 1.0) -> Predicate:
    """The statements that run without error within the time limit, as a further constraint for AWRS and SMC."""
    return _predicate(database, seconds, lambda rows: True, "runs")


def returns_rows(database: Any, *, seconds: float = 1.0) -> Predicate:
    """The statements that run and return at least one row, as a further constraint for AWRS and SMC."""
    return _predicate(database, seconds, lambda rows: bool(rows), "returns rows")


def _predicate(database: Any, seconds: float, wanted: Callable[[list[Any]], bool], name: str) -> Predicate:
    def complete(text: str) -> bool:
        try:
            return wanted(run(database, text, seconds=seconds, max_rows=1).rows)
        except DatabaseError as error:
            if error.reason != "statement":
                raise
            return False

    return Predicate(lambda text: True, complete, name=name)


# -- SQLite ---------------------------------------------------------------------------------------


def _is_sqlite_file(database: Any) -> bool:
    if isinstance(database, os.PathLike):
        return True
    if not isinstance(database, str):
        return False
    if "://" not in database:
        return Path(database).exists()
    return re.match(r"sqlite:///(?!:memory:|file:)", database) is not None


@contextmanager
def _read_only(database: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    path = os.fspath(database)
    if path.startswith("sqlite:///"):
        path = path.removeprefix("sqlite:///").partition("?")[0]
    if not Path(path).is_file():
        raise DatabaseError.of("unreachable", "there is no such file", place=f"SQLite database {path}")
    connection = sqlite3.connect(f"file:{quote(str(Path(path).absolute()))}?mode=ro", uri=True)
    try:
        connection.set_authorizer(_authorize)
        yield connection
    finally:
        connection.close()


_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def _authorize(action: int, _one: str | None, name: str | None, *_more: object) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (name or "").lower() == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _run_sqlite(
    connection: sqlite3.Connection, statement: str, seconds: float, max_rows: int, *, ours: bool = False
) -> Rows:
    """Run it; a connection that isn't `ours` is told to refuse writes meanwhile."""
    until = time.monotonic() + seconds
    length = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    cursor = connection.cursor()
    cursor.row_factory = None
    shut = not ours and not cursor.execute("PRAGMA query_only").fetchone()[0]
    try:
        if shut:
            cursor.execute("PRAGMA query_only = 1")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(length, _MOST_BYTES))
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            rows = cursor.execute(statement).fetchmany(max_rows + 1)
        except (sqlite3.Error, sqlite3.Warning) as error:
            late = str(error) == "interrupted"
            cause = f"it isn't done within {seconds:g} s" if late else str(error)
            remedy = "seconds=" if late else "constrain the statement by gcd.sql.from_database"
            raise _refused(cause, remedy, statement) from None
        names = tuple(str(column[0]) for column in cursor.description or ())
        return Rows(names, rows[:max_rows], len(rows) > max_rows)
    finally:
        connection.set_progress_handler(None, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, length)
        cursor.close()
        if shut:
            connection.execute("PRAGMA query_only = 0").close()


# -- others ---------------------------------------------------------------------------------------


def _run_sqlalchemy(database: Any, statement: str, seconds: float, max_rows: int) -> Rows:
    import sqlalchemy

    if isinstance(database, str):
        database = sqlalchemy.engine.make_url(database)
    with opened(database) as (dialect, execute, failure, place):
        connection = getattr(execute, "connection", None)
        assert connection is not None
        if dialect == "sqlite":
            return _run_sqlite(connection.connection.driver_connection, statement, seconds, max_rows)
        nested = connection.begin_nested() if connection.in_transaction() else connection.begin()
        try:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
            result = connection.exec_driver_sql(statement.replace("%", "%%"))
            rows = [tuple(row) for row in result.fetchmany(max_rows + 1)]
            return Rows(tuple(result.keys()), rows[:max_rows], len(rows) > max_rows)
        except failure as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise _refused(cause, "constrain the statement by gcd.sql.from_database", statement, place) from None
        finally:
            nested.rollback()


def _refused(cause: str, remedy: str, statement: str, place: str | None = None) -> DatabaseError:
    shown = " ".join(statement.split())
    where = f"statement {shown[:100]!r}" if place is None else f"{place}, statement {shown[:100]!r}"
    return DatabaseError.of("statement", cause, place=where, remedy=remedy)
