"""The methods by name. `gcd.sample` looks here; a new method is one line here and a function in a module of its own.

A method is a function of a `Task` and of keyword options of its own; it returns `Samples`. It takes randomness only
from `Task.row_rng`, so that the same seed gives the same samples.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from gcd.sampling.constraint import Constraint
from gcd.sampling.language_model import LanguageModel
from gcd.sampling.sample import Samples

__all__ = ["METHODS", "Task", "method", "row_seed", "silent"]

METHODS: dict[str, str] = {
    "local": "gcd.sampling.local:sample_local",
    "awrs": "gcd.sampling.smc:sample_awrs",
    "smc": "gcd.sampling.smc:sample_smc",
    "asap": "gcd.sampling.asap:sample_asap",
    "weighted": "gcd.sampling.asap:sample_weighted",
    "cars": "gcd.sampling.cars:sample_cars",
    "mcmc": "gcd.sampling.mcmc:sample_mcmc",
}
"""Method -> ``module:function``. The module is imported when the method is first used."""


def silent(done: int, total: int, what: str) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Task:
    """What every method is given. The arguments have been checked."""

    model: LanguageModel
    constraint: Constraint
    prompt: tuple[int, ...]
    """The prompt's ids."""
    n: int
    """Samples to draw, at least 1."""
    max_tokens: int
    """Budget of tokens of each sample, the end-of-sequence token among them; at least 1."""
    seed: int | tuple[int, ...] = 0
    """One seed for the run, or one for each row."""
    batch: int = 16
    """Rows that the model evaluates together, for methods whose draws are independent."""
    progress: Callable[[int, int, str], None] = field(default=silent)
    """Called with (done, total, unit) now and then."""

    def row_rng(self, row: int) -> random.Random:
        """The generator of row `row`: a function of the seed and the row alone, whatever the batch."""
        return random.Random(self.seed[row] if isinstance(self.seed, tuple) else row_seed(self.seed, row))

    def named_rng(self, name: str) -> random.Random:
        """A generator for what belongs to no row."""
        return random.Random(f"gcd/{self.seed}/{name}")


def row_seed(seed: int, row: int) -> int:
    """The seed that row `row` has in a run with the seed `seed`: what to give to draw that row alone."""
    return random.Random(f"gcd/{seed}/row {row}").getrandbits(64)


def method(name: str) -> Callable[..., Samples]:
    """The function behind a name.

    Raises:
        ValueError: there is no such method.
    """
    where = METHODS.get(name)
    if where is None:
        raise ValueError(f"no method {name!r}; there are {', '.join(METHODS)}")
    module, _, function = where.partition(":")
    found: Any = getattr(import_module(module), function)
    return found  # type: ignore[no-any-return] # a function of this module's kind
