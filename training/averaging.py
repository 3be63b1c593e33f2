"""The mean of several runs' weights: as good as all of them together, at the cost of one.

Wortsman et al., "Model soups" (2022): runs that started from the same weights end in one valley of the loss, and the
mean of their ends lies nearer to its middle than each of them. It costs no training, and nothing when the student runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from enhancer.errors import ConfigError, UserError
from training.checkpoint import Checkpoint


def average(checkpoints: Sequence[Checkpoint], shares: Sequence[float] = ()) -> Checkpoint:
    """The mean of the checkpoints' averaged weights, in single precision: a start for a run, or a student to ship.

    `shares` are positive and are brought to a sum of one; without them all count alike. The facts are the first
    checkpoint's, as a card lists its runs, and "averaged" says what else went in.

    Raises ConfigError for fewer than two checkpoints or shares that do not fit them, UserError for unlike networks.
    """
    shares = shares or [1.0] * len(checkpoints)
    if len(checkpoints) < 2:
        raise ConfigError("an average needs two checkpoints or more", "name them one after the other")
    if len(shares) != len(checkpoints) or not all(0 < share < math.inf for share in shares):
        raise ConfigError(
            f"{len(checkpoints)} checkpoints, and the shares {', '.join(f'{share:g}' for share in shares)}",
            "give one --share, larger than zero, for each checkpoint, in their order",
        )
    first, *others = (checkpoint.facts["config"]["network"] for checkpoint in checkpoints)
    if differing := [number for number, network in enumerate(others, 2) if network != first]:
        raise UserError(
            f"the networks of checkpoints 1 and {differing[0]} differ: {first} and {others[differing[0] - 2]}",
            "average runs of one [network], best of all runs that began with the same weights",
        )
    shares = [share / sum(shares) for share in shares]
    parts = [checkpoint.part("ema") for checkpoint in checkpoints]
    mean = {f"ema.{name}": _mean([part[name] for part in parts], shares) for name in parts[0]}
    said = [_said(checkpoint, share) for checkpoint, share in zip(checkpoints, shares, strict=True)]
    return Checkpoint(mean, checkpoints[0].facts | {"averaged": said})


def _mean(values: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    return torch.stack([value.float() * share for value, share in zip(values, shares, strict=True)]).sum(0)


def _said(checkpoint: Checkpoint, share: float) -> dict[str, Any]:
    """What a card says of one of the runs: which it was, how far it went, and how much it counts."""
    facts = checkpoint.facts
    before = {"averaged": facts["averaged"]} if "averaged" in facts else {}
    return before | {
        "config": facts["config"]["name"],
        "git_revision": facts["git_revision"],
        "steps": facts["progress"]["step"],
        "share": round(share, 4),
    }
