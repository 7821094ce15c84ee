"""The program that the engine interprets: a catalogue and the syntax, as bytes (read by csrc/sql_program.cpp)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache

from gcd.sql.catalogue import Catalogue, fold
from gcd.sql.scope_syntax import Code, assemble

__all__ = ["KEYWORDS", "SAFE_KEYWORDS", "scope_program"]

_KEYWORDS = """abort action add after all alter always analyze and as asc attach autoincrement before begin between by
cascade case cast check collate column commit conflict constraint create cross current current_date current_time
current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others outer
over partition plan pragma preceding primary query raise range recursive references regexp reindex release rename
replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
transaction trigger unbounded union unique update using vacuum values view virtual when where window with within
without"""
_SAFE = """abort action after always analyze attach before begin cascade column conflict database deferred detach each
exclude exclusive explain fail for generated ignore immediate initially instead key no of plan pragma query reindex
release rename replace restrict rollback savepoint temp temporary ties trigger vacuum view virtual within
without"""

KEYWORDS = frozenset(_KEYWORDS.split())
"""SQLite's keywords."""

SAFE_KEYWORDS = frozenset(_SAFE.split())
"""Those that SQLite takes for a name wherever one of the catalogue's may stand (tests/sql/test_scopes.py)."""

_NOT_INVENTED = frozenset({"true", "false", "rowid", "oid", "_rowid_"})
"""Words that mean something else where no column has this name."""

_PLAIN = re.compile(rb"[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*")
_KINDS = {"scalar": 0, "aggregate": 1, "window": 2}
_OPS = ("keyword", "operator", "literal", "name", "call", "split", "act", "return")


@cache
def _code(statements: tuple[str, ...], limit_required: bool) -> Code:
    return assemble(statements, limit_required=limit_required)


def scope_program(
    catalogue: Catalogue,
    statements: Iterable[str] = ("select",),
    *,
    limit_required: bool = False,
    functions: Iterable[str] | None = None,
) -> bytes:
    """Everything that the engine needs of a database and the options, as bytes.

    Args:
        catalogue: the database; its dialect must be "sqlite".
        statements: which kinds.
        limit_required: SELECT must end in LIMIT.
        functions: the only ones that may be called; None: all of the catalogue's.

    Raises:
        ValueError: another dialect.
    """
    if catalogue.dialect != "sqlite":
        raise ValueError(f'the scope engine knows the dialect "sqlite", not {catalogue.dialect!r}')
    code = _code(tuple(statements), limit_required)
    allowed = None if functions is None else {fold(f) for f in functions}
    called = [f for f in catalogue.functions if allowed is None or fold(f.name) in allowed]
    words = sorted(KEYWORDS | _NOT_INVENTED | {w.lower() for w in code.keywords})
    numbers = {word: i for i, word in enumerate(words)}

    names: set[bytes] = {b"rowid", b"oid", b"_rowid_"}
    names.update(_bytes(f.name) for f in called)
    names.update(_bytes(c) for c in catalogue.collations)
    for table in catalogue.tables:
        names.add(_bytes(table.name))
        names.update(_bytes(column.name) for column in table.columns)
        if table.schema is not None:
            names.add(_bytes(table.schema))
    # SQLite knows no empty names in statements, and the engine no names with a NUL
    texts = sorted(name for name in names if name and b"\0" not in name)
    ids = {name: i for i, name in enumerate(texts)}

    out: list[bytes] = [b"SQL1", _number(len(texts))]
    for name in texts:
        plain = _PLAIN.fullmatch(name) is not None
        keyword = name.decode("utf-8", "replace") in KEYWORDS
        bare = plain and (not keyword or name.decode() in SAFE_KEYWORDS)
        out += [_text(name), _number((1 if bare else 0) | (2 if not plain or keyword else 0))]
    out.append(_number(len(words)))
    for word in words:
        out += [_text(word.encode()), _number(1 if word in SAFE_KEYWORDS else 0)]

    tables = []
    first: set[bytes] = set()
    for table in catalogue.tables:
        name = _bytes(table.name)
        if name not in ids:
            continue
        columns: dict[int, bool] = {}
        for column in table.columns:
            if (number := ids.get(_bytes(column.name))) is not None:
                columns.setdefault(number, column.hidden)
        schema = NONE if table.schema is None else ids.get(_bytes(table.schema), NONE)
        flags = (0 if name in first else 1) | (2 if table.rowid and table.kind == "table" else 0)
        first.add(name)
        tables.append(struct.pack("<4I", ids[name], schema, flags, len(columns)))
        tables.extend(struct.pack("<2I", number, hidden) for number, hidden in columns.items())
    out.append(_number(len(first) and sum(_bytes(t.name) in ids for t in catalogue.tables)))
    out += tables

    out.append(_number(len(called)))
    for f in called:
        out.append(struct.pack("<3I", ids[_bytes(f.name)], _KINDS[f.kind], len(f.arities)))
        out.append(struct.pack(f"<{len(f.arities)}i", *(max(a, -128) for a in f.arities)))
    collations = [ids[_bytes(c)] for c in catalogue.collations if _bytes(c) in ids]
    out.append(struct.pack(f"<{1 + len(collations)}I", len(collations), *collations))

    out.append(_number(len(code.instructions)))
    for i in code.instructions:
        a = numbers[i.word.lower()] if i.op == "keyword" else i.a
        out.append(struct.pack(f"<{4 + len(i.next)}I", _OPS.index(i.op), a, i.b, len(i.next), *i.next))
    out.append(_number(code.start))
    return b"".join(out)


NONE = 0xFFFFFFFF


def _bytes(name: str) -> bytes:
    return fold(name).encode("utf-8", "surrogatepass")


def _number(n: int) -> bytes:
    return struct.pack("<I", n)


def _text(data: bytes) -> bytes:
    return _number(len(data)) + data
