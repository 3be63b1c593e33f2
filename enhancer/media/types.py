"""What readers and writers of sound have in common: tracks, options, notes, and the two protocols.

Everything in `enhancer.media` and the video modules build on this; `enhancer.audio_io` is the front door above them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

VIDEO_HINT = "install the video extra: pip install 'enhancer[video]'"
# Suffixes that libsndfile reads and writes.
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
MEDIA_SUFFIXES = AUDIO_SUFFIXES | VIDEO_SUFFIXES  # what a folder is searched for


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


def system_name(path: Path) -> str | bytes:
    """A file's name as libsndfile is to get it: on POSIX the very bytes, which need not be UTF-8."""
    return os.fsencode(path) if os.name == "posix" else str(path)


def have_video_extra() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None
