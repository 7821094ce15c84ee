"""What is valid, by jsonschema: with exact numbers and ECMAScript's regular expressions.

jsonschema searches patterns with Python's `re` and reads numbers as floats. Here texts are read with `Fraction`, and
its modules are lent an ECMAScript engine (regress) while they work.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

import jsonschema
import regress
from jsonschema import _keywords, _legacy_keywords, _utils, validators
from referencing import Registry


class RefusedTextError(ValueError):
    """No document at all, whatever the schema: the message says why."""


def loads(text: str) -> Any:
    """The value of a JSON text: whole numbers as int, others as `Fraction`, however they are spelled.

    Raises:
        RefusedTextError: no JSON, a name twice in one object, a lone surrogate.
    """
    try:
        value = json.loads(
            text, parse_int=number, parse_float=number, parse_constant=_no_constant, object_pairs_hook=_once
        )
    except RecursionError:
        raise
    except ValueError as error:
        raise RefusedTextError(str(error)) from error
    if "\\u" in text and re.search("[\ud800-\udfff]", json.dumps(_names_and_strings(value), ensure_ascii=False)):
        raise RefusedTextError("a lone surrogate")
    return value


class Spelled(int):
    """A whole number that was spelled with a fraction or an exponent: no integer for drafts 3 and 4."""


def number(text: str) -> int | Fraction:
    """A JSON number exactly; exponents beyond 3,000 are read as 3,000, which nothing in a schema comes near."""
    mantissa, e, exponent = text.lower().partition("e")
    exact = Fraction(f"{mantissa}e{max(-3000, min(3000, int(exponent)))}" if e else text)
    if exact.denominator > 1:
        return exact
    return int(exact) if text.lstrip("-").isdigit() else Spelled(exact)


def exact(schema: Any) -> Any:
    """A schema with its numbers read exactly: floats by their shortest spelling, as JSON texts have it."""
    return json.loads(json.dumps(schema), parse_int=number, parse_float=number)


def validator(
    schema: Any, *, formats: bool = False, registry: Registry | None = None, draft: type | None = None
) -> Callable[[Any], bool]:
    """``valid(value)`` for values from `loads`.

    Args:
        schema: a dict or bool.
        formats: whether `format` is enforced, by jsonschema's own checkers.
        registry: of other documents that `$ref` may name.
        draft: jsonschema's class; default by `$schema`, else draft 2020-12.
    """
    cls: Any = draft or validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    if cls in (jsonschema.Draft3Validator, jsonschema.Draft4Validator):
        cls = validators.extend(cls, type_checker=cls.TYPE_CHECKER.redefine("integer", is_lexical_integer))
    options: dict[str, Any] = {} if registry is None else {"registry": registry}
    checker = format_checker() if formats else None
    judge = cls(exact(schema), format_checker=checker, **options)

    def valid(value: Any) -> bool:
        with ecmascript():
            return bool(judge.is_valid(value))

    return valid


@cache
def format_checker() -> jsonschema.FormatChecker:
    """jsonschema's formats of draft 2020-12, for all drafts, as MaskBench has it; and leap seconds.

    RFC 3339, 5.6: "time-second = 2DIGIT ; 00-58, 00-59, 00-60 based on leap second rules", and 5.7: they end a day
    in UTC. jsonschema takes none.
    """
    known = jsonschema.Draft202012Validator.FORMAT_CHECKER
    checker = jsonschema.FormatChecker()
    checker.checkers = dict(known.checkers)
    for name in ("time", "date-time"):
        checker.checks(name)(_with_leap_seconds(known, name))
    return checker


def _with_leap_seconds(known: jsonschema.FormatChecker, name: str) -> Callable[[object], bool]:
    def conforms(instance: object) -> bool:
        if not isinstance(instance, str) or known.conforms(instance, name):
            return True
        found = re.fullmatch(r"(.*?)([0-9]{2}):([0-9]{2}):60(\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))", instance)
        if not found or not known.conforms(instance.replace(":60", ":59", 1), name):
            return False
        hours, minutes, sign, *offset = found.group(2, 3, 5, 6, 7)
        ahead = (int(offset[0]) * 60 + int(offset[1])) * (-1 if sign == "-" else 1) if sign else 0
        return (int(hours) * 60 + int(minutes) - ahead) % 1440 == 1439

    return conforms


def is_lexical_integer(checker: Any, value: Any) -> bool:
    """Draft 4: "A JSON number without a fraction or exponent part"."""
    return isinstance(value, int) and not isinstance(value, bool | Spelled)


@contextmanager
def ecmascript() -> Iterator[None]:
    """jsonschema's keywords search with an ECMAScript engine inside of this block."""
    modules: tuple[Any, ...] = (_keywords, _legacy_keywords, _utils)
    for module in modules:
        module.re = ENGINE
    try:
        yield
    finally:
        for module in modules:
            module.re = re


ENGINE = SimpleNamespace(search=lambda pattern, text: compiled(pattern).find(text))


@lru_cache(maxsize=10_000)
def compiled(pattern: str) -> Any:
    """A pattern with the flag u, as the specification recommends; without it if only that takes the pattern."""
    try:
        return regress.Regex(pattern, "u")
    except regress.RegressError:
        return regress.Regex(pattern)


def _no_constant(name: str) -> Any:
    raise RefusedTextError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise RefusedTextError("a name twice in one object")
    return members


def _names_and_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return [[name, _names_and_strings(member)] for name, member in value.items()]
    if isinstance(value, list):
        return [_names_and_strings(item) for item in value]
    return value if isinstance(value, str) else None
