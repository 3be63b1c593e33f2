"""All checks in their order. What depends on something that is missing is left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from enhancer.errors import UserError
from enhancer.live.device import Device
from enhancer.live.devices import list_devices
from enhancer.live.doctor import sound, speed, system
from enhancer.live.doctor.finding import Finding, State

NAMES = (
    "program", "sound server", "sound library", "microphone", "left-overs", "virtual microphone", "folders", "priority",
    "settings", "engine", "model", "speed",
)  # fmt: skip


def examine(model: str | None = None) -> Iterator[Finding]:
    """A finding after the other, as they are found; together they take about four seconds.

    model: a bundled model's name or a file; None for the standard model.
    """
    yield system.check_versions()
    server = sound.check_server()
    yield server
    yield sound.check_backend()
    if server.state is State.OK:
        devices = _devices()
        yield sound.check_microphone(devices)
        if sys.platform == "linux":
            yield sound.check_left_overs()
        yield sound.check_virtual_mic(devices)
    folders = system.check_folders()
    yield folders
    yield system.check_priority()
    if server.state is State.OK:
        yield system.check_settings(devices)
    if folders.state is State.OK:
        yield system.check_engine()
    yield from speed.check(model)


def _devices() -> list[Device]:
    try:
        return list_devices()
    except UserError:  # gone since it answered: the checks say so
        return []


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The report as one object for JSON: counts, the recommended latency mode (null: not measured), all findings."""
    found = list(findings)
    count = {state.value: sum(finding.state is state for finding in found) for state in State}
    recommended = next((f.facts["recommended_latency"] for f in found if "recommended_latency" in f.facts), None)
    return {**count, "recommended_latency": recommended, "checks": [finding.as_json() for finding in found]}
