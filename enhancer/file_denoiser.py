"""One file (or pipe) from noisy to clean: read, enhance and write block by block, in memory that does not grow.

The command line and the GUI call `denoise_file`; everything about formats is in `enhancer.audio_io`, everything about
sound in `enhancer.engine`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enhancer.audio_io import create_audio, open_audio
from enhancer.errors import InputError, OutputError
from enhancer.media.atomic import replacing
from enhancer.media.types import Options, Reader, Track, Writer

if TYPE_CHECKING:
    from enhancer.model import Student

# (seconds done, seconds in all or None when the input does not tell)
Progress = Callable[[float, float | None], None]


@dataclass(frozen=True)
class Settings:
    """What applies to every file of a run: `attenuation_limit_db` in dB or None, and how to read and write."""

    attenuation_limit_db: float | None = None
    options: Options = field(default_factory=Options)


@dataclass
class Report:
    """What was done to one file. Levels are RMS in dBFS over all tracks, None for digital silence.

    `gain_reduction_db` is how much lower the output's level is than the input's; `real_time_factor` is computing time
    per second of sound; `notes` are lines that the user should read.
    """

    audio_seconds: float
    compute_seconds: float
    sample_rate: int
    channels: int
    input_dbfs: float | None
    output_dbfs: float | None
    non_finite: int
    notes: list[str]

    @property
    def real_time_factor(self) -> float | None:
        return self.compute_seconds / self.audio_seconds if self.audio_seconds else None

    @property
    def gain_reduction_db(self) -> float | None:
        if self.input_dbfs is None or self.output_dbfs is None:
            return None
        return self.input_dbfs - self.output_dbfs


def denoise_file(
    source: Path, target: Path, settings: Settings, model: Student | None = None, progress: Progress | None = None
) -> Report:
    """Cleans `source` into `target`: same length, aligned, same format and metadata where the container allows.

    `target` appears only when it is complete. Raises UserError (InputError, OutputError) and leaves nothing behind.
    """
    check_target(source, target, settings.options.overwrite)
    reader = open_audio(source, settings.options)
    try:
        return denoise_into(reader, target, settings, model, progress)
    finally:
        reader.close()


def denoise_into(
    reader: Reader, target: Path, settings: Settings, model: Student | None = None, progress: Progress | None = None
) -> Report:
    """Cleans an open input into `target`, which appears only when it is complete. Errors as in `denoise_file`."""
    with replacing(target, overwrite=settings.options.overwrite) as temporary:
        writer = create_audio(target, temporary, reader, settings.options)
        try:
            report = denoise_stream(reader, writer, settings, model, progress)
            writer.finish()
        finally:
            writer.close()
    return report


def check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Raises OutputError when `target` is the input itself, a folder, or exists without `overwrite`."""
    if target.is_dir():
        raise OutputError(f"{target} is a folder", "end the output with a file name, or with / for a folder")
    if not target.exists():
        return
    if not target.is_file():
        raise OutputError(f"{target} is a pipe or a device, not a file", "write to it through -o -")
    if source.exists() and target.samefile(source):
        raise OutputError(f"the output would replace the input {source}", "choose another name with -o")
    if not overwrite:
        raise OutputError(f"{target} exists already", "give --overwrite to replace it")


def denoise_stream(
    reader: Reader, writer: Writer, settings: Settings, model: Student | None = None, progress: Progress | None = None
) -> Report:
    """Runs all blocks of an open input through the engine into an open output (which the caller finishes).

    Raises InputError where the input is damaged, or when not one of its samples is a finite number.
    """
    started = time.perf_counter()
    tracks = [
        _TrackPipeline(track, out, settings, model) for track, out in zip(reader.tracks, writer.tracks, strict=False)
    ]
    notes = [*reader.notes, *writer.notes]
    if len(reader.tracks) > len(tracks):
        notes.append(f"{len(reader.tracks)} sound tracks in the input: the first one taken")
    total = reader.tracks[0].frames
    for number, block in reader.blocks():
        if number >= len(tracks):
            continue
        out = tracks[number].process(block)
        if len(out):
            writer.write(number, out)
        if progress and number == 0:
            rate = reader.tracks[0].sample_rate
            progress(tracks[0].frames / rate, None if total is None else total / rate)
    for number, track in enumerate(tracks):
        out = track.flush()
        if len(out):
            writer.write(number, out)
    samples = sum(track.samples for track in tracks)
    non_finite = sum(track.non_finite for track in tracks)
    if samples and non_finite == samples:
        raise InputError(f"{reader.path} holds no sound (all samples are NaN or infinite)")
    if non_finite:
        notes.append(f"{non_finite} samples were NaN or infinite and became silence")
    notes += [note for note in [*reader.notes, *writer.notes] if note not in notes]
    return Report(
        audio_seconds=max(track.frames / track.source.sample_rate for track in tracks),
        compute_seconds=time.perf_counter() - started,
        sample_rate=tracks[0].source.sample_rate,
        channels=tracks[0].source.channels,
        input_dbfs=_level(sum(track.power_in for track in tracks), samples),
        output_dbfs=_level(sum(track.power_out for track in tracks), samples),
        non_finite=non_finite,
        notes=notes,
    )


def _level(power: float, samples: int) -> float | None:
    return 10 * math.log10(power / samples) if power > 0 and samples else None


class _TrackPipeline:
    """One track: the engine, its delay taken off, and a resampler where the output cannot hold the input's rate."""

    def __init__(self, source: Track, output: Track, settings: Settings, model: Student | None) -> None:
        from enhancer.engine import Enhancer

        self.source = source
        self._engine = Enhancer(
            source.sample_rate, source.channels, attenuation_limit_db=settings.attenuation_limit_db, model=model
        )
        self._to_skip = self._engine.latency_samples
        self._resampler = None
        if output.sample_rate != source.sample_rate:
            import soxr

            self._resampler = soxr.ResampleStream(
                source.sample_rate, output.sample_rate, source.channels, dtype="float32", quality="VHQ"
            )
        self.frames = 0
        self.samples = 0
        self.non_finite = 0
        self.power_in = self.power_out = 0.0

    def process(self, block: np.ndarray) -> np.ndarray:
        """float32 [n, channels] in; what of the output is ready, [m, channels], m near n."""
        self.frames += len(block)
        self.samples += block.size
        power = _power(block)
        if not math.isfinite(power):
            finite = np.isfinite(block)
            self.non_finite += block.size - int(finite.sum())
            power = _power(block[finite])
        self.power_in += power
        out = self._engine.process(block)
        if self._to_skip:
            skipped = min(self._to_skip, len(out))
            self._to_skip -= skipped
            out = out[skipped:]
        return self._finished(out, last=False)

    def flush(self) -> np.ndarray:
        """The end of the output, [m, channels]; with all that `process` returned, as long as the input."""
        out = self._engine.flush()
        # An input shorter than the delay has not yet pushed the delay out.
        return self._finished(out[self._to_skip :], last=True)

    def _finished(self, out: np.ndarray, *, last: bool) -> np.ndarray:
        self.power_out += _power(out)
        if self._resampler is None:
            return out
        return self._resampler.resample_chunk(np.ascontiguousarray(out), last=last)


def _power(block: np.ndarray) -> float:
    """Sum of squares, added up in double precision."""
    flat = block.ravel()
    return float(np.dot(flat.astype(np.float64), flat)) if flat.size else 0.0
