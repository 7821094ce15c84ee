"""Adaptive weighted rejection sampling: a token that a constraint allows, and an unbiased estimate of how much it does.

One step: p is the model's next-token law, valid(x) what the constraint says, Z the sum of p over valid tokens. Masking
finds Z by asking about all |V| tokens. Here tokens are drawn *without replacement* until one is valid; that token
follows p restricted to the valid ones, exactly, and few are asked about if p and the constraint agree: the expected
number of refused ones is the sum over invalid x of p(x) / (p(x) + Z), at most 1/Z - 1.

What is missing is the weight. All estimators here are *properly weighted*: for every valid token x,
``E[w 1{X = x}] = p(x)``, hence ``E[w] = Z``. With S for the share of p that is left in the urn:

``recursive``
    f(rest): draw x, q = p(x) / S. If x is refused, f = (1 - q) f(rest without x). If it is valid, f = q + (1 - q) E,
    where the estimate E of the tail is one coin: is the next token x2 of the order valid? So w is S, or p(x) if x2
    isn't valid. After ``max_rejects`` - 1 refusals the next draw is itself the coin: valid w = S, else w = 0.

``two_loops``
    Definition 2 of the paper. After x another loop runs on what is left, x among it, until it meets any valid token:
    w = S / (n0 + n1 + 1), S at the time of x, n the refusals of the loops. There is no longer form: with a third loop
    the same idea is biased (p = (1/2, 1/2), one valid: 13/24). Nor is a truncation known, so it has no ``max_rejects``.

``geometric``
    Haldane's estimator for draws *with* replacement, w = (r - 1) / (r + n - 1) after n refusals and r accepts,
    simulated without asking twice: before each new token, a geometric number of refusals stands for the draws that
    would have hit tokens known to be refused. Cut off at M refusals with a < r accepts, w = a / (a + M - 1).

``coins``
    ``recursive`` with more than one coin for the tail: after n0 refusals min(n0 + 1, 1000) draws with replacement, of
    which k hit valid tokens; w = p(x) + (S - p(x)) k / coins. The cost at most doubles.

None has the lowest variance everywhere. The one coin of ``recursive`` is good where what is refused is likely and what
is left agrees, and bad on a flat law: with a hundredth of the mass valid, its w is about 1 once in a hundred times and
nearly 0 else, a squared coefficient of variation (CV^2) near 1/Z. That of ``two_loops`` is small on flat laws, but
where one unlikely token is valid, two thirds of its mean lie in draws of probability Z. ``geometric`` has a CV^2 of
about log(1/Z) on any law, and looks for a second valid token, which is dear if there is one only. ``coins`` is as
``geometric`` on flat laws and as ``recursive`` elsewhere. So:

``auto``
    The default. Without a mask ``coins``. With one, `hybrid`: draw first; accepted: one coin; refused: the mask, and so
    the mass itself. CV^2 is below 1 then, and no mask is built where model and constraint agree.

Sums of what is left are never 1 minus what is gone (`gcd._native.urn`), so a valid token of probability 1e-12 keeps its
weight to the last digits.

Source: Lipkin et al., "Fast Controlled Generation from Language Models with Adaptive Weighted Rejection Sampling" (COLM
2025), for ``two_loops``; the other two are in the authors' library. Deviations: no tolerance below which mass is given
up, and a refused token is returned when nothing was found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

__all__ = ["ESTIMATORS", "Estimate", "Urn", "coins", "exact", "geometric", "hybrid", "recursive", "two_loops"]

_MOST_COINS = 1000

Check = Callable[[int], bool]
Random = Callable[[], float]


class Urn(Protocol):
    """The tokens that are left, as `gcd._native.urn.Urn` holds them; tests put one over fractions in its place."""

    def draw(self, u: float) -> int:
        """A token with its probability; -1 if none is left."""
        ...

    def remove(self, token: int) -> None:
        """Take it out."""
        ...

    def log_share(self) -> Any:
        """log of the share of the mass that is left."""
        ...

    def log_share_of(self, token: int) -> Any:
        """log of the share of the mass that a token has."""
        ...

    def misses(self, u: float, log_start: Any = ...) -> int:
        """How many draws with replacement would hit what was taken out since `log_start` before what is left."""
        ...


class Estimate(NamedTuple):
    """A token and its weight, ``exp(log_share) * numerator / denominator``.

    Kept in parts so that tests can put exact fractions through the very code that users run.
    """

    token: int
    """The drawn token; if the weight is 0 one that was refused, not to be taken for a result, or -1: none was asked."""
    log_share: Any
    """log of a share of the model's mass; None for all of it."""
    numerator: int
    """0 means: nothing was found."""
    denominator: int
    n_checks: int
    """Tokens asked about."""
    n_masks: int = 0
    other_share: Any = None
    """log of a share that is added, times `other_numerator`, over the same denominator."""
    other_numerator: int = 0

    @property
    def log_weight(self) -> float:
        """log of the weight; minus infinity if nothing was found."""
        if not self.numerator:
            return -math.inf
        share: float = 0.0 if self.log_share is None else self.log_share
        log_weight = share + math.log(self.numerator) - math.log(self.denominator)
        if self.other_numerator:
            other: float = self.other_share + math.log(self.other_numerator) - math.log(self.denominator)
            low, high = sorted((log_weight, other))
            log_weight = high + math.log1p(math.exp(low - high)) if low > -math.inf else high
        return log_weight


