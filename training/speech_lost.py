"""Speech that an enhancer takes away with the noise, in dB by band: what squared errors hardly see in faint fricatives.

The enhanced signal is linear in the mixture once its mask is given, so the mask applied to the clean speech alone says
how much of it is kept; docs/robustness.md measures finished students in the same way.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from enhancer.features import erb_spaced
from enhancer.spectral import CORE_BINS
from training.torch_spectral import BIN_HZ, power

SEGMENT = 16  # frames of 10 ms: the length of a syllable's part
# A band of a segment is asked for where its speech is so far above the noise, and not below what the recording itself
# is made of. With 10 dB, nearly all that was still lost in mild noise was lost below (docs/training.md).
OVER_NOISE_DB, RANGE_DB = 3.0, 50.0


@cache
def _to_bands(bins: int, device: torch.device) -> Tensor:
    """[bins, bands], 0 or 1: sixteen bands equally wide on the ERB-rate scale up to 8 kHz, five as wide above."""
    core, high = erb_spaced(100.0, 8000.0, 17), erb_spaced(8000.0, 24_000.0, 6)
    edges = torch.tensor(core if bins == CORE_BINS else [*core, *high[1:]])
    hertz = (BIN_HZ * torch.arange(bins))[:, None]
    return ((hertz >= edges[:-1]) & (hertz < edges[1:])).float().to(device)


def speech_lost_db(noisy: Tensor, enhanced: Tensor, clean: Tensor) -> Tensor:
    """Mean loss of speech in dB beyond the ideal Wiener mask's, 0 or more, where speech is above the noise: a scalar.

    Shapes: complex spectra [frames, batch, bins] each. The mean is over bands of segments; 0 where none is asked for.
    """
    speech, noise = power(clean), power(noisy - clean)
    kept = speech * power(enhanced) / power(noisy).clamp_min(1e-12)
    wiener = speech * (speech / (speech + noise).clamp_min(1e-12)).square()
    to_bands = _to_bands(clean.shape[-1], clean.device)
    frames = clean.shape[0] // SEGMENT * SEGMENT

    def segments(powers: Tensor) -> Tensor:
        return powers[:frames].unflatten(0, (-1, SEGMENT)).sum(1) @ to_bands  # [segments, batch, bands]

    wanted = segments(speech)
    loudest = wanted.amax((0, 2), keepdim=True)
    asked = (wanted > segments(noise) * 10 ** (OVER_NOISE_DB / 10)) & (wanted > loudest * 10 ** (-RANGE_DB / 10))
    asked &= loudest > 1e-9
    attainable = segments(wiener).clamp_min(1e-12)
    lost = torch.relu(10.0 * torch.log10(attainable / (segments(kept) + 1e-4 * attainable)))
    return (lost * asked).sum() / asked.sum().clamp_min(1)
