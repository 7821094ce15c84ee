r"""Sets of code points, and which characters CPython's `re` takes for ``\w``, ``(?i:k)`` or ``(?i:[^α-ω])``.

A set is a sorted tuple of disjoint ranges that don't touch: equal sets are equal tuples, so they can be dict keys::

    union(((97, 99),), ((100, 101), (120, 122)))  ==  ((97, 101), (120, 122))

What a category or a class under IGNORECASE contains is never written down here: `re` itself is asked, by running the
class over a text that holds the characters in question, once, lazily. Tables of our own would agree with one Unicode
version and one CPython; and CPython's case folding is its own (``(?i:s)`` matches U+017F, ``(?i:[𐐀𐐁])`` doesn't match
its own members, a bug that belongs to the language we promise to read). Two short cuts, both checked for every code
point by the tests: code points from U+40000 up are neither digits, spaces nor word characters, and have no case; and
an ASCII letter matches the other case, plus four non-ASCII characters.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import chain, groupby
from typing import TypeAlias

__all__ = [
    "ANY",
    "ECMA_NEWLINES",
    "ECMA_SPACE",
    "EMPTY",
    "MAX_CODE_POINT",
    "NEWLINE",
    "CharSet",
    "category",
    "complement",
    "contains",
    "disjoint",
    "ecma_property",
    "fold_char",
    "fold_set",
    "general_category",
    "intersection",
    "normalize",
    "singleton",
    "subset",
    "unicode_property",
    "union",
]

CharSet: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges ``(first, last)``, sorted; each ends at least two below the next one's start."""

MAX_CODE_POINT = 0x10FFFF
EMPTY: CharSet = ()
ANY: CharSet = ((0, MAX_CODE_POINT),)
NEWLINE: CharSet = ((10, 10),)
ECMA_NEWLINES: CharSet = ((10, 10), (13, 13), (0x2028, 0x2029))
ECMA_SPACE: CharSet = (
    (9, 13),
    (32, 32),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)

_INTERESTING_END = 0x40000
"""No category and no case mapping says anything about the planes from here on (a test asks about all of them)."""


def singleton(code_point: int) -> CharSet:
    """The set of one code point."""
    return ((code_point, code_point),)


def normalize(ranges: Iterable[tuple[int, int]]) -> CharSet:
    """The set that is the union of any ranges, in any order."""
    result: list[tuple[int, int]] = []
    last = -2
    for low, high in sorted(ranges):
        if low <= last + 1:
            if high > last:
                result[-1] = (result[-1][0], high)
                last = high
        else:
            result.append((low, high))
            last = high
    return tuple(result)


def union(*sets: CharSet) -> CharSet:
    """All that is in any of the sets."""
    return sets[0] if len(sets) == 1 else normalize(chain.from_iterable(sets))


def complement(chars: CharSet) -> CharSet:
    """All code points that are not in the set."""
    result = []
    begin = 0
    for low, high in chars:
        if low > begin:
            result.append((begin, low - 1))
        begin = high + 1
    if begin <= MAX_CODE_POINT:
        result.append((begin, MAX_CODE_POINT))
    return tuple(result)


def intersection(a: CharSet, b: CharSet) -> CharSet:
    """All that is in both sets."""
    result = []
    i = j = 0
    while i < len(a) and j < len(b):
        low = max(a[i][0], b[j][0])
        high = min(a[i][1], b[j][1])
        if low <= high:
            result.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def contains(chars: CharSet, code_point: int) -> bool:
    """Whether the set holds the code point."""
    i = bisect_right(chars, (code_point, MAX_CODE_POINT)) - 1
    return i >= 0 and chars[i][1] >= code_point


def disjoint(a: CharSet, b: CharSet) -> bool:
    """Whether no code point is in both."""
    if len(a) == 1 and a[0][0] == a[0][1]:
        return not contains(b, a[0][0])
    if len(b) == 1 and b[0][0] == b[0][1]:
        return not contains(a, b[0][0])
    return not intersection(a, b)


def subset(a: CharSet, b: CharSet) -> bool:
    """Whether all of `a` is in `b`."""
    return intersection(a, b) == a


# -- categories -------------------------------------------------------------------------------


def _text(end: int) -> str:
    """All code points below `end`, a multiple of 0x10000, as one string (surrogates too: positions are code points)."""
    plane = array("I", range(0x10000)).tobytes()
    planes = bytearray(plane * (end >> 16))
    for p in range(1, end >> 16):
        planes[p * len(plane) + 2 : (p + 1) * len(plane) : 4] = bytes([p]) * 0x10000
    return planes.decode("utf-32-le", "surrogatepass")


def _ask(engine: str, source: str, flags: int, text: str) -> CharSet:
    """The positions in `text` (which are code points) of the characters that the class matches."""
    found = _compile(engine, source + "+", flags).finditer(text)
    return tuple((m.start(), m.end() - 1) for m in found)


