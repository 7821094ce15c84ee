"""Masks of two engines, bit by bit, and who is right where they differ.

Every position that both walked is compared. Where masks differ, a sample of the tokens is judged: the engine that
allows a token must show a whole text in which it stands there (worker.Complete), and Lark, which knows neither
engine, says whether that text belongs to the language:

=============  ==================  =============================================
allowed by     Lark takes it       Lark refuses it
=============  ==================  =============================================
gcd only       the peer is tighter  gcd is wrong
the peer only  gcd is wrong         the peer is looser
=============  ==================  =============================================

Refused texts don't prove a token wrong (another ending might do), so "the peer is looser" is strong evidence, the
other three are proofs. For the end of a text Lark judges the text as it stands.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import numpy as np

from bench.harness.job import Answer, unpack

EXAMPLES = 3
"""Kept of each class."""

WORD = rb"[A-Za-z0-9_$\x80-\xff]"


@dataclass(frozen=True, slots=True)
class Difference:
    """A token that one allows and the other doesn't."""

    text: int
    at: int
    token: int
    ours: bool
    """Allowed by gcd, not by the peer."""


@dataclass(slots=True)
class Comparison:
    """Two engines on one grammar."""

    positions: int = 0
    """That both walked."""
    equal: int = 0
    ours_only: int = 0
    """Bits, over all positions."""
    theirs_only: int = 0
    not_kept: int = 0
    """Positions that differ in masks of which only digests are left."""
    sample: list[Difference] = field(default_factory=list)
    classes: Counter[tuple[str, bool, str]] = field(default_factory=Counter)
    """(reason, ours, verdict) -> how many of the sample."""
    examples: dict[tuple[str, bool, str], list[dict[str, Any]]] = field(default_factory=dict)
    """A few of each."""
    suspects: list[dict[str, Any]] = field(default_factory=list)
    """What seems to be gcd's mistake, with the text that shows it."""
    unexplained: list[dict[str, Any]] = field(default_factory=list)


def bits(mask: Any) -> Any:
    """The token ids of a mask."""
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))


def compare(ours: Answer, theirs: Answer, sample: int, seed: int = 0) -> Comparison:
    """Compare the masks that two `verify` jobs brought back.

    Args:
        ours: gcd's answer.
        theirs: the peer's.
        sample: how many differing tokens to pick for judgement.
        seed: of the sample.
    """
    result = Comparison()
    pairs: Counter[tuple[int, int]] = Counter()
    places: dict[tuple[int, int], list[tuple[int, int]]] = {}
    same = [bytes(d) for d in theirs.arrays["digests"]]
    mine = [bytes(d) for d in ours.arrays["digests"]]
    visits = zip(
        unpack(ours.arrays["visits"], ours.arrays["visits_ends"]),
        unpack(theirs.arrays["visits"], theirs.arrays["visits_ends"]),
        strict=False,
    )
    for text, (a, b) in enumerate(visits):
        for at, (x, y) in enumerate(zip(a, b, strict=False)):
            result.positions += 1
            if mine[x] == same[y]:
                result.equal += 1
            else:
                pairs[int(x), int(y)] += 1
                seen = places.setdefault((int(x), int(y)), [])
                if len(seen) < 4:
                    seen.append((text, at))
    random = Random(seed)
    candidates: list[list[Difference]] = []
    for (x, y), times in sorted(pairs.items()):
        if x >= len(ours.arrays["masks"]) or y >= len(theirs.arrays["masks"]):
            result.not_kept += times
            continue
        u, v = ours.arrays["masks"][x], theirs.arrays["masks"][y]
        only = {True: bits(u & ~v), False: bits(v & ~u)}
        result.ours_only += times * len(only[True])
        result.theirs_only += times * len(only[False])
        for is_ours, tokens in only.items():
            chosen = random.sample(tokens.tolist(), min(6, len(tokens)))
            candidates.append([Difference(*random.choice(places[x, y]), token, is_ours) for token in chosen])
    random.shuffle(candidates)
    # One of every pair of masks and direction first, then a second of each, and so on.
    for i in count():
        layer = [each[i] for each in candidates if i < len(each)]
        if not layer or len(result.sample) >= sample:
            break
        result.sample += layer[: sample - len(result.sample)]
    return result


@dataclass(frozen=True, slots=True)
class Judged:
    """A difference with what was found out about it."""

    difference: Difference
    before: bytes
    token: bytes
    """Empty: the end of the text."""
    ending: bytes | None
    """What follows in the whole text; None: none was found."""
    verdict: str


