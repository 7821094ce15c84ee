"""Compiled grammars put together: one after another, one or another, at most once, over and over.

A composition is an automaton whose edges are whole grammars (`csrc/composition.hpp` says how its masks are found). So
its parts may be of any kind (Lark grammars of every mode, patterns, JSON Schemas); they are compiled, saved and loaded
on their own, and putting them together costs nothing. Of a part with several start symbols, the first counts. Its
language is what set theory says: a text belongs to ``a + b`` if it can be cut *somewhere* into a sentence of a and one
of b, whatever the lexers of a and b would do there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gcd._native.composition import ComposedEngine
from gcd.errors import UnsupportedError
from gcd.exactness import Exactness
from gcd.grammar_info import GrammarInfo

if TYPE_CHECKING:
    from gcd._native.engine import Engine
    from gcd._native.schema import SchemaEngine
    from gcd._native.sql import SqlEngine
    from gcd.compiled_grammar import CompiledGrammar

__all__ = ["concatenation", "optional", "repeated", "union"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Nodes are numbers below `n_nodes`; no edge leads to a start node."""

    parts: tuple[CompiledGrammar, ...]
    n_nodes: int
    edges: tuple[tuple[int, int, int], ...]
    """(node, part, node)"""
    starts: tuple[int, ...]
    finals: frozenset[int]

    def after(self, other: _Plan) -> _Plan:
        """With other numbers, those behind another plan's."""
        parts, nodes = len(other.parts), other.n_nodes
        return replace(
            self,
            edges=tuple((f + nodes, p + parts, t + nodes) for f, p, t in self.edges),
            starts=tuple(s + nodes for s in self.starts),
            finals=frozenset(f + nodes for f in self.finals),
        )


def union(*compiled: CompiledGrammar) -> CompiledGrammar:
    """The sentences of any of some compiled grammars; also ``a | b``.

    Raises:
        TypeError: nothing given, or something that isn't a compiled grammar.
        ValueError: they were compiled for different vocabularies.
        UnsupportedError: some byte of the vocabulary has no token of its own.
    """
    plan = _plan(compiled[0]) if compiled else None
    for other in map(_plan, compiled[1:]):
        assert plan is not None
        more = other.after(plan)
        plan = _Plan(
            plan.parts + more.parts,
            plan.n_nodes + more.n_nodes,
            plan.edges + more.edges,
            plan.starts + more.starts,
            plan.finals | more.finals,
        )
    return _built(plan, "union")


def concatenation(*compiled: CompiledGrammar) -> CompiledGrammar:
    """A sentence of the first, then one of the second, and so on; also ``a + b``. Raises as `union` does."""
    plan = _plan(compiled[0]) if compiled else None
    for other in map(_plan, compiled[1:]):
        assert plan is not None
        more = other.after(plan)
        begin = [(p, t) for f, p, t in more.edges if f in more.starts]
        nothing = bool(more.finals.intersection(more.starts))
        plan = _Plan(
            plan.parts + more.parts,
            plan.n_nodes + more.n_nodes,
            plan.edges + tuple((f, p, t) for f in sorted(plan.finals) for p, t in begin) + more.edges,
            plan.starts,
            (plan.finals if nothing else frozenset()) | more.finals,
        )
    return _built(plan, "concatenation")


def optional(compiled: CompiledGrammar) -> CompiledGrammar:
    """A sentence, or the empty text. Raises as `union` does."""
    plan = _plan(compiled)
    return _built(replace(plan, finals=plan.finals.union(plan.starts)), "option")


def repeated(compiled: CompiledGrammar) -> CompiledGrammar:
    """Any number of sentences one after another, none included. Raises as `union` does."""
    plan = _plan(compiled)
    again = tuple((f, p, t) for f in sorted(plan.finals) for s, p, t in plan.edges if s in plan.starts)
    edges = tuple(dict.fromkeys(plan.edges + again))
    return _built(replace(plan, edges=edges, finals=plan.finals.union(plan.starts)), "repetition")


_PLAN = "_composition_plan"


def _plan(compiled: CompiledGrammar) -> _Plan:
    """How a compiled grammar is put together; an ordinary one is one edge."""
    from gcd.compiled_grammar import CompiledGrammar

    if not isinstance(compiled, CompiledGrammar):
        raise TypeError(f"a compiled grammar is put together from others, not from a {type(compiled).__name__}")
    plan = getattr(compiled, _PLAN, None)
    if isinstance(plan, _Plan):
        return plan
    return _Plan((compiled,), 2, ((0, 0, 1),), (0,), frozenset((1,)))


def _built(plan: _Plan | None, kind: str) -> CompiledGrammar:
    """The compiled grammar of a plan."""
    from gcd.compiled_grammar import CompiledGrammar

    if plan is None:
        raise TypeError(f"a {kind} needs at least one compiled grammar")
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
    engine = ComposedEngine(
        trie,
        tuple((_engine(part), 0) for part in plan.parts),
        plan.n_nodes,
        plan.edges,
        plan.starts,
        sorted(plan.finals),
        first.eos_ids,
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


def _engine(compiled: CompiledGrammar) -> Engine | SchemaEngine | SqlEngine:
    engine = compiled._engine
    assert not isinstance(engine, ComposedEngine)
    return engine


def _exactness(plan: _Plan) -> Exactness:
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


def _info(plan: _Plan, kind: str) -> GrammarInfo:
    infos = [part.info for part in plan.parts]
    shape = (plan.n_nodes, plan.edges, plan.starts, sorted(plan.finals), [i.hash for i in infos])
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
