"""The sound server's sources and sinks as devices, and the events that their changes are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from enhancer.live.device import Device, DeviceEvent, Kind
from enhancer.live.errors import DeviceError
from enhancer.live.pulse.connection import Connection, server_errors
from enhancer.live.pulse.modules import OWNER

CLIENT_NAME = "enhancer devices"
NO_INDEX = 2**32 - 1  # PA_INVALID_INDEX
HARDWARE = 0x0004  # PA_SINK_HARDWARE, PA_SOURCE_HARDWARE
# Plugging something in makes a dozen events, turning a volume knob a hundred: looked at once in this time.
SETTLE_S = 0.1
RETRY_S = 0.25


def read_devices(server: str | None = None) -> list[Device]:
    """Outputs, then inputs, each in the server's order. Raises DeviceError."""
    with Connection(CLIENT_NAME, server) as connection:
        return _read(connection)


def watch(
    callback: Callable[[DeviceEvent], object], stop: threading.Event, server: str | None = None
) -> threading.Thread:
    """Calls `callback` from a thread of its own, which is returned, until `stop` is set.

    Returns when watching has begun: everything later is reported, within a second. A server that is not there is
    "server-gone", also at the start.
    """
    begun = threading.Event()
    thread = threading.Thread(target=_watch, args=(callback, stop, server, begun), name="device-watch", daemon=True)
    thread.start()
    begun.wait()
    return thread


def _watch(
    callback: Callable[[DeviceEvent], object], stop: threading.Event, server: str | None, begun: threading.Event
) -> None:
    there = True
    while not stop.is_set():
        try:
            with Connection(CLIENT_NAME, server) as connection:
                before: list[Device] | None = None
                for _ in connection.changes("sink", "source", "card", "server", stop=stop, settle_s=SETTLE_S):
                    devices = _read(connection)
                    if not there:
                        there = True
                        callback(DeviceEvent("server-back"))
                    begun.set()
                    for event in differences(devices if before is None else before, devices):
                        callback(event)
                    before = devices
        except DeviceError:
            begun.set()
            if there:
                there = False
                callback(DeviceEvent("server-gone"))
            stop.wait(RETRY_S)


def differences(before: Iterable[Device], after: Iterable[Device]) -> Iterator[DeviceEvent]:
    """What happened between two lists, removals first."""
    old, new = ({(device.kind, device.name): device for device in devices} for devices in (before, after))
    for key, device in old.items():
        if key not in new:
            yield DeviceEvent("removed", device)
    for key, device in new.items():
        if key not in old:
            yield DeviceEvent("added", device)
        elif replace(old[key], default=device.default) != device:
            yield DeviceEvent("changed", device)
    for key, device in new.items():
        if device.default and not (key in old and old[key].default):
            yield DeviceEvent("default-changed", device)


def is_bluetooth_headset(properties: Mapping[str, str], profiles: Iterable[str]) -> bool:
    """Whether a sink or source with these properties, of a card with these profiles, is a Bluetooth headset's."""
    bluetooth = properties.get("device.api", "").startswith("bluez") or properties.get("device.bus") == "bluetooth"
    form = properties.get("device.form_factor", "")
    calls = any(profile.startswith(("headset", "handsfree", "hsp", "hfp")) for profile in profiles)
    return bluetooth and (calls or form in ("headset", "hands-free"))


def _read(connection: Connection) -> list[Device]:
    with server_errors():
        info = connection.server_info()
        profiles = {card.index: [profile.name for profile in card.profile_list] for card in connection.card_list()}
        sinks, sources = connection.sink_list(), connection.source_list()
    our_sinks = {sink.index for sink in sinks if OWNER in sink.proplist}

    def device(item: Any, kind: Kind, default: str, monitor: bool, ours: bool) -> Device:
        return Device(
            id=str(item.index),
            name=item.name,
            description=item.description or item.name,
            kind=kind,
            sample_rate=item.sample_rate,
            channels=item.channel_count,
            default=item.name == default,
            virtual=not item.flags & HARDWARE and item.card == NO_INDEX and "device.api" not in item.proplist,
            ours=ours,
            bluetooth_headset=not monitor and is_bluetooth_headset(item.proplist, profiles.get(item.card, ())),
            monitor=monitor,
        )

    outputs = [device(s, "output", info.default_sink_name, False, s.index in our_sinks) for s in sinks]
    inputs = [
        device(
            source,
            "input",
            info.default_source_name,
            source.monitor_of_sink != NO_INDEX,
            OWNER in source.proplist or source.monitor_of_sink in our_sinks,
        )
        for source in sources
    ]
    return outputs + inputs
