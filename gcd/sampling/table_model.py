"""A model that is a table: prefix -> next-token probabilities. The exact toy of tests, docs and the bench.

Given as fractions, its law can be enumerated in rationals beside the samplers that draw from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gcd.errors import ModelError
from gcd.sampling.language_model import check_rows
from gcd.vocab import Vocabulary

__all__ = ["PrefixState", "TableModel", "encode_greedily"]

Row: TypeAlias = Sequence[Fraction] | Sequence[float]
"""Probabilities of all tokens, by id. They must add up to 1."""


class TableModel:
    """Next-token probabilities by prefix.

    >>> from gcd import Vocabulary
    >>> coin = TableModel({(): [0.5, 0.5, 0]}, Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2]), [0, 0, 1])
    >>> state = coin.start(n=2)
    >>> state.advance([0, 1])
    >>> state.log_probs().tolist()
    [[-inf, -inf, 0.0], [-inf, -inf, 0.0]]
    """

    def __init__(
        self,
        table: Mapping[tuple[int, ...], Row] | Callable[[tuple[int, ...]], Row],
        vocab: Vocabulary,
        default: Row | None = None,
    ) -> None:
        """A model from a table.

        Args:
            table: for a prefix (prompt and generated ids) the probabilities of all ``vocab.width`` tokens: a mapping,
                or a function that is asked once for each prefix.
            vocab: the tokens.
            default: the row of prefixes that the mapping doesn't have; None: they are an error.

        Raises:
            ValueError: a row of the mapping has another length, a negative number, or doesn't add up to 1.
        """
        self._vocab = vocab
        self._table = table
        self._default = None if default is None else self._logs(default, "the default row")
        self._rows: dict[tuple[int, ...], NDArray[np.float64]] = {}
        if not callable(table):
            for prefix, row in table.items():
                self._rows[tuple(prefix)] = self._logs(row, f"the row of {tuple(prefix)}")

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self._vocab

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens, the longest that fits each time."""
        return encode_greedily(self._vocab, text.encode())

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> PrefixState:
        """`n` rows behind the prompt."""
        return PrefixState(self.log_row, self._vocab.width, tuple(prompt), n)

    def log_row(self, prefix: tuple[int, ...]) -> NDArray[np.float64]:
        """The log-probabilities after a prefix, float64 of shape ``(width,)``.

        Raises:
            ModelError: the table has no such prefix.
        """
        row = self._rows.get(prefix)
        if row is None:
            if callable(self._table):
                row = self._rows[prefix] = self._logs(self._table(prefix), f"the row of {prefix}")
            elif self._default is not None:
                row = self._default
            else:
                raise ModelError(f"the table has no row for the prefix {prefix}", remedy="TableModel(..., default=row)")
        return row

    def _logs(self, row: Row, what: str) -> NDArray[np.float64]:
        """A checked row in logarithms; those of fractions are right even where a float would be 0."""
        if len(row) != self._vocab.width:
            raise ValueError(f"{what} has {len(row)} entries, and the vocabulary {self._vocab.width} columns")
        if any(not p >= 0 for p in row):
            raise ValueError(f"{what} holds a number that is no probability: {list(row)}")
        total = sum(row)
        if not (total == 1 if isinstance(total, Fraction) else math.isclose(float(total), 1, rel_tol=1e-9)):
            raise ValueError(f"{what} adds up to {total}, not to 1")
        return np.array([_log(p) for p in row], dtype=np.float64)


def _log(p: Fraction | float) -> float:
    if not p:
        return -math.inf
    if isinstance(p, Fraction):
        return math.log(p.numerator) - math.log(p.denominator)
    return math.log(float(p))


class PrefixState:
    """A `ModelState` for models that need nothing but the prefix: a list of prefixes and a function.

    Equal prefixes are asked about once; a call is counted for each `log_probs` that has to ask.
    """

    def __init__(
        self, log_row: Callable[[tuple[int, ...]], NDArray[np.float64]], width: int, prompt: tuple[int, ...], n: int
    ) -> None:
        if n < 0:
            raise ValueError(f"n must be at least 0, not {n}")
        self.n_calls = 0
        self.n_rows = 0
        self._log_row = log_row
        self._width = width
        self._prefixes = [prompt] * n
        self._now: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self._prefixes)

    @property
    def prefixes(self) -> list[tuple[int, ...]]:
        """Each row's ids, the prompt's among them."""
        return list(self._prefixes)

    def log_probs(self) -> NDArray[np.float64]:
        """As `ModelState.log_probs`."""
        if self._now is None:
            rows = {prefix: self._log_row(prefix) for prefix in dict.fromkeys(self._prefixes)}
            now = np.array([rows[prefix] for prefix in self._prefixes], dtype=np.float64)
            now = now.reshape(len(self._prefixes), self._width)
            check_rows(now, self._width, "the model")
            self.n_calls += bool(rows)
            self.n_rows += len(rows)
            self._now = now
        return self._now

    def advance(self, tokens: Sequence[int]) -> None:
        """As `ModelState.advance`."""
        if len(tokens) != len(self._prefixes):
            raise ValueError(f"{len(tokens)} tokens for {len(self._prefixes)} rows")
        for token in tokens:
            if not 0 <= token < self._width:
                raise ValueError(f"token {token} is not in range({self._width})")
        self._prefixes = [(*prefix, int(token)) for prefix, token in zip(self._prefixes, tokens, strict=True)]
        self._now = None

    def select(self, rows: Sequence[int]) -> None:
        """As `ModelState.select`."""
        if any(not 0 <= row < len(self._prefixes) for row in rows):
            raise IndexError(f"rows {list(rows)} of {len(self._prefixes)}")
        self._prefixes = [self._prefixes[row] for row in rows]
        self._now = None if self._now is None else self._now[list(rows)]


def encode_greedily(vocab: Vocabulary, data: bytes) -> list[int]:
    """Bytes as tokens, the longest that fits each time, the lowest id among equals.

    Raises:
        ModelError: no token begins with what comes next.
    """
    ids: dict[bytes, int] = vocab.shared.setdefault("ids_by_bytes", {})  # type: ignore[assignment] # made here only
    if not ids:
        for i, token in reversed(list(enumerate(vocab.tokens))):
            if token:
                ids[token] = i
    longest = max(map(len, ids), default=0)
    found: list[int] = []
    at = 0
    while at < len(data):
        size = next((n for n in range(min(longest, len(data) - at), 0, -1) if data[at : at + n] in ids), 0)
        if not size:
            raise ModelError(
                f"no token begins with {data[at : at + 1]!r}",
                place=f"byte {at} of {_shown(data)}",
                remedy="a vocabulary with every single byte, or a prompt of token ids",
            )
        found.append(ids[data[at : at + size]])
        at += size
    return found


def _shown(data: bytes) -> str:
    text = data[:40].decode(errors="replace")
    return repr(text + "…" if len(data) > 40 else text)
