"""Every tokenizer family, on real tokenizers: joined token bytes against `decode`, over random sequences.

The reference is the library that a tokenizer belongs to: tokenizers for a tokenizer.json, tiktoken for a rank file,
sentencepiece for a SentencePiece model. Two rules of these decoders are written down here once more, on their own:

* At the very start of a sequence, and only there, SentencePiece decoders drop a space. So sequences are decoded twice:
  as they stand, and behind a token that begins without a space.
* Byte pieces (``<0xE2>``) that follow each other make characters together; a run that is no UTF-8 comes out as one
  U+FFFD for each byte.
"""

import base64
import io
import json
import random
import re
import sysconfig
import unicodedata
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import tiktoken
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import gcd
from gcd import TokenizerError, Vocabulary

N_SEQUENCES = 10_000

BYTE_LEVEL = ["gpt2", "llama3", "qwen2.5", "smollm2", "cl100k", "o200k", "claude", "deepseek", "tekken"]
SLOW = pytest.mark.slow
SENTENCEPIECE = ["mistral-v1", "mistral-v3", pytest.param("llama2", marks=SLOW), pytest.param("gemma3", marks=SLOW)]
ORIGINALS = {"llama3": "tokenizer.model", "qwen2.5": "qwen.tiktoken", "cl100k": "cl100k_base.tiktoken"}
ORIGINALS |= {"o200k": "o200k_base.tiktoken"}

# name: width, ids with text, special ids, ids that are no UTF-8 alone, texts that two ids share, ends of sequence
KNOWN = {
    "cl100k": (100277, 100256, 5, 773, 0, (100257,)),
    "o200k": (200019, 199998, 2, 1562, 0, (199999,)),
    "claude": (65000, 64995, 5, 753, 0, (0,)),
    "deepseek": (129280, 128050, 1230, 1470, 0, (1,)),
    "tekken": (131072, 130072, 1000, 1435, 0, (2,)),
    "mistral-v1": (32000, 31997, 3, 128, 125, (2,)),
    "mistral-v3": (32768, 32017, 751, 128, 125, (2,)),
    "llama2": (32000, 31997, 3, 128, 125, (2,)),
    "gemma3": (262144, 262136, 8, 128, 110, (1, 106)),
}

STDLIB = Path(sysconfig.get_paths()["stdlib"])
LINES = [
    line
    for name in ("ast.py", "argparse.py", "email/header.py", "textwrap.py")
    for line in (STDLIB / name).read_text(encoding="utf-8").splitlines()
    if line.strip()
]


