"""Plots as inline SVG that takes its colours from the page: distributions, before against after, groups, peers, cost.

All are drawn 340 units wide, so that their text is as large on a phone as on a wide screen, where several stand side by
side. Colour never tells alone: before is hollow, after is filled, and numbers stand beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from enhancer.evaluation.measures import Measure
from enhancer.evaluation.report.markup import Markup, element
from enhancer.evaluation.report.numbers import Axis, interval, shown, spanned
from enhancer.evaluation.statistics import Difference, Mean

WIDTH = 340
_LEFT, _RIGHT = 10, WIDTH - 10
_MOST_DOTS = 400
_FEW = 8  # a density of fewer values would be made up


@dataclass(frozen=True)
class Row:
    """One line of a chart of groups: its label, and values before (NaN: none) and after, or a difference."""

    label: str
    count: int
    before: float
    after: float
    gain: Difference


@dataclass(frozen=True)
class Point:
    """A system in the plane of cost and quality; `role` is "after" for ours, "" for others."""

    label: str
    cost: float
    quality: Mean
    role: str


def distribution(measure: Measure, rows: Sequence[tuple[str, str, np.ndarray]]) -> Markup:
    """How the files' values lie: a row a system, (its name, role, values), density above, a dot a file below."""
    ends = np.array([_fenced(values[np.isfinite(values)]) for _, _, values in rows])
    axis = Axis(*spanned(ends), _LEFT, _RIGHT)
    beyond = sum(int(np.sum((values < axis.low) | (values > axis.high))) for _, _, values in rows)
    drawn: list[Markup] = []
    said = []
    for number, (system, role, values) in enumerate(rows):
        values = values[np.isfinite(values)]
        base = 66 + 82 * number
        mean = float(values.mean()) if values.size else float("nan")
        drawn.append(_text(_LEFT, base - 48, system, class_=f"label {role}"))
        drawn.append(_text(_RIGHT, base - 48, f"mean {shown(mean, measure.digits)}", class_="value", anchor="end"))
        if (outline := _density(values, axis)) is not None:
            path = " ".join(f"L{x:.1f} {base - 40 * height:.1f}" for x, height in outline)
            first, last = f"{outline[0, 0]:.1f} {base}", f"{outline[-1, 0]:.1f} {base}"
            drawn.append(element("path", d=f"M{first} {path} L{last} Z", class_=f"density {role}"))
        drawn.append(_line(_LEFT, base, _RIGHT, base, "rule"))
        if values.size:
            q25, q50, q75 = np.percentile(values, [25, 50, 75])
            drawn += _strip(values, axis, base + 7, role)
            drawn.append(_line(axis.at(q25), base, axis.at(q75), base, f"quartiles {role}"))
            drawn.append(_line(axis.at(mean), base - 40, axis.at(mean), base, f"mean {role}"))
            said.append(
                f"{system}: mean {shown(mean, measure.digits)}, median {shown(q50, measure.digits)}, half of the files "
                f"{shown(q25, measure.digits)} to {shown(q75, measure.digits)}"
            )
    bottom = 66 + 82 * (len(rows) - 1) + 22
    drawn += _scale(axis, bottom)
    if beyond:
        drawn.append(_text(_RIGHT, bottom + 32, f"{beyond} beyond the axis, drawn at its ends", "quiet", anchor="end"))
    return _chart(f"{measure.label}. {'; '.join(said)}.", bottom + (38 if beyond else 22), drawn)


