"""`lark_text`: the SQLite grammar narrowed to a catalogue, as Lark text.

The syntax is kept once, in sqlite.lark; here the rules where a name stands are replaced. What this text can't say,
since it isn't context-free, is whether a name is *in scope*; the header of the text names what is left to the scope
hook.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from gcd.sql.catalogue import Catalogue
from gcd.sql.names import NameClass, name_classes, spellings
from gcd.sql.options import SqlOptions

__all__ = ["lark_text"]

_BASE = Path(__file__).with_name("sqlite.lark")
_DEFINITION = re.compile(r"[!?]*(_?[A-Za-z][A-Za-z_]*)(\.-?\d+)?:")
_ORDER = ("schema", "table", "column", "function", "collation")
_END = r"(?![A-Za-z0-9_$]|[^\x00-\x7f])"

_HEADER = """\
// {dialect} narrowed to one database: {tables} tables and views with {columns} columns.
//
// gcd: parser=lalr lexer=contextual start=start
//
// Made by gcd.sql from its grammar of the dialect; schema {fingerprint}.
// Statements: {statements}{limit}.
//
// This is the context-free part. The scope hook (docs/sql.md) adds what no context-free rule can say: that a column
// belongs to a table of its FROM clause, that a name which isn't the database's own (a NAME below) is an alias, a
// CTE's or a window's that is visible, that names aren't ambiguous, where aggregates may stand, how many arguments a
// function takes, and how wide rows are.
//
// A terminal holds the names that can be the same things:
// {classes}.
"""


def lark_text(catalogue: Catalogue, options: SqlOptions, *, invented: bool = True) -> str:
    """The grammar's text.

    Args:
        catalogue: whose names statements may use.
        options: which statements there are.
        invented: also names that a statement makes up (aliases, CTEs) may be referred to, by any spelling; without
            a scope hook that lets through every name. False: references are the catalogue's names only, but for
            the part in front of a dot.
    """
    classes = name_classes(catalogue)
    terminals = {kind: "_OR_".join(use.upper() for use in _ORDER if use in kind) for kind in classes}
    text = _Text(_BASE.read_text(encoding="utf-8"))
    _replace_names(text, terminals, invented)
    _replace_statements(text, options)
    text.set("NAME", re.sub(r"^NAME:", "NAME.-1:", text.get("NAME")))
    header = _HEADER.format(
        dialect="SQLite",
        tables=len(catalogue.tables),
        columns=sum(len(table.columns) for table in catalogue.tables),
        fingerprint=catalogue.fingerprint[:16],
        statements=", ".join(options.statements),
        limit=", a SELECT with LIMIT" if options.require_limit else "",
        classes=",\n// ".join(terminals.values()),
    )
    names = "\n\n".join(_terminal(terminals[kind], classes[kind]) for kind in classes)
    return f"{header}\n{text}\n\n// {'-' * 64} the database's names\n\n{names}\n"


class _Text:
    """A Lark grammar as its definitions in order, so that one can be replaced."""

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[str | None, list[str]]] = [(None, [])]
        for line in text.splitlines():
            started = _DEFINITION.match(line)
            if started:
                self._parts.append((started[1], [line]))
            elif self._parts[-1][0] is not None and not (line.startswith((" ", "\t")) and line.strip()):
                self._parts.append((None, [line]))
            else:
                self._parts[-1][1].append(line)
        # The comment at the top describes the general grammar.
        head = self._parts[0][1]
        while head and (head[0].startswith("//") or not head[0]):
            del head[0]

    def _at(self, name: str) -> int:
        return next(i for i, (n, _) in enumerate(self._parts) if n == name)

    def get(self, name: str) -> str:
        """The definition of a rule or terminal."""
        return "\n".join(self._parts[self._at(name)][1])

    def set(self, name: str, definition: str) -> None:
        """Put another definition, or several, in its place."""
        self._parts[self._at(name)] = (name, definition.splitlines())

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a part of a definition, which must be there."""
        before = self.get(name)
        assert old in before, (name, old)
        self.set(name, before.replace(old, new))

    def __str__(self) -> str:
        return "\n".join(line for _, lines in self._parts for line in lines).strip()


