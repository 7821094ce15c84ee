"""The frozen intermediate representation between grammar text and the native engine.

Everything in front of this module (Lark's loader, the LALR resolution, regular expressions) produces these types;
everything behind it (the native engine) reads only them. All ids are dense integers that index the tuples below.

The language that a `Grammar` denotes, in one paragraph. A text is cut into lexemes. At a lexeme boundary a *lexset*
says which terminals may match. Its terminals compete by *ordered choice*: the alternatives are tried in the order
given, each by Python's leftmost-first rule, and the first that matches anywhere takes the text (this is one big
``A|B|C`` regex, not longest match). Where `Grammar.independent` is set there are no lexsets: every terminal that
the parser can use at this point matches on its own and all of them are followed (Lark's dynamic Earley lexer).
An ignored terminal's lexeme is dropped. The remaining terminals must be derivable from the start nonterminal by the
productions, whose positions may forbid the terminal that comes next (how LALR conflict resolution, which loses
sentences, is written without a parse table).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcd.json_schema import SchemaGrammar

__all__ = [
    "Grammar",
    "Indentation",
    "Lexset",
    "Nonterminal",
    "Production",
    "SourceSpan",
    "Start",
    "Symbol",
    "Terminal",
    "Unless",
]


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """Where something stands in the grammar's text. Lines and columns count from 1; 0 means unknown."""

    line: int = 0
    column: int = 0
    source: str = ""
    """Name of the file or import (``"python"``, ``"common"``); empty for the text given."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """One terminal: a name and a Python regular expression over characters (never over bytes)."""

    name: str
    pattern: str
    """Python ``re`` syntax without inline global flags; a literal string is escaped already."""
    flags: int = 0
    """``re.I | re.S | re.M | re.X | re.A`` bits as given to `re.compile` (Unicode is the default)."""
    is_literal: bool = False
    """Came from a quoted string: `pattern` is its escaped text."""
    declared: bool = False
    """%declare'd: has no pattern, never matches text; only a hook (indentation) produces it."""
    span: SourceSpan = SourceSpan()
    example: str = ""
    """A short text that a person recognises (``"if"``, ``number``), for messages."""
    dialect: str = "python"
    """Whose syntax `pattern` is in: Python's `re` ("python"), or the `regex` module's ("regex")."""


@dataclass(frozen=True, slots=True)
class Unless:
    """Lark's keyword rule: a lexeme of `regex` whose whole text fullmatches one of `literals` becomes that literal.

    `literals` are terminal ids in the order tried; the first that matches the whole lexeme wins.
    """

    regex: int
    literals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lexset:
    """A set of terminals that compete at a lexeme's start."""

    order: tuple[int, ...]
    """Terminal ids, best first. Ignored terminals are in here too. Embedded literals (see `Unless`) are not."""
    unless: tuple[Unless, ...] = ()


@dataclass(frozen=True, slots=True)
class Nonterminal:
    """What productions derive. Copies of one rule that differ by their place share its name and span."""

    name: str
    span: SourceSpan = SourceSpan()


@dataclass(frozen=True, slots=True)
class Symbol:
    """One right-hand-side symbol: a terminal (`lexset` says how the text *after* it is lexed) or a nonterminal."""

    is_terminal: bool
    id: int
    lexset: int = 0
    """For terminals: index into `Grammar.lexsets` in force once this terminal was shifted. 0 if independent."""


@dataclass(frozen=True, slots=True)
class Production:
    """``lhs`` may be ``rhs``."""

    lhs: int
    rhs: tuple[Symbol, ...]
    """Never empty: the epsilon rules have been folded away (a nullable start is `Start.nullable`)."""
    forbid: tuple[int, ...] = ()
    """Empty, or ``len(rhs) + 1`` indices into `Grammar.forbids`: ``forbid[i]`` restricts the first terminal that may
    come after position ``i`` (``forbid[len(rhs)]``: after the whole production). Index 0 forbids nothing."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start symbol by name."""

    name: str
    nonterminal: int
    """Id, or -1 if only the empty text belongs to the language."""
    nullable: bool
    lexset: int = 0
    """The lexset in force at the very beginning of the text."""


