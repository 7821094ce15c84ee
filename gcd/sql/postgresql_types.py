"""PostgreSQL's types in classes: values that its operators take for one another, and what functions make of them.

A class is what the engine keeps of a column's or an expression's type (csrc/sql_types.hpp). The numbers' are ordered:
wherever one of them can stand, a narrower one can. Types that aren't listed ("other") can be selected, tested by
``IS NULL`` and counted; no operator takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["AGGREGATES", "CLASSES", "SCALARS", "WINDOWS", "Signature", "class_of"]

CLASSES = (
    "any",
    "int",
    "big",
    "numeric",
    "float",
    "text",
    "literal",
    "dateliteral",
    "null",
    "bool",
    "date",
    "stamp",
    "time",
    "interval",
    "uuid",
    "other",
)
"""As `SqlClass` counts them."""

_TYPES = {
    "int": "int integer int2 int4 smallint serial smallserial serial4 serial2",
    "big": "int8 bigint bigserial serial8",
    "numeric": "numeric decimal dec",
    "float": "real float float4 float8 double",
    "text": "text varchar char character bpchar",
    "bool": "bool boolean",
    "date": "date",
    "stamp": "timestamp timestamptz",
    "time": "time",
    "interval": "interval",
    "uuid": "uuid",
}
_CLASS_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}


def class_of(declared: str) -> str:
    """The class of a type as PostgreSQL's format_type or DDL writes it.

    >>> class_of("character varying(40)"), class_of("TIMESTAMP WITH TIME ZONE"), class_of("integer[]")
    ('text', 'stamp', 'other')
    """
    words = re.sub(r"\([0-9, ]*\)", "", declared).lower().split()
    if not words or any(c in declared for c in '[]"'):
        return "other"
    first, rest = words[0], " ".join(words[1:])
    if (first, rest) in {("double", "precision"), ("character", "varying"), ("char", "varying")}:
        return _CLASS_OF[first]
    zoned = ("without time zone", "with time zone")
    if first == "time" and rest == "with time zone":
        return "other"  # no operator joins it with a time that has none
    return _CLASS_OF.get(first, "other") if not rest or (first in ("timestamp", "time") and rest in zoned) else "other"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives.

    Attributes:
        name: of the function.
        result: its class.
        arguments: the classes that each takes, with spaces between; PostgreSQL must choose this function for every
            combination that no earlier signature of the name takes.
        optional: how many of the last ones may be left out.
        variadic: the last one may be repeated.
    """

    name: str
    result: str
    arguments: tuple[str, ...] = ()
    optional: int = 0
    variadic: bool = False

    @property
    def arities(self) -> tuple[int, ...]:
        """How many arguments it takes, as `gcd.sql.catalogue.Function` has it."""
        most = len(self.arguments)
        return (-1 - most,) if self.variadic else tuple(range(most - self.optional, most + 1))


_T = "text literal"
_INTS = "int big"
_EXACT = "int big numeric"
_NUMBERS = "int big numeric float"
_DAYS = "date stamp"
_ANY = " ".join(c for c in CLASSES if c not in ("any", "dateliteral", "null"))
_ORDERED = (
    ("int", "int"),
    ("big", _INTS),
    ("numeric", _EXACT),
    ("float", _NUMBERS),
    ("text", _T),
    ("date", "date"),
    ("stamp", _DAYS),
    ("interval", "interval"),
    ("time", "time"),
)
_COMPARED = (*_ORDERED, ("bool", "bool"), ("uuid", "uuid"))


def _each(names: str, result: str, *arguments: str, optional: int = 0) -> tuple[Signature, ...]:
    return tuple(Signature(name, result, arguments, optional) for name in names.split())


SCALARS = (
    *(Signature("abs", kind, (kind,)) for kind in ("int", "big", "numeric", "float")),
    *(
        Signature(name, "numeric", ("numeric",))
        for name in ("ceil", "ceiling", "floor", "trunc", "sign", "sqrt", "exp")
    ),
    *(Signature(n, "float", (f"{_INTS} float",)) for n in ("ceil", "ceiling", "floor", "trunc", "sign", "sqrt", "exp")),
    Signature("round", "numeric", (_EXACT, "int")),
    Signature("round", "numeric", ("numeric",)),
    Signature("round", "float", (f"{_INTS} float",)),
    Signature("mod", "int", ("int", "int")),
    Signature("mod", "big", (_INTS, _INTS)),
    Signature("power", "numeric", ("numeric", _EXACT)),
    Signature("power", "numeric", (_INTS, "numeric")),
    Signature("power", "float", (_INTS, f"{_INTS} float")),
    Signature("power", "float", ("numeric", "float")),
    Signature("power", "float", ("float", _NUMBERS)),
    *_each("lower upper initcap reverse md5 trim btrim ltrim rtrim", "text", _T),
    *_each("btrim ltrim rtrim", "text", _T, _T),
    *_each("length char_length octet_length ascii", "int", _T),
    *_each("strpos", "int", _T, _T),
    *_each("substr", "text", _T, "int", "int", optional=1),
    *_each("repeat", "text", _T, "int"),
    *_each("lpad rpad", "text", _T, "int", _T, optional=1),
    *_each("split_part", "text", _T, _T, "int"),
    *_each("replace translate", "text", _T, _T, _T),
    *_each("starts_with", "bool", _T, _T),
    Signature("concat", "text", (_ANY,), variadic=True),
    Signature("now", "stamp"),
    Signature("date_trunc", "stamp", (_T, _DAYS)),
    Signature("date_trunc", "interval", (_T, "interval")),
    Signature("date_part", "float", (_T, f"{_DAYS} interval")),
    Signature("to_char", "text", (f"{_DAYS} interval {_NUMBERS}", _T)),
    Signature("age", "interval", (_DAYS, _DAYS)),
    *(Signature("coalesce", kind, (takes, takes), variadic=True) for kind, takes in _COMPARED),
    *(Signature(n, kind, (takes, takes), variadic=True) for n in ("greatest", "least") for kind, takes in _ORDERED),
    *(Signature("nullif", kind, (kind, kind)) for kind in ("int", "big", "numeric", "float", "date", "stamp", "uuid")),
    Signature("nullif", "text", (_T, _T)),
)
AGGREGATES = (
    Signature("count", "big"),
    Signature("count", "big", (_ANY,)),
    Signature("sum", "big", ("int",)),
    Signature("sum", "numeric", ("big numeric",)),
    Signature("sum", "float", ("float",)),
    Signature("sum", "interval", ("interval",)),
    Signature("avg", "numeric", (_EXACT,)),
    Signature("avg", "float", ("float",)),
    Signature("avg", "interval", ("interval",)),
    *(Signature(name, kind, (kind,)) for name in ("max", "min") for kind, _ in _ORDERED if kind != "text"),
    *_each("max min", "text", _T),
    *_each("bool_and bool_or every", "bool", "bool"),
    *_each("string_agg", "text", _T, _T),
    *(Signature(n, r, (t,)) for n in ("stddev", "variance") for r, t in (("numeric", _EXACT), ("float", "float"))),
)
WINDOWS = (
    *_each("row_number rank dense_rank", "big"),
    *_each("percent_rank cume_dist", "float"),
    *_each("ntile", "int", "int"),
)
