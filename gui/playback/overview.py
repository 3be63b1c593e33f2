"""A whole file as a picture: its waveform's envelope and its spectrogram in a thousand columns, however long it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from enhancer.features import erb_spaced
from enhancer.live.metering import LOWEST_HZ
from gui.playback.sound_file import open_sound

COLUMNS, BANDS = 1_000, 128
WINDOW_S = 0.032
WINDOWS = 4  # at most in a column, evenly spaced: more of them look the same
FLOOR_DB = -128.0  # level 0 of a picture; each level above is half a dB
SHOW_EVERY = 50  # columns

Show = Callable[["Overview"], object]


@dataclass(frozen=True)
class Overview:
    """low, high: of the samples, float32 [columns]. levels: uint8 [128, columns], half dBs above -128, the lowest band
    first; bands are equally spaced in ERB rate up to `top_hz`, a full-scale sine being 0 dB. done: columns so far."""

    low: np.ndarray
    high: np.ndarray
    levels: np.ndarray
    top_hz: float
    seconds: float
    done: int


def read_overview(
    path: Path, seconds: float, top_hz: float, stop: threading.Event, show: Show, columns: int = COLUMNS
) -> None:
    """Reads the file once, from its beginning, in memory that does not grow, and shows what it has now and then.

    seconds, top_hz: what the picture spans, so that two files share their scales. Raises InputError.
    """
    sound = open_sound(path)
    try:
        _Reader(sound.sample_rate, seconds, top_hz, columns, show).read(sound.read, stop)
    finally:
        sound.close()


class _Reader:
    def __init__(self, sample_rate: int, seconds: float, top_hz: float, columns: int, show: Show) -> None:
        self._rate, self._seconds, self._top_hz, self._columns, self._show = sample_rate, seconds, top_hz, columns, show
        self._size = 2 * round(WINDOW_S * sample_rate / 2)
        length = seconds * sample_rate / columns
        self._edges = np.round(np.arange(columns + 1) * length).astype(np.int64)  # of the columns, in samples
        count = int(np.clip(round(length / self._size), 1, WINDOWS))
        middles = (np.arange(columns)[:, None] + (np.arange(count) + 0.5) / count) * length
        self._starts = middles.astype(np.int64) - self._size // 2  # of the windows [columns, count]
        self._window = np.hanning(self._size).astype(np.float32)
        self._bands = _bands(sample_rate, self._size, top_hz)
        self._low, self._high = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
        self._levels = np.zeros((BANDS, columns), np.uint8)
        self._done = self._shown = 0

    def read(self, read: Callable[[int], np.ndarray], stop: threading.Event) -> None:
        """Through all of it."""
        margin = self._size  # windows reach beyond both ends
        held = np.zeros(margin, np.float32)
        origin = -margin  # of what is held, in samples
        while not stop.is_set():
            block = read(self._rate).mean(axis=1)
            ended = len(block) < self._rate
            padding = int(self._edges[1]) + 2 * margin if ended else 0
            held = np.concatenate([held, block, np.zeros(padding, np.float32)])
            ready = self._ready(origin + len(held))
            if ready > self._done:
                self._draw(held, origin, ready)
            if ended or self._done == self._columns:
                break
            drop = min(int(min(self._edges[self._done], self._starts[self._done, 0])) - origin, len(held))
            held, origin = held[max(drop, 0) :], origin + max(drop, 0)
        self._done = self._columns  # what is missing is silence
        self._tell()

    def _ready(self, end: int) -> int:
        """How many columns lie whole before a sample."""
        last = np.maximum(self._edges[1:], self._starts[:, -1] + self._size)
        return int(np.searchsorted(last, end, side="right"))

    def _draw(self, held: np.ndarray, origin: int, ready: int) -> None:
        for first in range(self._done, ready, SHOW_EVERY):
            some = slice(first, min(first + SHOW_EVERY, ready))
            for column in range(some.start, some.stop):
                first_sample, end = self._edges[column], max(self._edges[column + 1], self._edges[column] + 1)
                samples = held[first_sample - origin : end - origin]
                self._low[column], self._high[column] = samples.min(), samples.max()
            places = self._starts[some, :, None] - origin + np.arange(self._size)
            spectra = np.fft.rfft(held[places] * self._window)
            power = (spectra.real**2 + spectra.imag**2).mean(axis=1) * (4.0 / self._window.sum() ** 2)
            decibels = 10.0 * np.log10(power @ self._bands + 1e-13)
            self._levels[:, some] = np.clip(2.0 * (decibels - FLOOR_DB), 0, 255).T
        self._done = ready
        if self._done - self._shown >= SHOW_EVERY:
            self._tell()

    def _tell(self) -> None:
        self._shown = self._done
        self._show(
            Overview(self._low.copy(), self._high.copy(), self._levels.copy(), self._top_hz, self._seconds, self._done)
        )


def _bands(sample_rate: int, size: int, top_hz: float) -> np.ndarray:
    """Which bins [size / 2 + 1, 128] each band means: those within it, or the two beside a band narrower than a bin."""
    edges = erb_spaced(LOWEST_HZ, top_hz, BANDS + 1) * size / sample_rate
    bins = np.arange(size // 2 + 1)
    weights = np.zeros((len(bins), BANDS), np.float32)
    for band, (low, high) in enumerate(pairwise(edges)):
        middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
        weights[:, band] = np.clip(1.0 - np.abs(bins - middle) / half, 0.0, None)
    return weights / np.maximum(weights.sum(axis=0), 1e-9)
