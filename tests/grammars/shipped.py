"""The shipped grammars as Lark itself reads them, with the options that each states in its header."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import PythonIndenter

FOLDER = Path(__file__).parents[2] / "grammars"
NAMES = ("json", "arithmetic", "sql", "python")
FORMATS = (
    *(
        "csv",
        "email",
        "graphql",
        "ip",
        "iso-8601",
        "lark",
        "markdown-table",
        "pddl",
        "regex",
        "semver",
        "smiles",
        "toml",
    ),
    *("uri", "uuid", "xml"),
)
"""Smaller ones, tested in test_formats.py."""

POSTLEXERS = {"python": PythonIndenter}


def path(name: str) -> Path:
    return FOLDER / f"{name}.lark"


def options(name: str) -> dict[str, str]:
    """What the header's line ``// gcd: key=value ...`` states."""
    line = re.search(r"^// gcd: (.*)$", path(name).read_text(encoding="utf-8"), re.MULTILINE)
    assert line, f"{path(name)} states no options"
    return dict(option.split("=") for option in line[1].split())


def load(name: str, **changes: Any) -> Lark:
    """The grammar in Lark, with its options or others."""
    chosen: dict[str, Any] = options(name)
    if "postlex" in chosen:
        chosen["postlex"] = POSTLEXERS[chosen["postlex"]]()
    return Lark.open(str(path(name)), **{**chosen, **changes})


_loaded = cache(load)


def parses(parser: Lark, text: str) -> bool:
    """Whether Lark takes the text."""
    try:
        parser.parse(text)
    # The indenter asserts that brackets close only what was opened, and looks for the line end in each newline token.
    except (LarkError, AssertionError, IndexError):
        return False
    return True


def lark_accepts(name: str, text: str) -> bool:
    """Whether Lark takes the text with the shipped grammar."""
    return parses(_loaded(name), text)
