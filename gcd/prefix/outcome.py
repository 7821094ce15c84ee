"""What became of a generated text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gcd.prefix.line import Constraint
from gcd.vocab import Vocabulary

__all__ = ["Outcome", "outcome", "spell"]


@dataclass(frozen=True)
class Outcome:
    """What became of one row.

    Attributes:
        ids: the generated ids before the end of sequence or, without one, all of them, pads among them.
        text: what they spell; special tokens are no text.
        ended: whether an end-of-sequence token follows.
        complete: whether the text is a sentence of the grammar, with its markers; None for a free row. If not, it is
            the beginning of one that was cut off (``max_new_tokens``, a stop string), or `refused` says where it left.
        refused: how many of `ids` were followed before one that isn't allowed, put there by the host; None: all are.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool
    complete: bool | None
    refused: int | None

    @property
    def cut_off(self) -> bool:
        """Whether the row stopped inside of a sentence."""
        return self.complete is False and self.refused is None


def outcome(constraint: Constraint | None, generated: Sequence[int], vocab: Vocabulary) -> Outcome:
    """What became of generated ids. `vocab`: the constraint's, named for free rows."""
    end = next((i for i, t in enumerate(generated) if t in vocab.eos_ids), None)
    ids = tuple(generated[:end])
    complete: bool | None = None
    refused = None
    if constraint is not None:
        line = constraint.line()
        for i, token in enumerate(ids):
            line.accept(token)
            if line.ended:
                refused = i
                break
        complete = line.complete
    return Outcome(ids, spell(vocab, ids), end is not None, complete, refused)


def spell(vocab: Vocabulary, ids: Iterable[int]) -> str:
    """The text of token ids; those without bytes are left out."""
    return b"".join(vocab.token_bytes(t) or b"" for t in ids if 0 <= t < vocab.width).decode(errors="replace")
