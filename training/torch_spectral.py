"""Torch twins of `enhancer.spectral` and `enhancer.features`, differentiable and whole-signal.

A test holds each equal to its numpy original. Layout here is batch first while signals are signals, and time first
([frames, batch, ...]) from the spectrum on, as the network takes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from enhancer import features as numpy_features
from enhancer.features import COMPRESSION, HIGH_BANDS, LEAD, LEADING_BINS, LEVEL_FLOOR, NETWORK_BINS, TINY
from enhancer.spectral import CORE_BINS, SYNTHESIS_HOPS, Grid

BIN_HZ = 31.25  # from one bin to the next, on both grids


def power(spectra: Tensor) -> Tensor:
    """Squared magnitudes of complex spectra, in real arithmetic: torch's complex abs (a hypot) is slow on a CPU."""
    return spectra.real.square() + spectra.imag.square()


class SpectralTransform(nn.Module):
    """Analysis, synthesis, network inputs and mask application on one grid."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("window", torch.tensor(grid.analysis_window * grid.scale, dtype=torch.float32), False)
        self.register_buffer("synthesis", torch.tensor(grid.synthesis_window / grid.scale, dtype=torch.float32), False)
        if grid.bins > CORE_BINS:
            weights = torch.from_numpy(numpy_features.high_band_weights(grid))
            self.register_buffer("to_bins", weights.T.contiguous(), False)
            self.register_buffer("averages", weights / weights.sum(0), False)

    def analysis(self, samples: Tensor) -> Tensor:
        """Spectra: samples [batch, time] (time a multiple of the hop) -> complex [time / hop, batch, bins].

        The stream starts from silence, as `enhancer.spectral.Analysis` does.
        """
        past = self.grid.n_fft - self.grid.hop
        frames = nn.functional.pad(samples, (past, 0)).unfold(-1, self.grid.n_fft, self.grid.hop)
        return torch.fft.rfft(frames.transpose(0, 1) * self.window)

    def synthesise(self, spectra: Tensor) -> Tensor:
        """Samples: spectra [frames, batch, bins] -> [batch, (frames - 1) * hop], aligned to what was analysed.

        The last hop of the analysed signal is missing: only a further frame would complete it.
        """
        hop = self.grid.hop
        recent = torch.fft.irfft(spectra, self.grid.n_fft)[..., -SYNTHESIS_HOPS * hop :] * self.synthesis
        hops = recent[1:, :, :hop] + recent[:-1, :, hop:]
        return hops.transpose(0, 1).flatten(1)

    def inputs(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Network inputs of spectra: core [frames, batch, 2, 256] and high [frames, batch, 17]."""
        core = spectra[..., :NETWORK_BINS]
        powers = power(core)
        inverse = self._running_level(powers[..., 1:].mean(-1)).pow(-0.5 * COMPRESSION)[..., None]
        shrink = powers.clamp_min(TINY).pow(0.5 * (COMPRESSION - 1.0)) * inverse
        features = torch.stack([core.real * shrink, core.imag * shrink], dim=2)
        high = features.new_zeros(*features.shape[:2], HIGH_BANDS + 1)
        if self.grid.bins > CORE_BINS:
            energy = power(spectra[..., CORE_BINS:]) @ self.averages
            high[..., :HIGH_BANDS] = energy.clamp_min(TINY).pow(0.5 * COMPRESSION) * inverse
            high[..., HIGH_BANDS] = 1.0
        return features, high

    @staticmethod
    def _running_level(power: Tensor) -> Tensor:
        """Running power over frames (dim 0): the recursion of `enhancer.features.Features` as one matrix product."""
        keep = numpy_features.Features._KEEP
        frames = torch.arange(power.shape[0], device=power.device)
        age = (frames[:, None] - frames[None, :]).float()
        smoothing = torch.where(age >= 0, keep**age, torch.zeros_like(age))
        return (smoothing / smoothing.sum(1, keepdim=True)) @ power + LEVEL_FLOOR

    def apply(self, spectra: Tensor, delta: Tensor, high_gain: Tensor) -> Tensor:
        """Enhanced spectra from the residual mask and the high-band gains; shapes as in `MaskApplication`."""
        real, imag = delta[:, :, 0] + 1.0, delta[:, :, 1]
        magnitude = (real.square() + imag.square() + TINY).sqrt()
        over = magnitude.clamp_min(1.0)
        bend = torch.where(magnitude > 1.0, (1.0 + torch.tanh(over - 1.0)) / over, torch.ones_like(over))
        mask = torch.complex(real * bend, imag * bend)
        mask = torch.cat([mask[..., 1:2], mask[..., 1:], mask[..., -1:]], dim=-1)
        if self.grid.bins == CORE_BINS:
            return spectra * mask
        # The core's mask answers for its own band alone: no gradient reaches it through the bands that it leads.
        leading = magnitude[..., LEADING_BINS].detach().clamp_max(1.0)
        led = float(LEAD) * leading.square().mean(-1, keepdim=True)
        gains = high_gain * led.clamp_max(1.0)
        return spectra * torch.cat([mask, (gains @ self.to_bins).to(mask.dtype)], dim=-1)


@dataclass
class Compressed:
    """A spectrum with magnitudes to the power 0.3 and phases kept, as real tensors [frames, batch, bins]."""

    real: Tensor
    imag: Tensor
    magnitude: Tensor

    def core(self) -> Compressed:
        """Bins 0..256 alone."""
        return Compressed(self.real[..., :CORE_BINS], self.imag[..., :CORE_BINS], self.magnitude[..., :CORE_BINS])

    def squared_distance(self, other: Compressed) -> Tensor:
        return (self.real - other.real).square() + (self.imag - other.imag).square()


def compress(spectra: Tensor, scale: Tensor | float = 1.0) -> Compressed:
    """Complex `spectra` times `scale`, compressed; gradients stay finite at zero.

    In real arithmetic: on a CPU torch's complex abs (a hypot) costs more than all the rest of the loss.
    """
    real, imag = spectra.real * scale, spectra.imag * scale
    power = real.square() + imag.square() + 1e-7
    shrink = power.pow(0.5 * (COMPRESSION - 1.0))
    return Compressed(real * shrink, imag * shrink, power.sqrt() * shrink)
