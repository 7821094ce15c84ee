"""The catalogue of a PostgreSQL database: tables and views of its search path and other schemas, from pg_catalog.

PostgreSQL has thousands of functions, told apart by the types of their arguments. Those that the subset knows are
listed here by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gcd.sql.catalogue import Catalogue, Column, Function, Table
from gcd.sql.postgresql_types import AGGREGATES, SCALARS, WINDOWS

__all__ = ["FUNCTIONS", "read_postgresql"]

_ARITIES: dict[tuple[str, str], set[int]] = defaultdict(set)
for _kind, _signatures in (("scalar", SCALARS), ("aggregate", AGGREGATES), ("window", WINDOWS)):
    for _signature in _signatures:
        _ARITIES[_signature.name, _kind].update(_signature.arities)

FUNCTIONS = tuple(Function(name, tuple(sorted(arities)), kind) for (name, kind), arities in _ARITIES.items())
"""What may be called, all of it in pg_catalog of every PostgreSQL since 12."""

_COLUMNS = """
SELECT n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
       a.attgenerated <> '' OR a.attidentity = 'a', a.attnotnull, a.atthasdef OR a.attidentity <> ''
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, a.attnum
"""

_UNIQUE = """
SELECT n.nspname, c.relname, i.indexrelid::text, a.attname
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, place)
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indpred IS NULL AND i.indisvalid AND k.place <= i.indnkeyatts
ORDER BY n.nspname, c.relname, i.indexrelid, k.place
"""

Execute = Callable[[str], list[Any]]


def read_postgresql(execute: Execute) -> Catalogue:
    """The catalogue of the database that `execute` speaks to."""
    path = [str(row[0]) for row in execute("SELECT unnest(current_schemas(false))")]
    columns: dict[tuple[str, str, str], list[Column]] = defaultdict(list)
    for schema, table, kind, name, declared, generated, not_null, default in execute(_COLUMNS):
        made = Column(
            str(name), str(declared), generated=bool(generated), not_null=bool(not_null), has_default=bool(default)
        )
        columns[str(schema), str(table), _text(kind)].append(made)
    indexed: dict[tuple[str, str], dict[str, list[str | None]]] = defaultdict(lambda: defaultdict(list))
    for schema, table, index, name in execute(_UNIQUE):
        indexed[str(schema), str(table)][str(index)].append(None if name is None else str(name))
    tables = []
    for (schema, name, kind), listed in columns.items():
        keys = [tuple(c for c in key if c is not None) for key in indexed[schema, name].values() if None not in key]
        tables.append(
            Table(
                schema,
                name,
                tuple(listed),
                "view" if kind in ("v", "m") else "table",
                rowid=False,
                writable=kind in ("r", "p"),
                uniques=tuple(dict.fromkeys(keys)),
            )
        )
    # A bare name means the first schema of the search path that has it; other schemas' tables need their schema.
    tables.sort(key=lambda t: path.index(t.schema) if t.schema in path else len(path))
    others = sorted({str(t.schema) for t in tables} - set(path))
    collations = tuple(
        str(row[0])
        for row in execute(
            "SELECT collname FROM pg_catalog.pg_collation WHERE collencoding IN (-1, 6) AND collname IN ('C', 'POSIX') "
            "GROUP BY 1 ORDER BY 1"
        )
    )
    return Catalogue("postgresql", tuple(tables), FUNCTIONS, collations, (*path, *others))


def _text(value: object) -> str:
    """PostgreSQL's "char", which some drivers give as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)
