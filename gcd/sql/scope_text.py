"""`scope_text`: the rules of a dialect as Lark text, narrowed to a catalogue's names and without what the scopes add.

For dialects whose syntax is kept as rules with scope actions alone (PostgreSQL). The actions are left out, so this is
the context-free part; an Earley parser reads it.
"""

from __future__ import annotations

from gcd.sql.catalogue import Catalogue
from gcd.sql.options import SqlOptions
from gcd.sql.scope_syntax import Syntax, rules_of, tree_of

__all__ = ["scope_text"]

_HEADER = """\
// {dialect} narrowed to one database: {tables} tables and views with {columns} columns.
//
// Made by gcd.sql from its grammar of the dialect; schema {fingerprint}.
// Statements: {statements}{limit}.
//
// This is the context-free part. The scope hook (docs/sql.md) adds what no context-free rule can say: that a column
// belongs to a table of its FROM clause, that a NAME is an alias or a common table expression that is visible, that
// names aren't ambiguous, that operators and functions get operands of types that they take, that columns beside
// aggregates are grouped, and how wide rows are.
"""
_LITERALS = {
    "number": r"/[0-9]+(\.[0-9]*)?|\.[0-9]+/",
    "small": "/[0-9]{1,9}/",
    "long": "/[0-9]{10,18}/",
    "decimal": r"/[0-9]{19,}|[0-9]+\.[0-9]*|\.[0-9]+/",
    "position": "/[0-9]{1,4}/",
    "string": "/'([^']|'')*'/",
    "date": "/'[12][0-9]{3}-[01][0-9]-[0-3][0-9]( [0-2][0-9]:[0-5][0-9](:[0-5][0-9])?)?'/",
}
_COLUMNS = ("column", "qcolumn", "using", "output", "alias")
_TABLES = ("table", "schema_table")
_CALLED = {"scalar": "scalar", "aggregate": "aggregate", "window": "window"}


def scope_text(syntax: Syntax, catalogue: Catalogue, options: SqlOptions) -> str:
    """The grammar's text."""
    rules = rules_of(syntax, options.statements, limit_required=options.require_limit)
    used: set[str] = set()
    written: dict[str, str] = {}
    waiting = ["start"]
    while waiting:
        name = waiting.pop()
        if name in written:
            continue
        called: list[str] = []
        written[name] = _text(tree_of(rules, name), called, used) or ""
        waiting += reversed(called)
    lines = [f"{name}: {text}" for name, text in written.items()]
    header = _HEADER.format(
        dialect="PostgreSQL" if catalogue.dialect == "postgresql" else catalogue.dialect,
        tables=len(catalogue.tables),
        columns=sum(len(table.columns) for table in catalogue.tables),
        fingerprint=catalogue.fingerprint[:16],
        statements=", ".join(options.statements),
        limit=", a SELECT with LIMIT" if options.require_limit else "",
    )
    terminals = [f"{name}: {_terminal(name, catalogue)}" for name in sorted(used)]
    terminals.append('NAME: /[a-z_][a-z0-9_]*/i | /"([^"]|"")+"/')
    return "\n".join((header, *lines, "", *terminals, "", r"%ignore /[ \t\r\n\f]+/", ""))


def _text(node: tuple[str, object], called: list[str], used: set[str], *, inside: bool = False) -> str:
    """A part of a rule; "" for one that takes no text."""
    kind, value = node
    if kind == "leaf":
        return _leaf(value, called, used)
    if kind == "seq":
        return " ".join(t for part in value if (t := _text(part, called, used, inside=True)))  # type: ignore[attr-defined]
    if kind == "or":
        options = [_text(part, called, used) for part in value]  # type: ignore[attr-defined]
        text = " | ".join(dict.fromkeys(t for t in options if t))
        if "" in options:
            return f"({text})?" if text else ""
        return f"({text})" if inside and len(options) > 1 else text
    text = _text(value, called, used)  # type: ignore[arg-type]
    return f"({text}){kind}" if text else ""


def _leaf(token: object, called: list[str], used: set[str]) -> str:
    operator, category, action, _, literal, rule, _, keyword, _ = token.groups()  # type: ignore[attr-defined]
    if operator:
        return f'"{operator}"'
    if action:
        return ""
    if keyword:
        return f'"{keyword}"i'
    if rule:
        called.append(rule)
        return rule  # type: ignore[no-any-return]
    used.add((literal or category).upper())
    return (literal or category).upper()  # type: ignore[no-any-return]


def _terminal(name: str, catalogue: Catalogue) -> str:
    kind = name.lower()
    if kind in _LITERALS:
        return _LITERALS[kind]
    if kind in _CALLED:
        names = sorted({f.name for f in catalogue.functions if f.kind == kind})
        return " | ".join(f'"{n}"i' for n in names) or "NAME"
    if kind in _COLUMNS:
        names = list(dict.fromkeys(c.name for t in catalogue.tables for c in t.columns))
    elif kind in _TABLES:
        names = list(dict.fromkeys(t.name for t in catalogue.tables))
    elif kind == "schema":
        names = list(dict.fromkeys(t.schema for t in catalogue.tables if t.schema is not None))
    else:
        return "NAME"
    invented = [] if kind in ("schema", "schema_table") else ["NAME"]
    return " | ".join([*(way for n in names for way in _spellings(n)), *invented])


def _spellings(name: str) -> list[str]:
    """In quotes as it is, and bare where PostgreSQL folds a name to it."""
    quoted = name.replace('"', '""').replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(
        c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in quoted
    )
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    return [f'"{name}"i', f'"\\"{shown}\\""'] if plain else [f'"\\"{shown}\\""']
