"""What meters show of the sound: levels, peaks, spectra, an estimate of the signal-to-noise ratio."""

from __future__ import annotations

from math import exp

import numpy as np

from enhancer.features import erb_spaced
from enhancer.live.meters import BANDS, SILENCE_DB
from enhancer.one_thread import energy, product

WINDOW = 2048  # samples of a spectrum: 43 ms at 48 kHz
PEAK_HOLD_S = 1.5
SNR_TIME_S = 1.0
SILENT_POWER = 1e-12  # -120 dBFS
LOWEST_HZ = 50.0


class SoundMeter:
    """One side of the sound: `hear` by the worker, the rest by whoever publishes; spectra are those of channel 0."""

    def __init__(self, sample_rate: int) -> None:
        self._recent = np.zeros(WINDOW, np.float32)
        self._power = self._peak = 0.0
        self._hold = 0
        self._hold_hops = round(PEAK_HOLD_S * 100)
        self._window = np.hanning(WINDOW).astype(np.float32)
        self._bands = _bands(sample_rate)

    def hear(self, hop: np.ndarray) -> None:
        """A hop [frames, channels]."""
        count = len(hop)
        self._recent[:-count] = self._recent[count:]
        self._recent[-count:] = hop[:, 0]
        flat = hop.reshape(-1)
        self._power += 0.1 * (energy(flat) / flat.size - self._power)  # 100 ms
        peak = max(float(flat.max()), -float(flat.min()))
        if peak >= self._peak:
            self._peak, self._hold = peak, self._hold_hops
        elif self._hold:
            self._hold -= 1
        else:
            self._peak *= 0.96  # 35 dB a second

    @property
    def power(self) -> float:
        """Mean square over 100 ms."""
        return self._power

    @property
    def rms_dbfs(self) -> float:
        """Level over 100 ms."""
        return _decibels(self._power)

    @property
    def peak_dbfs(self) -> float:
        """The highest sample, held for 1.5 s, then falling."""
        return _decibels(self._peak**2)

    def spectrum_db(self) -> np.ndarray:
        """Levels [128] of bands equally spaced in ERB rate, a full-scale sine being 0 dB; float32."""
        spectrum = np.fft.rfft(self._recent * self._window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) * (4.0 / self._window.sum() ** 2)
        return 10.0 * np.log10(product(power[None], self._bands)[0] + 1e-12)


class SnrEstimate:
    """Speech to noise of the input: what was passed on against what was taken away, while there is speech."""

    def __init__(self) -> None:
        self._speech = self._noise = 1e-9

    def update(self, heard: float, passed: float, presence: float, elapsed_s: float) -> None:
        """Mean squares before and after, and the probability of speech, `elapsed_s` after the last update."""
        if heard < SILENT_POWER:  # tells nothing
            return
        share = 1.0 - exp(-elapsed_s / SNR_TIME_S)
        self._noise += share * (max(heard - passed, 0.0) - self._noise)
        self._speech += share * presence * (passed - self._speech)

    @property
    def db(self) -> float:
        """In dB, within -20 and 60."""
        return float(np.clip(10.0 * np.log10((self._speech + 1e-12) / (self._noise + 1e-12)), -20.0, 60.0))


def _bands(sample_rate: int) -> np.ndarray:
    """Which bins [1025] each of the 128 bands sums: every band at least the bin nearest to its centre."""
    edges = erb_spaced(LOWEST_HZ, sample_rate / 2, BANDS + 1)
    bins = np.arange(WINDOW // 2 + 1) * sample_rate / WINDOW
    bands = ((bins[:, None] >= edges[:-1]) & (bins[:, None] < edges[1:])).astype(np.float32)
    for band in np.flatnonzero(bands.sum(0) == 0):
        bands[np.abs(bins - 0.5 * (edges[band] + edges[band + 1])).argmin(), band] = 1.0
    return bands


def _decibels(power: float) -> float:
    return max(SILENCE_DB, float(10.0 * np.log10(power + 1e-12)))
