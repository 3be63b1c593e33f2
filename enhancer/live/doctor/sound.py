"""Whether there is sound to work with: a server, a way to it, a microphone, and a virtual one for call programs."""

from __future__ import annotations

import sys
from time import monotonic, sleep
from typing import Any

from enhancer.errors import UserError
from enhancer.live.backends import default_backend
from enhancer.live.device import Device, find
from enhancer.live.devices import list_devices
from enhancer.live.doctor.finding import Finding, State

TEST_NAME = "Enhancer doctor's test microphone"
LISTED_S = 2.0  # for a new microphone to be listed, or a removed one to be gone
QUIET = 0.2  # of a microphone's volume: below, speech drowns in the converter's noise


def check_server() -> Finding:
    """Which sound server there is."""
    name = "sound server"
    try:
        text, facts = _pulse_server() if sys.platform == "linux" else _portaudio_system()
    except UserError as error:
        return Finding.failed(name, error)
    return Finding(name, State.OK, text, facts=facts)


def _pulse_server() -> tuple[str, dict[str, Any]]:
    from enhancer.live.pulse.connection import Connection, server_errors

    with Connection("enhancer doctor") as connection, server_errors():
        info = connection.server_info()
    # PipeWire calls itself "PulseAudio (on PipeWire 0.3.65)" and has the version of the PulseAudio that it stands for.
    kind = info.server_name.partition("(on ")[2].rstrip(")") or f"PulseAudio {info.server_version}"
    return kind, {"server": kind, "name": info.server_name, "protocol_of": info.server_version}


def _portaudio_system() -> tuple[str, dict[str, Any]]:
    import sounddevice

    apis = [api["name"] for api in sounddevice.query_hostapis() if api["devices"]]
    return ", ".join(apis) or "none", {"host_apis": apis}


def check_backend() -> Finding:
    """By which library sound goes in and out."""
    name = "sound library"
    try:
        used = default_backend().name
    except UserError as error:
        return Finding.failed(name, error)
    library = _libpulse_version() if used == "libpulse" else _portaudio_version()
    return Finding(name, State.OK, f"{used} {library}", facts={"backend": used, "version": library})


def _libpulse_version() -> str:
    import ctypes

    from enhancer.live.libpulse import LIBRARY

    library = ctypes.CDLL(LIBRARY)
    library.pa_get_library_version.restype = ctypes.c_char_p
    return library.pa_get_library_version().decode()


def _portaudio_version() -> str:
    import sounddevice

    return sounddevice.get_portaudio_version()[1].removeprefix("PortAudio ").partition(",")[0]


def check_microphone(devices: list[Device]) -> Finding:
    """Whether the default microphone is there, is a real one, and is heard."""
    name = "microphone"
    try:
        device = find(devices, None, "input")
    except UserError as error:
        return Finding.failed(name, error)
    facts: dict[str, Any] = {"name": device.name, "description": device.description, "sample_rate": device.sample_rate}
    text = f"{device.description}, {device.sample_rate / 1000:g} kHz"
    if sys.platform == "linux":
        muted, volume = _mute_and_volume(device.name)
        facts |= {"muted": muted, "volume": round(volume, 3)}
        if muted:
            fix = f"switch it on in the sound settings, or: pactl set-source-mute {device.name} 0"
            return Finding(name, State.WARN, f"{text}, is muted", fix, facts)
        if volume < QUIET:
            fix = f"raise it in the sound settings, or: pactl set-source-volume {device.name} 80%"
            return Finding(name, State.WARN, f"{text}, has a volume of only {volume:.0%}", fix, facts)
    if device.bluetooth_headset:
        fix = "take another microphone (enhancer devices --inputs), and the headset for listening only"
        return Finding(name, State.WARN, f"{text}, a Bluetooth headset: telephone quality", fix, facts)
    others = [d for d in devices if d.kind == "input" and d.default and d.name != device.name]
    if others:  # a monitor, or our own: `find` has passed it over
        fix = f"choose a microphone in the sound settings, or: pactl set-default-source {device.name}"
        return Finding(name, State.WARN, f"{text}; the default is {others[0].description}", fix, facts)
    return Finding(name, State.OK, text, facts=facts)


def _mute_and_volume(source: str) -> tuple[bool, float]:
    from enhancer.live.pulse.connection import Connection, server_errors

    with Connection("enhancer doctor") as connection, server_errors():
        found = connection.get_source_by_name(source)
    return bool(found.mute), float(found.volume.value_flat)


def check_left_overs() -> Finding:
    """Virtual devices of an enhancer that was killed; they are removed, as the next engine would."""
    from enhancer.live.virtual_mic import remove_stale

    name = "left-overs"
    try:
        stale = remove_stale()
    except UserError as error:
        return Finding.failed(name, error)
    if not stale:
        return Finding(name, State.OK, "none", facts={"removed": 0})
    pids = ", ".join(str(pid) for pid in sorted({module.pid for module in stale}))
    text = f"a virtual device of a process that is gone ({pids}) was still there, and has been removed"
    fix = "nothing more to do; if it comes back, please report it with: enhancer doctor --bundle FILE"
    return Finding(name, State.WARN, text, fix, {"removed": len(stale), "pids": pids})


def check_virtual_mic(devices: list[Device]) -> Finding:
    """Whether call programs can be given a microphone: on Linux one is made and removed, else one is looked for."""
    name = "virtual microphone"
    try:
        if sys.platform != "linux":
            from enhancer.live.virtual_cable import find_cable

            cable = find_cable(devices)
            return Finding(name, State.OK, f"{cable.description} will be used", facts={"cable": cable.name})
        return _made_and_removed(name)
    except UserError as error:
        return Finding.failed(name, error)


def _made_and_removed(name: str) -> Finding:
    from enhancer.live.virtual_mic import VirtualMic

    began = monotonic()
    with VirtualMic(TEST_NAME) as microphone:
        listed = _becomes(microphone.source_name, there=True)
        took_ms = 1e3 * (monotonic() - began)
        source = microphone.source_name
    gone = _becomes(source, there=False)
    facts = {"made_ms": round(took_ms, 1), "listed": listed, "removed": gone}
    if not listed:
        fix = "restart the sound server: systemctl --user restart wireplumber pipewire-pulse (or pulseaudio)"
        return Finding(name, State.FAIL, "one was made, but the sound server does not list it", fix, facts)
    if not gone:
        fix = f"remove it by hand: pactl list short modules | grep {source}, then pactl unload-module NUMBER"
        return Finding(name, State.FAIL, "one was made, but could not be removed", fix, facts)
    return Finding(name, State.OK, "can be made (one was, for a moment)", facts=facts)


def _becomes(source: str, *, there: bool) -> bool:
    """Whether programs come to see it, or come to see it no more."""
    deadline = monotonic() + LISTED_S
    while any(device.name == source and not device.monitor for device in list_devices()) is not there:
        if monotonic() > deadline:
            return False
        sleep(0.02)
    return True
