"""One engine over many schemas: ``python -m bench.maskbench.worker JOB LOG``.

The job says where to begin. Each schema is announced in the log (JSON lines) before it's compiled and reported when
its walks are done, so that whoever watches the log knows which one killed the process or took too long. The process
has compiled another schema and asked it for a mask before the first time is taken; garbage collection is off.
"""

import gc
import json
import random
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any, TextIO

import numpy as np

from bench.engines import load_engine
from bench.harness import system
from bench.harness.engine import Engine, Session, UnsupportedError

WARM = '{"type": "object", "properties": {"up": {"type": "boolean"}}, "additionalProperties": false}'
"""Compiled before the clock runs; small, since it's compiled again in every process that follows a time out."""
REPEATS = 20
"""Of each walk under a bound."""


class OutOfTimeError(Exception):
    """The schema's time is up."""


class Worker:
    """An engine that goes over the cases of a job."""

    def __init__(self, job: dict[str, Any], log: TextIO) -> None:
        self.job, self.log = job, log
        system.pin(job["cpu"])
        random.seed(0)
        self.engine: Engine = load_engine(job["engine"])(Path(job["folder"]), job["width"], job["eos_ids"])
        self.row = self.engine.row[0].view(np.uint32)
        session = self.engine.session(self.engine.compile_schema(WARM))
        session.fill()
        session.accept(job["opening"])
        session.fill()
        gc.collect()
        gc.disable()
        system.give_back_freed_memory()

    def run(self) -> None:
        """Every case from the first that is asked for; then the bounds, numbered on."""
        self.say({"versions": self.engine.versions(), "rss_before_mb": system.memory_mb()})
        tasks = [(self.case, case) for case in self.job["cases"]] + [(self.bound, each) for each in self.job["bounds"]]
        for number, (task, arguments) in enumerate(tasks):
            if number >= self.job["first"]:
                self.say({"started": number})
                preempted = system.preemptions()
                result = task(*arguments)
                self.say({"done": number, **result, "preempted": system.preemptions() - preempted})
                if number < len(self.job["cases"]):
                    self.say({"peak_rss_mb": system.memory_mb("VmHWM")})
                gc.collect(0)
        self.say({"finished": True})

    def say(self, line: dict[str, Any]) -> None:
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()

    def case(self, schema: str, instances: list[list[Any]]) -> dict[str, Any]:
        """Compile, first mask, walks; what a second compile and the artefact take."""
        clock = perf_counter_ns
        deadline = clock() + int(self.job["seconds"] * 1e9)
        result: dict[str, Any] = {}
        try:
            a = clock()
            compiled = self.engine.compile_schema(schema)
            b = clock()
            session = self.engine.session(compiled)
            session.fill()
            c = clock()
        except UnsupportedError as error:
            return {"refused": str(error)}
        except Exception as error:
            return {"crashed": f"{type(error).__name__}: {error}"}
        result |= {"compile_ns": b - a, "first_mask_ns": c - a}
        if failure := session.failure():
            return result | {"refused": failure}
        walks = result["walks"] = []
        try:
            if c > deadline:
                raise OutOfTimeError
            for orders in instances:
                walks.append([None if tokens is None else self.walk(compiled, tokens, deadline) for tokens in orders])
        except OutOfTimeError:
            return result | {"timeout": self.job["seconds"]}
        if self.job["again"]:
            try:
                held = [compiled]
                del compiled, session
                result |= self.again(schema, held)
            except Exception as error:
                return {"crashed": f"a second time: {type(error).__name__}: {error}"}
        return result

    def again(self, schema: str, held: list[Any]) -> dict[str, Any]:
        """An equal schema once more; the artefact, where the engine has one. Text to first mask.

        ``held`` is all that holds the compiled schema; when the artefact is loaded, it's gone, so nothing is shared.
        """
        clock = perf_counter_ns
        a = clock()
        self.engine.session(self.engine.compile_schema(schema)).fill()
        b = clock()
        result: dict[str, Any] = {"second_compile_ns": b - a}
        if self.job["artefacts"]:
            path = Path(self.log.name).with_name("schema.artefact")
            self.engine.save(held[0], path)
            held.clear()
            a = clock()
            self.engine.session(self.engine.load(path)).fill()
            b = clock()
            result |= {"load_ns": b - a, "artefact_bytes": path.stat().st_size}
            path.unlink()
        return result

    def walk(self, compiled: Any, tokens: list[int], deadline: int) -> dict[str, Any]:
        """A mask at every position, the end included. The verdict is `accept`'s and, at the end, `is_complete`'s.

        ``disagrees`` is the first position at which the mask says something else. An engine that gives up is none
        that refuses: that's ``failed``.
        """
        session = self.engine.session(compiled)
        masks: list[int] = []
        accepts: list[int] = []
        walked: dict[str, Any] = {"accepted": False, "masks": masks, "accepts": accepts}
        try:
            self.steps(session, tokens, deadline, walked)
        except OutOfTimeError:
            raise
        except Exception as error:
            walked["failed"] = f"{type(error).__name__}: {error}"
        # A token that is refused may be an error of the session: it's no failure unless the mask had allowed the token.
        at = walked.get("refused_at")
        if "failed" not in walked and (failure := session.failure()) and (at is None or walked.get("disagrees") == at):
            walked["failed"] = failure
        return walked

    def steps(self, session: Session, tokens: list[int], deadline: int, walked: dict[str, Any]) -> None:
        fill, accept, clock, row = session.fill, session.accept, perf_counter_ns, self.row
        masks, accepts = walked["masks"], walked["accepts"]
        for at, token in enumerate(tokens):
            a = clock()
            fill()
            b = clock()
            masks.append(b - a)
            allowed = bool(row[token // 32] >> np.uint32(token % 32) & np.uint32(1))
            a = clock()
            ok = bool(accept(token))
            b = clock()
            accepts.append(b - a)
            if ok is not allowed:
                walked.setdefault("disagrees", at)
            if not ok:
                walked["refused_at"] = at
                return
            if b > deadline:
                raise OutOfTimeError
        a = clock()
        fill()
        masks.append(clock() - a)
        ends = any(row[t // 32] >> np.uint32(t % 32) & np.uint32(1) for t in self.job["eos_ids"])
        complete = bool(session.is_complete())
        if ends is not complete:
            walked.setdefault("disagrees", len(tokens))
        walked["accepted"] = complete

    def bound(self, schema: str, tokens: list[int]) -> dict[str, Any]:
        """The mean time of a mask over a document, walked again and again; the first walk fills the tables."""
        try:
            compiled = self.engine.compile_schema(schema)
            deadline = perf_counter_ns() + int(self.job["seconds"] * 1e9)
            walks = [self.walk(compiled, tokens, deadline) for _ in range(1 + REPEATS)]
        except UnsupportedError as error:
            return {"refused": str(error)}
        except OutOfTimeError:
            return {"timeout": self.job["seconds"]}
        except Exception as error:
            return {"crashed": f"{type(error).__name__}: {error}"}
        if not walks[0]["accepted"]:
            return {"refused": walks[0].get("failed", "the document")}
        means = [float(np.mean(walk["masks"])) / 1e3 for walk in walks]
        return {"first_us": means[0], "mean_us": float(np.median(means[1:]))}


def main(job: str, log: str) -> None:
    """Do the job."""
    with Path(log).open("a", encoding="utf-8") as lines:
        Worker(json.loads(Path(job).read_text(encoding="utf-8")), lines).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
