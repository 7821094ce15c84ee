"""What the field's own tool says about a text: json, ast, sqlite3. The judges of the shipped grammars."""

import ast
import json
import re
import sqlite3
import warnings
from functools import cache
from typing import NoReturn


def accepts(name: str, text: str) -> bool:
    """Whether the tool of the grammar's language takes the text."""
    return complaint(name, text) is None


def complaint(name: str, text: str) -> str | None:
    """Why the tool of the grammar's language refuses the text; None where it takes it."""
    return _TOOLS[name](text)


def _json(text: str) -> str | None:
    def no_constant(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")  # NaN, Infinity

    try:
        # Numbers stay strings: Python's bounds on them aren't JSON's.
        json.loads(text, parse_constant=no_constant, parse_int=str, parse_float=str)
    except ValueError as e:
        return str(e)
    return None


# What arithmetic.lark has of Python's syntax tree.
ARITHMETIC = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Name, ast.Load),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.UAdd, ast.USub),
)


def is_arithmetic(tree: ast.AST) -> bool:
    """Whether a syntax tree holds nothing but what arithmetic.lark has."""
    return all(
        type(node.value) in (int, float) if isinstance(node, ast.Constant) else isinstance(node, ARITHMETIC)
        for node in ast.walk(tree)
    )


def parse_python(text: str, mode: str = "exec") -> ast.AST:
    """ast.parse without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences and the like
        return ast.parse(text, mode=mode)


def _arithmetic(text: str) -> str | None:
    try:
        tree = parse_python(text.lstrip(" \t"), "eval")  # what eval() does before it parses
    except (SyntaxError, ValueError) as e:
        return str(e)
    return None if is_arithmetic(tree) else "not arithmetic"


def _python(text: str) -> str | None:
    try:
        parse_python(text)
    except (SyntaxError, ValueError) as e:
        return getattr(e, "msg", str(e))
    return None


@cache
def _database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


OTHER_SQLITE = "sql.lark's dialect is SQLite 3.40 with SQLITE_ENABLE_UPDATE_DELETE_LIMIT; this one is another"


def sqlite_has_the_dialect() -> bool:
    """Whether the sqlite3 that is installed can judge every corner of sql.lark."""
    options = {option for (option,) in _database().execute("PRAGMA compile_options")}
    return sqlite3.sqlite_version_info[:2] == (3, 40) and "ENABLE_UPDATE_DELETE_LIMIT" in options


_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


def _more_than_one_statement(text: str) -> bool:
    """Whether anything follows the first complete statement: sqlite3 reports a missing table before it says so."""
    for semicolon in re.finditer(";", text):
        if sqlite3.complete_statement(text[: semicolon.end()]):
            return bool(_COMMENT.sub("", text[semicolon.end() :]).strip())
    return False


def _sql(text: str) -> str | None:
    if _COMMENT.sub(" ", text).split()[:1] in (["QUERY"], ["query"]):
        return "EXPLAIN QUERY is another statement"
    try:
        _database().execute("EXPLAIN " + text)  # compiles, but runs nothing
    except sqlite3.ProgrammingError as e:
        if "bindings" not in str(e):
            return str(e)  # what ? stands for isn't given; else a NUL, a surrogate, two statements
    except (sqlite3.Warning, sqlite3.Error, UnicodeEncodeError) as e:
        # The database is empty: every name is missing, and that is no fault of the text.
        if not str(e).startswith("no such "):
            return str(e)
    return "more than one statement" if _more_than_one_statement(text) else None


_TOOLS = {"json": _json, "arithmetic": _arithmetic, "sql": _sql, "python": _python}
