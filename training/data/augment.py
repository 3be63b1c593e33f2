"""What electronics do to a signal: equalisation, band limits, gain steps, clipping, coarse quantisation, Opus.

Every class is a transform `y = transform(x, rng)` on x [rows, N] float32: all rows get the same effect, so that a
mixture and its target stay together. None changes its input.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from scipy.signal import butter, sosfilt

from training.data.levels import db_to_gain


def shelf_or_peak(kind: str, hz: float, gain_db: float, q: float, sample_rate: int) -> np.ndarray:
    """One biquad [6] (b0 b1 b2 1 a1 a2) of the RBJ Audio EQ Cookbook; `kind` is "low", "high" (shelves) or "peak"."""
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * hz / sample_rate
    cos, alpha = np.cos(w), np.sin(w) / (2 * q)
    if kind == "peak":
        b = [1 + alpha * a, -2 * cos, 1 - alpha * a]
        c = [1 + alpha / a, -2 * cos, 1 - alpha / a]
    else:
        s = 1.0 if kind == "low" else -1.0  # the high shelf is the low one mirrored
        r = 2 * np.sqrt(a) * alpha
        b = [a * (a + 1 - s * (a - 1) * cos + r), s * 2 * a * (a - 1 - s * (a + 1) * cos),
             a * (a + 1 - s * (a - 1) * cos - r)]  # fmt: skip
        c = [a + 1 + s * (a - 1) * cos + r, -s * 2 * (a - 1 + s * (a + 1) * cos), a + 1 + s * (a - 1) * cos - r]
    return np.array([*b, *c]) / c[0]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform: octaves are equally likely."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class RandomEqualiser:
    """Low shelf (60-400 Hz), peak (200-6000 Hz, Q 0.5-2) and high shelf (1.5-7 kHz), each within +-`max_db` dB."""

    def __init__(self, sample_rate: int, max_db: float = 6.0):
        self.sample_rate, self.max_db = sample_rate, max_db

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        gains = rng.uniform(-self.max_db, self.max_db, 3)
        sections = np.stack([
            shelf_or_peak("low", log_uniform(rng, 60, 400), gains[0], 0.7, self.sample_rate),
            shelf_or_peak("peak", log_uniform(rng, 200, 6000), gains[1], rng.uniform(0.5, 2), self.sample_rate),
            shelf_or_peak("high", log_uniform(rng, 1500, 7000), gains[2], 0.7, self.sample_rate),
        ])  # fmt: skip
        return sosfilt(sections.astype(np.float32), x)


class BandLimit:
    """Low-pass (Butterworth, order 12) at one of `cutoffs_hz`, those that the rate can hold; 4, 7, 8 and 12 kHz."""

    def __init__(self, sample_rate: int, cutoffs_hz: Sequence[float] = (4000, 7000, 8000, 12000)):
        self.sample_rate = sample_rate
        self.cutoffs_hz = [c for c in cutoffs_hz if c < 0.45 * sample_rate]
        self._sections: dict[float, np.ndarray] = {}

    def at(self, x: np.ndarray, cutoff_hz: float) -> np.ndarray:
        """Low-pass at a given frequency in Hz (below half the rate)."""
        if cutoff_hz not in self._sections:
            # 0.93: about 35 dB down at the cutoff itself, as a codec or resampler of that bandwidth would be
            self._sections[cutoff_hz] = butter(12, 0.93 * cutoff_hz, fs=self.sample_rate, output="sos").astype("f4")
        return sosfilt(self._sections[cutoff_hz], x)

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.at(x, self.cutoffs_hz[rng.integers(len(self.cutoffs_hz))])


TELEPHONE_HZ = (300.0, 3400.0)  # ITU-T G.712


class TelephoneBand:
    """What a telephone line lets through: 300 to 3400 Hz (Butterworth, order 4 at either end)."""

    def __init__(self, sample_rate: int):
        self._sections = butter(4, TELEPHONE_HZ, "band", fs=sample_rate, output="sos").astype(np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return sosfilt(self._sections, x)


class GainSteps:
    """One or two changes of gain, +-3..10 dB within 5-50 ms, as an automatic gain control makes them."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n = x.shape[-1]
        steps = int(rng.integers(1, 3))
        times, gains_db = [0.0], [0.0]
        for start in np.sort(rng.uniform(0, n, steps)):
            ramp = rng.uniform(0.005, 0.05) * self.sample_rate
            times += [max(float(start), times[-1] + 1), max(float(start), times[-1] + 1) + ramp]
            gains_db += [gains_db[-1], gains_db[-1] + float(rng.uniform(3, 10) * rng.choice([-1, 1]))]
        curve = 10 ** (np.array(gains_db) / 20)
        return x * np.interp(np.arange(n), times, curve).astype(np.float32)


