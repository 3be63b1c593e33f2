"""The demo's picture: for each clip its spectrogram before and after, one scale for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enhancer.evaluation.mel_spectrogram import height_of, mel_spectrogram_db, top_hz

# dB of a 32 ms Hann-windowed bin, re a full-scale sine: noise floors of recordings to loud vowels at these levels.
DB_RANGE = (-100.0, -30.0)
ROWS = 384  # picture rows per spectrogram, evenly spaced in mel

BACKGROUND, TEXT, FAINT, ACCENT = "#14161c", "#f2f2f0", "#9aa0ab", "#ffc97a"


@dataclass(frozen=True)
class Panel:
    """One clip to draw: mono signals [n] before and after, and the lines above them."""

    title: str
    kind: str  # "16 kHz mono"
    detail: str  # scores
    sample_rate: int
    before: np.ndarray
    after: np.ndarray


def draw(panels: list[Panel], path: Path, *, columns: int, summary: list[tuple[str, str, str]]) -> None:
    """Writes the picture as PNG: clips side by side, `columns` in a band, before above after.

    `summary` fills the free cell, if any: rows of (measure, before, after).
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    bands = -(-len(panels) // columns)
    style = {"font.family": "DejaVu Sans", "text.color": TEXT, "axes.edgecolor": BACKGROUND, "font.size": 9}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(3.5 * columns + 0.6, 3.9 * bands + 0.35), facecolor=BACKGROUND)
        outer = figure.add_gridspec(
            bands, columns, left=0.04, right=0.985, top=0.925, bottom=0.055, wspace=0.14, hspace=0.24
        )
        image = None
        for index, panel in enumerate(panels):
            row, column = divmod(index, columns)
            cell = outer[row, column].subgridspec(2, 1, hspace=0.04)
            upper, lower = figure.add_subplot(cell[0]), figure.add_subplot(cell[1])
            image = _spectrogram(upper, panel.before, panel.sample_rate, "before", first=column == 0)
            _spectrogram(lower, panel.after, panel.sample_rate, "after", first=column == 0)
            upper.text(0, 1.19, panel.title, transform=upper.transAxes, weight="bold", size=11, va="bottom")
            upper.text(1, 1.19, panel.kind, transform=upper.transAxes, color=FAINT, size=8.5, va="bottom", ha="right")
            upper.text(0, 1.05, panel.detail, transform=upper.transAxes, color=FAINT, size=8.5, va="bottom")
            _time_axis(lower, len(panel.before) / panel.sample_rate)
        if len(panels) < bands * columns:
            _summary(figure, outer[bands - 1, len(panels) % columns], image, summary)
        save(figure, path)
        plt.close(figure)


def save(figure, path: Path) -> None:
    """A figure of matplotlib's as PNG."""
    import io

    memory = io.BytesIO()
    figure.savefig(memory, dpi=110, facecolor=BACKGROUND, format="png")
    save_small(memory.getvalue(), path)


def save_small(png: bytes, path: Path, colours: int = 256) -> None:
    """A PNG with a palette: a third of the size, and the eye sees no difference."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    picture.save(part, format="png", optimize=True)
    part.replace(path)


def _spectrogram(axes, x: np.ndarray, sample_rate: int, label: str, *, first: bool):
    levels = mel_spectrogram_db(x, sample_rate, ROWS)
    low, high = DB_RANGE
    image = axes.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high, interpolation="bilinear",
        extent=(0, len(x) / sample_rate, 0, ROWS),
    )  # fmt: skip
    ticks = [hz for hz in (250, 1000, 4000, 8000, 16000) if hz <= top_hz(sample_rate)]
    axes.set_yticks([ROWS * height_of(hz, sample_rate) for hz in ticks])
    axes.set_yticklabels([f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in ticks])
    axes.tick_params(colors=FAINT, labelsize=7, length=0, pad=2)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if first:
        axes.set_ylabel("Hz", color=FAINT, size=7.5, labelpad=1)
    box = {"facecolor": BACKGROUND, "alpha": 0.72, "edgecolor": "none", "pad": 2.5}
    axes.text(
        0.985, 0.93, label, transform=axes.transAxes, ha="right", va="top", size=8.5, bbox=box,
        color=ACCENT if label == "after" else TEXT,
    )  # fmt: skip
    return image


def _time_axis(axes, seconds: float) -> None:
    ticks = np.arange(0, int(seconds) + 1, 2)
    axes.set_xticks(ticks)
    axes.set_xticklabels([f"{t:g} s" if t else "0" for t in ticks])


def _summary(figure, cell, image, rows: list[tuple[str, str, str]]) -> None:
    """Mean scores and the colour scale, in the cell that no clip needs."""
    axes = figure.add_subplot(cell)
    axes.set_axis_off()
    axes.text(0.08, 0.97, "Mean of all clips", weight="bold", size=11, va="top")
    for x, text in ((0.55, "before"), (0.86, "after")):
        axes.text(x, 0.84, text, color=FAINT, size=8.5, ha="center")
    for index, (measure, before, after) in enumerate(rows):
        y = 0.71 - 0.14 * index
        axes.text(0.08, y, measure, size=10)
        axes.text(0.55, y, before, size=12, ha="center")
        axes.text(0.86, y, after, size=14, ha="center", color=ACCENT, weight="bold")
    scale = axes.inset_axes((0.08, 0.13, 0.86, 0.045))
    bar = figure.colorbar(image, cax=scale, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_ticks(np.arange(DB_RANGE[0], DB_RANGE[1] + 1, 20))
    scale.tick_params(colors=FAINT, labelsize=7, length=0, pad=3)
    axes.text(0.08, 0.21, "level, dB re full scale", color=FAINT, size=8)
