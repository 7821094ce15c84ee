"""The artefact: one file that holds a compiled grammar and its tokens; neither grammar nor tokenizer is needed again.

Layout (numbers little-endian; inside of sections in the machine's own order)::

    0   8  label  b"gcd\\x00art\\n"
    8   4  0x01020304 in the machine's order, to tell byte orders apart
    12  4  format version
    16  32 SHA-256 of the grammar (what it was compiled from, options included)
    48  32 fingerprint of the vocabulary
    80  4  number of sections
    84  4  zero
    88  8  checksum of all of the above and of the section table
    96  .. section table: per section name (16 bytes, zero-padded), offset, size, checksum (8 each)

The sections follow in the table's order, each at the next multiple of 64, and the file ends with the last of them. They
are used where they lie (the file is mapped). A file is hostile input: label, byte order, version and table are checked
when it is opened, each section's checksum before anything in it is used, and every id in it before it is followed.
Checksums guard against damage, not malice. `docs/artifact-format.md` describes the sections.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from gcd._native.trie import checksum
from gcd.errors import ArtifactError

__all__ = ["FORMAT_VERSION", "Artifact", "write_artifact"]

FORMAT_VERSION = 1
_LABEL = b"gcd\x00art\n"
_ORDER = int.from_bytes(b"\x04\x03\x02\x01", sys.byteorder)  # sections are in the machine's own order
_HEADER = struct.Struct("<8sII32s32sIIQ")
_ENTRY = struct.Struct("<16sQQQ")
_ALIGN = 64
_MAX_SECTIONS = 10_000  # six of each part of a composition
_SUMMED = 88  # bytes of the header in front of its checksum


def write_artifact(
    path: str | os.PathLike[str], grammar_hash: bytes, fingerprint: bytes, sections: dict[str, bytes]
) -> int:
    """Write an artefact, whole or not at all (a temporary file is renamed). Returns its size in bytes."""
    offset = _aligned(_HEADER.size + _ENTRY.size * len(sections))
    table = b""
    places = []
    for name, data in sections.items():
        table += _ENTRY.pack(name.encode(), offset, len(data), checksum(data))
        places.append((offset, data))
        offset = _aligned(offset + len(data))
    head = _HEADER.pack(_LABEL, _ORDER, FORMAT_VERSION, grammar_hash, fingerprint, len(sections), 0, 0)[:_SUMMED]
    header = head + struct.pack("<Q", checksum(head + table))
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header + table)
            for place, data in places:
                file.write(bytes(place - file.tell()))
                file.write(data)
            size = file.tell()
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return size


class Artifact:
    """An opened artefact: its header, and its sections on demand.

    Attributes:
        name: where it came from, for messages.
        version: its format version.
        grammar_hash, fingerprint: 32 bytes each.
        sizes: bytes of each section.
    """

    def __init__(self, data: Any, name: str) -> None:
        self.name = name
        self._data = memoryview(data)
        if len(self._data) < _HEADER.size:
            raise self._error(f"a file of {len(self._data)} bytes is too short to be an artefact")
        label, order, version, self.grammar_hash, self.fingerprint, count, zero, table_sum = _HEADER.unpack_from(
            self._data
        )
        if label != _LABEL:
            raise self._error(
                "this is not an artefact of gcd's", "compile one: gcd compile GRAMMAR --tokenizer NAME -o FILE.gcd"
            )
        if order != _ORDER:
            raise self._error("the artefact was written with another byte order", "compile it again on this machine")
        if version != FORMAT_VERSION:
            raise self._error(
                f"the artefact has format version {version}; this gcd reads version {FORMAT_VERSION}",
                "compile it again with this version of gcd",
            )
        end = _HEADER.size + _ENTRY.size * count
        if count > _MAX_SECTIONS or zero or end > len(self._data):
            raise self._error("the section table is damaged")
        table = self._data[_HEADER.size : end]
        if checksum(bytes(self._data[:_SUMMED]) + bytes(table)) != table_sum:
            raise self._error("the header or the section table is damaged: its checksum is wrong")
        self.version = version
        self._places: dict[str, tuple[int, int, int]] = {}
        for i in range(count):
            raw, offset, size, section_sum = _ENTRY.unpack_from(table, i * _ENTRY.size)
            section = raw.rstrip(b"\0").decode("ascii", "replace")
            if offset != _aligned(end) or section in self._places:
                raise self._error(f"section {section!r} lies where it can't")
            end = offset + size
            if end > len(self._data):
                raise self._error(f"section {section!r} lies outside of the file: it is truncated")
            self._places[section] = (offset, size, section_sum)
        if end != len(self._data):
            raise self._error(f"the file goes on for {len(self._data) - end} bytes after its last section")
        self.sizes = {section: place[1] for section, place in self._places.items()}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Artifact:
        """Map a file.

        Raises:
            ArtifactError: no such file, or not an artefact that this version reads.
        """
        file_path = Path(path)
        name = str(file_path)
        if file_path.exists() and not file_path.is_file():  # opening a pipe would wait for somebody to write into it
            raise ArtifactError("is not a file", place=name, remedy="check the path")
        try:
            with file_path.open("rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    return cls(b"", name)
                return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), name)
        except OSError as error:
            raise ArtifactError(f"cannot be read: {error.strerror}", place=name, remedy="check the path") from error

    def section(self, name: str) -> memoryview:
        """A section's bytes, once its checksum was found right."""
        data = self.unread(name)
        if checksum(data) != self.stored_checksum(name):
            raise self._error(f"section {name!r} is damaged: its checksum is wrong")
        return data

    def unread(self, name: str) -> memoryview:
        """A section's bytes as they lie, for one whose pieces have checksums of their own."""
        self.stored_checksum(name)
        offset, size, _ = self._places[name]
        return self._data[offset : offset + size]

    def stored_checksum(self, name: str) -> int:
        """What a section's checksum should be; the section isn't read."""
        if name not in self._places:
            raise self._error(f"section {name!r} is missing")
        return self._places[name][2]

    def json(self, name: str) -> dict[str, Any]:
        """A section that holds a JSON object."""
        try:
            value = json.loads(bytes(self.section(name)))
        except (ValueError, RecursionError) as error:
            raise self._error(f"section {name!r} is damaged: {error}") from error
        if not isinstance(value, dict):
            raise self._error(f"section {name!r} is damaged: not an object")
        return value

    def _error(self, cause: str, remedy: str = "compile the grammar again, or fetch the file again") -> ArtifactError:
        return ArtifactError(cause, place=self.name, remedy=remedy)


def _aligned(offset: int) -> int:
    """The next place where a section may begin."""
    return -(-offset // _ALIGN) * _ALIGN
