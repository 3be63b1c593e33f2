"""The ablation's plot: for each measure, every row's difference to the control with its interval."""

from __future__ import annotations

import textwrap
from pathlib import Path

from enhancer.media.atomic import replacing
from training.ablation.report import NAMES
from training.ablation.results import Results

BETTER, WORSE, UNDECIDED, SEED = "#1b7f4b", "#b3401f", "#5b6270", "#9aa0ab"


def draw(results: Results, path: Path) -> None:
    """Writes the plot as PNG: one panel a measure, one line a row, dots for single seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [row for row in results.rows if row.name != results.control]
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure, panels = plt.subplots(
            1, len(NAMES), sharey=True, figsize=(10, 1.3 + 0.42 * len(rows)), layout="constrained"
        )
        for panel, (measure, name) in zip(panels, NAMES.items(), strict=True):
            panel.axvline(0.0, color="black", linewidth=0.8)
            for place, row in enumerate(rows):
                score = row.test[measure]
                colour = BETTER if score.low > 0 else WORSE if score.high < 0 else UNDECIDED
                panel.plot([score.low, score.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
                panel.plot(score.difference, place, "o", color=colour, markersize=6)
                if len(row.seeds) > 1:
                    heights = [place + 0.27] * len(row.seeds)
                    panel.plot(score.difference_by_seed, heights, "|", color=SEED, markersize=5)
            panel.set_title(name, loc="left", fontweight="bold", fontsize=10)
            panel.set_xlabel("better than the control →", fontsize=8)
            panel.grid(axis="x", color="#e3e5e8", linewidth=0.7)
            panel.set_axisbelow(True)
            panel.tick_params(length=0)
            panel.locator_params(axis="x", nbins=5)
            for side in ("top", "right", "left"):
                panel.spines[side].set_visible(False)
        panels[0].set_yticks(range(len(rows)), [_label(row.title, len(row.seeds)) for row in rows])
        panels[0].set_ylim(len(rows) - 0.5, -0.6)
        figure.supxlabel("bars: 95 % intervals over speakers and noise recordings; ticks: single seeds", fontsize=8)
        with replacing(path, overwrite=True) as part:
            figure.savefig(part, dpi=130, format="png", metadata={"Software": None})
        plt.close(figure)


def _label(title: str, seeds: int) -> str:
    return textwrap.fill(f"{title} ({seeds} seeds)" if seeds > 1 else title, 30)
