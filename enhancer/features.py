"""What the network sees of a spectrum, and what its answer does to it.

Everything without weights lives here, in numpy, on either side of the network: the causal level normaliser, the
compression, the bands above 8 kHz; and behind it the bounded complex mask, the attenuation limit and the high-band
gains. Training uses torch twins of these formulas (`training.torch_spectral`), held equal by a test.
"""

from __future__ import annotations

import numpy as np

from enhancer.one_thread import product
from enhancer.spectral import CORE_BINS, HOP_S, Grid

NETWORK_BINS = 256  # bins 0..255; bin 256 takes the gain of bin 255, and DC that of bin 1
HIGH_BANDS = 16
HIGH_INPUTS = HIGH_BANDS + 1  # and a constant one: "there is a high band"
HIGH_EDGES_HZ = (8_000.0, 24_000.0)
# Above 8 kHz speech never stands alone: where the mask of 2 to 8 kHz lets little through, neither do the high bands.
LEADING_BINS = slice(64, NETWORK_BINS)
LEAD = np.float32(4.0)  # of the leading mask's mean power: from half its height on, the gains above stay as they are
COMPRESSION = 0.3  # magnitudes to this power, as loudness grows
LEVEL_TIME_CONSTANT_S = 1.0
# Below -100 dBFS or so, quiet is left quiet: the normaliser must not lift the dither of a muted microphone to speech.
LEVEL_FLOOR = 1e-10
TINY = 1e-12


