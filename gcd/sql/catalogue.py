"""What a database holds, as far as a statement can name it: tables, columns, functions, collations.

A catalogue is read from a live database or from DDL (`gcd.sql.reflect`, `gcd.sql.ddl`) and holds no data, no
credentials and no address. Names are as the database spells them; how they are compared is the dialect's business
(`fold`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property

__all__ = ["MOST_ARGUMENTS", "Catalogue", "Column", "Function", "Table", "fold"]

MOST_ARGUMENTS = 127
"""The most arguments that a function takes (SQLite's SQLITE_LIMIT_FUNCTION_ARG, as it is built by default)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or view.

    Attributes:
        name: as the database spells it.
        type: the declared type, "" where there is none.
        generated: it is computed, so no statement may write it.
        hidden: ``*`` leaves it out (of a virtual table), but it can be named.
        not_null: it refuses NULL.
        has_default: an INSERT may leave it out.
    """

    name: str
    type: str = ""
    generated: bool = False
    hidden: bool = False
    not_null: bool = False
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table, view or virtual table.

    Attributes:
        schema: the schema or attached database that it stands in ("main", "temp", "public"); None where the source
            doesn't say.
        name: as the database spells it.
        columns: in their order, hidden ones where they stand.
        kind: "table", "view" or "virtual".
        rowid: rows have a number of their own, which ``rowid``, ``oid`` and ``_rowid_`` name (SQLite).
        writable: INSERT, UPDATE and DELETE can be prepared.
        uniques: sets of columns that can be the target of ON CONFLICT.
        indexes: names that may follow INDEXED BY.
    """

    schema: str | None
    name: str
    columns: tuple[Column, ...]
    kind: str = "table"
    rowid: bool = True
    writable: bool = True
    uniques: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """One function; a name with several kinds has one entry for each.

    Attributes:
        name: as the database spells it.
        arities: how many arguments it takes; ``-1 - n`` stands for n or more (-1: any number), up to `MOST_ARGUMENTS`.
        kind: "scalar"; "aggregate", which a window may follow as well; or "window", which one must follow.
    """

    name: str
    arities: tuple[int, ...]
    kind: str = "scalar"

    def takes(self, n: int) -> bool:
        """Whether it can be called with n arguments."""
        return n in self.arities or (n <= MOST_ARGUMENTS and any(a < 0 and n >= -1 - a for a in self.arities))


@dataclass(frozen=True)
class Catalogue:
    """A database as a statement sees it.

    Attributes:
        dialect: "sqlite" or "postgresql".
        tables: in the order in which the database looks for them: where two schemas have a table of one name, a name
            without schema means the first.
        functions, collations: what may be called, and named behind COLLATE.
        schemas: all names that may stand before a table's, in the order of the search.
        notes: what was left out, and why.
    """

    dialect: str
    tables: tuple[Table, ...]
    functions: tuple[Function, ...] = ()
    collations: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of everything but the notes: equal schemas have equal fingerprints."""
        content = asdict(self)
        del content["notes"]
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    @property
    def title(self) -> str:
        """What an artefact keeps of the database that it was compiled for: no address, nothing secret."""
        return f"{self.dialect} schema {self.fingerprint}"

    def __hash__(self) -> int:
        return hash(self.fingerprint)


_ASCII_LOWER = "".join(chr(c + 32) if 65 <= c <= 90 else chr(c) for c in range(128))


def fold(name: str) -> str:
    """The name as SQLite compares names: A to Z and a to z are one, everything else is itself.

    >>> fold("Größe_ÄB")
    'größe_Äb'
    """
    return name.translate(_ASCII_LOWER) if name.isascii() else "".join(map(_fold_one, name))


def _fold_one(c: str) -> str:
    return _ASCII_LOWER[ord(c)] if c < "\x80" else c
