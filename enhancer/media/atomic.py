"""Files appear whole or not at all: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from enhancer.errors import OutputError

# What only a write meets: a body that reads as well may fail otherwise.
_WRITING_FAILED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Folder scans leave hidden files out, so a temporary file of a run next door is never taken for an input.
_PREFIX, _MARK = ".enhancer-", ".part"


def write_error(path: Path, error: BaseException) -> OutputError:
    """The one clear line for a write to `path` that failed with `error` (disk full, no permission, ...)."""
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT) or _disk_is_full(path):
        return OutputError(f"no space left for {path}", "free some space, or choose another place with -o")
    if code in (errno.EACCES, errno.EPERM):
        return OutputError(f"no permission to write {path}", "choose another place with -o")
    if code == errno.EROFS:
        return OutputError(f"{path} is on a read-only disk", "choose another place with -o")
    if code == errno.EFBIG:
        return OutputError(f"{path} would grow larger than a file may be here")
    if code == errno.EPIPE:
        return OutputError(f"nobody reads {path} any more")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return OutputError(f"cannot write {path}: {reason}")


def _disk_is_full(path: Path) -> bool:
    # libsndfile reports a full disk only as a short write; ask the disk itself.
    try:
        return shutil.disk_usage(path.parent).free < 64 * 1024
    except OSError:
        return False


@contextlib.contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yields a temporary path beside `target`; renames it to `target` when the body ends well, else deletes it.

    Missing folders are made (and removed again when the body fails). Raises OutputError when the place cannot be
    written, when the disk is full, or when `target` exists and `overwrite` is false (checked again just before the
    rename).
    """
    made = _make_folders(target)
    # The suffix stays: ffmpeg chooses the format by it.
    temporary = target.with_name(f"{_beginning(target)}{uuid.uuid4().hex[:12]}{_MARK}{target.suffix}")
    done = False
    try:
        try:
            # Created with plain open so that the user's umask decides the mode (mkstemp would make it 0600).
            with open(temporary, "xb"):
                pass
        except OSError as error:
            raise write_error(target, error) from error
        try:
            yield temporary
        except OSError as error:
            if error.errno not in _WRITING_FAILED:
                raise
            raise write_error(target, error) from error
        try:
            if not overwrite and target.exists():
                raise OutputError(f"{target} exists already", "give --overwrite to replace it")
            os.replace(temporary, target)
        except OSError as error:
            raise write_error(target, error) from error
        done = True
    finally:
        if not done:
            with contextlib.suppress(OSError):
                temporary.unlink()
            for folder in made:
                with contextlib.suppress(OSError):  # not empty: someone else uses it by now
                    folder.rmdir()


def remove_parts(target: Path) -> None:
    """Deletes what a killed process has left of `target` under temporary names."""
    beginning = _beginning(target)
    with contextlib.suppress(OSError):
        for path in list(target.parent.iterdir()):
            if path.name.startswith(beginning):
                path.unlink()


def _beginning(target: Path) -> str:
    """Of the temporary names for `target`: its own name would not always fit."""
    return f"{_PREFIX}{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]}-"


def _make_folders(target: Path) -> list[Path]:
    """Makes the target's missing folders; returns those it made, innermost first."""
    missing = []
    folder = target.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(target, error) from error
    return missing
