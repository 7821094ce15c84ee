"""JSON Schema: the MaskBench procedure on the conformance data's schemas, beside four peers.

For each engine, in processes of its own: compile each schema, first mask, then every instance token by token with a
mask at each position, as MaskBench writes it and with its properties shuffled. Writes a record (JSON), a report
(Markdown) with the project's targets beside each figure, and a plot. METHODOLOGY.md says what the numbers mean.
"""

import argparse
import json
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from bench.cfg import RECORDS, commit, names, tokenizer_folder
from bench.cfg import plot as draw
from bench.engines import ENGINES, ROOT, SCHEMA_ENGINES
from bench.harness import system
from bench.maskbench import bounds, watch
from bench.maskbench.cases import Case, read
from bench.maskbench.figures import Results, common, figures, together
from bench.maskbench.report import report
from bench.maskbench.verdicts import judge

SLOW = tuple(engine for engine in SCHEMA_ENGINES if engine not in ENGINES)
"""Those that get only the first SAMPLE schemas and SLOW_SECONDS for each."""
SAMPLE, SLOW_SECONDS = 100, 10.0
PARTS = 4
"""Into which the cases of a slow engine are divided, so that all CPUs have something to do."""


class Bench:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        import tokenizers

        import gcd

        self.options = options
        self.folder = tokenizer_folder(options.tokenizer)
        self.vocab = gcd.Vocabulary.from_pretrained(self.folder)
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.cases = read(options.data, options.seed)[: options.schemas]

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def say(self, message: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)

    def job(self, engine: str, cases: list[Case], cpu: int) -> dict[str, Any]:
        """What the engine's worker is to do."""
        slow = engine in SLOW
        return {
            "engine": engine,
            "folder": str(self.folder),
            "width": self.vocab.width,
            "eos_ids": list(self.vocab.eos_ids),
            "opening": self.tokens("{")[0],
            "cases": [
                (
                    case.schema,
                    [
                        (self.tokens(each.text), None if each.shuffled is None else self.tokens(each.shuffled))
                        for each in case.instances
                    ],
                )
                for case in cases
            ],
            "bounds": [] if slow else [(each.schema, self.tokens(each.text)) for each in bounds.cases()],
            "seconds": SLOW_SECONDS if slow else self.options.seconds,
            "again": not slow,
            "artefacts": engine == "gcd",
            "cpu": cpu,
        }

    def run(self, engine: str, part: list[Case], cpu: int) -> watch.Outcome:
        """One engine over some cases."""
        self.say(f"{engine}: {len(part)} schemas on CPU {cpu}")
        began = time.time()
        outcome = watch.run(self.job(engine, part, cpu))
        outcome.seconds = time.time() - began
        self.say(f"{engine}: done, {outcome.processes} processes" + (f": {outcome.error}" if outcome.error else ""))
        return outcome

    def run_slow(self, engines: list[str]) -> dict[str, watch.Outcome]:
        """The slow engines, all CPUs at once: each engine's cases in parts, each part with processes of its own."""
        cases = self.cases if self.options.full else self.cases[:SAMPLE]
        n_cpus = os.cpu_count() or 1
        size = -(-len(cases) // PARTS) or 1
        parts = [(engine, cases[i : i + size]) for i in range(0, len(cases), size) for engine in engines]
        free: SimpleQueue[int] = SimpleQueue()
        for cpu in range(n_cpus):
            free.put(cpu)

        def one(engine: str, part: list[Case]) -> watch.Outcome:
            cpu = free.get()
            try:
                return self.run(engine, part, cpu)
            finally:
                free.put(cpu)

        with ThreadPoolExecutor(n_cpus) as pool:
            done = list(pool.map(one, *zip(*parts, strict=True))) if parts else []
        return {
            engine: watch.joined([d for (e, _), d in zip(parts, done, strict=True) if e == engine])
            for engine in engines
        }

    def record(self) -> dict[str, Any]:
        """Run everything: the fast engines one after another on one CPU, then the slow ones on all of them."""
        started = time.time()
        options = self.options
        machine = {
            "cpu": system.cpu_model(),
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "load_average_before": system.load_average(),
        }
        slow = [engine for engine in options.engines if engine in SLOW]
        outcomes = {
            engine: self.run(engine, self.cases, options.cpu) for engine in options.engines if engine not in slow
        }
        outcomes |= self.run_slow(slow)
        record: dict[str, Any] = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine | {"load_average_after": system.load_average()},
            "commit": commit(),
            "seed": options.seed,
            "seconds_for_a_schema": options.seconds,
            "tokenizer": {"name": options.tokenizer, "width": self.vocab.width, "eos_ids": list(self.vocab.eos_ids)},
            "schemas": len(self.cases),
            "with_instances": sum(bool(case.instances) for case in self.cases),
            "engines": {},
        }
        for engine in options.engines:
            record["engines"][engine] = self.entry(engine, outcomes[engine])
        record["common"] = self.comparison({e: outcomes[e] for e in outcomes if e not in SLOW}, len(self.cases))
        for engine in slow:
            theirs = {e: outcomes[e] for e in outcomes if e not in SLOW or e == engine}
            record["engines"][engine]["common"] = self.comparison(theirs, len(outcomes[engine].results))
        record["seconds"] = time.time() - started
        return record

    def entry(self, engine: str, outcome: watch.Outcome) -> dict[str, Any]:
        """One engine's verdicts, and its times on whatever it finished."""
        entry: dict[str, Any] = {"seconds": outcome.seconds, "processes": outcome.processes, **outcome.values}
        if outcome.error:
            return entry | {"error": outcome.error}
        found = judge(self.cases[: len(outcome.results)], outcome.results)
        entry["verdicts"] = asdict(found) | {"causes": dict(found.causes.most_common())}
        entry["figures"] = self.named(figures(outcome.results, common({engine: outcome.results})))
        entry["preempted"] = sum(result.get("preempted", 0) for result in outcome.results)
        entry["bounds"] = [
            {"kind": each.kind, "bound": each.bound, **found}
            for each, found in zip(bounds.cases(), outcome.bounds, strict=False)
        ]
        return entry

    def comparison(self, outcomes: dict[str, watch.Outcome], n: int) -> dict[str, Any]:
        """Each engine's times on the schemas that all of these finished, and gcd's beside each peer's."""
        results: dict[str, Results] = {e: o.results[:n] for e, o in outcomes.items() if not o.error}
        chosen = common(results)
        found: dict[str, Any] = {"schemas": len(chosen)}
        found["engines"] = {engine: self.named(figures(each, chosen)) for engine, each in results.items()}
        if "gcd" in results:
            peers = [engine for engine in results if engine != "gcd"]
            found["against"] = {peer: together(results["gcd"], results[peer], chosen) for peer in peers}
        return found

    def named(self, found: dict[str, Any]) -> dict[str, Any]:
        """Figures with the files' names for their numbers."""
        for name in ("slowest_masks", "slowest_first_masks"):
            found[name] = [(ms, self.cases[i].file) for ms, i in found[name]]
        return found


