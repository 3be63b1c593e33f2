"""Fine-tuning a student for one person's room: what it hears, the guard against forgetting, and the loop.

A part of every batch is the room's own noise with speech, where the student learns as it was trained. The rest are
ordinary mixtures, where a guard holds it to what it said before: the distance of its output to the starting student's.
Learning from the truth there as well was measured to forget more for the same gain (docs/adapt.md).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from enhancer.spectral import GRID_16K, GRID_48K
from training.adaptation.own_recordings import CATEGORY, OwnPools, has_training_material
from training.data.mixing import MixConfig, Mixer, Mixture
from training.data.noises import ON_REQUEST, SYNTHETIC
from training.data.pools import Pools
from training.losses import LossConfig, mixture_scale, supervised_loss
from training.networks import BandRecurrentNet
from training.run.source import ThreadAhead
from training.torch_spectral import SpectralTransform, compress


@dataclass(frozen=True)
class AdaptationConfig:
    """How a student is adapted; the figures behind the defaults stand in docs/adapt.md."""

    minutes: float = 5.0
    steps: int = 0  # end after so many instead; 0: by minutes
    rate: float = 1e-3  # peak learning rate (AdamW), a cosine down to zero over the budget
    warmup_steps: int = 20
    own_items: int = 2  # of each batch, those with the room's own noise
    ordinary_items: int = 2
    seconds: float = 2.0  # length of an item
    full_band_share: float = 0.15  # of all batches, those at 48 kHz
    guard: float = 10.0  # weight of the distance to the starting student on ordinary items
    clip: float = 0.5  # largest gradient norm
    ema: float = 0.99  # decay of the averaged weights, which are kept
    seed: int = 1


@dataclass(frozen=True)
class AdaptationBatch:
    """noisy, clean [batch, time]; bandwidth_hz [batch]; the first `own` items are the room's."""

    sample_rate: int
    noisy: Tensor
    clean: Tensor
    bandwidth_hz: Tensor
    own: int


class RoomBatches:
    """Batches of the room's mixtures and ordinary ones, each a function of the seed and the step.

    `own`: pools to mix the room from, in turn (speech of the corpora, the person's own voice). One thread draws the
    next batch while the present one is learnt. Raises InputError when the corpora have no training material.
    """

    def __init__(self, config: AdaptationConfig, mix: MixConfig, corpora: Pools, own: list[OwnPools]) -> None:
        self.config = config
        self.ordinary = Mixer(ordinary_mix(mix, corpora), corpora, "train", config.seed)
        self.own = [(pools, Mixer(own_mix(mix), pools, "train", config.seed)) for pools in own]
        self.full_band_share = config.full_band_share if has_training_material(corpora, 48_000) else 0.0
        self._ahead = ThreadAhead(self._draw)

    def batch(self, step: int) -> AdaptationBatch:
        """The batch of `step`; starts on that of the next."""
        return self._ahead.batch(step)

    def close(self) -> None:
        self._ahead.close()

    def _draw(self, step: int) -> AdaptationBatch:
        config, rng = self.config, np.random.default_rng([self.config.seed, step])
        rate = 48_000 if rng.random() < self.full_band_share else 16_000
        mixers = [mixer for pools, mixer in self.own if pools.serves(rate)]
        mixtures: list[Mixture] = []
        for item in range(config.own_items if mixers else 0):
            mixer = mixers[(step + item) % len(mixers)]
            mixtures.append(mixer.mixture(int(rng.integers(2**62)), config.seconds, rate))
        own = len(mixtures)
        for _ in range(config.own_items + config.ordinary_items - own):
            mixtures.append(self.ordinary.mixture(int(rng.integers(2**62)), config.seconds, rate))
        return AdaptationBatch(
            rate,
            torch.from_numpy(np.stack([m.noisy for m in mixtures])),
            torch.from_numpy(np.stack([m.clean for m in mixtures])),
            torch.tensor([m.info["bandwidth_hz"] for m in mixtures], dtype=torch.float32),
            own,
        )


