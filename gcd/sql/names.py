"""How a name of the catalogue may be spelled in a statement, and what each spelling may stand for.

A catalogue's names are cut into *classes* by what they can be: "orders" a table, "id" a column, "status" both. Names of
one class are one terminal, so no two terminals match the same text, and the parser never has to guess.
"""

from __future__ import annotations

import re
from collections import defaultdict

from gcd.sql.catalogue import Catalogue, fold

__all__ = ["ROWIDS", "NameClass", "name_classes", "spellings"]

ROWIDS = ("rowid", "oid", "_rowid_")

_PLAIN = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*\Z")

_RESERVED = """
    add all alter and as autoincrement between case check collate commit constraint create default deferrable
    delete distinct drop else escape except exists foreign from group having in index indexed insert intersect into is
    isnull join limit not nothing notnull null on or order primary raise references returning select set table then to
    transaction union unique update using values when where cross full inner left natural outer right"""
"""Words that SQLite's parser never takes as a name, or only in some places (those of joins): they are quoted."""

RESERVED = frozenset(_RESERVED.split())

NameClass = frozenset[str]
"""Out of "schema", "table", "column", "function", "collation": all that the names of a class can be."""


def name_classes(catalogue: Catalogue) -> dict[NameClass, list[str]]:
    """The catalogue's names by class, each name once in a spelling that the database has, in a fixed order."""
    uses: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, str] = {}

    def use(name: str, as_what: str) -> None:
        uses[fold(name)].add(as_what)
        shown.setdefault(fold(name), name)

    for table in catalogue.tables:
        use(table.name, "table")
        if table.schema is not None:
            use(table.schema, "schema")
        for column in table.columns:
            use(column.name, "column")
    if catalogue.dialect == "sqlite" and any(table.rowid for table in catalogue.tables):
        for name in ROWIDS:
            use(name, "column")
    for function in catalogue.functions:
        use(function.name, "function")
    for collation in catalogue.collations:
        use(collation, "collation")
    classes: dict[NameClass, list[str]] = defaultdict(list)
    for folded in sorted(uses):
        classes[frozenset(uses[folded])].append(shown[folded])
    return dict(sorted(classes.items(), key=lambda item: sorted(item[0])))


def spellings(name: str) -> list[str]:
    """Regular expressions of the ways to write a name, but for the case of ASCII letters.

    >>> spellings('a b')
    ['"a\\\\ b"(?!")', '`a\\\\ b`(?!`)', '\\\\[a\\\\ b\\\\]']
    """
    ways = [re.escape(name)] if _PLAIN.match(name) and fold(name) not in RESERVED else []
    # A quote behind the last one would be a part of the name.
    ways.append('"' + re.escape(name.replace('"', '""')) + '"(?!")')
    ways.append("`" + re.escape(name.replace("`", "``")) + "`(?!`)")
    if "]" not in name:
        ways.append(r"\[" + re.escape(name) + r"\]")
    return ways
