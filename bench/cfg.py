"""Context-free grammars: masks, accepts and checks over real texts, beside llguidance and XGrammar.

For each grammar (json, arithmetic, sql, python) and each engine, in processes of their own, one after another:
verdicts on all texts first, then times. Writes a record (JSON), a report (Markdown) with the project's targets beside
each figure, and a plot. METHODOLOGY.md says what the numbers mean.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.engines import ENGINES, PEERS, ROOT, interpreter, writings
from bench.harness import stats, system
from bench.harness.compare import Comparison, classify, compare, judge
from bench.harness.job import Answer, Job, run, unpack
from bench.harness.report import report
from bench.harness.texts import SELECTIONS, MissingTextsError, lark_accepts, texts

RECORDS = ROOT / "bench" / "record"

CLOSERS = (
    ['"', "'", ")", "]", "}", "*/", ":", ";"],
    ["a", " a", "1", " 1", " END", " THEN 1", " NULL", "null", "e", "l"],
    [" ", ",", "=", "*", "\n", ".", "("],
    [
        " AS (SELECT 1)",
        " SELECT 1",
        " VALUES (1)",
        " (1)",
        " FROM a",
        " SET a = 1",
        " INTO a",
        " BY 1",
        " AND 1",
        " IN (1)",
    ],
    [" AS", " FROM", " BY", " SELECT", " SET", " AND", " INTO", " VALUES", " JOIN", " ON", " WHEN", " IN", " ROW"],
    list("bcdfghijkmnopqrstuvwxyz0"),
)
"""What tends to end a text, likeliest first; `worker.Complete` picks from these and from bytes inside characters."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do."""

    known: int
    unseen: int
    seconds: float
    """For each phase of a process; only slow engines reach it."""
    repeats: int
    compiles: int
    """Extra processes for compile + first mask."""
    sample: int
    """Differing tokens to judge for each pair of engines and grammar."""


DEFAULT = Plan(known=20, unseen=60, seconds=30.0, repeats=5, compiles=4, sample=240)
QUICK = Plan(known=6, unseen=6, seconds=2.5, repeats=2, compiles=0, sample=24)


