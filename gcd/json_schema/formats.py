"""The specification's formats as regular expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gcd.json_schema.builder import ProgramBuilder

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str
    regex: Callable[[ProgramBuilder], int]
    tightened: str = ""
    """Which strings of the format are left out, where not all can be written; "" if none."""


FORMATS: Mapping[str, Format] = {}
