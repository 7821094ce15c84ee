"""A database for a statement, made of the names that the statement uses, with SQLite itself as the guide.

SQLite is asked to prepare the statement; what it says is missing is made, until it prepares it or says what no table
helps. A column in front of which no table is named goes to the table with which SQLite gets furthest.

Quoted names never stand for strings here: they are put in brackets while SQLite is asked, so that a column is made for
each. The statement itself isn't changed.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

Key = tuple[str, str]
"""Schema and table, in lower case."""

_MOST_STEPS = 120


@dataclass
class Schema:
    """Tables with their columns, and what of them is unique."""

    tables: dict[Key, list[str]] = field(default_factory=dict)
    unique: dict[Key, list[tuple[str, ...]]] = field(default_factory=dict)
    spelled: dict[Key, tuple[str, str]] = field(default_factory=dict)

    def copy(self) -> Schema:
        return Schema({k: list(v) for k, v in self.tables.items()}, dict(self.unique), dict(self.spelled))

    def add(self, schema: str, table: str) -> None:
        key = (schema.lower(), table.lower())
        self.tables.setdefault(key, [])
        self.spelled.setdefault(key, (schema, table))

    def has(self, key: Key, column: str) -> bool:
        return column.lower() in (c.lower() for c in self.tables[key])

    def merge(self, other: Schema) -> None:
        """All that the other has besides."""
        for key, columns in other.tables.items():
            self.add(*other.spelled[key])
            self.tables[key] += [c for c in columns if not self.has(key, c)]

    def database(self) -> sqlite3.Connection:
        """A new database in memory with these tables."""
        connection = sqlite3.connect(":memory:")
        for schema in dict.fromkeys(schema for schema, _ in self.tables):
            if schema not in ("main", "temp"):
                connection.execute(f"ATTACH ':memory:' AS {_quoted(schema)}")
        for key, (schema, table) in self.spelled.items():
            columns = [_quoted(c) for c in self.tables[key]] or ["gcd_none"]
            columns += [f"UNIQUE ({', '.join(map(_quoted, each))})" for each in self.unique.get(key, [])]
            connection.execute(f"CREATE TABLE {_quoted(schema)}.{_quoted(table)} ({', '.join(columns)})")
        return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$]+|\s+|.""", re.S
)


def bracketed(statement: str) -> str:
    """The statement with each double-quoted name in brackets, where it can be."""

    def one(match: re.Match[str]) -> str:
        text = match[0]
        if not text.startswith('"') or "]" in text:
            return text
        return "[" + text[1:-1].replace('""', '"') + "]"

    return _TOKEN.sub(one, statement)


def _words(statement: str) -> list[str]:
    """Its names, keywords and signs, unquoted."""
    found = []
    for match in _TOKEN.finditer(statement):
        text = match[0]
        if text.isspace() or text.startswith(("--", "/*")):
            continue
        if text[0] in '"`[' and len(text) > 1:
            text = text[1:-1].replace(text[0] * 2, text[0])
        found.append(text)
    return found


def complaint(schema: Schema, statement: str) -> str | None:
    """What SQLite says on the statement in a database with these tables; None if it prepares it."""
    with closing(schema.database()) as connection:
        try:
            connection.execute(f"EXPLAIN {statement}")
        except sqlite3.ProgrammingError as error:
            if "number of bindings" in str(error):
                return None  # it was prepared, and has parameters
            return str(error)
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error)
    return None


def made_for(statement: str) -> Schema | None:
    """The tables with which SQLite prepares the statement; None if no tables help."""
    asked = bracketed(statement)
    words = _words(asked)
    schema = Schema()
    for _ in range(_MOST_STEPS):
        said = complaint(schema, asked)
        if said is None:
            return schema if complaint(schema, statement) is None else None
        following = _mended(schema, said, asked, words)
        if following is None:
            return None
        schema = following
    return None


_MISSING_TABLE = re.compile(r"no such table: (?:(.+?)\.)?(.+)", re.S)
_UNKNOWN_DATABASE = re.compile(r"unknown database (.+)", re.S)
_MISSING_COLUMN = re.compile(r"no such column: (.+)", re.S)
_NOT_NAMED = re.compile(r"table (.+) has no column named (.+)", re.S)
_WIDTH = re.compile(r"table (.+) has (\d+) columns? but (\d+) values were supplied", re.S)
_NOT_JOINED = re.compile(r"cannot join using column (.+) - column not present in both tables", re.S)


