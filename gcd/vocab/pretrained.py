"""Find a tokenizer's definition: in a folder, under a name, or inside a tokenizer object.

What counts is always a tokenizer.json and, beside it, what the model's configuration says: the ids that generation
stops at and the number of logits. A folder is read as files, without importing transformers; only a name that isn't
found on disk and an object need the library that they come from.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcd.errors import TokenizerError
from gcd.vocab import cache
from gcd.vocab.self_check import Decode, check_decode
from gcd.vocab.tokenizer_json import read_tokenizer_json

__all__ = ["Pretrained", "read_pretrained"]

_ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


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
    """A tokenizer.json with its surroundings."""

    text: bytes
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
    tokens, special = _tokens(definition, check)
    roles = _role_ids(definition, special)
    special = {**definition.special, **{i: definition.roles[role] for role, i in roles.items()}, **special}
    config = _config(definition.folder, "config.json")
    stops = [_config(definition.folder, "generation_config.json"), config, config.get("text_config")]
    own = (roles["eos"],) if "eos" in roles else ()
    eos_ids = next(filter(None, map(_eos, stops)), own)
    if needs_eos and not eos_ids:
        raise TokenizerError(
            "no end-of-sequence token: neither the tokenizer nor a configuration beside it names one",
            place=definition.name,
            remedy="Vocabulary.from_pretrained(..., eos_ids=[...])",
        )
    tokens = [None if i in special else token for i, token in enumerate(tokens)]
    return Pretrained(tokens, special, eos_ids, _width(config))


def _tokens(definition: _Definition, check: bool) -> tuple[list[bytes | None], dict[int, str]]:
    """The bytes of each id and the special ids, from the cache or read and checked."""
    key = hashlib.sha256(definition.text).hexdigest()
    cached = cache.load(key)
    if cached is not None:
        return cached
    read = read_tokenizer_json(definition.text, definition.name)
    tokens = read.token_bytes()
    if check:
        check_decode(read, _decoder_of(definition), definition.name)
        cache.store(key, tokens, read.special)
    return tokens, read.special


def _decoder_of(definition: _Definition) -> Decode:
    """The `decode` of the tokenizers library for this definition; transformers' own calls just this."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise TokenizerError(
            "the check of token bytes against decode needs the package tokenizers",
            place=definition.name,
            remedy="pip install 'gcd-decoding[hf]'; or Vocabulary.from_pretrained(..., check=False)",
        ) from error
    try:
        backend = Tokenizer.from_str(definition.text.decode())
    except Exception as error:  # the library raises bare Exception
        raise TokenizerError(f"the tokenizers library can't load it: {error}", place=definition.name) from error

    def decode(ids: list[int]) -> str:
        return str(backend.decode(ids, skip_special_tokens=False))

    return decode


# -- from a path or name ----------------------------------------------------------------------------------------------


def _from_path(name: str) -> _Definition:
    """A folder, a tokenizer.json, a name in the cache, or a name for transformers."""
    path = Path(name).expanduser()
    if not path.exists() and os.sep not in name:
        path = cache.cache_folder() / "tokenizers" / name
    file = path / "tokenizer.json" if path.is_dir() else path
    if not path.exists():
        return _from_object(_auto_tokenizer(name))
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


def _role_ids(definition: _Definition, special: dict[int, str]) -> dict[str, int]:
    """Role -> id. Older tokenizer.json files don't mark these special, so the vocabulary may have to be asked."""
    ids = {content: i for i, content in special.items()}
    if not all(content in ids for content in definition.roles.values()):
        strings = read_tokenizer_json(definition.text, definition.name).strings
        ids = {string: i for i, string in enumerate(strings) if string is not None} | ids
    return {role: ids[content] for role, content in definition.roles.items() if content in ids}


# -- from an object ---------------------------------------------------------------------------------------------------


def _from_object(tokenizer: Any) -> _Definition:
    """A fast tokenizer of transformers, or a tokenizers.Tokenizer."""
    kind = type(tokenizer).__name__
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not callable(getattr(backend, "to_str", None)):
        raise TokenizerError(
            f"a {kind} has no tokenizer.json inside",
            place=kind,
            remedy="a fast tokenizer (transformers.AutoTokenizer, tokenizers.Tokenizer), or a folder saved from one",
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
    except ValueError as error:
        raise TokenizerError(f"not JSON: {error}", place=str(folder / name)) from error
    if not isinstance(data, dict):
        raise TokenizerError("not a JSON object", place=str(folder / name))
    return data


def _eos(config: dict[str, Any] | None) -> tuple[int, ...]:
    """`eos_token_id`, a number or a list of them."""
    ids = (config or {}).get("eos_token_id")
    ids = ids if isinstance(ids, list) else [ids]
    return tuple(i for i in ids if isinstance(i, int) and i >= 0)


def _width(config: dict[str, Any]) -> int | None:
    """`vocab_size`, for models of several parts the text part's."""
    for part in (config, config.get("text_config") or {}):
        size = part.get("vocab_size")
        if isinstance(size, int) and size > 0:
            return size
    return None
