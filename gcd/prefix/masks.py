"""The masks of a batch: filled by its lines, applied to scores, and no row left without a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gcd._native.matcher import fill_bitmasks
from gcd.bitmask import allocate_token_bitmask, apply_token_bitmask_inplace, first_row_without_score
from gcd.errors import MatcherError
from gcd.prefix.line import Line
from gcd.prefix.outcome import spell

__all__ = ["BatchMasks"]


class BatchMasks:
    """The bitmask of a batch, and its application. The memory is kept from call to call."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._bitmask: Any = None
        self._words: Any = None  # the same memory as numpy uint32
        self._known: Any = None  # of it the vocabulary's words, as int32

    def apply(
        self,
        lines: Sequence[Line | None],
        scores: Any,
        generated: Callable[[int], list[int]],
        failed: Callable[[int, MatcherError], None] | None = None,
    ) -> None:
        """Mask scores in place.

        Args:
            lines: one for each row; None for a free one, which is left as it is.
            scores: a tensor of shape ``(rows, columns)``, on any device, or a numpy array.
            generated: the generated ids of a row, for messages.
            failed: called with a row and its error instead of raising; the row then gets end-of-sequence tokens only.

        Raises:
            MatcherError: a row has no token that is allowed and that has a score above minus infinity.
        """
        n_rows, columns = scores.shape
        n_words = -(-max(self.width, columns) // 32)
        if self._bitmask is None or self._bitmask.shape != (n_rows, n_words):
            self._bitmask = allocate_token_bitmask(n_rows, 32 * n_words)
            self._words = np.asarray(self._bitmask).view(np.uint32)
            self._known = np.asarray(self._bitmask)[:, : -(-self.width // 32)]
        elif n_words * 32 > self.width:
            self._words[:, -(-self.width // 32) :] = 0
        pending = [None if line is None else line.pending() for line in lines]
        if n_rows == 1 and pending[0] is not None:
            pending[0].fill_bitmask(self._known)
        else:
            fill_bitmasks(pending, self._known)
            for row, matcher in enumerate(pending):
                if matcher is None:
                    line = lines[row]
                    if line is None:
                        self._words[row] = 0xFFFF_FFFF
                    else:
                        line.write(self._words[row], columns)
        apply_token_bitmask_inplace(scores, self._bitmask)
        bare = first_row_without_score(scores, self._bitmask)
        while bare is not None:
            line = lines[bare]
            if line is not None and not line.ended:
                error = self._no_way_on(line, bare, columns, generated(bare))
                if failed is None:
                    raise error
                failed(bare, error)
            if line is not None:  # ended, but something else has forbidden the end: sampling needs a finite score
                ends = [t for t in line.constraint.compiled.eos_ids if t < columns]
                scores[bare, ends or slice(None)] = 0
            further = first_row_without_score(scores[bare + 1 :], self._bitmask[bare + 1 :])
            bare = None if further is None else bare + 1 + further

    def _no_way_on(self, line: Line, row: int, columns: int, generated: list[int]) -> MatcherError:
        """The error for a row that would become minus infinity throughout."""
        vocab = line.constraint.compiled.vocab
        text = spell(vocab, generated)
        allowed = self._words[row]
        in_reach = np.unpackbits(allowed.view(np.uint8), bitorder="little")[:columns].nonzero()[0]
        if len(in_reach):
            some = ", ".join([*(vocab.token_name(int(t)) for t in in_reach[:3]), *("…" for _ in in_reach[3:4])])
            why = (
                f"of the {len(in_reach)} that the grammar allows ({some}) none has a score: another processor or "
                "option forbids them, or the model gives no numbers"
            )
            remedy = "look at min_new_tokens, suppress_tokens, bad_words_ids, forced_eos_token_id and the like"
        elif allowed.any():
            why = f"the scores have {columns} columns, and every token that is allowed has a higher id"
            remedy = f"a vocabulary of this model; this one has {vocab.width} columns"
        elif line.complete and not vocab.eos_ids:
            why = "the text is complete, and the vocabulary has no end-of-sequence token"
            remedy = "Vocabulary.from_pretrained(..., eos_ids=...)"
        else:
            why = "the text can't become a sentence with this vocabulary"
            remedy = "compile without lenient={'viability'}, or give gcd.Limits that let viability be decided"
        return MatcherError(
            f"no token is allowed after {'…' if len(text) > 60 else ''}{text[-60:]!r}: {why}",
            place=f"row {row}, generated token {len(generated)}",
            remedy=remedy,
        )
