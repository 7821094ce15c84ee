"""Drawing a batch of sequences through a trie of bounds, in lockstep with the model. ASAp, its forms and CARS share it.

All rows of a batch draw from one and the same trie: nothing is committed before the last of them has ended. So
given the trie they are independent draws from one law, whatever their lengths, and each carries its exact weight P
/ q. With a batch of one that is ASAp as published.

What a row may end with:

* ``eos``: a sentence;
* ``length``: the budget's last token could only have been an end of sequence, and wasn't allowed to be one;
* ``dead``: nothing could follow. A product of constraints can lead there; the trie now knows;
* ``refused``: a constraint without a mask refused the token that was drawn;
* ``rejected``: a coin said no (`reject=True`), see `gcd.sampling.cars`.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gcd._native.efg_trie import EfgDraw
from gcd._native.matcher import fill_bitmasks
from gcd.errors import ModelError, SamplingError
from gcd.sampling.constraint import ConstraintState, GrammarState, ProductState, pack_mask
from gcd.sampling.expected_future_grammaticality import GrammaticalityTrie, Law
from gcd.sampling.grammar_probability import GrammarProbability, WeightStatistics
from gcd.sampling.methods import Task
from gcd.sampling.sample import Sample
from gcd.vocab import Vocabulary

__all__ = ["Draw", "TrieDraws", "TrieLike", "batch_masks", "end_words"]

TrieLike: TypeAlias = GrammaticalityTrie | str | os.PathLike[str] | None
"""A trie, or a file that one is read from, if it exists, and written to when the run is over; None: an empty one."""


def end_words(vocab: Vocabulary) -> NDArray[np.int32]:
    """The mask of a vocabulary's end-of-sequence tokens.

    Raises:
        SamplingError: it has none.
    """
    if not vocab.eos_ids:
        raise SamplingError(
            "the vocabulary has no end-of-sequence token, so no text is ever finished",
            remedy="Vocabulary.from_pretrained(..., eos_ids=[...])",
        )
    ends = np.zeros(vocab.width, dtype=np.bool_)
    ends[list(vocab.eos_ids)] = True
    return pack_mask(ends)


def batch_masks(
    states: Sequence[ConstraintState], ends: NDArray[np.int32], last: bool
) -> tuple[NDArray[np.int32], list[bool]]:
    """The masks of a batch, and which of them say all that the constraint would: after the others a token is checked.

    Args:
        states: one for each row.
        ends: the mask of the end-of-sequence tokens.
        last: no other token fits the budget.
    """
    words = np.zeros((len(states), len(ends)), dtype=np.int32)
    exact = [True] * len(states)
    matchers = [state.matcher for state in states if isinstance(state, GrammarState)]
    if len(matchers) == len(states):
        fill_bitmasks(matchers, words)
    else:
        for i, state in enumerate(states):
            if state.has_mask:
                state.fill_mask(words[i])
            else:
                exact[i] = False
                if not (isinstance(state, ProductState) and state.cheap_mask(words[i])):
                    words[i] = -1
    if last:
        words &= ends
    return words, exact


@dataclass(slots=True)
class Draw:
    """A row of a batch."""

    path: EfgDraw
    state: ConstraintState
    rng: random.Random
    token: int = -1  # the last
    finish: str = ""
    n_model_calls: int = 0
    n_masks: int = 0
    n_checks: int = 0
    log_root: float = 0.0  # log N of the empty prefix: what the weight can be at most

    @property
    def log_weight(self) -> float:
        """log P - log q of a sentence; minus infinity for what isn't one."""
        return self.path.log_p - self.path.log_q if self.finish == "eos" else -math.inf


