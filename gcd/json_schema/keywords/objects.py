"""The members of objects: properties and its kin, required, counts, names, dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.json_schema.builder import FALSE, TRUE
from gcd.json_schema.keywords.strings import pattern_regex
from gcd.json_schema.program import NONE, JsonType, Node, Path
from gcd.json_schema.source import surrogate_free

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = [
    "additional_properties",
    "dependencies",
    "dependent_required",
    "dependent_schemas",
    "max_properties",
    "min_properties",
    "pattern_properties",
    "properties",
    "property_names",
    "required",
]

_PROPERTIES = int(Node.PROPERTIES)
_REQUIRED = int(Node.REQUIRED)


def properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """properties, patternProperties and additionalProperties together."""
    program = c.program
    names: list[int] = []
    path = at[0]
    if "properties" in schema:
        members = schema["properties"]
        where = (path, "properties")
        if type(members) is not dict:
            c.error(where, f"properties must be an object, not {c.shown(members)}", 'an object: {"name": ...}')
        for name, member in members.items():
            node = c.child(member, (where, c.name(name, where)), scope)
            if surrogate_free(name):
                names += (program.string(name), node)
    patterns: list[int] = []
    if "patternProperties" in schema:
        members = schema["patternProperties"]
        where = (path, "patternProperties")
        if type(members) is not dict:
            c.error(where, f"patternProperties must be an object, not {c.shown(members)}", 'an object: {"name": ...}')
        for text, member in members.items():
            inner = (where, c.name(text, where))
            patterns += (pattern_regex(c, text, inner), c.child(member, inner, scope))
    rest = TRUE
    if "additionalProperties" in schema:
        rest = c.child(schema["additionalProperties"], (path, "additionalProperties"), scope)
    trivial = rest == TRUE and not any(names[1::2]) and not any(patterns[1::2])
    if trivial and not (names and c.ordered):
        return TRUE
    return program.node((_PROPERTIES, rest, len(names) // 2, *names, len(patterns) // 2, *patterns), at)


def pattern_properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Said by `properties`, where there is one."""
    return TRUE if "properties" in schema else properties(c, value, schema, at, scope)


def additional_properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Said by `properties` or `patternProperties`, where there is one."""
    if "properties" in schema or "patternProperties" in schema:
        return TRUE
    return properties(c, value, schema, at, scope)


def property_names(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Each name satisfies the schema."""
    node = c.child(value, at, scope)
    return TRUE if node == TRUE else c.program.node((int(Node.PROPERTY_NAMES), node), at)


def required(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Members of these names are there."""
    return names_required(c, value, at)


def names_required(c: SchemaCompiler, value: Any, at: Path) -> int:
    """The node for a list of names; none can be written that holds a lone surrogate."""
    program = c.program
    names = c.names(value, at)
    if not names:
        return TRUE
    if not all(map(surrogate_free, names)):
        return program.types(127 & ~JsonType.OBJECT, at)
    return program.node((_REQUIRED, *dict.fromkeys(map(program.string, names))), at)


def min_properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At least that many members."""
    low = min(c.count(value, at), NONE - 1)
    return c.program.node((int(Node.PROPERTY_COUNT), low, NONE), at) if low else TRUE


def max_properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At most that many members."""
    high = c.count(value, at)
    return c.program.node((int(Node.PROPERTY_COUNT), 0, high), at) if high != NONE else TRUE


def dependent_required(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Where a member is, others must be."""
    if type(value) is not dict:
        c.error(at, f"{at[1]} must be an object, not {c.shown(value)}", 'an object: {"name": ...}')
    return c.program.conj([required_by(c, name, names, (at, c.name(name, at))) for name, names in value.items()], at)


def required_by(c: SchemaCompiler, name: str, names: Any, at: Path) -> int:
    """If there is a member of that name, there are the others."""
    program = c.program
    others = c.names(names, at)
    if not others or not surrogate_free(name):
        return TRUE
    if not all(map(surrogate_free, others)):
        return program.negate(program.conj((program.types(int(JsonType.OBJECT)), names_required(c, [name], at))), at)
    indices = dict.fromkeys(map(program.string, others))
    return program.node((int(Node.DEPENDENT_REQUIRED), program.string(name), *indices), at)


def dependent_schemas(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Where a member is, the object satisfies the schema."""
    if type(value) is not dict:
        c.error(at, f"{at[1]} must be an object, not {c.shown(value)}", 'an object: {"name": ...}')
    return c.program.conj([schema_by(c, name, sub, (at, c.name(name, at)), scope) for name, sub in value.items()], at)


def schema_by(c: SchemaCompiler, name: str, sub: Any, at: Path, scope: Scope) -> int:
    """If there is a member of that name, the object satisfies the schema."""
    program = c.program
    node = c.schema(sub, at, scope)
    if not surrogate_free(name):
        return TRUE
    return program.disj((program.negate(has_member(c, name)), node), at)


def has_member(c: SchemaCompiler, name: str) -> int:
    """It is an object with a member of that name."""
    program = c.program
    if not surrogate_free(name):
        return FALSE
    return program.conj((program.types(int(JsonType.OBJECT)), program.node((_REQUIRED, program.string(name)))))


def dependencies(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Up to draft 7: lists of names or schemas, by name. Draft 4 and later (optional) take one name as well."""
    if type(value) is not dict:
        c.error(at, f"dependencies must be an object, not {c.shown(value)}", 'an object: {"name": ...}')
    parts = []
    for name, dependency in value.items():
        inner = (at, c.name(name, at))
        if isinstance(dependency, list):
            parts.append(required_by(c, name, dependency, inner))
        else:
            parts.append(schema_by(c, name, dependency, inner, scope))
    return c.program.conj(parts, at)