def erb_rate(frequency_hz: np.ndarray | float) -> np.ndarray:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg & Moore, 1990, eq. 4)."""
    return 21.4 * np.log10(1.0 + 0.00437 * np.asarray(frequency_hz, dtype=np.float64))


def erb_frequency(rate: np.ndarray | float) -> np.ndarray:
    """Inverse of `erb_rate`: Hz."""
    return (10.0 ** (np.asarray(rate, dtype=np.float64) / 21.4) - 1.0) / 0.00437


def erb_spaced(low_hz: float, high_hz: float, count: int) -> np.ndarray:
    """Frequencies [count] in Hz from the lowest to the highest, equally spaced in ERB rate."""
    return erb_frequency(np.linspace(erb_rate(low_hz), erb_rate(high_hz), count))


def high_band_centres_hz() -> np.ndarray:
    """Centres [16] of the bands above 8 kHz, equally spaced in ERB rate from 8 to 24 kHz."""
    return erb_spaced(*HIGH_EDGES_HZ, HIGH_BANDS)


def high_band_weights(grid: Grid) -> np.ndarray:
    """Triangular bands over the bins above the core: float32 [bins - 257, 16], each row summing to one.

    Read along a row they interpolate band gains to a bin; down a column, normalised, they average bins to a band.
    """
    frequencies = np.arange(CORE_BINS, grid.bins) * grid.sample_rate / grid.n_fft
    position = np.interp(frequencies, high_band_centres_hz(), np.arange(HIGH_BANDS))
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(HIGH_BANDS))).astype(np.float32)


class RunningLevel:
    """Running power of each channel: a smoothed sum over the weight it holds, unbiased from the first frame on.

    power[t] = keep * power[t-1] + (1 - keep) * now[t], the recursion unrolled into one small matrix product a block,
    because a Python loop over frames would cost more than the transform. State: the sum and its weight.
    """

    _BLOCK = 100  # frames a product: 10,000 coefficients

    def __init__(self, channels: int, keep: float) -> None:
        frames = np.arange(self._BLOCK)
        age = frames[:, None] - frames[None, :]
        self._smoothing = np.where(age >= 0, (1.0 - keep) * keep ** np.maximum(age, 0), 0.0).astype(np.float32)
        self._decay = (keep ** (frames + 1.0)).reshape(-1, 1)
        self._decay_single = self._decay.astype(np.float32)
        self._new_weight = float(1.0 - keep)
        self.power = np.zeros((1, channels), np.float32)
        self.weight = 0.0

    def reset(self) -> None:
        """Forgets what was heard."""
        self.power[:] = 0.0
        self.weight = 0.0

    def process(self, now: np.ndarray, level: np.ndarray) -> None:
        """Fills `level` [frames, channels] with the running power after each frame of `now` (same shape)."""
        if now.shape[0] == 1:  # the live case, in four numpy calls
            self.power *= self._decay_single[0]
            np.multiply(now, self._smoothing[0, 0], out=now)
            self.power += now
            self.weight += self._new_weight * (1.0 - self.weight)
            np.multiply(self.power, 1.0 / self.weight, out=level)
            return
        for start in range(0, now.shape[0], self._BLOCK):
            block = now[start : start + self._BLOCK]
            frames = block.shape[0]
            power = self._smoothing[:frames, :frames] @ block
            power += self._decay_single[:frames] * self.power
            weight = 1.0 - self._decay[:frames] * (1.0 - self.weight)
            np.divide(power, weight.astype(np.float32), out=level[start : start + frames])
            self.power[:] = power[-1]
            self.weight = float(weight[-1, 0])


class Features:
    """Network inputs from spectra: level-normalised, power-0.3 compressed; the running level is its state.

    The level is the frame power (mean over bins 1..255) smoothed with a time constant of 1 s, over the weight of what
    was smoothed, so that the first frame is already normalised by its own level. Buffers are allocated once.
    """

    _KEEP = float(np.exp(-HOP_S / LEVEL_TIME_CONSTANT_S))

    def __init__(self, grid: Grid, channels: int = 1, max_frames: int = 100) -> None:
        self.grid = grid
        self.level = RunningLevel(channels, self._KEEP)
        self._power = np.empty((max_frames, channels, NETWORK_BINS), np.float32)
        self._square = np.empty_like(self._power)
        self._mean = np.full(NETWORK_BINS, 1.0 / (NETWORK_BINS - 1), np.float32)
        self._mean[0] = 0.0
        self._frame_power = np.empty((max_frames, channels), np.float32)
        self._inverse_level = np.empty((max_frames, channels), np.float32)
        self._core = np.empty((max_frames, channels, 2, NETWORK_BINS), np.float32)
        self._high = np.zeros((max_frames, channels, HIGH_INPUTS), np.float32)
        self._high_bins = grid.bins - CORE_BINS
        if self._high_bins:
            weights = high_band_weights(grid)
            self._averages = weights / weights.sum(axis=0)
            self._high[..., HIGH_BANDS] = 1.0
            self._high_power = np.empty((max_frames, channels, self._high_bins), np.float32)
            self._high_square = np.empty_like(self._high_power)

    def reset(self) -> None:
        """Forgets the running level."""
        self.level.reset()

    def process(self, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Network inputs of `spectra`.

        Shapes: spectra complex64 [frames, channels, bins]; returns core float32 [frames, channels, 2, 256] (real and
        imaginary parts) and high float32 [frames, channels, 17] (compressed band magnitudes and a one; all zero where
        the grid ends at 8 kHz). Both are views that stay valid until the next call.
        """
        frames = spectra.shape[0]
        core = spectra[..., :NETWORK_BINS]
        real, imag = core.real, core.imag
        power, square = self._power[:frames], self._square[:frames]
        np.square(real, out=power)
        np.square(imag, out=square)
        np.add(power, square, out=power)
        inverse = self._inverse_level[:frames]
        frame_power = self._frame_power[:frames]
        product(power.reshape(-1, NETWORK_BINS), self._mean, out=frame_power.reshape(-1))
        self.level.process(frame_power, inverse)
        np.add(inverse, LEVEL_FLOOR, out=inverse)
        np.power(inverse, -0.5 * COMPRESSION, out=inverse)
        inverse = inverse[:, :, None]

        # x / level compressed in magnitude: x * level^-0.3 * |x|^-0.7
        np.maximum(power, TINY, out=power)
        np.power(power, 0.5 * (COMPRESSION - 1.0), out=power)
        np.multiply(power, inverse, out=power)
        features = self._core[:frames]
        np.multiply(real, power, out=features[:, :, 0])
        np.multiply(imag, power, out=features[:, :, 1])

        high = self._high[:frames]
        if self._high_bins:
            self._add_high_band(spectra[..., CORE_BINS:], inverse, high[..., :HIGH_BANDS])
        return features, high

    def _add_high_band(self, above: np.ndarray, inverse: np.ndarray, high: np.ndarray) -> None:
        """Fills `high` [frames, channels, 16] with the compressed band magnitudes of the bins `above` the core."""
        power, square = self._high_power[: above.shape[0]], self._high_square[: above.shape[0]]
        np.square(above.real, out=power)
        np.square(above.imag, out=square)
        np.add(power, square, out=power)
        energy = product(power.reshape(-1, self._high_bins), self._averages)
        np.maximum(energy, TINY, out=energy)
        np.power(energy, 0.5 * COMPRESSION, out=energy)
        np.multiply(energy.reshape(high.shape), inverse, out=high)


