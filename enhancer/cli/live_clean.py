"""`enhancer live --clean`: no engine afterwards, and nothing left of one that could not tidy up after itself."""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic, sleep

from enhancer.live import places
from enhancer.live.client import EngineClient
from enhancer.live.errors import EngineError
from enhancer.live.instance import find_running
from enhancer.live.protocol import Shutdown

END_S = 5.0


def clean_up() -> int:
    """Ends a running engine, removes virtual devices and files that are nobody's; returns the exit code."""
    runtime = places.runtime_dir()
    pid = find_running(runtime)
    if pid is not None:
        with EngineClient(runtime) as client:
            client.request(Shutdown())
        _wait_for_end(runtime)
        print(f"ended the engine (process {pid})")
    files = [path for path in runtime.iterdir() if not path.is_dir()]
    for path in files:
        path.unlink()
    removed = _remove_devices()
    if removed:
        print(f"removed {removed} {'part' if removed == 1 else 'parts'} of virtual devices")
    if pid is None and not removed and not files:
        print("there was nothing to clean up")
    return 0


def _wait_for_end(runtime: Path) -> None:
    deadline = monotonic() + END_S
    while find_running(runtime) is not None:
        if monotonic() > deadline:
            raise EngineError("the engine does not end", "end its process, then clean up again")
        sleep(0.05)


def _remove_devices() -> int:
    if sys.platform != "linux":
        return 0
    from enhancer.live.virtual_mic import remove_stale

    return len(remove_stale())
