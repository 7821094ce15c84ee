"""`load`: forms of input, coverage, warnings, closed objects, references, and what is refused."""

import collections
import enum
import json
import time
from decimal import Decimal

import pytest
import referencing
from json_schema.reference import document, is_valid
from referencing.jsonschema import DRAFT202012

from gcd import json_schema
from gcd.errors import GcdError, GrammarError, LimitError, SchemaError, SchemaRefError
from gcd.limits import Limits


def valid(schema, text, **options):
    return is_valid(json_schema.load(schema, **options).program, document(text))


class TestInput:
    def test_all_forms_mean_the_same(self, tmp_path):
        schema = {"type": "object", "properties": {"é": {"minimum": 0.1}}}
        path = tmp_path / "a.json"
        path.write_text(json.dumps(schema, ensure_ascii=False), encoding="utf-8-sig")
        forms = [schema, json.dumps(schema), json.dumps(schema).encode(), path]
        programs = {json_schema.load(form).program for form in forms}
        assert len(programs) == 1
        assert json_schema.load(path).name == str(path)
        assert not valid(False, "1")
        assert valid("true", "1")

    def test_numbers_in_text_are_exact(self):
        assert not valid('{"maximum": 0.1000000000000000000001}', "0.1000000000000000000002")
        assert valid('{"maximum": 0.1000000000000000000001}', "0.1000000000000000000001")
        assert valid('{"const": 1e400}', "1" + "0" * 400)
        assert valid({"multipleOf": 0.1}, "0.3")
        assert valid({"multipleOf": Decimal("0.01")}, "19.99")
        assert valid({"const": -0.0}, "0")

    def test_subclasses_and_tuples_are_read_as_what_they_are(self):
        class Kind(enum.StrEnum):
            A = "a"

        class Number(enum.IntEnum):
            ONE = 1

        schema = collections.OrderedDict(type=("string", "integer"), enum=[Kind.A, Number.ONE], default={"x": (1,)})
        assert valid(schema, '"a"')
        assert valid(schema, "1")
        assert not valid(schema, '"b"')

    @pytest.mark.parametrize("bad", [object(), {1, 2}, len])
    def test_other_types_are_type_errors(self, bad):
        with pytest.raises(TypeError, match="a schema must be"):
            json_schema.load(bad)

    def test_wrong_options_are_value_errors(self):
        for options in ({"format": "maybe"}, {"additional_properties": "open"}, {"dialect": "draft-1"}):
            with pytest.raises(ValueError, match="must be"):
                json_schema.load({}, **options)


