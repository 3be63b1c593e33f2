"""Packing: what a run needs, from this machine's pools, caches and checkpoints, into shards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from enhancer.errors import UserError
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, slim
from training.config import TrainingConfig
from training.data.corpora import Recording
from training.data.pools import Pools
from training.packing import cargo, shards

START = "start.safetensors"


@dataclass(frozen=True)
class Wish:
    """What is to be packed, and how small."""

    max_mib: float = 35.0
    caches: tuple[Path, ...] = ()
    cache_minutes: float | None = None  # of each cache; None: all of it
    features: bool = True  # of the caches
    validation_items: int = 40  # the first of the fixed set
    config: TrainingConfig | None = None  # goes along; names the own teachers to take
    start: Path | None = None  # checkpoint whose weights go along


def pack(
    data: Path | None,
    recordings: Sequence[Recording],
    pools: Pools,
    out: Path,
    wish: Wish,
    progress: Callable[[str, int], None] = lambda kind, size: None,
) -> list[Path]:
    """Writes shards, and the weights that the run starts from and is taught by, into `out`; returns all files.

    `progress(kind, bytes)` after each kind of piece. Raises UserError when `out` holds shards already, when something
    to be packed is missing, or when a piece does not fit into a shard.
    """
    if list(out.glob("shard-*.zip")):
        raise UserError(f"{out} already holds shards", "remove them, or choose another --out")
    names = cache_names(wish.caches)
    headers = {name: cargo.cache_header(folder, wish.features) for name, folder in names.items()}
    weights = _weights(wish)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".staging-", dir=out) as folder:
        staging = cargo.Staging(Path(folder))
        pieces: list[cargo.Piece] = []
        kinds: dict[str, Any] = {
            "recordings": cargo.recordings(data, recordings, pools, staging),
            "rooms": cargo.rooms(pools, staging),
            "validation": cargo.validation(pools, wish.validation_items, staging),
        }
        for name, cache in names.items():
            kinds[name] = cargo.cache(name, cache, wish.cache_minutes, wish.features, staging)
        for kind, found in kinds.items():
            own = list(found)
            progress(kind, sum(piece.size for piece in own))
            pieces += own
        if not pieces:
            raise UserError("there is nothing to pack", "look at training prepare")
        facts = {"caches": headers, "config": asdict(wish.config) if wish.config else None}
        written = shards.write(pieces, out, wish.max_mib, facts)
    for name, checkpoint in weights.items():
        save_checkpoint(out / name, checkpoint)
    return [*written, *(out / name for name in weights)]


def cache_names(folders: Sequence[Path]) -> dict[str, Path]:
    """Short names for caches, each its own."""
    return {f"cache{number}": folder for number, folder in enumerate(folders)}


def teacher_name(number: int) -> str:
    """The file in a pack that holds the `number`-th own teacher of its config."""
    return f"teacher-{number}.safetensors"


def _weights(wish: Wish) -> dict[str, Checkpoint]:
    """The checkpoints that go along, in half precision and without what only going on would need."""
    weights = {START: slim(load_checkpoint(wish.start))} if wish.start else {}
    distillation = wish.config.distillation if wish.config else None
    for number, path in enumerate(distillation.teachers if distillation else ()):
        whole = slim(load_checkpoint(Path(path)))
        averaged = {name: value for name, value in whole.tensors.items() if name.startswith("ema.")}
        weights[teacher_name(number)] = Checkpoint(averaged, whole.facts)
    return weights
