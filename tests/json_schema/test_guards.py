"""Guards: what is endless ends, what the schema demands comes first, and nothing is begun that can't be finished."""

import json
import random

import pytest
from click.testing import CliRunner
from json_schema.judgement import loads, validator
from json_schema.judges import BYTES

import gcd
from gcd import json_schema
from gcd.cli import main
from gcd.json_schema import SAFE_GUARDS, Guards

TIGHT = Guards(digits=3, exponent_digits=2, characters=4, items=2, members=2, depth=2)


def compiled(schema, guards=TIGHT):
    return gcd.compile(gcd.Grammar.from_json_schema(schema, guards=guards), BYTES)


def taken(schema, text, guards=TIGHT):
    """Whether a document, or the beginning of one, is let through."""
    return compiled(schema, guards).matcher().accept_bytes(text.encode())


@pytest.mark.parametrize(
    ("schema", "within", "beyond"),
    [
        ({"type": "number"}, ["123", "-0.12", "1.5e-30", "100e+99"], ["1234", "-0.123", "1e123", "1.5e1234"]),
        # an exponent ends it sooner than more digits would
        ({"minimum": 123456, "type": "integer"}, ["124e3", "999E3", "1.24e5"], ["1234", "0.000"]),
        ({"exclusiveMaximum": 0, "type": "number"}, ["-0.1", "-0.01", "-0.001"], ["-0.000", "-0.0011"]),
        ({"type": "string"}, ['"four"', r'"\u0061bcd"'], ['"fives']),
        ({"type": "string", "minLength": 6}, ['"sixsix and seven"'], []),
        ({"type": "string", "maxLength": 6}, ['"sixsix"'], ['"sevense']),
        ({"pattern": "^a*b", "type": "string"}, ['"aaab"', '"bbbb"'], ['"aaaab', '"baaab']),
        ({"type": "array", "items": {"type": "null"}}, ["[null,null]"], ["[null,null,"]),
        ({"type": "array", "minItems": 3}, ["[1,1,1,1,1]"], ["[1,1,1,1,1,"]),
        ({"type": "array", "maxItems": 4}, ["[1,1,1,1]"], ["[1,1,1,1,"]),
        ({"type": "object"}, ['{"a":1,"b":2}'], ['{"a":1,"b":2,', '{"fives":1']),
        ({"properties": {"longer": {"type": "null"}}, "type": "object"},
         ['{"longer":null,"b":2,"c":3}'], ['{"a":1,"b":2,"c":3,']),
        ({}, ['[[1,"a"]]', '{"a":{"b":null}}'], ["[[[", '{"a":{"b":[', '{"a":[{']),
        # what must be nested is, and no deeper than it must
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}},
         ['{"n":{"n":{}}}'], ['{"n":{"n":{"n"']),
        ({"items": {"items": {"items": {"items": {"type": "null"}, "type": "array"}, "type": "array"}, "minItems": 1,
          "type": "array"}, "type": "array"}, ["[[[]]]"], ["[[[["]),
    ],
)  # fmt: skip
def test_what_is_endless_ends(schema, within, beyond):
    valid = validator(schema)
    for text in within:
        assert valid(loads(text)), text
        matcher = compiled(schema).matcher()
        assert matcher.accept_bytes(text.encode()), text
        assert matcher.is_complete, text
    for text in beyond:
        assert not taken(schema, text), text
        if schema.get("maxLength") is None and schema.get("maxItems") is None and "0.00" not in text:
            assert taken(schema, text, "off"), text


def test_the_model_that_writes_zeros_is_stopped():
    schema = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    assert taken(schema, '{"x":-0.' + "0" * 500, "off")
    assert not taken(schema, '{"x":-0.' + "0" * 30, "safe")
    assert taken(schema, '{"x":-0.0000001}', "safe")


SCHEMAS = [
    {"type": "number", "multipleOf": 7},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
    {"type": "integer", "minimum": 10**8},
    {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 100000},
    {"type": "string", "pattern": "^(ab|cde)+$"},
    {"type": "array", "contains": {"type": "integer", "minimum": 7}, "minContains": 3, "items": {"type": "number"}},
    {"type": "object", "minProperties": 4, "additionalProperties": {"type": "boolean"}},
    {
        "$defs": {"tree": {"type": "object", "properties": {"l": {"$ref": "#/$defs/tree"}, "r": {"type": "number"}}}},
        "$ref": "#/$defs/tree",
        "required": ["l"],
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_random_walks_end_and_are_valid(schema):
    """Bytes drawn from the mask, those that go on preferred: with guards every walk comes to an end."""
    made = compiled(schema)
    assert made.exactness.kinds == {"tightened"}
    valid = validator(schema)
    rnd = random.Random(json.dumps(schema))
    for _ in range(8):
        matcher = made.matcher()
        text = b""
        for _ in range(3000):
            allowed = [byte for byte in range(33, 126) if matcher.check(byte)]
            if not allowed:
                break
            byte = rnd.choice([b for b in allowed if b in b"0123456789."] or allowed)
            assert matcher.accept(byte)
            text += bytes([byte])
        assert matcher.is_complete, text
        assert valid(loads(text.decode())), text


def test_the_report_says_so():
    report = compiled({"type": "string"}, "safe").exactness
    assert not report.exact
    assert report.kinds == {"tightened"}
    assert "characters 4,000" in str(report)
    assert compiled({"type": "string"}, "off").exactness.exact
    with pytest.raises(gcd.InexactError) as caught:  # what wasn't asked for is still refused
        compiled({"format": "hostname"}, "safe")
    assert "xn--" in str(caught.value)


def test_an_artefact_keeps_its_guards(tmp_path):
    compiled({"type": "string"}).save(tmp_path / "s.gcd")
    again = gcd.load(tmp_path / "s.gcd")
    assert again.exactness.kinds == {"tightened"}
    assert not again.matcher().accept_bytes(b'"fives')


def test_one_option_for_all_doors(tmp_path, tokenizer_folder):
    assert json_schema.from_pydantic(list[int], guards="safe").program.guards == SAFE_GUARDS
    assert json_schema.from_signature(lambda x: x, guards=TIGHT).program.guards == TIGHT
    processor = gcd.GrammarLogitsProcessor.from_json_schema({"type": "string"}, BYTES, guards=TIGHT)
    assert not processor.compiled.matcher().accept_bytes(b'"fives')
    schema, made = tmp_path / "s.json", tmp_path / "s.gcd"
    schema.write_text('{"type": "number"}')
    command = [
        "compile",
        str(schema),
        "-t",
        str(tokenizer_folder("gpt2")),
        "-o",
        str(made),
        "--fill",
        "0",
        "--guards",
        "safe",
    ]
    run = CliRunner().invoke(main, command, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    assert not gcd.load(made).matcher().accept_bytes(b"1" * 21)


@pytest.mark.parametrize("guards", ["on", Ellipsis, None])
def test_what_is_no_guard_is_refused(guards):
    with pytest.raises(ValueError, match="guards must be"):
        json_schema.load({}, guards=guards)


def test_a_bound_must_be_one():
    with pytest.raises(ValueError, match="digits must be"):
        Guards(digits=0)