BAD = [
    ('{"a":', None, "no JSON"),
    ('{"a": NaN}', None, "NaN"),
    ('{"a": 1, "a": 2}', None, "twice"),
    ("schema.json", None, "no JSON"),
    (b"\xff", None, "UTF-8"),
    ("3", "#", "object or a boolean"),
    (42, "#", "object or a boolean"),
    (None, "#", "object or a boolean"),
    ([{}], "#", "object or a boolean"),
    ({"type": "int"}, "#/type", "no type 'int'"),
    ({"type": ["string", 3]}, "#/type", "no type 3"),
    ({"properties": {"a/b": {"type": "x"}}}, "#/properties/a~1b/type", "no type"),
    ({"minimum": "3"}, "#/minimum", "number"),
    ({"minimum": float("nan")}, "#/minimum", "number"),
    ({"maximum": True}, "#/maximum", "number"),
    ({"minimum": 10**5000}, "#/minimum", "number"),
    ({"multipleOf": 0}, "#/multipleOf", "over 0"),
    ({"minLength": -1}, "#/minLength", "negative"),
    ({"minItems": 1.5}, "#/minItems", "integer"),
    ({"maxItems": True}, "#/maxItems", "integer"),
    ({"maxProperties": float("inf")}, "#/maxProperties", "integer"),
    ({"required": True}, "#/required", "list of strings"),
    ({"required": [1]}, "#/required", "list of strings"),
    ({"properties": []}, "#/properties", "object"),
    ({"properties": {"a": 3}}, "#/properties/a", "a schema is"),
    ({"patternProperties": []}, "#/patternProperties", "object"),
    ({"additionalProperties": 3}, "#/additionalProperties", "a schema is"),
    ({"items": [{}]}, "#/items", "prefixItems"),
    ({"prefixItems": {}}, "#/prefixItems", "list of schemas"),
    ({"allOf": []}, "#/allOf", "empty"),
    ({"anyOf": {}}, "#/anyOf", "list of schemas"),
    ({"not": None}, "#/not", "a schema is"),
    ({"then": 3}, "#/then", "a schema is"),
    ({"enum": 3}, "#/enum", "list"),
    ({"enum": [float("inf")]}, "#/enum", "no JSON value"),
    ({"const": object()}, None, "no JSON value"),
    ({"pattern": "("}, "#/pattern", "unterminated"),
    ({"pattern": 3}, "#/pattern", "string"),
    ({"format": 3}, "#/format", "string"),
    ({"uniqueItems": 1}, "#/uniqueItems", "boolean"),
    ({"dependentRequired": {"a": "b"}}, "#/dependentRequired/a", "list of strings"),
    ({"dependentSchemas": []}, "#/dependentSchemas", "object"),
    ({"dependencies": {"a": 3}}, "#/dependencies/a", "a schema is"),
    ({"maxContains": -1}, "#/maxContains", "negative"),
    ({1: 2}, None, "names in a schema"),
    ({"$schema": 3}, "#/$schema", "URI"),
    ({"$ref": 3}, "#/$ref", "URI reference"),
    ({"$ref": "#/$defs/nope", "$defs": {}}, "#/$ref", "no 'nope' in #/$defs"),
    ({"items": {"$ref": "#nope"}}, "#/items/$ref", "no anchor 'nope'"),
    ({"$ref": "http://example.com/x"}, "#/$ref", "nothing is fetched"),
    ({"$ref": "#/$defs/9", "$defs": [1]}, "#/$ref", "no '9'"),
    ({"$ref": "#/type", "type": "null"}, "#/$ref", "no schema"),
    ({"$dynamicRef": 3}, "#/$dynamicRef", "URI reference"),
    ({"$ref": "#"}, "#/$ref", "comes back to itself"),
    (
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"minimum": 1}, {"not": {"$ref": "#/$defs/a"}}]}}},
        "#/$defs/a/anyOf/1/not/$ref",
        "itself",
    ),
    (
        {
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}},
            "items": {"$ref": "#/$defs/b"},
        },
        "#/$defs/b/allOf/0/$ref",
        "itself",
    ),
    ({"$id": "http://[", "$ref": "x"}, None, ""),
]


@pytest.mark.parametrize(("schema", "place", "text"), BAD)
def test_bad_schemas_are_errors_with_a_place_and_a_cause(schema, place, text):
    with pytest.raises(SchemaError) as caught:
        json_schema.load(schema)
    assert text in caught.value.cause
    assert caught.value.remedy
    if place is not None:
        assert caught.value.pointer == caught.value.place == place
    assert isinstance(caught.value, GrammarError)


def test_reference_errors_have_a_class_of_their_own_and_a_remedy():
    with pytest.raises(SchemaRefError, match="registry=") as caught:
        json_schema.load({"properties": {"a": {"$ref": "other.json#/x"}}})
    assert caught.value.pointer == "#/properties/a/$ref"


def _nested(n, wrap):
    schema = {}
    for _ in range(n):
        schema = wrap(schema)
    return schema


def _circle():
    schema = {}
    schema["properties"] = {"a": schema}
    return schema


