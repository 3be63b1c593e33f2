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
    """What was found: the pairs by name, what has no partner, and in words what is there twice or cannot be read."""

    pairs: list[Pair]
    unmatched: list[Path] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


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
    unreadable: list[str] = []
    found = {role: _sound_files(role, place, unreadable) for role, place in given.items()}
    pairing = _match(found)
    pairing.unreadable = unreadable
    return pairing


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


def _sound_files(role: str, folder: Path, unreadable: list[str]) -> dict[str, list[Path]]:
    """Sound files by their name inside the folder; links to nothing and closed folders are added to `unreadable`."""
    files: dict[str, list[Path]] = {}
    closed: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(base) / name
            if name.startswith(".") or path.suffix.lower() not in _SUFFIXES:
                continue
            if not os.path.exists(path):
                unreadable.append(f"{path} is a link to nothing")
            else:
                files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    unreadable += [f"cannot read the folder {problem.filename}: {problem.strerror}" for problem in closed]
    if not files:
        raise InputError(f"no audio or video files in --{role} {folder}")
    return files