def is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def sequences(tokens, seed, n=N_SEQUENCES):
    """Random sequences of ids: of all tokens, of those that are no UTF-8 alone, and characters spelled byte by byte."""
    rng = random.Random(seed)
    texts = [i for i, token in enumerate(tokens) if token]
    broken = [i for i in texts if not is_utf8(tokens[i])] or texts
    single = {tokens[i]: i for i in texts if len(tokens[i]) == 1}
    for k in range(n):
        length = rng.randrange(1, 13)
        if k % 4 == 3:
            character = chr(rng.choice([rng.randrange(0x80, 0xD800), rng.randrange(0x10000, 0x30000)])).encode()
            spelled = [single[bytes([b])] for b in character if bytes([b]) in single]
            yield [*rng.choices(texts, k=length // 4), *spelled, *rng.choices(texts, k=length // 4)] or [texts[0]]
        else:
            pool = broken if k % 4 == 2 else texts
            yield rng.choices(pool, k=length)


def decoded(tokenizer, batch):
    return tokenizer.decode_batch(batch, skip_special_tokens=False)


@pytest.fixture(scope="module")
def loaded(tokenizer_folder):
    """``loaded(name)``: the vocabulary and the tokenizers library's object, made once."""
    made = {}

    def load(name):
        if name not in made:
            folder = tokenizer_folder(name)
            made[name] = Vocabulary.from_pretrained(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
        return made[name]

    return load


@pytest.mark.parametrize("name", [pytest.param(n, marks=[SLOW] * (n in ("llama2", "gemma3"))) for n in KNOWN])
def test_known_counts(name, loaded):
    vocab, _ = loaded(name)
    texts = [token for token in vocab.tokens if token is not None]
    n_broken = sum(not is_utf8(token) for token in texts)
    got = vocab.width, len(texts), len(vocab.special_ids), n_broken, len(texts) - len(set(texts)), vocab.eos_ids
    assert got == KNOWN[name]


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_joined_bytes_are_what_byte_level_decode_gives(name, loaded):
    """No rule about the first space here: decode of the joined bytes, whatever they are."""
    vocab, tokenizer = loaded(name)
    batch = list(sequences(vocab.tokens, seed=name))
    joined = [b"".join(vocab.token_bytes(i) for i in ids) for ids in batch]
    differences = [ids for ids, want, got in zip(batch, joined, decoded(tokenizer, batch), strict=True)
                   if want.decode(errors="replace") != got]  # fmt: skip
    assert len(batch) == N_SEQUENCES
    assert differences == []
    assert sum(not is_utf8(text) for text in joined) > 100


def pieces_text(tokenizer, vocab, ids):
    """What the ids spell in the middle of a text, by the rule about runs of byte pieces."""
    text = ""
    is_byte = re.compile("<0x[0-9A-F]{2}>").fullmatch
    for run_of_bytes, run in groupby(ids, lambda i: is_byte(tokenizer.id_to_token(i)) is not None):
        joined = b"".join(vocab.token_bytes(i) for i in run)
        text += "\ufffd" * len(joined) if run_of_bytes and not is_utf8(joined) else joined.decode()
    return text


def compare_pieces(vocab, tokenizer, batch, first_space):
    """Differences between joined bytes and decode behind an anchor, and at the start, where ``first_space`` may act.

    ``first_space(ids, text)``: what the decoder makes of the text at the start of a sequence.
    """
    anchor = next(i for i, token in enumerate(vocab.tokens) if token == b"x" and len(tokenizer.id_to_token(i)) == 1)
    inside = decoded(tokenizer, [[anchor, *ids] for ids in batch])
    start = decoded(tokenizer, batch)
    differences, n_dropped = [], 0
    for ids, got, got_first in zip(batch, inside, start, strict=True):
        joined = b"".join(vocab.token_bytes(i) for i in ids)
        text = pieces_text(tokenizer, vocab, ids)
        assert not is_utf8(joined) or joined.decode() == text
        if got != "x" + text or got_first != first_space(ids, text):
            differences.append(ids)
        n_dropped += got_first != text
    return differences, n_dropped


@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_joined_bytes_are_what_sentencepiece_decode_gives(name, loaded):
    """0 differences in the middle of a text; at its very start one space goes, where the decoder says so."""
    vocab, tokenizer = loaded(name)
    batch = list(sequences(vocab.tokens, seed=name))
    strips = name != "gemma3"
    differences, n_dropped = compare_pieces(
        vocab, tokenizer, batch, lambda ids, text: text.removeprefix(" ") if strips else text
    )
    assert len(batch) == N_SEQUENCES
    assert differences == []
    assert (n_dropped > 1000) == strips


def test_the_first_space_depends_on_the_position_only(loaded):
    """The rule in three lines: gone at the start of the whole sequence, never at the start of what is generated."""
    vocab, tokenizer = loaded("mistral-v1")
    foo = tokenizer.token_to_id("▁the")
    assert vocab.token_bytes(foo) == b" the"
    assert tokenizer.decode([foo]) == "the"
    prompt = tokenizer.encode("2 + 2 =", add_special_tokens=False).ids
    assert tokenizer.decode([*prompt, foo]) == tokenizer.decode(prompt) + " the"


@pytest.mark.parametrize("name", ORIGINALS)
def test_rank_files(name, loaded, tokenizer_folder):
    """The published file read as it is, against tiktoken."""
    vocab, _ = loaded(name)
    path = tokenizer_folder(name) / "original" / ORIGINALS[name]
    lines = [line.split() for line in path.read_bytes().splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    encoding = tiktoken.Encoding(name, pat_str=".+", mergeable_ranks=ranks, special_tokens={})
    read = Vocabulary.from_pretrained(path, vocab.width, eos_ids=vocab.eos_ids)
    batch = list(sequences(read.tokens, seed=name))
    joined = [b"".join(read.token_bytes(i) for i in ids) for ids in batch]
    assert joined == [encoding.decode_bytes(ids) for ids in batch]
    assert read.tokens[: len(ranks)] == vocab.tokens[: len(ranks)]
    assert not any(read.tokens[len(ranks) :])


def test_tiktoken_objects():
    """Through public methods, with holes and special tokens where they are."""
    ranks = {bytes([b]): b for b in range(256)} | {b"ab": 256, b"\xe2\x82": 257}
    encoding = tiktoken.Encoding(
        "mine", pat_str=".", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 260, "<|x|>": 262}
    )
    vocab = Vocabulary.from_pretrained(encoding)
    assert vocab == Vocabulary.from_bytes([*ranks, None, None, None, None, None], [260], [262])
    assert vocab.token_name(262) == "<|x|>"
    without = tiktoken.Encoding("mine", pat_str=".", mergeable_ranks=ranks, special_tokens={})
    with pytest.raises(TokenizerError, match="no end-of-sequence token"):
        Vocabulary.from_pretrained(without)


def test_tekken(loaded, tokenizer_folder):
    """Rank r is id 1,000 + r; the file as it is published says the same as the tokenizer.json made of it."""
    vocab, _ = loaded("tekken")
    assert vocab.special_ids == tuple(range(1000))
    assert vocab.tokens[1000 : 1000 + 256] == tuple(bytes([b]) for b in range(256))
    path = tokenizer_folder("tekken") / "original" / "tekken.json"
    read = Vocabulary.from_pretrained(path)
    assert read == vocab
    assert (read.eos_ids, read.token_name(2), read.token_name(999)) == ((2,), "</s>", "<SPECIAL_999>")


@pytest.mark.parametrize("name", ["mistral-v1", "mistral-v3"])
def test_sentencepiece_models(name, loaded, tokenizer_folder):
    """The published model read as it is, against the sentencepiece library."""
    vocab, _ = loaded(name)
    path = tokenizer_folder(name) / "original" / "tokenizer.model"
    read = Vocabulary.from_pretrained(path)
    assert read == vocab
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert Vocabulary.from_pretrained(processor) == vocab
    anchor = processor.piece_to_id("x")
    for ids in sequences(read.tokens, seed=name):
        joined = b"".join(read.token_bytes(i) for i in ids)
        if is_utf8(joined):
            assert processor.decode([anchor, *ids]) == "x" + joined.decode()
            at_start = joined.decode() if processor.is_byte(ids[0]) else joined.decode().removeprefix(" ")
            assert processor.decode(ids) == at_start
    kinds = [processor.is_control(i) or processor.is_unknown(i) for i in range(len(processor))]
    assert read.special_ids == tuple(i for i, kind in enumerate(kinds) if kind)


def test_a_folder_with_only_a_model(tokenizer_folder, tmp_path):
    for name, file in (("mistral-v1", "tokenizer.model"), ("tekken", "tekken.json"), ("llama3", "tokenizer.model")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / file).symlink_to(tokenizer_folder(name) / "original" / file)
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 7}))
        assert Vocabulary.from_pretrained(folder).eos_ids == (7,)  # what the model's configuration says comes first


