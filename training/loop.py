"""The training loop: one visible function a step, on one process or several that average their gradients.

On a CPU the run starts one single-threaded process a core by itself: measured twice as fast as threads, because
recurrent steps are small. Rank 0 alone validates, logs and writes checkpoints. SIGTERM and SIGINT end the run after
the step at hand, with a checkpoint.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from enhancer.errors import UserError
from enhancer.spectral import GRID_16K, GRID_48K
from training.batches import BatchSource, DrawnBatch
from training.checkpoint import Checkpoint, load_checkpoint, optimiser_tensors, restore_optimiser, save_checkpoint
from training.config import TrainingConfig
from training.data.pools import Pools
from training.distillation import Projection, alpha_at, output_loss, similarity_loss
from training.losses import mixture_scale, supervised_loss
from training.networks import BandRecurrentNet
from training.torch_spectral import SpectralTransform

CHECKPOINT = "checkpoint.safetensors"
LOG_EVERY = 50
# A step that took longer than this was a pause (SIGSTOP, a busy machine): it does not count towards the budget.
LONGEST_STEP_S = 3.0


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
        made = checkpoint.facts["config"]["network"]
        if made != self.config.as_dict()["network"]:
            raise UserError(
                f"the checkpoint's network {made} is not the config's", "use the config it was trained with"
            )
        for network in (self.network, self.ema):
            network.load_state_dict(checkpoint.part(part))
        self.started_from = checkpoint.facts


def git_revision() -> str:
    """Short revision of the checkout, with a plus when it has changes; empty outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=10"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def train(
    config: TrainingConfig, pools_dir: Path, out: Path, resume: bool = False, start_from: Path | None = None
) -> None:
    """Runs `config` to the end of its budget in `out`; `resume` goes on from its checkpoint.

    Raises UserError when pools or cache are absent, or when `out` holds a run and resume is not asked for.
    """
    if (out / CHECKPOINT).exists() and not resume:
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or choose another --out")
    Pools(pools_dir)  # fail here, in one line, rather than in every process
    out.mkdir(parents=True, exist_ok=True)
    world = config.run.processes
    if world == 1:
        _worker(0, config, pools_dir, out, resume, start_from)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(_free_port()))
    os.environ["OMP_NUM_THREADS"] = "1"
    arguments = (config, pools_dir, out, resume, start_from)
    workers = torch.multiprocessing.spawn(_worker, arguments, nprocs=world, join=False)

    def pass_on(number: int, _: Any) -> None:
        for process in workers.processes:
            process.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to the workers too
    while not workers.join():
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _worker(
    rank: int, config: TrainingConfig, pools_dir: Path, out: Path, resume: bool, start_from: Path | None
) -> None:
    """One process of the run."""
    world = config.run.processes
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if world > 1:
        dist.init_process_group("gloo", rank=rank, world_size=world)
    run = Run(config, Pools(pools_dir), rank, world)
    if resume:
        run.restore(load_checkpoint(out / CHECKPOINT))
    elif start_from:
        run.start_from(load_checkpoint(start_from))
    stopping = _stop_on_signals()
    _Steward(run, out).supervise(stopping) if rank == 0 else _follow(run)
    if world > 1:
        dist.destroy_process_group()


def _stop_on_signals() -> list[int]:
    """A list that fills when the process is told to end."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: told.append(n))
    return told


def _agree(run: Run, stop: bool, minutes: float) -> bool:
    """Rank 0 tells all whether to stop and how many minutes have passed, so that schedules stay equal."""
    if run.world > 1:
        told = torch.tensor([float(stop), minutes], dtype=torch.float64)
        dist.broadcast(told, 0)
        stop, minutes = bool(told[0]), float(told[1])
    run.progress.minutes = minutes
    return stop


def _follow(run: Run) -> None:
    """What every process but the first does."""
    _stop_on_signals()
    while not _agree(run, False, 0.0):
        run.step()


class _Steward:
    """Rank 0's duties around the steps: the budget, the log, validation and checkpoints."""

    def __init__(self, run: Run, out: Path) -> None:
        self.run, self.out = run, out
        self.log = (out / "log.jsonl").open("a", buffering=1)
        (out / "config.json").write_text(json.dumps(run.config.as_dict(), indent=2))
        self.best = self._best_so_far()

    def supervise(self, stopping: list[int]) -> None:
        run, config = self.run, self.run.config
        minutes, saved = run.progress.minutes, run.progress.minutes
        validated, sums, count = run.progress.minutes, {}, {}
        while True:
            over = bool(stopping) or run.progress.share(config) >= 1.0
            if _agree(run, over, minutes):
                break
            began = time.perf_counter()
            for name, value in run.step().items():
                sums[name], count[name] = sums.get(name, 0.0) + value, count.get(name, 0) + 1
            minutes += min(time.perf_counter() - began, LONGEST_STEP_S) / 60.0
            if run.progress.step % LOG_EVERY == 0:
                self._write({"train": {name: round(sums[name] / count[name], 5) for name in sums}})
                sums, count = {}, {}
            if minutes - saved > config.run.checkpoint_minutes:
                saved = minutes
                run.progress.minutes = minutes
                save_checkpoint(self.out / CHECKPOINT, run.checkpoint())
            if minutes - validated > config.run.validate_minutes:
                validated = minutes
                self._validate()
        run.progress.minutes = minutes
        save_checkpoint(self.out / CHECKPOINT, run.checkpoint())
        self._validate()

    def _validate(self) -> None:
        """Scores the averaged weights; keeps a copy of the best by PESQ-WB."""
        if not self.run.config.run.validate_items:
            return
        from training.evaluate import score_network

        scores = score_network(self.run.ema, self.run.pools, "val", self.run.config.run.validate_items)
        self._write({"validation": scores})
        if scores["pesq_wb"] > self.best:
            self.best = scores["pesq_wb"]
            save_checkpoint(self.out / "best.safetensors", self.run.checkpoint())

    def _best_so_far(self) -> float:
        """Best validation PESQ-WB in the log of a resumed run."""
        lines = [json.loads(line) for line in (self.out / "log.jsonl").read_text().splitlines()]
        return max((line["validation"]["pesq_wb"] for line in lines if "validation" in line), default=0.0)

    def _write(self, entry: dict[str, Any]) -> None:
        p = self.run.progress
        entry = {
            "step": p.step,
            "minutes": round(p.minutes, 2),
            "audio_hours": round(p.audio_hours, 2),
            "rate": round(learning_rate(self.run.config, p), 7),
            "skipped": p.skipped,
        } | entry
        self.log.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), flush=True)
