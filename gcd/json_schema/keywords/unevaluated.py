"""unevaluatedProperties and unevaluatedItems: what no other keyword has spoken about.

Which members that is depends on which subschemas hold: ``anyOf: [{properties: {a: ...}}, ...]`` has spoken about "a" if
that branch holds. So the places that speak about members are collected from the schema and all that applies to the same
value (never from what is inside of `not`, or beside the schema), each with the condition on which it counts::

    {"properties": {"a": S}, "anyOf": [{"properties": {"b": T}}, {"required": ["c"]}], "unevaluatedProperties": false}

    a source without condition: "a"        a source if {"properties": {"b": T}} holds: "b"

Where the schema as a whole can't hold unless a subschema does (allOf, $ref), the condition stays what it was. Sources
of one condition are one source; and if there is no condition at all, the keyword is `additionalProperties` or `items`
in disguise, and is written so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gcd.errors import LimitError
from gcd.json_schema.builder import TRUE
from gcd.json_schema.keywords.objects import has_member
from gcd.json_schema.keywords.strings import pattern_regex
from gcd.json_schema.program import NONE, Node, Path, pointer
from gcd.json_schema.source import surrogate_free

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["member_sources", "unevaluated_items", "unevaluated_members_node", "unevaluated_properties"]

_MAX_VISITS = 50_000
"""Schemas that one keyword may look into: branches of branches can multiply."""


def unevaluated_properties(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Members that nothing else has spoken about satisfy the schema."""
    node = c.child(value, at, scope)
    if node == TRUE:
        return TRUE
    sources = member_sources(c, schema, at[0], scope)
    return unevaluated_members_node(c, node, sources, at)


def unevaluated_members_node(c: SchemaCompiler, node: int, sources: dict[int, _Members], at: Path) -> int:
    """The node: members that no source covers satisfy `node`."""
    program = c.program
    if sources and sources.get(TRUE, _NOBODY).everything:
        return TRUE
    if set(sources) <= {TRUE}:
        own = sources.get(TRUE, _NOBODY)
        names = [word for name in own.names for word in (name, TRUE)]
        patterns = [word for regex in own.patterns for word in (regex, TRUE)]
        entry = (int(Node.PROPERTIES), node, len(own.names), *names, len(own.patterns), *patterns)
        return program.node(entry, at)
    words: list[int] = []
    for condition, source in sources.items():
        words += (condition, int(source.everything), len(source.names), *source.names)
        words += (len(source.patterns), *source.patterns)
    return program.node((int(Node.UNEVALUATED_PROPERTIES), node, len(sources), *words), at)


