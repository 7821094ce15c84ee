"""Texts that a pattern matches, for messages: ``[0-9]+`` is shown beside ``0``.

A walk over the syntax tree that always takes the first way: of an alternation the first branch, of a set the most
readable character. Assertions are passed over, so a text is a guess; whoever shows it asks a matcher first.
"""

from gcd.errors import GcdError
from gcd.regex.ast import Alternation, Atomic, Chars, Concat, Literal, Node, Repeat
from gcd.regex.charset import CharSet, contains
from gcd.regex.parser import parse

__all__ = ["examples"]

_READABLE = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_ -+*/=<>()[]{}.,:;!?'\"#$%&@\\^`|~\n\t"
_MOST = 64
"""Characters of an example at most."""
_LONGEST = 10_000
"""Characters of a pattern that is looked at."""


def examples(pattern: str) -> tuple[str, ...]:
    """Short texts that are likely to match, the best one first; none where the pattern can't be read.

    >>> examples('"[^"]*"'), examples("[0-9]+(\\\\.[0-9]+)?")
    (('"a"', '""'), ('0.0', '0'))
    """
    if len(pattern) > _LONGEST:
        return ()
    try:
        tree = parse(pattern)
    except GcdError:
        return ()
    made = (_walk(tree, once) for once in (True, False))
    return tuple(dict.fromkeys(text for text in made if text and len(text) <= _MOST))


def _walk(node: Node, once: bool) -> str:
    """A text for a node; `once`: what may be left out is there."""
    match node:
        case Literal():
            return node.text
        case Chars():
            return _character(node.chars)
        case Concat():
            return "".join(_walk(item, once) for item in node.items)[: _MOST + 1]
        case Alternation():
            return _walk(node.items[0], once)
        case Repeat():
            n = max(node.low, 1) if once and node.high != 0 else node.low
            return (_walk(node.body, once) * min(n, _MOST + 1))[: _MOST + 1]
        case Atomic():
            return _walk(node.body, once)
    return ""


def _character(chars: CharSet) -> str:
    """The most readable character of a set; empty for a set without characters that can be shown."""
    low = chars[0][0] if chars else 0xD800
    other = "" if 0xD800 <= low < 0xE000 else chr(low)
    return next((c for c in _READABLE if contains(chars, ord(c))), other)