class Bench:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, plan: Plan) -> None:
        import tokenizers

        import gcd

        self.plan, self.options = plan, options
        self.folder = tokenizer_folder(options.tokenizer)
        self.vocab = gcd.Vocabulary.from_pretrained(self.folder)
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.scratch = Path(tempfile.mkdtemp(prefix="gcd-bench-"))

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def say(self, message: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)

    def record(self) -> dict[str, Any]:
        """Run everything."""
        started = time.time()
        record: dict[str, Any] = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "cpu": system.cpu_model(),
                "cpus": os.cpu_count(),
                "system": f"{platform.system()} {platform.release()}",
                "python": platform.python_version(),
                "load_average_before": system.load_average(),
            },
            "plan": asdict(self.plan),
            "seed": self.options.seed,
            "commit": commit(),
            "tokenizer": {"name": self.options.tokenizer, "width": self.vocab.width, "eos_ids": self.vocab.eos_ids},
            "versions": {},
            "grammars": {},
        }
        for grammar in self.options.grammars:
            try:
                record["grammars"][grammar] = self.grammar(grammar, record["versions"])
            except MissingTextsError as error:
                record["grammars"][grammar] = {"missing": str(error)}
        record["machine"]["load_average_after"] = system.load_average()
        record["seconds"] = time.time() - started
        return record

    def grammar(self, grammar: str, versions: dict[str, Any]) -> dict[str, Any]:
        """One grammar, all engines."""
        plan = self.plan
        found = texts(grammar, plan.known + plan.unseen, self.options.seed)
        known, unseen = found[: plan.known], found[plan.known :]
        jobs = Job(
            task="verify",
            engine="gcd",
            grammar="",
            other="",
            folder=str(self.folder),
            width=self.vocab.width,
            eos_ids=list(self.vocab.eos_ids),
            known=[self.tokens(text) for text in known],
            unseen=[self.tokens(text) for text in unseen],
            seconds=plan.seconds,
            repeats=plan.repeats,
            seed=self.options.seed,
            cpu=self.options.cpu,
        )
        result: dict[str, Any] = {
            "known": {"texts": len(known), "tokens": sum(map(len, jobs.known))},
            "unseen": {"texts": len(unseen), "tokens": sum(map(len, jobs.unseen))},
            "engines": {},
            "comparisons": {},
        }
        verified: dict[str, dict[str, Answer]] = {}
        times: dict[str, Answer] = {}
        for engine in self.options.engines:
            entry, answers = self.verify(engine, grammar, jobs)
            result["engines"][engine] = entry
            verified[engine] = answers
            if "writing" in entry:
                other = writings(engine, "arithmetic" if grammar == "json" else "json")[0]
                own = replace(jobs, engine=engine, grammar=str(ROOT / entry["writing"]), other=str(other))
                times[engine] = self.measure(grammar, own, entry)
                versions[engine] = times[engine].values.get("versions") or versions.get(engine)
        ours = verified.get("gcd", {})
        for peer in PEERS:
            for writing, answer in verified.get(peer, {}).items():
                if ours and not self.options.no_compare:
                    self.say(f"{grammar}: gcd's masks against {writing}")
                    comparison = self.compare(grammar, jobs, next(iter(ours.values())), answer, peer, writing)
                    result["comparisons"][writing] = as_record(comparison)
        self.ratios(result, times)
        return result

    def verify(self, engine: str, grammar: str, jobs: Job) -> tuple[dict[str, Any], dict[str, Answer]]:
        """Verdicts for each writing of the grammar, and which writing is the best that takes the known texts."""
        entry: dict[str, Any] = {"writings": {}}
        answers: dict[str, Answer] = {}
        if interpreter(engine) is None:
            return {"writings": {}, "unsupported": f"no environment for {engine}: run `make bench` once"}, {}
        choices = writings(engine, grammar)
        for path in choices[:1] if self.options.quick else choices:
            name = str(path.relative_to(ROOT))
            self.say(f"{grammar}: {engine} verifies {name}")
            other = writings(engine, "arithmetic" if grammar == "json" else "json")[0]
            job = replace(jobs, engine=engine, grammar=str(path), other=str(other))
            answer = run(job, jobs.seconds * 3 + 240)
            problem = answer.error or answer.values.get("unsupported")
            if problem:
                entry["writings"][name] = {"unsupported": problem}
                continue
            answers[name] = answer
            verdicts = answer.values["verdicts"]
            entry["writings"][name] = {
                "verdicts": tally(verdicts),
                "not_accepted": [(i, v) for i, v in enumerate(verdicts) if not v.startswith("accepted")][:10],
                "takes_known": all(v.startswith("accepted") for v in verdicts[: len(jobs.known)]),
            }
        if not answers:
            entry["unsupported"] = next(iter(entry["writings"].values()))["unsupported"]
            return entry, answers
        means = probe_means(answers)
        for name, mean in means.items():
            entry["writings"][name]["probe_mean_us"] = mean
        taking = [name for name in answers if entry["writings"][name]["takes_known"]]
        if taking:
            entry["writing"] = min(taking, key=means.__getitem__)
        else:
            entry["unsupported"] = "refuses known texts: " + str(entry["writings"][next(iter(answers))]["not_accepted"])
        return entry, answers

    def measure(self, grammar: str, own: Job, entry: dict[str, Any]) -> Answer:
        """The timed processes of one engine and grammar; fills in the entry."""
        self.say(f"{grammar}: {own.engine} walks")
        artefact = self.scratch / f"{own.engine}-{grammar}.artefact"
        answer = run(replace(own, task="walk", artefact=str(artefact)), own.seconds * 6 + 240)
        if answer.error or "unsupported" in answer.values:
            entry["failed"] = answer.error or answer.values["unsupported"]
            return Answer({}, {})
        fill_in(entry, answer, own.repeats)
        opened = [answer.values["open_and_first_mask_ms"]]
        for _ in range(self.plan.compiles):
            again = run(replace(own, task="compile"), own.seconds * 2 + 240)
            if again.error is None and "open_and_first_mask_ms" in again.values:
                opened.append(again.values["open_and_first_mask_ms"])
                for part in ("right", "other", "accept"):
                    entry["phases"][f"cold check: {part}"] = summary(again.arrays[f"cold_check_{part}"])
        entry["compile_and_first_mask_ms"] = sorted(opened)
        if own.engine == "gcd":
            entry.update(self.command_line(grammar, own, artefact))
        if artefact.exists():
            entry["artefact_bytes"] = artefact.stat().st_size
            self.say(f"{grammar}: {own.engine} loads its artefact")
            opened = []
            for i in range(1 + self.plan.compiles):
                task = replace(own, task="load", artefact=str(artefact), unseen=own.unseen if i == 0 else [])
                loaded = run(task, own.seconds * 2 + 240)
                if loaded.error or "unsupported" in loaded.values:
                    entry["load_failed"] = loaded.error or loaded.values["unsupported"]
                    break
                opened.append(loaded.values["open_and_first_mask_ms"])
                if i == 0:
                    answer.arrays.update(loaded.arrays)
                    answer.values.update({k: v for k, v in loaded.values.items() if k.startswith("loaded")})
                    entry["phases"]["unseen, from the artefact"] = summary(loaded.arrays["loaded_masks"])
                    entry["tails"]["unseen, from the artefact"] = stats.tail(loaded.arrays["loaded_masks"])
                    entry["memo"]["unseen, from the artefact"] = memo_share(
                        loaded.values["loaded_counters"], len(loaded.arrays["loaded_masks"])
                    )
                    entry["load_rss_mb"] = loaded.values["rss_after_load_mb"] - loaded.values["rss_before_mb"]
            if opened:
                entry["load_and_first_mask_ms"] = sorted(opened)
        return answer

    def command_line(self, grammar: str, own: Job, artefact: Path) -> dict[str, Any]:
        """`gcd compile`, from process start; its artefact replaces the one that the walk left."""
        if importlib.util.find_spec("gcd.__main__") is None:
            return {}
        self.say(f"{grammar}: gcd compile")
        made = self.scratch / f"{grammar}.gcd"
        command = [sys.executable, "-m", "gcd", "compile", own.grammar, "--tokenizer", own.folder, "-o", str(made)]
        seconds = []
        for _ in range(1 + min(2, self.plan.compiles)):
            start = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            seconds.append(time.perf_counter() - start)
            if done.returncode:
                return {"gcd_compile_failed": " ".join(done.stderr.split()) or "?"}
        made.replace(artefact)
        return {"gcd_compile_s": sorted(seconds)}

    def compare(self, grammar: str, jobs: Job, ours: Answer, theirs: Answer, peer: str, writing: str) -> Comparison:
        """Compare the masks, and let Lark judge a sample of what differs."""
        result = compare(ours, theirs, self.plan.sample, self.options.seed)
        both = jobs.known + jobs.unseen
        eos = set(jobs.eos_ids)
        whole = [d for d in result.sample if d.token in eos]
        endings: dict[int, Any] = {id(d): b"" for d in whole}
        closers = [[self.tokens(text) for text in group] for group in CLOSERS]
        tokens = enumerate(self.vocab.tokens)
        closers.append([[i] for i, token in tokens if token and len(token) == 1 and 0x80 <= token[0] < 0xC0])
        for engine, is_ours in (("gcd", True), (peer, False)):
            mine = [d for d in result.sample if d.ours is is_ours and d.token not in eos]
            if not mine:
                continue
            own = replace(
                jobs,
                task="complete",
                engine=engine,
                grammar=str(writings("gcd", grammar)[0] if is_ours else ROOT / writing),
                other=str(writings(engine, "arithmetic" if grammar == "json" else "json")[0]),
                known=both,
                unseen=[],
                items=[(d.text, d.at, d.token) for d in mine],
                closers=closers,
            )
            answer = run(own, jobs.seconds + 240)
            found = answer.values.get("endings", []) if answer.error is None else []
            for d, ending in zip(mine, found, strict=False):
                endings[id(d)] = ending if ending is None or ending is False else self.text_bytes(ending)
        rows = []
        for d in result.sample:
            if id(d) in endings:
                token = b"" if d.token in eos else self.text_bytes([d.token])
                rows.append((d, self.text_bytes(both[d.text][: d.at]), token, endings[id(d)]))
        classify(result, judge(rows, lambda text: lark_accepts(grammar, text)), grammar)
        return result

    def text_bytes(self, tokens: Iterable[int]) -> bytes:
        return b"".join(self.vocab.token_bytes(t) or b"" for t in tokens)

    def ratios(self, result: dict[str, Any], times: dict[str, Answer]) -> None:
        """How many times faster gcd's mean is than each peer's, on the positions that both walked."""
        ours = times.get("gcd")
        if ours is None or not ours.arrays:
            return
        for peer in PEERS:
            theirs = times.get(peer)
            if theirs is None or not theirs.arrays:
                continue
            found = {}
            repeats = [f"warm{i}" for i in range(self.plan.repeats)]
            for phase, mine, others in (
                ("cold", ["cold"], ["cold"]),
                ("warm", repeats, repeats),
                ("unseen", ["unseen"], ["unseen"]),
                ("unseen, from the artefact", ["loaded"], ["unseen"]),
            ):
                means = [
                    stats.common_means(phase_texts(ours, a), phase_texts(theirs, b))
                    for a, b in zip(mine, others, strict=True)
                ]
                a, b, n = np.median(np.array(means), axis=0)
                if n:
                    found[phase] = {"gcd_mean_us": a, "mean_us": b, "ratio": b / a, "positions": int(n)}
            result["engines"][peer]["against_gcd"] = found


