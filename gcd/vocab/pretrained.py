"""Find a tokenizer's definition: in a folder, under a name, or inside a tokenizer object.

What counts is the tokenizer's own file (a tokenizer.json, or where there is none a tekken.json, a SentencePiece model
or a tiktoken rank file) and, beside it, what the model's configuration says: the ids that generation stops at and the
number of logits. A folder is read as files, without importing transformers; only a name that isn't found on disk and
an object need the library that they come from.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcd.errors import TokenizerError
from gcd.vocab import cache
from gcd.vocab.rank_files import looks_like_ranks, looks_like_tekken, read_encoding, read_rank_file, read_tekken
from gcd.vocab.self_check import Decode, check_decode
from gcd.vocab.sentencepiece_model import looks_like_sentencepiece, read_sentencepiece
from gcd.vocab.token_table import TokenTable
from gcd.vocab.tokenizer_json import TokenizerJson, read_tokenizer_json

__all__ = ["Pretrained", "read_pretrained"]

_ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_FILES = ("tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "*.tiktoken")
"""What a folder is read from, the first that is there."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """What `Vocabulary.from_pretrained` starts from."""

    tokens: list[bytes | None]
    """id -> bytes; None for holes and special tokens."""
    special: dict[int, str]
    """Special ids with their content."""
    eos_ids: tuple[int, ...]
    width: int | None
    """Columns of the logits, where a configuration says so."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """A tokenizer's file with its surroundings."""

    content: bytes | TokenTable
    """The file; or what it says, for an object that isn't made from a file."""
    name: str
    folder: Path | None
    """Where the model's configuration may lie."""
    special: dict[int, str]
    """Special tokens that the configuration names by id, whatever the tokenizer.json says of them."""
    roles: dict[str, str]
    """Role -> content: special tokens that the configuration names ("eos": "<|im_end|>")."""


def read_pretrained(tokenizer: object, *, check: bool = True, needs_eos: bool = True) -> Pretrained:
    """Read and check a tokenizer; the argument as in `Vocabulary.from_pretrained`.

    Raises:
        TokenizerError: it isn't there, can't be read as bytes, fails the check, or (with `needs_eos`) no
            configuration says how a sequence ends.
    """
    if isinstance(tokenizer, str | os.PathLike):
        definition = _from_path(os.fspath(tokenizer))
    else:
        definition = _from_object(tokenizer)
    table = _read(definition, check)
    ids = {content: i for i, content in table.special.items()}
    if not all(content in ids for content in definition.roles.values()):
        ids = _all_ids(definition) | ids
    roles = {**table.roles, **{role: ids[content] for role, content in definition.roles.items() if content in ids}}
    named = {ids[content]: content for content in definition.roles.values() if content in ids}
    special = {**definition.special, **named, **table.special}
    eos_ids, width = _configured(definition, roles)
    if needs_eos and not eos_ids:
        missing = definition.roles.get("eos")
        raise TokenizerError(
            "no end-of-sequence token: "
            + (f"the tokenizer names {missing!r}, which isn't one of its tokens" if missing else "")
            + ("" if missing else "neither the tokenizer nor a configuration beside it names one"),
            place=definition.name,
            remedy="Vocabulary.from_pretrained(..., eos_ids=[...])",
        )
    tokens = [None if i in special else token for i, token in enumerate(table.tokens)]
    return Pretrained(tokens, special, eos_ids, width)


def _configured(definition: _Definition, roles: dict[str, int]) -> tuple[tuple[int, ...], int | None]:
    """The ids that generation stops at, and the columns of the logits.

    transformers stops at what the model's generation_config.json says, else at what its config.json says; only
    without both the tokenizer's own end counts.
    """
    own = (roles["eos"],) if "eos" in roles else ()
    if definition.folder is None:
        return own, None
    config = _config(definition.folder, "config.json")
    stops = [_config(definition.folder, "generation_config.json"), config, config.get("text_config")]
    places = [str(definition.folder / name) for name in ("generation_config.json", "config.json", "config.json")]
    return next(filter(None, map(_eos, stops, places)), own), _width(config)


# -- the formats ------------------------------------------------------------------------------------------------------


