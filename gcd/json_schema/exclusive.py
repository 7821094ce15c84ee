"""`oneOf` of branches that exclude each other is `anyOf`, which is much less work for the engine.

Exactly one of many is a statement about all of them at once, but hardly any schema means more by `oneOf` than "one of
these kinds"::

    oneOf: [{properties: {kind: {const: "cat"}}, required: [kind]}, {properties: {kind: {const: "dog"}}, ...}]

Two branches exclude each other if no type is common to them, or where one is, its values are told apart: strings and
numbers by finite lists, objects by a member that one of the branches requires and whose values the two tell apart (a
branch that doesn't allow the member at all has none). That is all that is looked for; what isn't seen to be exclusive
stays `oneOf`. Branches fall into groups such that only those of one group may overlap: exactly one of all holds if and
only if exactly one of some group does.
"""

from __future__ import annotations

from decimal import Decimal

from gcd.json_schema.builder import FALSE, ProgramBuilder
from gcd.json_schema.program import ANY_TYPE, Entry, JsonType, Node, Regex

__all__ = ["relax_exclusive"]

_NUMBER, _STRING, _OBJECT = int(JsonType.NUMBER), int(JsonType.STRING), int(JsonType.OBJECT)
_AND, _OR, _ONE = int(Node.AND), int(Node.OR), int(Node.ONE)
_MAX_PAIRS = 20_000
"""Comparisons of two branches in one program. Beyond, branches are left as they are."""


class _Values:
    """What is known about the values that a node admits: a superset of them."""

    __slots__ = ("closed", "mask", "members", "numbers", "required", "words")

    def __init__(self) -> None:
        self.mask = ANY_TYPE
        self.words: frozenset[int] | None = None
        """All strings that are admitted; None if they aren't listed."""
        self.numbers: frozenset[Decimal] | None = None
        self.required: frozenset[int] = frozenset()
        self.members: dict[int, list[int]] = {}
        """By name the nodes that a member of it must satisfy."""
        self.closed: list[frozenset[int]] = []
        """Sets of names outside of which there are no members."""


_ANYTHING = _Values()


