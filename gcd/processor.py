"""The host transformers: a logits processor that lets only the grammar's tokens through.

``generate()`` hands over, at each step, all ids so far and the scores of the next token, and nothing else: not where
the prompt ends, not which rows have ended, not which row of the last call a row continues (beams are re-ordered, drafts
are taken back). So a row's state is found by its text, never by its index:

* The processor keeps the ids of the last call and one matcher for each of its rows.
* A call *continues* the last one if each of its rows, but for the newest token, begins a row of the last call. Its
  matchers come from there: taken over, forked where two rows grow out of one, rolled back where tokens were taken
  back. In the common case each row continues itself, and that is one comparison of the ids with the last call's.
* Any other call is the first of a new text, and its ids are the prompt. So one processor serves one ``generate()``
  after another.

Texts alone can't tell a continuation from a new prompt that is the old one and one token more. But each ``generate()``
puts its processors into a list of its own, which goes when it returns: a call that comes from another list, the last
one being gone, is the first of a new text, too. (A list that comes beside one that still lives is an assistant's.)
Where processors are called by something else than such a list, the texts decide.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections import Counter
from typing import Any

import numpy as np

from gcd._native.matcher import Matcher, fill_bitmasks
from gcd.bitmask import allocate_token_bitmask, apply_token_bitmask_inplace, first_empty_row
from gcd.compiled_grammar import CompiledGrammar
from gcd.errors import MatcherError

try:
    from transformers import LogitsProcessor, LogitsProcessorList
except ImportError as error:
    raise ImportError("GrammarLogitsProcessor needs transformers and torch: pip install 'gcd-decoding[hf]'") from error

__all__ = ["GrammarLogitsProcessor"]


class GrammarLogitsProcessor(LogitsProcessor):  # type: ignore[misc] # transformers is not type-checked here
    """Constrains ``model.generate`` and ``pipeline("text-generation")`` to a grammar.

    ::

        model.generate(**inputs, logits_processor=[gcd.GrammarLogitsProcessor(compiled)])

    It works for single prompts and for batches (padded on the left), for several sequences from a prompt, greedy and
    sampling; it may be used for one ``generate()`` after another, but not by two at once. Every output that ends with
    an end-of-sequence token is a sentence of the grammar; one cut off by ``max_new_tokens`` begins a sentence.

    A row that has ended, and so one that the host ended itself or into which it put a token that the grammar doesn't
    allow, may go on with an end-of-sequence token only.

    Attributes:
        compiled: the grammar.
        start: the name of the start symbol; None for the first.
        prompt_len: the tokens before the generated ones, if told.
        calls: how often it was called.
        rows: how many rows these calls had together.
        seconds: how long they took together. On an accelerator that includes waiting for the ids.
    """

    supports_continuous_batching = False  # there the processor would see single tokens, without their history

    def __init__(self, compiled: CompiledGrammar, start: str | None = None, *, prompt_len: int | None = None) -> None:
        """A processor at the beginning of a text.

        Args:
            compiled: the grammar, compiled for the model's vocabulary.
            start: which start symbol, if the grammar has several; default the first.
            prompt_len: how many ids of a row come before the generated ones, padding among them. Needed only where
                generation doesn't begin right after the ids that ``generate()`` is given: to resume a text.

        Raises:
            ValueError: no such start symbol, or a negative `prompt_len`.
        """
        if not isinstance(compiled, CompiledGrammar):
            raise TypeError(
                f"compiled must be a CompiledGrammar (gcd.compile, gcd.load), not {type(compiled).__name__}"
            )
        if prompt_len is not None and prompt_len < 0:
            raise ValueError(f"prompt_len must be at least 0, not {prompt_len}")
        compiled.matcher(start)  # the name is checked here, not in the middle of a generation
        self.compiled = compiled
        self.start = start
        self.prompt_len = prompt_len
        self.calls = 0
        self.rows = 0
        self.seconds = 0.0
        self._caller: weakref.ref[Any] | None = None  # the list of processors that the text began in
        self._bitmask: Any = None
        self._ended: tuple[int, Any] | None = None  # columns of the scores, and the mask of rows that have ended
        self.reset()

    def reset(self) -> None:
        """Forget the last call: the next is the first of a new text. The counters stay."""
        self._begin = 0  # ids of a row that are prompt
        self._length = 0  # ids of a row at the last call
        self._ids = np.zeros((0, 0), dtype=np.int64)  # (rows, more than _length): the ids of the last call
        self._lines: list[_Line] = []  # of the last call, one for each row; empty before the first

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Set the scores of tokens that the grammar doesn't allow next to minus infinity, in place.

        Args:
            input_ids: int64 of shape ``(batch, length)``, prompt and generated tokens.
            scores: floating point of shape ``(batch, columns)``, on any device. There may be more columns than the
                vocabulary has (they are never allowed), or fewer.

        Returns:
            `scores`.

        Raises:
            MatcherError: a row has no token left that the grammar allows. It names the row, the position and why.
            ValueError: shapes that don't belong together; fewer ids than `prompt_len`.
        """
        began = time.perf_counter()
        if input_ids.ndim != 2 or scores.ndim != 2 or input_ids.shape[0] != scores.shape[0]:
            raise ValueError(
                f"input_ids of shape {tuple(input_ids.shape)} and scores of shape {tuple(scores.shape)}: "
                "both are matrices with a row for each sequence"
            )
        try:
            lines = self._follow(input_ids.cpu().numpy(), sys._getframe(1).f_locals.get("self"))
        except BaseException:
            self.reset()  # half of the rows have moved
            raise
        n_rows = len(lines)
        if self._bitmask is None or self._bitmask.shape[0] != n_rows:
            self._bitmask = allocate_token_bitmask(n_rows, self.compiled.width)
        bitmask = self._bitmask
        if n_rows == 1 and not lines[0].ended:
            lines[0].matcher.fill_bitmask(bitmask)
        else:
            fill_bitmasks([None if line.ended else line.matcher for line in lines], bitmask)
            for row, line in enumerate(lines):
                if line.ended:
                    bitmask[row] = self._ended_row(scores.shape[1])
        empty = first_empty_row(bitmask, scores.shape[1])
        if empty is not None:
            raise self._nothing_allowed(empty, scores.shape[1])
        apply_token_bitmask_inplace(scores, bitmask)
        self.calls += 1
        self.rows += n_rows
        self.seconds += time.perf_counter() - began
        return scores

    def __repr__(self) -> str:
        mean = f", {self.seconds / self.calls * 1e6:.0f} us each" if self.calls else ""
        return f"<GrammarLogitsProcessor {self.calls} calls{mean}>"

    # -- which row continues which ------------------------------------------------------------------------------------

    def _follow(self, ids: np.ndarray[Any, Any], caller: object) -> list[_Line]:
        """The lines of a call's rows, moved to its newest tokens. `caller`: the object whose method called."""
        n_rows, length = ids.shape
        if self.prompt_len is not None and length < self.prompt_len:
            raise ValueError(f"{length} ids in a row, fewer than prompt_len={self.prompt_len}")
        known = max(0, min(length - 1, self._length))  # ids of a row that the last call may have seen
        sources: list[int | None]  # row -> the row of the last call that it comes from
        if self._is_new(caller):
            sources = [None] * n_rows
        elif (
            n_rows == len(self._lines)
            and known == self._length
            and np.array_equal(ids[:, :known], self._ids[:, :known])
        ):
            if known == length - 1 and length <= self._ids.shape[1]:  # the common case
                self._ids[:, known] = ids[:, known]
                self._length = length
                for line, token in zip(self._lines, ids[:, known].tolist(), strict=True):
                    line.accept(token)
                return self._lines
            sources = list(range(n_rows))
        else:
            before = [row.tobytes() for row in self._ids[:, :known]]
            where = {row: i for i, row in reversed(list(enumerate(before)))}
            sources = [where.get(row.tobytes()) for row in ids[:, :known].astype(np.int64, copy=False)]
        if self.prompt_len is not None:
            self._begin = self.prompt_len
        elif None in sources or known < length - 1 or length < self._begin:
            self._begin = length
            sources = [None] * n_rows
            self._caller = weakref.ref(caller) if isinstance(caller, LogitsProcessorList) else None
        heirs = Counter(sources)
        lines = []
        for row, source in zip(ids, sources, strict=True):
            at = self._begin
            if source is None:
                line = _Line(self.compiled.matcher(self.start), self.compiled.width)
            else:
                heirs[source] -= 1
                line = self._lines[source].fork() if heirs[source] else self._lines[source]
                at = max(known, at)
                line.back_to(at - self._begin)
            for token in row[at:].tolist():
                line.accept(token)
            lines.append(line)
        self._lines, self._length = lines, length
        self._ids = np.zeros((n_rows, 2 * length + 16), dtype=np.int64)  # with room for the columns to come
        self._ids[:, :length] = ids
        return lines

    def _is_new(self, caller: object) -> bool:
        """Whether the caller alone tells that this call is the first of a new text."""
        if not self._lines:
            return True
        gone = self._caller is not None and self._caller() is None
        return gone and isinstance(caller, LogitsProcessorList)

    def _ended_row(self, columns: int) -> Any:
        """The mask of a row that has ended, shape ``(words,)``: end-of-sequence tokens, or, if there are none, all."""
        if self._ended is None or self._ended[0] != columns:
            ends = [t for t in self.compiled.eos_ids if t < columns]
            words = np.full(-(-self.compiled.width // 32), 0 if ends else 0xFFFF_FFFF, dtype=np.uint32)
            for token in ends:
                words[token // 32] |= np.uint32(1 << token % 32)
            row = allocate_token_bitmask(1, self.compiled.width)[0]
            row[:] = row.new_tensor(words.view(np.int32))
            self._ended = columns, row
        return self._ended[1]

    # -- no way on ----------------------------------------------------------------------------------------------------

    def _nothing_allowed(self, row: int, columns: int) -> MatcherError:
        """The error for a row that would become minus infinity throughout."""
        vocab, line = self.compiled.vocab, self._lines[row]
        generated = self._ids[row, self._begin : self._length].tolist()
        text = b"".join(vocab.token_bytes(t) or b"" for t in generated if t < vocab.width)
        shown = repr(text[-60:].decode(errors="replace"))
        if line.matcher.is_complete and not vocab.eos_ids:
            why = "the text is complete, and the vocabulary has no end-of-sequence token"
            remedy = "Vocabulary.from_pretrained(..., eos_ids=...)"
        elif bool(self._bitmask[row].any()):
            why = f"the scores have {columns} columns, and every token that is allowed has a higher id"
            remedy = f"a vocabulary of this model; this one has {vocab.width} columns"
        else:
            why = "the text can't become a sentence with this vocabulary"
            remedy = "compile without lenient={'viability'}, or give gcd.Limits that let viability be decided"
        return MatcherError(
            f"no token is allowed after {'…' if len(text) > 60 else ''}{shown}: {why}",
            place=f"row {row}, generated token {len(generated)}",
            remedy=remedy,
        )


class _Line:
    """One row's text since the prompt: a matcher, and whether a token was put in that it doesn't allow."""

    __slots__ = ("matcher", "off", "width")

    def __init__(self, matcher: Matcher, width: int, off: bool = False) -> None:
        self.matcher = matcher
        self.width = width
        self.off = off  # the token after matcher.n_accepted ones was refused; it and what follows it is not followed

    @property
    def ended(self) -> bool:
        return self.off or self.matcher.is_finished

    def accept(self, token: int) -> None:
        if not (self.off or self.matcher.is_finished):
            self.off = not (token < self.width and self.matcher.accept(token))

    def back_to(self, n_tokens: int) -> None:
        """Take back what came after the first `n_tokens`."""
        surplus = self.matcher.n_accepted - n_tokens
        if surplus >= 0:
            self.matcher.rollback(surplus)
            self.off = False

    def fork(self) -> _Line:
        return _Line(self.matcher.fork(), self.width, self.off)
