"""`python -m gui.mic_test.process OPTIONS`: records a microphone, cleans and judges it, and says so in lines of JSON.

OPTIONS is JSON: {"input": name or null, "seconds", "limit_db", "model": name or null, "folder": where the recording
goes}. Lines: {"recording": microphone}, {"done_s", "rms_dbfs", "peak_dbfs"} 20 times a second, {"judging": true}, then
{"report": what `enhancer mic-test --json` prints, "problem"}; or {"error", "hint"}. Ends when its input does.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from enhancer.engine import Enhancer
from enhancer.errors import UserError
from enhancer.live import mic_test
from enhancer.live.backends import default_backend
from enhancer.live.devices import find, list_devices
from enhancer.model import Student


def _say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def _test(options: dict[str, Any]) -> None:
    student = Student(options["model"])  # refused before anybody has spoken
    source = find(list_devices(), options["input"], "input")

    def show(done_s: float, newest: np.ndarray) -> None:
        _say(done_s=done_s, rms_dbfs=mic_test.dbfs(newest), peak_dbfs=mic_test.peak_dbfs(newest))

    _say(recording=source.description)
    noisy, rate = mic_test.record(default_backend(), source.name, options["seconds"], show)
    _say(judging=True)
    test = mic_test.judge(noisy, Enhancer(rate, attenuation_limit_db=options["limit_db"], model=student))
    files = [str(path) for path in mic_test.save(test, Path(options["folder"]))]
    problem = mic_test.problem(test)
    _say(report={**mic_test.figures(test), "files": files}, problem=problem.value if problem else None)


def _end_with_input() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


def main() -> None:
    """One test."""
    listener = threading.Thread(target=_end_with_input, daemon=True)
    listener.start()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            _test(json.loads(sys.argv[1]))
        except UserError as error:
            _say(error=error.message, hint=error.hint)
        listener.join()  # Python does not end well while a thread reads


if __name__ == "__main__":
    main()
