"""A record of `bench json` as a picture: ``python -m bench.maskbench.plot RECORD PNG`` (needs matplotlib)."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {
    "gcd": "#1f5fb4",
    "llguidance": "#d9822b",
    "xgrammar": "#5a9e3d",
    "outlines_core": "#8a5fb0",
    "lm_format_enforcer": "#a04545",
}
PARTS = (
    ("wholly right", "#3b7d4f"),
    ("wrong reject or failed midway", "#d8b63a"),
    ("wrong accept", "#b03030"),
    ("refused", "#b9bec6"),
    ("time out or crash", "#5c6370"),
)


def shares(verdicts: dict[str, Any]) -> list[float]:
    """What became of the schemas, in percent, in the order of PARTS."""
    n = verdicts["schemas"]
    right, refused, lost = verdicts["right"], verdicts["refused"], verdicts["timeouts"] + verdicts["crashes"]
    accepts = verdicts["schemas_with_wrong_accepts"]
    return [100 * k / n for k in (right, n - right - refused - lost - accepts, accepts, refused, lost)]


def draw(record: dict[str, Any], picture: Path) -> None:
    """Verdicts as bars; which share of the masks, and of the first masks, takes longer than x."""
    figure, (bars, masks, first) = plt.subplots(1, 3, figsize=(15, 4.3), layout="constrained")
    measured = {engine: entry for engine, entry in record["engines"].items() if "verdicts" in entry}
    left = [0.0] * len(measured)
    labels = [f"{engine}\n{entry['verdicts']['schemas']:,} schemas" for engine, entry in measured.items()]
    columns = [shares(entry["verdicts"]) for entry in measured.values()]
    for part, (name, colour) in enumerate(PARTS):
        widths = [column[part] for column in columns]
        bars.barh(labels, widths, left=left, color=colour, label=name)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    bars.invert_yaxis()
    bars.set(xlabel="% of the schemas", xlim=(0, 100))
    bars.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=3, fontsize=8, frameon=False)
    for ax, part, label, unit in (
        (masks, "masks_tail", "time of a mask, µs", 1.0),
        (first, "first_mask_tail", "compile + first mask, ms", 1e3),
    ):
        for engine, found in record["common"].get("engines", {}).items():
            if found[part]:
                times, above = zip(*found[part], strict=True)
                scaled = [t / unit for t in times]
                ax.plot(scaled, above, color=COLOURS[engine], lw=1.5, drawstyle="steps-post", label=engine)
        ax.set(xscale="log", yscale="log", xlabel=label, ylabel="share that takes longer")
        ax.grid(which="major", color="#dddddd", lw=0.6)
        ax.legend(frameon=False, fontsize=9)
    machine, tokenizer = record["machine"], record["tokenizer"]
    about = [f"{tokenizer['name']}, {tokenizer['width']:,} tokens", machine["cpu"]]
    about += [f"{record['common'].get('schemas', 0):,} schemas timed", f"load {machine['load_average_before']:.1f}"]
    figure.suptitle(" · ".join([*about, record["when"][:10]]), fontsize=10)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
