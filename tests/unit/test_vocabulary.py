"""Vocabularies from explicit bytes: what is kept, what is refused, what the fingerprint tells apart."""

import copy
import gc
import hashlib
import pickle
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcd import Vocabulary
from gcd.vocab import vocabulary

TOKENS = st.lists(st.none() | st.binary(max_size=6), min_size=1, max_size=70)


@st.composite
def arguments(draw):
    """Arguments of `from_bytes`: tokens, eos, special and forbidden ids, width."""
    tokens = draw(TOKENS)
    width = draw(st.integers(1, 2 * len(tokens)))
    ids = st.lists(st.integers(0, width - 1), max_size=4)
    return tokens, draw(ids), draw(ids), draw(ids), width


def build(tokens, eos, special, forbid, width):
    return Vocabulary.from_bytes(tokens, eos, special, width, forbid_ids=forbid)


@given(arguments())
def test_content(args):
    tokens, eos, special, forbid, width = args
    vocab = build(*args)
    silent = {*eos, *special, *forbid}
    expected = [None if i in silent or i >= len(tokens) or not tokens[i] else tokens[i] for i in range(width)]
    assert vocab.width == width
    assert list(vocab.tokens) == expected
    assert [vocab.token_bytes(i) for i in range(width)] == expected
    assert vocab.eos_ids == tuple(sorted(set(eos)))
    assert vocab.special_ids == tuple(sorted({*eos, *special}))


@given(arguments())
def test_packed_is_another_form_of_the_same(args):
    vocab = build(*args)
    blob, offsets = vocab.packed()
    assert offsets.readonly
    assert offsets.itemsize == 4
    assert len(offsets) == vocab.width + 1
    assert [blob[offsets[i] : offsets[i + 1]] or None for i in range(vocab.width)] == list(vocab.tokens)
    again = Vocabulary.from_packed(blob, offsets, vocab.eos_ids, vocab.special_ids)
    assert again == vocab
    assert again.tokens == vocab.tokens
    for twin in (pickle.loads(pickle.dumps(vocab)), copy.deepcopy(vocab)):
        assert twin == vocab
        assert twin.tokens == vocab.tokens


@given(arguments(), arguments())
def test_equal_fingerprints_are_equal_contents(one, other):
    a, b = build(*one), build(*other)
    same = (a.tokens, a.eos_ids, a.special_ids) == (b.tokens, b.eos_ids, b.special_ids)
    assert (a.fingerprint == b.fingerprint) == same
    assert (a == b) == same


def test_fingerprint_tells_apart():
    """One change at a time, each of which a mask would show."""
    variants = [
        ([b"ab", b"c", None, None], [2], [], 4),
        ([b"a", b"bc", None, None], [2], [], 4),  # the same bytes, cut elsewhere
        ([b"ab", b"c", None, None], [3], [], 4),
        ([b"ab", b"c", None, None], [2, 3], [], 4),
        ([b"ab", b"c", None, None], [2], [3], 4),
        ([b"ab", b"c", None, None], [2], [], 5),
        ([b"ab", None, b"c", None], [3], [], 4),
        ([b"ab", b"c", None, None], [], [], 4),
    ]
    made = [Vocabulary.from_bytes(*args) for args in variants]
    assert len({v.fingerprint for v in made}) == len(variants)
    assert len(set(made)) == len(variants)


def test_fingerprint_is_stable():
    """Artefacts carry it: it must never change for the same content, on any machine."""
    vocab = Vocabulary.from_bytes([b"a", b"bc", None, b"</s>"], [3], [2])
    content = struct.pack("<3I 1I 2I 5I", 4, 1, 2, 3, 2, 3, 0, 1, 3, 3, 3) + b"abc"
    assert vocab.fingerprint == hashlib.sha256(b"gcd vocabulary 1\n" + content).hexdigest()
    assert vocab.fingerprint == "8b0e55d6ae655bb58bb58ae51ce9b72ae54712913093437382a60807a73ad25f"


def test_duplicates_and_partial_utf8_are_kept():
    vocab = Vocabulary.from_bytes([b"A", b"A", "é".encode()[:1], b"\xff"])
    assert vocab.tokens == (b"A", b"A", b"\xc3", b"\xff")


