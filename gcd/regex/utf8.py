"""Sets of code points as byte automata: one small minimal DFA for all classes of a program.

A class node maps byte ranges to nodes, or to DONE when a character is complete. UTF-8 is a fixed tree (lead byte, then
six bits at a time), so the minimal automaton of a set is that tree with equal subtrees merged, and merging is one
dict: a node is its tuple of ``(first byte, last byte, target)``. ``[é-ÿ]``, U+00E9 to U+00FF::

    root    C3 -> n        n    A9..BF -> DONE

Russ Cox's range splitting (RE2, Rust's utf8-ranges) gives sequences of byte ranges that still have to be joined by
prefix and suffix; working down the tree over all ranges of a set at once needs neither step.

Equal sets get equal roots, in one table. Nodes are made when a root is first wanted: sets that were only steps on the
way (``a|b`` becomes ``[ab]``) leave nothing behind that would make the engine tell bytes apart for no reason.
Surrogates can't occur in UTF-8 and are left out; a set that has nothing else is no class (`FAIL`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from gcd.regex.charset import MAX_CODE_POINT, CharSet, intersection
from gcd.regex.program import DONE, NfaProgram

__all__ = ["FAIL", "ClassTable"]

FAIL = -1
"""In place of a class id: nothing matches."""

_ENCODABLE: CharSet = ((0, 0xD7FF), (0xE000, MAX_CODE_POINT))

_CACHE_FROM = 16
"""Ranges from which the automaton of a set is worth keeping between tables (``\\w`` has 700 and takes 2 ms)."""

_Intern = Callable[[tuple[int, ...]], int]


class ClassTable:
    """The classes of one program: sets by id, and their automata.

    Attributes:
        sets: of each class id its set, without surrogates.
    """

    def __init__(self, program: NfaProgram) -> None:
        self.sets: list[CharSet] = []
        self._program = program
        self._ids: dict[CharSet, int] = {}
        self._roots: dict[int, int] = {}
        self._nodes: dict[tuple[int, ...], int] = {}
        if not program.node_start:
            program.node_start.append(0)

    def add(self, chars: CharSet) -> int:
        """The id of a set; `FAIL` if it matches nothing."""
        found = self._ids.get(chars)
        if found is None:
            plain = intersection(chars, _ENCODABLE)
            if not plain:
                return FAIL
            found = self._ids.get(plain)
            if found is None:
                found = self._ids[plain] = len(self.sets)
                self.sets.append(plain)
            self._ids[chars] = found
        return found

    def root(self, class_id: int) -> int:
        """The root node of a class."""
        root = self._roots.get(class_id)
        if root is None:
            chars = self.sets[class_id]
            if len(chars) < _CACHE_FROM:
                root = _build(chars, self._intern)
            else:
                local: list[int] = []
                for node in _automaton(chars):
                    key = tuple(local[n] if i % 3 == 2 and n != DONE else n for i, n in enumerate(node))
                    local.append(self._intern(key))
                root = local[-1]
            self._roots[class_id] = root
        return root

    def _intern(self, node: tuple[int, ...]) -> int:
        """The id of a node given as first, last, target, first, last, target, ..."""
        found = self._nodes.get(node)
        if found is None:
            found = self._nodes[node] = len(self._nodes)
            program = self._program
            program.range_lo.extend(node[0::3])
            program.range_hi.extend(node[1::3])
            program.range_to.extend(node[2::3])
            program.node_start.append(len(program.range_lo))
        return found


@lru_cache(maxsize=512)
def _automaton(chars: CharSet) -> tuple[tuple[int, ...], ...]:
    """The nodes of a set's automaton, targets counted within the tuple; the root is the last."""
    nodes: dict[tuple[int, ...], int] = {}
    root = _build(chars, lambda node: nodes.setdefault(node, len(nodes)))
    assert root == len(nodes) - 1
    return tuple(nodes)


def _build(chars: CharSet, intern: _Intern) -> int:
    """Make the nodes below a root, then the root."""
    lead: list[int] = []
    for first, last, shift, base in (
        (0x00, 0x7F, 0, 0x00),
        (0x80, 0x7FF, 6, 0xC0),
        (0x800, 0xD7FF, 12, 0xE0),
        (0xE000, 0xFFFF, 12, 0xE0),
        (0x10000, 0x10FFFF, 18, 0xF0),
    ):
        part = [(max(low, first), min(high, last)) for low, high in chars if low <= last and high >= first]
        if part:
            _branch(part, shift, base, lead, intern)
    return intern(tuple(lead))


def _branch(ranges: list[tuple[int, int]], shift: int, base: int, out: list[int], intern: _Intern) -> None:
    """Append the transitions on the bits from `shift` up, as bytes from `base` up.

    `ranges` are sorted and disjoint. Sub-ranges with the same top bits go to one child; a run of top bits whose
    children are full is one transition.
    """
    if shift == 0:
        for low, high in ranges:
            _append(out, base + low, base + high, DONE)
        return
    full = (1 << shift) - 1
    top = -1  # the child being collected
    inside: list[tuple[int, int]] = []
    for low, high in ranges:
        while low <= high:
            t = low >> shift
            if t != top:
                if inside:
                    _append(out, base + top, base + top, _child(inside, shift, intern))
                top, inside = t, []
            end = min(high, (t << shift) | full)
            if low & full == 0 and end & full == full:
                last = ((high + 1) >> shift) - 1  # the last top whose child is full
                _append(out, base + t, base + last, _child([(0, full)], shift, intern))
                end = (last << shift) | full
                top = -1
            else:
                inside.append((low & full, end & full))
            low = end + 1
    if inside:
        _append(out, base + top, base + top, _child(inside, shift, intern))


def _child(ranges: list[tuple[int, int]], shift: int, intern: _Intern) -> int:
    """The node for the `shift` bits that are left."""
    out: list[int] = []
    _branch(ranges, shift - 6, 0x80, out, intern)
    return intern(tuple(out))


def _append(out: list[int], low: int, high: int, to: int) -> None:
    """Add one transition, joining it to the last one where they touch and agree."""
    if out and out[-1] == to and out[-2] + 1 == low:
        out[-2] = high
    else:
        out += (low, high, to)
