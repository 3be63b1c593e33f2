"""`training ablate`; registered on the `training` app by `training.cli`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from training.commands.run import PoolsOption
from training.places import default_pools, default_runs


def ablate(
    config: Annotated[str, typer.Option(help="A TOML file of rows, or a name from training/configs.")] = "ablation",
    pools: PoolsOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs (default: runs/CONFIG).")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Single-threaded training processes side by side.")] = 2,
    score: Annotated[bool, typer.Option("--score", help="Score the finished runs only; train nothing.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Only write docs/distillation.md from benchmarks/results/CONFIG.json.")
    ] = False,
) -> None:
    """Train equal students, taught differently, and say what each teaching is worth beside the control.

    Ctrl-C ends it with checkpoints; the same command goes on from there.
    """
    # All of it at the start: a checkout may be edited while this runs for hours.
    from training.ablation import conduct, picture, plan, results, workers
    from training.ablation import report as reporting

    name = Path(config).stem
    if report:
        _report(name)
        return
    folder = out or default_runs() / name
    conductor = conduct.Conductor(plan.load_plan(config), pools or default_pools(), folder, _say)
    try:
        with workers.Workers(jobs) as at_work:
            runs = conductor.score_finished(at_work) if score else conductor.run_all(at_work)
    except workers.Interrupted:
        _say("stopped with checkpoints; the same command goes on from there")
        raise typer.Exit(130) from None
    found = results.collect(conductor, runs)
    results.write_results(found, folder / "results.json")
    picture.draw(found, folder / "ablation.png")
    text = "\n\n".join([reporting.conditions(found), reporting.table(found), reporting.seeds_table(found)])
    (folder / "ablation.md").write_text(text + "\n", encoding="utf-8")
    print(f"{text}\n\n{reporting.summary(found)}")
    _say(f"{len(runs)} runs in {folder}: results.json, ablation.md, ablation.png")


def _report(name: str) -> None:
    """Writes an ablation's table and plot into the documentation, from the committed results."""
    from training.ablation import picture, report, results

    repository = default_runs().parent
    found = results.read_results(repository / "benchmarks" / "results" / f"{name}.json")
    page, image = repository / "docs" / "distillation.md", Path("images") / f"{name}.png"
    report.replace_block(page, name, report.page_block(found, image.as_posix()))
    picture.draw(found, page.parent / image)
    print(report.summary(found))
    _say(f"written: docs/distillation.md, docs/images/{name}.png; the line above is for the README")


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def register(app: typer.Typer) -> None:
    """Adds this module's command to the app."""
    app.command()(ablate)
