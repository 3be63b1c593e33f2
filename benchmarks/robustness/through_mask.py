"""What the network's mask of a mixture does to a part of it (the shadow method): speech and noise seen apart.

The enhanced signal is linear in the mixture once the mask is given, so that the mask of a mixture, applied to its
speech and to its noise, says how much of each came through (as in Gustafsson, Martin & Vary, 1996).
"""

from __future__ import annotations

import numpy as np

from enhancer.features import Features, MaskApplication
from enhancer.model import Student
from enhancer.spectral import Grid, istft, stft


def through_mask(student: Student, mixture: np.ndarray, parts: np.ndarray, sample_rate: int) -> np.ndarray:
    """`parts` as they come out of the student when it hears `mixture`; for parts that add up to it, so do the results.

    Shapes: mixture float32 [N]; parts float32 [P, N]; returns float32 [P, N], aligned, before the output limiter.
    Rates: 16000 and 48000 Hz, the two that nothing is resampled at.
    """
    grid = Grid(sample_rate)
    heard = stft(mixture[None], grid)
    mask, high_gain, _ = student.stream().step(*Features(grid, 1, max_frames=len(heard)).process(heard))
    spectra = stft(parts, grid)
    mask, high_gain = (np.repeat(answer, len(parts), axis=1) for answer in (mask, high_gain))
    return istft(MaskApplication(grid)(spectra, mask, high_gain), grid, parts.shape[1])
