"""Grammars of schemas that were read before, by the schemas' bytes.

A server is given the same few schemas again and again, each time as a new dict. Writing one out with `marshal` takes a
hundredth of the time that reading it takes, and tells apart what `==` doesn't (``1``, ``1.0`` and ``true``). Nothing is
ever read back from those bytes: they are only a key.
"""

from __future__ import annotations

import marshal
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

__all__ = ["Memo", "key_of"]

T = TypeVar("T")
_VERSION = 2  # later ones write the same object twice in another way than two equal ones


def key_of(value: Any) -> bytes | None:
    """Bytes that two plain JSON values share only if they are the same, member order included; None if there are none
    (Decimals, which text with fractions has)."""
    try:
        return marshal.dumps(value, _VERSION)
    except ValueError:
        return None


class Memo(Generic[T]):
    """The results that were used last, as many as their keys fit into so many bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = Lock()
        self._kept: OrderedDict[tuple[bytes, Hashable], T] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[bytes, Hashable]) -> T | None:
        """The result kept for a key; None if there is none."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: tuple[bytes, Hashable], result: T) -> None:
        """Keep a result, and forget the oldest ones that no longer fit."""
        with self._lock:
            if key not in self._kept:
                self._bytes += len(key[0])
            self._kept[key] = result
            while self._bytes > self.max_bytes:
                (forgotten, _), _ = self._kept.popitem(last=False)
                self._bytes -= len(forgotten)
