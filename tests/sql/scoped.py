"""Which statements of other people the scope engine takes, each on the tables made for it.

From the project's root, with ``.`` and ``tests`` on PYTHONPATH, prints the misses and where each is refused::

    python tests/sql/scoped.py FOLDER...

A FOLDER is the conformance data or one that tools/get_sources.py fetched.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sql import corpus

import gcd
from gcd.sql import from_database

STATEMENTS = ("select",)


def refused(cases: Iterable[corpus.Case], vocab: gcd.Vocabulary) -> list[tuple[corpus.Case, int]]:
    """The cases that the grammar of their own tables doesn't take, and how many bytes of each it takes."""
    misses = []
    for case in cases:
        if not case.schema.tables:
            case.schema.add("main", "gcd_none")
        with closing(case.schema.database()) as connection:
            compiled = gcd.compile(from_database(connection, statements=STATEMENTS), vocab)
        matcher = compiled.matcher()
        text = case.statement.encode()
        if not (matcher.accept_bytes(text) and matcher.is_complete):
            misses.append((case, _taken(compiled, text)))
    return misses


def _taken(compiled: gcd.CompiledGrammar, text: bytes) -> int:
    matcher = compiled.matcher()
    for i in range(len(text)):
        if not matcher.accept_bytes(text[i : i + 1]):
            return i
    return len(text)


def main() -> None:
    """Print the misses of a folder's conformance data, or of a sample of the other packages' statements."""
    vocab = gcd.Vocabulary.from_bytes([bytes([i]) for i in range(256)] + [None], eos_ids=[256])
    folders = [Path(name) for name in sys.argv[1:]]
    data = [f for f in folders if (f / "sql" / "identity.sql").exists()]
    cases = [case for f in data for case in corpus.conformance(f)]
    others = [f for f in folders if f not in data]
    cases += corpus.sample(corpus.sources(others), 2000) if others else []
    cases = [case for case in cases if case.statement.split()[0].lower() in ("select", "values", "with")]
    misses = refused(cases, vocab)
    print(f"{len(cases) - len(misses)} of {len(cases)} accepted, {Counter(c.origin for c, _ in misses)}")
    for case, taken in misses:
        shown = case.statement[:taken][-90:] + "⟂" + case.statement[taken : taken + 60]
        print(f"  {case.origin}: {' '.join(shown.split())}")


if __name__ == "__main__":
    main()
