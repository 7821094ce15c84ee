"""Tokenizer files other than tokenizer.json, and damaged files of every kind: a typed error, or a sound table."""

import base64
import io
import json
import os
import random
import time

import pytest
import sentencepiece
from small_tokenizers import byte_level, unigram
from small_tokenizers import sentencepiece as sentencepiece_json

from gcd import TokenizerError, Vocabulary
from gcd.vocab.rank_files import read_rank_file, read_tekken
from gcd.vocab.sentencepiece_model import read_sentencepiece


def rank_file(*tokens, first=0):
    return b"".join(base64.b64encode(token) + b" %d\n" % (first + i) for i, token in enumerate(tokens))


def tekken(tokens, **changes):
    vocab = [{"rank": i, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for i, t in enumerate(tokens)]
    config = {"pattern": ".", "num_vocab_tokens": len(tokens), "default_vocab_size": len(tokens) + 3}
    content = {"config": config | {"default_num_special_tokens": 3, "version": "v3"}, "vocab": vocab}
    content["config"] |= changes.pop("config", {})
    return json.dumps(content | changes).encode()


def field(number, value):
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value % (1 << 64))
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number):
    groups = [number & 0x7F]
    while number := number >> 7:
        groups[-1] |= 0x80
        groups.append(number & 0x7F)
    return bytes(groups)


def model(*pieces, trainer=b"", normalizer=b"", denormalizer=b""):
    """A SentencePiece model of (text, type) pieces, with an unknown and two control pieces in front."""
    pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), *pieces]
    data = b"".join(field(1, field(1, text.encode()) + field(3, kind)) for text, kind in pieces)
    parts = (field(n, part) for n, part in ((2, trainer), (3, normalizer), (5, denormalizer)) if part)
    return data + b"".join(parts)


FALLBACK = field(35, 1)
BYTES = [(f"<0x{b:02X}>", 6) for b in range(256)]


# -- rank files -------------------------------------------------------------------------------------------------------


def test_rank_file(tmp_path):
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(rank_file(b"a", b"\xe2\x82") + b"\r\n" + base64.b64encode(b"z") + b" 5\r\n")
    vocab = Vocabulary.from_pretrained(path, eos_ids=[3])
    assert vocab.tokens == (b"a", b"\xe2\x82", None, None, None, b"z")
    assert Vocabulary.from_pretrained(path, 8, eos_ids=[7]).width == 8
    with pytest.raises(TokenizerError, match="no end-of-sequence token"):
        Vocabulary.from_pretrained(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"YQ== 0\nnonsense\n", "not a line of a rank file"),
        (b"YQ== 0\nYQ== -1\n", "not a line of a rank file"),
        (b"YQ== 0\nYg 1\n", "not base64"),
        (b"YQ== 0\nYg== 0\n", "rank 0 occurs twice"),
        (b"YQ== 0\nYg== 999999999\n", "not in range"),
    ],
)
def test_wrong_rank_files(data, said, tmp_path):
    (tmp_path / "x.tiktoken").write_bytes(data)
    with pytest.raises(TokenizerError, match=said) as caught:
        Vocabulary.from_pretrained(tmp_path, eos_ids=[])
    assert "x.tiktoken" in caught.value.place


