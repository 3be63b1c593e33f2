"""Sound through standard input and output: WAV or raw samples, passed on as they come, so that live pipes work too."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from enhancer.audio_io import open_audio
from enhancer.errors import InputError
from enhancer.media.atomic import write_error
from enhancer.media.formats import BITS
from enhancer.media.raw import LAYOUTS, Encoder, RawFormat, decode
from enhancer.media.types import Notes, Options, Reader, Track

STDIN, STDOUT = Path("standard input"), Path("standard output")
_UNKNOWN_SIZE = 0x7FFF0000  # what arecord, sox and ffmpeg write when they do not know the length yet is above this
_WAV_RAW = {
    "PCM_U8": "u8",
    "PCM_16": "s16le",
    "PCM_24": "s24le",
    "PCM_32": "s32le",
    "FLOAT": "f32le",
    "DOUBLE": "f64le",
}
_READ_SIZE = 1 << 16  # what a Linux pipe holds


class PipeReader:
    """Reads raw samples, or a WAV stream whose header has been read; see `enhancer.audio_io.Reader`."""

    def __init__(
        self, stream: BinaryIO, layout: RawFormat, *, container: str, options: Options, data_bytes: int | None = None
    ) -> None:
        self.path, self.container = STDIN, container
        self.texts: dict[str, str] = {}
        self._stream, self._layout, self._left, self._salvage = stream, layout, data_bytes, options.salvage
        self._notes = Notes()
        _, width, sample_format = LAYOUTS[layout.name]
        self._frame_bytes = width * layout.channels
        frames = None if data_bytes is None else data_bytes // self._frame_bytes
        self.tracks = [Track(layout.sample_rate, layout.channels, sample_format, frames, codec=layout.name)]

    @property
    def notes(self) -> list[str]:
        return self._notes.lines

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(0, float32 [n, channels]): what has arrived, at most one second; raises InputError when there is nothing."""
        most = max(min(_READ_SIZE, self._layout.sample_rate * self._frame_bytes), self._frame_bytes)
        rest = b""
        total = 0
        while self._left is None or self._left > 0:
            wanted = most if self._left is None else min(most, self._left)
            piece = _read_some(self._stream, wanted)
            if not piece:
                break
            if self._left is not None:
                self._left -= len(piece)
            rest += piece
            whole = len(rest) - len(rest) % self._frame_bytes
            if whole:
                total += whole
                yield 0, decode(rest[:whole], self._layout.name, self._layout.channels)
                rest = rest[whole:]
        if not total:
            raise InputError(f"{self.path} holds no sound (0 samples)")
        if self._left:
            if not self._salvage:
                raise InputError(
                    f"{self.path} is cut off: {100 * total / (total + self._left):.0f} % of its sound is there",
                    "give --salvage to clean what can be read of it",
                )
            self._notes.add("the input is cut off: cleaned up to there")

    def close(self) -> None:
        """Leaves the stream open: it is not ours."""


def _read_some(stream: BinaryIO, most: int) -> bytes:
    """At least one byte unless the stream has ended, and no waiting for more."""
    read = getattr(stream, "read1", stream.read)
    return read(most)


def open_stdin(stream: BinaryIO, raw: RawFormat | None, options: Options) -> Reader:
    """A Reader for standard input: raw samples when `raw` says how they lie, else WAV or any other format.

    WAV is passed on as it comes; other formats need a file to search in and are first copied to a temporary one.
    Raises InputError when it holds no sound that can be read.
    """
    if raw:
        return PipeReader(stream, raw, container="RAW", options=options)
    header = io.BytesIO()
    try:
        layout, data_bytes = _read_wav_header(stream, header)
    except ValueError:
        return _Spooled(stream, header.getvalue(), options)
    return PipeReader(stream, layout, container="WAV", options=options, data_bytes=data_bytes)


def _read_wav_header(stream: BinaryIO, seen: io.BytesIO) -> tuple[RawFormat, int | None]:
    """Sample layout and number of data bytes (None: unknown); all that is read goes to `seen`.

    Raises ValueError for what is no WAV of plain samples. Layout: Microsoft Multimedia Programming Interface 1.0.
    """

    def take(count: int) -> bytes:
        data = b""
        while len(data) < count and (piece := stream.read(count - len(data))):
            data += piece
        seen.write(data)
        if len(data) < count:
            raise ValueError("ends inside the header")
        return data

    head = take(4)
    if head not in (b"RIFF", b"RF64"):
        raise ValueError("not WAV")
    if take(8)[4:] != b"WAVE":
        raise ValueError("not WAV")
    layout = None
    long_size = None
    while True:
        name, size = struct.unpack("<4sI", take(8))
        if name == b"data":
            if layout is None:
                raise ValueError("no fmt chunk")
            if size == 0xFFFFFFFF and long_size is not None:
                size = long_size
            return layout, None if _UNKNOWN_SIZE <= size <= 0xFFFFFFFF or size == 0 else size
        if size > 64 << 20:
            raise ValueError("no sensible chunk")
        payload = take(size + size % 2)
        if name == b"ds64":
            long_size = struct.unpack_from("<Q", payload, 8)[0]
        if name == b"fmt ":
            layout = _parse_fmt(payload)