# -- what only some families have -------------------------------------------------------------------------------------


def test_normalizers_change_texts_not_tokens(loaded):
    """Claude's makes ½ of ½ (NFKC) before it encodes: the tokens still decode to their bytes."""
    vocab, tokenizer = loaded("claude")
    for text in ["ﬁne ½ ™ Å", "日本語ﾊﾝｶｸ", "plain text\n"]:
        ids = tokenizer.encode(text).ids
        assert b"".join(vocab.token_bytes(i) for i in ids) == unicodedata.normalize("NFKC", text).encode()
    matcher = gcd.compile(gcd.Grammar.from_lark('start: "½"'), vocab).matcher()
    assert matcher.accept_bytes("½".encode())  # in its bytes, though encode would never make them
    assert matcher.is_complete


def test_deepseeks_added_tokens(loaded):
    vocab, tokenizer = loaded("deepseek")
    user = tokenizer.token_to_id("<｜User｜>")
    assert vocab.token_bytes(user) == "<｜User｜>".encode()  # added and not special: text
    assert vocab.token_bytes(tokenizer.token_to_id("<｜▁pad▁｜>")) is None
    text = "数字 1234567 and\n\n  code: x+=1 かな"
    assert b"".join(vocab.token_bytes(i) for i in tokenizer.encode(text).ids) == text.encode()


def test_holes(loaded):
    vocab, _ = loaded("cl100k")
    holes = [i for i in range(vocab.width) if vocab.token_bytes(i) is None and i not in vocab.special_ids]
    assert holes == [100256, *range(100261, 100276)]


def test_ids_that_share_bytes(loaded):
    """A mask allows both; a byte piece and a piece may spell the same."""
    vocab, tokenizer = loaded("mistral-v1")
    piece, byte = tokenizer.token_to_id("A"), tokenizer.token_to_id("<0x41>")
    assert vocab.token_bytes(piece) == vocab.token_bytes(byte) == b"A"
    matcher = gcd.compile(gcd.Grammar.from_lark('start: "A"'), vocab).matcher()
    assert {i for i in range(vocab.width) if matcher.check(i)} == {piece, byte}


