"""Measures taken frame by frame: segmental SNR, log-spectral distance, log-likelihood ratio, weighted spectral slope.

The first and the last two follow the reference implementation of Loizou, "Speech Enhancement: Theory and Practice"
(2nd ed., 2013; `composite.m`), frame count, window and constants included, so that figures compare with published ones.
All take two aligned mono signals of one length and rate, the estimate first; the order in formulas is his.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from enhancer.evaluation.metrics import checked_pair
from enhancer.one_thread import product

__all__ = ["log_likelihood_ratio", "log_spectral_distance", "segmental_snr", "weighted_spectral_slope"]

_FRAME_S = 0.030
_SNR_RANGE_DB = (-10.0, 35.0)
_KEPT = 0.95  # the worst 5 % of frames are left out of LLR and WSS
_LSD_FRAME_S, _LSD_HOP_S, _LSD_RANGE_DB = 0.032, 0.008, 80.0
_CHUNK = 2000  # frames at a time, so that an hour fits
# Klatt's critical bands as Loizou's code has them, in Hz.
_CENTRES = np.array([
    50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72, 1442.54,
    1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63,
])  # fmt: skip
_WIDTHS = np.array([
    70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154,
    183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136,
])  # fmt: skip


def segmental_snr(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Mean over frames of the SNR in dB, each bounded to -10..35 (Hansen & Pellom, 1998).

    Frames of 30 ms, a quarter apart, Hann window. Frames without speech count too: a silent pause scores -10.
    Shapes: estimate [T], reference [T]; raises ValueError for less than two frames (37.5 ms).
    """
    snrs = []
    for target, found in _frame_pairs(estimate, reference, sample_rate):
        noise = np.sum((target - found) ** 2, axis=1) + np.finfo(float).eps
        snrs.append(10 * np.log10(np.sum(target**2, axis=1) / noise + np.finfo(float).eps))
    return float(np.mean(np.clip(np.concatenate(snrs), *_SNR_RANGE_DB)))


def log_spectral_distance(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, low_hz: float = 0.0, high_hz: float | None = None
) -> float:
    """Root-mean-square difference of the two log power spectra over a frame's bins, mean over frames, in dB.

    Gray & Markel (1976), with frames of 32 ms, 8 ms apart, Hann window, over the bins from `low_hz` to `high_hz` (both
    included; all bins when left out). Powers are floored 80 dB under the reference's strongest bin at any frequency:
    digital silence is infinitely far from anything else, and a band hardly above that floor is not heard beside the
    rest. 0 for signals that are identical within the band.
    Shapes as above; raises ValueError for a silent reference, less than one frame, or a band without a bin.
    """
    estimate, reference = checked_pair(estimate, reference)
    size, hop = round(_LSD_FRAME_S * sample_rate), round(_LSD_HOP_S * sample_rate)
    count = (len(reference) - size) // hop + 1
    if count < 1:
        raise ValueError("the log-spectral distance needs at least 32 ms of signal")
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    top = frequencies[-1] if high_hz is None else high_hz
    band = (frequencies >= low_hz) & (frequencies <= top)
    if not band.any():
        raise ValueError(f"no bin of {sample_rate} Hz lies between {low_hz:g} and {top:g} Hz")
    window = np.hanning(size + 1)[:-1]
    strongest = max(float(_powers(frames, size).max()) for frames in _frames(reference, window, hop, count))
    if not strongest:
        raise ValueError("the log-spectral distance needs a reference that is not silent")
    floor = strongest * 10 ** (-_LSD_RANGE_DB / 10)
    distances = []
    for target, found in zip(
        _frames(reference, window, hop, count), _frames(estimate, window, hop, count), strict=True
    ):
        wanted, given = (np.maximum(_powers(frames, size)[:, band], floor) for frames in (target, found))
        distances.append(np.sqrt(np.mean((10 * np.log10(wanted / given)) ** 2, axis=1)))
    return float(np.mean(np.concatenate(distances)))


