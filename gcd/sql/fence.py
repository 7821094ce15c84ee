"""Answers in a fenced block: the closing fence is the end of the answer.

A chat model writes code between ``` and ```. The statement ends where it would close the block, and there it seldom
writes the end of the sequence itself; a mask that only forbids the fence leaves it to ramble on in white space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gcd.errors import SamplingError
from gcd.sampling.language_model import LanguageModel, LogProbs, MappedState, ModelState
from gcd.vocab import Vocabulary

__all__ = ["FENCE", "FencedAnswers"]

FENCE = "```"


class FencedAnswers:
    """A model whose tokens that begin with a fence count as the end of the sequence.

    Its law is the model's law over answers, where an answer is what stands in front of the fence or of the end.

    Attributes:
        model: the model behind it.
    """

    def __init__(self, model: LanguageModel) -> None:
        """The model in whose prompt a fenced block has been opened.

        Raises:
            SamplingError: its vocabulary has no end-of-sequence token.
        """
        if not model.vocab.eos_ids:
            raise SamplingError("the model's vocabulary has no end-of-sequence token", remedy="eos_ids=...")
        self.model = model
        self._end = model.vocab.eos_ids[0]
        fence = FENCE.encode()
        found = [i for i, data in enumerate(model.vocab.tokens) if data is not None and data.startswith(fence)]
        self._fences = np.array(found, dtype=np.int64)

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self.model.vocab

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens."""
        return self.model.encode(text)

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> ModelState:
        """`n` rows behind the prompt."""
        return MappedState(self.model.start(prompt, n), self.folded)

    def folded(self, rows: LogProbs) -> LogProbs:
        """Log-probabilities of shape ``(rows, width)`` with the fences' added to the end's; new, of the same dtype."""
        new = rows.copy()
        if len(self._fences):
            ends = np.concatenate([rows[:, self._fences], rows[:, [self._end]]], axis=1)
            new[:, self._fences] = -np.inf
            with np.errstate(invalid="ignore"):  # minus infinity twice
                new[:, self._end] = np.logaddexp.reduce(ends, axis=1)
        return new