def _compile(engine: str, source: str, flags: int) -> re.Pattern[str]:
    """`source` compiled by `re`, or by the `regex` module if that is wanted and installed (its flags are `re`'s)."""
    if engine == "regex":
        with suppress(ImportError):
            compiled: re.Pattern[str] = import_module("regex").compile(source, flags)
            return compiled
    return re.compile(source, flags)


@cache
def category(letter: str, ascii_only: bool = False, engine: str = "re") -> CharSet:
    r"""The set that `re` matches for ``\d``, ``\s``, ``\w`` or, in upper case, their opposites."""
    if letter.isupper():
        return complement(category(letter.lower(), ascii_only, engine))
    text = _text(_INTERESTING_END if engine == "re" else MAX_CODE_POINT + 1)
    return _ask(engine, "\\" + letter, re.ASCII if ascii_only else 0, text)


@cache
def _general_categories() -> dict[str, CharSet]:
    """Of each of Unicode's two-letter categories the members, by this Python's `unicodedata`."""
    found: dict[str, list[tuple[int, int]]] = {}
    # Planes 4 to 13 are unassigned, 15 and 16 private use but for their last two code points: a test looks.
    for begin, end in ((0, 0x40000), (0xE0000, 0xF0000)):
        at = begin
        text = _text(0x40000) if begin == 0 else "".join(map(chr, range(begin, end)))
        for name, run in groupby(map(unicodedata.category, text)):
            size = sum(1 for _ in run)
            found.setdefault(name, []).append((at, at + size - 1))
            at += size
    found["Cn"] += [(0x40000, 0xDFFFF), (0xFFFFE, 0xFFFFF), (0x10FFFE, 0x10FFFF)]
    found["Co"] += [(0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]
    return {name: normalize(ranges) for name, ranges in found.items()}


_CATEGORY_NAMES = {
    "other": "C",
    "control": "Cc",
    "cntrl": "Cc",
    "format": "Cf",
    "unassigned": "Cn",
    "privateuse": "Co",
    "surrogate": "Cs",
    "letter": "L",
    "casedletter": "LC",
    "l&": "LC",
    "lowercaseletter": "Ll",
    "modifierletter": "Lm",
    "otherletter": "Lo",
    "titlecaseletter": "Lt",
    "uppercaseletter": "Lu",
    "mark": "M",
    "combiningmark": "M",
    "spacingmark": "Mc",
    "enclosingmark": "Me",
    "nonspacingmark": "Mn",
    "number": "N",
    "decimalnumber": "Nd",
    "digit": "Nd",
    "letternumber": "Nl",
    "othernumber": "No",
    "punctuation": "P",
    "punct": "P",
    "connectorpunctuation": "Pc",
    "dashpunctuation": "Pd",
    "closepunctuation": "Pe",
    "finalpunctuation": "Pf",
    "initialpunctuation": "Pi",
    "otherpunctuation": "Po",
    "openpunctuation": "Ps",
    "symbol": "S",
    "currencysymbol": "Sc",
    "modifiersymbol": "Sk",
    "mathsymbol": "Sm",
    "othersymbol": "So",
    "separator": "Z",
    "lineseparator": "Zl",
    "paragraphseparator": "Zp",
    "spaceseparator": "Zs",
}


@lru_cache(maxsize=256)
def general_category(name: str) -> CharSet | None:
    """The members of a general category (``L``, ``Lu``, ``Uppercase_Letter``); None if there is no such category."""
    key = re.sub(r"[-_ ]", "", name).lower()
    short = _CATEGORY_NAMES.get(key, key)
    if short.lower() == "lc":
        wanted = ["Lu", "Ll", "Lt"]
    else:
        wanted = [k for k in _general_categories() if k.lower() == short or (len(short) == 1 and k[0].lower() == short)]
        wanted = wanted or [k for k in _general_categories() if k == short or (len(short) == 1 and k[0] == short)]
    return union(*(_general_categories()[k] for k in wanted)) if wanted else None


def unicode_property(text: str, engine: str = "re") -> CharSet | None:
    r"""The set of ``\p{text}``; None if unknown.

    The `regex` module, where it is installed, knows them all. `re` has none: then this Python's `unicodedata` decides,
    which has general categories but neither scripts, blocks nor derived properties. ``Any``, ``ASCII`` and ``Assigned``
    are always known.
    """
    if engine == "regex" and find_spec("regex"):
        return _asked_property(text)
    name, _, value = text.replace(":", "=").partition("=")
    key = re.sub(r"[-_ ]", "", name).lower()
    if value:
        return general_category(value) if key in ("gc", "generalcategory") else None
    if key == "any":
        return ANY
    if key == "ascii":
        return ((0, 127),)
    if key == "assigned":
        return complement(_general_categories()["Cn"])
    return general_category(name)


_ECMA_PROPERTY = re.compile(
    "(?:Script|sc|Script_Extensions|scx)=[A-Z][a-zA-Z_]*|Alphabetic|Alpha|Lowercase|Lower|Uppercase|Upper|White_Space"
    "|ID_Start|IDS|ID_Continue|XID_Start|XIDS|XID_Continue|XIDC|Default_Ignorable_Code_Point|DI|Emoji"
    "|Emoji_Presentation|EPres|Emoji_Modifier|EMod|Emoji_Modifier_Base|EBase|Extended_Pictographic|ExtPict|Ideographic"
    "|Ideo|Hex_Digit|Hex|ASCII_Hex_Digit|AHex|Cased|Case_Ignorable|CI|Math|Dash|Diacritic|Dia|Quotation_Mark|QMark"
    "|Noncharacter_Code_Point|NChar|Unified_Ideograph|UIdeo"
)
"""Properties of ECMA-262 (tables 68 and 69 of its 2025 edition) that the regex module has by the same name:
scripts and the binary ones that patterns of the field use."""


def ecma_property(text: str) -> CharSet | None:
    r"""The set of ``\p{text}`` beyond what `unicode_property` knows; None without the `regex` module, or if unknown."""
    if _ECMA_PROPERTY.fullmatch(text) is None or not find_spec("regex"):
        return None
    return _asked_property(text.replace("scx=", "Script_Extensions=").replace("sc=", "Script="))


@lru_cache(maxsize=256)
def _asked_property(text: str) -> CharSet | None:
    if not re.fullmatch(r"[\w:=&.\- ]+", text):
        return None
    try:
        return _ask("regex", f"\\p{{{text}}}", 0, _text(MAX_CODE_POINT + 1))
    except Exception:  # its error class isn't importable without it
        return None


# -- case -------------------------------------------------------------------------------------

_ASCII_EXTRA = {"i": (0x130, 0x131), "k": (0x212A,), "s": (0x17F,)}
"""What else CPython matches for these letters and their upper cases under IGNORECASE."""


@lru_cache(maxsize=1)
def _cased() -> tuple[str, CharSet]:
    """The characters that have another case, as a text and as a set. All others match only themselves."""
    text = _text(_INTERESTING_END)
    found = []
    for begin in range(0, len(text), 256):
        block = text[begin : begin + 256]
        if block.lower() != block or block.upper() != block:
            found += [c for c in block if c.lower() != c or c.upper() != c]
    return "".join(found), normalize((ord(c), ord(c)) for c in found)


@lru_cache(maxsize=4096)
def fold_char(char: str, ascii_only: bool, engine: str = "re") -> CharSet:
    """What a literal character matches under IGNORECASE.

    >>> [hex(c) for c, _ in fold_char("k", False)]  # the last is the Kelvin sign
    ['0x4b', '0x6b', '0x212a']
    """
    if engine == "regex":
        flags = re.IGNORECASE | (re.ASCII if ascii_only else 0)
        return _ask(engine, f"\\U{ord(char):08x}", flags, _text(_INTERESTING_END)) or singleton(ord(char))
    if char.isascii():
        if not char.isalpha():
            return singleton(ord(char))
        extra = () if ascii_only else _ASCII_EXTRA.get(char.lower(), ())
        return normalize((c, c) for c in (ord(char.lower()), ord(char.upper()), *extra))
    if ascii_only:
        return singleton(ord(char))
    text, cased = _cased()
    if not contains(cased, ord(char)):
        return singleton(ord(char))
    found = re.compile(re.escape(char), re.IGNORECASE).findall(text)
    return normalize((ord(c), ord(c)) for c in found)


def fold_set(
    ranges: Iterable[tuple[int, int]], categories: Iterable[str], ascii_only: bool, engine: str = "re"
) -> CharSet:
    r"""What a set of two or more items (not negated) matches under IGNORECASE.

    Args:
        ranges: its characters and ranges, in the order written.
        categories: the letters of its ``\d``, ``\W`` ...
        ascii_only: the ASCII flag is set.
        engine: whose meaning of IGNORECASE: "re" or "regex".
    """
    return _fold_set(tuple(ranges), tuple(categories), ascii_only, engine)


@lru_cache(maxsize=1024)
def _fold_set(ranges: CharSet, categories: tuple[str, ...], ascii_only: bool, engine: str) -> CharSet:
    source = "".join(f"\\U{low:08x}-\\U{high:08x}" if low != high else f"\\U{low:08x}" for low, high in ranges)
    source = f"[{source}{''.join(chr(92) + letter for letter in categories)}]"
    flags = re.IGNORECASE | (re.ASCII if ascii_only else 0)
    if engine == "regex":
        return _ask(engine, source, flags, _text(MAX_CODE_POINT + 1))
    plain = union(normalize(ranges), *(category(letter, ascii_only) for letter in categories))
    if all(high < 128 for _, high in ranges):
        letters = intersection(normalize(ranges), ((65, 90), (97, 122)))
        other = chain.from_iterable(
            fold_char(chr(c), ascii_only) for low, high in letters for c in range(low, high + 1)
        )
        return union(plain, tuple(other)) if letters else plain
    text, cased = _cased()
    found = re.compile(source, flags).findall(text)
    return union(intersection(plain, complement(cased)), normalize((ord(c), ord(c)) for c in found))
