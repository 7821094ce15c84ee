"""A run as a picture: the likeliest texts, the effective sample size over the steps, KL against the number of samples.

Written as SVG by hand: three panels of bars and lines are not worth a plotting library among what users must install.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gcd.sampling.meter import kl_estimates
from gcd.sampling.sample import Samples

__all__ = ["chart", "to_svg"]

_WIDTH, _HEIGHT = 620, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 36, 34
_BARS = 12
"""Texts to show."""
_INK, _GRID = "#222", "#ddd"
_COLOURS = (
    "#2b6cb0",
    "#c05621",
    "#2f855a",
    "#6b46c1",
    "#b7791f",
    "#718096",
    "#d53f8c",
    "#0987a0",
    "#9b2c2c",
    "#1a202c",
)


def to_svg(run: Samples) -> str:
    """A run as an SVG document: the panels that it has data for, one below the other."""
    panels = [_posterior(run)]
    if run.steps:
        n = len(run)
        ess = [(s["step"], s["ess"]) for s in run.steps]
        live = [(s["step"], s["live"]) for s in run.steps]
        resampled = [s["step"] for s in run.steps if s["resampled"]]
        panels.append(
            _lines(
                f"effective sample size of {n} particles (dashes: resampled)",
                "step",
                {"ESS": ess, "unfinished": live},
                top=n,
                marks=resampled,
            )
        )
        weights = [(s["step"], s["log_mean_weight"]) for s in run.steps if math.isfinite(s["log_mean_weight"])]
        if weights:
            panels.append(_lines("log of the mean weight", "step", {"log mean weight": weights}))
    else:
        kl = _running_kl(run)
        if kl:
            panels.append(_lines("KL estimates from the first samples, nats", "samples", kl, bottom=0.0))
    return _document(panels)


def chart(panels: Sequence[tuple[str, dict[str, list[tuple[float, float]]]]]) -> str:
    """Panels of curves, one below the other: (title, {name: points}) each."""
    return _document([_lines(title, "", series) for title, series in panels])


def _document(panels: Sequence[str]) -> str:
    height = _HEIGHT * len(panels)
    body = "\n".join(f'<g transform="translate(0 {i * _HEIGHT})">{panel}</g>' for i, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _posterior(run: Samples) -> str:
    """Bars of the likeliest texts."""
    texts = list(run.posterior().items())
    shown = texts[:_BARS]
    parts = [_title(f"estimated law of {len(texts)} different texts, {run.method}, n = {len(run)}")]
    step = (_HEIGHT - _TOP - 10) / _BARS
    top = max((p for _, p in shown), default=1.0)
    for i, (text, p) in enumerate(shown):
        y = _TOP + i * step
        width = 300 * p / top
        parts.append(f'<rect x="250" y="{y:.1f}" width="{width:.1f}" height="{step * 0.75:.1f}" fill="{_COLOURS[0]}"/>')
        parts.append(_text(244, y + step * 0.6, _clip(text), "end"))
        parts.append(_text(254 + width, y + step * 0.6, f"{p:.3g}"))
    if not shown:
        parts.append(_text(250, _TOP + 20, "no draw satisfied the constraint"))
    return "".join(parts)


def _running_kl(run: Samples) -> dict[str, list[tuple[float, float]]]:
    """KL estimates from the first k samples; empty if weights say nothing."""
    weights = [s.log_weight for s in run]
    if len(weights) < 2 or len(set(weights)) == 1 or min(weights) == -math.inf:
        return {}
    ks = sorted({max(2, round(len(weights) * i / 60)) for i in range(1, 61)})
    both = [(k, kl_estimates(weights[:k])) for k in ks]
    return {
        "KL(drawn || target)": [(k, kl[0]) for k, kl in both],
        "KL(target || drawn)": [(k, kl[1]) for k, kl in both],
    }


def _lines(
    title: str,
    x_name: str,
    series: dict[str, list[tuple[float, float]]],
    *,
    bottom: float | None = None,
    top: float | None = None,
    marks: Sequence[float] = (),
) -> str:
    """Curves over one axis; `marks`: dashed verticals."""
    points = [point for curve in series.values() for point in curve]
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0 = min(y for _, y in points) if bottom is None else bottom
    y1 = max(y for _, y in points) if top is None else top
    if top is not None and bottom is None:
        y0 = 0.0
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
        up = (y - y0) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across, _HEIGHT - _BOTTOM - up

    parts = [_title(title)]
    for i in range(5):
        y = y0 + (y1 - y0) * i / 4
        (left, level), (right, _) = at(x0, y), at(x1, y)
        parts.append(f'<path d="M{left:.1f} {level:.1f}H{right:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(left - 5, level + 4, f"{y:.3g}", "end"))
    for x in (x0, (x0 + x1) / 2, x1):
        parts.append(_text(at(x, y0)[0], _HEIGHT - _BOTTOM + 14, f"{x:.3g}", "middle"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, x_name, "middle"))
    for x in marks:
        parts.append(
            f'<path d="M{at(x, y0)[0]:.1f} {_HEIGHT - _BOTTOM}V{_TOP}" stroke="{_GRID}" stroke-dasharray="3 3"/>'
        )
    for i, (name, curve) in enumerate(series.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in curve))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(_text(_WIDTH - _RIGHT - 4, _TOP + 12 + 14 * i, name, "end", colour))
    return "".join(parts)


def _title(text: str) -> str:
    return f'<text x="{_LEFT}" y="20" fill="{_INK}" font-size="13" font-weight="bold">{escape(text)}</text>'


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'


def _clip(text: str, most: int = 38) -> str:
    """One printable line."""
    line = "".join(c if c.isprintable() else "␣" for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"
