"""First weights of a network from a checkpoint of another one: a causal network grows into a teacher that looks ahead,
a large one is cut down to a student."""

from __future__ import annotations

import torch
from torch import Tensor

from enhancer.errors import UserError
from training.networks import POSITIONS, BandRecurrentNet, NetworkConfig


def first_weights(weights: dict[str, Tensor], made: NetworkConfig, network: BandRecurrentNet) -> dict[str, Tensor]:
    """Weights for `network` from those of a network with the config `made`.

    Equal configs: the weights as they are. Causal to bidirectional: grown (`grown_backwards`). Larger to smaller:
    the strongest channels (`cut_down`). Raises UserError when neither is possible.
    """
    wanted = network.config
    if made.bidirectional and not wanted.bidirectional:
        weights = {name: value for name, value in weights.items() if not name.endswith("_reverse")}
    if (made.channels, made.trunk, made.blocks) != (wanted.channels, wanted.trunk, wanted.blocks):
        weights = cut_down(weights, made, network)
    if wanted.bidirectional and not made.bidirectional:
        weights = grown_backwards(weights, network)
    return {name: value.float() for name, value in weights.items()}


def grown_backwards(causal: dict[str, Tensor], network: BandRecurrentNet) -> dict[str, Tensor]:
    """Weights of a bidirectional network that says exactly what the causal one said, and can learn to look ahead.

    The forward directions are the causal layers. The backward ones keep their random gates but write nothing: the
    rows of the cell candidate are zero, so that the cell, and with it the output, stays at zero until they learn.
    """
    weights = dict(causal)
    for name, value in network.state_dict().items():
        if name.endswith("_reverse"):
            weights[name] = value.clone()
            weights[name].chunk(4)[2].zero_()  # torch orders the gates: input, forget, cell, output
    return weights


def cut_down(large: dict[str, Tensor], made: NetworkConfig, network: BandRecurrentNet) -> dict[str, Tensor]:
    """The strongest channels of a larger network: those whose weights on the way to the mask have the most energy.

    One choice of trunk channels serves every layer, because residuals tie them together; one choice of convolution
    channels serves embedding and decoder, because the skip between them does. Blocks are the first ones.
    Raises UserError when `network` is not smaller in every respect.
    """
    wanted = network.config
    if wanted.channels > made.channels or wanted.trunk > made.trunk or wanted.blocks > made.blocks:
        raise UserError(
            f"the checkpoint's network ({made}) is not the config's ({wanted}), nor larger in every respect",
            "use the config it was trained with, or cut a larger network down",
        )
    out = large["from_trunk.weight"].unflatten(0, (made.channels, POSITIONS))  # [channels, positions, trunk]
    trunk = _strongest(out.square().sum((0, 1)), wanted.trunk)
    channels = _strongest(out.square().sum((1, 2)), wanted.channels)
    spread = (channels[:, None] * POSITIONS + torch.arange(POSITIONS)).flatten()  # where the channels' positions lie
    gates = (torch.arange(4)[:, None] * made.trunk + trunk).flatten()  # the same units of all four gates
    # What each dimension of a parameter runs over, by the beginning of its name; None: all of it.
    chosen: dict[str, tuple[Tensor | None, ...]] = {
        "embed.weight": (channels, None),
        "embed.bias": (channels,),
        "refine.weight": (channels, channels),
        "refine.bias": (channels,),
        "to_trunk.weight": (trunk, spread),
        "to_trunk.bias": (trunk,),
        "magnitude_to_trunk.weight": (trunk, None),
        "high_to_trunk.weight": (trunk, None),
        "from_trunk.weight": (spread, trunk),
        "from_trunk.bias": (spread,),
        "merge.weight": (channels, channels),
        "merge.bias": (channels,),
        "to_mask.weight": (channels, None),
        "to_mask.bias": (None,),
        "to_frame.weight": (None, trunk),
        "to_frame.bias": (None,),
    }
    weights = {}
    for name in network.state_dict():
        if name.endswith("_reverse") and name not in large:
            continue  # a causal network cut down and grown backwards: the growing adds these
        value = large[name]
        along = chosen.get(name, (gates, trunk) if value.ndim == 2 else (gates,))
        for dimension, index in enumerate(along):
            value = value if index is None else value.index_select(dimension, index)
        weights[name] = value
    return weights


def _strongest(energy: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest values, in order."""
    return energy.argsort(descending=True)[:count].sort().values
