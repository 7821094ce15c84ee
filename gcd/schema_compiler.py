"""JSON Schema + vocabulary -> compiled grammar.

A schema has an automaton of its own, which is built as texts need it, so compiling it is little more than handing its
program over. What is asked at once is whether any document is valid, and whether the vocabulary can spell all of JSON.
"""

from __future__ import annotations

import time
from itertools import pairwise
from weakref import WeakKeyDictionary

from gcd._native.schema import SchemaEngine
from gcd._native.trie import TokenTrie
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import InexactError, LimitError, SchemaError
from gcd.exactness import Exactness
from gcd.grammar_info import GrammarInfo
from gcd.json_schema.conflict import conflicting_keywords
from gcd.json_schema.grammar import SchemaGrammar
from gcd.json_schema.guards import GUARDS_OFF
from gcd.json_schema.program import SchemaProgram
from gcd.limits import Limits
from gcd.shared_engines import engine_of
from gcd.vocab import Vocabulary

__all__ = ["compile_schema"]

_UNSPELT: WeakKeyDictionary[TokenTrie, str] = WeakKeyDictionary()
"""Why some text that a vocabulary begins can't be gone on with; empty if every one can."""


def compile_schema(
    grammar: SchemaGrammar, vocab: Vocabulary, trie: TokenTrie, limits: Limits, lenient: frozenset[str]
) -> CompiledGrammar:
    """See `gcd.compile`."""
    began = time.perf_counter()
    program = grammar.program.to_bytes()
    engine = engine_of(SchemaEngine, trie, program, vocab.eos_ids, limits)
    if not engine.start_alive(0):
        raise _unsatisfiable(grammar.program, trie, limits)
    reasons = [] if engine.exact else [engine.reason]
    unspelt = _unspelt(trie)
    if unspelt:
        reasons.append(unspelt)
    kinds = {"viability"} if reasons else set()
    for entry in grammar.tightened:
        kinds.add("tightened")
        reasons.append(f"{entry.keyword} at {entry.pointer}: {entry.why}")
    unasked = frozenset(kinds)
    if grammar.program.guards != GUARDS_OFF:
        kinds.add("tightened")
        reasons.append(f"longer documents are left out by guards: {grammar.program.guards}")
    exactness = Exactness(exact=not reasons, kinds=frozenset(kinds), reasons=tuple(reasons), notes=())
    if not unasked <= lenient:
        raise InexactError(
            f"the schema can't be compiled exactly: {'; '.join(exactness.reasons)}",
            report=exactness,
            remedy=f"allow it by lenient={set(unasked)!r}",
        )
    return CompiledGrammar(
        engine,
        GrammarInfo.of_schema(grammar.name, program),
        exactness,
        eos_ids=vocab.eos_ids,
        fingerprint=vocab.fingerprint,
        vocab=vocab,
        seconds=time.perf_counter() - began,
    )


def _unsatisfiable(program: SchemaProgram, trie: TokenTrie, limits: Limits) -> SchemaError:
    """The error, with the keywords that contradict each other, found by asking about parts of the schema."""
    until = time.monotonic() + 2.0  # this is for a message

    def satisfiable(part: SchemaProgram) -> bool:
        if time.monotonic() > until:
            return True
        try:
            return SchemaEngine(trie, part.to_bytes(), (), limits).start_alive(0)
        except LimitError:
            return True

    places = conflicting_keywords(program, satisfiable)
    return SchemaError.at(
        places[0] if places else "#",
        "the schema is unsatisfiable: no value is valid"
        + (f"; {', '.join(places)} contradict each other" if len(places) > 1 else ""),
        remedy="change or drop one of them" if len(places) > 1 else "look for keywords that contradict each other",
    )


def _unspelt(trie: TokenTrie) -> str:
    """Every text that a mask lets begin must be one that tokens can go on with, byte by byte if need be."""
    if trie not in _UNSPELT:
        blob, offsets = trie.packed()
        single = {blob[a] for a, b in pairwise(offsets) if b - a == 1}
        # With these anything can be written: characters that have no token as \\uXXXX. A token that ends within a
        # character needs its other bytes.
        wanted = [*b'{}[]:,"\\-.0123456789abcdefnlrstu', *(range(0x80, 0xC0) if any(b >= 0x80 for b in blob) else ())]
        missing = [byte for byte in wanted if byte not in single]
        _UNSPELT[trie] = (
            f"{len(missing)} of the bytes that JSON may need have no token of their own, 0x{missing[0]:02x} for one, "
            "so a text may come to where no token goes on"
            if missing
            else ""
        )
    return _UNSPELT[trie]
