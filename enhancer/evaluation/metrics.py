"""The scores this project quotes: PESQ, STOI and SI-SDR of an estimate against its clean reference.

All take two mono signals of equal length that are aligned in time (`alignment.align` removes a peer's delay), the
estimate first. PESQ and STOI come from `pesq` and `pystoi` (extra `eval`), which are imported on first use.
"""

from __future__ import annotations

import numpy as np

# The lower end of both P.862.1's and P.862.2's mapping, rounded up: nothing scores lower.
PESQ_SILENT = 1.0
# PESQ is meant for some 8 to 30 s (P.862.3); the ITU's code crashes beyond about 60 utterances (seen: 39 s of words).
PESQ_LONGEST_S, PESQ_PIECE_S = 30.0, 20.0

__all__ = ["checked_pair", "estoi", "pesq_nb", "pesq_wb", "si_sdr", "stoi"]


def si_sdr(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019, eq. 3).

    Shapes: estimate [T], reference [T], same length, any rate; float.
    Returns -inf for a silent estimate, +inf for a scaled copy of the reference.
    Raises ValueError if the reference is silent, lengths differ or a sample is not finite.
    """
    estimate, reference = checked_pair(estimate, reference)
    energy = float(reference @ reference)
    if not energy:
        raise ValueError("SI-SDR needs a reference that is not silent")
    target = (float(estimate @ reference) / energy) * reference
    distortion = estimate - target
    target_energy, distortion_energy = float(target @ target), float(distortion @ distortion)
    if not target_energy:
        return float("-inf")
    # A copy leaves only rounding errors; below 64-bit resolution the ratio says nothing about the estimate.
    if distortion_energy <= target_energy * np.finfo(np.float64).eps ** 2:
        return float("inf")
    return float(10 * np.log10(target_energy / distortion_energy))


def pesq_wb(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2), about 1.0 (bad) to 4.64 (identical).

    Shapes: estimate [T], reference [T], same length; float, full scale 1. Rates other than 16000 Hz are resampled to it
    first, so that 8 kHz and above do not count. Never compare with narrow-band or raw figures.
    A silent estimate scores 1.0. Signals of more than 30 s are scored in equal pieces of at most 20 s: the mean of
    those with speech in them.
    Raises ValueError if lengths differ, a signal is shorter than 0.25 s, or no speech is found in the reference.
    """
    return _pesq(estimate, reference, sample_rate, rate=16000, mode="wb")


def pesq_nb(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Narrow-band PESQ (ITU-T P.862, mapped by P.862.1), about 1.0 to 4.55; for 8 kHz material only.

    Shapes, resampling (to 8000 Hz), silence and errors as in `pesq_wb`; the two scales are not comparable.
    """
    return _pesq(estimate, reference, sample_rate, rate=8000, mode="nb")


def stoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Short-time objective intelligibility, about 0 to 1 (Taal et al., 2011).

    Shapes: estimate [T], reference [T], same length, any rate (pystoi works at 10 kHz); float.
    Raises ValueError if lengths differ, the reference is silent, or less than about 0.4 s of it is speech.
    """
    return _stoi(estimate, reference, sample_rate, extended=False)


def estoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Extended STOI, which also sees modulated noise, about 0 to 1 (Jensen & Taal, 2016).

    Shapes and errors as in `stoi`.
    """
    return _stoi(estimate, reference, sample_rate, extended=True)


def _pesq(estimate: np.ndarray, reference: np.ndarray, sample_rate: int, *, rate: int, mode: str) -> float:
    estimate, reference = checked_pair(estimate, reference)
    if len(reference) < sample_rate / 4:
        raise ValueError("PESQ needs at least 0.25 s of signal")
    if sample_rate != rate:
        import soxr

        estimate, reference = (soxr.resample(x, sample_rate, rate, "HQ") for x in (estimate, reference))
    if len(reference) <= PESQ_LONGEST_S * rate:
        return _pesq_of_piece(estimate, reference, rate, mode)
    count = int(np.ceil(len(reference) / (PESQ_PIECE_S * rate)))
    scores = []
    for x, s in zip(np.array_split(estimate, count), np.array_split(reference, count), strict=True):
        try:
            scores.append(_pesq_of_piece(x, s, rate, mode))
        except ValueError:
            continue  # a pause; that all are is said below
    if not scores:
        raise ValueError("PESQ finds no speech in the reference")
    return float(np.mean(scores))


def _pesq_of_piece(estimate: np.ndarray, reference: np.ndarray, rate: int, mode: str) -> float:
    import pesq

    if not np.any(reference):
        raise ValueError("PESQ needs a reference that is not silent")
    if not np.any(estimate):
        return PESQ_SILENT  # the ITU code divides by the estimate's level
    try:
        return float(pesq.pesq(rate, reference, estimate, mode))
    except pesq.NoUtterancesError as error:
        raise ValueError("PESQ finds no speech in the reference") from error


def _stoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int, *, extended: bool) -> float:
    import warnings

    import pystoi

    estimate, reference = checked_pair(estimate, reference)
    if not np.any(reference):
        raise ValueError("STOI needs a reference that is not silent")
    with warnings.catch_warnings():
        # pystoi answers 1e-5 with a warning when too few frames hold speech: a score that means nothing.
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(pystoi.stoi(reference, estimate, sample_rate, extended=extended))
        except RuntimeWarning as warning:
            raise ValueError("STOI needs about 0.4 s of speech in the reference") from warning


def checked_pair(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both signals as float64 [T], or ValueError."""
    estimate, reference = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if estimate.ndim != 1 or estimate.shape != reference.shape:
        raise ValueError(f"expected two mono signals of one length, got {estimate.shape} and {reference.shape}")
    if not (np.isfinite(estimate).all() and np.isfinite(reference).all()):
        raise ValueError("a signal holds NaN or infinite samples")
    return estimate, reference
