"""Syntax as data: what a dialect's rules with scope actions are made of, and the program that the engine interprets.

A rule is written as in EBNF: ``"("`` and words in capitals are lexemes, ``$name`` is a class of literals, ``<name>`` is
a name whose choice the scope makes (`CATEGORIES`), ``{action}`` or ``{action:n}`` changes or asks the scope (`ACTIONS`)
and takes no text. A word in small letters stands for another rule: ``rule^n`` with what is on the stack of the
database's own parser by then (`Syntax.stack` in all), ``rule`` alone written out in place. A rule whose name begins
with ``!`` has a frame of its own, in which its actions keep a number.

A dialect is a `Syntax` (`gcd.sql.sqlite_syntax`). Nothing here says which names there are: see
`gcd.sql.scope_program`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gcd.sql.postgresql_types import CLASSES

__all__ = [
    "ACTIONS",
    "CATEGORIES",
    "LITERALS",
    "PLACES",
    "Code",
    "Instruction",
    "Syntax",
    "assemble",
    "rules_of",
    "tree_of",
]

CATEGORIES = (
    "column",
    "qualifier",
    "qcolumn",
    "star_qualifier",
    "table",
    "schema",
    "schema_table",
    "source_alias",
    "bare_alias",
    "result_alias",
    "label",
    "cte_name",
    "cte_column",
    "using",
    "output",
    "scalar",
    "aggregate",
    "window",
    "collation",
    "type",
    "schema_qualifier",
    "inner_qualifier",
    "in_table",
    "window_name",
    "window_definition",
    "target",
    "schema_target",
    "target_alias",
    "insert_column",
    "set_column",
    "conflict_column",
    "alias",
)
"""Kinds of names, as `SqlCategory` counts them (csrc/sql_program.hpp)."""

ACTIONS = (
    "want",
    "begin",
    "end",
    "core",
    "item",
    "enditem",
    "more",
    "star",
    "from",
    "close",
    "clause",
    "grouped",
    "term",
    "endterm",
    "seal",
    "setop",
    "bind",
    "noalias",
    "derived",
    "join",
    "on",
    "endon",
    "using",
    "endusing",
    "op",
    "complex",
    "arg",
    "nextarg",
    "noargs",
    "distinct",
    "endcall",
    "aggregated",
    "filter",
    "endfilter",
    "window",
    "endwindow",
    "valued",
    "cell",
    "endrow",
    "room",
    "boolean",
    "isolate",
    "leave",
    "ordered",
    "groupable",
    "having",
    "windows",
    "endwindows",
    "group",
    "endgroup",
    "aliasgroup",
    "row",
    "left",
    "right",
    "wider",
    "sameleft",
    "closed",
    "another",
    "fill",
    "filled",
    "update",
    "updatefrom",
    "updated",
    "delete",
    "upsert",
    "conflict",
    "conflicted",
    "upset",
    "returning",
    "enter",
    "exit",
    "expect",
    "can",
    "type",
    "leftside",
    "middle",
    "list",
    "listed",
    "bool",
    "logic",
    "is",
    "negate",
    "signed",
    "constant",
    "operands",
    "casting",
    "castto",
    "cast",
    "subquery",
    "column",
    "branch",
    "branched",
    "endcase",
    "called",
    "distinctrows",
    "unstarred",
    "grouping",
    "groupby",
    "ungrouped",
)
"""What can happen between lexemes, as `SqlAction` counts them."""

_OPERATIONS = ("times", "divided", "modulo", "plus", "minus", "concat", "like", "compared", "between", "distinct")

_ARGUMENTS = {
    "cte": 0x10000,
    "derived": 0x20000,
    "source": 0x40000,
    "row": 0x80000,
    **{name: i for i, name in enumerate(CLASSES)},
    # an operator's level, and which it is
    **{
        name: level << 4 | (_OPERATIONS.index(name) + 1)
        for level, names in enumerate(
            (("times", "divided", "modulo"), ("plus", "minus"), ("concat",), ("like", "compared", "between"))
        )
        for name in names
    },
    "equals": 4 << 4 | (_OPERATIONS.index("compared") + 1),
    "distinct": 4 << 4 | (_OPERATIONS.index("distinct") + 1),
    "moments": 0x100,
    "equality": 0x101,
}

LITERALS = ("number", "integer", "position", "string", "blob", "parameter", "small", "long", "decimal", "date")

PLACES = ("operand", "label", "alias", "any", "called")
"""Where a name may stand, as far as it matters which keywords can be one: at the beginning of an operand, behind a
result column without AS, behind a table without AS, where only a name can follow, before an argument list."""


@dataclass(frozen=True)
class Syntax:
    """A dialect.

    Attributes:
        dialect: its name, as catalogues have it.
        rules: the text of the rules.
        operators: all of them and their beginnings.
        quotes: signs that begin a quoted name; "[" ends with "]", any other with itself.
        keywords: words that may mean something, in small letters.
        names: of each of `PLACES`, the keywords that may be bare names there, unless a rule has the keyword at this
            point.
        never_invented: words that mean something of their own where no column has this name.
        stack: entries of the database's own parser's stack.
        typed: the rules keep types, and a name in quotes means what it says, capitals and all.
    """

    dialect: str
    rules: str
    operators: tuple[str, ...]
    quotes: str
    keywords: frozenset[str]
    names: Mapping[str, frozenset[str]]
    never_invented: frozenset[str]
    stack: int
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of the program.

    Attributes:
        op: "keyword", "operator", "literal", "name", "call", "split", "act" or "return".
        a, b: its numbers: of a lexeme (keywords by their place among all); of a rule and its cost; of an action.
        next: the instructions that may follow.
    """

    op: str
    a: int = 0
    b: int = 0
    word: str = ""
    next: tuple[int, ...] = ()


