"""The grammars of formats in Lark, in the engine and against the field's own tools.

Every text, real or a mutant, gets one verdict from Lark and the same from the engine. Lark takes the real ones, and
next to none of the mutants that the tool refuses, but for what isn't syntax (`format_tools.MEANING`).
"""

import doctest
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import islice

import pytest
from grammars.format_corners import CORNERS, LOOSER, STRICTER
from grammars.test_engine_texts import follow
from lark import Lark

import gcd
from grammars import format_texts, format_tools, mutants, shipped

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
FORMATS = shipped.FORMATS

FEWEST = {"graphql": 80, "toml": 150, "regex": 150, "csv": 200, "markdown-table": 200, "xml": 300}
"""Real texts, at least; the others have more than 300."""

MOST_CHARS = 400

# What the tool refuses besides meaning and the grammar doesn't, by the tool's complaint.
CAUSES = {
    "email": {"IDNA": "labels that begin with xn-- and decode to nothing"},
}


@cache
def compiled(name: str) -> gcd.CompiledGrammar:
    return gcd.compile(gcd.Grammar.from_lark(shipped.path(name)), BYTES)


@cache
def parser(name: str) -> Lark:
    return shipped.load(name)


def verdict(name: str, text: str) -> bool:
    """Lark's, and the engine's."""
    expected = shipped.parses(parser(name), text)
    matcher = compiled(name).matcher()
    got = matcher.accept_bytes(text.encode()) and matcher.is_complete
    assert got == expected, text
    return expected


def test_readme():
    """The examples on the page."""
    result = doctest.testfile(str(shipped.FOLDER / "README.md"), module_relative=False, encoding="utf-8")
    assert result.attempted
    assert not result.failed


def test_all_are_here():
    assert set(format_texts.SOURCES) == set(format_tools.TOOLS) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_exact(name: str):
    assert compiled(name).exactness.exact


@pytest.mark.parametrize("limit", [pytest.param(300, id="some"), pytest.param(None, id="all", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORMATS)
def test_real_texts(name: str, limit: int | None, capsys: pytest.CaptureFixture[str]):
    texts = format_texts.texts(name)
    assert len(texts) >= FEWEST.get(name, 300)
    assert [text for text in texts[:limit] if not verdict(name, text)] == []
    with capsys.disabled():
        print(f"\n{name}: {len(texts[:limit])} of {len(texts)} real texts taken", end="")


@pytest.mark.parametrize("n", [pytest.param(1000, id="some"), pytest.param(20_000, id="many", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORMATS)
def test_mutants(name: str, n: int, capsys: pytest.CaptureFixture[str]):
    """``n`` that the tool refuses; the verdicts on those that it takes are compared, too."""
    originals = [text for text in format_texts.texts(name) if len(text) <= MOST_CHARS]
    seen: set[str] = set()
    refused = 0
    meaning, through = Counter[str](), []
    for text in mutants.edits(originals, random.Random(f"{name} {n}")):
        if refused == n:
            break
        if text in seen:
            continue
        seen.add(text)
        taken, complaint = verdict(name, text), format_tools.complaint(name, text)
        if complaint is None:
            continue
        refused += 1
        if taken and format_tools.is_meaning(name, complaint):
            meaning[complaint[:40]] += 1
        elif taken:
            through.append((complaint, text))
    share = len(through) / refused
    with capsys.disabled():
        print(f"\n{name}: of {n} mutants {len(through)} get through ({share:.2%}), {meaning.total()} more for meaning")
        for complaint, times in meaning.most_common(3):
            print(f"    {times:5} {complaint}")
    unexplained = [each for each in through if not any(part in each[0] for part in CAUSES.get(name, ()))]
    assert share <= 0.01
    assert len(unexplained) <= 0.002 * n, unexplained


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_tokens(name: str, llama3_vocab: gcd.Vocabulary, tokenizer_folder: Callable[[str], object]):
    """A real vocabulary: each mask on the way holds the next token of the tokenizer's own way to spell the text."""
    from grammars.spelling import Speller

    speller = Speller(llama3_vocab, tokenizer_folder("llama3"))
    real = gcd.compile(gcd.Grammar.from_lark(shipped.path(name)), llama3_vocab)
    assert real.exactness.exact
    draw = random.Random(0)
    for text in islice((text for text in format_texts.texts(name) if len(text) < 3000), 150):
        for ids in (speller.own(text), speller.random(text, draw)):
            if ids is not None:
                follow(real, ids, draw)


# -- corner by corner ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_corners(name: str):
    """What differs for a reason that the header states is in the two tests below."""
    different = [text for text in CORNERS[name] if verdict(name, text) != format_tools.accepts(name, text)]
    assert different == []


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, each in STRICTER.items() for text in each])
def test_known_gaps(name: str, text: str):
    assert format_tools.accepts(name, text)
    assert not verdict(name, text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, each in LOOSER.items() for text in each])
def test_known_gaps_the_other_way(name: str, text: str):
    assert not format_tools.accepts(name, text)
    assert verdict(name, text)
