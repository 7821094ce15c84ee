"""What OpenAPI 3.0 adds to draft 4 and what it takes away (OpenAPI Specification 3.0.3, Schema Object)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.errors import UnsupportedError
from gcd.json_schema.builder import TRUE
from gcd.json_schema.keywords.any_type import type_
from gcd.json_schema.program import JsonType, Node, Path, pointer
from gcd.json_schema.source import surrogate_free

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["discriminator", "nullable", "nullable_type", "unsupported"]


def nullable_type(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """One type, and null as well beside ``nullable: true``."""
    if not isinstance(value, str) or value == "null":
        c.error(at, f"type is the name of one type, but null, in OpenAPI 3.0, not {c.shown(value)}", "nullable: true")
    node = type_(c, value, schema, at, scope)
    if schema.get("nullable") is True:
        return c.program.disj((c.program.types(int(JsonType.NULL)), node), at)
    return node


def nullable(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Said by `type`; nothing without it (3.0.3: "only if type is explicitly defined")."""
    if not isinstance(value, bool):
        c.error(at, f"nullable must be a boolean, not {c.shown(value)}", "true or false")
    if "type" not in schema:
        c.mark(at, "annotation", "nullable says nothing without type")
    return TRUE


def discriminator(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """A member's value names the branch of `oneOf` or `anyOf` that the object satisfies: its ``$ref``'s last step, or a
    key of the mapping that leads to the same."""
    name = value.get("propertyName") if type(value) is dict else None
    mapping = value.get("mapping", {}) if type(value) is dict else {}
    if type(name) is not str or not surrogate_free(name) or type(mapping) is not dict:
        c.error(at, f"discriminator must be an object, not {c.shown(value)}", '{"propertyName": ...}')
    branches = schema.get("oneOf", schema.get("anyOf"))
    if type(branches) is not list:
        c.mark(at, "annotation", "discriminator says nothing without oneOf or anyOf")
        return TRUE
    program = c.program
    keyword = "oneOf" if "oneOf" in schema else "anyOf"
    choices = []
    for i, branch in enumerate(branches):
        ref = branch.get("$ref") if type(branch) is dict else None
        if type(ref) is not str:
            c.error(at, f"{keyword}/{i} is no $ref, and a discriminator can't name it", "a $ref to a schema of its own")
        implicit = ref.rsplit("/", 1)[-1]
        words = [key for key, to in mapping.items() if type(to) is str and (to in (ref, implicit))]
        words += [] if implicit in mapping else [implicit]
        word = program.conj((program.types(int(JsonType.STRING)), program.text(program.words(words))))
        member = program.node((int(Node.PROPERTIES), TRUE, 1, program.string(name), word, 0), at)
        choices.append(program.conj((member, c.again(branch, ((at[0], keyword), str(i)), scope)), at))
    has = program.node((int(Node.REQUIRED), program.string(name)), at)
    return program.conj((program.types(int(JsonType.OBJECT)), has, program.disj(choices, at)), at)


def unsupported(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """A keyword of JSON Schema that OpenAPI 3.0 leaves out ("strictly unsupported")."""
    cause = f"{at[1]} is no keyword of OpenAPI 3.0"
    raise UnsupportedError.of(
        at[1], cause, place=pointer(at), remedy='a "$schema" of JSON Schema, as OpenAPI 3.1 has it'
    )
