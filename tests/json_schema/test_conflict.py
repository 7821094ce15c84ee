"""The keywords that conflict, found with a question that a pool of small documents answers."""

import itertools

import pytest
from json_schema.reference import document, is_valid

from gcd import json_schema
from gcd.json_schema.conflict import conflicting_keywords

SCALARS = ["null", "true", "1", "2", "3", "4", "2.5", '"a"', '"abc"']
POOL = [
    *SCALARS,
    *("[]", "{}"),
    *(f"[{a}]" for a in SCALARS),
    *(f'{{"{name}": {a}}}' for name in "ab" for a in [*SCALARS, '{"b": 1}']),
    *(f'{{"a": {a}, "b": {b}}}' for a, b in itertools.product(SCALARS[:5], repeat=2)),
]
VALUES = [document(text) for text in POOL]


class Oracle:
    """Whether any document of the pool is valid; counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, program):
        self.asked += 1
        return any(is_valid(program, value) for value in VALUES)


CASES = [
    ({"type": "integer", "minimum": 3, "maximum": 2, "title": "x"}, {"#/type", "#/minimum", "#/maximum"}),
    (
        {"type": "object", "required": ["a"], "properties": {"a": False, "b": {}}},
        {"#/type", "#/required", "#/properties/a"},
    ),
    (
        {"allOf": [{"type": "string"}, {"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "null"}}},
        {"#/allOf/0/type", "#/$defs/n"},
    ),
    (
        {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "string", "enum": [1, 2]}, "b": {"minimum": 3}},
        },
        {"#/type", "#/required", "#/properties", "#/properties/a/type", "#/properties/a/enum"},
    ),
    (
        {"enum": ["a", "abc"], "minLength": 2, "pattern": "^a$", "description": "d"},
        {"#/enum", "#/minLength", "#/pattern"},
    ),
    ({"anyOf": [{"enum": []}, {"type": "null", "const": 1}]}, {"#/anyOf/1/type", "#/anyOf/1/const"}),
]


@pytest.mark.parametrize(("schema", "expected"), CASES)
def test_conflicts(schema, expected):
    program = json_schema.load(schema).program
    oracle = Oracle()
    assert not oracle(program)
    found = conflicting_keywords(program, oracle)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_false_is_a_conflict_of_its_own():
    assert conflicting_keywords(json_schema.load(False).program, Oracle()) == ("#",)


def test_few_questions_for_large_schemas():
    schema = {
        "allOf": [{"properties": {f"p{i}": {"minLength": i}}} for i in range(300)],
        "type": "string",
        "minLength": 3,
        "maxLength": 2,
    }
    oracle = Oracle()
    assert set(conflicting_keywords(json_schema.load(schema).program, oracle)) == {
        "#/type",
        "#/minLength",
        "#/maxLength",
    }
    assert oracle.asked < 100


def test_when_questions_run_out_there_is_still_an_answer():
    program = json_schema.load({"type": "integer", "minimum": 3, "maximum": 2}).program
    found = conflicting_keywords(program, Oracle(), max_questions=1)
    assert {"#/minimum", "#/maximum"} <= set(found)
