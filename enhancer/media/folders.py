"""What a folder holds to listen to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from enhancer.errors import InputError
from enhancer.media.types import MEDIA_SUFFIXES


def search(folder: Path, *, recursive: bool = True) -> Iterator[tuple[Path, InputError | None]]:
    """Files with a sound or video suffix, by name within each folder, hidden ones left out; or why one is of no use.

    Links to nothing come among the files, closed folders last.
    """
    closed: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            path = Path(base) / name
            if not name.startswith(".") and path.suffix.lower() in MEDIA_SUFFIXES:
                yield path, None if os.path.exists(path) else InputError(f"{path} is a link to nothing")
    for problem in closed:
        what = f"cannot read the folder {problem.filename}: {problem.strerror}"
        yield Path(problem.filename), InputError(what)
