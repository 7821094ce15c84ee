"""Errors say where, what and what to try, survive pickling, and point at the right character."""

import pickle

import pytest

from gcd import errors
from gcd.errors import (
    GrammarError,
    InexactError,
    LimitError,
    SchemaError,
    SchemaRefError,
    TokenizerError,
    UnsupportedError,
    caret_snippet,
)

ALL = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


@pytest.mark.parametrize("kind", ALL)
def test_text_has_place_cause_remedy(kind):
    error = kind("it broke", place="file.lark", remedy="another file")
    assert str(error) == "file.lark: it broke\n  try: another file"
    assert (error.cause, error.place, error.remedy) == ("it broke", "file.lark", "another file")
    assert isinstance(error, errors.GcdError)
    assert str(kind("it broke")) == "it broke"


def test_tree():
    assert issubclass(UnsupportedError, GrammarError)
    assert issubclass(SchemaRefError, SchemaError)
    assert issubclass(SchemaError, GrammarError)
    assert issubclass(errors.ModelError, errors.SamplingError)
    assert issubclass(errors.PredicateError, errors.SamplingError)
    below = {UnsupportedError, SchemaError, SchemaRefError, errors.ModelError, errors.PredicateError}
    others = set(ALL) - {errors.GcdError} - below
    assert all(kind.__base__ in (errors.GcdError, errors._SourceError) for kind in others)


def test_grammar_error_points():
    error = GrammarError(
        "undefined rule b", name="x.lark", source="start: a\na: b c\n", line=2, column=4, remedy="define it"
    )
    assert str(error) == "x.lark, line 2, column 4: undefined rule b\n  a: b c\n     ^\n  try: define it"


@pytest.mark.parametrize(
    "error",
    [
        GrammarError("c", source="a\nb", line=2, column=1),
        UnsupportedError.of("backreference", "c", source="a\nb", line=2, column=1),
        LimitError.of("max_repeat", 10, 11, line=1, column=2),
        InexactError("c", report={"a": 1}),
        TokenizerError("c", token_id=3, component="decoder X"),
        SchemaError.at("#/type", "c", "r"),
    ],
)
def test_pickles(error):
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert type(again) is type(error)


def test_attributes():
    assert UnsupportedError.of("backreference", "no").construct == "backreference"
    limit = LimitError.of("seconds", 60.0)
    assert (limit.limit, limit.allowed, limit.reached) == ("seconds", 60.0, None)
    assert "the work is over the limit of 60.0" in str(limit)
    assert TokenizerError("c", token_id=3).token_id == 3


def at_caret(snippet):
    """The first marked character of a two-line snippet, and how many columns are marked."""
    import unicodedata

    text, carets = snippet.split("\n")
    column, position = len(carets) - len(carets.lstrip(" ")), 0
    while column > 0 or unicodedata.combining(text[position : position + 1] or "x"):
        c = text[position]
        column -= 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        position += 1
    return text[position : position + 1], carets.count("^")


@pytest.mark.parametrize(
    ("line", "column", "length", "expected"),
    [
        ("abcdef", 3, 1, ("c", 1)),
        ("abcdef", 3, 3, ("c", 3)),
        ("abcdef", 3, 99, ("c", 4)),
        ("\tab", 2, 1, ("a", 1)),
        ("日本語x", 4, 1, ("x", 1)),
        ("日本語x", 2, 1, ("本", 2)),
        ("e\u0301x", 3, 1, ("x", 1)),
        ("a\x1b[31mX", 7, 1, ("X", 1)),
        ("." * 5000 + "Z" + "." * 5000, 5001, 1, ("Z", 1)),
        ("." * 5000 + "Z", 5001, 1, ("Z", 1)),
        ("Z" + "." * 5000, 1, 1, ("Z", 1)),
    ],
)
def test_caret_is_under_its_character(line, column, length, expected):
    for newline in ("\n", "\r\n"):
        snippet = caret_snippet(f"first{newline}{line}{newline}last", 2, column, length)
        assert at_caret(snippet) == expected
        assert all(c.isprintable() or c == "\n" for c in snippet)
        assert max(map(len, snippet.split("\n"))) <= 110


def test_caret_at_the_edges():
    assert caret_snippet("ab", 1, 3) == "  ab\n    ^"  # just behind the line
    assert caret_snippet("ab", 1, 99) == "  ab\n    ^"
    assert caret_snippet("", 1, 1) == "  \n  ^"
    assert caret_snippet("ab\n", 2, 1) == "  \n  ^"
    assert caret_snippet("ab", 1) == "  ab"
    assert caret_snippet("ab", 2, 1) is None
    assert caret_snippet("ab", 0, 1) is None
    assert GrammarError("c", source="ab", line=7, column=1).snippet is None
