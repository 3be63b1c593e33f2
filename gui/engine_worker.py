"""The thread that talks to the engine, so that no other thread of the monitor ever waits for it.

One thread, which owns a `Supervisor`. It takes jobs from its inbox one after the other (launching an engine may take
seconds) and in between looks after the engine four times a second. What it learns it tells a `Listener`, whose methods
are called in this thread and must not block. Any thread may call `start`, `stop`, `restart`, `request` and `close`; of
these, only `close` waits.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic, time
from typing import Protocol

from enhancer.errors import UserError
from enhancer.live.engine import Options
from enhancer.live.errors import NotRunning
from enhancer.live.instance import find_running
from enhancer.live.launch import Supervisor
from enhancer.live.protocol import (
    Bypass,
    EngineState,
    Event,
    LoadModel,
    Monitor,
    Record,
    Reply,
    Request,
    SetDevices,
    SetLimit,
    Start,
    StatusReply,
    Stop,
)

LOOK_S = 0.25
REQUEST_S = 15.0  # opening a Bluetooth headset takes some seconds
OFF = (EngineState.STOPPED, EngineState.FAILED)
Done = Callable[[Reply | UserError], object]


class Listener(Protocol):
    """What the worker tells, in its own thread."""

    def told(self, status: StatusReply, pid: int) -> None:
        """What the engine does; pid: its process, 0 while none answers."""

    def happened(self, event: Event) -> None:
        """Something happened in the engine or to it."""

    def answered(self, done: Done | None, answer: Reply | UserError) -> None:
        """A request has its reply, or the reason why not."""

    def refused(self, error: UserError) -> None:
        """A start was refused, or the engine has ended for good."""


class EngineWorker:
    """The engine of a runtime folder: found or launched by `start`; one that somebody else starts is found by itself.

    An engine launched here ends with `close`.
    """

    def __init__(self, runtime: Path, listener: Listener) -> None:
        self._runtime, self._listener = runtime, listener
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._supervisor: Supervisor | None = None
        self._options = Options()  # that our engine was launched with
        self._off = StatusReply(EngineState.STOPPED)  # what is shown while there is no engine
        self._unusable: int | None = None  # the process of an engine that cannot be talked to
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def start(self, options: Options) -> None:
        """Finds or launches an engine and has it enhance."""
        self._inbox.put(lambda: self._start(options))

    def stop(self) -> None:
        """Ends an engine launched here; has another one close its devices."""
        self._inbox.put(self._stop)

    def restart(self, options: Options) -> None:
        """An engine launched here ends, and another one with these options goes on in its place."""
        self._inbox.put(lambda: self._restart(options))

    def request(self, request: Request, done: Done | None) -> None:
        """Asks the engine for something; the listener is told the answer."""
        self._inbox.put(lambda: self._request(request, done))

    def close(self) -> None:
        """Ends an engine launched here, and the thread; waits until both are gone."""
        self._inbox.put(None)
        self._thread.join()

    # --- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        look_at = monotonic()
        try:
            while True:
                try:
                    job = self._inbox.get(timeout=max(0.0, look_at - monotonic()))
                except queue.Empty:
                    job, look_at = self._look, monotonic() + LOOK_S
                if job is None:
                    break
                job()
        finally:  # also on a bug, whose traceback goes to the terminal: rather off than out of control
            self._drop()
            self._tell()

    def _look(self) -> None:
        try:
            if self._supervisor is None:
                self._attach()
            elif line := self._supervisor.look_after():
                self._say(line)
        except UserError as error:
            self._lose(error)
        self._tell()

    def _attach(self) -> None:
        """Connects to an engine that was started elsewhere."""
        pid = find_running(self._runtime)
        if pid is None or pid == self._unusable:
            return
        try:
            self._supervisor = Supervisor(Options(), self._runtime)
        except UserError:
            self._unusable = pid
            raise
        if self._supervisor.own:  # it ended in the meantime: nobody asked for another one
            self._drop()

    def _start(self, options: Options) -> None:
        self._tell(EngineState.STARTING)
        try:
            supervisor = self._usable(options)
            if supervisor.status().state in OFF:
                supervisor.request(Start(), REQUEST_S)
        except UserError as error:
            self._refuse(error)
        self._tell()

    def _usable(self, options: Options) -> Supervisor:
        """An engine that does what the options say, as far as it lets itself be told. Raises UserError."""
        if self._supervisor is not None and self._supervisor.own and _fixed(options) != _fixed(self._options):
            self._drop()
        if self._supervisor is None:
            self._supervisor, self._options = Supervisor(options, self._runtime), options
            if self._supervisor.own:
                return self._supervisor
        status = self._supervisor.status()
        for request in _differences(status, options):
            self._supervisor.request(request, REQUEST_S)
        if not self._supervisor.own and _fixed(options)[:3] != (
            status.virtual_mic,
            status.speaker,
            status.latency_mode,
        ):
            self._say(
                "an engine that was started elsewhere is used: its virtual microphone and latency stay as they are"
            )
        return self._supervisor

    def _restart(self, options: Options) -> None:
        before = self._supervisor.status() if self._supervisor else self._off
        if self._supervisor is not None and self._supervisor.own:
            self._drop()
        self._start(options)
        wanted: list[Request] = [Bypass(True)] if before.bypass else []
        wanted += [Record(before.recording)] if before.recording else []
        for request in wanted if self._supervisor else ():
            self._request(request, None)

    def _stop(self) -> None:
        try:
            if self._supervisor is not None and self._supervisor.own:
                self._drop()
            elif self._supervisor is not None:
                self._supervisor.request(Stop(), REQUEST_S)
            self._off = StatusReply(EngineState.STOPPED)
        except UserError as error:
            self._refuse(error)
        self._tell()

    def _request(self, request: Request, done: Done | None) -> None:
        answer: Reply | UserError
        try:
            if self._supervisor is None:
                raise NotRunning("noise suppression is off", "switch it on first")
            answer = self._supervisor.request(request, REQUEST_S)
        except UserError as error:
            answer = error
        self._tell()
        self._listener.answered(done, answer)

    def _drop(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.close()

    def _lose(self, error: UserError) -> None:
        """There is no engine any more, and it will not come back by itself."""
        was_off = self._supervisor is not None and self._supervisor.status().state in OFF
        self._drop()
        ended = isinstance(error, NotRunning)
        self._off = StatusReply(EngineState.STOPPED if ended else EngineState.FAILED, message=error.message)
        if not (ended and was_off):  # then nothing has changed for the user
            self._listener.refused(error)

    def _refuse(self, error: UserError) -> None:
        if self._supervisor is None:
            self._off = StatusReply(EngineState.FAILED, message=error.message)
        self._listener.refused(error)

    def _say(self, line: str) -> None:
        state = self._supervisor.status().state if self._supervisor else self._off.state
        self._listener.happened(Event(0, time(), state, line))

    def _tell(self, state: EngineState | None = None) -> None:
        """Tells what the engine says of itself; state: what we know better."""
        status, pid = self._off, 0
        if self._supervisor is not None:
            status = self._supervisor.status()
            if self._supervisor.alive:
                pid = self._supervisor.pid
            elif status.state not in OFF:
                status = replace(status, state=EngineState.RECONNECTING, message="the engine does not answer")
            for event in self._supervisor.news():
                self._listener.happened(event)
        if state is not None and status.state in OFF:
            status = replace(status, state=state, message="")
        self._listener.told(status, pid)


def _fixed(options: Options) -> tuple[str | None, str | None, str, bool]:
    """What an engine keeps for life."""
    return options.virtual_mic, options.speaker, options.latency, options.keep_open


def _differences(status: StatusReply, options: Options) -> list[Request]:
    """What turns a running engine into one with these options; a model left out is whichever it has."""
    wanted: list[Request] = []
    if (status.input, status.output) != (options.input, options.output):
        wanted.append(SetDevices(options.input, options.output))
    if status.limit_db != options.limit_db:
        wanted.append(SetLimit(options.limit_db))
    if status.monitor != options.monitor and status.virtual_mic:
        wanted.append(Monitor(options.monitor))
    if options.model is not None and status.model != options.model:
        wanted.append(LoadModel(options.model))
    return wanted