def _parse_fmt(payload: bytes) -> RawFormat:
    if len(payload) < 16:
        raise ValueError("short fmt chunk")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", payload)
    if tag == 0xFFFE and len(payload) >= 26:
        tag = struct.unpack_from("<H", payload, 24)[0]
    name = {(1, 8): "u8", (1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le", (3, 64): "f64le"}.get(
        (tag, bits)
    )
    if name is None or not channels or not rate:
        raise ValueError("not plain samples")
    return RawFormat(name, rate, channels)


class _Spooled:
    """Standard input in a format that has to be searched in: copied to a temporary file that lives as long as this."""

    def __init__(self, stream: BinaryIO, head: bytes, options: Options) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="enhancer-")
        try:
            path = Path(self._folder.name) / "stdin"
            try:
                with open(path, "wb") as file:
                    file.write(head)
                    shutil.copyfileobj(stream, file, 1 << 20)
            except OSError as error:
                raise write_error(path, error) from error
            if not path.stat().st_size:
                raise InputError(f"{STDIN} is empty", "pipe WAV into it, or raw samples with --raw-rate")
            with self._named_as_given(path, "for raw samples give --raw-rate"):
                self._inner = open_audio(path, options)
        except BaseException:
            self._folder.cleanup()
            raise
        self.path, self.container, self.tracks = path, self._inner.container, self._inner.tracks
        self.texts = self._inner.texts

    @property
    def notes(self) -> list[str]:
        return self._inner.notes

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """The file's; raises InputError where it is damaged."""
        with self._named_as_given(self.path):
            yield from self._inner.blocks()

    @staticmethod
    @contextlib.contextmanager
    def _named_as_given(path: Path, hint: str = "") -> Iterator[None]:
        """What is wrong with the temporary file is said of standard input: nobody knows the other."""
        try:
            yield
        except InputError as error:
            raise InputError(error.message.replace(str(path), str(STDIN)), error.hint or hint) from error

    def close(self) -> None:
        self._inner.close()
        self._folder.cleanup()


class PipeWriter:
    """Writes WAV, or raw samples in the format `raw_name`, to a stream; see `enhancer.audio_io.Writer`.

    WAV needs its length first: where the source does not tell it and the stream cannot be rewound, the header says
    "unknown" (0xFFFFFFFF) as ffmpeg's does.
    """

    def __init__(self, stream: BinaryIO, source: Reader, raw_name: str | None) -> None:
        self._stream = stream
        track = source.tracks[0]
        self.notes: list[str] = []
        known = track.sample_format if track.sample_format in _WAV_RAW else _plain_format(track.sample_format)
        self._name = raw_name or _WAV_RAW[known]
        self._is_wav = raw_name is None
        sample_format = LAYOUTS[self._name][2]
        self.tracks = [Track(track.sample_rate, track.channels, sample_format, track.frames)]
        self._encode = Encoder(self._name)
        self._written = 0
        self._start = _rewindable(stream)
        if self._is_wav:
            frame = LAYOUTS[self._name][1] * track.channels
            self._put(self._header(None if track.frames is None else track.frames * frame))

    def _header(self, data_bytes: int | None) -> bytes:
        track = self.tracks[0]
        width = LAYOUTS[self._name][1]
        tag = 3 if track.sample_format in ("FLOAT", "DOUBLE") else 1
        fmt = struct.pack(
            "<HHIIHH", tag, track.channels, track.sample_rate, track.sample_rate * track.channels * width,
            track.channels * width, 8 * width,
        )  # fmt: skip
        riff = data = 0xFFFFFFFF
        if data_bytes is not None and data_bytes <= 0xFFFFFFFF - 64:
            riff, data = data_bytes + data_bytes % 2 + 36, data_bytes
        return struct.pack("<4sI4s4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16) + fmt + struct.pack("<4sI", b"data", data)

    def _put(self, data: bytes) -> None:
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError as error:
            raise write_error(STDOUT, error) from error

    def write(self, track: int, block: np.ndarray) -> None:
        """Appends float32 [n, channels] and passes it on at once; raises OutputError."""
        data = self._encode(block)
        self._written += len(data)
        self._put(data)

    def finish(self) -> None:
        """Pads, and writes the length into the header where the stream can be rewound."""
        if self._is_wav and self._written % 2:
            self._put(b"\0")
        if self._is_wav and self._start is not None:
            try:
                end = self._stream.tell()
                self._stream.seek(self._start)
                self._put(self._header(self._written))
                self._stream.seek(end)
            except OSError as error:
                raise write_error(STDOUT, error) from error

    def close(self) -> None:
        """Leaves the stream open: it is not ours."""


def _plain_format(sample_format: str) -> str:
    """The WAV sample format that holds any other one (16 bits for lossy codecs)."""
    bits = BITS.get(sample_format, 16)
    return "PCM_16" if bits <= 16 else "PCM_24" if bits <= 24 else "PCM_32"


def _rewindable(stream: BinaryIO) -> int | None:
    """Where the stream stands if it can be rewound (a regular file, not opened for appending), else None."""
    with contextlib.suppress(OSError, ValueError, ImportError, io.UnsupportedOperation):
        import fcntl

        if stream.seekable() and not fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_APPEND:
            return stream.tell()
    return None
