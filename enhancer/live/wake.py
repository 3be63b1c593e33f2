"""Waking a thread from a callback that must not wait."""

from __future__ import annotations

import contextlib
import threading

TIMEOUT_S = 0.5


class Wake:
    """A doorbell: `up` never blocks, `wait` sleeps until it rang, or for half a second.

    A bare lock that is taken while it has not rung: letting go of one is a system call at most, during which Python
    goes on. Writing to a socket gives way to other threads first, and the callback would wait for the one that it has
    just woken; `threading.Event.set` takes a lock that the sleeper holds at times.
    """

    def __init__(self) -> None:
        self._quiet = threading.Lock()
        self._quiet.acquire()

    def up(self) -> None:
        """Rings."""
        with contextlib.suppress(RuntimeError):  # it has rung, and nobody has heard it yet
            self._quiet.release()

    def wait(self) -> None:
        """Returns when it has rung since the last time, or after half a second."""
        self._quiet.acquire(timeout=TIMEOUT_S)