def _branching(n):
    definitions = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(n)}
    definitions[f"d{n}"] = {"properties": {"a": {}}}
    return {"$defs": definitions, "$ref": "#/$defs/d0", "unevaluatedProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        _nested(300, lambda s: {"not": s}),
        _nested(300, lambda s: {"properties": {"a": s}}),
        _nested(5000, lambda s: {"items": s}),
        _circle(),
        "[" * 100_000,
        '{"not":' * 5000 + "true" + "}" * 5000,
        {"const": _nested(150, lambda s: [s])},
        {"pattern": "(" * 300 + ")" * 300},
        {"pattern": "a{1,99999999}"},
        _branching(30),
    ],
)
def test_hostile_schemas_meet_a_limit_at_once(schema):
    start = time.process_time()
    with pytest.raises(LimitError) as caught:
        json_schema.load(schema)
    assert caught.value.limit
    assert time.process_time() - start < 5


def test_large_schemas_and_long_chains_are_fine():
    definitions = {f"d{i}": {"items": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(3000)}
    definitions["d3000"] = {"type": "null"}
    assert valid({"$ref": "#/$defs/d2990", "$defs": definitions}, "[" * 10 + "null" + "]" * 10)
    json_schema.load({"$ref": "#/$defs/d0", "$defs": definitions})
    deep = {
        f"d{i}": {"anyOf": [{"items": {"$ref": f"#/$defs/d{i + 1}"}}], "unevaluatedItems": False} for i in range(500)
    }
    json_schema.load({"$ref": "#/$defs/d0", "$defs": {**deep, "d500": {}}})
    deep = {f"d{i}": {"anyOf": [{"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}}, {}]} for i in range(500)}
    json_schema.load({"$ref": "#/$defs/d0", "$defs": {**deep, "d500": {}}}, additional_properties="closed")
    chain = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(3000)}
    json_schema.load({"$ref": "#/$defs/d0", "$defs": {**chain, "d3000": {}}})
    words = [f"word {i}" for i in range(10_000)]
    start = time.process_time()
    program = json_schema.load({"enum": words}).program
    assert time.process_time() - start < 1
    assert is_valid(program, "word 9999")
    assert not is_valid(program, "word 10000")


def test_budgets_are_the_callers():
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        json_schema.load('{"const": "a long text"}', limits=Limits(max_grammar_bytes=10))
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        json_schema.load({"enum": [1] * 100}, limits=Limits(max_grammar_bytes=50))
    with pytest.raises(LimitError, match="max_nesting"):
        json_schema.load(_nested(12, lambda s: {"not": s}), limits=Limits(max_nesting=10))
    with pytest.raises(LimitError, match="seconds"):
        json_schema.load({"anyOf": [{"minimum": i} for i in range(5000)]}, limits=Limits(seconds=1e-9))


def test_lone_surrogates_cannot_be_written():
    assert not valid({"enum": ["\ud800", "a"]}, '"b"')
    assert valid({"enum": ["\ud800", "a"]}, '"a"')
    assert not valid({"required": ["\udfff"]}, "{}")
    assert valid({"required": ["\udfff"]}, "[]")
    assert valid({"properties": {"\ud800": False}}, "{}")
    assert not valid({"const": {"\ud800": 1}}, "{}")
    assert not valid({"dependentRequired": {"a": ["\ud800"]}}, '{"a": 1}')
    assert valid({"dependentRequired": {"\ud800": ["a"]}, "dependentSchemas": {"\ud800": False}}, "{}")
    json_schema.load({"const": ["\ud800x"], "pattern": "\ud800"}).program.to_bytes()


class TestCoverage:
    def test_every_keyword_is_listed_once(self):
        schema = {
            "$comment": "c",
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"x-mine": 1, "title": "t"}},
            "unevaluatedProperties": False,
            "anyOf": [{"properties": {"c": {"minimum": 3}}}, {"required": ["a"]}],
            "minContains": 3,
            "$defs": {"n": {"type": "integer"}},
        }
        coverage = json_schema.load(schema).coverage
        pointers = [entry.pointer for entry in coverage]
        assert len(pointers) == len(set(pointers))
        status = {entry.pointer: entry.status for entry in coverage}
        assert status["#/type"] == "exact"
        assert status["#/$defs/n/type"] == "exact"
        assert status["#/anyOf/0/properties/c/minimum"] == "exact"
        assert status["#/unevaluatedProperties"] == "exact"
        assert status["#/$comment"] == status["#/properties/b/title"] == status["#/minContains"] == "annotation"
        why = {entry.pointer: entry.why for entry in coverage}
        assert why["#/properties/b/x-mine"] == "unknown keyword"
        assert why["#/minContains"] == "minContains says nothing without contains"

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            ("minlength", "minLength"),
            ("max_length", "maxLength"),
            ("additionalPropertes", "additionalProperties"),
            ("additonalProperties", "additionalProperties"),
            ("requried", "required"),
            ("additional-properties", "additionalProperties"),
            ("ref", "$ref"),
        ],
    )
    def test_likely_slips_are_warned_about(self, wrong, right):
        grammar = json_schema.load({"items": {wrong: 3}})
        (warning,) = grammar.warnings
        assert f"#/items/{wrong}" in warning
        assert right in warning

    def test_own_keywords_are_no_slips(self):
        schema = {"x-minLength": 1, "label": 2, "examples": [], "kind": 1, "enumNames": [], "order": 3, "items_": 1}
        assert json_schema.load({k: v for k, v in schema.items() if k != "items_"}).warnings == ()


