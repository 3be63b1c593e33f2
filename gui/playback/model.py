"""What plays, where it is and what it looks like; knows no widgets. The sound itself is in `gui.playback.process`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.errors import UserError
from gui.child import Child
from gui.i18n import _
from gui.playback.overview import Overview, read_overview

HIGHEST_HZ = 20_000.0  # of the spectrograms
STEP_S, STRIDE_S = 1.0, 10.0  # of the arrow keys; with Shift


class PlaybackModel(QObject):
    """A file before and after, one of which is heard.

    changed: anything but the place. moved: the place. pictured: `overviews`. refused(UserError): it cannot be played.
    """

    changed = pyqtSignal()
    moved = pyqtSignal()
    pictured = pyqtSignal()
    refused = pyqtSignal(object)
    _seen = pyqtSignal(object, int, object)  # which reading, which side, Overview or UserError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.files: tuple[Path, Path] | None = None
        self.loaded = self.playing = self.hears_after = False
        self.seconds = self.position = 0.0
        self.overviews: list[Overview | None] = [None, None]
        self._child = Child("gui.playback.process", parent=self)
        self._child.said.connect(self._hear)
        self._child.died.connect(self._mourn)
        self._reading = threading.Event()  # set: whoever reads for it may stop
        self._seen.connect(self._picture)  # from another thread, and so queued

    def load(self, before: Path, after: Path) -> None:
        """Opens two files, paused at their beginning, and begins to draw them."""
        self._forget()
        self.files = before, after
        self._child.send(load=[str(before), str(after)])
        if self.hears_after:
            self._child.send(after=True)
        self.changed.emit()
        self.pictured.emit()

    def unload(self) -> None:
        """Closes both files."""
        if self.files is None:
            return
        self._forget()
        if self._child.running:
            self._child.send(unload=True)
        self.changed.emit()
        self.pictured.emit()

    def play(self, on: bool) -> None:
        """Begins or pauses; at the end it begins anew."""
        if self.files is not None:
            self._child.send(play=on)

    def toggle(self) -> None:
        """Plays, or pauses."""
        self.play(not self.playing)

    def choose(self, after: bool) -> None:
        """Which side is heard."""
        if after != self.hears_after:
            self.hears_after = after
            if self.files is not None:
                self._child.send(after=after)
            self.changed.emit()

    def seek(self, seconds: float) -> None:
        """Goes there, playing or not."""
        if self.loaded:
            self.position = min(max(seconds, 0.0), self.seconds)
            self._child.send(seek=self.position)
            self.moved.emit()

    def step(self, seconds: float) -> None:
        """On, or back."""
        self.seek(self.position + seconds)

    def close(self) -> None:
        """Ends the process that plays."""
        self._forget()
        self._child.close()

    def _forget(self) -> None:
        self._reading.set()
        self.files = None
        self.loaded = self.playing = False
        self.seconds = self.position = 0.0
        self.overviews = [None, None]

    def _hear(self, said: dict[str, Any]) -> None:
        match said:
            case {"loaded": {"seconds": seconds, "sample_rate": rate}} if self.files is not None:
                self.loaded, self.seconds = True, seconds
                self._read(self.files, min(HIGHEST_HZ, rate / 2))
                self.changed.emit()
            case {"position": position, "playing": playing} if self.loaded:
                self.position = min(position, self.seconds)
                self.moved.emit()
                if playing != self.playing:
                    self.playing = playing
                    self.changed.emit()
            case {"ended": _} if self.loaded:
                self.position = 0.0
                self.moved.emit()
            case {"error": message, "hint": hint}:
                self.refused.emit(UserError(message, hint))

    def _mourn(self, how: str) -> None:
        self.loaded = self.playing = False
        self.changed.emit()
        self.refused.emit(UserError(_("Playing has stopped: its process ended ({how}).").format(how=how)))

    def _read(self, files: tuple[Path, Path], top_hz: float) -> None:
        self._reading = threading.Event()
        arguments = (files, self.seconds, top_hz, self._reading)
        threading.Thread(target=self._draw, args=arguments, name="overview", daemon=True).start()

    def _draw(self, files: tuple[Path, Path], seconds: float, top_hz: float, stop: threading.Event) -> None:
        """In a thread of its own."""
        for side, path in enumerate(files):

            def show(seen: Overview, side: int = side) -> None:
                self._seen.emit(stop, side, seen)

            try:
                read_overview(path, seconds, top_hz, stop, show)
            except UserError as error:
                self._seen.emit(stop, side, error)

    def _picture(self, reading: threading.Event, side: int, seen: Overview | UserError) -> None:
        if reading.is_set():  # of files that are no longer shown
            return
        if isinstance(seen, UserError):
            self.refused.emit(seen)
        else:
            self.overviews[side] = seen
            self.pictured.emit()
