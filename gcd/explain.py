"""Explanations: why a token is refused, in terms of the grammar."""

from __future__ import annotations

from dataclasses import dataclass

from gcd._native.matcher import Matcher

__all__ = ["Explanation", "explain_token"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a matcher says of a token.

    Attributes:
        allowed: whether it may come next.
        token_id: the token.
        token: its bytes; empty for a special token.
        failing_byte: index into `token` of the first byte that no sentence can go on with; None if allowed, or if the
            token is no text.
        inside: names of the terminals whose lexeme the text is in the middle of, at the failing byte.
        expected: names of the terminals that may begin there.
        lines: where they are defined: "NAME (line 3)".
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
        shown = self.token.decode("utf-8", "backslashreplace")
        if self.allowed:
            return f"token {self.token_id} ({shown!r}) is allowed"
        text = f"token {self.token_id} ({shown!r}) is refused: {self.reason}"
        if self.failing_byte is not None:
            before = self.token[: self.failing_byte].decode("utf-8", "backslashreplace")
            text += f"\n  {shown!r}\n  {' ' * len(repr(before)[:-1])}^"
        if self.inside:
            text += f"\n  the text is inside of: {', '.join(self.inside)}"
        if self.expected:
            text += f"\n  expected: {', '.join(self.lines or self.expected)}"
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
            reason = "its bytes are fine one by one, but not as the end of a token"
        else:
            reason = f"byte {failing} (0x{token[failing]:02x}) can't come here"
    elif token_id in matcher.engine.eos_ids:
        reason = "the text isn't complete yet"
    else:
        reason = "it is no text (a special token, or a hole in the vocabulary)"
    inside, expected = at.expected()
    names = [t.name for t in matcher.info.terminals] if matcher.info else []

    def name(t: int) -> str:
        return names[t] if t < len(names) else f"terminal {t}"

    def line(t: int) -> str:
        info = matcher.info.terminals[t] if matcher.info and t < len(names) else None
        return f"{name(t)} (line {info.line})" if info is not None and info.line else name(t)

    return Explanation(
        False,
        token_id,
        token,
        failing,
        reason,
        tuple(map(name, inside)),
        tuple(map(name, expected)),
        tuple(map(line, expected)),
    )
