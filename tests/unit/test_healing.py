"""Token healing: what is trimmed, and that what may follow is exactly the forced bytes and a sentence."""

import itertools
import random

import numpy as np
import pytest
import torch

import gcd
from gcd import MatcherError, Vocabulary, heal

TOKENS = [b"h", b"t", b"p", b"ht", b"http", b":", b"/", b"://", b"http://", b"p:", b"s", b"ps", b"x", b"y", b"/x", None]
EOS = len(TOKENS) - 1
VOCAB = Vocabulary.from_bytes(TOKENS, eos_ids=[EOS])
ID = {token: i for i, token in enumerate(TOKENS)}
COMPILED = gcd.compile(gcd.Grammar.from_lark('start: "s"? "://" /[xy]{1,2}/'), VOCAB)
SENTENCES = {
    f"{s}://{''.join(xy)}".encode() for s in ("", "s") for n in (1, 2) for xy in itertools.product("xy", repeat=n)
}


def bits(matcher):
    mask = np.zeros((2, 1), dtype=np.int32)
    matcher.fill_bitmask(mask, 1)
    assert mask[0] == 0
    return {i for i in range(len(TOKENS)) if mask[1, 0] >> i & 1}


@pytest.mark.parametrize(
    ("prompt", "left", "prefix"),
    [
        ([b"x", b"http"], [b"x"], b"http"),  # http://
        ([b"x", b"ht", b"t", b"p"], [b"x"], b"http"),  # the same bytes, however they were cut
        ([b"x", b"y"], [b"x", b"y"], b""),  # no token goes on from y
        ([b"x", b"ht"], [b"x", b"ht"], b""),  # http goes on from ht, but the grammar doesn't begin with tp
        ([b"x", b"p"], [b"x"], b"p"),  # p: and ps
        ([b"http"], [b"http"], b""),  # the first token stays
        ([b"x", None, b"http"], [b"x", None], b"http"),  # special tokens stay
        ([], [], b""),
    ],
)  # fmt: skip
def test_what_is_trimmed(prompt, left, prefix):
    healed = heal(COMPILED, [ID[token] for token in prompt])
    assert ([TOKENS[i] for i in healed.ids], healed.prefix) == (left, prefix)


def reachable(healed):
    """All (text, ended) that the tokens that are allowed can spell, tried out one by one."""
    seen, todo = set(), [(healed.matcher(), b"")]
    while todo:
        matcher, text = todo.pop()
        allowed = {i for i in range(len(TOKENS)) if matcher.check(i)}
        assert bits(matcher) == allowed
        assert allowed, f"nothing follows {text}"
        assert matcher.is_complete == (EOS in allowed)
        for token in allowed:
            after = matcher.fork()
            assert after.accept(token)
            if token == EOS:
                assert after.is_finished
                seen.add(text)
            else:
                todo.append((after, text + TOKENS[token]))
    return seen


def spellings(text, at=0):
    """All ways to spell a text in tokens."""
    if at == len(text):
        yield []
    for i, token in enumerate(TOKENS):
        if token and text.startswith(token, at):
            yield from ([i, *rest] for rest in spellings(text, at + len(token)))


@pytest.mark.parametrize("prompt", [[b"x", b"http"], [b"x", b"p"], [b"x", b"y"]])
def test_exactly_the_forced_bytes_and_a_sentence(prompt):
    """Sound, complete, and no dead end, by trying all there is."""
    healed = heal(COMPILED, [ID[token] for token in prompt])
    expected = {healed.prefix + sentence for sentence in SENTENCES}
    assert reachable(healed) == expected
    for text in expected:
        for ids in spellings(text):
            matcher = healed.matcher()
            assert matcher.accept_tokens([*ids, EOS]) == len(ids) + 1
            assert matcher.is_finished


