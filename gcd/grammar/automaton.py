"""Lark's LALR(1) automaton in integers.

The same states, lookaheads and conflict resolution as `lark.parsers.lalr_analysis` (a test compares the two tables
entry by entry), computed here once more for three reasons: a set of lookaheads is one Python integer, so Python's
grammar takes a quarter of the time; an enum of 50,000 words is not quadratic; and nothing recurses, so long chains of
rules don't hit the interpreter's recursion limit. What this module needs from Lark's table beyond Lark itself is what
resolution *lost*, which Lark doesn't keep.

The lookaheads are DeRemer and Pennello's (1982): for a nonterminal transition (p, A) ::

    DR(p, A)        terminals that can be shifted right after A
    (p, A) reads (r, C)      r = goto(p, A), C nullable: what follows C there may follow A
    (p, A) includes (p', B)  B -> x A y, y nullable, p' -x-> p: what follows B may follow A
    Follow = closure over includes of the closure over reads of DR
    LA(q, B -> w) = union of Follow(p', B) over all p' from which w leads to q
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lark.grammar import NonTerminal
from lark.grammar import Rule as LarkRule

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.ir import SourceSpan

__all__ = ["END_BIT", "Automaton", "Conflict"]

END_BIT = 1
"""The end of the text, in a set of lookaheads. Terminal number n is the bit ``2 << n``."""


class Conflict:
    """One resolved conflict: in `state`, `rule` lost the lookaheads `lost` to a shift or to another rule."""

    __slots__ = ("lost", "lost_to_shift", "rule", "state")

    def __init__(self, state: int, rule: int, lost: int, lost_to_shift: int) -> None:
        self.state = state
        self.rule = rule
        self.lost = lost
        self.lost_to_shift = lost_to_shift


class Automaton:
    """LR(0) states with LALR(1) lookaheads, resolved as Lark resolves them.

    A symbol is an int: nonterminals count up from 0, terminal number n is ``~n``. States are numbered in the order of a
    breadth-first search, so the numbers don't depend on hash seeds.

    Args:
        rules: Lark's BNF.
        starts: names of start rules.
        terminal_numbers: a number for each terminal name.
        span: where a rule of this name is defined, for errors.

    Attributes:
        names: of the nonterminals.
        rules_of: for each nonterminal, its rules as (index into `rules`, symbols).
        transitions: for each state, symbol -> state.
        entered_by: for each state, the symbol of all transitions into it; None for a start state.
        actions: for each state, the lookaheads with any action, as a bitmask.
        reductions: for each state, rule -> lookaheads on which it is taken.
        conflicts: what resolution took away.
        roots: for each start, (state, nonterminal).

    Raises:
        GrammarError: two rules of equal priority could be reduced, and Lark refuses to choose.
        UnsupportedError: a cycle in `reads`. No such grammar is LR(k); where priorities hide that, Lark's table depends
            on the order in which it meets its sets, and its parser may not end.
    """

    def __init__(
        self,
        rules: Sequence[LarkRule],
        starts: Sequence[str],
        terminal_numbers: dict[str, int],
        span: Callable[[str], SourceSpan] = lambda _: SourceSpan(),
    ) -> None:
        self._rules = rules
        self._span = span
        self.names: list[str] = []
        self.rules_of: list[list[tuple[int, tuple[int, ...]]]] = []
        number: dict[str, int] = {}
        for rule in rules:
            name = str(rule.origin.name)
            if name not in number:
                number[name] = len(self.names)
                self.names.append(name)
                self.rules_of.append([])
        for i, rule in enumerate(rules):
            expansion = tuple(
                number[s.name] if isinstance(s, NonTerminal) else ~terminal_numbers[s.name] for s in rule.expansion
            )
            self.rules_of[number[rule.origin.name]].append((i, expansion))
        self._terminal_names = {n: name for name, n in terminal_numbers.items()}
        self._nullable = _nullable(self.rules_of)
        self._build_states([number[name] for name in starts])
        self._resolve(self._lookaheads())

    # -- LR(0) ------------------------------------------------------------------------------------

    def _build_states(self, starts: list[int]) -> None:
        """States by their kernels. An item is a number: the rule's first item plus the position of the dot."""
        next_symbol: list[int | None] = []
        first_item: dict[int, int] = {}
        self._rule_at: dict[int, int] = {}  # an item with its dot at the end -> rule
        for own in self.rules_of:
            for rule, expansion in own:
                first_item[rule] = len(next_symbol)
                next_symbol.extend(expansion)
                self._rule_at[len(next_symbol)] = rule
                next_symbol.append(None)
        begun = {
            first_item[rule] + dot: (lhs, expansion, dot)
            for lhs, own in enumerate(self.rules_of)
            for rule, expansion in own
            for dot in range(1, len(expansion))
        }
        roots = []
        for start in starts:  # the items [root: . start] and [root: start .]
            roots.append(len(next_symbol))
            next_symbol += [start, None]

        # For a nonterminal: the nonterminals that its texts may begin with, in a fixed order.
        corners: list[list[int]] = []
        for nonterminal in range(len(self.rules_of)):
            found = {nonterminal: None}
            order = [nonterminal]
            for corner in order:  # grows while we walk
                for _, expansion in self.rules_of[corner]:
                    if expansion and expansion[0] >= 0 and expansion[0] not in found:
                        found[expansion[0]] = None
                        order.append(expansion[0])
            corners.append(order)

        kernels: dict[tuple[int, ...], int] = {}
        pending: list[tuple[int, ...]] = []
        self.entered_by: list[int | None] = []
        self.transitions: list[dict[int, int]] = []
        self._complete: list[list[int]] = []  # for each state, the rules that end there
        self._kernels: list[list[tuple[int, tuple[int, ...], int]]] = []  # ... and the rules begun before it

        def state(kernel: tuple[int, ...], symbol: int | None) -> int:
            found = kernels.get(kernel)
            if found is None:
                found = kernels[kernel] = len(pending)
                pending.append(kernel)
                self.entered_by.append(symbol)
            return found

        self.roots = [(state((item,), None), start) for item, start in zip(roots, starts, strict=True)]
        for kernel in pending:  # grows while we walk
            advanced: dict[int, list[int]] = {}
            complete = []
            closed: dict[int, None] = {}
            for item in kernel:
                symbol = next_symbol[item]
                if symbol is None:
                    if item in self._rule_at:
                        complete.append(self._rule_at[item])
                    continue
                advanced.setdefault(symbol, []).append(item + 1)
                if symbol >= 0 and symbol not in closed:
                    closed.update(dict.fromkeys(corners[symbol]))
            for nonterminal in closed:
                for rule, expansion in self.rules_of[nonterminal]:
                    if expansion:
                        advanced.setdefault(expansion[0], []).append(first_item[rule] + 1)
                    else:
                        complete.append(rule)
            self._complete.append(complete)
            self._kernels.append([begun[item] for item in kernel if item in begun])
            self.transitions.append({symbol: state(tuple(sorted(items)), symbol) for symbol, items in advanced.items()})

    # -- LALR(1) ----------------------------------------------------------------------------------

    def _lookaheads(self) -> dict[tuple[int, int], int]:
        """LA: (state, rule) -> lookaheads."""
        transitions, nullable = self.transitions, self._nullable
        edges = [(p, a) for p, moves in enumerate(transitions) for a in moves if a >= 0]
        index = {edge: i for i, edge in enumerate(edges)}
        shiftable = [sum(2 << ~symbol for symbol in moves if symbol < 0) for moves in transitions]
        direct = [shiftable[transitions[p][a]] for p, a in edges]
        for root in self.roots:
            direct[index[root]] |= END_BIT
        nullable_moves = [[a for a in moves if a in nullable] for moves in transitions]
        reads = []
        for p, a in edges:
            r = transitions[p][a]
            reads.append([index[r, c] for c in nullable_moves[r]])
        includes: list[list[int]] = [[] for _ in edges]
        lookback: dict[tuple[int, int], list[int]] = {}
        # For each rule: from which position on its rest is nullable.
        tails = {}
        for own in self.rules_of:
            for rule, expansion in own:
                tail = len(expansion)
                while tail and expansion[tail - 1] in nullable:
                    tail -= 1
                tails[rule] = tail - 1  # the symbol before may be followed by whatever follows the whole
        for i, (p, b) in enumerate(edges):
            for rule, expansion in self.rules_of[b]:
                at = p
                tail = tails[rule]
                for position, symbol in enumerate(expansion):
                    if symbol >= 0 and position >= tail:
                        includes[index[at, symbol]].append(i)
                    at = transitions[at][symbol]
                lookback.setdefault((at, rule), []).append(i)
        for p, kernel in enumerate(self._kernels):
            # Lark also takes a rule for B that began *before* p for one that begins in p, if p has a goto for B. So
            # some of its lookahead sets are larger than DeRemer and Pennello's. They decide what its lexer looks for.
            for b, expansion, dot in kernel:
                origin = index.get((p, b))
                if origin is None:
                    continue
                at = p
                tail = len(expansion)
                while tail and expansion[tail - 1] in nullable:
                    tail -= 1
                for position in range(dot, len(expansion)):
                    symbol = expansion[position]
                    if symbol >= 0 and position >= tail - 1:
                        includes[index[at, symbol]].append(origin)
                    at = transitions[at][symbol]
        read, cycle = _closure(direct, reads)
        if cycle:
            raise UnsupportedError.of(
                "cycle of empty rules",
                "LALR can't be defined here: by empty rules alone the parser comes back to the same state:"
                f" {' '.join(self.names[edges[i][1]] for i in cycle)}",
                remedy='parser="earley", or no repetition of what may be empty',
            )
        follow, _ = _closure(read, includes)
        result = {}
        for key, origins in lookback.items():
            lookaheads = 0
            for i in origins:
                lookaheads |= follow[i]
            result[key] = lookaheads
        self._shiftable = shiftable
        return result

    def _resolve(self, lookaheads: dict[tuple[int, int], int]) -> None:
        """Lark's resolution: the rule of higher priority, and then a shift, wins."""
        self.actions: list[int] = []
        self.reductions: list[dict[int, int]] = []
        self.conflicts: list[Conflict] = []
        for q, complete in enumerate(self._complete):
            shiftable = self._shiftable[q]
            wanted = {rule: lookaheads.get((q, rule), 0) for rule in sorted(complete)}
            lost_to_rule = self._compare(q, wanted) if len(wanted) > 1 else {}
            actions = shiftable
            taken = {}
            for rule, wants in wanted.items():
                actions |= wants
                to_shift = wants & shiftable
                lost = to_shift | lost_to_rule.get(rule, 0)
                if lost:
                    self.conflicts.append(Conflict(q, rule, lost, to_shift))
                taken[rule] = wants & ~lost
            self.actions.append(actions)
            self.reductions.append(taken)

    def _compare(self, state: int, wanted: dict[int, int]) -> dict[int, int]:
        """Rule -> lookaheads that it loses to another rule of this state."""
        once = twice = 0
        for wants in wanted.values():
            twice |= once & wants
            once |= wants
        lost: dict[int, int] = {}
        while twice:
            bit = twice & -twice
            twice ^= bit
            rivals = [(self._rules[r].options.priority or 0, r) for r, wants in wanted.items() if wants & bit]
            best = max(priority for priority, _ in rivals)
            winners = [r for priority, r in rivals if priority == best]
            if len(winners) > 1:
                at = self._span(self._rules[rivals[0][1]].origin.name)
                raise GrammarError(
                    self._collision(bit, [r for _, r in rivals]),
                    remedy='parser="earley", which follows all of them, or priorities that choose',
                    line=at.line or None,
                    column=at.column or None,
                    name=at.source or None,
                )
            for _, rule in rivals:
                if rule != winners[0]:
                    lost[rule] = lost.get(rule, 0) | bit
        return lost

    def _collision(self, bit: int, rivals: Iterable[int]) -> str:
        rules = "\n".join(f"    {self.show(r)}" for r in rivals)
        return f"reduce/reduce conflict before {self.terminal_name(bit)}: LALR can't choose between\n{rules}"

    def terminal_name(self, bit: int) -> str:
        """The name of a lookahead given as its bit."""
        return "$END" if bit == END_BIT else self._terminal_names[bit.bit_length() - 2]

    def show(self, rule: int) -> str:
        """A rule in Lark's words."""
        lark_rule = self._rules[rule]
        return f"{lark_rule.origin.name}: {' '.join(s.name for s in lark_rule.expansion)}".rstrip()