@dataclass(frozen=True)
class Code:
    """The syntax, assembled.

    Attributes:
        instructions: of all rules.
        start: the first one.
        keywords: the words that it has, in capitals.
    """

    instructions: tuple[Instruction, ...]
    start: int
    keywords: tuple[str, ...]


_Node = tuple[str, Any]
"""A part of a rule: seq, or, ?, * or +, and its parts; leaf, and its match."""

_TOKEN = re.compile(
    r'\s*(?:"([^"]+)"|<(\w+)>|\{(\w+)(?::(\w+))?\}|\$(\w+)|([a-z]\w*)(?:\^(\d+))?|([A-Z_]+)|([()|?*+]))'
)


def _rules(text: str) -> dict[str, tuple[bool, str]]:
    rules: dict[str, tuple[bool, str]] = {}
    name = ""
    for line in text.splitlines():
        if head := re.match(r"(!?)([a-z]\w*): *(.*)", line):
            name = head[2]
            rules[name] = (bool(head[1]), head[3])
        elif line.strip():
            own, body = rules[name]
            rules[name] = (own, body + " " + line.strip())
    return rules


class _Assembler:
    """Recursive descent over a rule's text, from its end to its beginning: each part is told what comes after it."""

    def __init__(self, rules: dict[str, tuple[bool, str]], operators: tuple[str, ...]) -> None:
        self.rules = rules
        self.operators = operators
        self.code: list[Instruction] = []
        self.entries: dict[str, int] = {}
        self.keywords: dict[str, int] = {}
        self.parsed: dict[str, _Node] = {}

    def emit(self, instruction: Instruction) -> int:
        """Append an instruction; its number."""
        self.code.append(instruction)
        return len(self.code) - 1

    def parse(self, name: str) -> _Node:
        """A rule's tree."""
        if name not in self.parsed:
            _own, text = self.rules[name]
            tokens = []
            at = 0
            while at < len(text):
                match = _TOKEN.match(text, at)
                if match is None:
                    raise ValueError(f"rule {name}: can't read {text[at : at + 20]!r}")
                tokens.append(match)
                at = match.end()
            tree, rest = self._choice(tokens, 0)
            if rest != len(tokens):
                raise ValueError(f"rule {name}: a bracket too many")
            self.parsed[name] = tree
        return self.parsed[name]

    def _choice(self, tokens: list[re.Match[str]], i: int) -> tuple[_Node, int]:
        options: list[_Node] = []
        items: list[_Node] = []
        while i < len(tokens) and tokens[i][9] != ")":
            t = tokens[i]
            i += 1
            if t[9] == "|":
                options.append(("seq", items))
                items = []
                continue
            if t[9] in ("?", "*", "+"):
                items[-1] = (t[9], items[-1])
                continue
            if t[9] == "(":
                part, i = self._choice(tokens, i)
                i += 1
                items.append(part)
            else:
                items.append(("leaf", t))
        options.append(("seq", items))
        return (("or", options) if len(options) > 1 else options[0]), i

    def entry(self, name: str) -> int:
        """The first instruction of a rule that is called."""
        if name not in self.entries:
            self.entries[name] = self.emit(Instruction("split"))
            first = self.build(self.parse(name), self.emit(Instruction("return")))
            self.code[self.entries[name]] = Instruction("split", next=(first,))
        return self.entries[name]

    def build(self, node: _Node, after: int) -> int:
        """The first instruction of a part that `after` follows."""
        kind, value = node
        if kind == "seq":
            for part in reversed(value):
                after = self.build(part, after)
            return after
        if kind == "or":
            return self.emit(Instruction("split", next=tuple(self.build(part, after) for part in value)))
        if kind == "?":
            return self.emit(Instruction("split", next=(self.build(value, after), after)))
        if kind in ("*", "+"):
            loop = self.emit(Instruction("split"))
            body = self.build(value, loop)
            self.code[loop] = Instruction("split", next=(body, after))
            return loop if kind == "*" else body
        return self.leaf(value, after)

    def leaf(self, t: re.Match[str], after: int) -> int:
        """The same for a lexeme, an action or another rule."""
        if t[1]:
            return self.emit(Instruction("operator", self.operators.index(t[1]), next=(after,)))
        if t[2]:
            return self.emit(Instruction("name", CATEGORIES.index(t[2]), next=(after,)))
        if t[3]:
            number = _ARGUMENTS.get(t[4]) if t[4] else 0
            return self.emit(
                Instruction("act", ACTIONS.index(t[3]), int(t[4]) if number is None else number, next=(after,))
            )
        if t[5]:
            return self.emit(Instruction("literal", LITERALS.index(t[5]), next=(after,)))
        if t[8]:
            self.keywords.setdefault(t[8], len(self.keywords))
            return self.emit(Instruction("keyword", word=t[8], next=(after,)))
        name = t[6]
        if t[7] is None:
            if self.rules[name][0]:
                raise ValueError(f"rule {name} has a frame: it must be called with a cost")
            return self.build(self.parse(name), after)
        # a call in the last place of a rule needs no frame, unless the rule keeps a number in it
        return self.emit(Instruction("call", self.entry(name), int(t[7]) * 2 + self.rules[name][0], next=(after,)))


