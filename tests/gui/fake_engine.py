"""An engine that does nothing but remember what it was asked for, and show what a test wants shown."""

from __future__ import annotations

from dataclasses import replace
from time import time

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.errors import UserError
from enhancer.live.engine import Options
from enhancer.live.meters import Meters
from enhancer.live.protocol import EngineState, Event, Ok, Reply, Request, StatusReply
from gui.engine_worker import Done


class FakeLink(QObject):
    """Has the signals and methods of EngineLink, in one thread.

    requests: what was asked for, in order: requests, `("start", options)`, `("restart", options)`, `"stop"`.
    answer: what the next requests are answered with; a UserError refuses them.
    """

    status_changed = pyqtSignal(object)
    happened = pyqtSignal(object)
    refused = pyqtSignal(object)
    connected_changed = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list = []
        self.answer: Reply | UserError = Ok()
        self.status = StatusReply(EngineState.STOPPED)
        self.connected = False
        self.pid = 0
        self.closed = False
        self._meters = Meters()
        self._events = 0

    def start(self, options: Options) -> None:
        self.requests.append(("start", options))

    def stop(self) -> None:
        self.requests.append("stop")

    def restart(self, options: Options) -> None:
        self.requests.append(("restart", options))

    def request(self, request: Request, done: Done | None = None) -> None:
        self.requests.append(request)
        if done is not None:
            done(self.answer)
        if isinstance(self.answer, UserError):
            self.refused.emit(self.answer)

    def meters(self, spectra: bool = False) -> Meters:
        self.spectra_wanted = spectra
        return self._meters

    def close(self) -> None:
        self.closed = True

    # --- what a test has happen ---------------------------------------------------------------------------------

    def set_status(self, **fields) -> None:
        """The engine says these of itself from now on: set_status(state=EngineState.RUNNING, bypass=True)."""
        connected = fields.pop("connected", True)
        self.status = replace(self.status, **fields)
        if connected != self.connected:
            self.connected, self.pid = connected, 4711 if connected else 0
            self.connected_changed.emit(connected)
        self.status_changed.emit(self.status)

    def set_meters(self, **fields) -> None:
        """The meters show these from now on."""
        self._meters = replace(self._meters, **fields)

    def happen(self, text: str, state: EngineState = EngineState.RUNNING) -> None:
        """Something happens in the engine."""
        self._events += 1
        self.happened.emit(Event(self._events, time(), state, text))

    def refuse(self, message: str, hint: str = "") -> None:
        """The engine ends, or will not start."""
        self.refused.emit(UserError(message, hint))
