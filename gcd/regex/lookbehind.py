r"""Lookbehinds whose bodies hold lookarounds, rewritten so that no body does.

The engine runs a lookbehind's body along the text from everywhere, so a body has to be plain: ``(?<!\bun)able`` isn't.
But a body that ends *here* and has a known width knows where its conditions stand, counted from here, and conditions
at one place can be checked one beside the other. With ``.`` for any character at all::

    (?<=^ab)      (?<=ab)(?<!.ab)        ^ stands two characters back: nothing before it
    (?<=a\b)      (?<=a)\b               at distance 0 a condition stays as it is
    (?<=\bab)     (?<=ab)(?:(?<=\w..)(?<!\w.)|(?<!\w..)(?<=\w.))
    (?<!a(?<!b))  (?<!a)|(?<=b)          negations by de Morgan

A body is a set of *paths* (alternatives taken apart as far as conditions need it); each path is its plain text and
conditions at distances. A lookahead at distance d splits: its first d characters lie behind us, the rest ahead. That
needs its own paths, so an endless one (``(?<=(?=.*x)a)``) is refused, as are more than `_MAX_PATHS` paths.
"""

from __future__ import annotations

from itertools import product

from gcd.regex import charset
from gcd.regex.analysis import (
    ALWAYS,
    NEVER,
    RefusedError,
    all_of,
    any_of,
    has_lookaround,
    literal_chars,
    lowered,
    repeat,
)
from gcd.regex.ast import Alternation, Assertion, Atomic, Chars, Concat, EndOfText, Literal, Look, Mode, Node, Repeat
from gcd.regex.atomic import atomic, possessive

__all__ = ["flatten_lookbehind", "has_lookaround"]

_MAX_PATHS = 256

_Path = tuple[Node, ...]
"""Nodes of fixed width without lookarounds, `Look`s, and `EndOfText`."""


def flatten_lookbehind(look: Look, never_on_empty_text: bool) -> Node:
    """A condition equal to the lookbehind, in which lookbehinds have plain bodies.

    Args:
        look: the lookbehind.
        never_on_empty_text: see `gcd.regex.analysis.lowered`.
    """
    return _Flattener(look, never_on_empty_text).result()


class _Flattener:
    def __init__(self, look: Look, never_on_empty_text: bool) -> None:
        self.look = look
        self.never_on_empty_text = never_on_empty_text

    def result(self) -> Node:
        condition = any_of(
            self.along(path, _width(path), behind=True) for path in self.paths(self.look.body, fine=False)
        )
        return negated(condition) if self.look.negative else condition

    def refuse(self, cause: str) -> RefusedError:
        return RefusedError("lookaround inside lookbehind", cause, self.look)

    def paths(self, node: Node, fine: bool) -> list[_Path]:
        """All ways through the node. Plain parts stay whole unless they are wanted character by character (`fine`)."""
        if isinstance(node, Assertion):
            return self.paths(lowered(node, self.never_on_empty_text), fine)
        if isinstance(node, Look | EndOfText | Chars):
            return [(node,)]
        if isinstance(node, Atomic):
            return self.paths(atomic(node), fine)
        if isinstance(node, Repeat) and node.mode is Mode.POSSESSIVE:
            return self.paths(possessive(node), fine)
        if not fine and node.min_width == node.max_width and not has_lookaround(node):
            return [(node,)]
        if isinstance(node, Literal):
            return [tuple(Chars(chars, node.start, node.end) for chars in literal_chars(node))]
        if isinstance(node, Concat):
            return self.joined([self.paths(item, fine) for item in node.items])
        if isinstance(node, Alternation):
            return self.counted([path for item in node.items for path in self.paths(item, fine)])
        body = self.paths(node.body, fine)
        if node.body.max_width == 0:
            return body if node.low else [()]  # a condition that may be left out says nothing
        if node.high is None or node.high > _MAX_PATHS:
            raise self.refuse("a lookbehind that holds a lookaround must have a bounded width")
        return self.counted([path for n in range(node.low, node.high + 1) for path in self.joined([body] * n)])

    def joined(self, parts: list[list[_Path]]) -> list[_Path]:
        total = 1
        for part in parts:
            total *= len(part)
        if total > _MAX_PATHS:
            raise self.refuse("a lookbehind that holds a lookaround has too many alternatives")
        return [tuple(item for path in paths for item in path) for paths in product(*parts)]

    def counted(self, paths: list[_Path]) -> list[_Path]:
        if len(paths) > _MAX_PATHS:
            raise self.refuse("a lookbehind that holds a lookaround has too many alternatives")
        return paths

    def along(self, path: _Path, back: int, behind: bool) -> Node:
        """The condition that the path matches from `back` characters before here on.

        If `behind`, it ends here; otherwise (a lookahead's path) it may go on ahead of us.
        """
        past: list[Node] = []
        ahead: list[Node] = []
        conditions: list[Node] = []
        offset = 0
        for node in path:
            if ahead or (offset == back and not behind):
                ahead.append(node)
            elif isinstance(node, EndOfText):
                if offset < back:
                    return NEVER
                conditions.append(Look(node, False, False, node.start, node.end))
            elif isinstance(node, Look):
                conditions.append(self.at(node, back - offset))
            else:
                past.append(node)
                offset += node.min_width
        if past:
            plain = all_of((*past, _anything(back - offset)))
            conditions.insert(0, Look(plain, True, False, self.look.start, self.look.end))
        if ahead:
            conditions.append(Look(all_of(ahead), False, False, self.look.start, self.look.end))
        return all_of(conditions)

    def at(self, look: Look, back: int) -> Node:
        """The condition that a lookaround holds `back` characters before here."""
        if look.behind:
            return Look(all_of((look.body, _anything(back))), True, look.negative, look.start, look.end)
        if back == 0:
            return look
        condition = any_of(self.along(path, back, behind=False) for path in self.paths(look.body, fine=True))
        return negated(condition) if look.negative else condition


def negated(condition: Node) -> Node:
    """The opposite of a condition that is made of `Look`s by `Concat` and `Alternation`."""
    if isinstance(condition, Look):
        return Look(condition.body, condition.behind, not condition.negative, condition.start, condition.end)
    assert isinstance(condition, Concat | Alternation)
    items = [negated(item) for item in condition.items]
    return any_of(items) if isinstance(condition, Concat) else all_of(items)


def _width(path: _Path) -> int:
    return sum(node.min_width for node in path)


def _anything(count: int) -> Node:
    return repeat(Chars(charset.ANY, 0, 0), count, count, Mode.GREEDY, 0, 0) if count else ALWAYS
