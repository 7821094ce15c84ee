"""A record of `bench json` as Markdown: the project's targets with pass or miss, then every figure."""

from collections.abc import Iterator
from typing import Any

from bench.harness.report import Row, cell, circumstances, clip, number, table

CAUSES = 12
"""Refusals by cause, shown for each engine."""


def targets(record: dict[str, Any]) -> Iterator[Row]:
    """What the project asks of gcd. Ratios: positions that both walked, on the schemas that all fast ones finished."""
    ours = record["engines"].get("gcd", {})
    verdicts = ours.get("verdicts")
    n = record["schemas"]

    def count(name: str) -> float | None:
        return verdicts[name] if verdicts else None

    right = count("right")
    yield Row("schemas wholly right", None if right is None else 100 * right / n, "%", 97, at_least=True)
    yield Row("instances wrongly accepted, shuffled ones too", all_wrong(verdicts), "", 0)
    yield Row("schemas with a wrong reject", count("schemas_with_wrong_rejects"), "", 3)
    yield Row("time outs", count("timeouts"), "", 0)
    yield Row("crashes", count("crashes"), "", 0)
    yield Row("walks that failed in mid-output", all_failed(verdicts), "", 0)
    yield Row("refused as they may dead-end", dead_ends(verdicts, n), "% of the schemas", 0.5)
    for peer, rows in (
        ("llguidance", (("mean", "mean", 1 / 10), ("p99", "p99", 1 / 5), ("p99.9", "p999", 1 / 3))),
        ("xgrammar", (("median", "p50", 1 / 4),)),
    ):
        ratios = record["common"].get("against", {}).get(peer, {}).get("gcd_of_peer", {})
        for what, name, most in rows:
            yield Row(f"masks: {what}, of {peer}'s", ratios.get(name), "×", most)
    found = record["common"].get("engines", {})
    mine, theirs = found.get("gcd", {}), found.get("llguidance", {})
    yield Row("masks: max", milliseconds(mine.get("masks"), "max"), "ms", 5)
    for what, name in (("median", "p50"), ("p99", "p99")):
        limit = milliseconds(theirs.get("first_mask"), name)
        if limit is not None:
            yield Row(f"compile + first mask: {what}", milliseconds(mine.get("first_mask"), name), "ms", limit)
    for what, part in (("second compile + first mask", "second_compile"), ("artefact: load + first mask", "load")):
        for label, name in (("median", "p50"), ("p99", "p99")):
            yield Row(f"{what}: {label}", milliseconds(mine.get(part), name), "ms", 0.3)
    yield Row("bounds: slowest of 10, 1,000, 100,000 against the fastest", spread(ours.get("bounds")), "×", 2)
    if not record.get("partial"):
        yield Row("minutes in all", record["seconds"] / 60, "", 20)


def all_wrong(verdicts: dict[str, Any] | None) -> float | None:
    return verdicts["wrong_accepts"] + verdicts["shuffled_wrong_accepts"] if verdicts else None


def all_failed(verdicts: dict[str, Any] | None) -> float | None:
    return verdicts["failed"] + verdicts["shuffled_failed"] if verdicts else None


def dead_ends(verdicts: dict[str, Any] | None, n: int) -> float | None:
    """gcd's refusals of what it can't vouch for, in percent."""
    if not verdicts:
        return None
    return 100 * sum(k for cause, k in verdicts["causes"].items() if cause.startswith("InexactError")) / n


def milliseconds(times: dict[str, float] | None, name: str) -> float | None:
    return times[name] / 1e3 if times else None


def spread(found: list[dict[str, Any]] | None) -> float | None:
    """Of the mean mask times of one kind of bound the largest over the smallest; the worst kind."""
    kinds: dict[str, list[float]] = {}
    for each in found or ():
        if "mean_us" not in each:
            return None
        kinds.setdefault(each["kind"], []).append(each["mean_us"])
    return max((max(times) / min(times) for times in kinds.values()), default=None)


