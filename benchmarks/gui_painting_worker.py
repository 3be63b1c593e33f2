"""A window that shows live sound for some seconds, and one line of JSON: its frames and the CPU it took.

`python -m benchmarks.gui_painting_worker SHOWN WIDTH HEIGHT SECONDS METERS`: see `gui_painting`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from PyQt6.QtCore import QEvent, QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QApplication, QWidget

from enhancer.live.meters import MeterReader, Meters
from enhancer.live.protocol import EngineState, StatusReply
from gui.live import LiveModel, LivePage
from gui.live.scales import FRAMES_A_SECOND
from gui.power import Power
from gui.preferences import PreferencesStore
from gui.sound_devices import SoundDevices
from gui.theme import theme

SETTLE_S = 2.0  # windows open, fonts are loaded


class Feed(QObject):
    """In place of the engine's link: an engine that runs and is never asked for anything."""

    status_changed = pyqtSignal(object)
    happened = pyqtSignal(object)
    refused = pyqtSignal(object)
    connected_changed = pyqtSignal(bool)
    connected = True

    def __init__(self, path: Path, state: EngineState) -> None:
        super().__init__()
        self.status = StatusReply(state, message=str(state), virtual_mic="Enhancer microphone")
        self._reader = MeterReader(path)

    def meters(self, spectra: bool = False) -> Meters:
        """As the real one reads them."""
        return self._reader.read(spectra=spectra) if self._reader.alive else Meters()


class PaintCounter(QObject):
    """How often a widget was painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.paints = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        self.paints += event is not None and event.type() == QEvent.Type.Paint
        return False


def main(shown: str, width: int, height: int, seconds: float, path: Path) -> None:
    """Prints {"frames_per_s", "cpu_percent"}; an own timer feeds the parts of the page that stand alone."""
    application = QApplication([])
    theme().apply(application)
    silent = shown == "page, no sound"
    feed = Feed(path, EngineState.SLEEPING if silent else EngineState.RUNNING)
    with tempfile.TemporaryDirectory() as folder:
        store, devices = PreferencesStore(path=Path(folder) / "gui.toml"), SoundDevices()
        page = LivePage(LiveModel(feed, store, devices, Power(feed, store, devices)))  # type: ignore[arg-type]
        page.resize(width, height)
        page.show()
        application.processEvents()
        painted: QWidget = page.spectrograms
        if shown == "spectrograms":
            painted = _alone(page.spectrograms, page, lambda: page.spectrograms.append(feed.meters(spectra=True), 1))
        elif shown == "levels":
            painted = _alone(page.levels, page, lambda: page.levels.show_meters(feed.meters()))
        elif shown == "page, minimised":
            page.showMinimized()
        counter = PaintCounter(page.levels.input if shown == "levels" else painted)
        QTimer.singleShot(round(1e3 * SETTLE_S), lambda: _begin(application, counter, seconds))
        application.exec()


def _alone(part: QWidget, page: QWidget, feed: object) -> QWidget:
    """The part in a window of its own, as large as it was on the page, which closes."""
    size = part.size()
    part.setParent(None)
    page.hide()
    part.resize(size)
    part.show()
    timer = QTimer(part)
    timer.timeout.connect(feed)  # type: ignore[arg-type]
    timer.start(1000 // FRAMES_A_SECOND)
    return part


def _begin(application: QApplication, counter: PaintCounter, seconds: float) -> None:
    paints, used, began = counter.paints, time.process_time(), time.perf_counter()

    def end() -> None:
        elapsed = time.perf_counter() - began
        share = (time.process_time() - used) / elapsed
        frames = (counter.paints - paints) / elapsed
        print(json.dumps({"frames_per_s": round(frames, 2), "cpu_percent": round(100 * share, 2)}))
        application.quit()

    QTimer.singleShot(round(1e3 * seconds), end)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
