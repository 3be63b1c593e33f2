"""A process that runs the doctor's checks and prints each finding as a line of JSON as soon as there is one.

A process, because the checks time the network, which a window that paints would slow down.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import sys
import threading

from enhancer.live.doctor.examine import examine


def main() -> None:
    """The model to time is the first argument, if there is one; the last line is {"done": true}.

    Ends when its input does, tidying up: the check of virtual microphones has made one for a moment.
    """
    with contextlib.suppress(KeyboardInterrupt):
        listener = threading.Thread(target=_end_with_input, daemon=True)
        listener.start()
        for finding in examine(sys.argv[1] if len(sys.argv) > 1 else None):
            print(json.dumps(finding.as_json()), flush=True)
        print(json.dumps({"done": True}), flush=True)
        listener.join()


def _end_with_input() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
