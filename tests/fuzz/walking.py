"""Using a compiled grammar in every way, at random, and holding each answer against the others."""

from __future__ import annotations

import random
from array import array
from typing import Any

import gcd

__all__ = ["allowed_tokens", "use"]

_GUARD = 32
_MARK = 0xA5A5A5A5


def allowed_tokens(matcher: Any, width: int) -> list[int]:
    """The ids in a matcher's mask; nothing may be written beside it."""
    words = -(-width // 32)
    guarded = array("I", [_MARK] * (words + 2 * _GUARD))
    matcher.fill_bitmask(memoryview(guarded)[_GUARD : _GUARD + words])
    assert set(guarded[:_GUARD]) | set(guarded[_GUARD + words :]) == {_MARK}, "written out of bounds"
    row = guarded[_GUARD : _GUARD + words]
    allowed = [32 * w + i for w, word in enumerate(row) if word for i in range(32) if word >> i & 1]
    assert not allowed or allowed[-1] < width, "a token out of range is allowed"
    return allowed


def use(compiled: Any, draw: random.Random, *, steps: int = 10, sound: bool = True) -> str:
    """Walk through some texts.

    `sound`: the grammar was compiled here, so answers must agree with each other. One that a damaged file made may be
    nonsense, but its masks end at the width, and nothing is written beside them.
    """
    width, words, made = compiled.width, -(-compiled.width // 32), 0
    assert width < 1 << 20, "a damaged width"
    for start in compiled.info.starts:
        matcher = compiled.matcher(start)
        for _ in range(steps):
            allowed = allowed_tokens(matcher, width)
            some = [draw.randrange(width) for _ in range(5)] + draw.choices(allowed, k=2 if allowed else 0)
            for token in some:
                answer = matcher.check(token)
                assert not sound or answer == (token in set(allowed)), f"mask and check differ in token {token}"
            str(matcher.explain(draw.randrange(width)))
            matcher.forced_bytes(20)
            matcher.forced_tokens(20)
            matcher.validate(draw.choices(range(width), k=4))
            if not matcher.is_finished and draw.random() < 0.2:
                matcher.accept_bytes(draw.randbytes(2))
                continue
            if matcher.is_finished or not allowed:
                assert not sound or matcher.is_finished or not compiled.exactness.exact, "a dead end"
                break
            moved = matcher.accept(draw.choice(allowed)) if draw.random() < 0.8 else False
            made += moved
            if matcher.n_accepted and draw.random() < 0.2:
                matcher.rollback(draw.randint(1, matcher.n_accepted))
            if draw.random() < 0.2:
                matcher = matcher.fork()
        rows = memoryview(array("i", bytes(8 * words))).cast("B").cast("i", shape=[2, words])
        gcd.fill_bitmasks([matcher, matcher.fork()], rows, threads=2)
        assert not sound or rows[0, 0] == rows[1, 0]
    compiled.stats()
    return f"works, {made} steps"
