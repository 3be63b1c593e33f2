"""Open and create any audio or video file, block by block, with its metadata: the front door.

Everything that libsndfile reads (WAV, FLAC, OGG, Opus, MP3, AIFF, CAF, ...) goes through `enhancer.media`, anything
else that ffmpeg reads through `enhancer.video_io` (extra `video`), samples in pipes through `enhancer.media.pipes`.
A file has one or more tracks (a video may have two languages); blocks are float32 [n, channels] in -1..1.
"""

from __future__ import annotations

from pathlib import Path

from enhancer.errors import InputError
from enhancer.media.types import VIDEO_HINT, VIDEO_SUFFIXES, Options, Reader, Writer, have_video_extra

DEFAULTS = Options()


def open_audio(path: Path, options: Options = DEFAULTS) -> Reader:
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
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is a pipe or a device, not a file", f"pipe it in: enhancer denoise - < {path}")
        with open(path, "rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty (0 bytes)")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except PermissionError as error:
        raise InputError(f"no permission to read {path}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def create_audio(target: Path, temporary: Path, source: Reader, options: Options = DEFAULTS) -> Writer:
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
