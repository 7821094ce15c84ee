"""The mutable form between reading a grammar and `Grammar`: productions as tuples of small integers.

A symbol on a right-hand side is one int: a nonterminal's id (``>= 0``), or ``~k`` where ``shifts[k]`` is the pair
(terminal id, lexset in force after it). With plain ints, comparing, hashing and renaming productions is cheap, and
that is most of what the passes do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gcd.grammar.ir import SourceSpan

__all__ = ["END", "Draft", "Forbids", "Rule"]

END = -1
"""In a forbid set: the end of the text."""


class Forbids:
    """Interned sets of terminals that may not come next. Id 0 is the empty set, so ids test as "forbids something".

    >>> forbids = Forbids()
    >>> a, b = forbids.intern({1}), forbids.intern({2})
    >>> forbids[forbids.union(a, b)] == {1, 2}, forbids.union(a, 0) == a
    (True, True)
    """

    def __init__(self) -> None:
        self.sets: list[frozenset[int]] = [frozenset()]
        self._ids = {self.sets[0]: 0}
        self._unions: dict[tuple[int, int], int] = {}

    def __getitem__(self, identity: int) -> frozenset[int]:
        return self.sets[identity]

    def intern(self, terminals: set[int] | frozenset[int]) -> int:
        """The id of a set."""
        key = frozenset(terminals)
        identity = self._ids.setdefault(key, len(self.sets))
        if identity == len(self.sets):
            self.sets.append(key)
        return identity

    def union(self, a: int, b: int) -> int:
        """The id of the union of two sets."""
        if a == b or not b:
            return a
        if not a:
            return b
        pair = (a, b) if a < b else (b, a)
        known = self._unions.get(pair)
        if known is None:
            known = self._unions[pair] = self.intern(self.sets[a] | self.sets[b])
        return known

    def minimal(self, identities: set[int]) -> set[int]:
        """Drop each set that contains another one: it forbids more, so it allows nothing new."""
        if len(identities) < 2:
            return identities
        return {a for a in identities if not any(self.sets[b] < self.sets[a] for b in identities)}


@dataclass(slots=True)
class Rule:
    """A production; ``forbid[i]`` restricts the terminal after position ``i``, and ``()`` restricts nothing."""

    lhs: int
    rhs: tuple[int, ...]
    forbid: tuple[int, ...] = ()


@dataclass(slots=True)
class Draft:
    """A grammar under construction."""

    names: list[str] = field(default_factory=list)
    spans: list[SourceSpan] = field(default_factory=list)
    shifts: list[tuple[int, int]] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    forbids: Forbids = field(default_factory=Forbids)
    starts: list[tuple[str, int, int]] = field(default_factory=list)
    """(name, nonterminal, lexset at the start of the text)"""
    notes: list[str] = field(default_factory=list)

    def nonterminal(self, name: str, span: SourceSpan = SourceSpan()) -> int:
        """A fresh nonterminal. Names need not be unique."""
        self.names.append(name)
        self.spans.append(span)
        return len(self.names) - 1
