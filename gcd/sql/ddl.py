"""`from_ddl`: CREATE statements -> `SqlGrammar`, for a schema without its database.

SQLite's own parser reads SQLite's, in a database in memory; sqlglot reads PostgreSQL's. What a schema doesn't say
(functions, collations) is what the dialect has without extensions.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from gcd.errors import DatabaseError, GrammarError
from gcd.sql.catalogue import Catalogue, Column, Table, fold
from gcd.sql.grammar import SqlGrammar
from gcd.sql.options import SqlOptions
from gcd.sql.reflect import dialect_named, narrowed
from gcd.sql.sqlite_catalogue import read_catalogue

__all__ = ["from_ddl"]

_SECONDS = 2.0
"""What DDL may take: CREATE TABLE ... AS can compute anything."""

_MADE = frozenset({"TABLE", "VIEW", "INDEX", "UNIQUE", "TEMP", "TEMPORARY", "VIRTUAL"})
"""What may stand behind CREATE in SQLite's DDL, for it to be read."""


def from_ddl(
    text: str,
    dialect: str,
    statements: Iterable[str] = ("select",),
    tables: Collection[str] | None = None,
    *,
    require_limit: bool = False,
    functions: Collection[str] | None = None,
    parameters: bool = False,
) -> SqlGrammar:
    """The statements that a database with this schema prepares; see `from_database` for the other arguments.

    Args:
        text: CREATE TABLE, CREATE VIEW and CREATE INDEX statements. Others (INSERT, COMMENT) are passed over; the
            grammar's `warnings` name them.
        dialect: whose DDL it is: "sqlite" or "postgresql".

    Raises:
        GrammarError: the text can't be read.
        DatabaseError: it makes no table, the dialect is unknown, or sqlglot isn't installed.
        TypeError, ValueError: an argument is wrong.
    """
    options = SqlOptions.of(statements, require_limit=require_limit, functions=functions, parameters=parameters)
    name = dialect_named(dialect)
    catalogue = _of_sqlite(text) if name == "sqlite" else _of_postgresql(text)
    if not catalogue.tables:
        raise DatabaseError.of("empty", "the DDL makes no table", place="DDL", remedy="CREATE TABLE name (column, ...)")
    return SqlGrammar(narrowed(catalogue, tables, options, "DDL"), options)


# -- SQLite ---------------------------------------------------------------------------------------


def _of_sqlite(text: str) -> Catalogue:
    until = time.monotonic() + _SECONDS
    with closing(sqlite3.connect(":memory:")) as connection:
        # No statement may reach a file: neither ATTACH nor a function that loads code gets through.
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        notes = []
        for line, statement in _statements(text):
            words = _COMMENT.sub(" ", statement).upper().split(None, 2)
            if words[:1] == ["CREATE"] and len(words) > 1 and words[1] in _MADE:
                try:
                    connection.execute(statement)
                except (sqlite3.Error, sqlite3.Warning) as error:
                    raise GrammarError(
                        f"SQLite refuses the DDL: {error}",
                        name="DDL",
                        source=text,
                        line=line,
                        remedy="check that it is SQLite's, and in an order in which it can be run",
                    ) from None
            elif words not in ([], [";"]):
                notes.append(f"passed over: {_shown(statement)}")
        catalogue = read_catalogue(lambda query: connection.execute(query).fetchall(), sqlite3.Error)
    return replace(catalogue, notes=(*catalogue.notes, *notes))


_COMMENT = re.compile(r"--[^\n]*|/\*.*?(\*/|\Z)", re.S)


