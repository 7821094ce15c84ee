"""Regular expression syntax: what is read, what is refused, and how it is said."""

import random
import re
import re._parser as sre_parser
import warnings

import pytest

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.limits import Limits
from gcd.regex.ast import Alternation, Assertion, Chars, Concat, Fold, Literal, Look, Mode, Place, Repeat
from gcd.regex.parser import literal_text, min_width, parse


class TestTrees:
    def test_literals_are_joined(self):
        assert parse(r"a\.(?:b[c])\x64") == Literal("a.bcd", Fold.NONE, 0, 0, 5, 5)

    def test_a_quantifier_takes_one_character(self):
        tree = parse("ab*?")
        assert isinstance(tree, Concat)
        head, tail = tree.items
        assert head == Literal("a", Fold.NONE, 0, 0, 1, 1)
        assert tail == Repeat(Literal("b", Fold.NONE, 0, 0, 1, 1), 0, None, Mode.LAZY, 0, 0, 0, 0)
        assert (head.start, head.end, tail.start, tail.end) == (0, 1, 1, 4)

    def test_a_quantifier_takes_a_group(self):
        tree = parse("x(?:ab){2,3}y")
        assert isinstance(tree, Concat)
        assert isinstance(tree.items[1], Repeat)
        assert tree.items[1].body == Literal("ab", Fold.NONE, 0, 0, 2, 2)

    def test_nested_alternatives_are_flat(self):
        tree = parse("a+|(?:b+|(c+|d+))")
        assert isinstance(tree, Alternation)
        assert len(tree.items) == 4

    def test_flags_are_resolved(self):
        assert parse("(?i)a") == Literal("a", Fold.UNICODE, 0, 0, 1, 1)
        assert parse("(?ai:a)") == Literal("a", Fold.ASCII, 0, 0, 1, 1)
        assert parse(".", re.S) == Chars(((0, 0x10FFFF),), 0, 0)
        assert parse("(?-s:.)", re.S) == parse(".")
        assert parse("^") == Assertion(Place.TEXT_START, (), 0, 0)
        assert parse("(?m)^") == Assertion(Place.LINE_START, (), 0, 0)
        assert parse(r"(?a:\d)") == Chars(((48, 57),), 0, 0)

    def test_verbose(self):
        assert parse(" a b # c \n \\  [ #] ", re.X) == parse("ab [ #]")
        assert parse("a # no end", re.X) == parse("a")
        assert parse("(?x: a b )c d") == parse("abc d")
        assert parse("(?x) a (?-x: b ) # c") == parse("a b ")
        assert parse("a # \\\n b\nc", re.X) == parse("ac"), "an escaped newline doesn't end a comment"

    def test_lookarounds(self):
        assert parse("(?<!ab)") == Look(Literal("ab", Fold.NONE, 0, 0, 2, 2), True, True, 0, 0)

    def test_spans_point_into_the_pattern(self):
        pattern = "ab(?:c|[de]+)f"
        tree = parse(pattern)
        assert isinstance(tree, Concat)
        assert [pattern[n.start : n.end] for n in tree.items] == ["ab", "(?:c|[de]+", "f"]


@pytest.mark.parametrize(
    ("pattern", "flags", "construct", "column"),
    [
        (r"(a)\1", 0, "backreference", 4),
        (r"(?P<n>a)(?P=n)", 0, "backreference", 9),
        (r"(a)(?(1)b|c)", 0, "conditional group", 4),
        (r"(a)x{2}(?(1)b)", 0, "conditional group", 8),
        ("(?L)a", 0, "LOCALE flag", 3),
        ("a", re.L, "LOCALE flag", 1),
        ("(?t)a", 0, "TEMPLATE flag", 1),
    ],
)
def test_refused_by_name(pattern, flags, construct, column):
    with pytest.raises(UnsupportedError) as caught:
        parse(pattern, flags, name="WORD")
    assert caught.value.construct == construct
    assert caught.value.column == column
    assert "WORD" in str(caught.value)
    assert "^" in str(caught.value)


