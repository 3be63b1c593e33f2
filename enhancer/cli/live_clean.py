"""`enhancer live --clean`: no engine afterwards, and nothing left of one that could not tidy up after itself."""

from __future__ import annotations

import sys

from enhancer.live import places
from enhancer.live.launch import end_running


def clean_up() -> int:
    """Ends a running engine, removes virtual devices and files that are nobody's; returns the exit code."""
    runtime = places.runtime_dir()
    pid = end_running(runtime)
    if pid is not None:
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


def _remove_devices() -> int:
    if sys.platform != "linux":
        return 0
    from enhancer.live.virtual_mic import remove_stale

    return len(remove_stale())
