"""Quality against cost: one dot a system, filled where it works frame by frame, hollow for whole files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.picture import ACCENT, BACKGROUND, FAINT, TEXT, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PEER, GRID = "#8fb4d9", "#2a2e38"
SIZE_INCHES = (8.2, 4.6)
DOT = 9.0  # points
# Where a label may stand from its dot, in points, and how it is anchored there: the first that hides nothing is taken.
PLACES = (
    ((11, 0), "left", "center"), ((-11, 0), "right", "center"), ((0, 10), "center", "bottom"),
    ((0, -10), "center", "top"), ((10, 9), "left", "bottom"), ((10, -9), "left", "top"),
    ((-10, 9), "right", "bottom"), ((-10, -9), "right", "top"),
)  # fmt: skip


@dataclass(frozen=True)
class Dot:
    """One system: its mean PESQ-WB and real-time factors (streaming: None where it cannot)."""

    title: str
    pesq_wb: float
    streaming: float | None
    files: float
    ours: bool = False


def draw(dots: Sequence[Dot], noisy_pesq_wb: float, about: str, path: Path) -> None:
    """Writes `figure_of` as PNG."""
    save(figure_of(dots, noisy_pesq_wb, about), path)


def figure_of(dots: Sequence[Dot], noisy_pesq_wb: float, about: str) -> Figure:
    """The picture on a dark card, as the demo's is: it reads on light pages and dark ones.

    `about` is a line under the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=SIZE_INCHES, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.115, 0.905, 0.70), facecolor=BACKGROUND)
    figure.text(0.02, 0.95, "Quality against cost", color=TEXT, size=13, weight="bold", va="center")
    figure.text(0.02, 0.885, about, color=FAINT, size=8.5, va="center")

    drawn = []
    for dot in dots:
        colour = ACCENT if dot.ours else PEER
        if dot.streaming is not None and dot.files < dot.streaming:
            axes.plot([dot.files, dot.streaming], [dot.pesq_wb] * 2, color=colour, linewidth=1, alpha=0.6, zorder=2)
        if dot.streaming is not None:
            drawn.append((dot.streaming, dot.pesq_wb, colour, colour))
        if dot.streaming is None or dot.files < dot.streaming:
            drawn.append((dot.files, dot.pesq_wb, BACKGROUND, colour))
    for x, y, face, edge in drawn:
        axes.plot(x, y, "o", markersize=DOT, color=face, markeredgecolor=edge, markeredgewidth=1.8, zorder=3)
    axes.set_xscale("log")
    costs = [x for x, *_ in drawn]
    axes.set_xlim(min(costs) / 1.9, max(costs) * 2.4)
    values = [noisy_pesq_wb, *(dot.pesq_wb for dot in dots)]
    margin = 0.12 * (max(values) - min(values))
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.axhline(noisy_pesq_wb, color=FAINT, linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    axes.annotate("noisy mixture", (0.995, noisy_pesq_wb), (0, 3), xycoords=axes.get_yaxis_transform(),
                  textcoords="offset points", color=FAINT, size=8.5, ha="right", va="bottom")  # fmt: skip

    axes.grid(axis="both", which="major", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=FAINT, labelsize=8.5, length=0)
    axes.set_xticks([tick for tick in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1) if _within(tick, axes.get_xlim())])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("seconds of one core per second of sound (left is cheaper)", color=FAINT, size=9)
    axes.set_ylabel("PESQ-WB", color=FAINT, size=9)
    _legend(axes)
    _label(axes, dots)
    return figure


def _legend(axes) -> None:
    handles = [
        axes.plot([], [], "o", color=face, markeredgecolor=PEER, markeredgewidth=1.8, markersize=7, label=text)[0]
        for face, text in ((PEER, "frame by frame, as live"), (BACKGROUND, "whole file at once"))
    ]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.005, 1.0), ncols=2, frameon=False, fontsize=8.5,
                labelcolor=FAINT, handletextpad=0.2, columnspacing=1.2)  # fmt: skip


def _label(axes, dots: Sequence[Dot]) -> None:
    """Names beside the dots, where they hide neither dots nor each other; ours, the longest reach, first."""
    renderer = axes.figure.canvas.get_renderer()
    at = axes.transData.transform
    half = DOT * axes.figure.dpi / 72 * 0.75
    spots = [at((x, dot.pesq_wb)) for dot in dots for x in (dot.streaming, dot.files) if x is not None]
    taken = [(x - half, y - half, x + half, y + half) for x, y in spots]
    for dot in sorted(dots, key=lambda dot: not dot.ours):
        best = None
        for offset, across, up in PLACES:
            label = axes.annotate(
                dot.title, (dot.streaming if dot.streaming is not None else dot.files, dot.pesq_wb), offset,
                textcoords="offset points", ha=across, va=up, size=10 if dot.ours else 9,
                weight="bold" if dot.ours else "normal", color=ACCENT if dot.ours else TEXT, zorder=4,
            )  # fmt: skip
            box = label.get_window_extent(renderer).extents
            hidden = sum(overlap(box, other) for other in taken)
            if best is None or hidden < best[0]:
                if best is not None:
                    best[1].remove()
                best = hidden, label, box
            else:
                label.remove()
            if not hidden:
                break
        assert best is not None
        taken.append(tuple(best[2]))


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _within(x: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= x <= limits[1]
