"""The composite measures CSIG, CBAK and COVL: what listeners would say of the speech, the background and the whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from enhancer.evaluation import segmental

__all__ = ["Composite", "composite"]

_MOS = (1.0, 5.0)


class Composite(NamedTuple):
    """Predicted ratings of ITU-T P.835, each 1 (bad) to 5: signal distortion, background intrusiveness, overall."""

    csig: float
    cbak: float
    covl: float


def composite(estimate: np.ndarray, reference: np.ndarray, sample_rate: int, pesq: float) -> Composite:
    """CSIG, CBAK and COVL (Hu & Loizou, "Evaluation of objective quality measures for speech enhancement", 2008).

    The regressions of the authors' `composite.m`, on `pesq` as given: wide-band at 16 kHz, as the field quotes them
    (the paper fitted raw narrow-band PESQ at 8 kHz, whose figures are higher).
    Shapes: estimate [T], reference [T], same length, aligned; 16000 Hz where figures are to be compared.
    Raises ValueError for a silent reference and for less than 38 ms.
    """
    llr = segmental.log_likelihood_ratio(estimate, reference, sample_rate)
    wss = segmental.weighted_spectral_slope(estimate, reference, sample_rate)
    snr = segmental.segmental_snr(estimate, reference, sample_rate)
    ratings = (
        3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss,
        1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * snr,
        1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss,
    )
    return Composite(*(float(np.clip(rating, *_MOS)) for rating in ratings))
