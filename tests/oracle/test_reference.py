"""The oracle held against hand-worked values, and against all texts up to a bound."""

import re
from itertools import product

import pytest
from oracle.named_worlds import NAMED, Named
from oracle.reference import Reference, TerminalTexts, World, letters_of
from oracle.worlds import random_world


@pytest.mark.parametrize("case", NAMED, ids=str)
def test_named_worlds(case: Named):
    """The enumeration finds the values that were worked out by hand."""
    reference = Reference(case.world, budget=case.budget, most_letters=10)
    wrong = []
    for prefix, (allowed, complete) in case.masks.items():
        mask = reference.expected_mask(prefix)
        found = {t for i, t in case.world.texts.items() if mask[i]}
        if (found, reference.complete(prefix)) != (allowed, complete):
            wrong.append((prefix, sorted(found), reference.complete(prefix)))
    assert not wrong
    assert case.empty == (not reference.sentences)


def every_text(letters: str, size: int):
    for length in range(size + 1):
        for text in product(letters, repeat=length):
            yield "".join(text)


@pytest.mark.parametrize("seed", range(40))
def test_no_sentence_is_missed(seed: int):
    """The candidates hold every text that Lark accepts."""
    reference = Reference(random_world(seed), budget=1000, most_letters=8, deep=0)
    size = reference.bound
    while len(reference.letters) ** size > 3000:
        size -= 1
    world = reference.world
    brute = {t.encode() for t in every_text(reference.letters, size) if reference.judge.accepts(t.encode())}
    spelled = {s for s in brute if next(reference.tokenisations(s), None) is not None}
    assert spelled == {s for s in reference.sentences if len(s.decode()) <= size}, world


@pytest.mark.parametrize("seed", range(40))
def test_further_bound_changes_nothing_above_the_depth(seed: int):
    """What is called dead stays so when the enumeration goes further (by twice the margin where it can)."""
    world = random_world(seed)
    near = Reference(world, budget=300, most_letters=8, deep=0)
    far = Reference(world, budget=6000, most_letters=near.bound + 2 * near.margin, deep=0)
    revived = [p for p in far.shortest if near.live(p) is False]
    assert not revived, world


PATTERNS = [
    "a", "ab|a", "(?:a|b)*?", "[^a]+", "a{2,3}b?", "(?i:aB)", "(?i:s|k)", "(?:a?){3}", "(?:|a)+b", ".", "(?s:.)a",
    "(?:ab){1,}a", "(?:a*)*", "[ab]{0,2}b", "(?:(?:a|ab)(?:c|bcd)?)", "\\d|\\w", "\\W\\s?", "a++b", "(?>a|ab)b?",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_terminal_texts_are_what_python_matches(pattern: str):
    letters = "abcsſKk \n1"[:6] if "s" not in pattern else "absſKk\n"
    terminal = TerminalTexts(pattern, letters)
    matches = {t for t in every_text(letters, 4) if re.fullmatch(pattern, t)}
    made = {t for size in range(5) for t in terminal.of_length(size)}
    if "++" in pattern or "(?>" in pattern:  # these drop matches, which is fine
        assert matches <= made
    else:
        assert matches == made


def test_assertions_are_taken_as_true():
    texts = TerminalTexts(r"\b(?<!b)a(?=b)(?!a)$", "ab").of_length(1)
    assert texts == {"a"}


def test_letters_that_bytes_can_spell():
    assert letters_of([b"a", b"\xc3", None, b"\xa9\xff"]) == "aé"
    assert set(letters_of([b"\xc3\xa9", b"\xc5\xbf"])) == {"é", "ÿ", "ſ", "ũ"}


def test_finite_languages_are_proven():
    world = World("finite", 'start: A B\nA: "a" | "ab"\nB: "b"~1..3', (b"a", b"b", None), (2,))
    reference = Reference(world)
    assert reference.finite
    assert reference.live(b"a" * 50) is False
    endless = World("endless", 'start: "a"* ', (b"a", None), (1,))
    assert not Reference(endless).finite


def test_unknown_beyond_the_depth():
    """The list of sentences ends; prefixes near its end aren't judged."""
    world = World("nested", 'start: "(" start ")" | "x"', (b"(", b")", b"x", None), (3,))
    reference = Reference(world, most_letters=11, deep=0)
    assert reference.bound == 11
    assert reference.depth == 3  # "((((" needs nine letters, more than 11 - margin
    assert reference.live(b"(((") is True
    assert reference.live(b"(()") is False
    assert reference.live(b"((((((((") is None


def test_a_cut_character_counts_as_alive():
    world = World("cut", 'start: "é"', (b"\xc3", b"\xa9", b"\xa8", None), (3,))
    reference = Reference(world)
    assert reference.expected_mask(b"") == [True, False, False, False]
    assert reference.expected_mask(b"\xc3") == [False, True, False, False]
    assert reference.expected_mask("é".encode()) == [False, False, False, True]
