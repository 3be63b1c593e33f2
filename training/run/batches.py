"""What each step of a run sees: freshly mixed audio, or mixtures that a teacher has heard, drawn by the step's number.

A batch is drawn while the steps before it run: by one thread of the process, or by processes of their own
(`training.run.batch_workers`) where one thread cannot keep up with the device.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from training.config import TrainingConfig
from training.data.mixing import Mixer
from training.data.pools import Pools
from training.data.recorded import NoisySegments, PairedSegments
from training.teachers.cache import TeacherCache


@dataclass(frozen=True)
class Taught:
    """What a teacher said of a batch."""

    teacher: int  # which of the run's caches
    enhanced: Tensor  # [batch, time]
    features: Tensor | None  # [batch, frames, width]; None: it has none that can be read


@dataclass(frozen=True)
class DrawnBatch:
    """One step's lesson."""

    sample_rate: int
    noisy: Tensor  # [batch, time]
    clean: Tensor | None  # [batch, time]; None: a noisy recording of which no clean one exists
    bandwidth_hz: Tensor | None = None  # [batch], up to where each target is real; None: the whole of it
    taught: Taught | None = None  # None: no cached teacher has heard it

    def to(self, device: torch.device) -> DrawnBatch:
        """The same batch on `device`."""
        return self._each(lambda x: x.to(device, non_blocking=True))

    def pin_memory(self) -> DrawnBatch:
        """The same batch in memory that a GPU can copy from while it works."""
        return self._each(Tensor.pin_memory)

    def _each(self, moved: Callable[[Tensor], Tensor]) -> DrawnBatch:
        def maybe(x: Tensor | None) -> Tensor | None:
            return None if x is None else moved(x)

        taught = self.taught
        if taught is not None:
            taught = Taught(taught.teacher, moved(taught.enhanced), maybe(taught.features))
        return DrawnBatch(self.sample_rate, moved(self.noisy), maybe(self.clean), maybe(self.bandwidth_hz), taught)


class Ahead(Protocol):
    """Draws batches before they are asked for."""

    def batch(self, step: int) -> DrawnBatch:
        """The batch of `step`; starts on those of the next."""

    def close(self) -> None:
        """Ends what draws."""


class ThreadAhead:
    """One thread draws the next step's batch while the present step runs.

    On a CPU that costs nothing: mixing takes the time that a process spends waiting for the others' gradients.
    """

    def __init__(self, draw: Callable[[int], DrawnBatch]) -> None:
        self._draw = draw
        self._thread = ThreadPoolExecutor(1, "draws batches")
        self._next: dict[int, Future[DrawnBatch]] = {}

    def batch(self, step: int) -> DrawnBatch:
        ready = self._next.pop(step, None) or self._thread.submit(self._draw, step)
        self._next = {step + 1: self._thread.submit(self._draw, step + 1)}
        return ready.result()

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


class BatchSource:
    """Batches of one process of a run, each a function of the run's seed, the step and the process.

    So a resumed run sees what an uninterrupted one would have seen (as long as no cache grows meanwhile), and all
    processes agree on the kind of batch, which makes their steps equally long. Raises UserError when pools or a
    cache are absent.
    """

    def __init__(self, config: TrainingConfig, pools: Pools, rank: int, pinned: bool = False) -> None:
        """`pinned`: batches come in memory that a GPU can copy from while it works."""
        self.config, self.rank = config, rank
        self.mixer = Mixer(config.mix, pools, "train", config.run.seed)
        self.caches = [TeacherCache(Path(p)) for p in config.distillation.caches] if config.distillation else []
        unpaired = config.distillation.unpaired if config.distillation else 0.0
        self.noisy = NoisySegments(pools, "train") if unpaired else None
        self.paired = PairedSegments(pools, "train") if config.batch.paired_share else None
        self._ahead: Ahead
        if config.run.workers:
            from training.run.batch_workers import WorkersAhead

            self._ahead = WorkersAhead(config, pools.folder, rank, pinned)
        else:
            self._ahead = ThreadAhead(lambda step: self.draw(step).pin_memory() if pinned else self.draw(step))

    def batch(self, step: int) -> DrawnBatch:
        """The batch of `step`; starts on those of the next."""
        return self._ahead.batch(step)

    def close(self) -> None:
        """Ends what draws ahead."""
        self._ahead.close()

    def draw(self, step: int) -> DrawnBatch:
        """The batch of `step`, drawn here and now."""
        config, distil = self.config, self.config.distillation
        kind = np.random.default_rng([config.run.seed, step]).random()
        rng = np.random.default_rng([config.run.seed, step, self.rank])
        cached = distil.share if distil and self.caches else 0.0
        unpaired = distil.unpaired if distil else 0.0
        if kind < cached:
            return self._heard_by_a_teacher(rng)
        if kind < cached + unpaired:
            assert self.noisy is not None
            noisy = self.noisy.batch(rng, config.batch.size, config.batch.seconds, 16_000)
            return DrawnBatch(16_000, torch.from_numpy(noisy), None)
        if kind < cached + unpaired + config.batch.paired_share:
            assert self.paired is not None
            noisy, clean = self.paired.batch(rng, config.batch.size, config.batch.seconds, 16_000)
            return DrawnBatch(16_000, torch.from_numpy(noisy), torch.from_numpy(clean))
        return self._mixed(rng, 48_000 if kind > 1.0 - config.batch.full_band_share else 16_000)

    def _mixed(self, rng: np.random.Generator, rate: int) -> DrawnBatch:
        seeds = rng.integers(2**62, size=self.config.batch.size)
        mixtures = [self.mixer.mixture(int(seed), self.config.batch.seconds, rate) for seed in seeds]
        return DrawnBatch(
            rate,
            torch.from_numpy(np.stack([m.noisy for m in mixtures])),
            torch.from_numpy(np.stack([m.clean for m in mixtures])),
            torch.tensor([m.info["bandwidth_hz"] for m in mixtures]),
        )

    def _heard_by_a_teacher(self, rng: np.random.Generator) -> DrawnBatch:
        minutes = np.array([cache.minutes for cache in self.caches])
        teacher = int(rng.choice(len(self.caches), p=minutes / minutes.sum()))
        cache = self.caches[teacher]
        noisy, clean, enhanced, features = cache.batch(rng, self.config.batch.size, self.config.batch.seconds)
        taught = Taught(teacher, torch.from_numpy(enhanced), None if features is None else torch.from_numpy(features))
        return DrawnBatch(16_000, torch.from_numpy(noisy), torch.from_numpy(clean), None, taught)
