"""type, enum, const: what any value can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.errors import LimitError
from gcd.json_schema.builder import FALSE
from gcd.json_schema.program import ANY_TYPE, JsonType, Node, Path
from gcd.json_schema.source import json_number, surrogate_free

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["const", "enum", "type_"]

_NUMBER = int(JsonType.NUMBER)
_STRING = int(JsonType.STRING)
_ARRAY = int(JsonType.ARRAY)
_OBJECT = int(JsonType.OBJECT)
_MASKS = {
    "null": int(JsonType.NULL),
    "boolean": JsonType.TRUE | JsonType.FALSE,
    "number": _NUMBER,
    "integer": _NUMBER,
    "string": _STRING,
    "array": _ARRAY,
    "object": _OBJECT,
}
_MAX_VALUE_DEPTH = 100


def type_(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value is of the type, or of one of a list of types. An integer may be written ``1.0`` or ``1e2``,
    but in draft 4 (Core, 3.5: "a JSON number without a fraction or exponent part")."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        c.error(at, f"type must be a string or a list of them, not {c.shown(value)}", f"one of {', '.join(_MASKS)}")
    mask = 0
    for name in names:
        bits = _MASKS.get(name) if isinstance(name, str) else None
        if bits is None:
            c.error(at, f"there is no type {c.shown(name)}", f"one of {', '.join(_MASKS)}")
        mask |= bits
    program = c.program
    node = program.types(mask, at)
    if mask & _NUMBER and "number" not in names:
        if scope.dialect.integers_by_spelling:
            integer = program.node((int(Node.INTEGER_SPELLING),), at)
        else:
            integer = program.node((int(Node.MULTIPLE_OF), program.decimal("1")), at)
        return program.conj((node, integer), at)
    return node


def enum(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value is equal to one of the list."""
    if not isinstance(value, list):
        c.error(at, f"enum must be a list, not {c.shown(value)}", "a list of values: [1, 2]")
    return one_of_values(c, value, at)


def const(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The value is equal to this one."""
    return one_of_values(c, [value], at)


def one_of_values(c: SchemaCompiler, values: list[Any], at: Path, depth: int = 0) -> int:
    """The value is equal to one of the values.

    Strings, numbers and literals are one leaf each, in a conjunction that leaves the others to their own; arrays and
    objects are taken apart, a disjunction that speaks about their type only.
    """
    if depth > _MAX_VALUE_DEPTH:
        raise LimitError.of("max_nesting", _MAX_VALUE_DEPTH, depth)
    program = c.program
    mask = 0
    words: list[str] = []
    numbers: dict[int, None] = {}
    arrays: list[int] = []
    objects: list[int] = []
    for value in values:
        if isinstance(value, str):
            if surrogate_free(value):
                words.append(value)
        elif value is None:
            mask |= JsonType.NULL
        elif value is True:
            mask |= JsonType.TRUE
        elif value is False:
            mask |= JsonType.FALSE
        elif isinstance(value, list):
            arrays.append(array_value(c, value, at, depth))
        elif isinstance(value, dict):
            objects.append(object_value(c, value, at, depth))
        else:
            text = json_number(value)
            if text is None:
                c.error(at, f"{c.shown(value)} is no JSON value", "a finite number that JSON can write")
            numbers[program.decimal(text)] = None
    parts = []
    if words:
        mask |= _STRING
        parts.append(program.text(program.words(words), at))
    if numbers:
        mask |= _NUMBER
        parts.append(program.node((int(Node.NUMBERS), *numbers), at))
    for bit, nodes in ((_ARRAY, arrays), (_OBJECT, objects)):
        node = program.disj(nodes, at)
        if node != FALSE:
            mask |= bit
            parts.append(program.disj((program.types(ANY_TYPE & ~bit), node), at))
    return program.conj((program.types(mask, at), *parts), at)


def array_value(c: SchemaCompiler, value: list[Any], at: Path, depth: int) -> int:
    """An array equal to this one."""
    program = c.program
    items = [one_of_values(c, [item], at, depth + 1) for item in value]
    if FALSE in items:
        return FALSE
    parts = [program.types(_ARRAY), program.node((int(Node.ITEM_COUNT), len(items), len(items)), at)]
    if items:
        parts.append(program.node((int(Node.ITEMS), FALSE, *items), at))
    return program.conj(parts, at)


def object_value(c: SchemaCompiler, value: dict[str, Any], at: Path, depth: int) -> int:
    """An object equal to this one."""
    program = c.program
    entry = [int(Node.PROPERTIES), FALSE, len(value)]
    names = []
    for name, member in value.items():
        node = one_of_values(c, [member], at, depth + 1)
        if not surrogate_free(name) or node == FALSE:
            return FALSE
        names.append(program.string(name))
        entry += (names[-1], node)
    parts = [program.types(_OBJECT), program.node((*entry, 0), at)]
    if names:
        parts.append(program.node((int(Node.REQUIRED), *names), at))
    return program.conj(parts, at)
