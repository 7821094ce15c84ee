"""Real texts for each shipped grammar, found where the tests run; nothing is kept in the project.

``texts(name)`` gives them in an order that is the same on every run and mixes large and small, so that its first n are
a fair sample; ``long_texts(name)`` makes texts of about a megabyte of them. Two sources:

``"library"``      Python's standard library: its modules, their arithmetic, its tables as JSON, its tests' SQL
``"conformance"``  the conformance data: instances of JSON Schemas, SQL statements

Every text is one that the field's own tool takes (field_tools.py).
"""

import ast
import csv
import gzip
import html.entities
import io
import json
import keyword
import os
import random
import re
import sqlite3
import sysconfig
import token
import tokenize
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice, product
from pathlib import Path

from grammars import field_tools, shipped

MEGABYTE = 1 << 20


def texts(
    name: str, limit: int | None = None, *, source: str | None = None, most_chars: int | None = None
) -> list[str]:
    """Up to ``limit`` different real texts, none longer than ``most_chars``, of one source or of both."""
    found: dict[str, None] = {}
    for each in [source] if source else ["conformance", "library"]:
        for text in SOURCES[name, each]() if (name, each) in SOURCES else ():
            if limit is not None and len(found) >= limit:
                return list(found)
            if most_chars is None or len(text) <= most_chars:
                found.setdefault(text)
    return list(found)


def long_texts(name: str, size: int = MEGABYTE) -> dict[str, str]:
    """Texts of about ``size`` bytes, made of real ones, by what each holds."""
    return {what: make(size) for what, make in LONG_TEXTS[name].items()}


