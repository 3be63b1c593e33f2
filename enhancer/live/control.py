"""The engine's side of the conversation: listens, lets in who knows the key, hands requests to the engine.

Threads: one accepts, one a client reads, asks the engine and replies. The engine's `handle` is called by them, by one
at a time, and may block only its askers. A client that dies, sends rubbish, never reads or asks without end costs its
own thread and no more than RATE requests a second of computing; the sound knows nothing of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType

from enhancer.errors import UserError
from enhancer.live import places
from enhancer.live.channel import Broken, Channel, TooLong, WrongKey, accepted, dial, write_key
from enhancer.live.errors import EngineError
from enhancer.live.instance import InstanceLock
from enhancer.live.protocol import (
    MAX_MESSAGE,
    VERSION,
    Hello,
    ProtocolError,
    Refused,
    Reply,
    Request,
    Welcome,
    decode_request,
    encode,
)

MAX_CLIENTS = 8
MAX_CONNECTIONS = 2 * MAX_CLIENTS  # with those that have not shown yet who they are
PATIENCE_S = 2.0  # for a client to say who it is, to end a message it has begun, to read a reply
TURN_S = 3.0  # for the requests of others
RATE, BURST = 100, 50  # requests of one client, a second and at once: a dragged slider sends 60 a second
LOOK_S = 0.2  # how often a client's thread looks whether the server closes

_log = logging.getLogger(__name__)


class ControlServer:
    """Serves the clients of one runtime folder from `start` to `close`.

    handle: what the engine does with a request; returns the reply, raises UserError to refuse. It never sees `Hello`.
    """

    def __init__(self, runtime: Path, handle: Callable[[Request], Reply]) -> None:
        self._runtime = runtime
        self._handle = handle
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._changes = threading.Lock()  # guards the next three
        self._threads: set[threading.Thread] = set()
        self._clients = 0
        self._last_left = monotonic()

    def start(self) -> None:
        """Listens, and clears away what an engine that was killed has left.

        Raises AlreadyRunning if there is an engine, EngineError or ConfigError if the runtime folder cannot be used.
        """
        address = places.control_address(self._runtime)
        self._lock = InstanceLock(self._runtime)
        try:
            self._key = write_key(places.key_path(self._runtime))
            self._listener = _listen(address)
        except OSError as error:
            self._lock.release()
            raise EngineError(f"cannot listen at {address}: {error.strerror or error}") from error
        self._address = address
        self._last_left = monotonic()
        self._acceptor = threading.Thread(target=self._accept, name="control", daemon=True)
        self._acceptor.start()

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        with self._changes:
            return self._clients

    @property
    def idle_s(self) -> float:
        """Seconds since the last client left (since the start, if none has come yet); 0 while one is connected."""
        with self._changes:
            return 0.0 if self._clients else monotonic() - self._last_left

    def close(self) -> None:
        """Lets running requests be answered, ends the connections and removes the files. Takes a second at most."""
        self._closing.set()
        with contextlib.suppress(OSError):  # wakes the acceptor
            dial(self._address, LOOK_S).close()
        deadline = monotonic() + 1.0
        self._acceptor.join(1.0)
        with self._changes:
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        with contextlib.suppress(OSError):  # somebody has cleaned up the socket already
            self._listener.close()
        places.key_path(self._runtime).unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> ControlServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        pace = _Pace()
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except OSError as error:  # gone again before we came to it, or too many open files
                _log.warning("cannot accept a client: %s", error)
                sleep(LOOK_S)
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="control client", daemon=True)
            with self._changes:
                room = len(self._threads) < MAX_CONNECTIONS and not self._closing.is_set()
                if room:
                    self._threads.add(thread)
            if room:
                thread.start()
            else:
                connection.close()
            pace.keep()

    def _serve(self, connection: Connection) -> None:
        """One client, from its connection to its end."""
        try:
            channel = accepted(connection, PATIENCE_S)
            channel.prove(self._key, asks_first=True)
            try:
                self._converse(channel)
            except TooLong:
                channel.send(encode(Refused(f"a message may have {MAX_MESSAGE} bytes, not more")))
        except WrongKey:
            _log.warning("a client that does not know the key was turned away")
        except Broken as error:
            _log.debug("a client is gone: %s", error)
        finally:
            connection.close()
            with self._changes:
                self._threads.discard(threading.current_thread())

    def _converse(self, channel: Channel) -> None:
        if not channel.wait(PATIENCE_S):
            return
        refusal = self._admit(channel.receive())
        if refusal:
            channel.send(encode(refusal))
            return
        try:
            channel.send(self._welcome())
            pace = _Pace()
            while not self._closing.is_set():
                if channel.wait(LOOK_S):
                    channel.send(self._answer(channel.receive()))
                    pace.keep()
        finally:
            with self._changes:
                self._clients -= 1
                self._last_left = monotonic()

    def _admit(self, data: bytes) -> Refused | None:
        """Counts a client that says a good Hello, else says why not."""
        try:
            hello = decode_request(data)
        except ProtocolError as error:
            return Refused(str(error))
        if not isinstance(hello, Hello):
            return Refused("the first message must be hello")
        if hello.version != VERSION:
            return Refused(
                f"the running engine speaks version {VERSION} of the protocol, the client version {hello.version}",
                f"end the running engine (process {os.getpid()}) and start it again",
            )
        with self._changes:
            if self._clients >= MAX_CLIENTS:
                return Refused(f"the engine has {MAX_CLIENTS} clients already", "close one of them")
            self._clients += 1
        return None

    def _welcome(self) -> bytes:
        return encode(Welcome(VERSION, os.getpid(), str(places.meters_path(self._runtime))))

    def _answer(self, data: bytes) -> bytes:
        """The reply to whatever a client has sent."""
        try:
            request = decode_request(data)
        except ProtocolError as error:
            return encode(Refused(str(error)))
        if isinstance(request, Hello):
            return encode(Refused("hello has been said already"))
        if not self._turn.acquire(timeout=TURN_S):
            return encode(Refused("the engine is busy", "try again"))
        try:
            return encode(self._handle(request))
        except UserError as error:
            return encode(Refused.because(error))
        except Exception:
            _log.exception("%s failed", type(request).__name__)
            return encode(Refused("the engine failed at this", "its log says why"))
        finally:
            self._turn.release()


class _Pace:
    """Makes a thread wait that goes on more often than RATE times a second, after BURST times at once."""

    def __init__(self) -> None:
        self._due = monotonic() - BURST / RATE

    def keep(self) -> None:
        """Waits if it must."""
        now = monotonic()
        self._due = max(self._due, now - BURST / RATE) + 1 / RATE
        if self._due > now:
            sleep(self._due - now)


def _listen(address: str) -> Listener:
    if sys.platform == "win32":
        return Listener(address, family="AF_PIPE")
    Path(address).unlink(missing_ok=True)  # of an engine that was killed: whoever holds the lock owns the address
    listener = Listener(address, family="AF_UNIX", backlog=MAX_CONNECTIONS)
    os.chmod(address, 0o600)
    return listener
