"""The NFA program: regular expressions as the native engine wants them. This module only fixes the format.

A program holds every terminal of a grammar. It is a priority NFA (Pike style): threads are ordered, ``SPLIT`` lists
its targets best first, and leftmost-first matching falls out of the order. Text is UTF-8; one ``CLASS`` instruction
eats one whole *character*, byte by byte, through a small byte automaton shared by all classes.

Instructions are five unsigned 32-bit numbers ``(op, a, b, c, d)``:

========== ==================================================================================================
op         operands
========== ==================================================================================================
CLASS      a = class root node, b = next pc
SPLIT      a = first index into `splits`, b = number of targets (best first)
LOOKAHEAD  a = lookahead id, b = next pc, c = 1 if it must match here, 0 if it must not
LOOKBEHIND a = lookbehind id, b = next pc, c = 1 if it must match (end) here, 0 if it must not
EOF        b = next pc; matches only the end of the whole text (occurs inside lookaheads only: ``$`` and ``\\Z``
           compile to a LOOKAHEAD whose body holds it)
ACCEPT     the pattern that this code belongs to has matched
REPEAT     a = class root node, b = next pc, c = min, d = max (0xFFFFFFFF: none), greedy: the class, counted.
           Used for bounds too large to copy; `LAZY_REPEAT` likewise, preferring to leave.
COUNT      a = first pc of the body, b = next pc, c = min, d = max (0xFFFFFFFF: none): the same for a longer body. It
           stands at the end of a round, and the loop is entered at its body. Threads in the body carry the number of
           rounds before; bodies need a character, and hold no REPEAT and no COUNT. `LAZY_COUNT` prefers to leave.
========== ==================================================================================================

There are no jumps: targets are resolved. `starts[i]` is the first pc of pattern ``i``; `lookaheads[k]` and
`lookbehinds[k]` likewise (each such body ends in its own ACCEPT). A lookbehind's body is run from every position of
the text so far, so it may look back over lexeme boundaries, as Python's does; ``\\b``, ``^`` and ``\\A`` are written
with lookbehinds and lookaheads (``^`` = no character before; with MULTILINE: none, or a newline).

Class automaton: node ``n`` has the byte ranges ``range_lo/range_hi/range_to[node_start[n] : node_start[n+1]]``,
sorted and disjoint; ``range_to == DONE`` ends the character, else it is the next node. Nodes are shared (hash-consed)
between classes, so equal classes have equal roots. Only valid UTF-8 (no surrogates, no overlong forms) is accepted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

__all__ = ["DONE", "NO_MAX", "NfaProgram", "Op"]

DONE = 0xFFFFFFFF
NO_MAX = 0xFFFFFFFF


class Op:
    """Opcodes (plain integers: they cross into C++)."""

    CLASS = 0
    SPLIT = 1
    LOOKAHEAD = 2
    LOOKBEHIND = 3
    EOF = 4
    ACCEPT = 5
    REPEAT = 6
    LAZY_REPEAT = 7
    COUNT = 8
    LAZY_COUNT = 9


def _u32() -> array[int]:
    return array("I")


@dataclass(slots=True)
class NfaProgram:
    """Flat unsigned 32-bit arrays; see the module's docstring for what they mean."""

    code: array[int] = field(default_factory=_u32)
    """5 numbers an instruction."""
    splits: array[int] = field(default_factory=_u32)
    starts: array[int] = field(default_factory=_u32)
    """One per pattern; `DONE` for a pattern that never matches text (a declared terminal)."""
    lookaheads: array[int] = field(default_factory=_u32)
    lookbehinds: array[int] = field(default_factory=_u32)
    node_start: array[int] = field(default_factory=_u32)
    """One per class node, and one more at the end."""
    range_lo: array[int] = field(default_factory=_u32)
    range_hi: array[int] = field(default_factory=_u32)
    range_to: array[int] = field(default_factory=_u32)
