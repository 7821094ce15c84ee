r"""regex: ECMA-262 regular expressions, as far as a regular expression can tell.

Brackets nest, so not all of them can be described. What is: groups up to four deep, lookahead, classes whose ranges are
in order, escapes, quantifiers whose bounds are in order. What other engines read differently is left out with the rest.
"""

from __future__ import annotations

from gcd.json_schema.formats.format import any_of, from_pattern

__all__ = ["REGEX"]

_DEPTH = 4


def _in_order() -> str:
    """``{n}``, ``{n,}`` and ``{m,n}`` with m <= n below 100."""
    single = any_of(*(rf"{low},[{low}-9]" for low in range(9)), "9,9", r"\d,[1-9]\d")
    pairs = [rf"{tens}{ones},(?:{tens}[{ones}-9]|[{tens + 1}-9]\d)" for tens in range(1, 9) for ones in range(10)]
    pairs += [rf"9{ones},9[{ones}-9]" for ones in range(10)]
    return rf"\{{(?:\d{{1,3}},?|{any_of(single, *pairs)})\}}"


def _class() -> str:
    """``[...]`` with printable ASCII ranges in order; other characters alone."""
    escape = r"\\[dDwWsSfnrtv\\\/\^$.*+?()\[\]{}|\-]"
    plain = r"[^\\\]\[\-]"
    inside = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in "\\][-^"]
    ranges = any_of(*(rf"\u{{{ord(low):x}}}-[\u{{{ord(low):x}}}-Z_-~]" for low in inside if low <= "Z"))
    letters = any_of(*(f"{chr(code)}-[{chr(code)}-z]" for code in range(ord("a"), ord("z") + 1)))
    return rf"\[\^?(?:{plain}|{escape})(?:{ranges}|{letters}|{plain}|{escape})*\]"


def _pattern() -> str:
    atom = any_of(
        r"[^\\^$.*+?()\[\]{}|]",
        r"\.",
        r"\\[dDwWsSfnrtv\\\/\^$.*+?()\[\]{}|]",
        r"\\x[0-9A-Fa-f]{2}",
        r"\\u[0-9A-Ca-c][0-9A-Fa-f]{3}",
        _class(),
    )
    quantifier = rf"(?:[*+?]|{_in_order()})\??"
    assertion = r"(?:[\^$]|\\[bB])"
    body = ""
    for _ in range(_DEPTH + 1):
        group = rf"\((?:\?:)?{body}\)" if body else ""
        look = rf"\(\?[=!]{body}\)" if body else ""
        items = any_of(*filter(None, (f"(?:{any_of(*filter(None, (atom, group)))})(?:{quantifier})?", assertion, look)))
        body = rf"{items}*(?:\|{items}*)*"
    return body


REGEX = from_pattern(
    "regex",
    _pattern(),
    f"patterns with groups more than {_DEPTH} deep, named groups, backreferences, lookbehind, Unicode properties, "
    "bounds over 99 and ranges beyond ASCII are left out",
)
