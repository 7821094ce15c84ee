"""Real tokenizers: counts that are known, text that must come back, one content whichever way it is read."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tokenizers import Tokenizer

import gcd
from gcd import TokenizerError, Vocabulary
from gcd.vocab import cache

NAMES = ["gpt2", "llama3", "qwen2.5", "smollm2"]

# name: width, ids with text, special ids, ids that are no UTF-8 alone, ends of sequence
KNOWN = {
    "gpt2": (50257, 50256, 1, 344, (50256,)),
    "llama3": (128256, 128000, 256, 1352, (128001, 128008, 128009)),
    "qwen2.5": (151936, 151651, 14, 1448, (151643, 151645)),
    "smollm2": (49152, 49135, 17, 313, (2,)),
}

STDLIB = Path(sysconfig.get_paths()["stdlib"])
TEXTS = [
    *((STDLIB / name).read_text(encoding="utf-8") for name in ("ast.py", "json/decoder.py", "email/header.py")),
    "héllo wörld, 日本語 and 한국어: ½ ≠ ⅓ 😀👩‍👩‍👧 \u00a0nbsp\ttab  \r\n\n  1234567 don't  ",
]


def is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.fixture(scope="module")
def vocab_of(tokenizer_folder):
    made = {}

    def vocab(name):
        if name not in made:
            made[name] = Vocabulary.from_pretrained(tokenizer_folder(name))
        return made[name]

    return vocab


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GCD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", NAMES)
def test_known_counts(name, vocab_of):
    vocab = vocab_of(name)
    texts = [token for token in vocab.tokens if token is not None]
    n_broken = sum(not is_utf8(token) for token in texts)
    assert (vocab.width, len(texts), len(vocab.special_ids), n_broken, vocab.eos_ids) == KNOWN[name]
    assert len(set(texts)) == len(texts)  # this family has no duplicates


@pytest.mark.parametrize("name", NAMES)
def test_text_comes_back(name, vocab_of, tokenizer_folder):
    """Encoded text is its tokens' bytes, joined: nothing of this goes through decode."""
    vocab, tokenizer = vocab_of(name), Tokenizer.from_file(str(tokenizer_folder(name) / "tokenizer.json"))
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert b"".join(vocab.token_bytes(i) for i in ids) == text.encode()


def test_single_bytes(vocab_of):
    missing = {name: [b for b in range(256) if bytes([b]) not in set(vocab_of(name).tokens)] for name in NAMES}
    expected = "04 06 13 14 16 1d c0 c1 f1 f2 f5 f6 f7 f8 f9 fa fb fc fd fe ff"
    assert missing == {"gpt2": [], "llama3": [], "qwen2.5": [], "smollm2": list(bytes.fromhex(expected))}


def test_added_tokens(vocab_of):
    """Added tokens that are not special are text; special ones never, though "<|im_end|>" may be legal text."""
    vocab = vocab_of("qwen2.5")
    assert vocab.token_bytes(151657) == b"<tool_call>"
    assert vocab.token_bytes(151645) is None
    assert vocab.token_name(151645) == "<|im_end|>"
    assert b"<|im_end|>" not in vocab.tokens
    assert all(token is None for token in vocab.tokens[151665:])  # the logits are wider than the tokenizer
    assert vocab.token_name(151700) == "<no token>"


@pytest.mark.parametrize("width", [31, 32, 33, 128000, 128255, 128256, 128257, 130000])
def test_width(width, tokenizer_folder, vocab_of):
    ends = None if width > 128001 else []  # none of them has a column
    vocab = Vocabulary.from_pretrained(tokenizer_folder("llama3"), width, eos_ids=ends)
    full = vocab_of("llama3").tokens
    assert vocab.width == width
    assert vocab.tokens == (full + (None,) * 2000)[:width]
    assert vocab.eos_ids == tuple(i for i in (128001, 128008, 128009) if i < width)


def test_forbidden_and_chosen_ends(tokenizer_folder):
    folder = tokenizer_folder("gpt2")
    vocab = Vocabulary.from_pretrained(folder, eos_ids=[198, 50256], forbid_ids=[0])
    assert vocab.eos_ids == (198, 50256)
    assert vocab.token_bytes(198) is None  # "\n" ends the sequence now, so it is no text
    assert vocab.token_bytes(0) is None
    assert vocab.token_bytes(1) == b'"'
    for bad in ({"eos_ids": [50257]}, {"forbid_ids": [50257]}, {"width": 100, "eos_ids": [100]}):
        with pytest.raises(ValueError, match="not in range"):
            Vocabulary.from_pretrained(folder, **bad)


