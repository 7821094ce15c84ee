"""Random schemas of draft 2020-12 with every keyword, and documents that are nearly valid for them, oddly spelled."""

import json
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

NAMES = ("a", "b", "c", "ab", "a b", "", "é", "😀")
STRINGS = ("", "a", "b", "ab", "ba", "aa", "abc", "a1", "1", "a b", "é", "éa", "😀", "😀a", '"', "\\", "\n", "/", "_")
NUMBERS = ("0", "1", "2", "3", "4", "-1", "-3", "0.5", "1.5", "-0.5", "2.25", "10", "100", "0.1", "0.3", "1e2", "1e-3")
PATTERNS = (
    *("^a", "b$", "^[ab]+$", "a|b", "^(?!ab)", r"\d", "(?=a)", "^.{2}$", r"^\w*$", r"\bab\b", "é", "^$", "[^a]"),
    *("^a{2,3}$", "^(ab)*$", r"\S", "^(a|b)c?$", r"^\p{L}+$", "^[^b]*$", r"(?<=a)b", r"(?<!a)b", "^a.*b$", r"^\s*$"),
    *("^(?:a|ab)(?:c|bcd)*$", "^.$", "a.?b", r"[\d_]", "^[^\\x00-\\x7f]", "^(?=.*a)(?=.*b)", "(a|b){2}", "^a?$", "."),
)
SMALL_PATTERNS = (
    "^a",
    "b$",
    "^[ab]+$",
    "^(?!ab)",
    "a|b",
    "^.{2}$",
    "^$",
    "^(ab)*$",
    "[^a]",
    "a.*b",
    r"\bab\b",
    "(?<=a)b",
)
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
DEFINITIONS = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class Pools:
    """What names, strings, numbers and patterns are drawn from."""

    names: tuple[str, ...] = NAMES
    strings: tuple[str, ...] = STRINGS
    numbers: tuple[str, ...] = NUMBERS
    patterns: tuple[str, ...] = PATTERNS

    def number(self, rng: Random) -> Any:
        """A number, as a float only where it has to be."""
        return json.loads(rng.choice(self.numbers))


WIDE = Pools()
SMALL = Pools(("a", "b", "ab"), ("", "a", "b", "ab", "aa"), ("0", "1", "2", "-1", "0.5", "10", "1e2"), SMALL_PATTERNS)
"""For worlds that are searched: few bytes."""


