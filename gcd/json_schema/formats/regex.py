r"""regex: ECMA-262 regular expressions, as far as a regular expression can tell.

Brackets nest, so not all of them can be described. What is: groups up to three deep, lookahead outside of groups,
classes whose ranges are in order, escapes, quantifiers whose bounds are in order. What other engines read differently
is left out with the rest. Each level is one entry of the program's table that the next level refers to; as text, it
would double each time.
"""

from __future__ import annotations

from gcd.json_schema.builder import ProgramBuilder
from gcd.json_schema.ecma_pattern import whole_regex
from gcd.json_schema.formats.format import Format, any_of

__all__ = ["REGEX"]

_DEPTH = 3
_ESCAPED = r"\\[dDwWsSfnrtv\\\/\^$.*+?()\[\]{}|]"


def _in_order() -> str:
    """``{n}``, ``{n,}`` and ``{m,n}`` with m <= n where that is easy to see: m below 10."""
    pairs = any_of(*(rf"{low},[{low}-9]" for low in range(10)), r"\d,[1-9]\d{1,2}")
    return rf"\{{(?:\d{{1,3}},?|{pairs})\}}"


def _class() -> str:
    """``[...]`` with ranges of letters or digits in order; other characters alone."""
    escape = any_of(_ESCAPED, r"\\-")
    plain = r"[^\\\]\[\-]"
    ranges = any_of(
        *(f"{chr(low)}-[{chr(low)}-{last}]" for first, last in ("09", "AZ", "az") for low in _codes(first, last))
    )
    first = rf"(?:{ranges}|[^\\\]\[\-\^]|{escape})"  # [^] is ECMA-262's alone
    return rf"\[(?:\^?{first}|\^\^)(?:{ranges}|{plain}|{escape})*-?\]"


def _codes(first: str, last: str) -> range:
    return range(ord(first), ord(last) + 1)


def _regex(program: ProgramBuilder) -> int:
    def own(pattern: str) -> int:
        return whole_regex(pattern, program)

    atom = own(
        any_of(
            r"[^\\^$.*+?()\[\]{}|]",
            r"\.",
            _ESCAPED,
            r"\\x[0-9A-Fa-f]{2}",
            r"\\u[0-9A-Ca-c][0-9A-Fa-f]{3}",
            _class(),
        )
    )
    quantifier = program.optional(own(rf"(?:[*+?]|{_in_order()})\??"))
    assertion = own(r"[\^$]|\\[bB]")
    group, look, bar, close = own(r"\((?:\?:)?"), own(r"\(\?[=!]"), own(r"\|"), own(r"\)")
    body = program.EMPTY
    for level in range(_DEPTH + 1):
        atoms = program.alt((atom, program.concat((group, body, close))))
        items = [program.concat((atoms, quantifier)), assertion]
        if level == _DEPTH:
            items.append(program.concat((look, body, close)))
        sequence = program.repeat(program.alt(items), 0)
        body = program.concat((sequence, program.repeat(program.concat((bar, sequence)), 0)))
    return body


REGEX = Format(
    "regex",
    _regex,
    f"left out are groups more than {_DEPTH} deep, lookahead inside of them, named groups, backreferences, lookbehind, "
    "Unicode properties, counts from 10 on as a lower bound beside an upper one, counts of more than three digits, and "
    "ranges of other characters than letters or digits",
)