def before_after(measure: Measure, names: Sequence[str], before: np.ndarray, after: np.ndarray, ours: str) -> Markup:
    """A dot a file, before across and after up: above the diagonal it gained. At most 400 dots, over all gains."""
    both = np.flatnonzero(np.isfinite(before) & np.isfinite(after))
    order = both[np.argsort((after - before)[both], kind="stable")]
    if len(order) > _MOST_DOTS:
        order = order[np.linspace(0, len(order) - 1, _MOST_DOTS).round().astype(int)]
    ends = spanned(np.array([_fenced(before[both]), _fenced(after[both])]))
    across, up = Axis(*ends, 40, _RIGHT), Axis(*ends, 290, 20)
    drawn = []
    for tick in across.ticks():
        drawn += [
            _line(across.at(tick), 20, across.at(tick), 290, "grid"),
            _line(40, up.at(tick), 330, up.at(tick), "grid"),
        ]
        drawn.append(_text(across.at(tick), 306, _tick(tick), "tick", anchor="middle"))
        drawn.append(_text(34, up.at(tick) + 4, _tick(tick), "tick", anchor="end"))
    drawn.append(_line(40, 290, 330, 20, "diagonal"))
    drawn.append(_text(_RIGHT, 324, "noisy →", "quiet", anchor="end"))
    drawn.append(_text(4, 11, f"↑ {ours}", "quiet"))
    better, worse = ("better", "worse") if measure.better >= 0 else ("worse", "better")
    drawn.append(_text(48, 36, f"{better} ↖", "quiet"))
    drawn.append(_text(322, 282, f"↘ {worse}", "quiet", anchor="end"))
    for i in order.tolist():
        told = f"{names[i]}: {shown(before[i], measure.digits)} → {shown(after[i], measure.digits)}"
        dot = element("title", told)
        drawn.append(element("g", dot, element("circle", cx=_at(across.at(before[i])), cy=_at(up.at(after[i])), r=3.5),
                             class_="file"))  # fmt: skip
    gained = int(np.sum((after - before)[both] * (measure.better or 1) > 0))
    return _chart(
        f"{measure.label} of each file, noisy across, {ours} up: {gained} of {len(both)} files better.", 330, drawn
    )


def by_group(measure: Measure, rows: Sequence[Row]) -> Markup:
    """Means of groups of files: before hollow, after filled, a bar for the gain's interval, the gain in words."""
    starts = [row.before if np.isfinite(row.before) else 0.0 for row in rows]
    values = np.array(
        [v for row, start in zip(rows, starts, strict=True)
         for v in (row.before, row.after, start + row.gain.low, start + row.gain.high)]
    )  # fmt: skip
    axis = Axis(*spanned(values), _LEFT + 6, _RIGHT - 6)
    bottom = 40 * len(rows) + 4
    drawn = [_line(axis.at(tick), 4, axis.at(tick), bottom, "grid") for tick in axis.ticks()]
    said = []
    for number, row in enumerate(rows):
        top = 40 * number
        has_before = np.isfinite(row.before)
        told = shown(row.gain.mean, measure.digits, sign=True) if has_before else shown(row.after, measure.digits)
        drawn += _headed(top + 15, row.label, row.count, told, "")
        y = top + 29
        base = row.before if has_before else 0.0
        if np.isfinite(row.gain.low):
            drawn.append(_line(axis.at(base + row.gain.low), y, axis.at(base + row.gain.high), y, "range"))
        if has_before:
            drawn.append(_line(axis.at(row.before), y, axis.at(row.after), y, "change"))
            drawn.append(element("circle", cx=_at(axis.at(row.before)), cy=y, r=4.5, class_="dot before"))
        drawn.append(element("circle", cx=_at(axis.at(row.after)), cy=y, r=5, class_="dot after"))
        said.append(f"{row.label} {told}")
    return _chart(f"{measure.label}: {'; '.join(said)}.", bottom + 22, drawn + _scale(axis, bottom))