def _authorize(action: int, *_about: object) -> int:
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements in a text, each with the line that it begins on."""
    begun, line = 0, 1
    for end in [*(m.end() for m in re.finditer(";", text)), len(text)]:
        piece = text[begun:end]
        if end == len(text) or sqlite3.complete_statement(piece):
            if piece.strip():
                blank = len(piece) - len(piece.lstrip())
                yield line + piece[:blank].count("\n"), piece.strip()
            line += piece.count("\n")
            begun = end


def _shown(statement: str) -> str:
    line = " ".join(statement.split())
    return line[:60] + ("…" if len(line) > 60 else "")


# -- PostgreSQL -----------------------------------------------------------------------------------


def _of_postgresql(text: str) -> Catalogue:
    from gcd.sql.postgresql_catalogue import FUNCTIONS

    tables, notes = _tables(text)
    return Catalogue("postgresql", tuple(tables), FUNCTIONS, ("C", "POSIX"), ("public",), tuple(notes))


def _tables(text: str) -> tuple[list[Table], list[str]]:
    try:
        import sqlglot
        from sqlglot import exp
    except ImportError:
        raise DatabaseError.of("driver", "sqlglot isn't installed", remedy="pip install 'gcd-decoding[sql]'") from None
    try:
        parsed = [s for s in sqlglot.parse(text, read="postgres") if s is not None]
    except sqlglot.errors.SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        raise GrammarError(
            f"the DDL can't be read: {first.get('description') or str(error).partition(chr(10))[0]}",
            name="DDL",
            source=text,
            line=first.get("line"),
            column=first.get("col"),
            remedy="check that it is PostgreSQL's",
        ) from None
    default = "public"
    tables: dict[tuple[str, str], Table] = {}
    notes: list[str] = []
    for statement in parsed:
        kind = str(statement.args.get("kind", "")).upper() if isinstance(statement, exp.Create) else ""
        if kind == "TABLE":
            table = _table(statement, default, exp)
        elif kind == "VIEW":
            table = _view(statement, default, tables, exp)
        elif kind == "INDEX":
            _add_index(statement, default, tables, exp)
            continue
        else:
            table = None
        if table is None:
            notes.append(f"passed over: {_shown(statement.sql(dialect='postgres'))}")
        else:
            tables[fold(table.schema or default), fold(table.name)] = table
    return list(tables.values()), notes


def _named(node: Any, default: str) -> tuple[str, str]:
    """Schema and name of a table expression."""
    return node.db or default, node.name


def _table(statement: Any, default: str, exp: Any) -> Table | None:
    body = statement.this
    if not isinstance(body, exp.Schema):
        return None  # CREATE TABLE ... AS SELECT: its columns' types aren't said
    schema, name = _named(body.this, default)
    columns: list[Column] = []
    uniques: list[tuple[str, ...]] = []
    for part in body.expressions:
        if isinstance(part, exp.ColumnDef):
            kinds = [constraint.kind for constraint in part.constraints]
            has = tuple(type(kind) for kind in kinds)
            generated = any(
                issubclass(k, exp.ComputedColumnConstraint | exp.GeneratedAsRowColumnConstraint) for k in has
            )
            # GENERATED ALWAYS AS IDENTITY; BY DEFAULT can be written.
            generated |= any(isinstance(k, exp.GeneratedAsIdentityColumnConstraint) and k.this is True for k in kinds)
            columns.append(
                Column(
                    part.name,
                    part.kind.sql() if part.kind else "",
                    generated=generated,
                    not_null=any(
                        isinstance(k, exp.NotNullColumnConstraint) and not k.args.get("allow_null") for k in kinds
                    ),
                    has_default=exp.DefaultColumnConstraint in has,
                )
            )
            if exp.PrimaryKeyColumnConstraint in has or exp.UniqueColumnConstraint in has:
                uniques.append((part.name,))
        else:
            uniques += _keys(part, exp)
    return Table(schema, name, tuple(columns), rowid=False, uniques=tuple(dict.fromkeys(uniques)))


def _keys(part: Any, exp: Any) -> Iterator[tuple[str, ...]]:
    """The column sets of the PRIMARY KEY and UNIQUE constraints in a table's constraint."""
    for found in part.find_all(exp.PrimaryKey, exp.UniqueColumnConstraint):
        listed = found.expressions if isinstance(found, exp.PrimaryKey) else getattr(found.this, "expressions", [])
        names = tuple(each.name for each in listed)
        if names and all(names):
            yield names


def _view(statement: Any, default: str, tables: dict[tuple[str, str], Table], exp: Any) -> Table | None:
    from sqlglot.optimizer.qualify import qualify

    body, query = statement.this, statement.expression
    schema, name = _named(body.this if isinstance(body, exp.Schema) else body, default)
    if isinstance(body, exp.Schema):
        names = [part.name for part in body.expressions]
    elif query is None:
        return None
    else:
        known = {t.name: {c.name: c.type or "text" for c in t.columns} for t in tables.values()}
        names = list(qualify(query.copy(), schema=known, validate_qualify_columns=False).named_selects)
    if not names or "*" in names or not all(names):
        return None
    return Table(schema, name, tuple(Column(n) for n in names), kind="view", rowid=False, writable=False)


def _add_index(statement: Any, default: str, tables: dict[tuple[str, str], Table], exp: Any) -> None:
    index = statement.this
    of = index.args.get("table")
    if of is None:
        return
    key = tuple(fold(part) for part in _named(of, default))
    table = tables.get((key[0], key[1]))
    if table is None:
        return
    parameters = index.args.get("params")
    listed = parameters.args.get("columns") if parameters is not None else None
    partial = parameters is not None and parameters.args.get("where") is not None
    columns = [each.this if isinstance(each, exp.Ordered) else each for each in listed or []]
    plain = tuple(c.name for c in columns if isinstance(c, exp.Column))
    uniques = table.uniques
    if statement.args.get("unique") and not partial and plain and len(plain) == len(columns) and plain not in uniques:
        uniques = (*uniques, plain)
    tables[key[0], key[1]] = replace(table, uniques=uniques, indexes=(*table.indexes, index.name))
