"""Single keys from the terminal, without Enter and without echo, for as long as they are wanted."""

from __future__ import annotations

import os
import sys
import time
from types import FrameType, TracebackType
from typing import Any

if sys.platform == "win32":
    import msvcrt

    POLL_S = 0.02

    class Keyboard:
        """The console's keys, inside of its `with`."""

        available = property(lambda self: sys.stdin.isatty())

        def wait(self, timeout_s: float) -> str:
            """The keys that were pressed, as soon as there are any; empty when the time is over."""
            deadline = time.monotonic() + timeout_s
            while not (self.available and msvcrt.kbhit()):
                if (left := deadline - time.monotonic()) <= 0:
                    return ""
                time.sleep(min(POLL_S, left))
            return msvcrt.getwch()

        def __enter__(self) -> Keyboard:
            return self

        def __exit__(self, *exception: object) -> None:
            pass

else:
    import select
    import signal
    import termios
    import tty

    class Keyboard:
        """The terminal's keys, inside of its `with`; outside, the terminal is as it was.

        available: whether there is a terminal to read from, and this process may: not so in a pipe, in the background.
        """

        def __init__(self) -> None:
            self._before: list[Any] | None = None
            self._resume: Any = None

        @property
        def available(self) -> bool:
            return self._before is not None

        def wait(self, timeout_s: float) -> str:
            """The keys that were pressed, as soon as there are any; empty when the time is over."""
            if self._before is None:
                time.sleep(timeout_s)
                return ""
            if not select.select([sys.stdin], [], [], timeout_s)[0]:
                return ""
            typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
            if not typed:  # the terminal is gone
                time.sleep(timeout_s)
            return "" if typed.startswith("\x1b") else typed  # an arrow or a function key: none of ours

        def __enter__(self) -> Keyboard:
            descriptor = sys.stdin.fileno() if sys.stdin and not sys.stdin.closed else -1
            if descriptor >= 0 and os.isatty(descriptor) and _in_foreground(descriptor):
                self._before = termios.tcgetattr(descriptor)
                tty.setcbreak(descriptor)
                self._resume = signal.signal(signal.SIGCONT, self._again)
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            if self._before is not None:
                signal.signal(signal.SIGCONT, self._resume)
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
                self._before = None

        def _again(self, number: int, frame: FrameType | None) -> None:
            """After Ctrl-Z the shell has set the terminal its way."""
            if _in_foreground(sys.stdin.fileno()):
                tty.setcbreak(sys.stdin.fileno())

    def _in_foreground(descriptor: int) -> bool:
        """Whether the terminal is ours to change. In the background, changing it would stop the process."""
        try:
            return os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:  # a terminal, but not the one that controls this session
            return False
