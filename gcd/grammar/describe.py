"""A `Grammar` as text that a person can read: for `gcd inspect`, for tests, for debugging."""

from __future__ import annotations

from gcd.grammar.ir import Grammar, Symbol

__all__ = ["describe"]


def describe(grammar: Grammar) -> str:
    """The grammar's BNF with its lexsets.

    A terminal in a rule is followed by ``^n`` where lexset n is in force after it, ``!n`` stands where forbid set n
    acts, and copies of one nonterminal that differ by their place are told apart by ``'1``, ``'2``.
    """
    names = _unique(grammar)
    out = [f"mode {grammar.mode}"]
    for start in grammar.starts:
        target = names[start.nonterminal] if start.nonterminal >= 0 else "(nothing)"
        lexed = "" if grammar.independent else f" ^{start.lexset}"
        out.append(f"start {start.name} = {target}{' or nothing' if start.nullable else ''}{lexed}")

    def show(symbol: Symbol) -> str:
        if not symbol.is_terminal:
            return names[symbol.id]
        name = terminal(symbol.id)
        return name if grammar.independent else f"{name}^{symbol.lexset}"

    def terminal(identity: int) -> str:
        return "$END" if identity < 0 else grammar.terminals[identity].name

    previous = -1
    for production in grammar.productions:
        parts = []
        for i in range(len(production.rhs) + 1):
            if production.forbid and production.forbid[i]:
                parts.append(f"!{production.forbid[i]}")
            if i < len(production.rhs):
                parts.append(show(production.rhs[i]))
        lead = f"{names[production.lhs]}:" if production.lhs != previous else "  |"
        previous = production.lhs
        out.append(f"{lead} {' '.join(parts)}")
    for i, forbidden in enumerate(grammar.forbids):
        if forbidden:
            out.append(f"!{i} = not before {' '.join(terminal(t) for t in sorted(forbidden))}")
    for i, lexset in enumerate(grammar.lexsets):
        unless = "; ".join(
            f"{terminal(u.regex)} unless {' '.join(terminal(t) for t in u.literals)}" for u in lexset.unless
        )
        out.append(f"^{i} = {' '.join(terminal(t) for t in lexset.order)}{'; ' + unless if unless else ''}")
    for identity, definition in enumerate(grammar.terminals):
        kind = "declared" if definition.declared else f"/{_printable(definition.pattern)}/"
        flags = f" flags {definition.flags}" if definition.flags else ""
        ignored = " ignored" if identity in grammar.ignore else ""
        out.append(f"{definition.name} = {kind}{flags}{ignored}")
    out.extend(grammar.notes)
    return "\n".join(out)


def _printable(text: str) -> str:
    """
    >>> _printable("a\\tb")
    'a\\\\tb'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _unique(grammar: Grammar) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for nonterminal in grammar.nonterminals:
        count = seen[nonterminal.name] = seen.get(nonterminal.name, -1) + 1
        names.append(f"{nonterminal.name}'{count}" if count else nonterminal.name)
    return names
