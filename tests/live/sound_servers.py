"""Real sound servers for tests (benchmarks/live_servers.py), and what a test does on a machine too busy for sound."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from benchmarks.live_servers import PipeWireServer, PulseAudioServer, SoundServer, wait_until

__all__ = ["Lateness", "PipeWireServer", "PulseAudioServer", "SoundServer", "in_time", "wait_until"]

BUSY_S = 0.010  # for which a thread may have to wait on a machine that has time for sound


class Lateness:
    """How late threads of this process are woken while the `with` lasts: whether the machine has time for real time.

    One thread a core, each bound to its own: a free thread is woken on whichever core has time, and would not see that
    the one where the engine or the sound server waits has been taken away.
    """

    def __enter__(self) -> Lateness:
        self.worst_s = 0.0
        self._end = threading.Event()
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
        self._threads = [threading.Thread(target=self._watch, args=[{core}], daemon=True) for core in cores]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, core: set[int]) -> None:
        os.sched_setaffinity(0, core)  # of this thread alone
        while not self._end.is_set():
            began = time.monotonic()
            time.sleep(0.002)
            self.worst_s = max(self.worst_s, time.monotonic() - began - 0.002)


def in_time(attempt: Callable[[], None], trials: int = 3) -> None:
    """Does `attempt` until it holds: a virtual machine that is not given its processors for a moment breaks any sound.

    When no trial holds: skips the test on a machine that lets threads wait, else raises the last AssertionError.
    """
    failed, late_s = AssertionError(), 0.0
    for _ in range(trials):
        with Lateness() as machine:
            try:
                return attempt()
            except AssertionError as error:
                failed = error
        late_s = max(late_s, machine.worst_s)
    if late_s > BUSY_S:
        pytest.skip(f"the machine lets threads wait {1e3 * late_s:.0f} ms: {str(failed).splitlines()[0]}")
    raise failed
