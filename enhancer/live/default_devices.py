"""Which devices are meant when none is named, once we have made one ourselves: never our own.

Many make the virtual microphone their default, so that every program takes it. Who records from the default would then
hear itself, and so would a virtual loudspeaker that plays to the default.
"""

from __future__ import annotations

from enhancer.live.device import Device, Kind, find
from enhancer.live.devices import list_devices

_WORDS: dict[Kind, str] = {"input": "microphone", "output": "output"}


class DefaultDevices:
    """The user's default microphone and output: the system's or, where that is ours, what it was before."""

    def __init__(self, microphone: str, output: str, sound_server: str | None) -> None:
        """The names of both before we made a device."""
        self._sound_server = sound_server
        self._last: dict[Kind, str] = {"input": microphone, "output": output}
        self._noted: set[Kind] = set()

    def choose(self, kind: Kind) -> tuple[str, str]:
        """The name of the default device of this kind, and a line to be said about it, once; empty if there is none.

        Raises DeviceError when there is no device, or no sound server.
        """
        devices = [device for device in list_devices(self._sound_server) if device.kind == kind]
        default = next((device for device in devices if device.default), None)
        if default is None or not default.ours:
            self._noted.discard(kind)
            chosen = find(devices, None, kind)
        else:
            chosen = next((d for d in devices if _may_serve(d) and d.name == self._last[kind]), None) or find(
                devices, None, kind
            )
        self._last[kind] = chosen.name
        if default is None or not default.ours or kind in self._noted:
            return chosen.name, ""
        self._noted.add(kind)
        return chosen.name, f"the default {_WORDS[kind]} is our own: {chosen.description} is used"


def _may_serve(device: Device) -> bool:
    return not device.ours and not device.monitor
