"""One engine, one grammar, one task: ``python -m bench.harness.worker JOB VALUES ARRAYS``.

Every task begins alike: the engine is imported, holds the vocabulary and has loaded another grammar and asked for a
mask of it. Garbage collection is off while times are taken. Times include the reading of the clock, whose own share
is measured and reported.
"""

import gc
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.engines import load_engine
from bench.harness import stats, system
from bench.harness.engine import Engine, Session, UnsupportedError
from bench.harness.job import Job, pack

MAX_MASKS = 6000
"""Distinct masks that `verify` brings back whole; of the others it brings back the digests."""


class RefusedError(Exception):
    """A token of a real text was refused while times were taken; `verify` should have found it."""


def deadlines(n: int, seconds: float) -> Iterator[int]:
    """For each of n texts when to stop, so that the last ones get their share too."""
    start = perf_counter_ns()
    for i in range(n):
        yield start + int(seconds * 1e9 * (i + 1) / n)


def walk(
    session: Session, tokens: Sequence[int], deadline: int, first: int | None = None
) -> tuple[list[int], list[int]]:
    """A mask at every position, the end included: the times of the masks and of the accepts.

    Args:
        session: at the beginning.
        tokens: the text.
        deadline: on the clock, after which to stop in the middle.
        first: what the first mask took, if it has been asked for already.
    """
    fill, accept, clock = session.fill, session.accept, perf_counter_ns
    masks: list[int] = []
    accepts: list[int] = []
    for token in tokens:
        if first is None:
            a = clock()
            fill()
            b = clock()
            masks.append(b - a)
        else:
            masks.append(first)
            first = None
        a = clock()
        ok = accept(token)
        b = clock()
        accepts.append(b - a)
        if not ok:
            raise RefusedError(f"token {token} after {len(accepts) - 1} others")
        if b > deadline:
            return masks, accepts
    a = clock()
    fill()
    b = clock()
    masks.append(b - a)
    return masks, accepts


def walk_checks(
    session: Session, tokens: Sequence[int], others: Sequence[int], deadline: int
) -> tuple[list[int], list[int], list[int]]:
    """No mask: the times of check on the token that comes, of check on another, and of accept."""
    check, accept, clock = session.check, session.accept, perf_counter_ns
    rights: list[int] = []
    wrongs: list[int] = []
    accepts: list[int] = []
    for token, other in zip(tokens, others, strict=True):
        a = clock()
        right = check(token)
        b = clock()
        check(other)
        c = clock()
        ok = accept(token)
        d = clock()
        rights.append(b - a)
        wrongs.append(c - b)
        accepts.append(d - c)
        if not (right and ok):
            raise RefusedError(f"token {token} after {len(accepts) - 1} others")
        if d > deadline:
            break
    return rights, wrongs, accepts


