"""Samples without a header: the ways they can lie in a stream of bytes, decoded and encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enhancer.errors import ConfigError
from enhancer.media.formats import BITS
from enhancer.media.quantise import Quantiser

# Raw format -> (numpy type, bytes a sample, sample format). 24 bits have no numpy type: they pass through int32.
LAYOUTS = {
    "u8": ("u1", 1, "PCM_U8"), "s8": ("i1", 1, "PCM_S8"), "s16le": ("<i2", 2, "PCM_16"), "s16be": (">i2", 2, "PCM_16"),
    "s24le": ("<i4", 3, "PCM_24"), "s24be": (">i4", 3, "PCM_24"), "s32le": ("<i4", 4, "PCM_32"),
    "s32be": (">i4", 4, "PCM_32"), "f32le": ("<f4", 4, "FLOAT"), "f32be": (">f4", 4, "FLOAT"),
    "f64le": ("<f8", 8, "DOUBLE"), "f64be": (">f8", 8, "DOUBLE"),
}  # fmt: skip
RAW_FORMATS = tuple(LAYOUTS)


@dataclass(frozen=True)
class RawFormat:
    """How headerless samples lie: `name` is one of RAW_FORMATS, channels are interleaved."""

    name: str = "s16le"
    sample_rate: int = 0
    channels: int = 1


def parse_raw_format(text: str) -> str:
    """A name of RAW_FORMATS from what ffmpeg, sox or arecord call it (`s16le`, `s16`, `S16_LE`, `FLOAT_LE`)."""
    name = text.lower().replace("_", "").replace("-", "").replace("float64", "f64").replace("float32", "f32")
    name = name.replace("float", "f32").replace("s243", "s24")
    for candidate in (name, name + "le"):
        if candidate in LAYOUTS:
            return candidate
    raise ConfigError(f"{text!r} is not a raw sample format", "one of: " + ", ".join(RAW_FORMATS))


def decode(data: bytes, name: str, channels: int) -> np.ndarray:
    """float32 [n, channels] in -1..1 from interleaved samples of the raw format `name` (whole frames)."""
    kind, width, sample_format = LAYOUTS[name]
    if width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        # The three bytes go to the top of 32 bits, so that the sign comes along.
        wide[:, 1:4] = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, :: 1 if name.endswith("le") else -1]
        return (wide.view("<i4").reshape(-1, channels) / np.float32(2**31)).astype(np.float32)
    samples = np.frombuffer(data, kind).reshape(-1, channels)
    if kind[-2] == "f":
        return samples.astype(np.float32)
    if kind == "u1":
        return (samples.astype(np.float32) - 128.0) / 128.0
    return (samples / np.float64(2 ** (BITS[sample_format] - 1))).astype(np.float32)


class Encoder:
    """float32 [n, channels] to bytes of the raw format `name`, integers with dither."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kind, self._width, sample_format = LAYOUTS[name]
        bits = BITS.get(sample_format)
        self._quantise = Quantiser(bits) if bits else None

    def __call__(self, block: np.ndarray) -> bytes:
        if self._quantise is None:
            return block.astype(self._kind).tobytes()
        samples = self._quantise(block)
        if self._width == 3:
            wide = samples.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3]
            return wide[:, :: 1 if self._name.endswith("le") else -1].tobytes()
        if self._kind == "u1":
            samples = samples + 128
        return samples.astype(self._kind).tobytes()
