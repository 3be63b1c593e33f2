"""`python -m benchmarks.gui_window_worker SOCKET`: the window of `gui.app`, and what `gui_window` has it do."""

from __future__ import annotations

import sys
import traceback
from multiprocessing.connection import Connection

from PyQt6.QtCore import QSocketNotifier

from gui import preferences
from gui.app import Monitor
from gui.engine_link import EngineLink
from gui.preferences import PreferencesStore
from gui.qt_start import start_qt
from gui.sound_devices import SoundDevices


def main(descriptor: int) -> None:
    """Until the other side closes the socket."""
    app = start_qt("enhancer")
    app.setQuitOnLastWindowClosed(False)
    remembered, _ = preferences.load()
    monitor = Monitor(app, PreferencesStore(remembered), EngineLink(), SoundDevices())
    monitor.open("", hidden=False)
    connection = Connection(descriptor)

    def obey() -> None:
        try:
            act, arguments, named = connection.recv()
        except EOFError:
            notifier.setEnabled(False)
            monitor.quit()
            return
        try:
            connection.send((act(monitor, *arguments, **named), ""))
        except Exception:  # also of an answer that cannot be sent
            connection.send((None, traceback.format_exc()))

    notifier = QSocketNotifier(descriptor, QSocketNotifier.Type.Read)  # type: ignore[call-overload]
    notifier.activated.connect(obey)
    connection.send((None, ""))
    app.exec()
    monitor.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
