"""Which files belong together: the same name in the same sub-folder, whatever their extensions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from enhancer.errors import InputError
from enhancer.media.types import AUDIO_SUFFIXES, VIDEO_SUFFIXES

_SUFFIXES = AUDIO_SUFFIXES | VIDEO_SUFFIXES


@dataclass(frozen=True)
class Pair:
    """One recording in up to three versions; `name` is its path inside the folders, without extension."""

    name: str
    clean: Path | None = None
    noisy: Path | None = None
    enhanced: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All its files."""
        return [path for path in (self.clean, self.noisy, self.enhanced) if path is not None]


@dataclass
class Pairing:
    """What was found: the pairs by name, and in words what has no partner or is there twice."""

    pairs: list[Pair]
    unmatched: list[Path] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def find_pairs(clean: Path | None, noisy: Path | None, enhanced: Path | None) -> Pairing:
    """Pairs the sound files of folders (searched with their sub-folders), or makes one pair of single files.

    A file pairs by its path inside its folder without extension; hidden files are left out. Raises InputError for
    places that do not exist or hold no sound, for a file beside a folder, and when nothing pairs.
    """
    places = {"clean": clean, "noisy": noisy, "enhanced": enhanced}
    given = {role: place for role, place in places.items() if place is not None}
    for role, place in given.items():
        if not place.exists():
            raise InputError(f"--{role} {place} does not exist")
    if not any(place.is_dir() for place in given.values()):
        return Pairing([Pair(next(iter(given.values())).name, clean, noisy, enhanced)])
    for role, place in given.items():
        if not place.is_dir():
            raise InputError(f"--{role} {place} is a file, the others are folders", "give folders only, or files only")
    return _match({role: _sound_files(role, place) for role, place in given.items()})


def _match(found: dict[str, dict[str, list[Path]]]) -> Pairing:
    names = set.intersection(*(set(files) for files in found.values()))
    doubled = {name: paths for files in found.values() for name, paths in files.items() if len(paths) > 1}
    pairing = Pairing(
        [
            Pair(name, **{role: files[name][0] for role, files in found.items()})
            for name in sorted(names - set(doubled))
        ],
        sorted(path for files in found.values() for name in files if name not in names for path in files[name]),
        [f"{' and '.join(str(path) for path in paths)} have one name" for _, paths in sorted(doubled.items())],
    )
    if not pairing.pairs:
        examples = [str(min(files.values())[0]) for files in found.values()]
        raise InputError(
            f"no file is in all of the folders: {', '.join(examples)}, ... do not pair",
            "files pair by their name without extension, inside the same sub-folder",
        )
    return pairing


def _sound_files(role: str, folder: Path) -> dict[str, list[Path]]:
    """Sound files by their name inside the folder."""
    files: dict[str, list[Path]] = {}
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base) / name
            if not name.startswith(".") and path.suffix.lower() in _SUFFIXES:
                files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    if not files:
        raise InputError(f"no audio or video files in --{role} {folder}")
    return files