def _read(definition: _Definition, check: bool) -> TokenTable:
    """The bytes of each id and the special ids: read, and compared with `decode` unless that was done before."""
    data, name = definition.content, definition.name
    if isinstance(data, TokenTable):
        return data
    key = hashlib.sha256(data).hexdigest()
    if looks_like_ranks(data):
        return read_rank_file(data, name)
    if looks_like_tekken(data):
        return read_tekken(data, name)
    if data[:4] == b"GGUF":
        raise TokenizerError(
            "gcd doesn't read GGUF files",
            place=name,
            remedy="AutoTokenizer.from_pretrained(folder, gguf_file=...), which transformers makes a tokenizer.json of",
        )
    cached = cache.load(key)
    if looks_like_sentencepiece(data):
        model = read_sentencepiece(data, name)
        if check and cached is None:
            check_decode(model.pieces, _sentencepiece_decode(data, model.pieces, name), name)
            cache.store(key, model.pieces.token_bytes(), model.pieces.special)
        return TokenTable(model.pieces.token_bytes(), model.pieces.special, model.roles)
    if cached is not None:
        return TokenTable(*cached)
    read = read_tokenizer_json(data, name)
    tokens = read.token_bytes()
    if check:
        check_decode(read, _tokenizers_decode(data, name), name)
        cache.store(key, tokens, read.special)
    return TokenTable(tokens, read.special)


def _all_ids(definition: _Definition) -> dict[str, int]:
    """Content -> id for all tokens: older tokenizer.json files don't mark special tokens, so all have to be asked."""
    data = definition.content
    if isinstance(data, TokenTable) or data.lstrip()[:1] != b"{" or looks_like_tekken(data):
        return {}
    strings = read_tokenizer_json(data, definition.name).strings
    return {string: i for i, string in enumerate(strings) if string is not None}


def _tokenizers_decode(data: bytes, name: str) -> Decode:
    """The `decode` of the tokenizers library for a tokenizer.json; transformers' own calls just this."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _uncheckable("tokenizers", name) from error
    try:
        backend = Tokenizer.from_str(data.decode())
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(f"the tokenizers library can't load it: {error}", place=name) from error

    def decode(ids: list[int]) -> str:
        return str(backend.decode(ids, skip_special_tokens=False))

    return decode


def _sentencepiece_decode(data: bytes, pieces: TokenizerJson, name: str) -> Decode:
    """The `decode` of the sentencepiece library behind a token that begins without a space.

    So it is what decode gives in the middle of a text: at its very start, some models drop one space, some all.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise _uncheckable("sentencepiece", name) from error
    try:
        processor = SentencePieceProcessor(model_proto=data)
    except Exception as error:  # the library raises whatever its C++ side does
        raise TokenizerError(f"the sentencepiece library can't load it: {error}", place=name) from error
    anchors = (i for i, s in enumerate(pieces.strings) if s and "▁" not in s and not pieces.decoder.is_byte_piece(s))
    anchor = next(anchors, None)
    if anchor is None:
        raise TokenizerError("every piece begins with a space, so decode can't be compared", place=name)
    head = len(pieces.strings[anchor] or "")

    def decode(ids: list[int]) -> str:
        return str(processor.decode([anchor, *ids]))[head:]

    return decode


def _uncheckable(package: str, name: str) -> TokenizerError:
    return TokenizerError(
        f"the check of token bytes against decode needs the package {package}",
        place=name,
        remedy=f"pip install {package}; or Vocabulary.from_pretrained(..., check=False)",
    )


# -- from a path or name ----------------------------------------------------------------------------------------------


def _from_path(name: str) -> _Definition:
    """A folder, a tokenizer's file, a name in the cache, or a name for transformers."""
    path = Path(name).expanduser()
    if not path.exists() and os.sep not in name:
        path = cache.cache_folder() / "tokenizers" / name
    if not path.exists():
        return _from_object(_auto_tokenizer(name))
    file = next((f for kind in _FILES for f in sorted(path.glob(kind))), path / _FILES[0]) if path.is_dir() else path
    try:
        text = file.read_bytes()
    except OSError as error:
        raise TokenizerError(
            f"can't be read: {error.strerror}",
            place=str(file),
            remedy="a folder written by tokenizer.save_pretrained(folder)",
        ) from error
    folder = file.parent
    config = _config(folder, "tokenizer_config.json")
    try:
        marked = (config.get("added_tokens_decoder") or {}).items()
        special = {int(i): str(entry["content"]) for i, entry in marked if entry.get("special")}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        place = str(folder / "tokenizer_config.json")
        raise TokenizerError(f"added_tokens_decoder: {type(error).__name__}: {error}", place=place) from error
    return _Definition(text, str(file), folder, special, _roles(config))


