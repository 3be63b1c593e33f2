"""Finding the audio files of a corpus, and saying what was expected where there are none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from enhancer.errors import InputError

# What soundfile reads, and what users may have: the latter is listed as skipped rather than overlooked.
SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64",
     ".sph", ".m4a", ".aac", ".wma", ".mp4", ".webm"}
)  # fmt: skip


def audio_files(folder: Path) -> Iterator[Path]:
    """Audio files below a folder, sorted, links followed, hidden files and folders left out."""
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield Path(root, name)


def below(path: Path, folder: Path) -> str:
    """The path inside a folder with forward slashes, as pools keep it on every system."""
    return path.relative_to(folder).as_posix()


def root_of(folder: Path, name: str, fits: Callable[[Path], bool], expected: str) -> Path:
    """The folder itself, or the one folder below it, whose layout is that of the corpus `name`.

    Raises InputError, saying what was `expected`, if there is none.
    """
    for candidate in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
        if fits(candidate):
            return candidate
    raise InputError(f"{folder} does not look like {name}", f"expected {expected}")
