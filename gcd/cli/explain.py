"""``gcd explain``."""

from __future__ import annotations

import json
import re
import sys
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcd.cli.check import judge, matcher_of
from gcd.cli.show import columns
from gcd.compiled_grammar import load
from gcd.errors import caret_snippet
from gcd.regex.example import examples

if TYPE_CHECKING:
    from gcd._native.matcher import Matcher
    from gcd.compiled_grammar import CompiledGrammar
    from gcd.explain import Explanation
    from gcd.grammar_info import TerminalInfo

__all__ = ["run"]

_SHOWN = 12
"""Terminals to list for people; programs get all."""
_NAMED = 8
"""Allowed tokens to name."""


@dataclass(frozen=True)
class Expected:
    """A terminal that may come at the place in question."""

    name: str
    example: str | None
    """A text that can stand there; None where none was found."""
    source: str
    """The file that defines it; empty: the grammar itself."""
    line: int
    definition: str
    """That line of the grammar; empty where it isn't known."""


def run(
    *,
    file: str,
    text: str | None,
    path: str | None,
    start: str | None,
    tokens: tuple[str, ...],
    as_json: bool,
) -> int:
    """Explain a text, and tokens after it; return the exit status."""
    if (text is None) == (path is None):
        raise click.UsageError("give a TEXT, or a file with -f (and not both)")
    compiled = load(file)
    name, data = ("the text", (text or "").encode("utf-8", "surrogateescape")) if path is None else (path, _read(path))
    matcher = matcher_of(compiled, start)
    verdict = judge(matcher, name, data)
    at = verdict.viable_bytes
    matcher.reset()
    if at:
        matcher.accept_bytes(data[:at])
    ids, texts = matcher.expected()
    inside = [_expected(compiled, matcher, t, False) for t in ids if not _is_ignored(compiled, t)]
    expected = [_expected(compiled, matcher, t, True) for t in texts if not _is_ignored(compiled, t)]
    n_allowed, allowed = _allowed(compiled, matcher)
    explained = [matcher.explain(token) for token in _token_ids(compiled, tokens)]
    if as_json:
        facts = {
            **asdict(verdict),
            "byte": data[at] if at < len(data) and verdict.verdict == "refused" else None,
            "may_end": matcher.is_complete,
            "inside": [asdict(e) for e in inside],
            "expected": [asdict(e) for e in expected],
            "allowed_tokens": n_allowed,
            "tokens": [_token_facts(e) for e in explained],
        }
        click.echo(json.dumps(facts))
        return 1 if verdict.verdict == "refused" else 0
    _show_verdict(verdict.verdict, data, at, verdict.line, verdict.column)
    for title, group in (("inside of", inside), ("expected", expected)):
        _show_terminals(title, group)
    if matcher.is_complete:
        click.echo(("or" if expected else "expected").ljust(11) + "the end of the text")
    some = ", ".join(compiled.vocab.token_name(t) for t in allowed)
    click.echo(
        f"{'tokens':<11}{n_allowed:,} of {compiled.width:,} are allowed here: {some}{', …' * (n_allowed > _NAMED)}"
    )
    for e in explained:
        click.echo("")
        _show_token(e)
    return 1 if verdict.verdict == "refused" else 0


def _show_verdict(verdict: str, data: bytes, at: int, line: int | None, column: int | None) -> None:
    """The first lines: what the text is, and where it goes wrong."""
    colours = {"accepted": "green", "incomplete": "yellow", "refused": "red"}
    said = click.style(verdict, fg=colours[verdict])
    if verdict != "refused":
        more = "the text is a sentence" if verdict == "accepted" else "the text begins a sentence"
        click.echo(f"{said}: {more}")
        return
    assert line is not None
    if at >= len(data):
        click.echo(f"{said} at its end: no sentence that this vocabulary can spell goes on from here")
    else:
        rest = data[at : at + 4].decode("utf-8", "replace")[:1]
        byte = f"{rest!r}" if rest.isprintable() and rest != "\ufffd" else f"byte 0x{data[at]:02x}"
        click.echo(f"{said} at line {line}, column {column} (byte {at:,}): {byte} can't come here")
    text, _, carets = (caret_snippet(data.decode("utf-8", "replace"), line, column) or "").partition("\n")
    click.echo(text + "\n" + click.style(carets, fg="red"))


