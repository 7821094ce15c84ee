"""A record as Markdown: the project's targets with pass or miss, then every figure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASK_PHASES = ("cold", "warm", "unseen", "unseen, from the artefact")


FAILURES = ("gcd_compile_failed", "load_failed")


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its target."""

    what: str
    value: float | None
    unit: str
    target: float
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        if self.value is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def targets(grammar: str, result: dict[str, Any]) -> Iterator[Row]:
    """What the project asks of gcd for this grammar."""
    ours = result["engines"].get("gcd", {})
    phases = ours.get("phases", {})
    against = result["engines"].get("llguidance", {}).get("against_gcd", {})

    def figure(phase: str, name: str) -> float | None:
        return (phases.get(phase) or {}).get(name)

    def times(phase: str, least: dict[str, float]) -> Iterator[Row]:
        if grammar in least:
            ratio = against.get(phase, {}).get("ratio")
            yield Row(f"{phase}: mean, against llguidance", ratio, "×", least[grammar], at_least=True)

    yield from times("warm", {"json": 25, "arithmetic": 500, "sql": 500})
    yield Row("warm: median", figure("warm", "p50"), "µs", 1)
    yield Row("warm: p99", figure("warm", "p99"), "µs", 5)
    for phase in ("unseen", "unseen, from the artefact"):
        yield from times(phase, {"json": 15, "arithmetic": 100, "sql": 100})
        yield Row(f"{phase}: median", figure(phase, "p50"), "µs", 1)
        yield Row(f"{phase}: p99", figure(phase, "p99"), "µs", 150 if grammar == "python" else 50)
    yield from times("cold", {"json": 15, "arithmetic": 20, "sql": 20})
    yield Row("cold: p99.9", figure("cold", "p999"), "µs", 2_000)
    yield Row("cold: max", figure("cold", "max"), "µs", 3_000)
    for phase in ("accept, warm", "accept, no masks", "check, right token", "check, another"):
        yield Row(f"{phase}: median", figure(phase, "p50"), "µs", 0.5)
        yield Row(f"{phase}: p99", figure(phase, "p99"), "µs", 3)
    if grammar in ("json", "python"):
        limit = 60 if grammar == "json" else 1_500
        yield Row("compile + first mask, cold", middle(ours.get("compile_and_first_mask_ms")), "ms", limit)
    if grammar == "json":
        yield Row("`gcd compile`, from process start", middle(ours.get("gcd_compile_s")), "s", 1.5)
    yield Row("artefact load + first mask", middle(ours.get("load_and_first_mask_ms")), "ms", 5)
    if grammar == "python":
        memory = (ours.get("memory_mb") or {}).get("grammar, all texts walked")
        yield Row("memory of the compiled grammar", memory, "MB", 200)
        size = ours.get("artefact_bytes")
        yield Row("artefact", None if size is None else size / 1e6, "MB", 50)


