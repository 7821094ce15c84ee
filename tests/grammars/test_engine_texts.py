"""The shipped grammars in the engine, with real vocabularies, against Lark: real texts, mutants, random walks.

A real text goes through whatever tokens spell it: the tokenizer's own, random ones, single bytes. Each mask on the way
holds the next token, and the end exactly where the text may end. A mutant gets Lark's verdict. A walk along the masks
never dead-ends, and Lark parses what it writes.
"""

import random
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from grammars.spelling import Speller

import gcd
from grammars import corpus, mutants, shipped

VOCABULARIES = ("llama3", "smollm2")
SLOW = pytest.mark.slow


@pytest.fixture(scope="session")
def speller(tokenizer_folder: Callable[[str], Path]) -> Callable[[str], Speller]:
    """``speller(name)``: a tokenizer's vocabulary and the ways to spell texts in it."""

    def make(name: str) -> Speller:
        folder = tokenizer_folder(name)
        return Speller(gcd.Vocabulary.from_pretrained(folder), folder)

    return cache(make)


@pytest.fixture(scope="session")
def compiled(speller: Callable[[str], Speller]) -> Callable[[str, str], gcd.CompiledGrammar]:
    """``compiled(grammar, vocabulary)``, each compiled once."""
    grammar = cache(lambda name: gcd.Grammar.from_lark(shipped.path(name)))
    return cache(lambda name, vocabulary: gcd.compile(grammar(name), speller(vocabulary).vocab))


