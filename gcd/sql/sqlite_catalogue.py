"""The catalogue of an SQLite database, from its own pragmas.

SQLite says about itself more than a driver-neutral inspector can: hidden and generated columns, which functions there
are and how many arguments they take, which collations. Everything here only prepares or reads; nothing is executed
that a database's own SQL could hook into.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gcd.sql.catalogue import Catalogue, Column, Function, Table

__all__ = ["UNSAFE_FUNCTIONS", "quoted", "read_catalogue"]

Rows = Sequence[Sequence[Any]]
Execute = Callable[[str], Rows]
"""Runs one statement and gives all its rows; raises what the driver raises."""

UNSAFE_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
"""Functions that can run code of the caller's choice: only in a catalogue's reach if `functions=` names them."""

_NOT_CALLED = frozenset({"->", "->>", "current_date", "current_time", "current_timestamp"})
"""Listed as functions, but written as operators and keywords."""

_MOST_TRIED = 4
_LIMIT = 127
"""SQLITE_LIMIT_FUNCTION_ARG, as it is built by default."""


def read_catalogue(execute: Execute, failure: type[Exception]) -> Catalogue:
    """The catalogue of the database that `execute` speaks to; its notes say what was left out, and why.

    Args:
        execute: runs a statement on the database.
        failure: what `execute` raises where SQLite refuses a statement.
    """
    notes: list[str] = []
    tables = tuple(_tables(execute, failure, notes))
    functions = tuple(_functions(execute, failure, notes))
    collations = tuple(sorted(str(row[1]) for row in execute("PRAGMA collation_list")))
    return Catalogue("sqlite", tables, functions, collations, _schemas(execute), tuple(notes))


def _schemas(execute: Execute) -> tuple[str, ...]:
    """The databases in the order in which SQLite looks for a bare name: temp, main, the attached ones."""
    present = dict.fromkeys(str(row[1]) for row in execute("PRAGMA database_list"))
    return ("temp", "main", *(name for name in present if name not in ("temp", "main")))


# -- tables ---------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """The name as a quoted identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tables(execute: Execute, failure: type[Exception], notes: list[str]) -> Iterator[Table]:
    """All tables and views: of temp, then of main, then of the attached databases, as SQLite looks for them."""
    listed: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for schema, name, kind, _width, without_rowid, *_ in execute("SELECT * FROM pragma_table_list"):
        if str(name).startswith("sqlite_") or kind == "shadow":
            continue  # SQLite's own; a virtual table's insides
        listed[str(schema)].append((str(name), str(kind), not without_rowid))
    for schema in _schemas(execute):
        if not listed[schema]:
            continue
        columns = _columns(execute, failure, schema, [name for name, _, _ in listed[schema]], notes)
        indexes = _indexes(execute, schema)
        for name, kind, rowid in sorted(listed[schema]):
            if name not in columns:
                continue
            primary = sorted((key, column.name) for column, key in columns[name] if key)
            keys = [tuple(column for _, column in primary)] if primary and kind == "table" else []
            of_table = indexes.get(name, {})
            keys += [key for key in of_table.values() if key and key not in keys]
            yield Table(
                schema,
                name,
                tuple(column for column, _ in columns[name]),
                kind,
                rowid=rowid and kind != "view",
                writable=kind != "view",
                uniques=tuple(keys),
                indexes=tuple(of_table),
            )


_Described = tuple[Column, int]
"""A column and its place in the primary key (from 1; 0: none)."""