class _Analysis:
    """What is known about the nodes of one program."""

    def __init__(self, program: ProgramBuilder) -> None:
        self.nodes = program.nodes
        self.regexes = list(program.regexes)
        self.decimals = list(program.decimals)
        self.memo: dict[int, _Values] = {}

    def values(self, node: int) -> _Values:
        """What is known about a node."""
        known = self.memo.get(node)
        if known is None:
            known = self.memo[node] = _Values()
            self.note(self.nodes[node], known)
        return known

    def note(self, root: Entry, known: _Values) -> None:
        """Add what a conjunction says, part by part."""
        stack = [root]
        n_parts = 0
        while stack:
            entry = stack.pop()
            n_parts += 1
            op = entry[0]
            if op == _AND and n_parts < 1000:
                stack += [self.nodes[child] for child in entry[1:]]
            elif op == Node.TYPES:
                known.mask &= entry[1]
            elif op == Node.FALSE:
                known.mask = 0
            elif op in (_OR, _ONE):
                self.note_alternatives(entry[1:], known)
            elif op == Node.STRING:
                regex = self.regexes[entry[1]]
                if regex[0] in (Regex.WORDS, Regex.STRING):
                    words = frozenset(regex[1:])
                    known.words = words if known.words is None else known.words & words
            elif op == Node.NUMBERS:
                numbers = frozenset(Decimal(self.decimals[i]) for i in entry[1:])
                known.numbers = numbers if known.numbers is None else known.numbers & numbers
            elif op == Node.REQUIRED:
                known.required |= frozenset(entry[1:])
            elif op == Node.PROPERTIES:
                n = entry[2]
                names = entry[3 : 3 + 2 * n]
                for i in range(0, 2 * n, 2):
                    known.members.setdefault(names[i], []).append(names[i + 1])
                if entry[1] == FALSE and entry[3 + 2 * n] == 0:
                    known.closed.append(frozenset(names[::2]))
            elif op == Node.NOT:
                inner = self.nodes[entry[1]]
                if inner[0] == Node.REQUIRED and len(inner) == 2:  # the member is absent, and it is an object
                    known.mask &= _OBJECT
                    known.members.setdefault(inner[1], []).append(FALSE)

    def note_alternatives(self, branches: tuple[int, ...], known: _Values) -> None:
        """Add what holds in each of the alternatives: the types, and the lists of strings and numbers."""
        if len(branches) > 100:
            return
        mask = 0
        words: frozenset[int] | None = frozenset()
        numbers: frozenset[Decimal] | None = frozenset()
        for branch in branches:
            values = self.values(branch)
            mask |= values.mask
            if words is not None and values.mask & _STRING:
                words = None if values.words is None else words | values.words
            if numbers is not None and values.mask & _NUMBER:
                numbers = None if values.numbers is None else numbers | values.numbers
        known.mask &= mask
        if words is not None:
            known.words = words if known.words is None else known.words & words
        if numbers is not None:
            known.numbers = numbers if known.numbers is None else known.numbers & numbers

    def exclude(self, a: _Values, b: _Values, around: _Values) -> bool:
        """Whether no value that satisfies what is around satisfies both."""
        common = a.mask & b.mask & around.mask
        if common & _STRING and a.words is not None and b.words is not None and not a.words & b.words:
            common &= ~_STRING
        if common & _NUMBER and a.numbers is not None and b.numbers is not None and not a.numbers & b.numbers:
            common &= ~_NUMBER
        if common == _OBJECT:
            return any(self.told_apart(name, a, b) for name in a.required | b.required | around.required)
        return common == 0

    def told_apart(self, name: int, a: _Values, b: _Values) -> bool:
        """Whether a member of that name, which is there, can't satisfy what both branches demand of it."""
        for values in (a, b):
            if any(name not in names for names in values.closed):
                return True
        return any(
            self.exclude_scalars(self.values(x), self.values(y))
            for x in a.members.get(name, ())
            for y in b.members.get(name, ())
        ) or any(self.values(x).mask == 0 for values in (a, b) for x in values.members.get(name, ()))

    def exclude_scalars(self, a: _Values, b: _Values) -> bool:
        """`exclude` without looking into objects."""
        common = a.mask & b.mask
        if common & _STRING and a.words is not None and b.words is not None and not a.words & b.words:
            common &= ~_STRING
        if common & _NUMBER and a.numbers is not None and b.numbers is not None and not a.numbers & b.numbers:
            common &= ~_NUMBER
        return common == 0


def relax_exclusive(program: ProgramBuilder) -> None:
    """Write each ONE whose branches exclude each other as OR, or as OR of smaller ONEs.

    In a conjunction they need to exclude each other only among the values that satisfy the rest: a `type` or `required`
    beside `oneOf` counts. There the new node takes the place of the old one, which may be shared.
    """
    nodes = program.nodes
    wanted = {i for i, entry in enumerate(nodes) if entry[0] == _ONE}
    if not wanted:
        return
    analysis = _Analysis(program)
    budget = _MAX_PAIRS

    def relaxed(index: int, around: _Values) -> int | None:
        nonlocal budget
        branches = nodes[index][1:]
        budget -= len(branches) * (len(branches) - 1) // 2
        groups = _groups(analysis, branches, around) if budget >= 0 else []
        if len(groups) < 2:
            return None
        return program.disj([group[0] if len(group) == 1 else program.one(group) for group in groups])

    for index, entry in enumerate(list(nodes)):
        if entry[0] == _AND and not wanted.isdisjoint(entry[1:]):
            around = analysis.values(index)
            children = [relaxed(child, around) or child if child in wanted else child for child in entry[1:]]
            nodes[index] = (_AND, *children)
    for index in wanted:
        node = relaxed(index, _ANYTHING)
        if node is not None:
            nodes[index] = (_AND, node)


def _groups(analysis: _Analysis, branches: tuple[int, ...], around: _Values) -> list[list[int]]:
    """The branches in groups, so that those of different groups exclude each other."""
    known = [analysis.values(branch) for branch in branches]
    group = list(range(len(branches)))  # a branch's group is named after its first member
    for i, a in enumerate(known):
        for j in range(i):
            if group[i] != group[j] and not analysis.exclude(a, known[j], around):
                old, new = max(group[i], group[j]), min(group[i], group[j])
                group = [new if g == old else g for g in group]
    found: dict[int, list[int]] = {}
    for branch, name in zip(branches, group, strict=True):
        found.setdefault(name, []).append(branch)
    return list(found.values())
