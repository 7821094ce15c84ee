"""Compiled grammars put together: one after another, one or another, over and over, in one another, in JSON strings.

A composition is an automaton whose edges are whole grammars (`csrc/composition.hpp` says how its masks are found). So
its parts may be of any kind (Lark grammars of every mode, patterns, JSON Schemas); they are compiled on their own, and
putting them together costs nothing. Of a part with several start symbols, the first counts. Its language is what set
theory says: a text belongs to ``a + b`` if it can be cut *somewhere* into a sentence of a and one of b, whatever the
lexers of a and b would do there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, overload

from gcd._native.composition import ComposedEngine
from gcd.errors import GrammarError, UnsupportedError
from gcd.exactness import Exactness
from gcd.grammar_info import GrammarInfo

if TYPE_CHECKING:
    from gcd._native.engine import Engine
    from gcd._native.schema import SchemaEngine
    from gcd._native.sql import SqlEngine
    from gcd.compiled_grammar import CompiledGrammar

__all__ = [
    "Plan",
    "Recursion",
    "built",
    "concatenation",
    "json_string",
    "optional",
    "plan_of",
    "recursive",
    "repeated",
    "union",
]


@dataclass(frozen=True, slots=True)
class _Call:
    """An edge's label: a rule, by a number that no other rule of the process has."""

    rule: int
    in_string: bool = False
    """Each sentence of the rule is written as a JSON string."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Nodes are numbers below `n_nodes`; no edge leads to a start node."""

    parts: tuple[CompiledGrammar, ...]
    n_nodes: int
    edges: tuple[tuple[int, int | _Call, int], ...]
    """(node, part or call, node)"""
    starts: tuple[int, ...]
    finals: frozenset[int]
    rules: dict[int, tuple[tuple[int, ...], frozenset[int]]] = field(default_factory=dict)
    """What calls may mean: starts and finals, of nodes of their own. A call of any other rule is still open."""

    def after(self, other: Plan) -> Plan:
        """With other numbers, those behind another plan's."""
        parts, nodes = len(other.parts), other.n_nodes
        names = {rule: next(_RULES) for rule in self.rules}  # else what stands twice would be the same rule twice

        def label(old: int | _Call) -> int | _Call:
            return replace(old, rule=names.get(old.rule, old.rule)) if isinstance(old, _Call) else old + parts

        return replace(
            self,
            edges=tuple((f + nodes, label(p), t + nodes) for f, p, t in self.edges),
            starts=tuple(s + nodes for s in self.starts),
            finals=frozenset(f + nodes for f in self.finals),
            rules={
                names[rule]: (tuple(s + nodes for s in starts), frozenset(f + nodes for f in finals))
                for rule, (starts, finals) in self.rules.items()
            },
        )

    def open_rules(self) -> set[int]:
        """Rules that are called and not defined yet."""
        return {p.rule for _, p, _ in self.edges if isinstance(p, _Call)} - self.rules.keys()

    def numbered(self) -> tuple[list[tuple[int, int, int]], list[tuple[list[int], list[int]]]]:
        """Edges and rules with plain numbers: parts, then rules, then rules in strings; rule 0 is what a text is."""
        first = {in_string: len(self.parts) + in_string * (len(self.rules) + 1) for in_string in (False, True)}
        number = {rule: 1 + i for i, rule in enumerate(self.rules)}
        edges = [(f, first[p.in_string] + number[p.rule] if isinstance(p, _Call) else p, t) for f, p, t in self.edges]
        rules = [(self.starts, self.finals), *self.rules.values()]
        return edges, [(list(starts), sorted(finals)) for starts, finals in rules]

    @classmethod
    def from_numbers(
        cls,
        parts: Sequence[CompiledGrammar],
        n_nodes: int,
        edges: Sequence[tuple[int, int, int]],
        rules: Sequence[tuple[Sequence[int], Sequence[int]]],
    ) -> Plan:
        """The other way round of `numbered`. Raises ValueError for numbers out of range."""
        numbers = {n for f, _, t in edges for n in (f, t)} | {n for rule in rules for side in rule for n in side}
        labels: dict[int, int | _Call] = {i: i for i in range(len(parts))}
        names = {i: next(_RULES) for i in range(1, len(rules))}
        labels |= {len(parts) + i: _Call(name) for i, name in names.items()}
        labels |= {len(parts) + len(rules) + i: _Call(name, in_string=True) for i, name in names.items()}
        if (
            not parts
            or not rules
            or not numbers <= set(range(n_nodes))
            or not {p for _, p, _ in edges} <= labels.keys()
        ):
            raise ValueError("a composition's numbers are out of range")
        (starts, finals), *others = rules
        return cls(
            tuple(parts),
            n_nodes,
            tuple((f, labels[p], t) for f, p, t in edges),
            tuple(starts),
            frozenset(finals),
            {name: (tuple(s), frozenset(f)) for name, (s, f) in zip(names.values(), others, strict=True)},
        )


