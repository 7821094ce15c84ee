"""ASAp (adaptive sampling with approximate expected futures: Park et al. 2024), and its weighted form.

Both draw ``q(a | u) = P(a | u) bound(ua) / N(u)`` through a trie of bounds and back up after each batch; what is drawn
teaches the next draws. They differ in what they make of a draw:

* **asap** takes it as it is. The k-th sample's law tends to the target as k grows; the first one's is local masking's.
  Draws that find no sentence within the budget are repeated.
* **weighted** hands out the weight ``w = prod of P(a | u) / q(a | u)`` with it, and draws that failed with weight
  0. Then ``E[w f(x)] = sum over sentences of P(x) f(x)`` for every draw, the first one included, whatever the trie
  knew: the mean weight is an unbiased estimate of P(constraint). As the trie learns, weights even out.

Deviations from the paper: bounds in log space and sparse (`csrc/efg_trie.hpp`), a budget of tokens that belongs to the
target (sentences of at most `max_tokens` tokens, the end-of-sequence token among them), batches.
"""

from __future__ import annotations

import math
from typing import Any

from gcd.sampling.methods import Task
from gcd.sampling.sample import Samples
from gcd.sampling.trie_draws import Draw, TrieDraws, TrieLike

__all__ = ["sample_asap", "sample_weighted"]


def sample_asap(
    task: Task,
    *,
    trie: TrieLike = None,
    max_draws: int | None = None,
    confidence: float = 0.95,
) -> Samples:
    """`task.n` sentences by ASAp.

    Args:
        task: what to draw from. ``batch`` rows draw from the same bounds: 1 is the published algorithm, more cost fewer
            model calls.
        trie: bounds to begin with, and to add to: a `GrammaticalityTrie`, or a file that is read, if it exists, and
            written when the run is over; default none.
        max_draws: give up after so many, failed ones among them; default ``100 + 20 * n``.
        confidence: of the interval for P(constraint).

    Returns:
        Samples of equal weight; ``extra`` holds "trie", "probability" and "n_draws". Fewer than `n`, with a warning
        that says why, if `max_draws` didn't suffice.

    Raises:
        SamplingError: nothing satisfies the constraint within the budget; the trie belongs to another law.
        ValueError: `max_draws` below 1, or `confidence` that isn't between 0 and 1.
    """
    draws = TrieDraws(task, trie, confidence)
    most = draw_limit(max_draws, 100 + 20 * task.n)
    taken: list[Draw] = []
    while len(taken) < task.n and draws.n_draws < most:
        batch = draws.batch(min(task.batch, task.n - len(taken), most - draws.n_draws))
        taken += [draw for draw in batch if draw.finish == "eos"]
        task.progress(len(taken), task.n, "samples")
    log_z = draws.probability().log_estimate
    samples = tuple(draws.sample(draw, log_z, draw.path.log_q) for draw in taken)
    law = "tends to P(text | sentence of the constraint); the first batch's is local masking's"
    return finished(draws, "asap", law, samples, log_z, missing(task, samples, draws))


def sample_weighted(task: Task, *, trie: TrieLike = None, confidence: float = 0.95) -> Samples:
    """`task.n` draws with importance weights.

    Args:
        task: what to draw from. ``batch`` rows draw from the same bounds.
        trie: bounds to begin with, and to add to: a `GrammaticalityTrie`, or a file that is read, if it exists, and
            written when the run is over; default none.
        confidence: of the interval for P(constraint).

    Returns:
        Samples, failed ones with weight 0 among them; ``extra`` holds "trie" and "probability".

    Raises:
        SamplingError: nothing satisfies the constraint within the budget; the trie belongs to another law.
        ValueError: `confidence` isn't between 0 and 1.
    """
    draws = TrieDraws(task, trie, confidence)
    taken: list[Draw] = []
    while len(taken) < task.n:
        taken += draws.batch(min(task.batch, task.n - len(taken)))
        task.progress(len(taken), task.n, "samples")
    samples = tuple(draws.sample(draw, draw.log_weight, draw.path.log_q) for draw in taken)
    found = draws.probability()
    law = "weighted: the mean of weight * f(text) estimates the sum of P(text) f(text) over sentences, without bias"
    warnings = ["no draw found a sentence: every weight is 0"] if found.log_estimate == -math.inf else []
    return finished(draws, "weighted", law, samples, found.log_estimate, warnings)


def draw_limit(asked: int | None, default: int) -> int:
    """The bound on draws.

    Raises:
        ValueError: a number below 1.
    """
    if asked is not None and asked < 1:
        raise ValueError(f"max_draws must be at least 1, not {asked}")
    return default if asked is None else asked


def missing(task: Task, samples: tuple[Any, ...], draws: TrieDraws) -> list[str]:
    """A warning if there are fewer samples than were asked for."""
    if len(samples) == task.n:
        return []
    ends = ", ".join(f"{count} {finish}" for finish, count in sorted(draws.finishes.items()))
    return [
        f"{len(samples)} of {task.n} samples after {draws.n_draws} draws ({ends}): P(constraint) may be small, or "
        f"max_tokens={task.max_tokens} too few. {draws.probability()}"
    ]


def finished(
    draws: TrieDraws, method: str, law: str, samples: tuple[Any, ...], log_z: float, warnings: list[str]
) -> Samples:
    """The run as users see it."""
    draws.save()
    probability = draws.probability()
    return Samples(
        samples=samples,
        method=method,
        law=f"{law}; sentences of at most {draws.task.max_tokens} tokens",
        log_z=log_z,
        n_model_calls=draws.n_model_calls,
        n_checks=draws.n_checks,
        n_masks=draws.n_masks,
        seconds=draws.seconds,
        model_seconds=draws.model_seconds,
        warnings=(*warnings, *draws.warnings()),
        extra={"trie": draws.bounds, "probability": probability, "n_draws": draws.n_draws, "finishes": draws.finishes},
    )
