"""Films and other files through PyAV (extra `video`), written: new sound, everything else copied as it was.

The reader hands on the packets of pictures, subtitles and data as they pass by; they go into the new file untouched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enhancer.errors import OutputError
from enhancer.media.atomic import write_error
from enhancer.media.track_encoder import TrackEncoder
from enhancer.media.types import Notes, Options
from enhancer.video_io import AvReader

if TYPE_CHECKING:
    from enhancer.media.types import Reader

# Codec -> encoder for it, where the names differ. ffmpeg's own Vorbis encoder is poor: Opus instead.
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libopus", "wmav1": "wmav2"}
# What to encode with when the source's own codec cannot be written there: best first.
_LOSSY_ENCODERS = ("aac", "libopus", "libmp3lame", "wmav2", "ac3")
_LOSSLESS_ENCODERS = ("flac", "alac")
# Files of these suffixes hold sound and perhaps a cover, no film, although some of their containers could.
_SOUND_ONLY = frozenset([".m4a", ".m4b", ".mka", ".aac", ".ac3", ".eac3", ".wma", ".mp2", ".amr", ".wv", ".tta"])


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
        self._encoders: list[TrackEncoder] = []
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

    def _add_sound(self, number: int, stream: Any) -> TrackEncoder:
        track = self._source.tracks[number]
        lossless = track.sample_format != "LOSSY" and not track.bitrate
        own = _ENCODERS.get(track.codec, track.codec.lower() if stream is not None else "")
        others = (*_LOSSLESS_ENCODERS, *_LOSSY_ENCODERS) if lossless else _LOSSY_ENCODERS
        for name in (own, *others):
            try:
                encoder = TrackEncoder(self._av, name, track, stream, self._options)
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
