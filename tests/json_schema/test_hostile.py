"""Schemas that are made to hurt: right verdicts or a typed error with a place and a remedy, in bounded time."""

import json

import pytest
from cpu_time import within
from json_schema.judges import BYTES, UNSATISFIABLE

import gcd

SECONDS = 5.0
"""Of CPU time, for each: reading, compiling, and some texts with a mask at every byte."""


def nested(depth, kind):
    schema = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema} if kind == "items" else {kind: [schema]}
    return schema


def chain(n):
    """x0 -> x1 -> ... through $ref."""
    links = {f"x{i}": {"$ref": f"#/$defs/x{i + 1}"} for i in range(n)}
    return {"$ref": "#/$defs/x0", "$defs": {**links, f"x{n}": {"type": "integer"}}}


WORDS = [f"word {i} of the enum" for i in range(10_000)]
MANY = {f"property{i}": {"type": "integer"} for i in range(2_000)}
DIGITS = "1234567890" * 30

HOSTILE = {
    # name: schema, valid texts, invalid texts
    "a billion items": ({"type": "array", "items": {"type": "null"}, "maxItems": 10**9}, ["[null,null]"], ["[1]"]),
    "a billion items at least": ({"type": "array", "minItems": 10**9}, [], ["[]", "1"]),
    "a huge length": ({"maxLength": 10**12}, ['"abc"', "1"], ['"abc']),
    "a huge count in a pattern": ({"pattern": "^(ab){2,100000}$"}, ['"abab"', '"ababab"'], ['"ab"', '"aba"']),
    "counts of counts": ({"pattern": "^((a{1,100}b?){1,100}c?){1,100}$"}, ['"aabac"'], ['"b"']),
    "an exponential DFA": ({"pattern": "a.{30}$"}, ['"' + "a" * 31 + '"'], ['"a"']),
    "backtracking": ({"pattern": "^(a|a)*(a|aa)*$"}, ['"' + "a" * 300 + '"'], ['"' + "a" * 300 + 'b"']),
    "ten patterns at once": (
        {"allOf": [{"pattern": f"{c}.*{c}"} for c in "abcdefghij"]},
        ['"' + "abcdefghij" * 2 + '"'],
        ['"abcdefghij"'],
    ),
    "many lookaheads": (
        {"pattern": "^" + "".join(f"(?=.*{c})" for c in "abcdefgh") + ".{8,}$"},
        ['"hgfedcba"'],
        ['"hgfedcbb"'],
    ),
    "10,000 words": ({"enum": WORDS}, [json.dumps(WORDS[0]), json.dumps(WORDS[9_999])], ['"word"']),
    "2,000 properties": (
        {"properties": MANY, "required": ["property7", "property1999"], "additionalProperties": False},
        ['{"property1999":1,"property3":2,"property7":3}'],
        ['{"property7":1}', '{"property7":1,"property1999":1,"x":1}', '{"property7":1,"property7":1,"property1999":1}'],
    ),
    "200 alternatives that overlap": (
        {"anyOf": [{"properties": {"a": {"const": i}, f"p{i}": {"type": "integer"}}} for i in range(200)]},
        ['{"a":3}', '{"a":199,"p199":1,"p7":"x"}'],
        ['{"a":200}', '{"a":199,"p199":"x"}'],
    ),
    "exactly one of 60": (
        {"oneOf": [{"required": [f"p{i}"]} for i in range(60)]},
        ['{"p5":1}', '{"x":1,"p59":null}'],
        ["{}", '{"p5":1,"p6":1}'],
    ),
    "not of not of not": (nested(0, "items") | {"not": {"not": {"not": {"minimum": 3}}}}, ["2"], ["3", "2.5"]),
    "deep items": (nested(150, "items"), ["[" * 150 + "1" + "]" * 150], ["[" * 151 + "1" + "]" * 151, "1"]),
    "deep allOf": (nested(150, "allOf"), ["1"], ["null"]),
    "a chain of references": (chain(500), ["1"], ["null"]),
    "deep documents": (
        {"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}},
        ["[" * 500 + "]" * 500],
        ["[" * 500 + "1" + "]" * 500],
    ),
    "long numbers": (
        {"type": "number", "multipleOf": 0.01, "maximum": 1e300},
        [DIGITS[:290], DIGITS[:200] + ".25"],
        [DIGITS[:200] + ".255", "1e301"],
    ),
    "tiny steps": ({"multipleOf": 1e-300}, ["1e-300", "0.5"], ["1e-301"]),
    "huge exponents": ({"type": "integer"}, ["1e400", "1" + "0" * 400], ["1e-400", "1.5"]),
    "unique booleans": (
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True},
        ["[true,false]"],
        ["[true,false,true]", "[true,true]"],
    ),
    "a megabyte": (
        {"properties": {f"p{i}": {"description": "d" * 1000, "type": ["string", "null"]} for i in range(1000)}},
        ['{"p999":null}'],
        ['{"p999":1}'],
    ),
}


