"""The items of arrays: items and its kin, counts, contains, uniqueItems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.json_schema.builder import TRUE
from gcd.json_schema.program import NONE, Node, Path

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = [
    "additional_items",
    "contains",
    "contains_counted",
    "count_of_contains",
    "items",
    "items_of_one_schema",
    "items_or_list",
    "max_items",
    "min_items",
    "prefix_items",
    "unique_items",
]

_ITEMS = int(Node.ITEMS)


def _items_node(c: SchemaCompiler, prefix: list[int], rest: int, at: Path) -> int:
    while prefix and prefix[-1] == rest:
        prefix.pop()
    return c.program.node((_ITEMS, rest, *prefix), at) if prefix or rest != TRUE else TRUE


def _list_of_schemas(c: SchemaCompiler, value: Any, at: Path, scope: Scope) -> list[int]:
    if not isinstance(value, list):
        c.error(at, f"{at[1]} must be a list of schemas, not {c.shown(value)}", "a list: [{...}, ...]")
    return [c.child(item, (at, str(i)), scope) for i, item in enumerate(value)]


def prefix_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The first items, each its schema; `items` is about the rest."""
    rest = c.child(schema["items"], (at[0], "items"), scope) if "items" in schema else TRUE
    return _items_node(c, _list_of_schemas(c, value, at, scope), rest, at)


def items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """All items, or those after `prefixItems`, which says it then."""
    if isinstance(value, list):
        c.error(at, "a list of schemas is prefixItems since draft 2020-12", 'prefixItems, or an earlier "$schema"')
    return TRUE if "prefixItems" in schema else _items_node(c, [], c.child(value, at, scope), at)


def items_of_one_schema(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """OpenAPI 3.0: a schema for all items, never a list."""
    return _items_node(c, [], c.child(value, at, scope), at)


def items_or_list(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Up to draft 2019-09: a schema for all items, or a list for the first, with `additionalItems` for the rest."""
    if not isinstance(value, list):
        return _items_node(c, [], c.child(value, at, scope), at)
    rest = TRUE
    if "additionalItems" in schema:
        rest = c.child(schema["additionalItems"], (at[0], "additionalItems"), scope)
    return _items_node(c, _list_of_schemas(c, value, at, scope), rest, at)


def additional_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Said by `items` if that is a list; else it says nothing (JSON Schema Validation, draft 7, 6.4.2)."""
    if not isinstance(schema.get("items"), list):
        c.mark(at, "annotation", "additionalItems says nothing where items is no list")
    return TRUE


def min_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At least that many items."""
    low = min(c.count(value, at), NONE - 1)
    return c.program.node((int(Node.ITEM_COUNT), low, NONE), at) if low else TRUE


def max_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At most that many items."""
    high = c.count(value, at)
    return c.program.node((int(Node.ITEM_COUNT), 0, high), at) if high != NONE else TRUE


def unique_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """No two items are equal."""
    if not isinstance(value, bool):
        c.error(at, f"uniqueItems must be a boolean, not {c.shown(value)}", "true or false")
    return c.program.node((int(Node.UNIQUE),), at) if value else TRUE


def contains(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Up to draft 7: one item at least satisfies the schema."""
    return c.program.node((int(Node.CONTAINS), c.opened(value, at, scope), 1, NONE), at)


def contains_counted(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Between `minContains` (1 if absent) and `maxContains` items satisfy the schema."""
    low, high = 1, NONE
    if "minContains" in schema:
        low = min(c.count(schema["minContains"], (at[0], "minContains")), NONE - 1)
    if "maxContains" in schema:
        high = c.count(schema["maxContains"], (at[0], "maxContains"))
    node = c.opened(value, at, scope)
    return TRUE if low == 0 and high == NONE else c.program.node((int(Node.CONTAINS), node, low, high), at)


def count_of_contains(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """minContains and maxContains: said by `contains`; nothing without it."""
    c.count(value, at)
    if "contains" not in schema:
        c.mark(at, "annotation", f"{at[1]} says nothing without contains")
    return TRUE