_RULES = itertools.count()


class Recursion:
    """What is being defined, where it stands in its own definition; only `recursive` makes these.

    Attributes:
        plan: how it is put together so far.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __add__(self, other: Part) -> Part:
        return concatenation(self, other)

    def __radd__(self, other: Part) -> Part:
        return concatenation(other, self)

    def __or__(self, other: Part) -> Part:
        return union(self, other)

    def __ror__(self, other: Part) -> Part:
        return union(other, self)


Part: TypeAlias = "CompiledGrammar | Recursion"


@overload
def union(*compiled: CompiledGrammar) -> CompiledGrammar: ...
@overload
def union(*compiled: Part) -> Part: ...
def union(*compiled: Part) -> Part:
    """The sentences of any of some compiled grammars; also ``a | b``.

    Raises:
        TypeError: nothing given, or something that isn't a compiled grammar.
        ValueError: they were compiled for different vocabularies.
        UnsupportedError: some byte of the vocabulary has no token of its own.
    """
    return _put(_choice([plan_of(part) for part in compiled]), "union")


@overload
def concatenation(*compiled: CompiledGrammar) -> CompiledGrammar: ...
@overload
def concatenation(*compiled: Part) -> Part: ...
def concatenation(*compiled: Part) -> Part:
    """A sentence of the first, then one of the second, and so on; also ``a + b``. Raises as `union` does."""
    return _put(_sequence([plan_of(part) for part in compiled]), "concatenation")


@overload
def optional(compiled: CompiledGrammar) -> CompiledGrammar: ...
@overload
def optional(compiled: Recursion) -> Recursion: ...
def optional(compiled: Part) -> Part:
    """A sentence, or the empty text. Raises as `union` does."""
    plan = plan_of(compiled)
    return _put(replace(plan, finals=plan.finals.union(plan.starts)), "option")


@overload
def repeated(compiled: CompiledGrammar) -> CompiledGrammar: ...
@overload
def repeated(compiled: Recursion) -> Recursion: ...
def repeated(compiled: Part) -> Part:
    """Any number of sentences one after another, none included. Raises as `union` does."""
    plan = plan_of(compiled)
    again = tuple((f, p, t) for f in sorted(plan.finals) for s, p, t in plan.edges if s in plan.starts)
    edges = tuple(dict.fromkeys(plan.edges + again))
    return _put(replace(plan, edges=edges, finals=plan.finals.union(plan.starts)), "repetition")


def recursive(define: Callable[[Recursion], Part]) -> CompiledGrammar:
    """What may stand in itself, to any depth: nested lists of values that a schema describes, say.

    ``recursive(lambda tree: value | begin + repeated(tree + comma) + tree + end)``

    Args:
        define: given what is being defined, returns it, put together from that and from compiled grammars. Definitions
            may stand in one another: then what an inner one returns may only be used in the outer one.

    Raises:
        GrammarError: no sentence comes to an end.
        UnsupportedError: it begins with itself; also as `union` does.
    """
    call = _Call(next(_RULES))
    body = plan_of(define(Recursion(Plan((), 2, ((0, call, 1),), (0,), frozenset((1,))))))
    return _put(_called(body, call), "recursion")  # type: ignore[return-value] # in another's definition: a part of that


@overload
def json_string(compiled: CompiledGrammar) -> CompiledGrammar: ...
@overload
def json_string(compiled: Recursion) -> Recursion: ...
def json_string(compiled: Part) -> Part:
    """The JSON strings, quotes included, whose characters are a sentence: SQL in a tool call's arguments, say.

    A character may be written as it is or in any escape (RFC 8259 §7), as far as JSON allows. One that the vocabulary
    has no bytes for isn't written in an escape, either.

    Raises:
        GrammarError: the vocabulary has no tokens to write escapes with.
        TypeError, ValueError, UnsupportedError: as of `union`.
    """
    return _put(_called(plan_of(compiled), _Call(next(_RULES), in_string=True)), "string")


def _called(body: Plan, call: _Call) -> Plan:
    """One call, of a rule with this body."""
    n = body.n_nodes
    return Plan(
        body.parts,
        n + 2,
        (*body.edges, (n, call, n + 1)),
        (n,),
        frozenset((n + 1,)),
        {**body.rules, call.rule: (body.starts, body.finals)},
    )


_PLAN = "_composition_plan"


def plan_of(part: object) -> Plan:
    """How something is put together; an ordinary compiled grammar is one edge."""
    from gcd.compiled_grammar import CompiledGrammar

    if isinstance(part, Recursion):
        return part.plan
    if not isinstance(part, CompiledGrammar):
        raise TypeError(f"a compiled grammar is put together from others, not from a {type(part).__name__}")
    plan = getattr(part, _PLAN, None)
    if isinstance(plan, Plan):
        return plan
    return Plan((part,), 2, ((0, 0, 1),), (0,), frozenset((1,)))


def _choice(plans: Sequence[Plan]) -> Plan | None:
    plan = plans[0] if plans else None
    for other in plans[1:]:
        assert plan is not None
        more = other.after(plan)
        plan = Plan(
            plan.parts + more.parts,
            plan.n_nodes + more.n_nodes,
            plan.edges + more.edges,
            plan.starts + more.starts,
            plan.finals | more.finals,
            {**plan.rules, **more.rules},
        )
    return plan


def _sequence(plans: Sequence[Plan]) -> Plan | None:
    plan = plans[0] if plans else None
    for other in plans[1:]:
        assert plan is not None
        more = other.after(plan)
        begin = [(p, t) for f, p, t in more.edges if f in more.starts]
        nothing = bool(more.finals.intersection(more.starts))
        plan = Plan(
            plan.parts + more.parts,
            plan.n_nodes + more.n_nodes,
            plan.edges + tuple((f, p, t) for f in sorted(plan.finals) for p, t in begin) + more.edges,
            plan.starts,
            (plan.finals if nothing else frozenset()) | more.finals,
            {**plan.rules, **more.rules},
        )
    return plan


def _put(plan: Plan | None, kind: str) -> Part:
    """The compiled grammar of a plan, unless it calls what isn't defined yet."""
    if plan is None:
        raise TypeError(f"a {kind} needs at least one compiled grammar")
    return Recursion(plan) if plan.open_rules() else built(plan, kind)


