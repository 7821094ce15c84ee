"""Which dialect a ``$schema`` asks for: one of the drafts, or of a draft's keywords those whose vocabularies are in a
meta-schema that the caller passes (JSON Schema Core, draft 2020-12, 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gcd.errors import SchemaError, UnsupportedError
from gcd.json_schema.dialects import Dialect, by_uri
from gcd.json_schema.program import Path, pointer

if TYPE_CHECKING:
    from referencing import Registry

__all__ = ["MetaSchemas"]

_APPLICATOR = frozenset(
    (
        *("prefixItems", "items", "contains", "propertyNames", "dependentSchemas"),
        *("properties", "patternProperties", "additionalProperties"),
        *("if", "then", "else", "allOf", "anyOf", "oneOf", "not"),
    )
)
_VALIDATION = frozenset(
    (
        *("type", "const", "enum", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains"),
        *("maxProperties", "minProperties", "required", "dependentRequired"),
    )
)
_UNEVALUATED = frozenset(("unevaluatedItems", "unevaluatedProperties"))
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "https://json-schema.org/draft/2020-12/vocab/core": frozenset(("$ref", "$dynamicRef")),
    "https://json-schema.org/draft/2020-12/vocab/applicator": _APPLICATOR | {"dependencies"},
    "https://json-schema.org/draft/2020-12/vocab/unevaluated": _UNEVALUATED,
    "https://json-schema.org/draft/2020-12/vocab/validation": _VALIDATION,
    "https://json-schema.org/draft/2020-12/vocab/format-annotation": frozenset(("format",)),
    "https://json-schema.org/draft/2020-12/vocab/format-assertion": frozenset(("format",)),
    "https://json-schema.org/draft/2020-12/vocab/meta-data": frozenset(),
    "https://json-schema.org/draft/2020-12/vocab/content": frozenset(),
    "https://json-schema.org/draft/2019-09/vocab/core": frozenset(("$ref", "$recursiveRef")),
    "https://json-schema.org/draft/2019-09/vocab/applicator": (_APPLICATOR - {"prefixItems"})
    | _UNEVALUATED
    | {"additionalItems", "dependencies"},
    "https://json-schema.org/draft/2019-09/vocab/validation": _VALIDATION,
    "https://json-schema.org/draft/2019-09/vocab/format": frozenset(("format",)),
    "https://json-schema.org/draft/2019-09/vocab/meta-data": frozenset(),
    "https://json-schema.org/draft/2019-09/vocab/content": frozenset(),
}
_MAX_CHAIN = 10


class MetaSchemas:
    """Finds dialects by ``$schema``, and remembers those that nobody knows."""

    def __init__(self, registry: Registry[Any] | Mapping[str, Any] | None) -> None:
        self.registry = registry
        self.unknown: dict[str, Path] = {}
        """URIs that are no draft's and not in the registry, and where they stand."""

    def dialect(self, schema: Any, default: Dialect, at: Path) -> Dialect:
        """The dialect that a schema asks for, `default` if it doesn't ask.

        Raises:
            SchemaError: ``$schema`` is no string.
            UnsupportedError: draft 3 or older, or a vocabulary that is required and not known.
        """
        uri = schema.get("$schema") if type(schema) is dict else None
        if uri is None:
            return default
        if type(uri) is not str:
            raise SchemaError.at(
                pointer(at), "$schema must be a URI, a string", "https://json-schema.org/draft/2020-12/schema"
            )
        return self._named(uri, default, at, 0)

    def _named(self, uri: str, default: Dialect, at: Path, depth: int) -> Dialect:
        found = by_uri(uri)
        if found is not None:
            return found
        if "json-schema.org/draft-0" in uri:
            raise UnsupportedError.of(
                "draft 3", f"{uri} is not supported", place=pointer(at), remedy="draft 4 or later"
            )
        meta = self._contents(uri)
        if not isinstance(meta, Mapping) or depth > _MAX_CHAIN:
            self.unknown.setdefault(uri, at)
            return default
        base = default
        if type(meta.get("$schema")) is str and meta["$schema"] != uri:
            base = self._named(meta["$schema"], default, at, depth + 1)
        vocabularies = meta.get("$vocabulary")
        return _restricted(base, vocabularies, at) if isinstance(vocabularies, Mapping) else base

    def _contents(self, uri: str) -> Any:
        """The meta-schema of that URI, if the caller passed it."""
        registry = self.registry
        if registry is None:
            return None
        for name in (uri, uri.rstrip("#")):
            found: Any = registry.get(name)
            if found is not None:
                return getattr(found, "contents", found)
        return None


def _restricted(base: Dialect, vocabularies: Mapping[Any, Any], at: Path) -> Dialect:
    """A draft with the keywords of these vocabularies only."""
    kept: set[str] = {"$ref", "$dynamicRef", "$recursiveRef"}
    for uri, required in vocabularies.items():
        keywords = _KEYWORDS.get(uri)
        if keywords is not None:
            kept |= keywords
        elif required:
            cause = f"the meta-schema requires the vocabulary {uri}, which is not supported"
            raise UnsupportedError.of("vocabulary", cause, place=pointer(at))
    return replace(
        base,
        handlers={keyword: handler for keyword, handler in base.handlers.items() if keyword in kept},
        asserts_formats=any(str(uri).endswith("/format-assertion") for uri in vocabularies),
    )
