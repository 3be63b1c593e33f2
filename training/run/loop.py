"""One process's part of a training run: the step, its loss, the averaged weights, and what a checkpoint holds."""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from enhancer.spectral import GRID_16K, GRID_48K
from training.checkpoint import Checkpoint, check_same_config
from training.config import TrainingConfig, from_dict
from training.data.batch import DrawnBatch
from training.data.pools import Pools
from training.distillation.lessons import Lessons
from training.distillation.schedules import GradientBalance, blend, wanted_terms
from training.initialise import first_weights
from training.losses import mixture_scale, supervised_loss
from training.networks import BandRecurrentNet, NetworkConfig
from training.optimiser import Optimiser
from training.run.source import BatchSource
from training.torch_spectral import SpectralTransform


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0
    minutes: float = 0.0
    audio_hours: float = 0.0
    skipped: int = 0  # steps whose gradient was not finite

    def share(self, config: TrainingConfig) -> float:
        """0..1 of whichever budget ends first."""
        shares = [0.0]
        if config.run.minutes:
            shares.append(self.minutes / config.run.minutes)
        if config.run.steps:
            shares.append(self.step / config.run.steps)
        if config.run.hours:
            shares.append(self.audio_hours / config.run.hours)
        return min(1.0, max(shares))


def learning_rate(config: TrainingConfig, progress: Progress) -> float:
    """Linear warm-up by steps, then a cosine over the budget down to `final_share` of the peak."""
    o = config.optimiser
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress.share(config)))
    return o.rate * min(1.0, (progress.step + 1) / o.warmup_steps) * (o.final_share + (1.0 - o.final_share) * cosine)


