"""One sound track of an output through PyAV: encoder, sample format, bit rate, position in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from enhancer.media.bitrate import default_bitrate
from enhancer.media.formats import nearest_rate
from enhancer.media.quantise import Quantiser
from enhancer.media.types import Options, Track

LOSSLESS_CODECS = ("pcm_", "flac", "alac", "wavpack", "tta", "ape", "truehd", "mlp")  # how their names begin
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class TrackEncoder:
    """One sound track of an output: encoder, sample format, position in time.

    Raises ValueError when there is no such encoder or the container does not take it.
    """

    def __init__(self, container: Any, name: str, track: Track, stream: Any, options: Options) -> None:
        import av

        codec = av.Codec(name, "w")
        if codec.experimental:
            raise ValueError(f"{name} is experimental")
        self.notes: list[str] = []
        self.position: int | None = None
        rate = nearest_rate(track.sample_rate, codec.audio_rates) if codec.audio_rates else track.sample_rate
        if rate != track.sample_rate:
            self.notes.append(f"{name} has no {track.sample_rate} Hz: {rate} Hz taken")
        self.stream = container.add_stream(name, rate=rate)
        self.stream.codec_context.layout = _layout(track, stream)
        packed = self._choose_format(codec, track)
        self.stream.codec_context.format = next(
            form.name for form in codec.audio_formats or () if form.packed.name == packed
        )
        self.stream.codec_context.time_base = Fraction(1, rate)
        lossy = not name.startswith(LOSSLESS_CODECS)
        bitrate = (options.bitrate or track.bitrate or default_bitrate(name, track.channels)) if lossy else None
        if bitrate:
            self.stream.codec_context.bit_rate = bitrate
        elif options.bitrate:
            self.notes.append(f"--bitrate has no effect on {name}")
        frames = None if track.frames is None else round(track.frames * rate / track.sample_rate)
        self.track = replace(track, sample_rate=rate, frames=frames, bitrate=bitrate, codec=name)
        bits = {"u8": 8, "s16": 16, "s32": 32 if name.startswith("pcm_s32") else 24}.get(packed)
        self._quantise = Quantiser(bits) if bits else None
        self._packed = packed

    @staticmethod
    def _choose_format(codec: Any, track: Track) -> str:
        """ffmpeg's packed name of the encoder's sample type that is nearest to the track's."""
        have = [form.packed.name for form in codec.audio_formats]
        wanted = {"PCM_U8": "u8", "PCM_S8": "u8", "PCM_16": "s16", "PCM_24": "s32", "PCM_32": "s32"}.get(
            track.sample_format, "flt"
        )
        order = (wanted, "s32", "s16") if codec.name.startswith(LOSSLESS_CODECS) else ("flt", "s32", "s16")
        return next((name for name in order if name in have), have[0])

    def encode(self, block: np.ndarray) -> Iterator[Any]:
        """Packets for float32 [n, channels]."""
        import av

        if self._quantise is None:
            samples = block.astype(np.float64 if self._packed == "dbl" else np.float32)
        else:
            integers = self._quantise(block)
            if self._packed == "u8":
                samples = (integers + 128).astype(np.uint8)
            elif self._packed == "s16":
                samples = integers.astype(np.int16)
            else:
                samples = integers << (32 - self._quantise.bits)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.reshape(1, -1)),
            format=self._packed,
            layout=self.stream.codec_context.layout.name,
        )
        frame.sample_rate = self.track.sample_rate
        frame.time_base = Fraction(1, self.track.sample_rate)
        frame.pts = self.position
        self.position = (self.position or 0) + len(block)
        yield from self.stream.encode(frame)

    def flush(self) -> Iterator[Any]:
        """The last packets."""
        yield from self.stream.encode(None)


def _layout(track: Track, stream: Any) -> str:
    if stream is not None and stream.codec_context.layout.name:
        return stream.codec_context.layout.name
    return _LAYOUTS.get(track.channels, f"{track.channels} channels")
