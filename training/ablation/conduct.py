"""Conducts an ablation from the first run to the last score; at any point it can be stopped and goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from enhancer.errors import UserError
from training.ablation.plan import Plan, PlannedRun, steps_done
from training.ablation.scores import ItemScores, read_scores, score_noisy, score_run
from training.ablation.workers import Workers, train_run
from training.data.pools import Pools

NOISY = "noisy"  # folder of the scores of the mixtures themselves
Say = Callable[[str], None]


class Conductor:
    """The runs of a plan in a folder, one below it each."""

    def __init__(self, plan: Plan, pools_dir: Path, out: Path, say: Say) -> None:
        """Raises UserError where a run in `out` was trained with another config, or pools are absent."""
        self.plan, self.pools_dir, self.out, self.say = plan, pools_dir, out, say
        Pools(pools_dir)
        seeds = plan.settings.seeds
        for run in [plan.run(row.name, seed) for row in plan.rows for seed in seeds]:
            steps_done(run, self.folder(run))

    def folder(self, run: PlannedRun) -> Path:
        """Where a run is."""
        return self.out / run.name

    def run_all(self, workers: Workers) -> list[PlannedRun]:
        """Trains and scores all; returns the runs of the chosen rows and of all others, the control's first.

        Raises Interrupted when the workers were asked to end.
        """
        runs = self.plan.first_runs()
        self._train(workers, runs)
        chosen = self.choose(workers)
        repeats = self.plan.repeats(chosen)
        self._train(workers, repeats)
        self._score(workers, runs + repeats, "test")
        return runs + repeats

    def score_finished(self, workers: Workers) -> list[PlannedRun]:
        """Scores what is there, without training; returns the finished runs."""
        runs = [run for row in self.plan.rows for run in (self.plan.run(row.name, s) for s in self.plan.settings.seeds)]
        finished = [run for run in runs if self._is_finished(run)]
        if not finished:
            raise UserError(f"no finished run in {self.out}", "train first: training ablate")
        self._score(workers, finished, "test")
        return finished

    def choose(self, workers: Workers) -> list[str]:
        """The rows that are repeated: of those beside the control the best by PESQ-WB on the validation set, with the
        first seed; ESTOI decides between equals."""
        settings = self.plan.settings
        runs = [self.plan.run(row.name, settings.seeds[0]) for row in self.plan.rows]
        self._score(workers, runs, "val")
        ranks = {}
        for run in runs:
            scores = self.scores(run, "val")
            ranks[run.row] = tuple(
                float(np.nanmean([getattr(s, name) for s in scores])) for name in ("pesq_wb", "estoi")
            )
        self.say("on the validation set: " + ", ".join(f"{row} {rank[0]:.3f}" for row, rank in ranks.items()))
        others = sorted((row for row in ranks if row != settings.control), key=lambda row: ranks[row], reverse=True)
        return others[: settings.repeated]

    def scores(self, run: PlannedRun | None, split: str) -> list[ItemScores]:
        """Scores of a run, or of the mixtures themselves (None), on a set. Raises UserError when they are not there."""
        folder = self.folder(run) if run else self.out / NOISY
        scores = read_scores(folder, self.pools_dir, split, self.plan.settings.items)
        if scores is None:
            raise UserError(f"{folder} has no scores of the {split} set", "make them with: training ablate --score")
        return scores

    def _is_finished(self, run: PlannedRun) -> bool:
        return steps_done(run, self.folder(run)) >= run.config.run.steps

    def _train(self, workers: Workers, runs: list[PlannedRun]) -> None:
        unfinished = [run for run in runs if not self._is_finished(run)]
        if not unfinished:
            return
        progress = _TrainingProgress(self, len(runs) - len(unfinished), unfinished)
        tasks = [(train_run, (run.config, self.pools_dir, self.folder(run))) for run in unfinished]
        workers.work(tasks, progress.show)

    def _score(self, workers: Workers, runs: list[PlannedRun], split: str) -> None:
        items = self.plan.settings.items
        arguments = {self.folder(run): (score_run, self.folder(run)) for run in runs}
        if split == "test":
            (self.out / NOISY).mkdir(parents=True, exist_ok=True)
            arguments[self.out / NOISY] = (score_noisy, self.out / NOISY)
        missing = [f for f in arguments if read_scores(f, self.pools_dir, split, items) is None]
        if not missing:
            return
        self.say(f"scoring {len(missing)} of {len(arguments)} on {items} mixtures of the {split} set")
        tasks = [(arguments[f][0], (f, self.pools_dir, split, items)) for f in missing]
        workers.work(tasks, lambda: None)


LINE_EVERY_S = 30.0


class _TrainingProgress:
    """A line now and then: which runs are on, how far, and how long it will take at the speed so far."""

    def __init__(self, conductor: Conductor, finished: int, runs: list[PlannedRun]) -> None:
        self.conductor, self.finished, self.runs = conductor, finished, runs
        self.began, self.last = time.perf_counter(), -1e9
        self.at_start = {run.name: steps_done(run, conductor.folder(run)) for run in runs}

    def show(self) -> None:
        now = time.perf_counter()
        if now - self.last < LINE_EVERY_S:
            return
        self.last = now
        folders = {run.name: (run, self.conductor.folder(run)) for run in self.runs}
        steps = {name: max(steps_done(run, folder), _last_step(folder)) for name, (run, folder) in folders.items()}
        total = {run.name: run.config.run.steps for run in self.runs}
        taken, left = sum(steps.values()) - sum(self.at_start.values()), sum(total.values()) - sum(steps.values())
        ended = self.finished + sum(steps[name] >= total[name] for name in steps)
        on = ", ".join(
            f"{name} {100 * steps[name] // total[name]} %" for name in steps if 0 < steps[name] < total[name]
        )
        time_left = f", about {left / taken * (now - self.began) / 60:.0f} min left" if taken else ""
        self.conductor.say(f"{ended} of {self.finished + len(self.runs)} runs trained{time_left}: {on or 'starting'}")


def _last_step(folder: Path) -> int:
    """The step of the last line of a run's log; 0 before there is one."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    for line in reversed(lines):
        try:
            return json.loads(line)["step"]
        except (ValueError, KeyError):  # being written at this moment
            continue
    return 0
