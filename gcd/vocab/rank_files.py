"""Byte-pair tokenizers that are published as lists of byte strings: tiktoken's rank files, Mistral's tekken.json.

A rank file has a line for each token, its bytes in base64 and its rank, which is its id::

    IQ== 0
    Ig== 1

It says nothing of special tokens; their ids lie behind the ranks, or in holes between them. A tekken.json holds the
same and more: its first ids (1,000 of them) are special tokens, so rank r is id 1,000 + r, and of the ranks listed only
as many are used as its vocabulary size leaves room for.

Both spell out the bytes, so there is nothing to compare with `decode`.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from gcd.errors import TokenizerError
from gcd.vocab.token_table import MAX_TOKENS, TokenTable, refuse

__all__ = ["looks_like_ranks", "looks_like_tekken", "read_encoding", "read_rank_file", "read_tekken"]

_RANK_LINE = re.compile(rb"([A-Za-z0-9+/]+={0,2}) (\d{1,9})")

_TEKKEN_SPECIAL = ("<unk>", "<s>", "</s>")
"""The first special tokens of files that don't list them (up to version v7); the names of the others don't matter."""


def looks_like_ranks(data: bytes) -> bool:
    """Whether the first line of a file is one of a rank file."""
    return _RANK_LINE.fullmatch(data[:4096].partition(b"\n")[0].rstrip(b"\r")) is not None


def looks_like_tekken(data: bytes) -> bool:
    """Whether a JSON file is a tekken.json; a tokenizer.json has added tokens, never token bytes."""
    return b'"token_bytes"' in data and b'"added_tokens"' not in data


def read_rank_file(data: bytes, name: str) -> TokenTable:
    """Read a tiktoken rank file; its special tokens are not in it.

    Raises:
        TokenizerError: a line of another form, an id or a token that occurs twice.
    """
    ranks = []
    for number, line in enumerate(data.splitlines(), 1):
        match = _RANK_LINE.fullmatch(line)
        if match is None and line.strip():
            raise TokenizerError(
                "not a line of a rank file (base64, a space, a rank)",
                place=f"{name}, line {number}",
                remedy="the file as tiktoken's load_tiktoken_bpe reads it",
            )
        if match is not None:
            ranks.append((int(match[2]), _from_base64(match[1], f"{name}, line {number}")))
    return TokenTable(_by_rank(ranks, name), {})


def read_tekken(data: bytes, name: str) -> TokenTable:
    """Read a tekken.json, with its special tokens; "</s>" ends a sequence.

    Raises:
        TokenizerError: it has another form, or its sizes contradict each other.
    """
    try:
        content = json.loads(data)
        config = content["config"]
        width, n_special = config["default_vocab_size"], config["default_num_special_tokens"]
        listed = content.get("special_tokens")
        names = dict(enumerate(_TEKKEN_SPECIAL)) if listed is None else {t["rank"]: t["token_str"] for t in listed}
        ranks = [(entry["rank"], entry["token_bytes"]) for entry in content["vocab"]]
        sound = all(type(n) is int for n in (width, n_special, *names)) and all(type(r) is int for r, _ in ranks)
        if not sound or not 0 <= n_special <= width <= MAX_TOKENS or any(not 0 <= i < n_special for i in names):
            raise ValueError("its sizes and ids don't belong together")
        texts = _by_rank([(r, _from_base64(t, name)) for r, t in ranks if r < width - n_special], name)
        if len(texts) != width - n_special:
            raise ValueError(f"{len(texts)} tokens for {width} ids, of which {n_special} are special")
        special = {i: str(names.get(i, f"<SPECIAL_{i}>")) for i in range(n_special)}
        tokens = [*(None for _ in range(n_special)), *texts]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TokenizerError(
            f"not a tekken.json: {type(error).__name__}: {error}",
            place=name,
            remedy="the file as it lies in the package mistral-common, or in a model's folder",
        ) from error
    ids = {content: i for i, content in special.items()}
    found = {
        role: ids[content] for role, content in (("bos", "<s>"), ("eos", "</s>"), ("pad", "<pad>")) if content in ids
    }
    return TokenTable(tokens, special, found)


def read_encoding(encoding: Any) -> TokenTable:
    """Read a tiktoken.Encoding through its public methods. "<|endoftext|>" ends a sequence, if it has that."""
    special = {encoding.encode_single_token(content): content for content in encoding.special_tokens_set}
    if encoding.n_vocab > MAX_TOKENS:
        refuse(f"{encoding.n_vocab:,} token ids", f"tiktoken.Encoding {encoding.name!r}")
    tokens: list[bytes | None] = [None] * int(encoding.n_vocab)
    for i in range(len(tokens)):
        try:
            tokens[i] = encoding.decode_single_token_bytes(i)
        except KeyError:  # a hole
            continue
    ends = [i for i, content in special.items() if content == "<|endoftext|>"]
    return TokenTable(tokens, special, {"eos": ends[0]} if ends else {})


def _from_base64(text: str | bytes, place: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise TokenizerError(f"not base64: {text!r:.60}", place=place) from error


def _by_rank(ranks: Iterable[tuple[int, bytes]], name: str) -> list[bytes | None]:
    """A list by rank, None for ranks that don't occur."""
    ranks = list(ranks)
    size = 1 + max((rank for rank, _ in ranks), default=-1)
    if size > MAX_TOKENS or any(rank < 0 for rank, _ in ranks):
        raise TokenizerError(f"a rank is not in range({MAX_TOKENS:,})", place=name)
    tokens: list[bytes | None] = [None] * size
    for rank, token in ranks:
        if tokens[rank] is not None:
            raise TokenizerError(f"rank {rank} occurs twice", place=name, token_id=rank)
        tokens[rank] = token
    return tokens
