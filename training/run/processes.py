"""The processes of a run: who they are, how they agree, how they end.

On a CPU a run is one single-threaded process a core, started by the command itself: measured twice as fast as threads,
because recurrent steps are small. On a GPU it is one process on that GPU. Under torchrun the command is one of its
workers and starts nothing. SIGTERM and SIGINT end the run after the step at hand, with a checkpoint.
Rank 0 decides when to stop and tells the others before each step.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing import ProcessExitedException

from enhancer.errors import UserError
from training.checkpoint import CHECKPOINT, exists, load_checkpoint
from training.config import TrainingConfig
from training.data.pools import Pools
from training.run.loop import Run
from training.run.steward import Steward

__all__ = ["CHECKPOINT", "choose_device", "train"]

DEVICES = ("auto", "cpu", "cuda")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
LONGEST_WAIT = timedelta(hours=1)  # for another process: one may be paused, or validating


@dataclass(frozen=True)
class Assignment:
    """What every process of a run is told."""

    config: TrainingConfig
    pools_dir: Path
    out: Path
    resume: bool
    start_from: Path | None
    part_minutes: float | None


@dataclass(frozen=True)
class Seat:
    """One process's place among those of a run."""

    rank: int
    world: int
    device: str  # as torch names it


def train(
    config: TrainingConfig,
    pools_dir: Path,
    out: Path,
    resume: bool = False,
    start_from: Path | None = None,
    part_minutes: float | None = None,
) -> None:
    """Runs `config` to the end of its budget in `out`; `resume` goes on from its checkpoint.

    `part_minutes` ends this part of the run earlier, with a checkpoint to go on from; its schedules do not change.
    Raises UserError when pools or cache are absent, when there is no device of the kind that is asked for, when `out`
    holds a run and resume is not asked for, or when the last checkpoint cannot be written.
    """
    if exists(out / CHECKPOINT) and not resume:
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or choose another --out")
    Pools(pools_dir)  # fail here, in one line, rather than in every process
    given = _seat_given_by_torchrun(config.run.device)
    device = given.device if given else choose_device(config.run.device)
    out.mkdir(parents=True, exist_ok=True)
    assignment = Assignment(config, pools_dir, out, resume, start_from, part_minutes)
    if given:
        _work(given, assignment)
    elif config.run.processes == 1 or device != "cpu":
        _work(Seat(0, 1, device), assignment)
    else:
        _start_processes(assignment)


def choose_device(wish: str, number: int = 0) -> str:
    """The device of the `number`-th process of this machine: "cpu", or "cuda:0" and so on.

    Raises UserError when a GPU is asked for and there is none, or none for that process.
    """
    if wish not in DEVICES:
        raise UserError(f"run.device is {wish!r}", f"one of: {', '.join(DEVICES)}")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "cpu" or (wish == "auto" and not gpus):
        return "cpu"
    if not gpus:
        raise UserError("run.device is cuda, but torch sees no GPU here", 'device = "auto" or "cpu" in [run]')
    if number >= gpus:
        raise UserError(f"no GPU for process {number}: torch sees {gpus}", f"torchrun --nproc-per-node {gpus}")
    return f"cuda:{number}"


def _seat_given_by_torchrun(wish: str) -> Seat | None:
    try:
        rank, world, number = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    except KeyError:
        return None
    return Seat(rank, world, choose_device(wish, number))


# --- processes of our own ---------------------------------------------------------------------------------------


def _start_processes(assignment: Assignment) -> None:
    """One process a core on this machine; ends when all have."""
    world = assignment.config.run.processes
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    os.environ["OMP_NUM_THREADS"] = "1"
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # it tells of each process that it ends
    mistakes: Any = torch.multiprocessing.get_context("spawn").SimpleQueue()
    workers = torch.multiprocessing.spawn(_start, (world, assignment, mistakes), nprocs=world, join=False)

    told_to_end = False

    def pass_on(number: int, _: Any) -> None:
        nonlocal told_to_end
        told_to_end = True
        for process in workers.processes:
            process.terminate()

    with _handlers({signal.SIGTERM: pass_on, signal.SIGINT: signal.SIG_IGN}):  # a terminal's Ctrl-C reaches them too
        try:
            while not workers.join():
                pass
        except ProcessExitedException as ended:
            if not mistakes.empty():
                raise mistakes.get() from None
            # One that was still starting knows no better than to die of the signal: nothing is lost yet.
            if not (told_to_end and ended.signal_name == "SIGTERM"):
                raise


def _start(rank: int, world: int, assignment: Assignment, mistakes: Any) -> None:
    """A process that `_start_processes` started; a user's mistake is handed to it, to be said once."""
    try:
        _work(Seat(rank, world, "cpu"), assignment)
    except UserError as error:
        mistakes.put(error)
        sys.exit(2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- one process ------------------------------------------------------------------------------------------------


def _work(seat: Seat, assignment: Assignment) -> None:
    """One process's whole part in the run."""
    device = torch.device(seat.device)
    torch.set_flush_denormal(True)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")  # TF32, outside the network's half precision
    else:
        torch.set_num_threads(1)
    if seat.world > 1:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, rank=seat.rank, world_size=seat.world, timeout=LONGEST_WAIT)
    try:
        run = Run(assignment.config, Pools(assignment.pools_dir), seat.rank, seat.world, device)
        if assignment.resume:
            run.restore(load_checkpoint(assignment.out / CHECKPOINT))
        elif assignment.start_from:
            run.start_from(load_checkpoint(assignment.start_from))
        told: list[int] = []
        stop = dict.fromkeys(SIGNALS, lambda number, _: told.append(number))
        with closing(run.source), _handlers(stop):
            if seat.rank == 0:
                _lead(run, assignment, told)
            else:
                _follow(run)
    finally:
        if seat.world > 1:
            dist.destroy_process_group()


def _lead(run: Run, assignment: Assignment, told: list[int]) -> None:
    """What rank 0 does: steps until the budget is spent or somebody says stop."""
    steward = Steward(run, assignment.out, assignment.part_minutes)
    while not _agree(run, bool(told) or steward.budget_spent, steward.minutes):
        steward.step()
    steward.finish(validate=not told)


def _follow(run: Run) -> None:
    """What every other process does."""
    while not _agree(run, False, 0.0):
        run.step()


def _agree(run: Run, stop: bool, minutes: float) -> bool:
    """Rank 0 tells all whether to stop and how many minutes have passed, so that schedules stay equal."""
    if run.world > 1:
        told = torch.tensor([float(stop), minutes], dtype=torch.float64, device=run.device)
        dist.broadcast(told, 0)
        stop, minutes = bool(told[0]), float(told[1])
    run.progress.minutes = minutes
    return stop


@contextmanager
def _handlers(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    """Signal handlers for a while."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
