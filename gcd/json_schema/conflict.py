"""Which keywords make a schema unsatisfiable: a small set of them that conflict, with their pointers.

The engine says whether a program has any document. What is asked here is which leaves that depends on: leaves are
replaced by TRUE as long as there is still no document, halves first, so that a large schema takes few questions. What
remains is a set of which each member is needed: take any one away, and there are documents::

    {"type": "integer", "minimum": 3, "maximum": 2, "title": "none"}   ->   #/minimum, #/maximum

There may be other such sets; one is enough to see what to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gcd.json_schema.builder import FALSE
from gcd.json_schema.program import NONE, Entry, Node, SchemaProgram

__all__ = ["conflicting_keywords"]

_COMPOSED = frozenset(map(int, (Node.AND, Node.OR, Node.NOT, Node.ONE, Node.TRUE, Node.FALSE)))
_TRUE: Entry = (int(Node.TRUE),)


def conflicting_keywords(
    program: SchemaProgram, satisfiable: Callable[[SchemaProgram], bool], max_questions: int = 200
) -> tuple[str, ...]:
    """Pointers of keywords that no document can satisfy together.

    Args:
        program: one without any document.
        satisfiable: whether a program has one; where that can't be told, it may say yes.
        max_questions: how often to ask. When they are used up, the set may hold more than is needed.
    """
    if program.nodes[program.root] == (int(Node.FALSE),):
        return program.pointers(program.root) or ("#",)
    leaves = [
        index for index in _reachable(program) if program.nodes[index][0] not in _COMPOSED and program.pointers(index)
    ]
    needed = set(leaves)
    questions = max_questions
    size = len(leaves)
    while size and questions:
        size = max(1, (size + 1) // 2)
        kept = [index for index in leaves if index in needed]
        for begin in range(0, len(kept), size):
            if not questions:
                break
            questions -= 1
            without = needed.difference(kept[begin : begin + size])
            if not satisfiable(_only(program, leaves, without)):
                needed = without
        if size == 1:
            break
    places = dict.fromkeys(pointer for index in leaves if index in needed for pointer in _places(program, index))
    return tuple(places)


def _places(program: SchemaProgram, index: int) -> tuple[str, ...]:
    """The place of a leaf, the outermost if equal keywords made it in several; for members that are forbidden outright,
    where each is."""
    entry = program.nodes[index]
    place = min(program.pointers(index), key=lambda pointer: (pointer.count("/"), pointer))
    if entry[0] != Node.PROPERTIES or entry[1] == FALSE:
        return (place,)
    n = entry[2]
    forbidden = [entry[3 + i] for i in range(0, 2 * n, 2) if entry[4 + i] == FALSE]
    names = (program.strings[name].replace("~", "~0").replace("/", "~1") for name in forbidden)
    return tuple(f"{place}/{name}" for name in names) or (place,)


def _only(program: SchemaProgram, leaves: list[int], kept: set[int]) -> SchemaProgram:
    """The program with all leaves true but those kept."""
    nodes = list(program.nodes)
    for index in leaves:
        if index not in kept:
            nodes[index] = _TRUE
    return replace(program, nodes=tuple(nodes))


def _reachable(program: SchemaProgram) -> list[int]:
    """The nodes that the root refers to, in any role, in the table's order."""
    seen = {program.root}
    rest = [program.root]
    while rest:
        for child in _children(program.nodes[rest.pop()]):
            if child not in seen:
                seen.add(child)
                rest.append(child)
    return sorted(seen)


def _children(entry: Entry) -> tuple[int, ...]:
    """The nodes that a node refers to."""
    op = entry[0]
    if op in (Node.AND, Node.OR, Node.NOT, Node.ONE, Node.ITEMS):
        return entry[1:]
    if op in (Node.CONTAINS, Node.PROPERTY_NAMES):
        return entry[1:2]
    if op == Node.PROPERTIES:
        n = entry[2]
        m = entry[3 + 2 * n]
        patterns = entry[4 + 2 * n :]
        return (entry[1], *entry[4 : 3 + 2 * n : 2], *patterns[1 : 2 * m : 2])
    if op == Node.UNEVALUATED_ITEMS:
        return (entry[1], *entry[3::4], *(node for node in entry[6::4] if node != NONE))
    if op == Node.UNEVALUATED_PROPERTIES:
        conditions = []
        at = 3
        for _ in range(entry[2]):
            conditions.append(entry[at])
            at += 3 + entry[at + 2]
            at += 1 + entry[at]
        return (entry[1], *conditions)
    return ()
