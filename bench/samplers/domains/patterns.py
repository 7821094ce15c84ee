"""Texts that match a regex in full: the conformance data's patterns that look around or refer back.

Taken are those that the package regex compiles, in an order by hash, so that the first ones are a sample. Some of them
nothing matches in full, or nearly nothing: they stay in, and count as not solved for everybody.
"""

import csv
import hashlib
import re
import warnings
from pathlib import Path

from bench.samplers.domains import Example, few_shots

SHOTS = [
    (r"[A-Z]{3}-\d{4}", "QRS-2047"),
    (r"(?!.*aa)[ab]{5}", "ababa"),
    (r"(\d)x\1", "7x7"),
    (r"([a-z]+) and \1", "sun and sun"),
]
LOOKS_OR_REFERS = re.compile(r"\(\?<?[=!]|\\[1-9]|\\k<|\(\?P=")
LONGEST = 80
"""Characters of a pattern."""


def patterns(data: Path) -> list[str]:
    """The patterns, in the order in which they are asked."""
    import regex

    with (data / "regex-patterns" / "patterns.csv").open(newline="", encoding="utf-8") as file:
        rows = [row["regex"] for row in csv.DictReader(file)]
    found = []
    for pattern in dict.fromkeys(rows):
        if len(pattern) > LONGEST or not LOOKS_OR_REFERS.search(pattern):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                regex.compile(pattern)
        except regex.error:
            continue  # of another dialect
        found.append(pattern)
    return sorted(found, key=lambda p: hashlib.sha256(p.encode()).hexdigest())


def examples(n: int, data: Path) -> list[Example]:
    """The first `n`."""
    return [example(pattern) for pattern in patterns(data)[:n]]


def example(pattern: str) -> Example:
    """A text that matches it."""
    import regex

    from gcd.sampling.predicates import regex as matches

    compiled = regex.compile(pattern)

    def complete(text: str) -> bool:
        try:
            return compiled.fullmatch(text, timeout=1) is not None
        except TimeoutError:
            return False

    return Example(
        domain="patterns",
        name=pattern,
        prompt=few_shots("A text that matches each regular expression.\n", "Expression", "Text", SHOTS, pattern),
        max_tokens=24,
        score=lambda text: float(complete(text)),
        complete=complete,
        condition=lambda: matches(pattern),
    )
