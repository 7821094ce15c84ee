"""A schema's tables in a long run: matchers leave an engine that has grown full, and many threads read one."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import gcd
from gcd import Grammar, Limits, Vocabulary

TOKENS = [bytes([i]) for i in range(256)] + [b'", "', b'":', b'"}', b"}}", b"12", b"000", b"ab", b'{"', None]
VOCAB = Vocabulary.from_bytes(TOKENS, eos_ids=[len(TOKENS) - 1])
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer", "minimum": 0, "maximum": 100_000}, "tag": {"pattern": "^[a-c]{1,40}$"}},
    "additionalProperties": {"type": ["string", "object"]},
    "required": ["id"],
}
SMALL = Limits(max_lexer_states=100)  # of an engine: ten times as many


def document(rng: random.Random) -> str:
    """A valid one, with keys that no other has."""
    members = {f"k{rng.randrange(10**12)}": rng.choice(["", "x", {"ab": 1}]) for _ in range(rng.randrange(1, 4))}
    members["id"] = rng.randrange(100_001)
    if rng.random() < 0.5:
        members["tag"] = "".join(rng.choice("abc") for _ in range(rng.randrange(1, 40)))
    return json.dumps(members)


def masks(matcher: Any, text: bytes) -> list[bytes]:
    """The mask before each byte and at the end; the text must be accepted."""
    bits = gcd.allocate_token_bitmask(1, VOCAB.width)
    found = []
    for byte in text:
        matcher.fill_bitmask(bits)
        found.append(np.asarray(bits).tobytes())
        assert matcher.accept(byte)
    matcher.fill_bitmask(bits)
    assert matcher.is_complete
    return [*found, np.asarray(bits).tobytes()]


def test_a_long_run_never_ends_in_a_limit():
    rng = random.Random(1)
    compiled = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB, limits=SMALL)
    documents = [document(rng).encode() for _ in range(60)]
    found = [masks(compiled.matcher(), text) for text in documents]
    assert sum(map(len, documents)) > 3000  # states, had nothing been forgotten
    assert compiled.stats()["states"] < 1500
    roomy = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB)
    assert found == [masks(roomy.matcher(), text) for text in documents]


def test_a_matcher_that_moves_on_keeps_its_past():
    rng = random.Random(2)
    compiled = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB, limits=SMALL)
    begun = b'{"id": 17, "first'
    old = compiled.matcher()
    for byte in begun:
        assert old.accept(byte)
    copy = old.fork()
    for _ in range(60):
        masks(compiled.matcher(), document(rng).encode())
    fresh = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB).matcher()
    for byte in begun:
        assert fresh.accept(byte)
    rest = b'": ""}'
    assert masks(old, rest) == masks(fresh, rest)
    assert old.accept(VOCAB.eos_ids[0])
    old.rollback(1 + len(rest) + 5)
    fresh.rollback(len(rest) + 5)
    assert old.n_accepted == len(begun) - 5
    assert masks(old, b'F": {}}') == masks(fresh, b'F": {}}')
    assert not copy.accept_bytes(b'": 1')
    assert copy.accept_bytes(b'": {}}')
    copy.reset()
    assert copy.accept_bytes(b'{"id": 1}')
    assert copy.is_complete


def test_threads_read_and_write_one_engine():
    rng = random.Random(3)
    documents = [document(rng).encode() for _ in range(12)]
    alone = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB)
    expected = [masks(alone.matcher(), text) for text in documents]
    for limits in (Limits(), SMALL):
        compiled = gcd.compile(Grammar.from_json_schema(SCHEMA | {"title": "another"}), VOCAB, limits=limits)

        def work(seed: int, compiled: gcd.CompiledGrammar = compiled) -> None:
            order = list(range(len(documents))) * 2
            random.Random(seed).shuffle(order)
            for i in order:
                assert masks(compiled.matcher(), documents[i]) == expected[i]

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))


def test_compositions_tell_generations_apart():
    """A state's number means something else in each engine: a composition that knows masks by it must know which."""
    rng = random.Random(3)
    end = gcd.compile(Grammar.from_choices(["\n"]), VOCAB)
    small = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB, limits=SMALL) + end
    roomy = gcd.compile(Grammar.from_json_schema(SCHEMA), VOCAB) + end
    for _ in range(60):
        text = document(rng).encode() + b"\n"
        assert masks(small.matcher(), text) == masks(roomy.matcher(), text)
