"""Whether the window starts with the system. The system's own entry is the only truth, so nothing is remembered here.

Linux: a desktop entry in the XDG autostart folder. macOS: a launch agent. Windows: the user's Run key.
"""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path

from PyQt6.QtCore import QSettings

from enhancer.live.service.manager import package_folder
from gui import desktop_entry

AT_LOGIN = "--at-login"
_SWITCHED_OFF = {"Hidden=true", "X-GNOME-Autostart-enabled=false"}  # by the desktop's own settings
_RUN_KEY = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run"


def enabled() -> bool:
    """Whether the window starts when the user logs in."""
    if sys.platform == "win32":
        return QSettings(_RUN_KEY, QSettings.Format.NativeFormat).contains("Enhancer")
    try:
        lines = _path().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return not _SWITCHED_OFF.intersection(line.replace(" ", "") for line in lines)


def enable() -> None:
    """Starts the window at each login from now on. Raises OutputError."""
    words = desktop_entry.command(AT_LOGIN)
    if sys.platform == "win32":
        QSettings(_RUN_KEY, QSettings.Format.NativeFormat).setValue("Enhancer", subprocess.list2cmdline(words))
    elif sys.platform == "darwin":
        agent = {
            "Label": "enhancer.window",
            "ProgramArguments": words,
            "WorkingDirectory": str(package_folder()),
            "RunAtLoad": True,
        }
        desktop_entry.write(_path(), plistlib.dumps(agent).decode())
    else:
        # Desktops that order their autostart begin with the panel, where the tray is.
        desktop_entry.write(_path(), desktop_entry.text(words, {"X-GNOME-Autostart-Delay": "3"}))


def disable() -> None:
    """Does so no more."""
    if sys.platform == "win32":
        QSettings(_RUN_KEY, QSettings.Format.NativeFormat).remove("Enhancer")
    else:
        _path().unlink(missing_ok=True)


def _path() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / "enhancer.window.plist"
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "autostart" / "enhancer.desktop"
