"""The processes of a run and rank 0's duties around the steps: budget, log, validation, checkpoints.

On a CPU a run is one single-threaded process a core, started by the command itself: measured twice as fast as threads,
because recurrent steps are small. SIGTERM and SIGINT end the run after the step at hand, with a checkpoint.
Rank 0 decides when to stop and tells the others before each step.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from enhancer.errors import UserError
from training.checkpoint import load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.data.pools import Pools
from training.loop import Run, learning_rate

CHECKPOINT = "checkpoint.safetensors"
LOG_EVERY = 50
# A step that took longer than this was a pause (SIGSTOP, a busy machine): it does not count towards the budget.
LONGEST_STEP_S = 3.0


def train(
    config: TrainingConfig, pools_dir: Path, out: Path, resume: bool = False, start_from: Path | None = None
) -> None:
    """Runs `config` to the end of its budget in `out`; `resume` goes on from its checkpoint.

    Raises UserError when pools or cache are absent, or when `out` holds a run and resume is not asked for.
    """
    if (out / CHECKPOINT).exists() and not resume:
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or choose another --out")
    Pools(pools_dir)  # fail here, in one line, rather than in every process
    out.mkdir(parents=True, exist_ok=True)
    world = config.run.processes
    if world == 1:
        _worker(0, config, pools_dir, out, resume, start_from)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    os.environ["OMP_NUM_THREADS"] = "1"
    arguments = (config, pools_dir, out, resume, start_from)
    workers = torch.multiprocessing.spawn(_worker, arguments, nprocs=world, join=False)

    def pass_on(number: int, _: Any) -> None:
        for process in workers.processes:
            process.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the workers too
    while not workers.join():
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _worker(
    rank: int, config: TrainingConfig, pools_dir: Path, out: Path, resume: bool, start_from: Path | None
) -> None:
    """One process of the run."""
    world = config.run.processes
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if world > 1:
        dist.init_process_group("gloo", rank=rank, world_size=world)
    run = Run(config, Pools(pools_dir), rank, world)
    if resume:
        run.restore(load_checkpoint(out / CHECKPOINT))
    elif start_from:
        run.start_from(load_checkpoint(start_from))
    stopping = _stop_on_signals()
    Steward(run, out).supervise(stopping) if rank == 0 else _follow(run)
    if world > 1:
        dist.destroy_process_group()


def _stop_on_signals() -> list[int]:
    """A list that fills when the process is told to end."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: told.append(n))
    return told


def _agree(run: Run, stop: bool, minutes: float) -> bool:
    """Rank 0 tells all whether to stop and how many minutes have passed, so that schedules stay equal."""
    if run.world > 1:
        told = torch.tensor([float(stop), minutes], dtype=torch.float64)
        dist.broadcast(told, 0)
        stop, minutes = bool(told[0]), float(told[1])
    run.progress.minutes = minutes
    return stop


def _follow(run: Run) -> None:
    """What every process but the first does."""
    _stop_on_signals()
    while not _agree(run, False, 0.0):
        run.step()


class Steward:
    """Rank 0's duties around the steps: the budget, the log, validation and checkpoints."""

    def __init__(self, run: Run, out: Path) -> None:
        self.run, self.out = run, out
        self.log = (out / "log.jsonl").open("a", buffering=1)
        (out / "config.json").write_text(json.dumps(run.config.as_dict(), indent=2))
        self.best = self._best_so_far()

    def supervise(self, stopping: list[int]) -> None:
        run, config = self.run, self.run.config
        minutes, saved = run.progress.minutes, run.progress.minutes
        validated, sums, count = run.progress.minutes, {}, {}
        while True:
            over = bool(stopping) or run.progress.share(config) >= 1.0
            if _agree(run, over, minutes):
                break
            began = time.perf_counter()
            for name, value in run.step().items():
                sums[name], count[name] = sums.get(name, 0.0) + value, count.get(name, 0) + 1
            minutes += min(time.perf_counter() - began, LONGEST_STEP_S) / 60.0
            if run.progress.step % LOG_EVERY == 0:
                self._write({"train": {name: round(sums[name] / count[name], 5) for name in sums}})
                sums, count = {}, {}
            if minutes - saved > config.run.checkpoint_minutes:
                saved = minutes
                run.progress.minutes = minutes
                save_checkpoint(self.out / CHECKPOINT, run.checkpoint())
            if minutes - validated > config.run.validate_minutes:
                validated = minutes
                self._validate()
        run.progress.minutes = minutes
        save_checkpoint(self.out / CHECKPOINT, run.checkpoint())
        self._validate()

    def _validate(self) -> None:
        """Scores the averaged weights; keeps a copy of the best by PESQ-WB."""
        if not self.run.config.run.validate_items:
            return
        from training.evaluate import score_network

        scores = score_network(self.run.ema, self.run.pools, "val", self.run.config.run.validate_items)
        self._write({"validation": scores})
        if scores["pesq_wb"] > self.best:
            self.best = scores["pesq_wb"]
            save_checkpoint(self.out / "best.safetensors", self.run.checkpoint())

    def _best_so_far(self) -> float:
        """Best validation PESQ-WB in the log of a resumed run."""
        lines = [json.loads(line) for line in (self.out / "log.jsonl").read_text().splitlines()]
        return max((line["validation"]["pesq_wb"] for line in lines if "validation" in line), default=0.0)

    def _write(self, entry: dict[str, Any]) -> None:
        p = self.run.progress
        entry = {
            "step": p.step,
            "minutes": round(p.minutes, 2),
            "audio_hours": round(p.audio_hours, 2),
            "rate": round(learning_rate(self.run.config, p), 7),
            "skipped": p.skipped,
        } | entry
        self.log.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)
