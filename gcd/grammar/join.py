"""Free text before a grammar: all up to a marker, then a sentence.

Two grammars can be joined exactly where it is clear where the first sentence ends. That is so if it is one lexeme and
no sentence of the first begins another: then that lexeme comes first, and behind it the text is lexed as the second
grammar begins. (Of other pairs one text can be cut in several places; written as one Lark grammar, Lark's lexer
decides.)
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.choices import from_regex
from gcd.grammar.ir import Grammar, Lexset, Nonterminal, Production, Start, Symbol, Terminal
from gcd.limits import Limits
from gcd.regex.ast import Alternation, Chars, Fold, Literal, Node
from gcd.regex.compiler import NfaCompiler
from gcd.regex.parser import parse

__all__ = ["any_text", "concatenate"]

_FREE = "(?s:.*?)"
_MOST_CHARACTERS = 10_000
"""Of a set of characters, to be listed one by one."""


def any_text(until: str | None = None) -> Grammar:
    """Any text that ends with `until` and holds it nowhere else; without `until`, any text, the empty one too.

    >>> any_text("</think>").terminals[0].pattern
    '(?s:.*?)</think>'
    """
    if until is None:
        return from_regex("(?s:.*)")
    if not isinstance(until, str):
        raise TypeError(f"until must be a str, not {type(until).__name__}")
    if not until:
        raise GrammarError("the empty text is no end for free text", remedy="until='...'")
    return Grammar(
        terminals=(Terminal("FREE_TEXT", _FREE + re.escape(until), example=until),),
        nonterminals=(Nonterminal("start"),),
        productions=(Production(0, (Symbol(True, 0),)),),
        starts=(Start("start", 0, False),),
        lexsets=(Lexset((0,)),),
        mode="lalr/basic",
    )


def concatenate(first: Grammar, second: Grammar, limits: Limits | None = None) -> Grammar:
    """A sentence of the first grammar, then one of the second: ``first + second``.

    Args:
        first: free text (`Grammar.any_text`), or choices of which none begins another.
        second: any grammar whose terminals don't look at what comes before them.
        limits: bounds on the work.

    Raises:
        UnsupportedError: another pair of grammars.
    """
    lead = first.terminals[0] if first.terminals else None
    if lead is None or len(first.terminals) > 1 or first.starts[0].nullable or not _ends_clearly(lead):
        raise UnsupportedError.of(
            "concatenation",
            "it isn't clear where a sentence of the first grammar ends",
            remedy="Grammar.any_text(until=...) first, or choices of which none begins another; or compile both, and "
            "join what is compiled; or one Lark grammar with both, by %import",
        )
    compiler = NfaCompiler(limits or Limits())
    for terminal in second.terminals:
        if not terminal.declared:
            compiler.add(terminal.pattern, terminal.flags, name=terminal.name, dialect=terminal.dialect)
    if compiler.program().lookbehinds:
        raise UnsupportedError.of(
            "concatenation",
            r"the second grammar looks at what comes before (^, \A, \b, a lookbehind, a restriction), which would be "
            "the first one's text",
            remedy="restrict after joining, and write its terminals without such assertions",
        )
    if second.indentation is not None or second.all_lengths:
        what = "indentation" if second.indentation is not None else "lexer='dynamic_complete'"
        raise UnsupportedError.of("concatenation", f"the second grammar has {what}")
    own, lead_set = len(second.terminals), len(second.lexsets)
    productions = list(second.productions)
    nonterminals = list(second.nonterminals)
    starts = []
    for start in second.starts:
        lexeme = Symbol(True, own, 0 if second.independent else start.lexset)
        new = len(nonterminals)
        nonterminals.append(Nonterminal(start.name))
        if start.nonterminal >= 0:
            productions.append(Production(new, (lexeme, Symbol(False, start.nonterminal))))
        if start.nullable:
            productions.append(Production(new, (lexeme,)))
        starts.append(Start(start.name, new, False, 0 if second.independent else lead_set))
    return replace(
        second,
        terminals=(*second.terminals, replace(lead, name=_unused(lead.name, second))),
        nonterminals=tuple(nonterminals),
        productions=tuple(productions),
        starts=tuple(starts),
        lexsets=second.lexsets if second.independent else (*second.lexsets, Lexset((own,))),
    )


def _ends_clearly(terminal: Terminal) -> bool:
    """Whether no text of the terminal begins another: so it is with free text, and with some choices."""
    if terminal.pattern == _FREE + re.escape(terminal.example):
        return True
    texts = _texts(parse(terminal.pattern, terminal.flags, dialect=terminal.dialect))
    if texts is None:
        return False
    texts.sort()
    return not any(after.startswith(text) for text, after in pairwise(texts))


def _texts(node: Node) -> list[str] | None:
    """The texts that a pattern matches, if it lists them; else None."""
    match node:
        case Literal(fold=Fold.NONE):
            return [node.text]
        case Chars() if sum(high - low + 1 for low, high in node.chars) <= _MOST_CHARACTERS:
            return [chr(c) for low, high in node.chars for c in range(low, high + 1)]
        case Alternation():
            parts = [_texts(item) for item in node.items]
            return None if None in parts else [text for part in parts for text in part or ()]
    return None


def _unused(name: str, grammar: Grammar) -> str:
    names = {terminal.name for terminal in grammar.terminals}
    while name in names:
        name += "_"
    return name
