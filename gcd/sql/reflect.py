"""`from_database`: a live database -> `SqlGrammar`.

SQLAlchemy makes the connection, so whatever it takes as a URL works. What is read over it is the dialect's own:
SQLite's pragmas, PostgreSQL's catalogues. Nothing of the address gets into the grammar, and no password into a message.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gcd.errors import DatabaseError
from gcd.sql.catalogue import Catalogue, Table, fold
from gcd.sql.grammar import DIALECTS, SqlGrammar
from gcd.sql.options import SqlOptions
from gcd.sql.sqlite_catalogue import UNSAFE_FUNCTIONS, read_catalogue

__all__ = ["Execute", "catalogue_of", "dialect_named", "from_database", "narrowed", "opened"]

Execute = Callable[[str], list[Any]]
"""Runs one statement and gives all its rows."""

_ALIASES = {"postgres": "postgresql", "sqlite3": "sqlite", "pg": "postgresql"}


def from_database(
    database: Any,
    dialect: str | None = None,
    statements: Iterable[str] = ("select",),
    tables: Collection[str] | None = None,
    *,
    require_limit: bool = False,
    functions: Collection[str] | None = None,
    parameters: bool = False,
) -> SqlGrammar:
    """The statements that a database prepares, as a grammar; see `docs/sql.md` for the language.

    Args:
        database: SQLAlchemy's URL (``"sqlite:///shop.db"``, ``"postgresql+psycopg://..."``), engine or connection, a
            `sqlite3.Connection`, or the path of an SQLite file. A connection is used as it stands, and left open.
        dialect: "sqlite" or "postgresql". None: what the database is; anything else is an error.
        statements: the kinds of statement allowed, out of "select", "insert", "update", "delete".
        tables: the tables and views that may be named, with or without their schema ("main.orders"); None: all.
        require_limit: a SELECT must end in LIMIT.
        functions: names of the functions that may be called; None: all but those that can load code.
        parameters: a statement may have parameters (``?``, ``:name``), to which whoever runs it must give values.

    Raises:
        DatabaseError: it is unreachable, holds no table, needs a driver that isn't installed, or has another dialect;
            a table or function that was asked for isn't there.
        TypeError, ValueError: an argument is wrong.
    """
    options = SqlOptions.of(statements, require_limit=require_limit, functions=functions, parameters=parameters)
    wanted = dialect_named(dialect)
    if isinstance(tables, str):
        raise TypeError("tables= is a collection of names, not one str")
    with opened(database) as (found, execute, failure, place):
        if wanted not in (None, found):
            raise DatabaseError.of(
                "dialect", f"the database is {found}, not {wanted}", place=place, remedy="leave dialect= out"
            )
        catalogue = catalogue_of(found, execute, failure, place)
    if found == "sqlite" and failure is not sqlite3.Error and not {"regexp"} & set(options.functions or ()):
        # SQLAlchemy gives its own connections this function; another connection to the database hasn't got it.
        own = tuple(f for f in catalogue.functions if fold(f.name) != "regexp")
        catalogue = replace(catalogue, functions=own)
    return SqlGrammar(narrowed(catalogue, tables, options, place), options)


def dialect_named(dialect: str | None) -> str | None:
    """The dialect's own name for what a user calls it.

    Raises:
        DatabaseError: gcd doesn't know it.
    """
    if dialect is None:
        return None
    name = _ALIASES.get(dialect.lower(), dialect.lower())
    if name not in DIALECTS:
        raise DatabaseError.of("dialect", f"gcd has no dialect {dialect!r}", remedy=" or ".join(DIALECTS))
    return name


def catalogue_of(dialect: str, execute: Execute, failure: type[Exception], place: str) -> Catalogue:
    """The catalogue that an open database has.

    Raises:
        DatabaseError: it can't be read, or holds no table.
    """
    if dialect not in DIALECTS:
        known = " and ".join(DIALECTS)
        raise DatabaseError.of("dialect", f"gcd has no dialect {dialect}", place=place, remedy=f"it has {known}")
    try:
        if dialect == "postgresql":
            from gcd.sql.postgresql_catalogue import read_postgresql

            catalogue = read_postgresql(execute)
        else:
            catalogue = read_catalogue(execute, failure)
    except failure as error:
        raise DatabaseError.of(
            "unreachable",
            f"the database can't be read: {_said(error)}",
            place=place,
            remedy="check that it is a database of this kind, and that you may read its schema",
        ) from None
    if not any(table.columns for table in catalogue.tables):
        raise DatabaseError.of(
            "empty", "the database holds no table", place=place, remedy="check the address; a new file is empty"
        )
    return catalogue


def narrowed(catalogue: Catalogue, tables: Collection[str] | None, options: SqlOptions, place: str) -> Catalogue:
    """The part of the catalogue that `tables` and the options leave.

    Raises:
        DatabaseError: something that is named isn't there.
    """
    kept = catalogue.tables
    if tables is not None:
        wanted = {fold(name): name for name in tables}
        kept = tuple(t for t in kept if fold(t.name) in wanted or fold(f"{t.schema}.{t.name}") in wanted)
        there = {fold(t.name) for t in kept} | {fold(f"{t.schema}.{t.name}") for t in kept}
        missing = [name for folded, name in wanted.items() if folded not in there]
        if missing or not kept:
            names = ", ".join(map(repr, missing)) or "any table"
            raise DatabaseError.of(
                "table",
                f"tables= names {names}, which the database hasn't",
                place=place,
                remedy=_some(catalogue.tables),
            )
    asked = options.functions
    if asked is None:
        called = tuple(f for f in catalogue.functions if fold(f.name) not in UNSAFE_FUNCTIONS)
    else:
        folded = {fold(name) for name in asked}
        called = tuple(f for f in catalogue.functions if fold(f.name) in folded)
        unknown = sorted(folded - {fold(f.name) for f in called})
        if unknown:
            raise DatabaseError.of(
                "table",
                f"functions= names {', '.join(map(repr, unknown))}, which the database hasn't",
                place=place,
                remedy="SELECT name FROM pragma_function_list" if catalogue.dialect == "sqlite" else "see docs/sql.md",
            )
    return replace(catalogue, tables=kept, functions=called)


def _some(tables: Iterable[Table]) -> str:
    names = [t.name for t in tables]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} others" if len(names) > 8 else "")


# -- connections ----------------------------------------------------------------------------------


@contextmanager
def opened(database: Any) -> Iterator[tuple[str, Execute, type[Exception], str]]:
    """The database's dialect, a function that runs a statement on it, what that raises, and the database's name.

    Raises:
        DatabaseError: it can't be reached, or its driver isn't installed.
        TypeError: `database` is no database.
    """
    if isinstance(database, sqlite3.Connection):
        # A row factory of the user's own may give rows that can't be indexed.
        def execute(statement: str) -> list[Any]:
            cursor = database.cursor()
            cursor.row_factory = None
            try:
                return list(cursor.execute(statement))
            finally:
                cursor.close()

        yield "sqlite", execute, sqlite3.Error, "SQLite connection"
        return
    sqlalchemy = _sqlalchemy()
    if isinstance(database, os.PathLike):
        database = sqlalchemy.engine.URL.create("sqlite", database=os.fspath(database))
    if isinstance(database, str):
        database = _url(database, sqlalchemy)
    if isinstance(database, sqlalchemy.engine.URL):
        engine, place = _engine(database, sqlalchemy), _place(database)
        _must_exist(database, place)
        try:
            yield from _connected(engine, place, sqlalchemy)
        finally:
            engine.dispose()
    elif isinstance(database, sqlalchemy.engine.Engine):
        yield from _connected(database, _place(database.url), sqlalchemy)
    elif isinstance(database, sqlalchemy.engine.Connection):
        yield _over(database, _place(database.engine.url), sqlalchemy)
    else:
        raise TypeError(
            f"database must be a URL, a path, a sqlite3 connection or SQLAlchemy's, not {type(database).__name__}"
        )


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
    except ImportError:
        raise DatabaseError.of(
            "driver", "SQLAlchemy isn't installed", remedy="pip install 'gcd-decoding[sql]'"
        ) from None
    return sqlalchemy


def _url(text: str, sqlalchemy: Any) -> Any:
    if "://" not in text and Path(text).exists():
        return sqlalchemy.engine.URL.create("sqlite", database=text)
    try:
        return sqlalchemy.engine.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        pass
    # The text may hold a password, so the message doesn't.
    raise DatabaseError.of(
        "unreachable",
        "this is neither a database's URL nor a file that exists",
        remedy="sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME",
    )


def _engine(url: Any, sqlalchemy: Any) -> Any:
    place = _place(url)
    try:
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    except sqlalchemy.exc.NoSuchModuleError:
        cause = f"SQLAlchemy knows no dialect {url.drivername!r}"
        raise DatabaseError.of("dialect", cause, place=place, remedy=" or ".join(DIALECTS)) from None
    except ImportError as error:
        module = error.name or url.drivername
        cause = f"the driver {module} isn't installed"
        raise DatabaseError.of("driver", cause, place=place, remedy=f"pip install {module}") from None
    except Exception as error:  # a driver's own complaint about an odd URL may quote it
        cause = f"the URL isn't one that {url.drivername} takes ({type(error).__name__})"
        raise DatabaseError.of("unreachable", cause, place=place, remedy="check the URL and its options") from None


def _must_exist(url: Any, place: str) -> None:
    """SQLite makes a file that isn't there: an empty database where the user meant another."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return
    name = str(url.database)
    path = unquote(re.sub(r"^file:(//[^/]*)?", "", name).partition("?")[0]) if name.startswith("file:") else name
    if "mode=memory" not in name and url.query.get("mode") != "memory" and not Path(path).is_file():
        raise DatabaseError.of("unreachable", "there is no such file", place=place, remedy="check the path")


