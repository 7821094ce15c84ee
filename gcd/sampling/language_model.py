"""The language model as the samplers see it: a vocabulary, and next-token log-probabilities for a batch of prefixes.

A model is asked in two steps. `LanguageModel.start` evaluates a prompt and returns a `ModelState`: a batch of *rows*,
all empty so far. Then, in lockstep, `log_probs` gives each row's next-token distribution, `select` forks, re-orders and
drops rows, and `advance` appends one token to each. A state owns whatever the model keeps of the past (a KV cache);
rows that share a prefix may share it.

::

    state = model.start("2 + 2 =", n=3)        # three rows, one evaluation of the prompt
    rows = state.log_probs()                   # (3, width)
    state.advance([12, 12, 7])                 # rows 0 and 1 stay equal, so a model may evaluate them once
    state.select([2, 2, 0])                    # row 2 twice, then row 0; row 1 is dropped
    rows = state.log_probs()

All rows of a state have the same length: samplers drop a row when its text has ended. So no model needs padding, and a
row's history never depends on its neighbours'.

What `log_probs` returns *is* the law P that samplers promise to keep or to reweight: temperature, top-p and the like
belong into the model (`gcd.sampling.warp`), where they are seen, not behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gcd.errors import ModelError
from gcd.vocab import Vocabulary

__all__ = ["LanguageModel", "LogProbs", "ModelState", "check_rows", "prompt_ids"]

LogProbs: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


class ModelState(Protocol):
    """A batch of prefixes after one prompt, all of one length, and what the model keeps of them."""

    @property
    def n_calls(self) -> int:
        """Batched evaluations of the model for this state so far, the prompt's among them."""
        ...

    @property
    def n_rows(self) -> int:
        """Rows that these calls evaluated together; equal rows may count once."""
        ...

    def __len__(self) -> int:
        """How many rows."""
        ...

    def log_probs(self) -> LogProbs:
        """Each row's next-token log-probabilities: float32 or float64 of shape ``(rows, width)``, C-contiguous rows.

        Each row is normalized (its exponentials add up to 1 but for rounding); minus infinity is allowed, NaN is not.
        The array may be the state's own: read-only to the caller, and valid until the next `advance` or `select`.
        Asking twice evaluates the model once.

        Raises:
            ModelError: the model gave NaN or plus infinity.
        """
        ...

    def advance(self, tokens: Sequence[int]) -> None:
        """Append a token to each row: ``tokens[i]`` to row i.

        Raises:
            ValueError: another number of tokens than rows, or an id out of range.
        """
        ...

    def select(self, rows: Sequence[int]) -> None:
        """Replace the batch: row i becomes what row ``rows[i]`` was. Forks, re-orders and drops; may leave none.

        Raises:
            IndexError: no such row.
        """
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """A law over token sequences, asked token by token."""

    @property
    def vocab(self) -> Vocabulary:
        """The tokens: as many columns as `ModelState.log_probs` has, and the ids that end a sequence."""
        ...

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens."""
        ...

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> ModelState:
        """A batch of `n` rows behind the prompt, nothing generated yet.

        Starting again from the same prompt, or from one that begins with it, should cost little: samplers do it for
        every draw. A model that keeps evaluations keeps at least the last prompt's.

        Args:
            prompt: token ids; what an empty prompt means is the model's matter (`HFModel` refuses it unless the
                tokenizer has a token to begin with).
            n: rows, at least 0.
        """
        ...


class MappedState:
    """A model's state whose log-probabilities go through a function, for models that change another's law.

    Attributes:
        state: the state behind it.
    """

    def __init__(self, state: ModelState, change: Callable[[LogProbs], LogProbs]) -> None:
        """`change`: from the state's log-probabilities, ``(rows, width)``, to new ones; called once for each step."""
        self.state = state
        self._change = change
        self._now: LogProbs | None = None

    @property
    def n_calls(self) -> int:
        """The state's."""
        return self.state.n_calls

    @property
    def n_rows(self) -> int:
        """The state's."""
        return self.state.n_rows

    def __len__(self) -> int:
        return len(self.state)

    def log_probs(self) -> LogProbs:
        """The state's, changed."""
        if self._now is None:
            self._now = self._change(self.state.log_probs())
        return self._now

    def advance(self, tokens: Sequence[int]) -> None:
        """See `ModelState`."""
        self.state.advance(tokens)
        self._now = None

    def select(self, rows: Sequence[int]) -> None:
        """See `ModelState`."""
        self.state.select(rows)
        self._now = None


def prompt_ids(model: LanguageModel, prompt: str | Sequence[int]) -> tuple[int, ...]:
    """A prompt, text or ids, as ids.

    Raises:
        TypeError: neither text nor whole numbers.
        ValueError: an id outside of the model's vocabulary.
    """
    ids = model.encode(prompt) if isinstance(prompt, str) else list(prompt)
    for token in ids:
        if isinstance(token, bool) or not hasattr(token, "__index__"):
            raise TypeError(f"a prompt is text or token ids, not {token!r}")
    numbers = tuple(int(token) for token in ids)
    for token in numbers:
        if not 0 <= token < model.vocab.width:
            raise ValueError(f"the prompt's token {token} is not in range({model.vocab.width})")
    return numbers


def check_rows(rows: Any, width: int, what: str) -> None:
    """Raise `ModelError` if a matrix of log-probabilities has another width, a NaN or a plus infinity."""
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ModelError(
            f"log-probabilities of shape {rows.shape} for a vocabulary of {width} columns",
            place=what,
            remedy="a vocabulary of this model: Vocabulary.from_pretrained(..., width=columns of the logits)",
        )
    # The largest entry of a row is NaN or inf if any entry is.
    worst = rows.max(axis=1, initial=-np.inf) if rows.size else rows[:, 0]
    bad = np.flatnonzero(~(worst < np.inf))
    if bad.size:
        row = int(bad[0])
        token = int(np.argmax(~(rows[row] < np.inf)))
        raise ModelError(
            f"the log-probability of token {token} is {rows[row, token]}",
            place=f"{what}, row {row}",
            remedy="a model in float32 or bfloat16: float16 overflows",
        )
    dead = np.flatnonzero(worst == -np.inf)
    if dead.size:
        raise ModelError("every token has probability 0", place=f"{what}, row {int(dead[0])}")
