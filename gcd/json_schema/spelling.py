"""Which keyword an unknown one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

__all__ = ["likely_meant"]


@lru_cache(maxsize=4096)
def likely_meant(word: str, known: Iterable[str]) -> str | None:
    """The known word that differs by case, hyphens, a dollar sign, or one letter (swapped, missing, wrong or too many).

    Args:
        known: a hashable collection.

    >>> likely_meant("minlength", ("minLength",)), likely_meant("requried", ("required",)), likely_meant("x", ("y",))
    ('minLength', 'required', None)
    """
    if word in known:
        return None
    plain = _plain(word)
    for other in known:
        if _plain(other) == plain:
            return other
    if len(word) >= 5:
        for other in known:
            if len(other) >= 5 and _one_slip(word, other):
                return other
    return None


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "").lstrip("$")


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter differs, is missing, or two neighbours are swapped."""
    if abs(len(a) - len(b)) > 1:
        return False
    begin = 0
    while begin < min(len(a), len(b)) and a[begin] == b[begin]:
        begin += 1
    rest_a, rest_b = a[begin:], b[begin:]
    if len(a) != len(b):
        return rest_a[1:] == rest_b if len(a) > len(b) else rest_b[1:] == rest_a
    return rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])
