"""The window among the desktop's programs: an entry and an icon in the user's own XDG folders.

Both name the Python that runs now, so a program in a virtual environment is found without its PATH.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from enhancer.errors import UserError
from enhancer.live.service.manager import package_folder
from enhancer.media.atomic import replacing

APP_ID = "enhancer"  # file names; Qt tells the window manager the same, so that windows wear the icon
_ENTRY = {
    "Type": "Application",
    "Name": "Enhancer",
    "GenericName": "Noise removal for microphones",
    "GenericName[zh_CN]": "麦克风降噪",
    "Comment": "Removes noise from your microphone in calls, and from recordings",
    "Comment[zh_CN]": "去除通话中麦克风和录音里的噪声",
    "Keywords": "noise;microphone;denoise;voice;speech;recording;",
    "Keywords[zh_CN]": "降噪;麦克风;噪声;语音;录音;",
    "Icon": APP_ID,
    "Categories": "AudioVideo;Audio;",
    "Terminal": "false",
    "StartupWMClass": APP_ID,
}


def command(*options: str) -> list[str]:
    """The command line that opens the window."""
    return [sys.executable, "-m", "enhancer", "gui", *options]


def installed() -> bool:
    """Whether the entry is there."""
    return _entry_path().exists()


def install() -> Path:
    """Writes entry and icon, in place of older ones; returns the entry. Raises UserError where there are no such."""
    if sys.platform != "linux":
        raise UserError(
            "desktop entries are a thing of Linux desktops", "pin the running window to the Dock or taskbar"
        )
    write(_icon_path(), files("gui").joinpath("icons/enhancer.svg").read_text(encoding="utf-8"))
    write(_entry_path(), text(command()))
    return _entry_path()


def remove() -> list[Path]:
    """Takes away what `install` made; returns what was there."""
    found = [path for path in (_entry_path(), _icon_path()) if path.exists()]
    for path in found:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others' icons
            path.parent.rmdir()
    return found


def text(words: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
    """A desktop entry that runs this command line."""
    lines = {**_ENTRY, "Exec": exec_line(words), "Path": _escaped(str(package_folder())), **(extra or {})}
    return "\n".join(["[Desktop Entry]", *(f"{key}={value}" for key, value in lines.items())]) + "\n"


def exec_line(words: Sequence[str]) -> str:
    """The value of Exec (Desktop Entry Specification, "The Exec key"): each word in quotes, nothing expanded."""
    quoted = []
    for word in words:
        for character in '\\"`$':
            word = word.replace(character, f"\\{character}")
        quoted.append(f'"{word}"' if not word.replace("-", "").isalnum() else word)
    return _escaped(" ".join(quoted).replace("%", "%%"))


def write(path: Path, content: str) -> None:
    """Writes a file whole. Raises OutputError."""
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _data_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _entry_path() -> Path:
    return _data_folder() / "applications" / f"{APP_ID}.desktop"


def _icon_path() -> Path:
    return _data_folder() / "icons" / "hicolor" / "scalable" / "apps" / f"{APP_ID}.svg"