def phase_texts(answer: Answer, phase: str) -> list[Any]:
    name = f"{phase}_masks"
    return unpack(answer.arrays[name], answer.arrays[name + "_ends"]) if name in answer.arrays else []


def probe_means(answers: dict[str, Answer]) -> dict[str, float]:
    """The mean mask time of each writing over the positions that all of them walked."""
    times = {name: unpack(a.arrays["times"], a.arrays["times_ends"]) for name, a in answers.items()}
    lengths = [min(map(len, same)) for same in zip(*times.values(), strict=True)]
    return {
        name: float(np.concatenate([t[:n] for t, n in zip(each, lengths, strict=True)]).mean() / 1e3)
        for name, each in times.items()
    }


def tally(verdicts: list[str]) -> dict[str, int]:
    """How many texts met each verdict, positions left out."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        kind = " ".join(word for word in verdict.split() if not word.isdigit())
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def summary(times: Any) -> dict[str, float] | None:
    found = stats.summarize(times)
    return asdict(found) if found else None


def repeated(arrays: dict[str, Any], names: list[str]) -> dict[str, float] | None:
    found = stats.summarize_repeats([arrays[name] for name in names])
    return asdict(found) if found else None


def memo_share(counters: dict[str, int], masks: int) -> float | None:
    """The share of masks that an earlier one answered, from the engine's counters; None if it has none."""
    for name in ("mask_misses", "misses", "readings"):
        if name in counters and masks:
            return 1 - min(1.0, counters[name] / masks)
    return None


