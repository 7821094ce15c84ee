"""Runs a worker over all cases, whatever the engine does: ends it when a schema takes too long, starts it again."""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.engines import ROOT, interpreter

GRACE = 1.0
"""Seconds over a schema's time before the process is ended from outside: it looks at the clock itself at each mask."""
START = 300.0
"""Seconds to import the engine and hold the vocabulary."""


@dataclass(slots=True)
class Outcome:
    """What an engine did."""

    results: list[dict[str, Any]] = field(default_factory=list)
    """One for each case. Ended from outside: ``timeout``; the process died: ``crashed``."""
    bounds: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    """Versions, memory."""
    error: str | None = None
    """Why there are no results."""
    processes: int = 0
    seconds: float = 0.0
    """Of all its processes, with starting them."""


def run(job: dict[str, Any]) -> Outcome:
    """Go over all cases of a job, in as many processes as it takes."""
    python = interpreter(job["engine"])
    if python is None:
        return Outcome(error=f"no environment for {job['engine']}: run `make bench` once")
    outcome = Outcome()
    results: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="gcd-bench-") as folder:
        question, log, errors = (Path(folder) / name for name in ("job.json", "log.jsonl", "stderr"))
        first, finished = 0, False
        while not finished:
            question.write_text(json.dumps(job | {"first": first}), encoding="utf-8")
            log.write_text("", encoding="utf-8")
            killed = _process([str(python), "-m", "bench.maskbench.worker", str(question), str(log)], job, log, errors)
            outcome.processes += 1
            started = None
            for line in _lines(log):
                if "started" in line:
                    started = line["started"]
                elif "done" in line:
                    results[line.pop("done")] = line
                    started = None
                else:
                    finished = finished or line.pop("finished", False)
                    peak = max(outcome.values.get("peak_rss_mb") or 0, line.get("peak_rss_mb") or 0)
                    outcome.values |= line | ({"peak_rss_mb": peak} if peak else {})
            if finished:
                break
            why = (errors.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
            if started is None:
                outcome.error = f"no answer within {START:.0f} s" if killed else why
                break
            results[started] = {"timeout": job["seconds"]} if killed else {"crashed": why}
            first = started + 1
    n_cases, n_bounds = len(job["cases"]), len(job["bounds"])
    found = [results.get(i, {"crashed": "not reached"}) for i in range(n_cases + n_bounds)]
    outcome.results, outcome.bounds = found[:n_cases], found[n_cases:]
    return outcome


def joined(parts: list[Outcome]) -> Outcome:
    """What an engine did with parts of the cases, in their order."""
    whole = Outcome()
    for part in parts:
        peak = max(whole.values.get("peak_rss_mb") or 0, part.values.get("peak_rss_mb") or 0)
        whole.values |= part.values | ({"peak_rss_mb": peak} if peak else {})
        whole.results += part.results
        whole.bounds += part.bounds
        whole.processes += part.processes
        whole.seconds += part.seconds
        whole.error = whole.error or part.error
    return whole


def _process(command: list[str], job: dict[str, Any], log: Path, errors: Path) -> bool:
    """Run it to its end; True if it had to be ended because nothing came for too long."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    with errors.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stderr, stderr=stderr)
        size, since = -1, time.monotonic()
        while True:
            try:
                process.wait(0.25)
                return False
            except subprocess.TimeoutExpired:
                pass
            now = log.stat().st_size
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > (job["seconds"] + GRACE if now else START):
                process.kill()
                process.wait()
                return True


def _lines(log: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; a process that was killed may have left half of one."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            found.append(json.loads(line))
    return found
