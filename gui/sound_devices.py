"""The machine's microphones and outputs behind one Qt signal, as they come and go.

Two threads besides the GUI's: one lists the devices at first (a frozen sound server holds up nobody else), the one of
`enhancer.live.devices.watch` lists them again when something has happened. Both only emit a queued signal.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.errors import UserError
from enhancer.live.device import Device
from enhancer.live.devices import list_devices, watch


class SoundDevices(QObject):
    """Lists and watches from `start` until `close`.

    changed: `inputs`, `outputs` or `error` are different from now on. known: they have been looked at. error: why there
    is no list; None: there is one.
    """

    changed = pyqtSignal()
    _listed = pyqtSignal(object)

    def __init__(self, devices: Sequence[Device] = ()) -> None:
        """devices: what is shown until the first list is there."""
        super().__init__()
        self.all: tuple[Device, ...] = tuple(devices)
        self.error: UserError | None = None
        self.known = bool(self.all)
        self._stop = threading.Event()
        self._listed.connect(self._take)  # queued, since it is emitted in other threads

    @property
    def inputs(self) -> list[Device]:
        """Microphones a person may choose: neither monitors nor our own."""
        return [device for device in self.all if device.kind == "input" and not device.monitor and not device.ours]

    @property
    def outputs(self) -> list[Device]:
        """Headphones and loudspeakers."""
        return [device for device in self.all if device.kind == "output" and not device.ours]

    def start(self) -> None:
        """Begins to list and to watch; returns at once."""
        threading.Thread(target=self._begin, name="devices", daemon=True).start()

    def close(self) -> None:
        """Watches no more; returns at once, the threads end by themselves."""
        self._stop.set()
        self._listed.disconnect(self._take)

    def _begin(self) -> None:
        try:
            watch(lambda event: self._list(), self._stop)
        except UserError as error:
            self._tell(error)
        self._list()

    def _list(self) -> None:
        try:
            self._tell(tuple(list_devices()))
        except UserError as error:
            self._tell(error)

    def _tell(self, found: tuple[Device, ...] | UserError) -> None:
        if not self._stop.is_set():
            self._listed.emit(found)

    def _take(self, found: tuple[Device, ...] | UserError) -> None:
        before = self.known, self.all, self.error
        self.known = True
        self.all, self.error = ((), found) if isinstance(found, UserError) else (found, None)
        if (self.known, self.all, self.error) != before:
            self.changed.emit()