def test_tekken(tmp_path):
    (tmp_path / "tekken.json").write_bytes(tekken([b"a", b"\xff", b"too many"], config={"default_vocab_size": 5}))
    vocab = Vocabulary.from_pretrained(tmp_path)
    assert vocab.tokens == (None, None, None, b"a", b"\xff")
    assert (vocab.eos_ids, vocab.special_ids, vocab.token_name(2)) == ((2,), (0, 1, 2), "</s>")
    listed = [{"rank": 1, "token_str": "</s>", "is_control": True}]
    table = read_tekken(tekken([b"a"], special_tokens=listed), "x")
    assert (table.special, table.roles) == ({0: "<SPECIAL_0>", 1: "</s>", 2: "<SPECIAL_2>"}, {"eos": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"default_vocab_size": 99}},
        {"config": {"default_vocab_size": 1 << 40}},
        {"config": {"default_num_special_tokens": -1}},
        {"config": {"default_num_special_tokens": True}},
        {"config": {"default_num_special_tokens": 1.0}},
        {"vocab": [{"token_bytes": "YQ=="}]},
        {"vocab": [{"rank": -1, "token_bytes": "YQ=="}]},
        {"vocab": [{"rank": 0, "token_bytes": "!"}]},
        {"vocab": [{"rank": 0, "token_bytes": "YQ=="}] * 2},
        {"special_tokens": [{"rank": 3, "token_str": "x"}]},
        {"special_tokens": 7},
    ],
)
def test_wrong_tekken(changes):
    with pytest.raises(TokenizerError):
        read_tekken(tekken([b"a", b"b"], **changes), "x")


# -- SentencePiece models ---------------------------------------------------------------------------------------------


def test_model_read_as_the_library_does():
    data = model(("▁a", 1), ("b▁c", 4), ("▁▁", 5), ("é", 1), *BYTES, ("<ctl>", 3), trainer=FALLBACK)
    read = read_sentencepiece(data, "x")
    assert read.pieces.token_bytes()[3:9] == [b" a", b"b c", b"  ", "é".encode(), b"\x00", b"\x01"]
    assert read.pieces.special == {0: "<unk>", 1: "<s>", 2: "</s>", 263: "<ctl>"}
    assert read.roles == {"unk": 0, "bos": 1, "eos": 2}
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    assert [processor.id_to_piece(i) for i in range(3, 9)] == read.pieces.strings[3:9]
    assert Vocabulary.from_pretrained(processor).tokens[3:7] == (b" a", b"b c", b"  ", "é".encode())


def test_roles_of_a_model():
    read = read_sentencepiece(model(("a", 1), trainer=field(41, -1) + field(42, 1) + field(43, 2)), "x")
    assert read.roles == {"unk": 0, "eos": 1, "pad": 2}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (model(("a", 1), trainer=field(24, 1)), "treat_whitespace_as_suffix"),
        (model(("a", 1), normalizer=field(5, 0)), "escape_whitespaces"),
        (model(("a", 1), denormalizer=field(2, b"rules")), "denormalizer"),
        (model(("<0x41>", 1), *BYTES[:5]), "looks like a byte piece"),
        (model(("nobyte", 6)), "is no byte"),
        (b"\x0a\x05\x0a\x63abc", "a field of 99 bytes"),
        (field(1, field(1, b"\xff")), "decode"),
        (field(1, field(1, 7)), "has no text"),
        (b"\x0a\x02\x0a\x80", "cut off"),
        (field(1, b"\x0a\xff" + b"\xff" * 20), "more than 10 bytes"),
        (field(1, b"\x0b"), "a field of kind 3"),
        (b"", "no pieces"),
    ],
)
def test_wrong_models(data, said):
    with pytest.raises(TokenizerError, match=said):
        read_sentencepiece(data, "x")


def test_literal_byte_names_without_byte_pieces():
    assert read_sentencepiece(model(("<0x41>", 1)), "x").pieces.token_bytes()[3] == b"<0x41>"