def test_no_way_into_what_can_not_be_spelled():
    """Without single letters, `ht` would leave `tp`, which no token spells: it isn't allowed."""
    tokens = [b"ht", b"http", b"http:", b"tpx", b":", None]
    vocab = Vocabulary.from_bytes(tokens, eos_ids=[5])
    healed = heal(gcd.compile(gcd.Grammar.from_lark('start: ":"'), vocab), [4, 1])
    assert (healed.ids, healed.prefix) == ([4], b"http")
    assert {i for i in range(6) if healed.matcher().check(i)} == {1, 2}


def test_rollback_fork_reset():
    """Each is where it was, step by step, over the seam."""
    healed, rng = heal(COMPILED, [ID[b"x"], ID[b"http"]]), random.Random(1)
    for _ in range(200):
        matcher, masks = healed.matcher(), []
        while not matcher.is_finished:
            masks.append(bits(matcher))
            assert matcher.accept(rng.choice(sorted(masks[-1])))
        before = matcher.fork()
        for n in range(len(masks)):
            matcher.rollback(1)
            assert bits(matcher) == masks[-1 - n]
        assert before.is_finished
        before.reset()
        assert (bits(before), before.n_accepted, before.is_finished) == (masks[0], 0, False)
        with pytest.raises(MatcherError, match="after 0 tokens"):
            before.rollback(1)


def test_refusals():
    healed = heal(COMPILED, [ID[b"x"], ID[b"http"]])
    matcher = healed.matcher()
    assert not matcher.accept(ID[b"x"])
    assert not matcher.accept(EOS)
    assert matcher.n_accepted == 0
    for bad in (-1, len(TOKENS)):
        with pytest.raises(MatcherError):
            matcher.accept(bad)
        with pytest.raises(ValueError, match="not in range"):
            heal(COMPILED, [0, bad])
    with pytest.raises(ValueError, match="start symbol"):
        heal(COMPILED, [0], "nowhere")


BITMASKS = {
    "rows apart": lambda: np.zeros((4, 3), dtype=np.int32)[::2, :1],
    "torch": lambda: torch.zeros((2, 1), dtype=torch.int32),
    "buffer": lambda: memoryview(bytearray(8)).cast("i", (2, 1)),
}


@pytest.mark.parametrize("kind", BITMASKS)
def test_kinds_of_bitmasks(kind):
    bitmask = BITMASKS[kind]()
    matcher = heal(COMPILED, [ID[b"x"], ID[b"http"]]).matcher()
    matcher.fill_bitmask(bitmask, 1)
    got = int(bitmask[1, 0]) & 0xFFFF_FFFF
    assert got == sum(1 << i for i in range(len(TOKENS)) if matcher.check(i))
    assert int(bitmask[0, 0]) == 0


def test_a_real_tokenizer(gpt2_vocab, tokenizer_folder):
    """The classics: a prompt that ends with "http:" or with a space."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_folder("gpt2") / "tokenizer.json"))
    compiled = gcd.compile(gcd.Grammar.from_lark('start: "//" /[a-z.]+/ "/"?'), gpt2_vocab)
    healed = heal(compiled, tokenizer.encode("The site is http:").ids)
    assert (tokenizer.decode(healed.ids), healed.prefix) == ("The site is http", b":")
    natural = tokenizer.encode("The site is http://a.b/").ids[len(healed.ids) :]
    assert tokenizer.decode(natural[:1]) == "://"
    assert healed.matcher().accept_tokens(natural) == len(natural)
    assert heal(compiled, tokenizer.encode("The site is lovely").ids).prefix == b""

    words = gcd.compile(gcd.Grammar.from_lark("start: /[A-Za-z ]+/"), gpt2_vocab)
    healed = heal(words, tokenizer.encode("The capital is ").ids)
    assert healed.prefix == b" "
    matcher = healed.matcher()
    paris = tokenizer.encode(" Paris").ids
    assert len(paris) == 1
    assert matcher.accept(paris[0])
    matcher.rollback(1)
    allowed = sum(map(matcher.check, range(gpt2_vocab.width)))
    assert allowed == sum(bool(t) and t[:1] == b" " and set(t[1:].lower()) <= set(b"abcdefghijklmnopqrstuvwxyz ")
                          for t in gpt2_vocab.tokens)  # fmt: skip
