"""A spectrogram as pictures show it: levels in dB re full scale, its rows evenly spaced in mel."""

from __future__ import annotations

import numpy as np

WINDOW_S = 0.032
LOW_HZ, MOST_HZ = 60.0, 20_000.0


def mel_spectrogram_db(x: np.ndarray, sample_rate: int, rows: int = 384, hop_s: float = 0.004) -> np.ndarray:
    """Magnitudes of 32 ms Hann windows, in dB re a full-scale sine. Shapes: x [n] -> [rows, frames], low to high."""
    window = np.hanning(round(WINDOW_S * sample_rate))
    hop = round(hop_s * sample_rate)
    padded = np.pad(x, len(window) // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop]
    magnitude = np.abs(np.fft.rfft(frames * window, axis=1)) * 2 / window.sum()
    bin_hz = np.arange(magnitude.shape[1]) * sample_rate / len(window)
    row_hz = _hz(np.linspace(_mel(LOW_HZ), _mel(top_hz(sample_rate)), rows))
    bands = np.stack([np.interp(row_hz, bin_hz, frame) for frame in magnitude], axis=1)
    return 20 * np.log10(np.maximum(bands, 1e-9))


def height_of(hz: float, sample_rate: int) -> float:
    """Where a frequency lies in the picture: 0 at its bottom, 1 at its top."""
    low, high = _mel(LOW_HZ), _mel(top_hz(sample_rate))
    return float((_mel(hz) - low) / (high - low))


def top_hz(sample_rate: int) -> float:
    """The highest frequency that is shown."""
    return min(sample_rate / 2, MOST_HZ)


def _mel(hz):
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _hz(mel):
    return 700 * (10 ** (np.asarray(mel) / 2595) - 1)
