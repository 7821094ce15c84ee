"""Real texts in the formats of `grammars/`, and the names of these.

``texts(name)`` gives them in an order that is the same on every run, each taken by the field's own tool. They come from
Python's standard library, from what is installed for the tests, and from packages that tools/get_grammar_texts.py
fetches.
"""

import ast
import csv
import importlib.metadata
import io
import ipaddress
import os
import random
import re
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import product
from pathlib import Path
from xml.dom import minidom
from xml.etree import ElementTree

import graphql
import pytest

from grammars import corpus, field_tools, format_tools, shipped

TOOL = Path(__file__).parents[2] / "tools" / "get_grammar_texts.py"


@cache
def texts(name: str) -> tuple[str, ...]:
    """Different real texts, none longer than 20,000 characters."""
    found = {text for text in SOURCES[name]() if len(text) <= 20_000}
    ordered = sorted(found)
    random.Random(name).shuffle(ordered)
    return tuple(text for text in ordered if format_tools.accepts(name, text))


@cache
def fetched(name: str) -> Path:
    """The folder with texts from packages. Where it can't be had, the test skips, or fails in CI."""
    done = subprocess.run([sys.executable, str(TOOL), name], capture_output=True, text=True, check=False)
    if done.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(done.stderr.strip().splitlines()[-1])
    return Path(done.stdout.splitlines()[-1])


@cache
def _library() -> tuple[str, ...]:
    """The modules of the standard library, with its tests where they are installed."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = (path for path in root.rglob("*.py") if not {"site-packages", "dist-packages", "lib2to3"} & {*path.parts})
    return tuple(path.read_text(encoding="utf-8", errors="replace") for path in sorted(paths))


def _found(pattern: str) -> Iterator[str]:
    compiled = re.compile(pattern)
    for text in _library():
        yield from compiled.findall(text)


@cache
def _distributions() -> tuple[importlib.metadata.Distribution, ...]:
    return tuple(importlib.metadata.distributions())


def _functions() -> Iterator[list[str]]:
    """The standard library's functions: name, parameters, first line of the docstring, a line of code."""
    for path in corpus.library_modules()[:60]:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                code = ast.unparse(node.body[-1])
                yield [
                    node.name,
                    ast.unparse(node.args),
                    (ast.get_docstring(node) or "").partition("\n")[0],
                    code[:200],
                ]


def _csv() -> Iterator[str]:
    rows = list(_functions())
    styles = list(product((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC), ("\n", "\r\n")))
    for at in range(0, len(rows), 4):
        quoting, ends = styles[at // 4 % len(styles)]
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator=ends).writerows(rows[at : at + 4])
        yield text.getvalue() if at % 3 else text.getvalue().rstrip("\r\n")


def _markdown_table() -> Iterator[str]:
    pages = [path.read_text(encoding="utf-8") for path in sorted(TOOL.parents[1].glob("docs/*.md"))]
    pages += [(shipped.FOLDER / "README.md").read_text(encoding="utf-8")]
    pages += [distribution.metadata.get_payload() or "" for distribution in _distributions()]
    for page in pages:
        for table in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
            yield table.removesuffix("\n")
    rows = [[re.sub(r"([|\\\n])", " ", field) for field in row] for row in _functions()]
    for at in range(0, len(rows) - 4, 4):
        lines = ["| " + " | ".join(row[: 1 + at % 4]) + " |" for row in rows[at : at + 4]]
        yield "\n".join([lines[0], "|" + "|".join(["---", ":--", "--:", ":-:"][: 1 + at % 4]) + "|", *lines[1:]]) + "\n"


def _semver() -> Iterator[str]:
    yield from _found(r"\b[0-9]+\.[0-9]+\.[0-9]+(?:-[\w.-]+)?(?:\+[\w.-]+)?")
    releases = [distribution.version for distribution in _distributions()]
    yield from releases
    for release, more in product(releases, ("-alpha.1", "-0.3.7", "-x-y-z.4", "+build.5", "-rc.1+exp.sha.5114f85")):
        yield release + more


