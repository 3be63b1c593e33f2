"""Noisy sound in, clean sound out: `Enhancer` for streams of any rate, width and block size, `denoise` for signals.

One sample's way: block -> (NaN and Inf to silence) -> resampler -> whole hops -> spectrum -> network -> masked spectrum
-> overlap-add -> resampler -> limiter -> crossfade with the equally delayed input -> block. What lies between the
stages waits in queues, so that the sound never depends on how it was cut into blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from enhancer.bypass import BypassSwitch
from enhancer.errors import UserError
from enhancer.features import Features, MaskApplication
from enhancer.limiter import THRESHOLD, limit
from enhancer.model import Student
from enhancer.one_thread import energy
from enhancer.resampling import MAX_RATE, MIN_RATE, RateAdapter
from enhancer.sample_queue import SampleQueue
from enhancer.spectral import HOP_S, Analysis, Synthesis

MAX_CHANNELS = 8
MAX_FRAMES = 100  # a network call; more gains no speed and costs memory
METER_S = 0.100  # time constant of the levels in `stats`
METER_FLOOR_DBFS = -120.0
# Energies of one block of samples. Below the first, it is silence whatever it holds (denormals would only cost time);
# above the second, a sample may be beyond +-MAX_INPUT, where squares in single precision come near their end.
SILENT_ENERGY = 1e-25
MAX_INPUT = 1e6
FLUSH_FRAMES = 10  # in digital silence, states are cleared of denormals this often


@dataclass(frozen=True)
class Stats:
    """What an Enhancer has done and hears now; levels are RMS over all channels, smoothed over 100 ms.

    frames: 10 ms frames taken in (also those slept through in bypass); compute_s: seconds spent in `process`;
    speech_presence: 0..1, the newest frame's, of the channel with the most; input_dbfs, output_dbfs: -120 at the least;
    gain_reduction_db: how much quieter the output is than the input it belongs to (0 in bypass or silence);
    non_finite: NaN and Inf samples that were replaced by silence.
    """

    frames: int = 0
    compute_s: float = 0.0
    speech_presence: float = 0.0
    input_dbfs: float = METER_FLOOR_DBFS
    output_dbfs: float = METER_FLOOR_DBFS
    gain_reduction_db: float = 0.0
    non_finite: int = 0

    @property
    def real_time_factor(self) -> float:
        """Seconds of computing per second of sound, 0 before the first frame."""
        return self.compute_s / (self.frames * HOP_S) if self.frames else 0.0


class Enhancer:
    """A stream of noisy speech to a stream of clean speech.

    sample_rate: 8000..192000 Hz. channels: 1..8, enhanced independently. attenuation_limit_db: no time-frequency bin is
    lowered by more than this (None: no limit); may be set while running and then moves over 20 ms. model: an ONNX file
    of ours, a loaded `Student` (to share it among streams), or None for the shipped one. block_size: a promise that
    every block is a multiple of so many samples; multiples of 10 ms take 10 ms off the latency.

    The output is `latency_samples` late, for every block size the same: 20 ms, and 2 to 10 ms more at rates other than
    16 and 48 kHz. Not made for several threads at once, except that `bypass`, `attenuation_limit_db` and `stats` may be
    used from another. Raises UserError for a value out of range and ModelError for a model that cannot be used.
    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 1,
        *,
        attenuation_limit_db: float | None = None,
        model: str | Path | Student | None = None,
        block_size: int | None = None,
    ) -> None:
        self.sample_rate = _whole_number(sample_rate, "sample rate", MIN_RATE, MAX_RATE, " Hz")
        self.channels = _whole_number(channels, "number of channels", 1, MAX_CHANNELS)
        if block_size is not None:
            block_size = _whole_number(block_size, "block size", 1, 1 << 24, " samples")
        self.block_size = block_size
        self._limit_db = _checked_limit(attenuation_limit_db)
        self.model = model if isinstance(model, Student) else Student(model)

        self._adapter = RateAdapter(self.sample_rate, self.channels, MAX_FRAMES, block_size)
        self.latency_samples = self._adapter.latency
        grid = self._adapter.grid
        self._hop = grid.hop
        self._resamples = not self._adapter.is_identity
        self._analysis = Analysis(grid, self.channels, MAX_FRAMES)
        self._features = Features(grid, self.channels, MAX_FRAMES)
        self._network = self.model.stream(self.channels)
        self._apply_mask = MaskApplication(grid)
        self._synthesis = Synthesis(grid, self.channels, MAX_FRAMES)

        max_block = self._adapter.max_block
        self._pending = SampleQueue(self.channels, 2 * self._hop)  # grid samples that wait for their hop to fill
        # Overlap-add holds one hop back by itself; resamplers count their own delay.
        waiting = 0 if self._resamples else self.latency_samples - self._hop
        self._enhanced = SampleQueue(self.channels, self.latency_samples + 2 * self._hop, silence=waiting)
        self._dry = SampleQueue(self.channels, self.latency_samples + 2 * self._hop, silence=self.latency_samples)
        self._max_block = max_block
        self._switch = BypassSwitch(self.sample_rate)
        self._meter_samples = METER_S * self.sample_rate
        self._flat_output = True
        self.reset()

    def reset(self) -> None:
        """Back to a new stream: forgets sound and statistics, keeps the settings."""
        self._adapter.reset()
        for stage in (self._analysis, self._features, self._network, self._synthesis):
            stage.reset()
        for queue in (self._pending, self._enhanced, self._dry):
            queue.reset()
        self._switch.reset()
        self._floor = _floor_of(self._limit_db)
        self._next_floors: list[float] = []
        self._slept = False
        self._frames = 0
        self._next_flush = 0
        self._compute_s = 0.0
        self._presence = 0.0
        self._non_finite = 0
        self._input_power = self._dry_power = self._output_power = 0.0
        if self._resamples:  # the outputs that lie before the first input are silence, there from the start
            self._enhanced.put(self._adapter.from_grid.push(np.zeros((self.channels, 0), np.float32)))

    @property
    def bypass(self) -> bool:
        """True: the input comes out as it is, as late as enhanced sound would. Crossfades over 10 ms when set."""
        return self._switch.on

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._switch.on = bool(value)

    def rest(self) -> None:
        """Bypass without the 10 s for which the network stays awake in one; ended by setting `bypass`."""
        self._switch.rest()

    @property
    def attenuation_limit_db(self) -> float | None:
        """The most that a time-frequency bin is lowered by, in dB >= 0; None: no limit. Moves over 20 ms when set."""
        return self._limit_db

    @attenuation_limit_db.setter
    def attenuation_limit_db(self, value: float | None) -> None:
        self._limit_db = _checked_limit(value)
        target = _floor_of(self._limit_db)
        self._next_floors = [0.5 * (self._floor + target), target]

    @property
    def stats(self) -> Stats:
        """A snapshot."""
        reduction = 0.0
        if self._dry_power > 1e-12 and not self._switch.is_dry:
            reduction = _decibels(self._dry_power) - _decibels(self._output_power)
        return Stats(
            frames=self._frames,
            compute_s=self._compute_s,
            speech_presence=self._presence,
            input_dbfs=_decibels(self._input_power),
            output_dbfs=_decibels(self._output_power),
            gain_reduction_db=reduction,
            non_finite=self._non_finite,
        )

    def process(self, block: np.ndarray) -> np.ndarray:
        """The stream goes on: takes a block, returns as many samples of enhanced sound, `latency_samples` late.

        Shapes: block [samples] for one channel, or [samples, channels]; any length, also 0; float32 or another float
        type, full scale +-1; returns float32 of the same shape, never beyond full scale. NaN and Inf count as silence.
        Raises ValueError for another shape or type, or for a length that breaks the promise of `block_size`.
        """
        began = perf_counter()
        if not isinstance(block, np.ndarray) or block.dtype.kind != "f":
            raise ValueError(f"a block must be a float array, full scale +-1, not {_type_name(block)}")
        flat = block.ndim == 1
        if not (flat and self.channels == 1) and (block.ndim != 2 or block.shape[1] != self.channels):
            raise ValueError(f"a block must have the shape [samples, {self.channels}], not {list(block.shape)}")
        if self.block_size is not None and block.shape[0] % self.block_size:
            raise ValueError(f"{block.shape[0]} samples are no multiple of the promised block size {self.block_size}")
        self._flat_output = flat
        output = self._process(block)
        self._compute_s += perf_counter() - began
        return output

    def flush(self) -> np.ndarray:
        """The last `latency_samples` samples of the stream, shaped like its blocks; `reset` before a new stream."""
        unit = self.block_size or 1
        fed = -(-self.latency_samples // unit) * unit
        silence = np.zeros(fed if self._flat_output and self.channels == 1 else (fed, self.channels), np.float32)
        return self._process(silence)[: self.latency_samples]

    def _process(self, block: np.ndarray) -> np.ndarray:
        output = np.empty(block.shape, np.float32)
        by_channel = (block[None], output[None]) if block.ndim == 1 else (block.T, output.T)
        if block.shape[0] <= self._max_block:
            self._process_part(*by_channel)
        else:
            for start in range(0, block.shape[0], self._max_block):
                self._process_part(*(side[:, start : start + self._max_block] for side in by_channel))
        return output

    def _process_part(self, block: np.ndarray, output: np.ndarray) -> None:
        """At most a second: block and output [channels, samples], views."""
        count = block.shape[1]
        if count == 0:
            return
        samples, input_energy = self._sanitised(block)
        self._dry.put(samples)
        self._feed(self._adapter.to_grid.push(samples) if self._resamples else samples)

        enhanced, dry = self._enhanced.take(count), self._dry.take(count)
        if self._switch.is_enhanced:
            output[...] = enhanced
        elif self._switch.is_dry:  # not the limiter's business: only what is beyond full scale is cut
            np.clip(dry, -1.0, 1.0, out=output)
        else:
            self._switch.mix(_limited(enhanced), np.clip(dry, -1.0, 1.0), output)
        flat_output = output.reshape(-1) if self.channels == 1 else np.ascontiguousarray(output).reshape(-1)
        output_energy = energy(flat_output)
        # Less energy in the whole block than in one sample at the threshold: none can be beyond it.
        if output_energy > THRESHOLD**2 and self._switch.is_enhanced:
            limit(output)

        keep = math.exp(-count / self._meter_samples)
        share = (1.0 - keep) / (count * self.channels)
        self._input_power = keep * self._input_power + share * input_energy
        self._dry_power = keep * self._dry_power + share * energy(dry.reshape(-1))
        self._output_power = keep * self._output_power + share * output_energy
        if input_energy == 0.0 and self._frames >= self._next_flush:
            self._next_flush = self._frames + FLUSH_FRAMES
            self._network.drop_denormals()

    def _sanitised(self, block: np.ndarray) -> tuple[np.ndarray, float]:
        """The block as contiguous float32 [channels, samples] without NaN, Inf and absurd values; and its energy.

        One product tells: the energy is finite and small exactly if nothing has to be mended.
        """
        if block.dtype == np.float32:
            samples = np.ascontiguousarray(block)
        else:
            with np.errstate(over="ignore"):  # a float64 beyond float32 becomes Inf, which is handled below
                samples = block.astype(np.float32, order="C")
        flat = samples.reshape(-1)
        total = energy(flat)
        if SILENT_ENERGY < total < MAX_INPUT**2:
            return samples, total
        if total <= SILENT_ENERGY:
            return np.zeros_like(samples), 0.0
        samples = samples.copy()
        bad = ~np.isfinite(samples)
        self._non_finite += int(bad.sum())
        samples[bad] = 0.0
        np.clip(samples, -MAX_INPUT, MAX_INPUT, out=samples)
        return samples, energy(samples.reshape(-1))

    def _feed(self, samples: np.ndarray) -> None:
        """Takes grid samples, advances by the hops that they complete."""
        hop, pending = self._hop, self._pending
        if samples.shape[1] % hop or len(pending):
            pending.put(samples)
            while len(pending) >= hop:
                self._advance(pending.take(min(len(pending) // hop, MAX_FRAMES) * hop))
        elif samples.shape[1]:  # whole hops: no need to queue
            self._advance(samples)

    def _advance(self, samples: np.ndarray) -> None:
        """Enhances 1..100 whole hops [channels, frames * hop], or sleeps through them, and queues the outcome."""
        hop = self._hop
        frames = samples.shape[1] // hop
        self._frames += frames
        awake = self._switch.frames_to_infer(frames)
        done = 0
        while done < awake:
            # While the attenuation limit moves, each frame has its own floor.
            count = 1 if self._next_floors else awake - done
            if self._next_floors:
                self._floor = self._next_floors.pop(0)
            self._queue(self._enhance(samples[:, done * hop : (done + count) * hop]))
            done += count
        if awake < frames:
            self._slept = True
            self._queue(np.zeros((self.channels, (frames - awake) * hop), np.float32))

    def _enhance(self, samples: np.ndarray) -> np.ndarray:
        if self._slept:  # the sound before the sleep must not be overlapped with what comes now
            self._analysis.reset()
            self._synthesis.reset()
            self._slept = False
        spectra = self._analysis.process(samples)
        mask, high_gain, presence = self._network.step(*self._features.process(spectra))
        self._presence = float(presence[-1].max()) if self.channels > 1 else float(presence[-1, 0])
        self._apply_mask(spectra, mask, high_gain, self._floor or None, out=spectra)
        return self._synthesis.process(spectra)

    def _queue(self, enhanced: np.ndarray) -> None:
        self._enhanced.put(self._adapter.from_grid.push(enhanced) if self._resamples else enhanced)


def denoise(
    signal: np.ndarray,
    sample_rate: int,
    *,
    attenuation_limit_db: float | None = None,
    model: str | Path | Student | None = None,
) -> np.ndarray:
    """The enhanced signal: aligned with the input, of the same length; `Enhancer` in calls of up to 100 frames.

    Shapes: signal [samples] or [samples, channels], 1..8 channels, 8000..192000 Hz; float (full scale +-1) or integer
    (full scale that of its type); returns float32 of the same shape. The other arguments are those of `Enhancer`.
    Raises UserError, ModelError, and ValueError for another shape or type.
    """
    signal = np.asarray(signal)
    if signal.ndim not in (1, 2):
        raise ValueError(f"a signal must have the shape [samples] or [samples, channels], not {list(signal.shape)}")
    if signal.dtype.kind in "iu":
        signal = _integers_to_float(signal)
    channels = 1 if signal.ndim == 1 else signal.shape[1]
    stream = Enhancer(sample_rate, channels, attenuation_limit_db=attenuation_limit_db, model=model)
    late = np.concatenate([stream.process(signal), stream.flush()])
    return late[stream.latency_samples :]


def _integers_to_float(signal: np.ndarray) -> np.ndarray:
    """Integer samples to float32 with full scale +-1; unsigned types have their silence in the middle."""
    half = 2.0 ** (8 * signal.dtype.itemsize - 1)
    middle = half if signal.dtype.kind == "u" else 0.0
    return ((signal.astype(np.float64) - middle) / half).astype(np.float32)


def _limited(samples: np.ndarray) -> np.ndarray:
    samples = samples.copy()
    limit(samples)
    return samples


def _decibels(power: float) -> float:
    return max(METER_FLOOR_DBFS, 10.0 * math.log10(power)) if power > 0.0 else METER_FLOOR_DBFS


def _floor_of(limit_db: float | None) -> float:
    """The least magnitude of a mask under a limit."""
    return 0.0 if limit_db is None else 10.0 ** (-limit_db / 20.0)


def _checked_limit(value: float | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not number >= 0.0:
        raise UserError(f"attenuation limit must be 0 dB or more, or none, not {value!r}", "for example 12")
    return None if math.isinf(number) else number


def _whole_number(value: Any, what: str, least: int, most: int, unit: str = "") -> int:
    """`value` as int; UserError unless it is a whole number between `least` and `most`."""
    try:
        number = int(value)
        fits = number == value and least <= number <= most
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits or isinstance(value, bool):
        raise UserError(f"{what} must be a whole number from {least} to {most}{unit}, not {value!r}")
    return number


def _type_name(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
