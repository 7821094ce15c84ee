"""Token budgets in small worlds: bounds against the true least, and random texts that end in time.

The least is found breadth first over all that the masks allow (which `test_mask_oracle` proves right), so it shares
nothing with the search for completions. What was found is printed.
"""

import random
from collections.abc import Iterator

import pytest
from oracle.checks import compile_world, read_bits
from oracle.reference import World
from oracle.worlds import random_world

from gcd import CompiledGrammar
from gcd._native.matcher import Matcher
from gcd.errors import GcdError

BLOCK, BLOCKS, SLOW_BLOCKS = 30, 2, 20
MOST_STATES = 400
"""Looked at for one least number of tokens; then it stays unknown."""
LONGEST = 50
WORST = 2.0
"""The bound may be this much above the least."""


def allowed(matcher: Matcher, compiled: CompiledGrammar) -> list[int]:
    return [t for t, bit in enumerate(read_bits(matcher, compiled.width)) if bit]


def least(matcher: Matcher, compiled: CompiledGrammar) -> int | None:
    """Tokens that are needed at least, the end of the sequence counted; None if too many states are in reach."""
    seen, level = {tuple(matcher.readings)}, [matcher.fork()]
    for n in range(LONGEST):
        if any(m.is_complete for m in level):
            return n + 1
        following = []
        for m in level:
            for token in allowed(m, compiled):
                after = m.fork()
                assert after.accept(token)
                if tuple(after.readings) not in seen:
                    seen.add(tuple(after.readings))
                    following.append(after)
            if len(seen) > MOST_STATES:
                return None
        level = following
    return None


def compiled_worlds(seeds: range) -> Iterator[tuple[int, World, CompiledGrammar]]:
    for seed in seeds:
        world = random_world(seed)
        try:
            yield seed, world, compile_world(world)
        except GcdError:
            continue  # empty, or not proven exact: other tests judge that


def judge(seeds: range, capsys) -> None:
    bounds, unknown, worst = 0, 0, 1.0
    for seed, world, compiled in compiled_worlds(seeds):
        rng = random.Random(seed)
        for _ in range(3):
            matcher = compiled.matcher()
            for _ in range(8):
                plan, true = matcher.completion(), least(matcher, compiled)
                bounds += 1
                if plan is None or true is None:
                    unknown += 1
                else:
                    probe = matcher.fork()
                    assert probe.accept_tokens(plan) == len(plan), world
                    assert probe.is_complete, world
                    assert true <= len(plan) + 1 <= WORST * true, (plan, true, str(world))
                    worst = max(worst, (len(plan) + 1) / true)
                ids = [t for t in allowed(matcher, compiled) if t not in compiled.eos_ids]
                if not ids:
                    break
                matcher.accept(rng.choice(ids))
        plan = compiled.matcher().completion()
        if plan is None:
            continue
        for spare in (0, 1, 4):
            budget = len(plan) + 1 + spare
            matcher, free = compiled.matcher(max_tokens=budget), compiled.matcher()
            while not matcher.is_finished:
                ids = allowed(matcher, compiled)
                assert ids, str(world)
                assert set(ids) <= set(allowed(free, compiled)), str(world)
                token = rng.choice(ids)
                assert matcher.check(token), str(world)
                assert matcher.accept(token), str(world)
                assert free.accept(token), str(world)
            assert matcher.n_accepted <= budget
    with capsys.disabled():
        print(
            f"\n  token budgets, seeds {seeds.start}-{seeds.stop - 1}: {bounds} bounds ({unknown} unknown), "
            f"at most {worst:.2f} times the least (target {WORST})",
            flush=True,
        )
    assert unknown <= 0.25 * bounds


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_worlds(block: int, capsys):
    judge(range(block * BLOCK, (block + 1) * BLOCK), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS, BLOCKS + SLOW_BLOCKS))
def test_many_random_worlds(block: int, capsys):
    judge(range(block * BLOCK, (block + 1) * BLOCK), capsys)
