"""Jobs: what one process is to do, as a file, and its answer, as two."""

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.engines import ROOT, interpreter


@dataclass(frozen=True, slots=True)
class Job:
    """One task for one engine and one grammar, in a process of its own (worker.py)."""

    task: str
    """walk, verify, compile, load or complete."""
    engine: str
    grammar: str
    """The file that writes it."""
    other: str
    """A grammar that is loaded first: nobody's first grammar pays for what all share."""
    folder: str
    """Of the tokenizer."""
    width: int
    eos_ids: list[int]
    known: list[list[int]] = field(default_factory=list)
    """Texts, as tokens: those that are walked cold and again."""
    unseen: list[list[int]] = field(default_factory=list)
    seconds: float = 60.0
    """For each phase; a slow engine walks only the beginnings of the texts."""
    repeats: int = 3
    seed: int = 0
    cpu: int | None = None
    artefact: str | None = None
    items: list[tuple[int, int, int]] = field(default_factory=list)
    """For `complete`: (known text, position, token there)."""
    closers: list[list[list[int]]] = field(default_factory=list)
    """For `complete`: sequences of tokens that tend to end texts, the likeliest group first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    values: dict[str, Any]
    arrays: dict[str, Any]
    error: str | None = None
    """Why nothing came back."""


def run(job: Job, limit: float) -> Answer:
    """Run a job in a process of its own and wait for it.

    Args:
        job: the job.
        limit: seconds after which the process is ended.
    """
    python = interpreter(job.engine)
    if python is None:
        return Answer({}, {}, f"no environment for {job.engine}: run `make bench` once")
    with tempfile.TemporaryDirectory(prefix="gcd-bench-") as folder:
        question, values, arrays = (Path(folder) / name for name in ("job.json", "values.json", "arrays.npz"))
        question.write_text(json.dumps(asdict(job)))
        command = [str(python), "-m", "bench.harness.worker", str(question), str(values), str(arrays)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return Answer({}, {}, f"no answer within {limit:.0f} s")
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            return Answer({}, {}, lines[-1])
        with np.load(arrays) as file:
            return Answer(json.loads(values.read_text()), {name: file[name] for name in file.files})


def pack(texts: list[Any], dtype: Any = np.int64) -> tuple[Any, Any]:
    """Lists of numbers as one array and where each ends."""
    flat = np.array([x for text in texts for x in text], dtype=dtype)
    return flat, np.cumsum([len(text) for text in texts], dtype=np.int64)


def unpack(flat: Any, ends: Any) -> list[Any]:
    """The inverse of `pack`."""
    return np.split(flat, ends[:-1]) if len(ends) else []
