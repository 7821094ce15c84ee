"""From walks to verdicts: which schemas an engine gets wholly right, and what happens to the others."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.maskbench.cases import Case

SHOWN = 40
"""Files named in the record under each heading."""


@dataclass(slots=True)
class Verdicts:
    """One engine over all cases. Instances as MaskBench writes them, but for those that say shuffled."""

    schemas: int = 0
    with_instances: int = 0
    right: int = 0
    """Schemas: compiled in time, all instances judged right, nothing failed. Without instances, compiling is enough."""
    right_with_instances: int = 0
    refused: int = 0
    timeouts: int = 0
    crashes: int = 0
    failed: int = 0
    """Walks that the engine gave up in the middle: neither accepted nor refused."""
    disagreements: int = 0
    """Walks in which mask and accept, or mask and end, say different things."""
    wrong_accepts: int = 0
    schemas_with_wrong_accepts: int = 0
    wrong_rejects: int = 0
    schemas_with_wrong_rejects: int = 0
    shuffled_valid: int = 0
    shuffled_valid_accepted: int = 0
    shuffled_invalid: int = 0
    shuffled_wrong_accepts: int = 0
    shuffled_failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    """Of refusals."""
    files: dict[str, list[str]] = field(default_factory=dict)
    """By what's wrong with them, the first few, with the engine's words where it has any."""

    def note(self, heading: str, file: str, why: str = "") -> None:
        listed = self.files.setdefault(heading, [])
        if len(listed) < SHOWN:
            listed.append(f"{file}: {why}" if why else file)


def finished(result: dict[str, Any]) -> bool:
    """Whether the engine took the schema and came to the end of all walks."""
    return "walks" in result and "timeout" not in result and "crashed" not in result


def judge(cases: Sequence[Case], results: Sequence[dict[str, Any]]) -> Verdicts:
    """Count."""
    found = Verdicts()
    for case, result in zip(cases, results, strict=True):
        found.schemas += 1
        found.with_instances += bool(case.instances)
        if "refused" in result:
            found.refused += 1
            found.causes[cause(result["refused"])] += 1
            found.note("refused", case.file, result["refused"][:300])
        elif "timeout" in result:
            found.timeouts += 1
            found.note("timed out", case.file)
        elif "crashed" in result:
            found.crashes += 1
            found.note("crashed", case.file, result["crashed"][:300])
        else:
            right = _walks(found, case, result["walks"])
            found.right += right
            found.right_with_instances += right and bool(case.instances)
    return found


def _walks(found: Verdicts, case: Case, walks: list[list[dict[str, Any] | None]]) -> bool:
    right, accepts, rejects = True, 0, 0
    for number, (instance, (walk, shuffled)) in enumerate(zip(case.instances, walks, strict=True)):
        assert walk is not None
        place = f"{case.file}#{number}"
        for each, order in ((walk, ""), (shuffled, ", shuffled")):
            if each is not None and "disagrees" in each:
                found.disagreements += 1
                found.note("mask and accept disagree", place + order, f"token {each['disagrees']}")
            if each is not None and "failed" in each:
                found.note("failed in mid-output", place + order, each["failed"][:300])
        if "failed" in walk:
            found.failed += 1
            right = False
        elif walk["accepted"] is not instance.valid:
            right = False
            accepts += walk["accepted"]
            rejects += instance.valid
            found.note("accepts what is invalid" if walk["accepted"] else "rejects what is valid", place)
        if shuffled is None:
            continue
        if "failed" in shuffled:
            found.shuffled_failed += 1
        if instance.valid:
            found.shuffled_valid += 1
            found.shuffled_valid_accepted += shuffled["accepted"]
            if not shuffled["accepted"] and walk["accepted"]:
                found.note("rejects what is valid, shuffled only", place)
        else:
            found.shuffled_invalid += 1
            found.shuffled_wrong_accepts += shuffled["accepted"]
            if shuffled["accepted"] and not walk["accepted"]:
                found.note("accepts what is invalid, shuffled only", place)
    found.wrong_accepts += accepts
    found.wrong_rejects += rejects
    found.schemas_with_wrong_accepts += bool(accepts)
    found.schemas_with_wrong_rejects += bool(rejects)
    return right


def cause(message: str) -> str:
    """What messages of one kind have in common: the first line without places, numbers and long quotations."""
    line = (message.strip().splitlines() or ["no message"])[0]
    line = re.sub(r"^\[[\d:]+\] \S+?:\d+: ", "", line)
    line = re.sub(r"(?<![\w$])#?/[\w~$%.{}\-/*]+", "…", line)
    line = re.sub(r"(['\"`]).{25,}?\1", "…", line)
    line = re.sub(r"-?\b\d+(\.\d+)?\b", "n", line)
    return line if len(line) <= 110 else line[:109] + "…"
