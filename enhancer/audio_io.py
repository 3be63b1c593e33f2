"""Open, read and write any audio or video file block by block, with its metadata: the types and the front door.

Everything that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, CAF, ...) goes through `enhancer.media`, anything
else that ffmpeg reads through `enhancer.video_io` (extra `video`), samples in pipes through `enhancer.media.pipes`.
A file has one or more tracks (a video may have two languages); blocks are float32 [n, channels] in -1..1.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from enhancer.errors import InputError

VIDEO_HINT = "install the video extra: pip install 'enhancer[video]'"
# Suffixes that libsndfile reads and writes; what a folder is searched for.
AUDIO_SUFFIXES = frozenset(
    {
        ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc",
        ".au", ".snd", ".caf",
    }
)  # fmt: skip
# Suffixes for which PyAV is needed.
VIDEO_SUFFIXES = frozenset(
    {
        ".mp4", ".m4a", ".m4b", ".m4v", ".mov", ".mkv", ".mka", ".webm", ".avi", ".aac", ".ac3", ".eac3", ".wma",
        ".wmv", ".asf", ".3gp", ".3g2", ".amr", ".wv", ".tta", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv", ".ape",
        ".mp2", ".dts", ".mxf", ".ogv", ".gsm", ".spx",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Track:
    """One sound track as it lies in the file.

    `sample_format` is libsndfile's name of the sample type (PCM_16, PCM_24, FLOAT, MPEG_LAYER_III, ...), or "LOSSY"
    for a codec libsndfile does not know; `frames` is None where the file does not tell; `bitrate` is in b/s and only
    set for lossy codecs.
    """

    sample_rate: int
    channels: int
    sample_format: str
    frames: int | None = None
    bitrate: int | None = None
    constant_bitrate: bool = False
    codec: str = ""


@dataclass(frozen=True)
class Options:
    """What a caller may choose about reading and writing.

    `salvage` reads damaged or cut-off files as far as they go; `bitrate` in b/s sets the rate of lossy outputs.
    """

    salvage: bool = False
    bitrate: int | None = None
    overwrite: bool = False


class Reader(Protocol):
    """An open input. `container` names its format, `notes` collects what the user should know about it."""

    path: Path
    container: str
    tracks: list[Track]
    texts: dict[str, str]

    @property
    def notes(self) -> list[str]: ...

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(track number, float32 [n, channels]) in the order of the file, about one second each.

        Raises InputError where the file is damaged.
        """
        ...

    def close(self) -> None: ...


class Writer(Protocol):
    """An open output with as many tracks as it was opened with; `tracks` says what they really hold."""

    tracks: list[Track]

    @property
    def notes(self) -> list[str]: ...

    def write(self, track: int, block: np.ndarray) -> None:
        """Appends float32 [n, channels]. Raises OutputError (disk full, ...)."""
        ...

    def finish(self) -> None:
        """Completes the output. Raises OutputError."""
        ...

    def close(self) -> None:
        """Frees what is open, without completing anything."""
        ...


@dataclass
class Notes:
    """Lines that a user should read about one file, without repetitions."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)


def have_video_extra() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def open_audio(path: Path, options: Options = Options()) -> Reader:
    """Opens any audio or video file for reading.

    Raises InputError for a missing, empty or damaged file, for one without sound, and for one that needs the extra
    `video` while it is not installed.
    """
    check_readable(path)
    from enhancer.media.soundfile_io import NotForLibsndfile, SoundFileReader

    if path.suffix.lower() not in VIDEO_SUFFIXES:
        try:
            return SoundFileReader(path, options)
        except NotForLibsndfile as error:
            if not have_video_extra():
                raise InputError(
                    f"{path} is not audio that can be read ({error})", f"for other formats {VIDEO_HINT}"
                ) from error
    if not have_video_extra():
        raise InputError(f"{path} needs PyAV to be read", VIDEO_HINT)
    from enhancer.video_io import AvReader

    return AvReader(path, options)


def check_readable(path: Path) -> None:
    """Raises InputError when `path` is missing, a folder, empty or not readable."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder", "give --recursive for its sub-folders, or name files")
        with open(path, "rb") as file:
            if path.is_file() and not file.read(1):
                raise InputError(f"{path} is empty (0 bytes)")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except PermissionError as error:
        raise InputError(f"no permission to read {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def create_audio(target: Path, temporary: Path, source: Reader, options: Options = Options()) -> Writer:
    """Opens `temporary` for writing what will become `target`, modelled on `source`.

    The container follows the target's suffix (the same suffix keeps the source's own container); rate, channels,
    sample format, bit rate and metadata are the source's where the container can hold them, and `notes` says where it
    cannot. Raises OutputError for a suffix nobody can write.
    """
    from enhancer.media.formats import container_for

    container = container_for(target, source)
    if container:
        from enhancer.media.soundfile_io import SoundFileWriter

        return SoundFileWriter(temporary, target, container, source, options)
    from enhancer.video_writer import AvWriter

    return AvWriter(temporary, target, source, options)
