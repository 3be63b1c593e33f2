"""On and off, for every switch of the window: from the preferences and the devices that are there to an engine.

Pages change the preferences and then `apply` them; what a running engine can be told it is told, for the rest it is
started anew.
"""

from __future__ import annotations

from dataclasses import replace

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.bundled import STANDARD
from enhancer.errors import UserError
from enhancer.live.engine import Options
from enhancer.live.protocol import EngineState, StatusReply
from gui.engine_link import EngineLink
from gui.preferences import PreferencesStore, engine_choice
from gui.sound_devices import SoundDevices

OFF = (EngineState.STOPPED, EngineState.FAILED)


class Power(QObject):
    """Starts, changes and stops the engine as the current profile says.

    changed(bool): on or off. noted(str): a line for the user: a remembered device is not there. failed(UserError): it
    cannot be started, and why.
    """

    changed = pyqtSignal(bool)
    noted = pyqtSignal(str)
    failed = pyqtSignal(object)

    def __init__(self, link: EngineLink, store: PreferencesStore, devices: SoundDevices) -> None:
        super().__init__()
        self._link, self._store, self._devices = link, store, devices
        self._was_on = self.on
        self._keep_open = store.value.keep_open  # of the engine; the only thing that it does not tell
        link.status_changed.connect(self._learn)

    @property
    def on(self) -> bool:
        """Whether there is sound, or soon will be."""
        return self._link.status.state not in OFF

    def toggle(self) -> None:
        """On when it is off, and the other way round."""
        if self.on:
            self.turn_off()
        else:
            self.turn_on()

    def turn_on(self, *, keep_open: bool | None = None) -> None:
        """Starts the engine. keep_open: other than the preferences say."""
        if (options := self._options(keep_open)) is not None:
            self._keep_open = options.keep_open
            self._link.start(options)

    def turn_off(self) -> None:
        """Stops the engine; its virtual microphone goes."""
        self._link.stop()

    def apply(self, *, keep_open: bool | None = None) -> None:
        """Brings a running engine in step with the preferences; with an engine that is off there is nothing to do."""
        if self.on and (options := self._options(keep_open)) is not None:
            tell = self._link.restart if self._needs_another(options) else self._link.start
            self._keep_open = options.keep_open
            tell(options)

    def _options(self, keep_open: bool | None) -> Options | None:
        if self._devices.error is not None:
            self.failed.emit(self._devices.error)
            return None
        try:
            choice = engine_choice(self._store.value, self._devices.all)
        except UserError as error:
            self.failed.emit(error)
            return None
        for note in choice.notes:
            self.noted.emit(note)
        options = replace(choice.options, monitor=self._link.status.monitor)  # not a preference, yet not to be lost
        if options.model is None and self._link.status.model:  # an engine keeps its model when none is named
            options = replace(options, model=STANDARD)
        return options if keep_open is None else replace(options, keep_open=keep_open)

    def _needs_another(self, options: Options) -> bool:
        status = self._link.status
        wanted = options.virtual_mic, options.latency, options.keep_open
        return wanted != (status.virtual_mic, status.latency_mode, self._keep_open)

    def _learn(self, status: StatusReply) -> None:
        if self.on != self._was_on:
            self._was_on = self.on
            self.changed.emit(self.on)
