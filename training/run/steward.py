"""Rank 0's duties around the steps: the clock, the log, validation and checkpoints."""

from __future__ import annotations

import json
import time
from pathlib import Path

from enhancer.errors import InputError, UserError
from training.checkpoint import CHECKPOINT, save_checkpoint
from training.data.fixed_sets import fixed_set
from training.evaluate import enhance, score_network
from training.run.loop import Run, learning_rate
from training.run.telemetry import RunLog

BEST = "best.safetensors"
LOG_EVERY = 50
SOUNDS = 3  # of the validation set, to listen to in TensorBoard
# A step that took longer than this, and than five of the fastest before it, was a pause (SIGSTOP, a busy machine): the
# rest of it does not count towards the budget.
LONGEST_STEP_S = 3.0


class Steward:
    """Watches over a run: `step` until `budget_spent`, then `finish`."""

    def __init__(self, run: Run, out: Path, part_minutes: float | None = None) -> None:
        """`part_minutes`: of this part of the run, which may end before its budget does."""
        self.run, self.out = run, out
        self.minutes = run.progress.minutes
        self._last = self.minutes + part_minutes if part_minutes is not None else float("inf")
        self._saved = self._validated = self.minutes
        self._fastest = 0.0  # seconds, of the steps so far
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._since = (self.minutes, run.progress.audio_hours)  # of the last line
        (out / "config.json").write_text(json.dumps(run.config.as_dict(), indent=2))
        self.log = RunLog(out, run.progress.step)
        self._best = max(
            (_rank(entry["validation"]) for entry in self.log.entries() if "validation" in entry), default=(False, 0.0)
        )
        self._heard = False  # whether the sounds that never change are in TensorBoard

    @property
    def budget_spent(self) -> bool:
        """Whether the run, or this part of it, is over."""
        return self.run.progress.share(self.run.config) >= 1.0 or self.minutes >= self._last

    def step(self) -> None:
        """One step of the run, and what is due after it."""
        began = time.perf_counter()
        terms = self.run.step()
        took = time.perf_counter() - began
        self.minutes += min(took, max(LONGEST_STEP_S, 5 * self._fastest)) / 60.0
        self._fastest = min(self._fastest or took, took)
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        config = self.run.config.run
        if self.run.progress.step % LOG_EVERY == 0:
            self._report()
        if self.minutes - self._saved > config.checkpoint_minutes:
            self._saved = self.minutes
            self._save(CHECKPOINT)
        if self.minutes - self._validated > config.validate_minutes:
            self._validated = self.minutes
            self._validate()

    def finish(self, validate: bool) -> None:
        """The last checkpoint and, if wanted, scores. Raises UserError when that checkpoint cannot be written."""
        self.run.progress.minutes = self.minutes
        try:
            save_checkpoint(self.out / CHECKPOINT, self.run.checkpoint())
            if validate:
                self._validate()
        finally:
            self.log.close()

    def _save(self, name: str) -> None:
        """A checkpoint on the way: a disk that is full must not end the run, the next one may find room."""
        self.run.progress.minutes = self.minutes
        try:
            save_checkpoint(self.out / name, self.run.checkpoint())
        except UserError as error:
            self.log.warn(f"{error.message}; the run goes on and tries again later")

    def _report(self) -> None:
        minutes, hours = self._since
        self._since = (self.minutes, self.run.progress.audio_hours)
        speed = (self.run.progress.audio_hours - hours) * 60.0 / max(self.minutes - minutes, 1e-9)
        means = {name: round(self._sums[name] / self._counts[name], 5) for name in self._sums}
        self._sums, self._counts = {}, {}
        self._write({"audio_s_per_s": round(speed, 1)}, train=means)

    def _validate(self) -> None:
        """Scores the averaged weights; keeps a copy of the best."""
        run, count = self.run, self.run.config.run.validate_items
        if not count:
            return
        try:
            scores = score_network(run.ema, run.pools, "val", count)
        except InputError as error:  # small corpora may have no speaker to spare
            self.log.warn(f"no validation: {error.message}")
            return
        if "pesq_wb" not in scores:
            self.log.warn("no PESQ here (pip install pesq pystoi): the best weights are those of the highest SI-SDR")
        self._write({}, validation=scores)
        self._play(min(count, SOUNDS))
        if _rank(scores) > self._best:
            self._best = _rank(scores)
            self._save(BEST)

    def _play(self, count: int) -> None:
        if not self.log.plays_sounds:
            return
        step = self.run.progress.step
        for number, item in enumerate(fixed_set(self.run.pools, "val", count)):
            name = f"{number}_{item.category}"
            enhanced = enhance(self.run.ema, item.noisy, item.sample_rate)
            self.log.sound(f"{name}/enhanced", enhanced, item.sample_rate, step)
            if not self._heard:
                self.log.sound(f"{name}/noisy", item.noisy, item.sample_rate, step)
                self.log.sound(f"{name}/clean", item.clean, item.sample_rate, step)
        self._heard = True

    def _write(self, facts: dict[str, float], **groups: dict[str, float]) -> None:
        p = self.run.progress
        common = {
            "minutes": round(self.minutes, 2),
            "audio_hours": round(p.audio_hours, 2),
            "rate": round(learning_rate(self.run.config, p), 7),
            "skipped": p.skipped,
        }
        self.log.write(p.step, common | facts, **groups)


def _rank(scores: dict[str, float]) -> tuple[bool, float]:
    """What makes weights the best: PESQ-WB; SI-SDR, which comes behind any of it, where PESQ is not installed."""
    return ("pesq_wb" in scores, scores.get("pesq_wb", scores["si_sdr"]))