def middle(values: list[float] | None) -> float | None:
    """The median of a sorted list."""
    return values[len(values) // 2] if values else None


def number(value: float | None) -> str:
    """Three significant digits, thousands apart."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2f}"


def table(head: list[str], rows: list[list[str]], text_columns: int = 1) -> list[str]:
    """A Markdown table; the first columns hold text, the others numbers."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "---|" * text_columns + "--:|" * (len(head) - text_columns))
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def report(record: dict[str, Any]) -> str:
    """The whole report."""
    lines = ["# Context-free grammars", "", *heading(record), ""]
    lines += ["## Targets", "", *target_table(record)]
    lines += ["## Masks, µs", "", *mask_table(record)]
    lines += ["## Accept and check, µs", "", *step_table(record)]
    lines += ["## Compile, artefact, memory", "", *size_table(record)]
    lines += ["## Verdicts and writings", "", *verdict_table(record)]
    lines += ["## Masks compared with gcd's", "", *comparison_table(record)]
    return "\n".join(lines).rstrip() + "\n"


def circumstances(record: dict[str, Any]) -> Iterator[str]:
    """When, where and with which tokenizer a record was made."""
    machine, tokenizer = record["machine"], record["tokenizer"]
    load = f"{machine['load_average_before']:.1f} before, {machine['load_average_after']:.1f} after"
    yield f"{record['when']}, commit {record['commit']}, {record['seconds'] / 60:.1f} minutes."
    yield f"{machine['cpu']} ({machine['cpus']} CPUs), {machine['system']}, Python {machine['python']}; load {load}."
    if machine["load_average_before"] > 0.7:
        yield "**The machine was busy: means and tails are inflated.**"
    yield f"Tokenizer {tokenizer['name']}, {tokenizer['width']:,} columns. Seed {record['seed']}."


def heading(record: dict[str, Any]) -> Iterator[str]:
    yield from circumstances(record)
    for engine, versions in record["versions"].items():
        if versions:
            yield f"{engine}: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    preempted = sum(sum(e["preempted"].values()) for e in entries(record) if "preempted" in e)
    yield f"Preempted {preempted:,} times while times were taken; each adds milliseconds to one of them."
    for grammar, result in record["grammars"].items():
        if "missing" in result:
            yield f"**{grammar} was not measured: {result['missing']}**"
    clocks = [e["clock"] for e in entries(record) if "clock" in e]
    if clocks:
        shown = f"p50 {number(clocks[0]['p50'])} µs, p99 {number(clocks[0]['p99'])} µs"
        yield f"Every time includes reading the clock: {shown}."


def entries(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every engine's entry for every grammar."""
    for _, _, entry in each(record):
        yield entry


def each(record: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Grammar, engine, entry."""
    for grammar, result in record["grammars"].items():
        for engine, entry in result.get("engines", {}).items():
            yield grammar, engine, entry


def target_table(record: dict[str, Any]) -> list[str]:
    grammars = [(g, {row.what: row for row in targets(g, r)}) for g, r in record["grammars"].items() if "engines" in r]
    names = list(dict.fromkeys(what for _, rows in grammars for what in rows))
    body = [[what, *(cell(rows.get(what)) for _, rows in grammars)] for what in names]
    met = [row.met for _, rows in grammars for row in rows.values()]
    lines = table(["gcd", *(g for g, _ in grammars)], body)
    return [*lines, f"{met.count(True)} met, {met.count(False)} missed, {met.count(None)} not measured.", ""]


def cell(row: Row | None) -> str:
    if row is None:
        return ""
    sign = "≥" if row.at_least else "≤"
    mark = {True: "pass", False: "**MISS**", None: "not measured"}[row.met]
    return f"{number(row.value)} {row.unit} ({sign} {number(row.target)}) {mark}"


def mask_table(record: dict[str, Any]) -> list[str]:
    rows = []
    for grammar, engine, entry in each(record):
        if "phases" not in entry:
            why = entry.get("failed") or entry.get("unsupported", "")
            rows.append([grammar, engine, f"not measured: {clip(why)}", *[""] * 9])
            continue
        for phase in MASK_PHASES:
            found = entry["phases"].get(phase)
            if found:
                memo = entry.get("memo", {}).get(phase)
                against = entry.get("against_gcd", {}).get(phase)
                rows.append(
                    [grammar, engine, phase, f"{found['n']:,.0f}"]
                    + [number(found[name]) for name in ("p50", "mean", "p90", "p99", "p999", "max")]
                    + ["" if memo is None else f"{memo:.1%}", "" if against is None else f"{number(against['ratio'])}×"]
                )
    head = ["grammar", "engine", "phase", "masks", "p50", "mean", "p90", "p99", "p99.9", "max", "memo", "gcd faster"]
    note = "memo: share answered from earlier masks. gcd faster: ratio of the means on the positions that both walked."
    return [*table(head, rows, 3), note, ""]


def clip(text: str, most: int = 160) -> str:
    """One line of a message, as it fits into a table."""
    line = " ".join(str(text).split()).replace("|", "\\|")
    return line if len(line) <= most else line[: most - 1] + "…"


def step_table(record: dict[str, Any]) -> list[str]:
    rows = []
    for grammar, engine, entry in each(record):
        for phase, found in entry.get("phases", {}).items():
            if phase not in MASK_PHASES and found:
                figures = [number(found[name]) for name in ("p50", "mean", "p99", "p999", "max")]
                rows.append([grammar, engine, phase, f"{found['n']:,.0f}", *figures])
    return table(["grammar", "engine", "step", "n", "p50", "mean", "p99", "p99.9", "max"], rows, 3)


def size_table(record: dict[str, Any]) -> list[str]:
    rows = []
    for grammar, engine, entry in each(record):
        if "phases" not in entry:
            continue
        memory, size = entry["memory_mb"], entry.get("artefact_bytes")
        rows.append(
            [grammar, engine]
            + [number(middle(entry.get(name))) for name in ("compile_and_first_mask_ms", "load_and_first_mask_ms")]
            + [number(middle(entry.get("gcd_compile_s"))), "–" if size is None else f"{size:,}"]
            + [number(memory[name]) for name in ("grammar, known texts walked", "grammar, all texts walked")]
            + [number(memory["process, vocabulary held"]), number(memory["peak"])]
        )
    head = ["grammar", "engine", "compile + first mask, ms", "load + first mask, ms", "`gcd compile`, s"]
    head += ["artefact, bytes", "grammar after known texts, MB", "after all, MB", "process before, MB", "peak, MB"]
    lines = table(head, rows, 2)
    for grammar, engine, entry in each(record):
        lines += [f"* {grammar}, {engine}: {clip(entry[name])}" for name in FAILURES if name in entry]
    return [*lines, ""]


def verdict_table(record: dict[str, Any]) -> list[str]:
    rows = []
    for grammar, _, entry in each(record):
        for writing, found in entry["writings"].items():
            if "unsupported" in found:
                rows.append([grammar, writing, f"not supported: {clip(found['unsupported'])}", "", ""])
                continue
            verdicts = "; ".join(f"{n} {verdict}" for verdict, n in found["verdicts"].items())
            counted = "yes" if entry.get("writing") == writing else ""
            rows.append([grammar, writing, verdicts, counted, number(found.get("probe_mean_us"))])
    note = "Masks only in part: the time was up. Timed is the fastest writing that takes every known text."
    return [*table(["grammar", "writing", "texts", "timed", "mean while verifying, µs"], rows, 4), note, ""]


def comparison_table(record: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    rows = []
    for grammar, result in record["grammars"].items():
        for writing, found in result.get("comparisons", {}).items():
            differing = found["positions"] - found["equal"]
            suspects = len(found["suspects"])
            rows.append(
                [
                    *(grammar, writing, f"{found['positions']:,}", f"{differing:,}", f"{found['ours_only']:,}"),
                    *(f"{found['theirs_only']:,}", f"{found['sample']:,}", f"**{suspects}**" if suspects else "0"),
                    str(len(found["unexplained"])),
                ]
            )
    head = ["grammar", "writing", "positions", "that differ", "bits gcd only", "bits peer only"]
    lines += table([*head, "judged", "against gcd", "unexplained"], rows, 2)
    for grammar, result in record["grammars"].items():
        for writing, found in result.get("comparisons", {}).items():
            if found["classes"]:
                body = [[c["kind"], c["allowed_by"], c["verdict"], str(c["n"])] for c in found["classes"]]
                lines += [f"{grammar}, {writing}:", "", *table(["kind", "allowed by", "whole text", "n"], body, 3)]
            for title, shown in (("against gcd", found["suspects"][:5]), ("unexplained", found["unexplained"][:5])):
                for example in shown:
                    text = f"…{example['before'][-60:]!r} + {example['token']!r} + {example['ending']!r}"
                    lines.append(f"* {title}: allowed by {example['allowed_by']}: {text}: {example['verdict']}")
                if shown:
                    lines.append("")
    return lines
