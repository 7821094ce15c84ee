"""The frozen intermediate representation between a JSON Schema and the native engine.

The front end (this package) writes a schema's logic as it stands: no negation is pushed, no `allOf` merged, no `oneOf`
expanded. Everything is in flat tables whose entries refer to each other by index::

    {"type": "object", "properties": {"a": {"maxLength": 3}}, "required": ["a"]}

    strings  0 "a"
    charsets 0 ((0, 0x10FFFF),)
    regexes  0 CHARS 0              1 REPEAT 0 0 3
    nodes    0 TRUE    1 FALSE      2 TYPES 64          3 STRING 1
             4 PROPERTIES 0 1 0 3 0 (the rest: node 0; one name: string 0, node 3; no patterns)
             5 REQUIRED 0           6 AND 2 4 5

A node is a proposition about one JSON value. A leaf says something about values of one type and is true for values of
all others, as the keywords of JSON Schema do. Nodes may refer to any node, so recursion through ``$ref`` is a cycle;
a cycle that doesn't step into a member or item on its way has no meaning and never gets here. Regular expressions
speak about whole decoded strings, as sequences of code points, and refer to earlier entries only.

`to_bytes` is what the engine reads: little-endian words of 32 bits. First magic and version, then each table (strings,
charsets, decimals, regexes, nodes) as its number of entries and the entries; then the root and the options: six, and
six more for the guards if there are any. A string or decimal is its number of bytes and its UTF-8, padded to whole
words; a charset its number of ranges and their bounds; a regex or node its operator, its number of arguments and the
arguments.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

from gcd.json_schema.guards import GUARDS_OFF, Guards
from gcd.regex.charset import CharSet

__all__ = [
    "NONE",
    "UNBOUNDED",
    "Entry",
    "JsonType",
    "Node",
    "OutputOptions",
    "Path",
    "Regex",
    "SchemaProgram",
    "pointer",
]

NONE = 0xFFFFFFFF
"""An argument that is absent: no bound, no node."""
UNBOUNDED = NONE
"""The upper bound of a `Regex.REPEAT` without one."""

_MAGIC = 0x4A534731
_VERSION = 1
_WHITESPACE = ("any", "fixed", "indent")
_PROPERTY_ORDERS = ("any", "schema")

Entry: TypeAlias = tuple[int, ...]
"""A regex or node: the operator and its arguments."""

Path: TypeAlias = tuple[Any, str]
"""Where a subschema stands, as a linked list from the inside out: (the path around it, the last step). The outermost
has None around it, and as its step the URI of the document ("" for the schema that was given)."""


class JsonType(IntEnum):
    """The bits of a `Node.TYPES` mask."""

    NULL = 1
    TRUE = 2
    FALSE = 4
    NUMBER = 8
    STRING = 16
    ARRAY = 32
    OBJECT = 64


ANY_TYPE = 127


class Regex(IntEnum):
    """Operators of regular expressions over code points, with their arguments."""

    EMPTY = 0
    """(): no string."""
    EPS = 1
    """(): the empty string."""
    CHARS = 2
    """(charset): one character of a set."""
    STRING = 3
    """(string): that text."""
    CONCAT = 4
    """(regexes...): one after the other."""
    ALT = 5
    """(regexes...): any of them."""
    AND = 6
    """(regexes...): all of them."""
    NOT = 7
    """(regex): every string but those."""
    REPEAT = 8
    """(regex, min, max): that many in a row; `UNBOUNDED` for no end."""
    WORDS = 9
    """(strings...): one of these texts."""
    LOOKAHEAD = 10
    """(regex, negative): nothing, where a match begins here (or doesn't, if `negative` is 1); inside of CONCAT."""
    LOOKBEHIND = 11
    """(regex, negative): nothing, where a match ends here (or doesn't)."""
    ANY = 12
    """(): every string."""


class Node(IntEnum):
    """Operators of propositions about one JSON value, with their arguments."""

    TRUE = 0
    FALSE = 1
    AND = 2
    """(nodes...)"""
    OR = 3
    """(nodes...)"""
    NOT = 4
    """(node)"""
    ONE = 5
    """(nodes...): exactly one of them holds."""
    TYPES = 6
    """(mask): the value's type, as bits of `JsonType`."""
    STRING = 7
    """(regex): a string is in its language."""
    NUMBER_RANGE = 8
    """(low decimal or NONE, 1 if low is exclusive, high decimal or NONE, 1 if high is exclusive)"""
    MULTIPLE_OF = 9
    """(decimal)"""
    NUMBERS = 10
    """(decimals...): a number is equal to one of these."""
    ITEMS = 11
    """(rest, nodes...): an array's item i satisfies node i, further ones `rest`."""
    ITEM_COUNT = 12
    """(min, max or NONE)"""
    CONTAINS = 13
    """(node, min, max or NONE): so many of an array's items satisfy the node."""
    UNIQUE = 14
    """(): no two items of an array are equal."""
    PROPERTIES = 15
    """(additional, n, (string, node) * n, m, (regex, node) * m): an object's members satisfy the node of their name
    and of each pattern that their name is in, and `additional` if there is neither."""
    PROPERTY_NAMES = 16
    """(node): each name of an object's members satisfies it, as a string."""
    REQUIRED = 17
    """(strings...): an object has members of these names."""
    PROPERTY_COUNT = 18
    """(min, max or NONE)"""
    DEPENDENT_REQUIRED = 19
    """(string, strings...): if an object has the first, it has the others."""
    UNEVALUATED_PROPERTIES = 20
    """(node, n, sources * n): a member that no source covers satisfies the node. A source is (condition node, covers
    all 0/1, n, strings * n, m, regexes * m) and covers what it names if the object satisfies its condition."""
    UNEVALUATED_ITEMS = 21
    """(node, n, sources * n). A source is (condition node, covers all 0/1, n, contains node or NONE) and covers the
    first n items and those that satisfy the contains node."""
    INTEGER_SPELLING = 22
    """(): a number is written without a fraction and without an exponent (what draft 4 calls an integer)."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How documents are spelled. None of it changes which values are valid."""

    whitespace: str = "any"
    """``any``: JSON whitespace between tokens, at most `max_whitespace` characters in a row. ``fixed``: the two
    separators and nothing else. ``indent``: pretty-printed, `indent` spaces a level."""
    max_whitespace: int = 40
    item_separator: str = ","
    key_separator: str = ":"
    indent: int = 2
    property_order: str = "any"
    """``any``, or ``schema``: named properties in the order in which the schema lists them."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("whitespace", self.whitespace, _WHITESPACE),
            ("property_order", self.property_order, _PROPERTY_ORDERS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        for name, count in (("max_whitespace", self.max_whitespace), ("indent", self.indent)):
            if type(count) is not int or count < 0 or count >= NONE:
                raise ValueError(f"{name} must be a number of characters, not {count!r}")
        for name, separator, char in (
            ("item_separator", self.item_separator, ","),
            ("key_separator", self.key_separator, ":"),
        ):
            if separator.strip(" \t\n\r") != char:
                raise ValueError(f"{name} must be {char!r} and JSON whitespace, not {separator!r}")


@dataclass(frozen=True, slots=True)
class SchemaProgram:
    """A schema, ready for the engine. Immutable; equal schemas give equal programs."""

    strings: tuple[str, ...]
    """Names and words, decoded. Never with lone surrogates: no document can hold them."""
    charsets: tuple[CharSet, ...]
    decimals: tuple[str, ...]
    """Numbers as JSON spells them: ``-?digits[.digits][e[+-]digits]``."""
    regexes: tuple[Entry, ...]
    nodes: tuple[Entry, ...]
    root: int
    options: OutputOptions = OutputOptions()
    guards: Guards = GUARDS_OFF
    origins: tuple[tuple[Path, ...], ...] = field(default=(), compare=False, repr=False)
    """For each node the places that made it, for messages. Equal subschemas are one node, so there may be several."""
    _packed: list[bytes] = field(default_factory=list, init=False, compare=False, repr=False)
    """What `to_bytes` found, once it was asked."""

    def pointers(self, node: int) -> tuple[str, ...]:
        """The places in the schema that made a node: ``#/properties/a/minLength``; with a URI in front if remote."""
        return tuple(map(pointer, self.origins[node])) if node < len(self.origins) else ()

    def to_bytes(self) -> bytes:
        """The engine's input. Equal programs give equal bytes."""
        if not self._packed:
            self._packed.append(self._pack())
        return self._packed[0]

    def _pack(self) -> bytes:
        words = array("I", (_MAGIC, _VERSION, len(self.strings)))
        for text in self.strings:
            _pack_text(words, text)
        words.append(len(self.charsets))
        for chars in self.charsets:
            words.append(len(chars))
            for bounds in chars:
                words.extend(bounds)
        words.append(len(self.decimals))
        for text in self.decimals:
            _pack_text(words, text)
        for table in (self.regexes, self.nodes):
            words.append(len(table))
            for entry in table:
                words.append(entry[0])
                words.append(len(entry) - 1)
                words.extend(entry[1:])
        words.append(self.root)
        options = self.options
        guarded = self.guards != GUARDS_OFF
        words.append(12 if guarded else 6)
        separators = [self.strings.index(s) if s in self.strings else NONE for s in _separators(options)]
        words.extend(
            (
                _WHITESPACE.index(options.whitespace),
                options.max_whitespace,
                *separators,
                options.indent,
                _PROPERTY_ORDERS.index(options.property_order),
            )
        )
        if guarded:
            words.extend(NONE if bound is None else bound for bound in self.guards)
        if sys.byteorder == "big":
            words.byteswap()
        return words.tobytes()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        """A listing of all tables, for people."""
        for i, text in enumerate(self.strings):
            yield f"string {i} {text!r}"
        for i, chars in enumerate(self.charsets):
            yield f"charset {i} {' '.join(f'{low:x}-{high:x}' for low, high in chars[:20])}"
        for i, text in enumerate(self.decimals):
            yield f"decimal {i} {text}"
        for i, entry in enumerate(self.regexes):
            yield f"regex {i} {Regex(entry[0]).name} {' '.join(map(str, entry[1:]))}"
        for i, entry in enumerate(self.nodes):
            places = ", ".join(self.pointers(i)[:3])
            yield f"node {i} {Node(entry[0]).name} {' '.join(map(str, entry[1:]))}  {places}".rstrip()
        yield f"root {self.root}"


def pointer(path: Path) -> str:
    """A path as the JSON pointer that people know, behind the document's URI and ``#``.

    >>> pointer((((None, ""), "properties"), "a/b"))
    '#/properties/a~1b'
    """
    steps: list[str] = []
    around, step = path
    while around is not None:
        steps.append(step.replace("~", "~0").replace("/", "~1"))
        around, step = around
    steps.append(step if "#" in step else step + "#")
    return "/".join(reversed(steps))


def _separators(options: OutputOptions) -> tuple[str, str]:
    return options.item_separator, options.key_separator


def _pack_text(words: array[int], text: str) -> None:
    data = text.encode("utf-8")
    words.append(len(data))
    data += b"\0" * (-len(data) % 4)
    words.extend(struct.unpack(f"<{len(data) // 4}I", data))
