"""A model that remembers rows of log-probabilities, by prefix. For methods that draw the same prefixes again and again.

ASAp and its relatives, and chains, come back to what is likely; on a small language soon nothing is new. Memory is
bounded: the rows that were not needed for longest go first.

A batch skips the model's evaluation at a step where all of its rows are remembered. At the first row that isn't,
the model catches up: what was skipped is evaluated then. So nothing costs more evaluations than without.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd.sampling.language_model import LanguageModel, LogProbs, ModelState
from gcd.vocab import Vocabulary

__all__ = ["Remembered"]


class Remembered:
    """A model and the rows that it gave.

    ::

        model = gcd.sampling.Remembered(gcd.HFModel(...))

    Attributes:
        model: the model behind it.
        max_bytes: what the rows may take together.
        n_hits, n_misses: rows that were remembered, and rows that were not.
    """

    def __init__(self, model: LanguageModel, max_bytes: int = 256 << 20) -> None:
        """A model with an empty memory.

        Raises:
            ValueError: a negative `max_bytes`.
        """
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, not {max_bytes}")
        self.model = model
        self.max_bytes = max_bytes
        self.n_hits = 0
        self.n_misses = 0
        self._rows: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self.model.vocab

    @property
    def fingerprint(self) -> str:
        """The model's, if it has one."""
        return str(getattr(self.model, "fingerprint", ""))

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens."""
        return self.model.encode(text)

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> ModelState:
        """`n` rows behind the prompt."""
        if n < 0:
            raise ValueError(f"n must be at least 0, not {n}")
        return _RememberedState(self, tuple(prompt), n)

    def recall(self, ids: tuple[int, ...]) -> NDArray[Any] | None:
        """The row after some ids, if it is remembered."""
        row = self._rows.get(ids)
        if row is not None:
            self._rows.move_to_end(ids)
        return row

    def remember(self, ids: tuple[int, ...], row: NDArray[Any]) -> None:
        """Keep a copy of a row."""
        if ids in self._rows or row.nbytes > self.max_bytes:
            return
        self._rows[ids] = row.copy()
        self._bytes += row.nbytes
        while self._bytes > self.max_bytes:
            _, gone = self._rows.popitem(last=False)
            self._bytes -= gone.nbytes

    def __repr__(self) -> str:
        return f"<Remembered {self.model!r}: {len(self._rows):,} rows, {self.n_hits:,} hits, {self.n_misses:,} misses>"


class _RememberedState:
    """The texts of the rows, and a state of the model that may lag behind."""

    def __init__(self, owner: Remembered, prompt: tuple[int, ...], n: int) -> None:
        self._owner = owner
        self._prompt = prompt
        self._n_begin = n
        self._ids = [prompt] * n
        self._inner: ModelState | None = None
        self._skipped: list[tuple[bool, list[int]]] = []  # (advance, else select; its argument), not yet told to inner
        self._now: LogProbs | None = None

    @property
    def n_calls(self) -> int:
        """Evaluations that took place."""
        return self._inner.n_calls if self._inner is not None else 0

    @property
    def n_rows(self) -> int:
        """Rows that these evaluated."""
        return self._inner.n_rows if self._inner is not None else 0

    def __len__(self) -> int:
        return len(self._ids)

    def log_probs(self) -> LogProbs:
        """As `ModelState.log_probs`."""
        if self._now is not None:
            return self._now
        owner = self._owner
        rows = [owner.recall(ids) for ids in self._ids]
        known = [row for row in rows if row is not None]
        owner.n_hits += len(known)
        if rows and len(known) == len(rows):
            self._now = np.stack(known)
            return self._now
        owner.n_misses += len(rows) - len(known)
        if self._inner is None:
            self._inner = owner.model.start(self._prompt, self._n_begin)
        for is_advance, argument in self._skipped:
            (self._inner.advance if is_advance else self._inner.select)(argument)
        self._skipped = []
        now = self._inner.log_probs().copy()
        for i, row in enumerate(rows):  # what was said once stays
            if row is None:
                owner.remember(self._ids[i], now[i])
            else:
                now[i] = row
        self._now = now
        return now

    def advance(self, tokens: Sequence[int]) -> None:
        """As `ModelState.advance`."""
        if len(tokens) != len(self._ids):
            raise ValueError(f"{len(tokens)} tokens for {len(self._ids)} rows")
        width = self._owner.vocab.width
        for token in tokens:
            if not 0 <= token < width:
                raise ValueError(f"token {token} is not in range({width})")
        self._ids = [(*ids, int(token)) for ids, token in zip(self._ids, tokens, strict=True)]
        self._skipped.append((True, [int(token) for token in tokens]))
        self._now = None

    def select(self, rows: Sequence[int]) -> None:
        """As `ModelState.select`."""
        if any(not 0 <= row < len(self._ids) for row in rows):
            raise IndexError(f"rows {list(rows)} of {len(self._ids)}")
        self._ids = [self._ids[row] for row in rows]
        self._skipped.append((False, list(rows)))
        self._now = None if self._now is None else self._now[list(rows)]
