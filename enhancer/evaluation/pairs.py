"""Which files belong together: the same name in the same sub-folder, whatever their extensions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from enhancer.errors import InputError
from enhancer.media.folders import search


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
    found = {role: _sound_files(role, place) for role, place in given.items()}
    pairing = _match({role: files for role, (files, _) in found.items()})
    pairing.unreadable = [line for _, unreadable in found.values() for line in unreadable]
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


def _sound_files(role: str, folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Sound files by their name inside the folder, and in words what cannot be read."""
    files: dict[str, list[Path]] = {}
    unreadable: list[str] = []
    for path, error in search(folder):
        if error is not None:
            unreadable.append(error.message)
        else:
            files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
    if not files:
        raise InputError(f"no audio or video files in --{role} {folder}")
    return files, unreadable
