"""From a tokenizer.json to the bytes of each token, read off the tokenizer's own decoder.

``decode([id])`` can't be used for this: it shows U+FFFD for a token that is not UTF-8 by itself, drops a leading
space in SentencePiece families, and may clean up. The decoder is a short list of known steps instead, and each says
what one token becomes. Two families are read:

*Byte-level* (GPT-2, Llama 3, Qwen, SmolLM2): the vocabulary is written in an alphabet of 256 printable characters,
one for each byte (a space is Ġ). The decoder maps a token back if all of its characters are in that alphabet, and
otherwise takes it as it stands; so an added token ``<tool_call>`` or ``a b`` is its own text.

*SentencePiece with byte fallback* (Llama 2, Mistral, Gemma): ▁ is a space, ``<0x0A>`` one byte, and one space may be
stripped from the start of a whole sequence; never from the start of what is generated after a prompt.

What becomes of the text before it is encoded (normalizer, pre-tokenizer, merges) doesn't matter here: a token stands
for the bytes that it decodes to. All else is refused by name. Nothing here imports transformers or tokenizers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gcd.errors import TokenizerError

__all__ = ["Decoder", "TokenizerJson", "read_tokenizer_json"]

_BYTE_PIECE = re.compile(r"<0x[0-9A-Fa-f]{2}>", re.ASCII)

SUPPORTED = "a tokenizer with a ByteLevel decoder, or a SentencePiece BPE one with Replace and ByteFallback"


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
        return self.byte_fallback and _BYTE_PIECE.fullmatch(token) is not None


@dataclass(frozen=True, slots=True)
class TokenizerJson:
    """The content of a tokenizer.json, as far as masks need it."""

    decoder: Decoder
    strings: list[str | None]
    """id -> the token as the file writes it; None for a hole."""
    special: dict[int, str]
    """Special ids with their content."""

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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokenizerError(
            f"not a tokenizer.json of the tokenizers library: {type(error).__name__}: {error}",
            place=name,
            remedy="the file that tokenizer.save_pretrained(folder) writes",
        ) from error


def _read(data: Any, name: str) -> TokenizerJson:
    """Read the parsed JSON; what is missing or of another type raises as it happens to."""
    model, vocab = data["model"], data["model"]["vocab"]
    # older files don't name the type of a BPE model
    _refuse_unless(model.get("type", "BPE") == "BPE" and isinstance(vocab, dict), f"model {model.get('type')}", name)
    for field in ("continuing_subword_prefix", "end_of_word_suffix"):
        _refuse_unless(not model.get(field), f"model BPE with {field} {model.get(field)!r}", name)
    added = [(entry["id"], entry["content"], bool(entry["special"])) for entry in data.get("added_tokens") or []]
    strings = _by_id([*((i, token) for token, i in vocab.items()), *((i, token) for i, token, _ in added)], name)
    special = {i: token for i, token, is_special in added if is_special}
    return TokenizerJson(_read_decoder(data["decoder"], name), strings, special)


def _by_id(tokens: list[tuple[Any, Any]], name: str) -> list[str | None]:
    """A list by id; later entries (added tokens) win."""
    for token_id, token in tokens:
        if not (isinstance(token_id, int) and isinstance(token, str) and 0 <= token_id < 1 << 24):
            raise TokenizerError(f"{token_id!r} is no token id", place=f"{name}, token {token!r}")
    strings: list[str | None] = [None] * (1 + max((i for i, _ in tokens), default=-1))
    for token_id, token in tokens:
        strings[token_id] = token
    return strings


def _read_decoder(decoder: Any, name: str) -> Decoder:
    """Which of the known decoders this is."""
    steps = list(_flatten(decoder))
    if [step.get("type") for step in steps] == ["ByteLevel"]:
        return Decoder(byte_level=True)
    replace, byte_fallback, strip = [], False, ""
    for step in steps:
        kind = step.get("type")
        what = f"decoder {kind}"
        if kind == "Replace":
            pattern = step["pattern"]
            _refuse_unless("String" in pattern and not byte_fallback, f"{what} {json.dumps(pattern)}", name)
            replace.append((pattern["String"], step["content"]))
        elif kind == "ByteFallback":
            byte_fallback = True
        elif kind == "Strip":
            at_start = step["start"] <= 1 and step["stop"] == 0
            _refuse_unless(at_start, f"{what} of {step['start']} and {step['stop']} characters", name)
            strip = step["content"] if step["start"] else ""
        elif kind != "Fuse":
            _refuse_unless(False, what, name)
    _refuse_unless(byte_fallback, "decoder without ByteLevel and without ByteFallback", name)
    # Strip works on the joined text only behind Fuse; before it, it would strip every token.
    order = [step["type"] for step in steps]
    _refuse_unless(not strip or order[-2:] == ["Fuse", "Strip"], "decoder Strip before Fuse", name)
    return Decoder(byte_level=False, replace=tuple(replace), byte_fallback=True, strip=strip)


def _flatten(decoder: Any) -> Iterator[dict[str, Any]]:
    """The steps of a decoder, Sequences opened."""
    if isinstance(decoder, dict) and decoder.get("type") == "Sequence":
        for step in decoder["decoders"]:
            yield from _flatten(step)
    elif isinstance(decoder, dict):
        yield decoder


def _refuse_unless(condition: bool, component: str, name: str) -> None:
    """Refuse a component by its name."""
    if not condition:
        raise TokenizerError(
            f"token bytes can't be read from a tokenizer with this component: {component}",
            place=name,
            remedy=f"{SUPPORTED}; or give the bytes yourself: gcd.Vocabulary.from_bytes(...)",
            component=component,
        )
