"""Where the engine and its clients meet: the runtime folder and its files, the logs, the settings.

The runtime folder is the owner's alone (0700), so that nobody else can even look for the socket in it. It is made
here, since a session without XDG_RUNTIME_DIR (cron, su, a container) falls back to a place under /tmp where another
user may have been first.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import warnings
from pathlib import Path

from enhancer import paths
from enhancer.errors import ConfigError

MAX_SOCKET_PATH = 103  # bytes: macOS takes 104 with the closing NUL, Linux 108


def runtime_dir() -> Path:
    """Folder of the running engine, made if it is missing. Raises ConfigError where it is not the owner's alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a missing XDG_RUNTIME_DIR: the folder chosen instead is checked below
            folder = paths.user_runtime_dir()
    except PermissionError as error:
        raise ConfigError(f"there is no safe runtime folder: {error}", "set XDG_RUNTIME_DIR") from error
    return private_folder(folder)


def log_dir() -> Path:
    """Folder of the engine's log files, made if it is missing. Raises ConfigError where it cannot be made."""
    folder = paths.user_log_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder} for logs: {error.strerror}") from error
    return folder


def config_file() -> Path:
    """The remembered devices and strength (TOML; neither file nor folder is made here)."""
    return paths.user_config_dir() / "live.toml"


def lock_path(runtime: Path) -> Path:
    """Locked by the running engine; holds its process id."""
    return runtime / "lock"


def key_path(runtime: Path) -> Path:
    """The secret by which the engine and its clients know each other."""
    return runtime / "key"


def meters_path(runtime: Path) -> Path:
    """The memory-mapped levels, spectra and counters."""
    return runtime / "meters"


def control_address(runtime: Path) -> str:
    """Where the engine listens: a socket in the folder, or on Windows a named pipe that goes by the folder's name.

    Raises ConfigError for a folder whose path is too long for a socket.
    """
    if sys.platform == "win32":
        return rf"\\.\pipe\enhancer-{hashlib.sha256(os.fsencode(runtime)).hexdigest()[:16]}"
    address = str(runtime / "control")
    if len(os.fsencode(address)) > MAX_SOCKET_PATH:
        raise ConfigError(
            f"the path {address} is too long for a socket", "set XDG_RUNTIME_DIR to a folder with a shorter path"
        )
    return address


def private_folder(folder: Path) -> Path:
    """Makes `folder` and its missing parents for the owner alone (0700) and returns it.

    An own folder that others may enter is closed to them. Raises ConfigError for one that is a link, belongs to
    somebody else, or lies where somebody else could exchange it.
    """
    try:
        for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        _check_owner(folder)
    except OSError as error:
        raise ConfigError(f"cannot use the folder {folder}: {error.strerror}", "set XDG_RUNTIME_DIR") from error
    return folder


def _check_owner(folder: Path) -> None:
    if sys.platform == "win32":  # a user's folders are the user's alone by inheritance
        return
    parent, own = folder.parent.stat(), folder.lstat()
    me = os.geteuid()
    if not stat.S_ISDIR(own.st_mode):
        raise ConfigError(f"{folder} is not a folder", "remove it, or set XDG_RUNTIME_DIR")
    if own.st_uid != me:
        raise ConfigError(f"{folder} belongs to another user", "run as that user, or set XDG_RUNTIME_DIR")
    others_may_write = parent.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not parent.st_mode & stat.S_ISVTX
    if parent.st_uid not in (0, me) or others_may_write:
        raise ConfigError(f"other users could exchange the folder {folder}", "set XDG_RUNTIME_DIR")
    if own.st_mode & 0o077:
        folder.chmod(0o700)