def unevaluated_items(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """Items that nothing else has spoken about satisfy the schema."""
    program = c.program
    node = c.child(value, at, scope)
    if node == TRUE:
        return TRUE
    walk = _Items(c)
    walk.visit(schema, at[0], scope, TRUE, own=True)
    sources = walk.sources
    if sources.get((TRUE, NONE), (False, 0))[0]:
        return TRUE
    if set(sources) <= {(TRUE, NONE)}:
        n_prefix = sources.get((TRUE, NONE), (False, 0))[1]
        return program.node((int(Node.ITEMS), node, *[TRUE] * n_prefix), at)
    words: list[int] = []
    for (condition, contained), (everything, n_prefix) in sources.items():
        words += (condition, int(everything), n_prefix, contained)
    return program.node((int(Node.UNEVALUATED_ITEMS), node, len(sources), *words), at)


def member_sources(c: SchemaCompiler, schema: dict[str, Any], path: Path, scope: Scope) -> dict[int, _Members]:
    """By condition, the names and patterns that a schema and all that applies in place speak about."""
    walk = _Properties(c)
    walk.visit(schema, path, scope, TRUE, own=True)
    return walk.sources


@dataclass(slots=True)
class _Members:
    """What a source covers. The dicts are ordered sets."""

    everything: bool = False
    names: dict[int, None] = field(default_factory=dict)
    patterns: dict[int, None] = field(default_factory=dict)


_NOBODY = _Members()


class _Walk(ABC):
    """Visits a schema and all that applies to the same value, with the condition on which it counts."""

    def __init__(self, c: SchemaCompiler) -> None:
        self.c = c
        self.visits = 0
        self.on_the_way: set[tuple[int, str]] = set()

    @abstractmethod
    def collect(self, schema: dict[str, Any], path: Path, scope: Scope, condition: int, own: bool) -> None:
        """Note what the schema itself speaks about; `own` if it is the one that has the keyword."""

    def visit(self, schema: Any, path: Path, scope: Scope, condition: int, own: bool = False) -> None:
        if type(schema) is not dict:
            return
        self.visits += 1
        if self.visits > _MAX_VISITS:
            raise LimitError.of("max_productions", _MAX_VISITS, self.visits, place=pointer(path))
        c, program = self.c, self.c.program
        if not own:
            scope = c.references.inside(schema, path, scope)
        here = (id(schema), scope.base)
        if here in self.on_the_way:  # an endless reference, which is refused when all is read
            return
        self.on_the_way.add(here)
        handlers = scope.dialect.handlers
        alone = scope.dialect.ref_alone and "$ref" in schema
        if not alone:
            self.collect(schema, path, scope, condition, own)
            # Keywords whose value is of a wrong kind are refused where they are read themselves.
            for keyword in ("allOf", "anyOf", "oneOf"):
                if type(schema.get(keyword)) is list and keyword in handlers:
                    for i, branch in enumerate(schema[keyword]):
                        inner = ((path, keyword), str(i))
                        if keyword == "allOf" or type(branch) is not dict:
                            self.visit(branch, inner, scope, condition)
                        else:
                            self.visit_if(branch, inner, scope, condition)
            if "if" in schema and "if" in handlers:
                test = c.again(schema["if"], (path, "if"), scope)
                met = program.conj((condition, test))
                self.visit(schema["if"], (path, "if"), scope, met)
                self.visit(schema.get("then"), (path, "then"), scope, met)
                unmet = program.conj((condition, program.negate(test)))
                self.visit(schema.get("else"), (path, "else"), scope, unmet)
            for keyword in ("dependentSchemas", "dependencies"):
                if type(schema.get(keyword)) is dict and keyword in handlers:
                    for name, branch in schema[keyword].items():
                        met = program.conj((condition, has_member(c, name)))
                        self.visit(branch, ((path, keyword), name), scope, met)
        resolvers = {
            "$ref": c.references.resolve,
            "$dynamicRef": c.references.resolve_dynamic,
            "$recursiveRef": c.references.resolve_recursive,
        }
        for keyword, resolve in resolvers.items():
            if keyword in schema and keyword in handlers:
                target, there, inner_scope = resolve(schema[keyword], (path, keyword), scope)
                self.visit(target, there, inner_scope, condition)
        self.on_the_way.discard(here)

    def visit_if(self, branch: Any, path: Path, scope: Scope, condition: int) -> None:
        """Visit a branch, which counts if it holds."""
        inner = self.c.program.conj((condition, self.c.again(branch, path, scope)))
        self.visit(branch, path, scope, inner)


def _object(value: Any) -> dict[str, Any]:
    """The value of a keyword that should be an object; one that isn't is refused where it is read itself."""
    return value if type(value) is dict else {}


class _Properties(_Walk):
    """Collects what is said about an object's members."""

    def __init__(self, c: SchemaCompiler) -> None:
        super().__init__(c)
        self.sources: dict[int, _Members] = {}

    def collect(self, schema: dict[str, Any], path: Path, scope: Scope, condition: int, own: bool) -> None:
        c = self.c
        covers_all = "additionalProperties" in schema
        if not own and "unevaluatedProperties" in schema:
            covers_all = covers_all or "unevaluatedProperties" in scope.dialect.handlers
        names = _object(schema.get("properties"))
        patterns = _object(schema.get("patternProperties"))
        if not (covers_all or names or patterns):
            return
        source = self.sources.setdefault(condition, _Members())
        source.everything = source.everything or covers_all
        for name in names:
            if surrogate_free(name):
                source.names[c.program.string(name)] = None
        for text in patterns:
            source.patterns[pattern_regex(c, text, ((path, "patternProperties"), text))] = None


class _Items(_Walk):
    """Collects what is said about an array's items: by condition and `contains` node, everything or the first n."""

    def __init__(self, c: SchemaCompiler) -> None:
        super().__init__(c)
        self.sources: dict[tuple[int, int], tuple[bool, int]] = {}

    def collect(self, schema: dict[str, Any], path: Path, scope: Scope, condition: int, own: bool) -> None:
        handlers = scope.dialect.handlers
        items = schema.get("items")
        n_prefix = 0
        covers_all = not own and "unevaluatedItems" in schema and "unevaluatedItems" in handlers
        if "prefixItems" in handlers:
            prefix = schema.get("prefixItems")
            n_prefix = len(prefix) if type(prefix) is list else 0
            covers_all = covers_all or "items" in schema
        elif type(items) is list:
            n_prefix = len(items)
            covers_all = covers_all or "additionalItems" in schema
        else:
            covers_all = covers_all or "items" in schema
        if covers_all or n_prefix:
            before = self.sources.get((condition, NONE), (False, 0))
            self.sources[condition, NONE] = (before[0] or covers_all, max(before[1], n_prefix))
        if scope.dialect.contains_evaluates and "contains" in schema:
            contained = self.c.again(schema["contains"], (path, "contains"), scope)
            self.sources.setdefault((condition, contained), (False, 0))
