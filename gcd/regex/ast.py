"""Syntax trees of regular expressions, as `gcd.regex.parser` makes them and `gcd.regex.compiler` reads them.

By the time a tree exists, flags are resolved: a set of characters is a set of code points, ``.`` and ``^`` know about
DOTALL and MULTILINE, and groups that only group are gone. ``(?i)a[bc]*?`` becomes::

    Concat(Literal("a", fold=Fold.UNICODE), Repeat(Chars({B, C, b, c}), 0, None, Mode.LAZY))

Nodes are plain mutable dataclasses because making a frozen one costs three times as much and an enum of 50,000 words
makes as many. Nobody changes them. Spans don't take part in comparisons: equal lookarounds are compiled once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TypeAlias

from gcd.regex.charset import CharSet

__all__ = [
    "UNBOUNDED",
    "Alternation",
    "Assertion",
    "Atomic",
    "Chars",
    "Concat",
    "EndOfText",
    "Fold",
    "Literal",
    "Look",
    "Mode",
    "Node",
    "Place",
    "Repeat",
]

UNBOUNDED = 1 << 64
"""A maximal width without end. Widths saturate here, as CPython's own do (``sre_parse.MAXWIDTH``)."""


class Fold(IntEnum):
    """How a literal's characters match: as they are, or in either case (of ASCII letters, of all letters)."""

    NONE = 0
    ASCII = 1
    UNICODE = 2


class Mode(Enum):
    """What a repetition prefers: more, less, or as much as possible for good."""

    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


class Place(Enum):
    """What a zero-width assertion asks about the position."""

    TEXT_START = r"\A"
    LINE_START = "(?m:^)"
    TEXT_END = r"\Z"
    LAST_LINE_END = "$"
    """The end of the text, or before a newline that ends it."""
    LINE_END = "(?m:$)"
    WORD_EDGE = r"\b"
    NO_WORD_EDGE = r"\B"
    NO_WORD_EDGE_IN_TEXT = r"(?!\A\Z)\B"
    """CPython's, which (before 3.14) doesn't match the empty text."""


@dataclass(slots=True, unsafe_hash=True)
class Literal:
    """One or more characters in a row."""

    text: str
    fold: Fold
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(compare=False)
    max_width: int = field(compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Chars:
    """One character of a set."""

    chars: CharSet
    start: int = field(compare=False)
    end: int = field(compare=False)
    listed: bool = field(default=False, compare=False)
    """Written as a set that isn't negated, or as a category; see `parser._as_one_set`."""
    min_width: int = field(default=1, compare=False)
    max_width: int = field(default=1, compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Concat:
    """One after the other. Holds no `Concat` and no two `Literal`s of one fold in a row; empty: the empty text."""

    items: tuple[Node, ...]
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(compare=False)
    max_width: int = field(compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Alternation:
    """The first of the items with which the rest matches too. Two or more items, none an `Alternation`."""

    items: tuple[Node, ...]
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(compare=False)
    max_width: int = field(compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Repeat:
    """The body, `low` to `high` times in a row."""

    body: Node
    low: int
    high: int | None
    mode: Mode
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(compare=False)
    max_width: int = field(compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Atomic:
    """The body's first way to match, and no other."""

    body: Node
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(compare=False)
    max_width: int = field(compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Look:
    """Whether the body matches from here on (or ends here: `behind`), or doesn't (`negative`)."""

    body: Node
    behind: bool
    negative: bool
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(default=0, compare=False)
    max_width: int = field(default=0, compare=False)


@dataclass(slots=True, unsafe_hash=True)
class Assertion:
    """A condition on the position. `word` is the set that word edges are about (empty for the others)."""

    place: Place
    word: CharSet
    start: int = field(compare=False)
    end: int = field(compare=False)
    min_width: int = field(default=0, compare=False)
    max_width: int = field(default=0, compare=False)


@dataclass(slots=True, unsafe_hash=True)
class EndOfText:
    """The program's EOF instruction. The parser never makes one; the compiler does, in lookaheads for ``$``."""

    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)
    min_width: int = field(default=0, compare=False)
    max_width: int = field(default=0, compare=False)


Node: TypeAlias = Literal | Chars | Concat | Alternation | Repeat | Atomic | Look | Assertion | EndOfText
