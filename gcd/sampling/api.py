"""`gcd.sample`: one face for all methods."""

from __future__ import annotations

import dataclasses
import warnings as python_warnings
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from gcd.errors import SamplingError
from gcd.sampling import methods
from gcd.sampling.constraint import as_constraint
from gcd.sampling.language_model import LanguageModel, prompt_ids
from gcd.sampling.methods import Task
from gcd.sampling.sample import Samples

__all__ = ["SamplingWarning", "sample"]


class SamplingWarning(UserWarning):
    """A run went through, but its samples may not be what they seem; also in `Samples.warnings`."""


def sample(
    model: LanguageModel,
    constraint: Any,
    prompt: str | Sequence[int] = "",
    n: int = 1,
    *,
    method: str = "local",
    max_tokens: int = 128,
    seed: int | Sequence[int] = 0,
    batch: int = 16,
    progress: Callable[[int, int, str], None] | None = None,
    **options: Any,
) -> Samples:
    """Draw texts from a model under a constraint. Each method says which law it draws from: docs/sampling.md.

    Args:
        model: `gcd.HFModel`, or anything else with `gcd.sampling.language_model.LanguageModel`'s methods. Its law is
            the target's, temperature and other warpers included.
        constraint: a compiled grammar; a constraint of `gcd.sampling` (a predicate, a regex); a list of these: all of
            them; None: every text.
        prompt: text, or token ids.
        n: how many samples; for "smc" the number of particles.
        method: "local", "awrs", "smc", "asap", "weighted", "cars" or "mcmc".
        max_tokens: budget of generated tokens for each sample, the end-of-sequence token among them.
        seed: of all randomness: the same seed gives the same samples (of table and n-gram models; of
            others, the same law). A sequence has a seed for each sample.
        batch: how many rows the model evaluates at once where draws are independent.
        progress: called with (done, total, unit) while the run goes on.
        options: the method's own, such as ``ess_threshold=`` for "smc".

    Returns:
        The samples. Those that aren't `finished` are no sentences of the constraint; they are there for their weights.

    Raises:
        ValueError, TypeError: an argument out of its range, or an option that the method doesn't have.
        SamplingError: model and constraint don't belong together; ModelError: the model gave NaN; PredicateError: a
            predicate raised.

    >>> import math
    >>> from gcd.sampling import TableModel, predicate
    >>> from gcd import Vocabulary
    >>> vocab = Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2])
    >>> bits = TableModel(lambda ids: [0.5, 0.5, 0] if len(ids) < 2 else [0, 0, 1], vocab)
    >>> some = predicate(lambda text: text != b"11", unit="bytes")
    >>> drawn = sample(bits, some, n=200, method="awrs", seed=1)
    >>> sorted(drawn.posterior()), abs(math.exp(drawn.log_z) - 0.75) < 0.1
    (['00', '01', '10'], True)
    """
    task = _task(model, constraint, prompt, n, max_tokens, seed, batch, progress)
    run = methods.method(method)
    began = perf_counter()
    try:
        found = run(task, **options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error) and run.__name__ in str(error):
            raise TypeError(f"method {method!r} has no option {str(error).split()[-1]}") from None
        raise
    for text in found.warnings:
        python_warnings.warn(text, SamplingWarning, stacklevel=2)
    return dataclasses.replace(found, seconds=perf_counter() - began)


def _task(
    model: Any, constraint: Any, prompt: Any, n: Any, max_tokens: Any, seed: Any, batch: Any, progress: Any
) -> Task:
    """The arguments, checked."""
    if not isinstance(model, LanguageModel):
        raise TypeError(
            f"a model is a gcd.HFModel or has vocab, encode and start, as gcd.sampling.LanguageModel says, not "
            f"{type(model).__name__}"
        )
    for name, value in (("n", n), ("max_tokens", max_tokens), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, not {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if isinstance(seed, Sequence) and not isinstance(seed, str):
        if len(seed) != n:
            raise ValueError(f"{len(seed)} seeds for {n} samples")
        seed = tuple(int(s) for s in seed)
    elif isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"a seed is an int, or a sequence of them, not {seed!r}")
    if not model.vocab.eos_ids:
        raise SamplingError(
            "the model's vocabulary has no end-of-sequence token, so no text ever ends", remedy="eos_ids=..."
        )
    return Task(
        model=model,
        constraint=as_constraint(constraint),
        prompt=prompt_ids(model, prompt),
        n=n,
        max_tokens=max_tokens,
        seed=seed,
        batch=batch,
        progress=progress or methods.silent,
    )
