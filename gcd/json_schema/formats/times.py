r"""date-time, date, time and duration: RFC 3339, section 5.6 and appendix A.

A leap second is the last of a day in UTC (``23:59:60``), so the local time that it has depends on the offset: with
``+oh:om`` it is 23:59 plus the offset. Two conditions say that, one on the hours and one on the minutes, and the
intersection of both is the sum, without a list of all 2,880 offsets. In a date-time it must be the last second of a
30 June or 31 December, too (RFC 3339, 5.7); east of Greenwich that is the next day already.
"""

from __future__ import annotations

from functools import cache

from gcd.json_schema.builder import ProgramBuilder
from gcd.json_schema.ecma_pattern import whole_regex
from gcd.json_schema.formats.format import Format, any_of, from_pattern

__all__ = ["DATE", "DATE_TIME", "DURATION", "TIME"]

_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_MONTH_AND_DAY = any_of(
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])",
    r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)",
    r"02-(?:0[1-9]|1\d|2[0-8])",
)
_DATE = any_of(rf"\d{{4}}-{_MONTH_AND_DAY}", rf"{_LEAP_YEAR}-02-29")
_HOUR = r"(?:[01]\d|2[0-3])"
_FRACTION = r"(?:\.\d+)?"
_TIME = rf"{_HOUR}:[0-5]\d:[0-5]\d{_FRACTION}(?:[Zz]|[+-]{_HOUR}:[0-5]\d)"

_LEAP_SECOND = rf":60{_FRACTION}"
_SAME_DAY = r"\d{4}-(?:06-30|12-31)"
_NEXT_DAY = r"\d{4}-(?:07-01|01-01)"


@cache
def _leap_second_patterns() -> tuple[tuple[str, str, str], ...]:
    """Triples (day in a date-time, pattern of a time, pattern that must match it, too) of a day's last second."""
    hours = any_of(*(rf"{23 - h:02}:\d\d{_LEAP_SECOND}-{h:02}:\d\d" for h in range(24)))
    minutes = any_of(*(rf"\d\d:{59 - m:02}{_LEAP_SECOND}-\d\d:{m:02}" for m in range(60)))
    west = (_SAME_DAY, hours, minutes)
    hours = any_of(*(rf"{h:02}:\d\d{_LEAP_SECOND}\+{h:02}:\d\d" for h in range(24)))
    minutes = any_of(*(rf"\d\d:{m - 1:02}{_LEAP_SECOND}\+\d\d:{m:02}" for m in range(1, 60)))
    east = (_NEXT_DAY, hours, minutes)
    whole_hours = any_of(*(rf"{h - 1:02}:59{_LEAP_SECOND}\+{h:02}:00" for h in range(1, 24)))
    return (
        (_SAME_DAY, rf"23:59{_LEAP_SECOND}(?:[Zz]|\+00:00)", ""),
        west,
        east,
        (_NEXT_DAY, whole_hours, ""),
    )


def _with_leap_seconds(program: ProgramBuilder, plain: str, dated: bool) -> int:
    """The regex of a time, behind a date if `dated`, leap seconds included."""
    ways = [whole_regex(plain, program)]
    for day, first, second in _leap_second_patterns():
        both = [whole_regex(pattern, program) for pattern in (first, second) if pattern]
        time = program.both(both)
        ways.append(program.concat((whole_regex(day + "[Tt]", program), time)) if dated else time)
    return program.alt(ways)


DATE = from_pattern("date", _DATE)
TIME = Format("time", lambda program: _with_leap_seconds(program, _TIME, dated=False))
DATE_TIME = Format("date-time", lambda program: _with_leap_seconds(program, f"{_DATE}[Tt]{_TIME}", dated=True))

_CLOCK = any_of(r"\d+H(?:\d+M(?:\d+S)?)?", r"\d+M(?:\d+S)?", r"\d+S")
_CALENDAR = any_of(r"\d+Y(?:\d+M(?:\d+D)?)?", r"\d+M(?:\d+D)?", r"\d+D")
DURATION = from_pattern("duration", rf"P(?:{_CALENDAR}(?:T{_CLOCK})?|T{_CLOCK}|\d+W)")
