"""The exactness report: what a compilation can vouch for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gcd.grammar_info import list_of

__all__ = ["KINDS", "Exactness"]

KINDS = frozenset({"tightened", "loosened", "viability"})
"""In which way a grammar may be inexact: refuses too much, allows too much, may dead-end."""


@dataclass(frozen=True, slots=True)
class Exactness:
    """Whether masks are exactly the tokens that can still lead to a sentence, and if not, why not."""

    exact: bool
    """Proven: bit set <=> accept succeeds <=> the text so far and the token extend to a sentence."""
    kinds: frozenset[str] = frozenset()
    """The kinds of inexactness that occur, out of `KINDS`."""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the grammar should know: conflicts resolved, rules dropped as useless."""

    def to_json(self) -> dict[str, Any]:
        """For an artefact."""
        return {
            "exact": self.exact,
            "kinds": sorted(self.kinds),
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Any) -> Exactness:
        """From what `to_json` made. Raises LookupError, TypeError or ValueError for anything else."""
        made = cls(
            value["exact"],
            frozenset(list_of(str, value["kinds"])),
            tuple(list_of(str, value["reasons"])),
            tuple(list_of(str, value["notes"])),
        )
        if made.exact is not (not made.kinds) or not made.kinds <= KINDS:
            raise ValueError("entries contradict each other")
        return made

    def __str__(self) -> str:
        if self.exact:
            return "exact: proven"
        return f"inexact ({', '.join(sorted(self.kinds))}): " + "; ".join(self.reasons)
