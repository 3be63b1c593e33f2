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

from enhancer.errors import UserError
from enhancer.spectral import GRID_16K, GRID_48K
from training.batches import BatchSource, DrawnBatch
from training.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from training.config import TrainingConfig
from training.data.pools import Pools
from training.distillation import Projection, alpha_at, output_loss, similarity_loss
from training.initialise import grown_backwards
from training.losses import mixture_scale, supervised_loss
from training.networks import BandRecurrentNet
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
        return min(1.0, max(shares))


def learning_rate(config: TrainingConfig, progress: Progress) -> float:
    """Linear warm-up by steps, then a cosine over the budget down to `final_share` of the peak."""
    o = config.optimiser
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress.share(config)))
    return o.rate * min(1.0, (progress.step + 1) / o.warmup_steps) * (o.final_share + (1.0 - o.final_share) * cosine)


class Run:
    """One process of a training run: network, its average, optimiser, data and where it stands."""

    def __init__(self, config: TrainingConfig, pools: Pools, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        torch.manual_seed(config.run.seed)
        self.network = BandRecurrentNet(config.network)
        self.ema = BandRecurrentNet(config.network).requires_grad_(False)
        self.ema.load_state_dict(self.network.state_dict())
        self.transforms = {16_000: SpectralTransform(GRID_16K), 48_000: SpectralTransform(GRID_48K)}
        self.progress = Progress()
        self.started_from: dict[str, Any] | None = None  # facts of the checkpoint that gave the first weights
        self.pools = pools
        self.source = BatchSource(config, pools, rank)
        self.projections = torch.nn.ModuleList()  # one a teacher: their features differ in width
        if config.distillation and config.distillation.projected:
            width = config.network.trunk
            self.projections.extend(Projection(width, cache.feature_width) for cache in self.source.caches)
        parameters = [*self.network.parameters(), *self.projections.parameters()]
        self.optimiser = torch.optim.AdamW(
            parameters, lr=config.optimiser.rate, weight_decay=config.optimiser.weight_decay
        )

    # --- one step -----------------------------------------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """Takes a batch, descends once, advances the average; returns the loss terms. Skips what is not finite."""
        config = self.config
        loss, terms = self.loss(self.source.batch(self.progress.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        terms["loss"] = float(loss.detach())
        self._average_gradients()
        norm = torch.nn.utils.clip_grad_norm_(
            [p for group in self.optimiser.param_groups for p in group["params"] if p.grad is not None],
            config.optimiser.clip,
        )
        if torch.isfinite(norm):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(config, self.progress)
            self.optimiser.step()
            self._update_average()
        else:
            self.progress.skipped += 1
        terms["gradient_norm"] = float(norm)
        self.progress.step += 1
        self.progress.audio_hours += self.world * config.batch.size * config.batch.seconds / 3600.0
        return terms

    def loss(self, batch: DrawnBatch) -> tuple[Tensor, dict[str, float]]:
        """The batch's loss and its terms: supervised, and where a teacher spoke (1 - alpha) of that + alpha * soft."""
        transform = self.transforms[batch.sample_rate]
        with torch.no_grad():
            spectra, target = transform.analysis(batch.noisy), transform.analysis(batch.clean)
            core, high = transform.inputs(spectra)
            scale = mixture_scale(batch.noisy)
        said = self.network(core, high)
        enhanced = transform.apply(spectra, said.mask, said.high_gain)
        hard, terms = supervised_loss(
            self.config.loss, transform, enhanced, target, batch.clean, said.presence, scale, batch.bandwidth_hz
        )
        distil, taught = self.config.distillation, batch.taught
        if distil is None or taught is None:
            return hard, terms
        with torch.no_grad():
            teacher = transform.analysis(taught.enhanced)
        soft = output_loss(enhanced, teacher, target if distil.reliability else None, scale)
        terms["output"] = float(soft.detach())
        features = taught.features.transpose(0, 1)
        if distil.similarity:
            term = similarity_loss(said.hidden[-1], features)
            terms["similarity"] = float(term.detach())
            soft = soft + distil.similarity * term
        if distil.projected:
            term = self.projections[taught.teacher](said.hidden[-1], features)
            terms["projected"] = float(term.detach())
            soft = soft + distil.projected * term
        alpha = alpha_at(distil, self.progress.share(self.config))
        return (1.0 - alpha) * hard + alpha * soft, terms

    def _average_gradients(self) -> None:
        """Averages gradients over processes in one message."""
        if self.world == 1:
            return
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        dist.all_reduce(flat)
        flat /= self.world
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.grad = part.view_as(p)

    def _update_average(self) -> None:
        """Exponential moving average of the weights; shorter at the beginning, so that it leaves the start behind."""
        decay = min(self.config.optimiser.ema, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1.0 - decay)

    # --- checkpoints --------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        tensors = {f"student.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in optimiser_tensors(self.optimiser).items()}
        tensors |= {f"projections.{k}": v for k, v in self.projections.state_dict().items()}
        facts = {
            "config": self.config.as_dict(),
            "progress": vars(self.progress),
            "git_revision": git_revision(),
            "started_from": self.started_from,
        }
        return Checkpoint(tensors, facts)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on where the checkpoint was written. Raises UserError when its networks differ in size."""
        self.start_from(checkpoint, "student")
        self.ema.load_state_dict(checkpoint.part("ema"))
        self.projections.load_state_dict(checkpoint.part("projections"))
        restore_optimiser(self.optimiser, checkpoint.part("optimiser"))
        self.progress = Progress(**checkpoint.facts["progress"])
        self.started_from = checkpoint.facts["started_from"]

    def start_from(self, checkpoint: Checkpoint, part: str = "ema") -> None:
        """Takes a checkpoint's weights as the start of a new run."""
        made, wanted = checkpoint.facts["config"]["network"], self.config.as_dict()["network"]
        weights = checkpoint.part(part)
        if made != wanted:
            if made | {"bidirectional": True} != wanted:
                raise UserError(
                    f"the checkpoint's network {made} is not the config's", "use the config it was trained with"
                )
            weights = grown_backwards(weights, self.network)
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
