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

from lark.common import ParserConf
from lark.grammar import NonTerminal, Rule as LarkRule
from lark.parsers.lalr_analysis import LALR_Analyzer

from gcd.grammar.draft import END, Draft, Rule
from gcd.grammar.ir import SourceSpan
from gcd.grammar.terminals import TerminalTable

__all__ = ["resolve"]


def resolve(
    rules: Sequence[LarkRule],
    starts: Sequence[str],
    table: TerminalTable,
    *,
    always_accept: Sequence[str] = (),
    contextual: bool = True,
    span: Callable[[str], SourceSpan] = lambda _: SourceSpan(),
) -> Draft:
    """The resolved grammar, epsilon rules and all.

    Args:
        rules: Lark's BNF.
        starts: names of start rules.
        table: the terminals; lexsets are added to it.
        always_accept: terminals that the lexer tries in every state (the post-lexer's).
        contextual: a lexset for each state; else one for all (Lark's basic lexer).
        span: where a rule of this name is defined.

    Raises:
        lark.GrammarError: Lark can't build the table (a reduce/reduce conflict).
    """
    analyzer = LALR_Analyzer(ParserConf(list(rules), {}, list(starts)))
    analyzer.compute_lalr()
    automaton = _Automaton(analyzer, list(rules), starts, table)

    if contextual:
        accepted = 0
        for name in always_accept:
            accepted |= table.bit(name)
        # Text is lexed only after a shift, so other states' lexsets don't matter.
        lexset = [
            table.lexset(bits | accepted) if shifted else -1
            for bits, shifted in zip(automaton.keys, automaton.shifted, strict=True)
        ]
    else:
        lexset = [table.lexset_of_all()] * len(automaton.keys)

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
            own_fixed.append(automaton.dropped.get((at, rule), 0))
        fixed.append(tuple(own_fixed))
        children.append(own_children)

    classes = _merge(fixed, children)

    # -- the productions of one member of each class ----------------------------------------------
    draft = automaton.draft
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
                    pair = (automaton.terminal[symbol], lexset[at])
                    rhs.append(~shift_of.setdefault(pair, len(shift_of)))
                else:
                    rhs.append(ids[classes[index[at, symbol]]])
                    at = transitions[at][symbol]
            end = automaton.dropped.get((at, rule), 0)
            draft.rules.append(Rule(ids[c], tuple(rhs), (0,) * len(rhs) + (end,) if end else ()))
    draft.shifts = list(shift_of)
    for name, root, (state, _) in zip(starts, roots, automaton.roots, strict=True):
        draft.starts.append((name, ids[classes[root]], lexset[state]))
    return draft


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


class _Automaton:
    """Lark's LR(0) automaton and its conflicts, in integers, in an order that doesn't depend on hash seeds.

    Symbols: nonterminals count up from 0, terminals down from -1.

    Attributes:
        transitions: for each state, symbol -> state.
        keys: for each state, the terminals with an action, as a bitmask over the table's ranks.
        dropped: (state, rule) -> forbid id, where conflict resolution took lookaheads from a reduction.
        rules_of: for each nonterminal, its rules as (number, symbols).
        shifted: for each state, whether a terminal leads there (or it is a start state).
        roots: for each start rule, (state, nonterminal).
        terminal: symbol of a terminal -> its id in productions.
    """

    def __init__(
        self, analyzer: LALR_Analyzer, rules: list[LarkRule], starts: Sequence[str], table: TerminalTable
    ) -> None:
        self.draft = Draft()
        self.names: list[str] = []
        self.rules_of: list[list[tuple[int, tuple[int, ...]]]] = []
        self.terminal: dict[int, int] = {}
        nonterminals: dict[str, int] = {}
        terminals: dict[str, int] = {}
        for rule in rules:
            name = str(rule.origin.name)
            if name not in nonterminals:
                nonterminals[name] = len(self.names)
                self.names.append(name)
                self.rules_of.append([])
        number: dict[LarkRule, int] = {}
        for rule in rules:
            expansion = []
            for symbol in rule.expansion:
                if isinstance(symbol, NonTerminal):
                    expansion.append(nonterminals[symbol.name])
                else:
                    code = terminals.setdefault(symbol.name, -1 - len(terminals))
                    self.terminal[code] = table.parsing_id[symbol.name]
                    expansion.append(code)
            self.rules_of[nonterminals[rule.origin.name]].append((len(number), tuple(expansion)))
            number[rule] = len(number)

        roots = [analyzer.lr0_start_states[name] for name in starts]
        states = list(dict.fromkeys(roots))
        ids = {state: i for i, state in enumerate(states)}
        self.transitions: list[dict[int, int]] = []
        self.keys: list[int] = []
        self.dropped: dict[tuple[int, int], int] = {}
        self.roots = [(ids[state], nonterminals[name]) for state, name in zip(roots, starts, strict=True)]
        self.shifted = [True] * len(states)
        bits = {name: table.bit(name) for name in terminals}
        conflicts: dict[tuple[int, str], bool] = {}
        for state in states:  # grows while we walk
            coded = sorted(
                ((nonterminals if isinstance(s, NonTerminal) else terminals)[s.name], s) for s in state.transitions
            )
            own: dict[int, int] = {}
            for code, symbol in coded:
                target = state.transitions[symbol]
                if target not in ids:
                    ids[target] = len(states)
                    states.append(target)
                    self.shifted.append(code < 0)  # all ways into a state are by the same symbol
                own[code] = ids[target]
            keys = 0
            for code, symbol in coded:
                if code < 0:
                    keys |= bits[symbol.name]
            lost: dict[int, set[int]] = {}
            for lookahead, reducible in state.lookaheads.items():
                name = lookahead.name
                keys |= bits.get(name, 0)
                shifted = name in terminals and terminals[name] in own
                if not shifted and len(reducible) == 1:
                    continue
                losers = set(reducible)
                if not shifted:
                    losers.remove(max(losers, key=lambda rule: rule.options.priority or 0))
                identity = END if name == "$END" else table.parsing_id[name]
                for rule in losers:
                    lost.setdefault(number[rule], set()).add(identity)
                    conflicts[number[rule], name] = shifted
            for rule_number in sorted(lost):
                self.dropped[len(self.keys), rule_number] = self.draft.forbids.intern(lost[rule_number])
            self.keys.append(keys)
            self.transitions.append(own)
        for (rule_number, name), shifted in sorted(conflicts.items()):
            taken = "shifts" if shifted else "reduces by a rule of higher priority"
            self.draft.notes.append(f"conflict: before {name} Lark {taken} and not by {rules[rule_number]}")