class TestClosed:
    def closed(self, schema, text):
        return valid(schema, text, additional_properties="closed")

    def test_named_members_only(self):
        schema = {"properties": {"a": {"properties": {"b": {}}}}}
        assert self.closed(schema, '{"a": {"b": 1}}')
        assert not self.closed(schema, '{"x": 1}')
        assert not self.closed(schema, '{"a": {"x": 1}}')
        assert valid(schema, '{"a": {"x": 1}, "x": 1}')

    def test_schemas_that_name_nothing_stay_open(self):
        assert self.closed({"type": "object"}, '{"x": {"y": 1}}')
        assert self.closed({}, '[{"x": 1}]')

    def test_what_the_schema_says_itself_stays(self):
        assert self.closed({"properties": {"a": {}}, "additionalProperties": {"type": "null"}}, '{"b": null}')
        assert self.closed({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, '{"xy": 1}')
        assert self.closed({"$ref": "#/$defs/o", "$defs": {"o": {"properties": {"a": {}}}}}, '{"a": 1}')

    def test_parts_of_one_object_are_closed_together(self):
        schema = {
            "allOf": [{"properties": {"a": {}}}, {"$ref": "#/$defs/b"}],
            "$defs": {"b": {"properties": {"b": {}}}},
        }
        assert self.closed(schema, '{"a": 1, "b": 2}')
        assert not self.closed(schema, '{"a": 1, "c": 2}')
        union = {"anyOf": [{"properties": {"k": {"const": 1}, "x": {}}}, {"properties": {"k": {"const": 2}, "y": {}}}]}
        assert self.closed(union, '{"k": 1, "x": 0}')
        assert not self.closed(union, '{"k": 1, "y": 0}')

    def test_recursive_schemas(self):
        schema = {"properties": {"next": {"$ref": "#"}}}
        assert self.closed(schema, '{"next": {"next": {}}}')
        assert not self.closed(schema, '{"next": {"next": {"x": 1}}}')

    def test_recursion_through_branches(self):
        node = {"anyOf": [{"properties": {"next": {"$ref": "#/$defs/n"}, "k": {"const": 1}}}, {"type": "null"}]}
        schema = {"$ref": "#/$defs/n", "$defs": {"n": node}}
        assert self.closed(schema, '{"next": {"next": null, "k": 1}}')
        assert not self.closed(schema, '{"next": {"next": {"x": 1}}}')
        assert not self.closed(schema, '{"x": 1}')

    def test_is_what_unevaluated_properties_would_say(self):
        """Where each object that names members is told so by hand."""
        import random

        from json_schema import random_schemas

        n_refused = 0
        for seed in range(300):
            rnd = random.Random(seed)
            schema = random_schemas.whole(rnd, "2020-12")
            schema.pop("unevaluatedProperties", None)
            open_, shut = (json_schema.load(schema, additional_properties=how).program for how in ("schema", "closed"))
            for _ in range(10):
                value = document(random_schemas.text(rnd, 3))
                if is_valid(shut, value):
                    assert is_valid(open_, value)
                else:
                    n_refused += is_valid(open_, value)
        assert n_refused > 50


class TestReferences:
    def test_registry_of_either_kind(self):
        other = {"$id": "http://example.com/other", "$defs": {"n": {"$anchor": "num", "type": "number"}}}
        registries = [
            {"http://example.com/other": other},
            referencing.Registry().with_resource("http://example.com/other", DRAFT202012.create_resource(other)),
        ]
        for registry in registries:
            for ref in ("http://example.com/other#num", "http://example.com/other#/$defs/n"):
                assert valid({"$ref": ref}, "1", registry=registry)
                assert not valid({"$ref": ref}, '"a"', registry=registry)

    def test_meta_schemas_are_there(self):
        for uri in ("http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"):
            assert valid({"$ref": uri}, '{"type": "string", "properties": {"a": {"minimum": 3}}}')
            assert not valid({"$ref": uri}, '{"properties": {"a": {"minimum": "3"}}}')

    def test_own_id_and_embedded_resources(self):
        schema = {
            "$id": "http://example.com/root",
            "properties": {"a": {"$ref": "http://example.com/root#/$defs/n"}, "b": {"$ref": "inner#/$defs/s"}},
            "$defs": {
                "n": {"type": "number"},
                "i": {"$id": "inner", "$defs": {"s": {"type": "string"}}, "items": {"$ref": "#/$defs/s"}},
            },
        }
        assert valid(schema, '{"a": 1, "b": "x"}')
        assert not valid(schema, '{"a": "x"}')
        assert not valid(schema, '{"b": 1}')

    def test_a_registry_that_fails_is_named(self):
        def retrieve(uri):
            raise OSError("no net")

        with pytest.raises(SchemaRefError, match="no net"):
            json_schema.load({"$ref": "http://example.com/x"}, registry=referencing.Registry(retrieve=retrieve))

    def test_escapes_in_pointers(self):
        schema = {"$ref": "#/$defs/a~1b%25~0", "$defs": {"a/b%~": {"type": "null"}}}
        assert valid(schema, "null")
        assert not valid(schema, "1")


def test_no_error_but_ours_for_slightly_broken_schemas():
    import random

    from json_schema import random_schemas

    def broken(rnd, value):
        if isinstance(value, dict) and value and rnd.random() < 0.9:
            name = rnd.choice(list(value))
            return {**value, name: broken(rnd, value[name])}
        if isinstance(value, list) and value and rnd.random() < 0.9:
            at = rnd.randrange(len(value))
            return [*value[:at], broken(rnd, value[at]), *value[at + 1 :]]
        return rnd.choice([None, 3, -1, "x", [], {}, True, [1], {"a": 1}, 1e400, "\ud800", "#/x", {"$ref": "#"}])

    n_refused = 0
    for seed in range(1500):
        rnd = random.Random(seed)
        dialect = rnd.choice(["draft-04", "draft-06", "draft-07", "2019-09", "2020-12", "openapi-3.0"])
        made = dialect if dialect != "openapi-3.0" else "draft-04"
        schema = broken(rnd, random_schemas.whole(rnd, made))
        if not isinstance(schema, (dict, bool)):
            continue
        try:
            grammar = json_schema.load(schema, dialect=dialect)
        except GcdError:
            n_refused += 1
        else:
            grammar.program.to_bytes()
            assert isinstance(grammar.warnings, tuple)
    assert n_refused > 300
