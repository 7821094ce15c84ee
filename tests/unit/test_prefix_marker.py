"""Markers: found wherever tokens are cut, with what follows them."""

import random

import pytest

import gcd
from gcd.prefix.marker import Marker

TOKENS = [b"a", b"b", b"ab", b"ba", b"aab", b"bab", b"abab", b"aabb", None, b"x"]
VOCAB = gcd.Vocabulary.from_bytes([*TOKENS, None], eos_ids=[10], special_ids=[8])


@pytest.mark.parametrize("pattern", ["a", "ab", "aab", "abab", "ababb", "bb", "aaab"])
def test_found_at_its_first_end(pattern):
    """Random token sequences against `bytes.find` on the text since the last special token."""
    marker = Marker(pattern, VOCAB, "start_after")
    rng = random.Random(0)
    for _ in range(300):
        text, state = b"", 0
        for _ in range(12):
            token = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
            data = TOKENS[token]
            ends = [(i, rest) for i, rest in marker.ends_in(state)]
            before = text
            text = text + data if data else b""
            at = text.find(pattern.encode())
            expected = text[at + len(pattern) :] if at >= 0 else None
            assert dict(ends).get(token) == (expected or None), (before, data)
            state, rest = marker.step(state, token)
            assert rest == expected
            if rest is not None:
                break


def test_of_ids():
    marker = Marker([8, 0, 8, 8], VOCAB, "start_after")
    rng = random.Random(1)
    for _ in range(200):
        ids, state = [], 0
        while True:
            ids.append(rng.choice([8, 8, 8, 0, 1]))
            state, rest = marker.step(state, ids[-1])
            assert (rest == b"") == (ids[-4:] == [8, 0, 8, 8])
            assert marker.ends_in(0) == []
            if rest is not None:
                break


def test_what_goes_on_with_it():
    marker = Marker("aba", VOCAB, "stop_at")
    for state in range(3):
        rest = b"aba"[state:]
        on = [i for i, t in enumerate(TOKENS) if t and (t.startswith(rest) or rest.startswith(t))]
        assert marker.continues(state) == on
        for token in [*range(11), 99]:
            expected = min(3, state + len(TOKENS[token])) if token in on else None
            assert marker.after(state, token) == expected
    ids = Marker([8, 9], VOCAB, "stop_at")
    assert (ids.continues(0), ids.continues(1)) == ([8], [9])
    assert (ids.after(0, 8), ids.after(0, 9), ids.after(1, 9)) == (1, None, 2)


@pytest.mark.parametrize(
    ("pattern", "error", "match"),
    [
        ("", ValueError, "start_after is empty"),
        ([], ValueError, "start_after is empty"),
        (7, TypeError, "text or token ids, not int"),
        ([0, 11], ValueError, r"id 11, which is out of the range 0\.\.10"),
        ([10], ValueError, "id 10, which ends a sequence"),
        ("abc", ValueError, r"no token spells start_after='abc': name its ids"),
    ],
)
def test_refused(pattern, error, match):
    with pytest.raises(error, match=match):
        Marker(pattern, VOCAB, "start_after")
