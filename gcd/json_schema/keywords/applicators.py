"""Schemas for the same value: allOf, anyOf, oneOf, not, if, and references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.json_schema.builder import TRUE
from gcd.json_schema.program import Path

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["all_of", "any_of", "dynamic_ref", "if_", "not_", "one_of", "recursive_ref", "ref", "then_or_else"]


def _branches(c: SchemaCompiler, value: Any, at: Path, scope: Scope) -> list[int]:
    if not isinstance(value, list):
        c.error(at, f"{at[1]} must be a list of schemas, not {c.shown(value)}", "a list: [{...}, ...]")
    if not value:
        c.error(at, f"{at[1]} must not be empty", "leave it out")
    return [c.schema(sub, (at, str(i)), scope) for i, sub in enumerate(value)]


def all_of(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value satisfies each of the schemas."""
    return c.program.conj(_branches(c, value, at, scope), at)


def any_of(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value satisfies at least one."""
    return c.program.disj(_branches(c, value, at, scope), at)


def one_of(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value satisfies exactly one."""
    nodes = _branches(c, value, at, scope)
    if not c.closed:
        return c.program.one(nodes, at)
    open_ = [c.again(sub, (at, str(i)), scope) for i, sub in enumerate(value)]
    return c.program.conj((c.program.one(open_, at), c.program.disj(nodes, at)), at)


def not_(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value doesn't satisfy the schema."""
    return c.program.negate(c.opened(value, at, scope), at)


def if_(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """A value that satisfies it satisfies `then`, too, others satisfy `else`."""
    program = c.program
    condition = c.opened(value, at, scope)
    parts = []
    if "then" in schema:
        parts.append(program.disj((program.negate(condition), c.schema(schema["then"], (at[0], "then"), scope)), at))
    if "else" in schema:
        parts.append(program.disj((condition, c.schema(schema["else"], (at[0], "else"), scope)), at))
    return program.conj(parts, at)


def then_or_else(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Said by `if`; nothing without it."""
    if "if" not in schema:
        c.schema(value, at, scope)  # a wrong schema is wrong here, too
        c.mark(at, "annotation", f"{at[1]} says nothing without if")
    return TRUE


def ref(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value satisfies the schema that is referred to."""
    return c.referred(c.references.resolve(value, at, scope), at)


def dynamic_ref(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The same, but an anchor that is dynamic is looked up from the outside in."""
    return c.referred(c.references.resolve_dynamic(value, at, scope), at)


def recursive_ref(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Draft 2019-09: the outermost schema that allows it."""
    return c.referred(c.references.resolve_recursive(value, at, scope), at)
