"""The domain tasks' figures: means over examples with bootstrap intervals, and the same examples side by side."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.harness.report import table
from bench.samplers.domain_run import METHODS
from bench.samplers.domains import DOMAINS
from gcd.sampling.plot import Panel

REPLICATES = 10_000
UNABLE = 0.05
"""Mean quality up to which a method is said not to do a domain."""

Row = dict[str, Any]
NAMES = {"gcd": "gcd", "genlm": "genlm-control"}


def interval(values: Sequence[Any], statistic: Callable[[Any], Any] | None = None) -> tuple[float, float, float]:
    """A statistic of examples, the mean by default, and its 95 % bootstrap interval.

    Args:
        values: one number, or a row of numbers, for each example.
        statistic: of an array of shape (replicates, examples, ...): one number for each replicate.
    """
    data = np.asarray(values, dtype=np.float64)
    compute = statistic or (lambda a: a.mean(axis=1))
    picks = np.random.default_rng(0).integers(0, len(data), (REPLICATES, len(data)))
    low, high = np.quantile(compute(data[picks]), [0.025, 0.975])
    return float(compute(data[None])[0]), float(low), float(high)


def by_example(rows: Sequence[Row], name: str) -> dict[tuple[str, str], float]:
    """(domain, example) -> the mean over its repeats; examples without the figure are left out."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            found.setdefault((row["domain"], row["example"]), []).append(float(row[name]))
    return {example: math.fsum(values) / len(values) for example, values in found.items()}


def per_token(rows: Sequence[Row], name: str) -> float | None:
    """Of all rows that have the figure."""
    counted = [row for row in rows if row.get(name) is not None and row.get("tokens")]
    return sum(r[name] for r in counted) / sum(r["tokens"] for r in counted) if counted else None


def share(rows: Sequence[Row]) -> float | None:
    """Of the seconds, those outside of the model's evaluations."""
    timed = [row for row in rows if row.get("model_seconds") is not None]
    total = math.fsum(row["seconds"] for row in timed)
    return 1 - math.fsum(row["model_seconds"] for row in timed) / total if total else None


