"""Where the drafts, and OpenAPI 3.0, differ."""

import pytest
from json_schema.reference import document, is_valid

from gcd import json_schema
from gcd.errors import SchemaError, UnsupportedError

URIS = {
    "draft-04": "http://json-schema.org/draft-04/schema#",
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "draft-07": "http://json-schema.org/draft-07/schema#",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def verdict(schema, text, dialect=None, **options):
    return is_valid(json_schema.load(schema, dialect=dialect, **options).program, document(text))


@pytest.mark.parametrize(("name", "uri"), URIS.items())
def test_schema_keyword_chooses(name, uri):
    for spelled in (uri, uri.rstrip("#"), uri.replace("https:", "http:"), uri.rstrip("#") + "#"):
        assert json_schema.load({"$schema": spelled}).dialect == name
    assert json_schema.load({}).dialect == "2020-12"
    assert json_schema.load({"$schema": uri}, dialect="draft-06").dialect == "draft-06"


def test_unknown_dialects_are_warned_about_and_draft_3_is_refused():
    grammar = json_schema.load({"$schema": "https://example.com/mine", "type": "null"})
    assert grammar.dialect == "2020-12"
    assert "https://example.com/mine" in grammar.warnings[0]
    with pytest.raises(UnsupportedError, match="draft-03"):
        json_schema.load({"$schema": "http://json-schema.org/draft-03/schema#"})
    with pytest.raises(ValueError, match="dialect must be"):
        json_schema.load({}, dialect="draft-5")


def test_exclusive_bounds_are_flags_in_draft_4():
    schema = {"minimum": 1, "exclusiveMinimum": True, "maximum": 3, "exclusiveMaximum": False}
    assert [verdict(schema, n, "draft-04") for n in ("1", "1.1", "3", "3.1")] == [False, True, True, False]
    with pytest.raises(SchemaError, match="exclusiveMinimum"):
        json_schema.load(schema, dialect="draft-06")
    with pytest.raises(SchemaError, match=r"exclusiveMinimum is a boolean in draft 4"):
        json_schema.load({"exclusiveMinimum": 3}, dialect="draft-04")
    assert not verdict({"exclusiveMinimum": 1}, "1", "draft-06")


def test_integers_are_told_by_spelling_in_draft_4():
    for dialect in URIS:
        assert verdict({"type": "integer"}, "1", dialect)
        for text in ("1.0", "10e-1", "1E2"):
            assert verdict({"type": "integer"}, text, dialect) == (dialect != "draft-04")
        assert not verdict({"type": "integer"}, "1.5", dialect)
        assert verdict({"type": ["integer", "number"]}, "1.5", dialect)


def test_ref_stands_alone_up_to_draft_7():
    schema = {"$ref": "#/definitions/a", "minimum": 5, "definitions": {"a": {"type": "number"}}}
    for dialect in URIS:
        assert verdict(schema, "1", dialect) == (dialect not in ("2019-09", "2020-12"))
    entry = next(e for e in json_schema.load(schema, dialect="draft-07").coverage if e.keyword == "minimum")
    assert entry.status == "annotation"
    assert "ignored beside $ref" in entry.why


def test_lists_of_items():
    schema = {"items": [{"type": "null"}], "additionalItems": {"type": "number"}}
    for dialect in ("draft-04", "draft-06", "draft-07", "2019-09"):
        assert verdict(schema, "[null, 1]", dialect)
        assert not verdict(schema, '[null, "a"]', dialect)
    with pytest.raises(SchemaError, match="prefixItems since draft 2020-12"):
        json_schema.load(schema)
    assert verdict({"prefixItems": [False]}, "[1]", "draft-07")


def test_keywords_that_a_draft_does_not_have_say_nothing_and_are_warned_about():
    schema = {"const": 1, "if": {"type": "null"}, "then": False, "dependentRequired": {"a": ["b"]}}
    grammar = json_schema.load(schema, dialect="draft-04")
    assert is_valid(grammar.program, None)
    assert len(grammar.warnings) == 4
    assert {entry.status for entry in grammar.coverage} == {"annotation"}
    assert "const says nothing in draft-04; it is one of 2020-12" in grammar.warnings[0]


def test_contains_before_counting():
    schema = {"contains": {"type": "null"}, "minContains": 0}
    assert not verdict(schema, "[]", "draft-07")
    assert verdict(schema, "[]", "2019-09")


def test_only_2020_12_counts_contained_items_as_evaluated():
    schema = {"contains": {"type": "null"}, "unevaluatedItems": False}
    assert verdict(schema, "[null]", "2020-12")
    assert not verdict(schema, "[null]", "2019-09")


def test_id_without_dollar_in_draft_4():
    schema = {
        "id": "http://example.com/root.json",
        "allOf": [{"$ref": "item.json"}],
        "definitions": {"i": {"id": "item.json", "type": "null"}},
    }
    assert verdict(schema, "null", "draft-04")
    assert not verdict(schema, "1", "draft-04")


def test_recursive_ref_of_2019_09():
    tree = {
        "$id": "http://example.com/tree",
        "$recursiveAnchor": True,
        "type": "object",
        "properties": {"next": {"$recursiveRef": "#"}},
    }
    strict = {
        "$schema": URIS["2019-09"],
        "$id": "http://example.com/strict",
        "$recursiveAnchor": True,
        "$ref": "tree",
        "unevaluatedProperties": False,
    }
    registry = {"http://example.com/tree": {**tree, "$schema": URIS["2019-09"]}}
    assert verdict(strict, '{"next": {"next": {}}}', registry=registry)
    assert not verdict(strict, '{"next": {"x": {}}}', registry=registry)
    loose = {**registry["http://example.com/tree"], "$recursiveAnchor": False}
    assert verdict(strict, '{"next": {"x": {}}}', registry={"http://example.com/tree": loose})


def test_vocabularies_of_a_passed_meta_schema():
    uri = "http://example.com/meta"
    meta = {
        "$schema": URIS["2020-12"],
        "$id": uri,
        "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/applicator": True},
    }
    schema = {"$schema": uri, "properties": {"a": {"minimum": 5}, "b": False}}
    assert verdict(schema, '{"a": 1}', registry={uri: meta})
    assert not verdict(schema, '{"b": 1}', registry={uri: meta})
    meta["$vocabulary"] = {"http://example.com/vocab": True}
    with pytest.raises(UnsupportedError, match=r"requires the vocabulary http://example.com/vocab"):
        json_schema.load(schema, registry={uri: meta})
    meta["$vocabulary"] = {"https://json-schema.org/draft/2020-12/vocab/format-assertion": True}
    schema = {"$schema": uri, "format": "ipv4"}
    assert not verdict(schema, '"a"', registry={uri: meta}, format="annotate")


