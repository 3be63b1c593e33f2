"""Tags, pictures, cue points and chapters go from the input file to the output file, byte for byte where they can.

libsndfile knows ten text fields and drops the rest, so the metadata blocks themselves are copied:
WAV -> WAV and AIFF -> AIFF chunks, MP3 -> MP3 the ID3 and APE tags, FLAC and Ogg (Vorbis, Opus) among each other all
comments and pictures. Between other pairs the ten fields of libsndfile remain (`TEXT_FIELDS`).
"""

from __future__ import annotations

import base64
import contextlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from enhancer.media import ogg, riff

# Text fields that libsndfile reads and writes everywhere; "software" names the encoder and stays the output's own.
TEXT_FIELDS = ("title", "artist", "album", "date", "tracknumber", "genre", "comment", "copyright", "license")
_FLAC_COMMENT, _FLAC_PICTURE = 4, 6
_FLAC_CARRIED = {2, 5, _FLAC_PICTURE}  # application data, cue sheet, pictures; a seek table would be wrong
_PICTURE_KEY = b"METADATA_BLOCK_PICTURE="
_KINDS = {b"RIFF": "riff", b"RF64": "riff", b"FORM": "form", b"fLaC": "flac", b"OggS": "ogg"}
_KIND_OF_CONTAINER = {
    "WAV": "riff", "WAVEX": "riff", "RF64": "riff", "AIFF": "form", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3",
}  # fmt: skip


def kind_of(path: Path) -> str:
    """Which metadata layout a file has: riff, form, flac, ogg, mp3, or "" for any other."""
    with open(path, "rb") as file:
        start = file.read(4)
        if start[:3] == b"ID3":
            file.seek(_id3_size(file))
            start = file.read(4)
            if start != b"fLaC":
                return "mp3"
    if start in _KINDS:
        return _KINDS[start]
    return "mp3" if len(start) >= 2 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0 else ""


def carried_whole(source_kind: str, container: str) -> bool:
    """Whether `carry` moves everything from such a source to an output of libsndfile's `container`."""
    kind = _KIND_OF_CONTAINER.get(container, "")
    return bool(source_kind) and (source_kind == kind or {source_kind, kind} == {"flac", "ogg"})


def tag_bytes(path: Path) -> int:
    """How many bytes at the file's start its tags and pictures take (MP3, Ogg); 0 for other kinds."""
    kind = kind_of(path)
    if kind == "mp3":
        with open(path, "rb") as file:
            return _id3_size(file)
    return ogg.header_bytes(path) if kind == "ogg" else 0


def carry(source: Path, target: Path, container: str) -> None:
    """Puts `source`'s metadata into the finished `target` of libsndfile's `container`; nothing else changes in it.

    Does nothing for pairs that `carried_whole` denies. Tags that are damaged in the source are left out.
    """
    kind = kind_of(source)
    if not carried_whole(kind, container):
        return
    output_kind = _KIND_OF_CONTAINER[container]
    if output_kind in ("riff", "form"):
        riff.copy_chunks(source, target)
    elif output_kind == "mp3":
        _carry_mp3(source, target)
    else:
        comments, blocks = _flac_metadata(source) if kind == "flac" else _ogg_metadata(source)
        if comments or blocks:
            write = _write_flac if output_kind == "flac" else _write_ogg
            write(target, comments, blocks)


def _rewrite(target: Path) -> tuple[Path, BinaryIO]:
    """A second temporary file beside `target` (itself temporary), to be renamed over it."""
    path = target.with_name(target.name + "2")
    return path, open(path, "xb")


def _finish(path: Path, file: BinaryIO, target: Path) -> None:
    file.close()
    os.replace(path, target)


# ---- MP3 ------------------------------------------------------------------------------------------------------------


def _id3_size(file: BinaryIO) -> int:
    """Length of the ID3v2 tag(s) at the start of an open file (https://id3.org/id3v2.4.0-structure, 3.1)."""
    total = 0
    while True:
        file.seek(total)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            return total
        size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
        total += 10 + size + (10 if head[5] & 0x10 else 0)


