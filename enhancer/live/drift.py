"""A resampler whose ratio moves while it runs, by parts per million."""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from enhancer.resampling import filter_rows

HALF_WIDTH = 16  # input samples to either side: a third of a millisecond; the pass band reaches 19.8 kHz at 48 kHz
PHASES = 512  # linear interpolation between so many filters errs by -100 dB
# Between equal rates the phase moves by less than this in BLOCK samples (clock.MAX_CORRECTION); a cubic through four
# filters over that range errs by -97 dB at the highest frequency, in less than half the time of a filter for each.
MARGIN, BLOCK = 0.25, 512
_NODES = np.cos(np.pi * (np.arange(4) + 0.5) / 4)  # Chebyshev's: where a cubic over -1..1 is best held


class DriftResampler:
    """A stream [frames, channels] at `in_rate` read at the positions of a clock near `out_rate`.

    `push(block, correction)` gives what the block completes; a positive correction shortens the sound by that share.
    The position is continuous over changes of the correction, so they cannot be heard. Delay: 16 samples of the lower
    rate. Outputs that lie before the first input are silence.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, max_block: int) -> None:
        self._ratio = in_rate / out_rate
        self._half = ceil(HALF_WIDTH * max(1.0, self._ratio))
        # Phases a little below 0 and above 1 as well: a block may begin on one side and end on the other.
        phases = np.arange(-MARGIN, 1.0 + MARGIN + 1 / PHASES, 1 / PHASES)
        self._table = filter_rows(phases, in_rate, out_rate, self._half).astype(np.float32)
        self._steps = np.diff(self._table, axis=0)
        self._samples = np.zeros((2 * self._half + max_block, channels), np.float32)
        self._windows = np.lib.stride_tricks.sliding_window_view(self._samples, 2 * self._half, axis=0)
        self._cubics: dict[int, np.ndarray] = {}
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
        if abs(step - 1.0) * BLOCK < MARGIN:
            output = self._nearly_copied(step, count)
        else:
            output = self._interpolated(self._position + step * np.arange(count))
        self._position += step * count
        self._keep_from(min(int(self._position) - self._half + 1, end), end)
        return output

    def _nearly_copied(self, step: float, count: int) -> np.ndarray:
        """The next `count` outputs, their phase hardly moving: four filters of the whole block, a cubic between."""
        channels = self._samples.shape[1]
        output = np.empty((count, channels), np.float32)
        for start in range(0, count, BLOCK):
            part = output[start : start + BLOCK]
            first = self._position + step * start
            whole = int(first)
            middle = first - whole + 0.5 * (step - 1.0) * (len(part) - 1)
            filters = self._filters(middle + 0.5 * (step - 1.0) * (len(part) - 1) * _NODES)
            begin = whole - self._half + 1
            windows = self._windows[begin : begin + len(part)].reshape(-1, 2 * self._half)
            heard = np.dot(windows, filters.T).reshape(len(part), channels, len(_NODES))
            np.einsum("ncj,nj->nc", heard, self._cubic(len(part)), out=part)
        return output

    def _cubic(self, count: int) -> np.ndarray:
        """Weights [count, 4] of the values at the nodes, for `count` places evenly from -1 to 1: Lagrange's cubics."""
        if count not in self._cubics:
            places = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)
            others = [np.delete(_NODES, node) for node in range(len(_NODES))]
            weights = [
                np.prod((places[:, None] - rest) / (node - rest), axis=1)
                for node, rest in zip(_NODES, others, strict=True)
            ]
            self._cubics[count] = np.stack(weights, axis=1).astype(np.float32)
        return self._cubics[count]

    def _filters(self, phases: np.ndarray) -> np.ndarray:
        """Filters [n, 2 half] for phases [n], from -MARGIN to 1 + MARGIN."""
        rows = (phases + MARGIN) * PHASES
        row = rows.astype(np.int64)
        return self._table[row] + self._steps[row] * (rows - row).astype(np.float32)[:, None]

    def _interpolated(self, positions: np.ndarray) -> np.ndarray:
        """The samples at `positions` in the buffer, a filter for each."""
        whole = positions.astype(np.int64)
        return np.einsum("nck,nk->nc", self._windows[whole - self._half + 1], self._filters(positions - whole))

    def _keep_from(self, first: int, end: int) -> None:
        """Moves what future outputs need to the start of the buffer."""
        self._count = end - first
        self._samples[: self._count] = self._samples[first:end].copy()
        self._position -= first
