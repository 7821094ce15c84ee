"""Which statements of other people the scope engine takes, each on the tables made for it.

From the project's root, with ``.`` and ``tests`` on PYTHONPATH, prints the misses and where each is refused::

    python tests/sql/scoped.py [--names] FOLDER...

A FOLDER is the conformance data or one that tools/get_sources.py fetched. With ``--names`` each database has one more
table, whose columns are all the names of the statement: in front of FROM the language takes a column that only a
subquery makes if the database has a column of this name (docs/sql.md).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sql import corpus

import gcd
from gcd.sql import from_database

STATEMENTS = ("select", "insert", "update", "delete")


def refused(cases: Iterable[corpus.Case], vocab: gcd.Vocabulary) -> list[tuple[corpus.Case, int]]:
    """The cases that the grammar of their own tables doesn't take, and how many bytes of each it takes."""
    misses = []
    for case in cases:
        if not case.schema.tables:
            case.schema.add("main", "gcd_none")
        with closing(case.schema.database()) as connection:
            compiled = gcd.compile(from_database(connection, statements=STATEMENTS, parameters=True), vocab)
        matcher = compiled.matcher()
        text = case.statement.encode()
        if not (matcher.accept_bytes(text) and matcher.is_complete):
            misses.append((case, _taken(compiled, text)))
    return misses


def cause(case: corpus.Case, taken: int) -> str:
    """Why the engine doesn't take a statement, as far as the place of the refusal tells (docs/sql.md names all)."""
    text = case.statement.lower()
    if re.search(r"\b(sqlite_\w*(master|schema)|pragma_\w+|json_(each|tree))\b", text):
        return "SQLite's own tables and table-valued functions"
    words = [m for m in _WORD.finditer(text) if m.start() <= taken]
    word = words[-1][0].strip('"`[]') if words else ""
    known = {c.lower() for columns in case.schema.tables.values() for c in columns}
    if re.search(r"\(\s*(select|values|with)\b", text[taken:]) and word not in known and word in text[taken:]:
        return "in front of FROM, a name that only a subquery in FROM makes"
    tables = {key[1] for key in case.schema.tables}
    if re.match(r"\s*with\b", text) and re.search(r"\bfrom\s+(\w+\.)?$", text[:taken]) and word not in tables:
        return "a common table expression that isn't used, of a table that isn't there"
    return "other constructs"


def with_all_names(case: corpus.Case) -> corpus.Case:
    """The case on a database that has a column of each name in the statement."""
    schema = case.schema.copy()
    schema.add("main", "gcd_names")
    names = {m[0].strip('"`[]').lower(): m[0] for m in _WORD.finditer(case.statement)}
    columns = [
        name.strip('"`[]')
        for word, name in names.items()
        if word and (name[0] in '"`[' or name.isidentifier()) and word not in ("true", "false")
    ]
    schema.tables["main", "gcd_names"] += columns
    return case._replace(schema=schema)


_WORD = re.compile(r'"[^"]*"|`[^`]*`|\[[^\]]*\]|\w+')


def _taken(compiled: gcd.CompiledGrammar, text: bytes) -> int:
    matcher = compiled.matcher()
    for i in range(len(text)):
        if not matcher.accept_bytes(text[i : i + 1]):
            return i
    return len(text)


def main() -> None:
    """Print the misses of a folder's conformance data, or of a sample of the other packages' statements."""
    vocab = gcd.Vocabulary.from_bytes([bytes([i]) for i in range(256)] + [None], eos_ids=[256])
    arguments = sys.argv[1:]
    folders = [Path(name) for name in arguments if name != "--names"]
    data = [f for f in folders if (f / "sql" / "identity.sql").exists()]
    cases = [case for f in data for case in corpus.conformance(f)]
    others = [f for f in folders if f not in data]
    cases += corpus.sample(corpus.sources(others), 2000) if others else []
    if "--names" in arguments:
        cases = [with_all_names(case) for case in cases]
    misses = refused(cases, vocab)
    print(
        f"{len(cases) - len(misses)} of {len(cases)} accepted; misses by origin: {Counter(c.origin for c, _ in misses)}"
    )
    print(f"and by cause: {Counter(cause(*miss) for miss in misses).most_common()}")
    for case, taken in misses:
        shown = case.statement[:taken][-90:] + "⟂" + case.statement[taken : taken + 60]
        print(f"  {case.origin}: {' '.join(shown.split())}  ({cause(case, taken)})")


if __name__ == "__main__":
    main()
