"""Samplers: distance to known laws, the AWRS step and SMC beside genlm-control, grammar-aligned decoding.

Parts, each kept in the record as soon as it is done, so that a run that was cut off goes on where it was:

* ``toy``: every method's distance from an enumerated target, by number of samples (bench/samplers/toy.py);
* ``step``: one AWRS step at 128k tokens (bench/samplers/awrs_step.py);
* ``local``: how many masks drawing first saves on JSON with the real model (bench/samplers/local_masks.py);
* ``smc``: ten particles of the real model, 40 tokens (bench/samplers/smc_run.py);
* ``aligned``: the ASAp paper's shape on the real model (bench/grammar_aligned.py).

genlm-control runs in an environment of its own (`make bench-genlm`; BENCH_GENLM_PYTHON), in processes of its own, right
after ours; without it, its columns say so. METHODOLOGY.md says what the numbers mean.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.engines import ROOT
from bench.harness import system
from bench.harness.report import number, table

RECORDS = ROOT / "bench" / "record"
PARTS = ("toy", "step", "local", "smc", "aligned")


def genlm_python() -> Path | None:
    """The Python that genlm-control is installed in."""
    path = Path(os.environ.get("BENCH_GENLM_PYTHON") or ROOT / ".venv-bench-genlm" / "bin" / "python")
    return path if path.exists() else None


def worker(python: Path, module: str, *args: str, limit: float, threads: int = 1) -> Any:
    """What a process of its own prints last, as JSON; or why there is nothing."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    command = [str(python), "-m", module, *args]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"no answer within {limit:.0f} s"}
    if done.returncode:
        return {"missing": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def both(module: str, ours: tuple[str, ...], args: tuple[str, ...], limit: float, threads: int = 1) -> dict[str, Any]:
    """Our answers and genlm-control's, one after the other."""
    found = {name: worker(Path(sys.executable), module, name, *args, limit=limit, threads=threads) for name in ours}
    python = genlm_python()
    if python is None:
        found["genlm"] = {"missing": "no environment with genlm-control: run `make bench-genlm` once"}
    else:
        found["genlm"] = worker(python, module, "genlm", *args, limit=limit, threads=threads)
    return found


def toy(options: argparse.Namespace) -> Any:
    """Part ``toy``."""
    from bench.samplers.toy import runs

    return list(runs(50 if options.full else 15, 60 if options.full else 4))


def step(options: argparse.Namespace) -> Any:
    """Part ``step``."""
    return both("bench.samplers.awrs_step", ("gcd",), (str(10 if options.full else 3),), limit=600)


def test_model() -> str:
    """The folder of the real test model."""
    command = [sys.executable, str(ROOT / "tools" / "get_test_model.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def local(options: argparse.Namespace) -> Any:
    """Part ``local``."""
    n = "24" if options.full else "6"
    return worker(Path(sys.executable), "bench.samplers.local_masks", "gcd", test_model(), n, limit=1200)


def smc(options: argparse.Namespace) -> Any:
    """Part ``smc``."""
    folder, seeds = test_model(), "3" if options.full else "1"
    return both("bench.samplers.smc_run", ("gcd", "gcd-predicate"), (folder, seeds), limit=1200, threads=1)


def aligned(options: argparse.Namespace) -> Any:
    """Part ``aligned``; it goes on where it was by itself."""
    from bench import grammar_aligned

    samples, minutes = ("96", "600") if options.full else ("32", "20")
    names = grammar_aligned.TASKS if options.full else grammar_aligned.QUICK
    arguments = ["--samples", samples, "--minutes", minutes, "--out", str(options.out / "grammar_aligned")]
    return {"report": grammar_aligned.summary([*arguments, "--tasks", *names])}


RUN: dict[str, Callable[[argparse.Namespace], Any]] = {
    "toy": toy,
    "step": step,
    "local": local,
    "smc": smc,
    "aligned": aligned,
}


def mean(rows: list[dict[str, Any]], name: str) -> float:
    """Over the seeds."""
    return sum(row[name] for row in rows) / len(rows)


def targets(record: dict[str, Any]) -> list[tuple[str, float | None, str, float, bool]]:
    """(what, figure, unit, target, at least) of what issue-level targets ask."""
    parts = record["parts"]
    rows: list[tuple[str, float | None, str, float, bool]] = []
    ours, theirs = (parts.get("step", {}).get(name) for name in ("gcd", "genlm"))
    if isinstance(ours, list):
        for i, mine in enumerate(ours):
            ratio = theirs[i]["outside_us"] / mine["outside_us"] if isinstance(theirs, list) else None
            rare = mine["valid"].startswith("one token, rank 64")
            rows.append(
                (
                    f"AWRS step outside the check, {mine['law']}, {mine['valid']}: genlm-control / gcd",
                    ratio,
                    "×",
                    10 if rare else 20,
                    True,
                )
            )
    first = parts.get("local", {}).get("draw first")
    if first:
        rows.append(("local, JSON: steps for each mask", first["steps"] / max(1, first["masks"]), "×", 3, True))
    ours, theirs = (parts.get("smc", {}).get(name) for name in ("gcd-predicate", "genlm"))
    if isinstance(ours, list):
        ratio = mean(theirs, "seconds") / mean(ours, "seconds") if isinstance(theirs, list) else None
        rows.append(("SMC end to end, same condition in Python: genlm-control / gcd", ratio, "×", 3, True))
    ours = parts.get("smc", {}).get("gcd")
    if isinstance(ours, list):
        ratio = mean(theirs, "seconds") / mean(ours, "seconds") if isinstance(theirs, list) else None
        rows.append(("SMC end to end, condition as a grammar: genlm-control / gcd", ratio, "×", 3, True))
        outside = 1 - mean(ours, "model_seconds") / mean(ours, "seconds")
        rows.append(("SMC, grammar: share of the time outside the forwards", 100 * outside, "%", 15, False))
        rows.append(("SMC: prefills of the prompt", mean(ours, "prefills"), "", 1, False))
    return rows


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    machine = record["machine"]
    lines = ["# Samplers", "", f"{record['when']}, commit {record['commit']}, {record['seconds'] / 60:.1f} minutes."]
    lines.append(f"{machine['cpu']} ({machine['cpus']} CPUs); load {machine['load_average_before']:.1f} before.")
    if machine["load_average_before"] > 0.7:
        lines.append("**The machine was busy: times are inflated, the longer ones more.**")
    lines += ["", "## Targets", ""]
    body = []
    for what, figure, unit, target, at_least in targets(record):
        met = (
            "not measured"
            if figure is None
            else "pass"
            if (figure >= target) == at_least or figure == target
            else "**MISS**"
        )
        body.append([what, f"{number(figure)} {unit}".strip(), f"{'≥' if at_least else '≤'} {number(target)}", met])
    lines += table(["figure", "measured", "target", ""], body)
    parts = record["parts"]
    if "toy" in parts:
        lines += ["## Distance from the target on toy laws", "", "Total variation (KL, nats), means; n samples."]
        lines += ["The floor is that of n independent draws from the target.", ""]
        for world in dict.fromkeys(r["world"] for r in parts["toy"]):
            rows = [r for r in parts["toy"] if r["world"] == world]
            sizes = sorted({r["n"] for r in rows})
            body = []
            for method in dict.fromkeys(r["method"] for r in rows):
                mine = {r["n"]: r for r in rows if r["method"] == method}
                last = mine[sizes[-1]]
                interval = f"{last['tv'][1]:.3f} to {last['tv'][2]:.3f}"
                cells = [f"{mine[n]['tv'][0]:.3f} ({mine[n]['kl'][0]:.3f})" for n in sizes]
                body.append([method, *cells, interval, str(last["repeats"]), f"{last['seconds']:.3f}"])
            head = [world, *(f"n = {n:,}" for n in sizes), f"TV at {sizes[-1]:,}, 95 %", "repeats", "s a run"]
            lines += table(head, body)
    if "step" in parts:
        lines += ["## AWRS step, 128,256 tokens, µs outside the check", ""]
        body = []
        for name, rows in parts["step"].items():
            if isinstance(rows, dict):
                lines += [f"{name}: not measured: {rows['missing']}", ""]
                continue
            for r in rows:
                figures = [number(r[k]) for k in ("outside_us", "outside_p90_us", "checks")]
                body.append([name, r["law"], r["valid"], f"{r['z']:.2g}", *figures, f"{r['zero_weights']:.0%}"])
        head = ["engine", "law", "valid", "Z", "median", "p90", "checks", "weight 0"]
        lines += table(head, body, 3)
    if "local" in parts:
        lines += ["## Local decoding of JSON, SmolLM2-135M", ""]
        if "missing" in parts["local"]:
            lines += [f"not measured: {parts['local']['missing']}", ""]
        else:
            body = [
                [name, *(number(r[k]) for k in ("steps", "masks", "outside_us_a_step")), f"{r['removed_mass']:.1%}"]
                for name, r in parts["local"].items()
            ]
            lines += table(["", "steps", "masks", "µs outside of the model a step", "removed mass"], body)
    if "smc" in parts:
        lines += ["## SMC, 10 particles, 40 tokens, SmolLM2-135M", ""]
        body = []
        for name, rows in parts["smc"].items():
            if isinstance(rows, dict | str):
                lines += [f"{name}: not measured: {rows['missing'] if isinstance(rows, dict) else rows}", ""]
                continue
            for r in rows:
                figures = [number(r[k]) for k in ("seconds", "model_seconds", "model_calls", "log_ml")]
                body.append([name, *figures, *(number(r.get(k)) for k in ("prefills", "checks", "masks"))])
        head = ["engine", "s", "s in forwards", "forwards", "log ML", "prefills", "checks", "masks"]
        lines += table(head, body)
    if "aligned" in parts:
        lines += ["## Grammar-aligned decoding, SmolLM2-135M", "", parts["aligned"]["report"]]
    return "\n".join(lines).rstrip() + "\n"


def picture(record: dict[str, Any]) -> str:
    """Total variation against the number of samples, as SVG."""
    from gcd.sampling.plot import chart

    return chart(
        [
            (
                f"{world}: total variation from the target (log10) against samples (log10)",
                {
                    method: [
                        (log10(r["n"]), log10(r["tv"][0]))
                        for r in record["parts"]["toy"]
                        if (r["world"], r["method"]) == (world, method)
                    ]
                    for method in dict.fromkeys(r["method"] for r in record["parts"]["toy"])
                },
            )
            for world in dict.fromkeys(r["world"] for r in record["parts"]["toy"])
        ]
    )


def log10(x: float) -> float:
    """With a bound below, for the plot."""
    from math import log10

    return log10(max(x, 1e-6))


def parse(argv: list[str]) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser("python -m bench sampling", description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--full", action="store_true", help="more repeats and seeds")
    parser.add_argument("--anew", action="store_true", help="don't go on with a run that was cut off")
    parser.add_argument(
        "--latest", action="store_true", help="keep report and plot as latest-sampling.*, to be committed"
    )
    parser.add_argument("--out", type=Path, default=RECORDS, help="folder for record, report and plot")
    options = parser.parse_args(argv)
    options.parts = options.parts.split(",")
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")
    return options


def main(argv: list[str]) -> int:
    """Run the parts that aren't done yet; write record, report and plot."""
    options = parse(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    running = options.out / f"sampling-running{'-full' if options.full else ''}.json"
    began = time.time()
    if running.exists() and not options.anew:
        record = json.loads(running.read_text())
        print(f"going on with {running} (--anew: from the beginning): has {', '.join(record['parts']) or 'nothing'}")
    else:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        record = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "commit": commit.stdout.strip() or "unknown",
            "seconds": 0.0,
            "machine": {
                "cpu": system.cpu_model(),
                "cpus": os.cpu_count(),
                "load_average_before": system.load_average(),
            },
            "parts": {},
        }
    for part in options.parts:
        if part not in record["parts"]:
            print(f"{part} ...", flush=True)
            record["parts"][part] = RUN[part](options)
            record["seconds"] += time.time() - began
            began = time.time()
            running.write_text(json.dumps(record, indent=1) + "\n")
    stem = f"{record['when'].replace(':', '')}-sampling"
    text = report(record)
    outputs = {f"{stem}.json": json.dumps(record, indent=1) + "\n", f"{stem}.md": text}
    if "toy" in record["parts"]:
        outputs[f"{stem}.svg"] = picture(record)
    if options.latest:
        outputs |= {f"latest-sampling{Path(n).suffix}": t for n, t in list(outputs.items()) if not n.endswith(".json")}
    for name, content in outputs.items():
        (options.out / name).write_text(content)
    running.unlink(missing_ok=True)
    print(text)
    print(f"-> {options.out / stem}.*")
    return 0
