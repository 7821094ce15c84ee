"""Real texts for each grammar, as tokens: the known ones and the unseen ones.

They are those of tests/grammars/corpus.py: JSON instances and SQL
statements of the conformance data (GCD_CONFORMANCE_DATA), arithmetic and modules of Python's standard library. Very
short ones are left out, since they hold next to no masks, and very long ones, since a slow engine would see nothing
else.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

from bench.engines import ROOT


@dataclass(frozen=True, slots=True)
class Selection:
    """Which texts of the corpus take part."""

    source: str
    least_chars: int
    most_chars: int


SELECTIONS = {
    "json": Selection("conformance", 600, 20_000),
    "arithmetic": Selection("library", 20, 2_000),
    "sql": Selection("conformance", 20, 5_000),
    "python": Selection("library", 1_000, 6_000),
}


class MissingTextsError(Exception):
    """There are no texts for a grammar here. The message says what to get."""


def texts(grammar: str, n: int, seed: int = 0) -> list[str]:
    """The first n texts for a grammar.

    Args:
        grammar: its name.
        n: how many, at most.
        seed: of the order of those that are quickly had; Python's modules keep the corpus's own, which is shuffled.

    Raises:
        MissingTextsError: there are none, because the conformance data is missing.
    """
    from_corpus = _corpus(grammar, SELECTIONS[grammar])
    if grammar == "python":
        found = list(islice(from_corpus, n))
    else:
        found = list(from_corpus)
        random.Random(seed).shuffle(found)
        found = found[:n]
    if len(found) < 2:
        raise MissingTextsError(f"{len(found)} texts for {grammar}: is GCD_CONFORMANCE_DATA set?")
    return found


def lark_accepts(grammar: str, text: str) -> bool:
    """Whether Lark itself takes the text with the shipped grammar."""
    return bool(_helper("shipped").lark_accepts(grammar, text))


def _corpus(grammar: str, chosen: Selection) -> Iterator[str]:
    seen = set()
    for text in _helper("corpus").SOURCES[grammar, chosen.source]():
        if chosen.least_chars <= len(text) <= chosen.most_chars and text not in seen:
            seen.add(text)
            yield text


def _helper(name: str) -> Any:
    """A module of tests/grammars/: tests/ holds helpers that are imported by name."""
    if str(ROOT / "tests") not in sys.path:
        sys.path.append(str(ROOT / "tests"))
    return import_module(f"grammars.{name}")