def _auto_tokenizer(name: str) -> object:
    """What transformers has under this name."""
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise TokenizerError(
            "there is no such folder or file, and transformers, which may know the name, is not installed",
            place=name,
            remedy="a folder with a tokenizer.json; or pip install 'gcd-decoding[hf]'",
        ) from error
    try:
        return AutoTokenizer.from_pretrained(name)
    except Exception as error:  # whatever hub, network and file formats raise
        first = str(error).strip().partition("\n")[0]
        raise TokenizerError(
            f"there is no such folder or file, and transformers can't load it: {first}",
            place=name,
            remedy="a folder with a tokenizer.json",
        ) from error


def _roles(config: dict[str, Any]) -> dict[str, str]:
    """Role -> content of the special tokens that a tokenizer_config.json names; older ones write objects."""
    named = {role: config.get(f"{role}_token") for role in _ROLES}
    contents = {role: token.get("content") if isinstance(token, dict) else token for role, token in named.items()}
    return {role: content for role, content in contents.items() if isinstance(content, str)}


# -- from an object ---------------------------------------------------------------------------------------------------


def _from_object(tokenizer: Any) -> _Definition:
    """A fast tokenizer of transformers, a tokenizers.Tokenizer, a SentencePieceProcessor, a tiktoken.Encoding."""
    kind = type(tokenizer).__name__
    if callable(getattr(tokenizer, "decode_single_token_bytes", None)):
        return _Definition(read_encoding(tokenizer), f"{kind} {tokenizer.name!r}", None, {}, {})
    if callable(getattr(tokenizer, "serialized_model_proto", None)):
        return _Definition(tokenizer.serialized_model_proto(), kind, None, {}, {})
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not callable(getattr(backend, "to_str", None)):
        raise TokenizerError(
            f"a {kind} has no tokenizer.json inside",
            place=kind,
            remedy="a fast tokenizer (transformers.AutoTokenizer, tokenizers.Tokenizer), a folder saved from one, a "
            "sentencepiece.SentencePieceProcessor or a tiktoken.Encoding",
        )
    text = backend.to_str().encode()
    path = getattr(tokenizer, "name_or_path", None)
    folder = Path(path) if path and Path(path).is_dir() else None
    roles = {role: getattr(tokenizer, f"{role}_token", None) for role in _ROLES}
    special = dict(
        zip(getattr(tokenizer, "all_special_ids", ()), getattr(tokenizer, "all_special_tokens", ()), strict=True)
    )
    named = {role: str(content) for role, content in roles.items() if content is not None}
    return _Definition(text, path or kind, folder, special, named)


# -- configuration ----------------------------------------------------------------------------------------------------


def _config(folder: Path | None, name: str) -> dict[str, Any]:
    """A JSON file of the folder; empty where there is none.

    Raises:
        TokenizerError: the file is there and is no JSON object.
    """
    if folder is None or not (folder / name).is_file():
        return {}
    try:
        data = json.loads((folder / name).read_bytes())
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"not JSON: {error}", place=str(folder / name)) from error
    if not isinstance(data, dict):
        raise TokenizerError("not a JSON object", place=str(folder / name))
    return data


def _eos(config: object, place: str) -> tuple[int, ...]:
    """`eos_token_id`, a number or a list of them; none where it is null, or negative as in some old files.

    Raises:
        TokenizerError: it is something else.
    """
    given = config.get("eos_token_id") if isinstance(config, dict) else None
    ids = given if isinstance(given, list) else [] if given is None else [given]
    if not all(type(i) is int for i in ids):
        raise TokenizerError(
            f"eos_token_id is {given!r:.80}, neither a token id nor a list of them",
            place=place,
            remedy="Vocabulary.from_pretrained(..., eos_ids=[...]), and mend the file: the host reads it, too",
        )
    return tuple(i for i in ids if i >= 0)


def _width(config: dict[str, Any]) -> int | None:
    """`vocab_size`, for models of several parts the text part's."""
    for part in (config, config.get("text_config")):
        size = part.get("vocab_size") if isinstance(part, dict) else None
        if type(size) is int and size > 0:
            return size
    return None
