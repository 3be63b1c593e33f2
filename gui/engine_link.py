"""The engine's process behind Qt signals: every other part of the monitor knows the engine by this alone.

All methods and signals belong to the GUI thread and return at once: requests go to the worker's thread (see
`engine_worker`), what it learns comes back as queued signals. Meters are read here, from memory that the engine shares.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from enhancer.errors import UserError
from enhancer.live import places
from enhancer.live.engine import Options
from enhancer.live.errors import EngineError
from enhancer.live.meters import MeterReader, Meters
from enhancer.live.protocol import EngineState, Event, Reply, Request, StatusReply
from gui.engine_worker import Done, EngineWorker


class EngineLink(QObject):
    """The engine of this user: the one that runs, or one of our own, which ends with `close`.

    status_changed(StatusReply): it differs from the last by more than its age. happened(Event): each once.
    refused(UserError): a request, a start, or the end of the engine; also where `done` has been told.
    connected_changed(bool): whether an engine answers.
    """

    status_changed = pyqtSignal(object)
    happened = pyqtSignal(object)
    refused = pyqtSignal(object)
    connected_changed = pyqtSignal(bool)

    _told = pyqtSignal(object, int)
    _answered = pyqtSignal(object, object)

    def __init__(self, runtime: Path | None = None, parent: QObject | None = None) -> None:
        """runtime: the folder where engines meet; None: the user's. Raises ConfigError where there can be none."""
        super().__init__(parent)
        self._runtime = runtime or places.runtime_dir()
        self._status = StatusReply(EngineState.STOPPED)
        self._pid = 0
        self._reader: MeterReader | None = None
        self._told.connect(self._learn)  # emitted in another thread than ours: queued
        self._answered.connect(self._pass_on)
        self._worker = EngineWorker(self._runtime, _Signals(self))

    @property
    def status(self) -> StatusReply:
        """What the engine last said of itself; `stopped` before there was one."""
        return self._status

    @property
    def connected(self) -> bool:
        """Whether an engine answers."""
        return self._pid != 0

    @property
    def pid(self) -> int:
        """The engine's process; 0 while none answers."""
        return self._pid

    def start(self, options: Options) -> None:
        """Finds or launches an engine and has it enhance with these options; `refused` says why not."""
        self._worker.start(options)

    def stop(self) -> None:
        """Ends the engine if it is ours, so that its virtual devices go; another one closes its devices."""
        self._worker.stop()

    def restart(self, options: Options) -> None:
        """For what cannot be changed in a running engine: virtual devices, latency mode, keep_open. Starts it, too."""
        self._worker.restart(options)

    def request(self, request: Request, done: Done | None = None) -> None:
        """Asks the engine for something. done(Reply or UserError) is called here, in the GUI thread, later."""
        self._worker.request(request, done)

    def meters(self, spectra: bool = False) -> Meters:
        """The newest snapshot; silence while there is none. spectra: has the engine go on with them for a second."""
        if self._reader is not None and self._reader.alive:
            with contextlib.suppress(EngineError):
                return self._reader.read(spectra=spectra)
        return Meters()

    def close(self) -> None:
        """Ends an engine of our own and the thread; waits for both (a tenth of a second, some seconds if it hangs)."""
        self._told.disconnect(self._learn)
        self._answered.disconnect(self._pass_on)
        self._worker.close()
        self._watch(0)

    def _learn(self, status: StatusReply, pid: int) -> None:
        before, was_connected = self._status, self.connected
        self._status = status
        if pid != self._pid:
            self._watch(pid)
        if self.connected != was_connected:
            self.connected_changed.emit(self.connected)
        if _lasting(status) != _lasting(before):
            self.status_changed.emit(status)

    def _watch(self, pid: int) -> None:
        """Reads the meters of this engine from now on; 0: of none."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._pid = pid
        if pid:
            with contextlib.suppress(EngineError):
                self._reader = MeterReader(places.meters_path(self._runtime))

    def _pass_on(self, done: Done | None, answer: Reply | UserError) -> None:
        if done is not None:
            done(answer)
        if isinstance(answer, UserError):
            self.refused.emit(answer)


class _Signals:
    """Takes what the worker tells in its thread over to the GUI thread."""

    def __init__(self, link: EngineLink) -> None:
        self._link = link

    def told(self, status: StatusReply, pid: int) -> None:
        self._link._told.emit(status, pid)

    def happened(self, event: Event) -> None:
        self._link.happened.emit(event)

    def answered(self, done: Done | None, answer: Reply | UserError) -> None:
        self._link._answered.emit(done, answer)

    def refused(self, error: UserError) -> None:
        self._link.refused.emit(error)


def _lasting(status: StatusReply) -> StatusReply:
    """A status without what changes all the time, or is told as an event."""
    return replace(status, running_s=0.0, events=())
