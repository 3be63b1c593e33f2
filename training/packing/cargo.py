"""What travels, piece by piece: recordings, rooms, validation items and what teachers said of mixtures.

Test material stays at home: nothing is chosen or published on the other machine. Of the validation set its first
mixtures travel as they are, so that scores there and here mean the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from training.data.corpora import Recording
from training.data.pools import Pools
from training.data.rooms import RATES, Rooms
from training.packing import lossless
from training.teachers.cache import SIGNALS, TeacherCache

RECORDING_FACTS = tuple(f.name for f in fields(Recording) if f.name not in ("file", "clean"))


@dataclass(frozen=True)
class Piece:
    """What is not divided between shards: its files, and what the other side must know of it."""

    kind: str  # "recordings", "rooms", "validation" or a cache's name
    stratum: str  # pieces of one stratum are spread evenly over the shards
    facts: dict[str, Any]
    files: dict[str, Path]  # by name in the shard

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self.files.values())


class Staging:
    """A folder for files made for the journey."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name.replace("/", "_")
        path.write_bytes(content)
        return path


def recordings(data: Path | None, found: Sequence[Recording], pools: Pools, staging: Staging) -> Iterator[Piece]:
    """The training recordings that the pools took, whole or in part; those in the open are compressed without loss."""
    taken = {clip.path for kind in pools.kinds for rate in RATES for clip in pools.get(kind, rate).clips}
    for number, recording in enumerate(found):
        if recording.split != "train" or recording.path not in taken:
            continue
        sides = {"": recording.file or Path(data or ".") / recording.path, "_clean": recording.clean}
        files, names = {}, {}
        for side, path in sides.items():
            if path is None:
                continue
            packed = lossless.compressed_copy(path)
            suffix = path.suffix.lower() if packed is None else ".flac"
            names[side] = f"recordings/{number:06d}{side}{suffix}"
            files[names[side]] = path if packed is None else staging.put(names[side], packed)
        facts = {name: getattr(recording, name) for name in RECORDING_FACTS}
        facts |= {"number": number, "file": names[""], "clean": names.get("_clean")}
        yield Piece("recordings", f"{recording.kind} {recording.category or recording.sex}", facts, files)


def rooms(pools: Pools, staging: Staging) -> Iterator[Piece]:
    """The simulated rooms of the train split, at both rates."""
    by_rate = {rate: Rooms(pools.folder, "train", rate).rooms for rate in RATES}
    for number, room in enumerate(by_rate[RATES[0]]):
        facts: dict[str, Any] = {"number": number, "size_m": room.size_m, "rt60_s": room.rt60_s}
        facts |= {"distances_m": room.distances_m, "files": {}, "peaks": {}}
        files = {}
        for rate, all_rooms in by_rate.items():
            samples, peaks = lossless.room_to_int16(all_rooms[number].responses[list(room.rows)])
            name = f"rooms/{number:04d}_{rate}.flac"
            files[name] = staging.put(name, lossless.flac(samples, rate))
            facts["files"][str(rate)], facts["peaks"][str(rate)] = name, peaks
        yield Piece("rooms", "rooms", facts, files)


def validation(pools: Pools, count: int, staging: Staging) -> Iterator[Piece]:
    """The first `count` mixtures of the fixed validation set, bit by bit."""
    path = pools.folder / "fixed_val.npz"
    if not count or not path.is_file():
        return
    with np.load(path) as stored:
        set_facts = json.loads(stored["facts"].tobytes())
        sides = {"noisy": stored["noisy"], "clean": stored["clean"]}
    items = set_facts.pop("items")[:count]
    for number, item in enumerate(items):
        part = slice(item.pop("start"), item.pop("stop"))
        names = {side: f"validation/{number:03d}_{side}.flac" for side in sides}
        files = {name: staging.put(name, lossless.flac(sides[side][part])) for side, name in names.items()}
        facts = {"number": number, "of": len(items), "set": set_facts, "item": item, **names}
        yield Piece("validation", "validation", facts, files)


def cache_header(folder: Path, features: bool) -> dict[str, Any]:
    """What a cache was made with, as it will stand on the other side. Raises InputError when there is none."""
    header = asdict(TeacherCache(folder).header)
    return header if features else header | {"dims": 0}


def cache(name: str, folder: Path, minutes: float | None, features: bool, staging: Staging) -> Iterator[Piece]:
    """The first `minutes` (None: all) of a teacher's cache: its sounds bit by bit, its features in 8 bits or not."""
    stored = TeacherCache(folder)
    header = stored.header
    lines = stored.facts()
    count = stored.segments if minutes is None else min(stored.segments, max(1, round(minutes * 60 / header.seconds)))
    dims = header.dims if features else 0
    maps = {signal: np.memmap(folder / f"{signal}.i16", "<i2", "r") for signal in SIGNALS}
    for number in range(count):
        part = slice(number * header.samples, (number + 1) * header.samples)
        names = {signal: f"{name}/{number:06d}_{signal}.flac" for signal in SIGNALS}
        files = {names[s]: staging.put(names[s], lossless.flac(np.array(maps[s][part]))) for s in SIGNALS}
        if dims:
            names["features"] = f"{name}/{number:06d}.i8"
            packed = lossless.eight_bits(stored.segment(number)["features"])
            files[names["features"]] = staging.put(names["features"], packed)
        facts = {"number": number, "line": lines[number], "files": names}
        yield Piece(name, name, facts, files)
