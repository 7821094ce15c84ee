"""A JSON Schema with compiled grammars in some of its places: taken apart there, and put together as a composition.

What lies on the way to those places is written here, member by member, so of the schema's keywords only those are
possible on the way that say which members, items or alternatives there are. All else is compiled as the schema that it
is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gcd.compiler import compile as compile_grammar
from gcd.composition import concatenation, json_string, optional, repeated, union
from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.ir import Grammar
from gcd.json_schema.program import OutputOptions

if TYPE_CHECKING:
    from gcd.compiled_grammar import CompiledGrammar
    from gcd.vocab import Vocabulary

__all__ = ["fill_schema"]

_DEFINITIONS = ("$defs", "definitions")
_DEFAULT_OPTIONS = OutputOptions()
_SAYS_NOTHING = {"$schema", "$comment", "title", "description", "default", "examples", *_DEFINITIONS}
_OBJECT = {"type", "properties", "required", "additionalProperties"}
_ARRAY = {"type", "items"}


def fill_schema(
    schema: Mapping[str, Any],
    places: Mapping[str, CompiledGrammar],
    vocab: Vocabulary,
    *,
    options: OutputOptions = _DEFAULT_OPTIONS,
) -> CompiledGrammar:
    """The documents of a schema in which certain values are sentences of compiled grammars.

    An object on the way to such a place has its members in the order of ``properties``, those not required may be left
    out.

    Args:
        schema: the JSON Schema.
        places: JSON pointers into the schema ("#/properties/query", RFC 6901), and what a value there is, whatever the
            schema says of it. A text in quotes is `gcd.composition.json_string` of its grammar.
        vocab: what the places were compiled for.
        options: how documents are spelled; all but ``whitespace="indent"``, which depends on how deep a value stands.

    Raises:
        GrammarError: a pointer leads nowhere, or the schema is wrong.
        UnsupportedError: a keyword on the way to a place, or a reference, that would take looking at more than one
            place at a time; indentation.
    """
    if options.whitespace == "indent":
        raise UnsupportedError.of(
            "indentation of a schema with grammars in it",
            "its parts are compiled on their own, and don't know how deep they stand",
            remedy='use whitespace="any" or "fixed"',
        )
    Grammar.from_json_schema(schema, options=options)  # raises for a schema that is wrong
    parts = _Parts(schema, dict(places), vocab, options)
    made = parts.value(schema, "#")
    if parts.places.keys() != parts.used:
        missing = sorted(parts.places.keys() - parts.used)
        raise GrammarError(
            f"the schema has no place {', '.join(map(repr, missing))}",
            remedy="say it as a JSON pointer into the schema, such as '#/properties/query'",
        )
    return made


class _Parts:
    """A schema that is being taken apart."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        places: dict[str, CompiledGrammar],
        vocab: Vocabulary,
        options: OutputOptions,
    ) -> None:
        self.places = places
        self.used: set[str] = set()
        self._vocab = vocab
        self._options = options
        self._shared = {name: schema[name] for name in ("$schema", *_DEFINITIONS) if name in schema}
        self._space: CompiledGrammar | None = None
        if options.whitespace == "any" and options.max_whitespace:
            self._space = compile_grammar(Grammar.from_regex(rf"[ \t\n\r]{{0,{options.max_whitespace}}}"), vocab)

    def value(self, schema: Any, pointer: str) -> CompiledGrammar:
        """A value with the white space around it."""
        if pointer in self.places:
            self.used.add(pointer)
            return self._spaced(self.places[pointer])
        if not any(place.startswith(f"{pointer}/") for place in self.places):
            return self._compiled(schema, pointer)
        if not isinstance(schema, Mapping):
            raise _unsupported("a place behind no keyword", pointer, "nothing says how to come to it")
        keywords = schema.keys() - _SAYS_NOTHING
        if keywords == {"anyOf"}:
            return union(*(self.value(way, f"{pointer}/anyOf/{i}") for i, way in enumerate(schema["anyOf"])))
        if schema.get("type") == "array" and "items" in schema:
            _refuse(keywords - _ARRAY, pointer)
            item = self.value(schema["items"], f"{pointer}/items")
            return self._spaced(self._bracketed("[", [item + repeated(self._comma() + item)], "]", empty=True))
        if schema.get("type") == "object":
            _refuse(keywords - _OBJECT, pointer)
            return self._spaced(self._object(schema, pointer))
        _refuse(keywords, pointer)
        raise _unsupported("a place behind no keyword", pointer, "nothing says how to come to it")

    def _object(self, schema: Mapping[str, Any], pointer: str) -> CompiledGrammar:
        properties = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if schema.get("additionalProperties", True) is not False:
            raise _unsupported(
                "an object with other members than those named",
                pointer,
                "they would have to be known by their names, wherever they stand",
                'say "additionalProperties": false',
            )
        if missing := sorted(required - properties.keys()):
            raise GrammarError(
                f"{', '.join(map(repr, missing))} is required and not among the properties", place=pointer
            )
        members = [
            (self._member(name, self.value(sub, f"{pointer}/properties/{_escaped(name)}")), name in required)
            for name, sub in properties.items()
        ]
        return self._bracketed("{", list(self._members(members)), "}", empty=not required)

    def _bracketed(self, begin: str, ways: list[CompiledGrammar], end: str, *, empty: bool) -> CompiledGrammar:
        """One of the ways, or nothing, between brackets."""
        inside = union(*ways)
        if empty:
            inside = optional(inside) if self._space is None else self._space | inside
        return concatenation(self._text(begin), inside, self._text(end))

    def _comma(self) -> CompiledGrammar:
        return self._text(self._options.item_separator if self._options.whitespace == "fixed" else ",")

    def _members(self, members: Sequence[tuple[CompiledGrammar, bool]]) -> Iterator[CompiledGrammar]:
        """Members with commas between them: a way for each that may be the first."""
        comma = self._comma()
        for i, (first, needed) in enumerate(members):
            way = first
            for member, always in members[i + 1 :]:
                way += comma + member if always else optional(comma + member)
            yield way
            if needed:
                return

    def _member(self, name: str, value: CompiledGrammar) -> CompiledGrammar:
        colon = self._options.key_separator if self._options.whitespace == "fixed" else ":"
        return self._spaced(json_string(self._text(name))) + self._text(colon) + value

    def _spaced(self, part: CompiledGrammar) -> CompiledGrammar:
        return part if self._space is None else self._space + part + self._space

    def _text(self, text: str) -> CompiledGrammar:
        return compile_grammar(Grammar.from_choices([text]), self._vocab)

    def _compiled(self, schema: Any, pointer: str) -> CompiledGrammar:
        """A schema that stands alone; its references are to definitions, which are taken along."""
        if isinstance(schema, Mapping):
            schema = {**self._shared, **schema}
            for reference in _references(schema):
                if not reference.startswith(tuple(f"#/{name}/" for name in _DEFINITIONS)):
                    raise _unsupported(
                        f"a reference to {reference!r}",
                        pointer,
                        "the schema is taken apart, and only its definitions are taken along",
                        "put what it refers to among the definitions of the whole schema",
                    )
        return compile_grammar(Grammar.from_json_schema(schema, options=self._options), self._vocab)


def _references(schema: Any) -> Iterator[str]:
    """What a schema refers to, and the names by which it may be referred to otherwise than as `_DEFINITIONS`."""
    todo = [schema]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            for key in ("$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"):
                if isinstance(value.get(key), str):
                    yield value[key]
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def _refuse(keywords: set[str], pointer: str) -> None:
    if keywords:
        names = ", ".join(json.dumps(keyword) for keyword in sorted(keywords))
        raise _unsupported(f"{names} on the way to a grammar in a schema", pointer, "it speaks of the value as a whole")


def _unsupported(what: str, pointer: str, why: str, remedy: str | None = None) -> UnsupportedError:
    return UnsupportedError.of(
        what,
        why,
        place=pointer,
        remedy=remedy or 'on the way, use "properties" with "required", "items" or "anyOf" alone',
    )


def _escaped(name: str) -> str:
    """A name in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