class Clipping:
    """Overload at 1-12 dB below the peak: hard, or soft (tanh) in a third of the cases."""

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        limit = np.float32(np.abs(x).max() * db_to_gain(-rng.uniform(1, 12)))
        if limit <= 0:
            return x.copy()
        if rng.random() < 1 / 3:
            return np.tanh(x / limit) * limit
        return np.clip(x, -limit, limit)


def mu_law(x: np.ndarray, peak: np.float32) -> np.ndarray:
    """x through 8 bits of mu-law (mu 255, as telephones code) and back; `peak` is its full scale, over 0."""
    code = np.round(np.log1p(255 * np.abs(x) / peak) * np.float32(127 / np.log(256)))
    return np.sign(x) * np.expm1(code * np.float32(np.log(256) / 127)) * (peak / np.float32(255))


class CoarseQuantisation:
    """8-bit mu-law (telephony), or 8-11 linear bits below the peak."""

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        peak = np.float32(np.abs(x).max())
        if peak <= 0:
            return x.copy()
        if rng.random() < 0.5:
            return mu_law(x, peak)
        steps = np.float32(2.0 ** (int(rng.integers(8, 12)) - 1))
        return np.round(x * (steps / peak)) * (peak / steps)


OPUS_KBPS = {16000: (10.0, 32.0), 48000: (16.0, 32.0)}
OPUS_LAG = 8  # samples to look for: up to 5 were measured after the container's own delay compensation


class OpusCoding:
    """Through the Opus codec and back, as a call's far end hears it; rows are coded one by one, delays removed.

    10 to 32 kbit/s at 16 kHz and 16 to 32 at 48 kHz: below that Opus drops the upper bands of its own accord, and no
    target would match. At 48 kHz nothing above `band_hz` comes through. 30 to 50 ms of CPU time for 2 s of sound.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self.band_hz = min(20000.0, sample_rate / 2)

    def at(self, x: np.ndarray, kbps: float) -> np.ndarray:
        """x [rows, N] at a given bit rate (6 to 256 kbit/s)."""
        return np.stack([self._aligned(self._coded(row, kbps), row) for row in x])

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.at(x, log_uniform(rng, *OPUS_KBPS[self.sample_rate]))

    def _coded(self, x: np.ndarray, kbps: float) -> np.ndarray:
        import soundfile

        # libsndfile maps the level 1..0 to 6..256 kbit/s a channel
        level = 1 - (kbps - 6) / 250
        container = io.BytesIO()
        soundfile.write(container, x, self.sample_rate, format="OGG", subtype="OPUS", compression_level=level)
        container.seek(0)
        y, _ = soundfile.read(container, dtype="float32")
        return np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]

    def _aligned(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """y [N] moved by the few samples that bring it nearest to x [N]."""
        padded = np.pad(y, OPUS_LAG)
        likeness = [np.dot(padded[lag : lag + len(x)], x) for lag in range(2 * OPUS_LAG + 1)]
        best = int(np.argmax(likeness))
        return padded[best : best + len(x)]
