"""minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.json_schema.builder import TRUE
from gcd.json_schema.program import NONE, Node, Path

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["draft4_exclusive", "draft4_maximum", "draft4_minimum", "exclusive_maximum", "exclusive_minimum", "maximum"]

_RANGE = int(Node.NUMBER_RANGE)


def minimum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Not less than the value."""
    return c.program.node((_RANGE, c.number(value, at), 0, NONE, 0), at)


def maximum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Not more than the value."""
    return c.program.node((_RANGE, NONE, 0, c.number(value, at), 0), at)


def exclusive_minimum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """More than the value."""
    return c.program.node((_RANGE, c.number(value, at), 1, NONE, 0), at)


def exclusive_maximum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Less than the value."""
    return c.program.node((_RANGE, NONE, 0, c.number(value, at), 1), at)


def draft4_minimum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Draft 4: exclusiveMinimum is a flag beside it."""
    exclusive = schema.get("exclusiveMinimum", False) is True
    return (exclusive_minimum if exclusive else minimum)(c, value, schema, at, scope)


def draft4_maximum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Draft 4: exclusiveMaximum is a flag beside it."""
    exclusive = schema.get("exclusiveMaximum", False) is True
    return (exclusive_maximum if exclusive else maximum)(c, value, schema, at, scope)


def draft4_exclusive(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Draft 4: the flag, which `minimum` or `maximum` has looked at."""
    if not isinstance(value, bool):
        c.error(at, f"{at[1]} is a boolean in draft 4, not {c.shown(value)}", 'a "$schema" of draft 6 or later')
    bound = "minimum" if at[1] == "exclusiveMinimum" else "maximum"
    if bound not in schema:
        c.error(at, f"{at[1]} says nothing without {bound} in draft 4", f"add {bound}")
    return TRUE


def multiple_of(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """A whole multiple of the value, in exact arithmetic."""
    number = c.number(value, at)
    if not value > 0:
        c.error(at, f"multipleOf must be over 0, not {c.shown(value)}", "a positive number")
    return c.program.node((int(Node.MULTIPLE_OF), number), at)
