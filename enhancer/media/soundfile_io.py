"""Files through libsndfile: read and write in blocks, with exact integers, dither, bit rates and metadata."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enhancer.errors import InputError
from enhancer.media import tags
from enhancer.media.atomic import write_error
from enhancer.media.bitrate import encoder_settings, input_bitrate
from enhancer.media.formats import BITS, output_format
from enhancer.media.quantise import Quantiser
from enhancer.media.types import Notes, Options, Track, system_name

if TYPE_CHECKING:
    from enhancer.media.types import Reader

_SALVAGE_HINT = "give --salvage to clean what can be read of it"
# libsndfile logs sizes that promise more than the file has: "data : 192000 (should be 96014)".
_SIZE_LOG = re.compile(r"^\s*(data|SSND|Data Size|riff|Riff size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
# Lengths in the headers of MP3 files are often a little off, from cutting without decoding.
_TOLERATED_S = 0.5
# Sizes that programs write when they do not know the length yet (ffmpeg, sox, arecord into a pipe).
_UNKNOWN_SIZE = 0x7FFF0000


_UNKNOWN_FRAMES = (
    1 << 62
)  # what libsndfile says of a FLAC that was written into a pipe, which it cannot read to its end


class NotForLibsndfile(Exception):
    """libsndfile cannot open this file; the text says why."""


class SoundFileReader:
    """Reads one file through libsndfile; see `enhancer.audio_io.Reader`.

    Raises NotForLibsndfile when it is no such file, InputError when it is damaged, cut off (unless
    `options.salvage`), or holds no samples.
    """

    def __init__(self, path: Path, options: Options) -> None:
        import soundfile

        self.path = path
        self._salvage = options.salvage
        self._notes = Notes()
        try:
            with _silenced_mpg123(path):
                self._file = soundfile.SoundFile(system_name(path))
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw needs a rate
            reason = _in_words(getattr(error, "error_string", str(error)))
            if _known_start(path):
                raise InputError(f"{path} is damaged: {reason}") from error
            raise NotForLibsndfile(reason) from error
        try:
            self._describe()
        except BaseException:
            self._file.close()
            raise

    def _describe(self) -> None:
        file = self._file
        if file.frames >= _UNKNOWN_FRAMES:
            raise NotForLibsndfile("its length is not known")
        self.container = file.format
        self.texts = {name: text for name in tags.TEXT_FIELDS if (text := getattr(file, name))}
        missing = _missing_part(file.extra_info)
        if missing:
            if not self._salvage:
                raise InputError(f"{self.path} is cut off: {missing}", _SALVAGE_HINT)
            self._notes.add(f"the file is cut off: {missing}")
        if file.frames == 0:
            raise InputError(f"{self.path} holds no sound (0 samples)")
        rate, constant = input_bitrate(
            self.path, file.subtype, file.frames / file.samplerate, tags.tag_bytes(self.path)
        )
        self.tracks = [
            Track(file.samplerate, file.channels, file.subtype, file.frames, rate, constant, codec=file.subtype)
        ]

    @property
    def notes(self) -> list[str]:
        return self._notes.lines

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(0, float32 [n, channels]) of one second each; raises InputError where the file is damaged."""
        import soundfile

        track = self.tracks[0]
        # A block is lost as a whole where a decoder stumbles, so salvaging takes small ones.
        size = max(track.sample_rate // 16, 1) if self._salvage else track.sample_rate
        block = np.empty((size, track.channels), np.float32)
        done = 0
        while True:
            try:
                piece = self._file.read(out=block)
            except soundfile.LibsndfileError as error:
                self._ends_early(done, _in_words(error.error_string))
                return
            if not len(piece):
                break
            done += len(piece)
            yield 0, piece
        if done < (track.frames or 0):
            self._ends_early(done, "the file ends there")

    def _ends_early(self, done: int, reason: str) -> None:
        track = self.tracks[0]
        rate = track.sample_rate
        missing_s = ((track.frames or 0) - done) / rate
        if track.bitrate and done and missing_s <= _TOLERATED_S:
            self._notes.add(f"the file is {missing_s:.2f} s shorter than its header says")
            return
        place = f"{done / rate:.1f} of {(track.frames or 0) / rate:.1f} s"
        if not self._salvage or not done:
            raise InputError(f"{self.path} is damaged after {place} ({reason})", _SALVAGE_HINT)
        self._notes.add(f"the file is damaged after {place}: cleaned up to there")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _in_words(error: str) -> str:
    """What libsndfile says of a file, without its "Error in WAV file." in front."""
    return re.sub(r"^Error( in [\w/]+ file\.| ?:) ", "", error).rstrip(".")


@contextlib.contextmanager
def _silenced_mpg123(path: Path) -> Iterator[None]:
    """libsndfile's MP3 decoder writes warnings of its own to standard error while it opens a file; nowhere else."""
    if tags.kind_of(path) != "mp3":
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        if sys.stderr:
            sys.stderr.flush()
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _known_start(path: Path) -> bool:
    """Whether the file starts like one that libsndfile reads, so that only damage can keep it from opening."""
    with open(path, "rb") as file:
        start = file.read(12)
    return start[:4] in (b"fLaC", b"OggS", b"caff", b".snd") or (
        start[:4] in (b"RIFF", b"RF64", b"FORM") and start[8:12] in (b"WAVE", b"AIFF", b"AIFC")
    )


def _missing_part(log: str) -> str:
    """In words, how much of the promised sound is missing according to libsndfile's log; "" when nothing is."""
    for _, promised, there in _SIZE_LOG.findall(log):
        if 0 < int(there) < int(promised) - 8 and int(promised) < _UNKNOWN_SIZE:  # 8: padding that some leave out
            return f"{100 * int(there) / int(promised):.0f} % of its sound is there"
    return ""


class SoundFileWriter:
    """Writes one track to `temporary` in libsndfile's `container`; see `enhancer.audio_io.Writer`.

    Integer formats are quantised here with dither and handed over as integers, because libsndfile rounds without
    dither and scales by 32767 where it reads by 32768.
    """

    def __init__(self, temporary: Path, target: Path, container: str, source: Reader, options: Options) -> None:
        import soundfile

        chosen = output_format(
            container, target.suffix.lower(), source.tracks[0], container == source.container, options.bitrate
        )
        self._temporary, self._target, self._source = temporary, target, source
        self._container = chosen.container
        self.tracks = [chosen.track]
        self.notes = list(chosen.notes)
        self._written = 0
        track = chosen.track
        settings = {}
        if track.bitrate:
            settings = encoder_settings(
                track.sample_format, track.bitrate, track.sample_rate, track.channels, constant=track.constant_bitrate
            )
        bits = BITS.get(track.sample_format)
        self._quantise = Quantiser(bits) if bits else None
        with self._write_errors():
            self._file = soundfile.SoundFile(
                system_name(temporary),
                "w",
                track.sample_rate,
                track.channels,
                track.sample_format,
                format=self._container,
                **settings,
            )
            self._carries_all = source.path.is_file() and tags.carried_whole(tags.kind_of(source.path), self._container)
            if not self._carries_all:
                self._set_texts()

    def _set_texts(self) -> None:
        import soundfile

        for name, text in self._source.texts.items():
            if name in tags.TEXT_FIELDS and text:
                with contextlib.suppress(soundfile.LibsndfileError):  # a container without such a field
                    setattr(self._file, name, text)

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        import soundfile

        try:
            yield
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:  # AssertionError: a short write
            raise write_error(self._target, error) from error

    def write(self, track: int, block: np.ndarray) -> None:
        """Appends float32 [n, channels]; raises OutputError."""
        samples: np.ndarray
        if self._quantise is None:
            samples = np.ascontiguousarray(block, np.float32)
        else:
            # libsndfile takes integers at the top of 32 bits whatever the file's width.
            samples = self._quantise(block) << (32 - self._quantise.bits)
        with self._write_errors():
            self._file.write(samples)
        self._written += len(block)

    def finish(self) -> None:
        """Completes the header, then carries the metadata over; raises OutputError."""
        import soundfile

        with self._write_errors():
            self._file.close()
            # Encoders flush on close, where libsndfile drops errors: a full disk shows only in what is there now.
            if soundfile.info(system_name(self._temporary)).frames < self._written:
                raise OSError("the last samples could not be written")
            if self._carries_all:
                tags.carry(self._source.path, self._temporary, self._container)

    def close(self) -> None:
        """Closes the file without completing anything."""
        import soundfile

        with contextlib.suppress(soundfile.LibsndfileError, AttributeError):
            self._file.close()
