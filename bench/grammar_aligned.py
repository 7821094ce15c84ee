"""Grammar-aligned decoding on the real model: how far each method's samples are from the model's own law.

The shape of the ASAp paper's evaluation (Park et al. 2024, section 5), on tasks of our own making: binary strings,
string transformations and bit-vector expressions in SyGuS's style, bracketed parses. SmolLM2-135M-Instruct,
temperature 1, the whole vocabulary. For each task, every method draws `--samples` samples; what is known of the
target is the union of all sentences that any method drew, renormalized by the model's probabilities. Reported are

* **KL** of the samples' empirical law from that target. It is not 0 even for perfect samples: the *floor* is its
  mean over samples of the same number drawn from the target itself. Its last-quarter column is the paper's window:
  the samples drawn last, when adaptive methods know most (with the floor of as many);
* **log-likelihood**: the mean log P of the samples, beside the target's;
* seconds, draws and evaluated rows.

Intervals are bootstrap intervals over samples (95 %). Means over tasks are paired: over the tasks where all methods
found half of their samples or more. The target is an underestimate: mass of sentences that nobody drew is missing from
it; the report says how much of P(grammar) the union holds at least. Runs can be resumed: each (task, method) is written
to `--out` when it is done.
"""

import argparse
import json
import math
import os
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.processor import tool
from gcd.sampling.plot import Panel, chart

METHODS: dict[str, dict[str, Any]] = {
    "local": {"method": "local", "always_mask": True},
    "asap": {"method": "asap", "batch": 4},  # of fewer rows it learns sooner
    "weighted": {"method": "weighted", "batch": 4},
    "cars": {"method": "cars"},
    "mcmc": {"method": "mcmc"},
}
REPLICATES = 400


@dataclass(frozen=True)
class Task:
    """What to ask, and the grammar of the answer."""

    family: str
    question: str
    grammar: str
    max_tokens: int


STRINGS = r"""
start: string
string: "name" | "\"" (" " | "." | "," | "-") "\"" | "(str.++ " string " " string ")"
      | "(str.replace " string " " string " " string ")" | "(str.at " string " " number ")"
      | "(str.substr " string " " number " " number ")"
number: "0" | "1" | "2" | "(str.len " string ")" | "(str.indexof " string " " string " " number ")"
"""
VECTORS = r"""
start: vector
vector: "s" | "t" | "#x0" | "#x7" | "#x8" | "(bvneg " vector ")" | "(bvnot " vector ")"
      | "(" ("bvadd" | "bvsub" | "bvand" | "bvlshr" | "bvor" | "bvshl") " " vector " " vector ")"
"""
PARSE = r"""
start: "(S " np " " vp ")"
np: "(NP " (DT " ")? (NN | np " " pp) ")"
vp: "(VP " VB (" " np)? (" " pp)? ")"
pp: "(PP " IN " " np ")"
DT: "(DT " ("the" | "a") ")"
NN: "(NN " ("dog" | "park" | "man" | "cat") ")"
VB: "(VB " ("sees" | "walks" | "likes") ")"
IN: "(IN " ("in" | "with") ")"
"""
TASKS = {
    "binary-5": Task(
        "binary", "Write a random binary string of 5 digits. Only the string.", "start: /00000|1[01]{4}/", 12
    ),
    "binary-8": Task(
        "binary", "Write a random binary string of 8 digits. Only the string.", "start: /0{8}|1[01]{7}/", 16
    ),
    "initials": Task(
        "strings",
        "Write a SyGuS expression over the variable name that gives the first letter of a name and a dot. "
        'For example, "Nancy" gives "N.". Only the expression.',
        STRINGS,
        40,
    ),
    "last-name": Task(
        "strings",
        "Write a SyGuS expression over the variable name that gives what comes after the first blank. "
        'For example, "Nancy Bell" gives "Bell". Only the expression.',
        STRINGS,
        40,
    ),
    "inverse-add": Task(
        "vectors",
        "Write a bit-vector expression over s and t, in SyGuS's notation, for the x with (bvadd x s) = t. "
        "Only the expression.",
        VECTORS,
        32,
    ),
    "inverse-not": Task(
        "vectors",
        "Write a bit-vector expression over s and t, in SyGuS's notation, for the x with (bvnot x) = (bvand s t). "
        "Only the expression.",
        VECTORS,
        32,
    ),
    "parse-short": Task(
        "parses", 'Write a bracketed parse, like (S (NP ...) (VP ...)), of "the dog walks". Only the parse.', PARSE, 48
    ),
    "parse-long": Task(
        "parses",
        'Write a bracketed parse, like (S (NP ...) (VP ...)), of "a man sees the dog in the park". Only the parse.',
        PARSE,
        72,
    ),
}


