"""`enhancer devices`: which microphones and loudspeakers there are, and what happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from enhancer.cli.console import table_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from enhancer.live.device import Device, DeviceEvent

_ID_WIDTH = 5
_BESIDE_NAMES = 32  # columns of the terminal: the id, rate, notes ("default, Bluetooth headset"), and between them
_HEADSET_HINT = (
    "a Bluetooth headset falls back to telephone quality while its microphone is in use: "
    "take another microphone, and the headset for listening only"
)


def command(
    inputs: Annotated[bool, typer.Option("--inputs", help="Microphones only.")] = False,
    outputs: Annotated[bool, typer.Option("--outputs", help="Loudspeakers and headphones only.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Then say what is plugged in, unplugged or made the default.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --watch, one object a line for each event.")
    ] = False,
) -> None:
    """List the sound devices of this machine.

    `--input` and `--output` of other commands take a device's id, its name, or any part of either that no other has.

    [bold]Examples[/bold]

      enhancer devices

      enhancer devices --inputs --json

      enhancer devices --watch

    [bold]Exit code[/bold]: 0 done (also when --watch is ended with Ctrl-C), 2 no sound server or no sound package.
    """
    from enhancer.errors import ConfigError

    if inputs and outputs:
        raise ConfigError("--inputs and --outputs exclude each other", "leave both out to see all devices")
    kinds = [kind for kind, left_out in (("input", outputs), ("output", inputs)) if not left_out]
    if watch:
        _watch(kinds, as_json)
        return
    from enhancer.live.devices import list_devices

    devices = [device for device in list_devices() if device.kind in kinds]
    if as_json:
        _print_json({"devices": [_as_json(device) for device in devices]}, indent=2)
    else:
        show(devices, kinds, table_console())


def show(devices: list[Device], kinds: list[str], console: Console) -> None:
    """A table for each kind: what a person may choose first, then monitors and what we made ourselves."""
    titles = {"input": "Microphones", "output": "Loudspeakers and headphones"}
    longest = max((len(text) for device in devices for text in (device.name, device.description)), default=0)
    width = min(longest, console.width - _BESIDE_NAMES)  # the same in both tables
    for number, kind in enumerate(kinds):
        if number:
            console.print()
        listed = sorted((d for d in devices if d.kind == kind), key=lambda d: (d.monitor, d.ours, not d.default))
        console.print(titles[kind], style="bold")
        if listed:
            console.print(_table(listed, width))
        else:
            console.print("  none")
    if any(device.bluetooth_headset and device.kind == "input" for device in devices):
        from rich.text import Text

        console.print()
        console.print(Text.assemble(("hint: ", "cyan"), _HEADSET_HINT))


def _table(devices: list[Device], width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style="cyan", min_width=_ID_WIDTH)
    table.add_column(overflow="fold", width=width)
    table.add_column(no_wrap=True)
    for device in devices:
        names = Text(device.description, style="bold" if device.default else "")
        if device.name != device.description:
            names.append(f"\n{device.name}", "not bold dim")
        table.add_row(device.id, names, "\n".join(filter(None, (_format(device), _notes(device)))))
    return table


def _format(device: Device) -> str:
    rate = f"{device.sample_rate / 1000:g} kHz"
    return f"{rate} {({1: 'mono', 2: 'stereo'}).get(device.channels, f'{device.channels} channels')}"


def _notes(device: Device) -> str:
    """What is special about it."""
    said = {
        "default": device.default,
        "Enhancer's own": device.ours,
        "monitor": device.monitor,
        "virtual": device.virtual and not device.ours and not device.monitor,
        "Bluetooth headset": device.bluetooth_headset,
    }
    return ", ".join(note for note, holds in said.items() if holds)


def _watch(kinds: list[str], as_json: bool) -> None:
    """Lists the devices if there is a server, then prints what happens until Ctrl-C."""
    import contextlib
    import queue
    import threading

    from enhancer.cli.interrupts import stopping_on_signals
    from enhancer.errors import ConfigError
    from enhancer.live.devices import list_devices, watch
    from enhancer.live.errors import DeviceError

    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    ended = threading.Event()
    try:
        with stopping_on_signals(), contextlib.suppress(KeyboardInterrupt):
            if watch(events.put, ended) is None:  # from now on nothing is missed
                raise ConfigError("devices can only be watched on Linux", "leave --watch out")
            if not as_json:
                with contextlib.suppress(DeviceError):  # a server that is gone is the first event
                    show([d for d in list_devices() if d.kind in kinds], kinds, table_console())
                    print("\nwatching, Ctrl-C ends", flush=True)
            while True:
                event = events.get()
                if event.device is None or event.device.kind in kinds:
                    _print_event(event, as_json)
    finally:
        ended.set()


def _print_event(event: DeviceEvent, as_json: bool) -> None:
    if as_json:
        _print_json({"event": event.what, "device": _as_json(event.device) if event.device else None})
        return
    from datetime import datetime

    words = {
        "server-gone": "the sound server does not answer: waiting for it",
        "server-back": "the sound server is there",
    }
    if (device := event.device) is None:
        text = words[event.what]
    else:
        kind = {"input": "microphone", "output": "loudspeaker"}[device.kind]
        if device.monitor:
            kind = "monitor"
        text = f"{event.what:<15}  {kind:<11}  {device.description} ({device.id}), {_format(device)}"
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)


def _as_json(device: Device) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(device)


def _print_json(value: object, indent: int | None = None) -> None:
    import json

    print(json.dumps(value, indent=indent, ensure_ascii=False), flush=True)