def _replace_names(text: _Text, terminals: Mapping[NameClass, str], invented: bool) -> None:
    def able(*uses: str) -> list[str]:
        return [terminal for kind, terminal in terminals.items() if kind & set(uses)]

    def rule(name: str, *alternatives: str) -> str:
        return f"{name}: {' | '.join(alternatives)}"

    everything = list(terminals.values())
    # WORD: left, natural and the like, which SQLite takes as names too.
    free = ["NAME", "WORD"] if invented else []
    text.set(
        "column_name",
        'column_name: _column_name | _qualifier "." _column_name | _qualifier "." _qualifier "." _column_name\n'
        + "\n".join(
            (
                rule("_column_name", *able("column"), *free),
                # An alias may be spelled like anything.
                rule("_qualifier", *(everything if invented else able("schema", "table")), "NAME", "WORD"),
            )
        ),
    )
    text.edit("column", '_name "." STAR', '_qualifier "." STAR')
    schemas = able("schema")
    dotted = ' | _schema_name "." _table_name' if schemas else ""
    text.set(
        "table",
        f"table: _table_name{dotted}\n"
        + rule("_table_name", *able("table"), *free)
        + ("\n" + rule("_schema_name", *schemas) if schemas else ""),
    )
    # Table-valued functions and INDEXED BY aren't in a catalogue.
    text.edit("_table", "    | table_function [_alias]\n", "")
    text.edit("_tested", "(table | table_function)", "table")
    text.set("table_function", "")
    text.set("indexed", "indexed: NOT INDEXED")
    columns = '"(" _column_names ")"'
    text.set("using", f'using: USING {columns}\n_column_names: _column_name ("," _column_name)*')
    text.edit("_insert_into", '"(" names ")"', columns)
    text.edit("assignment", '_name | "(" names ")"', f"_column_name | {columns}")
    functions = able("function")
    if functions:
        text.edit("function", 'NAME "("', '_function_name "("')
        text.set("function", text.get("function") + "\n" + rule("_function_name", *functions))
    else:
        text.edit("primary", "    | function\n", "")
        text.set("function", "")
    text.edit("_tested", "_identifier_or_string", "_collation_name")
    text.edit("collated", "_identifier_or_string", "_collation_name")
    text.set("_identifier_or_string", rule("_collation_name", *(able("collation") or ["NAME"])))
    text.edit("type", "(NAME | STRING)+", "_type_word+")
    text.set("type", text.get("type") + "\n" + rule("_type_word", "NAME", "STRING", *everything))
    text.set("_alias", text.get("_alias") + " | " + " | ".join(everything))
    text.set("_name", text.get("_name") + " | " + " | ".join(everything))


def _replace_statements(text: _Text, options: SqlOptions) -> None:
    kinds = {"select": "select", "insert": "insert", "update": "update", "delete": "delete"}
    allowed = [kinds[kind] for kind in options.statements]
    if options.require_limit and "select" in allowed:
        allowed[allowed.index("select")] = "limited_select"
    text.set("script", "")  # one statement, always
    text.set("_statement", f"_statement: {' | '.join(allowed)}")
    if options.require_limit:
        limited = "limited_select: [with] (_ends_closed | _ends_open) [order_by] limit -> select"
        text.set("select", text.get("select") + "\n" + limited)
    for kind in ("insert", "update", "delete"):
        if kind not in options.statements:
            text.set(kind, "")
    if "insert" not in options.statements:
        for rule in ("_insert_into", "upsert", "_targeted_action", "_last_action", "_action"):
            text.set(rule, "")
    if not {"insert", "update"} & set(options.statements):
        text.set("_assignments", "")
        text.set("assignment", "")
        text.set("_or_action", "")
    if not {"update", "delete"} & set(options.statements):
        text.set("_limited", "")
    if options.read_only:
        text.set("_target", "")
        text.set("returning", "")


def _terminal(name: str, names: Iterable[str]) -> str:
    lines = []
    for each in names:
        ways = [_printable(way) for way in spellings(each)]
        if not ways[0].startswith('"'):  # unquoted
            ways[0] += _END
        lines.append(f"/(?ai:{'|'.join(ways)})/")
    return f"{name}: " + "\n    | ".join(lines)


@cache
def _escape_of(c: str) -> str:
    if c == "/":
        return r"\/"
    if c.isprintable() and c != "\\":
        return c
    return f"\\x{ord(c):02x}" if ord(c) < 0x100 else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _printable(pattern: str) -> str:
    """The same regular expression between Lark's slashes: on one line, and with all characters to be seen."""
    out, i = [], 0
    while i < len(pattern):
        if pattern[i] == "\\":
            following = pattern[i + 1]
            if following == "\\":
                out.append(r"[\\]")  # Lark turns \\" into "
            elif following.isprintable() and following != "/":
                out.append("\\" + following)
            else:
                out.append(_escape_of(following))
            i += 2
        else:
            out.append(_escape_of(pattern[i]))
            i += 1
    return "".join(out)