def recursive(urn: Urn, check: Check, random: Random, max_rejects: int | None = None, max_coins: int = 1) -> Estimate:
    """The recursive estimator.

    Args:
        urn: filled with the step's law; what is taken out stays out.
        check: whether a token is valid; asked at most once about each.
        random: uniform numbers on [0, 1).
        max_rejects: how many refusals end the search with weight 0, at least 1; None: never. Unbiased for each value.
        max_coins: how many coins are thrown for the tail: as many as tokens were asked about, but not more than these.
    """
    draw = urn.draw
    last = -1
    n_rejects = 0
    while True:
        token = draw(random())
        if token < 0:
            return Estimate(last, None, 0, 1, n_rejects)
        if check(token):
            break
        urn.remove(token)
        last = token
        n_rejects += 1
        if n_rejects == max_rejects:
            return Estimate(last, None, 0, 1, n_rejects)
    share = urn.log_share()
    if max_rejects is not None and n_rejects == max_rejects - 1:
        return Estimate(token, share, 1, 1, n_rejects + 1)
    urn.remove(token)
    n_coins = min(n_rejects + 1, max_coins)
    answers: dict[int, bool] = {}
    hits = 0
    for _ in range(n_coins):  # with replacement: what was drawn stays in, and is asked about once
        other = draw(random())
        if other < 0:  # nothing else is left
            return Estimate(token, share, 1, 1, n_rejects + 1)
        if other not in answers:
            answers[other] = check(other)
        hits += answers[other]
    n_checks = n_rejects + 1 + len(answers)
    if hits == n_coins:
        return Estimate(token, share, 1, 1, n_checks)
    return Estimate(token, urn.log_share_of(token), n_coins - hits, n_coins, n_checks, 0, share, hits)


def coins(urn: Urn, check: Check, random: Random, max_rejects: int | None = None) -> Estimate:
    """The recursive estimator with up to 1,000 coins. Arguments as for `recursive`."""
    return recursive(urn, check, random, max_rejects, _MOST_COINS)


def two_loops(urn: Urn, check: Check, random: Random) -> Estimate:
    """The paper's estimator, Definition 2. Arguments as for `recursive`; there is no `max_rejects`."""
    draw = urn.draw
    n_rejects = 0
    last = -1
    while True:
        token = draw(random())
        if token < 0:
            return Estimate(last, None, 0, 1, n_rejects)
        if check(token):
            break
        urn.remove(token)
        last = token
        n_rejects += 1
    share = urn.log_share()
    n_checks = n_rejects + 1
    while True:
        other = draw(random())
        if other == token:  # known to be valid
            break
        n_checks += 1
        if check(other):
            break
        urn.remove(other)
        n_rejects += 1
    return Estimate(token, share, 1, n_rejects + 1, n_checks)


def geometric(urn: Urn, check: Check, random: Random, max_rejects: int | None = None, max_accepts: int = 2) -> Estimate:
    """The geometric estimator; the variance falls with `max_accepts` (at least 2). Arguments as for `recursive`."""
    start = urn.log_share()
    valid: set[int] = set()
    n_accepts = n_rejects = n_checks = 0
    first = last = -1
    while n_accepts < max_accepts:
        n_rejects += urn.misses(random(), start) if n_rejects else 0
        if max_rejects is not None and n_rejects >= max_rejects:
            n_rejects = max_rejects
            break
        token = urn.draw(random())
        if token < 0:
            return Estimate(last, None, 0, 1, n_checks)
        if token not in valid:
            n_checks += 1
            if not check(token):
                urn.remove(token)
                last = token
                n_rejects += 1
                if n_rejects == max_rejects:
                    break
                continue
            valid.add(token)
        n_accepts += 1
        if first < 0:
            first = token
    if not n_accepts:
        return Estimate(last, None, 0, 1, n_checks)
    return Estimate(first, start, min(max_accepts - 1, n_accepts), n_accepts + n_rejects - 1, n_checks)


