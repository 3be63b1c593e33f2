"""A part of a run on another machine: shards in, training for some minutes, a checkpoint in pieces out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from enhancer.errors import InputError, UserError
from training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint, save_in_pieces, slim
from training.config import TrainingConfig, from_dict
from training.packing import shards
from training.packing.pack import START, teacher_name
from training.packing.unpack import Unpacked, unpack
from training.run.processes import choose_device, train
from training.run.steward import BEST
from training.run.telemetry import LOG

CORES_FOR_THE_RUN = 2  # of a GPU machine's cores; the others draw batches, unless the config says how many


@dataclass(frozen=True)
class Journey:
    """Where things are and how long to stay."""

    shards: Path
    work: Path  # unpacked data and the run, which stay on this machine
    out: Path  # what is to be brought back
    minutes: float  # of training, for this part of the run; 0: unpack only
    config: TrainingConfig | None = None  # None: the one in the shards
    resume: Path | None = None  # a checkpoint to go on from: a file, whole or in pieces, or the folder of a run
    init: Path | None = None  # a checkpoint whose weights are the start; None: those in the shards, if any


def travel(
    journey: Journey,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Unpacks what came, trains, writes what is to be brought back into `out`; returns those files.

    Ends early and in the same way on SIGTERM. Raises UserError when shards, config or checkpoint do not fit.
    """
    found = shards.find(journey.shards)
    checkpoint = load_checkpoint(journey.resume) if journey.resume else None
    here = unpack(found, journey.work, len(os.sched_getaffinity(0)), progress)
    count = found[0].manifest["of"]
    say(f"{len(found)} of {count} shards: {_summary(here)}" + ("" if here.whole else "; the others did not come"))
    if not journey.minutes:
        return []
    config = _settled(journey, found[0].manifest, here)
    run = journey.work / "run"
    if journey.resume is None or journey.resume.resolve() != run.resolve():
        if (run / CHECKPOINT).exists():
            raise UserError(f"{run} already holds a run", f"--resume {run} goes on with it; or remove it")
        run.mkdir(parents=True, exist_ok=True)
        if checkpoint is not None and journey.resume is not None:
            save_checkpoint(run / CHECKPOINT, checkpoint)
            folder = journey.resume if journey.resume.is_dir() else journey.resume.parent
            if (folder / LOG).is_file():
                shutil.copyfile(folder / LOG, run / LOG)  # knows the best scores so far
    start = journey.init or (journey.shards / START if (journey.shards / START).exists() else None)
    train(config, here.pools, run, journey.resume is not None, start, journey.minutes)
    return _bring_back(run, journey.out)


def _summary(here: Unpacked) -> str:
    from training.data.pools import KINDS, Pools

    pools = Pools(here.pools)
    hours = ", ".join(f"{pools.get(kind, 16_000).hours():.2f} h of {kind}" for kind in KINDS)
    return f"{hours}, {here.validation_items} validation mixtures, {len(here.caches)} caches"


def _settled(journey: Journey, manifest: dict, here: Unpacked) -> TrainingConfig:
    """The run's config with this machine's places in it."""
    config = journey.config
    if config is None:
        if manifest["config"] is None:
            raise UserError("the shards name no config", "give one with --config")
        config = from_dict(TrainingConfig, manifest["config"])
    on_gpu = choose_device(config.run.device) != "cpu"
    items = min(config.run.validate_items, here.validation_items)
    workers = config.run.workers
    if on_gpu and not workers:
        workers = max(1, len(os.sched_getaffinity(0)) - CORES_FOR_THE_RUN)
    config = replace(config, run=replace(config.run, validate_items=items, workers=workers))
    distil = config.distillation
    if distil is None:
        return config
    if len(here.caches) != len(distil.caches):
        raise InputError(
            f"the config names {len(distil.caches)} teacher caches, the shards hold {len(here.caches)}",
            "training pack --config NAME takes those that the config names",
        )
    teachers = tuple(str(journey.shards / teacher_name(number)) for number in range(len(distil.teachers)))
    return replace(
        config, distillation=replace(distil, caches=tuple(map(str, here.caches.values())), teachers=teachers)
    )


def _bring_back(run: Path, out: Path) -> list[Path]:
    """Copies of what the run left, small enough to travel: the checkpoint in pieces, the best weights, the logs."""
    out.mkdir(parents=True, exist_ok=True)
    files = save_in_pieces(out / CHECKPOINT, load_checkpoint(run / CHECKPOINT))
    if (run / BEST).is_file():
        save_checkpoint(out / BEST, slim(load_checkpoint(run / BEST)))
        files.append(out / BEST)
    for path in [run / LOG, run / "config.json", *sorted(run.glob("events.out.tfevents.*"))[-1:]]:
        files.append(Path(shutil.copy(path, out)))
    return files
