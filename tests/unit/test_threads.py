"""One compiled grammar, many threads: its tables fill under them, and every mask is that of a thread alone."""

import random
import threading
from functools import cache
from itertools import product

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


# Enough words for the walks of two rows to share fragments, and words in which lexemes end.
WORDS = [*("".join(w) for n in (1, 2, 3, 4) for w in product("abcdefgi", repeat=n)), *"(),=;1 ", "if", "if(", "12"]
WORDS += [
    f"{a}{b}{c}" for a in ("a", "if", "1", "", "ab;") for b in ("(", ",", ")", " ", ";") for c in ("a", "1", "b(")
]
WORDS = list(dict.fromkeys(WORDS))
WORDY = gcd.Vocabulary.from_bytes([*(w.encode() for w in WORDS), None], eos_ids=[len(WORDS)])
PROGRAM = """
start: stmt+
stmt: NAME "=" sum ";" | "if" "(" sum ")" stmt | call ";"
sum: [sum ","] (NAME | NUM | call)
call: NAME "(" [sum] ")"
NAME: /(?!if(?![a-z]))[a-z]+/
NUM: /1[12]*/
%ignore " "
"""


@cache
def places(n: int) -> list[list[int]]:
    """Tokens of the beginnings of random texts."""
    compiled = gcd.compile(gcd.Grammar.from_lark(PROGRAM), WORDY)
    out, mask = [], np.zeros(-(-WORDY.width // 32), np.int32)
    for seed in range(n):
        draw, matcher, ids = random.Random(seed), compiled.matcher(), []
        while len(ids) < seed:
            matcher.fill_bitmask(mask)
            bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: WORDY.width]
            bits[WORDY.eos_ids[0]] = 0
            letters: dict[bool, list[int]] = {}  # else they are nearly all names
            for t in np.flatnonzero(bits):
                letters.setdefault(WORDS[t][-1].isalpha(), []).append(int(t))
            ids.append(draw.choice(letters[draw.choice(sorted(letters))]))
            assert matcher.accept(ids[-1])
        out.append(ids)
    return out


@cache
def one_by_one() -> np.ndarray:
    """The masks of these places, each worked out by a compiled grammar that meets no other."""
    out = gcd.allocate_token_bitmask(len(places(24)), WORDY.width)
    for row, ids in enumerate(places(24)):
        matcher = gcd.compile(gcd.Grammar.from_lark(PROGRAM), WORDY).matcher()
        assert matcher.accept_tokens(ids) == len(ids)
        matcher.fill_bitmask(out, row)
    return np.asarray(out)


@pytest.mark.parametrize("memo_bytes", [1 << 28, 30_000], ids=["room", "full"])
@pytest.mark.parametrize("threads", [2, 5])
def test_a_batch_of_one_grammar(memo_bytes, threads):
    """Rows and summaries are worked out side by side, also where tables are full and what was found is forgotten."""
    grammar, texts = gcd.Grammar.from_lark(PROGRAM), places(24)
    limits = gcd.Limits(memo_bytes=memo_bytes)

    def matchers():
        compiled = gcd.compile(grammar, WORDY, limits=limits)
        made = [compiled.matcher() for _ in texts]
        assert all(m.accept_tokens(ids) == len(ids) for m, ids in zip(made, texts, strict=True))
        return made

    alone = one_by_one()
    assert len(set(map(bytes, alone))) > 5
    for _ in range(6):
        together = gcd.allocate_token_bitmask(len(texts), WORDY.width)
        rows = matchers()
        gcd.fill_bitmasks(rows, together, threads=threads)
        assert np.array_equal(together, alone)
        gcd.fill_bitmasks(rows[::-1], together, threads=threads)
        assert np.array_equal(np.asarray(together)[::-1], alone)


def test_limits_reached_by_several_threads():
    """Who waits for a row that can't be built isn't left waiting: each gets the error."""
    grammar, texts = gcd.Grammar.from_lark(PROGRAM), places(12)
    compiled = gcd.compile(grammar, WORDY, limits=gcd.Limits(max_rows=3))
    rows = [compiled.matcher() for _ in texts]
    for matcher, ids in zip(rows, texts, strict=True):
        matcher.accept_tokens(ids)
    for _ in range(3):
        with pytest.raises(gcd.LimitError, match="row"):
            gcd.fill_bitmasks(rows, gcd.allocate_token_bitmask(len(rows), WORDY.width), threads=3)


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