def test_the_space_mark_as_text(loaded):
    """A literal ▁ is no piece, but its three bytes are; decode gives it back."""
    vocab, tokenizer = loaded("mistral-v1")
    ids = [tokenizer.token_to_id(f"<0x{b:02X}>") for b in "▁".encode()]
    assert tokenizer.decode(ids) == "▁"
    assert b"".join(vocab.token_bytes(i) for i in ids).decode() == "▁"
    assert gcd.compile(gcd.Grammar.from_lark('start: "▁"'), vocab).matcher().accept_tokens(ids) == 3


def test_generated_text_is_a_sentence(loaded):
    """Tokens that a mask allows, drawn at random behind a prompt: decode of the whole text gives the sentence."""
    grammar = gcd.Grammar.from_lark('start: (" "? WORD)+ "."\nWORD: /[a-zé日]{1,8}/\n%ignore "\\n"')
    for name in ("mistral-v1", "tekken"):
        vocab, tokenizer = loaded(name)
        compiled, rng = gcd.compile(grammar, vocab), random.Random(name)
        prompt = tokenizer.encode("Say:", add_special_tokens=False).ids
        bitmask = np.zeros((1, -(-vocab.width // 32)), dtype=np.int32)
        for _ in range(20):
            matcher, ids = compiled.matcher(), []
            while not matcher.is_finished:
                matcher.fill_bitmask(bitmask)
                allowed = np.flatnonzero(np.unpackbits(bitmask[0].view(np.uint8), bitorder="little"))
                ends = [i for i in allowed if i in vocab.eos_ids or vocab.token_bytes(int(i)) == b"."]
                ids.append(int(rng.choice(ends if ends and len(ids) > 5 else allowed)))
                assert matcher.accept(ids[-1])
            whole = tokenizer.decode([*prompt, *ids[:-1]])
            text = whole.removeprefix(tokenizer.decode(prompt))
            assert text.encode() == b"".join(vocab.token_bytes(i) for i in ids[:-1])
            check = compiled.matcher()
            assert check.accept_bytes(text.encode())
            assert check.is_complete


# -- trained here -----------------------------------------------------------------------------------------------------


def test_unigram_of_tokenizers():
    """Unigram with Metaspace, as T5's: at the start of a sequence all ▁ of the first token go."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=2000, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    vocab = Vocabulary.from_pretrained(tokenizer, eos_ids=[1])
    assert vocab.width > 1000
    assert vocab.special_ids == (0, 1, 2)
    batch = list(sequences(vocab.tokens, seed="unigram"))

    def first_space(ids, text):
        first = tokenizer.id_to_token(ids[0])
        return first.replace("▁", "") + text.removeprefix(first.replace("▁", " "))

    differences, n_dropped = compare_pieces(vocab, tokenizer, batch, first_space)
    assert differences == []
    assert n_dropped > 1000
    text = "def f(x): return x"
    assert b"".join(vocab.token_bytes(i) for i in tokenizer.encode(text).ids) == f" {text}".encode()


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("extra_whitespace", [False, True])
def test_trained_sentencepiece(kind, byte_fallback, extra_whitespace):
    """Where extra whitespace is removed, decode drops all spaces at the start; in the middle, bytes are right."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=written,
        vocab_size=700,
        model_type=kind,
        byte_fallback=byte_fallback,
        remove_extra_whitespaces=extra_whitespace,
        user_defined_symbols=["<tool>", "▁▁▁▁"],
        control_symbols=["<ctl>"],
        minloglevel=4,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    vocab = Vocabulary.from_pretrained(processor)
    assert (vocab.width, vocab.eos_ids, vocab.special_ids) == (700, (2,), (0, 1, 2, 3))
    assert vocab.token_bytes(processor.piece_to_id("▁▁▁▁")) == b"    "
    anchor = processor.piece_to_id("x")
    assert vocab.token_bytes(anchor) == b"x"
    n = 0
    for ids in sequences(vocab.tokens, seed=kind, n=3000):
        joined = b"".join(vocab.token_bytes(i) for i in ids)
        if is_utf8(joined):
            n += 1
            assert processor.decode([anchor, *ids]) == "x" + joined.decode()
    assert n > 1000


def test_wordpiece_is_refused_with_the_reason():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        LINES[:200], trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]"], show_progress=False)
    )
    with pytest.raises(TokenizerError, match="keeps no spaces or line breaks") as caught:
        Vocabulary.from_pretrained(tokenizer)
    assert caught.value.component == "model WordPiece"
    assert "from_bytes" in caught.value.remedy
    text = "a  b,\nc ."
    assert tokenizer.decode(tokenizer.encode(text).ids) != text  # the reason is true
