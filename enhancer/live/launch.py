"""A client's engine: the one that runs already, or one of the client's own, started again when it is killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType

import enhancer
from enhancer.errors import UserError
from enhancer.live.client import EngineClient
from enhancer.live.engine import Options
from enhancer.live.errors import EngineError, NotRunning, RequestRefused
from enhancer.live.instance import find_running
from enhancer.live.meters import MeterReader, Meters
from enhancer.live.process import encode_options, log_file
from enhancer.live.protocol import (
    Bypass,
    EngineState,
    Event,
    Record,
    Reply,
    Request,
    Shutdown,
    Start,
    Status,
    StatusReply,
)

START_S = 20.0  # half a second on an idle machine
END_S = 4.0  # for an engine to give its devices back
RETURN_S = 5.0  # for an engine of somebody else to be started again by them
RESTARTS, RESTARTS_S = 3, 60.0  # so many in so many seconds, then there is a reason that another one will not mend


def start_process(options: Options) -> subprocess.Popen[bytes]:
    """An engine in a process of its own, which outlives a Ctrl-C in our terminal, but not its last client by long.

    Relative paths among the options mean nothing to it.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "enhancer.live.process", encode_options(options)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # one line at the most, see `process`
        stderr=subprocess.DEVNULL,  # its log says it
        cwd=Path(enhancer.__file__).parents[1],  # where it finds this package; and the user's folder stays free
        start_new_session=True,
    )


def end_running(runtime: Path) -> int | None:
    """Ends the engine of this folder and waits until it is gone; returns its process id, None if there was none.

    Raises EngineError if it cannot be talked to or does not end.
    """
    try:
        with EngineClient(runtime) as client:
            client.request(Shutdown())
            pid = client.pid
    except NotRunning:
        return None
    deadline = monotonic() + END_S
    while find_running(runtime) == pid:
        if monotonic() > deadline:
            raise EngineError("the engine does not end", f"end its process: {pid}")
        sleep(0.02)
    return pid


