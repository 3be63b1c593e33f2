"""Framing, asymmetric windows and overlap-add: one code for streams and whole signals.

The analysis window is 32 ms long but leans to the right: a sqrt-Hann rise over 22 ms and a sqrt-Hann fall over the
last 10 ms. The synthesis window covers only the last 20 ms and completes it to a Hann window there (Mauler & Martin,
2007; Wang, Wichern, Watanabe & Le Roux, 2022). So bins are 31.25 Hz apart, as for a 32 ms frame, while the latency is
that of a 20 ms frame: the hop that must be complete before a frame exists, and the hop that the next frame finishes.

Layout: samples are [channels, time]; spectra are [frames, channels, bins], time first, as the network takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

HOP_S = 0.010
RISE_HOPS = 2.2  # 22 ms
FALL_HOPS = 1.0  # 10 ms
SYNTHESIS_HOPS = 2  # 20 ms
CORE_BINS = 257
# With spectra scaled by this over the window's sum, a sinusoid of amplitude A has the magnitude 8 A at any rate, which
# puts the stronger bins of speech at usual levels near 1.
SPECTRUM_SCALE = 16.0


@dataclass(frozen=True)
class Grid:
    """The time-frequency grid at one sample rate (Hz): 10 ms hops, 32 ms frames, bins 31.25 Hz apart.

    At 16 kHz and 48 kHz the first 257 bins (0..8 kHz) mean the same frequencies at the same scale.
    """

    sample_rate: int

    def __post_init__(self) -> None:
        if self.sample_rate not in (16_000, 48_000):
            raise ValueError(f"a grid is defined at 16000 and 48000 Hz, not at {self.sample_rate}")

    @cached_property
    def hop(self) -> int:
        """Samples between frames."""
        return round(self.sample_rate * HOP_S)

    @cached_property
    def n_fft(self) -> int:
        """Samples in a frame; the length of the transform."""
        return round(self.hop * (RISE_HOPS + FALL_HOPS))

    @cached_property
    def bins(self) -> int:
        """Bins from DC to Nyquist, both included."""
        return self.n_fft // 2 + 1

    @cached_property
    def latency(self) -> int:
        """Algorithmic latency of a stream in samples: two hops, 20 ms."""
        return SYNTHESIS_HOPS * self.hop

    @cached_property
    def analysis_window(self) -> np.ndarray:
        """float64 [n_fft], not scaled: a sqrt-Hann rise over 22 ms, a sqrt-Hann fall over 10 ms."""
        fall = round(self.hop * FALL_HOPS)
        rise = self.n_fft - fall
        up = np.sin(0.5 * np.pi * (np.arange(rise) + 0.5) / rise)
        down = np.cos(0.5 * np.pi * (np.arange(fall) + 0.5) / fall)
        return np.concatenate([up, down])

    @cached_property
    def synthesis_window(self) -> np.ndarray:
        """float64 [2 hop], for the last 20 ms of a frame: analysis times synthesis is a Hann window there."""
        length = SYNTHESIS_HOPS * self.hop
        hann = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        return hann / self.analysis_window[-length:]

    @cached_property
    def scale(self) -> float:
        """Factor between the bare transform of the windowed frame and a spectrum as used everywhere here."""
        return SPECTRUM_SCALE / float(self.analysis_window.sum())


GRID_16K = Grid(16_000)
GRID_48K = Grid(48_000)


class Analysis:
    """Samples to spectra, hop by hop, with the past 22 ms as its state.

    A new or reset analysis behaves as if it had heard silence. Buffers are allocated once, for up to `max_frames`
    frames a call; `process` allocates nothing and returns a view that stays valid until the next call.
    """

    def __init__(self, grid: Grid, channels: int = 1, max_frames: int = 100) -> None:
        self.grid, self.channels, self.max_frames = grid, channels, max_frames
        self._window = (grid.analysis_window * grid.scale).astype(np.float32).reshape(1, 1, -1)
        self._hop, self._past = grid.hop, grid.n_fft - grid.hop
        # A linear buffer with room behind the newest samples: the past is moved to its start only when the room is
        # used up, and never onto itself, so that NumPy needs no temporary copy.
        self._room = self._past + max_frames * grid.hop
        self._samples = np.zeros((channels, self._past + self._room), np.float32)
        self._end = self._past
        self._frames = np.empty((max_frames, channels, grid.n_fft), np.float32)
        self._spectra = np.empty((max_frames, channels, grid.bins), np.complex64)
        self._views = self._framed_views()

    def _framed_views(self) -> np.ndarray:
        """All frames that can lie in the buffer, as a view [positions, channels, n_fft]; position p starts at p."""
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, self.grid.n_fft, axis=1)
        return windows.transpose(1, 0, 2)

    def reset(self) -> None:
        """Forgets what was heard."""
        self._samples[:] = 0.0
        self._end = self._past

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Spectra of the frames that `samples` completes.

        Shapes: samples float32 [channels, frames * hop], frames <= max_frames; returns complex64
        [frames, channels, bins]. Frame t is made of the n_fft samples that end with hop t.
        """
        new, hop = samples.shape[1], self._hop
        frames = new // hop
        if self._end + new > self._samples.shape[1]:
            self._samples[:, : self._past] = self._samples[:, self._end - self._past : self._end]
            self._end = self._past
        self._samples[:, self._end : self._end + new] = samples
        first = self._end - self._past
        self._end += new
        framed = self._frames[:frames]
        np.multiply(self._views[first : first + new : hop], self._window, out=framed)
        # numpy's stubs know double precision only
        return np.fft.rfft(framed, axis=-1, out=self._spectra[:frames])  # type: ignore[arg-type]


