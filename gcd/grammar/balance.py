"""Indentation: do the productions keep the promises that the indentation stack needs?

The viability analysis treats INDENT, DEDENT, brackets and newlines as ordinary terminals. The stack beside the parser
does not: a DEDENT only comes where a level was opened, a newline within brackets never reaches the parser. The two
agree where the grammar is balanced, which this module proves by a sufficient check on the productions:

* within every production, brackets open and close in pairs, and so do INDENT and DEDENT;
* INDENT stands right after the newline terminal;
* what stands right before a DEDENT ends in a newline or a DEDENT;
* nothing between an open bracket and its close can derive a newline, an INDENT or a DEDENT.

Example that passes: ``suite: simple | NEWLINE INDENT stmt+ DEDENT``, if every stmt ends in NEWLINE or DEDENT.
"""

from __future__ import annotations

from gcd.grammar.ir import Grammar, Symbol

__all__ = ["unbalanced"]


def unbalanced(grammar: Grammar) -> str | None:
    """Why indentation can't be proven exact for this grammar; None if it is, or if it has no indentation."""
    spec = grammar.indentation
    if spec is None:
        return None
    lines = {spec.newline, spec.indent, spec.dedent}
    opens, closes = set(spec.open_parens), set(spec.close_parens)
    contains = _closure(grammar, last_only=False)
    ends = _closure(grammar, last_only=True)

    def name(s: Symbol) -> str:
        return (grammar.terminals if s.is_terminal else grammar.nonterminals)[s.id].name

    for production in grammar.productions:
        rule = grammar.nonterminals[production.lhs].name
        brackets = levels = 0
        for before, symbol in zip((None, *production.rhs), production.rhs, strict=False):
            terminals = {symbol.id} if symbol.is_terminal else contains[symbol.id]
            if brackets and terminals & lines:
                return f"rule {rule} has {name(symbol)} between brackets, where newlines are dropped"
            if not symbol.is_terminal:
                continue
            brackets += (symbol.id in opens) - (symbol.id in closes)
            levels += (symbol.id == spec.indent) - (symbol.id == spec.dedent)
            if brackets < 0 or levels < 0:
                return f"rule {rule} closes with {name(symbol)} what it didn't open"
            if symbol.id == spec.indent and not (before and before.is_terminal and before.id == spec.newline):
                return f"rule {rule} has {name(symbol)} without a newline right before it"
            if symbol.id == spec.dedent:
                last: set[int] = set()
                if before is not None:
                    last = {before.id} if before.is_terminal else ends[before.id]
                if not last or last - {spec.newline, spec.dedent}:
                    return f"rule {rule} has {name(symbol)} where a line need not have ended"
        if brackets or levels:
            return f"rule {rule} opens a bracket or an indentation that it doesn't close"
    return None


def _closure(grammar: Grammar, *, last_only: bool) -> list[set[int]]:
    """Per nonterminal, the terminals that its sentences can contain (or end in)."""
    out: list[set[int]] = [set() for _ in grammar.nonterminals]
    grew = True
    while grew:
        grew = False
        for production in grammar.productions:
            into = out[production.lhs]
            size = len(into)
            for symbol in production.rhs[-1:] if last_only else production.rhs:
                if symbol.is_terminal:
                    into.add(symbol.id)
                else:
                    into |= out[symbol.id]
            grew |= len(into) > size
    return out
