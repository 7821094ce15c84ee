"""tokenizer.json to bytes: small tokenizers of every family that is read, and refusals by name of all others."""

import json
import random

import pytest
from small_tokenizers import byte_level, sentencepiece, unigram, written
from tokenizers import Tokenizer, models, pre_tokenizers

from gcd import TokenizerError, Vocabulary
from gcd.vocab.self_check import check_decode, spell
from gcd.vocab.tokenizer_json import byte_alphabet, read_tokenizer_json


def read(tokenizer):
    return read_tokenizer_json(tokenizer.to_str())


def decoder_of(tokenizer):
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=False)


def test_alphabet_is_that_of_the_library():
    assert sorted(byte_alphabet()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = byte_level([bytes([b]) for b in range(256)])
    assert all(tokenizer.decode([b]) == chr(b) for b in range(128))


def test_byte_level():
    tokens = [*(bytes([b]) for b in range(256)), b" the", "é".encode(), "日".encode()[:2], b"\x9f\x98\x80 x", b"\n\n"]
    got = read(byte_level(tokens))
    assert got.token_bytes() == tokens
    assert got.special == {}


def test_added_tokens_are_text_as_the_decoder_writes_them():
    """Characters of the alphabet are mapped back even in an added token; all others make it plain text."""
    tokenizer = byte_level([b"a"], added=["<tool_call>", "a b", "\n\n", "日本", "Ġx", "é"], special=["<|end|>"])
    got = read(tokenizer)
    expected = [b"a", b"<tool_call>", b"a b", b"\n\n", "日本".encode(), b" x", b"\xe9", b"<|end|>"]
    assert got.token_bytes() == expected
    assert got.special == {7: "<|end|>"}
    check_decode(got, decoder_of(tokenizer))


def test_holes():
    tokenizer = byte_level([b"a", b"b", b"c"])
    data = json.loads(tokenizer.to_str())
    data["model"]["vocab"] = {"a": 0, "b": 5}
    assert read_tokenizer_json(json.dumps(data)).token_bytes() == [b"a", None, None, None, None, b"b"]


def test_sentencepiece():
    pieces = ["▁the", "▁", "▁▁", "A", "日", "x▁y"]
    tokenizer = sentencepiece(pieces, added=["▁▁▁", "<b>"], special=["<s>"])
    got = read(tokenizer)
    tokens = got.token_bytes()
    assert tokens[1:7] == [b" the", b" ", b"  ", b"A", "日".encode(), b"x y"]
    assert tokens[7 : 7 + 256] == [bytes([b]) for b in range(256)]
    assert tokens[4] == tokens[7 + 0x41]  # two ids, one byte
    assert tokens[263:] == [b"<s>", b"   ", b"<b>"]
    assert got.special == {0: "<unk>", 263: "<s>"}
    assert got.decoder.strip == " "


def test_byte_pieces_only_where_the_decoder_has_fallback():
    data = json.loads(byte_level([b"a"]).to_str())
    data["model"]["vocab"] = {"<0x41>": 0}
    assert read_tokenizer_json(json.dumps(data)).token_bytes() == [b"<0x41>"]


@pytest.mark.parametrize("strip", [True, False])
def test_spelling_agrees_with_sentencepiece_decode(strip):
    """Random sequences, many with broken characters: what `spell` says is what decode gives."""
    tokenizer = sentencepiece(["▁the", "▁", "é", "A", "日", "<0x4>", "<0xZZ>"], ["▁▁"], ["<s>"], strip=strip)
    got, rng = read(tokenizer), random.Random(7)
    n = len(got.strings)
    byte_ids = [i for i, t in enumerate(got.strings) if got.decoder.is_byte_piece(t)]
    assert len(byte_ids) == 256
    for _ in range(2000):
        ids = [rng.choice(byte_ids) if rng.random() < 0.7 else rng.randrange(n) for _ in range(rng.randrange(1, 9))]
        assert spell(got, ids) == tokenizer.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_spelling_agrees_with_metaspace_decode(scheme, byte_fallback):
    """All of the first token's ▁ go, unless the scheme is "never"."""
    tokenizer = unigram(["▁the", "▁", "▁▁", "x▁y", "é", "日"], scheme, byte_fallback)
    got, rng = read(tokenizer), random.Random(7)
    assert got.token_bytes()[1:7] == [b" the", b" ", b"  ", b"x y", "é".encode(), "日".encode()]
    assert got.special == {0: "<unk>", len(got.strings) - 1: "<s>"}
    for _ in range(2000):
        ids = [rng.randrange(len(got.strings)) for _ in range(rng.randrange(1, 9))]
        assert spell(got, ids) == tokenizer.decode(ids, skip_special_tokens=False)
    check_decode(got, decoder_of(tokenizer))


def test_older_metaspace_files():
    text = changed(unigram(["▁a"]), decoder={"type": "Metaspace", "replacement": "▁", "add_prefix_space": True})
    got = read_tokenizer_json(text)
    assert got.decoder.drop_first == "▁"
    assert spell(got, [1, 1]) == Tokenizer.from_str(text).decode([1, 1]) == "a a"


def test_unknown_is_special_though_nothing_marks_it():
    data = json.loads(sentencepiece(["A"]).to_str())
    data["added_tokens"] = []
    assert read_tokenizer_json(json.dumps(data)).special == {0: "<unk>"}


def test_spelling_agrees_with_byte_level_decode():
    tokenizer = byte_level([bytes([b]) for b in range(256)])
    got, rng = read(tokenizer), random.Random(7)
    lead = [0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0x80, 0x9F, 0xBF, 0xFF, 0x41]
    for _ in range(2000):
        ids = [rng.choice(lead) for _ in range(rng.randrange(1, 9))]
        assert spell(got, ids) == tokenizer.decode(ids)


# -- the self-check ---------------------------------------------------------------------------------------------------

SINGLE = [bytes([b]) for b in range(256)]
BROKEN = ["日".encode()[:2], "日".encode()[1:], b"\x9f\x98\x80 x", b"\x98\x80", b"ok \xf0\x9f"]


def test_check_passes():
    for tokenizer in (byte_level([*SINGLE, *BROKEN, b" the"]), sentencepiece(["▁the", "é"])):
        check_decode(read(tokenizer), decoder_of(tokenizer))


@pytest.mark.parametrize("victim", range(256, 256 + len(BROKEN)))
def test_check_sees_bytes_that_are_no_utf8_alone(victim):
    """One byte changed so that the token is no UTF-8 before and after: alone, both decode to U+FFFD."""
    tokens = [*SINGLE, *BROKEN]
    tokenizer = byte_level(tokens)
    got = read(tokenizer)
    wrong = bytearray(tokens[victim])
    at = next(i for i, b in enumerate(wrong) if 0x80 <= b < 0xC0)
    wrong[at] ^= 1
    got.strings[victim] = written(wrong)
    with pytest.raises(TokenizerError, match=f"token {victim}") as caught:
        check_decode(got, decoder_of(tokenizer))
    assert caught.value.token_id == victim


@pytest.mark.parametrize("victim", [0x41, 0x0A, 256])
def test_check_sees_text(victim):
    tokenizer = byte_level([*SINGLE, b" the"])
    got = read(tokenizer)
    got.strings[victim] = written(b"wrong")
    with pytest.raises(TokenizerError, match=r"spell 'wrong'") as caught:
        check_decode(got, decoder_of(tokenizer))
    assert caught.value.token_id == victim


def test_check_sees_a_byte_piece():
    tokenizer = sentencepiece(["A"])
    got = read(tokenizer)
    i = got.strings.index("<0xE2>")
    got.strings[i] = "<0xE3>"
    with pytest.raises(TokenizerError) as caught:
        check_decode(got, decoder_of(tokenizer))
    assert caught.value.token_id == i


def test_check_covers_every_id():
    tokenizer = byte_level([*SINGLE, *BROKEN], added=["<b>"], special=["<s>"])
    seen = set()

    def decode(ids):
        seen.update(ids)
        return tokenizer.decode(ids, skip_special_tokens=False)

    check_decode(read(tokenizer), decode)
    assert seen == set(range(256 + len(BROKEN) + 2))


def test_check_reports_what_only_a_sequence_shows():
    """A decode that is right for every token alone and wrong for two: refused, with the sequence."""
    tokenizer = byte_level([b"a", b"b"])
    plain = decoder_of(tokenizer)
    with pytest.raises(TokenizerError, match="these ids decode to"):
        check_decode(read(tokenizer), lambda ids: plain(ids).strip("a") if len(ids) > 1 else plain(ids))


# -- refusals ---------------------------------------------------------------------------------------------------------


def changed(tokenizer, **parts):
    data = json.loads(tokenizer.to_str())
    for path, value in parts.items():
        *parents, last = path.split("__")
        target = data
        for parent in parents:
            target = target[parent]
        target[last] = value
    return json.dumps(data)


STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
FALLBACK, FUSE = {"type": "ByteFallback"}, {"type": "Fuse"}
REPLACE = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


@pytest.mark.parametrize(
    ("text", "component"),
    [
        (changed(byte_level([b"a"]), model__end_of_word_suffix="</w>"), "end_of_word_suffix"),
        (changed(byte_level([b"a"]), model__continuing_subword_prefix="##"), "continuing_subword_prefix"),
        (changed(byte_level([b"a"]), decoder=None), "no decoder"),
        (changed(byte_level([b"a"]), decoder=FUSE), "decoder without ByteLevel"),
        (changed(byte_level([b"a"]), decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}), "WordPiece"),
        (
            changed(sentencepiece(["a"]), decoder={"type": "Sequence", "decoders": [FALLBACK, METASPACE]}),
            "Metaspace behind ByteFallback",
        ),
        (
            changed(sentencepiece(["a"]), decoder={"type": "Sequence", "decoders": [FUSE, REPLACE, FALLBACK]}),
            "Replace behind ByteFallback or Fuse",
        ),
        (changed(byte_level([b"a"]), decoder={"type": "BPEDecoder", "suffix": "</w>"}), "BPEDecoder"),
        (changed(sentencepiece(["a"]), decoder={"type": "Sequence", "decoders": [FUSE, STRIP]}), "ByteFallback"),
        (changed(sentencepiece(["a"]), decoder={"type": "Sequence", "decoders": [STRIP, FALLBACK, FUSE]}), "Strip"),
        (
            changed(
                sentencepiece(["a"]),
                decoder={"type": "Sequence", "decoders": [FALLBACK, FUSE, {**STRIP, "stop": 1}]},
            ),
            "Strip of 1 and 1",
        ),
        (
            changed(
                sentencepiece(["a"]),
                decoder={
                    "type": "Sequence",
                    "decoders": [{"type": "Replace", "pattern": {"Regex": "▁+"}, "content": " "}, FALLBACK, FUSE],
                },
            ),
            "Regex",
        ),
        (Tokenizer(models.WordPiece({"a": 0}, unk_token="a")).to_str(), "model WordPiece"),
        (Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str(), "model WordLevel"),
        (Tokenizer(models.Unigram([("a", 0.0)], 0, False)).to_str(), "no decoder"),
    ],
)
def test_refuses_by_name(text, component):
    with pytest.raises(TokenizerError, match=component) as caught:
        read_tokenizer_json(text, "some/tokenizer.json")
    assert component in caught.value.component
    assert caught.value.place == "some/tokenizer.json"
    assert "from_bytes" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        "{}",
        b"\xff\xfe\x00",
        '{"model": null, "decoder": null}',
        '{"model": {"type": "BPE", "vocab": {"a": "0"}}, "decoder": {"type": "ByteLevel"}}',
        '{"model": {"type": "BPE", "vocab": {"a": -1}}, "decoder": {"type": "ByteLevel"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 99999999999}}, "decoder": {"type": "ByteLevel"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}}, "decoder": {"type": "Sequence"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}}, "decoder": {"type": "Replace"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}}, "decoder": {"type": "ByteLevel"}, "added_tokens": [{"id": 1}]}',
    ],
)
def test_refuses_what_is_no_tokenizer_json(text):
    with pytest.raises(TokenizerError):
        read_tokenizer_json(text)


def test_a_vocabulary_without_tokens():
    text = '{"model": {"type": "BPE", "vocab": {}}, "decoder": {"type": "ByteLevel"}}'
    assert read_tokenizer_json(text).strings == []


def test_tokenizers_object(tmp_path, monkeypatch):
    """A bare tokenizers.Tokenizer: it doesn't know what ends a sequence, so the caller must."""
    monkeypatch.setenv("GCD_CACHE", str(tmp_path))
    tokenizer = byte_level([b"a", b"b"], special=["</s>"])
    with pytest.raises(TokenizerError, match="no end-of-sequence token") as caught:
        Vocabulary.from_pretrained(tokenizer)
    assert "eos_ids" in caught.value.remedy
    vocab = Vocabulary.from_pretrained(tokenizer, eos_ids=[2])
    assert vocab == Vocabulary.from_bytes([b"a", b"b", None], [2])
    assert vocab.token_name(2) == "</s>"
