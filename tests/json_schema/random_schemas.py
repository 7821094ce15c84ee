"""Random schemas of all drafts, and random documents that have a chance to satisfy them."""

from __future__ import annotations

import json

NAMES = ["a", "b", "ab", "c"]
PATTERNS = ["^a", "b$", "^(a|b)$", "a|c", "^.$", "(?!a)b", "[^a]", "^\\w{1,2}$"]
NUMBERS = [0, 1, 2, 3, -1, 0.5, 1.5, 10, 2.0, 0.1]
STRINGS = ["", "a", "b", "ab", "ba", "c", "aé", "𝒳", "bbb"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


def value(rnd, depth=2):
    """A JSON value."""
    pick = rnd.random()
    if depth and pick < 0.25:
        return {name: value(rnd, depth - 1) for name in rnd.sample(NAMES, rnd.randint(0, 3))}
    if depth and pick < 0.45:
        return [value(rnd, depth - 1) for _ in range(rnd.randint(0, 3))]
    return rnd.choice([rnd.choice(NUMBERS), rnd.choice(STRINGS), rnd.choice([None, True, False])])


def text(rnd, depth=2):
    """The text of a JSON value, some of its integers spelled in another way."""
    return _spelled(rnd, value(rnd, depth))


def _spelled(rnd, value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_spelled(rnd, member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_spelled(rnd, item) for item in value) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and rnd.random() < 0.2:
        return rnd.choice([f"{value}.0", f"{value}e0", f"{value * 10}E-1"])
    return json.dumps(value)


def schema(rnd, dialect, depth=3, definitions=("d", "e")):
    """A schema; at depth 0 a small one. ``$ref`` leads to the definitions, only from inside of members and items."""
    if rnd.random() < (0.25 if depth == 0 else 0.04):
        return rnd.choice([{}, {}, True, False]) if dialect != "draft-04" else {}
    result = {}
    for _ in range(rnd.choice([1, 1, 2, 2, 3, 4])):
        result.update(_keyword(rnd, dialect, depth, definitions))
    return result


def _keyword(rnd, dialect, depth, definitions):
    modern = dialect in ("2019-09", "2020-12")

    def sub():
        return schema(rnd, dialect, depth - 1, definitions)

    def inner():
        if definitions and rnd.random() < 0.15:
            return {"$ref": "#/definitions/" + rnd.choice(definitions)}
        return sub()

    def names():
        return rnd.sample(NAMES, rnd.randint(1, 2))

    def number():
        return rnd.choice(NUMBERS)

    simple = [
        lambda: {"type": rnd.choice(TYPES)},
        lambda: {"type": rnd.sample(TYPES, 2)},
        lambda: {"enum": [value(rnd, 1) for _ in range(rnd.randint(1, 4))]},
        lambda: {"minimum": number()},
        lambda: {"maximum": number()},
        lambda: {"multipleOf": rnd.choice([1, 2, 0.5, 0.1, 1.5])},
        lambda: {"minLength": rnd.randint(0, 2)},
        lambda: {"maxLength": rnd.randint(0, 2)},
        lambda: {"pattern": rnd.choice(PATTERNS)},
        lambda: {"required": names()},
        lambda: {"minProperties": rnd.randint(0, 2)},
        lambda: {"maxProperties": rnd.randint(0, 2)},
        lambda: {"minItems": rnd.randint(0, 2)},
        lambda: {"maxItems": rnd.randint(0, 3)},
        lambda: {"uniqueItems": rnd.random() < 0.8},
    ]
    if dialect == "draft-04":
        simple.append(lambda: {"minimum": number(), "exclusiveMinimum": rnd.random() < 0.5})
        simple.append(lambda: {"maximum": number(), "exclusiveMaximum": rnd.random() < 0.5})
    else:
        simple.append(lambda: {"exclusiveMinimum": number()})
        simple.append(lambda: {"exclusiveMaximum": number()})
        simple.append(lambda: {"const": value(rnd, 1)})
    if modern:
        simple.append(lambda: {"dependentRequired": {rnd.choice(NAMES): names()}})
    if depth == 0:
        return rnd.choice(simple)()
    nested = [
        lambda: {"properties": {name: inner() for name in names()}},
        lambda: {"properties": {name: inner() for name in names()}, "additionalProperties": inner()},
        lambda: {"patternProperties": {rnd.choice(PATTERNS): inner()}},
        lambda: {"patternProperties": {p: inner() for p in rnd.sample(PATTERNS, 2)}, "additionalProperties": inner()},
        lambda: {"additionalProperties": inner()},
        lambda: {"items": inner()},
        lambda: {"allOf": [sub(), sub()]},
        lambda: {"anyOf": [sub(), sub()]},
        lambda: {"oneOf": [sub(), sub()]},
        lambda: {"oneOf": [sub(), sub(), sub()]},
        lambda: {"not": sub()},
    ]
    if dialect == "2020-12":
        nested.append(lambda: {"prefixItems": [inner(), inner()], "items": inner()})
        nested.append(lambda: {"prefixItems": [inner()]})
        nested.append(lambda: {"unevaluatedItems": rnd.choice([False, inner()])})
    else:
        nested.append(lambda: {"items": [inner(), inner()], "additionalItems": inner()})
        nested.append(lambda: {"items": [inner()]})
    if dialect != "draft-04":
        nested.append(lambda: {"contains": inner()})
        nested.append(lambda: {"propertyNames": sub()})
    if dialect not in ("draft-04", "draft-06"):
        nested.append(lambda: {"if": sub(), "then": sub(), "else": sub()})
        nested.append(lambda: {"if": sub(), "then": sub()})
    if modern:
        nested.append(lambda: {"contains": inner(), "minContains": rnd.randint(0, 2), "maxContains": rnd.randint(1, 2)})
        nested.append(lambda: {"dependentSchemas": {rnd.choice(NAMES): sub()}})
        nested.append(lambda: {"unevaluatedProperties": rnd.choice([False, inner()])})
    else:
        nested.append(lambda: {"dependencies": {rnd.choice(NAMES): rnd.choice([names(), sub()])}})
    return rnd.choice(simple)() if rnd.random() < 0.45 else rnd.choice(nested)()


def whole(rnd, dialect):
    """A schema with definitions, which may be recursive."""
    result = schema(rnd, dialect)
    if isinstance(result, bool):
        result = {"not": {}} if not result else {}
    definitions = {name: schema(rnd, dialect, 1) for name in ("d", "e")}
    return {**result, "definitions": definitions}
