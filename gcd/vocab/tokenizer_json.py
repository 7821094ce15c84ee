"""From a tokenizer.json to the bytes of each token, read off the tokenizer's own decoder.

``decode([id])`` can't be used for this: it shows U+FFFD for a token that is not UTF-8 by itself, drops a leading
space in SentencePiece families, and may clean up. The decoder is a short list of known steps instead, and each says
what one token becomes. Two families are read:

*Byte-level* (GPT-2, Llama 3, Qwen, SmolLM2): the vocabulary is written in an alphabet of 256 printable characters,
one for each byte (a space is Ġ). The decoder maps a token back if all of its characters are in that alphabet, and
otherwise takes it as it stands; so an added token ``<tool_call>`` or ``a b`` is its own text.

*SentencePiece* (Llama 2, Mistral, Gemma, T5): ▁ is a space, with byte fallback ``<0x0A>`` is one byte. At the start of
a whole sequence, and there only, spaces are dropped: one by a Strip behind Fuse, all of the first token's ▁ by
Metaspace. What is generated after a prompt is not the start, so there the bytes are right as they stand.

What becomes of the text before it is encoded (normalizer, pre-tokenizer, merges or scores) doesn't matter here: a token
stands for the bytes that it decodes to. All else is refused by name. Nothing here imports transformers or tokenizers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gcd.errors import TokenizerError
from gcd.vocab.token_table import MAX_TOKENS, refuse

__all__ = ["BYTE_PIECE", "Decoder", "TokenizerJson", "read_tokenizer_json"]

BYTE_PIECE = re.compile(r"<0x[0-9A-Fa-f]{2}>", re.ASCII)
"""The name of a token that is one byte, where the decoder has byte fallback."""

_REASONS = {
    "decoder WordPiece": "decode puts a space before every token but those with the prefix ##, and takes it away again "
    "before punctuation, so what was between two words is lost, and no token holds a line break",
    "model WordPiece": "it keeps no spaces or line breaks, and writes letters that it doesn't know as [UNK]",
    "model WordLevel": "its tokens are whole words, and what was between them is lost",
    "no decoder": "without one, decode joins tokens with spaces",
}


@dataclass(frozen=True, slots=True)
class Decoder:
    """What a tokenizer's decoder does, step by step, for the families that gcd reads."""

    byte_level: bool
    """Map the byte alphabet back; the other fields are then unused."""
    replace: tuple[tuple[str, str], ...] = ()
    """Literal replacements in each token, in order: ``(("▁", " "),)``."""
    byte_fallback: bool = False
    """``<0x0A>`` is one byte."""
    strip: str = ""
    """A prefix that is taken, at most once, from the start of a whole decoded sequence."""
    drop_first: str = ""
    """A character that is dropped wherever it stands in the first token of a whole sequence."""

    def token_bytes(self, token: str) -> bytes:
        """What one token adds to the text."""
        if self.byte_level:
            alphabet = byte_alphabet()
            try:
                return bytes([alphabet[c] for c in token])
            except KeyError:  # a character outside of the alphabet: the decoder takes the whole token as text
                return token.encode()
        for old, new in self.replace:
            token = token.replace(old, new)
        if self.is_byte_piece(token):
            return bytes([int(token[3:5], 16)])
        return token.encode()

    def is_byte_piece(self, token: str) -> bool:
        """Whether the token stands for one byte by its name; such bytes are joined before they become text."""
        return self.byte_fallback and BYTE_PIECE.fullmatch(token) is not None


@dataclass(frozen=True, slots=True)
class TokenizerJson:
    """The content of a tokenizer.json, as far as masks need it."""

    decoder: Decoder
    strings: list[str | None]
    """id -> the token as the file writes it; None for a hole."""
    special: dict[int, str]
    """Special ids with their content; the one for unknown text is always among them."""

    def token_bytes(self) -> list[bytes | None]:
        """id -> bytes, those of special tokens too; None for a hole."""
        decode = self.decoder.token_bytes
        return [None if token is None else decode(token) for token in self.strings]


