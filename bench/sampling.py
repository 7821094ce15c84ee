"""Samplers: distance to known laws, the AWRS step and SMC beside genlm-control, grammar-aligned decoding.

Parts, each kept in the record as soon as it is done, so that a run that was cut off goes on where it was:

* ``toy``: every method's distance from an enumerated target, by number of samples (bench/samplers/toy.py);
* ``step``: one AWRS step at 128k tokens (bench/samplers/awrs_step.py);
* ``local``: how many masks drawing first saves on JSON with the real model (bench/samplers/local_masks.py);
* ``smc``: ten particles of the real model, 40 tokens (bench/samplers/smc_run.py);
* ``asap``: what ASAp adds to a step, and what a stored prefix takes (bench/asap_step.py);
* ``aligned``: the ASAp paper's shape on the real model (bench/grammar_aligned.py);
* ``domains``: the AWRS paper's shape, five domains (bench/samplers/domains).

genlm-control runs in an environment of its own (`make bench-genlm`; BENCH_GENLM_PYTHON), in processes of its own, right
after ours; without it, its columns say so. METHODOLOGY.md says what the numbers mean.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.engines import ROOT
from bench.harness import system
from bench.harness.report import number, table
from bench.samplers import domain_report
from gcd.sampling.plot import Panel, chart

RECORDS = ROOT / "bench" / "record"
LEAST = 1e-6
"""Distances below are drawn as this."""
PARTS = ("toy", "step", "local", "smc", "asap", "aligned", "domains")


NO_GENLM = "no environment with genlm-control: run `make bench-genlm` once"


def genlm_python() -> Path | None:
    """The Python that genlm-control is installed in."""
    path = Path(os.environ.get("BENCH_GENLM_PYTHON") or ROOT / ".venv-bench-genlm" / "bin" / "python")
    return path if path.exists() else None


def worker(python: Path, module: str, *args: str, limit: float, threads: int = 1, parse: bool = True) -> Any:
    """What a process of its own prints last, as JSON (None, if not `parse`); or why there is nothing."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}
    command = [str(python), "-m", module, *args]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"no answer within {limit:.0f} s"}
    if done.returncode:
        return {"missing": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1]) if parse else None


def both(module: str, ours: tuple[str, ...], args: tuple[str, ...], limit: float, threads: int = 1) -> dict[str, Any]:
    """Our answers and genlm-control's, one after the other."""
    found = {name: worker(Path(sys.executable), module, name, *args, limit=limit, threads=threads) for name in ours}
    python = genlm_python()
    if python is None:
        found["genlm"] = {"missing": NO_GENLM}
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
    folder, seeds = test_model(), "9" if options.full else "5"
    found = both("bench.samplers.smc_run", ("gcd", "gcd-predicate"), (folder, seeds), limit=1200, threads=1)
    module = "bench.samplers.smc_run"
    found["gcd, 60 tokens"] = worker(Path(sys.executable), module, "gcd-long", folder, seeds, limit=1200)
    return found


def asap(options: argparse.Namespace) -> Any:
    """Part ``asap``."""
    path = running_folder(options) / "asap_step.json"
    found = worker(Path(sys.executable), "bench", "asap_step", "--json", str(path), limit=1200, parse=False)
    return found or json.loads(path.read_text())


def aligned(options: argparse.Namespace) -> Any:
    """Part ``aligned``; it goes on where it was by itself."""
    from bench import grammar_aligned

    samples, minutes = ("96", "600") if options.full else ("32", "10")
    names = grammar_aligned.TASKS if options.full else grammar_aligned.QUICK
    folder = running_folder(options) / "grammar_aligned"
    arguments = ["--samples", samples, "--minutes", minutes, "--out", str(folder), "--tasks", *names]
    settings = grammar_aligned.parse(arguments)
    results = grammar_aligned.run(settings)
    curves = [(p.title, p.series) for p in grammar_aligned.panels(results, settings.samples)]
    found = {"panels": curves, "drawn": results}
    return {"report": grammar_aligned.report(results, settings.samples), **found}