def fill_in(entry: dict[str, Any], answer: Answer, repeats: int) -> None:
    """The figures of a `walk` job."""
    values, arrays = answer.values, answer.arrays
    again = range(repeats)
    entry["phases"] = {
        "cold": summary(arrays["cold_masks"]),
        "warm": repeated(arrays, [f"warm{i}_masks" for i in again]),
        "unseen": summary(arrays["unseen_masks"]),
        "accept, cold": summary(arrays["cold_accepts"]),
        "accept, warm": repeated(arrays, [f"warm{i}_accepts" for i in again]),
        "accept, unseen": summary(arrays["unseen_accepts"]),
        "accept, no masks": repeated(arrays, [f"check{i}_accept" for i in again]),
        "check, right token": repeated(arrays, [f"check{i}_right" for i in again]),
        "check, another": repeated(arrays, [f"check{i}_other" for i in again]),
    }
    last = f"warm{repeats - 1}_masks"
    entry["tails"] = {
        "cold": stats.tail(arrays["cold_masks"]),
        "warm": stats.tail(arrays[last]),
        "unseen": stats.tail(arrays["unseen_masks"]),
    }
    entry["memo"] = {
        phase: memo_share(values[f"{phase}_counters"], len(arrays[f"{phase}_masks"])) for phase in ("cold", "unseen")
    }
    entry["preempted"] = {
        name.removesuffix("_preempted"): n for name, n in values.items() if name.endswith("_preempted")
    }
    entry["counters"] = values["counters"]
    entry["clock"] = values["clock"]
    entry["load_average"] = values["load_average"]
    entry["memory_mb"] = {
        "process, vocabulary held": values["rss_before_mb"],
        "grammar, known texts walked": values["rss_after_known_mb"] - values["rss_before_mb"],
        "grammar, all texts walked": values["rss_after_unseen_mb"] - values["rss_before_mb"],
        "peak": values["peak_rss_mb"],
    }
    if "artefact_bytes" in values:
        entry["artefact_bytes"] = values["artefact_bytes"]


