"""The schema engine where it went wrong once: verdicts, masks against `check`, exactness, compiling again."""

import pytest

import gcd
from gcd import Grammar, Vocabulary

BYTES = [bytes([i]) for i in range(256)]


def vocabulary(*tokens: bytes) -> Vocabulary:
    """All bytes, some longer tokens, and an end of sequence."""
    return Vocabulary.from_bytes([*BYTES, *tokens, None], eos_ids=[256 + len(tokens)])


def matcher(schema, *tokens: bytes, before: bytes = b""):
    compiled = gcd.compile(Grammar.from_json_schema(schema), vocabulary(*tokens), lenient={"viability"})
    m = compiled.matcher()
    assert m.accept_bytes(before)
    return m


def mask(m, n: int) -> list[bool]:
    bits = gcd.allocate_token_bitmask(1, n)
    m.fill_bitmask(bits)
    return [bool(int(bits[0, i // 32]) >> (i % 32) & 1) for i in range(n)]


def accepted(schema, text: bytes) -> bool:
    m = matcher(schema)
    return m.accept_bytes(text) and m.is_complete


CLOSED = {
    "properties": {"eventRaw": {}, "eventStruct": {}},
    "additionalProperties": False,
    "oneOf": [{"required": ["eventStruct"]}, {"required": ["eventRaw"]}],
    "type": "object",
}
TOKENS = [
    (CLOSED, b'{"event', b"Struct", True),  # two threads, each with a name of its own
    (CLOSED, b'{"event', b"Raw", True),
    ({"uniqueItems": True}, b'["b', b'b","b"', True),  # the token ends an item that began before it
    ({"uniqueItems": True}, b'["a",-', b"10e0", True),
    ({"uniqueItems": True}, b'[{"a":"b"},{"a":"b', b'"}', False),
    ({"uniqueItems": True, "items": {"enum": ["a", "b"]}}, b'["a","b', b'",', False),
    ({"uniqueItems": True, "items": {"enum": ["a", "b"]}}, b'["a","b', b'"]', True),
    ({"type": "object"}, b'{"a":1,"', b'b":1,"a":', False),  # a second key within one token
    ({"type": "object"}, b'{"a":1,"', b'b":1,"c":', True),
    ({"type": "object"}, b'{"', b'a":1,"a":', False),  # both keys within it
]


@pytest.mark.parametrize(("schema", "before", "token", "allowed"), TOKENS)
def test_tokens_over_several_lexemes(schema, before, token, allowed):
    m = matcher(schema, token, before=before)
    assert m.check(256) is allowed
    bits = mask(m, 257)
    assert bits[256] is allowed
    assert bits == [m.check(i) for i in range(257)]


@pytest.mark.parametrize("text", [b"[1,1]", b"[1,1,1]", b'["a",2,"a",3]', b"[1,1.0]"])
def test_items_that_repeat_must(text):
    schema = {"not": {"uniqueItems": True}}
    assert accepted(schema, text)
    assert not accepted(schema, b"[1,2,3]")


def test_a_narrower_format_is_no_secret(tmp_path):
    grammar = Grammar.from_json_schema({"format": "hostname"})
    with pytest.raises(gcd.InexactError, match="xn--") as caught:
        gcd.compile(grammar, vocabulary())
    assert caught.value.report.kinds == {"tightened"}
    compiled = gcd.compile(grammar, vocabulary(), lenient={"tightened"})
    compiled.save(tmp_path / "s.gcd")
    for made in (compiled, gcd.load(tmp_path / "s.gcd")):
        assert made.exactness.kinds == {"tightened"}
        assert made.matcher().accept_bytes(b'"example.org"')


TWICE = {"not": {"uniqueItems": True}, "maxItems": 3}
"""Whether the last item can be what it must depends on the values before it."""


def test_exactness_is_the_same_before_and_after_texts():
    nested = {"properties": {"a": {"properties": {"b": TWICE}}}}
    vocab = vocabulary()
    with pytest.raises(gcd.InexactError, match="twice"):
        gcd.compile(Grammar.from_json_schema(nested), vocab)
    compiled = gcd.compile(Grammar.from_json_schema(nested), vocab, lenient={"viability"})
    assert compiled.matcher().accept_bytes(b'{"a":{"b":["x",1,"x"]}}')
    assert gcd.compile(Grammar.from_json_schema({"type": "object"}), vocab).exactness.exact  # another's is its own


def test_a_vocabulary_that_cannot_write_json_is_reported():
    tokens = [b for b in BYTES if b != b'"']
    vocab = Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])
    with pytest.raises(gcd.InexactError, match="0x22"):
        gcd.compile(Grammar.from_json_schema({}), vocab)


def test_compiled_again_the_tables_are_there(tmp_path):
    grammar, vocab = Grammar.from_json_schema({"enum": ["a", "b"]}), vocabulary()
    first = gcd.compile(grammar, vocab)
    assert mask(first.matcher(), 257)[ord('"')]
    again = gcd.compile(grammar, vocab)
    assert again.stats()["masks"] == 1
    first.save(tmp_path / "s.gcd")
    m = gcd.load(tmp_path / "s.gcd").matcher()
    assert m.accept_bytes(b'"a"')
    assert m.is_complete
