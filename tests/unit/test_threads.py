"""One compiled grammar, many threads: its tables fill under them, and every mask is that of a thread alone."""

import random
import threading

import numpy as np
import pytest

import gcd

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
