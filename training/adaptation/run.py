"""From a person's recordings to an adapted student on disk, or to a refusal: reads, learns, compares, writes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from enhancer.errors import ConfigError, OutputError, UserError
from enhancer.model import Student
from training.adaptation.fine_tuning import Adaptation, AdaptationConfig, RoomBatches, blended
from training.adaptation.own_recordings import OwnPools, read_room, read_voice
from training.adaptation.paired_check import Comparison, Pair, Scores, held_out_pairs, means, score
from training.card import describe
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import from_dict
from training.data.fixed_sets import fixed_hash, fixed_set
from training.data.mixing import MixConfig
from training.data.pools import Pools
from training.evaluate import averaged_network
from training.export import export
from training.losses import LossConfig
from training.networks import BandRecurrentNet
from training.run.loop import git_revision

HELD_OUT_PAIRS = 24
# Shares of what was learnt that are tried, one after the other, until the validation set allows one.
STRENGTHS = (1.0, 0.5, 0.25)
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
    validation = [Pair(i.noisy, i.clean, i.sample_rate) for i in fixed_set(corpora, "val", wish.validation_items)]
    kept = _examined(wish, network, adapted.ema, held_out, validation, display, say)
    _write(wish, start, adapted, corpora, kept)


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


@dataclass(frozen=True)
class _Kept:
    """The student that passed, and how."""

    network: BandRecurrentNet
    strength: float
    room: Comparison
    elsewhere: Comparison


def _examined(
    wish: Wish,
    before: BandRecurrentNet,
    learnt: BandRecurrentNet,
    held_out: list[Pair],
    validation: list[Pair],
    display: Display,
    say: Callable[[str], None],
) -> _Kept:
    """The student as it learnt or, if it forgot too much, pulled back towards the start (Wortsman et al., 2022).

    Raises UserError when nothing was gained in the room, or too much forgotten at any strength.
    """

    def scored(networks: Sequence[BandRecurrentNet | None], pairs: list[Pair], what: str) -> list[Scores]:
        with display(what) as progress:
            return score(networks, pairs, wish.workers, progress)

    def gained(noisy: Scores, was: Scores, now: Scores) -> Comparison:
        room = Comparison(noisy, was, now)
        say(f"\nThe part of {_names(wish.rooms)} that was kept from learning, {room.count} mixtures:\n{room.table()}")
        if not room.gained():
            raise UserError(
                f"nothing was gained on the kept-back part of the room; {NOTHING_WRITTEN}",
                "stay with the student that you have, or try a longer recording or more --minutes",
            )
        return room

    room = gained(*scored([None, before, learnt], held_out, "listening to the room"))
    noisy, was = scored([None, before], validation, "listening elsewhere, before")
    for strength in STRENGTHS:
        student = blended(before, learnt, strength)
        elsewhere = Comparison(noisy, was, *scored([student], validation, "listening elsewhere, after"))
        say(f"\nElsewhere, {elsewhere.count} mixtures of the validation set:\n{elsewhere.table()}")
        lost = elsewhere.forgotten()
        if not lost:
            break
        say(f"Too much was forgotten at {strength:.0%} of what was learnt.")
    else:
        raise UserError(
            f"the adapted student is worse elsewhere: {' and '.join(lost)}; {NOTHING_WRITTEN}",
            "try fewer --minutes or a longer recording",
        )
    if strength < 1.0:
        room = gained(room.noisy, room.before, *scored([student], held_out, "listening to the room again"))
    return _Kept(student, strength, room, elsewhere)


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


def _write(wish: Wish, start: Checkpoint, adapted: Adaptation, corpora: Pools, kept: _Kept) -> None:
    """The ONNX file with its card and the checkpoint: moved into place once both are whole."""
    checkpoint = _checkpoint(wish, start, adapted, kept)
    card = describe(checkpoint, kept.network, corpora, items=0) | _card(wish, corpora, kept)
    card["training"]["teachers"] = _teachers(wish.init)
    try:
        wish.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wish.out.parent, prefix=".adapt-") as folder:
            weights, model = Path(folder) / wish.checkpoint.name, Path(folder) / wish.out.name
            save_checkpoint(weights, checkpoint)
            export(kept.network, model, wish.out.stem, card)
            os.replace(weights, wish.checkpoint)
            os.replace(model, wish.out)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {wish.out}: {reason}", "free some space or choose another --out") from error


def _checkpoint(wish: Wish, start: Checkpoint, adapted: Adaptation, kept: _Kept) -> Checkpoint:
    weights = kept.network.state_dict()
    # As the start's, so that it can be a start itself; what differed from that run stands under "adaptation".
    config = start.facts["config"] | {"name": f"adapted to {_names([*wish.rooms, *wish.voices])}", "distillation": None}
    progress = {"step": adapted.steps, "minutes": adapted.minutes, "audio_hours": adapted.audio_hours, "skipped": 0}
    return Checkpoint(
        {f"{part}.{name}": value for part in ("student", "ema") for name, value in weights.items()},
        {
            "config": config,
            "progress": progress,
            "git_revision": git_revision(),
            "started_from": start.facts,
            "adaptation": asdict(adapted.config) | {"strength": kept.strength},
        },
    )


def _card(wish: Wish, corpora: Pools, kept: _Kept) -> dict[str, Any]:
    """What the card says of an adaptation; of the recordings it has the file names alone."""
    room, elsewhere = kept.room, kept.elsewhere
    noisy = {f"noisy_{metric}": value for metric, value in means(elsewhere.noisy).items()}
    facts = {"items": elsewhere.count, "set": fixed_hash(corpora, "val")}
    return {
        "adapted_to": {
            "rooms": [path.name for path in wish.rooms],
            "voices": [path.name for path in wish.voices],
            "strength": kept.strength,
            "held_out": {
                "items": room.count,
                "noisy": means(room.noisy),
                "before": means(room.before),
                "after": means(room.after),
            },
            "validation_before": means(elsewhere.before),
        },
        "scores": {"val": means(elsewhere.after) | noisy | facts},
    }


def _teachers(init: Path) -> list[dict[str, Any]]:
    """Who taught the start, as the card of the ONNX file beside it says; empty where there is none."""
    beside = init.with_suffix(".onnx")
    return Student(beside).info.training.get("teachers", []) if beside.is_file() else []
