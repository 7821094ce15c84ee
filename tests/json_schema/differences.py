"""Where jsonschema and the specification part, with the specification's words. Nothing else counts as explained.

Each entry says which (schema, text) pairs it is about; a verdict that differs from jsonschema's and that no entry
covers is a failure. What `judgement` settles already (exact numbers, ECMAScript's patterns, names that occur
twice, lone surrogates) needs no entry.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of difference."""

    name: str
    specification: str
    """Where it says so, and its words."""
    covers: Callable[[Any, str], bool]
    """Whether it decides about this schema and text."""


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object inside of a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from subschemas(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from subschemas(value)


def _empty_pattern(schema: Any, text: str) -> bool:
    return any(
        "" in each.get("patternProperties", {}) and "additionalProperties" in each
        for each in subschemas(schema)
        if isinstance(each.get("patternProperties", {}), dict)
    )


DIFFERENCES = (
    Difference(
        "the empty pattern matches every name",
        "JSON Schema Core 2020-12, 10.3.2.2 and 10.3.2.3: patternProperties applies to each name that matches a "
        "pattern, and additionalProperties only to names that match none; 6.4: patterns are not anchored, so the empty "
        "one matches. jsonschema joins the patterns with | and takes the empty result for none at all.",
        _empty_pattern,
    ),
)


def explained(schema: Any, text: str) -> str | None:
    """The name of the difference that covers this pair; None: none does."""
    return next((each.name for each in DIFFERENCES if each.covers(schema, text)), None)


def smaller(schema: Any) -> Iterator[Any]:
    """Schemas with one thing less."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield {k: v for k, v in schema.items() if k != key}
            for less in smaller(value):
                yield {**schema, key: less}
    elif isinstance(schema, list):
        for i, value in enumerate(schema):
            if len(schema) > 1:
                yield schema[:i] + schema[i + 1 :]
            for less in smaller(value):
                yield [*schema[:i], less, *schema[i + 1 :]]


def shrunk(schema: Any, differs: Callable[[Any], bool], steps: int = 400) -> Any:
    """A schema that still differs, with as much as possible taken away."""
    while steps:
        for less in smaller(schema):
            steps -= 1
            if steps and differs(less):
                schema = less
                break
        else:
            break
    return schema


def shown(schema: Any) -> str:
    return json.dumps(schema, ensure_ascii=False)
