"""`python -m benchmarks compression`: makes the files, scores them, times them, and prints one comparison."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.compression import report
from benchmarks.compression.calibration import heard, training_mixtures
from benchmarks.compression.timing import Feed, block_difference_db, frame_times, frames_of, operators
from benchmarks.compression.variants import Variant, cut_down, exported, in_other_precisions
from benchmarks.speed import machine
from enhancer.bundled import model_path
from enhancer.model import Student
from training.data.fixed_sets import fixed_hash
from training.data.pools import Pools
from training.evaluation.items import fixed_entries
from training.evaluation.results import Results
from training.evaluation.run import run as score
from training.evaluation.systems import Exported, Noisy
from training.places import shipped_weights

FULL = "fp32"
ROUNDS, CALLS = 40, 100
PROFILED = 300  # frames
STREAMED = 4  # sounds


def run(student: Path | None, also: Sequence[Path], pools: Path, items: int, out: Path, *, write: bool) -> None:
    """Prints three tables; the files stay in `out`. `student`: a checkpoint or ONNX file, None for the shipped one.

    Raises UserError for a file that is no student, and for pools without a validation set.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    opened = Pools(pools)
    out.mkdir(parents=True, exist_ok=True)
    weights = shipped_weights() if student is None else student if student.suffix != ".onnx" else None
    with console.status("making the files"):
        full = _full(student, out)
        sounds = training_mixtures(opened)
        feeds = heard(Student(full.path), sounds)
        variants = [
            full,
            *in_other_precisions(full.path, feeds, out),
            *(cut_down(weights, out) if weights else ()),
            *(_extra(path, out) for path in also),
        ]
    with console.status("timing"):
        measured = measure(variants, frames_of(feeds)[:PROFILED], sounds[-STREAMED:])
    results = _scored(variants, opened, items, out, console)
    about = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 2),
        "student": "shipped" if student is None else str(student),
        "weights": Student(full.path).info.details.get("weights_sha256", "")[:12],
        "validation_set": fixed_hash(opened, "val"),
    }
    shown = report.tables(measured, results)
    note = (
        f"{about['student']} student, weights {about['weights']}; {len(results.entries)} validation items;"
        f" {about['machine']}; load {about['load']}; {about['date']}"
    )
    console.print(*shown, sep="\n")
    console.print(f"\n{note}\nthe files: {out}", soft_wrap=True)
    if write:
        for path in report.write(report.facts(measured, results, about), shown, note):
            console.print(f"wrote {path}", soft_wrap=True)


def measure(
    variants: Sequence[Variant], frames: Sequence[Feed], sounds: Sequence[tuple[np.ndarray, int]]
) -> list[report.Measured]:
    """All but quality: of one-frame calls on `frames`, and of `sounds` ([T], rate) as streams."""
    students = {variant.name: Student(variant.path) for variant in variants}
    times = frame_times(students, frames, ROUNDS, CALLS)
    return [
        report.Measured(
            variant.name,
            round(variant.path.stat().st_size / 1000),
            times[variant.name],
            operators(students[variant.name], frames),
            block_difference_db(students[variant.name], sounds),
        )
        for variant in variants
    ]


def _full(student: Path | None, out: Path) -> Variant:
    """What everything is compared with: an ONNX file itself, or a checkpoint as it would be shipped."""
    if student is not None and student.suffix != ".onnx":
        return exported(student, FULL, out)
    path = out / f"{FULL}.onnx"
    shutil.copyfile(model_path(student), path)
    return Variant(FULL, path)


def _extra(path: Path, out: Path) -> Variant:
    """A further row: an ONNX file as it is, or a checkpoint, called by its run."""
    if path.suffix == ".onnx":
        return Variant(path.stem, Student(path).info.path)
    return exported(path, path.name if path.is_dir() else path.resolve().parent.name, out)


def _scored(variants: Sequence[Variant], pools: Pools, items: int, out: Path, console: Console) -> Results:
    """Quality on the first validation items, through the product's engine; what was scored before is kept in `out`."""
    entries = fixed_entries(pools, "val", items)
    systems = [Noisy(), *(Exported(variant.name, variant.path) for variant in variants)]
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("scoring", total=None)
        scored = score(
            entries,
            systems,
            out / "scores.jsonl",
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if scored.stopped:
        raise KeyboardInterrupt
    for line in scored.failed:
        console.print(line, soft_wrap=True)
    return Results(entries, [system.label for system in systems], scored)
