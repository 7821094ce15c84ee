r"""date-time, date, time and duration: RFC 3339, section 5.6 and appendix A.

A leap second is the last of a day in UTC (``23:59:60``), so the local time that it has depends on the offset: with
``+oh:om`` it is 23:59 plus the offset. One condition on the hours and a few on the minutes' digits say that, and their
intersection is the sum, without a list of all 2,880 offsets. In a date-time it must be the last second of a 30 June or
31 December, too (RFC 3339, 5.7 and appendix D); east of Greenwich that is the next day already.
"""

from __future__ import annotations

from collections.abc import Iterable

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


_DD = r"\d\d"


def _hours(sign: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A local time's hour and an offset's are one of the pairs."""
    return any_of(*(rf"{hour}:\d\d{_LEAP_SECOND}{sign}{offset}:\d\d" for hour, offset in pairs))


def _minutes(sign: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A local time's minute and an offset's are one of the pairs (of patterns)."""
    return any_of(*(rf"\d\d:{minute}{_LEAP_SECOND}{sign}\d\d:{offset}" for minute, offset in pairs))


def _west() -> tuple[str, ...]:
    """23:59 less the offset: hours that add up to 23, minutes that add up to 59."""
    return (
        _hours("-", ((f"{23 - h:02}", f"{h:02}") for h in range(24))),
        _minutes("-", ((rf"{5 - d}\d", rf"{d}\d") for d in range(6))),
        _minutes("-", ((rf"\d{9 - d}", rf"\d{d}") for d in range(10))),
    )


def _east() -> tuple[tuple[str, ...], ...]:
    """A day later: the offset less a minute."""
    same_hour = (
        _hours(r"\+", ((rf"{d}\d", rf"{d}\d") for d in range(3))),
        _hours(r"\+", ((rf"\d{d}", rf"\d{d}") for d in range(10))),
    )
    no_carry = (
        _minutes(r"\+", ((rf"{d}\d", rf"{d}\d") for d in range(6))),
        _minutes(r"\+", ((rf"\d{d - 1}", rf"\d{d}") for d in range(1, 10))),
        rf"{_HOUR}:{_DD}{_LEAP_SECOND}\+{_HOUR}:{_DD}",
    )
    carry = (
        _minutes(r"\+", ((f"{d - 1}9", f"{d}0") for d in range(1, 6))),
        rf"{_HOUR}:{_DD}{_LEAP_SECOND}\+{_HOUR}:{_DD}",
    )
    whole_hours = (any_of(*(rf"{h - 1:02}:59{_LEAP_SECOND}\+{h:02}:00" for h in range(1, 24))),)
    return (*same_hour, *no_carry), (*same_hour, *carry), whole_hours


def _with_leap_seconds(program: ProgramBuilder, plain: str, dated: bool) -> int:
    """The regex of a time, behind a date if `dated`, leap seconds included."""
    ways = [whole_regex(plain, program)]
    utc = (rf"23:59{_LEAP_SECOND}(?:[Zz]|\+00:00)",)
    for day, conditions in ((_SAME_DAY, utc), (_SAME_DAY, _west()), *((_NEXT_DAY, way) for way in _east())):
        time = program.both([whole_regex(condition, program) for condition in conditions])
        ways.append(program.concat((whole_regex(day + "[Tt]", program), time)) if dated else time)
    return program.alt(ways)


DATE = from_pattern("date", _DATE)
TIME = Format("time", lambda program: _with_leap_seconds(program, _TIME, dated=False))
DATE_TIME = Format("date-time", lambda program: _with_leap_seconds(program, f"{_DATE}[Tt]{_TIME}", dated=True))

_CLOCK = any_of(r"\d+H(?:\d+M(?:\d+S)?)?", r"\d+M(?:\d+S)?", r"\d+S")
_CALENDAR = any_of(r"\d+Y(?:\d+M(?:\d+D)?)?", r"\d+M(?:\d+D)?", r"\d+D")
DURATION = from_pattern("duration", rf"P(?:{_CALENDAR}(?:T{_CLOCK})?|T{_CLOCK}|\d+W)")
