r"""Atomic groups and possessive quantifiers, rewritten without.

``(?>X)`` takes the first way in which X matches and never comes back for another. That is X itself where X has only one
way (*one end*: all its matches from a position have one length), and otherwise can often be said with a lookahead::

    [a-z]++                [a-z]+(?![a-z])            the longest run is the one that can't be continued
    (?>foo|foobar)baz      (?:foo|(?!foo)foobar)baz   a later alternative only where no earlier one matches
    (?>[a-z]+\d+)          [a-z]+\d+(?!\d)            [a-z]+ has one end before a digit
    (?>\d+\.?)             (?>\d+)(?>\.?)             nothing comes back to \d+, since the rest can't fail
    (?>a?ab?)              (?>aab?|ab?)               a choice is drawn out over the rest
    \d{2,4}+               \d{4}|\d{2,3}(?!\d)
    (?>a+?)                a

What none of these rules covers, such as ``(?>(?:a|ab)*b)``, is refused: the engine would have to forget threads.
"""

from __future__ import annotations

from math import prod

from gcd.regex.analysis import (
    ALWAYS,
    RefusedError,
    all_of,
    any_of,
    cannot_fail,
    edge_chars,
    one_end,
    repeat,
    stops_before,
)
from gcd.regex.ast import Alternation, Atomic, Concat, Look, Mode, Node, Repeat
from gcd.regex.charset import disjoint

__all__ = ["atomic", "possessive"]

_MAX_CHOICES = 64
"""Alternatives that one part may be drawn out to; each is guarded by all before it."""


def atomic(group: Atomic) -> Node:
    """What an atomic group means. The result may hold smaller atomic groups."""
    return _first_way(group.body, group)


def possessive(node: Repeat) -> Node:
    """What a possessive repetition means: rounds that are atomic, as many as there can be."""
    if node.body.min_width == 0:
        raise RefusedError("possessive quantifier", "a possessive quantifier on what can be empty is refused", node)
    return _longest(_atomic(node.body), node.low, node.high, node)


def _first_way(node: Node, group: Atomic) -> Node:
    """`group`'s body, or a part of it at the end of which the group ends."""
    if one_end(node):
        return node
    if isinstance(node, Alternation):
        items: list[Node] = []
        for i, item in enumerate(node.items):
            guards = [_not_here(other) for other in node.items[:i] if not _excluded(other, item)]
            items.append(all_of((*guards, _atomic(item))))
        return any_of(items)
    if isinstance(node, Concat):
        for i, item in enumerate(node.items):
            rest = all_of(node.items[i + 1 :])
            if one_end(item) or stops_before(item, rest):
                continue
            if cannot_fail(rest):
                return all_of((*node.items[:i], _atomic(item), _atomic(rest)))
            choices = _choices(item)
            if len(choices) > 1 and len(choices) * _count_choices(rest) <= _MAX_CHOICES:
                drawn_out = any_of(all_of((choice, rest)) for choice in choices)
                return all_of((*node.items[:i], _atomic(drawn_out)))
            break
        else:
            return node
    elif isinstance(node, Repeat):
        if node.mode is Mode.LAZY and (node.low == 0 or one_end(node.body)):
            return repeat(node.body, node.low, node.low, Mode.GREEDY, node.start, node.end)
        # With two rounds or more to go, a later one may need another way through an earlier one.
        if node.mode is Mode.GREEDY and node.body.min_width > 0 and (node.low < 2 or one_end(node.body)):
            return _longest(_atomic(node.body), node.low, node.high, node)
    raise RefusedError(
        "atomic group",
        "this atomic group is not supported: what it would skip depends on more than a lookahead can tell",
        group,
    )


def _choices(node: Node) -> tuple[Node, ...]:
    """The node as alternatives, best first."""
    if isinstance(node, Alternation):
        return node.items
    if isinstance(node, Repeat) and (node.low, node.high) == (0, 1):
        return (ALWAYS, node.body) if node.mode is Mode.LAZY else (node.body, ALWAYS)
    return (node,)


def _count_choices(node: Node) -> int:
    """How many alternatives a node is drawn out to at most."""
    items = node.items if isinstance(node, Concat) else (node,)
    return prod(len(_choices(item)) for item in items if not one_end(item))


def _longest(body: Node, low: int, high: int | None, node: Repeat) -> Node:
    """As many rounds of a body with one end as there are, up to `high`."""
    if high == low:
        return repeat(body, low, high, Mode.GREEDY, node.start, node.end)
    if high is None:
        return all_of((repeat(body, low, None, Mode.GREEDY, node.start, node.end), _not_here(body)))
    most = repeat(body, high, high, Mode.GREEDY, node.start, node.end)
    fewer = repeat(body, low, high - 1, Mode.GREEDY, node.start, node.end)
    return any_of((most, all_of((fewer, _not_here(body)))))


def _atomic(node: Node) -> Node:
    return node if one_end(node) else Atomic(node, node.start, node.end, node.min_width, node.max_width)


def _not_here(node: Node) -> Look:
    return Look(node, False, True, node.start, node.end)


def _excluded(a: Node, b: Node) -> bool:
    """Whether the two can't both match at one position, by their first characters."""
    first, second = edge_chars(a, last=False), edge_chars(b, last=False)
    return first is not None and second is not None and disjoint(first, second)
