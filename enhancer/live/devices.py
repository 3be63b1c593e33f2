"""The sound devices of this machine, listed and watched.

On Linux the sound server (PulseAudio or PipeWire) is asked, because it alone knows what streams can be sent to and what
comes and goes. Elsewhere PortAudio is: it freezes its list when it starts, and so cannot watch.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from enhancer.live.device import Device, DeviceEvent, Kind, find

__all__ = ["Device", "DeviceEvent", "Kind", "find", "list_devices", "watch"]


def list_devices(server: str | None = None) -> list[Device]:
    """Outputs, then inputs. `server` (Linux) as in PULSE_SERVER; None is the user's own.

    Raises DeviceError when a package is missing or the sound server does not answer.
    """
    if sys.platform == "linux":
        from enhancer.live.pulse import listing

        return listing.read_devices(server)
    from enhancer.live import portaudio_devices

    return portaudio_devices.read_devices()


def watch(
    callback: Callable[[DeviceEvent], object], stop: threading.Event, server: str | None = None
) -> threading.Thread | None:
    """Calls `callback` from a thread of its own, which is returned, until `stop` is set; None elsewhere than on Linux.

    Returns when watching has begun: what happens later is reported within a second. While the server is gone it is
    looked for four times a second. The callback may take its time, and lists devices itself if it wants to.
    Raises DeviceError when a package is missing.
    """
    if sys.platform != "linux":
        return None
    from enhancer.live.pulse import listing

    return listing.watch(callback, stop, server)