def built(plan: Plan, kind: str) -> CompiledGrammar:
    """The compiled grammar of a plan in which every rule is defined."""
    from gcd.compiled_grammar import CompiledGrammar

    _check_recursion(plan)
    first, *others = plan.parts
    for other in others:
        if (other.fingerprint, other.width, other.eos_ids) != (first.fingerprint, first.width, first.eos_ids):
            raise ValueError(
                f"the parts of a {kind} must be compiled for one vocabulary, not for {first.fingerprint[:12]}… and "
                f"{other.fingerprint[:12]}…"
            )
    tries = {id(_engine(part).trie): _engine(part).trie for part in plan.parts}
    if len(tries) > 1:
        raise ValueError(
            f"the parts of a {kind} hold their vocabulary twice: pass vocab= to gcd.load, or load them at one time"
        )
    trie = _engine(first).trie
    if not trie.byte_complete:
        raise UnsupportedError.of(
            f"a {kind} over this vocabulary",
            "some byte of its tokens is no token of its own, so where one part may end depends on how the text is cut "
            "into tokens",
            remedy="write it as one grammar, by %import",
        )
    edges, rules = plan.numbered()
    engine = ComposedEngine(
        trie, tuple((_engine(part), 0) for part in plan.parts), plan.n_nodes, edges, rules, first.eos_ids
    )
    compiled = CompiledGrammar(
        engine,
        _info(plan, kind),
        _exactness(plan),
        eos_ids=first.eos_ids,
        fingerprint=first.fingerprint,
        vocab=first.vocab,
    )
    setattr(compiled, _PLAN, plan)
    return compiled


