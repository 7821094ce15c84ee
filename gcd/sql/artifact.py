"""`gcd.sql.load`: an artefact of a database's statements, once the database is known to be still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from typing import Any

from gcd.compiled_grammar import CompiledGrammar
from gcd.compiled_grammar import load as load_artifact
from gcd.errors import DatabaseError
from gcd.sql.reflect import from_database

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    database: Any,
    dialect: str | None = None,
    statements: Iterable[str] = ("select",),
    tables: Collection[str] | None = None,
    *,
    require_limit: bool = False,
    functions: Collection[str] | None = None,
    parameters: bool = False,
) -> CompiledGrammar:
    """Read an artefact, and check it against the database: what it lets through is what the database prepares now.

    Args:
        path: a file that `CompiledGrammar.save` or ``gcd compile --database`` wrote.
        database, dialect, statements, tables, require_limit, functions, parameters: as for `gcd.sql.from_database`, as
            they were when it was compiled.

    Raises:
        DatabaseError: with the reason "changed", the schema isn't the one that it was compiled for, or the options
            aren't; else as `from_database` does.
        ArtifactError: as `gcd.load` does.
    """
    compiled = load_artifact(path)
    grammar = from_database(
        database,
        dialect,
        statements,
        tables,
        require_limit=require_limit,
        functions=functions,
        parameters=parameters,
    )
    if compiled.info.mode != "sql":
        raise DatabaseError.of(
            "changed", "it isn't of a database's statements", place=os.fspath(path), remedy="gcd.load reads it"
        )
    if compiled.info.hash == hashlib.sha256(grammar.scoped().program).hexdigest():
        return compiled
    if compiled.info.source != grammar.catalogue.title:
        cause = "the database's schema isn't the one that it was compiled for"
    else:
        cause = "it was compiled with other options, or by another version of gcd"
    raise DatabaseError.of(
        "changed",
        cause,
        place=os.fspath(path),
        remedy="compile it again: gcd compile --database URL -o FILE, or gcd.compile(from_database(...), vocab)",
    )
