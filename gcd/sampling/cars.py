"""CARS (constrained adaptive rejection sampling: Parys et al. 2026): exact draws, ever fewer tries rejected.

As ASAp, but at a prefix that the trie hasn't seen the token comes from the model's own law, unmasked, and a
forbidden one rejects the try; either way the prefix's whole mask is learned. So a try proposes from P restricted to
what has not been refuted, and accepts sentences: every sample is drawn from the target exactly, and independently
of the others.

Implementation: drawing unmasked and rejecting what is forbidden is the same as rejecting with probability 1 - N /
bound, bound = 1, and drawing masked. So a try is an ASAp draw with a coin at each prefix. At a prefix that the trie
knows N equals the bound but for rounding (where the model gives a prefix slightly different numbers in another
batch, the coin puts that right, too). The empty prefix has no coin: what it lacks, it lacks for all sentences
alike.

In batches all rows draw from one trie, which changes only when the last has ended, and accepted rows count in row
order: which rows are taken then doesn't depend on what they hold, nor on how long they are.
"""

from __future__ import annotations

import math

from gcd.sampling.asap import draw_limit, finished, missing
from gcd.sampling.methods import Task
from gcd.sampling.sample import Samples
from gcd.sampling.trie_draws import Draw, TrieDraws, TrieLike

__all__ = ["sample_cars"]


def sample_cars(
    task: Task,
    *,
    trie: TrieLike = None,
    max_draws: int | None = None,
    confidence: float = 0.95,
) -> Samples:
    """`task.n` exact, independent samples of P(text | sentence of the constraint within the budget).

    Args:
        task: what to draw from. ``batch`` tries run together.
        trie: bounds to begin with, and to add to: a `GrammaticalityTrie`, or a file that is read, if it exists, and
            written when the run is over; default none.
        max_draws: give up after so many tries; default ``1000 + 100 * n``.
        confidence: of the interval for P(constraint).

    Returns:
        Samples of equal weight; ``extra`` holds "trie", "probability", "n_draws" and "acceptance", the share of
        tries accepted. Fewer than `n`, with a warning that says why, if `max_draws` didn't suffice; they are exact
        all the same.

    Raises:
        SamplingError: nothing satisfies the constraint within the budget; the trie belongs to another law.
        ValueError: `max_draws` below 1, or `confidence` that isn't between 0 and 1.
    """
    draws = TrieDraws(task, trie, confidence)
    most = draw_limit(max_draws, 1000 + 100 * task.n)
    taken: list[Draw] = []
    n_accepted = 0
    while len(taken) < task.n and draws.n_draws < most:
        accepted = [d for d in draws.batch(min(task.batch, most - draws.n_draws), reject=True) if d.finish == "eos"]
        n_accepted += len(accepted)
        taken += accepted[: task.n - len(taken)]
        task.progress(len(taken), task.n, "samples")
    found = draws.probability()
    log_z = found.log_estimate
    weight = log_z if log_z > -math.inf else 0.0
    # P(x) / P(constraint): the law itself; known as well as P(constraint) is.
    samples = tuple(draws.sample(draw, weight, draw.path.log_p - weight) for draw in taken)
    law = "exactly P(text | sentence of the constraint); draws are independent"
    run = finished(draws, "cars", law, samples, log_z, missing(task, samples, draws))
    run.extra["acceptance"] = n_accepted / draws.n_draws
    return run