def conformance_folder() -> Path | None:
    """The conformance data, where it can be had."""
    folder = Path(os.environ.get("GCD_CONFORMANCE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
    return folder.resolve() if folder.is_dir() else None


def _shuffled(items: Iterable[str]) -> list[str]:
    ordered = sorted(items)
    random.Random(0).shuffle(ordered)
    return ordered


# -- Python -----------------------------------------------------------------------------------


def library_modules() -> list[Path]:
    """The standard library's modules, without its tests, which hold broken files on purpose."""
    root = Path(sysconfig.get_path("stdlib"))
    apart = {"site-packages", "dist-packages", "test", "tests", "idle_test"}
    relative = (path.relative_to(root) for path in root.rglob("*.py"))
    return [root / each for each in _shuffled(str(path) for path in relative if not apart & {*path.parts})]


def module_text(path: Path) -> str | None:
    """A module's text with plain line ends, if ast takes it."""
    text = _text(path)
    return text if text and field_tools.accepts("python", text) else None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    text = path.read_text(encoding=encoding)
    return text + "\n" if text and not text.endswith("\n") else text  # Lark's grammar asks for it


def _parsed(text: str) -> ast.Module:
    try:
        return field_tools.parse_python(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _modules() -> Iterator[str]:
    """The modules that Lark's python.lark takes too (what it refuses: grammars/README.md)."""
    for path in library_modules():
        text = module_text(path)
        if text and shipped.lark_accepts("python", text):
            yield text


def definitions(most_chars: int) -> Iterator[str]:
    """Functions, classes and statements of the modules' top level, each a small module."""
    for path in library_modules():
        text = _text(path)
        lines = text.splitlines(keepends=True)
        for node in _parsed(text).body:
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            piece = "".join(lines[first - 1 : node.end_lineno])
            if len(piece) <= most_chars and field_tools.accepts("python", piece):
                yield piece


# -- arithmetic -------------------------------------------------------------------------------


def _expressions(tree: ast.AST) -> Iterator[ast.expr]:
    """The largest arithmetic expressions in a syntax tree that calculate something."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp | ast.UnaryOp) and field_tools.is_arithmetic(node):
            yield node
        else:
            waiting += ast.iter_child_nodes(node)


def _arithmetic() -> Iterator[str]:
    """As written, where that is one line, and as ast writes it."""
    for path in library_modules():
        text = _text(path)
        lines = text.encode().splitlines()
        for node in _expressions(_parsed(text)):
            if node.lineno == node.end_lineno:
                yield lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
            yield ast.unparse(node)


def _balanced_arithmetic(size: int) -> str:
    """Real expressions as the leaves of a balanced tree of operators."""
    operators = cycle(["+", "-", "*", "/", "//", "%"])
    level = list(_filled(texts("arithmetic"), size, 5))
    while len(level) > 1:
        pairs = zip(level[::2], [*level[1::2], ""], strict=False)
        level = [f"({a} {next(operators)} {b})" if b else a for a, b in pairs]
    return level[0]


def _filled(pieces: list[str], size: int, extra: int) -> Iterator[str]:
    """Pieces, none of them a large part, over and over until they and ``extra`` bytes beside each make up the size."""
    for piece in cycle([piece for piece in pieces if len(piece) <= size // 50]):
        size -= len(piece.encode()) + extra
        if size < 0:
            return
        yield piece


# -- JSON -------------------------------------------------------------------------------------


def _json_texts(values: Iterable[object]) -> Iterator[str]:
    """Values written in the ways that JSON is written, in turn."""
    styles = product((None, 2, "\t"), ((", ", ": "), (",", ":"), (" ,\t", " : ")), (True, False))
    for value, (indent, separators, ensure_ascii) in zip(values, cycle(styles), strict=False):
        text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ensure_ascii)
        yield text.replace("\n", "\r\n") if indent == "\t" else text


def _tree(node: object) -> object:
    """A syntax tree as JSON."""
    if isinstance(node, ast.AST):
        return {"type": type(node).__name__, **{name: _tree(value) for name, value in ast.iter_fields(node)}}
    if isinstance(node, list):
        return [_tree(each) for each in node]
    return node if isinstance(node, str | int | bool | None) else repr(node)


def _library_values() -> Iterator[object]:
    yield from (html.entities.html5, html.entities.codepoint2name, token.tok_name, keyword.kwlist)
    yield from ({"name": unicodedata.name(c), "character": c} for c in map(chr, range(0xA1, 0x3000, 31)) if c.isalpha())
    yield from (_tree(statement) for piece in islice(definitions(2000), 500) for statement in ast.parse(piece).body)


def _instances() -> Iterator[object]:
    """What the tests of MaskBench's schemas hold."""
    folder = conformance_folder()
    if folder:
        with gzip.open(folder / "maskbench" / "dev.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                for test in json.loads(line)["tests"]:
                    yield test["data"]


def _json_array(size: int) -> str:
    return "[" + ",\n".join(_filled(texts("json"), size, 2)) + "]"


# -- SQL --------------------------------------------------------------------------------------

_KINDS = re.compile(r"\s*(SELECT|VALUES|WITH|INSERT|REPLACE|UPDATE|DELETE)\b", re.IGNORECASE)
_COMMENTS_BEFORE = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)


def is_grammars_kind(statement: str) -> bool:
    """Whether a statement begins as those of sql.lark do."""
    return bool(_KINDS.match(_COMMENTS_BEFORE.sub("", statement, count=1)))


def split_statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def sql_statements(folder: Path) -> list[str]:
    """The conformance data's statements of sql.lark's kinds, in every dialect."""
    lines = (folder / "sql" / "identity.sql").read_text(encoding="utf-8").splitlines()
    tpc_h = split_statements((folder / "sql" / "tpc-h" / "tpc-h.sql").read_text(encoding="utf-8"))
    return [each for each in _shuffled([*lines, *tpc_h]) if is_grammars_kind(each)]


def _sqlite_statements() -> Iterator[str]:
    """Those that sqlite3 compiles, or refuses only for a name that is missing."""
    folder = conformance_folder()
    yield from (each for each in sql_statements(folder) if field_tools.accepts("sql", each)) if folder else ()


def _library_statements() -> Iterator[str]:
    """Statements in the strings of the standard library's sqlite3 modules and their tests.

    Without those that end in an open comment, a known gap of sql.lark.
    """
    open_comment = re.compile(r"/\*(?!.*\*/)", re.DOTALL)
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted([*root.glob("sqlite3/*.py"), *root.glob("test/test_sqlite3/*.py")]):
        for node in ast.walk(field_tools.parse_python(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if not isinstance(text, str) or not is_grammars_kind(text) or open_comment.search(text):
                continue
            if field_tools.accepts("sql", text):
                yield text


def _literal(value: str) -> str:
    return value if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else "'" + value.replace("'", "''") + "'"


def _sql_insert(size: int) -> str:
    """One INSERT: the rows of a TPC-H table, or without the conformance data the characters of Unicode."""
    folder = conformance_folder()
    if folder:
        with gzip.open(folder / "sql" / "tpc-h" / "lineitem.csv.gz", "rt", encoding="utf-8", newline="") as file:
            heading, *rows = csv.reader(io.StringIO(file.read()), delimiter="|")
    else:
        heading = ["code", "name", "category"]
        rows = [[str(ord(c)), unicodedata.name(c, ""), unicodedata.category(c)] for c in map(chr, range(0x20000))]
    written = ["(" + ", ".join(map(_literal, row)) + ")" for row in rows]
    return f"INSERT INTO t ({', '.join(heading)}) VALUES\n" + ",\n".join(_filled(written, size, 2))


def _sql_query(size: int) -> str:
    """One SELECT that has every real query as a common table expression."""
    # A comment to the end of the line would swallow the parenthesis, were it not for the line end.
    tables = [f"(\n{text.rstrip().removesuffix(';')}\n)" for text in texts("sql")]
    queries = [table for table in tables if field_tools.accepts("sql", f"SELECT * FROM {table}")]
    named = (f"q{i} AS {query}" for i, query in enumerate(_filled(queries, size, 10)))
    return "WITH " + ", ".join(named) + "\nSELECT * FROM q0"


# -- the table --------------------------------------------------------------------------------

SOURCES: dict[tuple[str, str], Callable[[], Iterator[str]]] = {
    ("json", "conformance"): lambda: _json_texts(_instances()),
    ("json", "library"): lambda: _json_texts(_library_values()),
    ("arithmetic", "library"): _arithmetic,
    ("sql", "conformance"): _sqlite_statements,
    ("sql", "library"): _library_statements,
    ("python", "library"): _modules,
}

LONG_TEXTS: dict[str, dict[str, Callable[[int], str]]] = {
    "json": {"an array of instances": _json_array},
    "arithmetic": {"a balanced tree of expressions": _balanced_arithmetic},
    "sql": {"an INSERT of many rows": _sql_insert, "a SELECT over many queries": _sql_query},
    "python": {"modules joined": lambda size: "".join(_filled(texts("python", 150), size, 0))},
}
