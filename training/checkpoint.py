"""Checkpoints: files, written atomically, that hold all a run needs to go on; whole, or in pieces that travel.

Tensors lie in safetensors, everything else in JSON inside its header: a checkpoint from a stranger can run no code.
A checkpoint in pieces is the same file cut: `checkpoint.safetensors.000`, `.001` and so on, beside each other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save, save_file
from torch import Tensor

from enhancer.errors import UserError

CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run
PIECE_BYTES = 15_000_000  # of a checkpoint in pieces
# What a run may change between two of its parts: how long, on what and how often, where its teachers lie.
FREE_KEYS = frozenset(
    {"name", "distillation.caches", "distillation.teachers"}
    | {f"run.{key}" for key in ("minutes", "steps", "hours", "device", "processes", "workers")}
    | {f"run.{key}" for key in ("checkpoint_minutes", "validate_minutes", "validate_items")}
)


@dataclass
class Checkpoint:
    """Tensors by name ("student.", "ema.", "optimiser.", "rng.") and plain facts."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose names begin with `prefix` and a dot, without it."""
        return {k[len(prefix) + 1 :]: v for k, v in self.tensors.items() if k.startswith(f"{prefix}.")}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes beside the target and renames. Raises UserError when it cannot be written; the old file stays.

    Pieces of an earlier checkpoint of that name are removed: the whole file takes their place.
    """
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(_on_cpu(checkpoint), temporary, {"facts": json.dumps(checkpoint.facts)})
        os.replace(temporary, path)
        for piece in _pieces(path):
            piece.unlink()
    except (OSError, SafetensorError) as error:
        if temporary.is_file():
            temporary.unlink()
        raise _cannot_write(path, error) from None


def save_in_pieces(path: Path, checkpoint: Checkpoint, piece_bytes: int = PIECE_BYTES) -> list[Path]:
    """Writes `path`.000, .001 ... of at most `piece_bytes` each, which `load_checkpoint(path)` joins; returns them.

    Raises UserError when they cannot be written; pieces of an earlier checkpoint of that name stay until all are there.
    """
    tensors = _on_cpu(checkpoint)
    whole = save(tensors, {"facts": json.dumps(checkpoint.facts), "sha256": _digest(tensors)})
    parts = [whole[start : start + piece_bytes] for start in range(0, len(whole), piece_bytes)]
    pieces = [path.with_name(f"{path.name}.{number:03d}") for number in range(len(parts))]
    temporaries = [piece.with_name(piece.name + ".tmp") for piece in pieces]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for temporary, part in zip(temporaries, parts, strict=True):
            temporary.write_bytes(part)
        for old in _pieces(path)[len(pieces) :]:
            old.unlink()
        for temporary, piece in zip(temporaries, pieces, strict=True):
            os.replace(temporary, piece)
    except OSError as error:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error) from None
    return pieces


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU: a file, whole or in pieces, or the folder of a run.

    Raises UserError when it is missing, not a checkpoint, or its pieces are not all there.
    """
    if path.is_dir():
        path = path / CHECKPOINT
    pieces = [] if path.is_file() else _pieces(path)
    if not pieces and not path.is_file():
        raise UserError(f"no checkpoint at {path}", "start without --resume, or give the run's folder with --out")
    try:
        whole = b"".join(piece.read_bytes() for piece in pieces) if pieces else path.read_bytes()
        metadata = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
        facts, tensors = json.loads(metadata["facts"]), load(whole)
    except (SafetensorError, KeyError, ValueError) as error:
        if pieces:
            names = f"{len(pieces)} pieces ({pieces[0].name} to {pieces[-1].name})"
            raise UserError(
                f"{path.parent} holds no whole checkpoint in {names}: {error}", "copy all of them"
            ) from None
        raise UserError(f"{path} is not a checkpoint of this project: {error}") from None
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors):
        raise UserError(f"the pieces of {path} are not of one checkpoint", "copy all pieces of one run, and no others")
    return Checkpoint(tensors, facts)


def exists(path: Path) -> bool:
    """Whether there is a checkpoint of that name, whole or in pieces."""
    return path.is_file() or bool(_pieces(path))


def _pieces(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.[0-9][0-9][0-9]"))


def _on_cpu(checkpoint: Checkpoint) -> dict[str, Tensor]:
    return {k: v.detach().cpu().contiguous().clone() for k, v in checkpoint.tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names and values: pieces of two checkpoints have fitting lengths, but not fitting contents."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _cannot_write(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot write the checkpoint {path}: {error}", "free some space or choose another --out")


def check_same_config(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises UserError that names the keys in which a checkpoint's config and the run's differ, but for `FREE_KEYS`.

    Keys that only one of the two has are of another version of this project and do not count.
    """
    differing = [line for key, line in _differences(_plain(made), _plain(wanted)) if key not in FREE_KEYS]
    if differing:
        raise UserError(
            f"the checkpoint was trained with another config: {'; '.join(differing)}",
            "use the config it was trained with, or start a new run from its weights with --init",
        )


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON holds it: lists for tuples."""
    return json.loads(json.dumps(config))


def _differences(made: dict[str, Any], wanted: dict[str, Any], where: str = "") -> list[tuple[str, str]]:
    """(key, what differs) of two nested dictionaries."""
    found = []
    for name in sorted(made.keys() & wanted.keys()):
        key, there, here = where + name, made[name], wanted[name]
        if isinstance(there, dict) and isinstance(here, dict) and key != "mix.categories":  # whose names are values
            found += _differences(there, here, f"{key}.")
        elif isinstance(there, dict) != isinstance(here, dict):
            found.append((key, f"[{key}] is there only" if isinstance(there, dict) else f"[{key}] is here only"))
        elif there != here:
            found.append((key, f"{key} is {there} there, {here} here"))
    return found


def slim(checkpoint: Checkpoint, parts: Collection[str] = ("student", "ema")) -> Checkpoint:
    """The student and its average alone, in half precision: small enough to commit, enough to start a run from.

    `parts`: ("ema",) keeps the average alone, enough for a teacher.
    """
    kept = {k: v.half() for k, v in checkpoint.tensors.items() if k.partition(".")[0] in parts}
    return Checkpoint(kept, checkpoint.facts)