def rules_of(syntax: Syntax, statements: Iterable[str], *, limit_required: bool = False) -> dict[str, tuple[bool, str]]:
    """Rules by name for some kinds of statements: whether one has a frame of its own, and its text."""
    rules = _rules(syntax.rules)
    tops = ["limited_top" if kind == "select" and limit_required else f"{kind}_top" for kind in statements]
    rules["statement"] = (False, " | ".join(tops))
    return rules


def tree_of(rules: dict[str, tuple[bool, str]], name: str) -> tuple[str, Any]:
    """A rule's parts: ``seq``, ``or``, ``?``, ``*`` or ``+`` with theirs, and ``leaf`` with a match of its text."""
    return _Assembler(rules, ()).parse(name)


def assemble(syntax: Syntax, statements: Iterable[str], *, limit_required: bool = False) -> Code:
    """The program for some kinds of statements.

    Args:
        syntax: the dialect.
        statements: "select", "insert", "update", "delete": the rules of these names with ``_top`` behind.
        limit_required: the rule ``limited_top`` instead of ``select_top``.
    """
    assembler = _Assembler(rules_of(syntax, statements, limit_required=limit_required), syntax.operators)
    start = assembler.entry("start")
    return Code(tuple(assembler.code), start, tuple(assembler.keywords))
