"""Local decoding: each token from the model's law under the mask, draw first.

The law of a step is p restricted to the allowed tokens. Two ways to draw from it that can't be told apart by their
results:

* build the mask, renormalize, draw;
* draw from p; if the token is refused, build the mask and draw again from what it leaves.

The second needs no mask where the model and the constraint agree, which is nearly everywhere: a token is checked in
less than a microsecond, without looking at the vocabulary. (Drawing on, without a mask, would be right, too: rejection
leaves p restricted to the valid tokens. But a refusal tells that the constraint has something to say here, and then it
mostly has much to say.)

A text so drawn does *not* follow the model's law given the constraint: see `gcd.sampling.meter`. With
``always_mask=True`` each sample comes with the weight that repairs it, w = product of Z_t.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcd._native.urn import Urn
from gcd.sampling.awrs import exact
from gcd.sampling.meter import Meter, kl_estimates
from gcd.sampling.methods import Task
from gcd.sampling.particle import Particle, TimedState
from gcd.sampling.sample import Samples, log_mean_exp

__all__ = ["sample_local"]


def sample_local(task: Task, *, always_mask: bool = False) -> Samples:
    """Draws under the mask, each token in turn.

    Args:
        task: what is sampled.
        always_mask: build the mask at every step: samples carry their log-weights and log-probabilities, and the meter
            knows the distortion. Without it `log_weight` is 0 and the meter knows the removed mass only.
    """
    vocab = task.model.vocab
    urn = Urn(vocab.width)
    words = np.zeros(-(-vocab.width // 32), dtype=np.int32)
    meter = Meter()
    done: list[Particle] = []
    n_calls = 0
    seconds = 0.0
    for first in range(0, task.n, task.batch):
        n = min(task.batch, task.n - first)
        start = task.constraint.start(vocab)
        particles = [Particle(start.fork() if i else start, task.row_rng(first + i), row=i) for i in range(n)]
        live = particles
        state = TimedState(task.model, task.prompt, n)
        for _ in range(task.max_tokens):
            rows = state.log_probs()
            for particle in live:
                row = rows[particle.row]
                urn.fill(row)
                _draw(particle, row, urn, words, always_mask, meter, vocab.eos_ids)
            live = [p for p in live if p.finish is None]
            if not live:
                break
            state.move([p.row for p in live], [p.ids[-1] for p in live])
            for i, particle in enumerate(live):
                particle.row = i
        for particle in live:
            particle.finish = "length"
        done += particles
        n_calls += state.n_calls
        seconds += state.seconds
        task.progress(len(done), task.n, "samples")
    kl = (float("nan"), float("nan"))
    log_z = None
    if always_mask and all(p.finish == "eos" for p in done):
        weights = [p.log_weight for p in done]
        log_z, kl = log_mean_exp(weights), kl_estimates(weights)
    warnings = meter.warnings(kl[0])
    stuck = sum(p.finish == "dead" for p in done)
    if stuck:
        warnings.append(f"{stuck} of {len(done)} draws came to a place where the constraint allows no token")
    cut = sum(p.finish == "length" for p in done)
    if cut:
        warnings.append(f"{cut} of {len(done)} draws were cut off at {task.max_tokens} tokens")
    return Samples(
        samples=tuple(p.to_sample(vocab) for p in done),
        method="local",
        law="each token from the model's law under the mask: not the model's law given the constraint",
        log_z=log_z,
        n_model_calls=n_calls,
        n_checks=sum(p.n_checks for p in done),
        n_masks=sum(p.n_masks for p in done),
        model_seconds=seconds,
        warnings=tuple(warnings),
        extra={
            **meter.summary(),
            "n_steps": meter.n_steps,
            **({"kl_drawn_target": kl[0], "kl_target_drawn": kl[1]} if log_z is not None else {}),
        },
    )


def _draw(
    particle: Particle,
    row: NDArray[Any],  # float32 or float64 of shape (width,)
    urn: Urn,
    words: NDArray[np.int32],  # room for a mask
    always_mask: bool,
    meter: Meter,
    ends: tuple[int, ...],
) -> None:
    """One token for one row."""
    particle.n_model_calls += 1
    state = particle.state
    if always_mask:
        found = exact(urn, state.fill_mask, words, particle.random)
        particle.n_masks += 1
        meter.weighed(found)
        if not found.numerator:
            particle.die()
            return
        log_p = float(row[found.token])
        particle.log_weight += found.log_weight
        particle.log_q = (particle.log_q or 0.0) + urn.log_share_of(found.token) - found.log_weight
        particle.take(found.token, log_p, ends)
        return
    token = urn.draw(particle.random())
    particle.n_checks += 1
    allowed = state.check(token)
    meter.drawn(not allowed)
    if not allowed:
        # No has_mask: rejection goes on, token by token, for a mask would be as many checks as there are tokens.
        if state.has_mask:
            particle.n_masks += 1
            token = exact(urn, state.fill_mask, words, particle.random).token
        else:
            while token >= 0 and not allowed:
                urn.remove(token)
                token = urn.draw(particle.random())
                if token >= 0:
                    particle.n_checks += 1
                    allowed = state.check(token)
        if token < 0:
            particle.die()
            return
    particle.take(token, float(row[token]), ends)
