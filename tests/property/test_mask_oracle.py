"""Masks against the global oracle: bit set <=> check <=> accept succeeds <=> a sentence follows.

Each world is a random grammar with a random vocabulary; `oracle.checks` has the laws. What was done is printed at the
end of each block of worlds. A world alone: ``check_world(random_world(seed))``.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from oracle.checks import Tally, check_many, check_world
from oracle.worlds import random_world, worlds

BLOCK = 40
"""Worlds in one test."""
BLOCKS, SLOW_BLOCKS = 6, 60
EXACT = 0.95
"""The least share of worlds that must be proven exact."""


def judge(tally: Tally, name: str, capsys) -> None:
    """Print the summary; fail on any violation, or where too few worlds are exact."""
    with capsys.disabled():
        print(f"\n  {name}: {tally}", flush=True)
    assert not tally.violations, "\n\n".join(tally.violations[:5])
    assert tally.exact + tally.empty >= EXACT * tally.worlds


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_worlds(block: int, capsys):
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    judge(check_many(map(random_world, seeds), budget=2000), f"seeds {seeds.start}-{seeds.stop - 1}", capsys)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS, BLOCKS + SLOW_BLOCKS))
def test_many_random_worlds(block: int, capsys):
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    judge(check_many(map(random_world, seeds), budget=6000), f"seeds {seeds.start}-{seeds.stop - 1}", capsys)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_drawn_worlds(world):
    """The same with Hypothesis, which shrinks what it finds."""
    tally = check_world(world, budget=1000)
    assert not tally.violations, tally.violations[0]
