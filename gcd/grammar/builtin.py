"""The grammars that come with gcd: their files, and what their headers say.

In a source tree they lie in ``grammars/`` beside the package; a build puts them into the package (setup.py).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcd.errors import GrammarError

if TYPE_CHECKING:
    from gcd.grammar.ir import Grammar

__all__ = ["Header", "builtin", "header", "names", "path"]

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Header:
    """What the comment at the top of a grammar's file says.

    Attributes:
        name: the grammar's name.
        title: one sentence: what it is a grammar of.
        options: of `Grammar.from_lark`, as stated: ``{"parser": "lalr", ...}``.
        source: what it was written from.
        dialect: which texts it takes.
        gaps: where it is known to differ from the language.
    """

    name: str
    title: str
    options: dict[str, str]
    source: str
    dialect: str
    gaps: str


@cache
def _folder() -> Path:
    return next(
        (folder for folder in (_PACKAGE / "grammars", _PACKAGE.parent / "grammars") if folder.is_dir()), _PACKAGE
    )


def names() -> list[str]:
    """The names of all grammars that come with gcd, in alphabetical order."""
    return sorted(path.stem for path in _folder().glob("*.lark"))


def path(name: str) -> Path:
    """The file of a grammar that comes with gcd.

    Raises:
        GrammarError: there is none of that name.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"{near[0]!r}" if near else f"one of {', '.join(known)}" if known else "a complete installation of gcd"
        raise GrammarError(f"no grammar {name!r} comes with gcd", remedy=remedy)
    return _folder() / f"{name}.lark"


def header(name: str) -> Header:
    """What the header of a grammar that comes with gcd says.

    Raises:
        GrammarError: there is none of that name.
    """
    lines = []
    for line in path(name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").strip())
    text = "\n".join(lines)
    parts = re.split(r"^(gcd|Source|Dialect|Known gaps)\b[^:\n]*: *", text, flags=re.MULTILINE)
    said = {key: " ".join(part.split()) for key, part in zip(parts[1::2], parts[2::2], strict=True)}
    options = dict(option.split("=", 1) for option in said["gcd"].split())
    title = " ".join(parts[0].split())
    return Header(name, title, options, said["Source"], said["Dialect"], said["Known gaps"])


def builtin(name: str, start: str | Sequence[str] | None = None, **options: Any) -> Grammar:
    """A grammar that comes with gcd, read with the options in its header.

    Args:
        name: such as ``"sql"``; `names` lists them, ``gcd grammars`` on the command line.
        start: start symbols other than the header's.
        options: others of `Grammar.from_lark`.

    Raises:
        GrammarError: there is none of that name, or no such start symbol.
    """
    from gcd.grammar.load import from_lark

    return from_lark(path(name), start, **options)