def parse(argv: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser("python -m bench json", description=(__doc__ or "").partition("\n")[0])
    data = Path(os.environ.get("GCD_CONFORMANCE_DATA") or ROOT / ".." / "shared" / "data") / "maskbench"
    parser.add_argument("--data", type=Path, default=data, help="a folder in MaskBench's format (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help="all schemas for the slow engines too (hours)")
    parser.add_argument("--quick", action="store_true", help="the first 60 schemas, fast engines only")
    parser.add_argument("--schemas", type=int, help="only the first so many")
    parser.add_argument("--engines", type=names(SCHEMA_ENGINES), help="comma-separated")
    parser.add_argument("--tokenizer", default="llama3", help="a folder, or a name of tools/get_tokenizers.py")
    parser.add_argument("--seconds", type=float, default=30.0, help=f"for a schema (slow engines: {SLOW_SECONDS:.0f})")
    parser.add_argument("--seed", type=int, default=0, help="of the order of shuffled properties")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the CPU that is measured on")
    parser.add_argument("--latest", action="store_true", help="keep report and plot as latest-json.*, to be committed")
    parser.add_argument("--out", type=Path, default=RECORDS, help="folder for record, report and plot")
    options = parser.parse_args(argv)
    options.engines = options.engines or list(ENGINES if options.quick else SCHEMA_ENGINES)
    if options.schemas is None and options.quick:
        options.schemas = 60
    return options


def plain(value: Any) -> Any:
    """For JSON: numpy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in the record")


def main(argv: list[str]) -> int:
    """Measure, write, print the report."""
    options = parse(argv)
    record = Bench(options).record()
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{record['when'][:19].replace(':', '')}-json{'-quick' if options.quick else ''}"
    files = {kind: options.out / f"{stem}.{kind}" for kind in ("json", "md", "png")}
    files["json"].write_text(json.dumps(record, indent=1, default=plain) + "\n")
    text = report(record)
    files["md"].write_text(text)
    print(text)
    problem = draw(files["json"], files["png"], "bench.maskbench.plot")
    if options.latest:
        for kind in ("md", "png"):
            if files[kind].exists():
                (options.out / f"latest-json.{kind}").write_bytes(files[kind].read_bytes())
    print("\n".join(str(path) for path in files.values() if path.exists()) + (f"\n{problem}" if problem else ""))
    return 0
