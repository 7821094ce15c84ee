"""Texts that are almost right: real ones with one or two small edits, kept where the field's own tool refuses them."""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice

from grammars import corpus, field_tools

MOST_CHARS = 1500

# Roughly the tokens of every language here; operators come apart, which makes more mutants.
_TOKEN = re.compile(r"\s+|\w+|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|.", re.DOTALL)


def mutants(name: str, n: int, seed: int = 0) -> list[str]:
    """``n`` different texts that the field's tool refuses; the same ones for the same seed and the same library."""
    found: dict[str, None] = {}
    for mutant in edited(name, seed):
        if len(found) == n:
            break
        if mutant not in found and not field_tools.accepts(name, mutant):
            found[mutant] = None
    return list(found)


def edited(name: str, seed: int) -> Iterator[str]:
    """Real texts with small edits, without end, whatever the field's tool says of them."""
    return edits(_originals(name), random.Random(f"{name} {seed}"))


def edits(originals: list[str], chance: random.Random) -> Iterator[str]:
    """The texts with one or two small edits, without end."""
    tokens = [piece for text in originals[:200] for piece in _TOKEN.findall(text)]
    characters = [chr(c) for c in range(32, 127)]
    while True:
        text = chance.choice(originals)
        if chance.random() < 0.7:
            pieces, pool = _TOKEN.findall(text), tokens
        else:
            pieces, pool = list(text), characters
        for _ in range(chance.choice([1, 1, 1, 2])):
            chance.choice(_EDITS)(chance, pieces, pool)
        yield "".join(pieces)


@cache
def _originals(name: str) -> list[str]:
    if name == "python":  # whole modules are too long
        return list(islice(corpus.definitions(MOST_CHARS), 1000))
    return corpus.texts(name, 1000, most_chars=MOST_CHARS)


def _delete(chance: random.Random, pieces: list[str], pool: list[str]) -> None:
    if pieces:
        del pieces[chance.randrange(len(pieces))]


def _duplicate(chance: random.Random, pieces: list[str], pool: list[str]) -> None:
    if pieces:
        at = chance.randrange(len(pieces))
        pieces.insert(at, pieces[at])


def _swap(chance: random.Random, pieces: list[str], pool: list[str]) -> None:
    if pieces:
        a, b = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        pieces[a], pieces[b] = pieces[b], pieces[a]


def _insert(chance: random.Random, pieces: list[str], pool: list[str]) -> None:
    pieces.insert(chance.randint(0, len(pieces)), chance.choice(pool))


def _replace(chance: random.Random, pieces: list[str], pool: list[str]) -> None:
    if pieces:
        pieces[chance.randrange(len(pieces))] = chance.choice(pool)


_EDITS: list[Callable[[random.Random, list[str], list[str]], None]] = [_delete, _duplicate, _swap, _insert, _replace]