def as_record(comparison: Comparison) -> dict[str, Any]:
    """For JSON."""
    plain = asdict(replace(comparison, classes=Counter(), examples={}))
    plain["classes"] = [
        {"kind": kind, "allowed_by": "gcd" if ours else "the peer", "verdict": verdict, "n": n}
        | {"examples": comparison.examples[kind, ours, verdict]}
        for (kind, ours, verdict), n in comparison.classes.most_common()
    ]
    del plain["examples"]
    plain["sample"] = len(comparison.sample)
    plain["unexplained"] = plain["unexplained"][:20]
    return plain


def tokenizer_folder(name: str) -> Path:
    """A folder with a tokenizer.json: a path, or a name that tools/get_tokenizers.py knows."""
    if Path(name).is_dir():
        return Path(name).resolve()
    cache = Path(os.environ.get("GCD_CACHE") or Path.home() / ".cache" / "gcd") / "tokenizers" / name
    if not (cache / "tokenizer.json").exists():
        subprocess.run([sys.executable, str(ROOT / "tools" / "get_tokenizers.py"), name], check=True, stdout=sys.stderr)
    return cache


def commit() -> str | None:
    """What is checked out, with a mark if it was changed since."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def plot(record: Path, picture: Path, module: str = "bench.harness.plot") -> str | None:
    """Draw in the peers' environment, where matplotlib is; why not, if it can't be."""
    python = interpreter(PEERS[0])
    if python is None:
        return "no plot: no peers' environment (`make bench` builds it)"
    command = [str(python), "-m", module, str(record), str(picture)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "no plot: " + (done.stderr.strip().splitlines() or ["?"])[-1]


def parse(argv: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser("python -m bench cfg", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small run, two minutes at most")
    parser.add_argument("--grammars", type=names(tuple(SELECTIONS)), default=list(SELECTIONS), help="comma-separated")
    parser.add_argument("--engines", type=names(ENGINES), default=list(ENGINES), help="comma-separated")
    parser.add_argument("--tokenizer", default="llama3", help="a folder, or a name of tools/get_tokenizers.py")
    parser.add_argument("--known", type=int, help="texts walked cold and again")
    parser.add_argument("--unseen", type=int, help="texts walked once")
    parser.add_argument("--seconds", type=float, help="for each phase of a slow engine")
    parser.add_argument("--repeats", type=int, help="of the warm phases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the CPU that is measured on")
    parser.add_argument("--no-compare", action="store_true", help="don't compare masks")
    parser.add_argument("--latest", action="store_true", help="keep report and plot as latest-cfg.*, to be committed")
    parser.add_argument("--out", type=Path, default=RECORDS, help="folder for record, report and plot")
    return parser.parse_args(argv)


def names(known: tuple[str, ...]) -> Any:
    """A comma-separated list of known names."""

    def read(text: str) -> list[str]:
        chosen = text.split(",")
        if not set(chosen) <= set(known):
            raise argparse.ArgumentTypeError(f"choose from {', '.join(known)}")
        return chosen

    return read


def main(argv: list[str]) -> int:
    """Measure, write, print the report."""
    options = parse(argv)
    plan = QUICK if options.quick else DEFAULT
    given = {name: value for name in ("known", "unseen", "seconds", "repeats") if (value := vars(options)[name])}
    bench = Bench(options, replace(plan, **given))
    try:
        record = bench.record()
    finally:
        shutil.rmtree(bench.scratch)
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{record['when'][:19].replace(':', '')}-cfg{'-quick' if options.quick else ''}"
    files = {kind: options.out / f"{stem}.{kind}" for kind in ("json", "md", "png")}
    files["json"].write_text(json.dumps(record, indent=1) + "\n")
    text = report(record)
    files["md"].write_text(text)
    print(text)
    problem = plot(files["json"], files["png"])
    if options.latest:
        for kind in ("md", "png"):
            if files[kind].exists():
                shutil.copyfile(files[kind], options.out / f"latest-cfg.{kind}")
    print("\n".join(str(path) for path in files.values() if path.exists()) + (f"\n{problem}" if problem else ""))
    return 0
