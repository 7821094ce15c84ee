"""The record as a picture: ``python -m bench.harness.plot RECORD PNG`` (needs matplotlib)."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

COLOURS = {"gcd": "#1f5fb4", "llguidance": "#d9822b", "xgrammar": "#5a9e3d"}
STYLES = {"cold": "-", "warm": ":", "unseen": "--", "unseen, from the artefact": "-."}


def draw(record: dict[str, Any], picture: Path) -> None:
    """One panel a grammar: which share of the masks takes longer than x. Colour: the engine; line: the phase."""
    shown = [(g, r) for g, r in record["grammars"].items() if any("tails" in e for e in r.get("engines", {}).values())]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    size = (5.8 * columns + 1.6, 3.9 * rows + 0.4)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    drawn = set()
    for ax, (grammar, result) in zip(axes.flat, shown, strict=False):
        for engine, entry in result["engines"].items():
            for phase, tail in entry.get("tails", {}).items():
                if tail:
                    times, shares = zip(*tail, strict=True)
                    ax.plot(times, shares, STYLES[phase], color=COLOURS[engine], lw=1.5, drawstyle="steps-post")
                    drawn |= {engine, phase}
        ax.set(xscale="log", yscale="log", title=grammar)
        ax.grid(which="major", color="#dddddd", lw=0.6)
        ax.label_outer()
        missing = [f"{e}: not measured" for e, entry in result["engines"].items() if "tails" not in entry]
        if missing:
            ax.text(0.98, 0.97, "\n".join(missing), transform=ax.transAxes, ha="right", va="top", fontsize=8)
    handles = [Line2D([], [], color=c, lw=3, label=e) for e, c in COLOURS.items() if e in drawn]
    handles += [Line2D([], [], color="#444444", ls=s, label=p) for p, s in STYLES.items() if p in drawn]
    figure.legend(handles=handles, loc="outside right center", frameon=False, fontsize=9)
    figure.supxlabel("time of a mask, µs")
    figure.supylabel("share of the masks that take longer")
    machine, tokenizer = record["machine"], record["tokenizer"]
    about = [f"{tokenizer['name']}, {tokenizer['width']:,} tokens", machine["cpu"]]
    about += [f"load {machine['load_average_before']:.1f}", record["when"][:10]]
    figure.suptitle(" · ".join(about), fontsize=10)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
