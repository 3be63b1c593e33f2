"""How recordings are called."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import chain, count
from pathlib import Path

SIDES = ("noisy", "clean")


def unused_paths(folder: Path, suffix: str) -> tuple[Path, ...]:
    """FOLDER/TIME-noisy and FOLDER/TIME-clean; TIME_2 and so on where a recording of this very second is there."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    names = chain([stamp], (f"{stamp}_{number}" for number in count(2)))
    candidates = (tuple(folder / f"{name}-{side}{suffix}" for side in SIDES) for name in names)
    return next(paths for paths in candidates if not any(os.path.lexists(path) for path in paths))
