"""Questions about syntax trees, and assertions spelt as lookarounds."""

from __future__ import annotations

from collections.abc import Iterable

from gcd.regex import charset
from gcd.regex.ast import (
    UNBOUNDED,
    Alternation,
    Assertion,
    Atomic,
    Chars,
    Concat,
    EndOfText,
    Fold,
    Literal,
    Look,
    Mode,
    Node,
    Place,
    Repeat,
)
from gcd.regex.charset import CharSet

__all__ = [
    "ALWAYS",
    "NEVER",
    "RefusedError",
    "all_of",
    "any_of",
    "cannot_fail",
    "edge_chars",
    "has_atomic",
    "has_lookaround",
    "literal_chars",
    "lowered",
    "one_end",
    "repeat",
]


class RefusedError(Exception):
    """A construct that can't be compiled exactly; the compiler makes an `UnsupportedError` of it."""

    def __init__(self, construct: str, cause: str, node: Node) -> None:
        super().__init__(cause)
        self.construct = construct
        self.cause = cause
        self.node = node


# -- making nodes -----------------------------------------------------------------------------


def all_of(items: Iterable[Node]) -> Node:
    """One after the other, with widths."""
    flat: list[Node] = []
    for item in items:
        flat += item.items if type(item) is Concat else (item,)
    if len(flat) == 1:
        return flat[0]
    low = min(sum(item.min_width for item in flat), UNBOUNDED)
    high = min(sum(item.max_width for item in flat), UNBOUNDED)
    return Concat(tuple(flat), flat[0].start if flat else 0, flat[-1].end if flat else 0, low, high)


def any_of(items: Iterable[Node]) -> Node:
    """The first that matches, with widths. Of nothing: `NEVER`."""
    flat: list[Node] = []
    for item in items:
        flat += item.items if type(item) is Alternation else (item,)
    if len(flat) < 2:
        return flat[0] if flat else NEVER
    low = min(item.min_width for item in flat)
    high = max(item.max_width for item in flat)
    return Alternation(tuple(flat), flat[0].start, flat[-1].end, low, high)


def repeat(body: Node, low: int, high: int | None, mode: Mode, start: int, end: int) -> Repeat:
    """A repetition, with widths."""
    most = UNBOUNDED if high is None and body.max_width else body.max_width * (high or 0)
    return Repeat(body, low, high, mode, start, end, min(body.min_width * low, UNBOUNDED), min(most, UNBOUNDED))


ALWAYS: Node = Concat((), 0, 0, 0, 0)
"""A condition that holds everywhere."""
NEVER: Node = Look(ALWAYS, False, True, 0, 0)
"""A condition that holds nowhere."""


# -- questions --------------------------------------------------------------------------------


def literal_chars(node: Literal) -> list[CharSet]:
    """What each character of a literal matches."""
    if node.fold is Fold.NONE:
        return [charset.singleton(ord(c)) for c in node.text]
    return [charset.fold_char(c, node.fold is Fold.ASCII) for c in node.text]


def edge_chars(node: Node, last: bool) -> CharSet | None:
    """A set that holds every first (or `last`) character of what the node matches; None if it can match nothing."""
    return None if node.min_width == 0 else _edge_chars(node, last)


def _edge_chars(node: Node, last: bool) -> CharSet:
    if isinstance(node, Chars):
        return node.chars
    if isinstance(node, Literal):
        one = Literal(node.text[-1] if last else node.text[0], node.fold, node.start, node.end, 1, 1)
        return literal_chars(one)[0]
    if isinstance(node, Repeat | Atomic):
        return _edge_chars(node.body, last)
    if isinstance(node, Alternation):
        return charset.union(*{_edge_chars(item, last) for item in node.items})
    if isinstance(node, Concat):
        sets = []
        for item in reversed(node.items) if last else node.items:
            sets.append(_edge_chars(item, last))
            if item.min_width > 0:
                break
        return charset.union(*sets) if sets else charset.EMPTY
    return charset.EMPTY


def one_end(node: Node) -> bool:
    """Whether, wherever it begins, the node matches in one length at most. False if that isn't obvious."""
    if node.min_width == node.max_width or isinstance(node, Atomic):
        return True
    if isinstance(node, Repeat):
        return node.mode is Mode.POSSESSIVE or (node.low == node.high and one_end(node.body))
    if isinstance(node, Concat):
        return all(
            one_end(item) or stops_before(item, all_of(node.items[i + 1 :])) for i, item in enumerate(node.items)
        )
    if isinstance(node, Alternation):
        seen: list[CharSet] = []
        for item in node.items:
            first = edge_chars(item, last=False)
            if first is None or not one_end(item) or not all(charset.disjoint(first, other) for other in seen):
                return False
            seen.append(first)
        return True
    return False