def _nullable(rules_of: list[list[tuple[int, tuple[int, ...]]]]) -> set[int]:
    waiting: dict[int, list[tuple[int, list[int]]]] = {}
    nullable: set[int] = set()
    ready: list[int] = []
    for lhs, own in enumerate(rules_of):
        for _, expansion in own:
            if all(s >= 0 for s in expansion):
                missing = set(expansion)
                if missing:
                    count = [len(missing)]
                    for symbol in missing:
                        waiting.setdefault(symbol, []).append((lhs, count))
                elif lhs not in nullable:
                    nullable.add(lhs)
                    ready.append(lhs)
    while ready:
        for lhs, count in waiting.get(ready.pop(), ()):
            count[0] -= 1
            if not count[0] and lhs not in nullable:
                nullable.add(lhs)
                ready.append(lhs)
    return nullable


def _closure(direct: list[int], relation: list[list[int]]) -> tuple[list[int], list[int]]:
    """F(x) = direct(x) | union of F(y) over all y in relation(x), and the members of one cycle, if there is any.

    DeRemer and Pennello's `digraph`: members of a cycle share one set. Tarjan's algorithm with a stack of its own.
    """
    result = direct[:]
    depth = [0] * len(direct)  # 0: not seen
    done = 1 << 60
    stack: list[int] = []
    cycle: list[int] = []
    for root in range(len(direct)):
        if depth[root]:
            continue
        stack.append(root)
        depth[root] = len(stack)
        work = [(root, len(stack), iter(relation[root]))]
        while work:
            x, d, successors = work[-1]
            for y in successors:
                if not depth[y]:
                    stack.append(y)
                    depth[y] = len(stack)
                    work.append((y, len(stack), iter(relation[y])))
                    break
                depth[x] = min(depth[x], depth[y])
                result[x] |= result[y]
            else:
                work.pop()
                if depth[x] == d:
                    if stack[-1] != x:
                        cycle = stack[stack.index(x) :]
                    while True:
                        y = stack.pop()
                        depth[y] = done
                        result[y] = result[x]
                        if y == x:
                            break
                if work:
                    parent = work[-1][0]
                    depth[parent] = min(depth[parent], depth[x])
                    result[parent] |= result[x]
    return result, cycle
