"""From a person's recordings to an adapted student on disk, or to a refusal: reads, learns, compares, writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from enhancer.errors import ConfigError, OutputError, UserError
from enhancer.media.atomic import replacing
from enhancer.model import Student
from training.adaptation import Adaptation, AdaptationConfig, RoomBatches
from training.card import describe
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import from_dict
from training.data.fixed_sets import fixed_hash, fixed_set
from training.data.mixing import MixConfig
from training.data.pools import Pools
from training.evaluate import averaged_network
from training.export import export
from training.loop import git_revision
from training.losses import LossConfig
from training.networks import BandRecurrentNet
from training.own_recordings import OwnPools, read_room, read_voice
from training.paired_check import Comparison, Pair, compare, held_out_pairs

HELD_OUT_PAIRS = 24
NOTHING_WRITTEN = "nothing was written"

Display = Callable[[str], AbstractContextManager[Callable[[float], None]]]


@dataclass(frozen=True)
class Wish:
    """What a person asks for: recordings of the room (and the voice), the start, and the ONNX file to write."""

    rooms: Sequence[Path]
    voices: Sequence[Path]
    init: Path
    out: Path
    pools: Path
    validation_items: int = 200
    held_out_pairs: int = HELD_OUT_PAIRS
    workers: int = 1

    @property
    def checkpoint(self) -> Path:
        """The checkpoint beside the ONNX file."""
        return self.out.with_suffix(".safetensors")


def adapt(wish: Wish, config: AdaptationConfig, display: Display, say: Callable[[str], None]) -> None:
    """Adapts the student at `wish.init` and writes `wish.out` and the checkpoint beside it, both or neither.

    `display(what)` is entered around each long part and gives a function to call with the share of it that is done;
    `say` prints a line of results. Raises UserError when a recording, the start, the pools or the output cannot be
    used, when nothing was gained on the kept-back part of the room, or when the validation set fell too far.
    """
    rooms, voices = [read_room(path) for path in wish.rooms], [read_voice(path) for path in wish.voices]
    _check_writable(wish.out)
    start = _load_start(wish.init)
    network = averaged_network(start)
    if network.config.bidirectional:
        raise UserError(f"{wish.init} is a bidirectional network: it cannot stream", "adapt a student, not a teacher")
    corpora = Pools(wish.pools)
    own = [OwnPools(corpora, rooms)] + ([OwnPools(corpora, rooms, voices)] if voices else [])
    held_out = held_out_pairs(own, wish.held_out_pairs)

    adapted = _learn(network, start, config, corpora, own, display)
    say(f"{adapted.steps} steps, {adapted.audio_hours:.1f} h of mixtures in {adapted.minutes:.1f} min")
    room = _compared(wish, network, adapted.ema, held_out, "listening to the room", display)
    say(f"\nThe part of {_names(wish.rooms)} that was kept from training, {room.count} mixtures:\n{room.table()}")
    if not room.gained():
        raise UserError(
            f"nothing was gained on the kept-back part of the room; {NOTHING_WRITTEN}",
            "stay with the student that you have, or try a longer recording or more --minutes",
        )
    validation = [Pair(i.noisy, i.clean, i.sample_rate) for i in fixed_set(corpora, "val", wish.validation_items)]
    elsewhere = _compared(wish, network, adapted.ema, validation, "checking that nothing was forgotten", display)
    say(f"\nElsewhere, {elsewhere.count} mixtures of the validation set:\n{elsewhere.table()}")
    if lost := elsewhere.forgotten():
        raise UserError(
            f"the adapted student is worse elsewhere: {' and '.join(lost)}; {NOTHING_WRITTEN}",
            "try fewer --minutes or a longer recording",
        )
    _write(wish, start, adapted, corpora, room, elsewhere)


def _learn(
    network: BandRecurrentNet,
    start: Checkpoint,
    config: AdaptationConfig,
    corpora: Pools,
    own: list[OwnPools],
    display: Display,
) -> Adaptation:
    torch.set_flush_denormal(True)
    trained = start.facts["config"]
    batches = RoomBatches(config, from_dict(MixConfig, trained["mix"]), corpora, own)
    adaptation = Adaptation(network, from_dict(LossConfig, trained["loss"]), batches, config)
    try:
        with display("adapting") as progress:
            adaptation.run(progress)
    finally:
        batches.close()
    return adaptation


def _compared(
    wish: Wish,
    before: BandRecurrentNet,
    after: BandRecurrentNet,
    pairs: list[Pair],
    what: str,
    display: Display,
) -> Comparison:
    with display(what) as progress:
        return compare(before, after, pairs, wish.workers, lambda done, total: progress(done / total))


def _load_start(path: Path) -> Checkpoint:
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}", "give one with --init; the checkout has assets/student.safetensors")
    return load_checkpoint(path)


def _check_writable(out: Path) -> None:
    """Before minutes of work rather than after: raises ConfigError or OutputError for a place that cannot be."""
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {out} is no ONNX file", "give a name that ends in .onnx")
    if out.is_dir():
        raise OutputError(f"{out} is a folder", "name a file in it")
    folder = next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write to {folder}", "choose another --out")


def _names(paths: Sequence[Path]) -> str:
    return " + ".join(path.name for path in paths)


def _write(
    wish: Wish, start: Checkpoint, adapted: Adaptation, corpora: Pools, room: Comparison, elsewhere: Comparison
) -> None:
    """The ONNX file with its card and the checkpoint: renamed into place once both are whole."""
    checkpoint = _checkpoint(wish, start, adapted)
    card = describe(checkpoint, adapted.ema, corpora, items=0) | _card(wish, corpora, room, elsewhere)
    card["training"]["teachers"] = _teachers(wish.init)
    with (
        replacing(wish.checkpoint, overwrite=True) as weights,
        replacing(wish.out, overwrite=True) as model,
    ):
        save_checkpoint(weights, checkpoint)
        export(adapted.ema, model, wish.out.stem, card)


def _checkpoint(wish: Wish, start: Checkpoint, adapted: Adaptation) -> Checkpoint:
    tensors = {f"student.{name}": value for name, value in adapted.network.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in adapted.ema.state_dict().items()}
    # As the start's, so that it can be a start itself; what differed from that run stands under "adaptation".
    config = start.facts["config"] | {"name": f"adapted to {_names([*wish.rooms, *wish.voices])}", "distillation": None}
    return Checkpoint(
        tensors,
        {
            "config": config,
            "progress": {
                "step": adapted.steps,
                "minutes": adapted.minutes,
                "audio_hours": adapted.audio_hours,
                "skipped": 0,
            },
            "git_revision": git_revision(),
            "started_from": start.facts,
            "adaptation": asdict(adapted.config),
        },
    )


def _card(wish: Wish, corpora: Pools, room: Comparison, elsewhere: Comparison) -> dict[str, Any]:
    """What the card says of an adaptation; of the recordings it has the file names alone."""
    noisy = {f"noisy_{metric}": value for metric, value in elsewhere.as_scores("noisy").items()}
    return {
        "adapted_to": {
            "rooms": [path.name for path in wish.rooms],
            "voices": [path.name for path in wish.voices],
            "held_out": {"items": room.count} | {s: room.as_scores(s) for s in ("noisy", "before", "after")},
            "validation_before": elsewhere.as_scores("before"),
        },
        "scores": {
            "val": elsewhere.as_scores("after") | noisy | {"items": elsewhere.count, "set": fixed_hash(corpora, "val")}
        },
    }


def _teachers(init: Path) -> list[dict[str, Any]]:
    """Who taught the start, as the card of the ONNX file beside it says; empty where there is none."""
    beside = init.with_suffix(".onnx")
    return Student(beside).info.training.get("teachers", []) if beside.is_file() else []
