"""Schemas with compiled grammars in some places: against all documents of a small world, and what is refused."""

import json
from itertools import chain, permutations, product

import pytest

import gcd
from gcd.composition import json_string
from gcd.json_schema.program import OutputOptions
from gcd.schema_composition import fill_schema

VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b'{"', b'":', b'"}', b'","', None], eos_ids=[260])
INNER = gcd.compile(gcd.Grammar.from_regex('a"?|b'), VOCAB)
TEXT = json_string(INNER)
FIXED = OutputOptions(whitespace="fixed", item_separator=", ", key_separator=": ")
SCHEMA = {
    "type": "object",
    "title": "a call",
    "properties": {"n": {"$ref": "#/$defs/count"}, "q": {"type": "string"}, "z": {"type": "null"}},
    "additionalProperties": False,
    "$defs": {"count": {"enum": [1, 2]}},
}
VALUES = {"n": [1, 3], "q": ["b", 'a"', "c", 1], "z": [None, "b"], "else": [1]}
VALID = {"n": [1, 2], "q": ["a", 'a"', "b"], "z": [None]}


def accepts(compiled: gcd.CompiledGrammar, text: str) -> bool:
    matcher = compiled.matcher()
    return matcher.accept_bytes(text.encode()) and matcher.is_complete


def documents():
    """Objects of these members in any order, some of them valid."""
    for names in chain.from_iterable(permutations(VALUES, n) for n in range(4)):
        for values in product(*(VALUES[name] for name in names)):
            yield dict(zip(names, values, strict=True))


def valid(document: dict, required: list[str]) -> bool:
    order = [name for name in VALID if name in document]
    return (
        list(document) == order
        and all(name in document for name in required)
        and all(any(value is v or value == v for v in VALID[name]) for name, value in document.items())
    )


@pytest.mark.parametrize("required", [[], ["n"], ["q"], ["z"], ["n", "z"], ["n", "q", "z"]], ids=str)
@pytest.mark.parametrize("options", [OutputOptions(), FIXED], ids=["any", "fixed"])
def test_objects(required, options):
    compiled = fill_schema({**SCHEMA, "required": required}, {"#/properties/q": TEXT}, VOCAB, options=options)
    assert compiled.exactness.exact
    seen = set()
    for document in documents():
        expected = valid(document, required)
        seen.add(expected)
        assert accepts(compiled, json.dumps(document)) == expected, document
        spaced = json.dumps(document, indent=1)
        assert accepts(compiled, spaced) == (expected and (options is not FIXED or spaced == "{}"))
    assert seen == {True, False}


def test_escapes_in_names_and_texts():
    compiled = fill_schema(SCHEMA, {"#/properties/q": TEXT}, VOCAB)
    assert accepts(compiled, r'{"\u0071": "\u0061\""}')
    assert accepts(compiled, '\n{ "n" :\t2 , "q":"b" } ')
    assert not accepts(compiled, r'{"q": "a\n"}')


def test_arrays_alternatives_and_depth():
    inner = {"type": "object", "properties": {"a/b": {}}, "required": ["a/b"], "additionalProperties": False}
    schema = {"anyOf": [{"type": "array", "items": inner}, {"type": "null"}]}
    compiled = fill_schema(schema, {"#/anyOf/0/items/properties/a~1b": TEXT}, VOCAB)
    for text in ("null", "[]", "[ ]", '[{"a/b": "b"}]', '[{"a/b": "a"}, {"a/b": "b"}]'):
        assert accepts(compiled, text), text
    for text in ("", "[null]", "[{}]", '[{"a/b": "c"}]', '[{"a/b": "a"},]', '{"a/b": "b"}'):
        assert not accepts(compiled, text), text


def test_the_whole_and_a_value_that_is_no_string():
    assert accepts(fill_schema({}, {"#": TEXT}, VOCAB), ' "b" ')
    compiled = fill_schema(SCHEMA, {"#/properties/q": TEXT, "#/properties/n": INNER}, VOCAB)
    assert accepts(compiled, '{"n": a", "q": "b"}')


def test_saved_and_loaded(tmp_path):
    compiled = fill_schema({**SCHEMA, "required": ["q"]}, {"#/properties/q": json_string(TEXT)}, VOCAB)
    compiled.save(tmp_path / "filled.gcd")
    loaded = gcd.load(tmp_path / "filled.gcd")
    for made in (compiled, loaded):
        assert accepts(made, json.dumps({"n": 1, "q": json.dumps('a"')}))
        assert not accepts(made, json.dumps({"n": 1, "q": 'a"'}))
    assert loaded.info == compiled.info


@pytest.mark.parametrize(
    ("schema", "place", "message"),
    [
        ({**SCHEMA, "minProperties": 1}, "#/properties/q", '"minProperties" on the way'),
        ({**SCHEMA, "allOf": [True]}, "#/properties/q", '"allOf" on the way'),
        ({**SCHEMA, "additionalProperties": True}, "#/properties/q", "other members"),
        ({**SCHEMA, "properties": {"q": {}, "r": {"$ref": "#"}}}, "#/properties/q", "reference to '#'"),
        ({"type": "array", "items": True, "maxItems": 2}, "#/items", '"maxItems" on the way'),
        ({"$ref": "#/$defs/a", "$defs": {"a": True}}, "#/$defs/a", '"$ref" on the way'),
        ({"$defs": {"a": True}}, "#/$defs/a", "a place behind no keyword"),
    ],
)
def test_what_is_refused_by_name(schema, place, message):
    with pytest.raises(gcd.UnsupportedError) as caught:
        fill_schema(schema, {place: TEXT}, VOCAB)
    assert message in caught.value.construct
    assert str(caught.value).startswith("#")


def test_indentation_is_refused():
    with pytest.raises(gcd.UnsupportedError, match="how deep"):
        fill_schema(SCHEMA, {"#/properties/q": TEXT}, VOCAB, options=OutputOptions(whitespace="indent"))


@pytest.mark.parametrize("place", ["#/properties/x", "/properties/q", "#/properties/q/type", "query"])
def test_places_that_are_none(place):
    with pytest.raises(gcd.GrammarError):
        fill_schema(SCHEMA, {place: TEXT, "#/properties/q": TEXT}, VOCAB)


@pytest.mark.parametrize(
    "schema",
    [
        {**SCHEMA, "required": ["other"]},
        {**SCHEMA, "required": 3},
        {**SCHEMA, "properties": []},
        {"anyOf": 3},
        {"type": "array", "items": 3},
    ],
)
@pytest.mark.parametrize("place", ["#/properties/q", "#/anyOf/0", "#/items/properties/q"])
def test_wrong_schemas(schema, place):
    with pytest.raises(gcd.GrammarError):
        fill_schema(schema, {place: TEXT}, VOCAB)


def test_a_vocabulary_without_escapes():
    letters = gcd.Vocabulary.from_bytes([b"a", b"b", b'"', None], eos_ids=[3])
    inner = gcd.compile(gcd.Grammar.from_regex("[ab]+"), letters)
    with pytest.raises(gcd.GrammarError, match="escapes"):
        json_string(inner)
