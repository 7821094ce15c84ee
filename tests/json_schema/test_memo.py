"""Equal schemas are read once, and only equal ones."""

import copy
from decimal import Decimal

from gcd import json_schema
from gcd.json_schema.memo import Memo, key_of
from gcd.limits import Limits


def test_an_equal_schema_gives_the_same_grammar():
    schema = {"properties": {"a": {"const": 1}, "é": {"enum": ["x", 2.5, None]}}}
    grammar = json_schema.load(schema)
    assert json_schema.load(copy.deepcopy(schema)) is grammar
    assert json_schema.load({"properties": {"a": {"const": 1}, "é": {"enum": ["x", 2.5, None, 3]}}}) is not grammar


def test_what_only_looks_equal_is_told_apart():
    grammars = [json_schema.load({"const": value}) for value in (1, 1.0, True, "1", [1], ["1"], None, 0, False, 0.0)]
    assert len({id(grammar) for grammar in grammars}) == len(grammars)
    reordered = [json_schema.load({"properties": p}) for p in ({"a": {}, "b": {}}, {"b": {}, "a": {}})]
    assert reordered[0] is not reordered[1]


def test_options_count():
    schema = {"format": "ipv4", "properties": {"a": {}}}
    plain = json_schema.load(schema)
    for options in (
        {"format": "annotate"},
        {"dialect": "draft-07"},
        {"additional_properties": "closed"},
        {"options": json_schema.OutputOptions(max_whitespace=2)},
        {"limits": Limits(max_nesting=7)},
        {"registry": {}},
    ):
        assert json_schema.load(schema, **options) is not plain


def test_a_registry_is_asked_again():
    schema = {"$ref": "http://example.com/x"}
    one = json_schema.load(schema, registry={"http://example.com/x": {"minimum": 1}})
    two = json_schema.load(schema, registry={"http://example.com/x": {"minimum": 2}})
    assert one.program != two.program


def test_changing_a_schema_later_changes_nothing():
    schema = {"enum": [1]}
    one = json_schema.load(schema)
    schema["enum"].append(2)
    assert json_schema.load(schema).program != one.program


def test_keys():
    assert key_of({"a": [1, "é", "\ud800", None, 2**70]}) == key_of({"a": [1, "é", "\ud800", None, 2**70]})
    assert key_of(Decimal("0.1")) is None
    name = "".join(["interned", "?"])
    assert key_of([name, name]) == key_of([name, "".join(["interned", "?"])])


def test_the_oldest_go_first():
    memo = Memo(max_bytes=10)
    for i in range(6):
        memo.keep((bytes([i]) * 3, None), i)
        memo.get((b"\0\0\0", None))
    assert memo.get((b"\0\0\0", None)) == 0 or memo.get((b"\5\5\5", None)) == 5
    assert [i for i in range(6) if memo.get((bytes([i]) * 3, None)) is not None] == [0, 4, 5]
    memo.keep((b"x" * 11, None), 7)
    assert memo.get((b"x" * 11, None)) is None
