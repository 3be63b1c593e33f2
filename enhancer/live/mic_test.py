"""A few seconds of a microphone, recorded and judged before and after denoising.

The stream's thread copies into a buffer made beforehand; the caller's thread waits, looks at what has come so far, and
does everything else afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from enhancer.engine import Enhancer
from enhancer.live.backend import Backend, Stream, StreamSpec
from enhancer.live.errors import DeviceError
from enhancer.live.recording_paths import unused_paths
from enhancer.media.atomic import replacing, write_error

SAMPLE_RATE = 48_000
LATENCY_S = 0.05  # nobody waits for it; fewer dropouts than with less
PATIENCE_S = 3.0  # for a stream to begin, or to go on
POLL_S = 0.05
PAUSE_S = 0.4  # between two recordings that are played
PRESENT = 0.5  # probability of speech
EDGE = 4  # frames around speech that are neither speech nor noise: reverberation, and the window's reach
FEWEST_FRAMES = 20  # of noise, for a level of it: 200 ms
QUIETEST = 0.1  # of all frames, where speech leaves no pause
SNR_MOST_DB = 60.0
LEAST_DBFS = -120.0


class Problem(Enum):
    """What a user can mend."""

    MUTED = "muted"
    OVERDRIVEN = "overdriven"
    NO_SPEECH = "no speech"
    FAINT = "faint"


_ADVICE = {
    Problem.MUTED: "the microphone gives exact silence: it is muted, or a switch on it is off",
    Problem.OVERDRIVEN: "the microphone is overdriven: lower its volume in the sound settings, or go further away",
    Problem.NO_SPEECH: "hardly any speech was heard: speak while it records, or choose another microphone "
    "(enhancer devices)",
    Problem.FAINT: "the speech is faint: raise the microphone's volume in the sound settings, or go nearer",
}


@dataclass(frozen=True)
class Levels:
    """Of one side, RMS in dBFS and dB.

    level: of the speech, or of everything where there is none. noise: of the pauses, or of the quietest tenth where
    there is no pause, and then a bit too high. snr: speech to noise, -20 to 60; None: no speech.
    """

    level_dbfs: float
    peak_dbfs: float
    noise_dbfs: float
    snr_db: float | None


@dataclass(frozen=True)
class MicTest:
    """What was recorded and what became of it, float32 [samples] each and aligned. speech_share: of the time, 0..1."""

    sample_rate: int
    noisy: np.ndarray
    clean: np.ndarray
    before: Levels
    after: Levels
    speech_share: float


def record(
    backend: Backend, device: str | None, seconds: float, show: Callable[[float, np.ndarray], object]
) -> tuple[np.ndarray, int]:
    """Records a microphone: float32 [samples], mono, and its rate in Hz.

    show: called about 20 times a second with the seconds recorded so far and the newest sound, 100 ms of it at most.
    Raises DeviceError when it cannot be opened, goes away or gives nothing for 3 s.
    """
    recording = np.zeros((round(seconds * 2 * SAMPLE_RATE), 1), np.float32)  # whatever rate it opens at
    filled = 0

    def take(block: np.ndarray) -> None:
        nonlocal filled
        count = min(len(block), len(recording) - filled)
        recording[filled : filled + count] = block[:count]
        filled += count

    stream = backend.open_input(_spec(device), take)
    try:
        rate = stream.sample_rate
        wanted = min(round(seconds * rate), len(recording))
        stream.start()
        seen, came_at = 0, monotonic()
        while seen < wanted:
            sleep(POLL_S)
            if filled > seen:
                seen, came_at = filled, monotonic()
                show(min(seen, wanted) / rate, recording[max(0, seen - rate // 10) : seen, 0])
            _check(stream, came_at, "microphone")
    finally:
        stream.close()
    return recording[:wanted, 0].copy(), rate


def play(backend: Backend, device: str | None, sound: np.ndarray, sample_rate: int) -> None:
    """Plays float samples [n] and returns when they have been heard. Raises DeviceError."""
    played = 0

    def give(block: np.ndarray) -> None:
        nonlocal played
        part = sound[played : played + len(block)]
        block[: len(part)] = part[:, None]
        block[len(part) :] = 0.0
        played += len(part)

    stream = backend.open_output(_spec(device, sample_rate), give)
    try:
        if stream.sample_rate != sample_rate:
            import soxr

            sound = soxr.resample(sound, sample_rate, stream.sample_rate)
        stream.start()
        seen, went_at = 0, monotonic()
        while played < len(sound):
            sleep(POLL_S)
            if played > seen:
                seen, went_at = played, monotonic()
            _check(stream, went_at, "loudspeaker")
        sleep(stream.latency_s + POLL_S)
    finally:
        stream.close()
    sleep(PAUSE_S)


def judge(noisy: np.ndarray, enhancer: Enhancer) -> MicTest:
    """Denoises a recording, float32 [samples] at the rate of `enhancer`, and measures both sides."""
    hop = enhancer.sample_rate // 100
    frames = len(noisy) // hop
    if frames == 0:
        raise ValueError("a recording of less than 10 ms")
    clean = np.zeros(frames * hop + enhancer.latency_samples, np.float32)
    presence = np.zeros(frames)
    noisy = noisy[: frames * hop]
    for number in range(frames):
        span = slice(number * hop, (number + 1) * hop)
        clean[span] = enhancer.process(noisy[span])
        presence[number] = enhancer.stats.speech_presence
    clean[frames * hop :] = enhancer.flush()
    clean = clean[enhancer.latency_samples :]
    speech = presence > PRESENT
    pauses = _pauses(noisy.reshape(frames, hop), speech)
    before, after = (_levels(side.reshape(frames, hop), speech, pauses) for side in (noisy, clean))
    return MicTest(enhancer.sample_rate, noisy, clean, before, after, float(speech.mean()))


def problem(test: MicTest) -> Problem | None:
    """What is wrong with the microphone, the worst first."""
    if not test.noisy.any():
        return Problem.MUTED
    if np.mean(np.abs(test.noisy) > 0.99) > 1e-4:
        return Problem.OVERDRIVEN
    if test.speech_share < 0.05:
        return Problem.NO_SPEECH
    if test.before.level_dbfs < -45.0:
        return Problem.FAINT
    return None


def advice(test: MicTest) -> str:
    """What to change about the microphone, one line; empty when nothing."""
    found = problem(test)
    return _ADVICE[found] if found else ""


def figures(test: MicTest) -> dict[str, Any]:
    """What was measured, for JSON: levels in dBFS and dB, null where unknown."""
    return {
        "sample_rate": test.sample_rate,
        "seconds": round(len(test.noisy) / test.sample_rate, 3),
        "speech_share": round(test.speech_share, 3),
        **{
            name: {key: None if value is None else round(value, 2) for key, value in asdict(side).items()}
            for name, side in (("before", test.before), ("after", test.after))
        },
    }


def save(test: MicTest, folder: Path) -> list[Path]:
    """Writes TIME-noisy.wav and TIME-clean.wav, 24 bits, into a folder, which is made. Raises OutputError."""
    import soundfile

    paths = list(unused_paths(folder, ".wav"))
    for path, sound in zip(paths, (test.noisy, test.clean), strict=True):
        with replacing(path, overwrite=False) as temporary:
            try:
                soundfile.write(temporary, sound, test.sample_rate, subtype="PCM_24")
            except (OSError, soundfile.SoundFileError) as error:
                raise write_error(path, error) from error
    return paths


def dbfs(sound: np.ndarray) -> float:
    """RMS level, -120 at the least."""
    return _decibels(float(np.mean(np.square(sound, dtype=np.float64))))


def peak_dbfs(sound: np.ndarray) -> float:
    """The highest sample's level, -120 at the least."""
    return _decibels(float(np.max(np.abs(sound))) ** 2)


