"""DNSMOS: what listeners would say of speech by itself, predicted by Microsoft's networks; no clean file is needed.

P.835 rates speech, background and the whole (Reddy, Gopal & Cutler, "DNSMOS P.835", ICASSP 2022), P.808 the whole
alone (the same authors, "DNSMOS", ICASSP 2021). The graphs lie in the package `speechmos` (extra `dnsmos`), which is
found but not imported: its import needs librosa and requests. Segments, polynomials and spectrogram are those of
`DNSMOS/dnsmos_local.py` in github.com/microsoft/DNS-Challenge, so that figures compare with published ones.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from enhancer.errors import ModelError
from enhancer.evaluation.peers.sessions import session_of

SAMPLE_RATE = 16_000
_SEGMENT_S = 9.01  # what the P.835 network takes
_SEGMENT = 144_160
_FRAME, _HOP, _MELS = 321, 160, 120  # the P.808 network's spectrogram, 900 frames of it a segment
# Quadratic maps from the network's raw ratings to those of listeners.
_SIGNAL = (-0.08397278, 1.22083953, 0.0052439)
_BACKGROUND = (-0.13166888, 1.60915514, -0.39604546)
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)


class Ratings(NamedTuple):
    """Mean opinions, each about 1 (bad) to 5: speech, background and overall after P.835, overall after P.808."""

    signal: float
    background: float
    overall: float
    p808: float


def dnsmos(signal: np.ndarray) -> Ratings:
    """The four ratings of a signal, the mean over segments of 9.01 s that begin a second apart.

    Shape: signal [T] at 16000 Hz, full scale 1; shorter ones are repeated until they fill a segment.
    Raises ModelError where the networks are not installed, ValueError for an empty signal or one that is not finite.
    """
    signal = np.asarray(signal, np.float64)
    if signal.ndim != 1 or not signal.size or not np.isfinite(signal).all():
        raise ValueError("DNSMOS needs one channel of finite samples")
    p835, p808 = (session_of(path) for path in _graphs())
    while len(signal) < _SEGMENT:
        signal = np.tile(signal, 2)
    ratings = []
    for segment in _segments(signal):
        raw = p835.run(None, {"input_1": segment[None].astype(np.float32)})[0][0]
        image = mel_image(segment[:-_HOP])[None].astype(np.float32)
        opinions = (np.polyval(curve, x) for curve, x in zip((_SIGNAL, _BACKGROUND, _OVERALL), raw, strict=True))
        ratings.append((*opinions, p808.run(None, {"input_1": image})[0][0, 0]))
    return Ratings(*(float(mean) for mean in np.mean(ratings, axis=0)))


def _segments(signal: np.ndarray) -> Iterator[np.ndarray]:
    """Those that Microsoft's script scores, its rounding included.

    It counts whole seconds, and leaves out segments whose end, computed in floating point, falls a sample short: those
    that begin from 7 to 23 s, and from 120 to 122 s.
    """
    for second in range(int(len(signal) // SAMPLE_RATE - _SEGMENT_S) + 1):
        segment = signal[second * SAMPLE_RATE : int((second + _SEGMENT_S) * SAMPLE_RATE)]
        if len(segment) == _SEGMENT:
            yield segment


def mel_image(signal: np.ndarray) -> np.ndarray:
    """Mel spectrogram in dB under its own maximum, 80 dB deep, scaled to -1..1: [T] at 16 kHz -> [~ T / 160, 120].

    As librosa's `melspectrogram` and `power_to_db` have it: centred frames, zeros beyond the ends, periodic Hann.
    """
    padded = np.pad(signal, _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)
    powers = np.abs(np.fft.rfft(frames * window)) ** 2
    levels = 10 * np.log10(np.maximum(powers @ mel_filters().T, 1e-10))
    return (np.maximum(levels - levels.max(), -80.0) + 40) / 40


@cache
def mel_filters() -> np.ndarray:
    """Slaney's triangular mel filters of equal area, 0 to 8 kHz: [120, 161], each row over the bins of a frame."""
    edges = _hertz(np.linspace(0, _mels(SAMPLE_RATE / 2), _MELS + 2))
    bins = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])[:, None]


# Slaney's Auditory Toolbox (1998): linear to 1 kHz (15 mels), then 27 mels for a factor of 6.4.
_KNEE_HZ, _HZ_A_MEL, _LOG_STEP = 1000.0, 200 / 3, np.log(6.4) / 27


def _mels(hertz: float) -> float:
    """Of a frequency above the knee."""
    return _KNEE_HZ / _HZ_A_MEL + float(np.log(hertz / _KNEE_HZ)) / _LOG_STEP


def _hertz(mels: np.ndarray) -> np.ndarray:
    knee = _KNEE_HZ / _HZ_A_MEL
    return np.where(mels < knee, mels * _HZ_A_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mels - knee)))


def _graphs() -> tuple[Path, Path]:
    """The networks of P.835 and P.808. Raises ModelError where they are not."""
    package = importlib.util.find_spec("speechmos")
    for folder in (package.submodule_search_locations or []) if package else []:
        paths = tuple(Path(folder) / "dnsmos_models" / name for name in ("sig_bak_ovr.onnx", "model_v8.onnx"))
        if all(path.is_file() for path in paths):
            return paths[0], paths[1]
    raise ModelError("DNSMOS needs the networks of the package speechmos", "pip install 'enhancer[dnsmos]'")
