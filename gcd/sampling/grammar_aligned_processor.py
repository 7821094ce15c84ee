"""ASAp inside of somebody else's `generate()`: a logits processor that learns from one call to the next.

``generate()`` draws; the processor only says from what. At each step it sees the tokens that were drawn before, and
makes of the scores, whose softmax is P, the scores of ``q(a) = P(a) bound(a) / N``, minus infinity where the
grammar forbids. The bounds come from a trie for each prompt (`gcd.sampling.expected_future_grammaticality`). A
batch draws from tries that don't change; when it is over its draws are committed, and the next batch draws from
better bounds.

When is it over? Not before the last token is known, and no processor sees that one. Three ways to close:

* ``generate(..., stopping_criteria=[processor.criteria])``: criteria do see each token; nothing else has to be done;
* ``processor.finish(sequences)`` with what ``generate()`` returned;
* neither: the next ``generate()`` closes the last one's rows. What they drew last isn't known then, so draws that had
  not ended yet are committed without it, and have no weight.

What P is: the softmax of the scores as they reach the processor, after the penalties that ``generate()`` applies
before it and after `warpers`. Temperature, top-k and the like come *after* it in ``generate()``, where they would
change the law that is drawn from behind the processor's back; so that is refused. Hand them over as `warpers`: then
they are part of P.
"""

from __future__ import annotations

import math
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd._native.efg_trie import EfgDraw
from gcd._native.matcher import Matcher, fill_bitmasks
from gcd.bitmask import allocate_token_bitmask, apply_token_bitmask_inplace
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import ModelError, SamplingError
from gcd.sampling.constraint import GrammarConstraint
from gcd.sampling.expected_future_grammaticality import MAX_BYTES, GrammaticalityTrie, Law
from gcd.sampling.trie_draws import end_words

try:
    import torch
    from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria
except ImportError as error:
    raise ImportError(
        "GrammarAlignedLogitsProcessor needs transformers and torch: pip install 'gcd-decoding[hf]'"
    ) from error

__all__ = ["AlignedDraw", "GrammarAlignedLogitsProcessor"]

_HARMLESS = {"LogitNormalization"}
"""Processors that may come behind: they don't change the law."""
_PROMPT_BYTES = 4096
"""What a prompt takes besides its bounds, or more."""


@dataclass(frozen=True, slots=True)
class AlignedDraw:
    """One row of a `generate()`.

    Attributes:
        ids: the generated tokens up to the end of sequence.
        log_p: their log-probability under P.
        log_q: log of the probability with which they were drawn.
        finished: whether they end with an end-of-sequence token: they are a sentence.
        log_weight: log P / q of a sentence, minus infinity otherwise: the mean of ``exp(log_weight) f`` over *all*
            draws estimates the sum of P f over sentences without bias.
        log_acceptance: log of the probability with which to keep a sentence so that what is kept follows P
            restricted to sentences exactly, as CARS does; minus infinity otherwise.
    """

    ids: tuple[int, ...]
    log_p: float
    log_q: float
    finished: bool
    log_weight: float
    log_acceptance: float