def _mended(schema: Schema, said: str, statement: str, words: list[str]) -> Schema | None:
    new = schema.copy()
    if found := _MISSING_TABLE.fullmatch(said):
        database, table = found[1] or "main", found[2]
        if (database.lower(), table.lower()) in new.tables or table.lower().startswith("sqlite_"):
            return None
        new.add(database, table)
        return new
    if found := _UNKNOWN_DATABASE.fullmatch(said):
        behind = [words[i + 2] for i in range(len(words) - 2) if words[i] == found[1] and words[i + 1] == "."]
        for table in behind:
            new.add(found[1], table)
        return new if behind else None
    if found := _MISSING_COLUMN.fullmatch(said):
        return _with_column(new, found[1], statement, words, said)
    if found := _NOT_NAMED.fullmatch(said):
        return _added(new, [key for key in new.tables if key[1] == found[1].lower()], found[2])
    if found := _WIDTH.fullmatch(said):
        for key, columns in new.tables.items():
            if key[1] == found[1].lower() and len(columns) < int(found[3]):
                columns += [f"c{i}" for i in range(len(columns) + 1, int(found[3]) + 1)]
                return new
        return None
    if found := _NOT_JOINED.fullmatch(said):
        return _added(new, list(new.tables), found[1])
    if "ON CONFLICT clause does not match" in said:
        return _with_unique(new, words)
    return None


def _added(schema: Schema, keys: list[Key], column: str) -> Schema | None:
    added = False
    for key in keys:
        if not schema.has(key, column):
            schema.tables[key].append(column)
            added = True
    return schema if added else None


def _with_column(schema: Schema, dotted: str, statement: str, words: list[str], said: str) -> Schema | None:
    for cut in [*sorted((m.start() for m in re.finditer(r"\.", dotted)), reverse=True), -1]:
        qualifier, column = (dotted[:cut], dotted[cut + 1 :]) if cut >= 0 else ("", dotted)
        keys = _behind(schema, qualifier, words) if qualifier else list(schema.tables)
        if not keys:
            continue
        if qualifier and len(keys) == 1:
            return _added(schema, keys, column)
        # SQLite gets furthest with the right one: it stops complaining about this column.
        for key in keys:
            if not schema.has(key, column):
                tried = schema.copy()
                tried.tables[key].append(column)
                now = complaint(tried, statement)
                if now != said and "ambiguous" not in (now or ""):
                    return tried
        # A name that is wanted in several places: in all of them, where that isn't ambiguous.
        tried = _added(schema.copy(), keys, column)
        if tried is not None and "ambiguous" not in (complaint(tried, statement) or ""):
            return tried
    return None


def _behind(schema: Schema, qualifier: str, words: list[str]) -> list[Key]:
    """The tables that a qualifier can stand for: its own name, or one that it is an alias of."""
    name = qualifier.rpartition(".")[2].lower()
    found = [key for key in schema.tables if key[1] == name]
    lower = [word.lower() for word in words]
    for i, word in enumerate(lower):
        if word == name and i:
            before = lower[i - 2] if lower[i - 1] == "as" else lower[i - 1]
            found += [key for key in schema.tables if key[1] == before and key not in found]
    return found


def _with_unique(schema: Schema, words: list[str]) -> Schema | None:
    lower = [word.lower() for word in words]
    into = lower.index("into") if "into" in lower else -1
    target = lower[into + 3] if lower[into + 2 : into + 3] == ["."] else lower[into + 1]
    keys = [key for key in schema.tables if key[1] == target]
    for i in range(len(lower) - 2):
        if lower[i] == "conflict" and lower[i + 1] == "(" and ")" in lower[i:] and keys:
            columns = tuple(w for w in words[i + 2 : lower.index(")", i)] if w != ",")
            if columns not in schema.unique.get(keys[0], []) and all(schema.has(keys[0], c) for c in columns):
                schema.unique[keys[0]] = [*schema.unique.get(keys[0], []), columns]
                return schema
            missing = [c for c in columns if not schema.has(keys[0], c)]
            if missing:
                return _added(schema, keys[:1], missing[0])
    return None
