"""The optimiser of a run: Muon for the large weight matrices, AdamW for everything else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from enhancer.errors import ConfigError

Kind = Literal["muon", "adamw"]
# Matrices of fewer rows or columns are convolution-like maps: orthogonalising them says nothing.
SMALLEST_MATRIX = 48


@dataclass(frozen=True)
class OptimiserConfig:
    """How a run descends: warm-up by steps, then a cosine down to `final_share` of the rate.

    `kind` says what moves the large matrices. "muon" (Jordan et al., 2024) makes each update of a matrix orthogonal,
    scaled to the size of an AdamW update (Liu et al., 2025), so that one rate serves both: here it learnt in about
    half the steps (docs/training.md). "adamw" is AdamW for all.
    """

    rate: float = 1e-3  # peak learning rate
    final_share: float = 0.02
    warmup_steps: int = 300
    weight_decay: float = 0.01
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.999  # decay of the averaged weights, which are evaluated and exported
    kind: Kind = "muon"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"optimiser.kind is {self.kind!r}", f"one of: {', '.join(get_args(Kind))}")


class Muon(torch.optim.Optimizer):
    """Momentum whose update of each matrix is made (nearly) orthogonal before it is applied (Jordan et al., 2024).

    `torch.optim.Muon` does the same in bfloat16 everywhere, which takes a CPU 51 ms a step of the shipped student;
    in float32 it is 23.
    """

    def __init__(self, matrices: Iterable[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closures here
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                slots = self.state[p]
                if not slots:
                    slots["momentum"] = torch.zeros_like(p)
                average = slots["momentum"].lerp_(p.grad, 1.0 - group["momentum"])
                update = orthogonalised(p.grad.lerp(average, group["momentum"]))  # Nesterov's look ahead
                p.mul_(1.0 - group["lr"] * group["weight_decay"])
                # the root mean square of a typical AdamW update, 0.2 (Liu et al., 2025, eq. 4)
                p.add_(update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """The matrix with all singular values near one (0.7 to 1.2), by Newton-Schulz iterations with Jordan's quintic."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    if x.device.type == "cuda":
        x = x.bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return (x.T if tall else x).to(matrix.dtype)


class Optimiser:
    """Descends on a network's parameters, and on further ones (projections of the teachers' features)."""

    def __init__(self, config: OptimiserConfig, network: nn.Module, further: Iterable[nn.Parameter] = ()) -> None:
        self.parameters = [*network.parameters(), *further]
        matrices = []
        if config.kind == "muon":
            matrices = [p for p in network.parameters() if p.ndim == 2 and min(p.shape) >= SMALLEST_MATRIX]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in chosen]
        rule = {"lr": config.rate, "weight_decay": config.weight_decay}
        self._parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, **rule)]
        if matrices:
            self._parts.append(Muon(matrices, **rule))

    def step(self, rate: float) -> None:
        """One step at a learning rate, from the gradients as they are."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """The state as flat tensors, by part, parameter number and slot."""
        return {
            f"{which}.{number}.{slot}": torch.as_tensor(value)
            for which, part in enumerate(self._parts)
            for number, slots in part.state_dict()["state"].items()
            for slot, value in slots.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Puts back what `tensors` gave, into an optimiser over the same parameters."""
        wholes = [part.state_dict() | {"state": {}} for part in self._parts]
        for name, value in tensors.items():
            which, number, slot = name.split(".")
            wholes[int(which)]["state"].setdefault(int(number), {})[slot] = value
        for part, whole in zip(self._parts, wholes, strict=True):
            part.load_state_dict(whole)
