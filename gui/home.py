"""Folders as people write them: beginning with ~ for their own."""

from __future__ import annotations

from pathlib import Path


def short_path(folder: Path) -> str:
    """`~/Music/Enhancer` for /home/NAME/Music/Enhancer; others whole."""
    home = Path.home()
    return (Path("~") / folder.relative_to(home)).as_posix() if folder.is_relative_to(home) else str(folder)