class Task:
    """What the tasks share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.values: dict[str, Any] = {"load_average": system.load_average()}
        self.arrays: dict[str, Any] = {}
        system.pin(job.cpu)
        random.seed(job.seed)
        start = time.perf_counter()
        self.engine: Engine = load_engine(job.engine)(Path(job.folder), job.width, job.eos_ids)
        self.values["hold_vocabulary_s"] = time.perf_counter() - start
        self.values["versions"] = self.engine.versions()
        other = self.engine.session(self.engine.compile(Path(job.other)))
        other.fill()
        self.values["clock"] = asdict(stats.clock_overhead())
        gc.collect()
        gc.disable()
        system.give_back_freed_memory()
        self.values["rss_before_mb"] = system.memory_mb()

    def open(self, get: Callable[[Path], Any], path: str) -> tuple[Any, Session, int]:
        """A grammar from text or artefact, its first mask, and what that mask took."""
        a = perf_counter_ns()
        compiled = get(Path(path))
        b = perf_counter_ns()
        session = self.engine.session(compiled)
        c = perf_counter_ns()
        session.fill()
        d = perf_counter_ns()
        self.values["open_ms"] = (b - a) / 1e6
        self.values["open_and_first_mask_ms"] = (d - a) / 1e6
        return compiled, session, d - c

    def keep(self, name: str, texts: list[list[int]]) -> None:
        """Bring times back, text by text."""
        self.arrays[name], self.arrays[name + "_ends"] = pack(texts)

    def walk_once(
        self,
        name: str,
        compiled: Any,
        texts: list[list[int]],
        seconds: float,
        opened: tuple[Session, int] | None = None,
    ) -> None:
        """All texts once, masks and accepts."""
        before, preempted = self.engine.counters(compiled), system.preemptions()
        masks, accepts = [], []
        for tokens, deadline in zip(texts, deadlines(len(texts), seconds), strict=True):
            session, first = opened or (self.engine.session(compiled), None)
            opened = None
            m, a = walk(session, tokens, deadline, first)
            masks.append(m)
            accepts.append(a)
            gc.collect(0)
        self.keep(f"{name}_masks", masks)
        self.keep(f"{name}_accepts", accepts)
        self.values[f"{name}_preempted"] = system.preemptions() - preempted
        after = self.engine.counters(compiled)
        self.values[f"{name}_counters"] = {key: after[key] - before.get(key, 0) for key in after}

    def others(self, tokens: list[int]) -> list[int]:
        """For each position a token drawn from the vocabulary; nearly always it is refused."""
        return [random.randrange(self.job.width - 1000) for _ in tokens]

    def walk_check(self, name: str, compiled: Any, texts: list[list[int]], seconds: float) -> None:
        """All texts once, checks and accepts without masks."""
        columns: list[list[list[int]]] = [[], [], []]
        for tokens, deadline in zip(texts, deadlines(len(texts), seconds), strict=True):
            session = self.engine.session(compiled)
            for column, times in zip(columns, walk_checks(session, tokens, self.others(tokens), deadline), strict=True):
                column.append(times)
        for part, column in zip(("right", "other", "accept"), columns, strict=True):
            self.keep(f"{name}_{part}", column)


class Walk(Task):
    """The phases that go over texts: cold, warm, checks, unseen; in one process, in this order."""

    def run(self) -> None:
        """Every phase; then the artefact and the memory."""
        job, engine = self.job, self.engine
        compiled, session, first = self.open(engine.compile, job.grammar)
        self.walk_once("cold", compiled, job.known, job.seconds, (session, first))
        for i in range(job.repeats):
            self.walk_once(f"warm{i}", compiled, job.known, job.seconds / job.repeats)
        self.values["rss_after_known_mb"] = system.memory_mb()
        for i in range(job.repeats):
            self.walk_check(f"check{i}", compiled, job.known, job.seconds / job.repeats / 2)
        self.walk_once("unseen", compiled, job.unseen, job.seconds)
        self.values["counters"] = engine.counters(compiled)
        self.values["rss_after_unseen_mb"] = system.memory_mb()
        if job.artefact:
            try:
                engine.save(compiled, Path(job.artefact))
                self.values["artefact_bytes"] = Path(job.artefact).stat().st_size
            except UnsupportedError as error:
                self.values["artefact"] = str(error)


class Compile(Task):
    """Compile and first mask once more; then, with nothing known but that mask, checks and accepts."""

    def run(self) -> None:
        """The first times of everything that needs no mask."""
        compiled, _, _ = self.open(self.engine.compile, self.job.grammar)
        self.walk_check("cold_check", compiled, self.job.known, self.job.seconds / 2)


class Load(Task):
    """The artefact, its first mask, and unseen texts on nothing but what it holds."""

    def run(self) -> None:
        """Load, then walk."""
        assert self.job.artefact
        compiled, session, first = self.open(self.engine.load, self.job.artefact)
        self.values["rss_after_load_mb"] = system.memory_mb()
        self.walk_once("loaded", compiled, self.job.unseen, self.job.seconds, (session, first))


class Verify(Task):
    """Verdicts on all texts and the mask at every position. Its times only choose between writings of a grammar."""

    def run(self) -> None:
        """Walk everything, keep each distinct mask."""
        compiled, _, _ = self.open(self.engine.compile, self.job.grammar)
        row = self.engine.row[0].view(np.uint32)
        eos = sorted(self.job.eos_ids)
        self.ids: dict[bytes, int] = {}
        self.masks: list[Any] = []
        self.times: list[list[int]] = []
        verdicts, visits = [], []
        texts = self.job.known + self.job.unseen
        for tokens, deadline in zip(texts, deadlines(len(texts), self.job.seconds), strict=True):
            session = self.engine.session(compiled)
            visit: list[int] = []
            self.times.append([])
            verdicts.append(self.verdict(session, tokens, row, eos, visit, deadline))
            visits.append(visit)
        self.values["verdicts"] = verdicts
        self.keep("times", self.times)
        self.arrays["visits"], self.arrays["visits_ends"] = pack(visits)
        self.arrays["masks"] = np.array(self.masks, dtype=np.uint32).reshape(-1, len(row))
        self.arrays["digests"] = np.frombuffer(b"".join(self.ids), dtype=np.uint8).reshape(-1, 16)

    def verdict(
        self, session: Session, tokens: list[int], row: Any, eos: list[int], visit: list[int], deadline: int
    ) -> str:
        """What the engine says of one text; collects the masks."""
        for at, token in enumerate(tokens):
            start = perf_counter_ns()
            session.fill()
            self.times[-1].append(perf_counter_ns() - start)
            allowed = bool(row[token // 32] >> np.uint32(token % 32) & np.uint32(1))
            visit.append(self.mask_id(row, eos))
            if not allowed:
                return f"token {at} is not in the mask" + (", yet accepted" if session.check(token) else "")
            if not session.accept(token):
                return f"token {at} is in the mask and refused"
            if perf_counter_ns() > deadline:
                return self.verdict_without_masks(session, tokens, at + 1)
        session.fill()
        ends = [bool(row[t // 32] >> np.uint32(t % 32) & np.uint32(1)) for t in eos]
        visit.append(self.mask_id(row, eos))
        if not any(ends):
            return "the end is not in the mask"
        if not session.is_complete():
            return "the end is in the mask, yet the text is not complete"
        return "accepted"

    def verdict_without_masks(self, session: Session, tokens: list[int], start: int) -> str:
        """The rest of a text when there is no time for masks."""
        for at in range(start, len(tokens)):
            if not session.accept(tokens[at]):
                return f"token {at} is refused"
        return "accepted, masks only in part" if session.is_complete() else "the text is not complete"

    def mask_id(self, row: Any, eos: list[int]) -> int:
        """The number of a mask. Engines set one end-of-sequence bit or all: here it is the first, for any."""
        mask = row.copy()
        ends = False
        for token in eos:
            bit = np.uint32(1 << token % 32)
            ends = ends or bool(mask[token // 32] & bit)
            mask[token // 32] &= ~bit
        if ends:
            mask[eos[0] // 32] |= np.uint32(1 << eos[0] % 32)
        digest = hashlib.blake2b(mask.tobytes(), digest_size=16).digest()
        known = self.ids.get(digest)
        if known is None:
            known = self.ids[digest] = len(self.ids)
            if known < MAX_MASKS:
                self.masks.append(mask)
        return known


class Complete(Task):
    """For tokens that only this engine allows somewhere: a whole text in which one occurs there, by its own word."""

    TRIES, STEPS = 30, 40

    def run(self) -> None:
        """An ending for each item: tokens, None where none was found, False where the token itself was refused."""
        compiled, _, _ = self.open(self.engine.compile, self.job.grammar)
        stop = time.perf_counter() + self.job.seconds
        endings: list[Any] = []
        for text, at, token in self.job.items:
            if time.perf_counter() > stop:
                break
            tokens = self.job.known[text]
            endings.append(self.ending(compiled, tokens[:at], token, tokens[at:]))
        self.values["endings"] = endings

    def ending(self, compiled: Any, before: list[int], token: int, after: list[int]) -> Any:
        """The rest of the real text if it fits, else what a few random attempts at closing everything give."""
        for attempt in range(self.TRIES):
            session = self.engine.session(compiled)
            for known in before:
                session.accept(known)
            if not session.check(token) or not session.accept(token):
                return False
            if attempt < 4:
                rest = after[attempt:]
                for i, following in enumerate(rest):
                    if not session.check(following) or not session.accept(following):
                        break
                    if i == len(rest) - 1 and session.is_complete():
                        return rest
                if not (not rest and session.is_complete()):
                    continue
                return []
            found = self.close(session)
            if found is not None:
                return found
        return None

    def close(self, session: Session) -> list[int] | None:
        """Tokens that end the text, taken at random, mostly from the first groups of closers."""
        chosen: list[int] = []
        while not session.is_complete():
            groups = list(self.job.closers)
            order: list[list[int]] = []
            while groups:
                group = groups.pop(0 if random.random() < 0.7 else random.randrange(len(groups)))
                order += random.sample(group, len(group))
            sequence = next((s for s in order if session.check(s[0])), None)
            if sequence is None or len(chosen) >= self.STEPS:
                return None
            for token in sequence:
                if not session.check(token) or not session.accept(token):
                    break
                chosen.append(token)
        return chosen


TASKS: dict[str, type[Any]] = {"walk": Walk, "compile": Compile, "load": Load, "verify": Verify, "complete": Complete}


def main(question: str, values: str, arrays: str) -> None:
    """Do the job."""
    job = Job(**json.loads(Path(question).read_text()))
    try:
        task = TASKS[job.task](job)
        task.run()
        task.values["peak_rss_mb"] = system.memory_mb("VmHWM")
        answer, found = task.values, task.arrays
    except UnsupportedError as error:
        answer, found = {"unsupported": str(error)}, {}
    Path(values).write_text(json.dumps(answer))
    np.savez(arrays, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