def test_a_message():
    with pytest.raises(UnsupportedError) as caught:
        parse("(?P<q>['\"])\n.*(?P=q)", name="STRING")
    assert str(caught.value).splitlines() == [
        "pattern of STRING, line 2, column 3: "
        "a backreference matches what a group matched, which no automaton remembers",
        "  .*(?P=q)",
        "    ^^^^^^",
        "  try: write out the texts that it can stand for, as alternatives",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "(?", "(?P", "(?P<", "(?P<n", "(?P<>a)", "(?P<1>a)", "(?P<n>a)(?P<n>b)", "(?Px)", "(?<n>a)"),
        *("(?=a", "(?<a)", "(?<", "(?#", "(?#a", "(?~a)", "(?i", "(?i:", "(?i-:a)", "(?-:a)", "(?i-i:a)", "(?-a:b)"),
        *("(?au)a", "(?z)a", "a(?i)", "|(?i)a", "(?-i)a", "(?P=n)", "(?P>n)", "(?P<n>a)(?P=m)"),
        *("*", "a|*", "(*)", "^*", r"\b+", "a**", "a{2}{3}", "a+*", "a{3,2}", "(?i)*"),
        *("[", "[a", "[]", "[^]", "[a-", "[b-a]", r"[\d-a]", r"[a-\d]", r"[\8]", r"[\400]"),
        *("\\", r"\q", r"\x1", r"\u123", r"\U0011FFFF", r"\U110000", r"\N", r"\N{", r"\N{}", r"\N{NO SUCH}", r"[\B]"),
        *(r"\p{L}", r"\1", r"\400", r"(?x)#\\"[:-1]),
        *("(?<=a*)", "(?<=a|bc)", "(?<!a{1,2})", "(?<=(?:a|b*))"),
    ],
)
def test_refused_as_re_does(pattern):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(re.error):
            re.compile(pattern)
    with pytest.raises(GrammarError) as caught:
        parse(pattern)
    assert not isinstance(caught.value, UnsupportedError)


def test_incompatible_flags():
    for pattern, flags in (("a", re.A | re.U), ("(?u)a", re.A)):
        with pytest.raises(ValueError, match="incompatible"):
            re.compile(pattern, flags)
        with pytest.raises(GrammarError, match="incompatible"):
            parse(pattern, flags)


def test_unknown_arguments():
    with pytest.raises(ValueError, match="flags"):
        parse("a", 1 << 20)
    with pytest.raises(ValueError, match="dialect"):
        parse("a", dialect="perl")


PIECES = r"""
    a b k s 1 0 é 𐐀 𐐨 ſ K # - , ^ $ . * + ? { } {2} {,1} {1,} {,} {} {2 [ ] [^ [a- && -- || ~~ | |
    \d \w \S \b \B \A \Z \n \x61 \x6 \u00e9 \U0001F600 \U00110000 \N{} \N \0 \01 \012 \141 \1 \8 \777 \\ \] \- \q \_ \
    ( ( ) ) (?: (?i) (?x) (?i: (?-i: (?s-i: (?a) (?u) (?ai) (?im) (?P<n> (?P<1> (?P=n) (?P>n) (?= (?! (?<= (?<! (?#
    (?#c) (?> (?x: (?a: (?! (?<n>
"""
TOKENS = [*PIECES.split(), " ", "\n", r"\N{DIGIT ONE}"]