def report(record: dict[str, Any]) -> str:
    """The whole report."""
    lines = ["# JSON Schema", "", *heading(record), ""]
    rows = list(targets(record))
    lines += ["## Targets", "", *table(["gcd", "figure"], [[row.what, cell(row)] for row in rows], 2)]
    met = [row.met for row in rows]
    lines += [f"{met.count(True)} met, {met.count(False)} missed, {met.count(None)} not measured.", ""]
    lines += ["## Verdicts", "", *verdict_table(record)]
    lines += ["## Masks, µs", "", *mask_tables(record)]
    lines += ["## Compile + first mask, ms", "", *compile_tables(record)]
    lines += ["## Bounds", "", *bound_table(record)]
    lines += ["## Refusals by cause", "", *causes(record)]
    lines += ["## Which files", "", *files(record)]
    return "\n".join(lines).rstrip() + "\n"


def heading(record: dict[str, Any]) -> Iterator[str]:
    yield from circumstances(record)
    yield f"{record['schemas']:,} schemas, {record['with_instances']:,} of them with instances."
    for engine, entry in record["engines"].items():
        versions = ", ".join(f"{name} {version}" for name, version in (entry.get("versions") or {}).items())
        seconds, preempted = entry["seconds"], entry.get("preempted", 0)
        yield f"{engine}: {versions or 'not run'}; {seconds:.0f} s, preempted {preempted:,} times at work."


def verdict_table(record: dict[str, Any]) -> list[str]:
    rows = []
    for engine, entry in record["engines"].items():
        if "verdicts" not in entry:
            rows.append([engine, f"not measured: {clip(entry.get('error', ''))}", *[""] * 11])
            continue
        v = entry["verdicts"]
        rows.append(
            [
                engine,
                f"{v['schemas']:,}",
                f"{v['right']:,} ({100 * v['right'] / v['schemas']:.1f} %)",
                f"{v['right_with_instances']:,} of {v['with_instances']:,}",
                *(f"{v[name]:,}" for name in ("refused", "timeouts", "crashes")),
                f"{v['wrong_accepts']:,} ({v['schemas_with_wrong_accepts']:,})",
                f"{v['wrong_rejects']:,} ({v['schemas_with_wrong_rejects']:,})",
                f"{v['failed'] + v['shuffled_failed']:,}",
                f"{v['disagreements']:,}",
                f"{v['shuffled_valid_accepted']:,} of {v['shuffled_valid']:,}; {v['shuffled_wrong_accepts']:,}",
                number(entry.get("peak_rss_mb")),
            ]
        )
    head = ["engine", "schemas", "wholly right", "of those with instances", "refused", "time outs", "crashes"]
    head += ["wrong accepts (schemas)", "wrong rejects (schemas)", "failed midway", "mask ≠ accept"]
    head += ["shuffled: valid taken; wrong accepts", "peak RSS, MB"]
    note = (
        "Without instances a schema is right when it compiles: look at those with instances. "
        "Shuffled: the properties of every object in another order."
    )
    return [*table(head, rows), note, ""]


def mask_tables(record: dict[str, Any]) -> Iterator[str]:
    for title, found in comparisons(record):
        yield f"{title} ({found['schemas']:,} schemas):"
        yield ""
        rows = []
        for engine, figures in found["engines"].items():
            for step in ("masks", "accepts"):
                times = figures[step]
                if times:
                    shown = [number(times[name]) for name in ("p50", "mean", "p90", "p99", "p999", "max")]
                    rows.append([engine, step, f"{times['n']:,}", *shown])
        yield from table(["engine", "step", "n", "p50", "mean", "p90", "p99", "p99.9", "max"], rows, 2)
        rows = []
        for peer, both in found.get("against", {}).items():
            for name, times in (("gcd", both.get("gcd")), (peer, both.get("peer"))):
                if times:
                    shown = [number(times[each]) for each in ("p50", "mean", "p90", "p99", "p999", "max")]
                    rows.append([f"gcd and {peer}", name, f"{both['positions']:,}", *shown])
            if "gcd_of_peer" in both:
                ratios = [f"{both['gcd_of_peer'][each]:.3f}" for each in ("p50", "mean", "p90", "p99", "p999", "max")]
                rows.append([f"gcd and {peer}", "gcd of the peer's", "", *ratios])
        if rows:
            yield "The same on the positions that both walked:"
            yield ""
            yield from table(["pair", "", "masks", "p50", "mean", "p90", "p99", "p99.9", "max"], rows, 2)
    for engine, entry in record["engines"].items():
        if "figures" in entry:
            worst = "; ".join(f"{ms:.1f} ms {clip(file, 60)}" for ms, file in entry["figures"]["slowest_masks"])
            yield f"* slowest masks, {engine}: {worst}"
    yield ""


