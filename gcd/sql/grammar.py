"""`SqlGrammar`: the statements of one database, what `gcd.compile` takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gcd.errors import UnsupportedError
from gcd.sql.catalogue import Catalogue
from gcd.sql.lark_text import lark_text
from gcd.sql.options import SqlOptions
from gcd.sql.postgresql_syntax import POSTGRESQL
from gcd.sql.scope_text import scope_text

if TYPE_CHECKING:
    from gcd.grammar.ir import Grammar
    from gcd.sql.scope_grammar import ScopedSql

__all__ = ["DIALECTS", "SqlGrammar"]

DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class SqlGrammar:
    """The statements that a database prepares, under options. Immutable; it holds neither data nor an address.

    Attributes:
        catalogue: the names that there are.
        options: which statements may be written with them.
    """

    catalogue: Catalogue
    options: SqlOptions

    def to_lark(self, *, invented: bool = True) -> str:
        """The context-free part as Lark text, with what the scope hook adds named at its top.

        Args:
            invented: names that a statement makes up (aliases, CTEs) may be referred to. Without the scope hook that
                lets any name through; with False references are the database's own names, and no others.
        """
        if self.catalogue.dialect == "postgresql":
            return scope_text(POSTGRESQL, self.catalogue, self.options)
        return lark_text(self.catalogue, self.options, invented=invented)

    def _of_sqlite(self, what: str) -> None:
        if self.catalogue.dialect != "sqlite":
            raise UnsupportedError.of(
                self.catalogue.dialect,
                f"{what} knows SQLite's grammar; this catalogue is of {self.catalogue.dialect}",
                remedy="an SQLite database, or the catalogue alone",
            )

    def context_free(self, *, invented: bool = True) -> Grammar:
        """The context-free part as a grammar of its own: names of the right kind, but nothing about scope."""
        from gcd.grammar.load import from_lark

        self._of_sqlite("context_free()")
        return from_lark(self.to_lark(invented=invented))

    def scoped(self) -> ScopedSql:
        """What the engine reads: the syntax with its scopes. `gcd.compile` asks for it itself."""
        from gcd.sql.scope_grammar import ScopedSql

        writes = [kind for kind in self.options.statements if kind != "select"]
        if writes and self.catalogue.dialect != "sqlite":
            raise UnsupportedError.of(
                writes[0],
                f"the subset of {self.catalogue.dialect} has no {', '.join(writes).upper()}",
                remedy='statements=("select",)',
            )
        return ScopedSql(
            self.catalogue,
            self.options.statements,
            limit_required=self.options.require_limit,
            parameters=self.options.parameters,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the database was left out, and why."""
        return self.catalogue.notes

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of catalogue and options: equal grammars have equal hashes."""
        return hashlib.sha256(f"{self.catalogue.fingerprint} {self.options}".encode()).digest()

    def __hash__(self) -> int:
        return hash(self.hash)
