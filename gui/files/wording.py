"""What the Files page says: the command line's errors without its options, and what became of a file."""

from __future__ import annotations

from pathlib import Path

from gui.i18n import _
from gui.i18n.engine_words import in_words


def reason(message: str, source: Path) -> str:
    """An error as it stands beside a file's name, which need not be said once more."""
    text = in_words(message).replace(str(source), source.name)
    for start in (f"{source.name} is ", f"{source.name}: ", f"{source.name} "):
        text = text.removeprefix(start)
    return text[:1].upper() + text[1:]


def advice(hint: str) -> str:
    """A hint in the words of the window; the command line's own where it names none of its options."""
    if "--salvage" in hint:
        return _("What can be read of it can be cleaned all the same.")
    if "--overwrite" in hint:
        return _("Switch on “Replace existing files” to clean it again.")
    if "-o" in hint.split():
        return _("Choose another folder to save to.")
    if "--jobs" in hint:
        return _("Close other programs, then try again.")
    if "traceback" in hint:
        return _("Please report this.")
    words = in_words(hint)
    return words[:1].upper() + words[1:]


def can_be_salvaged(hint: str) -> bool:
    """Whether part of the file can be had."""
    return "--salvage" in hint


def time_left(seconds: float | None) -> str:
    """In whole steps that do not flicker."""
    if seconds is None:
        return ""
    if seconds < 10:
        return _("a few seconds left")
    if seconds < 55:
        return _("{seconds} s left").format(seconds=5 * round(seconds / 5))
    hours, minutes = divmod(max(round(seconds / 60), 1), 60)
    if hours:
        return _("about {hours} h {minutes} min left").format(hours=hours, minutes=minutes)
    return _("about {minutes} min left").format(minutes=minutes)


def size(count: int) -> str:
    """Bytes, as file managers show them."""
    if count < 1e6:
        return _("{size:.0f} kB").format(size=max(count / 1e3, 1))
    return _("{size:.1f} MB").format(size=count / 1e6) if count < 1e9 else _("{size:.1f} GB").format(size=count / 1e9)
