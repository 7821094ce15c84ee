"""The language of Lark's LALR table, written as productions.

Lark's LALR mode means more than its rules say. The table decides which terminals compete at a place (the contextual
lexer asks the parser's state), and where the table had a conflict it lost sentences. Both are functions of the
*state*, so the productions are split by state:

- the nonterminal ``(p, A)`` is "an A that begins when the parser is in state p";
- its production for the rule ``A -> X1 .. Xn`` walks ``p = p0 -X1-> p1 -X2-> .. pn`` through the automaton. A
  nonterminal Xi becomes ``(p(i-1), Xi)``. A terminal Xi carries the lexset of the state it is shifted into, pi;
- at its end, in pn, the parser reduces. The lookaheads on which conflict resolution took another action (Lark prefers
  to shift, then the rule of higher priority) are forbidden to come next. No other lookahead has to be: the rules
  themselves put only lookaheads there on which the table reduces.

So a derivation by these productions is exactly a run of Lark's parser, and the other way round. Worked example, the
dangling else::

    s: "if" s | "if" s "else" s | "x"

After ``if s`` Lark may shift ``else`` or reduce, and shifts. So the production s -> "if" s forbids ``else`` after it,
and ``if if x else x`` has one derivation left: the else belongs to the inner if.

That makes one nonterminal for each state and symbol that the table has a goto for: 4,400 in Lark's Python grammar. Most
of them derive the same: they are merged by partition refinement, starting from "all copies of A are equal" and
splitting until the members of a class have the same productions up to classes (Moore's algorithm for automata, on
right-hand sides). Python's 4,400 become some hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from gcd.grammar.automaton import END_BIT, Automaton
from gcd.grammar.draft import END, Draft, Rule
from gcd.grammar.ir import SourceSpan
from gcd.grammar.terminals import TerminalTable

__all__ = ["resolve"]


def resolve(
    automaton: Automaton,
    starts: Sequence[str],
    table: TerminalTable,
    *,
    always_accept: Sequence[str] = (),
    contextual: bool = True,
    span: Callable[[str], SourceSpan] = lambda _: SourceSpan(),
) -> Draft:
    """The resolved grammar, epsilon rules and all.

    Args:
        automaton: Lark's, over the numbers of `table`.
        starts: names of start rules.
        table: the terminals; lexsets are added to it.
        always_accept: terminals that the lexer tries in every state (the post-lexer's).
        contextual: a lexset for each state; else one for all (Lark's basic lexer).
        span: where a rule of this name is defined.
    """
    parsing_id = {number: table.parsing_id[name] for name, number in table.numbers.items()}
    draft = Draft()

    if contextual:
        # A set of lookaheads is a set of ranks shifted by one (for the end of the text). Text is lexed only after a
        # shift and at the start, so other states' lexsets don't matter.
        accepted = table.bits(always_accept)
        lexset = [
            table.lexset(actions >> 1 | accepted) if symbol is None or symbol < 0 else -1
            for actions, symbol in zip(automaton.actions, automaton.entered_by, strict=True)
        ]
    else:
        lexset = [table.lexset_of_all()] * len(automaton.actions)
    dropped = {
        (conflict.state, conflict.rule): draft.forbids.intern(
            {END if bit == END_BIT else parsing_id[bit.bit_length() - 2] for bit in _bits(conflict.lost)}
        )
        for conflict in automaton.conflicts
    }
    draft.notes.extend(_explain(automaton))

    # -- one instance for each (state, nonterminal) -----------------------------------------------
    transitions, rules_of = automaton.transitions, automaton.rules_of
    instances: list[tuple[int, int]] = []
    index: dict[tuple[int, int], int] = {}

    def instance(state: int, nonterminal: int) -> int:
        key = (state, nonterminal)
        found = index.get(key)
        if found is None:
            found = index[key] = len(instances)
            instances.append(key)
        return found

    roots = [instance(state, nonterminal) for state, nonterminal in automaton.roots]
    fixed: list[tuple[int, ...]] = []  # what tells instances apart at once: lexsets and forbids
    children: list[list[int]] = []  # the instances in their productions, in order
    for state, nonterminal in instances:  # grows while we walk
        own_fixed: list[int] = [nonterminal]
        own_children: list[int] = []
        for rule, expansion in rules_of[nonterminal]:
            at = state
            for symbol in expansion:
                if symbol < 0:
                    at = transitions[at][symbol]
                    own_fixed.append(lexset[at])
                else:
                    own_children.append(instance(at, symbol))
                    at = transitions[at][symbol]
            own_fixed.append(dropped.get((at, rule), 0))
        fixed.append(tuple(own_fixed))
        children.append(own_children)

    classes = _merge(fixed, children)

    # -- the productions of one member of each class ----------------------------------------------
    shift_of: dict[tuple[int, int], int] = {}
    member: dict[int, int] = {}
    for i, c in enumerate(classes):
        member.setdefault(c, i)
    ids: dict[int, int] = {}
    for c, i in member.items():
        name = automaton.names[instances[i][1]]
        ids[c] = draft.nonterminal(name, span(name))
    for c, i in member.items():
        state, nonterminal = instances[i]
        for rule, expansion in rules_of[nonterminal]:
            at = state
            rhs = []
            for symbol in expansion:
                if symbol < 0:
                    at = transitions[at][symbol]
                    pair = (parsing_id[~symbol], lexset[at])
                    rhs.append(~shift_of.setdefault(pair, len(shift_of)))
                else:
                    rhs.append(ids[classes[index[at, symbol]]])
                    at = transitions[at][symbol]
            end = dropped.get((at, rule), 0)
            draft.rules.append(Rule(ids[c], tuple(rhs), (0,) * len(rhs) + (end,) if end else ()))
    draft.shifts = list(shift_of)
    for name, root, (state, _) in zip(starts, roots, automaton.roots, strict=True):
        draft.starts.append((name, ids[classes[root]], lexset[state]))
    return draft


def _bits(mask: int) -> list[int]:
    """The powers of two in `mask`.

    >>> _bits(0b1101)
    [1, 4, 8]
    """
    found = []
    while mask:
        bit = mask & -mask
        found.append(bit)
        mask ^= bit
    return found


def _explain(automaton: Automaton) -> list[str]:
    """One note for each rule that lost lookaheads."""
    lost: dict[tuple[int, bool], int] = {}
    for conflict in automaton.conflicts:
        for shift, bits in ((True, conflict.lost_to_shift), (False, conflict.lost & ~conflict.lost_to_shift)):
            if bits:
                key = (conflict.rule, shift)
                lost[key] = lost.get(key, 0) | bits
    notes = []
    for (rule, shift), bits in sorted(lost.items()):
        names = " ".join(automaton.terminal_name(bit) for bit in _bits(bits))
        winner = "shifts" if shift else "prefers a rule of higher priority"
        notes.append(f"conflict: before {names}, where `{automaton.show(rule)}` could end, Lark {winner}")
    return notes


def _merge(fixed: list[tuple[int, ...]], children: list[list[int]]) -> list[int]:
    """The coarsest partition in which equal class means: equal `fixed` and children of equal classes."""
    numbers: dict[Any, int] = {}
    classes = [numbers.setdefault(key, len(numbers)) for key in fixed]
    # itemgetter reads all the children's classes in one call in C. It wants two items at least for a tuple.
    readers = [itemgetter(*own, own[0]) if own else None for own in children]
    n_classes = len(numbers)
    while True:
        numbers = {}
        classes = [
            numbers.setdefault((c, read(classes)) if read else (c,), len(numbers))
            for c, read in zip(classes, readers, strict=True)
        ]
        if len(numbers) == n_classes:
            return classes
        n_classes = len(numbers)
