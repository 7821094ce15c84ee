"""Sequential Monte Carlo: particles, extended token by token, weighted, resampled when few of them carry the weight.

The target is the model's law restricted to the constraint's sentences (of at most `max_tokens` tokens), times the
critic if there is one; not normalized, its total is Z. Each particle carries a weight W such that for every text x

    E[ mean over particles of W 1{text = x} ] = P(x) 1{x satisfies the constraint} critic(x)

whatever the number of particles. That holds because every factor is properly weighted: a proposal draws a token and
multiplies W by an unbiased estimate of the mass that the constraint leaves (`gcd.sampling.awrs`); resampling replaces
all weights by their mean. So ``log mean W`` at the end is the log of an unbiased estimate of Z, and the weights,
normalized, estimate the target, the better the more particles.

Corners, each of which has been got wrong somewhere:

* Finished particles stay, with their weights, and take part in resampling; dead ones have weight 0, so they are
  replaced at the next resampling. When all are dead the run ends: no mean of nothing, no NaN.
* A particle that reaches its budget is closed there: it draws from the end-of-sequence tokens that the constraint
  allows, and its weight is multiplied by their share. Keeping it as it is would put texts into the posterior that
  aren't sentences; dropping it would bias Z.
* A critic's value on a *prefix* is only a hint where to put particles: it is divided out again before the next token.
  On the whole text it stays. A critic that says minus infinity ends the particle at once: dividing that out would be
  minus infinity less minus infinity.
* After the last token there is no resampling: it would only add noise.

Source: Lew et al., "Sequential Monte Carlo Steering of Large Language Models using Probabilistic Programs" (2023);
Loula et al., "Syntactic and Semantic Control of Large Language Models via Sequential Monte Carlo" (ICLR 2025).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gcd._native.urn import Urn
from gcd.errors import SamplingError
from gcd.sampling import awrs
from gcd.sampling.awrs import AWRS, Estimate
from gcd.sampling.constraint import Constraint, ConstraintState, ProductState
from gcd.sampling.cost_model import CostModel
from gcd.sampling.meter import Meter
from gcd.sampling.methods import Task
from gcd.sampling.particle import Particle, TimedState
from gcd.sampling.resampling import RESAMPLERS
from gcd.sampling.sample import Samples, effective_sample_size, log_mean_exp, normalized_weights

__all__ = ["PROPOSALS", "Critic", "sample_awrs", "sample_smc"]

Critic: TypeAlias = "Callable[[str, bool], float] | Constraint"
"""log of a factor of the target for a text, and whether it is whole: ``critic(text, complete)``; or a constraint."""

PROPOSALS = ("awrs", "local", "model")


def sample_smc(
    task: Task,
    *,
    particles: int | None = None,
    ess_threshold: float = 0.5,
    resampler: str = "systematic",
    proposal: str = "awrs",
    critic: Critic | None = None,
    estimator: str = "auto",
    max_rejects: int | None = None,
    max_accepts: int = 2,
    cost_model: CostModel | None = None,
) -> Samples:
    """Sequential Monte Carlo with `task.n` particles.

    Args:
        task: what is sampled; `task.n` is the number of particles.
        particles: instead of `task.n`.
        ess_threshold: resample when the effective sample size falls below this share of the particles; 0: never
            (importance sampling); 1: whenever weights differ.
        resampler: "multinomial", "stratified", "systematic" or "residual".
        proposal: "awrs": draw and check; "local": draw under the mask; "model": draw from the model, and die if the
            constraint says no (with `ess_threshold` 0 that is sampling and reranking).
        critic: a factor of the target, see above.
        estimator, max_rejects, max_accepts: of AWRS.
        cost_model: when estimator "auto" asks for a mask; default: at the first refusal, if there is one to be had.
    """
    n = task.n if particles is None else particles
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"particles must be an int, not {n!r}")
    if n < 1:
        raise ValueError(f"particles must be at least 1, not {n}")
    if not 0 <= ess_threshold <= 1:
        raise ValueError(f"ess_threshold must be between 0 and 1, not {ess_threshold}")
    if resampler not in RESAMPLERS:
        raise ValueError(f"no resampler {resampler!r}; there are {', '.join(RESAMPLERS)}")
    if proposal not in PROPOSALS:
        raise ValueError(f"no proposal {proposal!r}; there are {', '.join(PROPOSALS)}")
    if not (critic is None or isinstance(critic, Constraint) or callable(critic)):
        raise TypeError(f"a critic is a function of (text, complete) or a constraint, not {critic!r}")
    step = _Step(task, proposal, AWRS(estimator, max_rejects, max_accepts), cost_model)
    run = _Run(task, step, n, first_row=0, critic=critic)
    meter = Meter()
    resampling = RESAMPLERS[resampler]
    resampling_random = task.named_rng("resampling").random
    steps: list[dict[str, float]] = []
    n_resamplings = 0
    for t in range(task.max_tokens):
        if not run.live:
            break
        run.extend(meter, last=t == task.max_tokens - 1)
        weights = [p.log_weight for p in run.particles]
        ess = effective_sample_size(weights)
        steps.append(
            {
                "step": t,
                "ess": ess,
                "log_mean_weight": log_mean_exp(weights),
                "live": len(run.live),
                "finished": sum(p.finish == "eos" for p in run.particles),
                "resampled": 0,
            }
        )
        task.progress(t + 1, task.max_tokens, "tokens")
        if run.live and 0 < ess < ess_threshold * n:
            run.resample(resampling(normalized_weights(weights), resampling_random))
            steps[-1]["resampled"] = 1
            n_resamplings += 1
        run.move()
    log_z = log_mean_exp([p.log_weight for p in run.particles])
    what = "the constraint" if critic is None else "constraint and critic"
    warnings = meter.warnings()
    if log_z == -math.inf:
        warnings.append(_all_dead(run.particles, task.max_tokens))
    return Samples(
        samples=tuple(p.to_sample(task.model.vocab) for p in run.particles),
        method="smc",
        law=f"weighted: the model's law given {what} and at most {task.max_tokens} tokens, better with more particles",
        log_z=log_z,
        n_model_calls=run.state.n_calls,
        n_checks=run.n_checks,
        n_masks=run.n_masks,
        model_seconds=run.state.seconds,
        steps=tuple(steps),
        warnings=tuple(warnings),
        extra={"n_resamplings": n_resamplings, **meter.summary()},
    )


def sample_awrs(
    task: Task,
    *,
    estimator: str = "auto",
    max_rejects: int | None = None,
    max_accepts: int = 2,
    cost_model: CostModel | None = None,
) -> Samples:
    """Independent weighted draws with AWRS: the proposal of SMC without resampling. Arguments as for `sample_smc`."""
    step = _Step(task, "awrs", AWRS(estimator, max_rejects, max_accepts), cost_model)
    meter = Meter()
    done: list[Particle] = []
    n_calls = n_checks = n_masks = 0
    seconds = 0.0
    for first in range(0, task.n, task.batch):
        run = _Run(task, step, min(task.batch, task.n - first), first_row=first)
        for t in range(task.max_tokens):
            if not run.live:
                break
            run.extend(meter, last=t == task.max_tokens - 1)
            run.move()
        done += run.particles
        n_calls += run.state.n_calls
        n_checks += run.n_checks
        n_masks += run.n_masks
        seconds += run.state.seconds
        task.progress(len(done), task.n, "samples")
    log_z = log_mean_exp([p.log_weight for p in done])
    warnings = meter.warnings()
    if log_z == -math.inf:
        warnings.append(_all_dead(done, task.max_tokens))
    return Samples(
        samples=tuple(p.to_sample(task.model.vocab) for p in done),
        method="awrs",
        law=f"independent, with weights for the model's law given the constraint and at most {task.max_tokens} tokens",
        log_z=log_z,
        n_model_calls=n_calls,
        n_checks=n_checks,
        n_masks=n_masks,
        model_seconds=seconds,
        warnings=tuple(warnings),
        extra=meter.summary(),
    )


def _all_dead(particles: list[Particle], max_tokens: int) -> str:
    at_limit = sum(p.finish == "length" for p in particles)
    if at_limit == len(particles):
        return f"no text was finished within {max_tokens} tokens: every draw reached the budget where it can't end"
    return (
        f"no draw satisfied the constraint: {len(particles) - at_limit} found no token that is allowed, {at_limit} "
        f"reached the budget of {max_tokens} tokens where they can't end"
    )


class _Step:
    """How one token is drawn, with the buffers for it."""

    def __init__(self, task: Task, proposal: str, estimator: AWRS, cost_model: CostModel | None) -> None:
        vocab = task.model.vocab
        if not vocab.eos_ids:
            raise SamplingError("the vocabulary has no end-of-sequence token", remedy="Vocabulary(..., eos_ids=...)")
        self.urn = Urn(vocab.width)
        self.words = np.zeros(-(-vocab.width // 32), dtype=np.int32)
        self.proposal = proposal
        self.estimator = estimator
        auto = estimator.estimator == "auto"
        if not (cost_model is None or isinstance(cost_model, CostModel)):
            raise TypeError(f"cost_model must be a CostModel, not {cost_model!r}")
        if cost_model is not None and not auto:
            raise ValueError(f"a cost model needs estimator='auto', not {estimator.estimator!r}")
        self.cost_model = cost_model or CostModel() if auto else None
        self.ends = vocab.eos_ids

    def draw(self, row: Any, particle: Particle) -> Estimate:
        """A token for a particle, by its row of log-probabilities."""
        urn, state, random = self.urn, particle.state, particle.random
        urn.fill(row)
        if self.proposal == "awrs":
            if particle.costs is not None:
                return particle.costs.step(urn, state, random, self.words, self.estimator)
            return self.estimator.step(urn, state.check, random)
        if self.proposal == "local":
            return awrs.exact(urn, state.fill_mask, self.words, random)
        token = urn.draw(random())
        return Estimate(token, None, int(state.check(token)), 1, 1)

    def close(self, row: Any, particle: Particle) -> Estimate:
        """An end-of-sequence token, weighted with the share of those that the constraint allows."""
        self.urn.fill(row)
        state = particle.state
        found = awrs.exact(self.urn, lambda words: self._allowed_ends(words, state), self.words, particle.random)
        return found._replace(n_checks=len(self.ends), n_masks=0)

    def _allowed_ends(self, words: Any, state: ConstraintState) -> None:
        words[:] = 0
        bits = words.view(np.uint32)
        for token in self.ends:
            if state.check(token):
                bits[token // 32] |= np.uint32(1 << token % 32)


class _Run:
    """Particles, and the model's state for those that go on."""

    def __init__(self, task: Task, step: _Step, n: int, first_row: int, critic: Critic | None = None) -> None:
        self.task = task
        self.step = step
        self.ends = task.model.vocab.eos_ids
        start = task.constraint.start(task.model.vocab)
        if isinstance(critic, Constraint):
            start = ProductState([start, critic.start(task.model.vocab)])
            critic = None
        self.critic = critic
        costs = step.cost_model
        self.particles = [
            Particle(
                start.fork() if i else start,
                task.row_rng(first_row + i),
                row=i,
                costs=None if costs is None else costs.copy(),
            )
            for i in range(n)
        ]
        self.live = list(self.particles)
        self.state = TimedState(task.model, task.prompt, n)
        self.n_checks = 0
        self.n_masks = 0

    def extend(self, meter: Meter, last: bool) -> None:
        """A token for each live particle; `last`: which must be an end-of-sequence token."""
        rows = self.state.log_probs()
        draw = self.step.close if last else self.step.draw
        for particle in self.live:
            row = rows[particle.row]
            estimate = draw(row, particle)
            particle.n_checks += estimate.n_checks
            particle.n_masks += estimate.n_masks
            particle.n_model_calls += 1
            self.n_checks += estimate.n_checks
            self.n_masks += estimate.n_masks
            if not last:
                meter.weighed(estimate)
            if not estimate.numerator:
                particle.die("length" if last else "dead")
                continue
            particle.log_weight += estimate.log_weight
            particle.take(estimate.token, float(row[estimate.token]), self.ends)
            if self.critic is not None:
                self._twist(particle)
        self.live = [p for p in self.live if p.finish is None]

    def _twist(self, particle: Particle) -> None:
        assert callable(self.critic)
        tokens = self.task.model.vocab.tokens
        text = b"".join(tokens[t] or b"" for t in particle.ids).decode("utf-8", "replace")
        value = float(self.critic(text, particle.finish == "eos"))
        if math.isnan(value) or value == math.inf:
            raise SamplingError(f"the critic says {value} of {text!r}", remedy="a critic gives finite logs, or -inf")
        if value == -math.inf:
            particle.die()
            return
        particle.log_weight += value - particle.twist
        particle.twist = value

    def resample(self, ancestors: list[int]) -> None:
        """Particle i becomes a copy of particle ``ancestors[i]``; all weights become their mean."""
        mean = log_mean_exp([p.log_weight for p in self.particles])
        used: set[int] = set()
        heirs = []
        for slot, ancestor in enumerate(ancestors):
            parent = self.particles[ancestor]
            heir = parent.descend(self.particles[slot].random, own_state=ancestor in used)
            heir.log_weight = mean
            used.add(ancestor)
            heirs.append(heir)
        self.particles = heirs
        self.live = [p for p in heirs if p.finish is None]

    def move(self) -> None:
        """Append the drawn tokens to the model's state; rows of particles that have ended go."""
        if self.live:
            self.state.move([p.row for p in self.live], [p.ids[-1] for p in self.live])
            for row, particle in enumerate(self.live):
                particle.row = row
