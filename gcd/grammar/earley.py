"""Lark's general parser: any derivation by its BNF counts, so the rules are taken over as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lark.grammar import NonTerminal
from lark.grammar import Rule as LarkRule

from gcd.grammar.draft import Draft, Rule
from gcd.grammar.ir import SourceSpan
from gcd.grammar.terminals import TerminalTable

__all__ = ["transcribe"]


def transcribe(
    rules: Sequence[LarkRule],
    starts: Sequence[str],
    table: TerminalTable,
    *,
    independent: bool,
    span: Callable[[str], SourceSpan] = lambda _: SourceSpan(),
) -> Draft:
    """Lark's BNF as a draft. With the basic lexer (not `independent`) every terminal carries the one lexset."""
    draft = Draft()
    lexset = 0 if independent else table.lexset_of_all()
    ids: dict[str, int] = {}
    shifts: dict[tuple[int, int], int] = {}
    for rule in rules:
        name = str(rule.origin.name)
        if name not in ids:
            ids[name] = draft.nonterminal(name, span(name))
    for rule in rules:
        rhs = []
        for symbol in rule.expansion:
            if isinstance(symbol, NonTerminal):
                rhs.append(ids[symbol.name])
            else:
                rhs.append(~shifts.setdefault((table.parsing_id[symbol.name], lexset), len(shifts)))
        draft.rules.append(Rule(ids[rule.origin.name], tuple(rhs)))
    draft.shifts = list(shifts)
    draft.starts = [(name, ids[name], lexset) for name in starts]
    return draft
