"""How well the speech in a signal is understood: extended short-time objective intelligibility, differentiable.

ESTOI (Jensen & Taal, 2016) correlates envelopes of 15 third-octave bands over segments of 384 ms, every band and every
frame of a segment brought to zero mean and unit length first: each band counts alike, however faint, and level does not
count. Here on the network's own frames (32 ms every 10 ms) instead of 25.6 ms every 12.8, and segments are weighted by
the share of their frames that hold speech instead of removing silent frames before; a test holds it near `pystoi`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from enhancer.spectral import CORE_BINS
from training.torch_spectral import BIN_HZ, power

BANDS, LOWEST_HZ = 15, 150.0
SEGMENT = 38  # frames of 10 ms
EVERY = 10  # frames from one segment to the next: neighbours say nearly the same
SPEECH_RANGE_DB = 40.0


class Intelligibility(nn.Module):
    """Correlation of envelopes, -1 to 1: spectra complex [frames, batch, bins] of signal and reference -> [batch]."""

    def __init__(self) -> None:
        super().__init__()
        centres = LOWEST_HZ * 2.0 ** (np.arange(BANDS) / 3.0)
        edges = np.round(np.stack([centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6)]) / BIN_HZ).astype(int)
        bins = np.arange(CORE_BINS)[:, None]
        self.register_buffer("to_bands", torch.from_numpy(((bins >= edges[0]) & (bins < edges[1])).astype("f4")), False)

    def forward(self, signal: Tensor, reference: Tensor) -> Tensor:
        heard, wanted = self._envelopes(signal), self._envelopes(reference)
        energy = wanted.square().sum(-1)  # [frames, batch]
        speech = (energy > energy.amax(0) * 10.0 ** (-SPEECH_RANGE_DB / 10.0)).float()
        weight = speech.unfold(0, SEGMENT, EVERY).mean(-1)  # [segments, batch]
        likeness = (_normalised(heard) * _normalised(wanted)).sum((-2, -1)) / SEGMENT
        return (likeness * weight).sum(0) / weight.sum(0).clamp_min(1e-3)

    def _envelopes(self, spectra: Tensor) -> Tensor:
        return (power(spectra[..., :CORE_BINS]) @ self.to_bands + 1e-10).sqrt()


def _normalised(envelopes: Tensor) -> Tensor:
    """Segments [segments, batch, 15, 38] of envelopes [frames, batch, 15], rows and then columns normalised."""
    segments = envelopes.unfold(0, SEGMENT, EVERY)
    for dimension in (-1, -2):
        segments = segments - segments.mean(dimension, keepdim=True)
        segments = segments / segments.square().sum(dimension, keepdim=True).add(1e-10).sqrt()
    return segments