class Supervisor:
    """The engine of a runtime folder and a connection to it. Made for one thread.

    pid: the engine's process. own: whether it was started here; then it ends with `close`, and `look_after` starts it
    again when it has been killed.
    """

    def __init__(self, options: Options, runtime: Path) -> None:
        """Finds an engine, or starts one with `options`; either serves when this returns.

        Raises EngineError, or what there can be no engine for (ModelError, ConfigError) as UserError.
        """
        self._options, self._runtime = options, runtime
        self._process: subprocess.Popen[bytes] | None = None
        self._client: EngineClient | None = None
        self._meters: MeterReader | None = None
        self._status = StatusReply(EngineState.STOPPED)
        self._news: list[Event] = []
        self._seen = 0  # the number of the newest event in the news
        self._restarts: list[float] = []  # when
        self._gone_at: float | None = None
        self.pid = 0
        try:
            try:
                self._connect(START_S)
                self.status()
                self._news.clear()  # what happened before we came
            except NotRunning:
                self._launch()
        except BaseException:
            self.close()
            raise

    @property
    def own(self) -> bool:
        """Whether the engine was started here."""
        return self._process is not None

    @property
    def alive(self) -> bool:
        """Whether the engine has given a sign of life within the last 2 s."""
        return self._meters is not None and self._meters.alive

    def request(self, request: Request, timeout_s: float = 5.0) -> Reply:
        """The engine's reply. Raises RequestRefused, or EngineError while it does not answer."""
        if self._client is None:
            raise EngineError("the engine does not answer")
        try:
            return self._client.request(request, timeout_s)
        except RequestRefused:
            raise
        except EngineError:
            self._client = None  # it has closed itself
            raise

    def status(self) -> StatusReply:
        """What the engine says of itself; what it said last, while it does not answer."""
        if self.alive:
            with contextlib.suppress(EngineError):
                reply = self.request(Status(), 2.0)
                assert isinstance(reply, StatusReply)
                self._status = reply
                self._news += [event for event in reply.events if event.number > self._seen]
                self._seen = max((event.number for event in reply.events), default=0)
        return self._status

    def news(self) -> list[Event]:
        """What has happened in the engine since the last call, as far as `status` has been told: each event once."""
        news, self._news = self._news, []
        return news

    def meters(self) -> Meters:
        """What the engine shows now; silence, while there is none."""
        return self._meters.read() if self._meters is not None and self.alive else Meters()

    def look_after(self) -> str:
        """To be called a few times a second: a line that says what has happened to the engine, empty if nothing has.

        Raises NotRunning when it has ended for good, and EngineError when it has been killed too often.
        """
        if self._process is not None:
            code = self._process.poll()
            if code == 0:
                raise NotRunning("the engine was ended", "")
            if code is not None:
                return self._restart(code)
        elif find_running(self._runtime) is None:
            return self._wait_for_return()
        if self._client is None and (self.alive or not self.own):
            with contextlib.suppress(EngineError):
                self._connect(0.5)
                return "connected to the engine again"
        return ""

    def close(self) -> None:
        """Ends the engine if it was started here, so that its virtual devices are gone; else only the connection."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            with contextlib.suppress(UserError, subprocess.TimeoutExpired):
                self.request(Shutdown(), 2.0)
                process.wait(END_S)
            _end(process)
        if process is not None and process.stdout is not None:
            process.stdout.close()
        self._disconnect()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _launch(self) -> None:
        process = self._process = start_process(self._options)
        deadline = monotonic() + START_S
        while True:
            with contextlib.suppress(NotRunning):
                self._connect(START_S)
                break
            if process.poll() is not None:
                raise _refusal(process)
            if monotonic() > deadline:
                raise EngineError(f"the engine did not start within {START_S:g} s", f"its log: {_log_place()}")
            sleep(0.02)
        if self.pid != process.pid:  # somebody else was quicker: ours ends by itself
            self._process = None
            _end(process)

    def _connect(self, timeout_s: float) -> None:
        self._disconnect()
        client = EngineClient(self._runtime, timeout_s)
        try:
            self._meters = MeterReader(client.meters_path)
        except BaseException:
            client.close()
            raise
        if client.pid != self.pid:  # another engine counts anew
            self._seen = 0
        self._client, self.pid = client, client.pid
        self._gone_at = None

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._meters is not None:
            self._meters.close()
            self._meters = None

    def _restart(self, code: int) -> str:
        """Another engine in place of the killed one, doing what that one did."""
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        now = monotonic()
        self._restarts = [then for then in self._restarts if now - then < RESTARTS_S]
        if len(self._restarts) >= RESTARTS:
            raise EngineError(f"the engine ended again and again ({why})", f"its log: {_log_place()}")
        self._restarts.append(now)
        before = self._status
        self._options = replace(
            self._options,
            input=before.input,
            output=before.output,
            limit_db=before.limit_db,
            monitor=before.monitor,
            model=before.model or None,
        )
        self._disconnect()
        self._launch()
        wanted: list[Request] = [Bypass(before.bypass)]
        if before.state not in (EngineState.STOPPED, EngineState.FAILED):
            wanted.append(Start(patient=True))  # what killed the engine may have taken the devices along
        if before.recording is not None:
            wanted.append(Record(before.recording))
        for request in wanted:
            with contextlib.suppress(RequestRefused):  # its state says why
                self.request(request, 10.0)
        return f"the engine ended ({why}) and was started again"

    def _wait_for_return(self) -> str:
        self._disconnect()
        if self._gone_at is None:
            self._gone_at = monotonic()
            return "the engine is gone"
        if monotonic() - self._gone_at > RETURN_S:
            raise NotRunning("the engine has ended", "")
        return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Whatever it takes: SIGTERM, then SIGKILL."""
    for stop in (process.terminate, process.kill):
        if process.poll() is None:
            stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)


def _refusal(process: subprocess.Popen[bytes]) -> UserError:
    """Why an engine did not come to be."""
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.read())
        return UserError(told["error"], told["hint"])
    except (ValueError, KeyError, TypeError):
        return EngineError(f"the engine ended as it started (exit code {process.returncode})", f"see {_log_place()}")


def _log_place() -> str:
    with contextlib.suppress(UserError):
        return str(log_file())
    return "none could be written"
