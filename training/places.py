"""Where data and runs lie when no option says so."""

from __future__ import annotations

from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]


def default_data() -> Path:
    """Where the recordings are expected: shared/data beside the repository."""
    return _REPOSITORY.parent / "shared" / "data"


def default_runs() -> Path:
    """Where everything made goes: runs in the repository, which git ignores."""
    return _REPOSITORY / "runs"


def default_pools() -> Path:
    """Where the pools are: runs/pools."""
    return default_runs() / "pools"


def shipped_weights() -> Path:
    """The checkpoint of the shipped student: assets/student.safetensors."""
    return _REPOSITORY / "assets" / "student.safetensors"