class TestOpenApi:
    dialect = "openapi-3.0"

    def test_nullable(self):
        assert verdict({"type": "string", "nullable": True}, "null", self.dialect)
        assert not verdict({"type": "string", "nullable": True, "enum": ["a"]}, "null", self.dialect)
        assert verdict({"type": "integer", "nullable": True}, "null", self.dialect)
        assert not verdict({"type": "string", "nullable": False}, "null", self.dialect)
        grammar = json_schema.load({"nullable": True, "minimum": 3}, dialect=self.dialect)
        assert grammar.coverage[0].status == "annotation"
        for bad in ({"type": "null"}, {"type": ["string", "null"]}, {"nullable": 1}):
            with pytest.raises(SchemaError, match=r"#/(type|nullable)"):
                json_schema.load(bad, dialect=self.dialect)

    def test_discriminator(self):
        animal = {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {"propertyName": "kind", "mapping": {"hound": "#/components/schemas/Dog"}},
            "components": {
                "schemas": {
                    "Cat": {"type": "object", "required": ["lives"]},
                    "Dog": {"type": "object", "required": ["tail"]},
                }
            },
        }
        assert verdict(animal, '{"kind": "Cat", "lives": 9}', self.dialect)
        assert verdict(animal, '{"kind": "hound", "tail": 1}', self.dialect)
        assert verdict(animal, '{"kind": "Dog", "tail": 1}', self.dialect)
        assert not verdict(animal, '{"kind": "Dog", "lives": 9}', self.dialect)
        assert not verdict(animal, '{"lives": 9}', self.dialect)
        assert not verdict(animal, '{"kind": "Cow", "tail": 9}', self.dialect)

    def test_what_it_leaves_out_is_refused_by_name(self):
        for keyword, value in (("const", 1), ("patternProperties", {}), ("if", {}), ("prefixItems", [])):
            with pytest.raises(UnsupportedError, match=keyword) as caught:
                json_schema.load({keyword: value}, dialect=self.dialect)
            assert caught.value.construct == keyword
        with pytest.raises(SchemaError, match="#/items"):
            json_schema.load({"items": [{}]}, dialect=self.dialect)
