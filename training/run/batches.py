"""What a step of a run sees: freshly mixed audio, or mixtures that a teacher has heard, drawn by its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from enhancer.errors import ConfigError
from training.config import TrainingConfig
from training.data.batch import DrawnBatch, Taught
from training.data.mixing import Mixer
from training.data.pools import Pools
from training.data.recorded import NoisySegments, PairedSegments
from training.teachers.cache import TeacherCache


class BatchDrawer:
    """Batches of one process of a run, each a function of the run's seed, the step and the process.

    So a resumed run sees what an uninterrupted one would have seen (as long as no cache grows meanwhile), and all
    processes agree on the kind of batch, which makes their steps equally long. Raises UserError when pools or a
    cache are absent, or a cache's segments are shorter than the items.
    """

    def __init__(self, config: TrainingConfig, pools: Pools, rank: int) -> None:
        self.config, self.rank = config, rank
        self.mixer = Mixer(config.mix, pools, "train", config.run.seed)
        self.caches = [TeacherCache(Path(p)) for p in config.distillation.caches] if config.distillation else []
        seconds = config.batch.seconds
        for cache in self.caches:
            if seconds > cache.header.seconds:
                raise ConfigError(
                    f"[batch] seconds is {seconds:g}, but {cache.folder} has {cache.header.seconds:g} s each",
                    f"make one of longer segments: training teachers cache --seconds {seconds:g} --out DIR",
                )
        unpaired = config.distillation.unpaired if config.distillation else 0.0
        self.noisy = NoisySegments(pools, "train") if unpaired else None
        self.paired = PairedSegments(pools, "train") if config.batch.paired_share else None

    def draw(self, step: int) -> DrawnBatch:
        """The batch of `step`, drawn here and now."""
        config, distil = self.config, self.config.distillation
        dice = np.random.default_rng([config.run.seed, step])
        kind, long = dice.random(), dice.random() < config.batch.long_share
        # The last number keeps the streams apart: numpy pads seeds with zeros, so that [seed, step, 0] is [seed, step].
        rng = np.random.default_rng([config.run.seed, step, self.rank, 1])
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
        return self._mixed(rng, 48_000 if kind > 1.0 - config.batch.full_band_share else 16_000, long)

    def _mixed(self, rng: np.random.Generator, rate: int, long: bool) -> DrawnBatch:
        size, seconds = self.config.batch.size, self.config.batch.seconds
        if long:
            size, seconds = max(size // 2, 1), 2 * seconds
        mixtures = [self.mixer.mixture(int(seed), seconds, rate) for seed in rng.integers(2**62, size=size)]
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
        return DrawnBatch(cache.header.sample_rate, torch.from_numpy(noisy), torch.from_numpy(clean), None, taught)
