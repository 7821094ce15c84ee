"""What was read from a tokenizer.json and agreed with its `decode`, kept on disk: a later start does neither again.

One file for each content of a tokenizer.json, under ``$GCD_CACHE/vocab``, all numbers little-endian:

    magic with format version | sha256 of the rest | n, len(bytes), len(JSON) | n + 1 offsets | bytes | JSON

Token t is ``bytes[offsets[t]:offsets[t + 1]]``, empty for a hole or a special token; the JSON maps special ids to their
content. A file that is damaged, of another version or not to be had is as good as none. Nothing in it is executed, and
it is written by rename, so a reader never sees half of one.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from pathlib import Path

__all__ = ["cache_folder", "load", "store"]

_MAGIC = b"gcd vocab  2"
_HEADER = struct.Struct("<12s32s3I")


def cache_folder() -> Path:
    """The root of what gcd keeps on disk: ``$GCD_CACHE``, else ``~/.cache/gcd``."""
    return Path(os.environ.get("GCD_CACHE") or "~/.cache/gcd").expanduser()


def _entry(key: str) -> Path:
    return cache_folder() / "vocab" / f"{key}.bin"


def load(key: str) -> tuple[list[bytes | None], dict[int, str]] | None:
    """The entry for `key` as (bytes by id, special ids with their content); None if there is no sound one."""
    try:
        data = _entry(key).read_bytes()
        magic, digest, n, n_blob, n_json = _HEADER.unpack_from(data)
        body = memoryview(data)[_HEADER.size :]
        at_blob = 4 * (n + 1)
        sound = magic == _MAGIC and len(body) == at_blob + n_blob + n_json
        if not (sound and hashlib.sha256(body).digest() == digest):
            return None
        offsets = array("I", bytes(body[:at_blob]))
        if sys.byteorder == "big":
            offsets.byteswap()
        blob = bytes(body[at_blob : at_blob + n_blob])
        names = json.loads(bytes(body[at_blob + n_blob :]))
        special = {int(i): str(content) for i, content in names.items()}
    except (OSError, ValueError, struct.error, AttributeError):
        return None
    return [blob[begin:end] or None for begin, end in pairwise(offsets)], special


def store(key: str, tokens: Sequence[bytes | None], special: dict[int, str]) -> None:
    """Keep an entry. A cache that can't be written (full, read-only) is no error."""
    texts = [b"" if token is None or i in special else token for i, token in enumerate(tokens)]
    offsets = array("I", accumulate(map(len, texts), initial=0))
    if sys.byteorder == "big":
        offsets.byteswap()
    blob, names = b"".join(texts), json.dumps(special).encode()
    body = offsets.tobytes() + blob + names
    header = _HEADER.pack(_MAGIC, hashlib.sha256(body).digest(), len(texts), len(blob), len(names))
    path = _entry(key)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(header + body)
        Path(file.name).replace(path)
