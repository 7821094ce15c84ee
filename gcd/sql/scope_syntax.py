"""SQLite's syntax as data: rules with scope actions, and the program that the engine interprets.

A rule is written as in EBNF: ``"("`` and words in capitals are lexemes, ``$name`` is a class of literals, ``<name>`` is
a name whose choice the scope makes (`CATEGORIES`), ``{action}`` or ``{action:n}`` changes or asks the scope (`ACTIONS`)
and takes no text. A word in small letters stands for another rule: ``rule^n`` with what is on the stack of SQLite's own
parser by then (at most 100 in all), ``rule`` alone written out in place. A rule whose name begins with ``!`` has a
frame of its own, in which its actions keep a number.

Nothing here says which names there are: see `gcd.sql.scope_program`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["ACTIONS", "CATEGORIES", "LITERALS", "OPERATORS", "RULES", "Code", "Instruction", "assemble"]

RULES = r"""
start: statement ";"?
select_top: {want:0} select^3
limited_top: {want:0} limited^3

select: {begin} with? chain^4 {end}
limited: {begin} with? limited_chain^4 {end}
chain: core (order? limit? {seal} | {seal} setop chain2^0) | values (setop chain2^0)?
chain2: core {seal} (corder? limit? | setop chain2^0) | values (setop chain2^0)?
limited_chain: core (order? limit {seal} | {seal} setop limited_chain2^0) | values setop limited_chain2^0
limited_chain2: core {seal} (corder? limit | setop limited_chain2^0) | values setop limited_chain2^0
setop: UNION {setop:0} | UNION ALL {setop:0} | INTERSECT {setop:1} | EXCEPT {setop:1}

with: {room} WITH RECURSIVE? cte ("," cte)*
cte: <cte_name> ("(" <cte_column> ("," <cte_column>)* ")")? AS (NOT? MATERIALIZED)? "(" {want:cte} select^10 ")" {bind}

core: {core} SELECT (DISTINCT | ALL)? item ("," {more} item)* (FROM {from} source join*)? {close}
      (WHERE {clause:0} expr^6)?
      (GROUP BY {clause:0} term ("," term)* {grouped} (HAVING {clause:1} expr^8)?)? {clause:3}
item: "*" {star} | <star_qualifier> "." "*" | {item} expr^4 (AS <result_alias> | <result_alias>)? {enditem}
term: {term} expr^8 {endterm}
values: {core:1} {close} {clause:0} VALUES row ("," row)* {valued} {seal}
row: "(" {item} expr^7 {cell} ("," {more} {item} expr^7 {cell})* ")" {endrow}

order: ORDER BY oterm ("," oterm)*
oterm: {term} expr^12 {endterm} (ASC | DESC)? (NULLS (FIRST | LAST))?
corder: ORDER BY coterm ("," coterm)*
coterm: (<output> | $position) (COLLATE <collation>)? (ASC | DESC)? (NULLS (FIRST | LAST))?
limit: LIMIT "-"? $integer ((OFFSET | ",") "-"? $integer)?

source: (<schema> "." <schema_table> | <table>) (AS <source_alias> | <source_alias> | {noalias})
      | {room} "(" {want:derived} select^7 ")" {derived} (AS <source_alias> | <source_alias> | {noalias})
join: "," {join:0} source
    | (NATURAL {join:2} joinkind? JOIN | {join:1} joinkind? JOIN) source constraint
joinkind: (LEFT | RIGHT | FULL) OUTER? | INNER | CROSS
constraint: ON {on} expr^12 {endon} | {using} USING "(" <using> ("," {using} <using>)* ")" {endusing} | {endusing}

!expr: nots arith tail*
nots: (NOT {op:3})?
tail: AND {op:2} nots arith | OR {op:1} nots arith
    | ("=" | "==" | "!=" | "<>") {op:4} arith | ("<" | "<=" | ">" | ">=") {op:5} arith
    | IS {op:4} (NOT? (DISTINCT FROM)?) arith
    | (ISNULL | NOTNULL | NOT NULL) {op:4}
    | NOT? ((LIKE | GLOB) {op:6} arith (ESCAPE arith)? | BETWEEN {op:6} arith AND arith | {op:4} {room} IN inrhs)
