"""Ctrl-C, SIGTERM and a closed terminal all end a run the same way: one KeyboardInterrupt, then time to tidy up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Stop:
    """Whether a signal has come."""

    def __init__(self) -> None:
        self.requested = False

    def check(self) -> None:
        """Raises KeyboardInterrupt once a signal has come; called now and then during work.

        The handler raises it, too, but an exception that arrives inside a callback from C, or while a module is being
        imported there, can get lost (seen once in a dozen runs).
        """
        if self.requested:
            raise KeyboardInterrupt


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[Stop]:
    """Inside, the first signal raises KeyboardInterrupt; more of them are ignored, so that tidying up is not cut short.

    Does nothing outside the main thread, where Python allows no handlers.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if not stop.requested:
            stop.requested = True
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
