"""Batches ahead of the steps that want them: from a thread of the process, or from processes of their own.

The latter (`training.run.batch_workers`) are for a device that one thread cannot keep busy.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from training.config import TrainingConfig
from training.data.batch import DrawnBatch
from training.data.pools import Pools
from training.run.batch_workers import WorkersAhead
from training.run.batches import BatchDrawer


class Ahead(Protocol):
    """Draws batches before they are asked for."""

    def batch(self, step: int) -> DrawnBatch:
        """The batch of `step`; starts on those of the next."""

    def close(self) -> None:
        """Ends what draws."""


Drawn = TypeVar("Drawn")


class ThreadAhead(Generic[Drawn]):
    """One thread draws the next step's batch while the present step runs.

    On a CPU that costs nothing: mixing takes the time that a process spends waiting for the others' gradients.
    """

    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        self._draw = draw
        self._thread = ThreadPoolExecutor(1, "draws batches")
        self._next: dict[int, Future[Drawn]] = {}

    def batch(self, step: int) -> Drawn:
        ready = self._next.pop(step, None) or self._thread.submit(self._draw, step)
        self._next = {step + 1: self._thread.submit(self._draw, step + 1)}
        return ready.result()

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


class BatchSource:
    """The batches of one process of a run, drawn while the steps before them run."""

    def __init__(self, config: TrainingConfig, pools: Pools, rank: int, pinned: bool = False) -> None:
        """`pinned`: batches come in memory that a GPU can copy from while it works.

        Raises UserError when pools or a cache are absent.
        """
        drawer = BatchDrawer(config, pools, rank)
        self.caches, self.draw = drawer.caches, drawer.draw
        self._ahead: Ahead
        if config.run.workers:
            self._ahead = WorkersAhead(config, pools.folder, rank, pinned)
        else:
            self._ahead = ThreadAhead(lambda step: self.draw(step).pin_memory() if pinned else self.draw(step))

    def batch(self, step: int) -> DrawnBatch:
        """The batch of `step`; starts on those of the next."""
        return self._ahead.batch(step)

    def close(self) -> None:
        """Ends what draws ahead."""
        self._ahead.close()
