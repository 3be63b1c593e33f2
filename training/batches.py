"""What each step of a run sees: freshly mixed audio, or mixtures that a teacher has heard, drawn by the step's number.

One thread draws the next step's batch while the present step runs. Beside the main thread there is nothing else to
wait for: mixing takes the time that a process spends waiting for the others' gradients.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.config import TrainingConfig
from training.data.mixing import Mixer
from training.data.pools import Pools
from training.teachers.cache import TeacherCache


@dataclass(frozen=True)
class Taught:
    """What a teacher said of a batch."""

    teacher: int  # which of the run's caches
    enhanced: Tensor  # [batch, time]
    features: Tensor  # [batch, frames, width]


@dataclass(frozen=True)
class DrawnBatch:
    """One step's lesson; `taught` is None where there is no teacher."""

    sample_rate: int
    noisy: Tensor  # [batch, time]
    clean: Tensor  # [batch, time]
    bandwidth_hz: Tensor | None  # [batch], up to where each target is real; None: the whole of it
    taught: Taught | None


class BatchSource:
    """Batches of one process of a run, each a function of the run's seed, the step and the process.

    So a resumed run sees what an uninterrupted one would have seen (as long as no cache grows meanwhile), and all
    processes agree on the kind of batch, which makes their steps equally long. Raises UserError when pools or a
    cache are absent.
    """

    def __init__(self, config: TrainingConfig, pools: Pools, rank: int) -> None:
        self.config, self.rank = config, rank
        self.mixer = Mixer(config.mix, pools, "train", config.run.seed)
        self.caches = [TeacherCache(Path(p)) for p in config.distillation.caches] if config.distillation else []
        self._thread = ThreadPoolExecutor(1, "draws batches")
        self._ahead: dict[int, Future[DrawnBatch]] = {}

    def batch(self, step: int) -> DrawnBatch:
        """The batch of `step`; starts on that of the next."""
        ready = self._ahead.pop(step, None) or self._thread.submit(self.draw, step)
        self._ahead = {step + 1: self._thread.submit(self.draw, step + 1)}
        return ready.result()

    def draw(self, step: int) -> DrawnBatch:
        """The batch of `step`, drawn here and now."""
        config = self.config
        kind = np.random.default_rng([config.run.seed, step]).random()
        rng = np.random.default_rng([config.run.seed, step, self.rank])
        if config.distillation and kind < config.distillation.share:
            return self._heard_by_a_teacher(rng)
        return self._mixed(rng, 48_000 if kind > 1.0 - config.batch.full_band_share else 16_000)

    def _mixed(self, rng: np.random.Generator, rate: int) -> DrawnBatch:
        seeds = rng.integers(2**62, size=self.config.batch.size)
        mixtures = [self.mixer.mixture(int(seed), self.config.batch.seconds, rate) for seed in seeds]
        return DrawnBatch(
            rate,
            torch.from_numpy(np.stack([m.noisy for m in mixtures])),
            torch.from_numpy(np.stack([m.clean for m in mixtures])),
            torch.tensor([m.info["bandwidth_hz"] for m in mixtures]),
            None,
        )

    def _heard_by_a_teacher(self, rng: np.random.Generator) -> DrawnBatch:
        minutes = np.array([cache.minutes for cache in self.caches])
        teacher = int(rng.choice(len(self.caches), p=minutes / minutes.sum()))
        drawn = self.caches[teacher].batch(rng, self.config.batch.size, self.config.batch.seconds)
        noisy, clean, enhanced, features = (torch.from_numpy(x) for x in drawn)
        return DrawnBatch(16_000, noisy, clean, None, Taught(teacher, enhanced, features))
