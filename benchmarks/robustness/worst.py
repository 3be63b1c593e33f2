"""The items that the student helps least, by each measure, and pictures of them: noisy, enhanced, clean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.picture import ACCENT, BACKGROUND, FAINT, ROWS, TEXT
from benchmarks.robustness.groups import MEASURES, STUDENT
from enhancer.engine import denoise
from enhancer.evaluation.mel_spectrogram import height_of, mel_spectrogram_db, top_hz
from enhancer.model import Student
from training.data.fixed_sets import Item
from training.evaluation.results import NOISY, Results

TICKS_HZ = (250, 1000, 2000, 4000, 8000, 16000)
RANGE_DB = 75.0  # below the loudest bin of the clean signal
SHORT = {"pesq_wb": "PESQ-WB", "estoi": "ESTOI", "si_sdr": "SI-SDR"}
DIGITS = {"pesq_wb": 2, "estoi": 3, "si_sdr": 1}


@dataclass(frozen=True)
class Case:
    """One item, its scores before and after by measure, and its rank among the worst by measure (1: the worst)."""

    name: str
    category: str
    snr_db: float
    speaker: str
    language: str
    sample_rate: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    ranks: Mapping[str, int]

    @property
    def facts(self) -> dict:
        """For JSON."""
        scores = {key: {"before": self.before[key], "after": self.after[key]} for key in self.before}
        return {
            "item": self.name, "category": self.category, "snr_db": self.snr_db, "speaker": self.speaker,
            "language": self.language, "sample_rate": self.sample_rate, "ranks": dict(self.ranks), **scores,
        }  # fmt: skip


def worst(results: Results, languages: Mapping[str, str], count: int) -> list[Case]:
    """The `count` items with the least gain by each measure: all of them once, the worst by PESQ-WB first.

    Items for which a measure is not defined have no rank by it.
    """
    ranks: dict[int, dict[str, int]] = {}
    for measure in MEASURES:
        gain = results.values(STUDENT, measure) - results.values(NOISY, measure)
        order = [i for i in np.argsort(gain, kind="stable").tolist() if not math.isnan(gain[i])]
        for rank, index in enumerate(order[:count], start=1):
            ranks.setdefault(index, {})[measure] = rank
    cases = []
    for index, found in ranks.items():
        entry = results.entries[index]
        before, after = (
            {measure: float(results.values(system, measure)[index]) for measure in MEASURES}
            for system in (NOISY, STUDENT)
        )
        outcome = results.outcomes[entry.name, STUDENT]
        cases.append(
            Case(entry.name, entry.category, float(results.snr_db[index]), entry.speaker, languages[entry.name],
                 outcome.sample_rate, before, after, found)
        )  # fmt: skip
    return cases


def draw(case: Case, item: Item, student: Student, path: Path) -> None:
    """Writes a PNG: the item noisy, enhanced and clean, one scale for all three, its facts above."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    enhanced = denoise(item.noisy, item.sample_rate, model=student)
    levels = [mel_spectrogram_db(x, item.sample_rate, ROWS) for x in (item.noisy, enhanced, item.clean)]
    top = float(levels[2].max())
    seconds = len(item.clean) / item.sample_rate
    style = {"font.family": "DejaVu Sans", "text.color": TEXT, "axes.edgecolor": BACKGROUND, "font.size": 9}
    with plt.rc_context(style):
        figure, panels = plt.subplots(3, 1, figsize=(11, 9.2), facecolor=BACKGROUND, sharex=True)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.905, bottom=0.045, hspace=0.06)
        for axes, picture, label in zip(panels, levels, ("noisy", "enhanced", "clean"), strict=True):
            axes.imshow(
                picture, origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top,
                extent=(0, seconds, 0, ROWS), interpolation="bilinear",
            )  # fmt: skip
            _frequency_axis(axes, item.sample_rate)
            box = {"facecolor": BACKGROUND, "alpha": 0.72, "edgecolor": "none", "pad": 3}
            look = {"bbox": box, "size": 11, "color": ACCENT if label == "enhanced" else TEXT}
            axes.text(0.99, 0.95, label, transform=axes.transAxes, ha="right", va="top", **look)
        panels[2].set_xticks(np.arange(0, seconds, 0.5), [f"{t:g} s" if t else "0" for t in np.arange(0, seconds, 0.5)])
        panels[2].tick_params(axis="x", colors=FAINT, labelsize=8, length=0)
        figure.text(0.055, 0.965, title(case, item), size=12, weight="bold", va="center")
        figure.text(0.055, 0.932, scores_line(case), size=10, color=FAINT, va="center")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        figure.savefig(part, dpi=90, facecolor=BACKGROUND, format="png")
        part.replace(path)
        plt.close(figure)


def title(case: Case, item: Item) -> str:
    """What the item is, in one line."""
    room = ", in a room" if item.reverberant else ""
    noise = Path(item.noise_recording).stem if item.noise_recording else "made"
    return (
        f"{case.name}: {case.category} ({noise}), {case.snr_db:.1f} dB, {case.speaker} ({case.language}), "
        f"{case.sample_rate // 1000} kHz{room}"
    )


def scores_line(case: Case) -> str:
    """Scores before and after, and where the item ranks among the worst."""
    parts = []
    for measure in MEASURES:
        rank = f" (worst {case.ranks[measure]})" if measure in case.ranks else ""
        parts.append(f"{SHORT[measure]} {shown(case.before[measure], case.after[measure], measure)}{rank}")
    return "     ".join(parts)


def shown(before: float, after: float, measure: str) -> str:
    """Before and after as a table has them."""
    return f"{before:.{DIGITS[measure]}f} → {after:.{DIGITS[measure]}f}"


def _frequency_axis(axes, sample_rate: int) -> None:
    ticks = [hz for hz in TICKS_HZ if hz <= top_hz(sample_rate)]
    axes.set_yticks([ROWS * height_of(hz, sample_rate) for hz in ticks])
    axes.set_yticklabels([f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in ticks])
    axes.tick_params(colors=FAINT, labelsize=8, length=0, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
