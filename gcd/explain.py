"""Explanations: why a token is refused, in terms of the grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gcd._native.matcher import Matcher

if TYPE_CHECKING:
    from gcd.grammar_info import TerminalInfo

__all__ = ["Explanation", "explain_token"]

_MOST = 12
"""Terminals that a message lists; `Explanation.expected` has them all."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a matcher says of a token. ``str()`` makes a message of it.

    Attributes:
        allowed: whether it may come next.
        token_id: the token.
        token: its bytes; empty if it is no text.
        failing_byte: index into `token` of the first byte that no sentence can go on with; None if the token is
            allowed, is no text, or comes after the end. Where the vocabulary lacks single bytes it is the place up to
            which tokens can spell the text.
        reason: why it is refused; empty if it is allowed.
        inside: names of the terminals whose lexeme goes on at the failing byte.
        expected: names of the terminals that may begin there.
        lines: the same for messages: ``NAME (line 3)``, ``"{" (line 4)``, ``WS (common, line 48)``; also ``the end of
            the text`` where it may end there.
    """

    allowed: bool
    token_id: int
    token: bytes
    failing_byte: int | None
    reason: str
    inside: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown, caret = _show(self.token, self.failing_byte or 0)
        head = f"token {self.token_id}" + (f" ({shown})" if self.token else "")
        if self.allowed:
            return f"{head} is allowed"
        text = f"{head} is refused: {self.reason}"
        if self.failing_byte is not None and self.failing_byte < len(self.token):
            text += f"\n  {shown}\n  {' ' * caret}^"
        if self.inside:
            text += f"\n  the text is inside of: {_few(self.inside)}"
        if self.lines:
            text += f"\n  expected: {_few(self.lines)}"
        return text


def explain_token(matcher: Matcher, token_id: int) -> Explanation:
    """See `Matcher.explain`."""
    token = matcher.token_bytes(token_id)
    if matcher.check(token_id):
        return Explanation(True, token_id, token, None, "")
    if matcher.is_finished:
        return Explanation(False, token_id, token, None, "the sequence has ended")
    at = matcher
    failing = None
    if token:
        failing = matcher.viable_bytes(token)
        fork = matcher.fork()
        if failing == 0 or fork.accept_bytes(token[:failing]):
            at = fork
        if failing == len(token):
            reason = "other tokens can spell it here, but not this one"
        else:
            byte = token[failing]
            shown = f"0x{byte:02x}" + (f", {chr(byte)!r}" if 0x20 <= byte < 0x7F else "")
            reason = f"byte {failing} ({shown}) can't come here"
    elif token_id in matcher.engine.eos_ids:
        reason = "it ends the sequence, and the text isn't complete yet"
    else:
        reason = "it is no text (a special token, or a hole in the vocabulary)"
    inside, expected = at.expected()
    terminals = matcher.info.terminals if matcher.info else ()

    def name(t: int) -> str:
        return terminals[t].name if t < len(terminals) else f"terminal {t}"

    lines = [_line(terminals[t]) if t < len(terminals) else name(t) for t in expected]
    if at.is_complete:
        lines.append("the end of the text")
    return Explanation(
        False, token_id, token, failing, reason, tuple(map(name, inside)), tuple(map(name, expected)), tuple(lines)
    )


def _line(t: TerminalInfo) -> str:
    """A terminal for a message: the text of a literal, else its name, and where it is defined."""
    text = _show(t.example.encode(), 0)[0] if t.example and t.pattern == re.escape(t.example) else t.name
    where = ", ".join(filter(None, [t.source, f"line {t.line}" if t.line else ""]))
    return f"{text} ({where})" if where else text


def _few(names: tuple[str, ...]) -> str:
    """The names in one line, if need be the first of them."""
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f", and {more} more" if more > 0 else "")


def _show(token: bytes, at: int) -> tuple[str, int]:
    """The token in quotes, printable, and the column of its byte `at` (of the character that the byte belongs to)."""
    text, column, n = '"', 1, 0
    for c in token.decode("utf-8", "surrogateescape"):
        if n <= at:
            column = len(text)
        n += len(c.encode("utf-8", "surrogateescape"))
        if "\udc80" <= c <= "\udcff":
            text += f"\\x{ord(c) - 0xDC00:02x}"
        elif c in '"\\':
            text += f"\\{c}"
        else:
            text += c if c.isprintable() else repr(c)[1:-1]
    return text + '"', column
