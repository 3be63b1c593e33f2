"""A launchd agent: macOS starts the engine at login and again when it crashes."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Sequence
from pathlib import Path

from enhancer.live import places
from enhancer.live.service.manager import Installed, must, run
from enhancer.media.atomic import replacing

LABEL = "enhancer.live"


class Launchd:
    """The user's own agents."""

    name = "launchd"

    def __init__(self) -> None:
        self.path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def check(self) -> None:
        """Raises ServiceError where no desktop session is."""
        must("launchctl", "print", _domain())

    def install(self, command: Sequence[str], folder: Path) -> str:
        """Writes the agent and starts it, in place of one that runs."""
        self.check()
        run("launchctl", "bootout", f"{_domain()}/{LABEL}")
        with replacing(self.path, overwrite=True) as temporary:
            temporary.write_bytes(agent(command, folder, places.log_dir()))
        must("launchctl", "bootstrap", _domain(), str(self.path))
        return str(self.path)

    def remove(self) -> list[str]:
        """Ends it; the file goes."""
        if not self.path.exists():
            return []
        run("launchctl", "bootout", f"{_domain()}/{LABEL}")
        self.path.unlink(missing_ok=True)
        return [str(self.path)]

    def status(self) -> Installed | None:
        """What launchd says, as long as the file is there."""
        if not self.path.exists():
            return None
        done = run("launchctl", "print", f"{_domain()}/{LABEL}")
        return Installed(str(self.path), done.returncode == 0, "state = running" in done.stdout)


def agent(command: Sequence[str], folder: Path, log: Path) -> bytes:
    """The agent's property list."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "WorkingDirectory": str(folder),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},  # again after a crash, not after `enhancer ctl stop`
            "ThrottleInterval": 15,  # seconds between two starts
            "ProcessType": "Interactive",  # else macOS slows it down to save energy
            "StandardOutPath": str(log / "service.log"),
            "StandardErrorPath": str(log / "service.log"),
        },
        sort_keys=False,
    )


def _domain() -> str:
    return f"gui/{os.getuid()}" if hasattr(os, "getuid") else "gui"
