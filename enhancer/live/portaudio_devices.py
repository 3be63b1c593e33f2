"""PortAudio's devices (macOS, Windows) as ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from enhancer.live.device import Device, Kind
from enhancer.live.errors import DeviceError

# Windows offers each device through four of these; the others add latency or cut names off at 31 characters.
HOST_API = "Windows WASAPI"
CABLES = ("blackhole", "vb-audio", "cable input", "cable output", "loopback audio", "soundflower", "virtual")


def read_devices() -> list[Device]:
    """Outputs, then inputs. Raises DeviceError when sounddevice or PortAudio is not installed."""
    try:
        import sounddevice
    except ImportError:
        raise DeviceError("the package sounddevice is not installed", "pip install 'enhancer[live]'") from None
    except OSError:
        raise DeviceError("PortAudio is not installed", "pip install --force-reinstall sounddevice") from None
    return convert(sounddevice.query_devices(), sounddevice.query_hostapis())


def convert(devices: Sequence[Mapping[str, Any]], host_apis: Sequence[Mapping[str, Any]]) -> list[Device]:
    """From what sounddevice's `query_devices` and `query_hostapis` return; ids are PortAudio's indices."""
    chosen = next((api for api in host_apis if api["name"] == HOST_API), host_apis[0] if host_apis else None)
    if chosen is None:
        return []
    kinds: tuple[Kind, Kind] = ("output", "input")
    return [
        _device(devices[index], index, kind, chosen[f"default_{kind}_device"])
        for kind in kinds
        for index in chosen["devices"]
        if devices[index][f"max_{kind}_channels"] > 0
    ]


def _device(found: Mapping[str, Any], index: int, kind: Kind, default: int) -> Device:
    name = found["name"]
    return Device(
        id=str(index),
        name=name,
        description=name,
        kind=kind,
        sample_rate=round(found["default_samplerate"]),
        channels=found[f"max_{kind}_channels"],
        default=index == default,
        virtual=any(word in name.casefold() for word in CABLES),
        # Windows names the telephone half of a headset so; macOS gives no hint.
        bluetooth_headset="hands-free" in name.casefold(),
    )
