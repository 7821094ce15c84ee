"""The schema as it was given -> plain Python values, within the budget, with exact numbers.

Text is read with decimals where a float would lose digits (``0.1`` in a dict is taken for what Python prints, which is
what its author wrote). What JSON has no spelling for is refused where it stands: NaN, keys that are no strings, keys
given twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from gcd.errors import LimitError, SchemaError
from gcd.limits import Limits

__all__ = ["json_number", "read", "surrogate_free"]

_MAX_DIGITS = 4000
"""Digits of a number: CPython refuses to convert more than 4,300."""


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
        size = os.stat(name).st_size
        limits.check("max_grammar_bytes", size, name=name)
        schema = Path(name).read_bytes()
    if isinstance(schema, (bytes, bytearray)):
        limits.check("max_grammar_bytes", len(schema), name=name)
        try:
            schema = bytes(schema).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SchemaError(f"a schema's bytes must be UTF-8: {error.reason}", name=name) from None
    if isinstance(schema, str):
        return parse(schema, name, limits), name
    if isinstance(schema, (dict, bool)):
        return schema, name
    raise TypeError(f"a schema must be a dict, bool, JSON text or path, not {type(schema).__name__}")


def parse(text: str, name: str, limits: Limits) -> Any:
    """The value of JSON text, with each number exact."""
    limits.check("max_grammar_bytes", len(text), name=name)
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
            remedy="a path must be given as pathlib.Path, not as str" if _looks_like_path(text) else None,
        ) from None
    except RecursionError:
        raise LimitError.of("max_nesting", limits.max_nesting, name=name) from None


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
    raise SchemaError(f"{text} is no JSON value")


def json_number(value: object) -> str | None:
    """A number as normalised JSON text; None if it is no finite number. Equal numbers needn't have equal texts.

    >>> json_number(12), json_number(-0.5), json_number(1e300), json_number(True)
    ('12', '-0.5', '1e+300', None)
    """
    kind = type(value)
    if kind is int:
        if -(10**_MAX_DIGITS) < value < 10**_MAX_DIGITS:  # type: ignore[operator] # it is an int
            return str(value)
        return None
    if kind is float:
        text = repr(value)
        if text[-2:] == ".0":
            return "0" if value == 0 else text[:-2]
        return None if text[-1] in "fn" else text  # inf, nan
    if kind is Decimal:
        return decimal_text(value)  # type: ignore[arg-type] # it is a Decimal
    if isinstance(value, (int, float)) and kind is not bool:  # numpy's, enum's
        return json_number(int(value) if isinstance(value, int) else float(value))
    return None


def decimal_text(value: Decimal) -> str | None:
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
