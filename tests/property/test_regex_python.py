"""Compiled patterns match what Python's `re` matches, to the same end: small worlds whole, large ones at random."""

import itertools
import random
import re
import warnings
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle.regex_simulator import Simulator

from gcd.errors import GrammarError, UnsupportedError
from gcd.regex.compiler import NfaCompiler
from gcd.regex.parser import min_width

REFUSED_IN_RANDOM = {"atomic group", "possessive quantifier", "lookaround inside lookbehind"}


def compiled(pattern, flags=0, dialect="python"):
    """Our simulator for the pattern; None if it is refused by name."""
    compiler = NfaCompiler()
    try:
        compiler.add(pattern, flags, dialect=dialect)
    except UnsupportedError as error:
        if error.construct not in REFUSED_IN_RANDOM:
            raise
        return None
    return Simulator(compiler.program())


def python(pattern, flags=0):
    """`re`'s pattern; None if it doesn't compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern, flags)
        except re.error:
            return None


def check(pattern, flags, ours, theirs, text, pos):
    match = theirs.match(text, pos)
    expected = match and len(text[: match.end()].encode())
    found = ours.match(0, text.encode(), len(text[:pos].encode()))
    assert found == expected, f"{pattern!r} (flags {flags}) on {text!r} from {pos}: {found}, re says {expected}"
    assert match is None or match.end() - pos >= min_width(pattern, flags)


# -- small worlds -----------------------------------------------------------------------------

QUANTIFIERS = ("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{2,}", "{0,2}?")
ATOM, REPEATED, SEQUENCE, ALTERNATION = range(4)


def patterns(leaves):
    """All patterns by size, made of leaves (size 1), quantifiers (1), sequence and alternation (1, and the parts)."""

    @cache
    def of_size(n):
        found = {(ATOM, leaf) for leaf in leaves} if n == 1 else set()
        for kind, text in of_size(n - 1) if n > 1 else ():
            group = text if kind == ATOM and not text.startswith(("^", "$", "\\")) else f"(?:{text})"
            found |= {(REPEATED, group + q) for q in QUANTIFIERS}
        for left_size in range(1, n - 1):
            for (k, left), (m, right) in itertools.product(of_size(left_size), of_size(n - 1 - left_size)):
                found.add((ALTERNATION, f"{left}|{right}"))
                if ALTERNATION not in (k, m):
                    found.add((SEQUENCE, left + right))
        return found

    return lambda n: sorted({text for _, text in of_size(n)})


LETTERS = patterns(("a", "b", "()"))
CONDITIONS = patterns(("a", "b", r"\b", "$", "(?=a)", "(?!ab)", "(?<=a)", "(?<!b)"))
TEXTS = ["".join(t) for n in range(7) for t in itertools.product("ab", repeat=n)]
TEXTS_AND_MORE = ["".join(t) for n in range(4) for t in itertools.product("ab \n", repeat=n)]


def agree(world, size, texts):
    n = 0
    for pattern in world(size):
        ours, theirs = compiled(pattern), python(pattern)
        for text in texts:
            check(pattern, 0, ours, theirs, text, 0)
            n += 1
    return n


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_all_small_patterns_on_all_short_texts(size):
    assert agree(LETTERS, size, TEXTS if size < 4 else TEXTS[::8]) > 300


@pytest.mark.parametrize("size", [1, 2, 3])
def test_all_small_patterns_with_conditions(size):
    assert agree(CONDITIONS, size, TEXTS_AND_MORE if size < 3 else TEXTS_AND_MORE[::3]) > 600


@pytest.mark.slow
def test_all_patterns_of_size_five():
    assert agree(LETTERS, 5, TEXTS[::6]) > 800_000


@pytest.mark.slow
def test_all_conditions_of_size_four():
    assert agree(CONDITIONS, 4, TEXTS_AND_MORE[::3]) > 300_000


# -- large worlds -----------------------------------------------------------------------------

ALPHABET = "aabbcé€\nkK\u212a_ "
LEAVES = r"a a a b b c é € k _ . [ab] [^a] [a-c] \w \W [^\W] \s \d \n (?i:k)".split()  # noqa: SIM905
EDGES = r"^ $ \b \B \A \Z".split()  # noqa: SIM905
GROUPS = "({}) (?:{}) (?:{}) (?i:{}) (?m:{}) (?s:{}) (?a:{}) (?={}) (?!{}) (?<={}) (?<!{}) (?>{})".split()  # noqa: SIM905
COUNTS = "* + ? {2} {0,2} {1,3} {2,} {,2} {0} {3} *? +? ?? {1,2}? ?+ ++ *+ {1,2}+".split()  # noqa: SIM905
FLAGS = [0, 0, 0, re.M, re.S, re.I, re.A, re.A | re.I]

patterns_at_random = st.recursive(
    st.sampled_from([*LEAVES, *EDGES, ""]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.builds(str.format, st.sampled_from(GROUPS), inner),
        st.builds(lambda body, count: f"(?:{body}){count}", inner, st.sampled_from(COUNTS)),
    ),
    max_leaves=7,
)
texts_at_random = st.lists(st.text(ALPHABET, max_size=5), min_size=1, max_size=5)


@settings(max_examples=1000, deadline=None)
@given(patterns_at_random, st.sampled_from(FLAGS), texts_at_random, st.integers(0, 5))
@example("(?:|a)+(?:ab|bc)", 0, ["aabc"], 0)
@example("(?i:\U00010400|\U00010401)", 0, ["\U00010400", "\U00010428"], 0)
@example(r"\B", 0, [""], 0)
@example("(?:a|ab)(?:c|bcd)(?:d*)", 0, ["abcd"], 0)
@example("(?<!a(?<!b))c", 0, ["ac", "bc", "c"], 1)
def test_random_patterns(pattern, flags, texts, pos):
    theirs = python(pattern, flags)
    if theirs is None:
        with pytest.raises(GrammarError):
            NfaCompiler().add(pattern, flags)
        return
    ours = compiled(pattern, flags)
    for text in texts if ours else ():
        check(pattern, flags, ours, theirs, text, 0)
        check(pattern, flags, ours, theirs, text, min(pos, len(text)))


def random_pattern(rnd, depth):
    """Deeper patterns than Hypothesis likes to make, and many more a second."""

    def atom():
        kind = rnd.random()
        if depth == 0 or kind < 0.55:
            return rnd.choice(LEAVES), True
        if kind < 0.65:
            return rnd.choice(EDGES), False
        return rnd.choice(GROUPS).format(random_pattern(rnd, depth - 1)), True

    def item():
        text, countable = atom()
        return text + rnd.choice(COUNTS) if countable and rnd.random() < 0.4 else text

    return "|".join(
        "".join(item() for _ in range(rnd.choice([0, 1, 1, 2, 2, 3]))) for _ in range(rnd.choice([1, 1, 2, 3]))
    )


@pytest.mark.parametrize("count", [3000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_many_random_patterns(count):
    rnd = random.Random(count)
    n = 0
    for _ in range(count):
        pattern, flags = random_pattern(rnd, 2), rnd.choice(FLAGS)
        theirs = python(pattern, flags)
        ours = compiled(pattern, flags) if theirs else None
        for _ in range(5 if ours else 0):
            text = "".join(rnd.choice(ALPHABET) for _ in range(rnd.randrange(6)))
            check(pattern, flags, ours, theirs, text, rnd.randint(0, len(text)))
            n += 1
    assert n > 3 * count


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_patterns_of_the_regex_module(count):
    regex = pytest.importorskip("regex")
    rnd = random.Random(count)
    n = 0
    for _ in range(count):
        pattern, flags = random_pattern(rnd, 2).replace("(?a:", "(?:"), rnd.choice([0, re.M, re.S, re.I])
        compiler = NfaCompiler()
        try:
            compiler.add(pattern, flags, dialect="regex")
        except UnsupportedError:
            continue
        theirs = regex.compile(pattern, flags)
        for _ in range(5):
            text = "".join(rnd.choice(ALPHABET) for _ in range(rnd.randrange(6)))
            check_dialect(pattern, Simulator(compiler.program()), theirs, text)
            n += 1
    assert n > 3 * count


def check_dialect(pattern, ours, theirs, text):
    match = theirs.match(text)
    assert ours.match(0, text.encode()) == (match and len(text[: match.end()].encode())), (pattern, text)


# -- counters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "a{70}", "a{66,}", "a{,80}", "a{3,80}?b", "a{65,70}a", "[ab]{70,90}?c", "(?:a{0,70}b)*c", "(?:a{66,70}|b)+?$",
        "(?:[ab]{68,72}|a{0,66})c", "a{0,66}+a", "a{2,66}+b", "(?:a{66}|b)*", "(?=a{66})a*", "(?<=a{66})b",
        "(?!a{66,68}b)a*", "(?:|a{1,66}){3}", "(?:a{0,66}?|b){2,3}b",
    ],
)  # fmt: skip
def test_counters(pattern):
    ours, theirs = compiled(pattern), python(pattern)
    for n in (0, 1, 2, 63, 64, 65, 66, 67, 69, 70, 71, 79, 80, 81, 140, 141):
        for tail in ("", "b", "c", "ba"):
            text = "a" * n + tail
            for pos in (0, n):
                check(pattern, 0, ours, theirs, text, pos)
