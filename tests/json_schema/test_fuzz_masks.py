"""Random small schemas and vocabularies: every mask against jsonschema, and the check itself against broken engines."""

import re
from collections import Counter

import pytest
from json_schema.differences import shown, shrunk
from json_schema.judges import UNSATISFIABLE
from json_schema.mask_oracle import Violation, World, check, random_world, without

import gcd

# -- the check ------------------------------------------------------------------------------------


class FiniteMatcher:
    """Over a list of texts; `refuses` and `allows` are (text, token) where it lies."""

    def __init__(self, world, texts, refuses=(), allows=(), ends=()):
        self.world, self.texts, self.text = world, texts, b""
        self.refuses, self.allows, self.ends = set(refuses), set(allows), set(ends)

    def matcher(self):
        return self.fork()

    def fork(self):
        new = FiniteMatcher(self.world, self.texts, self.refuses, self.allows, self.ends)
        new.text = self.text
        return new

    def check(self, token):
        after = self.text + self.world.tokens[token]
        lie = (self.text, self.world.tokens[token])
        return lie in self.allows or (lie not in self.refuses and any(text.startswith(after) for text in self.texts))

    def accept(self, token):
        allowed = self.check(token)
        self.text += self.world.tokens[token] if allowed else b""
        return allowed

    @property
    def is_complete(self):
        return self.text in self.texts or self.text in self.ends

    def fill_bitmask(self, bitmask, row=0):
        bits = sum(1 << token for token in range(self.world.eos) if self.check(token))
        bits |= self.is_complete << self.world.eos
        bitmask[row, 0] = bits - (1 << 32) if bits >> 31 else bits


TINY = World({"enum": [12, "a"]}, (b"1", b"2", b'"', b"a", b'a"', b"12"), (b"12", b'"a"'))


@pytest.mark.parametrize(
    ("lies", "message"),
    [
        ({}, None),
        ({"refuses": [(b'"', b'a"')]}, "lacks"),
        ({"allows": [(b"1", b"1")]}, "dead end|never reach"),
        ({"allows": [(b"1", b"1")], "ends": [b"11"]}, "not valid"),
        ({"ends": [b"1"]}, "the end is True"),
    ],
)
def test_the_check_finds_what_is_wrong(lies, message):
    engine = FiniteMatcher(TINY, TINY.texts, **lies)
    if message is None:
        assert check(engine, TINY, 0)["states"] >= 4
        return
    found = []
    for seed in range(10):
        try:
            check(engine, TINY, seed)
        except Violation as error:
            found.append(str(error))
    assert any(re.search(message, each) for each in found), found


def test_worlds_have_texts_and_are_repeatable():
    worlds = [random_world(seed) for seed in range(40)]
    assert sum(bool(world.texts) for world in worlds) > 25
    assert worlds[:5] == [random_world(seed) for seed in range(5)]


# -- the engine -----------------------------------------------------------------------------------


def compiled(world):
    """The world's grammar and whether its masks are vouched for; None where it's refused."""
    vocabulary = gcd.Vocabulary.from_bytes([*world.tokens, None], eos_ids=[world.eos])
    grammar = gcd.Grammar.from_json_schema(world.schema)
    try:
        return gcd.compile(grammar, vocabulary), True
    except gcd.InexactError:
        return gcd.compile(grammar, vocabulary, lenient={"viability"}), False


def violation(world, seed):
    """What is wrong with the engine's masks in a world; None if nothing is."""
    try:
        engine, vouched = compiled(world)
        check(engine, world, seed, vouched)
    except Violation as found:
        return str(found)
    except gcd.GcdError as error:
        if UNSATISFIABLE in str(error) and world.texts:
            return f"called unsatisfiable, yet {world.texts[0]!r} is valid"
    return None


def smallest(world, seed):
    """A violation with as much of the schema taken away as can be."""
    less = shrunk(world.schema, lambda schema: violation(without(world, schema), seed) is not None, 150)
    return f"seed {seed}: {violation(without(world, less), seed)}: {shown(less)} with {world.tokens}"


@pytest.mark.parametrize("n", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_masks_of_small_worlds(n):
    counts, wrong = Counter(), []
    for seed in range(n):
        world = random_world(seed)
        counts["worlds"] += 1
        try:
            engine, vouched = compiled(world)
        except gcd.GcdError as error:
            counts["unsatisfiable" if UNSATISFIABLE in str(error) else "refused"] += 1
            if not (UNSATISFIABLE in str(error) and world.texts):
                continue
            wrong.append(f"seed {seed}: called unsatisfiable, yet {world.texts[0]!r} is valid: {shown(world.schema)}")
            continue
        counts["vouched for"] += vouched
        try:
            counts += check(engine, world, seed, vouched)
        except Violation:
            wrong.append(smallest(world, seed))
    assert wrong == []
    assert counts["refused"] <= 0.005 * n, counts
    assert counts["vouched for"] >= 0.9 * n - counts["unsatisfiable"], counts
    assert counts["open"] <= 0.01 * counts["bits"], counts
