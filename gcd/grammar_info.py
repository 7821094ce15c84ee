"""What an artefact keeps of a grammar for people: names, places and examples, for messages and `gcd inspect`."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gcd.grammar.ir import Grammar

__all__ = ["GrammarInfo", "TerminalInfo", "list_of"]

_T = TypeVar("_T")


_PLACES = (
    "a value",
    "a string",
    "a number",
    "a literal",
    "a comma or a closing bracket",
    "a property name or }",
    "a property name",
    "a property name",
    "a colon",
    "an item or ]",
    "a closing bracket",
)
"""As `SchemaAutomaton::Phase` counts them."""

_LEXEMES = ("a lexeme", "a word or name", "a quoted name", "a number", "a string", "a blob", "an operator")
"""As `SqlAutomaton::Kind` counts them."""


@dataclass(frozen=True, slots=True)
class TerminalInfo:
    """A terminal as messages name it."""

    name: str
    pattern: str
    line: int = 0
    source: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class GrammarInfo:
    """The readable side of a compiled grammar.

    Attributes:
        starts: names of the start symbols, in the engine's order.
        terminals: in the order of their ids.
        mode: ``parser/lexer`` in Lark's words.
        n_nonterminals, n_productions: sizes of the normalised grammar.
        source: the grammar's text as it was given.
        notes: what a reader should know (conflicts resolved, rules dropped).
        hash: SHA-256, in hex, of all that the engine was given.
    """

    starts: tuple[str, ...]
    terminals: tuple[TerminalInfo, ...]
    mode: str
    n_nonterminals: int
    n_productions: int
    source: str
    notes: tuple[str, ...]
    hash: str

    @classmethod
    def of(cls, grammar: Grammar) -> GrammarInfo:
        """Of a grammar that is about to be compiled."""
        return cls(
            starts=tuple(s.name for s in grammar.starts),
            terminals=tuple(
                TerminalInfo(t.name, t.pattern, t.span.line, t.span.source, t.example) for t in grammar.terminals
            ),
            mode=grammar.mode,
            n_nonterminals=len(grammar.nonterminals),
            n_productions=len(grammar.productions),
            source=grammar.source,
            notes=grammar.notes,
            hash=hashlib.sha256(repr(grammar).encode()).hexdigest(),
        )

    @classmethod
    def of_schema(cls, name: str, program: bytes) -> GrammarInfo:
        """Of a JSON Schema: its terminals are the places in JSON that the engine knows, in its order."""
        return cls._of_program(name, program, "json-schema", "value", _PLACES)

    @classmethod
    def of_sql(cls, name: str, program: bytes) -> GrammarInfo:
        """Of a database's statements: its terminals are the kinds of lexemes that the engine knows, in its order."""
        return cls._of_program(name, program, "sql", "statement", _LEXEMES)

    @classmethod
    def _of_program(cls, name: str, program: bytes, mode: str, start: str, terminals: tuple[str, ...]) -> GrammarInfo:
        return cls(
            starts=(start,),
            terminals=tuple(TerminalInfo(terminal, "") for terminal in terminals),
            mode=mode,
            n_nonterminals=0,
            n_productions=0,
            source=name,
            notes=(),
            hash=hashlib.sha256(program).hexdigest(),
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back."""
        return {**asdict(self), "terminals": [astuple(t) for t in self.terminals]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GrammarInfo:
        """Raises TypeError, LookupError or ValueError where the data is not what `to_json` makes."""
        entries = list_of(list, data["terminals"])
        terminals = tuple(TerminalInfo(*t) for t in entries)
        list_of(str, [field for t in entries for field in (t[0], t[1], t[3], t[4])])
        list_of(int, [t[2] for t in entries])
        list_of(str, [data["mode"], data["source"], data["hash"]])
        list_of(int, [data["n_nonterminals"], data["n_productions"]])
        return cls(
            starts=tuple(list_of(str, data["starts"])),
            terminals=terminals,
            mode=data["mode"],
            n_nonterminals=data["n_nonterminals"],
            n_productions=data["n_productions"],
            source=data["source"],
            notes=tuple(list_of(str, data["notes"])),
            hash=data["hash"],
        )


def list_of(kind: type[_T], value: Any) -> list[_T]:
    """`value`, if it is a list of exactly this kind (JSON's true is no number); else ValueError."""
    if type(value) is not list or not set(map(type, value)) <= {kind}:
        raise ValueError(f"an entry is not a list of {kind.__name__}")
    return value
