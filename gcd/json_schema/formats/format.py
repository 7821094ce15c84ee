"""What a format is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gcd.json_schema.builder import ProgramBuilder
from gcd.json_schema.ecma_pattern import whole_regex

__all__ = ["Format", "any_of", "from_pattern"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str
    regex: Callable[[ProgramBuilder], int]
    """Writes its regex into a program."""
    tightened: str = ""
    """Which strings of the format are left out; "" if none are."""


def from_pattern(name: str, pattern: str, tightened: str = "") -> Format:
    """A format whose strings are those that an ECMA-262 pattern matches as a whole."""
    return Format(name, lambda program: whole_regex(pattern, program), tightened)


def any_of(*patterns: str) -> str:
    """The pattern for any of them."""
    return f"(?:{'|'.join(patterns)})"
