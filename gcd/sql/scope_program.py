"""The program that the engine interprets: a catalogue and the syntax, as bytes (read by csrc/sql_program.cpp)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache

from gcd.sql.catalogue import Catalogue, fold
from gcd.sql.postgresql_syntax import POSTGRESQL
from gcd.sql.postgresql_types import AGGREGATES, CLASSES, SCALARS, WINDOWS, Signature, class_of
from gcd.sql.scope_syntax import PLACES, Code, Syntax, assemble
from gcd.sql.sqlite_syntax import SQLITE

__all__ = ["scope_program"]

_SYNTAXES = {syntax.dialect: syntax for syntax in (SQLITE, POSTGRESQL)}

_PLAIN = re.compile(rb"[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*")
_KINDS = {"scalar": 0, "aggregate": 1, "window": 2}
_OPS = ("keyword", "operator", "literal", "name", "call", "split", "act", "return")


_EVERYWHERE = (1 << len(PLACES)) - 1
_ODD = 1 << len(PLACES)


@cache
def _code(dialect: str, statements: tuple[str, ...], limit_required: bool) -> Code:
    return assemble(_SYNTAXES[dialect], statements, limit_required=limit_required)


def _places(syntax: Syntax, word: str) -> int:
    """Where a keyword may be a bare name, as bits in the order of `PLACES`."""
    return sum(1 << i for i, place in enumerate(PLACES) if word in syntax.names[place])


def scope_program(
    catalogue: Catalogue,
    statements: Iterable[str] = ("select",),
    *,
    limit_required: bool = False,
    functions: Iterable[str] | None = None,
) -> bytes:
    """Everything that the engine needs of a database and the options, as bytes.

    Args:
        catalogue: the database; its dialect must be one of those that have a syntax here.
        statements: which kinds.
        limit_required: SELECT must end in LIMIT.
        functions: the only ones that may be called; None: all of the catalogue's.

    Raises:
        ValueError: another dialect.
    """
    syntax = _SYNTAXES.get(catalogue.dialect)
    if syntax is None:
        known = " and ".join(f'"{dialect}"' for dialect in _SYNTAXES)
        raise ValueError(f"the scope engine knows {known}, not {catalogue.dialect!r}")
    code = _code(catalogue.dialect, tuple(statements), limit_required)
    allowed = None if functions is None else {fold(f) for f in functions}
    called = [f for f in catalogue.functions if allowed is None or fold(f.name) in allowed]
    words = sorted(syntax.keywords | syntax.never_invented | {w.lower() for w in code.keywords})
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

    out: list[bytes] = [b"SQL2", _number(syntax.typed), _number(len(texts))]
    for name in texts:
        plain = _PLAIN.fullmatch(name) is not None
        word = name.decode("utf-8", "replace")
        keyword = word if plain and word in syntax.keywords else None
        where = _places(syntax, keyword) if keyword else _EVERYWHERE if plain else 0
        out += [_text(name), _number(where | (_ODD if keyword or not plain else 0))]
    out.append(_number(len(words)))
    for word in words:
        out += [_text(word.encode()), _number(_places(syntax, word))]
    for signs in (syntax.operators, tuple(syntax.quotes)):
        out.append(_number(len(signs)))
        out += [_text(sign.encode()) for sign in signs]

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
    out += [_number(code.start), _number(syntax.stack)]
    return b"".join(out)


NONE = 0xFFFFFFFF


def _bytes(name: str) -> bytes:
    return fold(name).encode("utf-8", "surrogatepass")


def _number(n: int) -> bytes:
    return struct.pack("<I", n)


def _text(data: bytes) -> bytes:
    return _number(len(data)) + data
