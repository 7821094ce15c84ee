"""The catalogue: what a database offers to statements. Made by reflection or from DDL, read by the grammar's compiler."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Catalogue", "Column", "Function", "Table"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or view.

    Attributes:
        name: as the database spells it.
        type: its declared type; "" if it has none.
        generated: its value is computed, so nothing can be written into it.
        hidden: ``*`` leaves it out (hidden columns of virtual tables).
    """

    name: str
    type: str = ""
    generated: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view.

    Attributes:
        name: as the database spells it.
        columns: in their order.
        schema: the database or schema that it is in ("main", "temp", an attached one's); None: the default one.
        kind: "table", "view" or "virtual". Views can't be written to.
        unique: the sets of columns that no two rows share (primary key, UNIQUE constraints and unique indexes without
            WHERE or expressions): what ``ON CONFLICT (...)`` may name.
        rowid: it has a rowid (SQLite: not WITHOUT ROWID, not a view).
    """

    name: str
    columns: tuple[Column, ...]
    schema: str | None = None
    kind: str = "table"
    unique: tuple[tuple[str, ...], ...] = ()
    rowid: bool = True


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        name: as it is called.
        kind: "scalar", "aggregate" (may also stand before OVER) or "window" (only before OVER). A name with several
            kinds (SQLite's ``max``) has several entries.
        arities: how many arguments it takes; -1: any number, -2: one or more, -3: two or more, and so on.
    """

    name: str
    kind: str
    arities: tuple[int, ...]

    def takes(self, n: int) -> bool:
        """Whether it can be called with `n` arguments."""
        return any(n == a if a >= 0 else n >= -1 - a for a in self.arities)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that statements may name.

    Attributes:
        dialect: "sqlite" or "postgresql".
        tables: tables and views; of those with equal names the first is what the bare name means.
        functions: what may be called.
        collations: what may stand behind COLLATE.
        types: types by name, where the dialect has a fixed list of them.
    """

    dialect: str
    tables: tuple[Table, ...]
    functions: tuple[Function, ...] = ()
    collations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all of it: tells whether a database has changed."""
        return hashlib.sha256(repr(self).encode("utf-8", "surrogatepass")).hexdigest()
