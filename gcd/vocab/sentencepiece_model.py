"""A SentencePiece model (tokenizer.model, spiece.model): pieces with their kinds, out of a protocol buffer.

Only the few fields are read that say what a piece decodes to (sentencepiece_model.proto, all numbers from there):

    ModelProto      1 pieces        2 trainer_spec      3 normalizer_spec      5 denormalizer_spec
    SentencePiece   1 piece         3 type: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
    TrainerSpec     24 treat_whitespace_as_suffix       40 to 43 unk_id, bos_id, eos_id, pad_id
    NormalizerSpec  2 precompiled_charsmap              5 escape_whitespaces   6 normalization_rule_tsv

▁ in a piece is a space, a byte piece ``<0x0A>`` one byte. The space that encoding puts in front of a text is taken away
again at the start of a whole sequence, and there only. Unknown and control pieces are special; what becomes of a text
before it is encoded (model type, scores, normalizer) doesn't matter here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gcd.errors import TokenizerError
from gcd.vocab.token_table import MAX_TOKENS, refuse
from gcd.vocab.tokenizer_json import BYTE_PIECE, Decoder, TokenizerJson

__all__ = ["SentencePieceModel", "looks_like_sentencepiece", "read_sentencepiece"]

_UNKNOWN, _CONTROL, _BYTE = 2, 3, 6
_ROLES = {40: "unk", 41: "bos", 42: "eos", 43: "pad"}
_DEFAULT_ROLES = {"unk": 0, "bos": 1, "eos": 2, "pad": -1}
_NO_ID = 1 << 63  # a negative number, as a varint


@dataclass(frozen=True, slots=True)
class SentencePieceModel:
    """The content of a SentencePiece model, as far as masks need it."""

    pieces: TokenizerJson
    """Pieces and decoder, as of a tokenizer.json; special ids have no string, since decode leaves them out."""
    roles: dict[str, int]
    """Role -> id of the pieces that the model names ("eos": 2)."""


def looks_like_sentencepiece(data: bytes) -> bool:
    """Whether a file may be a SentencePiece model: its first field is a piece, which begins with its text."""
    return data[:1] == b"\x0a" and data[2:3] == b"\x0a"


def read_sentencepiece(data: bytes, name: str) -> SentencePieceModel:
    """Read a SentencePiece model.

    Raises:
        TokenizerError: it is none, or it decodes in a way that isn't read here.
    """
    try:
        return _read(data, name)
    except ValueError as error:
        raise TokenizerError(
            f"not a SentencePiece model: {error}", place=name, remedy="the tokenizer.model as the model's folder has it"
        ) from error


def _read(data: bytes, name: str) -> SentencePieceModel:
    strings: list[str | None] = []
    special: dict[int, str] = {}
    roles = dict(_DEFAULT_ROLES)
    has_bytes, byte_names = False, False
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            i, fields = len(strings), dict(_fields(value))
            piece, kind = fields.get(1, b""), fields.get(3, 1)
            if not isinstance(piece, bytes):
                raise ValueError(f"piece {i} has no text")
            text = piece.decode()
            has_bytes |= kind == _BYTE
            byte_names |= kind != _BYTE and BYTE_PIECE.fullmatch(text) is not None
            if kind == _BYTE and not BYTE_PIECE.fullmatch(text):
                raise ValueError(f"piece {i}, {text!r}, is no byte")
            if kind in (_UNKNOWN, _CONTROL):
                special[i] = text
            strings.append(None if kind in (_UNKNOWN, _CONTROL) else text)
            if len(strings) > MAX_TOKENS:
                raise ValueError(f"more than {MAX_TOKENS:,} pieces")
        elif number == 2 and isinstance(value, bytes):
            for key, setting in _fields(value):
                if key == 24 and setting:
                    refuse("treat_whitespace_as_suffix", name, "decode takes a space from the end of a whole sequence")
                if key in _ROLES and isinstance(setting, int):
                    roles[_ROLES[key]] = -1 if setting >= _NO_ID else setting
        elif number == 3 and isinstance(value, bytes) and dict(_fields(value)).get(5, 1) == 0:
            refuse("escape_whitespaces = false", name, "spaces are not written as ▁")
        elif number == 5 and isinstance(value, bytes):
            settings = dict(_fields(value))
            if settings.get(2) or settings.get(6):
                refuse("denormalizer", name, "decode changes the joined text")
    if not strings:
        raise ValueError("it has no pieces")
    if has_bytes and byte_names:
        refuse("text that looks like a byte piece", name)
    pieces = TokenizerJson(Decoder(byte_level=False, replace=(("▁", " "),), byte_fallback=has_bytes), strings, special)
    return SentencePieceModel(pieces, {role: i for role, i in roles.items() if i in special})


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer message: (number, varint or bytes); fixed-size numbers as their bytes.

    Raises:
        ValueError: it ends too early, or has a field of a kind that there isn't.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(data, at)
        else:
            if kind == 2:
                size, at = _varint(data, at)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError(f"a field of kind {kind} at byte {at}")
            if size > len(data) - at:
                raise ValueError(f"a field of {size} bytes at byte {at} of {len(data)}")
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of 7 bits, the lowest first, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("a number is cut off")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError(f"a number of more than 10 bytes at byte {at}")