@pytest.mark.parametrize("name", NAMES)
def test_one_content_whichever_way_it_is_read(name, tokenizer_folder, vocab_of):
    from transformers import AutoTokenizer

    folder = tokenizer_folder(name)
    assert Vocabulary.from_pretrained(AutoTokenizer.from_pretrained(folder)) == vocab_of(name)
    assert Vocabulary.from_pretrained(str(folder)) == vocab_of(name)
    assert Vocabulary.from_pretrained(folder / "tokenizer.json") == vocab_of(name)
    assert Vocabulary.from_pretrained(name) == vocab_of(name)  # by its name in the cache


@pytest.mark.model
def test_the_model_and_its_tokenizer_agree(smollm2_folder, vocab_of):
    assert Vocabulary.from_pretrained(smollm2_folder) == vocab_of("smollm2")


# -- ends of sequence and widths from configuration -------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, empty_cache):
    """``small(**files)``: a folder with a three-token tokenizer.json and the given JSON files."""
    vocab = {"a": 0, "b": 1, "</s>": 2}
    added = [{"id": 2, "content": "</s>", "special": False}, {"id": 3, "content": "<end>", "special": True}]
    added = [{**entry, **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)} for entry in added]
    data = {
        "version": "1.0",
        "added_tokens": added,
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    }

    def make(**files):
        folder = tmp_path / "tok"
        folder.mkdir()
        (folder / "tokenizer.json").write_text(json.dumps(data))
        for name, content in files.items():
            (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    return make


@pytest.mark.parametrize(
    ("files", "eos", "width"),
    [
        ({"generation_config": {"eos_token_id": [3, 2]}, "config": {"eos_token_id": 3}}, (2, 3), 4),
        ({"generation_config": {"eos_token_id": None}, "config": {"eos_token_id": 3, "vocab_size": 9}}, (3,), 9),
        ({"config": {"text_config": {"eos_token_id": 3, "vocab_size": 9}}}, (3,), 9),
        ({"config": {"vocab_size": 3}, "tokenizer_config": {"eos_token": "</s>"}}, (2,), 3),
        ({"tokenizer_config": {"eos_token": {"content": "<end>"}}}, (3,), 4),
        ({"generation_config": {"eos_token_id": [2, 77]}}, (2,), 4),  # past the logits
    ],
)
def test_configuration(small, files, eos, width):
    vocab = Vocabulary.from_pretrained(small(**files))
    assert (vocab.eos_ids, vocab.width) == (eos, width)
    assert all(vocab.token_bytes(i) is None for i in eos)


@pytest.mark.parametrize("name", ["generation_config", "config"])
@pytest.mark.parametrize("value", ["2", 2.0, True, {"id": 2}, [2, None], [[2]], ["</s>"]])
def test_an_end_that_is_no_id(small, name, value):
    """Not passed over: the host would stop somewhere else, or fail."""
    folder = small(**{name: {"eos_token_id": value}})
    with pytest.raises(TokenizerError, match="neither a token id nor a list") as caught:
        Vocabulary.from_pretrained(folder)
    assert caught.value.place == str(folder / f"{name}.json")
    assert "eos_ids" in caught.value.remedy


def test_an_end_that_is_no_token(small):
    with pytest.raises(TokenizerError, match="names '<eot>', which isn't one of its tokens"):
        Vocabulary.from_pretrained(small(tokenizer_config={"eos_token": "<eot>"}))


def test_ends_past_the_logits(small):
    """A generation_config of another model: no sentence could ever end."""
    folder = small(generation_config={"eos_token_id": [128001, 128009]})
    with pytest.raises(TokenizerError, match=r"\[128001, 128009\], lie past the 4 columns"):
        Vocabulary.from_pretrained(folder)
    assert Vocabulary.from_pretrained(folder, eos_ids=[3]).eos_ids == (3,)
    assert Vocabulary.from_pretrained(folder, eos_ids=[]).eos_ids == ()


def test_ends_that_disagree(small):
    """The first configuration that names any counts, as for transformers; the others' ends stay what they are."""
    files = {"config": {"eos_token_id": 0}, "tokenizer_config": {"eos_token": "<end>"}}
    folder = small(generation_config={"eos_token_id": 2}, **files)
    vocab = Vocabulary.from_pretrained(folder)
    assert (vocab.eos_ids, vocab.special_ids) == ((2,), (2, 3))
    assert vocab.token_bytes(0) == b"a"  # an end only for config.json, which isn't asked: text
    compiled = gcd.compile(gcd.Grammar.from_lark('start: "a"'), vocab)
    matcher = compiled.matcher()
    assert matcher.accept_tokens([0]) == 1
    assert [matcher.check(i) for i in range(4)] == [False, False, True, False]


def test_special_by_configuration_only(small):
    """Older folders mark a token special only in tokenizer_config.json."""
    for config in ({"added_tokens_decoder": {"2": {"content": "</s>", "special": True}}}, {"unk_token": "</s>"}):
        folder = small(tokenizer_config=config)
        vocab = Vocabulary.from_pretrained(folder, eos_ids=[3])
        assert vocab.special_ids == (2, 3)
        assert vocab.token_bytes(2) is None
        subprocess.run(["rm", "-r", str(folder)], check=True)
    assert Vocabulary.from_pretrained(small(), eos_ids=[3]).token_bytes(2) == b"</s>"


@pytest.mark.parametrize("name", ["config", "generation_config", "tokenizer_config"])
@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_broken_configuration(small, name, content):
    with pytest.raises(TokenizerError, match="JSON") as caught:
        Vocabulary.from_pretrained(small(**{name: content}))
    assert caught.value.place.endswith(f"{name}.json")


def test_added_tokens_decoder_of_another_shape(small):
    with pytest.raises(TokenizerError, match="added_tokens_decoder"):
        Vocabulary.from_pretrained(small(tokenizer_config={"added_tokens_decoder": [1]}), eos_ids=[3])


# -- not there, not readable ------------------------------------------------------------------------------------------


def test_missing(tmp_path, empty_cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TokenizerError, match="can't be read") as caught:
        Vocabulary.from_pretrained(tmp_path)  # a folder without a tokenizer.json
    assert str(tmp_path / "tokenizer.json") in caught.value.place
    with pytest.raises(TokenizerError, match="transformers can't load it"):
        Vocabulary.from_pretrained("no/such-tokenizer")


def test_missing_and_no_transformers(empty_cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TokenizerError, match="transformers, which may know the name, is not installed"):
        Vocabulary.from_pretrained("no-such-tokenizer")


def test_an_object_without_a_definition():
    with pytest.raises(TokenizerError, match="a dict has no tokenizer"):
        Vocabulary.from_pretrained({})


def test_check_needs_tokenizers(small, monkeypatch):
    folder = small()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(TokenizerError, match="needs the package tokenizers"):
        Vocabulary.from_pretrained(folder, eos_ids=[3])
    assert Vocabulary.from_pretrained(folder, eos_ids=[3], check=False).tokens == (b"a", b"b", b"</s>", None)


# -- the cache --------------------------------------------------------------------------------------------------------


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("vocab/*"))


