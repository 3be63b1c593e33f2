"""The ideal ratio mask: not a system but a bound, made with the clean recording in hand."""

from __future__ import annotations

import numpy as np

from enhancer.spectral import GRID_16K, GRID_48K, istft, stft


def ideal_ratio_mask(noisy: np.ndarray, clean: np.ndarray, sample_rate: int) -> np.ndarray:
    """`noisy` under the mask sqrt(S^2 / (S^2 + N^2)) of its speech and noise (Wang, Narayanan & Wang, 2014, beta 1/2).

    On the student's own grid: 32 ms frames, hop 10 ms, at 16 or 48 kHz. The noise is all that `clean` does not hold,
    late reverberation too where `clean` has none. It is the best gain of this kind for magnitudes alone: phases stay.
    Shapes: [n] each -> float32 [n], any rate.
    """
    import soxr

    grid = GRID_16K if sample_rate <= GRID_16K.sample_rate else GRID_48K
    noisy, clean = (soxr.resample(x, sample_rate, grid.sample_rate, "HQ") for x in (noisy, clean))
    mixed, speech, noise = (stft(x[None], grid) for x in (noisy, clean, noisy - clean))
    power = np.abs(speech) ** 2
    mask = np.sqrt(power / np.maximum(power + np.abs(noise) ** 2, np.finfo(np.float32).tiny))
    return soxr.resample(istft(mask * mixed, grid, len(noisy))[0], grid.sample_rate, sample_rate, "HQ")
