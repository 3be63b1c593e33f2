"""A person's side of the conversation: finds the running engine and asks it for things."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType

from enhancer.live import places
from enhancer.live.channel import Broken, Channel, TooLong, WrongKey, dial
from enhancer.live.errors import EngineError, NotRunning, RequestRefused
from enhancer.live.instance import find_running
from enhancer.live.protocol import Hello, ProtocolError, Refused, Reply, Request, Welcome, decode_reply, encode


class EngineClient:
    """A connection to the engine of a runtime folder. May be used by several threads; their requests take turns.

    pid: the engine's process; meters_path: what MeterReader reads.
    """

    def __init__(self, runtime: Path, timeout_s: float = 2.0) -> None:
        """Connects, waiting for an engine that is just starting.

        Raises NotRunning, or EngineError if the engine is another user's, of another version, full or hangs.
        """
        self._turn = threading.Lock()
        self._closed = False
        self._channel = _connect(runtime, timeout_s)
        try:
            welcome = self.request(Hello(), timeout_s)
            if not isinstance(welcome, Welcome):
                raise EngineError("the engine answered with something else than a welcome")
        except BaseException:
            self.close()
            raise
        self.pid = welcome.pid
        self.meters_path = Path(welcome.meters_path)

    def request(self, request: Request, timeout_s: float = 5.0) -> Reply:
        """The engine's reply: `Ok`, or what the request asks for.

        Raises RequestRefused with the engine's reason, NotRunning if the engine ends, EngineError if it does not answer
        within `timeout_s`. After the last two, and after Ctrl-C in between, the connection is closed: a late reply must
        not answer the next request.
        """
        data = encode(request)
        with self._turn:
            if self._closed:
                raise NotRunning("the connection to the engine has ended", "")
            try:
                reply = self._exchange(data, timeout_s)
            except BaseException:
                self._close()
                raise
        if isinstance(reply, Refused):
            raise RequestRefused(reply.message, reply.hint)
        return reply

    def close(self) -> None:
        """Ends the connection; the engine goes on."""
        with self._turn:
            self._close()

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, data: bytes, timeout_s: float) -> Reply:
        try:
            self._channel.send(data)
            if not self._channel.wait(timeout_s):
                raise _silent()
            return decode_reply(self._channel.receive())
        except Broken as error:
            raise NotRunning("the engine has ended") from error
        except (TooLong, ProtocolError) as error:
            raise EngineError(f"the engine's reply makes no sense: {error}", "is it of another version?") from error

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._channel.close()


def _connect(runtime: Path, timeout_s: float) -> Channel:
    """A channel to the engine, each side sure of the other."""
    address = places.control_address(runtime)
    deadline = monotonic() + timeout_s
    while True:
        if find_running(runtime) is None:
            raise NotRunning
        # One that is starting or ending holds the lock, but has no key or does not listen.
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _introduce(address, places.key_path(runtime), timeout_s)
        if monotonic() > deadline:
            raise _silent()
        sleep(0.02)


def _introduce(address: str, key_path: Path, timeout_s: float) -> Channel:
    try:
        channel = dial(address, timeout_s)
    except PermissionError as error:
        raise EngineError("the running engine belongs to another user", "run as that user") from error
    except BlockingIOError as error:  # its queue of clients is full: nobody accepts them
        raise _silent() from error
    try:
        # Read after connecting: the engine writes its key before it listens, so it is not that of one before.
        channel.prove(key_path.read_bytes(), asks_first=False)
    except WrongKey as error:
        channel.close()
        raise EngineError("the running engine does not know this client's key", f"is {key_path} its key?") from error
    except Broken as error:
        channel.close()
        raise _silent() from error
    except OSError:
        channel.close()
        raise
    return channel


def _silent() -> EngineError:
    return EngineError("the engine does not answer", "if it stays so, end its process and start it again")
