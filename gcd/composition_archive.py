"""Compositions in one artefact: their plan, and the sections of each part under its number.

Section ``composition`` holds the plan as JSON, and of each part what ``meta`` holds of a grammar; section ``2/tables``
is section ``tables`` of the third part. All parts share the section ``trie``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gcd._native.composition import ComposedEngine
from gcd.artifact import Artifact
from gcd.composition import Plan, built, plan_of
from gcd.grammar_info import list_of

if TYPE_CHECKING:
    from gcd.compiled_grammar import CompiledGrammar

__all__ = ["read_composition", "sections_of"]


def sections_of(compiled: CompiledGrammar) -> dict[str, bytes]:
    """What an artefact holds of a composition beside ``meta`` and ``trie``."""
    plan = plan_of(compiled)
    edges, rules = plan.numbered()
    kind = compiled.info.mode.partition(" ")[0]
    parts = [{"grammar": part.info.to_json(), "exactness": part.exactness.to_json()} for part in plan.parts]
    value = {"kind": kind, "nodes": plan.n_nodes, "edges": edges, "rules": rules, "parts": parts}
    sections = {"composition": json.dumps(value, sort_keys=True).encode()}
    for number, part in enumerate(plan.parts):
        engine = part._engine
        assert not isinstance(engine, ComposedEngine)
        for name, data in engine.sections().items():
            sections[f"{number}/{name}"] = data
    return sections


def read_composition(
    artifact: Artifact, read_part: Callable[[str, dict[str, Any]], CompiledGrammar]
) -> CompiledGrammar:
    """The compiled grammar of such an artefact.

    Args:
        artifact: opened.
        read_part: makes a compiled grammar of the prefix of a part's sections and its entry in ``parts``.

    Raises:
        LookupError, TypeError, ValueError: section ``composition`` is damaged.
        GrammarError: its plan isn't one.
    """
    value = artifact.json("composition")
    n_nodes, kind = value["nodes"], value["kind"]
    edges = [(f, p, t) for f, p, t in (list_of(int, edge) for edge in list_of(list, value["edges"]))]
    rules = [(list_of(int, s), list_of(int, f)) for s, f in (list_of(list, r) for r in list_of(list, value["rules"]))]
    parts = list_of(dict, value["parts"])
    nodes = {n for f, _, t in edges for n in (f, t)}
    if (n_nodes, max(nodes, default=0) + 1) != (len(nodes), len(nodes)) or not isinstance(kind, str):
        raise ValueError("a plan's numbers are out of range")
    made = [read_part(f"{number}/", part) for number, part in enumerate(parts)]
    return built(Plan.from_numbers(made, n_nodes, edges, rules), kind)
