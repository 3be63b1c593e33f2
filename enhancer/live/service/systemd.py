"""A systemd user unit: `systemctl --user` starts the engine at login and again when it crashes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from enhancer.live.service.manager import Installed, ServiceError, must, run
from enhancer.media.atomic import replacing

UNIT = "enhancer.service"
_TEXT = """\
# Written by `enhancer service install`; `enhancer service remove` takes it away.
[Unit]
Description=Enhancer: a virtual microphone without the noise
# Where these do not exist, they are ignored. The engine waits for its devices by itself, too.
After=pipewire-pulse.socket pipewire-pulse.service pulseaudio.socket pulseaudio.service

[Service]
Type=exec
WorkingDirectory={folder}
ExecStart={command}
# By SIGTERM it takes its virtual devices away and ends with 0; exit code 2 is another engine of this user's, for which
# it waits.
Restart=on-failure
RestartSec=15
TimeoutStopSec=5
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


class Systemd:
    """The user's own systemd."""

    name = "systemd"

    def __init__(self) -> None:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        self.path = folder / "systemd" / "user" / UNIT

    def check(self) -> None:
        """Raises ServiceError where no systemd serves this session: in a container, over `su`, in cron."""
        if run("systemctl", "--user", "show-environment").returncode:
            raise ServiceError(
                "systemd does not serve this session",
                "log in at the desktop (or by ssh) as the user, without su or sudo",
            )

    def install(self, command: Sequence[str], folder: Path) -> str:
        """Writes the unit, enables it and starts it, or starts it anew."""
        self.check()
        with replacing(self.path, overwrite=True) as temporary:
            temporary.write_text(unit(command, folder), encoding="utf-8")
        try:
            must("systemctl", "--user", "daemon-reload")
            must("systemctl", "--user", "enable", UNIT)
            must("systemctl", "--user", "restart", UNIT)
        except ServiceError:
            self.remove()
            raise
        return str(self.path)

    def remove(self) -> list[str]:
        """Stops and disables it; the unit and its links go, also where systemd does not answer."""
        links = [path for path in self.path.parent.glob(f"*.wants/{UNIT}") if path.is_symlink()]
        found = [path for path in (self.path, *links) if path.is_symlink() or path.exists()]
        if not found:
            return []
        answers = run("systemctl", "--user", "show-environment").returncode == 0
        if answers:
            run("systemctl", "--user", "disable", "--now", UNIT)
        for path in found:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # they hold other units
            for folder in (*(link.parent for link in links), self.path.parent, self.path.parent.parent):
                folder.rmdir()
        if answers:
            run("systemctl", "--user", "daemon-reload")
            run("systemctl", "--user", "reset-failed", UNIT)
        return [str(path) for path in found]

    def status(self) -> Installed | None:
        """What systemd says, as long as the unit is there."""
        if not self.path.exists():
            return None
        enabled, running = (
            run("systemctl", "--user", "--quiet", question, UNIT).returncode == 0
            for question in ("is-enabled", "is-active")
        )
        return Installed(str(self.path), enabled, running)


def is_here() -> bool:
    """Whether the system has systemd at all."""
    return shutil.which("systemctl") is not None


def unit(command: Sequence[str], folder: Path) -> str:
    """The unit's text."""
    return _TEXT.format(folder=_escaped(str(folder)), command=" ".join(quoted(word) for word in command))


def quoted(word: str) -> str:
    """A word of ExecStart: in quotes, with what systemd would expand made harmless (systemd.service(5))."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("$", "$$")
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