def conformance_data() -> Path:
    """The folder of the conformance data."""
    return Path(os.environ.get("GCD_CONFORMANCE_DATA") or ROOT.parent / "shared" / "data")


def domains(options: argparse.Namespace) -> Any:
    """Part ``domains``; it goes on where it was by itself, example by example."""
    from bench.samplers import domain_run

    path = running_folder(options) / "domains.jsonl"
    examples, minutes = (48, 600.0) if options.full else (20, 14.0)
    examples = options.examples or examples
    methods = list(domain_run.METHODS)
    settings = {"examples": examples, "repeats": 2 if options.full else 1, "methods": methods, "minutes": minutes}
    fewer: dict[str, Any] = {"examples": min(5, examples), "methods": ["AWRS-SMC"], "minutes": minutes / 2}
    if options.full:
        fewer |= {"examples": min(20, examples), "methods": methods[2:], "repeats": 1}
    plan = {"gcd": (Path(sys.executable), settings), "genlm": (genlm_python(), settings | fewer)}
    folder, data = test_model(), str(conformance_data())
    part: dict[str, Any] = {"settings": {name: s for name, (_, s) in plan.items()}, "missing_engines": {}}
    for engine, (python, mine) in plan.items():
        if python is None:
            part["missing_engines"][engine] = NO_GENLM
            continue
        args = (engine, folder, data, str(path), json.dumps(mine))
        found = worker(python, "bench.samplers.domain_run", *args, limit=60 * mine["minutes"] + 900)
        if "missing" in found:
            part["missing_engines"][engine] = found["missing"]
        elif engine == "gcd":
            part["missing_domains"] = found["missing_domains"]
    return {**part, "rows": domain_run.read(path)}


def running_folder(options: argparse.Namespace) -> Path:
    """Where parts keep what is done, until the run is over."""
    folder: Path = options.out / f"sampling-running{'-full' if options.full else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