class Synthesis:
    """Spectra to samples by overlap-add, with the unfinished 10 ms as its state.

    After frame t the hop t-1 is complete and returned, so analysis and synthesis together delay by one hop.
    Allocates nothing but the transform's own output of at most `max_frames` frames; the result is a view that stays
    valid until the next call.
    """

    def __init__(self, grid: Grid, channels: int = 1, max_frames: int = 100) -> None:
        self.grid, self.channels, self.max_frames = grid, channels, max_frames
        self._window = (grid.synthesis_window / grid.scale).astype(np.float32).reshape(1, 1, -1)
        self._hop, self._n_fft = grid.hop, grid.n_fft
        self._frames = np.empty((max_frames, channels, grid.n_fft), np.float32)
        self._tail = np.zeros((channels, grid.hop), np.float32)
        self._output = np.empty((channels, max_frames, grid.hop), np.float32)

    def reset(self) -> None:
        """Forgets the unfinished hop."""
        self._tail[:] = 0.0

    def process(self, spectra: np.ndarray) -> np.ndarray:
        """Samples completed by `spectra`.

        Shapes: spectra complex64 [frames, channels, bins], frames <= max_frames; returns float32
        [channels, frames * hop].
        """
        count, hop = spectra.shape[0], self._hop
        frames = np.fft.irfft(spectra, self._n_fft, axis=-1, out=self._frames[:count])  # type: ignore[arg-type]
        recent = frames[..., -SYNTHESIS_HOPS * hop :]
        np.multiply(recent, self._window, out=recent)
        output = self._output[:, :count]
        np.add(recent[0, :, :hop], self._tail, out=output[:, 0])
        if count > 1:
            early, late = recent[1:, :, :hop], recent[:-1, :, hop:]
            np.add(early, late, out=output[:, 1:].transpose(1, 0, 2))
        self._tail[:] = recent[-1, :, hop:]
        return output.reshape(self.channels, count * hop)


def stft(samples: np.ndarray, grid: Grid) -> np.ndarray:
    """Spectra of a whole signal: the streaming analysis in one call.

    Shapes: samples [channels, time], any length; returns complex64 [frames, channels, bins] with one frame more than
    hops, so that `istft` can complete the last one.
    """
    frames = -(-samples.shape[1] // grid.hop) + 1
    padded = np.zeros((samples.shape[0], frames * grid.hop), np.float32)
    padded[:, : samples.shape[1]] = samples
    return Analysis(grid, samples.shape[0], max_frames=frames).process(padded)


def istft(spectra: np.ndarray, grid: Grid, length: int) -> np.ndarray:
    """The `length` samples [channels, length] that `stft` was made of: the streaming synthesis, delay removed."""
    frames, channels, _ = spectra.shape
    delayed = Synthesis(grid, channels, max_frames=frames).process(spectra)
    return delayed[:, grid.hop : grid.hop + length]