def _check_recursion(plan: Plan) -> None:
    """Refuse rules that begin with themselves, and rules that never end."""
    if not plan.rules:
        return
    edges: dict[int, list[tuple[int | _Call, int]]] = {}
    for f, p, t in plan.edges:
        edges.setdefault(f, []).append((p, t))

    def reached(starts: Iterable[int], passes: Callable[[int | _Call], bool]) -> set[int]:
        seen = set(starts)
        todo = list(seen)
        while todo:
            more = {t for p, t in edges.get(todo.pop(), []) if passes(p)} - seen
            seen |= more
            todo += more
        return seen

    def least(passes_part: Callable[[int], bool], *, strings: bool) -> set[int]:
        """Rules whose end can be reached over certain parts and over such rules; over those in strings only if told."""
        found: set[int] = set()

        def passes(label: int | _Call) -> bool:
            if isinstance(label, _Call):
                return label.rule in found and (strings or not label.in_string)
            return passes_part(label)

        while more := {r for r, (s, f) in plan.rules.items() if r not in found and f & reached(s, passes)}:
            found |= more
        return found

    if least(lambda part: True, strings=True) != plan.rules.keys():
        raise GrammarError(
            "a recursion has no sentence: each way through it needs another one first",
            remedy="give it a way that ends: recursive(lambda tree: value | begin + tree + end)",
        )
    empty_parts = {i for i, part in enumerate(plan.parts) if part.matcher().is_complete}
    empty = least(empty_parts.__contains__, strings=False)

    def passes_empty(label: int | _Call) -> bool:
        if isinstance(label, _Call):
            return label.rule in empty and not label.in_string
        return label in empty_parts

    begins: dict[int, set[int]] = {}
    for rule, (starts, _) in plan.rules.items():
        at = reached(starts, passes_empty)
        labels = {p for node in at for p, _ in edges.get(node, [])}
        begins[rule] = {p.rule for p in labels if isinstance(p, _Call) and not p.in_string}
    while leaves := [rule for rule, calls in begins.items() if not calls & begins.keys()]:
        for rule in leaves:
            del begins[rule]
    if begins:
        raise UnsupportedError.of(
            "a recursion that begins with itself",
            "a recursion that begins with itself would have to be read before its first byte",
            remedy="let something else come first; repeated() says 'any number of'",
        )


def _engine(compiled: CompiledGrammar) -> Engine | SchemaEngine | SqlEngine:
    engine = compiled._engine
    assert not isinstance(engine, ComposedEngine)
    return engine


def _exactness(plan: Plan) -> Exactness:
    """Exact if all parts are."""
    several = len(plan.parts) > 1

    def named(texts: list[tuple[int, str]]) -> tuple[str, ...]:
        return tuple(f"part {i + 1}: {text}" if several else text for i, text in texts)

    reports = [part.exactness for part in plan.parts]
    return Exactness(
        exact=all(report.exact for report in reports),
        kinds=frozenset(kind for report in reports for kind in report.kinds),
        reasons=named([(i, reason) for i, report in enumerate(reports) for reason in report.reasons]),
        notes=named([(i, note) for i, report in enumerate(reports) for note in report.notes]),
    )


def _info(plan: Plan, kind: str) -> GrammarInfo:
    infos = [part.info for part in plan.parts]
    shape = (plan.n_nodes, *plan.numbered(), [i.hash for i in infos])
    return GrammarInfo(
        starts=("text",),
        terminals=tuple(terminal for info in infos for terminal in info.terminals),
        mode=f"{kind} of {', '.join(dict.fromkeys(info.mode for info in infos))}",
        n_nonterminals=sum(info.n_nonterminals for info in infos),
        n_productions=sum(info.n_productions for info in infos),
        source="",
        notes=tuple(dict.fromkeys(note for info in infos for note in info.notes)),
        hash=hashlib.sha256(repr(shape).encode()).hexdigest(),
    )
