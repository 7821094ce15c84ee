"""The drafts of JSON Schema, and OpenAPI 3.0's version of it: which keywords there are, and who handles them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gcd.json_schema.keywords import any_type, applicators, arrays, numbers, objects, openapi, strings, unevaluated

if TYPE_CHECKING:
    from referencing import Specification

    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.program import Path
    from gcd.json_schema.references import Scope

__all__ = ["DIALECTS", "Dialect", "Handler", "by_uri"]

Handler = Callable[["SchemaCompiler", Any, dict[str, Any], "Path", "Scope"], int]


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One version of JSON Schema."""

    name: str
    uri: str
    """What ``$schema`` says, without ``#`` at the end."""
    handlers: Mapping[str, Handler]
    annotations: frozenset[str]
    """Keywords that constrain nothing."""
    id_keyword: str = "$id"
    ref_alone: bool = False
    """A schema with ``$ref`` is nothing but the reference: other keywords beside it are ignored (up to draft 7)."""
    dynamic_anchors: bool = False
    recursive_anchors: bool = False
    integers_by_spelling: bool = False
    """``1.0`` is no integer."""
    hostnames_by_letters: bool = False
    """`hostname` is RFC 1034's; from draft 7 on, labels in Punycode must stand for valid ones (RFC 5891, 4.4)."""
    contains_evaluates: bool = False
    """An item that satisfies `contains` is evaluated (since 2020-12)."""
    asserts_formats: bool = False
    """The meta-schema has the format-assertion vocabulary."""

    @property
    def keywords(self) -> tuple[str, ...]:
        """All keywords that it knows."""
        return (*self.handlers, *sorted(self.annotations))

    def id_of(self, schema: dict[str, Any]) -> str | None:
        """The URI reference by which the schema names itself a resource; None if it doesn't."""
        own = schema.get(self.id_keyword)
        if type(own) is not str or own[:1] == "#":  # "#name" is an anchor of old
            return None
        if self.ref_alone and "$ref" in schema:
            return None
        return own

    def specification(self) -> Specification[Any]:
        """What the `referencing` library knows of it."""
        from referencing.jsonschema import DRAFT4, specification_with

        return specification_with(self.uri, default=DRAFT4)


_COMMON: dict[str, Handler] = {
    "type": any_type.type_,
    "enum": any_type.enum,
    "properties": objects.properties,
    "patternProperties": objects.pattern_properties,
    "additionalProperties": objects.additional_properties,
    "required": objects.required,
    "minProperties": objects.min_properties,
    "maxProperties": objects.max_properties,
    "minItems": arrays.min_items,
    "maxItems": arrays.max_items,
    "uniqueItems": arrays.unique_items,
    "minLength": strings.min_length,
    "maxLength": strings.max_length,
    "pattern": strings.pattern,
    "format": strings.format_,
    "multipleOf": numbers.multiple_of,
    "allOf": applicators.all_of,
    "anyOf": applicators.any_of,
    "oneOf": applicators.one_of,
    "not": applicators.not_,
    "$ref": applicators.ref,
}
_DRAFT_4 = {
    **_COMMON,
    "minimum": numbers.draft4_minimum,
    "maximum": numbers.draft4_maximum,
    "exclusiveMinimum": numbers.draft4_exclusive,
    "exclusiveMaximum": numbers.draft4_exclusive,
    "items": arrays.items_or_list,
    "additionalItems": arrays.additional_items,
    "dependencies": objects.dependencies,
}
_DRAFT_6 = {
    **_DRAFT_4,
    "minimum": numbers.minimum,
    "maximum": numbers.maximum,
    "exclusiveMinimum": numbers.exclusive_minimum,
    "exclusiveMaximum": numbers.exclusive_maximum,
    "const": any_type.const,
    "contains": arrays.contains,
    "propertyNames": objects.property_names,
}
_DRAFT_7 = {
    **_DRAFT_6,
    "if": applicators.if_,
    "then": applicators.then_or_else,
    "else": applicators.then_or_else,
}
_DRAFT_2019 = {
    **_DRAFT_7,
    "contains": arrays.contains_counted,
    "minContains": arrays.count_of_contains,
    "maxContains": arrays.count_of_contains,
    "dependentRequired": objects.dependent_required,
    "dependentSchemas": objects.dependent_schemas,
    "unevaluatedProperties": unevaluated.unevaluated_properties,
    "unevaluatedItems": unevaluated.unevaluated_items,
    "$recursiveRef": applicators.recursive_ref,
}
_DRAFT_2020 = {
    **_DRAFT_2019,
    "items": arrays.items,
    "prefixItems": arrays.prefix_items,
    "$dynamicRef": applicators.dynamic_ref,
}
del _DRAFT_2020["additionalItems"], _DRAFT_2020["$recursiveRef"]

