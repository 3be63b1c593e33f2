"""Processes that draw batches for one process of a run, so that a fast device never waits for the mixing.

They hand batches over in shared memory, in the order of the steps: the very batches that the thread would have drawn.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

from training.config import TrainingConfig
from training.data.batch import DrawnBatch
from training.data.pools import Pools
from training.run.batches import BatchDrawer

BATCHES_AHEAD = 4  # a worker's; batches at 48 kHz take four times as long to draw as the others


class _ByStep(Dataset[DrawnBatch]):
    """The batch of a step, from a source that each worker opens for itself."""

    def __init__(self, config: TrainingConfig, pools_dir: Path, rank: int) -> None:
        self._config = dataclasses.replace(config, run=dataclasses.replace(config.run, workers=0))
        self._pools_dir, self._rank = pools_dir, rank
        self._source: BatchDrawer | None = None

    def __getitem__(self, step: int) -> DrawnBatch:
        if self._source is None:
            self._source = BatchDrawer(self._config, Pools(self._pools_dir), self._rank)
        return self._source.draw(step)


class WorkersAhead:
    """Draws batches in `config.run.workers` processes, each a few ahead."""

    def __init__(self, config: TrainingConfig, pools_dir: Path, rank: int, pinned: bool) -> None:
        self._steps, self._workers, self._pinned = _ByStep(config, pools_dir, rank), config.run.workers, pinned
        self._drawn: Iterator[DrawnBatch] | None = None
        self._next = -1

    def batch(self, step: int) -> DrawnBatch:
        if self._drawn is None or step != self._next:
            self._drawn = iter(self._loader(step))
        self._next = step + 1
        return next(self._drawn)

    def close(self) -> None:
        self._drawn = None  # the last reference: the loader ends its processes

    def _loader(self, first: int) -> DataLoader[DrawnBatch]:
        return DataLoader(
            self._steps,
            batch_size=None,
            sampler=count(first),
            num_workers=self._workers,
            prefetch_factor=BATCHES_AHEAD,
            pin_memory=self._pinned,
            worker_init_fn=_begin,
            multiprocessing_context="spawn",  # the run's process has threads and perhaps a GPU: it must not be forked
        )


def _begin(_: int) -> None:
    """What a worker does first. A signal to end is for the run alone, which takes its last step with their batches."""
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
