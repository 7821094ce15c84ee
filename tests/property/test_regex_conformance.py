"""Patterns from the field, of many dialects: each works as in its dialect's own engine, or is refused by name."""

import csv
import random
import re
import warnings

import pytest
from oracle.regex_simulator import Simulator

from gcd.errors import GrammarError, UnsupportedError
from gcd.regex.ast import Alternation, Chars, Concat, Literal, Repeat
from gcd.regex.compiler import NfaCompiler
from gcd.regex.parser import parse

pytestmark = pytest.mark.conformance

N_TEXTS = 40


@pytest.fixture(scope="module")
def patterns(conformance_data):
    with (conformance_data / "regex-patterns" / "patterns.csv").open(newline="", encoding="utf-8") as file:
        found = [row["regex"] for row in csv.DictReader(file)]
    assert len(found) > 400
    return found


def matching(node, rnd):
    """A text that the pattern might match: conditions are ignored, loops are short."""
    if isinstance(node, Literal):
        return node.text
    if isinstance(node, Chars):
        low, high = rnd.choice(node.chars[:8]) if node.chars else (120, 120)
        return chr(rnd.randint(low, min(high, low + 30))).encode("utf-8", "replace").decode()
    if isinstance(node, Concat):
        return "".join(matching(item, rnd) for item in node.items)
    if isinstance(node, Alternation):
        return matching(rnd.choice(node.items), rnd)
    if isinstance(node, Repeat):
        most = node.low + 3 if node.high is None else min(node.high, node.low + 3)
        return "".join(matching(node.body, rnd) for _ in range(rnd.randint(node.low, most)))
    return matching(node.body, rnd) if hasattr(node, "body") and node.max_width else ""


def texts(pattern, dialect, rnd):
    """Matching-ish texts, some with an edit, some with something around them, and where to begin."""
    tree = parse(pattern, dialect=dialect)
    for _ in range(N_TEXTS):
        text = matching(tree, rnd)[:60]
        if rnd.random() < 0.5:
            at = rnd.randint(0, len(text))
            text = text[:at] + rnd.choice(["", "a", "1", " ", "é", "\n", "ab"]) + text[at + rnd.randint(0, 1) :]
        before = rnd.choice(["", "", "a", " ", "1b", "prefix"])
        yield before + text + rnd.choice(["", "", "\n", "x", " 1"]), rnd.choice([0, len(before)])


def agrees(pattern, dialect, theirs, rnd):
    compiler = NfaCompiler()
    compiler.add(pattern, name="p", dialect=dialect)
    ours = Simulator(compiler.program())
    matched = 0
    for text, pos in texts(pattern, dialect, rnd):
        match = theirs.match(text, pos)
        expected = match and len(text[: match.end()].encode())
        assert ours.match(0, text.encode(), len(text[:pos].encode())) == expected, (pattern, text, pos)
        matched += match is not None
    return matched


def outcome(pattern, dialect):
    """The error that refuses the pattern; None if it is compiled."""
    try:
        NfaCompiler().add(pattern, name="p", dialect=dialect)
    except GrammarError as error:
        return error
    return None


def engine(module, pattern):
    """The pattern compiled by `re` or `regex`; None if they refuse it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return module.compile(pattern)
        except module.error:
            return None


def check_refusal(error):
    assert "pattern of p" in str(error)
    assert "^" in str(error), "shows the place"
    assert not isinstance(error, UnsupportedError) or error.construct


def test_as_python(patterns):
    refused = set()
    matched = agreed = 0
    for pattern in patterns:
        theirs = engine(re, pattern)
        error = outcome(pattern, "python")
        if error is None:
            assert theirs is not None, pattern
            matched += agrees(pattern, "python", theirs, random.Random(pattern))
            agreed += 1
        else:
            check_refusal(error)
            if theirs is not None:
                assert isinstance(error, UnsupportedError), pattern
                refused.add(error.construct)
    assert refused == {"backreference", "conditional group"}
    assert agreed > 100
    assert matched > agreed * N_TEXTS / 5, "the texts are worth comparing"


def test_as_the_regex_module(patterns):
    regex = pytest.importorskip("regex")
    refused = set()
    agreed = 0
    for pattern in patterns:
        theirs = engine(regex, pattern)
        error = outcome(pattern, "regex")
        if error is None:
            assert theirs is not None, pattern
            agrees(pattern, "regex", theirs, random.Random(pattern))
            agreed += 1
        else:
            check_refusal(error)
            if theirs is not None:
                assert isinstance(error, UnsupportedError), pattern
                refused.add(error.construct)
    assert refused == {
        "backreference",
        "backtracking verb",
        "branch reset",
        "conditional group",
        "group reference",
        "lookaround inside lookbehind",
        "recursion",
        "search anchor",
        "subpattern call",
    }
    assert agreed > 200


def test_as_ecma(patterns):
    """No ECMA engine is at hand to compare with, but nothing may fail in another way than by name."""
    errors = [outcome(pattern, "ecma") for pattern in patterns]
    for error in errors:
        if error is not None:
            check_refusal(error)
    assert errors.count(None) > 100
