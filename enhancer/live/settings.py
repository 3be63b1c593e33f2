"""What live sound remembers from one time to the next: devices, strength, latency mode; a TOML file.

A file that cannot be understood is told of in one line and put aside, never an obstacle; so is a remembered device that
is not there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from enhancer import settings_file
from enhancer.errors import ConfigError
from enhancer.live.clock import MODES
from enhancer.live.device import Device, Kind
from enhancer.media.atomic import replacing
from enhancer.settings_file import quoted

VERSION = 1
_HEAD = "# Written by enhancer live; what is left out is as it comes.\n"


@dataclass(frozen=True)
class RememberedDevice:
    """A device by the sound server's name, and as people know it."""

    name: str
    description: str

    @classmethod
    def of(cls, device: Device) -> RememberedDevice:
        """What is worth remembering of a device."""
        return cls(device.name, device.description)


@dataclass(frozen=True)
class Settings:
    """None: the default device, no limit. latency: a name of `clock.MODES`."""

    input: RememberedDevice | None = None
    output: RememberedDevice | None = None
    limit_db: float | None = None
    latency: str = "normal"


def load(path: Path) -> tuple[Settings, str]:
    """The settings in this file and a line for the user, empty if there is nothing to say.

    No file means the defaults. One that is damaged or of a newer version is renamed to `NAME.old.toml`.
    """
    return settings_file.load(path, _read, Settings())


def save(settings: Settings, path: Path) -> None:
    """Writes the file, whole or not at all. Raises OutputError."""
    with replacing(path, overwrite=True) as temporary:
        temporary.write_text(_text(settings), encoding="utf-8")


def recall(remembered: RememberedDevice | None, kind: Kind, devices: Sequence[Device]) -> tuple[Device | None, str]:
    """The remembered device, or None for the default one; and a line for the user, empty if there is nothing to say."""
    if remembered is None:
        return None, ""
    for device in devices:
        if device.kind == kind and device.name == remembered.name:
            return device, ""
    what = {"input": "microphone", "output": "output"}[kind]
    return None, f"the {what} {remembered.description} is not there: using the default one"


def _read(data: bytes) -> Settings:
    """Raises ConfigError whose message goes on from "the settings FILE ..."."""
    values = settings_file.parse(data, VERSION)
    if unknown := values.keys() - {field.name for field in fields(Settings)}:
        raise ConfigError(f"are damaged (there is no setting {min(unknown)!r})")
    for kind in ("input", "output"):
        if kind in values:
            values[kind] = _device(kind, values[kind])
    limit_db = values.get("limit_db", 0.0)
    if type(limit_db) not in (int, float) or not 0 <= limit_db < math.inf:
        raise ConfigError(f"are damaged (limit_db cannot be {limit_db!r})")
    latency = values.get("latency", "normal")
    if type(latency) is not str or latency not in MODES:
        raise ConfigError(f"are damaged (latency cannot be {latency!r})")
    return Settings(**values)


def _device(kind: str, table: Any) -> RememberedDevice:
    names = {field.name for field in fields(RememberedDevice)}
    if not isinstance(table, dict) or table.keys() != names or not all(type(v) is str for v in table.values()):
        raise ConfigError(f"are damaged ({kind} must have a name and a description)")
    return RememberedDevice(**table)


def _text(settings: Settings) -> str:
    lines = [_HEAD, f"version = {VERSION}", f"latency = {quoted(settings.latency)}"]
    if settings.limit_db is not None:
        lines.append(f"limit_db = {float(settings.limit_db)!r}")
    for kind, device in (("input", settings.input), ("output", settings.output)):
        if device is not None:
            lines += ["", f"[{kind}]", f"name = {quoted(device.name)}", f"description = {quoted(device.description)}"]
    return "\n".join(lines) + "\n"
