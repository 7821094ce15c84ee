"""Patterns as JSON Schema reads them: searched for, ECMA-262 with the u flag. Held against another engine, regress."""

import random

import pytest
import regress
from json_schema.reference import Spans, is_valid

from gcd import json_schema
from gcd.errors import GrammarError, LimitError, SchemaError, UnsupportedError
from gcd.json_schema.program import Regex

LETTERS = "ab1_ -\né𝒳"

FIELD = [
    *("a|b$", "^a|b", "^(a|b)$", "^a$|^b$", "(^a|b)", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", r"\ba", r"a\b", r"\B"),
    *(
        "^$",
        "",
        "$^",
        "a^b",
        "^^a$$",
        "(?:)",
        "^(?:a|ab)(?:b|1)$",
        "a{2,3}",
        "a{0}b",
        "^a{0,2}?b",
        "[^a]",
        "[a-c1]",
        ".",
    ),
    *(r"\d\D", r"\w\W", r"\s", r"[\s\S]", r"[\d_-]", r"\u0061", r"\u{1d4b3}", r"\ud835\udcb3", r"\x61", r"\cJ", r"\/"),
    *(
        "^[a-z]+$",
        "^.{2}$",
        "^[^]*$",
        "[]",
        "(?<n>a)b",
        r"\p{L}",
        r"^\P{L}+$",
        r"\p{Lu}",
        r"^(?!.*ab)",
        "^(?=.*a)(?=.*b)",
    ),
    *("(a*)*b", "(a|b)*1", "^(?:(?=a)a|b)*$", r"(?<=^|a)b", r"(?=$)", r"(?!$)", "x*", r"^\S+@\S+$", r"\0"),
]


def found(pattern: str):
    return json_schema.load({"pattern": pattern}).program


@pytest.mark.parametrize("pattern", FIELD)
def test_field_patterns_match_what_regress_matches(pattern):
    program = found(pattern)
    other = regress.Regex(pattern, "u")
    rnd = random.Random(pattern)
    texts = ["", *LETTERS, *("".join(rnd.choices(LETTERS, k=rnd.randint(2, 6))) for _ in range(60))]
    for text in texts:
        assert is_valid(program, text) == (other.find(text) is not None), (pattern, text)


def test_harmless_laxness_of_real_schemas():
    assert is_valid(found(r"^a\-b[\_\@]\_$"), "a-b@_")
    assert is_valid(found("^{a}$"), "{a}")


def random_pattern(rnd, depth=3):
    pick = rnd.random()
    if depth == 0 or pick < 0.35:
        return rnd.choice(["a", "b", "1", "_", " ", ".", r"\w", r"\d", r"\s", "[ab]", "[^a]", r"[\d_]", "é", "𝒳", "\n"])
    inner = random_pattern(rnd, depth - 1)
    if pick < 0.55:
        return inner + random_pattern(rnd, depth - 1)
    if pick < 0.65:
        return f"(?:{inner}|{random_pattern(rnd, depth - 1)})"
    if pick < 0.8:
        return f"(?:{inner}){rnd.choice(['*', '+', '?', '{2}', '{1,2}', '*?', '{0,3}?', '{2,}'])}"
    if pick < 0.87:
        return f"({rnd.choice(['?=', '?!', '?<=', '?<!'])}{inner})"
    return rnd.choice(["^", "$", r"\b", r"\B"]) + inner


def test_random_patterns_match_what_regress_matches():
    rnd = random.Random(7)
    n_found = 0
    for _ in range(1500):
        pattern = random_pattern(rnd)
        if rnd.random() < 0.3:
            pattern = rnd.choice(["^", "^^", "^(?=^a)", "^(?!.*1$)", "^(?=a|.b$)(?!aa)", "(?=a)^"]) + pattern
        if rnd.random() < 0.3:
            pattern += rnd.choice(["$", "$$", "(?<!a)$", "(?<=^.|b)$", "$(?<!1)", "(?!a)$"])
        if rnd.random() < 0.1:
            pattern += "|" + random_pattern(rnd)
        program = found(pattern)
        other = regress.Regex(pattern, "u")
        for _ in range(8):
            text = "".join(rnd.choices(LETTERS, k=rnd.randint(0, 6)))
            expected = other.find(text) is not None
            n_found += expected
            assert is_valid(program, text) == expected, (pattern, text)
    assert n_found > 2000


def test_usual_anchors_need_no_lookarounds():
    for pattern in ("^a$", "^a", "a$", "^(?:a|b)$", "^a|b$", "^(?!a)b", "^(?=.*a$)(?!^b)", "^a-?(?<!-)$"):
        operators = {entry[0] for entry in found(pattern).regexes}
        assert not operators & {Regex.LOOKAHEAD, Regex.LOOKBEHIND}, pattern


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?<n>a)\k<n>"])
def test_backreferences_are_refused_by_name(pattern):
    with pytest.raises(UnsupportedError, match=r"#/pattern.*backreference") as caught:
        found(pattern)
    assert caught.value.construct == "backreference"


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "a**", "(?P<n>a)", r"\a", "(?#x)", "+", "[b-a]", "(?i)a", r"\Z"])
def test_what_is_no_ecma_pattern_is_a_schema_error(pattern):
    with pytest.raises(SchemaError, match="#/pattern") as caught:
        found(pattern)
    assert caught.value.pointer == "#/pattern"
    with pytest.raises((ValueError, regress.RegressError)):
        regress.Regex(pattern, "u")


def test_hostile_patterns_meet_a_limit():
    for pattern in ("(" * 300 + ")" * 300, "a{1,9999999}"):
        with pytest.raises(LimitError, match="#/pattern"):
            found(pattern)


@pytest.mark.parametrize(
    "name", ["Script=Greek", "sc=Cyrl", "scx=Han", "Alphabetic", "Uppercase", "White_Space", "Any"]
)
def test_scripts_and_binary_properties_are_the_regex_modules(name):
    pytest.importorskip("regex")
    for pattern in (rf"^\p{{{name}}}$", rf"^[\P{{{name}}}]$"):
        program = found(pattern)
        other = regress.Regex(pattern, "u")
        for char in "aAéßαΩЖж漢ひ \u00a0\u3000-_1٣\U00020000":
            assert is_valid(program, char) == (other.find(char) is not None), (pattern, char)


@pytest.mark.parametrize("name", ["Script=Klingon", "script=Greek", "Greek", "alphabetic", "InGreek"])
def test_unknown_properties_are_refused_by_name(name):
    with pytest.raises(UnsupportedError, match=name):
        found(rf"\p{{{name}}}")


def test_lone_surrogates_in_a_pattern_match_nothing_that_can_be_written():
    program = found(r"^\ud800$")
    assert not is_valid(program, "\U0001f600")
    assert not is_valid(program, "a")


def test_a_nonsense_pattern_names_its_place_in_pattern_properties():
    with pytest.raises(GrammarError, match=r"#/patternProperties/\("):
        json_schema.load({"patternProperties": {"(": {}}})


def test_the_evaluator_knows_more_than_the_front_end_writes():
    """NOT and AND of regexes, which formats use, and WORDS in the middle."""
    program = json_schema.load({"format": "hostname"}).program
    spans = Spans(program, "xn--a")
    root = program.nodes[program.root][1]
    assert 5 not in spans.ends(root, 0)
