"""A database's statements as `gcd.compile` takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from gcd.sql.catalogue import Catalogue
from gcd.sql.scope_program import scope_program

__all__ = ["ScopedSql"]


@dataclass(frozen=True)
class ScopedSql:
    """The statements that a database prepares, as `docs/sql.md` defines them. Immutable.

    Attributes:
        catalogue: the database's names.
        statements: which kinds of statements.
        limit_required: SELECT must end in LIMIT.
        functions: the only functions that may be called; None: all that the database has.
        parameters: a statement may have some.
    """

    catalogue: Catalogue
    statements: tuple[str, ...] = ("select",)
    limit_required: bool = False
    functions: tuple[str, ...] | None = None
    parameters: bool = True

    @cached_property
    def program(self) -> bytes:
        """What the engine reads."""
        return scope_program(
            self.catalogue,
            self.statements,
            limit_required=self.limit_required,
            functions=self.functions,
            parameters=self.parameters,
        )

    @property
    def hash(self) -> bytes:
        """SHA-256 of what the engine reads: equal grammars have equal hashes."""
        return hashlib.sha256(self.program).digest()