def stops_before(node: Node, rest: Node) -> bool:
    """Whether the node has one length at most with which what follows can match: ``[a-z]+`` before a digit."""
    after = edge_chars(rest, last=False)
    if after is None:
        return False
    # If it had two, the longer one would hold a character in the place where the rest begins.
    if charset.disjoint(_all_chars(node), after):
        return True
    if not isinstance(node, Repeat) or not one_end(node.body):
        return False
    again = edge_chars(node.body, last=False)
    return again is not None and charset.disjoint(again, after)


def _all_chars(node: Node) -> CharSet:
    """All characters that can occur in what the node matches."""
    if isinstance(node, Chars):
        return node.chars
    if isinstance(node, Literal):
        return charset.union(*literal_chars(node))
    if isinstance(node, Repeat | Atomic):
        return _all_chars(node.body)
    if isinstance(node, Concat | Alternation):
        return charset.union(charset.EMPTY, *{_all_chars(item) for item in node.items})
    return charset.EMPTY


def cannot_fail(node: Node) -> bool:
    """Whether the node matches everywhere, if only the empty text. False if that isn't obvious."""
    if isinstance(node, Concat):
        return all(cannot_fail(item) for item in node.items)
    if isinstance(node, Alternation):
        return any(cannot_fail(item) for item in node.items)
    if isinstance(node, Repeat):
        return node.mode is not Mode.POSSESSIVE and (node.low == 0 or cannot_fail(node.body))
    return isinstance(node, Atomic) and cannot_fail(node.body)


def has_lookaround(node: Node) -> bool:
    """Whether compiling the node needs lookarounds."""
    if isinstance(node, Look | Assertion | EndOfText):
        return True
    # One that is wider than it is narrow becomes one with a lookahead.
    return (_is_atomic(node) and node.min_width != node.max_width) or any(map(has_lookaround, _children(node)))


def has_atomic(node: Node) -> bool:
    """Whether there is an atomic group or a possessive quantifier."""
    return _is_atomic(node) or any(map(has_atomic, _children(node)))


def _is_atomic(node: Node) -> bool:
    return isinstance(node, Atomic) or (isinstance(node, Repeat) and node.mode is Mode.POSSESSIVE)


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Concat | Alternation):
        return node.items
    return (node.body,) if isinstance(node, Repeat | Atomic | Look) else ()


# -- assertions -------------------------------------------------------------------------------

_NEWLINE = Chars(charset.NEWLINE, 0, 0)
_END = EndOfText()
_ANY = Chars(charset.ANY, 0, 0)

_LOWERED: dict[Place, Node] = {
    Place.TEXT_START: Look(_ANY, True, True, 0, 0),
    Place.LINE_START: Look(Chars(charset.complement(charset.NEWLINE), 0, 0), True, True, 0, 0),
    Place.TEXT_END: Look(_END, False, False, 0, 0),
    Place.LAST_LINE_END: Look(all_of((repeat(_NEWLINE, 0, 1, Mode.GREEDY, 0, 0), _END)), False, False, 0, 0),
    Place.LINE_END: Look(any_of((_NEWLINE, _END)), False, False, 0, 0),
}


def lowered(edge: Assertion, never_on_empty_text: bool) -> Node:
    r"""An assertion as lookarounds.

    ``\b`` is ``(?<=\w)(?!\w)|(?<!\w)(?=\w)``. Its opposite must ask for any neighbour as well where it may not match
    the empty text, unless that can't matter (`never_on_empty_text`).
    """
    if edge.place in _LOWERED:
        return _LOWERED[edge.place]
    word = Chars(edge.word, edge.start, edge.end)
    before, after = Look(word, True, False, 0, 0), Look(word, False, False, 0, 0)
    not_before, not_after = Look(word, True, True, 0, 0), Look(word, False, True, 0, 0)
    if edge.place is Place.WORD_EDGE:
        return any_of((all_of((before, not_after)), all_of((not_before, after))))
    outside: list[Node] = [not_before, not_after]
    if edge.place is Place.NO_WORD_EDGE_IN_TEXT and not never_on_empty_text:
        outside.append(any_of((Look(_ANY, True, False, 0, 0), Look(_ANY, False, False, 0, 0))))
    return any_of((all_of((before, after)), all_of(outside)))