_ANNOTATIONS_4 = frozenset({"$schema", "id", "title", "description", "default", "definitions"})
_ANNOTATIONS_6 = (_ANNOTATIONS_4 - {"id"}) | {"$id", "examples"}
_ANNOTATIONS_7 = _ANNOTATIONS_6 | {
    *("$comment", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"),
}
_ANNOTATIONS_2019 = _ANNOTATIONS_7 | {
    *("$defs", "$anchor", "$recursiveAnchor", "$vocabulary", "deprecated", "contentSchema"),
}
_ANNOTATIONS_2020 = (_ANNOTATIONS_2019 - {"$recursiveAnchor"}) | {"$dynamicAnchor"}

DRAFT_4 = Dialect(
    "draft-04",
    "http://json-schema.org/draft-04/schema",
    _DRAFT_4,
    _ANNOTATIONS_4,
    id_keyword="id",
    ref_alone=True,
    integers_by_spelling=True,
    hostnames_by_letters=True,
)
DRAFT_6 = Dialect(
    "draft-06",
    "http://json-schema.org/draft-06/schema",
    _DRAFT_6,
    _ANNOTATIONS_6,
    ref_alone=True,
    hostnames_by_letters=True,
)
DRAFT_7 = Dialect("draft-07", "http://json-schema.org/draft-07/schema", _DRAFT_7, _ANNOTATIONS_7, ref_alone=True)
DRAFT_2019 = Dialect(
    "2019-09",
    "https://json-schema.org/draft/2019-09/schema",
    _DRAFT_2019,
    _ANNOTATIONS_2019,
    recursive_anchors=True,
)
DRAFT_2020 = Dialect(
    "2020-12",
    "https://json-schema.org/draft/2020-12/schema",
    _DRAFT_2020,
    _ANNOTATIONS_2020,
    dynamic_anchors=True,
    contains_evaluates=True,
)

OPENAPI_3_0 = Dialect(
    "openapi-3.0",
    "https://spec.openapis.org/oas/3.0/schema",
    {
        **dict.fromkeys((*_DRAFT_2020, "$recursiveRef"), openapi.unsupported),
        **{k: h for k, h in _DRAFT_4.items() if k not in ("patternProperties", "additionalItems", "dependencies")},
        "type": openapi.nullable_type,
        "items": arrays.items_of_one_schema,
        "nullable": openapi.nullable,
        "discriminator": openapi.discriminator,
    },
    frozenset(
        ("title", "description", "default", "readOnly", "writeOnly", "xml", "externalDocs", "example", "deprecated")
    ),
    id_keyword="",
    ref_alone=True,
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {d.name: d for d in (DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020, OPENAPI_3_0)}
)
_BY_URI = {
    **{dialect.uri: dialect for dialect in DIALECTS.values()},
    "http://json-schema.org/schema": DRAFT_2020,
}


def by_uri(uri: str) -> Dialect | None:
    """The dialect that a ``$schema`` names, however it is spelled."""
    plain = uri.rstrip("#")
    return (
        _BY_URI.get(plain)
        or _BY_URI.get(plain.replace("https:", "http:", 1))
        or _BY_URI.get(plain.replace("http:", "https:", 1))
    )
