"""Streams at other rates: to the grid's rate and back, with a known, short and exactly constant delay.

A polyphase FIR interpolator of our own, because the one at hand was measured and lost: soxr's variable-rate stream
holds back 10.5 ms there and back at 44.1 kHz, 23 ms at 22.05 kHz, 45 ms at 8 kHz; this one 1.8, 3.6 and 10 ms, at about
the same cost (`python -m benchmarks resampling`). The delay is the same for every block size, a whole number of samples
of the stream, and known beforehand, so that latency is exact.

For the usual rates the filter's rows of one period of the ratio form a small dense matrix, and a block is resampled by
a matrix product. A ratio without a short period takes its coefficients from a table by linear interpolation instead.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd

import numpy as np

from enhancer.one_thread import product
from enhancer.spectral import GRID_16K, GRID_48K, Grid

MIN_RATE, MAX_RATE = 8_000, 192_000
# Half the filter's length in samples of the lower rate. With the window below, the pass band reaches 93 % of the lower
# Nyquist frequency (20.5 kHz at 44.1 kHz) and aliases stay 80 dB down; longer would cost latency at 8 kHz.
HALF_WIDTH = 40
KAISER_BETA = 8.6
MAX_MATRIX = 400_000  # coefficients: 3.2 MB; 11.025 <-> 16 kHz just fits
TABLE_PHASES = 1024  # linear interpolation between so many phases errs by -100 dB


def grid_of(sample_rate: int) -> Grid:
    """The grid that serves a stream: 16 kHz for rates up to that, 48 kHz above."""
    return GRID_16K if sample_rate <= GRID_16K.sample_rate else GRID_48K


def filter_half_width(in_rate: int, out_rate: int) -> int:
    """Input samples that the filter reaches to either side of an output sample."""
    return ceil(HALF_WIDTH * max(1.0, in_rate / out_rate))


def _kernel(distance: np.ndarray, in_rate: int, out_rate: int, half: int) -> np.ndarray:
    """Kaiser-windowed sinc at `distance` input samples from its centre, cut off at the lower Nyquist frequency."""
    cutoff = min(1.0, out_rate / in_rate)
    inside = np.clip(1.0 - (distance / half) ** 2, 0.0, None)
    window = np.i0(KAISER_BETA * np.sqrt(inside)) / np.i0(KAISER_BETA)
    return np.where(np.abs(distance) < half, cutoff * np.sinc(cutoff * distance) * window, 0.0)


def filter_rows(phases: np.ndarray, in_rate: int, out_rate: int, half: int | None = None) -> np.ndarray:
    """Filter rows [phases, 2 half] for positions `phases` (0..1) behind an input sample, each passing DC exactly.

    They reach `half` input samples to either side; None: as many as `filter_half_width` says.
    """
    half = half or filter_half_width(in_rate, out_rate)
    rows = _kernel(np.arange(1 - half, half + 1) - phases[:, None], in_rate, out_rate, half)
    return rows / rows.sum(axis=1, keepdims=True)


class Resampler:
    """A stream at `in_rate` read at the positions of a stream at `out_rate`, `delay` input samples late.

    Output n is the input at the position n * in_rate / out_rate - delay; before its start the input is silence. What
    comes out does not depend on how the input is cut into blocks: sums are in double precision, because products of
    different shapes round differently and the network hears bins that hold nothing but rounding errors. `delay` is a
    Fraction whose denominator divides that of in_rate / out_rate; `push` takes at most `max_block` samples.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, delay: Fraction, max_block: int) -> None:
        ratio = Fraction(in_rate, out_rate)
        self._step, self._phases = ratio.numerator, ratio.denominator
        shift = delay * self._phases
        if shift.denominator != 1:
            raise ValueError(f"a delay of {delay} samples is not on the phase grid of {in_rate} -> {out_rate} Hz")
        self._shift = int(shift)
        self._half = filter_half_width(in_rate, out_rate)
        self._past = self._start_of(0)  # input index that output 0 begins at: before the start
        self._periods = self._choose_periods(out_rate)
        # Tiles begin where the blocks of a live stream, a hop long, begin: then each is whole tiles and nothing else.
        self._first_tile = self._ready(in_rate // 100) % (max(self._periods, 1) * self._phases)
        self._matrix = self._dense_matrix(in_rate, out_rate) if self._periods else None
        if self._matrix is None:
            phases = np.arange(TABLE_PHASES + 1) / TABLE_PHASES
            self._table = filter_rows(phases, in_rate, out_rate)
        # The past that outputs need, the newest block, and as much again, so that the past is moved only now and then.
        past = max(-self._past, 2 * self._half + ceil(ratio)) + 1
        self._samples = np.zeros((channels, 2 * (past + max_block)))
        self._output = np.empty((channels, ceil((past + max_block) / ratio) + 1), np.float32)
        self.reset()

    def _position(self, output: int) -> int:
        """Index of the input sample at or just before the position of an output."""
        return (output * self._step - self._shift) // self._phases

    def _ready(self, heard: int) -> int:
        """Outputs that `heard` input samples complete: output n needs the input up to position(n) + half."""
        return max(0, -((-(heard - self._half) * self._phases - self._shift) // self._step))

    def _start_of(self, output: int) -> int:
        """Index of the first input sample that an output needs."""
        return self._position(output) - self._half + 1

    def _choose_periods(self, out_rate: int) -> int:
        """How many periods of the ratio one matrix spans; 0 if even one makes it too large."""
        outputs_per_hop = out_rate // 100
        candidates = [n for n in range(1, 200) if outputs_per_hop % (n * self._phases) == 0] or [1]
        # As many input samples as the filter is long: then half of the coefficients are in use, in few products.
        count = min(candidates, key=lambda n: abs(np.log(n * self._step / (2 * self._half))))
        width = count * self._step + 2 * self._half
        return count if count * self._phases * width <= MAX_MATRIX else 0

    def _dense_matrix(self, in_rate: int, out_rate: int) -> np.ndarray:
        """Coefficients [outputs, inputs] of one tile; row s serves the outputs first_tile + tile * rows + s."""
        count = self._periods * self._phases
        outputs = np.arange(count) + self._first_tile
        starts = np.array([self._start_of(int(output)) for output in outputs]) - self._start_of(self._first_tile)
        phases = (outputs * self._step - self._shift) % self._phases / self._phases
        rows = filter_rows(phases, in_rate, out_rate)
        matrix = np.zeros((count, starts[-1] + 2 * self._half))
        for start, row, target in zip(starts, rows, matrix, strict=True):
            target[start : start + 2 * self._half] = row
        self._starts = starts
        return matrix

    def reset(self) -> None:
        """Forgets the input; output 0 comes next."""
        self._samples[:] = 0.0
        self._origin = self._past  # input index of the buffer's first sample
        self._end = -self._origin  # buffer index behind the newest sample
        self._next = 0  # output index

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Takes samples [channels, any], returns the outputs they complete [channels, some], valid until next time."""
        new = samples.shape[1]
        if self._end + new > self._samples.shape[1]:
            self._drop_past()
        self._samples[:, self._end : self._end + new] = samples
        self._end += new
        ready = self._ready(self._origin + self._end)
        output = self._output[:, : ready - self._next]
        if self._matrix is None:
            self._interpolate(output)
        else:
            self._multiply(output, self._matrix)
        self._next = ready
        return output

    def _drop_past(self) -> None:
        """Moves what future outputs need to the start of the buffer."""
        first = min(max(self._start_of(self._next) - self._origin, 0), self._end)
        kept = self._end - first
        self._samples[:, :kept] = self._samples[:, first : self._end].copy()
        self._origin += first
        self._end = kept

    def _multiply(self, output: np.ndarray, matrix: np.ndarray) -> None:
        """Fills `output` by matrix products: the rest of a tile, whole tiles, the beginning of the next."""
        count = matrix.shape[0]
        done, total = 0, output.shape[1]
        tile_inputs = self._periods * self._step
        first_tile_start = self._start_of(self._first_tile) - self._origin
        while done < total:
            tile, row = divmod(self._next + done - self._first_tile, count)
            start = first_tile_start + tile * tile_inputs
            whole = (total - done) // count if row == 0 else 0
            if whole:
                windows = self._windows(start, whole, tile_inputs, matrix.shape[1])
                products = product(windows.reshape(-1, matrix.shape[1]), matrix.T)
                output[:, done : done + whole * count] = products.reshape(output.shape[0], -1)
                done += whole * count
                continue
            rows = min(count - row, total - done)
            first, last = self._starts[row], self._starts[row + rows - 1] + 2 * self._half
            part = self._samples[:, start + first : start + last]
            output[:, done : done + rows] = np.dot(part, matrix[row : row + rows, first:last].T)
            done += rows

    def _windows(self, start: int, count: int, step: int, width: int) -> np.ndarray:
        """Overlapping pieces [channels, count, width] of the buffer from `start` on, `step` apart, as a copy."""
        between_channels, item = self._samples.strides
        shape, strides = (self._samples.shape[0], count, width), (between_channels, step * item, item)
        # sliding_window_view would say the same in 15 us instead of 1.
        return np.ndarray(shape, self._samples.dtype, self._samples, start * item, strides).copy()

    def _interpolate(self, output: np.ndarray) -> None:
        """Fills `output` row by row, with coefficients interpolated between the phases of the table."""
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, 2 * self._half, axis=1)
        for start in range(0, output.shape[1], 2048):  # bounds the memory of large blocks
            part = output[:, start : start + 2048]
            numbers = np.arange(self._next + start, self._next + start + part.shape[1], dtype=np.int64)
            positions, phases = np.divmod(numbers * self._step - self._shift, self._phases)
            entry, between = np.divmod(phases * (TABLE_PHASES / self._phases), 1.0)
            entry = entry.astype(np.int64)
            between = between[:, None]
            rows = self._table[entry] * (1.0 - between) + self._table[entry + 1] * between
            part[:] = np.einsum("cnt,nt->cn", windows[:, positions - self._half + 1 - self._origin], rows)


class RateAdapter:
    """The pair of resamplers around a grid: stream -> grid and grid -> stream, and the latency of the whole.

    `latency` counts stream samples from an input sample to its enhanced self: waiting for the hop to fill, the hop that
    overlap-add holds back, and both filters. A call takes at most `max_block` stream samples and grid blocks of at most
    `max_frames` hops. `block_size` (stream samples) promises that blocks are multiples of it:
    where these then fill whole hops there is no waiting beyond the block itself and the latency is a hop shorter.
    """

    def __init__(self, sample_rate: int, channels: int, max_frames: int, block_size: int | None = None) -> None:
        self.grid = grid_of(sample_rate)
        rate, hop = self.grid.sample_rate, self.grid.hop
        self.is_identity = sample_rate == rate
        waiting = hop
        if block_size is not None and block_size * rate % sample_rate == 0:
            # Grid samples come in multiples of this number: so many may wait for the rest of their hop.
            waiting = hop - gcd(block_size * rate // sample_rate, hop)
        ratio = Fraction(sample_rate, rate)
        self.max_block = int(max_frames * hop * ratio)  # stream samples a call
        if self.is_identity:
            self.latency = hop + waiting
            return
        into = filter_half_width(sample_rate, rate)
        out_of = filter_half_width(rate, sample_rate)
        self.latency = ceil(into + (hop + waiting + out_of + 1) * ratio) - 1
        self.to_grid = Resampler(sample_rate, rate, channels, Fraction(into), self.max_block)
        # Overlap-add has delayed by a hop already; its samples are that much further on.
        delay = (self.latency - into) / ratio - hop
        self.from_grid = Resampler(rate, sample_rate, channels, delay, max_frames * hop)

    def reset(self) -> None:
        """Both filters forget what they heard."""
        if not self.is_identity:
            self.to_grid.reset()
            self.from_grid.reset()
