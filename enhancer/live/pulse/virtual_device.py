"""What our virtual microphone and loudspeaker share: modules that go when we go, the user's defaults, who uses them.

Threads: one keeps the user's default devices for two seconds after the start; one more, once somebody watches, waits
for the server's events and calls back. All methods may be called from any thread.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Self

from enhancer.live.errors import DeviceError
from enhancer.live.pulse import modules
from enhancer.live.pulse.connection import Connection, server_errors

if TYPE_CHECKING:
    import pulsectl

CLIENT_NAME = "enhancer watch"
# PipeWire answers before it has chosen its defaults anew. Who changes them later is the user.
SETTLE_S = 2.0
# A watcher asks the server so often whether it lives, and waits so long for its answer.
LOOK_S, LOOK_ANSWER_S = 0.5, 1.0
RETRY_S = 0.25
# Rewinding makes PulseAudio's null sink work in blocks of two seconds while nobody listens: the first who does would
# wait as long for the first sound (1.8 s measured; 35 ms without).
SINK_FORMAT = {"format": "float32le", "norewinds": 1}


class Defaults(NamedTuple):
    """Names of the devices that programs get that ask for none."""

    sink: str
    source: str


@dataclass(frozen=True)
class Usage:
    """What a watcher of a virtual device is told.

    users: see `VirtualDevice.users`. defaults: of the sound server; None until they are known. fault: why neither is
    known now, a line: the server is gone, or does not answer. gone: the server is there, but the device is not.
    """

    users: int = 0
    defaults: Defaults | None = None
    fault: str = ""
    gone: bool = False


class VirtualDevice:
    """Made of modules from when it is constructed until `remove`, the end of its `with`, or the process's exit.

    Left-overs of dead enhancers are removed first. The user's defaults stay what they are: a server that makes our
    devices its default is put right, then and when we go. Raises DeviceError, or ConfigError for a name that servers
    do not take.
    """

    facility = ""  # of the streams that use it, as events name them
    endings: tuple[str, ...] = ()  # of the names that it takes: enhancer_mic, ...

    def __init__(self, name: str, server: str | None) -> None:
        self.name = modules.label(name)
        self._server = server
        self._stop = threading.Event()
        self._lock = threading.Lock()
        left_over = modules.remove_stale(server)
        self._token = modules.new_token()
        self._connection = modules.connect_as(self._token, server)
        try:
            self._names = self._free_names()
            self.defaults_before = _settled_defaults(self._connection) if left_over else _defaults(self._connection)
            self._load()
        except BaseException:
            self._unload()
            raise
        atexit.register(self.remove)
        threading.Thread(target=self._keep_defaults, name="keep-defaults", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Takes it away and puts the defaults back. Does nothing the second time, or when the server is gone."""
        atexit.unregister(self.remove)
        self._stop.set()
        with self._lock:
            self._unload()

    # -- what the two kinds differ in

    def _load(self) -> None:
        """Makes the device from modules."""
        raise NotImplementedError

    def _streams(self, connection: Connection) -> Iterable[pulsectl.PulseObject]:
        """The streams that use it, of anybody, running or paused."""
        raise NotImplementedError

    # -- modules

    def _free_names(self) -> list[str]:
        """The same names each time, because programs remember them, unless they are taken."""
        with server_errors():
            taken = {item.name for item in (*self._connection.sink_list(), *self._connection.source_list())}
        for number in count(1):
            names = [f"enhancer_{ending}" + (f"_{number}" if number > 1 else "") for ending in self.endings]
            if taken.isdisjoint(names):
                return names
        raise AssertionError("unreachable")

    def _load_sink(self, name: str, description: str, arguments: dict[str, object]) -> pulsectl.PulseSinkInfo:
        properties = {"device.description": description}
        arguments = {"sink_name": name, **SINK_FORMAT, **arguments}
        modules.load(self._connection, "module-null-sink", self._token, properties, arguments)
        with server_errors():
            return self._connection.get_sink_by_name(name)

    def _unload(self) -> None:
        connection = self._connection
        if not connection.connected:
            return
        try:
            found = _defaults(connection)
            modules.unload(connection, [m for m in modules.owned(connection) if m.token == self._token])
            self._restore(connection, found)
        except DeviceError:
            pass  # the server is gone, and our modules with it
        finally:
            connection.close()

    # -- defaults

    def _keep_defaults(self) -> None:
        with suppress(DeviceError), Connection(CLIENT_NAME, self._server) as connection:
            for _ in connection.changes("server", stop=self._stop, for_s=SETTLE_S):
                self._restore(connection, _defaults(connection))

    def _restore(self, connection: Connection, found: Defaults) -> None:
        """Where a default that was found is ours, makes it again what it was before us, if that is still there."""
        ours = {*self._names, *(f"{name}.monitor" for name in self._names)}
        with server_errors():
            before = self.defaults_before
            if found.sink in ours and before.sink in (sink.name for sink in connection.sink_list()):
                connection.sink_default_set(before.sink)
            if found.source in ours and before.source in (source.name for source in connection.source_list()):
                connection.source_default_set(before.source)

    # -- users

    def users(self) -> int:
        """How many streams of other processes record from it, or play to it, now; paused ones do not count.

        Raises DeviceError when the server is gone or the device removed.
        """
        with self._lock:
            return self._count(self._connection)

    def watch(self, callback: Callable[[Usage], object]) -> None:
        """Calls `callback` at once and whenever its users, the defaults or the server's health change.

        From a thread of its own. A server that dies or freezes is told within two seconds, and its return, too. Ends
        with `remove`, or when the device is gone.
        """
        threading.Thread(target=self._follow, args=(callback,), name="device-usage", daemon=True).start()

    def _follow(self, callback: Callable[[Usage], object]) -> None:
        told = None
        while not self._stop.is_set():
            usage = told or Usage()
            try:
                with Connection(CLIENT_NAME, self._server, LOOK_ANSWER_S) as connection:
                    if told is not None and not self._is_there(connection):
                        callback(replace(told, users=0, fault=f"{self.name} is gone", gone=True))
                        return
                    for changed in connection.changes(self.facility, "server", stop=self._stop, every_s=LOOK_S):
                        defaults = _defaults(connection)  # also the question whether it still answers
                        usage = Usage(self._count(connection) if changed else usage.users, defaults)
                        if usage != told:
                            told = usage
                            callback(usage)
            except DeviceError as error:
                if not usage.fault:
                    told = replace(usage, fault=error.message)
                    callback(told)
                self._stop.wait(RETRY_S)

    def _is_there(self, connection: Connection) -> bool:
        """Whether its modules are: after the server was away it may be another one."""
        return any(module.token == self._token for module in modules.owned(connection))

    def _count(self, connection: Connection) -> int:
        if not connection.connected:
            raise DeviceError(f"{self.name} is gone")
        with server_errors():
            streams = list(self._streams(connection))
        ourselves = str(os.getpid())
        return sum(
            not stream.corked and stream.proplist.get("application.process.id") != ourselves for stream in streams
        )


def _defaults(connection: Connection) -> Defaults:
    with server_errors():
        info = connection.server_info()
    return Defaults(info.default_sink_name, info.default_source_name)


def _settled_defaults(connection: Connection) -> Defaults:
    """The defaults once they are devices that exist: PipeWire names one that is gone a little longer."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        found = _defaults(connection)
        with server_errors():
            there = {item.name for item in (*connection.sink_list(), *connection.source_list())}
        if there.issuperset(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
