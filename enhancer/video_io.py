"""Anything that ffmpeg reads, through PyAV (extra `video`): sound decoded and replaced, everything else copied.

The reader hands on the packets of pictures, subtitles and data as they pass by; the writer puts them into the new file
untouched. Sound keeps its place in time: gaps between packets become silence, so that lips and voice stay together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enhancer.audio_io import Notes, Options, Track
from enhancer.errors import InputError, OutputError
from enhancer.media.atomic import write_error
from enhancer.media.bitrate import default_bitrate
from enhancer.media.formats import nearest_rate
from enhancer.media.quantise import Quantiser

if TYPE_CHECKING:
    from enhancer.audio_io import Reader

# A jump in time stamps up to this is jitter of the container (Matroska rounds to 1 ms); beyond it, a gap.
_JITTER_S = 0.04
# A gap longer than this is a broken time stamp, not a pause in the recording.
_LONGEST_GAP_S = 600.0
# Samples of the longest packet of AAC or Opus, and then some.
_LONGEST_PADDING = 4096
# Codec -> encoder for it, where the names differ. ffmpeg's own Vorbis encoder is poor: Opus instead.
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libopus", "wmav1": "wmav2"}
# What to encode with when the source's own codec cannot be written there: best first.
_LOSSY_ENCODERS = ("aac", "libopus", "libmp3lame", "wmav2", "ac3")
_LOSSLESS_ENCODERS = ("flac", "alac")
# Files of these suffixes hold sound and perhaps a cover, no film, although some of their containers could.
_SOUND_ONLY = frozenset([".m4a", ".m4b", ".mka", ".aac", ".ac3", ".eac3", ".wma", ".mp2", ".amr", ".wv", ".tta"])
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_LOSSLESS = ("pcm_", "flac", "alac", "wavpack", "tta", "ape", "truehd", "mlp")
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
            self.av = av.open(str(path), metadata_errors="replace")
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
        lossless = name.startswith(_LOSSLESS)
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
        timelines = [_Timeline(track, track.frames if exact else None) for track in self.tracks]
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


def _measured_bitrate(path: Path, index: int) -> int | None:
    """b/s of a stream from the sizes of its packets in the first half minute; None when that cannot be told."""
    import av

    size, first, last = 0, None, None
    with contextlib.suppress(av.FFmpegError), av.open(str(path)) as container:
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


class _Timeline:
    """Strings decoded frames together by their time stamps and hands them out in blocks of about a second.

    `length` is how many samples there should be, where that is known: up to one packet beyond it is padding.
    """

    def __init__(self, track: Track, length: int | None) -> None:
        self._rate, self._channels, self._length = track.sample_rate, track.channels, length
        self._parts: list[np.ndarray] = []
        self._held = 0
        self._count = 0
        self._end: float | None = None  # seconds, where the next frame should begin
        self.start_s = 0.0

    def add(self, samples: np.ndarray, at: float | None) -> Iterator[np.ndarray]:
        """Takes float32 [n, channels] that begin at `at` seconds; gaps become silence, overlaps are cut."""
        if self._end is None:
            self._end = self.start_s = at or 0.0
        elif at is not None:
            jump = at - self._end
            if _JITTER_S < jump < _LONGEST_GAP_S:
                yield from self._silence(round(jump * self._rate))
            elif -_LONGEST_GAP_S < jump < -_JITTER_S:
                samples = samples[round(-jump * self._rate) :]
        self._push(samples)
        if self._ready():
            yield self._take()

    def _silence(self, count: int) -> Iterator[np.ndarray]:
        while count > 0:
            piece = min(count, self._rate)
            self._push(np.zeros((piece, self._channels), np.float32))
            count -= piece
            if self._ready():
                yield self._take()

    def _push(self, samples: np.ndarray) -> None:
        self._parts.append(samples)
        self._held += len(samples)
        self._count += len(samples)
        self._end = (self._end or 0.0) + len(samples) / self._rate

    def _ready(self) -> bool:
        # Around the promised end nothing is handed out until it is clear whether more follows.
        beyond = 0 if self._length is None else self._count - self._length
        return self._held >= self._rate and not 0 < beyond <= _LONGEST_PADDING

    def _take(self) -> np.ndarray:
        block = np.concatenate(self._parts) if len(self._parts) != 1 else self._parts[0]
        self._parts, self._held = [], 0
        return block

    def rest(self) -> np.ndarray | None:
        """What is left, without padding, or None."""
        if not self._held:
            return None
        block = self._take()
        beyond = 0 if self._length is None else self._count - self._length
        if 0 < beyond <= _LONGEST_PADDING:
            block = block[: len(block) - beyond]
        return block if len(block) else None


class AvWriter:
    """Writes sound tracks, and copies all else from an AvReader; see `enhancer.audio_io.Writer`.

    Each track keeps its codec, rate, layout, language and bit rate where the container can hold them. Raises
    OutputError when it can hold no sound of this kind at all.
    """

    def __init__(self, temporary: Path, target: Path, source: Reader, options: Options) -> None:
        self._temporary, self._target, self._options = temporary, target, options
        self._source = source
        self._notes = Notes()
        self._read_av = source if isinstance(source, AvReader) else None
        # Data streams (time code, camera telemetry) and odd subtitles are refused by some containers only when the
        # header is written: try with everything, then with less.
        for kinds in (("video", "subtitle", "data", "attachment"), ("video", "subtitle"), ("video",)):
            error = self._open(frozenset(kinds))
            if error is None:
                break
        else:
            raise OutputError(f"cannot write {target}: {error}", "choose another format with -o, such as .wav or .mkv")
        if self._read_av:
            self._read_av.on_packet = self._copy

    @property
    def notes(self) -> list[str]:
        return self._notes.lines

    def _open(self, kinds: frozenset[str]) -> str | None:
        """Opens the output with the source's streams of these kinds; what went wrong, or None."""
        import av

        self._copies: dict[int, Any] = {}
        self._encoders: list[_TrackEncoder] = []
        dropped = []
        # The strict "ipod" format, ffmpeg's choice for these suffixes, takes no cover; mp4 with the right brand does.
        brand = {".m4a": "M4A ", ".m4b": "M4B "}.get(self._target.suffix.lower())
        try:
            self._av = av.open(
                str(self._temporary),
                "w",
                format="mp4" if brand else None,
                container_options={"brand": brand} if brand else {},
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
                raise write_error(self._target, error) from error
            return f"{self._target.suffix or 'a name without suffix'} is no format that ffmpeg writes"
        try:
            sounds = 0
            for stream in self._read_av.av.streams if self._read_av else [None]:
                if stream is None or stream.type == "audio":
                    if sounds < len(self._source.tracks):
                        self._encoders.append(self._add_sound(sounds, stream))
                        sounds += 1
                elif stream.type in kinds and self._wanted(stream):
                    if not self._add_copy(stream):
                        dropped.append(stream)
                else:
                    dropped.append(stream)
            self._copy_facts()
            self._av.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):
                self._av.close()
            return getattr(error, "strerror", None) or str(error)
        for stream in dropped:
            if self._target.suffix.lower() in _SOUND_ONLY and not _is_cover(stream):
                continue  # that is what such a name asks for
            if stream.type == "data" and ("timecode" in stream.metadata or self._source_chapters()):
                continue  # MP4 keeps these in streams that the muxer makes anew
            self._notes.add(f"{self._target.suffix} cannot hold a {stream.type} stream of the input: left out")
        self.tracks = [encoder.track for encoder in self._encoders]
        return None

    def _wanted(self, stream: Any) -> bool:
        if stream.type == "data" and "timecode" in stream.metadata and _same_family(self):
            return False  # the muxer makes it anew from the time code among the metadata
        return self._target.suffix.lower() not in _SOUND_ONLY or _is_cover(stream)

    def _add_copy(self, stream: Any) -> bool:
        try:
            copy = self._av.add_stream_from_template(stream, opaque=True)
        except ValueError:
            return False
        if _same_family(self):
            # "hvc1" and "hev1" hold the same pictures, but players want the one that was there.
            with contextlib.suppress(AttributeError, TypeError, ValueError):
                copy.codec_context.codec_tag = stream.codec_context.codec_tag
        if stream.type == "video" and stream.average_rate:
            copy.codec_context.framerate = stream.average_rate
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition.value  # an int: PyAV 16 takes nothing else
        self._copies[stream.index] = copy
        return True

    def _add_sound(self, number: int, stream: Any) -> _TrackEncoder:
        track = self._source.tracks[number]
        lossless = track.sample_format != "LOSSY" and not track.bitrate
        own = _ENCODERS.get(track.codec, track.codec.lower() if stream is not None else "")
        others = (*_LOSSLESS_ENCODERS, *_LOSSY_ENCODERS) if lossless else _LOSSY_ENCODERS
        for name in (own, *others):
            try:
                encoder = _TrackEncoder(self._av, name, track, stream, self._options)
            except ValueError:  # no such encoder, or the container does not take it
                continue
            for note in encoder.notes:
                self._notes.add(note)
            if stream is not None:
                encoder.stream.metadata.update(stream.metadata)
                encoder.stream.disposition = stream.disposition.value
                if name != own:
                    self._notes.add(f"{track.codec} sound cannot be written to {self._target.suffix}: {name} taken")
            return encoder
        raise ValueError(f"{self._target.suffix} takes no sound that can be encoded here")

    def _copy_facts(self) -> None:
        if self._read_av is None:
            self._av.metadata.update(self._source.texts)
            return
        self._av.metadata.update(self._read_av.av.metadata)
        if chapters := self._source_chapters():
            self._av.set_chapters(chapters)

    def _source_chapters(self) -> list[Any]:
        return self._read_av.av.chapters() if self._read_av else []

    def _copy(self, packet: Any) -> None:
        index = packet.stream.index
        copy = self._copies.get(index)
        if copy is None:
            return
        kind = packet.stream.type
        packet.stream = copy
        with self._write_errors():
            try:
                self._av.mux_one(packet)
            except ValueError:  # EINVAL: some data streams are accepted in the header, but not their packets
                if kind != "data":
                    raise
                del self._copies[index]
                self._notes.add(f"{self._target.suffix} cannot hold a data stream of the input: left out")

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise write_error(self._target, error) from error

    def write(self, track: int, block: np.ndarray) -> None:
        """Appends float32 [n, channels] to a track; raises OutputError."""
        encoder = self._encoders[track]
        if encoder.position is None:
            start_s = self._read_av.starts_s[track] if self._read_av else 0.0
            encoder.position = round(start_s * encoder.track.sample_rate)
        with self._write_errors():
            for packet in encoder.encode(block):
                self._av.mux_one(packet)

    def finish(self) -> None:
        """Flushes the encoders and completes the file; raises OutputError."""
        with self._write_errors():
            for encoder in self._encoders:
                for packet in encoder.flush():
                    self._av.mux_one(packet)
            self._av.close()

    def close(self) -> None:
        """Closes the file; what it holds by then is of no use."""
        with contextlib.suppress(Exception):  # the trailer of a file without packets, a full disk: all the same now
            self._av.close()


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _same_family(writer: AvWriter) -> bool:
    # ffmpeg's demuxer names a whole family, "mov,mp4,m4a,3gp,3g2,mj2"; the muxer one member of it.
    return writer._read_av is not None and writer._av.format.name in writer._read_av.container.split(",")


class _TrackEncoder:
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
        lossy = not name.startswith(_LOSSLESS)
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
        order = (wanted, "s32", "s16") if codec.name.startswith(_LOSSLESS) else ("flt", "s32", "s16")
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