def _show_terminals(title: str, group: list[Expected]) -> None:
    """A table of terminals: name, example, where it is defined, how."""
    if not group:
        return
    rows = []
    for e in group[:_SHOWN]:
        where = ", ".join(filter(None, [e.source, f"line {e.line}" if e.line else ""]))
        example = f"such as {_quoted(e.example)}" if e.example and _quoted(e.example) != e.name else ""
        rows.append((e.name, example, where, e.definition))
    lines = columns(rows)
    if len(group) > _SHOWN:
        lines.append(f"and {len(group) - _SHOWN} more")
    for i, line in enumerate(lines):
        click.echo(("" if i else title).ljust(11) + line)


def _show_token(e: Explanation) -> None:
    """A token's explanation; its caret in red."""
    for line in str(e).split("\n"):
        click.echo(click.style(line, fg="red") if line.strip() == "^" else line)


def _token_facts(e: Explanation) -> dict[str, object]:
    return {
        "id": e.token_id,
        "text": e.token.decode("utf-8", "replace"),
        "bytes": e.token.hex(),
        "allowed": e.allowed,
        "failing_byte": e.failing_byte,
        "reason": e.reason,
        "expected": list(e.expected),
    }


def _expected(compiled: CompiledGrammar, matcher: Matcher, terminal: int, begins: bool) -> Expected:
    """What to say of a terminal; `begins`: it would begin here, so an example can be tried."""
    info = compiled.info.terminals[terminal]
    literal = info.example if info.example and info.pattern == re.escape(info.example) else None
    tried = (literal,) if literal is not None else examples(info.pattern) if begins else ()
    fits = (t for t in tried if matcher.viable_bytes(t.encode()) == len(t.encode()))
    return Expected(
        name=_quoted(literal) if literal is not None else info.name,
        example=next(fits, None) if begins else literal,
        source=info.source,
        line=info.line,
        definition=_definition(compiled, info),
    )


def _definition(compiled: CompiledGrammar, info: TerminalInfo) -> str:
    """The line of the grammar that defines a terminal.

    The artefact has the grammar's own text, but not those that it imports: the line counts if it names the terminal.
    """
    lines = compiled.info.source.split("\n")
    line = lines[info.line - 1].strip() if 0 < info.line <= len(lines) else ""
    named = re.search(rf"\b{re.escape(info.name.rpartition('__')[2])}\b", line) is not None
    if not named and info.example not in line:
        return ""
    return "".join(c if c.isprintable() else " " for c in (line if len(line) <= 60 else line[:59] + "…"))


def _is_ignored(compiled: CompiledGrammar, terminal: int) -> bool:
    return compiled.info.terminals[terminal].name.startswith("__IGNORE")


def _allowed(compiled: CompiledGrammar, matcher: Matcher) -> tuple[int, list[int]]:
    """How many tokens are allowed, and some of them, short ones first."""
    words = array("i", bytes(4 * -(-compiled.width // 32)))
    matcher.fill_bitmask(memoryview(words))
    ids = [32 * i + bit for i, word in enumerate(words) if word for bit in range(32) if word >> bit & 1]
    some = sorted(ids[:2000], key=lambda t: (len(matcher.token_bytes(t)) or 99, t))
    return len(ids), some[:_NAMED]


def _token_ids(compiled: CompiledGrammar, tokens: tuple[str, ...]) -> list[int]:
    """Token ids, from ids or texts."""
    ids = []
    for token in tokens:
        if token.isdecimal() and len(token) < 10:
            if int(token) >= compiled.width:
                raise click.BadParameter(f"{token} is not in range({compiled.width})", param_hint="--token")
            ids.append(int(token))
            continue
        text = token.encode("utf-8", "surrogateescape")
        found = [i for i, t in enumerate(compiled.vocab.tokens) if t == text]
        found += [i for i, name in compiled.vocab.special_names.items() if name == token]
        if not found:
            raise click.BadParameter(f"no token is {token!r}", param_hint="--token")
        ids += found
    return ids


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _read(path: str) -> bytes:
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
