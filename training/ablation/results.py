"""What an ablation found: each row's scores on the test set, and its paired differences to the control."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import InputError
from enhancer.evaluation.statistics import two_way_interval
from enhancer.media.atomic import replacing
from training.ablation.conduct import Conductor
from training.ablation.material import material
from training.ablation.plan import PlannedRun, ranked
from training.ablation.scores import MEASURES, ItemScores, means
from training.checkpoint import load_checkpoint
from training.config import from_dict
from training.networks import BandRecurrentNet, NetworkConfig
from training.run.processes import CHECKPOINT

FORMAT = 1


@dataclass(frozen=True)
class Score:
    """A row's mean over the set in one measure, and over seeds; against the control over the seeds of both.

    An item's difference is the mean over seeds of row minus control with the same seed; `low` to `high` is the 95 %
    interval of its mean over speakers and noise recordings. The control's own differences are zero.
    """

    mean: float
    by_seed: list[float]
    difference: float
    low: float
    high: float
    difference_by_seed: list[float]


@dataclass(frozen=True)
class RowResult:
    """One row. Times are means over its seeds, as measured with the other rows training beside it."""

    name: str
    title: str
    seeds: list[int]
    updates: int
    audio_hours: float
    minutes: float
    ms_per_update: float
    relative_time: float  # of an update, to the control's
    validation: dict[str, float]  # means on the validation set, first seed
    test: dict[str, Score]


@dataclass(frozen=True)
class Results:
    """All rows, and what they have in common."""

    control: str
    rows: list[RowResult]
    noisy: dict[str, float]  # means of the unprocessed mixtures
    parameters: int
    macs_per_second: int
    items: int
    speakers: int
    noise_recordings: int
    material: dict[str, str]
    git_revisions: list[str]
    config: dict[str, Any]  # of the control, first seed
    format: int = FORMAT

    def row(self, name: str) -> RowResult:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)

    def ranked(self) -> list[RowResult]:
        """The rows beside the control, the best on the validation set first."""
        validation = {row.name: row.validation for row in self.rows if row.name != self.control and row.validation}
        return [self.row(name) for name in ranked(validation)]


def collect(conductor: Conductor, runs: list[PlannedRun]) -> Results:
    """The results of finished, scored runs. Rows none of whose seeds the control has are left out."""
    plan, control = conductor.plan, conductor.plan.settings.control
    facts = {run.name: load_checkpoint(conductor.folder(run) / CHECKPOINT).facts for run in runs}
    seeds = {row.name: [run.seed for run in runs if run.row == row.name] for row in plan.rows}
    if not seeds[control]:
        raise InputError(f"the control {control!r} has no finished run", "train it first: training ablate")
    rows = []
    for row in plan.rows:
        common = [seed for seed in seeds[row.name] if seed in seeds[control]]
        if common:
            rows.append(_row(conductor, row.name, row.title, common, facts))
    noisy = _scored(conductor, None)
    first = plan.run(control, seeds[control][0])
    network = BandRecurrentNet(from_dict(NetworkConfig, facts[first.name]["config"]["network"]))
    return Results(
        control=control,
        rows=rows,
        noisy=means(noisy),
        parameters=network.parameter_count(),
        macs_per_second=network.macs_per_second(),
        items=len(noisy),
        speakers=len({item.speaker for item in noisy}),
        noise_recordings=len({item.noise for item in noisy} - {""}),
        material=material(plan, conductor.pools_dir),
        git_revisions=sorted({f["git_revision"] for f in facts.values()}),
        config=facts[first.name]["config"],
    )


def _row(conductor: Conductor, name: str, title: str, seeds: list[int], facts: dict[str, Any]) -> RowResult:
    plan = conductor.plan
    runs, controls = ([plan.run(row, seed) for seed in seeds] for row in (name, plan.settings.control))
    scores, beside = ([_scored(conductor, run) for run in group] for group in (runs, controls))
    times, control_times = ([_ms_per_update(facts[run.name]) for run in group] for group in (runs, controls))
    progress = [facts[run.name]["progress"] for run in runs]
    validation = conductor.scores(plan.run(name, plan.settings.seeds[0]), "val")
    return RowResult(
        name=name,
        title=title,
        seeds=seeds,
        updates=progress[0]["step"],
        audio_hours=round(progress[0]["audio_hours"], 2),
        minutes=round(float(np.mean([p["minutes"] for p in progress])), 1),
        ms_per_update=round(float(np.mean(times)), 1),
        relative_time=round(float(np.mean(times) / np.mean(control_times)), 2),
        validation=means(validation) if validation else {},
        test={measure: compare(scores, beside, measure) for measure in MEASURES},
    )


def compare(row: list[list[ItemScores]], control: list[list[ItemScores]], measure: str) -> Score:
    """One measure of a row beside the control: lists of scores by seed, of the same items in the same order."""
    ours, theirs = (np.array([[getattr(i, measure) for i in seed] for seed in side]) for side in (row, control))
    differences = ours - theirs
    items = row[0]
    low, high = two_way_interval(differences.mean(axis=0), [i.speaker for i in items], [i.noise for i in items])
    return Score(
        mean=_rounded(np.nanmean(ours)),
        by_seed=[_rounded(np.nanmean(seed)) for seed in ours],
        difference=_rounded(np.nanmean(differences.mean(axis=0))),
        low=_rounded(low),
        high=_rounded(high),
        difference_by_seed=[_rounded(np.nanmean(seed)) for seed in differences],
    )


def write_results(results: Results, path: Path) -> None:
    """As JSON, complete or not at all."""
    with replacing(path, overwrite=True) as part:
        part.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Results that were written. Raises InputError when there are none, or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"there are no results at {path}", "copy results.json there from the folder of a training ablate"
        ) from None
    if content.get("format") != FORMAT:
        raise InputError(f"the results at {path} are of another version", "make them anew: training ablate --score")
    rows = [
        RowResult(**(row | {"test": {name: Score(**score) for name, score in row["test"].items()}}))
        for row in content["rows"]
    ]
    return Results(**(content | {"rows": rows}))


def _scored(conductor: Conductor, run: PlannedRun | None) -> list[ItemScores]:
    scores = conductor.scores(run, "test")
    if scores is None:
        raise InputError(f"{run.name if run else 'noisy'} has not been scored", "do it with: training ablate --score")
    return scores


def _ms_per_update(facts: dict[str, Any]) -> float:
    return facts["progress"]["minutes"] * 60_000 / facts["progress"]["step"]


def _rounded(value: float) -> float:
    return round(float(value), 5) if math.isfinite(value) else math.nan
