"""The host transformers: a logits processor that lets only the grammar's tokens through.

``generate()`` hands over, at each step, all ids so far and the scores of the next token, and nothing else. Which text a
row is, `gcd.prefix.store` finds by its ids; here is what is particular to transformers:

* Each ``generate()`` puts its processors into a list of its own, which goes when it returns. So a call that comes from
  another list, the last one being gone, is the first of a new text, even if its ids are the last text's and a bit. A
  list that comes beside one that still lives is an assistant model's: the same text. Where processors are called by
  something else than such a list, the ids decide.
* An assistant may have a tokenizer of its own. What it shows that doesn't belong to the main model's text is left free.
* Rows that have ended are shown on and on, and must have a finite score, whatever other processors did to them.
* Scores are the processor's own to change, but in prompt lookup, where one tensor is shown again and again.
* Other processors may have taken away all that the grammar allows; greedy search would make token 0 of that.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any

import numpy as np

from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import MatcherError
from gcd.healing import HealedPrompt
from gcd.prefix.healed import HealedConstraint
from gcd.prefix.line import Constraint, Line
from gcd.prefix.marker import Marker
from gcd.prefix.masks import BatchMasks
from gcd.prefix.outcome import Outcome, outcome
from gcd.prefix.store import Prefixes

try:
    from transformers import LogitsProcessor, LogitsProcessorList
except ImportError as error:
    raise ImportError("GrammarLogitsProcessor needs transformers and torch: pip install 'gcd-decoding[hf]'") from error

__all__ = ["GrammarLogitsProcessor"]


class GrammarLogitsProcessor(LogitsProcessor):  # type: ignore[misc] # transformers is not type-checked here
    """Constrains ``model.generate`` and ``pipeline("text-generation")`` to a grammar.

    ::

        model.generate(**inputs, logits_processor=[gcd.GrammarLogitsProcessor(compiled)])

    It works for single prompts and for batches (padded on the left), for several sequences from a prompt, greedy,
    sampling, with beams, with drafts; it may be used for one ``generate()`` after another, but not by two at once.
    Every output that ends with an end-of-sequence token is a sentence of the grammar; one cut off by ``max_new_tokens``
    begins a sentence; `outcomes` says which.

    A row that has ended, and so one that the host ended itself or into which it put a token that the grammar doesn't
    allow, may go on with an end-of-sequence token only.

    Attributes:
        grammars: the grammar of each prompt of the batch, None for a free one; one for all if there is one.
        compiled: the first of them that is a grammar.
        prompt_len: the tokens before the generated ones, if told.
        calls: how often it was called.
        rows: how many rows these calls had together.
        seconds: how long they took together. On an accelerator that includes waiting for the ids.
    """

    supports_continuous_batching = False  # there the processor would see single tokens, without their history

    @classmethod
    def from_json_schema(cls, schema: object, tokenizer: object, **options: Any) -> GrammarLogitsProcessor:
        """A processor whose outputs are documents that a JSON Schema allows.

        ::

            model.generate(
                **inputs, logits_processor=[gcd.GrammarLogitsProcessor.from_json_schema(schema, tokenizer)]
            )

        Args:
            schema: a dict, bool, JSON text or path, or what `gcd.Grammar.from_json_schema` made of one.
            tokenizer: the model's, or a folder or name of it, or a `gcd.Vocabulary`.
            options: as for `gcd.json_schema.load`; ``lenient`` and ``limits`` as for `gcd.compile`; ``max_tokens`` as
                for a processor.

        Raises:
            TokenBudgetError: `max_tokens` are too few for any document.
            SchemaError, InexactError, LimitError, TokenizerError: as `gcd.compile` and its like do.
        """
        from gcd.compiler import compile as compile_grammar
        from gcd.json_schema import SchemaGrammar, load
        from gcd.vocab import Vocabulary

        lenient = options.pop("lenient", frozenset())
        limits = options.pop("limits", None)
        max_tokens = options.pop("max_tokens", None)
        grammar = schema if isinstance(schema, SchemaGrammar) else load(schema, **options)
        vocab = tokenizer if isinstance(tokenizer, Vocabulary) else Vocabulary.from_pretrained(tokenizer)
        return cls(compile_grammar(grammar, vocab, limits, lenient), max_tokens=max_tokens)

    def __init__(
        self,
        compiled: CompiledGrammar | HealedPrompt | Sequence[CompiledGrammar | HealedPrompt | None],
        start: str | Sequence[str | None] | None = None,
        *,
        prompt_len: int | None = None,
        start_after: str | Iterable[int] | None = None,
        stop_at: str | Iterable[int] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """A processor at the beginning of a text.

        Args:
            compiled: the grammar, compiled for the model's vocabulary; or one for each prompt of the batch, None for
                prompts whose output is free. They must be of one vocabulary. A healed prompt (`gcd.heal`), whose
                trimmed ids ``generate()`` is given, stands for its grammar with the forced bytes before it.
            start: which start symbol, if the grammar has several; default the first. One for all, or one for each.
            prompt_len: how many ids of a row come before the generated ones, padding among them. Needed only where
                generation doesn't begin right after the ids that ``generate()`` is given: to resume a text.
            start_after: text, or token ids, after which the grammar begins, such as the end of a reasoning part. What
                comes before it is free, but can't end the sequence. A special token isn't text: give its id.
            stop_at: text, or token ids, that must follow the sentence, in place of the end of the sequence; what comes
                after it is free.
            max_tokens: a token budget for each text, the end-of-sequence token included. Only tokens are let through
                after which the text can still be completed within it, so ``max_new_tokens`` of as many never cuts one.
                It is counted from the grammar's first token on (after `start_after`, the marker's last one included).

        Raises:
            TokenBudgetError: no text of a grammar is known to be that short; it says how many tokens suffice.
            TypeError: something that isn't a compiled grammar, text or ids.
            ValueError: no such start symbol, a negative `prompt_len`, an empty marker, no grammar at all, grammars of
                different vocabularies, markers, a start symbol or a budget for a healed prompt, a budget with
                `stop_at`.
        """
        many = isinstance(compiled, Sequence)
        given: tuple[CompiledGrammar | HealedPrompt | None, ...]
        given = tuple(compiled) if isinstance(compiled, Sequence) else (compiled,)
        healed = [g if isinstance(g, HealedPrompt) else None for g in given]
        if any(healed) and not (start is None and start_after is None and stop_at is None and max_tokens is None):
            raise ValueError("a healed prompt has its start symbol in itself, and no markers and no token budget")
        if max_tokens is not None and stop_at is not None:
            raise ValueError(
                "max_tokens counts to the end of the sequence, and with stop_at something comes before that: "
                "leave one of them out"
            )
        grammars = tuple(g.compiled if isinstance(g, HealedPrompt) else g for g in given)
        for grammar in grammars:
            if not isinstance(grammar, CompiledGrammar) and not (many and grammar is None):
                raise TypeError(
                    f"compiled must be a CompiledGrammar (gcd.compile, gcd.load), or several of them, not "
                    f"{type(grammar).__name__}"
                )
        real = [grammar for grammar in grammars if grammar is not None]
        if not real:
            raise ValueError("no prompt has a grammar: leave the processor out")
        other = next((g for g in real if g.fingerprint != real[0].fingerprint), None)
        if other is not None:
            raise ValueError(
                f"the grammars are of different vocabularies ({real[0].fingerprint[:12]}…, {other.fingerprint[:12]}…): "
                "compile them for the model's own"
            )
        starts = (start,) * len(grammars) if start is None or isinstance(start, str) else tuple(start)
        if len(starts) != len(grammars):
            raise ValueError(f"{len(starts)} start symbols for {len(grammars)} grammars")
        if prompt_len is not None and prompt_len < 0:
            raise ValueError(f"prompt_len must be at least 0, not {prompt_len}")
        vocab = real[0].vocab if start_after is not None or stop_at is not None else None
        after = None if start_after is None or vocab is None else Marker(start_after, vocab, "start_after")
        stop = None if stop_at is None or vocab is None else Marker(stop_at, vocab, "stop_at")
        self.grammars = grammars
        self.compiled = real[0]
        self.prompt_len = prompt_len
        self.constraints = tuple(
            None
            if grammar is None
            else Constraint(grammar, name, start_after=after, stop_at=stop, max_tokens=max_tokens)
            if prompt is None
            else HealedConstraint(prompt)
            for grammar, name, prompt in zip(grammars, starts, healed, strict=True)
        )
        self.calls = 0
        self.rows = 0
        self.seconds = 0.0
        self._texts = Prefixes(self.constraints)
        self._caller: weakref.ref[Any] | None = None  # the list of processors that the text began in
        self._thread = 0  # where it began
        self._busy = threading.Lock()
        self._masks = BatchMasks(self.compiled.width)

    def reset(self) -> None:
        """Forget the last call: the next is the first of a new text. The counters stay."""
        self._texts.clear()
        self._caller = None

    def expect(self, begin: int) -> None:
        """Forget the last call, and take note of how many ids of a row are prompt: for hosts that do without calls."""
        self._texts.clear(begin)
        self._caller = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Set the scores of tokens that the grammar doesn't allow next to minus infinity.

        Args:
            input_ids: int64 of shape ``(batch, length)``, prompt and generated tokens.
            scores: floating point of shape ``(batch, columns)``, on any device. There may be more columns than the
                vocabulary has (they are never allowed), or fewer.

        Returns:
            `scores`, changed in place; of a single row a copy, since prompt lookup shows the same scores again.

        Raises:
            MatcherError: a row has no token left that the grammar allows and that has a score: it names the row, the
                position and why. Or the processor is used by two threads at a time.
            ValueError: shapes that don't belong together; fewer ids than `prompt_len`; not a multiple of as many rows
                as there are grammars.
        """
        began = time.perf_counter()
        if input_ids.ndim != 2 or scores.ndim != 2 or input_ids.shape[0] != scores.shape[0]:
            raise ValueError(
                f"input_ids of shape {tuple(input_ids.shape)} and scores of shape {tuple(scores.shape)}: "
                "both are matrices with a row for each sequence (continuous batching, which has none, isn't supported: "
                "use generate())"
            )
        if not self._busy.acquire(blocking=False):
            raise _shared()
        try:
            ids, frame = (input_ids if input_ids.is_cpu else input_ids.cpu()).numpy(), sys._getframe(1)
            caller = frame.f_locals.get("self")
            assists = isinstance(caller, LogitsProcessorList) and _is_assistants(frame.f_back)
            if assists and self._is_foreign(ids, scores.shape[1]):
                return scores  # the drafts are judged when the main model is asked
            if scores.shape[0] == 1:
                scores = scores.clone()
            lines = self._follow(ids, caller)
            self._masks.apply(lines, scores, self._texts.generated)
        finally:
            self._busy.release()
        self.calls += 1
        self.rows += len(lines)
        self.seconds += time.perf_counter() - began
        return scores

    def outcomes(self, sequences: Any, prompt_len: int | None = None) -> list[Outcome]:
        """What became of each row of the last ``generate()``: ended as a sentence, or cut off, or something else.

        Args:
            sequences: ids of shape ``(rows, length)`` as ``generate()`` returned them (``.sequences`` of its
                dictionary), prompt and padding among them; a tensor or lists.
            prompt_len: how many ids of a row are prompt. Default: as in the processor's last text.

        Raises:
            ValueError: not a multiple of as many rows as there are grammars.
        """
        rows = sequences.tolist() if hasattr(sequences, "tolist") else [list(row) for row in sequences]
        if len(rows) % len(self.constraints):
            raise ValueError(f"{len(rows)} rows for {len(self.constraints)} grammars")
        told = self.prompt_len if prompt_len is None else prompt_len
        begin = self._texts.begin if told is None else told
        return [
            outcome(self.constraints[row * len(self.constraints) // len(rows)], ids[begin:], self.compiled.vocab)
            for row, ids in enumerate(rows)
        ]

    def __repr__(self) -> str:
        mean = f", {self.seconds / self.calls * 1e6:.0f} us each" if self.calls else ""
        return f"<GrammarLogitsProcessor {self.calls} calls{mean}>"

    def _is_foreign(self, ids: np.ndarray[Any, Any], columns: int) -> bool:
        """Whether an assistant's ids are no part of the text that goes on; of the first, whether they can't be."""
        if self._caller is None or self._caller() is None:
            return columns < self.compiled.width
        return self.prompt_len is None and not self._texts.fits(ids)

    def _follow(self, ids: np.ndarray[Any, Any], caller: object) -> list[Line | None]:
        """The lines of a call's rows, moved to its newest tokens. `caller`: the object whose method called."""
        if self.prompt_len is not None and ids.shape[1] < self.prompt_len:
            raise ValueError(f"{ids.shape[1]} ids in a row, fewer than prompt_len={self.prompt_len}")
        # No variable may hold the list that the text began in: an error's frames would keep it alive.
        lives = self._caller is not None and self._caller() is not None
        same = lives and self._caller is not None and self._caller() is caller
        is_list = isinstance(caller, LogitsProcessorList)
        thread = threading.get_ident()
        if lives and not same and thread != self._thread and _alive(self._thread):
            raise _shared()
        new = not self._texts or (self._caller is not None and not lives and is_list)
        try:
            lines = self._texts.follow(ids, begin=self.prompt_len, new=new, same=same)
        except BaseException:
            self.reset()  # half of the rows have moved
            raise
        if self._texts.is_first:
            self._caller = weakref.ref(caller) if is_list else None
            self._thread = thread
        return lines


def _shared() -> MatcherError:
    return MatcherError(
        "the processor is used by two threads at a time",
        remedy="make a GrammarLogitsProcessor for each thread (the compiled grammar may be shared), or reset() it",
    )


def _is_assistants(frame: FrameType | None) -> bool:
    """Whether a frame, or one of those that called it, drafts for another model.

    By the names of their code: to ask a frame of ``generate()`` for its variables would keep tensors alive.
    """
    while frame is not None:
        if frame.f_code.co_name == "get_candidates":
            return True
        frame = frame.f_back
    return False


def _alive(thread: int) -> bool:
    return any(t.ident == thread for t in threading.enumerate())