class Mask:
    """One row to fill and look into."""

    def __init__(self, compiled: gcd.CompiledGrammar) -> None:
        self._words = np.zeros(-(-compiled.vocab.width // 32), np.int32)
        self._view = memoryview(self._words)

    def fill(self, matcher) -> None:
        matcher.fill_bitmask(self._view)

    def __getitem__(self, i: int) -> bool:
        return bool(self._view[i >> 5] >> (i & 31) & 1)

    def bits(self) -> np.ndarray:
        return np.unpackbits(self._words.view(np.uint8), bitorder="little").view(bool)


def follow(compiled: gcd.CompiledGrammar, ids: list[int], draw: random.Random | None = None) -> None:
    """Each mask on the way holds the next token, and the end where the text may end; at last it may.

    With `draw`, some other token is held against check and accept at each step.
    """
    matcher, mask = compiled.matcher(), Mask(compiled)
    ends = compiled.vocab.eos_ids
    for n, i in enumerate(ids):
        other = draw.randrange(compiled.vocab.width) if draw else i
        allowed = matcher.check(other)  # mostly before the mask is known
        mask.fill(matcher)
        assert mask[i], (n, ids[:n], i)
        complete = matcher.is_complete
        assert all(mask[end] == complete for end in ends), (n, ids[:n])
        assert allowed == mask[other] == matcher.check(other), (n, ids[:n], other)
        assert mask[other] or not matcher.accept(other), (n, ids[:n], other)
        assert matcher.accept(i), (n, ids[:n], i)
    mask.fill(matcher)
    assert matcher.is_complete
    assert all(mask[end] for end in ends)
    assert matcher.accept(ends[-1])
    mask.fill(matcher)
    assert not mask.bits().any()


def follow_all(compiled: gcd.CompiledGrammar, speller: Speller, texts: Iterable[str], spellings: Iterable[str]) -> int:
    """Each text in each way to spell it; returns how many of both there were. At least two ways for each text."""
    draw = random.Random(0)
    count = 0
    for text in texts:
        ways = {"own": speller.own(text), "random": speller.random(text, draw), "shortest": speller.shortest(text)}
        if ways["random"] is None:  # a byte that no token has
            assert not compiled.matcher().accept_bytes(text.encode()), text
            continue
        if ways["own"] is None:
            ways["own"] = speller.random(text, draw)
        for way in spellings:
            follow(compiled, ways[way], draw)
            count += 1
    return count


# -- real texts -------------------------------------------------------------------------------


@cache
def some_texts(name: str) -> list[str]:
    if name == "python":  # whole modules take Lark long
        return [text for text in islice(corpus.definitions(1500), 60) if shipped.lark_accepts(name, text)]
    return corpus.texts(name, 150, most_chars=1500)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", shipped.NAMES)
def test_real_texts(name: str, vocabulary: str, speller, compiled):
    texts = some_texts(name)
    assert len(texts) > 50
    assert follow_all(compiled(name, vocabulary), speller(vocabulary), texts, ["own", "random", "shortest"]) > 150


@SLOW
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", shipped.NAMES)
def test_all_real_texts(name: str, vocabulary: str, speller, compiled):
    assert follow_all(compiled(name, vocabulary), speller(vocabulary), corpus.texts(name), ["own", "random"])


@SLOW
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize(("name", "what"), [(name, what) for name in shipped.NAMES for what in corpus.LONG_TEXTS[name]])
def test_long_texts(name: str, what: str, vocabulary: str, speller, compiled):
    """About a megabyte each."""
    text = corpus.long_texts(name)[what]
    assert shipped.lark_accepts(name, text)
    assert follow_all(compiled(name, vocabulary), speller(vocabulary), [text], ["own", "random"]) == 2
    matcher = compiled(name, vocabulary).matcher()
    assert matcher.accept_bytes(text.encode())
    assert matcher.is_complete


# -- verdicts ---------------------------------------------------------------------------------


def verdict(compiled: gcd.CompiledGrammar, text: str) -> bool:
    matcher = compiled.matcher()
    return bool(matcher.accept_bytes(text.encode()) and matcher.is_complete)


@pytest.mark.parametrize("n", [pytest.param(1000, id="some"), pytest.param(20_000, id="many", marks=SLOW)])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", shipped.NAMES)
def test_mutants(name: str, vocabulary: str, n: int, speller, compiled):
    """Mutants that the field's tool refuses, and as many edited texts whatever it says of them."""
    texts = mutants.mutants(name, n, seed=7) + list(islice(mutants.edited(name, 8), n))
    spellable = speller(vocabulary).spellable
    engine = compiled(name, vocabulary)
    wrong = [t for t in texts if verdict(engine, t) != (shipped.lark_accepts(name, t) and spellable(t.encode()))]
    assert wrong == []


@pytest.mark.parametrize("name", shipped.NAMES)
def test_prefixes(name: str, compiled):
    """At each character: may the text end here?"""
    engine = compiled(name, "llama3")
    for text in mutants_and_texts(name):
        matcher = engine.matcher()
        for end in range(len(text) + 1):
            assert matcher.is_complete == shipped.lark_accepts(name, text[:end]), text[:end]
            if not matcher.accept_bytes(text[end : end + 1].encode()):
                break


def mutants_and_texts(name: str) -> list[str]:
    return [text for text in some_texts(name) if len(text) < 120][:40] + [
        text for text in islice(mutants.edited(name, 9), 200) if len(text) < 120
    ][:40]


# -- walks ------------------------------------------------------------------------------------

CLOSING = {
    "json": b'}]",: \n0eltrufasn',
    "arithmetic": b")0 ",
    "sql": b")';\"] \n",
    "python": b")]}:\n\"' ",
}


@pytest.mark.parametrize("walks", [pytest.param(40, id="some"), pytest.param(1000, id="many", marks=SLOW)])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", shipped.NAMES)
def test_walks(name: str, vocabulary: str, walks: int, speller, compiled):
    """Up to 60 tokens, later ones mostly such as close what is open; what can end is what Lark parses."""
    engine, texts = compiled(name, vocabulary), speller(vocabulary).texts
    mask, draw = Mask(engine), random.Random(f"{name} {vocabulary}")
    closing, is_text = np.zeros((2, mask.bits().size), bool)
    is_text[list(texts)] = True
    closing[[i for i, text in texts.items() if set(text) <= set(CLOSING[name])]] = True
    finished = 0
    for _ in range(walks):
        matcher, ids = engine.matcher(), []
        for step in range(60):
            mask.fill(matcher)
            bits = mask.bits()
            assert bits.any(), f"dead end after {ids}"
            if matcher.is_complete:
                text = speller(vocabulary).join(ids).decode()
                assert shipped.lark_accepts(name, text), text
                finished += 1
                if draw.random() < 0.1:
                    break
            near = bits & closing
            allowed = (near if near.any() and draw.random() < step / 20 else bits & is_text).nonzero()[0]
            if not allowed.size:
                break
            ids.append(int(draw.choice(allowed)))
            assert matcher.check(ids[-1])
            assert matcher.accept(ids[-1]), ids
    assert finished >= walks / 10
