"""Schemas with instances, in MaskBench's format.

An object for each schema: ``schema``, ``tests`` (``data``, ``valid``) and, on a line of a file that holds many,
``file``. A folder may hold a ``*.json`` for each schema, or ``*.jsonl`` and ``*.jsonl.gz`` with one a line.
"""

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Instance:
    """A document and whether it's valid."""

    valid: bool
    text: str
    """As MaskBench writes it: ``json.dumps(data, ensure_ascii=False)``."""
    shuffled: str | None
    """With the properties of every object in another order; None where there's no other order."""


@dataclass(frozen=True, slots=True)
class Case:
    """A schema with its instances."""

    file: str
    schema: str
    instances: tuple[Instance, ...]


class MissingCasesError(Exception):
    """There are no schemas in the folder. The message says what to do."""


def read(folder: Path, seed: int = 0) -> list[Case]:
    """All schemas of a folder, in an order that has to do only with their names.

    Args:
        folder: files in MaskBench's format, at any depth.
        seed: of the order of properties.

    Raises:
        MissingCasesError: it holds none.
    """
    cases = [_case(name, entry, seed) for name, entry in _entries(folder)]
    if not cases:
        raise MissingCasesError(f"no schemas in {folder}: set GCD_CONFORMANCE_DATA, or name a folder with --data")
    return sorted(cases, key=lambda case: hashlib.blake2b(case.file.encode(), digest_size=8).digest())


def shuffled(data: Any, rng: random.Random) -> Any:
    """The same value with the properties of its objects in another order, where there are two or more."""
    if isinstance(data, list):
        return [shuffled(item, rng) for item in data]
    if not isinstance(data, dict):
        return data
    names = list(data)
    while len(names) > 1 and names == list(data):
        rng.shuffle(names)
    return {name: shuffled(data[name], rng) for name in names}


def _entries(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.json*")):
        if path.suffix == ".json":
            entry = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(entry, dict) and "schema" in entry:
                yield path.relative_to(folder).as_posix(), entry
        elif path.suffixes[-2:] == [".jsonl", ".gz"] or path.suffix == ".jsonl":
            opener = gzip.open if path.suffix == ".gz" else Path.open
            with opener(path, "rt", encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    entry = json.loads(line)
                    yield entry.get("file", f"{path.name}:{number}"), entry


def _case(file: str, entry: dict[str, Any], seed: int) -> Case:
    instances = []
    for number, test in enumerate(entry.get("tests", ())):
        text = json.dumps(test["data"], ensure_ascii=False)
        other = json.dumps(shuffled(test["data"], random.Random(f"{seed} {file} {number}")), ensure_ascii=False)
        instances.append(Instance(test["valid"], text, None if other == text else other))
    return Case(file, json.dumps(entry["schema"], ensure_ascii=False), tuple(instances))