RUN: dict[str, Callable[[argparse.Namespace], Any]] = {
    "toy": toy,
    "step": step,
    "local": local,
    "smc": smc,
    "asap": asap,
    "aligned": aligned,
    "domains": domains,
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
    long = parts.get("smc", {}).get("gcd, 60 tokens")
    if isinstance(long, list):
        outside = 1 - mean(long, "model_seconds") / mean(long, "seconds")
        rows.append(("SMC, 60 tokens: share of the time outside the forwards", 100 * outside, "%", 15, False))
        rows.append(("SMC, 60 tokens: prefills of the prompt", mean(long, "prefills"), "", 1, False))
    rows += asap_targets(parts.get("asap", {}))
    return rows


def asap_targets(figures: dict[str, Any]) -> list[tuple[str, float | None, str, float, bool]]:
    """Those of part ``asap``; the bounds are bench/asap_step.py's."""
    from bench import asap_step

    if "steps" not in figures:
        return []
    slowest = max(row["median_seconds"] / row["softmax_seconds"] for row in figures["steps"])
    few = [row["median_seconds"] for row in figures["steps"] if asap_step.is_sparse(row["mask"]) and not row["raw"]]
    return [
        ("ASAp step, the slowest kind of mask: log-softmaxes", slowest, "", asap_step.TARGET_SOFTMAX, False),
        ("ASAp step, under 1,000 tokens allowed", 1e6 * max(few), "µs", 1e6 * asap_step.TARGET_SPARSE, False),
        ("ASAp: a stored prefix", figures["trie"]["bytes"], "bytes", asap_step.TARGET_BYTES, False),
        (
            "ASAp's logits processor, a call (the bound: a thousandth of transformers-GAD's fastest)",
            1e6 * figures["processor"]["median_seconds"],
            "µs",
            1e6 * asap_step.TARGET_CALL,
            False,
        ),
    ]


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    machine = record["machine"]
    lines = [
        "# Samplers",
        "",
        f"{record['when']}, commit {', then '.join(record['commits'])}, {record['seconds'] / 60:.1f} minutes.",
    ]
    lines.append(f"{machine['cpu']} ({machine['cpus']} CPUs); load {machine['load_average_before']:.1f} before.")
    if machine["load_average_before"] > 0.7:
        lines.append("**The machine was busy: times are inflated, the longer ones more.**")
    lines.append("")
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
    if body:
        lines += ["## Targets", "", *table(["figure", "measured", "target", ""], body)]
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
    if "missing" in parts.get("asap", {}):
        lines += ["## ASAp's step", "", f"not measured: {parts['asap']['missing']}", ""]
    if "domains" in parts:
        lines += domain_report.report(parts["domains"])
    if "aligned" in parts:
        lines += ["## Grammar-aligned decoding, SmolLM2-135M", "", parts["aligned"]["report"]]
    return "\n".join(lines).rstrip() + "\n"


def panels(record: dict[str, Any]) -> list[Panel]:
    """Distances against the number of samples on toy laws and on the real model; quality against time by domain."""
    parts = record["parts"]
    found = []
    toy_rows = parts.get("toy", [])
    for world in dict.fromkeys(r["world"] for r in toy_rows):
        for name, figure in (("total variation", "tv"), ("KL in nats", "kl")):
            lines: dict[str, list[tuple[float, float]]] = {}
            for r in toy_rows:
                if r["world"] == world and math.isfinite(r[figure][0]):
                    lines.setdefault(r["method"], []).append((r["n"], max(r[figure][0], LEAST)))
            found.append(Panel(f"{world}: {name} from the target", lines, "samples", log=True))
    if "domains" in parts:
        found += domain_report.panels(parts["domains"])
    for title, curves in parts.get("aligned", {}).get("panels", []):
        found.append(Panel(title, {name: [(x, y) for x, y in points] for name, points in curves.items()}, "samples"))
    return found


def parse(argv: list[str]) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser("python -m bench sampling", description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--full", action="store_true", help="more repeats and seeds")
    parser.add_argument("--examples", type=int, help="of each domain (default 20, with --full 48)")
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
    running = running_folder(options) / "record.json"
    began = time.time()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    if options.anew:
        shutil.rmtree(running.parent)
        running_folder(options)
    if running.exists():
        record = json.loads(running.read_text())
        print(f"going on with {running} (--anew: from the beginning): has {', '.join(record['parts']) or 'nothing'}")
        if commit not in record["commits"]:
            record["commits"].append(commit)
    else:
        record = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "commits": [commit or "unknown"],
            "seconds": 0.0,
            "machine": {
                "cpu": system.cpu_model(),
                "cpus": os.cpu_count(),
                "load_average_before": system.load_average(),
            },
            "parts": {},
        }
        running.write_text(json.dumps(record, indent=1) + "\n")
    for part in options.parts:
        if part not in record["parts"]:
            print(f"{part} ...", flush=True)
            record["parts"][part] = RUN[part](options)
            record["seconds"] += time.time() - began
            began = time.time()
            written = running.with_suffix(".new")  # a run that is cut off here has the old one
            written.write_text(json.dumps(record) + "\n")
            written.replace(running)
    stem = f"{record['when'].replace(':', '')}-sampling"
    text = report(record)
    outputs = {f"{stem}.json": json.dumps(record) + "\n", f"{stem}.md": text}
    if panels(record):
        outputs[f"{stem}.svg"] = chart(panels(record))
    if options.latest:
        outputs |= {f"latest-sampling{Path(n).suffix}": t for n, t in list(outputs.items()) if not n.endswith(".json")}
    for name, content in outputs.items():
        (options.out / name).write_text(content)
    shutil.rmtree(running.parent)
    print(text)
    print(f"-> {options.out / stem}.*")
    return 0