def _spec(device: str | None, sample_rate: int = SAMPLE_RATE) -> StreamSpec:
    return StreamSpec(device, sample_rate, 1, sample_rate // 100, LATENCY_S)


def _check(stream: Stream, moved_at: float, what: str) -> None:
    if not stream.alive:
        raise DeviceError(stream.error or f"the {what} is closed")
    if monotonic() - moved_at > PATIENCE_S:
        raise DeviceError(f"the {what} does nothing", "see: enhancer doctor")


def _pauses(frames: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Which frames [frames, hop] are noise alone: bool [frames]."""
    pauses = np.convolve(speech, np.ones(2 * EDGE + 1), "same") == 0
    if pauses.sum() >= FEWEST_FRAMES:
        return pauses
    powers = _powers(frames)
    return powers <= np.quantile(powers, QUIETEST)


def _levels(frames: np.ndarray, speech: np.ndarray, pauses: np.ndarray) -> Levels:
    """frames [frames, hop]; which of them hold speech, which noise alone."""
    powers = _powers(frames)
    quiet = float(powers[pauses].mean())
    if not speech.any():
        return Levels(_decibels(float(powers.mean())), peak_dbfs(frames), _decibels(quiet), None)
    loud = float(powers[speech].mean())
    # Speech comes with noise on top; what denoising leaves of that may be nothing.
    ratio = 10.0 * np.log10(max(loud - quiet, 1e-15) / max(quiet, 1e-15))
    return Levels(_decibels(loud), peak_dbfs(frames), _decibels(quiet), float(np.clip(ratio, -20.0, SNR_MOST_DB)))


def _powers(frames: np.ndarray) -> np.ndarray:
    return np.mean(np.square(frames, dtype=np.float64), axis=1)


def _decibels(power: float) -> float:
    return max(LEAST_DBFS, float(10.0 * np.log10(power + 1e-15)))
