"""Lark text to `Grammar`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lark import load_grammar
from lark.indenter import Indenter

from gcd.errors import GrammarError
from gcd.grammar.earley import transcribe
from gcd.grammar.ir import Grammar
from gcd.grammar.lalr import resolve
from gcd.grammar.normalize import normalize
from gcd.grammar.terminals import TerminalTable, dead_terminals
from gcd.limits import Limits

__all__ = ["from_lark"]


def from_lark(
    text_or_path: str | Path,
    start: str | Sequence[str] = "start",
    *,
    parser: str = "auto",
    lexer: str = "auto",
    postlex: Indenter | type[Indenter] | None = None,
    g_regex_flags: int = 0,
    import_paths: Sequence[str] = (),
    regex: bool = False,
    limits: Limits = Limits(),
) -> Grammar:
    """Read a Lark grammar."""
    text = text_or_path.read_text() if isinstance(text_or_path, Path) else text_or_path
    starts = [start] if isinstance(start, str) else list(start)
    if isinstance(postlex, type):
        postlex = postlex()
    loaded, _ = load_grammar.load_grammar(text, "<string>", list(import_paths), False)
    keep = set(postlex.always_accept) if postlex else set()
    definitions, rules, ignore = loaded.compile(starts, keep)
    used = [s.name for rule in rules for s in rule.expansion if s.is_term]

    def table(independent: bool) -> TerminalTable:
        return TerminalTable(definitions, ignore, used, independent=independent, flags=g_regex_flags)

    draft = None
    if parser in ("auto", "lalr"):
        terms = table(False)
        try:
            draft = resolve(
                rules,
                starts,
                terms,
                always_accept=tuple(postlex.always_accept) if postlex else (),
                contextual=lexer != "basic",
            )
            mode = f"lalr/{'basic' if lexer == 'basic' else 'contextual'}"
        except GrammarError:
            if parser == "lalr":
                raise
    if draft is None:
        if lexer == "auto":
            lexer = "basic" if postlex else "dynamic"
        terms = table(lexer != "basic")
        draft = transcribe(rules, starts, terms, independent=lexer != "basic")
        mode = f"earley/{lexer}"
    indentation = terms.indentation(postlex) if postlex else None
    made = {indentation.indent: 1, indentation.dedent: 1} if indentation else {}
    dead = dead_terminals(terms.terminals, terms.ignored, made)
    parts = normalize(draft, dead, terms.terminals)
    return Grammar(
        terminals=tuple(terms.terminals),
        nonterminals=parts.nonterminals,
        productions=parts.productions,
        starts=parts.starts,
        ignore=terms.ignored,
        lexsets=tuple(terms.lexsets),
        forbids=parts.forbids,
        independent=mode in ("earley/dynamic", "earley/dynamic_complete"),
        all_lengths=mode == "earley/dynamic_complete",
        indentation=indentation,
        mode=mode,
        source=text,
        notes=parts.notes,
    )
