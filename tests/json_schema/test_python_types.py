"""Schemas of Python types and signatures."""

import dataclasses
import enum
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest
from json_schema.reference import document, is_valid
from typing_extensions import TypedDict

from gcd import json_schema
from gcd.errors import SchemaError, UnsupportedError


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(min_length=1)]
    colors: list[Color] = []
    parent: "Item | None" = None


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Options(TypedDict, total=False):
    deep: bool


class Pair(NamedTuple):
    a: int
    b: str


CASES = [
    (Item, '{"name": "a", "colors": ["red"], "parent": {"name": "b"}}', '{"name": "a", "parent": {"name": ""}}'),
    (Point, '{"x": 1}', '{"x": "1"}'),
    (Options, '{"deep": true}', '{"deep": 3}'),
    (Pair, '[1, "b"]', "[1]"),
    (Color, '"blue"', '"green"'),
    (Literal["a", 1], "1", "2"),
    (int | str, '"x"', "null"),
    (list[Point], '[{"x": 1}]', "[1]"),
    (dict[str, int], '{"a": 1}', '{"a": "b"}'),
    (Annotated[int, pydantic.Field(gt=3)], "4", "3"),
    (pydantic.TypeAdapter(bool), "true", "0"),
]


@pytest.mark.parametrize(("type_", "good", "bad"), CASES)
def test_types(type_, good, bad):
    program = json_schema.from_pydantic(type_).program
    assert is_valid(program, document(good))
    assert not is_valid(program, document(bad))
    adapter = type_ if isinstance(type_, pydantic.TypeAdapter) else pydantic.TypeAdapter(type_)
    adapter.validate_json(good)


def test_options_go_through():
    program = json_schema.from_pydantic(Point, additional_properties="closed").program
    assert not is_valid(program, document('{"x": 1, "z": 2}'))


def test_types_without_a_schema():
    class Opaque:
        pass

    with pytest.raises(SchemaError, match="Opaque"):
        json_schema.from_pydantic(Opaque)
    with pytest.raises(SchemaError, match="pydantic has no JSON Schema"):
        json_schema.from_pydantic(type(lambda: 0))


def test_signatures():
    def search(query: str, n: int = 10, *, kind: Literal["web", "news"] = "web", anything=None):
        pass

    program = json_schema.from_signature(search).program
    assert is_valid(program, document('{"query": "x"}'))
    assert is_valid(program, document('{"query": "x", "n": 3, "kind": "news", "anything": [1]}'))
    for bad in ('{"n": 3}', '{"query": "x", "kind": "other"}', '{"query": "x", "more": 1}', "[]"):
        assert not is_valid(program, document(bad))


def test_keyword_arguments_of_any_name():
    def f(a: int, **others: str):
        pass

    program = json_schema.from_signature(f).program
    assert is_valid(program, document('{"a": 1, "b": "x"}'))
    assert not is_valid(program, document('{"a": 1, "b": 2}'))


def test_methods_are_bound():
    class Tool:
        def run(self, speed: float) -> Any:
            pass

    program = json_schema.from_signature(Tool().run).program
    assert is_valid(program, document('{"speed": 1.5}'))
    assert not is_valid(program, document('{"self": 1, "speed": 1.5}'))


def test_parameters_without_a_name_are_refused():
    for function in (lambda a, /: a, lambda *a: a):
        with pytest.raises(UnsupportedError, match="can't be given by name"):
            json_schema.from_signature(function)
    with pytest.raises(TypeError, match="function"):
        json_schema.from_signature(3)