class MaskApplication:
    """Applies the network's answer to the uncompressed noisy spectrum, over all bins of a grid.

    The complex mask is one plus the answer, so that an untrained network passes speech exactly. Its magnitude r is kept
    up to 1 and becomes 1 + tanh(r - 1) above, continuous with its slope and below 2; a floor lifts it and keeps the
    phase (adding the noisy spectrum back instead would cancel where phases oppose). The gains above 8 kHz are
    multiplied by twice the mask's RMS magnitude from 2 to 8 kHz, at most by one: alone, they left noise in pauses that
    the core's finer mask had long taken out. All in one pass over buffers that are kept for as long as the number of
    frames and channels stays the same: a stream of single frames allocates next to nothing. `tests/reference_masks.py`
    has the formulas written out.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._to_bins = high_band_weights(grid).T.copy() if grid.bins > CORE_BINS else None
        self._allocate((0, 0))

    def _allocate(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._mask = np.empty((*shape, CORE_BINS), np.complex64)
        self._network_mask = self._mask[..., :NETWORK_BINS]
        self._real, self._imag = self._network_mask.real, self._network_mask.imag
        self._magnitude = np.empty((*shape, NETWORK_BINS), np.float32)
        self._wanted = np.empty_like(self._magnitude)
        self._at_least_one = np.empty_like(self._magnitude)

    def __call__(
        self,
        spectra: np.ndarray,
        delta: np.ndarray,
        high_gain: np.ndarray,
        floor: np.ndarray | float | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """The enhanced spectra.

        Shapes: spectra complex64 [frames, channels, bins]; delta float32 [frames, channels, 2, 256], the residual
        mask; high_gain float32 [frames, channels, 16] in 0..1, unused at 16 kHz; floor None (no limit), a number, or
        an array [frames, 1, 1] of least magnitudes; out like spectra, may be spectra itself. Returns out.
        """
        out = np.empty_like(spectra) if out is None else out
        if self._shape != spectra.shape[:2]:
            self._allocate(spectra.shape[:2])
        np.add(delta[:, :, 0], 1.0, out=self._real)
        self._imag[...] = delta[:, :, 1]
        self._bound(floor)
        mask = self._mask
        mask[..., 0] = mask[..., 1]
        mask[..., NETWORK_BINS] = mask[..., NETWORK_BINS - 1]
        np.multiply(spectra[..., :CORE_BINS], mask, out=out[..., :CORE_BINS])
        if self._to_bins is not None:
            gains = high_gain * self._led()
            if floor is not None:
                np.maximum(gains, floor, out=gains)
            gains = product(gains.reshape(-1, HIGH_BANDS), self._to_bins).reshape(*spectra.shape[:2], -1)
            above, kept = spectra[..., CORE_BINS:], out[..., CORE_BINS:]
            np.multiply(above.real, gains, out=kept.real)
            np.multiply(above.imag, gains, out=kept.imag)
        return out

    def _led(self) -> np.ndarray:
        """By how much the mask of 2 to 8 kHz, without a floor, leads the bands above: [frames, channels, 1] in 0..1."""
        leading = np.minimum(self._magnitude[..., LEADING_BINS], np.float32(1.0))
        power = np.vecdot(leading, leading)[..., None] / np.float32(leading.shape[-1])
        return np.minimum(LEAD * power, np.float32(1.0))

    def _bound(self, floor: np.ndarray | float | None) -> None:
        """Scales the mask from its magnitude to the wanted one: bent above 1, at least `floor`."""
        mask, magnitude, over, wanted = self._network_mask, self._magnitude, self._at_least_one, self._wanted
        np.abs(mask, out=magnitude)
        np.maximum(magnitude, 1.0, out=over)
        np.subtract(over, 1.0, out=wanted)
        np.tanh(wanted, out=wanted)
        np.add(wanted, 1.0, out=wanted)
        if floor is None:  # (1 + tanh(0)) / 1 is exactly 1 up to magnitude one: no case distinction
            np.divide(wanted, over, out=wanted)
            np.multiply(mask, wanted, out=mask)
            return
        np.maximum(magnitude, TINY, out=magnitude)
        np.divide(wanted, over, out=wanted)
        np.multiply(wanted, magnitude, out=wanted)
        np.maximum(wanted, floor, out=wanted)
        np.divide(wanted, magnitude, out=wanted)
        np.multiply(mask, wanted, out=mask)
        np.copyto(mask, floor, where=magnitude <= TINY, casting="same_kind")
