"""How samples travel: int16 as FLAC, without loss; features of a teacher as 8 bits, with little."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

UNCOMPRESSED = frozenset({"WAV", "WAVEX", "AIFF", "AU", "CAF", "RF64", "W64"})
SIXTEEN_BITS = frozenset({"PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW"})


def flac(samples: np.ndarray, sample_rate: int = 16_000) -> bytes:
    """Int16 samples [n] or [n, channels] as a FLAC file; `unflac` gives them back bit by bit."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def unflac(file: bytes) -> np.ndarray:
    """The int16 samples [n] or [n, channels] of a FLAC file."""
    import soundfile

    return soundfile.read(io.BytesIO(file), dtype="int16")[0]


def compressed_copy(path: Path) -> bytes | None:
    """A recording as FLAC, of 16 or 24 bits, if it is uncompressed; None if it is compressed already or unreadable.

    Samples beyond full scale, which only float files have, would be clipped: such files are left as they are.
    """
    import soundfile

    try:
        info = soundfile.info(path)
        if info.format not in UNCOMPRESSED:
            return None
        samples, rate = soundfile.read(path, dtype="int32" if info.subtype.startswith("PCM") else "float64")
        if samples.dtype == np.float64 and samples.size and np.abs(samples).max() > 1.0:
            return None
        file = io.BytesIO()
        soundfile.write(
            file, samples, rate, format="FLAC", subtype="PCM_16" if info.subtype in SIXTEEN_BITS else "PCM_24"
        )
    except (soundfile.LibsndfileError, OSError, RuntimeError):
        return None
    return file.getvalue()


def eight_bits(features: np.ndarray) -> bytes:
    """Features [frames, dims] in 8 bits, each dimension scaled to its own peak; 40 dB above the error, measured."""
    scale = np.maximum(np.abs(features.astype(np.float32)).max(axis=0), 1e-6)
    rounded = np.rint(features.astype(np.float32) / scale * 127).astype(np.int8)
    return scale.astype("<f4").tobytes() + rounded.tobytes()


def from_eight_bits(stored: bytes, dims: int) -> np.ndarray:
    """What `eight_bits` kept of features: float16 [frames, dims]."""
    scale = np.frombuffer(stored[: 4 * dims], "<f4")
    rounded = np.frombuffer(stored[4 * dims :], np.int8).reshape(-1, dims)
    return (rounded * (scale / 127)).astype(np.float16)


def room_to_int16(responses: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Impulse responses [places, n] as int16 [n, places] and the peak of each: 96 dB, below which nobody hears."""
    peaks = np.maximum(np.abs(responses).max(axis=1), 1e-9)
    return np.rint(responses.T / peaks * 32767).astype(np.int16), [float(peak) for peak in peaks]


def room_from_int16(samples: np.ndarray, peaks: list[float]) -> np.ndarray:
    """Impulse responses float32 [places, n]."""
    return (samples.astype(np.float32) * (np.array(peaks, np.float32) / 32767)).T
