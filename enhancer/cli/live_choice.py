"""From the options of `enhancer live` and what is remembered to what the engine is started with."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enhancer.bundled import model_path
from enhancer.cli.live import MIC_NAME, SPEAKER_NAME
from enhancer.errors import ConfigError
from enhancer.live.clock import MODES
from enhancer.live.device import Device, Kind, find
from enhancer.live.engine import Options
from enhancer.live.settings import RememberedDevice, Settings, recall
from enhancer.live.virtual_cable import find_cable

DEFAULT = "default"  # a device: whatever the system has as its default


@dataclass(frozen=True)
class Request:
    """What was typed; None: left out."""

    input: str | None = None
    output: str | None = None
    virtual_mic: str | None = None
    speaker: bool = False
    attenuation_limit: str | None = None
    latency: str | None = None
    model: str | None = None
    keep_open: bool = False
    monitor: bool = False
    record: str | None = None
    duration: float | None = None
    stats: str | None = None


@dataclass(frozen=True)
class Choice:
    """options: of the engine. settings: to be remembered, once these have worked. notes: lines for the user."""

    options: Options
    settings: Settings
    notes: tuple[str, ...] = ()


def check(request: Request) -> None:
    """Raises ConfigError for options that make no sense or do not go together."""
    limit_of(request.attenuation_limit)
    if request.latency is not None and request.latency not in MODES:
        raise ConfigError(f"there is no latency mode {request.latency!r}", f"there are: {', '.join(MODES)}")
    if request.speaker:
        for flag, given in (
            ("--virtual-mic", request.virtual_mic), ("--input", request.input), ("--monitor", request.monitor),
        ):  # fmt: skip
            if given:
                raise ConfigError(
                    f"--speaker does not go with {flag}", "it cleans what others send, not your microphone"
                )
    if request.monitor and request.output and not request.virtual_mic:
        raise ConfigError("--monitor needs a virtual microphone", "with --output alone you hear yourself anyway")


def limit_of(text: str | None) -> float | None:
    """The limit in dB; None for `none` and for an option that was left out. Raises ConfigError."""
    if text is None or text == "none":
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < math.inf:
        raise ConfigError(f"the attenuation limit cannot be {text!r}", "give decibels, 0 or more (say 12), or none")
    return limit


def choose(request: Request, settings: Settings, devices: Sequence[Device]) -> Choice:
    """What to start. Raises DeviceError or ConfigError for a device that is not there, ModelError likewise."""
    notes: list[str] = []
    mic = None if request.speaker or (request.output and not request.virtual_mic) else request.virtual_mic or MIC_NAME
    needed = {"input": not request.speaker, "output": mic is None}
    chosen: dict[str, str | None] = {}
    wanted: tuple[tuple[Kind, str | None], ...] = (("input", request.input), ("output", request.output))
    for kind, text in wanted:
        if text is None:
            device, note = recall(getattr(settings, kind), kind, devices)
            notes += [note] if note and needed[kind] else []
        else:
            device = None if text == DEFAULT else find(devices, text, kind)
            new = None if device is None else RememberedDevice.of(device)
            settings = replace(settings, input=new) if kind == "input" else replace(settings, output=new)
        chosen[kind] = device.name if device else _default(devices, kind) if needed[kind] else None
    if request.attenuation_limit is not None:
        settings = replace(settings, limit_db=limit_of(request.attenuation_limit))
    if request.latency is not None:
        settings = replace(settings, latency=request.latency)
    if sys.platform != "linux":
        if request.speaker:
            raise ConfigError("--speaker works with PulseAudio and PipeWire only, on Linux")
        if mic is not None:
            cable = find_cable(devices)
            notes.append(f"call programs hear it as their microphone {cable.description}")
            chosen["output"], mic = cable.name, None
    options = Options(
        input=chosen["input"],
        output=chosen["output"],
        virtual_mic=mic,
        speaker=SPEAKER_NAME if request.speaker else None,
        limit_db=settings.limit_db,
        latency=settings.latency,
        monitor=request.monitor,
        keep_open=request.keep_open,
        model=absolute_model(request.model),
    )
    return Choice(options, settings, tuple(notes))


def absolute_model(model: str | None) -> str | None:
    """The model as the engine, whose folder is another, finds it. Raises ModelError."""
    return None if model is None else str(model_path(model).resolve())


def absolute_folder(folder: str) -> str:
    """A folder as the engine finds it."""
    return str(Path(folder).expanduser().resolve())


def _default(devices: Sequence[Device], kind: Kind) -> str | None:
    """None, so that the sound follows the system's default; another device by name where the default is one of ours."""
    device = find(devices, None, kind)
    return None if device.default else device.name