def _tail_size(file: BinaryIO) -> int:
    """Length of the ID3v1 and APEv2 tags at the end of an open file."""
    end = file.seek(0, os.SEEK_END)
    total = 0
    if end >= 128:
        file.seek(end - 128)
        if file.read(3) == b"TAG":
            total = 128
    if end - total >= 32:
        file.seek(end - total - 32)
        footer = file.read(32)
        if footer[:8] == b"APETAGEX":
            size, flags = struct.unpack_from("<I4xI", footer, 12)
            total += size + (32 if flags & 0x80000000 else 0)
    return total if total <= end else 0


def _carry_mp3(source: Path, target: Path) -> None:
    with open(source, "rb") as reader:
        head_size, tail_size = _id3_size(reader), _tail_size(reader)
        reader.seek(0)
        head = reader.read(head_size)
        reader.seek(-tail_size, os.SEEK_END)
        tail = reader.read(tail_size)
    if not head and not tail:
        return
    path, writer = _rewrite(target)
    try:
        with open(target, "rb") as sound:
            sound.seek(_id3_size(sound))
            writer.write(head)
            riff.copy_rest(sound, writer)
            writer.write(tail)
        _finish(path, writer, target)
    finally:
        writer.close()
        path.unlink(missing_ok=True)


# ---- FLAC and Ogg ---------------------------------------------------------------------------------------------------


def _flac_blocks(file: BinaryIO) -> list[tuple[int, bytes]]:
    """(type, payload) of all metadata blocks; the file then stands at its first frame (RFC 9639, section 8)."""
    file.seek(_id3_size(file))
    if file.read(4) != b"fLaC":
        return []
    blocks = []
    while True:
        head = file.read(4)
        if len(head) < 4:
            return []
        payload = file.read(int.from_bytes(head[1:], "big"))
        blocks.append((head[0] & 0x7F, payload))
        if head[0] & 0x80:
            return blocks


def _flac_metadata(source: Path) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    with open(source, "rb") as file:
        blocks = _flac_blocks(file)
    comments: list[bytes] = []
    with contextlib.suppress(StopIteration, ValueError):
        # A file has at most one; where there are more, readers take the first.
        comments = ogg.parse_comments(next(payload for kind, payload in blocks if kind == _FLAC_COMMENT))[1]
    return comments, [(kind, payload) for kind, payload in blocks if kind in _FLAC_CARRIED]


def _ogg_metadata(source: Path) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    comments, blocks = [], []
    for comment in ogg.read_comments(source):
        if comment[: len(_PICTURE_KEY)].upper() == _PICTURE_KEY:
            try:
                blocks.append((_FLAC_PICTURE, base64.b64decode(comment[len(_PICTURE_KEY) :], validate=True)))
            except ValueError:
                continue
        else:
            comments.append(comment)
    return comments, blocks


def _write_flac(target: Path, comments: list[bytes], blocks: list[tuple[int, bytes]]) -> None:
    path, writer = _rewrite(target)
    try:
        with open(target, "rb") as sound:
            own = _flac_blocks(sound)
            vendor = b""
            for kind, payload in own:
                if kind == _FLAC_COMMENT:
                    vendor = ogg.parse_comments(payload)[0]
            kept = [block for block in own if block[0] not in (_FLAC_COMMENT, _FLAC_PICTURE)]
            # A block's length has 24 bits.
            fitting = [block for block in blocks if len(block[1]) < 1 << 24]
            layout = [*kept[:1], (_FLAC_COMMENT, ogg.pack_comments(vendor, comments)), *fitting, *kept[1:]]
            writer.write(b"fLaC")
            for index, (kind, payload) in enumerate(layout):
                last = 0x80 if index == len(layout) - 1 else 0
                writer.write(bytes([kind | last]) + len(payload).to_bytes(3, "big") + payload)
            riff.copy_rest(sound, writer)
        _finish(path, writer, target)
    finally:
        writer.close()
        path.unlink(missing_ok=True)


def _write_ogg(target: Path, comments: list[bytes], blocks: list[tuple[int, bytes]]) -> None:
    pictures = [_PICTURE_KEY + base64.b64encode(payload) for kind, payload in blocks if kind == _FLAC_PICTURE]
    path, writer = _rewrite(target)
    try:
        ogg.replace_comments(target, writer, comments + pictures)
        _finish(path, writer, target)
    finally:
        writer.close()
        path.unlink(missing_ok=True)