def against(measure: Measure, rows: Sequence[tuple[str, Difference, bool]]) -> Markup:
    """Ours minus others, (name, paired difference, beyond chance): right of zero we are better."""
    found = np.array([v for _, d, _ in rows for v in (d.mean, d.low, d.high, 0.0)])
    axis = Axis(*spanned(found), _LEFT + 6, _RIGHT - 6)
    bottom = 40 * len(rows) + 4
    drawn = [_line(axis.at(tick), 4, axis.at(tick), bottom, "grid") for tick in axis.ticks()]
    drawn.append(_line(axis.at(0), 4, axis.at(0), bottom, "zero"))
    said = []
    for number, (name, difference, certain) in enumerate(rows):
        y = 40 * number + 29
        verdict = "before" if difference.high < 0 else "after" if difference.low > 0 else "level"
        told = shown(difference.mean, measure.digits, sign=True)
        drawn += _headed(y - 14, name, None, told + ("*" if certain else ""), interval(difference, measure, sign=True))
        if np.isfinite(difference.low):
            drawn.append(_line(axis.at(difference.low), y, axis.at(difference.high), y, f"interval {verdict}"))
        if np.isfinite(difference.mean):
            drawn.append(element("circle", cx=_at(axis.at(difference.mean)), cy=y, r=5, class_=f"dot filled {verdict}"))
        said.append(f"{name} {told}")
    return _chart(f"{measure.label}, ours minus others: {'; '.join(said)}.", bottom + 22, drawn + _scale(axis, bottom))


def cost_and_quality(measure: Measure, points: Sequence[Point]) -> Markup:
    """Processor time across (logarithmic), quality up with its interval: best is top left."""
    costs = np.array([point.cost for point in points])
    ends = np.array([v for p in points for v in (p.quality.mean, p.quality.low, p.quality.high)])
    across = Axis(float(costs.min()) / 1.6, float(costs.max()) * 1.6, 40, _RIGHT, logarithmic=True)
    up = Axis(*spanned(ends), 250, 20)
    drawn = []
    for tick in up.ticks():
        drawn += [
            _line(40, up.at(tick), _RIGHT, up.at(tick), "grid"),
            _text(34, up.at(tick) + 4, _tick(tick), "tick", anchor="end"),
        ]
    for tick in across.ticks():
        drawn += [_line(across.at(tick), 20, across.at(tick), 250, "grid")]
        drawn.append(_text(across.at(tick), 266, _tick(tick), "tick", anchor="middle"))
    drawn += [
        _text(4, 11, f"↑ {measure.label}", "quiet"),
        _text(_RIGHT, 284, "processor seconds a second of sound →", "quiet", anchor="end"),
    ]
    dots: list[Markup] = []
    labels: list[Markup] = []
    taken = [_box(across.at(p.cost) - 6, up.at(p.quality.mean) + 4, 12) for p in points]
    for point in sorted(points, key=lambda p: (not p.role, -p.quality.mean)):
        x, y = across.at(point.cost), up.at(point.quality.mean)
        role = point.role or "level"
        if np.isfinite(point.quality.low):
            drawn.append(_line(x, up.at(point.quality.low), x, up.at(point.quality.high), f"interval thin {role}"))
        dots.append(element("circle", cx=_at(x), cy=_at(y), r=5, class_=f"dot filled {role}"))
        width = 7.3 * len(point.label)
        # Beside the dot, over it, under it, then ever farther: the first place that hides nothing.
        places = [(left, y + 4 + rise) for rise in (0, -9, 9, -14, 14, -20, 20, -28, 28, -38, 38)
                  for left in (x + 9, x - 9 - width, x - width / 2 if abs(rise) > 9 else x + 9)
                  if left > 40 and left + width < WIDTH]  # fmt: skip
        left, label_y = min(places, key=lambda at: sum(_shared(_box(at[0], at[1], width), other) for other in taken))
        taken.append(_box(left, label_y, width))
        labels.append(_text(left, label_y, point.label, f"label {point.role}"))
    drawn += [*dots, *labels]  # so that no interval crosses a name
    told = "; ".join(f"{p.label} {shown(p.quality.mean, measure.digits)} at {p.cost:.3f}" for p in points)
    return _chart(f"{measure.label} against processor seconds a second of sound: {told}.", 290, drawn)