def verdict(compiled, text):
    """Byte by byte, a mask at each; the mask and accept have to agree."""
    matcher, data = compiled.matcher(), text.encode()
    bits = bytearray(4 * -(-BYTES.width // 32))
    for byte in data:
        matcher.fill_bitmask(memoryview(bits).cast("i"))
        allowed = bool(bits[byte // 8] >> byte % 8 & 1)
        assert matcher.accept(byte) is allowed
        if not allowed:
            return False
    return bool(matcher.is_complete)


@pytest.mark.parametrize("name", HOSTILE)
def test_right_or_refused_in_time(name):
    schema, valid, invalid = HOSTILE[name]
    with within(SECONDS):
        try:
            compiled = gcd.compile(gcd.Grammar.from_json_schema(schema), BYTES, lenient={"viability"})
        except (gcd.LimitError, gcd.UnsupportedError) as refusal:
            error = refusal
        else:
            error = None
        if error is not None:
            assert error.cause
            assert error.remedy
            return
        for text in valid:
            assert verdict(compiled, text), text
        for text in invalid:
            assert not verdict(compiled, text), text


def test_most_of_them_are_taken():
    refused = []
    for name, (schema, _, _) in HOSTILE.items():
        try:
            gcd.compile(gcd.Grammar.from_json_schema(schema), BYTES, lenient={"viability"})
        except gcd.GcdError as error:
            refused.append(f"{name}: {error}")
    assert len(refused) <= 3, refused


WRONG = {
    # name: schema (dict or text), what the message says, the pointer
    "no JSON": ('{"type": ', "JSON", None),
    "no schema": ("42", "", "#"),
    "no such type": ({"properties": {"a": {"type": "int"}}}, "int", "#/properties/a/type"),
    "a count that isn't one": ({"minLength": -1}, "minLength", "#/minLength"),
    "a pattern that isn't one": ({"items": {"pattern": "(a"}}, "", "#/items/pattern"),
    "a backreference": ({"pattern": r"(a)\1"}, "backreference", "#/pattern"),
    "a reference to nothing": ({"properties": {"a": {"$ref": "#/$defs/x"}}}, "", "#/properties/a/$ref"),
    "a remote reference": ({"$ref": "http://example.com/schema"}, "registry", "#/$ref"),
    "a reference to itself": ({"$ref": "#"}, "", "#/$ref"),
    "references in a circle": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
        "",
        "#",
    ),
    "unsatisfiable": ({"type": "integer", "minimum": 3, "maximum": 2}, UNSATISFIABLE, "#/minimum"),
    "unsatisfiable as a whole": (False, UNSATISFIABLE, "#"),
    "a required member that can't be": (
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        UNSATISFIABLE,
        "#/properties/a",
    ),
    "endless": (
        {"type": "array", "minItems": 1, "items": {"$ref": "#"}},
        UNSATISFIABLE,
        "#",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_schemas_are_refused_with_their_place(name):
    schema, said, place = WRONG[name]
    for _ in range(2):
        with within(SECONDS), pytest.raises(gcd.GrammarError) as caught:
            gcd.compile(gcd.Grammar.from_json_schema(schema), BYTES)
        message = str(caught.value)
        assert said in message
        assert place is None or place in message
        assert caught.value.remedy


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "dependentSchemas", "properties", "patternProperties"])
@pytest.mark.parametrize("value", [5, "ab", [5], None])
@pytest.mark.parametrize("unevaluated", ["unevaluatedProperties", "unevaluatedItems"])
def test_a_keyword_of_a_wrong_kind_beside_unevaluated(keyword, value, unevaluated):
    """Found by fuzzing: what counts as evaluated was collected from keywords that hadn't been checked yet."""
    for schema in ({unevaluated: False, keyword: value}, {unevaluated: False, "allOf": [{keyword: value}]}):
        if value != [5] or keyword not in ("allOf", "anyOf", "oneOf"):
            with pytest.raises(gcd.SchemaError):
                gcd.Grammar.from_json_schema(schema)


@pytest.mark.parametrize("value", [5, "ab", {}, None])
def test_prefix_items_of_a_wrong_kind_beside_unevaluated(value):
    with pytest.raises(gcd.SchemaError):
        gcd.Grammar.from_json_schema({"unevaluatedItems": False, "prefixItems": value})
