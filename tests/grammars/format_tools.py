"""What the field's own tool says about a text in one of the formats: the judges of `format_texts`.

Some tools look further than syntax: at valences, names that aren't declared, keys given twice. `MEANING` tells such
complaints from the others.
"""

import csv
import io
import ipaddress
import re
import sys
import tomllib
import uuid
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any
from xml.parsers import expat

import aniso8601
import email_validator
import graphql
import partialsmiles
import semver
from lark.exceptions import GrammarError, LarkError, UnexpectedInput
from lark.load_grammar import _parse_grammar
from markdown_it import MarkdownIt
from rfc3986_validator import validate_rfc3986


def accepts(name: str, text: str) -> bool:
    """Whether the tool of the format takes the text."""
    return complaint(name, text) is None


def complaint(name: str, text: str) -> str | None:
    """Why the tool of the format refuses the text; None where it takes it."""
    return TOOLS[name](text)


def is_meaning(name: str, complaint: str) -> bool:
    """Whether the complaint is about what no syntax says, as the grammar's header has it."""
    return name in MEANING and re.search(MEANING[name], complaint) is not None


def _raises(parse: Callable[[str], object], text: str, *errors: type[Exception]) -> str | None:
    try:
        parse(text)
    except errors as e:
        return str(e).partition("\n")[0]
    return None


def _csv(text: str) -> str | None:
    return _raises(lambda t: list(csv.reader(io.StringIO(t, newline=""), strict=True)), text, csv.Error)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _markdown_table(text: str) -> str | None:
    blocks = [token.type for token in _markdown().parse(text) if token.level == 0]
    return None if blocks == ["table_open", "table_close"] else "not a table and nothing else"


def _semver(text: str) -> str | None:
    return _raises(semver.Version.parse, text, ValueError)


def _uuid(text: str) -> str | None:
    complaint = _raises(uuid.UUID, text, ValueError)
    return complaint or (None if str(uuid.UUID(text)) == text.lower() else "another way to write it")


def _ip(text: str) -> str | None:
    return "a zone" if "%" in text else _raises(ipaddress.ip_address, text, ValueError)


def _email(text: str) -> str | None:
    def validate(address: str) -> object:
        return email_validator.validate_email(
            address, check_deliverability=False, test_environment=True, allow_smtputf8=False
        )

    return _raises(validate, text, ValueError) if text.isascii() else "beyond ASCII"


def _uri(text: str) -> str | None:
    return None if validate_rfc3986(text, rule="URI") else "no URI"


_DATE = r"[0-9]{4}(-?W[0-9]{2}(-?[0-9])?|[0-9-]*)"
_TIME = r"[0-9]{2}(:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?|[0-9]{2}([0-9]{2}([.,][0-9]+)?)?)?(Z|[+-][0-9:]*)?"


def _iso_8601(text: str) -> str | None:
    """By its shape, for the parsers also take 12:3, 22026.46, 2009-04.19 and 12.5 hours."""
    date, _, rest = text.rpartition("T")
    time, *signed = re.split("([Z+-])", rest, maxsplit=1)
    zone = signed[-1] if signed else ""
    if date and not date.startswith("P") and len(time) > 2 and (":" in time) != ("-" in date):
        return "date and time in different formats"
    if len(zone) > 2 and (":" in time) != (":" in zone):
        return "time and offset in different formats"
    ways = [
        (_DATE, aniso8601.parse_date),
        (f"{_DATE}T{_TIME}", aniso8601.parse_datetime),
        (f"(?![0-9]{{4}}-[0-9]{{2}}-){_TIME}", aniso8601.parse_time),  # 2024-02-30 is no 20:24 with an offset
        ("P.*", aniso8601.parse_duration),
    ]
    complaints = [
        _raises(way, text, ValueError, NotImplementedError) for shape, way in ways if re.fullmatch(shape, text)
    ]
    return None if None in complaints else (complaints or ["neither a date nor a time nor a duration"])[0]


def _graphql(text: str) -> str | None:
    return _raises(graphql.parse, text, graphql.GraphQLSyntaxError)


def _toml(text: str) -> str | None:
    return _raises(tomllib.loads, text, tomllib.TOMLDecodeError)


def _lark(text: str) -> str | None:
    return _raises(lambda t: _parse_grammar(t, "text"), text, GrammarError, LarkError)


def _smiles(text: str) -> str | None:
    def parse(smiles: str) -> object:
        # Not its own style: a last branch in parentheses, rings over a dot, ":" as a bond are OpenSMILES.
        return partialsmiles.ParseSmiles(smiles, partial=False, rulesToIgnore=4 | 16 | 64)

    try:
        parse(text)
    except partialsmiles.Error as e:
        return f"{type(e).__name__}: {e.message}"
    except (IndexError, ValueError, AttributeError) as e:
        return f"{type(e).__name__}: {e}"
    return None


@cache
def _pddl_parsers() -> tuple[Any, Any, type[Exception]]:
    """Of the package pddl, which can't be installed beside our Lark but runs with it; and its error."""
    from grammars.format_texts import fetched

    sys.path.append(str(fetched("pddl")))
    from pddl.exceptions import PDDLError
    from pddl.parser.domain import DomainParser
    from pddl.parser.problem import ProblemParser

    return DomainParser(), ProblemParser(), PDDLError


def _pddl(text: str) -> str | None:
    domain, problem, error = _pddl_parsers()
    try:
        (problem if re.search(r"\(\s*problem\b", text) else domain)(text)
    except UnexpectedInput as e:
        return str(e).partition("\n")[0]
    except (LarkError, error, AssertionError, TypeError) as e:  # the last two: it trips over what it doesn't expect
        for parser in (domain, problem):
            parser._transformer.__init__()  # it keeps what it has read so far
        cause = getattr(e, "orig_exc", e)
        return f"meaning: {type(cause).__name__}: {cause}".partition("\n")[0]
    return None


def has_references(pattern: str) -> bool:
    """Whether a regular expression has what regex.lark leaves out (or looks like it)."""
    return re.search(r"\\[1-9]|\\N|\(\?P=|\(\?\(|\(\?[a-z-]*[Lx]", pattern) is not None


def _regex(text: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # possible nested sets
        return _raises(re.compile, text, re.error, OverflowError)


def _xml(text: str) -> str | None:
    try:
        expat.ParserCreate("utf-8").Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as e:
        return expat.ErrorString(e.code)
    return None


TOOLS: dict[str, Callable[[str], str | None]] = {
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

MEANING = {
    "pddl": "^meaning",
    "regex": "bad character range|min repeat greater|look-behind requires|redefinition of group|the repetition number",
    "smiles": "^Valence|^Kekul|ring opening|bond opening and closing|second bond|bond orders",
    "toml": "[Oo]verwrite|twice|mutate|redefine",
    "xml": "mismatched tag|duplicate attribute",
}