@dataclass(frozen=True, slots=True)
class Indentation:
    """Lark's Indenter as declared state beside the parser."""

    newline: int
    """Terminal id whose lexemes carry the indentation."""
    open_parens: tuple[int, ...]
    close_parens: tuple[int, ...]
    indent: int
    dedent: int
    tab_len: int


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar, ready for the engine. Immutable; equal inputs give equal grammars."""

    terminals: tuple[Terminal, ...]
    nonterminals: tuple[Nonterminal, ...]
    productions: tuple[Production, ...]
    starts: tuple[Start, ...]
    ignore: tuple[int, ...] = ()
    lexsets: tuple[Lexset, ...] = ()
    forbids: tuple[frozenset[int], ...] = (frozenset(),)
    """Sets of terminal ids; -1 in a set stands for the end of the text. ``forbids[0]`` is empty."""
    independent: bool = False
    """Every viable terminal matches on its own (Earley's dynamic lexer); there are no lexsets."""
    all_lengths: bool = False
    """With `independent`: a lexeme may also end at any earlier point where its terminal matches (dynamic_complete)."""
    indentation: Indentation | None = None
    mode: str = "lalr/contextual"
    """``parser/lexer`` in Lark's words, for reports."""
    source: str = ""
    """The grammar's text, for messages."""
    notes: tuple[str, ...] = field(default=())
    """What a reader should know: conflicts resolved, rules dropped as useless, and where."""

    @classmethod
    def from_choices(cls, choices: Iterable[str], **options: Any) -> Grammar:
        """Exactly one of the given texts; see `gcd.grammar.choices.from_choices`."""
        from gcd.grammar.choices import from_choices

        return from_choices(choices, **options)

    @classmethod
    def from_regex(cls, pattern: str, flags: int = 0, **options: Any) -> Grammar:
        """The texts that `re.fullmatch` accepts; see `gcd.grammar.choices.from_regex`."""
        from gcd.grammar.choices import from_regex

        return from_regex(pattern, flags, **options)

    @staticmethod
    def from_json_schema(schema: object, **options: Any) -> SchemaGrammar:
        """The documents that a JSON Schema allows; see `gcd.json_schema.load` for the options."""
        from gcd.json_schema import load

        return load(schema, **options)

    @staticmethod
    def from_pydantic(type_: Any, **options: Any) -> SchemaGrammar:
        """The JSON of a Pydantic model or another type; see `gcd.json_schema.from_pydantic`."""
        from gcd.json_schema import from_pydantic

        return from_pydantic(type_, **options)

    @staticmethod
    def from_signature(function: Callable[..., Any], **options: Any) -> SchemaGrammar:
        """A function's arguments as a JSON object; see `gcd.json_schema.from_signature`."""
        from gcd.json_schema import from_signature

        return from_signature(function, **options)

    @classmethod
    def any_text(cls, until: str | None = None) -> Grammar:
        """Any text up to and with the first `until`, or any text at all; see `gcd.grammar.join.any_text`."""
        from gcd.grammar.join import any_text

        return any_text(until)

    def __add__(self, other: Grammar) -> Grammar:
        """A sentence of this grammar, then one of the other; see `gcd.grammar.join.concatenate`."""
        if not isinstance(other, Grammar):
            return NotImplemented
        from gcd.grammar.join import concatenate

        return concatenate(self, other)

    def restrict(self, **conditions: Any) -> Grammar:
        """The sentences that also meet conditions on the whole text; see `gcd.grammar.restrict.restrict`.

        ``matching=`` a pattern, ``must_include=`` and ``must_not_include=`` phrases.
        """
        from gcd.grammar.restrict import restrict

        return restrict(self, **conditions)

    @classmethod
    def builtin(cls, name: str, start: str | Sequence[str] | None = None, **options: Any) -> Grammar:
        """A grammar that comes with gcd, such as ``"sql"``; see `gcd.grammar.builtin.builtin`."""
        from gcd.grammar.builtin import builtin

        return builtin(name, start, **options)

    @classmethod
    def from_lark(cls, text_or_path: str | Path, start: str | Sequence[str] | None = None, **options: Any) -> Grammar:
        """Read a Lark grammar, unmodified; see `gcd.grammar.load.from_lark` for the options."""
        from gcd.grammar.load import from_lark

        return from_lark(text_or_path, start, **options)
