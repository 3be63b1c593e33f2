"""`enhancer live` as people start it, on a private sound server, with a client of its engine."""

from __future__ import annotations

import contextlib
import subprocess
import sys

from benchmarks.live_servers import SoundServer, wait_until
from enhancer.live import places
from enhancer.live.client import EngineClient
from enhancer.live.errors import EngineError
from enhancer.live.meters import MeterReader, Meters
from enhancer.live.protocol import EngineState, Request, Shutdown, Status, StatusReply

START_S = 20.0  # a busy machine; a second on an idle one


class LiveProcess:
    """`enhancer live ARGUMENTS` until the end of its `with`; its user's folders are those of the server."""

    def __init__(self, server: SoundServer, *arguments: str) -> None:
        self.server = server
        self.runtime = server.runtime / "enhancer"
        self.process = server.spawn(
            sys.executable, "-m", "enhancer", "live", *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            wait_until(self._connects, START_S, "there is an engine")
            wait_until(lambda: self.status().state is EngineState.RUNNING, START_S, "the engine runs")
        except BaseException:
            self._end()
            raise

    def _connects(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read().decode(errors="replace"))
        if not places.meters_path(self.runtime).exists():
            return False
        try:
            self.connect()
        except EngineError:
            return False
        return True

    def connect(self) -> None:
        """Talks to the engine that runs now, which may be another than before."""
        self.client = EngineClient(self.runtime)
        self._reader = MeterReader(self.client.meters_path)

    def __enter__(self) -> LiveProcess:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(EngineError):
            self.client.request(Shutdown())
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def request(self, request: Request) -> None:
        """Asks for something and waits until it is done."""
        self.client.request(request)

    def status(self) -> StatusReply:
        """What the engine says of itself."""
        reply = self.client.request(Status())
        assert isinstance(reply, StatusReply)
        return reply

    @property
    def meters(self) -> Meters:
        """What the engine shows now."""
        return self._reader.read()

    @property
    def xruns(self) -> int:
        """Blocks lost so far, on either side."""
        return self.meters.xruns
