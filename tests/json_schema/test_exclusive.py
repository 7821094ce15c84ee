"""oneOf becomes anyOf where, and only where, its branches exclude each other."""

import pytest
from json_schema.reference import document, is_valid

from gcd import json_schema
from gcd.json_schema.program import Node


def reachable(program):
    """The operators of all nodes that the root refers to (of those with which these tests are about)."""
    seen, rest = set(), [program.root]
    while rest:
        index = rest.pop()
        if index not in seen:
            seen.add(index)
            op, *args = program.nodes[index]
            if op in (Node.AND, Node.OR, Node.ONE, Node.NOT):
                rest += args
    return [program.nodes[index][0] for index in seen]


def kind(value, **more):
    return {"properties": {"kind": {"const": value}}, "required": ["kind"], **more}


EXCLUSIVE = [
    {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": ["null", "array"]}]},
    {"oneOf": [{"enum": ["a", "b", 1]}, {"enum": ["c", 2]}, {"const": None}]},
    {"type": "object", "oneOf": [kind("a"), kind("b"), kind("c")]},
    {"oneOf": [kind("a", type="object"), kind(1, type="object"), kind(None, type="object")]},
    {
        "oneOf": [{"type": "object", "allOf": [kind("a")]}, {"$ref": "#/$defs/b"}],
        "$defs": {"b": kind(2, type="object")},
    },
    {"type": "object", "required": ["kind"], "oneOf": [{"properties": {"kind": {"const": i}}} for i in range(4)]},
    {"type": "object", "oneOf": [{"required": ["a"]}, {"not": {"required": ["a"]}}]},
    {
        "type": "object",
        "oneOf": [
            {"required": ["a"], "properties": {"a": {}}, "additionalProperties": False},
            {"required": ["b"], "properties": {"b": {}}, "additionalProperties": False},
        ],
    },
    {"oneOf": [{"type": "boolean"}, {"anyOf": [{"type": "null"}, {"enum": ["x", 3]}]}]},
]

OVERLAPPING = [
    {"oneOf": [kind("a"), kind("b")]},  # all that are no objects satisfy both
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": v}}} for v in "ab"]},  # the member may be missing
    {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"oneOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]},
    {"oneOf": [{"enum": [1, "a"]}, {"enum": [1.0, "b"]}]},
    {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    {
        "type": "object",
        "oneOf": [{"required": ["a"], "patternProperties": {"b": {}}, "additionalProperties": False}] * 2,
    },
    {"oneOf": [{"const": {"a": 1}}, {"type": "object", "maxProperties": 3}]},
]

TEXTS = [
    *(
        '"a"',
        '"b"',
        '"c"',
        '"x"',
        "1",
        "2",
        "3",
        "1.0",
        "null",
        "true",
        "[]",
        "{}",
        '{"a": 1}',
        '{"b": 1}',
        '{"a": 1, "b": 1}',
    ),
    *('{"kind": "a"}', '{"kind": "b"}', '{"kind": 1}', '{"kind": 2}', '{"kind": null}', '{"kind": "z"}', '{"kind": 0}'),
]


def exactly_one(schema, text):
    """What oneOf means, with each branch a schema of its own."""
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    definitions = schema.get("$defs", {})
    value = document(text)
    holds = [is_valid(json_schema.load({"allOf": [b], "$defs": definitions}).program, value) for b in schema["oneOf"]]
    return sum(holds) == 1 and is_valid(json_schema.load(rest).program, value)


@pytest.mark.parametrize("schema", EXCLUSIVE)
def test_exclusive_branches(schema):
    program = json_schema.load(schema).program
    assert Node.ONE not in reachable(program)
    for text in TEXTS:
        assert is_valid(program, document(text)) == exactly_one(schema, text), text


@pytest.mark.parametrize("schema", OVERLAPPING)
def test_branches_that_overlap(schema):
    program = json_schema.load(schema).program
    for text in TEXTS:
        assert is_valid(program, document(text)) == exactly_one(schema, text), text


@pytest.mark.parametrize("schema", [s for s in OVERLAPPING if s["oneOf"][0] != s["oneOf"][1]])
def test_overlaps_stay_one_of(schema):
    assert Node.ONE in reachable(json_schema.load(schema).program)


def test_groups_of_branches():
    numbers = [{"type": "number", "minimum": 1}, {"type": "number", "maximum": 3}]
    program = json_schema.load({"oneOf": [*numbers, {"type": "string"}, {"type": "null"}]}).program
    (one,) = [entry for entry in program.nodes if entry[0] == Node.ONE and len(entry) == 3]
    assert len(one) == 3
    for text, valid in (("0", True), ("2", False), ("4", True), ('"x"', True), ("null", True), ("[]", False)):
        assert is_valid(program, document(text)) == valid


def test_a_shared_one_of_is_relaxed_only_where_its_surroundings_allow():
    either = [kind("a"), kind("b")]
    schema = {"prefixItems": [{"type": "object", "oneOf": either}, {"oneOf": either}]}
    program = json_schema.load(schema).program
    assert is_valid(program, document('[{"kind": "a"}, {"kind": "b"}]'))
    assert not is_valid(program, document('[{"kind": "a"}, 1]'))  # both branches are true of a number
    assert not is_valid(program, document('[{"kind": "c"}]'))
