"""Shards to pools, rooms, validation items and caches in a work folder; what is there already stays."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.errors import InputError
from enhancer.media.atomic import replacing
from training.data import pools, rooms
from training.data.corpora import Recording
from training.packing import lossless
from training.packing.cargo import RECORDING_FACTS
from training.packing.shards import Shard
from training.teachers.cache import SIGNALS


@dataclass(frozen=True)
class Unpacked:
    """What a run needs, on the other machine."""

    pools: Path
    caches: dict[str, Path]  # by name, in the order in which they were packed
    validation_items: int
    whole: bool  # whether all shards of the pack came


def unpack(
    shards: Sequence[Shard],
    work: Path,
    processes: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Unpacked:
    """Unpacks all `shards` into `work`. What an earlier call made of the same shards is left as it is.

    Raises InputError when a shard is damaged.
    """
    cargo = _Cargo(shards)
    names = list(shards[0].manifest["caches"])
    unpacked = Unpacked(
        work / "pools",
        {name: work / "caches" / name for name in names if any(shard.pieces(name) for shard in shards)},
        len(cargo.facts("validation")),
        len(shards) == shards[0].manifest["of"],
    )
    done = work / "unpacked.json"
    state = {"pack": shards[0].manifest["pack"], "shards": [shard.manifest["shard"] for shard in shards]}
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == state:
        return unpacked
    done.unlink(missing_ok=True)
    shutil.rmtree(work / "caches", ignore_errors=True)
    try:
        with ExitStack() as opened:
            cargo.open(opened)
            _recordings(cargo, work / "data", unpacked.pools, processes, progress)
            _rooms(cargo, unpacked.pools)
            _validation(cargo, unpacked.pools)
            for name, folder in unpacked.caches.items():
                _cache(cargo, name, shards[0].manifest["caches"][name], folder)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"a shard is damaged: {error}", "copy the shards again") from None
    done.write_text(json.dumps(state), encoding="utf-8")
    return unpacked


class _Cargo:
    """All shards as one: pieces in their original order, whichever shard they came in."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._opened: list[zipfile.ZipFile] = []

    def open(self, stack: ExitStack) -> None:
        self._opened = [stack.enter_context(zipfile.ZipFile(shard.path)) for shard in self._shards]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [facts for facts, _ in self._numbered(kind)]

    def pieces(self, kind: str) -> Iterator[tuple[dict[str, Any], Callable[[str], bytes]]]:
        """Facts, and what reads a file of the piece by its name."""
        for facts, shard in self._numbered(kind):
            yield facts, self._opened[shard].read

    def _numbered(self, kind: str) -> list[tuple[dict[str, Any], int]]:
        found = [(facts, i) for i, shard in enumerate(self._shards) for facts in shard.pieces(kind)]
        return sorted(found, key=lambda pair: pair[0]["number"])


def _recordings(cargo: _Cargo, data: Path, out: Path, processes: int, progress: Callable[[int, int], None]) -> None:
    data.mkdir(parents=True, exist_ok=True)
    found = []
    for facts, read in cargo.pieces("recordings"):
        sides: dict[str, Any] = {}
        for side in ("file", "clean"):
            if facts[side]:
                path = sides[side] = data / Path(facts[side]).name
                if not path.is_file():
                    _write(path, read(facts[side]))
        found.append(Recording(**{name: facts[name] for name in RECORDING_FACTS}, **sides))
    pools.prepare(data, found, out, processes=processes, progress=progress)


def _rooms(cargo: _Cargo, out: Path) -> None:
    found: list[dict[str, Any]] = []
    parts = {rate: out / f"rooms_{rate}.f32.part" for rate in rooms.RATES}
    with ExitStack() as stack:
        files = {rate: stack.enter_context(part.open("wb")) for rate, part in parts.items()}
        row = 0
        for facts, read in cargo.pieces("rooms"):
            for rate, file in files.items():
                samples = lossless.unflac(read(facts["files"][str(rate)]))
                responses = lossless.room_from_int16(samples, facts["peaks"][str(rate)])
                file.write(responses.astype(np.float32).tobytes())
            places = len(facts["distances_m"])
            found.append({"split": "train", "size_m": facts["size_m"], "rt60_s": facts["rt60_s"],
                          "rows": list(range(row, row + places)), "distances_m": facts["distances_m"]})  # fmt: skip
            row += places
    for rate, part in parts.items():
        os.replace(part, out / f"rooms_{rate}.f32")
    about = {"format": rooms.FORMAT, "count": len(found), "seed": 0, "rooms": found}
    _write(out / "rooms.json", json.dumps(about).encode())


def _validation(cargo: _Cargo, out: Path) -> None:
    items: list[dict[str, Any]] = []
    sides: dict[str, list[np.ndarray]] = {"noisy": [], "clean": []}
    start, about = 0, {}
    came = len(cargo.facts("validation"))
    for facts, read in cargo.pieces("validation"):
        for side, signals in sides.items():
            signals.append(lossless.unflac(read(facts[side])))
        stop = start + len(sides["noisy"][-1])
        items.append({**facts["item"], "start": start, "stop": stop})
        start, about = stop, facts["set"] if facts["of"] == came else facts["set"] | {"sha256": ""}
    if not items:
        return
    noisy, clean = (np.concatenate(signals) for signals in sides.values())
    stored = np.frombuffer(json.dumps(about | {"items": items}).encode(), np.uint8)
    part = out / "fixed_val.npz.part"
    with part.open("wb") as file:
        np.savez(file, facts=stored, noisy=noisy, clean=clean)
    os.replace(part, out / "fixed_val.npz")


def _cache(cargo: _Cargo, name: str, header: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        files = {s: stack.enter_context((folder / f"{s}.i16").open("wb")) for s in SIGNALS}
        features = stack.enter_context((folder / "features.f16").open("wb")) if header["dims"] else None
        lines = stack.enter_context((folder / "segments.jsonl").open("w", encoding="utf-8"))
        for number, (facts, read) in enumerate(cargo.pieces(name)):
            for signal, file in files.items():
                file.write(lossless.unflac(read(facts["files"][signal])).astype("<i2").tobytes())
            if features is not None:
                kept = lossless.from_eight_bits(read(facts["files"]["features"]), header["dims"])
                features.write(kept.astype("<f2").tobytes())
            lines.write(json.dumps(facts["line"] | {"segment": number}) + "\n")
    (folder / "cache.json").write_text(json.dumps(header), encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    with replacing(path, overwrite=True) as part:
        part.write_bytes(content)
