"""A sound or video file that can be read from any place on, whatever its format and length; its first track."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from enhancer.audio_io import check_readable
from enhancer.errors import InputError
from enhancer.media.types import VIDEO_HINT, VIDEO_SUFFIXES, Options, have_video_extra, system_name

ROLL_S = 0.2  # decoders of lossy sound need a little before the place that is wanted
LOUDSPEAKERS = 2  # of more channels than these a mean is made


class SoundFile(Protocol):
    """An open file. `frames` is what its header says; the end is where `read` gives less than was asked for."""

    sample_rate: int
    channels: int
    frames: int

    def seek(self, frame: int) -> None: ...

    def read(self, count: int) -> np.ndarray:
        """The next float32 [count, channels]; fewer at the end only."""
        ...

    def close(self) -> None: ...


def open_sound(path: Path) -> SoundFile:
    """Opens a file with one channel or two; of more, it gives their mean. Raises InputError."""
    check_readable(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        import soundfile

        try:
            return _LibsndfileSound(path)
        except soundfile.LibsndfileError as error:
            if not have_video_extra():
                raise InputError(f"{path} cannot be played: {error.error_string.rstrip('.')}") from error
    if not have_video_extra():
        raise InputError(f"{path} needs PyAV to be played", VIDEO_HINT)
    return _AvSound(path)


def _mixed(block: np.ndarray, channels: int) -> np.ndarray:
    return block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)


class _LibsndfileSound:
    def __init__(self, path: Path) -> None:
        import soundfile

        self._file = soundfile.SoundFile(system_name(path))
        self.sample_rate, self.frames = self._file.samplerate, self._file.frames
        self.channels = self._file.channels if self._file.channels <= LOUDSPEAKERS else 1

    def seek(self, frame: int) -> None:
        self._file.seek(min(frame, self.frames))

    def read(self, count: int) -> np.ndarray:
        import soundfile

        try:
            block = self._file.read(count, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:  # damaged from here on: it ends here
            block = np.zeros((0, self._file.channels), np.float32)
        return _mixed(block, self.channels)

    def close(self) -> None:
        self._file.close()


class _AvSound:
    """Through `video_io.AvReader`, whose blocks are asked for anew from wherever its container has been moved to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        track = self._reader.tracks[0]
        self.sample_rate, self.frames = track.sample_rate, track.frames or 0
        self._origin_s = self._reader.starts_s[0]

    def _open(self) -> None:
        from enhancer.video_io import AvReader

        self._reader = AvReader(self._path, Options(salvage=True))
        channels = self._reader.tracks[0].channels
        self.channels = channels if channels <= LOUDSPEAKERS else 1
        self._held = np.zeros((0, self.channels), np.float32)
        self._begin()

    def _begin(self) -> None:
        self._blocks = self._first_track()
        self._held = self._next()

    def _first_track(self) -> Iterator[np.ndarray]:
        with contextlib.suppress(InputError):  # nothing behind this place
            for number, block in self._reader.blocks():
                if number == 0:
                    yield _mixed(block, self.channels)

    def _next(self) -> np.ndarray:
        return next(self._blocks, self._held[:0])

    def seek(self, frame: int) -> None:
        wanted_s = self._origin_s + frame / self.sample_rate
        self._move(wanted_s - ROLL_S)
        skip = round((wanted_s - self._reader.starts_s[0]) * self.sample_rate)
        while skip > len(self._held):
            skip -= len(self._held)
            self._held = self._next()
            if not len(self._held):
                return
        self._held = self._held[max(skip, 0) :]

    def _move(self, place_s: float) -> None:
        """To this place, or some way before it."""
        import av

        stream: Any = self._reader.streams[0]
        if place_s > 0.0:
            with contextlib.suppress(av.FFmpegError):  # where its container knows of no places
                self._reader.av.seek(round(place_s / stream.time_base), stream=stream)
                self._begin()
                return
        # Moved to its beginning, a decoder would leave out the packet before 0 on which the sound of the first depends.
        self.close()
        self._open()

    def read(self, count: int) -> np.ndarray:
        parts = [self._held[:count]]
        self._held = self._held[count:]
        missing = count - len(parts[0])
        while missing and len(block := self._next()):
            parts.append(block[:missing])
            self._held = block[missing:]
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def close(self) -> None:
        self._reader.close()
