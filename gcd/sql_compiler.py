"""A database's statements + vocabulary -> compiled grammar.

The automaton behind it is built as texts need it, so compiling is little more than handing the program over.
"""

from __future__ import annotations

import time
from itertools import pairwise

from gcd._native.sql import SqlEngine
from gcd._native.trie import TokenTrie
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import GrammarError, InexactError
from gcd.exactness import Exactness
from gcd.grammar_info import GrammarInfo
from gcd.limits import Limits
from gcd.shared_engines import engine_of
from gcd.sql.scope_grammar import ScopedSql
from gcd.vocab import Vocabulary

__all__ = ["compile_sql"]


_UNSETTLED = "a name that isn't settled within it can't be written"


def compile_sql(
    grammar: ScopedSql, vocab: Vocabulary, trie: TokenTrie, limits: Limits, lenient: frozenset[str]
) -> CompiledGrammar:
    """See `gcd.compile`."""
    began = time.perf_counter()
    program = grammar.program
    engine = engine_of(SqlEngine, trie, program, vocab.eos_ids, limits)
    if not engine.start_alive(0):
        raise GrammarError("no statement can be written", remedy="allow some kind of statement")
    found = {
        "viability": _unspelt(trie),
        "tightened": "" if engine.exact else f"{engine.reason}, more than the search settles: {_UNSETTLED}",
    }
    reasons = tuple(reason for reason in found.values() if reason)
    exactness = Exactness(
        exact=not reasons,
        kinds=frozenset(kind for kind, reason in found.items() if reason),
        reasons=reasons,
        notes=(f"tables that explain the names used are searched for under a budget: {_UNSETTLED}",),
    )
    if not exactness.kinds <= lenient:
        raise InexactError(
            f"the statements can't be compiled exactly: {'; '.join(reasons)}",
            report=exactness,
            remedy=f"allow it by lenient={set(exactness.kinds)!r}",
        )
    return CompiledGrammar(
        engine,
        GrammarInfo.of_sql(grammar.catalogue.title, program),
        exactness,
        eos_ids=vocab.eos_ids,
        fingerprint=vocab.fingerprint,
        vocab=vocab,
        seconds=time.perf_counter() - began,
    )


def _unspelt(trie: TokenTrie) -> str:
    """Every text that a mask lets begin must be one that tokens can go on with, byte by byte if need be."""
    blob, offsets = trie.packed()
    single = {blob[a] for a, b in pairwise(offsets) if b - a == 1}
    wanted = [*range(0x20, 0x7F), *(range(0x80, 0xC0) if any(b >= 0x80 for b in blob) else ())]
    missing = [byte for byte in wanted if byte not in single]
    if not missing:
        return ""
    return (
        f"{len(missing)} of the bytes that statements may need have no token of their own, 0x{missing[0]:02x} for one, "
        "so a text may come to where no token goes on"
    )
