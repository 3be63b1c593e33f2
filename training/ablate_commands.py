"""`training ablate`; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from training.places import default_pools, default_runs
from training.run_commands import PoolsOption


def ablate(
    config: Annotated[str, typer.Option(help="A TOML file of rows, or a name from training/configs.")] = ("ablation"),
    pools: PoolsOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs (default: runs/ablation).")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Single-threaded training processes side by side.")] = 2,
    score: Annotated[bool, typer.Option("--score", help="Score the finished runs only; train nothing.")] = False,
) -> None:
    """Train equal students, taught differently, and say what each teaching is worth beside the control.

    Ctrl-C ends it with checkpoints; the same command goes on from there.
    """
    from training.ablation.conduct import Conductor
    from training.ablation.plan import load_plan
    from training.ablation.workers import Interrupted, Workers

    conductor = Conductor(load_plan(config), pools or default_pools(), out or default_runs() / "ablation", _say)
    try:
        with Workers(jobs) as workers:
            runs = conductor.score_finished(workers) if score else conductor.run_all(workers)
    except Interrupted:
        _say("stopped with checkpoints; the same command goes on from there")
        raise typer.Exit(130) from None
    _say(f"{len(runs)} runs trained and scored in {conductor.out}")


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def register(app: typer.Typer) -> None:
    """Adds this module's command to the app."""
    app.command()(ablate)
