"""Scores of a network or a teacher on the fixed sets: what validation during training and the model card print."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from enhancer.evaluation.metrics import estoi, pesq_wb, si_sdr
from enhancer.spectral import GRID_16K, GRID_48K
from training.checkpoint import Checkpoint
from training.config import from_dict
from training.data.fixed_sets import fixed_set
from training.data.pools import Pools
from training.networks import BandRecurrentNet, NetworkConfig
from training.torch_spectral import SpectralTransform


def averaged_network(checkpoint: Checkpoint) -> BandRecurrentNet:
    """The network of a checkpoint with its averaged weights."""
    network = BandRecurrentNet(from_dict(NetworkConfig, checkpoint.facts["config"]["network"]))
    network.load_state_dict(checkpoint.part("ema"))
    return network


@torch.no_grad()
def enhance(network: BandRecurrentNet, noisy: np.ndarray, sample_rate: int) -> np.ndarray:
    """A whole signal [T] at 16 or 48 kHz through a torch network, aligned and of the same length; float32."""
    grid = GRID_16K if sample_rate == 16_000 else GRID_48K
    device = next(network.parameters()).device
    transform = SpectralTransform(grid).to(device)
    frames = -(-len(noisy) // grid.hop) + 1  # one more, which completes the last hop
    padded = np.zeros((1, frames * grid.hop), np.float32)
    padded[0, : len(noisy)] = noisy
    spectra = transform.analysis(torch.from_numpy(padded).to(device))
    said = network(*transform.inputs(spectra))
    return transform.synthesise(transform.apply(spectra, said.mask, said.high_gain))[0, : len(noisy)].cpu().numpy()


def score_network(network: BandRecurrentNet, pools: Pools, split: str, count: int) -> dict[str, float]:
    """`score` of a torch network."""
    return score(lambda noisy, sample_rate: enhance(network, noisy, sample_rate), pools, split, count)


def score(system: Callable[[np.ndarray, int], np.ndarray], pools: Pools, split: str, count: int) -> dict[str, float]:
    """Mean PESQ-WB, ESTOI and SI-SDR of the noisy mixtures and of a system's output over `count` items of a set.

    The system takes a mixture [T] and its sample rate and returns as many samples, aligned.
    Items that a metric cannot judge (no speech found) are left out of that metric's mean; a metric whose package is
    not installed (a bare GPU machine) is left out altogether.
    """
    sums: dict[str, list[float]] = {}
    for item in fixed_set(pools, split, count):
        signals = {"": system(item.noisy, item.sample_rate), "noisy_": item.noisy}
        for prefix, signal in signals.items():
            for name, metric in (("pesq_wb", pesq_wb), ("estoi", estoi)):
                try:
                    sums.setdefault(prefix + name, []).append(metric(signal, item.clean, item.sample_rate))
                except (ValueError, ModuleNotFoundError):
                    continue
            sums.setdefault(f"{prefix}si_sdr", []).append(si_sdr(signal, item.clean))
    return {name: round(float(np.mean(values)), 4) for name, values in sums.items() if values}
