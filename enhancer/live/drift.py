"""A resampler whose ratio moves while it runs, by parts per million."""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from enhancer.resampling import filter_rows

HALF_WIDTH = 16  # input samples to either side: a third of a millisecond; the pass band reaches 19.8 kHz at 48 kHz
PHASES = 512  # linear interpolation between so many filters errs by -100 dB


class DriftResampler:
    """A stream [frames, channels] at `in_rate` read at the positions of a clock near `out_rate`.

    `push(block, correction)` gives what the block completes; a positive correction shortens the sound by that share.
    The position is continuous over changes of the correction, so they cannot be heard. Delay: 16 samples of the lower
    rate. Outputs that lie before the first input are silence.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, max_block: int) -> None:
        self._ratio = in_rate / out_rate
        self._half = ceil(HALF_WIDTH * max(1.0, self._ratio))
        phases = np.arange(PHASES + 1) / PHASES
        self._table = filter_rows(phases, in_rate, out_rate, self._half).astype(np.float32)
        self._steps = np.diff(self._table, axis=0)
        self._samples = np.zeros((2 * self._half + max_block, channels), np.float32)
        self.delay_s = self._half / in_rate
        self.reset()

    def reset(self) -> None:
        """Forgets the input."""
        self._samples[:] = 0.0
        self._count = 2 * self._half - 1  # of the samples in the buffer: the past that the first output needs
        self._position = float(self._half - 1)  # of the next output, in the buffer

    def push(self, block: np.ndarray, correction: float = 0.0) -> np.ndarray:
        """Takes up to `max_block` frames; returns those they complete, float32 [some, channels]."""
        end = self._count + len(block)
        self._samples[self._count : end] = block
        step = self._ratio * (1.0 + correction)
        last = end - self._half - 1  # the last position whose filter the samples cover, exclusive of what follows it
        count = max(0, floor((last - self._position) / step) + 1) if last >= self._position else 0
        positions = self._position + step * np.arange(count)
        output = self._interpolated(positions)
        self._position += step * count
        self._keep_from(min(int(self._position) - self._half + 1, end), end)
        return output

    def _interpolated(self, positions: np.ndarray) -> np.ndarray:
        whole = positions.astype(np.int64)
        phase = (positions - whole) * PHASES
        row = phase.astype(np.int64)
        filters = (
            self._table[row] + self._steps[np.minimum(row, PHASES - 1)] * (phase - row).astype(np.float32)[:, None]
        )
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, 2 * self._half, axis=0)
        return np.einsum("nck,nk->nc", windows[whole - self._half + 1], filters)

    def _keep_from(self, first: int, end: int) -> None:
        """Moves what future outputs need to the start of the buffer."""
        self._count = end - first
        self._samples[: self._count] = self._samples[first:end].copy()
        self._position -= first
