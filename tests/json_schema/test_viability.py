"""Dead ends of objects and arrays in which several things must exist: small worlds, all of whose documents are listed.

A beginning that ends between members (or items) must be let through exactly if some valid document begins so.
"""

import itertools
import json
import random

import pytest
from json_schema.judgement import loads, validator
from json_schema.judges import BYTES

import gcd
from gcd import json_schema
from gcd.json_schema import OutputOptions

NAMES = ("a", "b", "ab")
VALUES = (0, 1, 2)
KEYS = ("^a", "b$", "^(a|b)$", "", "^.$")
KINDS = ({"minimum": 1}, {"maximum": 1}, {"const": 2}, {"enum": [0, 2]}, {"multipleOf": 2}, {"const": 0}, True)


def some(rnd, choices, low, high):
    return [rnd.choice(choices) for _ in range(rnd.randint(low, high))]


def object_schema(rnd):
    """Names a, b, ab; values 0, 1, 2; some of which must exist in one role or another."""
    parts = [
        {"not": {"patternProperties": {rnd.choice(KEYS): {"not": rnd.choice(KINDS)}}}} for _ in range(rnd.randint(1, 3))
    ]
    for kind in some(rnd, ("required", "dependent", "min", "max", "max", "value"), 1, 3):
        names = rnd.sample(NAMES, rnd.randint(1, 2))
        parts.append(
            {
                "required": {"required": names[:1]},
                "dependent": {"dependentRequired": {rnd.choice(NAMES): names}},
                "min": {"minProperties": rnd.randint(1, 2)},
                "max": {"maxProperties": rnd.randint(1, 2)},
                "value": {"properties": {rnd.choice(NAMES): rnd.choice(KINDS)}},
            }[kind]
        )
    return {
        "type": "object",
        "propertyNames": {"enum": list(NAMES)},
        "additionalProperties": {"type": "integer", "enum": list(VALUES)},
        "allOf": parts,
    }


def objects():
    for n in range(4):
        for names in itertools.permutations(NAMES, n):
            for values in itertools.product(VALUES, repeat=n):
                yield tuple(f'"{name}":{value}' for name, value in zip(names, values, strict=True))


def array_schema(rnd):
    """Up to four of the numbers 0, 1, 2; some of which must exist."""
    parts = []
    for _ in range(rnd.randint(1, 3)):
        part = {"contains": rnd.choice(KINDS)}
        if rnd.random() < 0.5:
            part["minContains"] = rnd.randint(0, 2)
        if rnd.random() < 0.4:
            part["maxContains"] = rnd.randint(1, 2)
        parts.append(part if rnd.random() < 0.85 else {"not": part})
    for kind in some(rnd, ("prefix", "min", "unique", "repeated", "items"), 0, 2):
        parts.append(
            {
                "prefix": {"prefixItems": some(rnd, KINDS, 1, 3)},
                "min": {"minItems": rnd.randint(1, 3)},
                "unique": {"uniqueItems": True},
                "repeated": {"not": {"uniqueItems": True}},
                "items": {"items": rnd.choice(KINDS)},
            }[kind]
        )
    return {"type": "array", "items": {"enum": list(VALUES)}, "maxItems": rnd.randint(2, 4), "allOf": parts}


def arrays():
    for n in range(5):
        for values in itertools.product(VALUES, repeat=n):
            yield tuple(map(str, values))


@pytest.mark.parametrize(
    ("write", "documents", "brackets", "n_schemas", "seed"),
    [(object_schema, objects, "{}", 60, 1), (array_schema, arrays, "[]", 60, 2)],
)
def test_nothing_is_begun_that_cannot_be_finished(write, documents, brackets, n_schemas, seed):
    rnd = random.Random(seed)
    everything = list(documents())
    exact = 0
    for _ in range(n_schemas):
        schema = write(rnd)
        valid = validator(schema)
        good = {parts for parts in everything if valid(loads(brackets[0] + ",".join(parts) + brackets[1]))}
        beginnings = {parts[:n] for parts in good for n in range(len(parts) + 1)}
        try:
            compiled = gcd.compile(gcd.Grammar.from_json_schema(schema), BYTES)
        except gcd.SchemaError:
            assert not good, schema
            continue
        except gcd.InexactError:
            continue
        exact += 1
        for parts in everything:
            text = brackets[0] + ",".join(parts)
            matcher = compiled.matcher()
            # behind the last value, so that a number is at its end
            begun = matcher.accept_bytes(text.encode()) and (not parts or matcher.accept_bytes(b" "))
            assert begun == (parts in beginnings), (json.dumps(schema), text)
    assert exact > 0.4 * n_schemas


def begun(schema, text, **options):
    compiled = gcd.compile(gcd.Grammar.from_json_schema(schema, **options), BYTES)
    return compiled.matcher().accept_bytes(text.encode())


def test_keys_of_a_pattern_run_out():
    """The only key that could be the member that must exist came with another value."""
    schema = {"type": "object", "not": {"patternProperties": {"^x$": {"type": "string"}}}}
    assert not begun(schema, '{"x":"s')
    assert begun(schema, '{"y":"s","x":1}')


def test_in_a_fixed_order_what_is_required_comes_in_time():
    schema = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}
    options = OutputOptions(property_order="schema")
    assert not begun(schema, '{"b":', options=options)
    assert begun(schema, '{"a":1,"b":', options=options)


def test_one_member_is_the_witness_of_many():
    names = [{"propertyNames": {"not": {"pattern": c}}} for c in "abc"]
    schema = {"type": "object", "not": {"anyOf": names}, "maxProperties": 2}
    assert begun(schema, '{"a":1,"bc":1}')
    assert begun(schema, '{"x":1,"cab":1}')
    assert not begun(schema, '{"x":1,"ca":')


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "object", "allOf": [{"not": {"properties": {f"p{i}": {"type": "null"}}}} for i in range(3)]}, None),
        (
            {
                "type": "object",
                "maxProperties": 5,
                "allOf": [{"not": {"patternProperties": {f"^{c}": {"type": "null"}}}} for c in "abcdefghijkl"],
            },
            "compete",
        ),
        ({"prefixItems": [{"enum": ["a", "b"]}, {"const": "a"}], "minItems": 2, "uniqueItems": True}, "differ"),
        ({"prefixItems": [{"const": "b"}, {"const": "a"}], "minItems": 2, "uniqueItems": True}, None),
        ({"items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True}, None),
        ({"items": {"enum": [[1], [2]]}, "minItems": 2, "uniqueItems": True}, "differ"),
    ],
)
def test_what_is_not_settled_is_said(schema, why):
    grammar = json_schema.load(schema)
    if why is None:
        assert gcd.compile(grammar, BYTES).exactness.exact
    else:
        with pytest.raises(gcd.InexactError, match=why):
            gcd.compile(grammar, BYTES)


def test_a_budget_knows_the_one_key_that_meets_all():
    """With room for one member, its key must match both patterns: a document that a token budget has to find."""
    wanted = [{"not": {"patternProperties": {pattern: False}}} for pattern in ("^11", "7777")]
    schema = {"type": "object", "maxProperties": 1, "allOf": wanted}
    matcher = gcd.compile(gcd.Grammar.from_json_schema(schema), BYTES).matcher(max_tokens=14)
    assert matcher.accept_bytes(b'{"117777":1}')
    assert matcher.is_complete
