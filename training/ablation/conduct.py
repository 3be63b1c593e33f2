"""Conducts an ablation from the first run to the last score; at any point it can be stopped and goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from enhancer.errors import UserError
from training.ablation.material import check_material
from training.ablation.plan import Plan, PlannedRun, ranked, steps_done
from training.ablation.scores import ItemScores, judging_set, means, read_scores, score_noisy, score_run
from training.ablation.workers import Workers, train_run

NOISY = "noisy"  # folder of the scores of the mixtures themselves
Say = Callable[[str], None]


class Conductor:
    """The runs of a plan in a folder, one below it each."""

    def __init__(self, plan: Plan, pools_dir: Path, out: Path, say: Say) -> None:
        """Raises UserError when pools, caches or teachers are absent, or when something in `out` was made with others
        or with another config."""
        self.plan, self.out, self.say = plan, out, say
        self.pools_dir = pools_dir
        for run in self._all_runs():
            steps_done(run, self.folder(run))
        check_material(plan, pools_dir, out)
        counts = {"val": plan.settings.chosen_on, "test": plan.settings.items}
        self.judges = {split: judging_set(pools_dir, split, count) for split, count in counts.items()}

    def folder(self, run: PlannedRun) -> Path:
        """Where a run is."""
        return self.out / run.name

    def run_all(self, workers: Workers) -> list[PlannedRun]:
        """Trains and scores all; returns the runs. Raises Interrupted when the workers were asked to end."""
        runs = self.plan.first_runs()
        self._train(workers, runs)
        chosen = self._choose(workers)
        repeats = self.plan.repeats(chosen)
        self._train(workers, repeats)
        self._score(workers, runs + repeats, "test")
        return runs + repeats

    def score_finished(self, workers: Workers) -> list[PlannedRun]:
        """Scores what has been trained to the end, and returns it. Raises UserError when that is nothing."""
        finished = [run for run in self._all_runs() if self._is_finished(run)]
        if not finished:
            raise UserError(f"no finished run in {self.out}", "train first: training ablate")
        self._score(workers, [run for run in finished if run.seed == self.plan.settings.seeds[0]], "val")
        self._score(workers, finished, "test")
        return finished

    def scores(self, run: PlannedRun | None, split: str) -> list[ItemScores] | None:
        """Scores of a run, or of the mixtures themselves (None), on a set; None where they have not been made."""
        return read_scores(self.folder(run) if run else self.out / NOISY, self.judges[split])

    def _all_runs(self) -> list[PlannedRun]:
        return [self.plan.run(row.name, seed) for row in self.plan.rows for seed in self.plan.settings.seeds]

    def _is_finished(self, run: PlannedRun) -> bool:
        return steps_done(run, self.folder(run)) >= run.config.run.steps

    def _choose(self, workers: Workers) -> list[str]:
        """The rows that are repeated: with the first seed the best on the validation set, beside the control."""
        settings = self.plan.settings
        runs = [self.plan.run(row.name, settings.seeds[0]) for row in self.plan.rows]
        self._score(workers, runs, "val")
        validation = {run.row: means(self.scores(run, "val") or []) for run in runs}
        shown = ", ".join(f"{name} {found['pesq_wb']:.3f}" for name, found in validation.items())
        self.say(f"PESQ-WB on the validation set: {shown}")
        return [name for name in ranked(validation) if name != settings.control][: settings.repeated]

    def _train(self, workers: Workers, runs: list[PlannedRun]) -> None:
        unfinished = [run for run in runs if not self._is_finished(run)]
        if not unfinished:
            return
        progress = _TrainingProgress(self, len(runs) - len(unfinished), unfinished)
        tasks = [(train_run, (run.config, self.pools_dir, self.folder(run))) for run in unfinished]
        workers.work(tasks, progress.show)

    def _score(self, workers: Workers, runs: list[PlannedRun], split: str) -> None:
        judges = self.judges[split]
        tasks = {self.folder(run): score_run for run in runs}
        if split == "test":
            tasks[self.out / NOISY] = score_noisy
        missing = [folder for folder in tasks if read_scores(folder, judges) is None]
        if missing:
            self.say(f"scoring {', '.join(f.name for f in missing)} on {judges.items} mixtures of the {split} set")
            workers.work([(tasks[folder], (folder, judges)) for folder in missing], lambda: None)


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
