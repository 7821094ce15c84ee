"""Guards against texts without end: numbers of thousands of digits, strings that go on and on, lists that never close.

JSON bounds none of these, and a model that has lost the thread writes ``-0.00000...`` for as long as it is let.
A guard is a bound of the user's, not of the schema's: with it, some valid documents can't be written any more, and the
exactness report says so. A schema's own bounds come first: what it demands, it gets, however long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

__all__ = ["GUARDS_OFF", "SAFE_GUARDS", "Guards", "guards_of"]

_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Guards:
    """Bounds on documents, beside those of the schema; None: no bound."""

    digits: int | None = None
    """Of a number, in front of its exponent. Then it goes on only if it can't end there, and ends as soon as it can."""
    exponent_digits: int | None = None
    """Of a number's exponent, likewise."""
    characters: int | None = None
    """Of a string, and of a member's name, for which the schema leaves texts of any length."""
    items: int | None = None
    """Of an array without an upper bound, beside those that it must have."""
    members: int | None = None
    """Of an object without an upper bound that takes unnamed members, beside those that are named."""
    depth: int | None = None
    """Of containers within one another. Beyond it, only what the schema demands holds a container; a value that may be
    anything else isn't one."""

    def __post_init__(self) -> None:
        for field in fields(self):
            bound = getattr(self, field.name)
            if bound is not None and (type(bound) is not int or not 1 <= bound <= _MOST):
                raise ValueError(f"{field.name} must be None or a number from 1 to {_MOST:,}, not {bound!r}")

    def __iter__(self) -> Iterator[int | None]:
        """The bounds, in the order of the fields."""
        return (getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        bounds = ((field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {bound:,}" for name, bound in bounds if bound is not None) or "none"


GUARDS_OFF = Guards()
SAFE_GUARDS = Guards(digits=20, exponent_digits=3, characters=4000, items=1000, members=1000, depth=32)
"""The preset ``"safe"``: far beyond what people put into a document, far below what exhausts a token budget unseen."""


def guards_of(value: Guards | str) -> Guards:
    """The guards that an option names: ``"off"``, ``"safe"``, or the guards themselves."""
    if isinstance(value, Guards):
        return value
    presets = {"off": GUARDS_OFF, "safe": SAFE_GUARDS}
    if value not in presets:
        raise ValueError(f'guards must be "off", "safe" or gcd.json_schema.Guards(...), not {value!r}')
    return presets[value]