def ordinary_mix(mix: MixConfig, pools: Pools) -> MixConfig:
    """What the student was trained on, with the noise categories that these pools have."""
    recorded = {clip.category for clip in pools.get("noise", 16_000).clips}
    known = recorded | {name for name in (*SYNTHETIC, *ON_REQUEST) if name in mix.categories}
    return replace(mix, categories={name: mix.categories.get(name, 1.0) for name in sorted(known)}, excluded=())


def own_mix(mix: MixConfig) -> MixConfig:
    """The same, with the room's own noise alone, at its full length and without another room around it."""
    return replace(
        mix,
        categories={CATEGORY: 1.0},
        sources=(1.0,),
        full_length=1.0,
        reverberant_noise=0.0,
        clean_only=0.0,
        excluded=(),
    )


class Adaptation:
    """A student on its way: `network` learns, `ema` averages it and is what is kept, `start` guards both."""

    def __init__(
        self, start: BandRecurrentNet, loss: LossConfig, batches: RoomBatches, config: AdaptationConfig
    ) -> None:
        self.config, self.loss_config, self.batches = config, loss, batches
        self.start = copy.deepcopy(start).requires_grad_(False)
        self.network = copy.deepcopy(start).requires_grad_(True)
        self.ema = copy.deepcopy(start).requires_grad_(False)
        self.transforms = {16_000: SpectralTransform(GRID_16K), 48_000: SpectralTransform(GRID_48K)}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.rate, weight_decay=0.0)
        self.steps, self.minutes, self.audio_hours = 0, 0.0, 0.0

    def run(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Learns until the budget is spent; `progress` gets the share of it that is."""
        began = time.perf_counter()
        while (share := self._share()) < 1.0:
            self.step(share)
            self.minutes = (time.perf_counter() - began) / 60.0
            progress(self._share())

    def _share(self) -> float:
        """0..1 of the budget."""
        spent = self.steps / self.config.steps if self.config.steps else self.minutes / self.config.minutes
        return min(1.0, spent)

    def step(self, share: float) -> float:
        """One descent at this share of the budget; returns the loss. What is not finite is left out."""
        config, batch = self.config, self.batches.batch(self.steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.steps += 1
        self.audio_hours += batch.noisy.numel() / batch.sample_rate / 3600.0
        if torch.isfinite(norm):
            warm = min(1.0, self.steps / config.warmup_steps)
            self.optimiser.param_groups[0]["lr"] = config.rate * warm * 0.5 * (1.0 + math.cos(math.pi * share))
            self.optimiser.step()
            with torch.no_grad():
                torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1.0 - config.ema)
        return float(loss.detach())

    def loss(self, batch: AdaptationBatch) -> Tensor:
        """The supervised loss over the room's items, and the distance to what the start says of the ordinary ones."""
        transform = self.transforms[batch.sample_rate]
        with torch.no_grad():
            spectra, target = transform.analysis(batch.noisy), transform.analysis(batch.clean)
            core, high = transform.inputs(spectra)
            scale = mixture_scale(batch.noisy)
        said = self.network(core, high)
        enhanced = transform.apply(spectra, said.mask, said.high_gain)
        own, ordinary = slice(0, batch.own), slice(batch.own, None)
        total = torch.zeros(())
        if batch.own:
            total, _ = supervised_loss(
                self.loss_config,
                transform,
                spectra[:, own],
                enhanced[:, own],
                target[:, own],
                batch.clean[own],
                said.presence[:, own],
                scale[:, own],
                batch.bandwidth_hz[own],
            )
        with torch.no_grad():
            before = self.start(core[:, ordinary], high[:, ordinary])
            kept = compress(transform.apply(spectra[:, ordinary], before.mask, before.high_gain), scale[:, ordinary])
        distance = compress(enhanced[:, ordinary], scale[:, ordinary]).squared_distance(kept).mean()
        return total + self.config.guard * distance


def blended(start: BandRecurrentNet, adapted: BandRecurrentNet, strength: float) -> BandRecurrentNet:
    """A network whose weights lie between two of one config: the start at strength 0, the adapted one at 1."""
    network = copy.deepcopy(start)
    weights, goal = start.state_dict(), adapted.state_dict()
    network.load_state_dict({name: torch.lerp(value, goal[name], strength) for name, value in weights.items()})
    return network.requires_grad_(False)