class GrammarAlignedLogitsProcessor(LogitsProcessor):  # type: ignore[misc] # transformers is not type-checked here
    """Grammar-aligned decoding (ASAp) for ``model.generate(do_sample=True)`` and loops like it.

    ::

        processor = gcd.GrammarAlignedLogitsProcessor(compiled)
        for _ in range(100):
            model.generate(
                **inputs, do_sample=True, top_k=0, max_new_tokens=60,
                logits_processor=[processor], stopping_criteria=[processor.criteria],
            )
            weights = [draw.log_weight for draw in processor.draws]

    The first batch is drawn as `gcd.GrammarLogitsProcessor` would let it; later ones come nearer to the model's own
    law over sentences. For single prompts and batches (padded on the left), of one or of several prompts: rows that
    have the same ids share a trie. Not for greedy search, beams, drafts, or two ``generate()`` at once.

    Attributes:
        compiled: the grammar.
        tries: the trie of each prompt, by its ids as `generate` showed them (padding among them). Where all together
            take more than `max_bytes`, the prompts that weren't seen for longest are forgotten; what is forgotten has
            to be learned again, and no law changes. ``tries.clear()`` forgets them all.
        max_bytes: what the tries may take.
        draws: the rows of the last batch that was closed.
        criteria: a stopping criterion that never stops anything; it closes the batch once all rows have ended.
        calls, rows, seconds: how often it was called, with how many rows together, how long that took together.
    """

    supports_continuous_batching = False

    def __init__(
        self,
        compiled: CompiledGrammar,
        start: str | None = None,
        *,
        trie: GrammaticalityTrie | None = None,
        warpers: Sequence[Callable[[Any, Any], Any]] = (),
        max_tokens: int | None = None,
        model_name: str = "",
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """A processor that knows nothing yet, or what a trie knows.

        Args:
            compiled: the grammar, compiled for the model's vocabulary.
            start: which start symbol, if the grammar has several; default the first.
            trie: bounds for the first prompt that comes; later prompts begin with empty ones.
            warpers: transformers' warpers, or functions like them, that belong to P. They are applied first.
            max_tokens: the budget, if the target is to be restricted to sentences of at most so many tokens, the
                end-of-sequence token among them. Then texts that can't end in time are learned to be dead ends. Give
                ``generate`` the same ``max_new_tokens``.
            model_name: a fingerprint of the model, to go into saved tries.
            max_bytes: what the tries of all prompts may take together, and each of them.

        Raises:
            ValueError: no such start symbol, a `max_tokens` below 1, a negative `max_bytes`.
            SamplingError: the vocabulary has no end-of-sequence token.
        """
        if not isinstance(compiled, CompiledGrammar):
            raise TypeError(
                f"compiled must be a CompiledGrammar (gcd.compile, gcd.load), not {type(compiled).__name__}"
            )
        if max_tokens is not None and max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, not {max_bytes}")
        self.compiled = compiled
        self.start = start
        self.max_bytes = max_bytes
        self.warpers = tuple(warpers)
        self.max_tokens = max_tokens
        self.fingerprint = model_name
        self.tries: dict[tuple[int, ...], GrammaticalityTrie] = {}
        self.draws: list[AlignedDraw] = []
        self.criteria = _Criteria(self)
        self.calls = 0
        self.rows = 0
        self.seconds = 0.0
        self._constraint = GrammarConstraint(compiled, start)
        self._ends = end_words(compiled.vocab)
        self._given = trie
        self._lines: list[_Line] = []  # of the last batch
        self._closed = True
        self._ids: NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)  # prompts and the tokens that are known
        self._caller: weakref.ref[Any] | None = None

    @property
    def trie(self) -> GrammaticalityTrie:
        """The trie of the only prompt.

        Raises:
            SamplingError: there was none yet, or there were several.
        """
        if len(self.tries) != 1:
            raise SamplingError(f"there are tries for {len(self.tries)} prompts, not for one", remedy="processor.tries")
        return next(iter(self.tries.values()))

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores to draw from.

        Args:
            input_ids: int64 of shape ``(batch, length)``, prompt and generated tokens.
            scores: float32 of shape ``(batch, columns)``, on any device; overwritten if there are no `warpers`.

        Returns:
            float32 of the same shape.

        Raises:
            SamplingError: the host doesn't sample, or changes the law behind the processor; the trie belongs to another
                prompt or model.
            ModelError: a score is NaN or plus infinity.
        """
        began = time.perf_counter()
        if input_ids.ndim != 2 or scores.ndim != 2 or input_ids.shape[0] != scores.shape[0]:
            raise ValueError(
                f"input_ids of shape {tuple(input_ids.shape)} and scores of shape {tuple(scores.shape)}: "
                "both are matrices with a row for each sequence"
            )
        frame = sys._getframe(1)
        caller = frame.f_locals.get("self")
        ids = input_ids.cpu().numpy()
        for warper in self.warpers:
            scores = warper(input_ids, scores)
        scores = scores.float()
        rows = scores.detach().to("cpu", copy=True).contiguous().numpy()
        if self._continues(ids, caller):
            if ids.shape[1] > self._ids.shape[1]:  # else the criterion has seen it before
                self._take(ids)
        else:
            self.finish()
            self._check_host(frame, caller)
            self._begin(ids, rows, caller)
        for line, row in zip(self._lines, rows, strict=True):
            line.row = row
        self._fill(scores, rows)
        self.calls += 1
        self.rows += len(rows)
        self.seconds += time.perf_counter() - began
        return scores

    def finish(self, sequences: Any = None) -> list[AlignedDraw]:
        """Close the open batch: its draws teach the next ones. Without one, nothing happens.

        Args:
            sequences: what ``generate()`` returned, int64 of shape ``(batch, length)``. Not needed with `criteria`.

        Returns:
            `draws`: the rows of the batch that was closed last.

        Raises:
            ValueError: these sequences don't go on from the last call.
        """
        if self._closed:
            return self.draws
        if sequences is not None:
            sequences = getattr(sequences, "sequences", sequences)
            ids = sequences.cpu().numpy() if isinstance(sequences, torch.Tensor) else np.asarray(sequences)
            known = self._ids.shape[1]
            if ids.ndim != 2 or ids.shape[0] != len(self._lines) or not np.array_equal(ids[:, :known], self._ids):
                raise ValueError("these sequences don't go on from what the processor saw last")
            if ids.shape[1] > known and any(line.row is not None for line in self._lines):
                self._take(ids[:, : known + 1])
        for line in self._lines:
            line.trie.commit(line.path)
            line.off = True
        self.draws = [line.draw() for line in self._lines]
        self._closed = True
        return self.draws

    def __repr__(self) -> str:
        mean = f", {self.seconds / self.calls * 1e6:.0f} us each" if self.calls else ""
        return f"<GrammarAlignedLogitsProcessor {self.calls} calls{mean}, {len(self.tries)} prompts>"

    # -- one call ------------------------------------------------------------------------------------------------------

    def _continues(self, ids: NDArray[np.int64], caller: object) -> bool:
        """Whether a call goes on with the last batch."""
        if not self._lines:
            return False
        known = self._ids.shape[1]
        listed = isinstance(caller, LogitsProcessorList)
        same_list = listed and self._caller is not None and self._caller() is caller
        if listed and self._caller is not None and not same_list:
            return False
        taken = all(line.row is None for line in self._lines)  # by the criterion: then nothing is new here
        if ids.shape == (len(self._lines), known + (not taken)) and np.array_equal(ids[:, :known], self._ids):
            return True
        if same_list:
            raise SamplingError(
                "rows don't continue those of the last call: beams and drafts can't be drawn through a trie of bounds",
                remedy="generate(do_sample=True, num_beams=1) without an assistant",
            )
        return False

    def _check_host(self, frame: Any, caller: object) -> None:
        """Raise if what calls doesn't draw from the scores as they are."""
        if not isinstance(caller, LogitsProcessorList):
            return  # a loop of the user's own
        names = [type(p).__name__ for p in caller]
        at = next((i for i, p in enumerate(caller) if p is self), len(names))
        behind = [name for name in names[at + 1 :] if name not in _HARMLESS]
        if behind:
            raise SamplingError(
                f"{', '.join(behind)} would change the law behind the processor",
                remedy="generate(temperature=1.0, top_k=0, top_p=1.0), and what belongs to the law in `warpers`",
            )
        outer = frame.f_back
        if outer is not None and outer.f_locals.get("do_sample") is False:
            raise SamplingError("generate() doesn't sample: there is no law to keep", remedy="do_sample=True")

    def _begin(self, ids: NDArray[np.int64], rows: NDArray[np.float32], caller: object) -> None:
        """Open a batch: `ids` are prompts."""
        self._caller = weakref.ref(caller) if isinstance(caller, LogitsProcessorList) else None
        lines = []
        seen = set()
        for row_ids, row in zip(ids, rows, strict=True):
            prompt = tuple(row_ids.tolist())
            trie = self.tries.pop(prompt, None)
            if trie is None:
                trie, self._given = self._given, None
            if trie is None:
                trie = GrammaticalityTrie(self.compiled.width, self.compiled.eos_ids, max_bytes=self.max_bytes)
            self.tries[prompt] = trie  # at the end: prompts are in the order in which they were seen last
            if prompt not in seen:
                seen.add(prompt)
                trie.belong_to(self._law(prompt, row), self._constraint)
            lines.append(_Line(self.compiled.matcher(self.start), EfgDraw(trie.core), trie))
        self._lines, self._ids = lines, ids
        self._closed = False
        taken = sum(_PROMPT_BYTES + trie.nbytes for trie in self.tries.values())
        for prompt in list(self.tries)[: len(self.tries) - len(seen)]:
            if taken <= self.max_bytes:
                break
            taken -= _PROMPT_BYTES + self.tries.pop(prompt).nbytes

    def _law(self, prompt: tuple[int, ...], row: NDArray[np.float32]) -> Law:
        logs = row[: self.compiled.width].astype(np.float64)
        top = float(row.max())
        if not top < math.inf:
            raise ModelError("a score is NaN or plus infinity", place="the prompt's next token")
        if top == -math.inf:
            raise ModelError("every score is minus infinity", place="the prompt's next token")
        logs -= top + math.log(float(np.exp(row.astype(np.float64) - top).sum()))
        return Law.of(self, self._constraint, self.compiled.fingerprint, prompt, self.max_tokens or 0, logs)

    def _take(self, ids: NDArray[np.int64]) -> None:
        """Move over the newest tokens."""
        for line, token in zip(self._lines, ids[:, -1].tolist(), strict=True):
            line.take(token)
        self._ids = ids

    def _fill(self, scores: Any, rows: NDArray[np.float32]) -> None:
        """Make P into q, in place; `rows` is a copy of the scores."""
        bitmask = allocate_token_bitmask(len(self._lines), self.compiled.width)
        words = bitmask.numpy()
        live = [line for line in self._lines if line.is_open]
        fill_bitmasks([line.matcher if line.is_open or line.dead else None for line in self._lines], bitmask)
        last = bool(live) and self.max_tokens is not None and live[0].matcher.n_accepted >= self.max_tokens - 1
        for i, line in enumerate(self._lines):
            if line.off or line.path.is_ended or line.matcher.is_finished:
                words[i] = self._ends  # of a row that has ended, or that the host has taken over
            if not line.is_open:
                continue
            mask = words[i] & self._ends if last else words[i]
            log_mass = line.path.visit(rows[i], mask, True)
            if not line.began:
                line.began, line.log_root = True, log_mass
            line.dead = log_mass == -math.inf
            if not line.dead:
                words[i] = mask
        apply_token_bitmask_inplace(scores, bitmask)
        for i, line in enumerate(self._lines):
            if not line.is_open and not bool((scores[i] > -torch.inf).any()):
                # P gives no allowed token a chance, and the host must draw something: anything that is allowed
                scores[i] = 0.0
                apply_token_bitmask_inplace(scores[i], bitmask[i])
            elif line.is_open:
                bounds = line.path.bounds()
                if bounds:
                    at = torch.tensor([token for token, _ in bounds], device=scores.device)
                    scores[i, at] += torch.tensor([bound for _, bound in bounds], device=scores.device)


