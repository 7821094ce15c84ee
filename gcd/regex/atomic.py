r"""Atomic groups and possessive quantifiers, rewritten without.

``(?>X)`` takes the first way in which X matches and never comes back for another. That is X itself where X has only one
way (*one end*: all its matches from a position have one length), and otherwise can often be said with a lookahead::

    [a-z]++                [a-z]+(?![a-z])            the longest run is the one that can't be continued
    (?>foo|foobar)baz      (?:foo|(?!foo)foobar)baz   a later alternative only where no earlier one matches
    (?>[a-z]+\d+)          [a-z]+\d+(?!\d)            all but the last part have one end: a digit is no letter
    \d{2,4}+               \d{4}|\d{2,3}(?!\d)
    (?>a+?)                a

What none of these rules covers, such as ``(?>(?:a|ab)*)``, is refused: it would need the engine to forget threads.
"""

from __future__ import annotations

from gcd.regex.analysis import RefusedError, all_of, any_of, edge_chars, one_end, repeat, stops_before
from gcd.regex.ast import Alternation, Atomic, Concat, Look, Mode, Node, Repeat
from gcd.regex.charset import disjoint

__all__ = ["atomic", "possessive"]


def atomic(group: Atomic) -> Node:
    """What an atomic group means. The result may hold smaller atomic groups."""
    return _first_way(group.body, group)


def possessive(node: Repeat) -> Node:
    """What a possessive repetition means: rounds that are atomic, as many as there can be."""
    body = (
        node.body
        if one_end(node.body)
        else Atomic(node.body, node.body.start, node.body.end, node.body.min_width, node.body.max_width)
    )
    if body.min_width == 0:
        raise RefusedError(
            "possessive quantifier", "a possessive quantifier on what can be empty is not supported", node
        )
    return _longest(body, node.low, node.high, node)


def _first_way(node: Node, group: Atomic) -> Node:
    if one_end(node):
        return node
    if isinstance(node, Concat):
        *init, last = node.items
        for i, item in enumerate(init):
            if not one_end(item) and not stops_before(item, node.items[i + 1 :]):
                break
        else:
            return all_of((*init, _atomic(last)))
    elif isinstance(node, Alternation):
        items: list[Node] = []
        for i, item in enumerate(node.items):
            guards = [_not_here(other) for other in node.items[:i] if not _excluded(other, item)]
            items.append(all_of((*guards, _atomic(item))))
        return any_of(items)
    elif isinstance(node, Repeat) and one_end(node.body) and node.body.min_width > 0:
        if node.mode is Mode.LAZY:
            return repeat(node.body, node.low, node.low, Mode.GREEDY, node.start, node.end)
        return _longest(node.body, node.low, node.high, node)
    raise RefusedError(
        "atomic group",
        "this atomic group is not supported: what it would skip depends on more than a lookahead can tell",
        group,
    )


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
