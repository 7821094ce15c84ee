"""Masks in the named worlds: the known traps, with values worked out by hand."""

import pytest
from oracle.checks import check_world, compile_world, read_bits
from oracle.named_worlds import NAMED, Named

import gcd

EMPTY = [case for case in NAMED if case.empty]
ALIVE = [case for case in NAMED if not case.empty]


@pytest.mark.parametrize("case", ALIVE, ids=str)
def test_expected_masks(case: Named):
    """After each prefix, spelled in every way: these tokens and no others; end of sequence where complete."""
    world = case.world
    compiled = compile_world(world)
    for prefix, (allowed, complete) in case.masks.items():
        ways = spellings(world.texts, prefix)
        assert ways or not prefix.isascii(), prefix
        for ids in ways[:20]:
            matcher = compiled.matcher()
            assert all(matcher.accept(i) for i in ids), (prefix, ids)
            bits = read_bits(matcher, len(world.vocabulary))
            assert {world.texts[i] for i in world.texts if bits[i]} == allowed, (prefix, ids)
            assert [bits[i] for i in world.eos_ids] == [complete] * len(world.eos_ids), (prefix, ids)
            assert matcher.is_complete == complete, (prefix, ids)
            # several ids of the same bytes share one fate
            assert all(bits[i] == bits[j] for i in world.texts for j in world.texts if world.texts[i] == world.texts[j])


@pytest.mark.parametrize("case", ALIVE, ids=str)
def test_all_laws(case: Named):
    tally = check_world(case.world, budget=case.budget)
    assert not tally.violations, tally.violations[0]
    assert tally.exact == 1


@pytest.mark.parametrize("case", EMPTY, ids=str)
def test_an_empty_language_is_refused(case: Named):
    """Nothing can be said: an error that says so, never a mask that leads nowhere."""
    with pytest.raises(gcd.GrammarError, match="empty"):
        compile_world(case.world)


def spellings(texts: dict[int, bytes], text: bytes) -> list[list[int]]:
    """All ways to spell the text in token ids."""
    if not text:
        return [[]]
    first = [i for i, token in texts.items() if text.startswith(token)]
    return [[i, *rest] for i in first for rest in spellings(texts, text[len(texts[i]) :])]


# The end of a sequence, and ids that are no tokens


def ended(eos: int = 4):
    world = next(case.world for case in NAMED if case.world.name == "end inside a terminal")
    matcher = compile_world(world).matcher()
    assert matcher.accept(0)
    before = read_bits(matcher, len(world.vocabulary))
    assert matcher.accept(eos)
    return matcher, before


def test_nothing_follows_the_end():
    matcher, before = ended()
    with pytest.raises(gcd.MatcherError):
        matcher.accept(0)
    assert not any(matcher.check(i) for i in range(5))
    matcher.rollback(1)
    assert read_bits(matcher, 5) == before


def test_the_end_is_taken_back_by_reset():
    matcher, _ = ended()
    matcher.reset()
    assert matcher.accept(2)


@pytest.mark.parametrize("token", [5, -1, 2**31, 10**12])
def test_ids_out_of_range(token: int):
    matcher, before = ended()
    matcher.rollback(1)
    for method in (matcher.accept, matcher.check):
        with pytest.raises(gcd.MatcherError):
            method(token)
    assert read_bits(matcher, 5) == before


def test_more_rollback_than_tokens():
    matcher, before = ended()
    matcher.rollback(1)
    with pytest.raises(gcd.MatcherError):
        matcher.rollback(2)
    assert read_bits(matcher, 5) == before