QUICK = ("binary-5", "initials", "inverse-add", "parse-short")
"""One task of each family."""


def main(argv: list[str]) -> int:
    """Draw what isn't there yet, and print the report."""
    options = parse(argv)
    results = run(options)
    found = panels(results, options.samples)
    if found:
        (options.out / "grammar_aligned.svg").write_text(chart(found), encoding="utf-8")
    print(report(results, options.samples))
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m bench grammar_aligned", description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=96, help="of each method, for each task (default 96)")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--mcmc-steps", type=int, default=5, help="of each chain (default 5)")
    parser.add_argument("--minutes", type=float, default=15, help="begin no new task and method after this long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bench/record/grammar_aligned"), help="where results go")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Draw what isn't there yet. Returns task -> method -> result."""
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    model: Any = None
    results: dict[str, dict[str, Any]] = {}
    for name in options.tasks:
        for method in options.methods:
            more = {"n_steps": options.mcmc_steps} if method == "mcmc" else {}
            label = f"{method}-{options.mcmc_steps}" if more else method
            path = options.out / f"{name}-{label}-{options.samples}-{options.seed}.json"
            if path.exists():
                results.setdefault(name, {})[method] = json.loads(path.read_text())
                continue
            if time.monotonic() - began > 60 * options.minutes:
                continue
            model = model or load()
            found = draw(model, TASKS[name], method, options.samples, options.seed, more)
            print(f"{name:<12} {method:<9} {found['seconds']:6.1f} s, {len(found['samples'])} samples", flush=True)
            path.write_text(json.dumps(found) + "\n")
            results.setdefault(name, {})[method] = found
    return results


