"""Engines in use, of JSON Schemas and of databases: what is compiled or loaded again finds its tables filled."""

from __future__ import annotations

from typing import TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from gcd._native.schema import SchemaEngine
from gcd._native.sql import SqlEngine
from gcd._native.trie import TokenTrie
from gcd.limits import Limits

__all__ = ["engine_of"]

_AnyEngine = TypeVar("_AnyEngine", SchemaEngine, SqlEngine)
_Key = tuple[type, bytes, tuple[int, ...], Limits]
_ENGINES: WeakKeyDictionary[TokenTrie, WeakValueDictionary[_Key, SchemaEngine | SqlEngine]] = WeakKeyDictionary()


def engine_of(
    kind: type[_AnyEngine], trie: TokenTrie, program: bytes, eos_ids: tuple[int, ...], limits: Limits
) -> _AnyEngine:
    """The engine of a program, as the front end of its kind packs it, for a vocabulary.

    Raises:
        ArtifactError: it is no such program.
        LimitError: it holds more than `limits` allow.
    """
    engines = _ENGINES.setdefault(trie, WeakValueDictionary())
    key = (kind, program, eos_ids, limits)
    engine = engines.get(key)
    if not isinstance(engine, kind):
        engine = engines[key] = kind(trie, program, eos_ids, limits)
    return engine