@dataclass(slots=True)
class TrieDraws:
    """Batches of draws for one task, all through one trie; counts what they cost."""

    task: Task
    trie: TrieLike = None
    confidence: float = 0.95
    n_draws: int = 0
    n_model_calls: int = 0
    n_masks: int = 0
    n_checks: int = 0
    model_seconds: float = 0.0
    finishes: dict[str, int] = field(default_factory=dict)
    statistics: WeightStatistics = field(init=False)
    _end_words: NDArray[np.int32] = field(init=False)
    _file: Path | None = None  # where the trie came from, and goes back to
    _began: float = field(default_factory=time.perf_counter)
    _left_out: int = 0  # of the trie's draws, before this run's

    def __post_init__(self) -> None:
        """An empty trie, unless one was given."""
        vocab = self.task.model.vocab
        if isinstance(self.trie, str | os.PathLike):
            self._file = Path(self.trie)
            self.trie = GrammaticalityTrie.load(self._file) if self._file.exists() else None
        if self.trie is None:
            self.trie = GrammaticalityTrie(vocab.width, vocab.eos_ids)
        if not isinstance(self.trie, GrammaticalityTrie):
            raise TypeError(f"trie must be a GrammaticalityTrie or the path of one, not {type(self.trie).__name__}")
        if (self.trie.core.width, self.trie.core.eos_ids) != (vocab.width, tuple(vocab.eos_ids)):
            raise SamplingError("the trie belongs to another vocabulary", remedy="a new trie for each vocabulary")
        self._left_out = self.trie.n_left_out
        self._end_words = end_words(vocab)
        self.statistics = WeightStatistics(self.confidence)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._began

    def batch(self, n: int, reject: bool = False) -> list[Draw]:
        """Draw `n` rows, commit them in row order, and return them.

        Args:
            n: rows.
            reject: give up a row, at each prefix but the empty one, with probability 1 - N / bound.

        Raises:
            SamplingError: nothing satisfies the constraint within the budget, and the trie has proven it; or the trie
                belongs to another law.
        """
        task, trie = self.task, self.bounds
        start = task.constraint.start(task.model.vocab)
        draws = [Draw(EfgDraw(trie.core), start.fork(), self._rng(self.n_draws + i)) for i in range(n)]
        self.n_draws += n
        began = time.perf_counter()
        state = task.model.start(task.prompt, n)
        self.model_seconds += time.perf_counter() - began
        alive = draws
        for step in range(task.max_tokens):
            began = time.perf_counter()
            rows = state.log_probs()
            self.model_seconds += time.perf_counter() - began
            if not step:
                law = Law.of(
                    task.model, task.constraint, task.model.vocab.fingerprint, task.prompt, task.max_tokens, rows[0]
                )
                trie.belong_to(law, task.constraint)
            last = step == task.max_tokens - 1
            words, exact = batch_masks([draw.state for draw in alive], self._end_words, last)
            kept = []
            for i, draw in enumerate(alive):
                draw.n_model_calls += 1
                draw.finish = self._step(draw, rows[i], words[i], exact[i], step, reject)
                if not draw.finish:
                    kept.append(i)
            alive = [alive[i] for i in kept]
            if not alive:
                break
            began = time.perf_counter()
            if len(kept) < len(state):
                state.select(kept)
            state.advance([draw.token for draw in alive])
            self.model_seconds += time.perf_counter() - began
        self.n_model_calls += state.n_calls
        for draw in draws:
            trie.commit(draw.path)
            self.n_masks += draw.n_masks
            self.n_checks += draw.n_checks
            self.finishes[draw.finish] = self.finishes.get(draw.finish, 0) + 1
            if draw.log_root > -math.inf:
                log_weight = draw.log_weight
                if reject and draw.finish == "eos":
                    log_weight = draw.log_root  # taken with probability w / N, so it stands for N
                self.statistics.add(log_weight, draw.log_root)
        if trie.core.log_bound() == -math.inf:
            raise SamplingError(
                f"no sentence of the constraint has a chance under the model within {task.max_tokens} tokens",
                remedy="a larger max_tokens, or a constraint that the vocabulary can satisfy",
            )
        return draws

    def _step(
        self, draw: Draw, row: NDArray[Any], words: NDArray[np.int32], exact: bool, step: int, reject: bool
    ) -> str:
        """Draw a token of a row. Returns what it ended with; empty if it goes on."""
        path = draw.path
        try:
            log_mass = path.visit(row, words)
        except ModelError as error:
            raise ModelError(error.cause, place=f"the model, {error.place}", remedy=error.remedy) from error
        draw.n_masks += 1
        if not step:
            draw.log_root = log_mass
        if log_mass == -math.inf:
            return "length" if step == self.task.max_tokens - 1 else "dead"
        # The envelope at this prefix was its bound; what is true of it now is the mass.
        if reject and step and math.log(max(draw.rng.random(), 5e-324)) >= log_mass - path.log_bound:
            return "rejected"
        token = draw.token = path.sample(row, draw.rng.random())
        if not exact:
            draw.n_checks += 1
            if not draw.state.check(token):
                path.refuse()
                return "refused"
        draw.state.advance(token)
        return "eos" if path.is_ended else ""

    def _rng(self, draw: int) -> random.Random:
        """The generator of a draw: where draws fail there are more of them than samples, and than seeds."""
        seed = self.task.seed
        if isinstance(seed, tuple) and draw >= len(seed):
            return self.task.named_rng(f"draw {draw}")
        return self.task.row_rng(draw)

    @property
    def bounds(self) -> GrammaticalityTrie:
        """The trie."""
        assert isinstance(self.trie, GrammaticalityTrie)
        return self.trie

    def save(self) -> None:
        """Write the trie back to the file that it was taken from, if it was."""
        if self._file is not None:
            self.bounds.save(self._file)

    def warnings(self) -> list[str]:
        """What the user of the run should know."""
        trie = self.bounds
        n = trie.n_left_out - self._left_out
        if not n:
            return []
        return [
            f"the trie is full ({trie.core.n_nodes:,} prefixes, max_bytes={trie.max_bytes:,}): {n} draws were not "
            "added to it. The law is the same, but draws don't get better any more"
        ]

    def probability(self) -> GrammarProbability:
        """P(constraint) within the budget, as far as it is known."""
        core = self.bounds.core
        return self.statistics.summary(core.log_found, core.log_bound())

    def sample(self, draw: Draw, log_weight: float, log_q: float | None) -> Sample:
        """A row as users see it."""
        ids = tuple(draw.path.tokens)
        tokens = self.task.model.vocab.tokens
        data = b"".join(tokens[t] or b"" for t in ids)
        finish = draw.finish if draw.finish in ("eos", "length") else "dead"
        return Sample(
            text=data.decode("utf-8", "replace"),
            ids=ids,
            log_p=draw.path.log_p,
            log_q=log_q,
            log_weight=log_weight,
            finish=finish,
            n_checks=draw.n_checks,
            n_masks=draw.n_masks,
            n_model_calls=draw.n_model_calls,
            data=data,
        )