def kinds(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """(engine, method) that there are, ours first."""
    there = {(row["engine"], row["method"]) for row in rows}
    return [(engine, method) for engine in NAMES for method in METHODS if (engine, method) in there]


def shown(value: tuple[float, float, float], digits: int = 2) -> str:
    """With its interval."""
    return f"{value[0]:.{digits}f} ({value[1]:.{digits}f} to {value[2]:.{digits}f})"


def domain_table(rows: Sequence[Row]) -> list[str]:
    """One domain's, or all domains', methods."""
    body = []
    for engine, method in kinds(rows):
        mine = [row for row in rows if (row["engine"], row["method"]) == (engine, method)]
        quality, seconds = (list(by_example(mine, name).values()) for name in ("quality", "seconds"))
        valid = list(by_example(mine, "valid").values())
        checks, outside, ess = per_token(mine, "checks"), share(mine), list(by_example(mine, "ess").values())
        errors = sum("error" in row for row in mine)
        body.append(
            [
                f"{NAMES[engine]}: {method}",
                f"{len(quality)}" + (f" ({errors} failed)" if errors else ""),
                shown(interval(quality)),
                f"{np.mean(valid):.2f}",
                shown(interval(seconds)),
                "-" if checks is None else f"{checks:.1f}",
                "-" if outside is None else f"{outside:.0%}",
                "-" if not ess else f"{np.mean(ess):.1f} of {METHODS[method]['particles']}",
            ]
        )
    head = ["method", "examples", "quality (95 %)", "valid", "s an example (95 %)", "checks a token"]
    return table([*head, "outside of the model", "ESS"], body, 1)


def side_by_side(rows: Sequence[Row]) -> list[str]:
    """Ours and genlm-control's, over the examples that both did, without failures."""
    body = []
    sound = [row for row in rows if "error" not in row]
    for method in METHODS:
        for domain in (*DOMAINS, None):
            mine, theirs = (
                {
                    name: by_example(
                        [
                            r
                            for r in sound
                            if r["engine"] == engine and r["method"] == method and domain in (None, r["domain"])
                        ],
                        name,
                    )
                    for name in ("seconds", "quality")
                }
                for engine in ("gcd", "genlm")
            )
            common = sorted(mine["seconds"].keys() & theirs["seconds"].keys())
            if not common:
                continue
            ratio = interval(
                [(theirs["seconds"][e], mine["seconds"][e]) for e in common],
                lambda a: a[:, :, 0].sum(axis=1) / a[:, :, 1].sum(axis=1),
            )
            gain = interval([mine["quality"][e] - theirs["quality"][e] for e in common])
            body.append([method, domain or "**all**", str(len(common)), shown(ratio, 1), shown(gain)])
    head = [
        "method",
        "domain",
        "examples",
        "seconds, genlm-control / gcd (95 %)",
        "quality, gcd - genlm-control (95 %)",
    ]
    return table(head, body, 2)


def unable(rows: Sequence[Row]) -> list[str]:
    """What the model can't do: a line for each domain that no method of ours does, and counts of hopeless examples."""
    lines = []
    for domain, about in DOMAINS.items():
        mine = [row for row in rows if row["domain"] == domain and row["engine"] == "gcd"]
        if not mine:
            continue
        best = max(
            (np.mean(list(by_example([r for r in mine if r["method"] == m], "quality").values())), m)
            for m in {r["method"] for r in mine}
        )
        solved = {e for e, q in by_example(mine, "quality").items() if q > 0}
        n = len({row["example"] for row in mine})
        line = f"* {domain} ({about}): {n - len(solved)} of {n} examples were solved by no method"
        if best[0] <= UNABLE:
            line += f"; **the model can't do this**, the best method's quality is {best[0]:.2f}"
        lines.append(line + ".")
    return [*lines, ""] if lines else []


def report(part: dict[str, Any]) -> list[str]:
    """The part as Markdown."""
    rows = part["rows"]
    lines = ["## Five domains, SmolLM2-135M", ""]
    for domain, why in part.get("missing_domains", {}).items():
        lines += [f"{domain}: not measured: {why}", ""]
    for engine, why in part.get("missing_engines", {}).items():
        lines += [f"{NAMES[engine]}: not measured: {why}", ""]
    if not rows:
        return lines
    lines += [
        "Quality: the samples' mean score by weight; *valid*: the weight of those that satisfy the condition.",
        "",
    ]
    for domain in [d for d in DOMAINS if any(row["domain"] == d for row in rows)]:
        lines += [f"### {domain}: {DOMAINS[domain]}", ""]
        lines += domain_table([row for row in rows if row["domain"] == domain])
    lines += ["### All domains together", "", *domain_table(rows)]
    both = side_by_side(rows)
    if any(row["engine"] == "genlm" for row in rows):
        lines += ["### The same examples with both libraries", "", *both]
    lines += ["### What a model of this size can't do", "", *unable(rows)]
    failed = sorted({(r["engine"], r["domain"], r["example"], r["error"]) for r in rows if "error" in r})
    if failed:
        lines += ["Failures, counted as quality 0:", ""]
        lines += [f"* {NAMES[e]}, {d}, `{name}`: {' '.join(error.split())[:160]}" for e, d, name, error in failed]
        lines.append("")
    return lines


def panels(part: dict[str, Any]) -> list[Panel]:
    """For the plot: quality against seconds an example, a panel for each domain."""
    found = []
    for domain in DOMAINS:
        rows = [row for row in part["rows"] if row["domain"] == domain]
        points = {}
        for engine, method in kinds(rows):
            mine = [row for row in rows if (row["engine"], row["method"]) == (engine, method)]
            seconds, quality = (list(by_example(mine, name).values()) for name in ("seconds", "quality"))
            points[f"{NAMES[engine]}: {method}"] = [(float(np.mean(seconds)), float(np.mean(quality)))]
        if points:
            found.append(Panel(f"{domain}: mean quality", points, "seconds an example", y_range=(0, 1)))
    return found
