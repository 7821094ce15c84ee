"""The program as bytes, and where its nodes come from."""

import itertools
import random
import struct

import pytest
from json_schema import random_schemas

from gcd import json_schema
from gcd.errors import LimitError
from gcd.json_schema.builder import FALSE, TRUE, ProgramBuilder
from gcd.json_schema.program import NONE, Node, OutputOptions, Regex, pointer
from gcd.limits import Limits


def decoded(data):
    """The tables that the bytes hold, read by the letter of the format's description."""
    words = struct.unpack(f"<{len(data) // 4}I", data)
    at = 0

    def take(n):
        nonlocal at
        at += n
        return words[at - n : at]

    def text():
        (size,) = take(1)
        padded = struct.pack(f"<{(size + 3) // 4}I", *take((size + 3) // 4))
        assert not any(padded[size:])
        return padded[:size].decode()

    def table(read):
        return [read() for _ in range(take(1)[0])]

    def entry():
        op, n = take(2)
        return (op, *take(n))

    def charset():
        (n,) = take(1)
        bounds = take(2 * n)
        return tuple(zip(bounds[::2], bounds[1::2], strict=True))

    assert take(2) == (0x4A534731, 1)
    tables = [table(text), table(charset), table(text), table(entry), table(entry)]
    (root,) = take(1)
    options = take(take(1)[0])
    assert at == len(words)
    return (*tables, root, options)


def test_bytes_hold_the_tables():
    schema = {
        "properties": {"é𝒳": {"pattern": "^[a-f]{2,}$"}, "b": {"enum": [1, 2.5, "x", None, [1], {"y": 0}]}},
        "patternProperties": {"^x": {"minimum": 1, "maximum": 3}},
        "unevaluatedProperties": False,
        "anyOf": [{"required": ["b"]}, {"properties": {"c": True}}],
    }
    options = OutputOptions(whitespace="fixed", item_separator=", ", key_separator=": ", property_order="schema")
    program = json_schema.load(schema, options=options).program
    strings, charsets, decimals, regexes, nodes, root, words = decoded(program.to_bytes())
    assert tuple(strings) == program.strings
    assert tuple(charsets) == program.charsets
    assert tuple(decimals) == program.decimals
    assert set(decimals) == {"1", "2.5", "0", "3"}
    assert tuple(regexes) == program.regexes
    assert tuple(nodes) == program.nodes
    assert root == program.root
    assert words == (1, 40, strings.index(", "), strings.index(": "), 2, 1)


REGEX_CHILDREN = {
    Regex.CONCAT: lambda args: args,
    Regex.ALT: lambda args: args,
    Regex.AND: lambda args: args,
    Regex.NOT: lambda args: args,
    Regex.REPEAT: lambda args: args[:1],
    Regex.LOOKAHEAD: lambda args: args[:1],
    Regex.LOOKBEHIND: lambda args: args[:1],
}


def test_every_index_is_in_range_and_regexes_refer_backwards():
    for seed in range(150):
        rnd = random.Random(seed)
        program = json_schema.load(random_schemas.whole(rnd, "2020-12")).program
        for i, (op, *args) in enumerate(program.regexes):
            assert all(child < i for child in REGEX_CHILDREN.get(op, lambda _: ())(args))
            if op == Regex.CHARS:
                assert args[0] < len(program.charsets)
            if op in (Regex.STRING, Regex.WORDS):
                assert all(arg < len(program.strings) for arg in args)
        for op, *args in program.nodes:
            if op in (Node.AND, Node.OR, Node.ONE, Node.NOT, Node.PROPERTY_NAMES):
                assert args
                assert all(arg < len(program.nodes) for arg in args)
            if op == Node.PROPERTIES:
                n = args[1]
                m = args[2 + 2 * n]
                assert len(args) == 3 + 2 * n + 2 * m
                assert len(set(args[2 : 2 + 2 * n : 2])) == n  # no name twice
        for chars in program.charsets:
            assert all(low <= high for low, high in chars)
            assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(chars))
        assert len(program.origins) == len(program.nodes)
        assert decoded(program.to_bytes())[4] == list(program.nodes)


def test_equal_schemas_make_equal_bytes_and_hashes():
    schema = {"anyOf": [{"format": "date-time"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "string"}}}
    one, two = json_schema.load(schema), json_schema.load(dict(schema))
    assert one.program == two.program
    assert one.program.to_bytes() == two.program.to_bytes()
    assert one.hash == two.hash
    assert json_schema.load({**schema, "minLength": 1}).hash != one.hash
    assert json_schema.load(schema, options=OutputOptions(max_whitespace=3)).hash != one.hash


def test_equal_subschemas_are_one_node_with_all_its_places():
    schema = {"properties": {"a": {"type": "string", "maxLength": 3}, "b": {"type": "string", "maxLength": 3}}}
    program = json_schema.load(schema).program
    (index,) = [i for i, entry in enumerate(program.nodes) if entry[0] == Node.STRING]
    assert program.pointers(index) == ("#/properties/a/maxLength", "#/properties/b/maxLength")


def test_pointers_of_remote_documents_and_odd_names():
    registry = {"http://example.com/r": {"properties": {"a/b~c": {"minimum": 1}}}}
    program = json_schema.load({"$ref": "http://example.com/r"}, registry=registry).program
    (index,) = [i for i, entry in enumerate(program.nodes) if entry[0] == Node.NUMBER_RANGE]
    assert program.pointers(index) == ("http://example.com/r#/properties/a~1b~0c/minimum",)
    assert pointer((None, "")) == "#"


def test_counts_beyond_all_documents():
    huge = 10**30
    program = json_schema.load({"maxItems": huge, "maxLength": huge, "maxProperties": huge}).program
    assert program.nodes[program.root] == (Node.TRUE,)
    program = json_schema.load({"minItems": huge}).program
    assert program.nodes[program.root] == (Node.ITEM_COUNT, NONE - 1, NONE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"whitespace": "some"},
        {"property_order": "alphabetical"},
        {"max_whitespace": -1},
        {"indent": 1.5},
        {"item_separator": ";"},
        {"item_separator": ",,"},
        {"key_separator": " "},
        {"key_separator": ":\u00a0"},
    ],
)
def test_wrong_options(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OutputOptions(**wrong)


def test_a_table_has_a_limit():
    with pytest.raises(LimitError, match="max_productions"):
        json_schema.load({"anyOf": [{"minimum": i} for i in range(50)]}, limits=Limits(max_productions=20))


class TestAlgebra:
    def setup_method(self):
        self.b = ProgramBuilder(1000)
        self.n = self.b.node((int(Node.UNIQUE),))
        self.m = self.b.node((int(Node.ITEM_COUNT), 1, NONE))

    def test_conjunctions_and_disjunctions(self):
        b, n, m = self.b, self.n, self.m
        assert b.conj([]) == b.conj([TRUE, TRUE]) == TRUE
        assert b.conj([n, TRUE, n]) == n
        assert b.conj([n, FALSE]) == FALSE
        assert b.conj([n, m]) == b.conj([n, m])
        assert b.disj([]) == FALSE
        assert b.disj([n, FALSE]) == n
        assert b.disj([n, TRUE]) == TRUE

    def test_negation(self):
        b, n = self.b, self.n
        assert (b.negate(TRUE), b.negate(FALSE)) == (FALSE, TRUE)
        assert b.negate(b.negate(n)) == n
        assert b.nodes[b.negate(b.types(3))] == (Node.TYPES, 124)
        assert b.types(0) == FALSE
        assert b.types(127) == TRUE

    def test_exactly_one(self):
        b, n, m = self.b, self.n, self.m
        assert b.one([TRUE, TRUE, n]) == FALSE
        assert b.one([n, FALSE]) == n
        assert b.one([]) == FALSE
        assert b.one([n, TRUE]) == b.negate(n)
        assert b.one([n, n]) == FALSE
        assert b.one([n, m, n]) == b.conj([b.negate(n), m])
        assert b.nodes[b.one([n, m])] == (Node.ONE, n, m)

    def test_regexes(self):
        b = self.b
        a, empty, eps, everything = b.literal("a"), b.EMPTY, b.EPS, b.ANY
        assert b.concat([a, eps]) == a
        assert b.concat([a, empty]) == empty
        assert b.alt([a, empty, a]) == a
        assert b.alt([a, everything]) == everything
        assert b.both([a, everything]) == a
        assert b.both([a, empty]) == empty
        assert (b.but(empty), b.but(everything)) == (everything, empty)
        assert b.repeat(a, 1, 1) == a
        assert b.repeat(a, 0, 0) == eps
        assert (b.repeat(empty, 0), b.repeat(empty, 1)) == (eps, empty)
        assert b.length(0) == everything
        assert b.words([]) == empty
        assert b.literal("") == eps
