"""Processes side by side, each single-threaded, that train and score the runs of an ablation.

They live as long as the command and import all they need at their start, so that a checkout may be edited meanwhile.
SIGTERM and Ctrl-C reach the parent, which passes them on until every run has written its checkpoint; should the parent
itself be killed, the workers end in the same way.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from enhancer.errors import UserError
from training.config import TrainingConfig

Task = tuple[Callable[..., None], tuple[Any, ...]]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
    """Somebody asked the command to end; what was done so far is on the disk."""


class Workers:
    """`jobs` processes. A context manager; within it, SIGTERM and SIGINT end `work` with Interrupted."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._asked = False  # to end

    def __enter__(self) -> Workers:
        os.environ["OMP_NUM_THREADS"] = "1"  # read by each process when it starts
        self._executor = ProcessPoolExecutor(self.jobs, multiprocessing.get_context("spawn"), _start)
        self._before = [signal.signal(number, self._on_signal) for number in _SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        self._asked = True
        _tell_workers()

    def work(self, tasks: Iterable[Task], watch: Callable[[], None]) -> None:
        """Does all tasks, at most `jobs` at once, in order; calls `watch` about once a second.

        A task that fails ends the others, with their checkpoints, before its error is raised. Raises Interrupted.
        """
        waiting, running = deque(tasks), set[Future[None]]()
        failure: BaseException | None = None
        while running or (waiting and not self._asked and failure is None):
            while waiting and len(running) < self.jobs and not self._asked and failure is None:
                function, arguments = waiting.popleft()
                running.add(self._executor.submit(function, *arguments))
            done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                failure = failure or future.exception()
            if self._asked or failure is not None:
                _tell_workers()  # each second: one may only just have begun
            watch()
        if self._asked:
            raise Interrupted
        if isinstance(failure, BrokenProcessPool):
            raise UserError("a training process was killed", "run the same command again: it goes on from there")
        if failure is not None:
            raise failure


def _tell_workers() -> None:
    for child in multiprocessing.active_children():
        child.terminate()


def train_run(config: TrainingConfig, pools_dir: Path, out: Path) -> None:
    """Trains a run to its end, or goes on with it from its checkpoint; to be called in a worker."""
    from training.run.processes import CHECKPOINT, train

    resume = (out / CHECKPOINT).exists()
    if not resume:
        (out / "log.jsonl").unlink(missing_ok=True)  # of a run that was killed before its first checkpoint
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # log.jsonl has the same
            train(config, pools_dir, out, resume=resume)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)  # nobody is left to give the next task


def _start() -> None:
    """What a worker does first."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to the parent, which tells us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    import training.ablation.scores
    import training.evaluate
    import training.run.processes

    training.ablation.scores.import_measures()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """Tells this process to end, with a checkpoint if it trains, when the command itself has been killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