class Writer:
    """Writes one schema.

    A reference that stays on the same value names a later definition only, and one that has stepped into a member or
    item may name any, the schema itself too: so recursion occurs, and none is endless.
    """

    def __init__(self, rng: Random, depth: int = 3, breadth: int = 3, pools: Pools = WIDE) -> None:
        self.rng, self.depth, self.breadth, self.pools = rng, depth, breadth, pools

    def write(self) -> Any:
        """A schema of its own."""
        schema = self.schema(self.depth, -1)
        if isinstance(schema, dict) and '"#/$defs/' in json.dumps(schema):
            schema["$defs"] = {
                name: self.schema(max(1, self.depth - 1), level) for level, name in enumerate(DEFINITIONS)
            }
        return schema

    def schema(self, depth: int, level: int) -> Any:
        """A subschema. `level`: in-place references may name definitions after this one; None: any."""
        rng = self.rng
        if rng.random() < (0.06 if depth else 0.2):
            return rng.random() < 0.75
        found: dict[str, Any] = {}
        if rng.random() < 0.55:
            found["type"] = self.types()
        for _ in range(rng.randint(0 if found else 1, self.breadth)):
            rng.choices(self.WRITERS, self.WEIGHTS if depth else self.FLAT)[0](self, found, depth - 1, level)
        return found

    def types(self) -> Any:
        chosen = self.rng.choice(TYPES) if self.rng.random() < 0.7 else self.rng.sample(TYPES, self.rng.randint(1, 4))
        return chosen if self.rng.random() < 0.8 else self.rng.choice(("object", "array", "string"))

    def inside(self, depth: int) -> Any:
        """A subschema for a member, an item or a name."""
        return self.schema(depth, None)

    def value(self, depth: int = 1) -> Any:
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return rng.choice(self.pools.strings)
        if kind < 0.6:
            return self.pools.number(rng)
        if kind < 0.75 or not depth:
            return rng.choice((None, True, False))
        if kind < 0.88:
            return [self.value(depth - 1) for _ in range(rng.randint(0, 2))]
        return {rng.choice(self.pools.names): self.value(depth - 1) for _ in range(rng.randint(0, 2))}

    def some_names(self, least: int = 1, most: int = 3) -> list[str]:
        return self.rng.sample(self.pools.names, self.rng.randint(least, most))

    # -- one method for each group of keywords ----------------------------------------------------

    def enum(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        if self.rng.random() < 0.35:
            found["const"] = self.value()
        else:
            found["enum"] = [self.value() for _ in range(self.rng.randint(1, 5))]

    def numbers(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        for keyword in rng.sample(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), rng.randint(0, 2)):
            found[keyword] = self.pools.number(rng)
        if rng.random() < 0.4:
            found["multipleOf"] = json.loads(rng.choice(("1", "2", "3", "0.5", "0.1", "1.5", "0.01", "10", "0.3")))

    def strings(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        for keyword in rng.sample(("minLength", "maxLength", "pattern"), rng.randint(1, 2)):
            found[keyword] = rng.choice(self.pools.patterns) if keyword == "pattern" else rng.randint(0, 4)

    def counts(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        keywords = ("minItems", "maxItems", "minProperties", "maxProperties")
        for keyword in rng.sample(keywords, rng.randint(1, 2)):
            found[keyword] = rng.randint(0, 3)

    def unique(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        found["uniqueItems"] = self.rng.random() < 0.9

    def required(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        if self.rng.random() < 0.7:
            found["required"] = self.some_names(0, 2)
        else:
            found["dependentRequired"] = {name: self.some_names(0, 2) for name in self.some_names(1, 2)}

    def items(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        if rng.random() < 0.6:
            found["items"] = self.inside(depth)
        if rng.random() < 0.5:
            found["prefixItems"] = [self.inside(depth) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.35:
            found["contains"] = self.inside(depth)
            if rng.random() < 0.4:
                found["minContains"] = rng.randint(0, 2)
            if rng.random() < 0.4:
                found["maxContains"] = rng.randint(0, 2)

    def properties(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        if rng.random() < 0.8:
            found["properties"] = {name: self.inside(depth) for name in self.some_names()}
        if rng.random() < 0.35:
            found["patternProperties"] = {
                rng.choice(self.pools.patterns): self.inside(depth) for _ in range(rng.randint(1, 2))
            }
        if rng.random() < 0.45:
            found["additionalProperties"] = self.inside(depth) if rng.random() < 0.5 else False
        if rng.random() < 0.2:
            found["propertyNames"] = self.inside(0)

    def dependent(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        found["dependentSchemas"] = {name: self.schema(depth, level) for name in self.some_names(1, 2)}

    def unevaluated(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        keyword = rng.choice(("unevaluatedProperties", "unevaluatedItems"))
        found[keyword] = self.inside(depth) if rng.random() < 0.4 else False

    def combined(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        rng = self.rng
        keyword = rng.choice(("allOf", "anyOf", "oneOf"))
        found[keyword] = [self.schema(depth, level) for _ in range(rng.randint(1, 3))]

    def negated(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        found["not"] = self.schema(depth, level)

    def conditional(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        for keyword in ("if", *self.rng.sample(("then", "else"), self.rng.randint(1, 2))):
            found[keyword] = self.schema(depth, level)

    def reference(self, found: dict[str, Any], depth: int, level: int | None) -> None:
        if level is None:
            found["$ref"] = self.rng.choice(("#", *(f"#/$defs/{name}" for name in DEFINITIONS)))
        elif level + 1 < len(DEFINITIONS):
            found["$ref"] = f"#/$defs/{self.rng.choice(DEFINITIONS[level + 1 :])}"

    WRITERS = (
        *(enum, numbers, strings, counts, unique, required),
        *(items, properties, dependent, unevaluated, combined, negated, conditional, reference),
    )
    WEIGHTS = (3, 3, 3, 2, 1, 3, 6, 9, 1, 2, 5, 2, 2, 3)
    FLAT = (3, 3, 3, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0)


class Documents:
    """Values that a schema may like."""

    def __init__(self, rng: Random, schema: Any, pools: Pools = WIDE) -> None:
        self.rng, self.root, self.pools = rng, schema, pools
        self.writer = Writer(rng, pools=pools)

    def value(self) -> Any:
        """Led by the schema, then changed here and there."""
        found = self.like(self.root, 5)
        while self.rng.random() < 0.35:
            found = self.changed(found)
        return found

    def like(self, schema: Any, depth: int) -> Any:
        """A value that follows some of the schema's keywords."""
        rng = self.rng
        if not isinstance(schema, dict) or depth <= 0:
            return self.writer.value(1)
        schema = self.merged(schema)
        if "const" in schema and rng.random() < 0.9:
            return schema["const"]
        if "enum" in schema and rng.random() < 0.9:
            return rng.choice(schema["enum"])
        kind = schema.get("type") or rng.choices(
            ("object", "array", "string", "number", "null"), [self.weight(schema, k) for k in "oasnx"]
        )
        kind = kind if isinstance(kind, str) else rng.choice(kind)
        match kind:
            case "object":
                return self.object(schema, depth)
            case "array":
                return self.array(schema, depth)
            case "string":
                return self.string(schema)
            case "number" | "integer":
                return self.number(schema)
        return rng.choice((True, False)) if kind == "boolean" else None

    def weight(self, schema: dict[str, Any], kind: str) -> int:
        words = {
            "o": ("properties", "required", "additionalProperties", "patternProperties", "unevaluatedProperties"),
            "a": ("items", "prefixItems", "contains", "uniqueItems", "unevaluatedItems", "minItems"),
            "s": ("minLength", "maxLength", "pattern"),
            "n": ("minimum", "maximum", "multipleOf"),
            "x": (),
        }
        return 1 + 6 * sum(word in schema for word in words[kind])

    def merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        """With one subschema that applies to the same value laid over it, here and there."""
        rng, found = self.rng, dict(schema)
        for _ in range(3):
            more: list[Any] = []
            if "$ref" in found:
                name = found.pop("$ref").rpartition("/")[2]
                target = self.root if name == "#" else self.root.get("$defs", {}).get(name, True)
                more.append(target)
            for keyword in ("allOf", "anyOf", "oneOf"):
                branches = found.pop(keyword, ())
                more += branches if keyword == "allOf" else rng.sample(branches, min(1, len(branches)))
            if "if" in found:
                chosen = found.pop("if"), found.pop("then", True), found.pop("else", True)
                more += rng.choice((chosen[:2], chosen[2:]))
            for other in more:
                if isinstance(other, dict):
                    for keyword, value in other.items():
                        both = isinstance(value, dict) and isinstance(found.get(keyword), dict)
                        found[keyword] = {**found[keyword], **value} if both else value
        return found

    def object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        rng = self.rng
        properties = schema.get("properties", {})
        names = list(dict.fromkeys(schema.get("required", ())))
        names += [name for name in properties if name not in names and rng.random() < 0.5]
        least = schema.get("minProperties", 0)
        for _ in range(20):
            if len(names) >= least and rng.random() < 0.75:
                break
            name = rng.choice(self.pools.names + self.pools.strings)
            if name not in names:
                names.append(name)
        rng.shuffle(names)
        if "maxProperties" in schema and rng.random() < 0.9:
            names = names[: schema["maxProperties"]]
        rest = schema.get("additionalProperties", schema.get("unevaluatedProperties", True))
        others = [rest, *schema.get("patternProperties", {}).values()]
        return {
            name: self.like(properties[name] if name in properties else rng.choice(others), depth - 1) for name in names
        }

    def array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        rng = self.rng
        prefix, rest = schema.get("prefixItems", []), schema.get("items", schema.get("unevaluatedItems", True))
        n = max(schema.get("minItems", 0), rng.randint(0, 3))
        n = min(n, schema.get("maxItems", n)) if rng.random() < 0.9 else n
        found = [self.like(prefix[i] if i < len(prefix) else rest, depth - 1) for i in range(n)]
        if "contains" in schema and rng.random() < 0.8:
            for _ in range(rng.randint(1, 2)):
                item = self.like(schema["contains"], depth - 1)
                found.insert(rng.randint(0, len(found)), item)
        return found

    def string(self, schema: dict[str, Any]) -> str:
        rng = self.rng
        found = rng.choice(self.pools.strings + self.pools.names)
        least = schema.get("minLength", 0)
        while len(found) < least:
            found += rng.choice([name for name in self.pools.names if name])
        return found[: schema["maxLength"]] if "maxLength" in schema and rng.random() < 0.8 else found

    def number(self, schema: dict[str, Any]) -> Any:
        rng = self.rng
        found = self.pools.number(rng)
        bounds = [schema[k] for k in schema if k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")]
        if bounds and rng.random() < 0.6:
            found = rng.choice(bounds) + rng.choice((0, 0, 1, -1, 0.5))
        if schema.get("multipleOf") and rng.random() < 0.7:
            step = Fraction(str(schema["multipleOf"]))
            exact = step * round(Fraction(str(found)) / step)
            found = int(exact) if exact.denominator == 1 else float(exact)
        if schema.get("type") == "integer" and rng.random() < 0.8:
            found = int(found)
        return found

    def changed(self, value: Any) -> Any:
        """One small change somewhere."""
        rng = self.rng
        if isinstance(value, list) and value and rng.random() < 0.8:
            found, i = list(value), rng.randrange(len(value))
            kind = rng.random()
            if kind < 0.5:
                found[i] = self.changed(found[i])
            elif kind < 0.7:
                found.append(found[i])
            elif kind < 0.85:
                del found[i]
            else:
                rng.shuffle(found)
            return found
        if isinstance(value, dict) and value and rng.random() < 0.8:
            name = rng.choice(list(value))
            kind = rng.random()
            if kind < 0.5:
                return {**value, name: self.changed(value[name])}
            if kind < 0.75:
                return {n: member for n, member in value.items() if n != name}
            return {**value, rng.choice(self.pools.names): self.writer.value(1)}
        return self.writer.value(1)


class Spelling:
    """JSON texts of values: white space, escapes and numbers as the specification lets one write them."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def text(self, value: Any) -> str:
        """A text of the value; one in a dozen isn't quite JSON, or has a name twice."""
        rng = self.rng
        self.odd = rng.random() < 0.5
        text = self.space() + self.of(value) + self.space()
        if rng.random() < 0.92:
            return text
        at = rng.randrange(len(text) + 1)
        kind = rng.random()
        if kind < 0.4:
            return text[:at] + text[at + 1 :]
        if kind < 0.8:
            return text[:at] + rng.choice([*',:"]}{[0-.e\\ a', "\\ud800", "\x01", "\ufeff"]) + text[at:]
        return text.replace("}", ',"a":1}', 1) if "}" in text else text + rng.choice(("1", "x", ","))

    def space(self) -> str:
        return self.rng.choice(("", "", " ", "\n", "\t ", "\r")) if self.odd else ""

    def of(self, value: Any) -> str:
        if isinstance(value, list):
            return "[" + self.space() + ",".join(self.space() + self.of(v) + self.space() for v in value) + "]"
        if isinstance(value, dict):
            members = (
                f"{self.space()}{self.string(name)}{self.space()}:{self.space()}{self.of(member)}{self.space()}"
                for name, member in value.items()
            )
            return "{" + self.space() + ",".join(members) + "}"
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.number(value)
        return json.dumps(value)

    def number(self, value: float) -> str:
        rng, plain = self.rng, json.dumps(value)
        if not self.odd or rng.random() < 0.6:
            return plain
        if "e" in plain:
            return plain.replace("e", "E") if rng.random() < 0.5 else plain
        if value == 0:
            return rng.choice(("0.0", "-0", "0e5", "-0.00E-1"))
        if "." in plain:
            return plain + rng.choice(("0", "e0", "000", "E+0"))
        return plain + rng.choice((".0", "e0", ".00e+0", "E-0", "0e-1", ".0e00"))

    def string(self, text: str) -> str:
        if not self.odd:
            return json.dumps(text, ensure_ascii=self.rng.random() < 0.3)
        return '"' + "".join(map(self.character, text)) + '"'

    def character(self, character: str) -> str:
        rng = self.rng
        if rng.random() < 0.2:
            units = character.encode("utf-16-be")
            pairs = (units[i : i + 2].hex() for i in range(0, len(units), 2))
            return "".join("\\u" + (pair if rng.random() < 0.5 else pair.upper()) for pair in pairs)
        if character == "/" and rng.random() < 0.5:
            return "\\/"
        return json.dumps(character, ensure_ascii=False)[1:-1]