def judge(differences: Sequence[tuple[Difference, bytes, bytes, Any]], accepts: Callable[[str], bool]) -> list[Judged]:
    """Ask Lark about each text that an engine has shown.

    Args:
        differences: each with the bytes before the token, the token's, and the ending's: bytes, None where none was
            found, False where the engine refused its own token.
        accepts: what Lark says of a text.
    """
    judged = []
    for difference, before, token, ending in differences:
        if ending is None:
            verdict, ending = "no ending found", None
        elif ending is False:
            verdict, ending = "refused by its own engine", None
        else:
            try:
                text = (before + token + ending).decode()
            except UnicodeDecodeError:
                verdict = "not UTF-8"
            else:
                verdict = "Lark takes it" if accepts(text) else "Lark refuses it"
        judged.append(Judged(difference, before, token, ending, verdict))
    return judged


def reason(grammar: str, before: bytes, token: bytes, ending: bytes | None) -> str:
    """Which known kind of difference a token looks like: a label for counting, the verdict is Lark's."""
    joined = before + token
    if not token:
        return "the end of the text"
    if not before.strip() and token[:1].isspace():
        return "white space before the first lexeme"
    if token.isspace() and ending == b"":
        return "white space after the last lexeme"
    if grammar == "sql" and re.search(rb"\xc4[\xb0\xb1]|\xc5\xbf|\xe2\x84\xaa|^ ?(\xc4|\xc5|\xe2|\xe2\x84)$", token):
        return "Unicode case folding (\u0130, \u0131, \u017f, \u212a)"
    if grammar == "sql" and re.search(rb"\xef\xbb\xbf|^ ?\xef(\xbb)?$", token):
        return "the byte order mark (a letter of a name before it is ignored)"
    # The words that the token touches, and the one after it.
    last = re.search(WORD + rb"*$", before)
    words = re.findall(WORD + rb"+", joined[last.start() if last else len(before) :])
    if any(re.match(rb"[0-9]+[A-Za-z_\x80-\xff]", word) for word in words):
        return "a number runs into a word"
    if {word.lower() for word in words} & KEYWORDS.get(grammar, set()):
        return "a keyword as a name"
    if any(word.lower().startswith(keyword) for word in words for keyword in KEYWORDS.get(grammar, set())):
        return "a keyword runs into a word"
    if any(keyword.startswith(word.lower()) for word in words for keyword in KEYWORDS.get(grammar, set())):
        return "the beginning of a keyword"
    if b"--" in joined[-len(token) - 2 :] or b"/*" in joined[-len(token) - 2 :]:
        return "a comment"
    return "other" if token.strip() == token else "white space at the token's edge"


KEYWORDS: dict[str, set[bytes]] = {
    "arithmetic": set(
        b"False None True and as assert async await break class continue def del elif else except finally for from"
        b" global if import in is lambda nonlocal not or pass raise return try while with yield".lower().split()
    ),
    "sql": set(
        b"abort all and as asc between by case cast collate conflict cross current current_date current_time"
        b" current_timestamp default delete desc distinct do else end escape except exclude exists fail filter first"
        b" following from full glob group groups having ignore in indexed inner insert intersect into is isnull join"
        b" last left like limit match materialized natural no not nothing notnull null nulls offset on or order others"
        b" outer over partition preceding range recursive regexp replace returning right rollback row rows select set"
        b" then ties unbounded union update using values when where window with".split()
    ),
}


def classify(result: Comparison, judged: Sequence[Judged], grammar: str) -> None:
    """Count the judged differences by kind, and list those that speak against gcd or that nothing explains."""
    for each in judged:
        kind = reason(grammar, each.before, each.token, each.ending)
        key = (kind, each.difference.ours, each.verdict)
        result.classes[key] += 1
        shown = {
            "allowed_by": "gcd" if each.difference.ours else "the peer",
            "kind": kind,
            "before": each.before.decode(errors="backslashreplace"),
            "token": each.token.decode(errors="backslashreplace"),
            "ending": None if each.ending is None else each.ending.decode(errors="backslashreplace"),
            "verdict": each.verdict,
        }
        if len(result.examples.setdefault(key, [])) < EXAMPLES:
            result.examples[key].append(shown)
        wrong = "Lark refuses it" if each.difference.ours else "Lark takes it"
        if each.verdict == wrong or (each.difference.ours and each.verdict == "refused by its own engine"):
            result.suspects.append(shown)
        elif each.verdict == "no ending found" or (not each.difference.ours and kind == "other"):
            result.unexplained.append(shown)
