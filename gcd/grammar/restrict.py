r"""A grammar's sentences that also meet a condition on the whole text: a pattern, phrases in it or not in it.

A condition on the whole text is a lookahead at its beginning, and every text begins with a lexeme. So each terminal
that can begin a text gets a guard in front, which holds anywhere but at the beginning of the text, and there only if
the condition does::

    NAME: /[a-z]+/    with  must_include=["xy"]   becomes   (?:(?!\A)|(?=(?s:.*)xy))(?:[a-z]+)

Either all of them may match there, or none, so nothing else about the cutting into lexemes changes: what is left is
exactly the sentences that meet the condition. The engine carries the lookahead through the text as a promise that is
still open, and proves for the two together that no text comes to a dead end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.choices import from_regex
from gcd.grammar.ir import Grammar
from gcd.grammar.terminals import inline_flags
from gcd.limits import Limits

__all__ = ["restrict"]

_LETTERS = {re.I: "i", re.M: "m", re.S: "s", re.X: "x"}
_DEFAULT_LIMITS = Limits()


def restrict(
    grammar: Grammar,
    *,
    matching: str | None = None,
    flags: int = 0,
    must_include: Iterable[str] = (),
    must_not_include: Iterable[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
) -> Grammar:
    """The grammar of those sentences that meet all conditions.

    Args:
        grammar: any grammar, a restricted one too.
        matching: a pattern that the whole text must match, as `re.fullmatch` does.
        flags: of this pattern, as for `re.compile`.
        must_include: phrases that must all occur in the text.
        must_not_include: phrases of which none may occur in the text.
        limits: bounds on the work.

    Raises:
        GrammarError: a pattern or phrase is wrong, or no sentence is left that could be empty or not.
        UnsupportedError: the pattern can't be compiled, or the grammar is read by lexer="dynamic_complete".
        TypeError: phrases that aren't a collection of str.
    """
    wanted = _phrases(must_include, "must_include")
    unwanted = _phrases(must_not_include, "must_not_include")
    conditions = [f"(?={_scoped('.*' + re.escape(phrase), re.S)})" for phrase in wanted]
    if unwanted:
        conditions.append(f"(?!{_scoped('.*(?:' + '|'.join(map(re.escape, unwanted)) + ')', re.S)})")
    empty_fits = not wanted
    said = [f"must include {phrase!r}" for phrase in wanted] + [f"must not include {phrase!r}" for phrase in unwanted]
    if matching is not None:
        from_regex(matching, flags, limits=limits)  # what is wrong with it is said of it alone
        compiled = re.compile(matching, flags)
        body, _ = inline_flags(matching)
        conditions.append(rf"(?={_scoped(body, compiled.flags)}\Z)")
        empty_fits = empty_fits and compiled.fullmatch("") is not None
        said.append(f"must match {matching!r}")
    if not conditions:
        return grammar
    if grammar.all_lengths:
        raise UnsupportedError.of(
            "a restriction with lexer='dynamic_complete'",
            "this lexer matches shortened lexemes on their own, so what an assertion sees there isn't the text",
            remedy="lexer='dynamic'",
        )
    if grammar.independent:
        first = set(range(len(grammar.terminals)))
    else:
        first = {t for start in grammar.starts for t in grammar.lexsets[start.lexset].order}
    if matching is not None and any(grammar.terminals[t].dialect != "python" for t in first):
        raise UnsupportedError.of("matching= with regex=True", "the pattern would be read as the regex module reads it")
    guard = rf"(?:(?!\A)|{''.join(conditions)})"
    terminals = tuple(
        replace(t, pattern=f"{guard}(?:{_closed(t.pattern, t.flags)})", is_literal=False)
        if i in first and not t.declared
        else t
        for i, t in enumerate(grammar.terminals)
    )
    starts = tuple(replace(start, nullable=start.nullable and empty_fits) for start in grammar.starts)
    lost = [start.name for start in starts if start.nonterminal < 0 and not start.nullable]
    if lost:
        raise GrammarError(f"no sentence of {', '.join(map(repr, lost))} is left: the only one is the empty text")
    note = f"restricted: the text {', '.join(said)}"
    return replace(grammar, terminals=terminals, starts=starts, notes=(*grammar.notes, note))


def _phrases(phrases: Iterable[str], name: str) -> list[str]:
    """The phrases, each once; no empty one, which every text includes."""
    if isinstance(phrases, str):
        raise TypeError(f"{name} must be a collection of str, not one str")
    found = list(dict.fromkeys(phrases))
    for phrase in found:
        if not isinstance(phrase, str):
            raise TypeError(f"{name} must be a collection of str, not of {type(phrase).__name__}")
        if not phrase:
            raise GrammarError(f"{name}: the empty phrase is in every text", remedy="leave it out")
    return found


def _scoped(body: str, flags: int) -> str:
    """A group with just these flags, whatever those of the pattern around it are."""
    on = "".join(letter for flag, letter in _LETTERS.items() if flags & flag)
    off = "".join(letter for flag, letter in _LETTERS.items() if not flags & flag)
    return f"(?{'a' if flags & re.A else 'u'}{on}{'-' * bool(off)}{off}:{_closed(body, flags)})"


def _closed(body: str, flags: int) -> str:
    """A pattern to be put into a group: in a verbose one, a comment may run to the end of the line."""
    return body + "\n" if flags & re.X else body
