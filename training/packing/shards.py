"""Shards on disk: zip files with a manifest, filled so that each holds a fair part of everything."""

from __future__ import annotations

import hashlib
import json
import os
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enhancer.errors import InputError, OutputError, UserError
from training.packing.cargo import Piece

FORMAT = 1
MANIFEST = "manifest.json"
MIB = 2**20
ENTRY_BYTES = 300  # what a file costs beside its bytes: its headers in the zip, its line in the manifest


def deal(pieces: Sequence[Piece], shards: int, seed: int = 1) -> list[list[Piece]]:
    """Pieces in `shards` lists of nearly equal size, every stratum spread evenly over them.

    Within a stratum pieces come in the order of their group (a speaker, a noise recording): each shard hears a bit of
    everybody rather than much of a few.
    """
    dice = random.Random(seed)
    order = sorted(pieces, key=lambda piece: (piece.stratum, piece.facts.get("group", ""), dice.random()))
    dealt: list[list[Piece]] = [[] for _ in range(shards)]
    sizes = [0] * shards
    for piece in order:
        least = min(range(shards), key=sizes.__getitem__)
        dealt[least].append(piece)
        sizes[least] += piece.size + ENTRY_BYTES * len(piece.files)
    return dealt


def write(pieces: Sequence[Piece], out: Path, max_mib: float, facts: dict[str, Any]) -> list[Path]:
    """Writes as few shards of at most `max_mib` as it takes into `out`; `facts` go into each manifest. Returns them.

    Raises UserError when one piece is larger than that, OutputError when the shards cannot be written.
    """
    limit = max_mib * MIB
    largest = max(pieces, key=lambda piece: piece.size)
    if largest.size + 2 * ENTRY_BYTES > limit:
        raise UserError(
            f"{next(iter(largest.files))} alone takes {largest.size / MIB:.1f} MiB", "give a larger --max-mib"
        )
    identity = hashlib.sha256(json.dumps([facts, [(p.kind, p.facts, p.size) for p in pieces]]).encode()).hexdigest()
    total = sum(piece.size + ENTRY_BYTES * len(piece.files) for piece in pieces)
    count = max(1, -(-int(total) // int(limit)))
    while True:
        common = {"format": FORMAT, "pack": identity[:16], "of": count, **facts}
        paths = [out / f"shard-{number:02d}.zip" for number in range(count)]
        parts = [path.with_name(path.name + ".part") for path in paths]
        try:
            for number, (part, own) in enumerate(zip(parts, deal(pieces, count), strict=True)):
                _write_shard(part, own, common | {"shard": number})
            if max(part.stat().st_size for part in parts) <= limit:
                for part, path in zip(parts, paths, strict=True):
                    os.replace(part, path)
                return paths
        except OSError as error:
            raise OutputError(f"cannot write shards to {out}: {error.strerror or error}") from None
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
        count += 1


def _write_shard(path: Path, pieces: Sequence[Piece], manifest: dict[str, Any]) -> None:
    kinds: dict[str, list[dict[str, Any]]] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as shard:  # the files are compressed already
        for piece in pieces:
            kinds.setdefault(piece.kind, []).append(piece.facts)
            for name, file in piece.files.items():
                shard.write(file, name)
        manifest = manifest | {"pieces": kinds}
        shard.writestr(MANIFEST, json.dumps(manifest), zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Shard:
    """One shard that came."""

    path: Path
    manifest: dict[str, Any]

    def pieces(self, kind: str) -> list[dict[str, Any]]:
        """Facts of its pieces of a kind."""
        return self.manifest["pieces"].get(kind, [])


def find(folder: Path) -> list[Shard]:
    """The shards in a folder, in order. Raises InputError when there are none, one is damaged, or of another pack."""
    paths = sorted(folder.glob("shard-*.zip")) if folder.is_dir() else []
    if not paths:
        raise InputError(f"no shards in {folder}", "make them with: training pack --out DIR")
    shards = []
    for path in paths:
        try:
            with zipfile.ZipFile(path) as shard:
                shards.append(Shard(path, json.loads(shard.read(MANIFEST))))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
            raise InputError(f"{path} is not a whole shard: {error}", "copy it again") from None
    if len({shard.manifest["pack"] for shard in shards}) > 1:
        raise InputError(f"the shards in {folder} are of different packs", "keep those of one `training pack` alone")
    if shards[0].manifest["format"] != FORMAT:
        raise InputError(f"the shards in {folder} are of another version", "pack again with this version")
    return shards