def _uuid() -> Iterator[str]:
    yield from _found(r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b")
    for i, path in enumerate(corpus.library_modules()):
        named = str(uuid.uuid5(uuid.NAMESPACE_URL, path.name))
        yield named.upper() if i % 3 == 0 else named


def _ip() -> Iterator[str]:
    yield from _found(r"['\"]([0-9A-Fa-f:.]{2,45})['\"]")
    for path in corpus.library_modules():
        address = uuid.uuid5(uuid.NAMESPACE_URL, path.name).int
        mask = (0xFFFF << 112) | (0xFFFF << 16 * (address % 7))  # groups of zeros
        yield from map(str, (ipaddress.IPv4Address(address >> 96), ipaddress.IPv6Address(address)))
        yield str(ipaddress.IPv6Address(address & mask))
        yield ipaddress.IPv6Address(address & mask).exploded
        yield f"::ffff:{ipaddress.IPv4Address(address & 0xFFFFFFFF)}"


def _email() -> Iterator[str]:
    yield from _found(r"[\w.+-]+@[\w-]+\.[\w.-]+\b")
    for distribution in _distributions():
        yield from re.findall(r"<([^<>@\s]+@[^<>@\s]+)>", str(distribution.metadata.get("Author-email")))
        yield f"{distribution.name}+{distribution.version}@{distribution.name}.example.org"


def _uri() -> Iterator[str]:
    yield from _found(r"\b(?:https?|ftp|file|mailto|urn|tel|ldap|news|data):[^\s'\"<>\\`^{|}]+")


def _iso_8601() -> Iterator[str]:
    yield from _found(r"['\"]([0-9][0-9TZW:.,+-]{3,32}|P[0-9TYMDHSW.,]{2,20})['\"]")
    draw = random.Random(0)
    for _ in range(400):
        zone = timezone(timedelta(minutes=15 * draw.randint(-48, 56)))
        time = datetime(2000, 2, 28, tzinfo=zone) + timedelta(
            hours=draw.randint(0, 250_000), microseconds=draw.randint(0, 99)
        )
        yield from (time.isoformat(), time.isoformat(timespec="minutes"), time.strftime("%Y%m%dT%H%M%SZ"))
        yield from (
            time.strftime(shape) for shape in ("%G-W%V-%u", "%GW%V%u", "%Y-%j", "%Y%j", "%Y%m%d", "%Y-%m", "%H:%M")
        )
        yield time.strftime("P%dDT%HH%MM%SS")


def _graphql() -> Iterator[str]:
    return (text for text in _graphql_strings() if "DIRECTIVE_DEFINITION" not in text)  # a draft


def _graphql_strings() -> Iterator[str]:
    for path in sorted(fetched("graphql").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
                yield node.value
    flags = (
        "descriptions",
        "specified_by_url",
        "directive_is_repeatable",
        "schema_description",
        "input_value_deprecation",
    )
    for chosen in product((True, False), repeat=len(flags)):
        yield graphql.get_introspection_query(**dict(zip(flags, chosen, strict=True)))
    yield graphql.print_schema(graphql.build_schema("type Query { a(b: [Int!]! = [1, 2] @deprecated): String }"))
    whole = graphql.print_introspection_schema(graphql.GraphQLSchema())
    yield whole
    definitions = [graphql.print_ast(node) for node in graphql.parse(whole).definitions]
    yield from definitions
    for definition in definitions:  # each field and value on its own
        head, _, body = definition.partition("{\n")
        for piece in body.split("\n\n") if body else ():
            yield head + "{\n" + piece.removesuffix("}").rstrip() + "\n}"


def _toml() -> Iterator[str]:
    for path in sorted(fetched("toml").rglob("*.toml")):
        try:
            yield path.read_bytes().decode()
        except UnicodeDecodeError:
            continue  # it must be refused for that


def _lark() -> Iterator[str]:
    for path in sorted({*Path(sysconfig.get_path("purelib")).rglob("*.lark"), *shipped.FOLDER.glob("*.lark")}):
        text = path.read_text(encoding="utf-8")
        yield text
        yield from (piece + "\n" for piece in re.split(r"\n(?=[a-z_A-Z?!%])", text.removesuffix("\n")))


def _smiles() -> Iterator[str]:
    for line in next(fetched("smiles").rglob("*.smi")).read_text(encoding="utf-8").splitlines():
        yield line.split()[0]


def _pddl() -> Iterator[str]:
    for i, path in enumerate(sorted(fetched("pddl").rglob("*.pddl"))):
        if path.stat().st_size < 1500 and i % 3 == 0:
            yield path.read_text(encoding="utf-8")


def _regex() -> Iterator[str]:
    functions = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
    for path in corpus.library_modules():
        text = path.read_text(encoding="utf-8", errors="replace")
        calls = ast.walk(field_tools.parse_python(text)) if "re." in text and len(text) < 60_000 else ()
        for node in calls:
            match node:
                case ast.Call(ast.Attribute(ast.Name("re"), attr), [ast.Constant(str(pattern)), *_]) if (
                    attr in functions
                ):
                    if not format_tools.has_references(pattern):
                        yield pattern


def _element(node: ast.AST) -> ElementTree.Element:
    """A syntax tree as XML: strings and numbers as attributes or text."""
    element = ElementTree.Element(type(node).__name__)
    for name, value in ast.iter_fields(node):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                child = _element(each)
                child.set("field", name)
                element.append(child)
            elif each is not None and name != "docstring":
                plain = re.sub(r"[^\t\n -\ud7ff]", "?", str(each))
                if len(plain) < 12:
                    element.set(name, plain)
                else:
                    element.text = plain
    return element


def _xml() -> Iterator[str]:
    pieces = (piece for _, piece in zip(range(400), corpus.definitions(300), strict=False))
    for i, piece in enumerate(pieces):
        text = ElementTree.tostring(_element(ast.parse(piece).body[0]), encoding="unicode")
        if i % 3 == 1:
            text = minidom.parseString(text).toprettyxml(indent="\t")
        elif i % 3 == 2:
            code = piece.replace("]]>", "")
            text = f"<?xml version='1.0' encoding=\"utf-8\"?>\n<!-- {i} -->\n<a:b>\n<![CDATA[{code}]]></a:b>"
        yield text
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("test/**/*.xml")):
        text = path.read_bytes().decode("utf-8", "replace")
        if "<!DOCTYPE" not in text and "encoding" not in text:
            yield text


SOURCES: dict[str, Callable[[], Iterable[str]]] = {
    "csv": _csv,
    "email": _email,
    "graphql": _graphql,
    "ip": _ip,
    "iso-8601": _iso_8601,
    "lark": _lark,
    "markdown-table": _markdown_table,
    "pddl": _pddl,
    "regex": _regex,
    "semver": _semver,
    "smiles": _smiles,
    "toml": _toml,
    "uri": _uri,
    "uuid": _uuid,
    "xml": _xml,
}