def test_silence():
    """Empty tokens, holes, special, forbidden: never text, whatever their bytes."""
    vocab = Vocabulary.from_bytes([b"", None, b"<s>", b"</s>", b"[PAD4]", b"x"], [3], [2], forbid_ids=[4])
    assert vocab.tokens == (None, None, None, None, None, b"x")
    assert vocab.special_ids == (2, 3)


@pytest.mark.parametrize("width", [1, 31, 32, 33, 63, 64, 65])
def test_width_either_side_of_the_tokens(width):
    vocab = Vocabulary.from_bytes([bytes([i]) for i in range(64)], width=width)
    assert vocab.width == width
    assert vocab.tokens == tuple(bytes([i]) if i < 64 else None for i in range(width))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"tokens": []}, ValueError, "width must be at least 1"),
        ({"tokens": [b"a"], "width": 0}, ValueError, "width must be at least 1"),
        ({"tokens": [b"a"], "width": True}, TypeError, "width must be an int"),
        ({"tokens": [b"a"], "width": 1.0}, TypeError, "width must be an int"),
        ({"tokens": ["a"]}, TypeError, r"tokens\[0\] must be bytes or None, not str"),
        ({"tokens": [b"a", bytearray(b"b")]}, TypeError, r"tokens\[1\]"),
        ({"tokens": [b"a"], "eos_ids": [1]}, ValueError, r"eos_ids: 1 is not in range\(1\)"),
        ({"tokens": [b"a"], "eos_ids": [-1]}, ValueError, "an id in eos_ids must be at least 0"),
        ({"tokens": [b"a"], "special_ids": [1]}, ValueError, "special_ids: 1"),
        ({"tokens": [b"a"], "forbid_ids": [7]}, ValueError, "forbid_ids: 7"),
        ({"tokens": [b"a"], "eos_ids": ["0"]}, TypeError, "an id in eos_ids must be an int"),
    ],
)
def test_refuses(kwargs, error, message):
    with pytest.raises(error, match=message):
        Vocabulary.from_bytes(**kwargs)


@pytest.mark.parametrize(
    ("blob", "offsets", "eos", "message"),
    [
        (b"ab", array("I", [0, 2, 1, 2]), (), "must not fall"),
        (b"ab", array("I", [0, 1]), (), "from 0 to the length"),
        (b"ab", array("I", [1, 2]), (), "from 0 to the length"),
        (b"ab", array("Q", [0, 2]), (), "32-bit"),
        (b"ab", array("I", [0]), (), "width must be at least 1"),
        (b"ab", array("I", [0, 2]), (1,), "eos_ids: 1"),
        (b"ab", array("I", [0, 2]), (0,), "has bytes"),
    ],
)
def test_refuses_packed(blob, offsets, eos, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_packed(blob, offsets, eos)


@pytest.mark.parametrize("token_id", [-1, 2, 1 << 40])
def test_token_out_of_range(token_id):
    with pytest.raises(IndexError, match="not in range"):
        Vocabulary.from_bytes([b"a", b"b"]).token_bytes(token_id)


def test_immutable():
    vocab = Vocabulary.from_bytes([b"a"])
    for name in ("width", "tokens", "_blob", "new"):
        with pytest.raises(AttributeError):
            setattr(vocab, name, 1)
    with pytest.raises(AttributeError):
        del vocab._blob
    with pytest.raises(TypeError, match="from_pretrained"):
        Vocabulary()


def test_names_for_messages():
    vocab = Vocabulary.from_bytes([b" if", b"\xe2\x82", None, b"", b""], [3], [4])
    names = [vocab.token_name(i) for i in range(5)]
    assert names == ["' if'", r"b'\xe2\x82'", "<no token>", "<end of sequence>", "<special>"]
    assert "texts=2 special=2 eos=[3]" in repr(vocab)


def test_shared_is_common_to_equal_vocabularies_and_goes_with_the_last():
    tokens = [b"shared", b"by these two only"]
    one, two, other = (Vocabulary.from_bytes(t) for t in (tokens, tokens, [b"x"]))
    one.shared["trie"] = 7
    assert two.shared["trie"] == 7
    assert "trie" not in other.shared
    key = one.fingerprint
    del one
    gc.collect()
    assert two.shared["trie"] == 7
    del two
    gc.collect()
    assert key not in vocabulary._SHARED
    assert "trie" not in Vocabulary.from_bytes(tokens).shared
