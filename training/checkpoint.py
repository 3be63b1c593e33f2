"""Checkpoints: one folder entry, written atomically, that holds all a run needs to go on.

Tensors lie in safetensors, everything else in JSON inside its header: a checkpoint from a stranger can run no code.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from enhancer.errors import UserError


@dataclass
class Checkpoint:
    """Tensors by name ("student.", "ema.", "optimiser.", "rng.") and plain facts."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose names begin with `prefix` and a dot, without it."""
        return {k[len(prefix) + 1 :]: v for k, v in self.tensors.items() if k.startswith(f"{prefix}.")}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes beside the target and renames. Raises UserError when it cannot be written; the old file stays."""
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in checkpoint.tensors.items()}
        save_file(tensors, temporary, {"facts": json.dumps(checkpoint.facts)})
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        if temporary.is_file():
            temporary.unlink()
        raise UserError(
            f"cannot write the checkpoint {path}: {error}", "free some space or choose another --out"
        ) from None


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU. Raises UserError when it is missing or not one."""
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}", "start without --resume, or give the run's folder with --out")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a checkpoint of this project: {error}") from None
    return Checkpoint(tensors, facts)


def slim(checkpoint: Checkpoint) -> Checkpoint:
    """The student and its average alone, in half precision: small enough to commit, enough to start a run from."""
    kept = {k: v.half() for k, v in checkpoint.tensors.items() if k.startswith(("student.", "ema."))}
    return Checkpoint(kept, checkpoint.facts)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as flat tensors, by parameter number and slot."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{slot}": torch.as_tensor(value) for number, slots in state.items() for slot, value in slots.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `optimiser_tensors` gave, into an optimiser over the same parameters."""
    whole = optimiser.state_dict()
    whole["state"] = {}
    for name, value in tensors.items():
        number, slot = name.split(".")
        whole["state"].setdefault(int(number), {})[slot] = value
    optimiser.load_state_dict(whole)
