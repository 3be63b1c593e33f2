"""The window of `enhancer gui`, real in all its parts, in a process of its own that does what it is told.

What is told is a function of ours with its arguments; it runs in the GUI thread, with the window's parts as its first
argument, and what it returns comes back. So a test, a soak or a screenshot presses what a person presses.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

from PyQt6.QtWidgets import QWidget

from benchmarks.clips import ROOT
from benchmarks.live_servers import START_S, SoundServer
from gui.app import Monitor

P = ParamSpec("P")
R = TypeVar("R")
PageT = TypeVar("PageT", bound=QWidget)
PATIENCE_S = 60.0  # for a window that is blocked on purpose, on a busy machine
END_S = 10.0


class WindowProcess:
    """A window on a screen and with the sound of a server, until the end of its `with`; folders are the server's."""

    def __init__(self, server: SoundServer, display: str) -> None:
        """display: as DISPLAY takes it. Raises AssertionError when no window opens."""
        ours, theirs = socket.socketpair()
        environment = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "OMP_NUM_THREADS": "1"}
        with theirs:
            self.process = server.spawn(
                "env", *(f"{name}={value}" for name, value in environment.items()),
                sys.executable, "-m", "benchmarks.gui_window_worker", str(theirs.fileno()),
                cwd=ROOT, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._connection = Connection(ours.detach())
        try:
            self._receive(3 * START_S)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> WindowProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, act: Callable[Concatenate[Monitor, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """What `act(monitor, ...)` returns in the window's GUI thread; act is a function at the top of a module.

        Raises AssertionError with its traceback when it fails, or when the window does not answer.
        """
        self._connection.send((act, arguments, named))
        return self._receive(PATIENCE_S)

    def close(self) -> None:
        """Quits, as a person does; kills it when it does not go."""
        self._connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
        self.process.kill()
        self.process.wait()

    def _receive(self, within_s: float) -> Any:
        if not self._connection.poll(within_s):
            raise AssertionError(f"the window has not answered for {within_s:g} s")
        try:
            result, failure = self._connection.recv()
        except EOFError as error:
            raise AssertionError(f"the window has ended with {self.process.wait(END_S)}") from error
        if failure:
            raise AssertionError(failure)
        return result


def page_of(monitor: Monitor, name: str, kind: type[PageT]) -> PageT:
    """A page of the window, of the kind that it has, in its process."""
    page = monitor.window.page_widget(name)
    assert isinstance(page, kind)
    return page
