"""The command: scores what is not known yet, times every system, judges every aim, and says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console

from benchmarks.clips import ROOT
from benchmarks.result_files import write_json
from benchmarks.speed import machine
from benchmarks.tables import as_text, replace_block
from benchmarks.targets import cost, full_band, picture, rows, tables
from benchmarks.targets.aims import AIMS, QUALITY
from enhancer.errors import ConfigError
from enhancer.evaluation.measures import require_packages
from enhancer.evaluation.peers import PEERS, chosen_peers
from enhancer.model import Student
from training.data.fixed_sets import COUNT, fixed_hash
from training.data.pools import Pools
from training.evaluation.items import fixed_entries
from training.evaluation.results import Results
from training.evaluation.run import run as score_all
from training.evaluation.systems import Exported, Noisy, Other, System
from training.places import default_runs

RESULTS = ROOT / "benchmarks" / "results" / "targets.json"
PAGE, METHODS = ROOT / "docs" / "targets.md", ROOT / "docs" / "evaluation.md"
PICTURE = ROOT / "docs" / "images" / "quality_cost.png"
TIMED_S, ROUNDS = 20.0, 3
AIMED = tuple(against.peer for against in AIMS)


def run(items: int, model: Path | None, pools_folder: Path, jobs: int, *, write: bool) -> None:
    """Measures the aims on the first `items` of the test set; with `write`, which takes all, publishes them.

    Scores are kept in runs/targets/ by item, system and version: a new model of ours makes its own be taken, nothing
    else. Raises UserError: no pools, a peer or a package that is not here, a model that cannot be run, `write` with
    fewer items. Exits with 130 when stopped, 1 when items failed.
    """
    if write and items < COUNT:
        raise ConfigError(f"--write publishes figures of all {COUNT} mixtures, not of {items}", "leave out --items")
    require_packages()
    peers = [peer.name for peer in chosen_peers(",".join(AIMED))]
    peers += [name for name, peer in PEERS.items() if peer.here and name not in AIMED]  # for the table alone
    pools = Pools(pools_folder)
    entries = fixed_entries(pools, "test", items)
    ours = Exported(rows.OURS, model)
    systems: list[System] = [Noisy(), ours, *(Other(name) for name in peers)]
    kept = default_runs() / "targets"
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill ends like Ctrl-C
    try:
        with console.status("scoring") as status:

            def told(what: str):
                return lambda done, total: status.update(f"{what}: {done} of {total} mixtures")

            scored = score_all(entries, systems, kept / "scored.jsonl", jobs, told("scoring"))
            if scored.stopped:
                raise KeyboardInterrupt
            if scored.failed:
                console.print(*(f"error: {line}" for line in scored.failed), sep="\n")
                raise typer.Exit(1)
            listened = [Noisy(), ours, Other(rows.FULL_BAND_PEER)]
            high = full_band.measure(entries, listened, kept / "full_band.jsonl", told("band above 8 kHz"))
            load = round(os.getloadavg()[0], 2)
            timed = [name for name in peers if not PEERS[name].oracle]
            costs = cost.measure(timed, model, TIMED_S, ROUNDS, status.update)
    except KeyboardInterrupt:
        console.print("stopped: what is scored is kept, the same command goes on")
        raise typer.Exit(130) from None

    results = Results(entries, [system.label for system in systems], scored)
    found = rows.against_peers(results, costs)
    found += rows.against_full_band(entries, high)
    for ablation in rows.ABLATIONS:
        found += rows.without_distillation(ablation)
    student = Student(model)
    facts: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load_before_timing": load,
        "set": fixed_hash(pools, "test"),
        "items": len(results.entries),
        "model": {
            "file": _place(student.info.path),
            "weights_sha256": student.info.details.get("weights_sha256", "unknown"),
        },
        "versions": {system.label: system.version() for system in systems if isinstance(system, Other)},
        "means": {s: {key: round(float(np.nanmean(results.values(s, key))), 4) for key in QUALITY}
                  for s in results.systems},
        "cost": {name: {"sample_rate": c.sample_rate, "streaming": c.streaming, "files": c.files}
                 for name, c in costs.items()},
        "aims": [row.as_json() for row in found],
    }  # fmt: skip
    overview, judged = tables.systems(results, costs), tables.aims(found)
    note = _note(facts, high, found)
    console.print(overview, "", judged, note, sep="\n", soft_wrap=True)
    if write:
        _publish(facts, as_text(overview), f"{as_text(judged)}\n{note}", _dots(results, costs))
        console.print(f"wrote {_place(RESULTS)}, {_place(PAGE)} and {_place(PICTURE)}")


def _note(facts: dict[str, Any], high: dict, found: Sequence[rows.Row]) -> str:
    """Under the tables: how many aims are met, and what the figures were measured with."""
    heard, pausing = rows.audible_in_pauses(high, rows.NOISY)
    versions = list(facts["versions"].values())
    peers = "; ".join(versions[:3]) + ";\n" + "; ".join(versions[3:])
    return (
        f"\n{tables.count(found)}\n"
        f"{facts['items']} mixtures of the fixed test set {facts['set']}; "
        f"unprocessed, {heard} of {pausing} at 48 kHz with pauses have audible noise above 8 kHz there\n"
        f"model {facts['model']['file']}, weights {facts['model']['weights_sha256'][:12]}; {peers}\n"
        f"{facts['machine']}; load before timing: {facts['load_before_timing']}; {facts['date']}"
    )


def _dots(results: Results, costs: dict[str, cost.Cost]) -> tuple[list[picture.Dot], float, int]:
    """What the picture shows: ours at 48 kHz, the dearer, and what an aim is against; second, the mixture's PESQ-WB."""
    means = {system: float(np.nanmean(results.values(system, "pesq_wb"))) for system in results.systems}
    dots = []
    for system in results.systems:
        if system != rows.OURS and system not in AIMED:
            continue
        known = costs[cost.OURS[48_000] if system == rows.OURS else system]
        title = PEERS[system].title if system in PEERS else system
        dots.append(picture.Dot(title, means[system], known.streaming, known.files, system == rows.OURS))
    return dots, means[rows.NOISY], len(results.entries)


def _publish(facts: dict[str, Any], overview: str, judged: str, shown: tuple[list[picture.Dot], float, int]) -> None:
    write_json(RESULTS, facts)
    for page in (PAGE, METHODS):
        replace_block(page, "systems table", overview)
    replace_block(PAGE, "targets table", judged)
    dots, noisy, items = shown
    picture.draw(dots, noisy, f"mean of {items} test mixtures at 16 and 48 kHz, -5 to 15 dB; one thread", PICTURE)


def _place(path: Path) -> str:
    """A path as a reader of the repository knows it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
