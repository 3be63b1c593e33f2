"""Comment headers of Ogg files (Vorbis, Opus): read them whole, and put them into another Ogg file.

Ogg pages: RFC 3533; Vorbis headers: Vorbis I specification, section 4.2; Opus headers: RFC 7845, section 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEAD = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, sequence, checksum, segments
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# First bytes of the comment packet and how many header packets a stream of that kind has.
_KINDS = {b"\x03vorbis": 3, b"OpusTags": 2}


@dataclass
class Page:
    """One Ogg page: header fields, its table of segment lengths, and its payload."""

    flags: int
    granule: int
    serial: int
    sequence: int
    table: bytes
    body: bytes

    def packed(self) -> bytes:
        """The page's bytes with a fresh checksum."""
        head = _HEAD.pack(b"OggS", 0, self.flags, self.granule, self.serial, self.sequence, 0, len(self.table))
        page = head + self.table + self.body
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32 (polynomial 0x04c11db7, most significant bit first, no inversion), by zlib's mirrored one."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _read_page(file: BinaryIO) -> Page | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or head[:4] != b"OggS":
        return None
    _, _, flags, granule, serial, sequence, _, count = _HEAD.unpack(head)
    table = file.read(count)
    body = file.read(sum(table))
    if len(table) < count or len(body) < sum(table):
        return None
    return Page(flags, granule, serial, sequence, table, body)


def _header_packets(file: BinaryIO) -> list[bytes]:
    """The header packets of the file's (first) stream; the file then stands at its first page of sound."""
    packets: list[bytes] = []
    pending = b""
    wanted = 2
    while len(packets) < wanted:
        page = _read_page(file)
        if page is None:
            return []
        at = 0
        for length in page.table:
            pending += page.body[at : at + length]
            at += length
            if length < 255:
                packets.append(pending)
                pending = b""
        if len(packets) >= 2:
            wanted = next((count for magic, count in _KINDS.items() if packets[1].startswith(magic)), 0)
            if not wanted:
                return []
    # The specifications let sound begin on a new page only, so nothing of it has been read yet.
    return packets[:wanted]


def parse_comments(payload: bytes) -> tuple[bytes, list[bytes]]:
    """(vendor, ["KEY=value", ...]) of a Vorbis comment structure; raises ValueError when it is damaged."""
    position = 0

    def take() -> bytes:
        nonlocal position
        if position + 4 > len(payload):
            raise ValueError("comment header is cut off")
        size = struct.unpack_from("<I", payload, position)[0]
        item = payload[position + 4 : position + 4 + size]
        if len(item) < size:
            raise ValueError("comment header is cut off")
        position += 4 + size
        return item

    vendor = take()
    if position + 4 > len(payload):
        raise ValueError("comment header is cut off")
    count = struct.unpack_from("<I", payload, position)[0]
    position += 4
    return vendor, [take() for _ in range(count)]


def pack_comments(vendor: bytes, comments: list[bytes]) -> bytes:
    """The inverse of `parse_comments`."""
    parts = [struct.pack("<I", len(vendor)), vendor, struct.pack("<I", len(comments))]
    for comment in comments:
        parts += [struct.pack("<I", len(comment)), comment]
    return b"".join(parts)


def _split_magic(packet: bytes) -> tuple[bytes, bytes]:
    magic = next(magic for magic in _KINDS if packet.startswith(magic))
    return magic, packet[len(magic) :]


def read_comments(path: Path) -> list[bytes]:
    """All comments ("KEY=value") of an Ogg Vorbis or Opus file; none when it has no readable ones."""
    with open(path, "rb") as file:
        packets = _header_packets(file)
    if not packets:
        return []
    try:
        return parse_comments(_split_magic(packets[1])[1])[1]
    except ValueError:
        return []


def header_bytes(path: Path) -> int:
    """How much of an Ogg file its headers (comments and pictures above all) take."""
    with open(path, "rb") as file:
        return file.tell() if _header_packets(file) else 0


def replace_comments(source: Path, target: BinaryIO, comments: list[bytes]) -> None:
    """Writes `source` (Ogg Vorbis or Opus) to `target` with these comments; sound and vendor name stay the same."""
    with open(source, "rb") as file:
        first = _read_page(file)
        file.seek(0)
        packets = _header_packets(file)
        if first is None or not packets:
            raise ValueError("not an Ogg Vorbis or Opus file")
        magic, payload = _split_magic(packets[1])
        vendor, _ = parse_comments(payload)
        framing = b"\x01" if magic == b"\x03vorbis" else b""
        packets[1] = magic + pack_comments(vendor, comments) + framing

        target.write(first.packed())  # the first packet has a page of its own (both specifications)
        sequence = 1
        for page in _paged(packets[1:], first.serial):
            page.sequence = sequence
            target.write(page.packed())
            sequence += 1
        while (sound := _read_page(file)) is not None:
            sound.sequence = sequence
            target.write(sound.packed())
            sequence += 1


def _paged(packets: list[bytes], serial: int) -> Iterator[Page]:
    """Header packets laid out on pages of at most 255 segments; pages where no packet ends have granule -1."""
    table: list[int] = []
    body = b""
    continued = False
    for packet in packets:
        lengths = [255] * (len(packet) // 255) + [len(packet) % 255]
        at = 0
        for index, length in enumerate(lengths):
            table.append(length)
            body += packet[at : at + length]
            at += length
            if len(table) == 255:
                ends = any(entry < 255 for entry in table)
                yield Page(int(continued), 0 if ends else -1, serial, 0, bytes(table), body)
                continued = index + 1 < len(lengths)
                table, body = [], b""
    if table:
        yield Page(int(continued), 0, serial, 0, bytes(table), body)
