"""Chunks of RIFF/RF64 (WAV) and FORM (AIFF) files: carry every chunk that is not the sound itself.

Titles (LIST INFO), broadcast data (bext, iXML), cue points, loops, ID3 and pictures all live in chunks of their own;
copied byte for byte behind the sound they stay exactly what they were, known to us or not.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Chunks that describe the encoding or the samples of the file they are in, and fillers.
_OWN_TO_A_FILE = {
    b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"levl", b"JUNK", b"junk", b"PAD ", b"FLLR", b"wavl", b"slnt",
    b"COMM", b"SSND", b"FVER",
}  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """A chunk's name and where its payload lies in the file."""

    name: bytes
    offset: int
    size: int


def read_chunks(path: Path) -> list[Chunk]:
    """The chunks of a RIFF, RF64 or FORM file in order; stops quietly where the file is cut off."""
    chunks = []
    with open(path, "rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"FORM"):
            return []
        order = ">" if head[:4] == b"FORM" else "<"
        end = path.stat().st_size
        long_data = None
        position = 12
        while position + 8 <= end:
            file.seek(position)
            name, size = struct.unpack(order + "4sI", file.read(8))
            if name == b"ds64":
                long_data = struct.unpack("<Q", file.read(24)[8:16])[0]
            if name == b"data" and size == 0xFFFFFFFF:
                size = long_data if long_data is not None else end - position - 8
            if position + 8 + size > end:
                break
            chunks.append(Chunk(name, position + 8, size))
            position += 8 + size + size % 2
    return chunks


def copy_chunks(source: Path, target: Path) -> None:
    """Appends `source`'s descriptive chunks to `target` (both of one family) and mends the size in its header."""
    chunks = read_chunks(source)
    _copy_speaker_mask(source, chunks, target)
    extra = [chunk for chunk in chunks if chunk.name not in _OWN_TO_A_FILE and chunk.size]
    if not extra:
        return
    with open(source, "rb") as reader, open(target, "r+b") as writer:
        form = writer.read(4)
        order = ">" if form == b"FORM" else "<"
        size = writer.seek(0, 2)
        if form != b"RF64" and size + sum(chunk.size + 9 for chunk in extra) > 0xFFFFFFFF:
            return  # the header has 32 bits for the size: the sound matters more
        if size % 2:
            writer.write(b"\0")
        for chunk in extra:
            writer.write(struct.pack(order + "4sI", chunk.name, chunk.size))
            reader.seek(chunk.offset)
            _copy(reader, writer, chunk.size)
            if chunk.size % 2:
                writer.write(b"\0")
        size = writer.tell() - 8
        if form == b"RF64":
            writer.seek(20)
            writer.write(struct.pack("<Q", size))
        else:
            writer.seek(4)
            writer.write(struct.pack(order + "I", size))


def _copy_speaker_mask(source: Path, chunks: list[Chunk], target: Path) -> None:
    """Which channel is which speaker (WAVE_FORMAT_EXTENSIBLE, bytes 20..23 of `fmt `); libsndfile writes none."""
    theirs = next((chunk for chunk in chunks if chunk.name == b"fmt " and chunk.size >= 40), None)
    ours = next((chunk for chunk in read_chunks(target) if chunk.name == b"fmt " and chunk.size >= 40), None)
    if theirs and ours:
        with open(source, "rb") as reader, open(target, "r+b") as writer:
            reader.seek(theirs.offset + 20)
            writer.seek(ours.offset + 20)
            writer.write(reader.read(4))


def _copy(reader: BinaryIO, writer: BinaryIO, count: int) -> None:
    if count <= 1 << 20:
        writer.write(reader.read(count))
        return
    while count:
        piece = reader.read(min(count, 1 << 20))
        if not piece:
            return
        writer.write(piece)
        count -= len(piece)


def copy_rest(reader: BinaryIO, writer: BinaryIO) -> None:
    """Copies what is left of `reader` in pieces of 1 MiB."""
    shutil.copyfileobj(reader, writer, 1 << 20)
