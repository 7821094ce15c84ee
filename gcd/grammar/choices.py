"""Grammars of one terminal: a list of texts, or a regular expression for the whole output."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.grammar.ir import Grammar, Lexset, Nonterminal, Production, Start, Symbol, Terminal
from gcd.grammar.terminals import inline_flags
from gcd.limits import Limits
from gcd.regex.parser import parse as parse_pattern

__all__ = ["from_choices", "from_regex"]

_DEFAULT_LIMITS = Limits()


def from_choices(choices: Iterable[str], *, limits: Limits = _DEFAULT_LIMITS) -> Grammar:
    """Exactly one of the given texts.

    One terminal, the longest text first: then the first alternative that matches at all is the longest one, and a text
    that is a choice is matched as a whole even where a part of it is a choice, too.

    >>> from_choices(["a", "ab"]).terminals[0].pattern
    'ab|a'
    """
    if isinstance(choices, str):
        raise TypeError("choices must be a collection of str, not one str")
    texts = list(dict.fromkeys(choices))
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"choices must be str, not {type(text).__name__}")
    if not texts:
        raise GrammarError("there are no choices, so nothing could be written", remedy="at least one text")
    nullable = "" in texts
    texts = sorted((text for text in texts if text), key=lambda text: (-len(text), text))
    if len(texts) > limits.max_terminals:
        raise LimitError.of("max_terminals", limits.max_terminals, len(texts))
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > limits.max_grammar_bytes:
        raise LimitError.of("max_grammar_bytes", limits.max_grammar_bytes, size)
    pattern = "|".join(map(re.escape, texts))
    terminal = Terminal("CHOICE", pattern, is_literal=len(texts) == 1, example=texts[0] if texts else "")
    return _one_terminal(terminal, nullable, independent=False, source="")


def from_regex(pattern: str, flags: int = 0, *, limits: Limits = _DEFAULT_LIMITS) -> Grammar:
    r"""The texts that `re.fullmatch` accepts, however it has to backtrack for that.

    Lexemes end where `re.match` would end them: ``a|ab`` would never match "ab". An end of text demanded at the end of
    the pattern makes the two the same, for a way that ends elsewhere is then no match: ``(?:a|ab)\Z``.

    >>> from_regex("a|ab").terminals[0].pattern
    '(?:a|ab)\\Z'
    """
    if not isinstance(pattern, str):
        raise TypeError(f"a pattern must be a str, not {type(pattern).__name__}")
    if len(pattern) > limits.max_grammar_bytes:
        raise LimitError.of("max_grammar_bytes", limits.max_grammar_bytes, len(pattern))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern, flags)
    except re.error as error:
        raise GrammarError(
            f"this is no regular expression: {error.msg}", source=pattern, line=error.lineno, column=error.colno
        ) from None
    except (OverflowError, RecursionError) as error:
        raise GrammarError(f"Python can't read this regular expression: {error}") from None
    if compiled.flags & re.L:
        raise UnsupportedError.of("locale flag", "the flag L (locale) needs byte patterns")
    parse_pattern(pattern, int(flags), limits=limits)  # what can't be compiled is refused where it stands
    body, _ = inline_flags(pattern)
    bits = compiled.flags & ~re.U & ~re.DEBUG
    # In verbose patterns a comment may run to the end of the line.
    body = f"(?:{body}\n)" if compiled.flags & re.X else f"(?:{body})"
    nullable = compiled.fullmatch("") is not None
    # An empty lexeme is no lexeme; the empty text is the start symbol's.
    terminal = Terminal("TEXT", rf"(?!\Z){body}\Z" if nullable else rf"{body}\Z", int(bits), example=pattern)
    return _one_terminal(terminal, nullable, independent=True, source=pattern)


def _one_terminal(terminal: Terminal, nullable: bool, *, independent: bool, source: str) -> Grammar:
    if not terminal.pattern:
        return Grammar((), (), (), (Start("start", -1, True),), lexsets=() if independent else (Lexset(()),))
    return Grammar(
        terminals=(terminal,),
        nonterminals=(Nonterminal("start", terminal.span),),
        productions=(Production(0, (Symbol(True, 0),)),),
        starts=(Start("start", 0, nullable),),
        lexsets=() if independent else (Lexset((0,)),),
        independent=independent,
        mode="earley/dynamic" if independent else "lalr/basic",
        source=source,
    )
