"""What is asked of a system's service manager, which one there is here, and how its commands are run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import enhancer
from enhancer.errors import UserError
from enhancer.live.engine import Options
from enhancer.live.process import encode_options

COMMAND_S = 20.0  # a service manager that has not answered by then is hung


class ServiceError(UserError):
    """The service manager is missing, or refuses."""


@dataclass(frozen=True)
class Installed:
    """where: the file or entry that starts the engine. enabled: at login. running: as far as the manager knows."""

    where: str
    enabled: bool
    running: bool


class Manager(Protocol):
    """One user's services. All methods raise ServiceError when the system's own program refuses."""

    name: str

    def check(self) -> None:
        """Raises ServiceError unless it serves this session."""

    def install(self, command: Sequence[str], folder: Path) -> str:
        """Starts `command` in `folder` now and at every login, in place of an older one; returns where that is kept."""

    def remove(self) -> list[str]:
        """Ends it and removes all that `install` has made; returns what was removed, nothing when nothing was there."""

    def status(self) -> Installed | None:
        """None when it is not installed."""


def engine_command(options: Options) -> list[str]:
    """The command line of an engine with these options."""
    python = Path(sys.executable)
    if sys.platform == "win32" and python.with_name("pythonw.exe").exists():
        python = python.with_name("pythonw.exe")  # opens no window
    return [str(python), "-m", "enhancer.live.process", encode_options(options)]


def package_folder() -> Path:
    """Where Python finds this package even when it is not installed."""
    return Path(enhancer.__file__).resolve().parents[1]


def this_manager() -> Manager:
    """The one of this system. Raises ServiceError, in plain words, where there is none."""
    if sys.platform == "darwin":
        from enhancer.live.service.launchd import Launchd

        return Launchd()
    if sys.platform == "win32":
        from enhancer.live.service.task_scheduler import TaskScheduler

        return TaskScheduler()
    from enhancer.live.service.systemd import Systemd, is_here

    if not is_here():
        raise ServiceError(
            "this system has no systemd, so nothing here can start the engine at login",
            "let your desktop's autostart settings run: enhancer live --keep-open",
        )
    return Systemd()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the system, whatever its exit code. Raises ServiceError when it is missing or hangs."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=COMMAND_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{command[0]} did not answer for {COMMAND_S:.0f} s") from None


def must(*command: str) -> str:
    """Runs a program of the system and returns what it printed. Raises ServiceError with its own words if it fails."""
    done = run(*command)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ServiceError(f"{' '.join(command[:3])} failed: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout
