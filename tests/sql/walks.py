"""Random statements over the masks of a compiled grammar, each whole."""

from __future__ import annotations

import random
from collections.abc import Iterator

import gcd

LENGTHS = (6, 15, 25, 45)


def statements(compiled: gcd.CompiledGrammar, seed: int, n: int, *, budget: bool = False) -> Iterator[str]:
    """So many statements; words, signs and other tokens by turns, so that most of the syntax is reached.

    Args:
        compiled: the grammar.
        seed: of the walk.
        n: how many.
        budget: the masks are those under ``max_tokens``; else a walk that is long enough goes on as
            `Matcher.completion` says.
    """
    rng = random.Random(seed)
    bitmask = gcd.allocate_token_bitmask(1, compiled.width)
    probe = compiled.matcher()
    tokens = [probe.token_bytes(i) for i in range(compiled.width)]
    words = {i for i, t in enumerate(tokens) if len(t) > 2 and t[:1] in (b" ", b'"')}
    signs = {i for i, t in enumerate(tokens) if 0 < len(t) <= 4 and not t[:1].isalnum()}
    end = compiled.eos_ids[0]
    for i in range(n):
        length = LENGTHS[i % len(LENGTHS)]
        matcher, text = compiled.matcher(max_tokens=length if budget else None), b""
        rest: list[int] = []
        while not matcher.is_finished:
            if not budget and matcher.n_accepted == length:
                plan = matcher.completion()
                if plan is None:  # the search for one has a bound
                    matcher, text = compiled.matcher(), b""
                    continue
                rest = [*plan, end]
            if rest:
                token = rest.pop(0)
            else:
                matcher.fill_bitmask(bitmask)
                row = bitmask[0]
                allowed = [t for t in range(compiled.width) if int(row[t // 32]) >> (t % 32) & 1]
                assert allowed, f"a dead end: {text!r}"
                k = rng.random()
                if end in allowed and k < 0.1:
                    token = end
                else:
                    liked = [t for t in allowed if t in (words if k < 0.6 else signs)] if k < 0.9 else []
                    token = rng.choice(liked or allowed)
            assert matcher.accept(token), (text, tokens[token])
            text += tokens[token] if token != end else b""
        yield text.decode()