def comparisons(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas that all fast engines finished, then those that each slow one finished too."""
    if record["common"].get("engines"):
        yield "Schemas that all of " + ", ".join(record["common"]["engines"]) + " finished", record["common"]
    for engine, entry in record["engines"].items():
        if entry.get("common", {}).get("engines"):
            yield f"Those of {engine}'s that all finished", entry["common"]


def compile_tables(record: dict[str, Any]) -> Iterator[str]:
    for title, found in comparisons(record):
        yield f"{title} ({found['schemas']:,} schemas):"
        yield ""
        rows = []
        for engine, figures in found["engines"].items():
            for what, name in (
                ("compile + first mask", "first_mask"),
                ("compile alone", "compile"),
                ("an equal schema again", "second_compile"),
                ("artefact, load + first mask", "load"),
            ):
                times = figures[name]
                if times:
                    shown = [number(times[each] / 1e3) for each in ("p50", "mean", "p90", "p99", "max")]
                    rows.append([engine, what, f"{times['n']:,}", *shown])
        yield from table(["engine", "", "n", "p50", "mean", "p90", "p99", "max"], rows, 2)
    for engine, entry in record["engines"].items():
        if "figures" in entry:
            worst = "; ".join(f"{ms:,.0f} ms {clip(file, 60)}" for ms, file in entry["figures"]["slowest_first_masks"])
            yield f"* slowest, {engine}: {worst}"
    yield ""


def bound_table(record: dict[str, Any]) -> Iterator[str]:
    rows = []
    for engine, entry in record["engines"].items():
        for each in entry.get("bounds", ()):
            problem = next(
                (clip(f"{name}: {each[name]}", 60) for name in ("refused", "timeout", "crashed") if name in each), ""
            )
            figures = [number(each.get(name)) for name in ("first_us", "mean_us")]
            rows.append([engine, each["kind"], problem, f"{each['bound']:,}", *figures])
    yield "Mean of the masks over one document, µs: the first walk, and the median of later ones."
    yield ""
    yield from table(["engine", "kind", "problem", "bound", "first walk", "later walks"], rows, 3)


def causes(record: dict[str, Any]) -> Iterator[str]:
    for engine, entry in record["engines"].items():
        found = entry.get("verdicts", {}).get("causes")
        if not found:
            continue
        yield f"{engine}:"
        yield ""
        ordered = list(found.items())
        rows = [[clip(cause), f"{n:,}"] for cause, n in ordered[:CAUSES]]
        if len(ordered) > CAUSES:
            rows.append([f"{len(ordered) - CAUSES} other causes", f"{sum(n for _, n in ordered[CAUSES:]):,}"])
        yield from table(["cause", "schemas"], rows)


def files(record: dict[str, Any]) -> Iterator[str]:
    """What to look at, gcd's first; refusals are counted by cause above."""
    for engine, entry in record["engines"].items():
        for heading_, listed in entry.get("verdicts", {}).get("files", {}).items():
            if heading_ != "refused":
                shown = listed if engine == "gcd" else listed[:5]
                more = f", … ({len(listed)} or more)" if len(shown) < len(listed) else ""
                yield f"* {engine} {heading_}: {', '.join(clip(each, 120) for each in shown)}{more}"
    yield ""