def exact(urn: Any, fill_mask: Callable[[Any], None], words: Any, random: Random) -> Estimate:
    """The weight by masking: Z itself, no variance.

    Args:
        urn: `gcd._native.urn.Urn`, filled.
        fill_mask: writes the mask, as `ConstraintState.fill_mask`.
        words: where to, int32 of shape ``(ceil(width / 32),)``.
        random: uniform numbers on [0, 1).
    """
    fill_mask(words)
    urn.restrict(words)
    token = urn.draw(random())
    if token < 0:
        return Estimate(-1, None, 0, 1, 0, 1)
    return Estimate(token, urn.log_share(), 1, 1, 0, 1)


def hybrid(
    urn: Any,
    state: Any,
    random: Random,
    words: Any,
    rejects_before_mask: float,
    tail: Callable[[Any, Check, Random], Estimate] | None = None,
) -> Estimate:
    """The recursive estimator until so many refusals; then whatever mask the constraint has takes out the rest.

    Properly weighted: a mask that is the whole constraint gives the tail's mass itself; one that is a part of it (the
    grammar of a grammar and a predicate) leaves less to go on with, and nothing that is valid is lost.

    Args:
        urn: `gcd._native.urn.Urn`, filled.
        state: a `ConstraintState`.
        random: uniform numbers on [0, 1).
        words: room for a mask, int32 of shape ``(ceil(width / 32),)``.
        rejects_before_mask: how many refusals.
        tail: the estimator for what a mask that is a part leaves; default `coins`.
    """
    n_rejects = 0
    check = state.check
    while n_rejects < rejects_before_mask:
        token = urn.draw(random())
        if token < 0:
            return Estimate(-1, None, 0, 1, n_rejects)
        if check(token):
            share = urn.log_share()
            urn.remove(token)
            other = urn.draw(random())
            if other < 0:
                return Estimate(token, share, 1, 1, n_rejects + 1)
            return Estimate(token, share if check(other) else urn.log_share_of(token), 1, 1, n_rejects + 2)
        urn.remove(token)
        n_rejects += 1
    if state.has_mask:
        return exact(urn, state.fill_mask, words, random)._replace(n_checks=n_rejects)
    has_part = state.cheap_mask(words)
    if has_part:
        urn.restrict(words)
    found = (tail or coins)(urn, check, random)
    return found._replace(n_checks=n_rejects + found.n_checks, n_masks=int(has_part))


ESTIMATORS: dict[str, Callable[..., Estimate]] = {
    "coins": coins,
    "recursive": recursive,
    "two_loops": two_loops,
    "geometric": geometric,
}
"""By name. All take (urn, check, random); all but `two_loops` also `max_rejects`, `geometric` `max_accepts`."""


@dataclass(frozen=True, slots=True)
class AWRS:
    """An estimator with its options, as `gcd.sample(..., estimator=, max_rejects=, max_accepts=)` takes them."""

    estimator: str = "auto"
    max_rejects: int | None = None
    max_accepts: int = 2

    def __post_init__(self) -> None:
        if self.estimator != "auto" and self.estimator not in ESTIMATORS:
            raise ValueError(f"no estimator {self.estimator!r}; there are auto, {', '.join(ESTIMATORS)}")
        if self.max_rejects is not None and self.max_rejects < 1:
            raise ValueError(f"max_rejects must be at least 1 or None, not {self.max_rejects}")
        if self.max_rejects is not None and self.estimator == "two_loops":
            raise ValueError("the two-loop estimator has no unbiased truncation: max_rejects must be None")
        if self.max_accepts < 2:
            raise ValueError(f"max_accepts must be at least 2, not {self.max_accepts}")
        if self.max_accepts != 2 and self.estimator != "geometric":
            raise ValueError(f"max_accepts is for the geometric estimator, not {self.estimator!r}")

    def step(self, urn: Urn, check: Check, random: Random) -> Estimate:
        """One token, by checks alone."""
        if self.estimator == "recursive":
            return recursive(urn, check, random, self.max_rejects)
        if self.estimator == "two_loops":
            return two_loops(urn, check, random)
        if self.estimator == "geometric":
            return geometric(urn, check, random, self.max_rejects, self.max_accepts)
        return coins(urn, check, random, self.max_rejects)
