"""Waking a thread from a callback that must not wait."""

from __future__ import annotations

import contextlib
import select
import socket

TIMEOUT_S = 0.5


class Wake:
    """A doorbell: `up` never blocks and takes no lock of Python's, `wait` sleeps until it rang, or for half a second.

    A pair of sockets rather than an event: `threading.Event.set` takes a lock that the sleeper holds at times.
    """

    def __init__(self) -> None:
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)

    def up(self) -> None:
        """Rings."""
        with contextlib.suppress(BlockingIOError):  # it has rung so often that nobody can miss it
            self._bell.send(b"\0")

    def wait(self) -> None:
        """Returns when it has rung since the last time, or after half a second."""
        select.select([self._ear], [], [], TIMEOUT_S)
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)

    def close(self) -> None:
        """Gives the sockets back."""
        self._ear.close()
        self._bell.close()
