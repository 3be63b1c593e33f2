"""macOS and Windows: programs cannot make a microphone there, so a virtual cable that the user installs serves as one.

What is played into one of its ends is what call programs hear as a microphone at the other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from enhancer.live.device import Device
from enhancer.live.errors import DeviceError

CABLES = ("blackhole", "cable input")  # BlackHole has one name for both ends, VB-CABLE two
INSTALL = {
    "darwin": "install BlackHole (brew install blackhole-2ch), then choose it as the microphone in your call program",
    "win32": 'install VB-CABLE (vb-audio.com/Cable), then choose "CABLE Output" as the microphone in your call program',
}


def find_cable(devices: Sequence[Device]) -> Device:
    """The output that is a virtual cable's near end. Raises DeviceError that says what to install."""
    for device in devices:
        if device.kind == "output" and device.name.casefold().startswith(CABLES):
            return device
    raise DeviceError("there is no virtual cable to serve as a microphone", INSTALL.get(sys.platform, ""))