def test_cache_gives_the_same_and_needs_no_library(tokenizer_folder, vocab_of, empty_cache, tmp_path):
    folder = tokenizer_folder("smollm2")
    assert Vocabulary.from_pretrained(folder) == vocab_of("smollm2")  # read, checked and stored
    assert len(entries(empty_cache)) == 1
    code = (
        "import sys; from gcd import Vocabulary; v = Vocabulary.from_pretrained(sys.argv[1]);"
        "print(v.fingerprint, v.token_name(2), *({'tokenizers', 'transformers', 'torch', 'numpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert out.stdout.split() == [vocab_of("smollm2").fingerprint, "<|im_end|>"]


def test_cache_entry_damaged(small, empty_cache):
    """Any damage makes it as good as none; nothing wrong is ever loaded."""
    folder = small()
    good = Vocabulary.from_pretrained(folder, eos_ids=[3])
    (entry,) = entries(empty_cache)
    sound = entry.read_bytes()
    key = entry.stem
    assert cache.load(key) == ([b"a", b"b", b"</s>", None], {3: "<end>"})
    damaged = [sound[:n] for n in range(len(sound))] + [sound + b"\x00", b"", os.urandom(100)]
    for at in range(len(sound)):
        damaged.append(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    for content in damaged:
        entry.write_bytes(content)
        assert cache.load(key) is None
    assert Vocabulary.from_pretrained(folder, eos_ids=[3]) == good
    assert entry.read_bytes() == sound  # written anew


def test_unchecked_is_not_kept(small, empty_cache):
    Vocabulary.from_pretrained(small(), eos_ids=[3], check=False)
    assert entries(empty_cache) == []


def test_cache_that_can_not_be_written(small, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GCD_CACHE", str(tmp_path / "file"))
    assert Vocabulary.from_pretrained(small(), eos_ids=[3]).tokens == (b"a", b"b", b"</s>", None)


def test_a_refused_tokenizer_is_not_kept(small, empty_cache, monkeypatch):
    monkeypatch.setattr("tokenizers.Tokenizer.from_str", lambda text: type("T", (), {"decode": lambda *a, **k: "?"}))
    with pytest.raises(TokenizerError, match="decodes it to"):
        Vocabulary.from_pretrained(small(), eos_ids=[3])
    assert entries(empty_cache) == []
