"""Levels of signals: active level (speech without its pauses), signal-to-noise ratio, peak limiting."""

from __future__ import annotations

import numpy as np

MARGIN = 10 ** (-15.9 / 10)  # a frame within 15.9 dB of the active level is active (the margin of ITU-T P.56)
SILENCE_DB = -120.0


def frame_powers(x: np.ndarray, sample_rate: int, frame_ms: float = 20.0) -> np.ndarray:
    """Mean square of consecutive frames. Shapes: x [N]; returns float32 [N // frame] (one frame if N is shorter)."""
    frame = int(sample_rate * frame_ms / 1000)
    count = len(x) // frame
    if count == 0:
        return np.array([np.mean(np.square(x, dtype=np.float64)) if len(x) else 0.0])
    frames = x[: count * frame].reshape(count, frame)
    return np.einsum("tn,tn->t", frames, frames) / frame


def active_frames(x: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """Which 20 ms frames are active, and their mean power.

    The threshold follows the active level itself, 15.9 dB below it, in the spirit of ITU-T P.56 but on frame energies.
    Shapes: x [N]; returns bool [N // frame] and a power (0 for digital silence).
    """
    powers = frame_powers(x, sample_rate)
    level = float(powers.mean())
    active = powers > level * MARGIN
    for _ in range(4):
        if not active.any():
            return active, 0.0
        level = float(powers[active].mean())
        active = powers > level * MARGIN
    return active, level


def active_level_db(x: np.ndarray, sample_rate: int) -> float:
    """Level over the active frames of x [N], dB re full scale (0 dB = mean square 1); -120 for digital silence."""
    _, level = active_frames(x, sample_rate)
    return 10 * float(np.log10(level)) if level > 1e-12 else SILENCE_DB


def db_to_gain(db: float) -> float:
    """Amplitude factor of a level change in dB."""
    return float(10 ** (db / 20))


def limit_peak(noisy: np.ndarray, clean: np.ndarray, ceiling: float = 1.0) -> float:
    """Scales both signals in place so that neither exceeds `ceiling`; the SNR stays. Returns the gain used (<= 1)."""
    peak = max(float(np.abs(noisy).max(initial=0.0)), float(np.abs(clean).max(initial=0.0)))
    if peak <= ceiling:
        return 1.0
    gain = ceiling / peak * (1 - 1e-6)
    noisy *= np.float32(gain)
    clean *= np.float32(gain)
    return gain
