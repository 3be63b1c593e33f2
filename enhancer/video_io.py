"""Anything that ffmpeg reads, through PyAV (extra `video`): all sound tracks decoded, everything else handed on.

Packets of pictures, subtitles and data go to `on_packet` as they pass by; `enhancer.video_writer` copies them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import InputError
from enhancer.media.timeline import Timeline
from enhancer.media.track_encoder import LOSSLESS_CODECS
from enhancer.media.types import Notes, Options, Track

# What ffmpeg calls a sample type -> (numpy scale, libsndfile's name).
_SAMPLES = {
    "u8": (128.0, "PCM_U8"), "s16": (2.0**15, "PCM_16"), "s32": (2.0**31, "PCM_32"), "s64": (2.0**63, "PCM_32"),
    "flt": (1.0, "FLOAT"), "dbl": (1.0, "DOUBLE"),
}  # fmt: skip


class AvReader:
    """Reads all sound tracks of a file; see `enhancer.audio_io.Reader`.

    Packets of other streams go to `on_packet` (set by AvWriter) in the order of the file. Raises InputError when there
    is no sound in it, or it cannot be read.
    """

    def __init__(self, path: Path, options: Options) -> None:
        import av

        self.path = path
        self._salvage = options.salvage
        self._notes = Notes()
        self.on_packet: Callable[[Any], None] | None = None
        try:
            self.av = av.open(_for_ffmpeg(path), metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{path} is not audio or video that can be read: {reason}") from error
        try:
            self.container = self.av.format.name
            self.texts = {key.lower(): value for key, value in self.av.metadata.items()}
            self.streams = [stream for stream in self.av.streams.audio if stream.codec_context is not None]
            if not self.streams:
                raise InputError(f"{path} has no sound track")
            self.tracks = [self._track(stream) for stream in self.streams]
            self.starts_s = [0.0] * len(self.tracks)
        except BaseException:
            self.av.close()
            raise

    def _track(self, stream: Any) -> Track:
        context = stream.codec_context
        if not context.sample_rate or not context.layout.nb_channels:
            raise InputError(f"{self.path} has a sound track that cannot be decoded ({context.name})")
        name = context.codec.canonical_name if hasattr(context.codec, "canonical_name") else context.name
        lossless = name.startswith(LOSSLESS_CODECS)
        sample_format = _lossless_format(context, name) if lossless else "LOSSY"
        seconds = None
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        elif self.av.duration:
            seconds = self.av.duration / 1e6
        frames = None if seconds is None else round(seconds * context.sample_rate)
        bitrate = None if lossless else self._bitrate(stream)
        return Track(context.sample_rate, context.layout.nb_channels, sample_format, frames, bitrate, codec=name)

    def _bitrate(self, stream: Any) -> int | None:
        if stream.codec_context.bit_rate:
            return int(stream.codec_context.bit_rate)
        if len(self.av.streams) == 1 and self.av.bit_rate:
            return int(self.av.bit_rate)
        return _measured_bitrate(self.path, stream.index)

    @property
    def notes(self) -> list[str]:
        return self._notes.lines

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(track, float32 [n, channels]) of about one second each; raises InputError where the file is damaged."""
        import av

        numbers = {stream.index: number for number, stream in enumerate(self.streams)}
        # MP4 tells the exact length; the padding of the last packet is not part of it.
        exact = "mp4" in self.container.split(",")
        timelines = [Timeline(track, track.frames if exact else None) for track in self.tracks]
        total = 0
        reached_s = 0.0
        try:
            for packet in self.av.demux():
                reached_s = max(reached_s, _end_of(packet))
                number = numbers.get(packet.stream.index)
                if number is None:
                    if self.on_packet and packet.size:
                        self.on_packet(packet)
                    continue
                for frame in packet.decode():
                    for block in timelines[number].add(self._samples(frame, number), _seconds(frame)):
                        self.starts_s[number] = timelines[number].start_s
                        total += len(block)
                        yield number, block
        except (av.FFmpegError, av.ArgumentError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if not self._salvage:
                raise InputError(
                    f"{self.path} is damaged: {reason}", "give --salvage to clean what can be read of it"
                ) from error
            self._notes.add(f"the file is damaged ({reason}): cleaned up to there")
        self._check_end(reached_s)
        for number, timeline in enumerate(timelines):
            if (rest := timeline.rest()) is not None:
                self.starts_s[number] = timeline.start_s
                total += len(rest)
                yield number, rest
        if not total:
            raise InputError(f"{self.path} holds no sound (0 samples)")

    def _check_end(self, reached_s: float) -> None:
        """ffmpeg reads a file that is cut off without a word; these containers say how long they should be."""
        if not self.av.duration or not {"mp4", "matroska"} & set(self.container.split(",")):
            return
        whole_s = (self.av.duration + max(self.av.start_time or 0, 0)) / 1e6
        if whole_s - reached_s <= max(1.0, 0.01 * whole_s):
            return
        what = f"cut off after {reached_s:.1f} of {whole_s:.1f} s"
        if not self._salvage:
            raise InputError(f"{self.path} is {what}", "give --salvage to clean what can be read of it")
        self._notes.add(f"the file is {what}: cleaned up to there")

    def _samples(self, frame: Any, number: int) -> np.ndarray:
        """float32 [n, channels] of a decoded frame."""
        track = self.tracks[number]
        if frame.sample_rate != track.sample_rate or frame.layout.nb_channels != track.channels:
            raise InputError(f"{self.path} changes its sample rate or channels on the way")
        array = frame.to_ndarray()
        array = array.T if frame.format.is_planar else array.reshape(-1, track.channels)
        scale, _ = _SAMPLES[frame.format.packed.name]
        if array.dtype == np.uint8:
            return (array.astype(np.float32) - 128.0) / np.float32(128.0)
        return array.astype(np.float32) if scale == 1.0 else (array / scale).astype(np.float32)

    def close(self) -> None:
        """Closes the file."""
        self.av.close()


def _seconds(frame: Any) -> float | None:
    return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def _end_of(packet: Any) -> float:
    at = packet.pts if packet.pts is not None else packet.dts
    return float((at + (packet.duration or 0)) * packet.time_base) if at is not None and packet.time_base else 0.0


def _lossless_format(context: Any, name: str) -> str:
    sample_format = _SAMPLES.get(context.format.packed.name, (1.0, "PCM_16"))[1]
    if sample_format == "PCM_32":
        # 24 bits travel in the top of 32; the codec's own name or its coded width tells them apart.
        bits = getattr(context, "bits_per_raw_sample", 0) or getattr(context, "bits_per_coded_sample", 0)
        return "PCM_24" if "24" in name or bits == 24 or name in ("flac", "wavpack", "tta", "ape") else "PCM_32"
    return sample_format


def _for_ffmpeg(path: Path) -> str:
    """The whole path: FFmpeg takes what stands before a colon for a protocol, as in 10:30.m4a."""
    return str(path.absolute())


def _measured_bitrate(path: Path, index: int) -> int | None:
    """b/s of a stream from the sizes of its packets in the first half minute; None when that cannot be told."""
    import av

    size, first, last = 0, None, None
    with contextlib.suppress(av.FFmpegError), av.open(_for_ffmpeg(path)) as container:
        for packet in container.demux(container.streams[index]):
            if packet.pts is None:
                continue
            at = float(packet.pts * packet.time_base)
            first = at if first is None else first
            last = at + float((packet.duration or 0) * packet.time_base)
            size += packet.size
            if last - first > 30:
                break
    return int(size * 8 / (last - first)) if first is not None and last and last > first else None
