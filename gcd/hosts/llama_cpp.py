"""The host llama-cpp-python: a logits processor for ``Llama.create_completion``, ``create_chat_completion``,
``generate``.

Its processors are like those of transformers, for one sequence, on numpy arrays. What differs:

* They run inside of a C callback, where Python can't pass an exception on: it is printed, and the token is drawn as if
  there were no processor. So no error leaves this one. It is kept, nothing but the end of the sequence is allowed from
  there on, and `GrammarLogitsProcessor.stop`, given as a stopping criterion, raises it where an error can be raised.
* Scores lie in the middle of records, so they are copied.
* With a draft model processors are shown the drafts, but not the position that is asked for; that is refused.

Needs neither torch nor transformers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import GcdError, MatcherError
from gcd.prefix.line import Constraint
from gcd.prefix.marker import Marker
from gcd.prefix.masks import BatchMasks
from gcd.prefix.outcome import Outcome, outcome
from gcd.prefix.store import Prefixes

__all__ = ["GrammarLogitsProcessor"]


class GrammarLogitsProcessor:
    """Constrains llama-cpp-python to a grammar.

    ::

        processor = GrammarLogitsProcessor(gcd.load("settings.gcd"))
        llama.create_completion(
            prompt,
            logits_processor=LogitsProcessorList([processor]),
            stopping_criteria=StoppingCriteriaList([processor.stop]),
        )

    For one text after another, one at a time. The ids of a text's first call are its prompt; a call that shows the ids
    of an earlier one of the text and one more goes on with it, so to begin a text whose prompt is the last text `reset`
    it.

    Attributes:
        compiled: the grammar.
        error: what went wrong in the text; None if nothing did. `reset` or the first call of another text clears it.
    """

    def __init__(
        self,
        compiled: CompiledGrammar,
        start: str | None = None,
        *,
        prompt_len: int | None = None,
        start_after: str | Iterable[int] | None = None,
        stop_at: str | Iterable[int] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """A processor at the beginning of a text; arguments as for `gcd.GrammarLogitsProcessor`, with one grammar."""
        if not isinstance(compiled, CompiledGrammar):
            raise TypeError(
                f"compiled must be a CompiledGrammar (gcd.compile, gcd.load), not {type(compiled).__name__}"
            )
        if prompt_len is not None and prompt_len < 0:
            raise ValueError(f"prompt_len must be at least 0, not {prompt_len}")
        if max_tokens is not None and stop_at is not None:
            raise ValueError("max_tokens counts to the end of the sequence, which stop_at takes the place of")
        self.compiled = compiled
        self.prompt_len = prompt_len
        self.error: Exception | None = None
        self._constraint = Constraint(
            compiled,
            start,
            start_after=None if start_after is None else Marker(start_after, compiled.vocab, "start_after"),
            stop_at=None if stop_at is None else Marker(stop_at, compiled.vocab, "stop_at"),
            max_tokens=max_tokens,
        )
        self._texts = Prefixes([self._constraint])
        self._masks = BatchMasks(compiled.width)

    def reset(self) -> None:
        """Forget the text: the next call is the first of a new one."""
        self._texts.clear()
        self.error = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores, with minus infinity for tokens that the grammar doesn't allow next.

        Args:
            input_ids: integers of shape ``(length,)``, prompt and generated tokens.
            scores: float32 of shape ``(columns,)``, with any stride; not changed.

        Returns:
            float32 of shape ``(columns,)``. After an error (see `error`) only the end of the sequence has a score.
        """
        out = np.array(scores, dtype=np.float32)
        try:
            if getattr(sys._getframe(1).f_locals.get("self"), "draft_model", None) is not None:
                raise MatcherError(
                    "llama-cpp-python doesn't tell a processor which of a draft model's tokens it asks about",
                    remedy="Llama(..., draft_model=None)",
                )
            ids = np.asarray(input_ids)
            if ids.ndim != 1 or out.ndim != 1:
                raise ValueError(f"ids of shape {ids.shape} and scores of shape {out.shape}: both are vectors")
            if self.prompt_len is not None and len(ids) < self.prompt_len:
                raise ValueError(f"{len(ids)} ids, fewer than prompt_len={self.prompt_len}")
            lines = self._texts.follow(ids[None], begin=self.prompt_len)
            if self._texts.is_first:
                self.error = None
            if self.error is None:
                self._masks.apply(lines, out[None], self._texts.generated)
        except (GcdError, ValueError, TypeError) as error:
            self.error = error
        if self.error is not None:
            out.fill(-np.inf)
            out[[t for t in self.compiled.eos_ids if t < len(out)] or slice(None)] = 0
        return out

    def stop(self, input_ids: Any, scores: Any) -> bool:
        """A stopping criterion that never stops, but raises the text's error, if there is one.

        Raises:
            MatcherError: no token was left that the grammar allows and that has a score, or there is a draft model.
            ValueError: ids or scores that don't fit the vocabulary or `prompt_len`.
        """
        if self.error is not None:
            raise self.error
        return False

    def outcome(self, ids: Iterable[int]) -> Outcome:
        """What became of generated ids (without the prompt), such as those that ``Llama.generate`` yields."""
        return outcome(self._constraint, [int(t) for t in ids], self.compiled.vocab)
