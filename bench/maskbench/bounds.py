"""Counts that shouldn't cost: maxLength, {m,n} and maxItems at 10, 1,000 and 100,000, the same document for all."""

import json
from dataclasses import dataclass

BOUNDS = (10, 1_000, 100_000)


@dataclass(frozen=True, slots=True)
class Bound:
    """A schema with one bound, and a document for it."""

    kind: str
    bound: int
    schema: str
    text: str


def cases() -> list[Bound]:
    """Each kind at each bound. The documents fill eight of the ten units that the smallest bound leaves."""
    found = []
    for n in BOUNDS:
        word, items = json.dumps("quartets"), json.dumps([3, 1, 4, 1, 5, 9, 2, 6])
        found += [
            Bound("maxLength", n, json.dumps({"type": "string", "maxLength": n}), word),
            Bound("pattern {2,n}", n, json.dumps({"type": "string", "pattern": f"^[a-z]{{2,{n}}}$"}), word),
            Bound("maxItems", n, json.dumps({"type": "array", "items": {"type": "integer"}, "maxItems": n}), items),
        ]
    return found
