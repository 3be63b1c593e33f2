"""What a sound device is to us, and which one a person means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from enhancer.live.errors import DeviceError

Kind = Literal["input", "output"]


@dataclass(frozen=True)
class Device:
    """A microphone, a loudspeaker, or what poses as one.

    id: short, for a command line; good while the sound server runs. name: the system's name, which streams and settings
    take. description: for people. sample_rate: Hz, as it runs now. default: what programs get that ask for none.
    virtual: made of software. ours: made by an enhancer, this one or another. monitor: an input that hears what an
    output plays. bluetooth_headset: a headset that falls back to telephone quality while its microphone is in use.
    """

    id: str
    name: str
    description: str
    kind: Kind
    sample_rate: int
    channels: int
    default: bool = False
    virtual: bool = False
    ours: bool = False
    bluetooth_headset: bool = False
    monitor: bool = False


@dataclass(frozen=True)
class DeviceEvent:
    """Something happened to the devices.

    "added", "removed" and "changed" (rate, channels, description) name the device; "default-changed" the new default.
    After "server-gone" there are no devices; after "server-back" all may be others: list them again.
    """

    what: Literal["added", "removed", "changed", "default-changed", "server-gone", "server-back"]
    device: Device | None = None


def find(devices: Sequence[Device], wanted: str | None, kind: Kind) -> Device:
    """The device of this kind that a person means by `wanted`: its id or name, or a part of its name or description
    that no other has (capitals do not matter; of several, what is neither a monitor nor ours counts alone).

    None means the default, or the first real device where the default is a monitor or ours: we would hear ourselves.
    Raises DeviceError, which lists what there is, when none or several match.
    """
    candidates = [device for device in devices if device.kind == kind]
    proper = [device for device in candidates if not device.monitor and not device.ours]
    if wanted is None:
        return _default(proper, kind)
    for device in candidates:
        if wanted in (device.id, device.name):
            return device
    for group in (proper, candidates):
        matching = [d for d in group if wanted.casefold() in f"{d.name}\n{d.description}".casefold()]
        exact = [d for d in matching if wanted.casefold() == d.description.casefold()]
        if len(exact) == 1 or len(matching) == 1:
            return (exact or matching)[0]
        if matching:
            raise DeviceError(
                f'"{wanted}" may be any of these {kind} devices: {_list(matching)}', "say more of its name, or its id"
            )
    raise DeviceError(f'there is no {kind} device "{wanted}"', f"there are: {_list(proper or candidates)}")


def _default(proper: Sequence[Device], kind: Kind) -> Device:
    ranked = sorted(proper, key=lambda device: (not device.default, device.virtual))
    if not ranked:
        raise DeviceError(f"there is no {kind} device", "plug one in; see: enhancer devices")
    return ranked[0]


def _list(devices: Sequence[Device]) -> str:
    return ", ".join(f"{device.description} ({device.id})" for device in devices) or "none"
