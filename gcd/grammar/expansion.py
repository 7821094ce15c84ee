"""How large Lark's BNF of a grammar will be, before Lark writes it.

Lark turns ``a: (b | c)~20`` into 2**20 rules, ``a? b? c? ...`` into one rule for each subset, a terminal that uses a
terminal that uses a terminal twice each time into a pattern of exponential length, and a template that instantiates
itself with a larger argument into rules without end. All of that is counted here on the parsed definitions, in time
linear in the grammar as written, and refused with the number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lark.lexer import Token
from lark.load_grammar import REPEAT_BREAK_THRESHOLD, Definition
from lark.tree import Tree

from gcd.errors import GrammarError, LimitError
from gcd.limits import Limits

__all__ = ["check_expansion"]

_CEILING = 1 << 62
"""Counts stop here; they would grow into numbers of a million digits otherwise."""

_Size = tuple[int, int]
"""Alternatives, and symbols in all of them together."""


def check_expansion(
    definitions: Mapping[str, Definition], limits: Limits, where: Callable[[str], dict[str, Any]]
) -> None:
    """Refuse definitions whose expansion is over the limits.

    Args:
        definitions: by name; references between terminals are resolved already.
        limits: `max_productions` bounds rules and their symbols, `max_grammar_bytes` patterns, `max_terminals` names.
        where: keyword arguments for an error about the definition of a name.
    """
    terminals: dict[int, int] = {}
    templates = {name for name, d in definitions.items() if d.params}
    sizes: dict[str, int] = {}
    total = 0
    for name, definition in definitions.items():
        if definition.tree is None:
            if not definition.is_term:
                raise GrammarError(f"{name!r} is declared, but only terminals can be", **where(name))
            continue
        if definition.is_term:
            length = _pattern_length(definition.tree, terminals)
            if length > limits.max_grammar_bytes:
                raise LimitError.of("max_grammar_bytes", limits.max_grammar_bytes, length, **where(name))
            continue
        sizes[name] = max(_rule_size(definition.tree))
        if name not in templates:
            total += sizes[name]
            if total > limits.max_productions:
                raise LimitError.of("max_productions", limits.max_productions, total, **where(name))
    limits.check("max_terminals", sum(d.is_term for d in definitions.values()))
    if templates:
        _check_templates(definitions, templates, sizes, total, limits, where)


def _pattern_length(tree: Tree[Any], known: dict[int, int]) -> int:
    """Characters of a terminal's pattern, more or less. `tree` is a graph: what it refers to is in it, shared."""
    stack = [tree]
    while stack:
        node = stack[-1]
        if id(node) in known:
            stack.pop()
            continue
        pending = [c for c in node.children if isinstance(c, Tree) and id(c) not in known]
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        length = 3
        for child in node.children:
            length += (
                known[id(child)] if isinstance(child, Tree) else len(str(child)) if isinstance(child, Token) else 1
            )
        known[id(node)] = min(length, _CEILING)
    return known[id(tree)]


def _rule_size(tree: Tree[Any]) -> _Size:
    """Alternatives and symbols of a rule once its options and repetitions are written out."""
    size: dict[int, _Size] = {}
    extra = 0  # in rules of their own: for a* and a+
    for node in tree.iter_subtrees():
        children = [size[id(c)] for c in node.children if isinstance(c, Tree)]
        if node.data == "expansions":
            own = (sum(a for a, _ in children), sum(s for _, s in children))
        elif node.data == "expansion":
            own = (1, 0)
            for child in children:
                own = _sequence(own, child)
        elif node.data in ("alias", "maybe"):
            own = (children[0][0] + (node.data == "maybe"), children[0][1])
        elif node.data == "expr":
            own = children[0]
            operator = str(node.children[1])
            if operator == "?":
                own = (own[0] + 1, own[1])
            elif operator == "~":
                bounds = [int(str(c)) for c in node.children[2:]]
                own = _repeat(own, bounds[0], bounds[-1])
            else:
                extra += 2 * own[1] + own[0]
                own = (2, 1)
        else:  # value, literal, range, template_usage: one symbol
            own = (1, 1)
        size[id(node)] = (min(own[0], _CEILING), min(own[1], _CEILING))
    alternatives, symbols = size[id(tree)]
    return alternatives, min(symbols + extra, _CEILING)


def _sequence(a: _Size, b: _Size) -> _Size:
    return min(a[0] * b[0], _CEILING), min(a[1] * b[0] + b[1] * a[0], _CEILING)


def _repeat(item: _Size, least: int, most: int) -> _Size:
    """Lark writes small repetitions out, and large ones as nested rules of up to ten repetitions each."""
    if most >= REPEAT_BREAK_THRESHOLD:
        least, most = 0, 10
    power: _Size = (1, 0)
    alternatives = symbols = 0
    for n in range(most + 1):
        if n >= least:
            alternatives += power[0]
            symbols += power[1]
        power = _sequence(power, item)
    return alternatives, symbols


def _check_templates(
    definitions: Mapping[str, Definition],
    templates: set[str],
    sizes: Mapping[str, int],
    total: int,
    limits: Limits,
    where: Callable[[str], dict[str, Any]],
) -> None:
    """Instantiate the templates by name only, as Lark will do with their bodies."""
    length = 0
    seen: set[tuple[str, tuple[str, ...]]] = set()
    pending: list[tuple[str, dict[str, str]]] = [(name, {}) for name in definitions if name not in templates]

    def spell(node: object, names: Mapping[str, str]) -> str:
        if isinstance(node, Tree):
            if node.data == "template_usage":
                return instantiate(node, names)
            return ",".join(spell(child, names) for child in node.children)
        name = str(node) if isinstance(node, Token) else str(getattr(node, "name", node))
        return names.get(name, name)

    def instantiate(node: Tree[Any], names: Mapping[str, str]) -> str:
        nonlocal length, total
        name = spell(node.children[0], names)
        arguments = tuple(spell(child, names) for child in node.children[1:])
        written = f"{name}{{{','.join(arguments)}}}"
        if name in templates and (name, arguments) not in seen:
            seen.add((name, arguments))
            length += len(written)
            total += sizes[name]
            for field, reached in (("max_grammar_bytes", length), ("max_productions", total)):
                if reached > getattr(limits, field):
                    raise LimitError.of(
                        field,
                        getattr(limits, field),
                        reached,
                        **where(name)
                        | {"remedy": f"check whether the template {name!r} uses itself with ever larger arguments"},
                    )
            pending.append((name, dict(zip(definitions[name].params, arguments, strict=False))))
        return written

    while pending:
        name, names = pending.pop()
        tree = definitions[name].tree
        if definitions[name].is_term or tree is None:
            continue
        for usage in tree.find_data("template_usage"):
            instantiate(usage, names)
