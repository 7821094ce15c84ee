"""Grammar + vocabulary -> compiled grammar: the stages in their order, on one screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from gcd._native.engine import Engine
from gcd._native.trie import TokenTrie
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import GrammarError, InexactError, LimitError, UnsupportedError
from gcd.exactness import KINDS, Exactness
from gcd.grammar.balance import unbalanced
from gcd.grammar.ir import Grammar
from gcd.grammar_info import GrammarInfo
from gcd.json_schema.grammar import SchemaGrammar
from gcd.limits import Limits
from gcd.regex.compiler import NfaCompiler
from gcd.regex.parser import where
from gcd.regex.program import NfaProgram
from gcd.schema_compiler import compile_schema
from gcd.sql.grammar import SqlGrammar
from gcd.sql.scope_grammar import ScopedSql
from gcd.sql_compiler import compile_sql
from gcd.vocab import Vocabulary

__all__ = ["compile"]

_MAX_LOOKBEHINDS = 64
"""The engine keeps which of them end at a place as the bits of one word."""

Progress = Callable[[str], None]


def compile(  # noqa: A001 - the name that users type: gcd.compile
    grammar: Grammar | SchemaGrammar | SqlGrammar | ScopedSql,
    vocab: Vocabulary,
    limits: Limits | None = None,
    lenient: Collection[str] = frozenset(),
    progress: Progress | None = None,
) -> CompiledGrammar:
    """Compile a grammar for a vocabulary.

    Args:
        grammar: what may be said.
        vocab: the tokens it is said in.
        limits: bounds on the work; default `Limits()`.
        lenient: the kinds of inexactness to put up with, out of ``"tightened"``, ``"loosened"``, ``"viability"``
            (may dead-end). Nothing inexact passes unless its kind is named.
        progress: called with the name of each stage as it begins.

    Returns:
        The compiled grammar, immutable and safe to share between threads. What it found out about its exactness is in
        its `exactness`.

    Raises:
        GrammarError: no text in this vocabulary belongs to the language.
        InexactError: it can't be compiled exactly, and `lenient` doesn't allow that.
        LimitError: a bound in `limits` was reached.
        TypeError, ValueError: an argument is of the wrong kind.
    """
    if isinstance(grammar, SqlGrammar):
        grammar = grammar.scoped()
    if not isinstance(grammar, Grammar | SchemaGrammar | ScopedSql):
        raise TypeError(f"grammar must be a gcd.Grammar, not {type(grammar).__name__}; see gcd.Grammar.from_lark")
    if not isinstance(vocab, Vocabulary):
        raise TypeError(f"vocab must be a gcd.Vocabulary, not {type(vocab).__name__}; see gcd.Vocabulary")
    limits = Limits() if limits is None else limits
    if not isinstance(limits, Limits):
        raise TypeError(f"limits must be gcd.Limits, not {type(limits).__name__}")
    if isinstance(lenient, str):
        raise TypeError(f"lenient must be a collection of str, not the str {lenient!r}")
    unknown = set(lenient) - KINDS
    if unknown:
        raise ValueError(f"lenient= names {sorted(unknown)}; the kinds are {sorted(KINDS)}")
    tell = progress or (lambda _stage: None)
    if isinstance(grammar, SchemaGrammar):
        tell("schema automaton")
        return compile_schema(grammar, vocab, token_trie(vocab), limits, frozenset(lenient))
    if isinstance(grammar, ScopedSql):
        tell("scope automaton")
        return compile_sql(grammar, vocab, token_trie(vocab), limits, frozenset(lenient))
    began = time.perf_counter()
    tell("terminals")
    program = nfa_program(grammar, limits)
    if grammar.mode.endswith("dynamic_complete") and (program.lookaheads or program.lookbehinds):
        raise UnsupportedError.of(
            "lookaround with lexer='dynamic_complete'",
            "this lexer matches shortened lexemes on their own, so what an assertion (also ^, $ and \\b) sees there "
            "isn't the text",
            remedy="use lexer='dynamic', or write the terminal without assertions",
        )
    tell("token trie")
    trie = token_trie(vocab)
    tell("automata and viability")
    engine = Engine(trie, grammar, program, vocab.eos_ids, limits, "viability" in lenient)
    reasons = [] if engine.exact else [engine.reason]
    loose = unbalanced(grammar)
    if loose is not None:
        reasons.append(f"indentation can't be proven: {loose}")
    exactness = Exactness(
        exact=not reasons,
        kinds=frozenset({"viability"} if reasons else ()),
        reasons=tuple(reasons),
        notes=grammar.notes,
    )
    if not exactness.exact and not exactness.kinds <= set(lenient):
        raise InexactError(
            f"the grammar can't be compiled exactly: {'; '.join(exactness.reasons)}",
            report=exactness,
            remedy=f"allow it by lenient={set(exactness.kinds)!r}, or raise gcd.Limits",
        )
    dead = [s.name for i, s in enumerate(grammar.starts) if not engine.start_alive(i)]
    if dead:
        raise GrammarError(
            f"the language of {', '.join(map(repr, dead))} is empty: no text in this vocabulary belongs to it",
            remedy="look for lexemes that can't stand side by side (no separator), or for bytes without a token",
        )
    return CompiledGrammar(
        engine,
        GrammarInfo.of(grammar),
        exactness,
        eos_ids=vocab.eos_ids,
        fingerprint=vocab.fingerprint,
        vocab=vocab,
        seconds=time.perf_counter() - began,
    )


def nfa_program(grammar: Grammar, limits: Limits) -> NfaProgram:
    """The NFA program that holds all terminals of a grammar, in their order."""
    compiler = NfaCompiler(limits)
    for terminal in grammar.terminals:
        if terminal.declared:
            compiler.add_declared()
        else:
            try:
                compiler.add(terminal.pattern, terminal.flags, name=terminal.name, dialect=terminal.dialect)
                if len(compiler.program().lookbehinds) > _MAX_LOOKBEHINDS:
                    raise UnsupportedError.of(
                        "too many lookbehinds",
                        f"with this pattern there are more than {_MAX_LOOKBEHINDS} different lookbehinds",
                        remedy="lookbehinds that several terminals share count once",
                        **where(terminal.pattern, terminal.name, 0, len(terminal.pattern)),
                    )
            except (GrammarError, LimitError) as error:
                span = terminal.span
                if span.line:
                    file = f"{span.source}, " if span.source else ""
                    error.place = f"{error.place} (defined at {file}line {span.line}, column {span.column})"
                raise
    return compiler.program()


def token_trie(vocab: Vocabulary) -> TokenTrie:
    """The vocabulary's token trie, built once per process."""
    trie = vocab.shared.get("token_trie")
    if trie is None:
        data, offsets = vocab.packed()
        trie = vocab.shared["token_trie"] = TokenTrie(data, offsets, vocab.width)
    assert isinstance(trie, TokenTrie)
    return trie
