"""The program that the engine interprets: a catalogue and the syntax, as bytes (read by csrc/sql_program.cpp)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from gcd.sql.catalogue import Catalogue, Function, fold
from gcd.sql.postgresql_syntax import POSTGRESQL
from gcd.sql.postgresql_types import AGGREGATES, CLASSES, SCALARS, WINDOWS, class_of
from gcd.sql.scope_syntax import LITERALS, PLACES, Code, Syntax, assemble
from gcd.sql.sqlite_syntax import SQLITE

__all__ = ["scope_program"]

_SYNTAXES = {syntax.dialect: syntax for syntax in (SQLITE, POSTGRESQL)}

_PLAIN = re.compile(rb"[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*")
_KINDS = {"scalar": 0, "aggregate": 1, "window": 2}
_OPS = ("keyword", "operator", "literal", "name", "call", "split", "act", "return")


_EVERYWHERE = (1 << len(PLACES)) - 1
_ODD = _MEANS = 1 << len(PLACES)


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
    parameters: bool = True,
) -> bytes:
    """Everything that the engine needs of a database and the options, as bytes.

    Args:
        catalogue: the database; its dialect must be one of those that have a syntax here.
        statements: which kinds.
        limit_required: SELECT must end in LIMIT.
        functions: the only ones that may be called; None: all of the catalogue's.
        parameters: a statement may have some.

    Raises:
        ValueError: another dialect.
    """
    syntax = _SYNTAXES.get(catalogue.dialect)
    if syntax is None:
        dialects = " and ".join(f'"{dialect}"' for dialect in _SYNTAXES)
        raise ValueError(f"the scope engine knows {dialects}, not {catalogue.dialect!r}")
    code = _code(catalogue.dialect, tuple(statements), limit_required)
    allowed = None if functions is None else {fold(f) for f in functions}
    known = [f for f in catalogue.functions if allowed is None or fold(f.name) in allowed]
    called = [call for f in known for call in (_typed_calls(f) if syntax.typed else [_Call(f.name, f.kind, f.arities)])]
    words = sorted(syntax.keywords | syntax.never_invented | {w.lower() for w in code.keywords})
    numbers = {word: i for i, word in enumerate(words)}

    spelt = _exact if syntax.typed else _folded
    names: set[bytes] = set() if syntax.typed else {word.encode() for word in syntax.never_invented}
    names.update(spelt(f.name) for f in called)
    names.update(spelt(c) for c in catalogue.collations)
    for table in catalogue.tables:
        names.add(spelt(table.name))
        names.update(spelt(column.name) for column in table.columns)
        if table.schema is not None:
            names.add(spelt(table.schema))
    # SQLite knows no empty names in statements, and the engine no names with a NUL
    texts = sorted(name for name in names if name and b"\0" not in name)
    ids = {name: i for i, name in enumerate(texts)}

    out: list[bytes] = [b"SQL2", _number(syntax.typed), _number(len(texts))]
    for name in texts:
        plain = _PLAIN.fullmatch(name) is not None
        word = name.decode("utf-8", "replace")
        keyword = word if plain and word in syntax.keywords else None
        where = _places(syntax, keyword) if keyword else _EVERYWHERE if plain else 0
        odd = keyword or not plain or word in syntax.never_invented
        out += [_text(name), _number(where | (_ODD if odd else 0))]
    out.append(_number(len(words)))
    for word in words:
        means = _MEANS if word in syntax.never_invented else 0
        out += [_text(word.encode()), _number(_places(syntax, word) | means)]
    for signs in (syntax.operators, tuple(syntax.quotes)):
        out.append(_number(len(signs)))
        out += [_text(sign.encode()) for sign in signs]

    tables = []
    first: set[bytes] = set()
    for table in catalogue.tables:
        name = spelt(table.name)
        if name not in ids:
            continue
        columns: dict[int, int] = {}
        for column in table.columns:
            if (number := ids.get(spelt(column.name))) is not None:
                kind = CLASSES.index(class_of(column.type)) if syntax.typed else 0
                columns.setdefault(number, column.hidden | 2 * column.generated | kind << 2)
        schema = NONE if table.schema is None else ids.get(spelt(table.schema), NONE)
        # PostgreSQL's search path: only its first schema is known to be in it
        hidden = syntax.typed and table.schema is not None and table.schema not in catalogue.schemas[:1]
        flags = (0 if name in first or hidden else 1) | (2 if table.rowid and table.kind == "table" else 0)
        flags |= (4 if table.writable else 0) | (8 if table.kind == "table" else 0)
        if not hidden:
            first.add(name)
        tables.append(struct.pack("<4I", ids[name], schema, flags, len(columns)))
        tables.extend(struct.pack("<2I", number, kept) for number, kept in columns.items())
        keys = [sorted({ids[spelt(c)] for c in key}) for key in table.uniques if all(spelt(c) in ids for c in key)]
        tables.append(_number(len(keys)))
        tables.extend(struct.pack(f"<{1 + len(key)}I", len(key), *key) for key in keys)
    out.append(_number(sum(spelt(t.name) in ids for t in catalogue.tables)))
    out += tables

    out.append(_number(len(called)))
    for f in called:
        out.append(struct.pack("<4I", ids[spelt(f.name)], _KINDS[f.kind], f.result, len(f.arities)))
        out.append(struct.pack(f"<{len(f.arities)}i", *(max(a, -128) for a in f.arities)))
        out.append(struct.pack(f"<{1 + len(f.arguments)}I", len(f.arguments), *f.arguments))
    collations = [ids[spelt(c)] for c in catalogue.collations if spelt(c) in ids]
    out.append(struct.pack(f"<{1 + len(collations)}I", len(collations), *collations))

    out.append(_number(len(code.instructions)))
    columns_named = {spelt(c.name) for table in catalogue.tables for c in table.columns if not syntax.typed}
    for i in code.instructions:
        word_of_column = (
            i.op == "keyword" and i.word.lower() in syntax.never_invented and i.word.lower().encode() in columns_named
        )
        if word_of_column or (not parameters and i.op == "literal" and LITERALS[i.a] == "parameter"):
            out.append(struct.pack("<4I", _OPS.index("split"), 0, 0, 0))  # no way on
            continue
        a = numbers[i.word.lower()] if i.op == "keyword" else i.a
        out.append(struct.pack(f"<{4 + len(i.next)}I", _OPS.index(i.op), a, i.b, len(i.next), *i.next))
    out += [_number(code.start), _number(syntax.stack)]
    return b"".join(out)


NONE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Call:
    """A way to call a function: what of it the engine reads."""

    name: str
    kind: str
    arities: tuple[int, ...]
    result: int = 0
    arguments: tuple[int, ...] = ()


_SIGNATURES = {"scalar": SCALARS, "aggregate": AGGREGATES, "window": WINDOWS}


def _typed_calls(function: Function) -> list[_Call]:
    """One for each of its signatures."""
    return [
        _Call(
            s.name,
            function.kind,
            s.arities,
            CLASSES.index(s.result),
            tuple(sum(1 << CLASSES.index(c) for c in classes.split()) for classes in s.arguments),
        )
        for s in _SIGNATURES[function.kind]
        if s.name == function.name
    ]


def _folded(name: str) -> bytes:
    return _exact(fold(name))


def _exact(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _number(n: int) -> bytes:
    return struct.pack("<I", n)


def _text(data: bytes) -> bytes:
    return _number(len(data)) + data
