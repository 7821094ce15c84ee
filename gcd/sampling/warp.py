"""Warped laws: temperature, top-k and top-p as a model of its own, so that they belong to the target, and are seen.

A warper behind a sampler would change what is drawn, but not what is promised. `Warped` changes the law itself: its
log-probabilities are what weights, `log_p` and Z are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gcd.sampling.language_model import LanguageModel, LogProbs, MappedState, ModelState
from gcd.vocab import Vocabulary

__all__ = ["Warped"]


class Warped:
    """A model at another temperature, cut to its likeliest tokens; in the order temperature, top-k, top-p.

    Attributes:
        model: the model behind it.
    """

    def __init__(
        self, model: LanguageModel, *, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
    ) -> None:
        """A warped model.

        Args:
            model: any model.
            temperature: log-probabilities are divided by it; positive.
            top_k: keep so many tokens, and all that are as likely as the last of them.
            top_p: keep the likeliest tokens that have this mass together, at least one.

        Raises:
            ValueError: a number out of its range.
        """
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature must be positive, not {temperature}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], not {top_p}")
        self.model = model
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self.model.vocab

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens."""
        return self.model.encode(text)

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> ModelState:
        """`n` rows behind the prompt."""
        return MappedState(self.model.start(prompt, n), self.warp)

    def warp(self, rows: LogProbs) -> LogProbs:
        """Log-probabilities of shape ``(rows, width)``, warped and normalized; new, of the same dtype."""
        scores: Any = rows.astype(np.float64) / self.temperature
        if self.top_k is not None and self.top_k < scores.shape[1]:
            least = np.partition(scores, -self.top_k, axis=1)[:, -self.top_k]
            scores[scores < least[:, None]] = -np.inf
        scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
        if self.top_p < 1:
            order = np.argsort(-scores, axis=1, kind="stable")
            p = np.exp(np.take_along_axis(scores, order, axis=1))
            drop = np.cumsum(p, axis=1) - p >= self.top_p  # the mass before a token already suffices
            ranked = np.empty_like(drop)
            np.put_along_axis(ranked, order, drop, axis=1)
            scores[ranked] = -np.inf
            scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
        return scores.astype(rows.dtype)  # type: ignore[no-any-return] # numpy's types lose it
