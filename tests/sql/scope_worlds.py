"""Small databases, their catalogues by SQLite's pragmas, a vocabulary of words, and random statements over the mask."""

from __future__ import annotations

import random
import sqlite3

import gcd
from gcd.sql.catalogue import Catalogue, Column, Function, Table

_WINDOW = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lead", "lag", "nth_value"}
_FUNCTIONS = {"abs", "upper", "length", "round", "substr", "replace", "date", "count", "sum", "avg", "total", "ifnull"}

SHOP = """
create table customer(id integer primary key, name text, city text, "e-mail" text);
create table product(id integer primary key, name text, price real, "group" text);
create table orders(id integer primary key, customer_id int, placed date, total real as (1));
create table order_item(order_id int, product_id int, quantity int, primary key(order_id, product_id)) without rowid;
create table "odd ""table"(" a b" int, "select" text, [ü] text, "key" int, rowid text);
create view big as select id, name from customer where id > 10;
create table single(x);
"""

LETTERS = "create table t(a, b); create table u(b, c); create table v(a, c);"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def database(script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(script)
    return connection


def catalogue(connection: sqlite3.Connection) -> Catalogue:
    tables = []
    rows = connection.execute("select name, type from sqlite_master where type in ('table', 'view')").fetchall()
    for name, kind in rows:
        columns = tuple(
            Column(row[1], row[2], generated=row[6] in (2, 3), hidden=row[6] == 1)
            for row in connection.execute(f"pragma table_xinfo({quoted(name)})")
        )
        tables.append(Table("main", name, columns, kind, rowid=kind == "table" and name != "order_item"))
    arities: dict[tuple[str, str], set[int]] = {}
    for name, _, type_, _, n, _ in connection.execute("select * from pragma_function_list"):
        if name in _WINDOW | _FUNCTIONS:
            kind = "window" if name in _WINDOW else "scalar" if type_ == "s" else "aggregate"
            arities.setdefault((name, kind), set()).add(n)
    arities |= {("max", "aggregate"): {1}, ("max", "scalar"): {-3}, ("coalesce", "scalar"): {-3}}
    functions = tuple(Function(name, tuple(sorted(n)), kind) for (name, kind), n in sorted(arities.items()))
    return Catalogue("sqlite", tuple(tables), functions, ("BINARY", "NOCASE", "RTRIM"))


_TEXT = """
select from where group by order having limit offset as join left inner cross natural using on and or not in
between like is null case when then else end cast exists union all intersect except values with distinct count
sum max over partition filter row_number asc desc collate integer a b x insert into default update set delete returning
conflict do nothing recursive window true rowid excluded
"""
_WORDS = _TEXT.split()
_MARKS = [
    ", ",
    " (",
    "()",
    "'x'",
    " 1",
    " = ",
    "(*)",
    " * ",
    ">=",
    "||",
    " 5",
    "t1.",
    ".*",
    " x.",
    "a,b",
    "x'ab'",
    "*/",
    "/* x */",
    "(a, b) = (",
    ":x",
    " ((",
    ")) ",
]


def vocabulary(names: Catalogue) -> gcd.Vocabulary:
    texts = [bytes([b]) for b in (9, 10, *range(32, 127), *range(128, 256))]
    texts += [space + word.encode() for word in _WORDS for space in (b"", b" ")]
    texts += [mark.encode() for mark in _MARKS]
    known = [t.name for t in names.tables] + [c.name for t in names.tables for c in t.columns]
    for name in known:
        word = (name if name.isidentifier() else quoted(name)).encode()
        texts += [word, b" " + word, word + b",", word + b"."]
    unique = list(dict.fromkeys(texts))
    return gcd.Vocabulary.from_bytes([*unique, b""], eos_ids=[len(unique)])


_CLOSING = (b"'", b"\n", b"*/")
_RARE = (b"-", b"/", b"", b"'", b'"', b"[", b"`")


class Statements:
    """Random statements over the masks of a compiled grammar."""

    def __init__(self, compiled: gcd.CompiledGrammar, seed: int) -> None:
        self.compiled = compiled
        self.random = random.Random(seed)
        self.bitmask = gcd.allocate_token_bitmask(1, compiled.width)
        probe = compiled.matcher()
        self.tokens = [probe.token_bytes(i) for i in range(compiled.width)]
        self.ids = {token: i for i, token in enumerate(self.tokens) if token}

    def allowed(self, matcher: gcd.Matcher) -> list[int]:
        matcher.fill_bitmask(self.bitmask)
        row = self.bitmask[0]
        return [i for i in range(self.compiled.width) if int(row[i // 32]) >> (i % 32) & 1]

    def draw(self, tokens: int) -> tuple[bytes, bool]:
        """A text of so many random tokens, brought to an end, and whether an ending was found."""
        matcher, text, r = self.compiled.matcher(), b"", self.random
        for _ in range(tokens):
            allowed = self.allowed(matcher)
            assert allowed, f"a dead end: {text!r}"
            choices = [t for t in allowed if t not in self.compiled.eos_ids]
            if not choices or (len(choices) < len(allowed) and r.random() < 0.1):
                return text, True
            if len(allowed) > 0.75 * self.compiled.width:  # within a comment or a string
                choices = [self.ids[way] for way in _CLOSING if self.ids[way] in allowed]
            elif r.random() < 0.95:  # comments may begin anywhere, names in quotes often
                choices = [t for t in choices if self.tokens[t].strip()[:1] not in _RARE] or choices
            words = [t for t in choices if self.tokens[t][:1] == b" " and len(self.tokens[t]) > 2]
            marks = [t for t in choices if len(self.tokens[t]) <= 4 and not self.tokens[t][:1].isalnum()]
            k = r.random()
            token = r.choice(words if words and k < 0.6 else marks if marks and k < 0.93 else choices)
            assert matcher.accept(token)
            text += self.tokens[token]
        ending = matcher.completion()
        if ending is None:
            return text, False
        assert matcher.accept_tokens(ending) == len(ending)
        assert matcher.is_complete
        return text + b"".join(self.tokens[t] for t in ending), True
