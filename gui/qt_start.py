"""Qt's start and end: what goes wrong there is one line for the user, and signals end the program tidily."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from ctypes.util import find_library

from PyQt6.QtCore import QMessageLogContext, QObject, QSocketNotifier, QtMsgType, qInstallMessageHandler
from PyQt6.QtWidgets import QApplication

from enhancer.cli.console import print_error
from enhancer.errors import ConfigError

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
_NO_DISPLAY = "there is no display for a window"
_HINT = "start it in a desktop session, or by `ssh -X`; without a window there is `enhancer live`"
_LIBRARIES = "Qt lacks a library; on Debian or Ubuntu: sudo apt install libxcb-cursor0 libxkbcommon-x11-0"


def start_qt(name: str) -> QApplication:
    """The application. Raises ConfigError where there is no display; ends the process where Qt finds out itself."""
    if sys.platform == "linux" and not any(
        os.environ.get(variable) for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise ConfigError(_NO_DISPLAY, _HINT)
    if sys.platform == "linux":
        # The desktop portal: light or dark on every desktop that has one (Qt asks it on GNOME alone), and its own file
        # dialogs. Where there is none, Qt finds out and does as it would have done.
        os.environ.setdefault("QT_QPA_PLATFORMTHEME", "xdgdesktopportal")
    said: list[str] = []

    def hear(kind: QtMsgType, context: QMessageLogContext, text: str | None) -> None:
        if kind != QtMsgType.QtFatalMsg:
            said.append(text or "")
            return
        # A display that refuses us, or libraries that are missing: Qt would call abort() after this.
        print_error(": ".join([_NO_DISPLAY, *said[:1]]), _HINT if _has_libraries() else _LIBRARIES)
        sys.stdout.flush()
        os._exit(2)

    before = qInstallMessageHandler(hear)
    try:
        return QApplication([name])
    finally:
        qInstallMessageHandler(before)


def _has_libraries() -> bool:
    return sys.platform != "linux" or find_library("xcb-cursor") is not None


class Signals(QObject):
    """Calls `end` in the GUI thread when the process is told to end; a second time changes nothing.

    Python's own handlers run only when Python code does, which in a quiet event loop may take long: so the signal's
    number is also written to a socket that the loop watches.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        super().__init__()
        self.received = 0
        self._end = end
        self._reader, self._writer = socket.socketpair()
        for side in (self._reader, self._writer):
            side.setblocking(False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read)  # type: ignore[call-overload]
        self._notifier.activated.connect(self._read)

    def close(self) -> None:
        """Signals do what they did before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._notifier.setEnabled(False)
        self._reader.close()
        self._writer.close()

    def _read(self) -> None:
        number = self._reader.recv(64)[0]
        if not self.received:
            self.received = number
            self._end()
