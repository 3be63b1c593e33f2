"""Single keys: taken from a terminal that is ours, left alone elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = "from enhancer.cli.keyboard import Keyboard\nwith Keyboard() as keys: print(keys.available)"


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
def test_a_terminal_that_is_not_the_sessions_own_is_left_alone():
    ours, theirs = os.openpty()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        stdin=theirs,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert (run.stdout, run.stderr) == ("False\n", "")