@pytest.mark.parametrize("count", [4000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_accepts_what_re_accepts(count):
    rnd = random.Random(7)
    accepted = 0
    for _ in range(count):
        pattern = "".join(rnd.choice(TOKENS) for _ in range(rnd.randint(1, 8)))
        flags = rnd.choice([0, 0, re.I, re.X, re.I | re.X, re.A, re.M, re.S])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                re.compile(pattern, flags)
                fine = True
            except (re.error, ValueError, OverflowError):
                fine = False
        try:
            parse(pattern, flags)
        except UnsupportedError:
            continue
        except GrammarError:
            assert not fine, (pattern, flags)
        else:
            assert fine, (pattern, flags)
            accepted += 1
    assert accepted > count // 10


class TestWidths:
    @pytest.mark.parametrize(
        ("pattern", "width"),
        [
            ("", 0),
            ("abc", 3),
            ("a|bc", 1),
            ("a{2,}b?", 2),
            ("(?=abc)d", 1),
            (r"\bé\b", 1),
            ("(?:ab){3}c*", 6),
            ("[^a]", 1),
        ],
    )
    def test_min_width(self, pattern, width):
        assert min_width(pattern) == width

    def test_widths_are_res(self):
        for pattern in (
            "a{2,5}(b|cd)*",
            "(?:)*",
            "(?:a{3}){4}",
            "(?:a|)+",
            "a{0}",
            "(?:a*){,3}",
            "(?=a)*b",
            "(a?){2,}",
        ):
            tree = parse(pattern)
            low, high = sre_parser.parse(pattern).getwidth()
            assert (tree.min_width, min(tree.max_width, sre_parser.MAXWIDTH)) == (low, high), pattern


@pytest.mark.parametrize(
    ("pattern", "flags", "text"),
    [
        ("abc", 0, "abc"),
        (re.escape("a+b (c)"), 0, "a+b (c)"),
        (r"\u00e9[x]", 0, "éx"),
        ("(?:ab)(c)", 0, "abc"),
        ("", 0, ""),
        ("a b", re.X, "ab"),
        ("+-1".replace("+", r"\+"), re.I, "+-1"),
        ("中", re.I, "中"),
        ("a", re.I, None),
        ("a?", 0, None),
        ("a|b", 0, None),
        (r"a\b", 0, None),
        ("[ab]", 0, None),
        (".", 0, None),
        ("(?>a)", 0, None),
    ],
)
def test_literal_text(pattern, flags, text):
    assert literal_text(pattern, flags) == text


class TestLimits:
    def test_nesting(self):
        assert parse("(" * 200 + "a" + ")" * 200).min_width == 1
        with pytest.raises(LimitError) as caught:
            parse("(" * 201 + "a" + ")" * 201, name="DEEP")
        assert (caught.value.limit, caught.value.allowed, caught.value.reached) == ("max_nesting", 200, 201)
        assert "DEEP" in str(caught.value)
        with pytest.raises(LimitError):
            parse("(" * 1_000_000)

    def test_counts(self):
        parse("a{10}", limits=Limits(max_repeat=10))
        for pattern in ("a{11}", "a{2,11}", "a{11,}", "a{99999999999999999999}"):
            with pytest.raises(LimitError) as caught:
                parse(pattern, limits=Limits(max_repeat=10))
            assert caught.value.limit == "max_repeat"


class TestRegexDialect:
    @pytest.mark.parametrize(
        ("pattern", "construct"),
        [
            ("(?|a|b)", "branch reset"),
            ("(?R)", "recursion"),
            ("(a)(?1)", "recursion"),
            ("(?<n>a)(?&n)", "subpattern call"),
            ("(?P<n>a)(?P>n)", "subpattern call"),
            (r"\G", "search anchor"),
            (r"a\Kb", "match reset"),
            (r"\X", "grapheme"),
            (r"\m", "start of word"),
            ("[[:alpha:]]", "POSIX class"),
            (r"\p{Nonesuch}", "Unicode property"),
            (r"(?i)\p{Lu}", "Unicode property"),
            ("(?a:a)", "scoped ASCII flag"),
            (r"(?a)a\b", "ASCII word edge"),
            ("(?<=a++)b", "atomic group"),
            ("(?<n>a)(?P=n)", "backreference"),
            ("(?(DEFINE)a)", "conditional group"),
            ("a{e}", "fuzzy matching"),
            ("(?x)a{ 2 }", "blanks in a brace"),
            (r"(?x)\0 1", "blanks in an escape"),
        ],
    )
    def test_refused_by_name(self, pattern, construct):
        with pytest.raises(UnsupportedError) as caught:
            parse(pattern, dialect="regex")
        assert caught.value.construct == construct

    def test_fuzzy_constraints_are_pointed_at(self):
        with pytest.raises(UnsupportedError) as caught:
            parse("x(?:ab){e<=1}", dialect="regex")
        assert caught.value.snippet == "  x(?:ab){e<=1}\n" + " " * 9 + "^^^^^^"

    @pytest.mark.parametrize("flags", [0, re.X])
    def test_braces(self, flags):
        """What the module reads as a count or as text is read so; what it reads as fuzzy is refused."""
        regex = pytest.importorskip("regex")
        rng = random.Random(7)
        parts = [*"deis123,+:x", "<", "<=", "<=2", "e<=1", "2i+1d<=4", " "]
        braces = ["e", "e<=1", "i<=2", "s,d<=1", "1<=e<=3", "2i+2d+1s<=4", "e,i<=2:[a-z]", "e<=0", "i,i", "e,", " e"]
        braces += ["".join(rng.choices(parts, k=rng.randint(1, 6))) for _ in range(1000)]
        verdicts = set()
        for brace in braces:
            pattern = f"a{{{brace}}}"
            itself = "".join(pattern.split()) if flags else pattern
            try:
                match = regex.compile(pattern, flags).fullmatch(itself)
                theirs = "fuzzy or count" if match is None or any(match.fuzzy_counts) else "text"
            except (regex.error, ValueError):
                continue  # refused before it gets here
            try:
                ours = "text" if isinstance(parse(pattern, flags, dialect="regex"), Literal) else "count"
            except GrammarError:
                ours = "refused"
            assert theirs == ("text" if ours == "text" else "fuzzy or count"), pattern
            verdicts.add(ours)
        assert verdicts == {"refused", "count", "text"}

    def test_verbose_blanks_and_comments(self):
        """Any white space is skipped, and a backslash in a comment is part of it."""
        assert parse("a\x85\xa0\u2028b#\\\nc", re.X, dialect="regex") == parse("abc")
        assert parse("a\x85b", re.X) == parse("a\x85b")

    def test_properties(self):
        assert parse(r"\p{Lu}", dialect="regex") == parse(r"\p{gc=Uppercase_Letter}", dialect="regex")
        assert (
            parse(r"\P{Lu}", dialect="regex")
            == parse(r"\p{^Lu}", dialect="regex")
            == parse(r"[^\p{Lu}]", dialect="regex")
        )
        assert parse(r"\pN", dialect="regex") == parse(r"[\p{N}]", dialect="regex")

    @pytest.mark.parametrize(
        ("pattern", "same"),
        [
            (r"(?(?=a)b|c)", "(?:(?=a)b|(?!a)c)"),
            (r"(?(?!a)b)d", "(?:(?!a)b|(?=a))d"),
            (r"(?(?<=x)|b(?:c|d))+", "(?:(?<=x)|(?<!x)b(?:c|d))+"),
            (r"(?(?=(?(?<!a)b|c))d|e)", "(?:(?=(?:(?<!a)b|(?<=a)c))d|(?!(?:(?<!a)b|(?<=a)c))e)"),
        ],
    )
    def test_conditional_on_lookaround(self, pattern, same):
        assert parse(pattern, dialect="regex") == parse(same, dialect="regex")

    @pytest.mark.parametrize("pattern", ["(?(?=a)b|c|d)", "(?(?=a)*b)", "(?(?=a)b", "(?(?=a"])
    def test_wrong_conditionals(self, pattern):
        with pytest.raises(GrammarError):
            parse(pattern, dialect="regex")
        with pytest.raises(UnsupportedError):
            parse("(?(?=a)b|c)")

    def test_named_groups_and_lookbehinds(self):
        assert parse("(?<n>ab)", dialect="regex") == parse("ab")
        assert parse("(?<=a*)", dialect="regex").min_width == 0


class TestEcma:
    @pytest.mark.parametrize(
        ("pattern", "python"),
        [
            (r"\d\w", "[0-9][0-9A-Za-z_]"),
            (r"\D\W", "[^0-9][^0-9A-Za-z_]"),
            (r"\s", "[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"),
            (".", "[^\n\r\u2028\u2029]"),
            ("[^]", r"(?s:.)"),
            ("[]", r"[^\s\S]"),
            (r"[]a]", r"[^\s\S]a]"),
            (r"\/\-\@", r"/\-@"),
            (r"\cJ\0\x41\v", "\n\0A\x0b"),
            (r"\u00e9\u{1F600}\uD83D\uDE00", "é😀😀"),
            (r"[\uD83D\uDE00-\u{1F64F}]", "[😀-🙏]"),
            (r"[\b]", r"[\b]"),
            (r"[\w-.]", "[0-9A-Za-z_.-]"),
            ("a{,3}", r"a\{,3\}"),
            ("{a}", r"\{a\}"),
            ("a{2,}?", "a{2,}?"),
            ("(?<x$>a)", "(?:a)"),
            ("^a", r"\Aa"),
            ("a$", r"a\Z"),
            (r"\p{L}\P{L}", None),
            (r"(?<=a+)b", None),
        ],
    )
    def test_reads(self, pattern, python):
        tree = parse(pattern, dialect="ecma")
        if python is not None:
            assert tree == parse(python)

    def test_word_edges_are_ascii(self):
        assert parse(r"\b", dialect="ecma").word == parse(r"(?a)\b").word

    @pytest.mark.parametrize(
        "pattern",
        [
            "a++",
            "(?i)a",
            "(?i:a)",
            "(?>a)",
            "(?P<n>a)",
            "(?#c)",
            r"\a",
            r"\A",
            r"\Z",
            r"\Q",
            r"\u{110000}",
            r"\u{}",
            r"\x1",
            "[b-a]",
        ],
    )
    def test_wrong(self, pattern):
        with pytest.raises(GrammarError):
            parse(pattern, dialect="ecma")

    @pytest.mark.parametrize(
        ("pattern", "construct"),
        [(r"(a)\1", "backreference"), (r"(?<n>a)\k<n>", "backreference"), (r"\p{InGreek}", "Unicode property")],
    )
    def test_refused_by_name(self, pattern, construct):
        with pytest.raises(UnsupportedError) as caught:
            parse(pattern, dialect="ecma")
        assert caught.value.construct == construct