def log_likelihood_ratio(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Mean log-likelihood ratio of linear predictors, 0 for identical spectra (Quackenbush et al., 1988).

    Order 16 (10 under 10 kHz), the worst 5 % of frames left out, not bounded: as the composite measures take it.
    Frames whose reference is digital silence have no spectrum and are left out.
    Shapes as above; raises ValueError where no frame is left.
    """
    order = 10 if sample_rate < 10_000 else 16
    ratios = []
    for target, found in _frame_pairs(estimate, reference, sample_rate):
        sounding = np.any(target, axis=1)
        lags = _autocorrelation(target[sounding], order)
        own = _quadratic(_predictor(lags), lags)
        other = _quadratic(_predictor(_autocorrelation(found[sounding], order)), lags)
        tiny = np.finfo(float).tiny
        ratios.append(np.log(np.maximum(other, tiny) / np.maximum(own, tiny)))
    return _mean_of_best(np.concatenate(ratios), "the log-likelihood ratio")


def weighted_spectral_slope(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Klatt's weighted distance of the slopes between 25 critical bands up to 4 kHz (1982); 0 for identical spectra.

    The worst 5 % of frames are left out. Shapes as above; raises ValueError for less than two frames.
    """
    size = 1 << int(np.ceil(np.log2(2 * round(_FRAME_S * sample_rate))))
    bands = _critical_bands(sample_rate, size // 2)
    distances = []
    for target, found in _frame_pairs(estimate, reference, sample_rate):
        wanted_slope, wanted_weight = _slopes(target, size, bands)
        found_slope, found_weight = _slopes(found, size, bands)
        weight = (wanted_weight + found_weight) / 2
        distances.append(np.sum(weight * (wanted_slope - found_slope) ** 2, axis=1) / np.sum(weight, axis=1))
    return _mean_of_best(np.concatenate(distances), "the weighted spectral slope")


def _frame_pairs(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windowed frames of 30 ms, a quarter apart, (reference, estimate), each [n, samples]."""
    estimate, reference = checked_pair(estimate, reference)
    size = round(_FRAME_S * sample_rate)
    hop = size // 4
    count = int(len(reference) / hop - size / hop)
    if count < 1:
        raise ValueError("measures by frames need at least 38 ms of signal")
    # MATLAB's 1..n over n + 1: a Hann window without its zeros.
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, size + 1) / (size + 1)))
    yield from zip(_frames(reference, window, hop, count), _frames(estimate, window, hop, count), strict=True)


def _frames(signal: np.ndarray, window: np.ndarray, hop: int, count: int) -> Iterator[np.ndarray]:
    """The first `count` windowed frames of signal [T], in pieces [n, samples]."""
    every = np.lib.stride_tricks.sliding_window_view(signal, len(window))[::hop][:count]
    for start in range(0, count, _CHUNK):
        yield every[start : start + _CHUNK] * window


def _powers(frames: np.ndarray, size: int) -> np.ndarray:
    """Power spectra [n, size / 2 + 1]."""
    spectra = np.fft.rfft(frames, size, axis=1)
    return spectra.real**2 + spectra.imag**2


def _mean_of_best(values: np.ndarray, what: str) -> float:
    if not len(values):
        raise ValueError(f"{what} needs a reference that is not silent")
    return float(np.mean(np.sort(values)[: max(round(len(values) * _KEPT), 1)]))


# ---- linear prediction ----------------------------------------------------------------------------------------------


def _autocorrelation(frames: np.ndarray, order: int) -> np.ndarray:
    """Lags 0..order, [n, order + 1]."""
    length = frames.shape[1]
    lags = [np.einsum("nt,nt->n", frames[:, : length - lag], frames[:, lag:]) for lag in range(order + 1)]
    return np.stack(lags, axis=1)


def _predictor(lags: np.ndarray) -> np.ndarray:
    """Prediction-error filters [n, order + 1] by the Levinson-Durbin recursion; 1, 0, 0, ... for silence."""
    filters = np.zeros_like(lags)
    filters[:, 0] = 1
    error = lags[:, 0].copy()
    for step in range(1, lags.shape[1]):
        missing = np.einsum("nk,nk->n", filters[:, :step], lags[:, step:0:-1])
        reflection = np.divide(-missing, error, out=np.zeros_like(error), where=error > 0)
        filters[:, 1 : step + 1] += reflection[:, None] * filters[:, step - 1 :: -1][:, :step]
        error *= 1 - reflection**2
    return filters


def _quadratic(filters: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """a' R a for each row, R the Toeplitz matrix of the lags: the error's energy under a filter, [n]."""
    total = lags[:, 0] * np.sum(filters**2, axis=1)
    for lag in range(1, lags.shape[1]):
        total += 2 * lags[:, lag] * np.einsum("nk,nk->n", filters[:, :-lag], filters[:, lag:])
    return total


# ---- critical bands -------------------------------------------------------------------------------------------------


def _critical_bands(sample_rate: int, bins: int) -> np.ndarray:
    """Gaussian filters [bins, 25] over the bins below half the rate, nothing under -30 dB."""
    centres = np.floor(_CENTRES / (sample_rate / 2) * bins)
    widths = _WIDTHS / (sample_rate / 2) * bins
    shape = np.exp(-11 * ((np.arange(bins)[:, None] - centres) / widths) ** 2 + np.log(_WIDTHS[0]) - np.log(_WIDTHS))
    return np.where(shape > np.exp(-30 / (2 * 2.303)), shape, 0.0)


def _slopes(frames: np.ndarray, size: int, bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slopes between the bands' levels in dB and Klatt's weights, both [n, 24]."""
    levels = 10 * np.log10(np.maximum(product(_powers(frames, size)[:, :-1], bands), 1e-10))
    slopes = np.diff(levels, axis=1)
    from_top = 20 / (20 + levels.max(axis=1, keepdims=True) - levels[:, :-1])
    from_peak = 1 / (1 + _nearest_peaks(levels, slopes) - levels[:, :-1])
    return slopes, from_top * from_peak


def _nearest_peaks(levels: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Level of the nearest peak uphill of each band, [n, 24]; going right it stops one band early, as his code does."""
    count = slopes.shape[1]
    right, left = np.full(len(slopes), count), np.full(len(slopes), -1)
    stops = np.empty(slopes.shape, np.intp)
    for band in reversed(range(count)):
        right = np.where(slopes[:, band] > 0, right, band)
        stops[:, band] = right - 1
    for band in range(count):
        left = np.where(slopes[:, band] <= 0, left, band)
        stops[:, band] = np.where(slopes[:, band] > 0, stops[:, band], left + 1)
    return np.take_along_axis(levels, stops, axis=1)
