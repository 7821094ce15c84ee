"""Engines of JSON Schemas that are in use: a schema that is compiled or loaded again finds its tables filled."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakValueDictionary

from gcd._native.schema import SchemaEngine
from gcd._native.trie import TokenTrie
from gcd.limits import Limits

__all__ = ["engine_of"]

_ENGINES: WeakKeyDictionary[TokenTrie, WeakValueDictionary[tuple[bytes, tuple[int, ...], Limits], SchemaEngine]] = (
    WeakKeyDictionary()
)


def engine_of(trie: TokenTrie, program: bytes, eos_ids: tuple[int, ...], limits: Limits) -> SchemaEngine:
    """The engine of a program, as `SchemaProgram.to_bytes` has it, for a vocabulary.

    Raises:
        ArtifactError: it is no such program.
        LimitError: it holds more than `limits` allow.
    """
    engines = _ENGINES.setdefault(trie, WeakValueDictionary())
    key = (program, eos_ids, limits)
    engine = engines.get(key)
    if engine is None:
        engine = engines[key] = SchemaEngine(trie, program, eos_ids, limits)
    return engine
