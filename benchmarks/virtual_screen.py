"""A virtual screen, for windows that nobody has to see: Xvfb, an X server without a graphics card."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from enhancer.errors import ConfigError

SIZE = "2560x1600x24"


@contextlib.contextmanager
def virtual_screen() -> Iterator[str]:
    """An X server until the end of the `with`, by the name that DISPLAY takes. Raises ConfigError without Xvfb."""
    if shutil.which("Xvfb") is None:
        raise ConfigError("Xvfb is not installed", "apt install xvfb, or see tools/system_packages.sh")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SIZE, "-dpi", "96", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait()
