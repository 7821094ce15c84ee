"""Grammars of one terminal, and how grammars are printed."""

import re
from itertools import product

import pytest
from oracle.ir_recognizer import Recognizer

from gcd import Grammar, Limits
from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.grammar.choices import from_choices, from_regex
from gcd.grammar.describe import describe
from gcd.grammar.load import from_lark


def all_texts(letters, length):
    for n in range(length + 1):
        yield from map("".join, product(letters, repeat=n))


# -- choices ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choices",
    [["a"], ["a", "ab", "b"], ["ab", "a", "abb", "ba"], ["", "a"], ["a.b", "a", "*"], ["a", "a"], ["a b", "a\n", "("]],
)
def test_choices(choices):
    recognizer = Recognizer(from_choices(choices))
    for text in [*all_texts("ab.*", 4), *choices, "a b", "a ", "a\n", "a\n\n"]:
        assert recognizer.accepts(text) == (text in choices), text


def test_choices_are_sorted_longest_first():
    grammar = from_choices(["a", "ccc", "bb", "aa", "a"])
    assert grammar.terminals[0].pattern == "ccc|aa|bb|a"
    assert grammar == from_choices(["bb", "aa", "ccc", "a"])
    assert Grammar.from_choices(["a"]) == from_choices(iter(["a"]))


def test_the_empty_choice_alone():
    grammar = from_choices([""])
    assert (grammar.starts[0].nonterminal, grammar.starts[0].nullable) == (-1, True)
    assert Recognizer(grammar).accepts("")
    assert not Recognizer(grammar).accepts("a")


def test_wrong_choices():
    with pytest.raises(GrammarError, match="no choices"):
        from_choices([])
    with pytest.raises(TypeError, match="not one str"):
        from_choices("abc")
    with pytest.raises(TypeError, match="not int"):
        from_choices(["a", 1])
    with pytest.raises(LimitError, match="max_terminals"):
        from_choices(["a", "b", "c"], limits=Limits(max_terminals=2))
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        from_choices(["aaaa"], limits=Limits(max_grammar_bytes=3))


# -- regular expressions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        ("a|ab", 0),
        ("(a|ab)(c|bcd)?", 0),
        ("a*", 0),
        ("", 0),
        ("a*?b??", 0),
        ("(?i)aB", 0),
        ("ab", re.I),
        ("(?x) a | a b # the end", 0),
        (" a # b", re.X),
        ("(?s).b", 0),
        ("^a$", 0),
        ("a$", re.M),
        (r"\Aa+\Z", 0),
        (r"a+(?=b)b", 0),
        (r"(?<!b)a|b", 0),
        (r"a\b|ab", 0),
        ("(?i)(?s)a.", 0),
    ],
)
def test_regex_is_fullmatch(pattern, flags):
    recognizer = Recognizer(from_regex(pattern, flags))
    compiled = re.compile(pattern, flags)
    for text in all_texts("abAc\n ", 4):
        assert recognizer.accepts(text) == bool(compiled.fullmatch(text)), text


def test_regex_has_one_terminal_for_nonempty_texts():
    grammar = Grammar.from_regex("a*")
    assert grammar.starts[0].nullable
    assert not re.match(grammar.terminals[0].pattern, "")
    assert grammar.source == "a*"
    assert (grammar.independent, grammar.all_lengths) == (True, False)
    assert not from_regex("a+").starts[0].nullable


def test_wrong_regexes():
    with pytest.raises(GrammarError, match="missing \\)") as caught:
        from_regex("a\n(b")
    assert (caught.value.line, caught.value.column) == (2, 1)
    with pytest.raises(GrammarError):
        from_regex("(" * 5000 + "a" + ")" * 5000)
    with pytest.raises(GrammarError):
        from_regex("a{99999999999999}")
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        from_regex("aaaa", limits=Limits(max_grammar_bytes=3))
    with pytest.raises(TypeError, match="must be a str"):
        from_regex(b"a")


def test_locale_is_refused():
    with pytest.raises((UnsupportedError, ValueError)):
        from_regex("a", re.L)


# -- print --------------------------------------------------------------------------------------


def test_describe():
    text = 'start: "if" NAME | start "x"i\nNAME: /[a-z]+/\n%ignore " "\n'
    assert describe(from_lark(text)).splitlines() == [
        "mode lalr/contextual",
        "start start = start ^0",
        "start: IF^1 NAME^2",
        "  | start X^2",
        "^0 = IF __IGNORE_0",
        "^1 = NAME __IGNORE_0",
        "^2 = X __IGNORE_0",
        "NAME = /[a-z]+/",
        r"__IGNORE_0 = /\ / ignored",
        "IF = /if/",
        "X = /x/ flags 2",
    ]


def test_describe_copies_forbids_and_keywords():
    text = 'start: "a" start "e" start | "a" start | K | N\nK: "k"\nN: /[a-z]+/'
    shown = describe(from_lark(text))
    assert "start: start'1" in shown
    assert "N unless A K" in shown
    assert "conflict: before E" in shown
    assert "^" not in describe(from_lark(text, lexer="dynamic"))
    assert "start start = (nothing) or nothing" in describe(from_choices([""]))