@dataclass(slots=True)
class _Line:
    """One row of the open batch."""

    matcher: Matcher
    path: EfgDraw
    trie: GrammaticalityTrie
    row: NDArray[np.float32] | None = None  # of the last visit; None: its token is known
    began: bool = False  # log_root is known
    log_root: float = 0.0
    dead: bool = False  # P gives nothing that could follow a chance
    off: bool = False  # the host put in a token of its own

    @property
    def is_open(self) -> bool:
        return not (self.dead or self.off or self.path.is_ended)

    def take(self, token: int) -> None:
        row, self.row = self.row, None
        if row is None or self.off or self.path.is_ended:
            return
        if self.dead:  # the text stays within the grammar, though it is no draw any more
            if not (self.matcher.is_finished or self.matcher.accept(token)):
                self.off = True
            return
        if token >= len(row) or self.path.law(row, token)[1] == -math.inf:
            self.off = True
            return
        self.path.take(row, token)
        self.matcher.accept(token)

    def draw(self) -> AlignedDraw:
        finished = self.path.is_ended
        log_weight = self.path.log_p - self.path.log_q if finished else -math.inf
        return AlignedDraw(
            ids=tuple(self.path.tokens),
            log_p=self.path.log_p,
            log_q=self.path.log_q,
            finished=finished,
            log_weight=log_weight,
            log_acceptance=min(0.0, log_weight - self.log_root) if finished else -math.inf,
        )


class _Criteria(StoppingCriteria):  # type: ignore[misc] # transformers is not type-checked here
    """Sees each token that is drawn; stops nothing."""

    def __init__(self, processor: GrammarAlignedLogitsProcessor) -> None:
        self._processor = weakref.ref(processor)

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Tell the processor; no row is to stop."""
        processor = self._processor()
        if processor is not None and not processor._closed:
            ids = input_ids.cpu().numpy()
            if processor._continues(ids, None) and ids.shape[1] > processor._ids.shape[1]:
                processor._take(ids)
                if not any(line.is_open for line in processor._lines):
                    processor.finish()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
