"""A run as a picture: the likeliest texts, the effective sample size over the steps, KL against the number of samples.

Written as SVG by hand: three panels of bars and lines are not worth a plotting library among what users must install.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gcd.sampling.meter import kl_estimates
from gcd.sampling.sample import Samples

__all__ = ["Panel", "chart", "to_svg"]

_WIDTH, _HEIGHT = 780, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 190, 36, 34
_DOTS = 20
"""Points of a curve up to which each has a dot."""
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


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over one axis.

    Attributes:
        title: above them.
        series: name -> its points (x, y); single points are dots.
        x_name: below the axis.
        log: both axes are logarithmic. All numbers must be above 0.
        y_range: the lowest and the highest y; by default the points'.
    """

    title: str
    series: dict[str, list[tuple[float, float]]]
    x_name: str = ""
    log: bool = False
    y_range: tuple[float, float] | None = None


def chart(panels: Sequence[Panel]) -> str:
    """Panels, one below the other, as an SVG document."""
    drawn = []
    for panel in panels:
        bottom, top = panel.y_range or (None, None)
        drawn.append(_lines(panel.title, panel.x_name, panel.series, bottom=bottom, top=top, log=panel.log))
    return _document(drawn)


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
    log: bool = False,
) -> str:
    """Curves over one axis, their names at the right; `marks`: dashed verticals."""
    points = [point for curve in series.values() for point in curve]
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0 = min(y for _, y in points) if bottom is None else bottom
    y1 = max(y for _, y in points) if top is None else top
    if top is not None and bottom is None:
        y0 = 0.0
    scale = math.log if log else float
    x0, x1, y0, y1 = scale(x0), scale(x1), scale(y0), scale(y1)
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        """Of scaled coordinates."""
        across = (x - x0) / (x1 - x0) * (_WIDTH - _LEFT - _RIGHT)
        up = (y - y0) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across, _HEIGHT - _BOTTOM - up

    def at(x: float, y: float) -> tuple[float, float]:
        return place(scale(x), scale(y))

    def label(value: float) -> str:
        return f"{math.exp(value) if log else value:.3g}"

    parts = [_title(title)]
    for i in range(5):
        y = y0 + (y1 - y0) * i / 4
        (left, level), (right, _) = place(x0, y), place(x1, y)
        parts.append(f'<path d="M{left:.1f} {level:.1f}H{right:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(left - 5, level + 4, label(y), "end"))
    for x in (x0, (x0 + x1) / 2, x1):
        parts.append(_text(place(x, y0)[0], _HEIGHT - _BOTTOM + 14, label(x), "middle"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_name, "middle"))
    for x in marks:
        parts.append(
            f'<path d="M{place(scale(x), y0)[0]:.1f} {_HEIGHT - _BOTTOM}V{_TOP}" stroke="{_GRID}" '
            f'stroke-dasharray="3 3"/>'
        )
    for i, (name, curve) in enumerate(series.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        dashes = ' stroke-dasharray="5 3"' if i >= len(_COLOURS) else ""
        places = [at(*point) for point in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/>')
        if len(places) <= _DOTS:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        level = _TOP + 6 + 15 * i
        right = _WIDTH - _RIGHT + 10
        parts.append(f'<path d="M{right} {level}h14" stroke="{colour}" stroke-width="3"{dashes}/>')
        parts.append(_text(right + 19, level + 4, name))
    return "".join(parts)


def _title(text: str) -> str:
    return f'<text x="{_LEFT}" y="20" fill="{_INK}" font-size="13" font-weight="bold">{escape(text)}</text>'


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'


def _clip(text: str, most: int = 38) -> str:
    """One printable line."""
    line = "".join(c if c.isprintable() else "␣" for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"
