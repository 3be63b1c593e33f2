"""Bit rates of lossy files: what the input has, and the libsndfile setting that gives the output the same.

libsndfile takes a "compression level" of 0..1 instead of a rate. How it maps (libsndfile 1.2, confirmed by encoding):
MP3: linear between the largest and the smallest rate of the sample rate's MPEG version, rounded to a legal rate;
Opus: linear from 256 to 6 kb/s a channel; Vorbis: quality = 1 - level, whose nominal rate is written in the header.
"""

from __future__ import annotations

import functools
import io
import re
import struct
from pathlib import Path

from enhancer.errors import ConfigError
from enhancer.media.types import system_name

# Rates in kb/s that MPEG layer III may have, by MPEG version.
_MP3_RATES = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    2.5: (8, 16, 24, 32, 40, 48, 56, 64),
}
# For sound that was not lossy before, b/s a channel: transparent or nearly so for speech and music.
_DEFAULT_PER_CHANNEL = {"MPEG_LAYER_III": 96_000, "OPUS": 64_000, "VORBIS": 80_000}
LOSSY_SUBTYPES = frozenset(_DEFAULT_PER_CHANNEL)


def parse_bitrate(text: str) -> int:
    """Bits per second from what a person types: `128k`, `96kbps`, `128` (below 1000 means kb/s), `128000`.

    Raises ConfigError outside 4 kb/s .. 2 Mb/s.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(k|kb/?s|kbps|kbit/s)?\s*", text.lower())
    value = float(match[1]) if match else 0.0
    if match and (match[2] or value < 1000):
        value *= 1000
    if not 4_000 <= value <= 2_000_000:
        raise ConfigError(f"{text!r} is not a bit rate", "write it like --bitrate 128k (4k to 2000k)")
    return int(value)


def default_bitrate(subtype: str, channels: int) -> int:
    """A good rate in b/s for sound that comes from a lossless file."""
    return _DEFAULT_PER_CHANNEL.get(subtype, 96_000) * channels


def encoder_settings(subtype: str, bitrate: int, sample_rate: int, channels: int, *, constant: bool) -> dict:
    """`compression_level` and `bitrate_mode` for soundfile that come nearest to `bitrate` (b/s)."""
    if subtype == "MPEG_LAYER_III":
        rates = _MP3_RATES[_mpeg_version(sample_rate)]
        kbps = min(rates, key=lambda rate: abs(rate - bitrate / 1000))
        level = (rates[-1] - kbps) / (rates[-1] - rates[0])
        return {"compression_level": min(level, 0.9999), "bitrate_mode": "CONSTANT" if constant else "AVERAGE"}
    if subtype == "OPUS":
        per_channel = bitrate / channels / 1000
        return {"compression_level": min(max((256 - per_channel) / 250, 0.0), 1.0)}
    if subtype == "VORBIS":
        return {"compression_level": _vorbis_level(bitrate, sample_rate, channels)}
    return {}


def _mpeg_version(sample_rate: int) -> float:
    return 1 if sample_rate >= 32000 else 2 if sample_rate >= 16000 else 2.5


@functools.lru_cache(maxsize=64)
def _vorbis_level(bitrate: int, sample_rate: int, channels: int) -> float:
    """Bisects the level until the nominal rate in the header of an empty file meets `bitrate` (3 ms a step)."""
    import soundfile

    low, high = 0.0, 1.0  # level 0 has the highest rate
    for _ in range(12):
        middle = (low + high) / 2
        empty = io.BytesIO()
        with soundfile.SoundFile(empty, "w", sample_rate, channels, "VORBIS", format="OGG", compression_level=middle):
            pass
        if (_vorbis_nominal(empty.getvalue()) or 0) > bitrate:
            low = middle
        else:
            high = middle
    return high


def _vorbis_nominal(head: bytes) -> int | None:
    at = head.find(b"\x01vorbis")
    if at < 0 or len(head) < at + 28:
        return None
    nominal = struct.unpack_from("<i", head, at + 20)[0]
    return nominal if nominal > 0 else None


def input_bitrate(path: Path, subtype: str, duration_s: float, tag_bytes: int) -> tuple[int | None, bool]:
    """The (mean) bit rate of a lossy file in b/s and whether it is constant; (None, False) for other subtypes.

    `tag_bytes` is what tags and pictures take of the file. Vorbis answers with the nominal rate of its header, so
    that the same quality is chosen again; MP3 files without a "Xing" mark are taken as constant.
    """
    if subtype not in LOSSY_SUBTYPES or duration_s <= 0:
        return None, False
    with open(path, "rb") as file:
        head = file.read(8192)
        if subtype == "MPEG_LAYER_III" and tag_bytes:
            file.seek(tag_bytes)
            head = file.read(8192)
    if subtype == "VORBIS":
        nominal = _vorbis_nominal(head)
        if nominal:
            return nominal, False
    mean = int(max(path.stat().st_size - tag_bytes, 1) * 8 / duration_s)
    if subtype == "OPUS":
        return _opus_target(path, mean), False
    return mean, subtype == "MPEG_LAYER_III" and b"Xing" not in head[:512] and b"VBRI" not in head[:512]


def _opus_target(path: Path, mean: int) -> int:
    """The rate that the encoder of an Opus file was asked for, b/s, from the mean rate that came out of it.

    Opus spends less than it may on pauses and quiet sound, by up to half, so asking for the mean would lower the rate
    with every generation. Three excerpts, encoded at the mean, tell how much less on this sound.
    """
    import soundfile

    excerpt_s = 8.0
    with soundfile.SoundFile(system_name(path)) as file:
        rate, channels = file.samplerate, file.channels
        length = int(excerpt_s * rate)
        starts = [0] if file.frames <= 3 * length else [int(part * file.frames) for part in (0.1, 0.5, 0.85)]
        sound = []
        for start in starts:
            file.seek(start)
            sound.append(file.read(length if len(starts) > 1 else -1, dtype="float32", always_2d=True))
    frames = sum(len(piece) for piece in sound)
    encoded = io.BytesIO()
    settings = encoder_settings("OPUS", mean, rate, channels, constant=False)
    with soundfile.SoundFile(encoded, "w", rate, channels, "OPUS", format="OGG", **settings) as file:
        for piece in sound:
            file.write(piece)
    reached = encoded.tell() * 8 * rate / max(frames, 1)
    return int(mean * min(max(mean / reached, 1.0), 2.0))
