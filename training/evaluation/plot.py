"""One picture of an evaluation: what each system gains in PESQ-WB over the noisy mixture, by SNR."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from enhancer.evaluation.peers import PEERS
from training.evaluation.results import NOISY, Results

OURS_COLOUR, INK, QUIET, BAR = "#0f5c8c", "#222222", "#8a8a8a", "#cfd4da"
ROW_INCHES, SPREAD = 0.36, 0.11  # SPREAD: between the dots of a row, in rows


def draw(results: Results, path: Path) -> None:
    """Writes a PNG: a row a system, best first; a dot a band of SNRs, a bar for the mean's 95 % interval.

    Oracles are bounds, not systems: they stand at the top, their figures in words where they are off the axis.
    Items without a PESQ score are left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    bands = results.bands()
    noisy = results.plain_means("pesq_wb", bands)
    systems = [s for s in results.systems if s != NOISY]
    means = {s: results.mean(s, "pesq_wb", minus=NOISY) for s in systems}
    oracles = [s for s in systems if s in PEERS and PEERS[s].oracle]
    ranked = sorted((s for s in systems if s not in oracles), key=lambda s: means[s].mean, reverse=True)
    gains = {s: [noisy[g.name][s] - noisy[g.name][NOISY] for g in bands] for s in systems}
    colours = LinearSegmentedColormap.from_list("snr", ["#3b1c6b", "#c4417f", "#f6b35c"])(
        np.linspace(0, 1, max(len(bands), 2))
    )

    rows = len(systems)
    figure = Figure(figsize=(8, 1.5 + ROW_INCHES * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    across = axes.get_yaxis_transform()
    for number, system in enumerate([*oracles, *ranked]):
        if system in oracles and ranked:
            texts = [(f"{gain:+.2f}", colour) for gain, colour in zip(gains[system], colours, strict=False)]
            for place, (said, colour) in enumerate([*texts, ("beyond the axis", QUIET)]):
                at = 0.03 + 0.08 * place
                axes.text(at, number, said, color=colour, transform=across, va="center", fontsize=9)
            continue
        mean = means[system]
        if not np.isnan(mean.low):
            axes.plot([mean.low, mean.high], [number] * 2, color=BAR, linewidth=7, solid_capstyle="round", zorder=1)
        axes.plot(mean.mean, number, marker="|", markersize=13, markeredgewidth=2, color=INK, zorder=2)
        for place, (gain, colour) in enumerate(zip(gains[system], colours, strict=False)):
            height = number + SPREAD * (place - (len(bands) - 1) / 2)  # so that none hides another
            axes.plot(gain, height, marker="o", markersize=6.5, color=colour, markeredgecolor="white", zorder=3)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=0)
    axes.set_yticks(range(rows), [_title(s) for s in [*oracles, *ranked]])
    for tick, system in zip(axes.get_yticklabels(), [*oracles, *ranked], strict=True):
        if system not in PEERS and not system.startswith("teacher "):
            tick.set(fontweight="bold", color=OURS_COLOUR)
        elif system in oracles:
            tick.set(color=QUIET)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(axis="x", color="#e6e8eb", zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    base = float(np.nanmean(results.values(NOISY, "pesq_wb")))
    axes.set_xlabel(f"PESQ-WB above the noisy mixture ({base:.2f} on average)")
    axes.set_title(
        f"What each system gains on {len(results.entries)} mixtures, by their SNR", loc="left", fontsize=11, pad=26
    )
    handles = [
        axes.plot([], [], "o", color=colour, markeredgecolor="white", markersize=7, label=f"{group.name} dB")[0]
        for group, colour in zip(bands, colours, strict=False)
    ]
    handles += axes.plot([], [], "|", color=INK, markersize=10, markeredgewidth=2, label="mean, 95 %")
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(handles), frameon=False, fontsize=9,
        handletextpad=0.2, columnspacing=1.2,
    )  # fmt: skip
    figure.savefig(path)


def _title(system: str) -> str:
    return PEERS[system].title if system in PEERS else system
