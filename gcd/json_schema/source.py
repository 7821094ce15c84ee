"""The schema as it was given -> plain Python values, within the budget, with exact numbers.

Text is read with decimals where a float would lose digits (``0.1`` in a dict is taken for what Python prints, which is
what its author wrote). What JSON has no spelling for is refused where it stands: NaN, keys that are no strings, keys
given twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from gcd.errors import LimitError, SchemaError
from gcd.limits import Limits

__all__ = ["json_number", "read", "surrogate_free"]

_SCALARS = frozenset((str, int, float, bool, Decimal, type(None)))
_LEVELS = 4
"""Levels of JSON that one level of schemas may take: a keyword, a name or number, the schema."""
_MAX_COPY_DEPTH = 400
_MAX_DIGITS = 4000
"""Digits of a number: CPython refuses to convert more than 4,300."""
_TOO_LARGE = 10**_MAX_DIGITS


def read(schema: object, limits: Limits) -> tuple[Any, str]:
    """The schema as Python values, and its name for messages (a path, or "").

    Args:
        schema: a dict or bool, JSON text (str or bytes), or a path (`os.PathLike`).

    Raises:
        SchemaError: the text is no JSON.
        LimitError: it is too large or nested too deeply.
        OSError: the file can't be read.
    """
    name = ""
    if isinstance(schema, os.PathLike):
        name = os.fspath(schema)
        size = Path(name).stat().st_size
        limits.check("max_grammar_bytes", size, place=name)
        schema = Path(name).read_bytes()
    if isinstance(schema, (bytes, bytearray)):
        limits.check("max_grammar_bytes", len(schema), place=name or None)
        try:
            schema = bytes(schema).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            cause = f"a schema's bytes must be UTF-8: {error.reason}"
            raise SchemaError(cause, name=name, remedy="UTF-8, or the text as a str") from None
    if isinstance(schema, str):
        return parse(schema, name, limits), name
    if schema is None or isinstance(schema, (bool, int, float, list)):
        return schema, name  # JSON, but only a bool is a schema: the compiler says so
    if isinstance(schema, Mapping):
        return (schema if _is_plain(schema, limits) else _copy(schema, 0)), name
    raise TypeError(f"a schema must be a dict, bool, JSON text or path, not {type(schema).__name__}")


def _is_plain(schema: object, limits: Limits) -> bool:
    """Whether a value consists of what `json.loads` makes, and nothing else; not too deep, and no circle."""
    budget = limits.max_grammar_bytes  # each value is a byte of text at least
    deepest = _LEVELS * limits.max_nesting
    plain = True
    level: list[object] = [schema]
    depth = 0
    while level:
        depth += 1
        budget -= len(level)
        if depth > deepest:
            raise LimitError.of("max_nesting", limits.max_nesting)
        if budget < 0:
            raise LimitError.of("max_grammar_bytes", limits.max_grammar_bytes)
        below: list[object] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                for key in value:  # type: ignore[attr-defined] # it is a dict
                    if type(key) is not str:
                        plain = False
                below += value.values()  # type: ignore[attr-defined]
            elif kind is list:
                below += value  # type: ignore[arg-type] # it is a list
            elif kind not in _SCALARS:
                plain = False
        level = below
    return plain


def _copy(value: Any, depth: int) -> Any:
    """A value of subclasses (OrderedDict, IntEnum, numpy's floats) or tuples in plain types."""
    if depth > _MAX_COPY_DEPTH:
        raise LimitError.of("max_nesting", _MAX_COPY_DEPTH, depth)
    if value is None or isinstance(value, (bool, Decimal)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise SchemaError(f"names in a schema are strings, not {key!r}", remedy="a string")
        return {str.__str__(key): _copy(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item, depth + 1) for item in value]
    raise SchemaError(f"a {type(value).__name__} is no JSON value", remedy="what json.dumps can write")


def parse(text: str, name: str, limits: Limits) -> Any:
    """The value of JSON text, with each number exact."""
    limits.check("max_grammar_bytes", len(text), place=name or None)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_number_reader(Decimal),
            parse_int=_number_reader(int),
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise SchemaError(
            f"this is no JSON: {error.msg}",
            name=name,
            source=text,
            line=error.lineno,
            column=error.colno,
            remedy="a pathlib.Path, if this is a path" if _looks_like_path(text) else "JSON, as json.dumps writes it",
        ) from None
    except RecursionError:
        raise LimitError.of("max_nesting", limits.max_nesting, place=name or None) from None


def _looks_like_path(text: str) -> bool:
    return "\n" not in text and text.lstrip()[:1] not in tuple('{["')


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise SchemaError(f"the name {twice!r} is given twice in one object", remedy="leave one of them out")
    return result


def _number_reader(make: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_number(text: str) -> Any:
        if len(text) > _MAX_DIGITS:
            raise SchemaError(f"a number of {len(text):,} digits", remedy=f"at most {_MAX_DIGITS:,}")
        return make(text)

    return read_number


def _constant(text: str) -> NoReturn:
    raise SchemaError(f"{text} is no JSON value", remedy="a finite number")


def json_number(value: object) -> str | None:
    """A number as normalised JSON text; None if it is no finite number. Equal numbers needn't have equal texts.

    >>> json_number(12), json_number(-0.5), json_number(1e300), json_number(True)
    ('12', '-0.5', '1e+300', None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if -_TOO_LARGE < value < _TOO_LARGE else None
    if isinstance(value, float):
        text = repr(value)
        if text[-2:] == ".0":
            return "0" if value == 0 else text[:-2]
        return None if text[-1] in "fn" else text  # inf, nan
    return _decimal_text(value) if isinstance(value, Decimal) else None


def _decimal_text(value: Decimal) -> str | None:
    """A Decimal as JSON text."""
    if not value.is_finite():
        return None
    if not value:
        return "0"
    return str(value).lower()


def surrogate_free(text: str) -> bool:
    """Whether a document can hold the text: lone surrogates have no UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