arith: sign operand (("&" | "|" | "<<" | ">>") {op:7} sign operand | ("+" | "-") {op:8} sign operand
     | ("*" | "/" | "%") {op:9} sign operand | ("||" | "->" | "->>") {op:10} sign operand)*
sign: (("-" | "+" | "~") {op:11})?
operand: primary (COLLATE <collation>)*
primary: $number | $string {complex} | $blob {complex}
       | (NULL | CURRENT_DATE | CURRENT_TIME | CURRENT_TIMESTAMP) {complex}
       | <column> | <qualifier> "." <qcolumn>
       | {room} (scalar^1 | aggregate^1 | windowed^1 | case^1 | {complex} CAST "(" expr^2 AS type ")"
       | "(" (expr^1 | {complex} {want:1} select^2) ")" | EXISTS {complex} "(" {want:0} select^3 ")")
inrhs: "(" ({want:1} select^4 | (expr^4 ("," expr^4)*)?) ")"
case: CASE {complex} expr^1? (WHEN expr^4 THEN expr^5)+ (ELSE expr^4)? END
!scalar: <scalar> {complex} "(" args ")" {endcall}
!aggregate: <aggregate> {complex} "(" ( ({noargs} "*" | args) ")" {endcall} filter? (OVER window | {aggregated})
          | {distinct} DISTINCT expr^5 {arg} ")" {endcall} filter? {aggregated})
!windowed: <window> {complex} "(" args ")" {endcall} OVER window
args: ({nextarg} expr^4 {arg} ("," {nextarg} expr^4 {arg})*)?
filter: FILTER "(" WHERE {filter} expr^6 ")" {endfilter}
window: {window} "(" (PARTITION BY expr^8 ("," expr^8)*)? (ORDER BY wterm ("," wterm)*)? frame? ")" {endwindow}
wterm: expr^10 (ASC | DESC)? (NULLS (FIRST | LAST))?
frame: ROWS (UNBOUNDED PRECEDING | $integer PRECEDING | CURRENT ROW
     | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer (PRECEDING | FOLLOWING))
               | $integer PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer (PRECEDING | FOLLOWING))
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer FOLLOWING)
               | $integer FOLLOWING AND ($integer FOLLOWING | UNBOUNDED FOLLOWING)))
     | RANGE (UNBOUNDED PRECEDING | CURRENT ROW
     | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING)
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING)))
type: INTEGER | INT | BIGINT | TEXT | REAL | FLOAT | DOUBLE PRECISION? | NUMERIC size? | DECIMAL size? | BLOB
    | VARCHAR size? | CHAR size? | DATE | DATETIME | BOOLEAN
size: "(" $integer ("," $integer)? ")"
"""

CATEGORIES = (
    "column",
    "qualifier",
    "qcolumn",
    "star_qualifier",
    "table",
    "schema",
    "schema_table",
    "source_alias",
    "result_alias",
    "cte_name",
    "cte_column",
    "using",
    "output",
    "scalar",
    "aggregate",
    "window",
    "collation",
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
)
"""What can happen between lexemes, as `SqlAction` counts them."""

_WANTS = {"cte": 0x10000, "derived": 0x20000}

LITERALS = ("number", "integer", "position", "string", "blob")

_OPERATORS = "; , ( ) . + - * / % ~ & | || << >> < <= <> > >= = == != -> ->>"

OPERATORS = tuple(_OPERATORS.split())
"""In the order of their numbers."""


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

    def __init__(self, rules: dict[str, tuple[bool, str]]) -> None:
        self.rules = rules
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
            return self.emit(Instruction("operator", OPERATORS.index(t[1]), next=(after,)))
        if t[2]:
            return self.emit(Instruction("name", CATEGORIES.index(t[2]), next=(after,)))
        if t[3]:
            number = _WANTS.get(t[4]) if t[4] else 0
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


def assemble(statements: Iterable[str], *, limit_required: bool = False) -> Code:
    """The program for some kinds of statements ("select", "insert", "update", "delete")."""
    tops = {"select": "limited_top" if limit_required else "select_top"}
    rules = _rules(RULES)
    rules["statement"] = (False, " | ".join(tops[kind] for kind in statements))
    assembler = _Assembler(rules)
    start = assembler.entry("start")
    return Code(tuple(assembler.code), start, tuple(assembler.keywords))
