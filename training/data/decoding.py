"""Decoding: one recording to int16 clips at the rates it serves, or the reason why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.data.levels import SILENCE_DB, active_frames, frame_powers

RATES = (16000, 48000)
# The pools that a kind of recording goes to; of a pair, the noisy side and the clean one.
POOLS_OF = {"speech": ("speech",), "noise": ("noise",), "noisy": ("noisy",), "paired": ("paired", "paired_clean")}
FULL_BAND_HZ = 11000.0  # a 48 kHz recording with less than this is an upsampled narrow one
PEAK = 0.9  # clips are stored at this peak: mixing draws its own levels, and quiet recordings keep 16 bits
SHORTEST_S = 0.1
LONGEST_S = 600.0  # longer files become several clips: memory stays bounded, and each has levels of its own
TRIM_MARGIN_S = 0.15  # silence kept at the ends of a speech clip
# Rumble below every voice, common in volunteers' recordings, is no target. Measured over the train split: with it 22 %
# of the speech has a floor above -25 dB, without it 1 %, and that is no target, but a voice in real noise.
RUMBLE_HZ = 70.0
WORST_FLOOR_DB = -25.0
# What lies further below the strongest band is rounding, dither or a resampler's leak. At 60 dB, of 59 recordings of up
# to 24 kHz brought to 48 kHz (and 16 bits) 92 % are seen to be narrow, of 91 full-band ones 98 % to be full-band.
AUDIBLE_DB = 60.0
# What the fingerprint must notice.
DECODING = ("noisy speech kept apart", "high-pass", RUMBLE_HZ, TRIM_MARGIN_S, WORST_FLOOR_DB, PEAK)


@dataclass(frozen=True)
class Job:
    """What decoding a recording needs to know."""

    kind: str
    path: Path
    clean: Path | None
    original_rate: int
    bandwidth_hz: float  # 0: not known


@dataclass(frozen=True)
class Decoded:
    """One clip to be: int16 samples [n] at one rate, for one kind of pool, and what was measured on them."""

    kind: str
    sample_rate: int
    samples: np.ndarray
    active_db: float
    floor_db: float
    bandwidth_hz: float


def decode(job: Job) -> tuple[list[Decoded], list[str]]:
    """The clips of one recording at each rate, and why (parts of) it cannot be used."""
    import soundfile

    clips: list[Decoded] = []
    reasons: list[str] = []
    try:
        for start_s, sides, file_rate in _parts(job):
            result = _prepared(job, sides, file_rate)
            if isinstance(result, str):
                reasons.append(f"from {start_s:.0f} s: {result}" if start_s else result)
            else:
                clips += result
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError) as error:
        reasons.append(str(error).splitlines()[0])
    return clips, reasons if clips else reasons[:1]


def _parts(job: Job) -> Iterator[tuple[float, list[np.ndarray], int]]:
    """(start in s, [mono float32 [n]] with the clean side second, rate) for each stretch of up to ten minutes.

    Raises ValueError for sides that do not match.
    """
    import soundfile

    missing = [path for path in (job.path, job.clean) if path is not None and not path.is_file()]
    if missing:
        raise ValueError(f"there is no file {missing[0]}")
    with ExitStack() as opened:
        files = [opened.enter_context(soundfile.SoundFile(p)) for p in (job.path, job.clean) if p is not None]
        rate = files[0].samplerate
        if any((f.samplerate, f.frames) != (rate, files[0].frames) for f in files):
            lengths = " and ".join(f"{f.frames} samples at {f.samplerate} Hz" for f in files)
            raise ValueError(f"the noisy and the clean file differ: {lengths}")
        longest = int(LONGEST_S * rate)
        for position in range(0, max(files[0].frames, 1), longest):
            sides = [f.read(longest, dtype="float32", always_2d=True).mean(axis=1) for f in files]
            if not position or len(sides[0]) >= SHORTEST_S * rate:  # the last crumb of a long file is no loss
                yield position / rate, sides, rate


def _prepared(job: Job, sides: list[np.ndarray], file_rate: int) -> list[Decoded] | str:
    """Clips of one stretch at each rate it serves, or the reason why it cannot be used."""
    import soxr

    if not all(np.isfinite(x).all() for x in sides):
        return "has samples that are not finite"
    if len(sides[0]) < SHORTEST_S * file_rate:
        return f"shorter than {SHORTEST_S} s"
    sides = [x - x.mean() for x in sides]
    if job.kind in ("speech", "paired"):  # of pairs both, or their phases would part
        sides = [without_rumble(x, file_rate) for x in sides]
    active, power = active_frames(sides[-1], file_rate)
    if power < 1e-9:
        return "silent"
    if job.kind in ("speech", "paired"):
        sides = [_trim(x, active, file_rate) for x in sides]
    bandwidth_hz = job.bandwidth_hz or bandwidth_of(sides[-1], file_rate)
    full_band = min(job.original_rate or file_rate, file_rate) >= 44100 and bandwidth_hz > FULL_BAND_HZ
    clips: list[Decoded] = []
    for rate in (16000, 48000) if full_band else (16000,):
        at_rate = [x if rate == file_rate else soxr.resample(x, file_rate, rate) for x in sides]
        gain = np.float32(PEAK / max(*(float(np.abs(x).max()) for x in at_rate), 1e-9))
        for kind, x in zip(POOLS_OF[job.kind], at_rate, strict=True):
            y = x * gain
            clip = Decoded(kind, rate, np.round(y * 32768).astype(np.int16), *_levels(y, rate), bandwidth_hz)
            clips.append(clip)
    floor_db = clips[len(sides) - 1].floor_db  # of the clean side at 16 kHz
    if job.kind in ("speech", "paired") and floor_db > WORST_FLOOR_DB:
        if job.kind == "speech":  # no target, but a voice in real noise: for unpaired batches
            return [replace(clip, kind="noisy") for clip in clips]
        return f"noisy speech: its floor is only {-floor_db:.0f} dB below it"
    return clips


def bandwidth_of(x: np.ndarray, sample_rate: int) -> float:
    """Up to which frequency in Hz (in steps of 250) x [n] holds more than rounding errors and a resampler's leaks.

    The highest band of 250 Hz that comes within 60 dB of the strongest one in its loudest frames; of the first 30 s.
    """
    size = int(0.032 * sample_rate)  # 8 bins are 250 Hz
    x = x[: 30 * sample_rate] if len(x) >= size else np.pad(x, (0, size - len(x)))
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::size] * np.hanning(size).astype(np.float32)
    powers = np.abs(np.fft.rfft(frames)) ** 2
    energies = powers.sum(axis=1)
    loud = np.quantile(powers[energies >= 1e-4 * energies.max()], 0.95, axis=0)
    bands = loud[: len(loud) // 8 * 8].reshape(-1, 8).mean(axis=1)
    return min((int(np.flatnonzero(bands >= bands.max() * 10 ** (-AUDIBLE_DB / 10))[-1]) + 1) * 250.0, sample_rate / 2)


def without_rumble(x: np.ndarray, sample_rate: int) -> np.ndarray:
    """Speech [n] through a high-pass at 70 Hz (Butterworth, order 4), below every voice; float32 [n]."""
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(4, RUMBLE_HZ, "high", fs=sample_rate, output="sos"), x).astype(np.float32)


def _trim(x: np.ndarray, active: np.ndarray, sample_rate: int) -> np.ndarray:
    """Without the silence at both ends but for a margin: short prompts must not become mostly pauses."""
    where = np.flatnonzero(active)
    frame, margin = int(sample_rate * 0.02), int(TRIM_MARGIN_S * sample_rate)
    return x[max(0, where[0] * frame - margin) : (where[-1] + 1) * frame + margin]


def _levels(x: np.ndarray, sample_rate: int) -> tuple[float, float]:
    _, level = active_frames(x, sample_rate)
    floor = float(np.quantile(frame_powers(x, sample_rate), 0.05))
    if level <= 0:
        return SILENCE_DB, 0.0
    return 10 * float(np.log10(level)), max(10 * float(np.log10(max(floor, 1e-20) / level)), SILENCE_DB)
