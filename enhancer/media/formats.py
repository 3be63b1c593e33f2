"""What an output file will hold: container by suffix, sample format and rate as near to the input's as it can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from enhancer.errors import OutputError
from enhancer.media.bitrate import LOSSY_SUBTYPES, default_bitrate

if TYPE_CHECKING:
    from enhancer.media.types import Reader, Track

# Suffix -> (libsndfile container, sample format when the input's own does not fit).
CONTAINERS = {
    ".wav": ("WAV", ""), ".wave": ("WAV", ""), ".bwf": ("WAV", ""), ".rf64": ("RF64", ""), ".w64": ("W64", ""),
    ".flac": ("FLAC", ""), ".mp3": ("MP3", "MPEG_LAYER_III"), ".ogg": ("OGG", "VORBIS"), ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"), ".aif": ("AIFF", ""), ".aiff": ("AIFF", ""), ".aifc": ("AIFF", ""), ".au": ("AU", ""),
    ".snd": ("AU", ""), ".caf": ("CAF", ""),
}  # fmt: skip
# For a sample format that the container cannot hold: what to try, best first.
_NEXT_BEST = {
    "PCM_U8": ("PCM_S8", "PCM_16"), "PCM_S8": ("PCM_U8", "PCM_16"), "PCM_24": ("PCM_32", "FLOAT", "PCM_16"),
    "PCM_32": ("FLOAT", "PCM_24"), "FLOAT": ("PCM_24", "PCM_16"), "DOUBLE": ("FLOAT", "PCM_32", "PCM_24"),
    "ALAC_16": ("PCM_16",), "ALAC_20": ("PCM_24",), "ALAC_24": ("PCM_24",), "ALAC_32": ("PCM_32", "PCM_24"),
}  # fmt: skip
_SAID = {
    "PCM_U8": "8-bit", "PCM_S8": "8-bit", "PCM_16": "16-bit", "PCM_24": "24-bit", "PCM_32": "32-bit",
    "FLOAT": "32-bit float", "DOUBLE": "64-bit float", "MPEG_LAYER_III": "MP3", "VORBIS": "Vorbis", "OPUS": "Opus",
    "ULAW": "u-law", "ALAW": "A-law",
}  # fmt: skip
BITS = {
    "PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32,
    "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32,
}  # fmt: skip
_RATES = {
    "OPUS": (8000, 12000, 16000, 24000, 48000),
    "MPEG_LAYER_III": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "GSM610": (8000,),
}
_MOST_CHANNELS = {"MPEG_LAYER_III": 2, "GSM610": 1}
# WAV headers count bytes in 32 bits; from here on RF64 is written, with room for chunks of metadata.
_WAV_LIMIT = 0xFFFFFFFF - (64 << 20)


@dataclass(frozen=True)
class OutputFormat:
    """Container and track of an output, and the lines that tell the user what had to differ from the input."""

    container: str
    track: Track
    notes: tuple[str, ...] = ()


def sample_format_name(sample_format: str) -> str:
    """A sample format in words: PCM_16 is "16-bit"."""
    return _SAID.get(sample_format, sample_format)


def container_for(target: Path, source: Reader) -> str:
    """libsndfile's container for `target`, or "" when PyAV has to write it.

    A target with its source's suffix gets the source's container, whatever the suffix usually means. Raises
    OutputError for a suffix that nothing here writes.
    """
    from enhancer.media.types import VIDEO_HINT, VIDEO_SUFFIXES, have_video_extra

    suffix = target.suffix.lower()
    if suffix == source.path.suffix.lower() and source.container in _libsndfile_containers():
        return source.container
    if suffix == source.path.suffix.lower() and source.container and suffix not in CONTAINERS:
        return ""
    if suffix in CONTAINERS:
        return CONTAINERS[suffix][0]
    if suffix in VIDEO_SUFFIXES:
        if have_video_extra():
            return ""
        raise OutputError(f"{target} needs PyAV to be written", VIDEO_HINT)
    raise OutputError(
        f"cannot tell a sound format from the name {target.name!r}", "end it with .wav, .flac, .ogg, .opus, .mp3, ..."
    )


def _libsndfile_containers() -> set[str]:
    import soundfile

    return set(soundfile.available_formats())


def nearest_rate(sample_rate: int, allowed: Sequence[int]) -> int:
    """The nearest allowed rate that loses nothing: the next one up, or the largest when all are lower."""
    higher = [rate for rate in sorted(allowed) if rate >= sample_rate]
    return higher[0] if higher else max(allowed)


def output_format(
    container: str, suffix: str, source: Track, same_container: bool, bitrate: int | None
) -> OutputFormat:
    """The format of an output in libsndfile's `container` for an input track `source`.

    `same_container` keeps the input's sample format as it is. `bitrate` (b/s) is the user's wish for lossy outputs.
    Raises OutputError where the container cannot hold so many channels.
    """
    import soundfile

    notes = []
    wanted = source.sample_format
    if not (same_container and soundfile.check_format(container, wanted)):
        own = CONTAINERS.get(suffix, ("", ""))[1]
        lossy_input = wanted in LOSSY_SUBTYPES or wanted == "LOSSY"
        candidates = (own,) if own else ("PCM_16",) if lossy_input else (wanted, *_NEXT_BEST.get(wanted, ()), "PCM_16")
        found = next((name for name in candidates if soundfile.check_format(container, name)), None)
        found = found or soundfile.default_subtype(container) or "PCM_16"
        if found != wanted and wanted in _SAID and not own and not lossy_input:
            notes.append(f"{container} cannot hold {_SAID[wanted]} samples: {sample_format_name(found)} taken")
        wanted = found
    most = _MOST_CHANNELS.get(wanted, 1024)
    if source.channels > most:
        raise OutputError(
            f"{sample_format_name(wanted)} holds at most {most} channel{'s' if most > 1 else ''}, the input has "
            f"{source.channels}",
            "choose another format with -o, such as .flac",
        )
    rate = nearest_rate(source.sample_rate, _RATES.get(wanted, (source.sample_rate,)))
    if rate != source.sample_rate:
        notes.append(f"{sample_format_name(wanted)} has no {source.sample_rate} Hz: {rate} Hz taken")
    frames = None if source.frames is None else math.ceil(source.frames * rate / source.sample_rate)
    track = replace(source, sample_rate=rate, sample_format=wanted, frames=frames, bitrate=None)
    if wanted in LOSSY_SUBTYPES:
        track = replace(track, bitrate=bitrate or source.bitrate or default_bitrate(wanted, source.channels))
        if bitrate:
            track = replace(track, constant_bitrate=True)
    elif bitrate:
        notes.append(f"--bitrate has no effect on {container} ({sample_format_name(wanted)})")
    if container in ("WAV", "WAVEX") and _bytes_of(track) > _WAV_LIMIT:
        container = "RF64"
        notes.append("larger than a WAV file may be (4 GB): RF64 written, which most programs read")
    return OutputFormat(container, track, tuple(notes))


def _bytes_of(track: Track) -> int:
    size = {"FLOAT": 4, "DOUBLE": 8}.get(track.sample_format, (BITS.get(track.sample_format, 8) + 7) // 8)
    return (track.frames or 0) * track.channels * size
