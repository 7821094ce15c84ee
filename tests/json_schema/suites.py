"""The conformance data's JSON Schema suites: the official one, and MaskBench's schemas."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DRAFT = "draft2020-12"
FOREIGN = ("draft3", "draft4", "draft6", "draft7", "draft2019-09")
"""Folders of remotes that belong to other drafts' tests; optional/cross-draft uses some."""


@dataclass(frozen=True, slots=True)
class Test:
    """A document with its verdict."""

    __test__ = False
    description: str
    text: str
    valid: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A schema with its documents."""

    name: str
    schema: Any
    tests: tuple[Test, ...]


def official(data: Path, part: str) -> list[Group]:
    """The official suite: part is ``required``, ``optional`` or ``optional/format``."""
    folder = data / "json-schema-test-suite" / "tests" / DRAFT
    folder = folder if part == "required" else folder / part
    groups = []
    for path in sorted(folder.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            tests = tuple(Test(t["description"], json.dumps(t["data"]), t["valid"]) for t in entry["tests"])
            groups.append(Group(f"{path.stem}: {entry['description']}", entry["schema"], tests))
    return groups


def remotes(data: Path) -> Registry:
    """What the suite serves at http://localhost:1234, and every draft's metaschema."""
    folder = data / "json-schema-test-suite" / "remotes"
    resources = []
    for path in sorted(folder.rglob("*.json")):
        contents = json.loads(path.read_text(encoding="utf-8"))
        resource = Resource.from_contents(contents, default_specification=DRAFT202012)
        resources.append((f"http://localhost:1234/{path.relative_to(folder).as_posix()}", resource))
    registry: Registry = SPECIFICATIONS.with_resources(resources)
    return registry


def maskbench(data: Path) -> list[Group]:
    """MaskBench's schemas, documents written as MaskBench writes them."""
    groups = []
    with gzip.open(data / "maskbench" / "dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            tests = tuple(
                Test(t["description"], json.dumps(t["data"], ensure_ascii=False), t["valid"]) for t in entry["tests"]
            )
            groups.append(Group(entry["file"], entry["schema"], tests))
    return groups