def _box(left: float, base: float, width: float) -> tuple[float, float, float, float]:
    """Of a line of text."""
    return left, base - 11, left + width, base + 2


def _shared(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """The area that two boxes share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def _fenced(values: np.ndarray) -> tuple[float, float]:
    """The range of values without far outliers (3 quartile ranges beyond the quartiles)."""
    if not values.size:
        return np.nan, np.nan
    q25, q75 = np.percentile(values, [25, 75])
    fence = 3 * (q75 - q25) or float(np.ptp(values))
    inside = values[(values >= q25 - fence) & (values <= q75 + fence)]
    return float(inside.min()), float(inside.max())


def _density(values: np.ndarray, axis: Axis) -> np.ndarray | None:
    """A kernel estimate (Silverman's bandwidth) from the lowest to the highest value; None for too few values.

    Returns [points, 2]: places on the axis, and heights of which the tallest is 1.
    """
    if len(values) < _FEW or not np.ptp(values):
        return None
    spread = min(float(values.std()), float(np.subtract(*np.percentile(values, [75, 25]))) / 1.34 or np.inf)
    bandwidth = max(0.9 * spread * len(values) ** -0.2, (axis.high - axis.low) / 200)
    low, high = max(float(values.min()), axis.low), min(float(values.max()), axis.high)
    if len(values) > 2000:
        values = np.quantile(values, np.linspace(0, 1, 2000))
    grid = np.linspace(low, high, 121)
    heights = np.exp(-0.5 * ((grid[:, None] - values) / bandwidth) ** 2).mean(axis=1)
    return np.stack([[axis.at(x) for x in grid], heights / heights.max()], axis=1)


def _strip(values: np.ndarray, axis: Axis, y: float, role: str) -> list[Markup]:
    """A tick a file; of very many, evenly chosen ones."""
    ordered = np.sort(values)
    if len(ordered) > _MOST_DOTS:
        ordered = ordered[np.linspace(0, len(ordered) - 1, _MOST_DOTS).round().astype(int)]
    ticks = " ".join(f"M{axis.at(value):.1f} {y - 3:g}v8" for value in ordered)
    return [element("path", d=ticks, class_=f"strip {role}")]


def _headed(y: float, label: str, count: int | None, value: str, ends: str) -> list[Markup]:
    """The words over a line: what it is on the left, its number on the right."""
    taken = 7.2 * len(value) + (6.5 * len(ends) + 6 if ends else 0) + (28 if count is not None else 0) + 8
    room = int((_RIGHT - _LEFT - taken) / 7.3)
    short = label if len(label) <= room else label[: max(room - 1, 1)] + "…"
    counted = element("tspan", count, class_="quiet", dx=6) if count is not None else None
    ranged = element("tspan", ends, class_="quiet", dx=6) if ends else None
    return [
        element("text", element("title", label), short, counted, x=_LEFT, y=y, class_="label"),
        element("text", value, ranged, x=_RIGHT, y=y, class_="value", text_anchor="end"),
    ]


def _scale(axis: Axis, y: float) -> list[Markup]:
    drawn = [_line(axis.begin, y, axis.end, y, "rule")]
    for tick in axis.ticks():
        drawn += [
            _line(axis.at(tick), y, axis.at(tick), y + 4, "rule"),
            _text(axis.at(tick), y + 17, _tick(tick), "tick", anchor="middle"),
        ]
    return drawn


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _chart(alternative: str, height: float, drawn: Sequence[Markup]) -> Markup:
    return element(
        "svg", *drawn, class_="chart", viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=alternative
    )  # fmt: skip


def _text(x: float, y: float, words: str, class_: str, anchor: str | None = None) -> Markup:
    return element("text", words, x=_at(x), y=_at(y), class_=class_, text_anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=_at(x1), y1=_at(y1), x2=_at(x2), y2=_at(y2), class_=class_)


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
