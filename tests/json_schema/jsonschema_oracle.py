"""The `jsonschema` library as an oracle, with exact numbers and ECMA-262 patterns.

It differs from its defaults in three ways: numbers are Decimals, in schemas too, so that all arithmetic is exact;
patterns are searched with `regress`, an ECMA-262 engine; and draft 4's integers are told by their spelling.

For draft 2019-09 it gets the unevaluatedProperties of 2020-12: jsonschema's own takes the keys of the schema in
additionalProperties for names of members ("the annotation results of additionalProperties", 9.3.2.4, are names in the
instance). Its unevaluatedItems of 2019-09 counts what `contains` found, which 9.3.1.3 doesn't; random schemas of that
draft don't use it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import jsonschema
import regress
from json_schema.reference import SpelledInteger, document
from jsonschema import validators
from jsonschema.exceptions import ValidationError

CLASSES = {
    "draft-04": jsonschema.Draft4Validator,
    "draft-06": jsonschema.Draft6Validator,
    "draft-07": jsonschema.Draft7Validator,
    "2019-09": jsonschema.Draft201909Validator,
    "2020-12": jsonschema.Draft202012Validator,
}


def _is_integer(checker, instance):
    if isinstance(instance, bool):
        return False
    return isinstance(instance, int) or (isinstance(instance, Decimal) and instance == instance.to_integral_value())


def _is_spelled_integer(checker, instance):
    return isinstance(instance, (int, SpelledInteger)) and not isinstance(instance, bool)


def _is_number(checker, instance):
    return isinstance(instance, (int, float, Decimal)) and not isinstance(instance, bool)


def _pattern(validator, pattern, instance, schema):
    if isinstance(instance, str) and regress.Regex(pattern, "u").find(instance) is None:
        yield ValidationError("pattern")


def _pattern_properties(validator, patterns, instance, schema):
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for name, member in instance.items():
                if regress.Regex(pattern, "u").find(name) is not None:
                    yield from validator.descend(member, subschema, path=name)


def _additional_properties(validator, additional, instance, schema):
    if isinstance(instance, dict):
        patterns = [regress.Regex(pattern, "u") for pattern in schema.get("patternProperties", {})]
        for name, member in instance.items():
            if name in schema.get("properties", {}) or any(p.find(name) is not None for p in patterns):
                continue
            yield from validator.descend(member, additional, path=name)


def _multiple_of(validator, divisor, instance, schema):
    if _is_number(None, instance) and (Fraction(instance) / Fraction(str(divisor))).denominator != 1:
        yield ValidationError("multipleOf")


def _oracle(cls, is_integer):
    checker = cls.TYPE_CHECKER.redefine("integer", is_integer).redefine("number", _is_number)
    keywords = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "multipleOf": _multiple_of,
    }
    if cls is jsonschema.Draft201909Validator:
        keywords["unevaluatedProperties"] = jsonschema.Draft202012Validator.VALIDATORS["unevaluatedProperties"]
    return validators.extend(cls, keywords, type_checker=checker)


_ORACLES = {
    name: _oracle(cls, _is_spelled_integer if name == "draft-04" else _is_integer) for name, cls in CLASSES.items()
}


def validator(schema, dialect, format_checker=None, registry=None):
    """A validator; ``.is_valid(value)`` says what jsonschema says."""
    options = {"registry": registry} if registry is not None else {}
    exact = document(json.dumps(schema))
    return _ORACLES[dialect](exact, format_checker=format_checker, **options)