def _connected(engine: Any, place: str, sqlalchemy: Any) -> Iterator[tuple[str, Execute, type[Exception], str]]:
    try:
        connection = engine.connect()
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise DatabaseError.of(
            "unreachable",
            f"the database can't be reached: {_said(error, engine.url)}",
            place=place,
            remedy="check that its server runs, the address, and the password",
        ) from None
    with connection:
        yield _over(connection, place, sqlalchemy)


def _over(connection: Any, place: str, sqlalchemy: Any) -> tuple[str, Execute, type[Exception], str]:
    def execute(statement: str) -> list[Any]:
        # Straight to the driver: SQLAlchemy's text() would read colons in names as parameters.
        return list(connection.exec_driver_sql(statement).fetchall())

    execute.connection = connection  # type: ignore[attr-defined] # for `gcd.sql.run`
    return connection.dialect.name, execute, sqlalchemy.exc.SQLAlchemyError, place


def _place(url: Any) -> str:
    """The database in words: never a user, a password, or the URL's options."""
    name = url.get_backend_name()
    if name == "sqlite":
        file = url.database
        return f"SQLite database {file}" if file not in (None, "", ":memory:") else "SQLite database in memory"
    at = f" at {url.host}" if url.host else ""
    return f"{name} database {url.database or '(default)'}{at}"


def _said(error: BaseException, url: Any = None) -> str:
    """What the driver said, in one line, without anything secret from the URL."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if url is not None:
        secrets = [url.password, url.username, *(v for value in url.query.values() for v in _each(value))]
        for secret in sorted({str(s) for s in secrets if s}, key=len, reverse=True):
            text = text.replace(secret, "***")
    return "".join(c if c.isprintable() else "?" for c in text)[:300]


def _each(value: Any) -> Iterable[Any]:
    return (value,) if isinstance(value, str) else value
