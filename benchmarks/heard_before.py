"""Is the student better on the voices and noises it was trained on than on others?

Mixtures made like those of the validation set, once of its own material and then with the speech, the noise, or both
from the training split, through the product's engine. A student that had learnt its data by heart would gain more on
them: then more data would help. One that gains as much on what it never heard wants capacity or longer training.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.result_files import write_json
from benchmarks.tables import as_text, replace_block
from enhancer.engine import denoise
from enhancer.evaluation.metrics import estoi, pesq_wb, si_sdr
from enhancer.model import Student
from training.data.fixed_sets import Item, other_material
from training.data.pools import Pools

SPLITS = {"val": "new", "train": "heard"}
RESULT = ROOT / "benchmarks" / "results" / "heard_before.json"
MEASURES = {"PESQ-WB": 2, "ESTOI": 3, "SI-SDR": 2}  # and their digits


def run(pools: Path, items: int, *, write: bool) -> None:
    """Scores all four kinds, prints the table. Raises InputError when there are no pools."""
    student, opened = Student(), Pools(pools)
    rows = []
    for voices, noises in product(SPLITS, SPLITS):
        drawn = other_material(opened, items, voices, noises)
        label = f"voices {SPLITS[voices]}, noises {SPLITS[noises]}"
        shown = track(drawn, label, items, console=Console(stderr=True))
        scores = np.array([_scores(student, item) for item in shown])  # [items, before and after, measures]
        gains = scores[:, 1] - scores[:, 0]
        errors = 2 * np.nanstd(gains, axis=0) / np.sqrt(np.isfinite(gains).sum(axis=0))
        columns = zip(MEASURES, np.nanmean(scores[:, 0], 0), np.nanmean(gains, 0), errors, strict=True)
        found = {name: {"noisy": b, "gain": g, "error": e} for name, *(b, g, e) in columns}
        rows.append({"voices": voices, "noises": noises, **_rounded(found)})
    weights = student.info.details["weights_sha256"]
    table = _table(rows)
    table.caption = f"{items} mixtures a row, ± two standard errors; weights {weights[:12]}"
    table.caption_justify = "left"
    Console(highlight=False).print(table)
    if write:
        write_json(RESULT, {"items": items, "weights_sha256": weights, "rows": rows})
        replace_block(ROOT / "docs" / "training.md", "heard before", as_text(table))


def _scores(student: Student, item: Item) -> list[list[float]]:
    """The measures of the mixture and of what the student makes of it; not a number where PESQ finds no speech."""
    scores = []
    for signal in (item.noisy, denoise(item.noisy, item.sample_rate, model=student)):
        try:
            quality = pesq_wb(signal, item.clean, item.sample_rate)
        except ValueError:
            quality = float("nan")
        scores.append([quality, estoi(signal, item.clean, item.sample_rate), si_sdr(signal, item.clean)])
    return scores


def _rounded(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: {key: round(float(value), 4) for key, value in facts.items()} for name, facts in found.items()}


def _table(rows: list[dict]) -> Table:
    """One row a kind of material: the noisy mixtures' score of each measure, and what the student adds to it."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("voices", "noises"):
        table.add_column(title)
    for title in MEASURES:
        table.add_column(title, justify="right")
        table.add_column("gain", justify="right")
    for row in rows:
        cells = []
        for name, digits in MEASURES.items():
            noisy, gain, error = (f"{row[name][key]:.{digits}f}" for key in ("noisy", "gain", "error"))
            cells += [noisy, f"{gain} ±{error}"]
        table.add_row(SPLITS[row["voices"]], SPLITS[row["noises"]], *cells)
    return table
