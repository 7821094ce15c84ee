"""What a format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gcd.json_schema.builder import ProgramBuilder, Template
from gcd.json_schema.ecma_pattern import whole_regex

__all__ = ["Format", "any_of", "from_pattern"]


@dataclass(slots=True)
class Format:
    """One format. Its regex is made once in a process, and copied into each program that wants it."""

    name: str
    write: Callable[[ProgramBuilder], int]
    """Writes its regex into a table, and returns the index."""
    tightened: str = ""
    """Which strings of the format are left out; "" if none are."""
    _template: Template | None = field(default=None, repr=False)

    def regex(self, program: ProgramBuilder) -> int:
        """Its regex in a program's table."""
        template = self._template
        if template is None:
            own = ProgramBuilder(1)
            template = self._template = own.template(self.write(own))
        return program.adopt(template)


def from_pattern(name: str, pattern: str, tightened: str = "") -> Format:
    """A format whose strings are those that an ECMA-262 pattern matches as a whole."""
    return Format(name, lambda program: whole_regex(pattern, program), tightened)


def any_of(*patterns: str) -> str:
    """The pattern for any of them."""
    return f"(?:{'|'.join(patterns)})"