def test_a_model_with_only_spaces_can_not_be_checked(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(model(("▁a", 1)))
    with pytest.raises(TokenizerError, match="can't be compared"):
        Vocabulary.from_pretrained(tmp_path)
    assert Vocabulary.from_pretrained(tmp_path, check=False).tokens[3] == b" a"


@pytest.mark.parametrize("package", ["sentencepiece", "tokenizers"])
def test_the_check_needs_the_library(package, tmp_path, monkeypatch):
    monkeypatch.setenv("GCD_CACHE", str(tmp_path / "cache"))
    text = model(("a", 1)) if package == "sentencepiece" else byte_level([b"a"]).to_str().encode()
    (tmp_path / "tokenizer.model").write_bytes(text)
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(TokenizerError, match=f"needs the package {package}"):
        Vocabulary.from_pretrained(tmp_path, eos_ids=[])


def test_gguf_files_are_named(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF\x03\0\0\0")
    with pytest.raises(TokenizerError, match="doesn't read GGUF") as caught:
        Vocabulary.from_pretrained(tmp_path / "x.gguf")
    assert "AutoTokenizer" in caught.value.remedy


# -- damage -----------------------------------------------------------------------------------------------------------

SOUND = {
    "byte-level": byte_level([bytes([b]) for b in range(64, 91)], added=["<b>"], special=["<s>"]).to_str().encode(),
    "sentencepiece": sentencepiece_json(["▁a", "b"], special=["<s>"]).to_str().encode(),
    "unigram": unigram(["▁a", "b"]).to_str().encode(),
    "tekken": tekken([b"a", b"b"]),
    "ranks": rank_file(b"a", b"b", b"ab"),
    "model": model(("▁a", 1), ("b", 1), *BYTES, trainer=FALLBACK + field(42, 2), normalizer=field(5, 1)),
}
ROUNDS = int(os.environ.get("GCD_FUZZ_ROUNDS", "400"))
"""Damaged files of each kind."""

ODD = [None, True, -1, 0, 1.5, 1 << 40, 10**400, "", "\ud800", "a", [], [[]], {}, {"a": []}, [0, None], "<0x41>"]


def damage(data, rng):
    """One file made of another: JSON with an odd value somewhere, or bytes changed, dropped, doubled or cut."""
    if data[:1] == b"{" and rng.random() < 0.7:
        root = json.loads(data)
        container, key = damaged_place(root, rng)
        if isinstance(container, dict) and rng.random() < 0.3:
            del container[key]
        else:
            container[key] = rng.choice(ODD)
        return json.dumps(root).encode()
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed) or 1)
        match rng.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[at : at + rng.randrange(1, 20)]
            case 2:
                changed[at:at] = changed[at : at + rng.randrange(1, 20)]
            case 3:
                del changed[rng.randrange(len(changed) + 1) :]
    return bytes(changed)


def damaged_place(value, rng):
    """A random (container, key) in parsed JSON."""
    while True:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        inner = value[key]
        if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.2:
            return value, key
        value = inner


@pytest.mark.parametrize("kind", SOUND)
def test_damaged_files(kind, tmp_path, monkeypatch):
    """Refused with a typed error, or read and agreed upon with the library's decode; nothing else, and soon."""
    monkeypatch.setenv("GCD_CACHE", str(tmp_path / "cache"))
    rng = random.Random(kind)
    path = tmp_path / "tokenizer"
    outcomes = {True: 0, False: 0}
    began = time.process_time()
    for _ in range(ROUNDS):
        path.write_bytes(damage(SOUND[kind], rng))
        try:
            vocab = Vocabulary.from_pretrained(path, eos_ids=[])
        except TokenizerError as error:
            assert error.place  # noqa: PT017
            outcomes[False] += 1
        else:
            assert len(vocab.tokens) == vocab.width
            outcomes[True] += 1
    assert outcomes[False] > ROUNDS / 8, "the damage does nothing"
    assert time.process_time() - began < ROUNDS / 10


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"model": ' * 100_000, '{"model": {"type": "BPE", "vocab": {"a": 1e999}}}']
)
def test_deep_and_large(text, tmp_path):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(TokenizerError):
        Vocabulary.from_pretrained(tmp_path)


def test_half_a_surrogate_pair():
    data = json.loads(SOUND["byte-level"])
    data["model"]["vocab"]["\ud800"] = 99
    buffer = io.StringIO()
    json.dump(data, buffer)
    from gcd.vocab.tokenizer_json import read_tokenizer_json

    with pytest.raises(TokenizerError):
        read_tokenizer_json(buffer.getvalue())


def test_rank_file_reader_reports_lines():
    with pytest.raises(TokenizerError) as caught:
        read_rank_file(b"YQ== 0\n\nx\n", "r")
    assert caught.value.place == "r, line 3"
