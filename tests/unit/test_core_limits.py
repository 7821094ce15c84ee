"""Bounds that the native core enforces: a typed error with the field's name, or slower work, never a wrong mask."""

import pytest

import gcd

VOCAB = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(128)] + [b"ab", b"ba", None], eos_ids=[130])
BLOWUP = gcd.Grammar.from_lark("start: /(a|b)*a(a|b){8}/")


def test_too_many_states():
    with pytest.raises(gcd.LimitError) as caught:
        gcd.compile(BLOWUP, VOCAB, gcd.Limits(max_lexer_states=50))
    assert caught.value.limit == "max_lexer_states"
    assert caught.value.reached is not None


def test_too_little_time():
    with pytest.raises(gcd.LimitError) as caught:
        gcd.compile(BLOWUP, VOCAB, gcd.Limits(seconds=1e-9))
    assert caught.value.limit == "seconds"


def test_full_memory_is_slower_and_the_same():
    grammar = gcd.Grammar.from_lark('start: "(" start ")" | /[ab]+/ ("," start)*')
    free, tight = (gcd.compile(grammar, VOCAB, gcd.Limits(memo_bytes=m)) for m in (10**8, 1))
    for text in (b"", b"(", b"((ab", b"((ab)", b"(a,b,(b"):
        masks = []
        for compiled in (free, tight):
            matcher = compiled.matcher()
            assert matcher.accept_bytes(text)
            mask = memoryview(bytearray(4 * -(-VOCAB.width // 32))).cast("i")
            for _ in range(3):
                matcher.fill_bitmask(mask)
                masks.append(bytes(mask))
        assert len(set(masks)) == 1
    assert tight.stats()["masks"] <= 1 < free.stats()["masks"]