@cache
def byte_alphabet() -> Mapping[str, int]:
    """GPT-2's alphabet: a character for each byte.

    Bytes that print in Latin-1 stand for themselves; the other 68 are U+0100 and up, in order.

    >>> byte_alphabet()["A"], byte_alphabet()["Ġ"], len(byte_alphabet())
    (65, 32, 256)
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(printing)]
    return {chr(b): b for b in printing} | {chr(0x100 + i): b for i, b in enumerate(others)}


def read_tokenizer_json(text: str | bytes, name: str = "tokenizer.json") -> TokenizerJson:
    """Read a tokenizer.json.

    Args:
        text: the file's content.
        name: what to call it in messages.

    Raises:
        TokenizerError: it is no tokenizer.json, or a component can't be read as bytes.
    """
    try:
        return _read(json.loads(text), name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TokenizerError(
            f"not a tokenizer.json of the tokenizers library: {type(error).__name__}: {error}",
            place=name,
            remedy="the file that tokenizer.save_pretrained(folder) writes",
        ) from error


def _read(data: Any, name: str) -> TokenizerJson:
    """Read the parsed JSON; what is missing or of another type raises as it happens to."""
    model = data["model"]
    kind = model.get("type", "BPE")  # older files don't name the type of a BPE model
    if kind == "BPE":
        for field in ("continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(field):
                refuse(f"model BPE with {field} {model[field]!r}", name)
        listed = [(i, token) for token, i in model["vocab"].items()]
        unknown = [i for i, token in listed if token == model.get("unk_token")]
    elif kind == "Unigram":
        listed = list(enumerate(token for token, _score in model["vocab"]))
        unknown = [] if model.get("unk_id") is None else [model["unk_id"]]
    else:
        refuse(f"model {kind}", name, _REASONS.get(f"model {kind}", ""))
    added = [(entry["id"], entry["content"], bool(entry["special"])) for entry in data.get("added_tokens") or []]
    strings = _by_id([*listed, *((i, token) for i, token, _ in added)], name)
    if not all(type(i) is int and 0 <= i < len(strings) for i in unknown):
        raise ValueError(f"no token has the id for unknown text, {unknown}")
    special = {i: str(strings[i]) for i in unknown} | {i: token for i, token, is_special in added if is_special}
    return TokenizerJson(_read_decoder(data.get("decoder"), name), strings, special)


def _by_id(tokens: list[tuple[Any, Any]], name: str) -> list[str | None]:
    """A list by id; later entries (added tokens) win."""
    for token_id, token in tokens:
        if not (type(token_id) is int and isinstance(token, str) and 0 <= token_id < MAX_TOKENS):
            raise TokenizerError(f"{token_id!r} is no token id", place=f"{name}, token {token!r}")
        token.encode()  # half of a surrogate pair is no text
    strings: list[str | None] = [None] * (1 + max((i for i, _ in tokens), default=-1))
    for token_id, token in tokens:
        strings[token_id] = token
    return strings


def _read_decoder(decoder: Any, name: str) -> Decoder:
    """Which of the known decoders this is."""
    if decoder is None:
        refuse("no decoder", name, _REASONS["no decoder"])
    steps = list(_flatten(decoder))
    kinds = [step.get("type") for step in steps]
    if kinds == ["ByteLevel"]:
        return Decoder(byte_level=True)
    replace: list[tuple[str, str]] = []
    strip = drop_first = ""
    for i, (kind, step) in enumerate(zip(kinds, steps, strict=True)):
        what = f"decoder {kind}"
        if kind in ("Replace", "Metaspace") and {"ByteFallback", "Fuse"} & {*kinds[:i]}:
            refuse(f"{what} behind ByteFallback or Fuse", name, "there it works on more than one token")
        if kind == "Replace":
            pattern, content = step["pattern"], step["content"]
            if "String" not in pattern:
                refuse(f"{what} {json.dumps(pattern)}", name)
            replace.append((_text(pattern["String"]), _text(content, empty=True)))
        elif kind == "Metaspace":
            if i:
                refuse(f"{what} behind {kinds[i - 1]}", name)
            mark = _text(step["replacement"])
            replace.append((mark, " "))
            # older files say it by a flag
            scheme = step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never")
            drop_first = "" if scheme == "never" else mark
        elif kind == "Strip":
            if not (0 <= step["start"] <= 1 and step["stop"] == 0):
                refuse(f"{what} of {step['start']} and {step['stop']} characters", name)
            if step["start"] and kinds[i - 1 :] != ["Fuse", "Strip"]:
                refuse("decoder Strip before Fuse", name, "it would strip every token")
            strip = _text(step["content"]) if step["start"] else ""
        elif kind not in ("ByteFallback", "Fuse"):
            refuse(what, name, _REASONS.get(what, ""))
    if not replace and "ByteFallback" not in kinds:
        refuse("decoder without ByteLevel, ByteFallback, Replace and Metaspace", name)
    return Decoder(
        byte_level=False,
        replace=tuple(replace),
        byte_fallback="ByteFallback" in kinds,
        strip=strip,
        drop_first=drop_first,
    )


def _text(value: object, empty: bool = False) -> str:
    """A string that can be written as UTF-8, and may be empty only where that is said."""
    if not isinstance(value, str) or not (value.encode() or empty):
        raise TypeError(f"{value!r} is not a text")
    return value


def _flatten(decoder: Any) -> Iterator[dict[str, Any]]:
    """The steps of a decoder, Sequences opened."""
    if isinstance(decoder, dict) and decoder.get("type") == "Sequence":
        for step in decoder["decoders"]:
            yield from _flatten(step)
    elif isinstance(decoder, dict):
        yield decoder
