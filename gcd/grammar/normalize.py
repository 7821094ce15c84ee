"""From a draft to the normal form that the engine wants, in ordered passes.

Afterwards no production is empty, no nonterminal derives only the empty text or nothing, none derives itself by unit
productions, none is out of reach, and no two productions say the same. Restrictions on the next terminal (forbids) are
kept at the positions where they act, also where the production that they stood on was empty and vanished.

The passes, in order:

1. `_drop_useless`: rules that derive no text, then what the starts don't reach. First, for its notes speak of the
   rules as written.
2. `_fold_epsilon`: ``a: b c?`` becomes ``a: b c | b``. A rule with many symbols that may vanish is cut into links of
   three before, or it would become exponentially many.
3. `_drop_unit_cycles`: ``a: b``, ``b: a``: one nonterminal.
4. `_split_by_forbids`: what LALR conflict resolution lost, as plain rules. After it nothing is forbidden. (Where that
   would take too many rules, `_drop_blocked` drops those that their own forbids make impossible.)
5. `_freeze`: numbers in the order of first use from the starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from typing import Any

from gcd.errors import GrammarError
from gcd.grammar.draft import END, Draft, Forbids, Rule
from gcd.grammar.ir import Nonterminal, Production, Start, Symbol, Terminal

__all__ = ["Normalized", "normalize"]

_MAX_SPLIT = 8
"""Times that the rules may grow for the sake of writing forbids as rules."""
_MAX_NULLABLE = 3
"""Symbols of one rule that may vanish, beyond which the rule is cut: 2**3 productions at most come of one."""


class Normalized:
    """The parts of a `Grammar` that this module decides.

    Attributes:
        nonterminals: in the order of first use from the starts.
        productions: grouped by left-hand side, in order.
        starts: as given.
        forbids: those in use; the empty set first.
        notes: what was dropped.
    """

    def __init__(
        self,
        nonterminals: tuple[Nonterminal, ...],
        productions: tuple[Production, ...],
        starts: tuple[Start, ...],
        forbids: tuple[frozenset[int], ...],
        notes: tuple[str, ...],
    ) -> None:
        self.nonterminals = nonterminals
        self.productions = productions
        self.starts = starts
        self.forbids = forbids
        self.notes = notes


def normalize(draft: Draft, dead: Iterable[int], terminals: Sequence[Terminal]) -> Normalized:
    """Run all passes on `draft`, which is used up.

    Args:
        draft: the grammar.
        dead: terminals that never reach the parser (ignored, or declared and not produced by a hook).
        terminals: for the notes.

    Raises:
        GrammarError: a start symbol derives nothing.
    """
    dead_shifts = {~k for k, (terminal, _) in enumerate(draft.shifts) if terminal in set(dead)}
    _drop_useless(draft, dead_shifts, terminals, noted=True)
    vanishing = _vanishing(draft)
    nullable_starts = {
        name for name, start, _ in draft.starts if any(END not in draft.forbids[f] for f in vanishing.get(start, ()))
    }
    _fold_epsilon(draft, vanishing)
    _drop_useless(draft, dead_shifts, terminals, noted=False)
    _drop_unit_cycles(draft)
    _drop_duplicates(draft)
    if any(rule.forbid for rule in draft.rules):
        if _split_by_forbids(draft):
            _drop_useless(draft, dead_shifts, terminals, noted=False)
            _merge_equal(draft)
        else:
            _drop_blocked(draft)
            _drop_useless(draft, dead_shifts, terminals, noted=False)
            draft.notes.append(
                "conflicts are kept as restrictions on the next terminal: too many to be written as rules"
            )
    _drop_duplicates(draft)
    return _freeze(draft, nullable_starts)


def _drop_useless(draft: Draft, dead: set[int], terminals: Sequence[Terminal], *, noted: bool) -> None:
    """Keep the rules all of whose symbols derive a text and whose left-hand side is reached from a start."""
    rules = draft.rules
    # How many symbols of each rule are not known to be productive yet; a worklist makes this linear.
    waiting: dict[int, list[int]] = {}
    missing = [0] * len(rules)
    productive: set[int] = set()
    ready: list[int] = []

    def produce(lhs: int) -> None:
        if lhs not in productive:
            productive.add(lhs)
            ready.append(lhs)

    for i, rule in enumerate(rules):
        needed = {s for s in rule.rhs if s >= 0 or s in dead}
        missing[i] = len(needed)
        for symbol in needed:
            waiting.setdefault(symbol, []).append(i)
        if not needed:
            produce(rule.lhs)
    while ready:
        for i in waiting.get(ready.pop(), ()):
            missing[i] -= 1
            if not missing[i]:
                produce(rules[i].lhs)

    of: dict[int, list[Rule]] = {}
    for i, rule in enumerate(rules):
        if not missing[i]:
            of.setdefault(rule.lhs, []).append(rule)
    reached = list(dict.fromkeys(start for _, start, _ in draft.starts if start in productive))
    seen = set(reached)
    for lhs in reached:  # grows while we walk
        for rule in of[lhs]:
            for symbol in rule.rhs:
                if symbol >= 0 and symbol not in seen:
                    seen.add(symbol)
                    reached.append(symbol)
    if noted:
        _note_useless(draft, productive, dead, terminals)
    draft.rules = [rule for lhs in reached for rule in of[lhs]]


def _note_useless(draft: Draft, productive: set[int], dead: set[int], terminals: Sequence[Terminal]) -> None:
    dead_names = {symbol: terminals[draft.shifts[~symbol][0]].name for symbol in dead}
    noted: dict[str, None] = {}
    for rule in draft.rules:
        where = draft.names[rule.lhs]
        for symbol in rule.rhs:
            if symbol in dead_names:
                noted[f"dropped: a rule of {where} needs {dead_names[symbol]}, which never reaches the parser"] = None
    for lhs in dict.fromkeys(rule.lhs for rule in draft.rules):
        if lhs not in productive:
            noted[f"dropped: {draft.names[lhs]} derives no text"] = None
    draft.notes.extend(noted)


def _vanishing(draft: Draft) -> dict[int, set[int]]:
    """For each nonterminal that may be empty, the forbids that then act at its place; minimal ones only.

    Without forbids this is just the set of nullable nonterminals, each with ``{0}``. With them, ``a -> `` [not X]
    leaves "not X" behind at whatever place an empty `a` stood.
    """
    forbids = draft.forbids
    vanishing: dict[int, set[int]] = {}
    candidates = [rule for rule in draft.rules if all(s >= 0 for s in rule.rhs)]
    changed = True
    while changed:
        changed = False
        for rule in candidates:
            if not all(s in vanishing for s in rule.rhs):
                continue
            ends = _when_empty(rule.rhs, rule.forbid, vanishing, forbids)
            known = vanishing.get(rule.lhs, set())
            better = forbids.minimal(known | ends)
            if better != known:
                vanishing[rule.lhs] = better
                changed = True
    return vanishing


def _when_empty(
    rhs: tuple[int, ...], forbid: tuple[int, ...], vanishing: dict[int, set[int]], forbids: Forbids
) -> set[int]:
    """What may act in the place of symbols that all vanish."""
    ends = {reduce(forbids.union, forbid, 0)}
    for symbol in dict.fromkeys(rhs):
        ends = forbids.minimal({forbids.union(a, b) for a in ends for b in vanishing[symbol]})
    return ends


def _fold_epsilon(draft: Draft, vanishing: dict[int, set[int]]) -> None:
    """Replace each rule by its variants with some of the symbols that may be empty left out; drop empty rules."""
    if not vanishing:
        return
    forbids = draft.forbids
    out: list[Rule] = []
    links: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    pending = draft.rules[::-1]
    while pending:
        rule = pending.pop()
        rhs = rule.rhs
        places = [i for i, s in enumerate(rhs) if s in vanishing]
        if not places:
            if rhs:
                out.append(rule)
            continue
        forbid = rule.forbid or (0,) * (len(rhs) + 1)
        if len(places) > _MAX_NULLABLE:
            # a -> x y? z? u? v? w    becomes    a -> x y? z? a',  a' -> u? v? w
            cut = places[_MAX_NULLABLE - 1]
            key = (rhs[cut:], forbid[cut + 1 :])
            link = links.get(key)
            if link is None:
                link = links[key] = draft.nonterminal(draft.names[rule.lhs], draft.spans[rule.lhs])
                pending.append(Rule(link, rhs[cut:], (0, *key[1]) if any(key[1]) else ()))
                if all(s in vanishing for s in rhs[cut:]):
                    vanishing[link] = _when_empty(rhs[cut:], key[1], vanishing, forbids)
            # What acts at the cut and at the very end: the link carries its own end, so this rule's end is free.
            head = (*forbid[: cut + 1], 0)
            rule = Rule(rule.lhs, (*rhs[:cut], link), head if any(head) else ())
            rhs, forbid = rule.rhs, head
            places = [i for i in places if i < cut] + ([cut] if link in vanishing else [])
        choices = [[None, *sorted(vanishing[rhs[i]])] for i in places]
        for choice in product(*choices):
            left_out = {i: f for i, f in zip(places, choice, strict=True) if f is not None}
            kept: list[int] = []
            acting = [forbid[0]]
            for i, symbol in enumerate(rhs):
                gone = left_out.get(i)
                if gone is None:
                    kept.append(symbol)
                    acting.append(forbid[i + 1])
                else:
                    acting[-1] = forbids.union(acting[-1], forbids.union(gone, forbid[i + 1]))
            if kept:
                out.append(Rule(rule.lhs, tuple(kept), tuple(acting) if any(acting) else ()))
    draft.rules = out


def _drop_unit_cycles(draft: Draft) -> None:
    """Remove derivations of a nonterminal from itself alone.

    ``a: a`` says nothing. A cycle ``a: b``, ``b: a`` without forbids makes its members equal: they become one. With
    forbids on the way each member gets the other members' rules, restricted by what stands on the way to them.
    """
    draft.rules = [r for r in draft.rules if r.rhs != (r.lhs,)]
    units: dict[int, list[int]] = {}
    for rule in draft.rules:
        if len(rule.rhs) == 1 and rule.rhs[0] >= 0:
            units.setdefault(rule.lhs, []).append(rule.rhs[0])
    cycles = [set(c) for c in _components(units) if len(c) > 1]
    if not cycles:
        return
    cycle_of = {member: i for i, cycle in enumerate(cycles) for member in cycle}
    restricted = {
        cycle_of[r.lhs]
        for r in draft.rules
        if r.forbid and len(r.rhs) == 1 and r.lhs in cycle_of and cycle_of.get(r.rhs[0]) == cycle_of[r.lhs]
    }
    rename = {m: min(cycle) for i, cycle in enumerate(cycles) if i not in restricted for m in cycle}
    if rename:
        for rule in draft.rules:
            rule.lhs = rename.get(rule.lhs, rule.lhs)
            rule.rhs = tuple(rename.get(s, s) for s in rule.rhs)
        draft.rules = [r for r in draft.rules if r.rhs != (r.lhs,)]
        draft.starts = [(name, rename.get(s, s), lexset) for name, s, lexset in draft.starts]
    for i in sorted(restricted):
        _close_cycle(draft, cycles[i])


def _close_cycle(draft: Draft, cycle: set[int]) -> None:
    forbids = draft.forbids
    inner = [r for r in draft.rules if r.lhs in cycle and len(r.rhs) == 1 and r.rhs[0] in cycle]
    outer = [r for r in draft.rules if r.lhs in cycle and not (len(r.rhs) == 1 and r.rhs[0] in cycle)]
    # reach[a, b]: pairs (forbid before, forbid after) with which a derives b by unit rules
    reach: dict[tuple[int, int], set[tuple[int, int]]] = {(m, m): {(0, 0)} for m in cycle}
    changed = True
    while changed:
        changed = False
        for rule in inner:
            before, after = rule.forbid or (0, 0)
            for target in cycle:
                for b, a in list(reach.get((rule.rhs[0], target), ())):
                    pair = (forbids.union(before, b), forbids.union(after, a))
                    known = reach.setdefault((rule.lhs, target), set())
                    if pair not in known:
                        known.add(pair)
                        changed = True
    draft.rules = [r for r in draft.rules if r.lhs not in cycle]
    for source in sorted(cycle):
        for rule in outer:
            for before, after in sorted(reach.get((source, rule.lhs), ())):
                forbid = list(rule.forbid or (0,) * (len(rule.rhs) + 1))
                forbid[0] = forbids.union(forbid[0], before)
                forbid[-1] = forbids.union(forbid[-1], after)
                draft.rules.append(Rule(source, rule.rhs, tuple(forbid) if any(forbid) else ()))


def _components(graph: dict[int, list[int]]) -> list[list[int]]:
    """Strongly connected components (Tarjan 1972), without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    components: list[list[int]] = []
    for root in graph:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(graph.get(root, ())))]
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in order:
                    order[successor] = low[successor] = len(order)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(graph.get(successor, ()))))
                    break
                if successor in on_stack:
                    low[node] = min(low[node], order[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    components.append(component)
    return components


def _drop_duplicates(draft: Draft) -> None:
    """Of rules with the same symbols, keep those that no other one contains (forbidding less everywhere)."""
    groups: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}
    for rule in draft.rules:
        groups.setdefault((rule.lhs, rule.rhs), []).append(rule.forbid)
    sets = draft.forbids.sets

    def weaker(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return not a or (bool(b) and all(sets[x] <= sets[y] for x, y in zip(a, b, strict=True)))

    out: list[Rule] = []
    for (lhs, rhs), options in groups.items():
        kept: list[tuple[int, ...]] = []
        for forbid in dict.fromkeys(options):
            if not any(weaker(other, forbid) for other in kept):
                kept = [other for other in kept if not weaker(forbid, other)] + [forbid]
        out.extend(Rule(lhs, rhs, forbid) for forbid in kept)
    draft.rules = out


class _Ends:
    """What each nonterminal's texts begin with and leave forbidden behind them.

    ``ends[a]`` maps a forbid id to a bitmask of terminals: bit t says that some text of `a` begins with terminal t and
    ends where exactly this set is forbidden. It is the least fixpoint over the rules, by a worklist.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._masks: dict[int, int] = {}
        self.ends: dict[int, dict[int, int]] = {}
        users: dict[int, list[int]] = {}
        for i, rule in enumerate(draft.rules):
            for symbol in set(rule.rhs):
                if symbol >= 0:
                    users.setdefault(symbol, []).append(i)
        work = dict.fromkeys(range(len(draft.rules)))
        while work:
            rule = draft.rules[work.popitem()[0]]
            known = self.ends.setdefault(rule.lhs, {})
            changed = False
            for end, first in self.of_rule(rule).items():
                if first & ~known.get(end, 0):
                    known[end] = known.get(end, 0) | first
                    changed = True
            if changed:
                work.update(dict.fromkeys(users.get(rule.lhs, ())))

    def mask(self, forbid: int) -> int:
        """A forbid set as a bitmask of terminals."""
        if forbid not in self._masks:
            self._masks[forbid] = sum(1 << t for t in self._draft.forbids[forbid] if t != END)
        return self._masks[forbid]

    def of(self, symbol: int) -> dict[int, int]:
        """The map of a symbol; a terminal begins with itself and forbids nothing."""
        return self.ends.get(symbol, {}) if symbol >= 0 else {0: 1 << self._draft.shifts[~symbol][0]}

    def of_rule(self, rule: Rule) -> dict[int, int]:
        """The map of one rule; empty if it can't be derived."""
        union = self._draft.forbids.union
        forbid = rule.forbid or (0,) * (len(rule.rhs) + 1)
        state: dict[int, int] = {}
        for end, first in self.of(rule.rhs[0]).items():
            allowed = first & ~self.mask(forbid[0])
            if allowed:
                after = union(end, forbid[1])
                state[after] = state.get(after, 0) | allowed
        for i, symbol in enumerate(rule.rhs[1:], 2):
            new: dict[int, int] = {}
            for end, first in state.items():
                blocked = self.mask(end)
                for end2, first2 in self.of(symbol).items():
                    if first2 & ~blocked:
                        after = union(end2, forbid[i])
                        new[after] = new.get(after, 0) | first
            state = new
        return state


def _split_by_forbids(draft: Draft) -> bool:
    """Write forbids as plain rules, so that no derivation can be begun that they make impossible to end.

    A restriction on the next terminal is a property of the *end* of what stands before it and of the *beginning* of
    what stands after it. So split each nonterminal by both: ``(a, b, f)`` derives the texts of `a` that don't begin
    with a terminal in b and that leave exactly the set f forbidden behind them. In a rule, every two neighbours must
    agree. The dangling else becomes its textbook solution, open and closed statements::

        s: "if" s !else | "if" s "else" s | "x"

        closed: "if" closed "else" closed | "x"
        open: "if" closed | "if" open | "if" closed "else" open

    With forbids kept as restrictions, a position could be entered all of whose continuations are forbidden: a dead
    end. Here such positions are nonterminals that derive nothing, and go. Returns False, with the draft as it was, if
    that would take more than `_MAX_SPLIT` times the rules.
    """
    ends = _Ends(draft)
    union = draft.forbids.union
    of: dict[int, list[Rule]] = {}
    for rule in draft.rules:
        of.setdefault(rule.lhs, []).append(rule)
    budget = _MAX_SPLIT * len(draft.rules) + 1000
    split: dict[tuple[int, int, int], int] = {}
    pending: list[tuple[int, int, int]] = []
    out: list[Rule] = []
    n_names = len(draft.names)

    def symbol_for(symbol: int, blocked: int, end: int) -> int:
        if symbol < 0:
            return symbol
        key = (symbol, blocked & ends.of(symbol)[end], end)
        if key not in split:
            split[key] = draft.nonterminal(draft.names[symbol], draft.spans[symbol])
            pending.append(key)
        return split[key]

    starts = []
    for name, start, lexset in draft.starts:
        finals = [f for f in ends.of(start) if END not in draft.forbids[f]]
        if len(finals) == 1:
            starts.append((name, symbol_for(start, 0, finals[0]), lexset))
        else:
            union_of_finals = draft.nonterminal(draft.names[start], draft.spans[start])
            starts.append((name, union_of_finals, lexset))
            out.extend(Rule(union_of_finals, (symbol_for(start, 0, final),)) for final in sorted(finals))
    while pending:
        key = pending.pop()
        symbol, blocked, end = key
        for rule in of.get(symbol, ()):
            forbid = rule.forbid or (0,) * (len(rule.rhs) + 1)
            # Partial right-hand sides with what they leave forbidden.
            partial: list[tuple[tuple[int, ...], int]] = [((), -1)]
            for i, part in enumerate(rule.rhs):
                longer = []
                for rhs, left in partial:
                    before = (blocked | ends.mask(forbid[0])) if i == 0 else ends.mask(left)
                    for own_end, first in ends.of(part).items():
                        if first & ~before:
                            longer.append(((*rhs, symbol_for(part, before, own_end)), union(own_end, forbid[i + 1])))
                partial = longer
                if len(partial) > budget:
                    break
            out.extend(Rule(split[key], rhs) for rhs, left in partial if left == end)
        if len(out) > budget:
            del draft.names[n_names:], draft.spans[n_names:]
            return False
    draft.rules = out
    draft.starts = starts
    return True


def _drop_blocked(draft: Draft) -> None:
    """Drop rules that can't be derived because of forbids alone.

    ``a -> a "x"`` with "y" forbidden before the inner `a` is such a rule, if every `a` begins with y.
    """
    ends = _Ends(draft)
    draft.rules = [rule for rule in draft.rules if ends.of_rule(rule)]


def _merge_equal(draft: Draft) -> None:
    """Make nonterminals of one name that derive the same one: the coarsest partition that the rules respect."""
    numbers: dict[Any, int] = {}
    members = list(dict.fromkeys(rule.lhs for rule in draft.rules))
    of: dict[int, list[Rule]] = {}
    for rule in draft.rules:
        of.setdefault(rule.lhs, []).append(rule)
    classes = {m: numbers.setdefault(draft.names[m], len(numbers)) for m in members}
    while True:
        n_classes = len(numbers)
        numbers = {}
        new = {}
        for m in members:
            look = frozenset((tuple(classes[s] if s >= 0 else s for s in rule.rhs), rule.forbid) for rule in of[m])
            new[m] = numbers.setdefault((classes[m], look), len(numbers))
        classes = new
        if len(numbers) == n_classes:
            break
    if n_classes == len(members):
        return
    first: dict[int, int] = {}
    for m in members:
        first.setdefault(classes[m], m)
    rename = {m: first[classes[m]] for m in members}
    draft.rules = [
        Rule(m, tuple(rename.get(s, s) for s in rule.rhs), rule.forbid)
        for m in members
        if rename[m] == m
        for rule in of[m]
    ]
    draft.starts = [(name, rename.get(start, start), lexset) for name, start, lexset in draft.starts]


def _freeze(draft: Draft, nullable_starts: set[str]) -> Normalized:
    of: dict[int, list[Rule]] = {}
    for rule in draft.rules:
        of.setdefault(rule.lhs, []).append(rule)
    starts = []
    reached: dict[int, int] = {}
    for name, start, lexset in draft.starts:
        nullable = name in nullable_starts
        if start in of:
            starts.append(Start(name, reached.setdefault(start, len(reached)), nullable, lexset))
        elif nullable:
            starts.append(Start(name, -1, True, lexset))
        else:
            span = draft.spans[start]
            raise GrammarError(
                f"the language is empty: no text can be derived from {name!r}",
                remedy="give one of its rules an end: an alternative that doesn't need the rule itself",
                line=span.line,
                column=span.column,
                name=span.source or None,
            )
    queue = list(reached)
    for lhs in queue:  # grows while we walk
        for rule in of[lhs]:
            for symbol in rule.rhs:
                if symbol >= 0 and symbol not in reached:
                    reached[symbol] = len(reached)
                    queue.append(symbol)
    forbid_ids = {0: 0}
    symbols: dict[int, Symbol] = {}

    def frozen(symbol: int) -> Symbol:
        known = symbols.get(symbol)
        if known is None:
            known = symbols[symbol] = (
                Symbol(False, reached[symbol]) if symbol >= 0 else Symbol(True, *draft.shifts[~symbol])
            )
        return known

    productions = tuple(
        Production(
            reached[lhs],
            tuple(frozen(s) for s in rule.rhs),
            tuple(forbid_ids.setdefault(f, len(forbid_ids)) for f in rule.forbid),
        )
        for lhs in queue
        for rule in of[lhs]
    )
    return Normalized(
        tuple(Nonterminal(draft.names[lhs], draft.spans[lhs]) for lhs in queue),
        productions,
        tuple(starts),
        tuple(draft.forbids[f] for f in forbid_ids),
        tuple(draft.notes),
    )
