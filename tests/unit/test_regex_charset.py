"""Sets of code points: algebra, and the short cuts in asking `re` what its classes hold."""

import random
import re
import sys
import unicodedata
from itertools import pairwise

import pytest

from gcd.regex import charset
from gcd.regex.charset import (
    ANY,
    EMPTY,
    category,
    complement,
    contains,
    disjoint,
    fold_char,
    fold_set,
    general_category,
    intersection,
    normalize,
    subset,
    unicode_property,
    union,
)

ALL = "".join(map(chr, range(sys.maxunicode + 1)))


def members(chars):
    return {c for low, high in chars for c in range(low, high + 1)}


def asked(source, flags=0, text=ALL):
    """What `re` says, one character at a time being too slow: runs over all of Unicode."""
    return normalize((m.start(), m.end() - 1) for m in re.finditer(f"(?:{source})+", text, flags))


def random_set(rnd):
    return normalize((a, a + rnd.randrange(6)) for a in (rnd.randrange(40) for _ in range(rnd.randrange(5))))


def test_algebra_against_python_sets():
    rnd = random.Random(1)
    for _ in range(2000):
        a, b = random_set(rnd), random_set(rnd)
        x, y = members(a), members(b)
        assert members(union(a, b)) == x | y
        assert members(intersection(a, b)) == x & y
        assert disjoint(a, b) == (not x & y)
        assert subset(a, b) == (x <= y)
        assert all(contains(a, c) == (c in x) for c in range(50))
        assert complement(complement(a)) == a
        assert not intersection(a, complement(a))
        for result in (union(a, b), intersection(a, b), complement(a)):
            assert all(low <= high for low, high in result)
            assert all(p[1] + 1 < q[0] for p, q in pairwise(result)), "sorted, apart"


def test_complement_of_everything():
    assert complement(ANY) == EMPTY
    assert complement(EMPTY) == ANY


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("letter", list("dswDSW"))
def test_categories_are_res_over_all_code_points(letter, ascii_only):
    assert category(letter, ascii_only) == asked(f"\\{letter}", re.A if ascii_only else 0)


def test_general_categories_over_all_code_points():
    by_name = {}
    for c in ALL:
        by_name.setdefault(unicodedata.category(c), set()).add(ord(c))
    for name, expected in by_name.items():
        assert members(general_category(name)) == expected, name
    assert members(general_category("L")) == set().union(*(v for k, v in by_name.items() if k[0] == "L"))


def test_property_names():
    assert general_category("Uppercase_Letter") == general_category("Lu") == unicode_property("gc=Lu")
    assert unicode_property("LC") == union(*(general_category(c) for c in ("Lu", "Ll", "Lt")))
    assert unicode_property("Any") == ANY
    assert unicode_property("ASCII") == ((0, 127),)
    assert unicode_property("Assigned") == complement(general_category("Cn"))
    for unknown in ("Greek", "InGreek", "Script=Latin", "Alphabetic", "", "=", "gc=Nope"):
        assert unicode_property(unknown) is None, unknown


class TestFold:
    def test_ascii_letters_by_table(self):
        cased = ALL[:0x40000]
        for c in map(chr, range(128)):
            assert fold_char(c, False) == asked(re.escape(c), re.I, cased), c
            assert fold_char(c, True) == asked(re.escape(c), re.I | re.A, cased), c

    def test_what_the_table_is_for(self):
        assert fold_char("k", False) == ((0x4B, 0x4B), (0x6B, 0x6B), (0x212A, 0x212A))
        assert contains(fold_char("i", False), 0x130)
        assert contains(fold_char("I", False), 0x131)
        assert contains(fold_char("s", False), 0x17F)
        assert fold_char("k", True) == ((0x4B, 0x4B), (0x6B, 0x6B))

    def test_no_case_beyond_what_is_searched(self):
        assert all(c.lower() == c == c.upper() for c in ALL[0x40000:])

    @pytest.mark.parametrize("char", "éÉßẞſKİıςσΣµμΐΐ\u0345ᲀДдǄǅǆ𐐀𐐨Ꮳꭳ中")
    def test_other_letters(self, char):
        assert fold_char(char, False) == asked(char, re.I)
        assert fold_char(char, True) == asked(char, re.I | re.A)

    @pytest.mark.parametrize(
        ("source", "ranges", "categories"),
        [
            ("[a-z]", [(97, 122)], ""),
            ("[A-z]", [(65, 122)], ""),
            ("[ks]", [(107, 107), (115, 115)], ""),
            ("[_0-9]", [(95, 95), (48, 57)], ""),
            (r"[\dk]", [(107, 107)], "d"),
            (r"[\Wk]", [(107, 107)], "W"),
            (r"[\D_]", [(95, 95)], "D"),
            ("[à-þ]", [(0xE0, 0xFE)], ""),
            (r"[à-þ\s]", [(0xE0, 0xFE)], "s"),
            ("[α-ω]", [(0x3B1, 0x3C9)], ""),
            ("[Ā-ž]", [(0x100, 0x17E)], ""),
            ("[一-龥]", [(0x4E00, 0x9FA5)], ""),
            ("[𐐀𐐁]", [(0x10400, 0x10400), (0x10401, 0x10401)], ""),
            ("[𐐀-𐐧]", [(0x10400, 0x10427)], ""),
            ("[𐐨a]", [(0x10428, 0x10428), (97, 97)], ""),
            ("[\u0000-\U0010ffff]", [(0, 0x10FFFF)], ""),
        ],
    )
    @pytest.mark.parametrize("ascii_only", [False, True])
    def test_sets_over_all_code_points(self, source, ranges, categories, ascii_only):
        flags = re.I | (re.A if ascii_only else 0)
        assert fold_set(ranges, categories, ascii_only) == asked(source, flags)

    def test_cpythons_bug_is_kept(self):
        """Upper-case letters beyond U+FFFF vanish from a set of several items."""
        assert fold_set([(0x10400, 0x10400), (0x10401, 0x10401)], "", False) == EMPTY

    @pytest.mark.slow
    def test_every_cased_character(self):
        text, cased = charset._cased()
        assert {c for c in ALL if c.lower() != c or c.upper() != c} == set(text)
        assert members(cased) == set(map(ord, text))
        for c in text:
            found = re.compile(re.escape(c), re.I).findall(text)
            assert fold_char(c, False) == normalize((ord(x), ord(x)) for x in found)


class TestRegexModule:
    """With dialect="regex" the `regex` module is asked instead."""

    regex = pytest.importorskip("regex")

    @pytest.mark.parametrize("source", [r"\w", r"\d", r"\s", r"\p{L}", r"\p{Greek}", r"\p{IsAlphabetic}", r"\p{gc=Lu}"])
    def test_classes(self, source):
        expected = normalize((m.start(), m.end() - 1) for m in self.regex.finditer(source + "+", ALL))
        if source[1] == "p":
            assert unicode_property(source[3:-1], "regex") == expected
        else:
            assert category(source[1], False, "regex") == expected

    def test_unknown_properties(self):
        for name in ("Nope", "a}b", "", "Script=Nope"):
            assert unicode_property(name, "regex") is None

    @pytest.mark.parametrize("char", "iIıİkßé1𐐀")
    def test_fold(self, char):
        pattern = self.regex.compile(self.regex.escape(char), self.regex.I)
        expected = normalize((m.start(), m.start()) for m in pattern.finditer(ALL[:0x40000]))
        assert fold_char(char, False, "regex") == expected
