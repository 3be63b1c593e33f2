"""First weights of a network from a checkpoint of another one: the same, or the causal network a teacher grows from."""

from __future__ import annotations

import torch
from torch import Tensor

from enhancer.errors import UserError
from training.networks import BandRecurrentNet


def grown_backwards(causal: dict[str, Tensor], network: BandRecurrentNet) -> dict[str, Tensor]:
    """Weights of a bidirectional network that says exactly what the causal one said, and can learn to look ahead.

    The forward directions are the causal layers. The backward ones keep their random gates but write nothing: the
    rows of the cell candidate are zero, so that the cell, and with it the output, stays at zero until they learn.
    Raises UserError when the two differ in more than direction.
    """
    own = network.state_dict()
    weights = {}
    for name, value in own.items():
        forward = name.removesuffix("_reverse")
        if forward not in causal or causal[forward].shape != value.shape:
            raise UserError("a teacher grows from a causal network of the same sizes only", "see [network] in both")
        if name == forward:
            weights[name] = causal[name]
        else:
            candidate = value.clone()
            candidate.chunk(4)[2].zero_()  # torch orders the gates: input, forget, cell, output
            weights[name] = candidate
    return {name: torch.as_tensor(value, dtype=torch.float32) for name, value in weights.items()}
