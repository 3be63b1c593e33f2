"""Which network, and which way to train it: variations trained alike from nothing, side by side.

Every row sees the same batches for the same number of updates, supervised alone, by the config `student` but for what
the row names. So rows compare the beginning of training, where small networks are favoured: a shape that is dominated
here (slower and worse) has no case, one on the front may.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clips import ROOT
from benchmarks.result_files import write_json
from benchmarks.tables import as_text, replace_block
from enhancer.model import Student
from training.ablation.workers import Interrupted, Workers, train_run
from training.config import TrainingConfig, load_config
from training.networks import BandRecurrentNet, NetworkConfig

RESULTS = ROOT / "benchmarks" / "results"
SHAPES = (
    NetworkConfig(channels=8, trunk=64),
    NetworkConfig(channels=8, trunk=96),
    NetworkConfig(channels=16, trunk=96),
    NetworkConfig(channels=16, trunk=128),
    NetworkConfig(channels=16, trunk=152),
    NetworkConfig(channels=16, trunk=128, blocks=1),
    NetworkConfig(channels=16, trunk=128, blocks=3),
    NetworkConfig(channels=24, trunk=128),
)
# What the row leaves out of the recipe, or has more of.
RECIPES: dict[str, dict[str, dict[str, object]]] = {
    "as it is": {},
    "AdamW for all": {"optimiser": {"kind": "adamw"}},
    "no perceptual term": {"loss": {"perceptual": 0.0}},
    "perceptual term x 3": {"loss": {"perceptual": 0.06}},
    "no intelligibility term": {"loss": {"intelligibility": 0.0}},
    "neither term": {"loss": {"perceptual": 0.0, "intelligibility": 0.0}},
}
ROUNDS, CALLS = 40, 25  # interleaved, so that a busy moment touches all rows alike
Scores = dict[str, float]
MEASURES = ("PESQ-WB", "ESTOI", "SI-SDR dB")


@dataclass(frozen=True)
class Cost:
    """Of one network; frame_ms: p50 of one ONNX call at one frame, one thread."""

    parameters: int
    nodes: int
    megabytes: float
    frame_ms: float


def structure(pools: Path, runs: Path, steps: int, jobs: int, *, write: bool) -> None:
    """Trains what is not trained yet, times all shapes, prints the table. Raises InputError when there are no pools."""
    configs = {f"c{s.channels}-d{s.trunk}-b{s.blocks}": {"network": vars(s)} for s in SHAPES}
    scores = _trained(configs, pools, runs, steps, jobs)
    if scores is None:
        return
    rows = sorted(zip(SHAPES, costs(SHAPES), scores, strict=True), key=lambda row: row[1].frame_ms)
    facts = [{"network": vars(shape), "cost": vars(cost), "scores": score} for shape, cost, score in rows]
    _show("structure", structure_table(rows), {"steps": steps, "rows": facts}, write)


def recipe(pools: Path, runs: Path, steps: int, jobs: int, *, write: bool) -> None:
    """The same for losses and optimisers."""
    slugs = {name.replace(" ", "-"): changes for name, changes in RECIPES.items()}
    scores = _trained(slugs, pools, runs, steps, jobs)
    if scores is None:
        return
    rows = list(zip(RECIPES, scores, strict=True))
    _show("recipe", recipe_table(rows), {"steps": steps, "rows": dict(rows)}, write)


def structure_table(rows: Sequence[tuple[NetworkConfig, Cost, Scores]]) -> Table:
    """The shapes; marked are those that no faster one equals in PESQ-WB."""
    table = _table("channels", "trunk", "blocks", "parameters", "nodes", "MB", "ms a frame", *MEASURES)
    table.add_column("front")
    for n, cost, score in rows:
        beaten = any(c.frame_ms < cost.frame_ms and s["pesq_wb"] >= score["pesq_wb"] for _, c, s in rows)
        table.add_row(
            str(n.channels), str(n.trunk), str(n.blocks), f"{cost.parameters:,}", str(cost.nodes),
            f"{cost.megabytes:.2f}", f"{cost.frame_ms:.3f}", *_cells(score), "" if beaten else "*",
        )  # fmt: skip
    return table


def recipe_table(rows: Sequence[tuple[str, Scores]]) -> Table:
    """The recipes."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("recipe")
    for title in MEASURES:
        table.add_column(title, justify="right")
    for name, score in rows:
        table.add_row(name, *_cells(score))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, justify="right")
    return table


def _cells(score: Scores) -> list[str]:
    return [f"{score['pesq_wb']:.3f}", f"{score['estoi']:.3f}", f"{score['si_sdr']:.2f}"]


def _show(name: str, table: Table, facts: dict[str, object], write: bool) -> None:
    table.caption = f"{facts['steps']:,} updates each, from nothing"
    table.caption_justify = "left"
    Console(highlight=False).print(table)
    if write:
        write_json(RESULTS / f"{name}.json", facts)
        replace_block(ROOT / "docs" / "training.md", name, as_text(table))


def costs(shapes: Sequence[NetworkConfig]) -> list[Cost]:
    """Of networks of these shapes; times by one ONNX call with one frame at 16 kHz on one thread, all in turn."""
    from benchmarks.compression.timing import frame_times
    from training.export import export

    rng, models, sizes = np.random.default_rng(1), {}, []
    with tempfile.TemporaryDirectory() as folder:
        for number, shape in enumerate(shapes):
            network = BandRecurrentNet(shape)
            path = Path(folder) / f"{number}.onnx"
            graph = export(network, path, "untrained", {}).graph
            models[str(number)] = Student(path)
            sizes.append((network.parameter_count(), len(graph.node), path.stat().st_size / 1e6))
        core, high = (rng.standard_normal((1, 1, *shape)).astype(np.float32) for shape in ((2, 256), (17,)))
        times = frame_times(models, [{"core": core, "high": high}], ROUNDS, CALLS)
    return [Cost(*size, 1e-3 * times[name].p50_us) for name, size in zip(models, sizes, strict=True)]


def _trained(
    variations: Mapping[str, Mapping[str, Mapping[str, object]]], pools: Path, runs: Path, steps: int, jobs: int
) -> list[Scores] | None:
    """Validation scores of all variations; None when somebody asked to end: the same command goes on from there."""
    configs = [_config(name, changes, steps) for name, changes in variations.items()]
    waiting = [c for c in configs if _scores(runs / c.name, steps) is None]
    try:
        with Workers(jobs) as workers:
            workers.work([(train_run, (c, pools, runs / c.name)) for c in waiting], lambda: None)
    except Interrupted:
        print("interrupted; the same command goes on from here")
        return None
    scores = [_scores(runs / c.name, steps) for c in configs]
    assert all(scores)
    return [score for score in scores if score is not None]


def _config(name: str, changes: Mapping[str, Mapping[str, object]], steps: int) -> TrainingConfig:
    student = load_config("student")
    config = replace(
        student,
        name=f"{name}-{steps}",
        optimiser=replace(student.optimiser, final_share=0.02, ema=0.997),  # a whole, short schedule
        run=replace(student.run, minutes=0.0, steps=steps, processes=1, validate_minutes=1e4),
    )
    parts = {part: replace(getattr(config, part), **values) for part, values in changes.items()}
    return replace(config, **parts)


def _scores(folder: Path, steps: int) -> Scores | None:
    """Scores of a finished run of so many steps."""
    try:
        last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    except (FileNotFoundError, IndexError):
        return None
    return last.get("validation") if last["step"] == steps else None