class Run:
    """One process of a training run: network, its average, optimiser, data and where it stands."""

    def __init__(
        self,
        config: TrainingConfig,
        pools: Pools,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.rank, self.world, self.device = config, rank, world, torch.device(device)
        torch.manual_seed(config.run.seed)
        self.network = BandRecurrentNet(config.network).to(self.device)
        self.ema = BandRecurrentNet(config.network).requires_grad_(False).to(self.device)
        self.ema.load_state_dict(self.network.state_dict())
        grids = (GRID_16K, GRID_48K)
        self.transforms = {grid.sample_rate: SpectralTransform(grid).to(self.device) for grid in grids}
        self.progress = Progress()
        self.started_from: dict[str, Any] | None = None  # facts of the checkpoint that gave the first weights
        self.pools = pools
        self.source = BatchSource(config, pools, rank, pinned=self.device.type == "cuda")
        self.lessons: Lessons | None = None
        self.balance: GradientBalance | None = None
        further: list[torch.nn.Parameter] = []
        if config.distillation:
            widths = [cache.feature_width for cache in self.source.caches]
            self.lessons = Lessons(config.distillation, config.network, widths).to(self.device)
            further = list(self.lessons.parameters())
            if config.distillation.schedule == "dynamic":
                self.balance = GradientBalance(config.distillation, self.network.trunk)
        self.optimiser = Optimiser(config.optimiser, self.network, further)

    # --- one step -----------------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """Takes a batch, descends once, advances the average; returns the loss terms. Skips what is not finite."""
        config = self.config
        loss, terms = self.loss(self.source.batch(self.progress.step).to(self.device))
        self.optimiser.zero_grad()
        loss.backward()
        terms["loss"] = float(loss.detach())
        self._average_gradients()
        norm = torch.nn.utils.clip_grad_norm_(
            [p for p in self.optimiser.parameters if p.grad is not None], config.optimiser.clip
        )
        if torch.isfinite(norm):
            self.optimiser.step(learning_rate(config, self.progress))
            self._update_average()
        else:
            self.progress.skipped += 1
        terms["gradient_norm"] = float(norm)
        self.progress.step += 1
        self.progress.audio_hours += self.world * config.batch.size * config.batch.seconds / 3600.0
        return terms

    def loss(self, batch: DrawnBatch) -> tuple[Tensor, dict[str, float]]:
        """The batch's loss and its terms: supervised where there is a clean target, soft where there is a teacher."""
        transform = self.transforms[batch.sample_rate]
        with torch.no_grad():
            spectra = transform.analysis(batch.noisy)
            target = None if batch.clean is None else transform.analysis(batch.clean)
            inputs = transform.inputs(spectra)
            scale = mixture_scale(batch.noisy)
        # Half precision in the network alone, and on a GPU alone: on a CPU it gained nothing.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            said = self.network(*inputs)
        enhanced = transform.apply(spectra, said.mask.float(), said.high_gain.float())
        hard: Tensor | None = None
        terms: dict[str, float] = {}
        if batch.clean is not None and target is not None:
            hard, terms = supervised_loss(
                self.config.loss, transform, spectra, enhanced, target, batch.clean, said.presence.float(), scale,
                batch.bandwidth_hz,
            )  # fmt: skip
        if self.lessons is None:
            assert hard is not None
            return hard, terms
        share = self.progress.share(self.config)
        wanted = wanted_terms(self.lessons.config, share)
        soft = self.lessons.soft_terms(wanted, batch, transform, inputs, spectra, said, enhanced, target, scale)
        terms |= {name: float(term.detach()) for name, term in soft.items()}
        if self.balance is not None:
            return self.balance.blend(hard, soft, self.progress.step), terms
        return blend(self.lessons.config, hard, soft, share), terms

    def _average_gradients(self) -> None:
        """Averages gradients over processes in one message, of the parameters that any of them has one of.

        What nobody's batch asked for is left alone: by a gradient of zero, Muon and weight decay would move it.
        """
        if self.world == 1:
            return
        parameters = self.optimiser.parameters
        asked = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        gradients = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        flat = torch.cat([asked, *gradients])
        dist.all_reduce(flat)
        asked, *parts = flat.split([len(parameters), *(p.numel() for p in parameters)])
        for p, processes, part in zip(parameters, asked.tolist(), parts, strict=True):
            p.grad = part.view_as(p) / self.world if processes else None

    def _update_average(self) -> None:
        """Exponential moving average of the weights; shorter at the beginning, so that it leaves the start behind."""
        decay = min(self.config.optimiser.ema, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1.0 - decay)

    # --- checkpoints --------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        tensors = {f"student.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        if self.lessons is not None:
            tensors |= {f"lessons.{k}": v for k, v in self.lessons.state_dict().items()}
        facts = {
            "config": self.config.as_dict(),
            "progress": vars(self.progress),
            "gradient_norms": self.balance.norms if self.balance else {},
            "git_revision": git_revision(),
            "started_from": self.started_from,
        }
        return Checkpoint(tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on where the checkpoint was written. Raises UserError when it was made with another config."""
        check_same_config(checkpoint.facts["config"], self.config.as_dict())
        self.start_from(checkpoint, "student")
        self.ema.load_state_dict(checkpoint.part("ema"))
        if self.lessons is not None:
            self.lessons.load_state_dict(checkpoint.part("lessons"))
        if self.balance is not None:
            self.balance.norms = checkpoint.facts["gradient_norms"]
        self.optimiser.restore(checkpoint.part("optimiser"))
        self.progress = Progress(**checkpoint.facts["progress"])
        self.started_from = checkpoint.facts["started_from"]

    def start_from(self, checkpoint: Checkpoint, part: str = "ema") -> None:
        """Takes a checkpoint's weights as the start of a new run, as `training.initialise` fits them."""
        made = from_dict(NetworkConfig, checkpoint.facts["config"]["network"])
        weights = first_weights(checkpoint.part(part), made, self.network)
        for network in (self.network, self.ema):
            network.load_state_dict(weights)
        self.started_from = checkpoint.facts


def git_revision() -> str:
    """Short revision of the checkout, with a plus when it has changes; empty outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=10"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return ""
    return done.stdout.strip()
