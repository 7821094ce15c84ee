"""``gcd check``."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcd.compiled_grammar import CompiledGrammar, load
from gcd.errors import caret_snippet

if TYPE_CHECKING:
    from gcd._native.matcher import Matcher

__all__ = ["judge", "matcher_of", "run"]

_SHOWN = 12
"""Terminals to name in a line."""


@dataclass(frozen=True)
class Verdict:
    """What the grammar says about a text."""

    name: str
    verdict: str
    """accepted, incomplete (a sentence begins so) or refused."""
    viable_bytes: int
    """How much of the text, from its beginning, begins a sentence."""
    line: int | None = None
    column: int | None = None
    """In characters, counted from 1, of the first that can't stand where it stands; None unless refused."""
    inside: tuple[str, ...] = ()
    """The terminals whose lexeme the text is in the middle of at that place."""
    expected: tuple[str, ...] = ()
    """The terminals that may begin there, and whether the text may end."""


def run(
    *,
    file: str,
    texts: tuple[str, ...],
    paths: tuple[str, ...],
    start: str | None,
    prefix: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Check each text; return the exit status."""
    if not texts and not paths:
        raise click.UsageError("nothing to check: give a TEXT, or a file with -f")
    compiled = load(file)
    given = [(f"text {i}", text.encode("utf-8", "surrogateescape")) for i, text in enumerate(texts, 1)]
    given += [(path, _read(path)) for path in paths]
    matcher = matcher_of(compiled, start)
    verdicts = []
    for name, data in given:
        verdict = judge(matcher, name, data)
        verdicts.append(verdict)
        if not quiet and not as_json:
            _show(verdict, data)
    passed = all(v.verdict == "accepted" or (prefix and v.verdict == "incomplete") for v in verdicts)
    if as_json and not quiet:
        click.echo(json.dumps({"passed": passed, "texts": [asdict(v) for v in verdicts]}))
    return 0 if passed else 1


def judge(matcher: Matcher, name: str, data: bytes) -> Verdict:
    """The verdict on a text, and, if it is refused, where it went wrong."""
    matcher.reset()
    if matcher.accept_bytes(data):
        return Verdict(name, "accepted" if matcher.is_complete else "incomplete", len(data))
    matcher.reset()
    viable = matcher.viable_bytes(data)
    inside, expected = ([], []) if viable and not matcher.accept_bytes(data[:viable]) else matcher.expected()
    before = data[:viable].decode("utf-8", "replace")
    return Verdict(
        name,
        "refused",
        viable,
        line=before.count("\n") + 1,
        column=len(before) - (before.rfind("\n") + 1) + 1,
        inside=_names(matcher, inside),
        expected=_names(matcher, expected) + (("the end of the text",) if matcher.is_complete else ()),
    )


def _names(matcher: Matcher, terminals: list[int]) -> tuple[str, ...]:
    """Terminals for a message: the text of a literal, else the name; without what is ignored."""
    infos = [matcher.info.terminals[t] for t in terminals] if matcher.info else []
    named = [t for t in infos if not t.name.startswith("__IGNORE")]
    return tuple(json.dumps(t.example) if t.example and t.pattern == re.escape(t.example) else t.name for t in named)


def _show(verdict: Verdict, data: bytes) -> None:
    colours = {"accepted": "green", "incomplete": "yellow", "refused": "red"}
    said = click.style(f"{verdict.verdict:<10}", fg=colours[verdict.verdict])
    text = data.decode("utf-8", "replace")
    if verdict.verdict == "refused":
        assert verdict.line is not None
        ends = verdict.viable_bytes >= len(data)
        where = "at its end" if ends else f"at line {verdict.line}, column {verdict.column}"
        click.echo(f"{said}  {verdict.name}: {where}")
        snippet = caret_snippet(text, verdict.line, verdict.column)
        click.echo(snippet or "")
        for label, names in (("inside of", verdict.inside), ("expected", verdict.expected)):
            if names:
                click.echo(f"  {label}: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}")
        return
    shown = text if len(text) <= 60 else text[:59] + "…"
    click.echo(f"{said}  {verdict.name}: {shown!r}" + ("" if verdict.verdict == "accepted" else " may go on"))


def matcher_of(compiled: CompiledGrammar, start: str | None) -> Matcher:
    """A matcher, or a message about ``--start``."""
    try:
        return compiled.matcher(start)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--start") from error


def _read(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