def _columns(
    execute: Execute, failure: type[Exception], schema: str, names: Sequence[str], notes: list[str]
) -> dict[str, list[_Described]]:
    """The columns of each table of a schema. One query for all; one for each table where a broken view stops that."""
    wanted = 'x.cid, x.name, x.type, x.hidden, x.pk, x."notnull", x.dflt_value IS NOT NULL FROM'
    # The pragma behind a FROM term sees one row of the list at a time, so this is a loop inside SQLite.
    all_of_them = (
        f"SELECT l.name, {wanted} pragma_table_list AS l "
        f"CROSS JOIN pragma_table_xinfo(l.name, {_literal(schema)}) AS x "
        f"WHERE l.schema = {_literal(schema)} AND l.type != 'shadow' AND substr(l.name, 1, 7) != 'sqlite_'"
    )
    found: dict[str, list[_Described]] = {}
    rows: list[Sequence[Any]] = []
    try:
        rows.extend(execute(all_of_them))
    except failure:
        rows.clear()
        for name in names:
            try:
                of = f"pragma_table_xinfo({_literal(name)}, {_literal(schema)})"
                rows.extend(execute(f"SELECT {_literal(name)}, {wanted} {of} AS x"))
            except failure as error:
                notes.append(f"{schema}.{name} is left out: {error}")
    for name, _cid, column, declared, hidden, key, not_null, default in sorted(rows, key=lambda row: (row[0], row[1])):
        described = Column(
            str(column),
            str(declared or ""),
            generated=hidden in (2, 3),
            hidden=hidden == 1,
            not_null=bool(not_null),
            has_default=bool(default),
        )
        found.setdefault(str(name), []).append((described, int(key)))
    for name in names:
        if name not in found and not any(note.startswith(f"{schema}.{name} ") for note in notes):
            notes.append(f"{schema}.{name} is left out: SQLite names no column of it")
    return found


def _indexes(execute: Execute, schema: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """The indexes of each table: the columns of one that makes them unique in all rows, () for any other."""
    # Two queries: SQLite's planner turns one join of both pragmas into a product.
    pragma = f"FROM {quoted(schema)}.sqlite_schema AS m CROSS JOIN pragma_index_"
    columns: dict[str, list[str | None]] = defaultdict(list)
    of_index = f"xinfo(m.name, {_literal(schema)}) AS x WHERE m.type = 'index' AND x.key ORDER BY 1, 2"
    for index, _place, column in execute(f"SELECT m.name, x.seqno, x.name {pragma}{of_index}"):
        columns[str(index)].append(None if column is None else str(column))  # None: an expression
    found: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    of_table = f"list(m.name, {_literal(schema)}) AS i WHERE m.type = 'table' ORDER BY 1, 2"
    for table, index, unique, partial in execute(f'SELECT m.name, i.name, i."unique", i.partial {pragma}{of_table}'):
        named = tuple(c for c in columns[str(index)] if c is not None)
        whole = unique and not partial and len(named) == len(columns[str(index)])
        found[str(table)][str(index)] = named if whole else ()
    return found


# -- functions ------------------------------------------------------------------------------------


def _functions(execute: Execute, failure: type[Exception], notes: list[str]) -> Iterator[Function]:
    """Every function with the numbers of arguments that SQLite really takes: it is asked, by EXPLAIN."""
    listed: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for name, kind, arity in execute("SELECT name, type, narg FROM pragma_function_list"):
        listed[str(name)].add((str(kind), int(arity)))

    def refusal(name: str, n: int, over: str) -> str | None:
        try:
            execute(f"EXPLAIN SELECT {quoted(name)}({', '.join(['NULL'] * n)}){over}")
        except failure as error:
            return str(error)
        return None

    for name, forms in sorted(listed.items()):
        if name in _NOT_CALLED:
            continue
        by_kind: dict[str, set[int]] = defaultdict(set)
        why = ""
        for kind, arity in forms:
            own = {form for _, form in forms}
            tried = [arity] if arity >= 0 else [n for n in range(_MOST_TRIED + 1) if n not in own]
            for n in tried:
                aggregate = kind in ("w", "a")
                alone = refusal(name, n, "")
                if alone is None and kind == "a":
                    why = "it is an aggregate that can't be a window function, and the catalogue has no such kind"
                elif alone is None:
                    by_kind["aggregate" if aggregate else "scalar"].add(n)
                elif aggregate and refusal(name, n, " OVER ()") is None:
                    by_kind["window"].add(n)
                else:
                    why = alone
            if arity < 0 and refusal(name, _LIMIT, "") is None:
                # The last run of numbers has no end: {2, 3, 4} and so on is -3, two or more.
                kind = "aggregate" if kind in ("w", "a") else "scalar"
                run = by_kind[kind]
                first = _MOST_TRIED
                while first in run:
                    run.discard(first)
                    first -= 1
                run.add(-2 - first)
        if not any(by_kind.values()):
            notes.append(f"function {name} is left out: {why}")
        for kind, arities in sorted(by_kind.items()):
            if arities:
                yield Function(name, tuple(sorted(arities)), kind)
