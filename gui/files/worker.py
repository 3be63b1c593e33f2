"""`python -m gui.files.worker [MODEL]`: cleans files for a window, which may call any of them off.

Lines of JSON come on standard input: {"clean": {"number", "source", "target", "limit_db", "overwrite", "salvage"}} and
{"cancel": number}; when it ends, so does the file at work. Lines of JSON go out: {"number", "done_s", "total_s"} ten
times a second, {"number", "result": as `enhancer denoise --json` has it for a file} or {"number", "cancelled": true},
and {"error", "hint"} when there is no model to work with. Unfinished outputs never stay.

One thread reads the commands, the main thread does the work and looks now and then whether it is still wanted.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from enhancer.cli.batch import run_job, throttled
from enhancer.cli.display import result_as_json
from enhancer.cli.interrupts import Stop, stopping_on_signals
from enhancer.cli.plan import Job
from enhancer.errors import UserError
from enhancer.file_denoiser import Settings
from enhancer.media.types import Options
from enhancer.model import Student

NICE = 5  # live sound, calls and the window go first


class _Orders:
    """What the window wants; filled by the thread that reads."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stops: dict[int, Stop] = {}

    def read(self) -> None:
        """Until standard input ends."""
        for line in sys.stdin:
            match json.loads(line):
                case {"clean": {"number": int(number)} as job}:
                    self._stops[number] = Stop()
                    self.jobs.put(job)
                case {"cancel": int(number)} if number in self._stops:
                    self._stops[number].requested = True
        for stop in list(self._stops.values()):
            stop.requested = True
        self.jobs.put(None)

    def stop_of(self, number: int) -> Stop:
        """Whether a job is to stop."""
        return self._stops[number]

    def forget(self, number: int) -> None:
        """It is done."""
        del self._stops[number]


def _clean(order: dict[str, Any], stop: Stop, model: Student) -> dict[str, object]:
    job = Job(Path(order["source"]), Path(order["target"]))
    settings = Settings(order["limit_db"], Options(salvage=order["salvage"], overwrite=order["overwrite"]))

    def tell(number: int, done_s: float, total_s: float | None) -> None:
        _say(number=number, done_s=done_s, total_s=total_s)

    try:
        stop.check()
        result = run_job(job, settings, model, throttled(tell, order["number"], stop))
    except KeyboardInterrupt:
        if not stop.requested:  # a signal: it is not this file alone that shall stop
            raise
        return {"cancelled": True}
    if result.bug:
        print(result.bug, file=sys.stderr)
    return {"result": result_as_json(result, job)}


def _say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    """Works until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    orders = _Orders()
    threading.Thread(target=orders.read, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError), stopping_on_signals():
        try:
            model = Student(sys.argv[1] if len(sys.argv) > 1 else None)
        except UserError as error:
            _say(error=error.message, hint=error.hint)
            while orders.jobs.get() is not None:
                pass  # Python does not end well while a thread reads
            return
        while (order := orders.jobs.get()) is not None:
            _say(number=order["number"], **_clean(order, orders.stop_of(order["number"]), model))
            orders.forget(order["number"])


if __name__ == "__main__":
    main()
