"""One compiled grammar, many threads: its tables fill under them, and every mask is that of a thread alone."""

import random
import threading

import numpy as np
import pytest

import gcd
from gcd.composition import optional, repeated

TOKENS = [*b"[ ] , [[ ]] ],[ 1 12 a ab: : ( )".split(), b" ", b"\n", b"\n ", b"\n  "]
VOCAB = gcd.Vocabulary.from_bytes([*TOKENS, None], eos_ids=[len(TOKENS)])
GRAMMARS = {
    "nested": ('start: "[" [start ("," start)*] "]" | NUM | NAME\nNUM: /[0-9]+/\nNAME: /[a-z]+:?/\n%ignore " "', {}),
    "ambiguous": ('start: start start | "a" | "[" start "]" | NUM\nNUM: /[0-9]{1,3}/', {"parser": "earley"}),
    "indented": (
        "start: (_NEWLINE | stmt)*\n"
        "stmt: name _NEWLINE | name _NEWLINE _INDENT stmt+ _DEDENT\n"
        "name: NAME | LPAR name RPAR\n"
        "NAME: /[a-z]+/\nLPAR: /\\(/\nRPAR: /\\)/\n_NEWLINE: /(\\n *)+/\n%declare _INDENT _DEDENT",
        {"postlex": "python"},
    ),
}


def walk(compiled: gcd.CompiledGrammar, seed: int) -> list[bytes]:
    """The masks of a random text."""
    draw = random.Random(seed)
    matcher, mask, seen = compiled.matcher(), np.zeros(-(-VOCAB.width // 32), np.int32), []
    for _ in range(60):
        matcher.fill_bitmask(mask)
        seen.append(mask.tobytes())
        allowed = [i for i in range(len(TOKENS)) if mask[i // 32] >> (i % 32) & 1]
        if not allowed or not matcher.accept(draw.choice(allowed)):
            break
    return seen


@pytest.mark.parametrize("name", GRAMMARS)
def test_threads_fill_the_same_tables(name):
    text, options = GRAMMARS[name]
    grammar = gcd.Grammar.from_lark(text, **options)
    alone = [walk(gcd.compile(grammar, VOCAB), seed) for seed in range(8)]
    shared = gcd.compile(grammar, VOCAB)
    together: list[list[bytes]] = [[] for _ in alone]
    ready = threading.Barrier(len(alone))

    def run(seed: int) -> None:
        ready.wait()
        together[seed] = walk(shared, seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(len(alone))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert sum(map(len, alone)) > 100


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_batch_of_several_grammars(threads):
    """Each grammar's rows go to one thread; the masks are those that each matcher has alone."""
    vocab = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(97, 123)], eos_ids=[26], width=27)
    texts = ['start: ("ab" | "ba")+', "start: /[a-m]+/", 'start: "x" start "y" | "z"']
    starts = [b"a", b"abc", b"xx", b"", b"zz", b"xxzy"]
    for _ in range(5):
        compiled = [gcd.compile(gcd.Grammar.from_lark(text), vocab) for text in texts]
        matchers = [c.matcher() for start in starts for c in compiled]
        for matcher, start in zip(matchers, (s for s in starts for _ in compiled), strict=True):
            matcher.accept_bytes(start)
        alone = gcd.allocate_token_bitmask(len(matchers), vocab.width)
        together = gcd.allocate_token_bitmask(len(matchers), vocab.width)
        gcd.fill_bitmasks(matchers, together, threads=threads)
        for row, matcher in enumerate(matchers):
            matcher.fill_bitmask(alone, row)
        assert together.tolist() == alone.tolist()


def test_threads_share_a_composition():
    """Its parts' tables and its own fill under several threads; every mask is that of a thread alone."""
    words = [b"[1", b"]a", b"1]", b"ab", b"a[", b"]["]
    vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in b"[]1a,b "), *words, None], eos_ids=[7 + len(words)])

    def composed():
        nested = gcd.compile(gcd.Grammar.from_lark('start: "[" [start ("," start)*] "]" | "1"\n%ignore " "'), vocab)
        letters = gcd.compile(gcd.Grammar.from_regex("[ab]+"), vocab)
        return repeated(letters + nested | nested) + optional(letters)

    def texts(compiled, seed):
        draw = random.Random(seed)
        mask, seen = np.zeros(1, np.int32), []
        for _ in range(6):
            matcher = compiled.matcher()
            for _ in range(12):
                matcher.fill_bitmask(mask)
                seen.append(int(mask[0]))
                allowed = [i for i in range(vocab.width) if mask[0] >> i & 1]
                if matcher.is_finished or not matcher.accept(draw.choice(allowed)):
                    break
        return seen

    alone = [texts(composed(), seed) for seed in range(6)]
    shared = composed()
    together: list[list[int]] = [[] for _ in alone]
    ready = threading.Barrier(len(alone))

    def run(seed: int) -> None:
        ready.wait()
        together[seed] = texts(shared, seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(len(alone))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
