"""What the engine needs of the machine beside sound: packages, folders, priority, settings, no other engine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from enhancer.errors import UserError
from enhancer.live import places, settings
from enhancer.live.client import EngineClient
from enhancer.live.device import Device
from enhancer.live.doctor.finding import Finding, State
from enhancer.live.instance import find_running
from enhancer.live.process import PRIORITY
from enhancer.live.protocol import Status, StatusReply
from enhancer.version import __version__

PACKAGES = ("numpy", "onnxruntime", "soxr", "soundfile", "sounddevice", "pulsectl")
RTKIT = Path("/usr/share/dbus-1/system-services/org.freedesktop.RealtimeKit1.service")


def versions() -> dict[str, str]:
    """Of this program, of Python, of the system, and of the packages that live sound is made with."""
    found = {"enhancer": __version__, "python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def check_versions() -> Finding:
    """Which program this is."""
    found = versions()
    return Finding(
        "program", State.OK, f"enhancer {found['enhancer']}, Python {found['python']}, {found['system']}", facts=found
    )


def check_folders() -> Finding:
    """Whether there is a safe place for the engine's socket, and one for its log."""
    try:
        runtime, log = places.runtime_dir(), places.log_dir()
    except UserError as error:
        return Finding.failed("folders", error)
    return Finding(
        "folders", State.OK, f"{runtime} is yours alone; log in {log}", facts={"runtime": str(runtime), "log": str(log)}
    )


def check_priority() -> Finding:
    """Whether the engine may go before other programs. Information: most machines do without."""
    if sys.platform == "win32":
        return Finding("priority", State.OK, "ordinary")
    facts: dict[str, Any] = {"nice": os.getpriority(os.PRIO_PROCESS, 0)}
    if sys.platform == "linux":
        import resource

        lowest = 20 - resource.getrlimit(resource.RLIMIT_NICE)[0]  # the limit counts from 40 (nice -20) down to 1
        facts |= {
            "lowest_nice": -20 if os.geteuid() == 0 else max(lowest, -20),
            "real_time_priority": resource.getrlimit(resource.RLIMIT_RTPRIO)[0],
            "rtkit": RTKIT.exists(),
        }
        allowed = facts["lowest_nice"] <= PRIORITY
    else:
        allowed = os.geteuid() == 0
    if allowed:
        return Finding("priority", State.OK, f"raised while the engine runs (nice {PRIORITY})", facts=facts)
    text = f"ordinary: nice {PRIORITY} is not allowed, which matters on busy machines only"
    return Finding("priority", State.OK, text, facts=facts)


def check_settings(devices: list[Device]) -> Finding:
    """Whether what was remembered can be read, and whether the remembered devices are there."""
    path = places.config_file()
    found, note = settings.load(path)
    if not note:
        said = (settings.recall(found.input, "input", devices)[1], settings.recall(found.output, "output", devices)[1])
        note = "; ".join(filter(None, said))
    if note:
        return Finding("settings", State.WARN, note, "choose again: enhancer live --input NAME", {"file": str(path)})
    text = str(path) if path.exists() else "none remembered yet"
    return Finding("settings", State.OK, text, facts={"file": str(path)})


def check_engine() -> Finding:
    """Whether an engine runs, and what it says."""
    name = "engine"
    try:
        runtime = places.runtime_dir()
        pid = find_running(runtime)
        if pid is None:
            return Finding(name, State.OK, "none is running", facts={"running": False})
        with EngineClient(runtime) as client:
            reply = client.request(Status())
    except UserError as error:
        return Finding.failed(name, error)
    assert isinstance(reply, StatusReply)
    facts = {"running": True, "pid": pid, "state": reply.state.value, "service": reply.service}
    kind = "as a service" if reply.service else "for `enhancer live`"
    said = f": {reply.message}" if reply.message and reply.message != reply.state.value else ""
    text = f"runs {kind} (process {pid}), {reply.state.value}{said}"
    if reply.state.value in ("failed", "degraded", "reconnecting"):
        return Finding(name, State.WARN, text, "see the lines above, and its log: enhancer doctor --bundle FILE", facts)
    return Finding(name, State.OK, text, facts=facts)