def load() -> Any:
    """The model."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    import gcd

    logging.disable_progress_bar()
    folder = tool("get_test_model.py")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return gcd.HFModel(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), tokenizer)


def draw(model: Any, task: Task, method: str, n: int, seed: int, more: dict[str, Any]) -> dict[str, Any]:
    """One method's samples of one task, as JSON's types. Nothing is remembered from one method to the next."""
    import warnings

    import gcd
    from gcd.sampling import Remembered

    compiled = gcd.compile(gcd.Grammar.from_lark(task.grammar), model.vocab)
    chat = [{"role": "user", "content": task.question}]
    prompt = model.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    kept = Remembered(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gcd.sampling.SamplingWarning)  # they are in the report
        found = gcd.sample(kept, compiled, prompt, n, max_tokens=task.max_tokens, seed=seed, **METHODS[method], **more)
    probability = found.extra.get("probability")
    return {
        "samples": [[s.text, list(s.ids), s.log_p, s.log_weight, s.finished] for s in found],
        "weighted": method == "weighted",
        "seconds": found.seconds,
        "n_draws": found.extra.get("n_draws", n),
        "rows": kept.n_misses,
        "log_z": found.log_z,
        "probability": asdict(probability) if probability is not None else None,
        "warnings": list(found.warnings),
    }


# -- figures -----------------------------------------------------------------------------------------------------------


def weights_of(result: dict[str, Any]) -> list[tuple[tuple[int, ...], float]]:
    """Sentences and their weights; draws that are no sentences are left out."""
    rows = [(tuple(ids), log_weight) for _, ids, _, log_weight, finished in result["samples"] if finished]
    if not result["weighted"]:
        return [(ids, 1.0) for ids, _ in rows]
    top = max((w for _, w in rows), default=0.0)
    return [(ids, math.exp(w - top)) for ids, w in rows]


def target_of(results: dict[str, Any]) -> tuple[dict[tuple[int, ...], float], float]:
    """The union of what was drawn, renormalized, and the log of its mass."""
    logs = {tuple(ids): p for r in results.values() for _, ids, p, _, finished in r["samples"] if finished}
    top = max(logs.values())
    mass = math.fsum(math.exp(p - top) for p in logs.values())
    return {ids: math.exp(p - top) / mass for ids, p in logs.items()}, top + math.log(mass)


def kl(drawn: list[tuple[tuple[int, ...], float]], target: dict[tuple[int, ...], float]) -> float:
    """KL of the empirical law from the target, in nats."""
    law: Counter[tuple[int, ...]] = Counter()
    for ids, weight in drawn:
        law[ids] += weight  # type: ignore[assignment] # a Counter of floats
    total = math.fsum(law.values())
    return math.fsum(w / total * math.log(w / total / target[ids]) for ids, w in law.items() if w)


def floor(n: int, target: dict[tuple[int, ...], float], rng: random.Random) -> float:
    """Its mean over `n` perfect samples."""
    keys, shares = list(target), list(target.values())
    return sum(kl([(k, 1.0) for k in rng.choices(keys, shares, k=n)], target) for _ in range(REPLICATES)) / REPLICATES


def bootstrap(values: list[Any], statistic: Any, rng: random.Random) -> tuple[float, float]:
    """A 95 % interval over resampled values."""
    found = sorted(statistic(rng.choices(values, k=len(values))) for _ in range(REPLICATES))
    return found[int(0.025 * REPLICATES)], found[int(0.975 * REPLICATES)]


def sizes(n: int, of: int | None = None) -> list[int]:
    """Where the curves are looked at: an eighth, a quarter, a half and all of `of` samples, as far as there are `n`."""
    return [k for k in (max(1, (of or n) // share) for share in (8, 4, 2)) if k < n] + [n]


def figures(results: dict[str, Any], samples: int) -> dict[str, dict[str, Any]]:
    """Of one task: method -> figures, and "target"."""
    rng = random.Random(0)
    target, log_mass = target_of(results)
    logs = {tuple(ids): p for r in results.values() for _, ids, p, _, finished in r["samples"] if finished}
    bounds = [r["probability"] for r in results.values() if r["probability"]]
    quarter = max(1, samples // 4)
    out: dict[str, dict[str, Any]] = {
        "target": {
            "n": len(target),
            "floor": floor(samples, target, rng),
            "floor_quarter": floor(quarter, target, rng),
            "log_likelihood": math.fsum(p * logs[ids] for ids, p in target.items()),
            "curve": [[k, floor(k, target, rng)] for k in sizes(samples)],
            "covered_least": math.exp(log_mass - min((b["log_upper"] for b in bounds), default=0.0)),
        }
    }
    for method, result in results.items():
        drawn = weights_of(result)
        if not drawn:
            out[method] = {"n": 0, "seconds": result["seconds"], "rows": result["rows"], "n_draws": result["n_draws"]}
            continue

        def mean(sample: list[tuple[tuple[int, ...], float]]) -> float:
            return math.fsum(w * logs[ids] for ids, w in sample) / math.fsum(w for _, w in sample)

        out[method] = {
            "n": len(drawn),
            "kl": kl(drawn, target),
            "kl_interval": bootstrap(drawn, lambda sample: kl(sample, target), rng),
            "kl_quarter": kl(drawn[-quarter:], target),
            "curve": [[k, kl(drawn[:k], target), mean(drawn[:k])] for k in sizes(len(drawn), samples)],
            "log_likelihood": mean(drawn),
            "log_likelihood_interval": bootstrap(drawn, mean, rng),
            "seconds": result["seconds"],
            "rows": result["rows"],
            "n_draws": result["n_draws"],
        }
    return out


def report(results: dict[str, dict[str, Any]], samples: int) -> str:
    """Tables in Markdown."""
    lines = []
    whole: dict[str, dict[str, Any]] = {}
    for name, found in results.items():
        if not any(s[4] for r in found.values() for s in r["samples"]):
            lines += [f"\n### {name}\n\nNo method found a sentence."]
            continue
        per = whole[name] = figures(found, samples)
        t = per["target"]
        lines += [
            f"\n### {name}",
            f"\n{t['n']} sentences drawn by any method; the target's mean log P {t['log_likelihood']:.2f}; floor of "
            f"the KL {t['floor']:.2f} (last quarter {t['floor_quarter']:.2f}); the union holds at least "
            f"{t['covered_least']:.0%} of P(grammar)\n",
            "| method | samples | KL (95 %) | KL, last quarter | mean log P (95 %) | draws | rows | s |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for method, f in per.items():
            if method == "target":
                continue
            if not f["n"]:
                lines.append(f"| {method} | 0 | - | - | - | {f['n_draws']} | {f['rows']} | {f['seconds']:.1f} |")
                continue
            low, high = f["kl_interval"]
            a, b = f["log_likelihood_interval"]
            lines.append(
                f"| {method} | {f['n']} | {f['kl']:.2f} ({low:.2f}-{high:.2f}) | {f['kl_quarter']:.2f} | "
                f"{f['log_likelihood']:.2f} ({a:.2f} to {b:.2f}) | {f['n_draws']} | {f['rows']} | {f['seconds']:.1f} |"
            )
    methods = [m for m in METHODS if any(m in r for r in results.values())]
    paired = [name for name, per in whole.items() if all(m in per and per[m]["n"] >= samples / 2 for m in methods)]
    lines.append(
        f"\n### Means over the {len(paired)} of {len(results)} tasks where all methods found half of their samples\n"
    )
    if paired:
        lines += [
            f"({', '.join(paired)})\n",
            "| method | KL | KL, last quarter | mean log P | s |",
            "|---|---:|---:|---:|---:|",
        ]
        floors = [
            sum(whole[n]["target"][k] for n in paired) / len(paired)
            for k in ("floor", "floor_quarter", "log_likelihood")
        ]
        lines.append(f"| the target itself | {floors[0]:.2f} | {floors[1]:.2f} | {floors[2]:.2f} | |")
        for method in methods:
            keys = ("kl", "kl_quarter", "log_likelihood", "seconds")
            a, b, c, d = (sum(whole[n][method][k] for n in paired) / len(paired) for k in keys)
            lines.append(f"| {method} | {a:.2f} | {b:.2f} | {c:.2f} | {d:.1f} |")
        lines += ["\nAgainst the share of the samples, KL (mean log P), means over the same tasks\n"]
        lines += ["| method | 1/8 | 1/4 | 1/2 | all |", "|---|---:|---:|---:|---:|"]
        for method in ("target", *methods):
            curves = [whole[n][method]["curve"] for n in paired]
            cells = []
            for i in range(min(map(len, curves))):
                cell = f"{sum(c[i][1] for c in curves) / len(curves):.2f}"
                if method != "target":
                    cell += f" ({sum(c[i][2] for c in curves) / len(curves):.2f})"
                cells.append(cell)
            cells += ["-"] * (4 - len(cells))
            lines.append(f"| {'floor' if method == 'target' else method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def panels(results: dict[str, dict[str, Any]], samples: int) -> list[Panel]:
    """KL against the number of samples, a panel for each task where a sentence was found."""
    found = []
    for name, mine in results.items():
        if any(s[4] for r in mine.values() for s in r["samples"]):
            per = figures(mine, samples)
            lines = {
                "floor" if m == "target" else m: [(p[0], p[1]) for p in f.get("curve", [])] for m, f in per.items()
            }
            found.append(Panel(f"{name}: KL in nats", {m: points for m, points in lines.items() if points}, "samples"))
    return found
