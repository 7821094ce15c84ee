"""What a statement may be: the options that narrow a database's language."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

__all__ = ["STATEMENTS", "SqlOptions"]

STATEMENTS = ("select", "insert", "update", "delete")
"""The kinds of statement. "select" is VALUES too, and both with WITH; "insert" is REPLACE too."""


@dataclass(frozen=True, slots=True)
class SqlOptions:
    """How far statements may go. A statement is always a single one, with or without its semicolon.

    Attributes:
        statements: the kinds allowed, out of `STATEMENTS`. With "select" alone nothing that writes can be expressed.
        require_limit: a SELECT must end in LIMIT.
        functions: names of the functions that may be called; None: all but those that can load code.
        parameters: ``?``, ``:name`` and their like may stand for values (SQLite).
    """

    statements: tuple[str, ...] = ("select",)
    require_limit: bool = False
    functions: tuple[str, ...] | None = None
    parameters: bool = False

    @classmethod
    def of(
        cls,
        statements: Iterable[str],
        *,
        require_limit: bool = False,
        functions: Collection[str] | None = None,
        parameters: bool = False,
    ) -> SqlOptions:
        """The options, checked.

        Raises:
            TypeError, ValueError: an option is wrong.
        """
        if isinstance(statements, str) or isinstance(functions, str):
            raise TypeError("statements= and functions= are collections of names, not one str")
        asked = tuple(statements)
        unknown = [name for name in asked if name not in STATEMENTS]
        if unknown or not asked:
            named = f"there is no {', '.join(map(repr, unknown))}" if unknown else "none is named"
            raise ValueError(f"statements= takes {', '.join(STATEMENTS)}; {named}")
        listed = None if functions is None else tuple(sorted(set(functions)))
        return cls(tuple(kind for kind in STATEMENTS if kind in asked), bool(require_limit), listed, bool(parameters))

    @property
    def read_only(self) -> bool:
        """Whether no statement can write."""
        return self.statements == ("select",)
