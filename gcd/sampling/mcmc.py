"""Markov chains that begin with local masking and walk to the target (Gonzalez et al. 2025, section 4).

A step of the chain, at the sentence y of n tokens: keep its first i tokens, i drawn from a law r( | y); complete them
under the mask, token by token, which is some sentence y'; go there with probability ::

    min(1, P(y') q(y | y') / (P(y) q(y' | y))),    q(y' | y) = sum over i <= |common prefix| of r(i | y) g(y' after i)

where g is the law of masked completion. All i that could have led from y to y' count, so that the chain accepts as
often as it can. With the Hastings ratio the target, P restricted to sentences within the budget, is the chain's
stationary law whatever r is. Three choices of r, as in the paper:

* ``restart``: i = 0. Independence Metropolis-Hastings; on the published logs at least as good as the others.
* ``prefix``: uniform over 0..n-1.
* ``priority``: in proportion to the entropy of the masked law at i: rewrite where something else could have come.

Each sample is the end of a chain of its own, so samples are independent; after k steps they are nearer to the target
than local masking, by how much depends on both laws.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd._native.efg_trie import EfgDraw, EfgTrie
from gcd.errors import SamplingError
from gcd.sampling.constraint import unpack_mask
from gcd.sampling.methods import Task
from gcd.sampling.sample import Sample, Samples, log_mean_exp, log_sum_exp
from gcd.sampling.trie_draws import batch_masks, end_words

__all__ = ["sample_mcmc"]

PROPOSALS = ("restart", "prefix", "priority")


def sample_mcmc(task: Task, *, proposal: str = "restart", n_steps: int = 10, max_starts: int = 100) -> Samples:
    """`task.n` samples, each the end of a chain of `n_steps` steps.

    Args:
        task: what to draw from. ``batch`` chains run together; that doesn't change what they draw.
        proposal: "restart", "prefix" or "priority".
        n_steps: steps of each chain; 0 is local masking.
        max_starts: how often masked drawing is tried for a chain's first sentence.

    Returns:
        Samples of equal weight; those whose chain found no first sentence are of weight 0 and have the finish "dead".
        ``extra`` holds "acceptance", the share of steps that moved, and "proposal".

    Raises:
        ValueError: an unknown proposal, or numbers out of range.
        SamplingError: no chain found a first sentence.
    """
    if proposal not in PROPOSALS:
        raise ValueError(f"no proposal {proposal!r}; there are {', '.join(PROPOSALS)}")
    if n_steps < 0 or max_starts < 1:
        raise ValueError("n_steps must be at least 0, and max_starts at least 1")
    chains = _Chains(task, proposal, max_starts)
    ends: list[_Chain] = []
    while len(ends) < task.n:
        rows = range(len(ends), min(len(ends) + task.batch, task.n))
        batch = [_Chain(task.row_rng(row)) for row in rows]
        chains.begin(batch)
        for _ in range(n_steps):
            chains.step([chain for chain in batch if chain.now is not None])
        ends += batch
        task.progress(len(ends), task.n, "chains")
    alive = [chain for chain in ends if chain.now is not None]
    if not alive:
        raise SamplingError(
            f"masked drawing found no sentence within {task.max_tokens} tokens in {max_starts} attempts of each chain",
            remedy="a larger max_tokens or max_starts, or method='cars', whose trie learns dead ends",
        )
    log_z = log_mean_exp([chain.log_first for chain in ends])  # first attempts are plain importance sampling
    weight = log_z if log_z > -math.inf else 0.0
    failed = len(ends) - len(alive)
    return Samples(
        samples=tuple(chains.sample(chain, weight) for chain in ends),
        method="mcmc",
        law=(
            f"the {n_steps}-step law of a {proposal} chain from local masking; tends to P(text | sentence of the "
            f"constraint); sentences of at most {task.max_tokens} tokens"
        ),
        log_z=log_z,
        n_model_calls=chains.n_model_calls,
        n_checks=sum(chain.n_checks for chain in ends),
        n_masks=sum(chain.n_masks for chain in ends),
        seconds=time.perf_counter() - chains.began,
        model_seconds=chains.model_seconds,
        warnings=(f"{failed} of {task.n} chains found no first sentence",) if failed else (),
        extra={
            "acceptance": sum(c.n_moves for c in alive) / max(1, n_steps * len(alive)),
            "proposal": proposal,
        },
    )


@dataclass(slots=True)
class _Sentence:
    """Tokens, and of each: log P, the log of its chance under the mask, the entropy of the masked law there."""

    tokens: list[int] = field(default_factory=list)
    log_p: list[float] = field(default_factory=list)
    log_g: list[float] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)

    def head(self, n: int) -> _Sentence:
        return _Sentence(self.tokens[:n], self.log_p[:n], self.log_g[:n], self.entropy[:n])


@dataclass(slots=True)
class _Chain:
    rng: random.Random
    now: _Sentence | None = None
    log_first: float = -math.inf  # weight of the first attempt
    n_moves: int = 0
    n_checks: int = 0
    n_masks: int = 0
    n_model_calls: int = 0


class _Chains:
    """Runs batches of chains in lockstep."""

    def __init__(self, task: Task, proposal: str, max_starts: int) -> None:
        self.task = task
        self.proposal = proposal
        self.max_starts = max_starts
        self.began = time.perf_counter()
        self.model_seconds = 0.0
        self.n_model_calls = 0
        vocab = task.model.vocab
        self._ends = end_words(vocab)
        self._no_bounds = EfgTrie(vocab.width, vocab.eos_ids)  # stays empty: then a draw is masked drawing

    def begin(self, batch: Sequence[_Chain]) -> None:
        """Find each chain's first sentence."""
        for attempt in range(self.max_starts):
            open_ = [chain for chain in batch if chain.now is None]
            if not open_:
                return
            for chain, made in zip(open_, self._complete(open_, [_Sentence() for _ in open_]), strict=True):
                chain.now = made
                if made is not None and not attempt:
                    chain.log_first = math.fsum(made.log_p) - math.fsum(made.log_g)

    def step(self, batch: Sequence[_Chain]) -> None:
        """One Metropolis-Hastings step of each."""
        if not batch:
            return
        heads = []
        for chain in batch:
            assert chain.now is not None
            heads.append(chain.now.head(self._cut(chain.now, chain.rng.random())))
        for chain, made in zip(batch, self._complete(batch, heads), strict=True):
            uniform = chain.rng.random()
            old = chain.now
            assert old is not None
            if made is None or made.tokens == old.tokens:
                continue
            log_ratio = math.fsum(made.log_p) - math.fsum(old.log_p) + self._log_q(old, made) - self._log_q(made, old)
            if log_ratio >= 0 or uniform < math.exp(log_ratio):
                chain.now = made
                chain.n_moves += 1

    def _shares(self, y: _Sentence) -> list[float]:
        """r( | y): the law of the number of tokens that are kept, over 0..n-1."""
        n = len(y.tokens)
        if self.proposal == "restart":
            return [1.0] + [0.0] * (n - 1)
        total = math.fsum(y.entropy) if self.proposal == "priority" else 0.0
        return [e / total for e in y.entropy] if total > 0 else [1.0 / n] * n

    def _cut(self, y: _Sentence, uniform: float) -> int:
        """A number of tokens to keep, drawn from r."""
        last = 0
        for i, share in enumerate(self._shares(y)):
            if share > 0:
                last = i
                if uniform < share:
                    break
            uniform -= share
        return last

    def _log_q(self, to: _Sentence, at: _Sentence) -> float:
        """log of the probability that a step at `at` proposes `to`."""
        common = 0
        while common < min(len(to.tokens), len(at.tokens)) and to.tokens[common] == at.tokens[common]:
            common += 1
        shares = self._shares(at)
        terms = []
        tail = math.fsum(to.log_g)
        for i in range(min(common, len(shares) - 1) + 1):
            if shares[i] > 0:
                terms.append(math.log(shares[i]) + tail)
            if i < len(to.log_g):
                tail -= to.log_g[i]
        return log_sum_exp(terms)

    def _complete(self, batch: Sequence[_Chain], heads: Sequence[_Sentence]) -> list[_Sentence | None]:
        """Masked completions of heads, which are sentences cut short; None where there was no way on."""
        task = self.task
        start = task.constraint.start(task.model.vocab)
        states = [start.fork() for _ in batch]
        paths = [EfgDraw(self._no_bounds) for _ in batch]
        made: list[_Sentence | None] = [head.head(len(head.tokens)) for head in heads]
        began = time.perf_counter()
        model = task.model.start(task.prompt, len(batch))
        self.model_seconds += time.perf_counter() - began
        alive = list(range(len(batch)))
        for step in range(task.max_tokens):
            drawn = [i for i in alive if step >= len(heads[i].tokens)]
            if drawn:
                began = time.perf_counter()
                rows = model.log_probs()
                self.model_seconds += time.perf_counter() - began
                last = step == task.max_tokens - 1
                words, exact = batch_masks([states[i] for i in drawn], self._ends, last)
                where = {i: k for k, i in enumerate(alive)}
                for k, i in enumerate(drawn):
                    ok = self._draw(batch[i], paths[i], states[i], made[i], rows[where[i]], words[k], exact[k])
                    if not ok:
                        made[i] = None
            kept = []
            tokens = []
            for k, i in enumerate(alive):
                sentence = made[i]
                if sentence is None or paths[i].is_ended:
                    continue
                states[i].advance(sentence.tokens[step])
                kept.append(k)
                tokens.append(sentence.tokens[step])
            alive = [alive[k] for k in kept]
            if not alive:
                break
            began = time.perf_counter()
            if len(kept) < len(model):
                model.select(kept)
            model.advance(tokens)
            self.model_seconds += time.perf_counter() - began
        self.n_model_calls += model.n_calls
        return [y if path.is_ended else None for y, path in zip(made, paths, strict=True)]

    def _draw(
        self,
        chain: _Chain,
        path: EfgDraw,
        state: Any,
        sentence: _Sentence | None,
        row: NDArray[Any],
        words: NDArray[np.int32],
        exact: bool,
    ) -> bool:
        """Draw a sentence's next token. Returns False if there is no way on."""
        assert sentence is not None
        chain.n_model_calls += 1
        chain.n_masks += 1
        if path.visit(row, words) == -math.inf:
            return False
        log_p, log_q = path.log_p, path.log_q
        token = path.sample(row, chain.rng.random())
        if not exact:  # of a target that is 0 there; a proposal that is refused is a step that stays
            chain.n_checks += 1
            if not state.check(token):
                return False
        sentence.tokens.append(token)
        sentence.log_p.append(path.log_p - log_p)
        sentence.log_g.append(path.log_q - log_q)
        sentence.entropy.append(_entropy(row, words) if self.proposal == "priority" else 0.0)
        return True

    def sample(self, chain: _Chain, log_weight: float) -> Sample:
        """A chain's end as users see it."""
        now = chain.now
        ids = tuple(now.tokens) if now else ()
        tokens = self.task.model.vocab.tokens
        data = b"".join(tokens[t] or b"" for t in ids)
        return Sample(
            text=data.decode("utf-8", "replace"),
            ids=ids,
            log_p=math.fsum(now.log_p) if now else 0.0,
            log_q=None,
            log_weight=log_weight if now else -math.inf,
            finish="eos" if now else "dead",
            n_checks=chain.n_checks,
            n_masks=chain.n_masks,
            n_model_calls=chain.n_model_calls,
            data=data,
        )


def _entropy(row: NDArray[Any], words: NDArray[np.int32]) -> float:
    """Entropy of the masked law, in nats."""
    logs = row[unpack_mask(words, len(row))].astype(np.float64)
    logs -= logs.max()
    shares = np.exp(logs)
    total = float(shares.sum())
    finite = shares > 0
    return max(0.0, math.log(total) - float((shares[finite] * logs[finite]).sum()) / total)
